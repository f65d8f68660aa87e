/* SPDX-License-Identifier: MIT */
/*
 * The server's warnings, and the rows that they are about. Audits of defaults (kinds that begin
 * with "default_") are not among them: `weir doctor` lists those. No I/O; the console's one thread.
 */
#ifndef WC_MODEL_WARNING_H
#define WC_MODEL_WARNING_H

#include "model/state.h"

/* Reads the warnings of a picture whose tables are there. */
void wc_warnings_read(const struct wc_model *model, struct wc_picture *picture);

/* The i-th warning that is shown, from the worst to the least; NULL past the last. */
const struct wc_warning *wc_model_warning(const struct wc_model *model, size_t i);
size_t wc_model_n_warnings(const struct wc_model *model);

/* The worst severity of warnings about a row of this kind; about any row of it. */
enum wc_severity wc_model_severity_of(const struct wc_model *model, int kind,
                                      const Weir__V1__Row *row);
enum wc_severity wc_model_severity_of_kind(const struct wc_model *model, int kind);

/* The severity of a warning. */
enum wc_severity wc_model_severity(const struct wc_model *model, const Weir__V1__Row *warning);

#endif
