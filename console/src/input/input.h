/* SPDX-License-Identifier: MIT */
/*
 * One key pressed: what it changes in the choices of the person at the keyboard, and in the model
 * the freezing. No I/O. The console's one thread.
 */
#ifndef WC_INPUT_INPUT_H
#define WC_INPUT_INPUT_H

#include "input/key.h"
#include "model/ui.h"

void wc_input_key(struct wc_ui *ui, struct wc_model *model, const struct wc_layout *layout,
                  uint32_t key);

#endif
