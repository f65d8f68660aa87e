/* SPDX-License-Identifier: MIT */
/* Parses JSON. Texts are unescaped in place; nodes come from blocks that are freed together. */
#include "base/document.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

#define DOCUMENT_DEPTH 32
#define DOCUMENT_BLOCK 256

struct document_block {
    struct document_block *next;
    size_t n;
    struct wc_node nodes[DOCUMENT_BLOCK];
};

struct wc_document {
    char *bytes;
    struct document_block *blocks;
    struct wc_node root;
};

struct document_parse {
    struct wc_document *document;
    char *at, *end;
};

static bool parse_value(struct document_parse *parse, struct wc_node *node, int depth);

static struct wc_node *document_node(struct wc_document *document)
{
    struct document_block *block = document->blocks;
    if (!block || block->n == DOCUMENT_BLOCK) {
        block = wc_alloc(sizeof(*block));
        block->next = document->blocks;
        document->blocks = block;
    }
    return &block->nodes[block->n++];
}

static void parse_blanks(struct document_parse *parse)
{
    while (parse->at < parse->end &&
           (*parse->at == ' ' || *parse->at == '\t' || *parse->at == '\n' || *parse->at == '\r')) {
        parse->at++;
    }
}

static bool parse_take(struct document_parse *parse, const char *word)
{
    size_t n = strlen(word);
    bool is_there = (size_t)(parse->end - parse->at) >= n && memcmp(parse->at, word, n) == 0;
    parse->at += is_there ? n : 0;
    return is_there;
}

static int parse_hex(struct document_parse *parse)
{
    int number = 0;
    for (int i = 0; i < 4; i++, parse->at++) {
        char digit = parse->at < parse->end ? *parse->at : '\0';
        int value = digit >= '0' && digit <= '9'   ? digit - '0'
                    : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                    : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                                   : -1;
        if (value < 0) {
            return -1;
        }
        number = number * 16 + value;
    }
    return number;
}

/* \uXXXX, or a pair of them. Half of a pair, and the character 0, become U+FFFD. */
static bool parse_point(struct document_parse *parse, uint32_t *ret_point)
{
    int high = parse_hex(parse);
    if (high < 0) {
        return false;
    }
    *ret_point = (uint32_t)high;
    if (high >= 0xd800 && high < 0xdc00 && parse->end - parse->at >= 6 && parse->at[0] == '\\' &&
        parse->at[1] == 'u') {
        char *before = parse->at;
        parse->at += 2;
        int low = parse_hex(parse);
        if (low >= 0xdc00 && low < 0xe000) {
            *ret_point = 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
            return true;
        }
        parse->at = before;
    }
    if (high == 0 || (high >= 0xd800 && high < 0xe000)) {
        *ret_point = 0xfffd;
    }
    return true;
}

static bool parse_escape(struct document_parse *parse, char **to)
{
    static const char letters[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    uint32_t point;
    char letter = parse->at < parse->end ? *parse->at++ : '\0';
    if (letter == 'u') {
        if (!parse_point(parse, &point)) {
            return false;
        }
        *to += wi_text_put(point, *to); /* never more bytes than its escape takes */
        return true;
    }
    const char *found = letter ? strchr(letters, letter) : NULL;
    if (!found) {
        return false;
    }
    *(*to)++ = means[found - letters];
    return true;
}

/* The opening quote has been taken. */
static const char *parse_text(struct document_parse *parse)
{
    char *text = parse->at, *to = parse->at;
    while (parse->at < parse->end && *parse->at != '"') {
        if ((unsigned char)*parse->at < ' ') {
            return NULL;
        }
        if (*parse->at == '\\') {
            parse->at++;
            if (!parse_escape(parse, &to)) {
                return NULL;
            }
        } else {
            *to++ = *parse->at++;
        }
    }
    if (parse->at == parse->end) {
        return NULL;
    }
    parse->at++;
    *to = '\0'; /* at the closing quote, or before it */
    return text;
}

static bool parse_number(struct document_parse *parse, struct wc_node *node)
{
    char text[64];
    size_t n = 0;
    while (parse->at < parse->end && strchr("+-.0123456789eE", *parse->at) && *parse->at) {
        if (n + 1 == sizeof(text)) {
            return false;
        }
        text[n++] = *parse->at++;
    }
    text[n] = '\0';
    char *rest = text;
    node->type = WC_NODE_NUMBER;
    node->number = strtod(text, &rest);
    return n > 0 && *rest == '\0';
}

/* The contents between brackets; the opening one has been taken. */
static bool parse_inside(struct document_parse *parse, struct wc_node *node, int depth,
                         char bracket)
{
    struct wc_node **last = &node->first;
    parse_blanks(parse);
    if (parse->at < parse->end && *parse->at == bracket) {
        parse->at++;
        return true;
    }
    for (;;) {
        struct wc_node *child = document_node(parse->document);
        parse_blanks(parse);
        if (bracket == '}') {
            const char *key = parse_take(parse, "\"") ? parse_text(parse) : NULL;
            parse_blanks(parse);
            if (!key || !parse_take(parse, ":")) {
                return false;
            }
            child->key = key;
        }
        if (!parse_value(parse, child, depth + 1)) {
            return false;
        }
        *last = child;
        last = &child->next;
        parse_blanks(parse);
        if (parse->at == parse->end || (*parse->at != ',' && *parse->at != bracket)) {
            return false;
        }
        if (*parse->at++ == bracket) {
            return true;
        }
    }
}

static bool parse_value(struct document_parse *parse, struct wc_node *node, int depth)
{
    node->text = "";
    parse_blanks(parse);
    if (depth > DOCUMENT_DEPTH || parse->at == parse->end) {
        return false;
    }
    switch (*parse->at) {
    case '{':
    case '[':
        node->type = *parse->at == '{' ? WC_NODE_OBJECT : WC_NODE_ARRAY;
        parse->at++;
        return parse_inside(parse, node, depth, node->type == WC_NODE_OBJECT ? '}' : ']');
    case '"':
        parse->at++;
        node->type = WC_NODE_TEXT;
        node->text = parse_text(parse);
        return node->text != NULL;
    case 'n':
        node->type = WC_NODE_NULL;
        return parse_take(parse, "null");
    case 't':
        node->type = WC_NODE_TRUE;
        return parse_take(parse, "true");
    case 'f':
        node->type = WC_NODE_FALSE;
        return parse_take(parse, "false");
    default:
        return parse_number(parse, node);
    }
}

struct wc_document *wc_document_parse(char *taken_bytes, size_t n, size_t *ret_offset)
{
    struct wc_document *document = wc_alloc(sizeof(*document));
    struct document_parse parse = {document, taken_bytes, taken_bytes + n};
    document->bytes = taken_bytes;
    bool is_good = parse_value(&parse, &document->root, 0);
    if (is_good) {
        parse_blanks(&parse);
    }
    *ret_offset = (size_t)(parse.at - taken_bytes);
    if (!is_good || parse.at != parse.end) {
        wc_document_free(document);
        return NULL;
    }
    return document;
}

void wc_document_free(struct wc_document *document)
{
    if (!document) {
        return;
    }
    for (struct document_block *block = document->blocks; block;) {
        struct document_block *next = block->next;
        free(block);
        block = next;
    }
    free(document->bytes);
    free(document);
}

const struct wc_node *wc_document_root(const struct wc_document *document)
{
    return &document->root;
}

const struct wc_node *wc_node_member(const struct wc_node *node, const char *key)
{
    const struct wc_node *child = node && node->type == WC_NODE_OBJECT ? node->first : NULL;
    while (child && strcmp(child->key, key) != 0) {
        child = child->next;
    }
    return child;
}

const char *wc_node_text(const struct wc_node *node, const char *key)
{
    const struct wc_node *member = wc_node_member(node, key);
    return member && member->type == WC_NODE_TEXT ? member->text : "";
}
