/* SPDX-License-Identifier: MIT */
/* The envelope of all JSON output of weir; errors and notes, in the form that was requested. */
#include "command/report.h"

#include "weir/wall.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

void wc_report_open(struct wc_json *json, FILE *out, const char *schema, int64_t unix_nanos,
                    const struct wc_target *target)
{
    wc_json_init(json, out);
    wc_json_open(json, NULL, '{');
    wc_json_text(json, "schema", schema);
    wc_json_value(json, "ts", wc_value_time(unix_nanos));
    if (target) {
        wc_json_open(json, "target", '{');
        wc_json_text(json, "name", target->name);
        if (target->pid) {
            wc_json_value(json, "pid", wc_value_u64(target->pid));
        } else { /* of another runtime: its address identifies it */
            char place[WI_PATH_MAX + 16];
            wc_target_place(target, place, sizeof(place));
            wc_json_null(json, "pid");
            wc_json_text(json, "address", place);
        }
        wc_json_text(json, "state", wi_state_name(target->state));
        wc_json_close(json, '}');
    } else {
        wc_json_null(json, "target");
    }
}

void wc_report_close(struct wc_json *json)
{
    wc_json_close(json, '}');
    putc('\n', json->out);
}

void wc_report_error(const struct wc_error *error, FILE *out)
{
    struct wc_json json;
    bool is_note = error->code == WC_OK;
    wc_report_open(&json, out, is_note ? "weir.note/1" : "weir.error/1", wi_wall_now(), NULL);
    wc_json_open(&json, "data", '{');
    if (!is_note) {
        wc_json_value(&json, "code", wc_value_u64((uint64_t)error->code));
    }
    wc_json_text(&json, "text", error->text);
    wc_json_close(&json, '}');
    wc_report_close(&json);
}

/* Once -o json or -o ndjson has been seen, errors go to stderr as JSON. */
static bool report_is_json;

/* The command that the first word may have meant: it is no command, so it is taken as a TARGET. */
static const char *report_meant;

void wc_report_begin(bool is_json)
{
    report_is_json = is_json;
    report_meant = NULL;
}

void wc_report_suggest(const char *command)
{
    report_meant = command;
}

static void report_tell(const struct wc_error *error)
{
    if (report_is_json) {
        wc_report_error(error, stderr);
    } else {
        fprintf(stderr, "weir: %s\n", error->text);
    }
}

enum wc_status wc_report_fail(const struct wc_error *error)
{
    struct wc_error whole = *error;
    if ((error->code == WC_NO_TARGET || error->code == WC_USAGE) && report_meant) {
        wc_error_set(&whole, error->code, "%s; or did you mean the command `weir %s`?", error->text,
                     report_meant);
    }
    report_tell(&whole);
    return error->code;
}

void wc_report_note(const char *text)
{
    struct wc_error note;
    wc_error_set(&note, WC_OK, "%s", text);
    report_tell(&note);
}

/* Whether nobody can read standard output any more. */
static bool report_is_unread(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = 0};
    return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP));
}

enum wc_status wc_report_flush(bool *ret_is_closed, struct wc_error *ret_error)
{
    errno = 0;
    *ret_is_closed = false;
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return WC_OK;
    }
    /* An earlier write may have failed, whose errno is gone. */
    int error = errno;
    if (error == EPIPE || (error == 0 && report_is_unread())) {
        *ret_is_closed = true;
        return WC_OK;
    }
    return wc_error_set(ret_error, WC_INCOMPLETE, "standard output: %s",
                        error ? strerror(error) : "the output could not be written in full");
}

enum wc_status wc_report_end(void)
{
    struct wc_error error;
    bool is_closed = false;
    enum wc_status code = wc_report_flush(&is_closed, &error);
    return code == WC_OK ? WC_OK : wc_report_fail(&error);
}

void wc_report_unmatched(const char *const *globs, size_t n)
{
    char text[sizeof(((struct wc_error *)NULL)->text)];
    snprintf(text, sizeof(text),
             "no name matches -I %.128s%s: `weir snapshot -o csv` lists all names", globs[0],
             n > 1 ? " or the other -I" : "");
    wc_report_note(text);
}
