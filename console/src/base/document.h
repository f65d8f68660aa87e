/* SPDX-License-Identifier: MIT */
/*
 * A JSON text (RFC 8259) as a tree. It may come from any source, so depth and size are bounded. No
 * I/O. One thread at a time.
 */
#ifndef WC_BASE_DOCUMENT_H
#define WC_BASE_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

enum wc_node_type {
    WC_NODE_NULL,
    WC_NODE_FALSE,
    WC_NODE_TRUE,
    WC_NODE_NUMBER,
    WC_NODE_TEXT,
    WC_NODE_ARRAY,
    WC_NODE_OBJECT
};

struct wc_node {
    enum wc_node_type type;
    const char *key;              /* of a member; else NULL */
    const char *text;             /* of TEXT, without its escapes; "" else */
    double number;                /* of NUMBER */
    struct wc_node *first, *next; /* the first within it; the next beside it */
};

struct wc_document;

/* Parses `n` bytes, which it takes and changes. Owns: wc_document_free; the bytes must have come
 * from malloc. NULL: the text is no JSON; ret_offset: the place of the error. */
struct wc_document *wc_document_parse(char *taken_bytes, size_t n, size_t *ret_offset);
void wc_document_free(struct wc_document *document);

/* The root. Borrowed. */
const struct wc_node *wc_document_root(const struct wc_document *document);

/* An object's member, or NULL: also when the node is NULL or no object. */
const struct wc_node *wc_node_member(const struct wc_node *node, const char *key);

/* The member's text; "" when there is none. */
const char *wc_node_text(const struct wc_node *node, const char *key);

#endif
