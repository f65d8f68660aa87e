/* SPDX-License-Identifier: MIT */
/* What the console has. */
#include "tokio_model.h"

#include "weir/text.h"

#include "tokio/console.pb-c.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

/* The client's own limit is 4 MiB. */
#define MODEL_MESSAGE_MAX ((size_t)4 << 20)

#define HOLD(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- items --------------------------------------------------------------------------------- */

static size_t model_slot(const struct tokio_model *model, enum tokio_sort sort, uint64_t id)
{
    uint64_t hash = id * UINT64_C(0x9e3779b97f4a7c15);
    size_t i = (size_t)(hash >> 20) & (model->room[sort] - 1);
    while (model->items[sort][i].id != 0 && model->items[sort][i].id != id) {
        i = (i + 1) & (model->room[sort] - 1);
    }
    return i;
}

struct tokio_item *tokio_model_find(const struct tokio_model *model, enum tokio_sort sort,
                                    uint64_t id)
{
    if (model->room[sort] == 0) {
        return NULL;
    }
    struct tokio_item *item = &model->items[sort][model_slot(model, sort, id)];
    return item->id ? item : NULL;
}

static void model_rehash(struct tokio_model *model, enum tokio_sort sort, size_t room,
                         bool keeps_dropped)
{
    struct tokio_item *old = model->items[sort];
    size_t n = model->room[sort];
    model->items[sort] = calloc(room, sizeof(*old));
    HOLD(model->items[sort]);
    model->room[sort] = room;
    model->n_items[sort] = 0;
    for (size_t i = 0; i < n; i++) {
        if (old[i].id && (keeps_dropped || !old[i].dropped)) {
            model->items[sort][model_slot(model, sort, old[i].id)] = old[i];
            model->n_items[sort]++;
        } else {
            free(old[i].attributes);
        }
    }
    free(old);
}

static struct tokio_item *model_add(struct tokio_model *model, enum tokio_sort sort, uint64_t id)
{
    if (2 * (model->n_items[sort] + 1) > model->room[sort]) {
        model_rehash(model, sort, model->room[sort] ? 2 * model->room[sort] : 64, true);
    }
    struct tokio_item *item = &model->items[sort][model_slot(model, sort, id)];
    HOLD(item->id == 0 || item->dropped); /* the same again would freeze an open view of it */
    model->n_again += item->id != 0;
    model->n_items[sort] += item->id == 0;
    model->n_new++;
    free(item->attributes);
    memset(item, 0, sizeof(*item));
    item->id = id;
    return item;
}

struct tokio_item *tokio_model_named(const struct tokio_model *model, enum tokio_sort sort,
                                     const char *name)
{
    for (size_t i = 0; i < model->room[sort]; i++) {
        struct tokio_item *item = &model->items[sort][i];
        if (item->id && !item->dropped && strcmp(item->name, name) == 0) {
            return item;
        }
    }
    return NULL;
}

size_t tokio_model_live(const struct tokio_model *model, enum tokio_sort sort)
{
    size_t n = 0;
    for (size_t i = 0; i < model->room[sort]; i++) {
        n += model->items[sort][i].id && !model->items[sort][i].dropped;
    }
    return n;
}

void tokio_model_retain(struct tokio_model *model)
{
    for (int sort = 0; sort < N_TOKIO_SORTS; sort++) {
        if (model->room[sort]) {
            model_rehash(model, (enum tokio_sort)sort, model->room[sort], false);
        }
    }
}

void tokio_model_finish(struct tokio_model *model)
{
    for (int sort = 0; sort < N_TOKIO_SORTS; sort++) {
        for (size_t i = 0; i < model->room[sort]; i++) {
            free(model->items[sort][i].attributes);
        }
        free(model->items[sort]);
    }
    memset(model, 0, sizeof(*model));
}

/* ---- parts --------------------------------------------------------------------------------- */

static void model_text(char *to, size_t room, const char *text)
{
    HOLD(wi_text_is_utf8(text));
    snprintf(to, room, "%s", text);
}

/* What std::time::SystemTime takes, and its client's clock is not before 1970. */
static int64_t model_time(const Tokio__Console__Timestamp *time)
{
    if (!time) {
        return 0;
    }
    HOLD(time->seconds >= 0 && time->seconds <= INT64_C(253402300799)); /* the year 9999 */
    HOLD(time->nanos >= 0 && time->nanos < SECOND);
    HOLD(time->seconds < INT64_MAX / SECOND);
    int64_t nanos = time->seconds * SECOND + time->nanos;
    HOLD(nanos > 0);
    return nanos;
}

static uint64_t model_duration(const Tokio__Console__Duration *duration)
{
    if (!duration) {
        return 0;
    }
    HOLD(duration->seconds >= 0 && duration->nanos >= 0 && duration->nanos < SECOND);
    HOLD(duration->seconds < INT64_MAX / SECOND);
    return (uint64_t)(duration->seconds * SECOND + duration->nanos);
}

static void model_metadata_is_known(const struct tokio_model *model, const Tokio__Console__Id *id)
{
    HOLD(id);
    HOLD(id->id < 64 && model->metas >> id->id & 1);
}

static void model_location(char *to, size_t room, const Tokio__Console__Location *location)
{
    to[0] = '\0';
    if (location) {
        HOLD(location->file[0] || location->module_path[0]); /* "" ends the task's view */
        HOLD(wi_text_is_utf8(location->file));
        if (location->line) {
            snprintf(to, room, "%s:%" PRIu32, location->file, location->line);
        } else {
            snprintf(to, room, "%s", location->file);
        }
    }
}

/* The value as a text. */
static void model_field(const struct tokio_model *model, const Tokio__Console__Field *field,
                        char *to, size_t room)
{
    HOLD(field);
    HOLD(field->name_case == TOKIO__CONSOLE__FIELD__NAME_STR_NAME);
    HOLD(wi_text_is_utf8(field->str_name) && field->str_name[0]);
    model_metadata_is_known(model, field->metadata_id);
    switch (field->value_case) {
    case TOKIO__CONSOLE__FIELD__VALUE_DEBUG_VAL:
        HOLD(field->debug_val[0]);
        model_text(to, room, field->debug_val);
        break;
    case TOKIO__CONSOLE__FIELD__VALUE_STR_VAL:
        HOLD(field->str_val[0]);
        model_text(to, room, field->str_val);
        break;
    case TOKIO__CONSOLE__FIELD__VALUE_U64_VAL:
        snprintf(to, room, "%" PRIu64, field->u64_val);
        break;
    case TOKIO__CONSOLE__FIELD__VALUE_I64_VAL:
        snprintf(to, room, "%" PRId64, field->i64_val);
        break;
    case TOKIO__CONSOLE__FIELD__VALUE_BOOL_VAL:
        snprintf(to, room, "%s", field->bool_val ? "true" : "false");
        break;
    default:
        HOLD(!"a field without a value");
    }
}

static void model_attributes(const struct tokio_model *model, struct tokio_item *item,
                             Tokio__Console__Attribute **attributes, size_t n)
{
    char all[2048] = "";
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        char value[136];
        model_field(model, attributes[i]->field, value, sizeof(value));
        HOLD(wi_text_is_utf8(attributes[i]->unit));
        length += (size_t)snprintf(all + length, sizeof(all) - length, "%s=%s%s ",
                                   attributes[i]->field->str_name, value, attributes[i]->unit);
        HOLD(length < sizeof(all));
    }
    free(item->attributes);
    item->attributes = strdup(all);
    HOLD(item->attributes);
}

static void model_polls(struct tokio_item *item, const Tokio__Console__PollStats *polls)
{
    HOLD(polls);
    item->polls = polls->polls;
    item->poll_started = model_time(polls->last_poll_started);
    item->poll_ended = model_time(polls->last_poll_ended);
    item->busy = model_duration(polls->busy_time);
    (void)model_time(polls->first_poll);
}

/* ---- an Update ----------------------------------------------------------------------------- */

static void model_take_metadata(struct tokio_model *model,
                                const Tokio__Console__RegisterMetadata *all)
{
    for (size_t i = 0; all && i < all->n_metadata; i++) {
        HOLD(all->metadata[i]->id);
        HOLD(all->metadata[i]->metadata);
        HOLD(all->metadata[i]->id->id >= 1 && all->metadata[i]->id->id < 64);
        model->metas |= UINT64_C(1) << all->metadata[i]->id->id;
        model_text(model->target, sizeof(model->target), all->metadata[i]->metadata->target);
    }
}

static bool model_has_task_stats(const Tokio__Console__TaskUpdate *update, uint64_t id,
                                 size_t *hint)
{
    for (size_t i = 0; i < update->n_stats_update; i++, ++*hint) {
        if (update->stats_update[*hint % update->n_stats_update]->key == id) {
            return true;
        }
    }
    return false;
}

static void model_new_tasks(struct tokio_model *model, const Tokio__Console__TaskUpdate *update)
{
    size_t hint = 0;
    for (size_t i = 0; i < update->n_new_tasks; i++) {
        const Tokio__Console__Task *task = update->new_tasks[i];
        char value[136];
        HOLD(task->id);
        HOLD(task->id->id != 0);
        model_metadata_is_known(model, task->metadata);
        HOLD(model_has_task_stats(update, task->id->id, &hint)); /* else it is never shown */
        struct tokio_item *item = model_add(model, TOKIO_TASK, task->id->id);
        model_location(item->location, sizeof(item->location), task->location);
        for (size_t f = 0; f < task->n_fields; f++) {
            const Tokio__Console__Field *field = task->fields[f];
            model_field(model, field, value, sizeof(value));
            if (strcmp(field->str_name, "task.name") == 0) {
                snprintf(item->name, sizeof(item->name), "%s", value);
            } else if (strcmp(field->str_name, "kind") == 0) {
                snprintf(item->kind, sizeof(item->kind), "%s", value);
            } else if (strcmp(field->str_name, "task.id") == 0) {
                HOLD(field->value_case == TOKIO__CONSOLE__FIELD__VALUE_U64_VAL);
                item->number = field->u64_val;
            }
            HOLD(strcmp(field->str_name, "size.bytes") != 0); /* would warn */
        }
        HOLD(item->number != 0);
    }
}

static void model_take_tasks(struct tokio_model *model, const Tokio__Console__TaskUpdate *update)
{
    if (!update) {
        return;
    }
    model_new_tasks(model, update);
    for (size_t i = 0; i < update->n_stats_update; i++) {
        const Tokio__Console__TaskStats *stats = update->stats_update[i]->value;
        struct tokio_item *item = tokio_model_find(model, TOKIO_TASK, update->stats_update[i]->key);
        HOLD(stats);
        HOLD(item);
        item->created = model_time(stats->created_at);
        HOLD(item->created != 0);
        item->dropped = model_time(stats->dropped_at);
        item->woken = model_time(stats->last_wake);
        item->wakes = stats->wakes;
        item->self_wakes = stats->self_wakes;
        HOLD(stats->self_wakes <= stats->wakes);
        HOLD(stats->waker_clones >= stats->waker_drops);
        item->wakers = stats->waker_clones - stats->waker_drops;
        item->scheduled = model_duration(stats->scheduled_time);
        model_polls(item, stats->poll_stats);
        HOLD(!item->dropped || item->dropped >= item->created);
        HOLD(item->created <= model->now && item->dropped <= model->now &&
             item->woken <= model->now && item->poll_started <= model->now);
        item->n_stats++;
        model->n_stats++;
    }
    model->lost[TOKIO_TASK] += update->dropped_events;
}

static bool model_has_resource_stats(const Tokio__Console__ResourceUpdate *update, uint64_t id,
                                     size_t *hint)
{
    for (size_t i = 0; i < update->n_stats_update; i++, ++*hint) {
        if (update->stats_update[*hint % update->n_stats_update]->key == id) {
            return true;
        }
    }
    return false;
}

static void model_take_resources(struct tokio_model *model,
                                 const Tokio__Console__ResourceUpdate *update)
{
    size_t hint = 0;
    for (size_t i = 0; update && i < update->n_new_resources; i++) {
        const Tokio__Console__Resource *resource = update->new_resources[i];
        HOLD(resource->id);
        HOLD(resource->id->id != 0);
        model_metadata_is_known(model, resource->metadata);
        HOLD(model_has_resource_stats(update, resource->id->id, &hint));
        struct tokio_item *item = model_add(model, TOKIO_RESOURCE, resource->id->id);
        HOLD(resource->kind);
        HOLD(resource->kind->kind_case == TOKIO__CONSOLE__RESOURCE_KIND__KIND_OTHER);
        model_text(item->name, sizeof(item->name), resource->kind->other);
        model_text(item->kind, sizeof(item->kind), resource->concrete_type);
        HOLD(item->name[0] && item->kind[0]);
        model_location(item->location, sizeof(item->location), resource->location);
    }
    for (size_t i = 0; update && i < update->n_stats_update; i++) {
        const Tokio__Console__ResourceStats *stats = update->stats_update[i]->value;
        struct tokio_item *item =
            tokio_model_find(model, TOKIO_RESOURCE, update->stats_update[i]->key);
        HOLD(stats);
        HOLD(item);
        item->created = model_time(stats->created_at);
        HOLD(item->created != 0);
        item->dropped = model_time(stats->dropped_at);
        HOLD(!item->dropped || item->dropped >= item->created);
        HOLD(item->created <= model->now && item->dropped <= model->now);
        model_attributes(model, item, stats->attributes, stats->n_attributes);
        item->n_stats++;
        model->n_stats++;
    }
    model->lost[TOKIO_RESOURCE] += update ? update->dropped_events : 0;
}

static void model_new_ops(struct tokio_model *model, const Tokio__Console__AsyncOpUpdate *update)
{
    for (size_t i = 0; i < update->n_new_async_ops; i++) {
        const Tokio__Console__AsyncOp *op = update->new_async_ops[i];
        bool has_stats = false;
        HOLD(op->id);
        HOLD(op->id->id != 0);
        model_metadata_is_known(model, op->metadata);
        for (size_t s = 0; s < update->n_stats_update; s++) {
            has_stats |= update->stats_update[s]->key == op->id->id;
        }
        HOLD(has_stats);
        struct tokio_item *item = model_add(model, TOKIO_OP, op->id->id);
        HOLD(op->resource_id);
        HOLD(tokio_model_find(model, TOKIO_RESOURCE, op->resource_id->id));
        item->resource = op->resource_id->id;
        model_text(item->kind, sizeof(item->kind), op->source);
    }
}

static void model_take_ops(struct tokio_model *model, const Tokio__Console__AsyncOpUpdate *update)
{
    if (!update) {
        return;
    }
    model_new_ops(model, update);
    for (size_t i = 0; i < update->n_stats_update; i++) {
        const Tokio__Console__AsyncOpStats *stats = update->stats_update[i]->value;
        struct tokio_item *item = tokio_model_find(model, TOKIO_OP, update->stats_update[i]->key);
        HOLD(stats);
        HOLD(item);
        item->created = model_time(stats->created_at);
        HOLD(item->created != 0);
        item->dropped = model_time(stats->dropped_at);
        HOLD(!item->dropped || item->dropped >= item->created);
        HOLD(stats->task_id); /* else it is never shown */
        HOLD(tokio_model_find(model, TOKIO_TASK, stats->task_id->id));
        item->task = stats->task_id->id;
        model_polls(item, stats->poll_stats);
        model_attributes(model, item, stats->attributes, stats->n_attributes);
        item->n_stats++;
        model->n_stats++;
    }
    model->lost[TOKIO_OP] += update->dropped_events;
}

void tokio_model_take(struct tokio_model *model, const uint8_t *bytes, size_t n)
{
    Tokio__Console__Update *update = tokio__console__update__unpack(NULL, n, bytes);
    HOLD(update);
    HOLD(n < MODEL_MESSAGE_MAX);
    HOLD(update->now); /* its only clock */
    int64_t now = model_time(update->now);
    HOLD(now >= model->now);
    model->now = now;
    model->n_new = model->n_stats = 0;
    model->longest = n > model->longest ? n : model->longest;
    model_take_metadata(model, update->new_metadata);
    model_take_tasks(model, update->task_update);
    model_take_resources(model, update->resource_update);
    model_take_ops(model, update->async_op_update);
    model->n_updates++;
    tokio__console__update__free_unpacked(update, NULL);
}

/* ---- what a person sees -------------------------------------------------------------------- */

const char *tokio_item_state(const struct tokio_item *item)
{
    return item->dropped                           ? "DONE"
           : item->poll_started > item->poll_ended ? "RUNNING"
           : item->woken > item->poll_started      ? "SCHED"
                                                   : "IDLE";
}

const char *tokio_item_warning(const struct tokio_item *item, int64_t now)
{
    const char *state = tokio_item_state(item);
    bool is_running = strcmp(state, "RUNNING") == 0;
    if (strcmp(item->kind, "blocking") == 0 || strcmp(item->kind, "block_on") == 0) {
        return "";
    }
    if (item->wakes && item->self_wakes * 100 / item->wakes > 50) {
        return "self-wakes";
    }
    bool is_awakened = item->polls == 0 || item->woken > item->poll_started;
    if (!item->dropped && item->wakers == 0 && !is_running && !is_awakened) {
        return "lost-waker";
    }
    int64_t busy = (int64_t)item->busy + now - item->poll_started;
    return is_running && item->polls <= 1 && busy >= SECOND ? "never-yielded" : "";
}

const char *tokio_item_attribute(const struct tokio_item *item, const char *name)
{
    static char value[136];
    char wanted[64];
    const char *at = item->attributes;
    size_t n = (size_t)snprintf(wanted, sizeof(wanted), "%s=", name);
    value[0] = '\0';
    while (at && *at && strncmp(at, wanted, n) != 0) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    if (at && *at) {
        snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + n, " "), at + n);
    }
    return value;
}
