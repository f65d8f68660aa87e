/* SPDX-License-Identifier: MIT */
/*
 * JSON that `weir diff` is given, of any bytes: the tree of it, and the same again of the tree written
 * again. fuzz: max_len=1024
 */
#include "base/document.h"
#include "fuzz.h"

#include <string.h>

#define DEPTH 33

static struct {
    char bytes[1 << 14];
    size_t n;
} written;

static void put(const char *text, size_t n)
{
    FUZZ_CHECK(written.n + n <= sizeof(written.bytes));
    memcpy(written.bytes + written.n, text, n);
    written.n += n;
}

static void put_text(const char *text)
{
    char escape[8];
    put("\"", 1);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c < ' ' || *c == '"' || *c == '\\') {
            put(escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", *c));
        } else {
            put((const char *)c, 1);
        }
    }
    put("\"", 1);
}

static void put_node(const struct wc_node *node, int depth)
{
    static const char *const words[] = {"null", "false", "true"};
    char number[32];
    FUZZ_CHECK(depth <= DEPTH);
    if (node->key) {
        put_text(node->key);
        put(":", 1);
    }
    FUZZ_CHECK(node->text && (node->type == WC_NODE_TEXT || node->text[0] == '\0'));
    FUZZ_CHECK(!node->first || node->type == WC_NODE_ARRAY || node->type == WC_NODE_OBJECT);
    switch (node->type) {
    case WC_NODE_TEXT:
        put_text(node->text);
        break;
    case WC_NODE_NUMBER:
        put(number, (size_t)snprintf(number, sizeof(number), "%.17g", node->number));
        break;
    case WC_NODE_ARRAY:
    case WC_NODE_OBJECT:
        put(node->type == WC_NODE_ARRAY ? "[" : "{", 1);
        for (const struct wc_node *child = node->first; child; child = child->next) {
            FUZZ_CHECK((child->key != NULL) == (node->type == WC_NODE_OBJECT));
            FUZZ_CHECK(!child->key || wc_node_member(node, child->key));
            put_node(child, depth + 1);
            put(",", child->next ? 1 : 0);
        }
        put(node->type == WC_NODE_ARRAY ? "]" : "}", 1);
        break;
    default:
        put(words[node->type], strlen(words[node->type]));
        break;
    }
}

static struct wc_document *parse(const void *bytes, size_t n)
{
    size_t offset = n + 1;
    struct wc_document *document = wc_document_parse(fuzz_copy(bytes, n), n, &offset);
    FUZZ_CHECK(offset <= n && (!document || offset == n));
    return document;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static char first[sizeof(written.bytes)];
    struct wc_document *document = parse(bytes, n);
    if (!document) {
        return 0;
    }
    written.n = 0;
    put_node(wc_document_root(document), 0);
    wc_document_free(document);
    if (memmem(written.bytes, written.n, "inf", 3)) {
        return 0; /* 1e999, which cannot be written again */
    }
    size_t n_first = written.n;
    memcpy(first, written.bytes, n_first);
    document = parse(first, n_first);
    FUZZ_CHECK(document);
    written.n = 0;
    put_node(wc_document_root(document), 0);
    wc_document_free(document);
    FUZZ_CHECK(written.n == n_first && memcmp(written.bytes, first, n_first) == 0);
    return 0;
}

void fuzz_seeds(void)
{
    static const char text[] =
        "{\"schema\":\"weir.snapshot/1\",\"target\":null,\"data\":{\"channels\":[{\"name\":"
        "\"mo\\u0076es\\n\\ud83d\\ude00\",\"depth\":7,\"fill\":-2.5e-3,\"is\":true,\"no\":"
        "false,\"none\":[]}, {}]}}";
    fuzz_seed("snapshot", text, sizeof(text) - 1);
}
