/* SPDX-License-Identifier: MIT */
/*
 * The common parts of commands that print: the forms of output, the envelope, errors and notes, and
 * the end of a stream that nobody reads any more.
 */
#ifndef WC_COMMAND_REPORT_H
#define WC_COMMAND_REPORT_H

#include "base/error.h"
#include "emit/json.h"
#include "target/target.h"

#include <stdint.h>
#include <stdio.h>

/* As in WC_FORMAT_CHOICES. */
enum wc_format { WC_FORMAT_HUMAN, WC_FORMAT_JSON, WC_FORMAT_NDJSON, WC_FORMAT_CSV };
#define WC_FORMAT_CHOICES "human|json|ndjson|csv"

/* Opens {"schema":"weir.NAME/1","ts":...,"target":...,"data": and leaves "data" to the caller.
 * Without a target it is null. */
void wc_report_open(struct wc_json *json, FILE *out, const char *schema, int64_t unix_nanos,
                    const struct wc_target *target);
/* Closes the envelope and ends the line. */
void wc_report_close(struct wc_json *json);

/* The error's envelope, one line; with the code WC_OK it is a note's. */
void wc_report_error(const struct wc_error *error, FILE *out);

/* The form of errors and notes from now on: text or JSON. */
void wc_report_begin(bool is_json);

/* The command that the user may have meant: appended to errors about a target or usage. NULL: none. */
void wc_report_suggest(const char *command);

/* Writes "weir: TEXT" to stderr, or the error's envelope with -o json; returns the error's code. */
enum wc_status wc_report_fail(const struct wc_error *error);

/* Writes a note to stderr that is no error, in the same forms. */
void wc_report_note(const char *text);

/* Flushes stdout. Returns WC_OK; *ret_is_closed if its reader is gone, which is no error. Fails:
 * WC_INCOMPLETE when it cannot be written (a full disk). */
enum wc_status wc_report_flush(bool *ret_is_closed, struct wc_error *ret_error);

/* The last flush of a command: returns its exit code, and reports the error. */
enum wc_status wc_report_end(void);

/* Notes on stderr that no row's name matches the `n` globs of -I. */
void wc_report_unmatched(const char *const *globs, size_t n);

#endif
