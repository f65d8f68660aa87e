/* SPDX-License-Identifier: MIT */
/*
 * The texts of a segment: names, source lines and labels.
 *
 * Each is read once, when its handle is met, and cleaned at once: whoever reads it later gets what a
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

/* Read from the image before, so that the generation of the image after says whether it is this handle's. */
enum weir_status wi_collect_slot_texts(const struct wi_collection *collection, size_t id,
                                       struct wi_slot_texts *ret_texts, bool *ret_is_its,
                                       struct weir_error *ret_error)
{
    struct wi_slot_more copy = {.label = ""};
    uint64_t words[sizeof(copy) / sizeof(uint64_t)] = {0};
    const struct wi_image *image = &collection->before;
    const struct wi_slot *slot = wi_image_slot(image, id);
    const struct weir_slot_head *after = wi_collect_head(collection, id);
    /* These pair with slot_fill, wi_slot_fill_more and slot_claim. */
    uint32_t line = slot ? wi_load_acquire(&slot->head.more) : 0;
    const struct wi_slot_more *more = wi_image_at(image, line, sizeof(*more));
    for (size_t i = 0; more && i < sizeof(words) / sizeof(words[0]); i++) {
        words[i] = wi_load_acquire((const uint64_t *)(const void *)more + i);
    }
    memcpy(&copy, words, sizeof(copy));
    copy.label[WEIR_LABEL_MAX] = '\0';
    wi_text_clean(copy.label, ret_texts->label, sizeof(ret_texts->label));
    ret_texts->unit = copy.unit;
    ret_texts->help = copy.help;
    if (line && !more && image->is_still) {
        return wi_image_corrupt("texts of slot", (unsigned)id, ret_error);
    }
    *ret_is_its =
        slot && after && (more || !line) &&
        wi_slot_life(wi_load_acquire(&after->generation)) == wi_collect_raw(collection, id)->life;
    return WEIR_OK;
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
