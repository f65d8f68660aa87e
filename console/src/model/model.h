/* SPDX-License-Identifier: MIT */
/*
 * The screen's knowledge of one process. Updates and the state of the link go in, view/ reads it.
 * No I/O; the caller passes the time. The console's one thread.
 *
 *     Update -> wc_model_update -> pictures (live, frozen) and histories -> state.h -> view/
 */
#ifndef WC_MODEL_MODEL_H
#define WC_MODEL_MODEL_H

#include "model/state.h"

/* An empty model. Owns: wc_model_finish. */
void wc_model_init(struct wc_model *model);
void wc_model_finish(struct wc_model *model);

/* There is a connection, with a Description, which the model holds from now on. If it is another process than before, or
 * another start of it, everything about the old one is dropped. */
void wc_model_describe(struct wc_model *model, struct wc_shared *described, const char *notice,
                       int64_t unix_nanos);

/* The new state of the link, and its time; repeating it changes nothing. */
void wc_model_connection(struct wc_model *model, enum wc_connection connection, int64_t unix_nanos);

/* A Watch with this plan was started: the next Updates answer it. */
void wc_model_watch(struct wc_model *model, const struct wc_plan *plan);

/* Takes an Update. Owns: the model keeps it until the next. Ignores one that does not fit the plan. */
void wc_model_update(struct wc_model *model, Weir__V1__Update *taken_update, int64_t now_nanos);

/* Whether the past must be requested: on this connection it was not yet, and an Update has given
 * the present time. Once true, it counts as requested. */
bool wc_model_wants_past(struct wc_model *model);

/* Kinds whose rows have holes that a history may fill, as a bit set: each only once, and at most
 * once in a few seconds. */
uint32_t wc_model_take_holes(struct wc_model *model);

/* Whether all the past of the row whose details are open must be requested. Once true, it counts as
 * requested. */
bool wc_model_wants_row(struct wc_model *model, int kind, uint64_t id);

/* The past of one row: fills the history where nothing was seen. Owns: the series is freed. */
void wc_model_series(struct wc_model *model, Weir__V1__Series *taken_series);

/* A recording goes to another moment: drops everything seen so far, and requests the past again. */
void wc_model_rewind(struct wc_model *model);

/* Freezes or thaws the picture; Updates and histories continue. */
void wc_model_freeze(struct wc_model *model, bool is_frozen);

#endif
