/* SPDX-License-Identifier: MIT */
/*
 * Topics: DOMAIN/KIND/FIELD[/NAME[@LABEL]] with `+` for one level and `#` for the rest. Parsed against the
 * metric tables, matched against the rows of a process view. No I/O; any thread.
 *
 * The topic of a row with a label is that of its name, `@` and the label, in which `%`, `/`, `+`, `#` and `@`
 * stand as %25, %2F, %2B, %23 and %40. So the last `@` divides, and a topic has a line for each of the rows that
 * share a name. A topic that is asked for matches as a whole level, and beyond that its last level may have `+` before
 * or after that `@`, or `#` after it: NAME@+ is all with a label, NAME@# those and the one without, +@LABEL all of
 * that label. NAME is only the row without a label.
 */
#ifndef WI_TOPIC_H
#define WI_TOPIC_H

#include "weir/catalog.h"
#include "weir/weir.h"

/* The longest NAME@LABEL. */
#define WI_TOPIC_NAME_MAX (WEIR_NAME_MAX + 1 + 3 * WEIR_LABEL_MAX)

struct wi_topic {
    const char *domain;               /* the service's name; borrowed */
    uint32_t kinds;                   /* bit set of enum wi_kind */
    uint64_t fields[WI_N_KINDS];      /* bit set of metric indices for each kind */
    char name[WI_TOPIC_NAME_MAX + 1]; /* the NAME pattern; "" when absent: every row */
    bool has_name;
    char text[512];          /* the topic as it was requested */
    char field_as_asked[64]; /* "size" stays "size" in the lines */
};

/* Parses a topic for a service of this name, that has what the catalog says; the name must outlive the topic. Fails: WEIR_E_NOT_FOUND
 * for an unknown DOMAIN, KIND or FIELD: the error names the nearest topics ("did you mean
 * game/channel/size?") or says why there is no such kind; WEIR_E_ARGUMENT for one that is no topic
 * at all. */
enum weir_status wi_topic_parse(const char *text, const char *domain,
                                const struct wi_catalog *catalog, struct wi_topic *ret_topic,
                                struct weir_error *ret_error);

/* A row's metric. */
struct wi_topic_line {
    enum wi_kind kind;
    int metric;
    const char *name, *label; /* the row's; label NULL: it has none */
};

/* Whether a row's metric belongs to the topic. */
bool wi_topic_matches(const struct wi_topic *topic, const struct wi_topic_line *line);

/* Writes the full topic of a row's metric ("game/channel/size/moves@client-7") and returns its length. */
size_t wi_topic_write(const struct wi_topic *topic, const struct wi_topic_line *line,
                      char *ret_text, size_t room);

/* Glob with * and ?, or, without either, a part of the text. Linear time, no recursion. */
bool wi_glob_matches(const char *pattern, const char *text);

/* Whether a glob matches a row's name or, where it has a label, NAME@LABEL. `label`: NULL: it has none. */
bool wi_glob_matches_row(const char *pattern, const char *name, const char *label);

#endif
