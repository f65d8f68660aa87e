/* SPDX-License-Identifier: MIT */
/*
 * Cells, and text made harmless on its way into them. A name comes from the watched process and may
 * hold anything: what is not a visible character becomes a question mark.
 */
#include "view/grid.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/memory.h"

#define REPLACEMENT '?'
#define ELLIPSIS    0x2026U

void wc_grid_init(struct wc_grid *grid, int rows, int cols, bool ascii)
{
    grid->rows = rows > 0 ? rows : 1;
    grid->cols = cols > 0 ? cols : 1;
    grid->ascii = ascii;
    grid->cells = wc_alloc((size_t)grid->rows * (size_t)grid->cols * sizeof(*grid->cells));
    wc_grid_clear(grid);
}

void wc_grid_finish(struct wc_grid *grid)
{
    free(grid->cells);
    grid->cells = NULL;
    grid->rows = grid->cols = 0;
}

void wc_grid_clear(struct wc_grid *grid)
{
    for (int i = 0; i < grid->rows * grid->cols; i++) {
        grid->cells[i] = (struct wc_cell){' ', WC_PLAIN, 0};
    }
}

/* Decodes one character strictly; a wrong byte is taken alone and becomes U+FFFD. */
static uint32_t utf8_get(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    uint32_t ch = s[0];
    int more = ch < 0x80 ? 0 : ch >= 0xf0 && ch < 0xf5 ? 3 : ch >= 0xe0 ? 2 : ch >= 0xc2 ? 1 : -1;

    if (more < 0 || ch >= 0xf5) {
        *text += 1;
        return 0xfffd;
    }
    if (more > 0) {
        ch &= 0x3fU >> more;
    }
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            *text += 1;
            return 0xfffd;
        }
        ch = ch << 6 | (s[i] & 0x3fU);
    }
    bool overlong = (more == 2 && ch < 0x800) || (more == 3 && ch < 0x10000);
    if (overlong || ch > 0x10ffff || (ch >= 0xd800 && ch < 0xe000)) {
        *text += 1;
        return 0xfffd;
    }
    *text += more + 1;
    return ch;
}

/* Characters that turn the direction of text or are not seen at all. */
static bool text_is_invisible(uint32_t ch)
{
    return (ch >= 0x200b && ch <= 0x200f) || (ch >= 0x2028 && ch <= 0x202e) ||
           (ch >= 0x2060 && ch <= 0x206f) || ch == 0xfeff || ch == 0x00ad;
}

/* The character to draw for `ch`, and its width. */
static uint32_t text_visible(uint32_t ch, bool ascii, int *ret_width)
{
    *ret_width = 1;
    if (ch < 0x80) {
        return ch < 0x20 || ch == 0x7f ? REPLACEMENT : ch;
    }
    if (ascii) {
        return ch == ELLIPSIS ? '~' : REPLACEMENT;
    }
    int width = text_is_invisible(ch) ? -1 : wcwidth((wchar_t)ch);
    if (width <= 0) {
        return REPLACEMENT;
    }
    *ret_width = width;
    return ch;
}

size_t wc_utf8_put(uint32_t ch, char to[4])
{
    if (ch < 0x80) {
        to[0] = (char)ch;
        return 1;
    }
    size_t n = ch < 0x800 ? 2 : ch < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (ch & 0x3f));
        ch >>= 6;
    }
    to[0] = (char)((0xf00U >> n) | ch);
    return n;
}

int wc_grid_put(struct wc_grid *grid, int row, int col, uint32_t ch, enum wc_style style)
{
    if (row < 0 || row >= grid->rows || col < 0 || col >= grid->cols) {
        return 0;
    }
    grid->cells[row * grid->cols + col] = (struct wc_cell){ch, (uint8_t)style, 0};
    return 1;
}

int wc_grid_fill(struct wc_grid *grid, int row, int col, int width, uint32_t ch,
                 enum wc_style style)
{
    int filled = 0;
    for (int i = 0; i < width; i++) {
        filled += wc_grid_put(grid, row, col + i, ch, style);
    }
    return filled;
}

int wc_grid_width(const char *text, bool ascii)
{
    int sum = 0;
    while (*text) {
        int width;
        text_visible(utf8_get(&text), ascii, &width);
        sum += width;
    }
    return sum;
}

void wc_grid_clean(char *to, size_t size, const char *text, bool ascii)
{
    size_t n = 0;
    while (*text && size > 0) {
        int width;
        char bytes[4];
        size_t length = wc_utf8_put(text_visible(utf8_get(&text), ascii, &width), bytes);
        if (n + length >= size) {
            break;
        }
        memcpy(to + n, bytes, length);
        n += length;
    }
    if (size > 0) {
        to[n] = '\0';
    }
}

int wc_grid_text(struct wc_grid *grid, int row, int col, int width, enum wc_style style,
                 const char *text)
{
    if (col + width > grid->cols) {
        width = grid->cols - col;
    }
    if (width <= 0 || col < 0) {
        return 0;
    }
    bool fits = wc_grid_width(text, grid->ascii) <= width;
    int used = 0;
    int room = fits ? width : width - 1;

    while (*text) {
        int cell;
        uint32_t ch = text_visible(utf8_get(&text), grid->ascii, &cell);
        if (used + cell > room) {
            break;
        }
        wc_grid_put(grid, row, col + used, ch, style);
        if (cell == 2) {
            wc_grid_put(grid, row, col + used + 1, 0, style);
        }
        used += cell;
    }
    if (!fits) {
        wc_grid_put(grid, row, col + used, grid->ascii ? '~' : ELLIPSIS, style);
        used++;
    }
    return used;
}

int wc_grid_text_right(struct wc_grid *grid, int row, int col, int width, enum wc_style style,
                       const char *text)
{
    int need = wc_grid_width(text, grid->ascii);
    int pad = need < width ? width - need : 0;
    return pad + wc_grid_text(grid, row, col + pad, width - pad, style, text);
}

void wc_grid_flag(struct wc_grid *grid, int row, int col, int width, uint8_t flags)
{
    if (row < 0 || row >= grid->rows) {
        return;
    }
    for (int i = col < 0 ? 0 : col; i < col + width && i < grid->cols; i++) {
        grid->cells[row * grid->cols + i].flags |= flags;
    }
}

void wc_grid_unflag(struct wc_grid *grid, int row, int col, int width, uint8_t flags)
{
    if (row < 0 || row >= grid->rows) {
        return;
    }
    for (int i = col < 0 ? 0 : col; i < col + width && i < grid->cols; i++) {
        grid->cells[row * grid->cols + i].flags &= (uint8_t)~flags;
    }
}

size_t wc_grid_row_text(const struct wc_grid *grid, int row, char *to, size_t size)
{
    size_t n = 0, end = 0;
    for (int col = 0; col < grid->cols; col++) {
        uint32_t ch = grid->cells[row * grid->cols + col].ch;
        if (ch == 0) {
            continue;
        }
        char bytes[4];
        size_t length = wc_utf8_put(ch, bytes);
        for (size_t i = 0; i < length; i++, n++) {
            if (n + 1 < size) {
                to[n] = bytes[i];
            }
        }
        if (ch != ' ') {
            end = n;
        }
    }
    if (size > 0) {
        to[end < size ? end : size - 1] = '\0';
    }
    return end;
}
