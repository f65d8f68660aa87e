/* SPDX-License-Identifier: MIT */
/*
 * The texts of a segment: names, source lines and labels.
 *
 * Each is read once, when its handle is met, and cleaned at once, so that later readers get only what a
 * terminal may show. A text may be of the handle that has the slot by now, so its generation is read
 * after it. The exporter's thread.
 */
#include "snapshot/collect.h"

#include "segment/retired.h"
#include "weir/atomic.h"
#include "weir/text.h"

#include <string.h>

enum weir_status wi_collect_string(const struct wi_image *image, uint32_t unit, char *ret_text,
                                   size_t room, struct weir_error *ret_error)
{
    char text[WEIR_NAME_MAX + 2] = "";
    uint64_t offset = (uint64_t)unit * WI_STRING_UNIT;
    ret_text[0] = '\0';
    if (unit && offset >= image->length) {
        return image->is_still ? wi_image_corrupt("name at", unit, ret_error) : WEIR_OK;
    }
    if (unit) {
        const char *at = (const char *)image->bytes + offset;
        size_t most = image->length - offset;
        most = most < WEIR_NAME_MAX + 1 ? most : WEIR_NAME_MAX + 1;
        /* Not a byte past its end: the bytes behind it may not be reserved, and reading them would
         * kill the host. */
        size_t i = 0;
        do {
            text[i] = wi_load_relaxed(&at[i]);
        } while (text[i] && ++i < most);
        if (i == most) {
            return image->is_still ? wi_image_corrupt("end of the name at", unit, ret_error)
                                   : WEIR_OK;
        }
    }
    wi_text_clean(text, ret_text, room);
    return WEIR_OK;
}

/* The own name of a handle, unless its totals have it, which never changes. A handle without totals, or
 * with the totals of "other", has its own name; if the slot has another handle by now, its counts are
 * already in those totals. */
static enum weir_status texts_name(const struct wi_collection *collection, const struct wi_raw *raw,
                                   const struct weir_slot_head *head, struct wi_slot_texts *texts,
                                   struct weir_error *ret_error)
{
    bool has_totals = raw->retired && raw->retired <= collection->n_retired;
    texts->has_name = false;
    if (has_totals && raw->retired > WI_RETIRED_OTHERS) {
        return WEIR_OK;
    }
    /* These pair with slot_claim: the name is of one handle. */
    uint32_t unit = head ? wi_load_acquire(&head->name) : 0;
    enum weir_status status =
        wi_collect_string(&collection->image, unit, texts->name, sizeof(texts->name), ret_error);
    bool is_its = head && wi_slot_life(wi_load_acquire(&head->generation)) == raw->life;
    texts->has_name = !has_totals || (is_its && unit);
    return status;
}

/* The line where a handle was opened. A program has few of them, and handles of one line lie side by
 * side: the file's name is read again only where it is another. */
static enum weir_status texts_source(const struct wi_collection *collection,
                                     const struct weir_slot_head *head, struct wi_slot_texts *texts,
                                     struct weir_error *ret_error)
{
    uint32_t unit = head ? wi_load_relaxed(&head->source) : 0;
    uint32_t line = head ? wi_load_relaxed(&head->source_line) : 0;
    uint64_t place = unit ? (uint64_t)unit << 32 | line : 0;
    if (place == texts->place) {
        return WEIR_OK;
    }
    texts->line = line;
    enum weir_status status =
        wi_collect_string(&collection->image, unit, texts->file, sizeof(texts->file), ret_error);
    texts->place = texts->file[0] ? place : 0;
    return status;
}

/* The texts that few handles have: a label; of a counter or gauge, its unit and help. Read from the
 * image before, so that the generation of the image after says whether they are this handle's. */
static enum weir_status texts_more(const struct wi_collection *collection, size_t id,
                                   const struct wi_raw *raw, const struct weir_slot_head *after,
                                   struct wi_slot_texts *texts, struct weir_error *ret_error)
{
    struct wi_slot_more copy;
    uint64_t words[sizeof(copy) / sizeof(uint64_t)] = {0};
    const struct wi_image *image = &collection->before;
    const struct wi_slot *slot = wi_image_slot(image, id);
    /* These pair with slot_fill, wi_slot_fill_more and slot_claim. */
    uint32_t line = slot ? wi_load_acquire(&slot->head.more) : 0;
    const struct wi_slot_more *more = wi_image_at(image, line, sizeof(*more));
    for (size_t i = 0; more && i < sizeof(words) / sizeof(words[0]); i++) {
        words[i] = wi_load_acquire((const uint64_t *)(const void *)more + i);
    }
    memcpy(&copy, words, sizeof(copy));
    texts->has_more = slot && after && (more || !line) &&
                      wi_slot_life(wi_load_acquire(&after->generation)) == raw->life;
    texts->label[0] = texts->help[0] = '\0';
    texts->party = copy.party;
    if (line && !more && image->is_still) {
        return wi_image_corrupt("texts of slot", (unsigned)id, ret_error);
    }
    if (!texts->has_more) {
        return WEIR_OK;
    }
    if (raw->kind != WI_COUNTER && raw->kind != WI_GAUGE) {
        copy.label[WEIR_LABEL_MAX] = '\0';
        wi_text_clean(copy.label, texts->label, sizeof(texts->label));
        return WEIR_OK;
    }
    enum weir_status status = wi_collect_string(&collection->image, copy.unit, texts->label,
                                                sizeof(texts->label), ret_error);
    return status == WEIR_OK ? wi_collect_string(&collection->image, copy.help, texts->help,
                                                 sizeof(texts->help), ret_error)
                             : status;
}

enum weir_status wi_collect_texts(const struct wi_collection *collection, size_t id,
                                  const struct wi_raw *raw, struct wi_slot_texts *texts,
                                  struct weir_error *ret_error)
{
    const struct weir_slot_head *head = wi_collect_head(collection, id);
    enum weir_status status = texts_name(collection, raw, head, texts, ret_error);
    if (status == WEIR_OK) {
        status = texts_source(collection, head, texts, ret_error);
    }
    return status == WEIR_OK ? texts_more(collection, id, raw, head, texts, ret_error) : status;
}

void wi_collect_label(const struct wi_collection *collection, enum wi_table_id table, size_t i,
                      char *ret_text, size_t room)
{
    const void *block = wi_image_block(&collection->image, table, i);
    bool is_sender = table == WI_SENDERS;
    const char *at = !block      ? ""
                     : is_sender ? ((const struct wi_sender *)block)->in.label
                                 : ((const struct wi_task_instance *)block)->label;
    size_t most = !block      ? 1
                  : is_sender ? sizeof(((const struct wi_sender *)block)->in.label)
                              : sizeof(((const struct wi_task_instance *)block)->label);
    char text[WEIR_LINE + 1];
    size_t n = 0;
    do {
        text[n] = wi_load_relaxed(&at[n]);
    } while (text[n] && ++n < most);
    text[n] = '\0';
    wi_text_clean(text, ret_text, room);
}
