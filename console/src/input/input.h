/* SPDX-License-Identifier: MIT */
/*
 * Handles one key: changes the user's choices (ui), and in the model whether the screen is frozen.
 * No I/O. The console's one thread.
 */
#ifndef WC_INPUT_INPUT_H
#define WC_INPUT_INPUT_H

#include "input/key.h"
#include "model/ui.h"

void wc_input_key(struct wc_ui *ui, struct wc_model *model, const struct wc_layout *layout,
                  uint32_t key);

#endif
