/* SPDX-License-Identifier: MIT */
/*
 * Topics. A topic is cut into DOMAIN, KIND, FIELD and the rest, each of which is a word of a known
 * list or a wildcard, so that matching a row is two bits and a comparison of names. Only the domain
 * and the NAME may hold slashes. A topic may come from a peer. It may be long, not printable or not
 * UTF-8, and errors show it as harmless text.
 */
#include "weir/topic.h"

#include "segment/file.h"
#include "weir/text.h"
#include "weir/word.h"

#include <stdio.h>
#include <string.h>

#define TOPIC_SHOWN_MAX 64 /* of the topic, in errors */

/* A part of the text, not terminated. */
struct topic_part {
    const char *at;
    size_t length;
};

/* The parts of the text; a part that is not there has `at` NULL. */
struct topic_parts {
    struct topic_part domain, kind, field, name;
};

static bool topic_part_is(struct topic_part part, const char *word)
{
    return part.at && strlen(word) == part.length && memcmp(part.at, word, part.length) == 0;
}

/* The kinds and fields for which there are topics. */
struct topic_scope {
    const char *domain;
    const struct wi_catalog *catalog;
};

static uint32_t topic_all(const struct wi_catalog *catalog)
{
    uint32_t kinds = 0;
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        kinds |= catalog->fields[kind] ? UINT32_C(1) << kind : 0;
    }
    return kinds;
}

static bool topic_part_is_wild(struct topic_part part)
{
    return topic_part_is(part, "+") || topic_part_is(part, "#");
}

/* ---- near words ---------------------------------------------------------------------------- */

/* The index of the kind whose name is nearest, or -1. */
static int topic_nearest_kind(struct topic_part asked, const struct wi_catalog *catalog)
{
    int best = -1;
    unsigned least = WI_WORD_MAX;
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        unsigned distance =
            wi_word_distance(asked.at, asked.length, wi_metric_table((enum wi_kind)kind)->name);
        if (catalog->fields[kind] && distance < least && wi_word_is_near(asked.length, distance)) {
            best = kind;
            least = distance;
        }
    }
    return best;
}

/* The nearest field of the kinds in the set, or NULL; ret_kind: the kind that has it. */
static const char *topic_nearest_field(struct topic_part asked, uint32_t kinds,
                                       const struct wi_catalog *catalog, enum wi_kind *ret_kind)
{
    const char *best = NULL;
    unsigned least = WI_WORD_MAX;
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        const struct wi_metric_table *table = wi_metric_table((enum wi_kind)kind);
        if (!(kinds >> kind & 1U)) {
            continue;
        }
        for (size_t i = 0; i <= table->n_metrics; i++) {
            bool is_size = i == table->n_metrics;
            if (is_size ? kind != WI_CHANNEL : !wi_catalog_has(catalog, (enum wi_kind)kind, i)) {
                continue;
            }
            const char *field = is_size ? "size" : table->metrics[i].field;
            unsigned distance = wi_word_distance(asked.at, asked.length, field);
            if (distance < least && wi_word_is_near(asked.length, distance)) {
                best = field;
                least = distance;
                *ret_kind = (enum wi_kind)kind;
            }
        }
    }
    return best;
}

/* ---- errors -------------------------------------------------------------------------------- */

/* Makes a part fit for display: short, and harmless text. */
static const char *topic_show(struct topic_part part, char ret_text[TOPIC_SHOWN_MAX + 4])
{
    char start[TOPIC_SHOWN_MAX + 1];
    size_t n = part.length < TOPIC_SHOWN_MAX ? part.length : wi_text_cut(part.at, TOPIC_SHOWN_MAX);
    if (n > 0) { /* an absent part points nowhere */
        memcpy(start, part.at, n);
    }
    start[n] = '\0';
    n = wi_text_clean(start, ret_text, TOPIC_SHOWN_MAX + 1);
    memcpy(ret_text + n, part.length > TOPIC_SHOWN_MAX ? "..." : "",
           part.length > TOPIC_SHOWN_MAX ? 4 : 1);
    return ret_text;
}

static enum weir_status topic_malformed(struct weir_error *ret_error, const char *domain,
                                        const char *what)
{
    if (ret_error) {
        snprintf(ret_error->text, sizeof(ret_error->text),
                 "%s: a topic is DOMAIN/KIND/FIELD[/NAME], as %.64s/channel/size or "
                 "%.64s/channel/#",
                 what, domain, domain);
    }
    return WEIR_E_ARGUMENT;
}

/* The words of a list that exist, for errors without a near word. */
static void topic_list(char *ret_text, size_t room, uint32_t kinds, bool of_fields,
                       const struct wi_catalog *catalog)
{
    size_t length = 0;
    ret_text[0] = 0;
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        const struct wi_metric_table *table = wi_metric_table((enum wi_kind)kind);
        /* "task" is one word for two kinds: task kinds and single tasks. */
        bool is_second = kind == WI_TASK_INSTANCE && (kinds >> WI_TASK & 1U) && !of_fields;
        if (!(kinds >> kind & 1U) || is_second) {
            continue;
        }
        for (size_t i = 0; i < (of_fields ? table->n_metrics : 1); i++) {
            const char *word = of_fields ? table->metrics[i].field : table->name;
            if (of_fields && !wi_catalog_has(catalog, (enum wi_kind)kind, i)) {
                continue;
            }
            if (length + strlen(word) + 3 > room) {
                return;
            }
            snprintf(ret_text + length, room - length, "%s%s", length ? ", " : "", word);
            length += strlen(ret_text + length);
        }
    }
}

/* Writes "problem; did you mean DOMAIN/KIND/FIELD[/NAME]?", and corrects each part that is wrong. */
static enum weir_status topic_unknown(struct weir_error *ret_error, const struct topic_scope *scope,
                                      const struct topic_parts *parts, const char *problem,
                                      uint32_t kinds)
{
    const char *domain = scope->domain;
    const struct wi_catalog *catalog = scope->catalog;
    char kind_text[TOPIC_SHOWN_MAX + 4] = "+";
    char field_text[TOPIC_SHOWN_MAX + 4] = "#";
    char name_text[TOPIC_SHOWN_MAX + 4] = "";
    char list[128] = "";
    if (!ret_error) {
        return WEIR_E_NOT_FOUND;
    }
    const char *kind = topic_show(parts->kind, kind_text);
    if (kinds == 0) {
        int nearest = topic_nearest_kind(parts->kind, catalog);
        kinds = nearest < 0 ? 0 : UINT32_C(1) << nearest;
        kind = nearest < 0 ? NULL : wi_metric_table((enum wi_kind)nearest)->name;
    }
    const char *field = parts->field.at ? topic_show(parts->field, field_text) : "#";
    bool is_known = topic_part_is_wild(parts->field);
    for (int i = 0; i < WI_N_KINDS; i++) {
        is_known |= (kinds >> i & 1U) && wi_catalog_find(catalog, (enum wi_kind)i, field) >= 0;
    }
    if (kind && parts->field.at && !is_known) {
        enum wi_kind owner = WI_CHANNEL;
        field = topic_nearest_field(parts->field, kinds, catalog, &owner);
        kind = field && topic_part_is(parts->kind, "+") ? wi_metric_table(owner)->name : kind;
    }
    if (topic_part_is(parts->kind, "#")) {
        snprintf(ret_error->text, sizeof(ret_error->text), "%s; did you mean %.64s/#?", problem,
                 domain);
    } else if (kind && field) {
        topic_show(parts->name, name_text);
        snprintf(ret_error->text, sizeof(ret_error->text), "%s; did you mean %.64s/%s/%s%s%s?",
                 problem, domain, kind, field, parts->name.at ? "/" : "", name_text);
    } else {
        topic_list(list, sizeof(list), kind ? kinds : topic_all(catalog), kind != NULL, catalog);
        snprintf(ret_error->text, sizeof(ret_error->text), "%s; there are %s", problem, list);
    }
    return WEIR_E_NOT_FOUND;
}

/* ---- parsing ------------------------------------------------------------------------------- */

static struct topic_part topic_next(const char **at)
{
    if (!*at) {
        return (struct topic_part){NULL, 0};
    }
    struct topic_part part = {*at, strcspn(*at, "/")};
    *at = part.at[part.length] ? part.at + part.length + 1 : NULL;
    return part;
}

static struct topic_parts topic_cut(const char *text, const char *domain)
{
    struct topic_parts parts = {0};
    size_t length = strlen(domain);
    const char *at = text;
    if (length > 0 && strncmp(text, domain, length) == 0 &&
        (text[length] == '/' || text[length] == 0)) {
        parts.domain = (struct topic_part){text, length};
        at = text[length] ? text + length + 1 : NULL;
    } else {
        parts.domain = topic_next(&at);
    }
    parts.kind = topic_next(&at);
    parts.field = topic_next(&at);
    if (at) {
        parts.name = (struct topic_part){at, strlen(at)};
    }
    return parts;
}

/* Whether something follows a `#`. */
static bool topic_has_early_hash(const char *text)
{
    const char *at = text;
    while (at) {
        struct topic_part part = topic_next(&at);
        if (topic_part_is(part, "#") && at) {
            return true;
        }
    }
    return false;
}

/* The bytes of a NAME from its last `@` on; 0: it has none. A slash behind it says that it is of the name. */
static size_t topic_label_length(struct topic_part name)
{
    size_t n = 0;
    while (n < name.length && name.at[name.length - 1 - n] != '@') {
        if (name.at[name.length - 1 - n] == '/') {
            return 0;
        }
        n++;
    }
    return n < name.length ? n + 1 : 0;
}

/* The error in the topic's shape, or NULL. */
static const char *topic_shape_problem(const char *text, const struct topic_parts *parts)
{
    bool has_rest = topic_part_is(parts->domain, "#") || topic_part_is(parts->kind, "#");
    if (text[0] == 0) {
        return "the topic is empty";
    }
    if (strlen(text) >= sizeof(((struct wi_topic *)0)->text)) {
        return "the topic is longer than 511 bytes";
    }
    if (topic_has_early_hash(text)) {
        return "# stands for the rest and comes last";
    }
    if (parts->domain.length == 0 || (parts->kind.at && parts->kind.length == 0) ||
        (parts->field.at && parts->field.length == 0) ||
        (parts->name.at && parts->name.length == 0)) {
        return "a level of the topic is empty";
    }
    if (!has_rest && (!parts->kind.at || !parts->field.at)) {
        return "the topic has no FIELD";
    }
    size_t label = topic_label_length(parts->name);
    if (parts->name.length - label > WEIR_NAME_MAX) {
        return "NAME is longer than any name, 127 bytes";
    }
    if (label > 1 + 3 * WEIR_LABEL_MAX) {
        return "LABEL is longer than any label, 63 bytes";
    }
    return NULL;
}

static uint32_t topic_kinds(struct topic_part part, const struct wi_catalog *catalog)
{
    if (!part.at || topic_part_is_wild(part)) {
        return topic_all(catalog);
    }
    uint32_t kinds = 0;
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        if (catalog->fields[kind] &&
            topic_part_is(part, wi_metric_table((enum wi_kind)kind)->name)) {
            kinds |= UINT32_C(1) << kind;
        }
    }
    return kinds;
}

/* Why there is no kind of this name, or of a near one, if that is known; else NULL. */
static const char *topic_absence(struct topic_part part, const struct wi_catalog *catalog)
{
    const char *absence = NULL;
    unsigned least = WI_WORD_MAX;
    if (topic_nearest_kind(part, catalog) >= 0) {
        return NULL;
    }
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        unsigned distance =
            wi_word_distance(part.at, part.length, wi_metric_table((enum wi_kind)kind)->name);
        if (catalog->absence[kind] && distance < least && wi_word_is_near(part.length, distance)) {
            absence = catalog->absence[kind];
            least = distance;
        }
    }
    return absence;
}

static void topic_copy(char *ret_text, size_t room, struct topic_part part)
{
    size_t n = part.length < room - 1 ? part.length : room - 1;
    memcpy(ret_text, part.at, n);
    ret_text[n] = 0;
}

/* Fills the fields of the topic's kinds, and removes kinds without such a field. */
static void topic_fields(struct wi_topic *topic, struct topic_part part,
                         const struct wi_catalog *catalog)
{
    if (!part.at || topic_part_is_wild(part)) {
        for (int kind = 0; kind < WI_N_KINDS; kind++) {
            topic->fields[kind] = topic->kinds >> kind & 1U ? catalog->fields[kind] : 0;
        }
        return;
    }
    if (part.length >= sizeof(topic->field_as_asked)) {
        topic->kinds = 0;
        return;
    }
    topic_copy(topic->field_as_asked, sizeof(topic->field_as_asked), part);
    for (int kind = 0; kind < WI_N_KINDS; kind++) {
        int metric = topic->kinds >> kind & 1U
                         ? wi_catalog_find(catalog, (enum wi_kind)kind, topic->field_as_asked)
                         : -1;
        if (metric < 0) {
            topic->kinds &= ~(UINT32_C(1) << kind);
        } else {
            topic->fields[kind] = UINT64_C(1) << metric;
        }
    }
}

/* Whether the topic begins with its KIND, as if there were no domain. */
static bool topic_has_no_domain(const struct topic_parts *parts, const struct wi_catalog *catalog)
{
    return parts->kind.at && !topic_part_is_wild(parts->domain) &&
           topic_kinds(parts->domain, catalog) && topic_kinds(parts->kind, catalog) == 0;
}

static enum weir_status topic_unknown_domain(struct weir_error *ret_error,
                                             const struct topic_scope *scope,
                                             const struct topic_parts *parts)
{
    char shown[TOPIC_SHOWN_MAX + 4];
    char problem[192];
    snprintf(problem, sizeof(problem), "no topics of \"%s\" here, this is \"%.64s\"",
             topic_show(parts->domain, shown), scope->domain);
    if (topic_has_no_domain(parts, scope->catalog)) {
        struct topic_parts moved = {.kind = parts->domain, .field = parts->kind};
        if (parts->field.at) {
            moved.name = (struct topic_part){parts->field.at, strlen(parts->field.at)};
        }
        return topic_unknown(ret_error, scope, &moved, problem,
                             topic_kinds(parts->domain, scope->catalog));
    }
    return topic_unknown(ret_error, scope, parts, problem,
                         topic_kinds(parts->kind, scope->catalog));
}

enum weir_status wi_topic_parse(const char *text, const char *domain,
                                const struct wi_catalog *catalog, struct wi_topic *ret_topic,
                                struct weir_error *ret_error)
{
    struct topic_scope scope = {domain, catalog};
    struct topic_parts parts = topic_cut(text, domain);
    char shown[TOPIC_SHOWN_MAX + 4];
    char problem[192];
    struct wi_topic topic = {.domain = domain};
    bool is_here = topic_part_is(parts.domain, domain) || topic_part_is_wild(parts.domain);
    const char *malformed = topic_shape_problem(text, &parts);
    if (malformed && (is_here || !topic_has_no_domain(&parts, catalog))) {
        return topic_malformed(ret_error, domain, malformed);
    }
    if (!is_here) {
        return topic_unknown_domain(ret_error, &scope, &parts);
    }
    topic.kinds = topic_kinds(parts.kind, catalog);
    if (topic.kinds == 0) {
        const char *absence = topic_absence(parts.kind, catalog);
        if (absence) {
            wi_error_set(ret_error, "%s", absence);
            return WEIR_E_NOT_FOUND;
        }
        snprintf(problem, sizeof(problem), "no kind \"%s\"", topic_show(parts.kind, shown));
        return topic_unknown(ret_error, &scope, &parts, problem, 0);
    }
    uint32_t kinds = topic.kinds;
    topic_fields(&topic, parts.field, catalog);
    if (topic.kinds == 0) {
        snprintf(problem, sizeof(problem), "no field \"%s\"", topic_show(parts.field, shown));
        return topic_unknown(ret_error, &scope, &parts, problem, kinds);
    }
    if (parts.name.at) {
        topic.has_name = true;
        topic_copy(topic.name, sizeof(topic.name), parts.name);
    }
    memcpy(topic.text, text, strlen(text) + 1);
    *ret_topic = topic;
    return WEIR_OK;
}

/* ---- matching and writing ------------------------------------------------------------------ */

static bool topic_level_matches(struct topic_part wanted, struct topic_part level)
{
    return topic_part_is(wanted, "+") ||
           (wanted.length == level.length && memcmp(wanted.at, level.at, level.length) == 0);
}

/* A digit of a percent-encoded byte; 16: it is no digit. */
static unsigned topic_digit(char digit)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *at = memchr(digits, digit >= 'a' && digit <= 'f' ? digit - 'a' + 'A' : digit, 16);
    return at ? (unsigned)(at - digits) : 16;
}

/* Whether a part, decoded, is this label. A percent sign that encodes nothing is itself. */
static bool topic_label_is(struct topic_part wanted, const char *label)
{
    for (size_t i = 0; i < wanted.length; label++) {
        unsigned high = i + 2 < wanted.length ? topic_digit(wanted.at[i + 1]) : 16;
        unsigned low = i + 2 < wanted.length ? topic_digit(wanted.at[i + 2]) : 16;
        bool is_encoded = wanted.at[i] == '%' && high < 16 && low < 16;
        if (!*label || *label != (is_encoded ? (char)(high << 4 | low) : wanted.at[i])) {
            return false;
        }
        i += is_encoded ? 3 : 1;
    }
    return !*label;
}

/* The last level of a name. */
static bool topic_last_matches(struct topic_part wanted, struct topic_part level, const char *label)
{
    size_t behind = topic_label_length(wanted);
    struct topic_part name = {wanted.at, wanted.length - behind};
    if (topic_part_is(wanted, "+") || (!label && topic_level_matches(wanted, level))) {
        return true;
    }
    if (!behind || !topic_level_matches(name, level)) {
        return false;
    }
    struct topic_part asked = {name.at + name.length + 1, behind - 1};
    return topic_part_is(asked, "#") ||
           (label && (topic_part_is(asked, "+") || topic_label_is(asked, label)));
}

static bool topic_name_matches(const char *pattern, const char *name, const char *label)
{
    while (pattern && name) {
        struct topic_part wanted = topic_next(&pattern);
        if (topic_part_is(wanted, "#")) {
            return true;
        }
        struct topic_part level = topic_next(&name);
        bool is_last = !name;
        if (is_last && label && pattern) {
            return false; /* what follows would stand behind its label */
        }
        if (is_last ? !topic_last_matches(wanted, level, label)
                    : !topic_level_matches(wanted, level)) {
            return false;
        }
    }
    return !name && (!pattern || strcmp(pattern, "#") == 0);
}

bool wi_topic_matches(const struct wi_topic *topic, const struct wi_topic_line *line)
{
    unsigned kind = line->kind, metric = (unsigned)line->metric;
    if (kind >= WI_N_KINDS || metric >= WI_MAX_METRICS ||
        metric >= wi_metric_table(line->kind)->n_metrics) {
        return false;
    }
    if (!(topic->kinds >> kind & 1U) || !(topic->fields[kind] >> metric & 1U)) {
        return false;
    }
    return !topic->has_name || topic_name_matches(topic->name, line->name, line->label);
}

/* Adds `@` and the label, encoded, as far as there is room. Returns how long the text then is. */
static size_t topic_add_label(const char *label, char *ret_text, size_t length, size_t room)
{
    char encoded[1 + 3 * WEIR_LABEL_MAX + 1] = "@";
    size_t n = 1;
    for (; *label && n + 3 < sizeof(encoded); label++) {
        if (strchr("%/+#@", *label)) {
            snprintf(encoded + n, 4, "%%%02X", (unsigned)(unsigned char)*label);
            n += 3;
        } else {
            encoded[n++] = *label;
        }
    }
    n = n < room - 1 - length ? n : room - 1 - length;
    memcpy(ret_text + length, encoded, n);
    ret_text[length + n] = 0;
    return length + n;
}

size_t wi_topic_write(const struct wi_topic *topic, const struct wi_topic_line *line,
                      char *ret_text, size_t room)
{
    const struct wi_metric_table *table = wi_metric_table(line->kind);
    const char *field = topic->field_as_asked;
    bool has_name = !wi_kind_has_one_row(line->kind);
    if (room == 0) {
        return 0;
    }
    if (!field[0] && table && line->metric >= 0 && (size_t)line->metric < table->n_metrics) {
        field = table->metrics[line->metric].field;
    }
    int n = snprintf(ret_text, room, "%s/%s/%s%s%s", topic->domain, table ? table->name : "", field,
                     has_name ? "/" : "", has_name ? line->name : "");
    size_t length = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
    return line->label ? topic_add_label(line->label, ret_text, length, room) : length;
}
