/* SPDX-License-Identifier: MIT */
/*
 * What tokio-console shows of a row as its attributes: for each kind a choice of metrics, under the names and
 * in the units that a person reads. Texts are cut, so that an item has a bound. Plain functions; the process view's
 * thread.
 */
#ifndef WI_ENCODE_ATTRIBUTE_H
#define WI_ENCODE_ATTRIBUTE_H

#include "encode/buffer.h"
#include "snapshot/process_view.h"

/* Metadata of the three sorts of items. */
enum wi_tokio_meta { WI_TOKIO_META_TASK = 1, WI_TOKIO_META_RESOURCE, WI_TOKIO_META_OP };

/* Task numbers are counted so far for each generation: as many as there can be single tasks. */
#define WI_TOKIO_TASK_NUMBERS 65536

/* "Channel", "Semaphore", ...; NULL: this kind is no resource. Owns: static. */
const char *wi_attribute_type(enum wi_kind kind);

/* The source line of a row; NULL: unknown. */
const char *wi_attribute_source(enum wi_kind kind, const struct wi_row *row);

/* Appends the attributes of a row, and a fingerprint of what that would append. */
void wi_attributes(struct wi_buffer *buffer, unsigned field, enum wi_tokio_meta meta,
                   enum wi_kind kind, const struct wi_row *row);
uint64_t wi_attributes_print(enum wi_kind kind, const struct wi_row *row);

/* Appends one Field. A string that is NULL or "" is none. */
void wi_attribute_u64(struct wi_buffer *buffer, unsigned field, enum wi_tokio_meta meta,
                      const char *name, uint64_t number);
void wi_attribute_string(struct wi_buffer *buffer, unsigned field, enum wi_tokio_meta meta,
                         const char *name, const char *text);

/* Appends the Location that "file:line" means; NULL or "": none. */
void wi_attribute_location(struct wi_buffer *buffer, unsigned field, const char *source);

/* A text field, cut between characters. */
void wi_attribute_text(struct wi_buffer *buffer, unsigned field, const char *text);

#endif
