/* SPDX-License-Identifier: MIT */
/*
 * What the screen knows of one process: fed with Updates and with what becomes of the link, asked by view/. No
 * I/O; time is given. The console's one thread.
 *
 *     Update -> wc_model_update -> pictures (live, frozen) and histories -> state.h -> view/
 */
#ifndef WC_MODEL_MODEL_H
#define WC_MODEL_MODEL_H

#include "model/state.h"

/* Nothing is known yet. Owns: wc_model_finish. */
void wc_model_init(struct wc_model *model);
void wc_model_finish(struct wc_model *model);

/* A connection stands: what the process says of itself, copied. Another process than before, or
 * another start of it: all that was known of the old one is forgotten. */
void wc_model_describe(struct wc_model *model, const Weir__V1__Description *description,
                       const char *notice, int64_t unix_nanos);

/* What has become of the link, and when; the same once more changes nothing. */
void wc_model_connection(struct wc_model *model, enum wc_connection connection, int64_t unix_nanos);

/* A Watch with this plan was started: the Updates to come answer it. */
void wc_model_watch(struct wc_model *model, const struct wc_plan *plan);

/* Owns: the model keeps the update until the next. Ignores one that does not fit the plan. */
void wc_model_update(struct wc_model *model, Weir__V1__Update *taken_update, int64_t now_nanos);

/* Whether a connection stands that has not been asked yet what was before, and an Update has come that
 * says when now is. Once true, it is taken to be asked. */
bool wc_model_wants_past(struct wc_model *model);

/* Kinds whose rows have holes that a history may fill, as a bit set: each but once, and not more often
 * than each few seconds. */
uint32_t wc_model_take_holes(struct wc_model *model);

/* Whether all the past of a row whose details are open has not been asked for yet. Once true, it is
 * taken to be asked. */
bool wc_model_wants_row(struct wc_model *model, int kind, uint64_t id);

/* What was before of one row: fills the history where nothing was seen. Owns: the series is freed. */
void wc_model_series(struct wc_model *model, Weir__V1__Series *taken_series);

/* A recording goes to another moment: what was seen is forgotten, and the past asked for anew. */
void wc_model_rewind(struct wc_model *model);

/* Freezes or thaws what is shown; Updates and histories go on being kept. */
void wc_model_freeze(struct wc_model *model, bool is_frozen);

#endif
