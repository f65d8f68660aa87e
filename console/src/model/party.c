/* SPDX-License-Identifier: MIT */
/* Words of parties. */
#include "model/party.h"

#include <string.h>

static const struct party_word {
    const char *both, *sender, *receiver;
} party_words[] = {
    {"senders (or receivers)", "senders", "receivers"},
    {"Senders (or receivers)", "Senders", "Receivers"},
    {"sender (or receiver)", "sender", "receiver"},
};

bool wc_party_is_receiver(const struct wc_model *model, const struct wc_rows *table,
                          const Weir__V1__Row *row)
{
    return strcmp(wc_model_text(model, table, row, "party"), "receiver") == 0;
}

/* The word that a text begins with; NULL: none. */
static const struct party_word *party_word(const char *text)
{
    for (size_t i = 0; i < sizeof(party_words) / sizeof(party_words[0]); i++) {
        if (strncmp(text, party_words[i].both, strlen(party_words[i].both)) == 0) {
            return &party_words[i];
        }
    }
    return NULL;
}

const char *wc_party_text(const char *text, bool is_receiver, char room[WC_PARTY_TEXT])
{
    size_t n = 0;
    if (!strstr(text, " (or receiver")) {
        return text;
    }
    while (*text && n + 1 < WC_PARTY_TEXT) {
        const struct party_word *word = party_word(text);
        const char *part = !word ? text : is_receiver ? word->receiver : word->sender;
        size_t length = word ? strlen(part) : 1;
        length = length < WC_PARTY_TEXT - 1 - n ? length : WC_PARTY_TEXT - 1 - n;
        memcpy(room + n, part, length);
        n += length;
        text += word ? strlen(word->both) : 1;
    }
    room[n] = '\0';
    return room;
}
