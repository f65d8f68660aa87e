/* SPDX-License-Identifier: MIT */
/*
 * The word for whom the sender handles of a channel stand for. Texts of a server say "sender (or receiver)" where it
 * depends on the channel; on the screen a row's own party decides. No I/O; any thread.
 */
#ifndef WC_MODEL_PARTY_H
#define WC_MODEL_PARTY_H

#include "model/state.h"

#define WC_PARTY_TEXT 640

/* Whether the party of a row is receivers; a row that does not say has senders. */
bool wc_party_is_receiver(const struct wc_model *model, const struct wc_rows *table,
                          const Weir__V1__Row *row);

/* The text with the word of one party, cut at the room; the text itself if it does not depend on it. */
const char *wc_party_text(const char *text, bool is_receiver, char room[WC_PARTY_TEXT]);

#endif
