/* SPDX-License-Identifier: MIT */
/*
 * The attributes that tokio-console shows for a row: for each kind a selection of metrics, with
 * names and units for people. Texts are cut, so that an item has a bound. Plain functions; the
 * process view's thread.
 */
#ifndef WI_ENCODE_ATTRIBUTE_H
#define WI_ENCODE_ATTRIBUTE_H

#include "encode/buffer.h"
#include "snapshot/process_view.h"

/* Metadata of the three sorts of items. */
enum wi_tokio_meta { WI_TOKIO_META_TASK = 1, WI_TOKIO_META_RESOURCE, WI_TOKIO_META_OP };

/* Task numbers are counted up to this within each generation: the largest number of single tasks. */
#define WI_TOKIO_TASK_NUMBERS 65536

/* "Channel", "Semaphore", ...; NULL: this kind is no resource. Owns: static. */
const char *wi_attribute_type(enum wi_kind kind);

/* The source line of a row; NULL: unknown. */
const char *wi_attribute_source(enum wi_kind kind, const struct wi_row *row);

/* Appends the attributes of a row; the other returns a fingerprint of what that would append. */
void wi_attributes(struct wi_buffer *buffer, unsigned field, enum wi_tokio_meta meta,
                   enum wi_kind kind, const struct wi_row *row);
uint64_t wi_attributes_print(enum wi_kind kind, const struct wi_row *row);

/* Appends one Field. A string that is NULL or "" is left out. */
void wi_attribute_u64(struct wi_buffer *buffer, unsigned field, enum wi_tokio_meta meta,
                      const char *name, uint64_t number);
void wi_attribute_string(struct wi_buffer *buffer, unsigned field, enum wi_tokio_meta meta,
                         const char *name, const char *text);

/* Appends the Location for "file:line"; NULL or "": none. */
void wi_attribute_location(struct wi_buffer *buffer, unsigned field, const char *source);

/* A text field, cut between characters. */
void wi_attribute_text(struct wi_buffer *buffer, unsigned field, const char *text);

#endif
