/* SPDX-License-Identifier: MIT */
/* ctest: folders=agent/src/encode */
/* Topics and globs as a peer gives them, and names as rows have them. fuzz: max_len=600 */
#include "weir/topic.h"
#include "fuzz.h"
#include "weir/text.h"

#include <string.h>

#define SLOW_GLOB 4096 /* pattern times text, for the reference */

/* The bytes of the character at `text`: a `?` takes them all. */
static size_t character(const char *text)
{
    size_t n = 1;
    while (((unsigned char)text[n] & 0xC0) == 0x80) {
        n++;
    }
    return n;
}

static bool is_inside(const char *text)
{
    return ((unsigned char)*text & 0xC0) == 0x80;
}

/* What a glob means, said as shortly as possible and without regard to time: which places of the
 * text can follow a part of the pattern. */
static bool glob_by_table(const char *pattern, const char *text)
{
    static bool table[2][SLOW_GLOB + 1];
    size_t n = strlen(text);
    bool *now = table[0];
    bool *next = table[1];
    memset(now, 0, n + 1);
    now[0] = true;
    bool is_after_star = false;
    for (; *pattern; pattern++) {
        memset(next, 0, n + 1);
        for (size_t i = 0; i <= n; i++) {
            if (*pattern == '*') {
                next[i] = now[i] || (i > 0 && next[i - 1]);
            } else if (now[i] && text[i] && !(is_after_star && is_inside(text + i)) &&
                       (*pattern == '?' || *pattern == text[i])) {
                next[i + (*pattern == '?' ? character(text + i) : 1)] = true;
            }
        }
        is_after_star = *pattern == '*';
        bool *other = now;
        now = next;
        next = other;
    }
    return now[n];
}

static void match_glob(const char *pattern, const char *text)
{
    bool does_match = wi_glob_matches(pattern, text);
    if (!strpbrk(pattern, "*?")) {
        FUZZ_CHECK(does_match == (strstr(text, pattern) != NULL));
    } else if (strlen(pattern) * strlen(text) < SLOW_GLOB) {
        FUZZ_CHECK(does_match == glob_by_table(pattern, text));
    }
}

static bool is_shown(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7F) {
            return false;
        }
    }
    return true;
}

/* A row's own topic asks for that row. */
static void ask_for_line(const struct wi_topic *topic, const struct wi_topic_line *line,
                         const char *text)
{
    struct wi_topic own;
    if (strlen(line->name) <= WEIR_NAME_MAX && !line->name[strcspn(line->name, "+#")] &&
        wi_topic_parse(text, topic->domain, wi_catalog_of_segments(), &own, NULL) == WEIR_OK) {
        FUZZ_CHECK(wi_topic_matches(&own, line));
    }
}

static void use_topic(const struct wi_topic *topic, const char *name, const char *label)
{
    char text[WEIR_NAME_MAX + WI_TOPIC_NAME_MAX + 700];
    for (int kind = -1; kind <= WI_N_KINDS; kind++) {
        for (int metric = -1; metric <= WI_MAX_METRICS; metric++) {
            const struct wi_topic_line line = {(enum wi_kind)kind, metric, name, label};
            if (!wi_topic_matches(topic, &line)) {
                continue;
            }
            size_t n = wi_topic_write(topic, &line, text, sizeof(text));
            FUZZ_CHECK(n < sizeof(text) && strlen(text) == n);
            ask_for_line(topic, &line, text);
            n = wi_topic_write(topic, &line, text, 8);
            FUZZ_CHECK(n < 8 && strlen(text) == n);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct fuzz_input input = {bytes, n};
    char *domain = fuzz_text(&input, '\n');
    char *asked = fuzz_text(&input, '\n');
    char *name = fuzz_text(&input, '\n');
    char *rest = fuzz_text(&input, '\n');
    char clean[WEIR_LABEL_MAX + 1];
    const char *label = wi_text_clean(rest, clean, sizeof(clean)) ? clean : NULL;
    struct wi_topic topic;
    struct weir_error error = {""};
    if (strlen(domain) > WEIR_NAME_MAX) {
        domain[WEIR_NAME_MAX] = '\0';
    }
    enum weir_status status =
        wi_topic_parse(asked, domain, wi_catalog_of_segments(), &topic, &error);
    if (status == WEIR_OK) {
        FUZZ_CHECK(topic.kinds != 0 && strcmp(topic.text, asked) == 0);
        use_topic(&topic, name, label);
    } else {
        FUZZ_CHECK(status == WEIR_E_NOT_FOUND || status == WEIR_E_ARGUMENT);
        FUZZ_CHECK(error.text[0] && (!is_shown(domain) || is_shown(error.text)));
        FUZZ_CHECK(wi_topic_parse(asked, domain, wi_catalog_of_segments(), &topic, NULL) == status);
    }
    match_glob(asked, name);
    free(domain);
    free(asked);
    free(name);
    free(rest);
    return 0;
}

void fuzz_seeds(void)
{
    static const char *const seeds[][2] = {
        {"plain", "game\ngame/channel/size/moves\nmoves"},
        {"levels", "game\ngame/channel/+/a/+/c\na/b/c"},
        {"rest", "game\n+/+/depth/a/#\na/b/c"},
        {"all", "game\n#\nmoves"},
        {"kind", "game\ngame/chanel/size\nx"},
        {"field", "game\ngame/semaphore/availible\nx"},
        {"any-field", "game\ngame/+/qeued_bytes/x\nx"},
        {"domain", "game\ntokio/channel/size\nx"},
        {"no-domain", "game\nchannel/size/moves\nx"},
        {"slashes", "a/b/c\na/b/c/task/run_p99\nx"},
        {"hash", "game\ngame/#/x\nx"},
        {"empty", "game\ngame//size\nx"},
        {"label", "game\ngame/channel/depth/moves@a%2fb\nmoves\na/b"},
        {"labels", "game\ngame/channel/depth/a/+@+\na/moves\nclient @7"},
        {"glob", "\na*b?c*d\naxxbycd"},
        {"glob-ends", "\n*ab\xc3\xbc?\nabab\xc3\xbc\xe2\x82\xac"},
        {"glob-part", "\nart\na part of it"},
        {"glob-many", "\n*a*a*a*a*a*b\naaaaaaaaaaaaaaaaaaaaaaaa"},
    };
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        fuzz_seed(seeds[i][0], seeds[i][1], strlen(seeds[i][1]));
    }
}
