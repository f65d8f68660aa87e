/* SPDX-License-Identifier: MIT */
/*
 * Cells, and text made harmless on its way into them.
 *
 * A name comes from the watched process and may hold any bytes: each one that is no visible
 * character becomes a question mark, combining marks have bounded room, and with `ascii` nothing
 * beyond ASCII is drawn. So no text can control the terminal. Everything is clipped to the grid,
 * and each function returns the columns that it filled.
 *
 * The grid owns its cells and is as large as the terminal. Widths are those of the locale. Lack of
 * memory ends the program. The console's one thread.
 */
#include "view/grid.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/memory.h"
#include "base/text.h"
#include "weir/expect.h"

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
        grid->cells[i] = (struct wc_cell){.ch = ' '};
    }
}

/* The character to draw for `ch`, and its width: 0 for a combining mark. */
static uint32_t text_visible(uint32_t ch, bool has_letter, bool ascii, int *ret_width)
{
    *ret_width = 1;
    if (ch < 0x80) {
        return wi_text_is_unsafe(ch) ? REPLACEMENT : ch;
    }
    if (ascii) {
        return ch == ELLIPSIS ? '~' : REPLACEMENT;
    }
    if (has_letter && wc_text_is_mark(ch)) {
        *ret_width = 0;
        return ch;
    }
    int width = wi_text_is_unsafe(ch) ? -1 : wcwidth((wchar_t)ch);
    if (width <= 0) {
        return REPLACEMENT;
    }
    *ret_width = width;
    return ch;
}

int wc_grid_put(struct wc_grid *grid, int row, int col, uint32_t ch, enum wc_style style)
{
    if (row < 0 || row >= grid->rows || col < 0 || col >= grid->cols) {
        return 0;
    }
    if (!WI_EXPECT(ch == 0 || !wi_text_is_unsafe(ch))) {
        ch = REPLACEMENT; /* it would steer the terminal */
    }
    grid->cells[row * grid->cols + col] = (struct wc_cell){.ch = ch, .style = (uint8_t)style};
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
    for (bool has_letter = false; *text; has_letter = true) {
        int width;
        text_visible(wi_text_take(&text), has_letter, ascii, &width);
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
        size_t length = wi_text_put(text_visible(wi_text_take(&text), n > 0, ascii, &width), bytes);
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

/* Draws a combining mark on the character that ends before `col`. Marks for which a cell has no
 * room are left out. */
static void grid_mark(struct wc_grid *grid, int row, int col, uint32_t mark)
{
    if (row < 0 || row >= grid->rows || col < 1 || col > grid->cols) {
        return;
    }
    struct wc_cell *cell = &grid->cells[row * grid->cols + col - 1];
    if (cell->ch == 0 && col > 1) {
        cell--; /* a wide character's left half */
    }
    for (int i = 0; i < WC_CELL_MARKS; i++) {
        if (cell->marks[i] == 0) {
            cell->marks[i] = mark;
            return;
        }
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
        uint32_t ch = text_visible(wi_text_take(&text), used > 0, grid->ascii, &cell);
        if (used + cell > room) {
            break;
        }
        if (cell == 0) {
            grid_mark(grid, row, col + used, ch);
            continue;
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

int wc_grid_name(struct wc_grid *grid, int row, int col, int width, enum wc_style style,
                 const char *text)
{
    width = col + width > grid->cols ? grid->cols - col : width;
    int tail = (width - 1) / 2;
    if (tail < 1 || wc_grid_width(text, grid->ascii) <= width) {
        return wc_grid_text(grid, row, col, width, style, text);
    }
    const char *rest = text, *next = text;
    while (wc_grid_width(rest, grid->ascii) > tail || wc_text_is_mark(wi_text_take(&next))) {
        (void)wi_text_take(&rest);
        next = rest;
    }
    tail = wc_grid_width(rest, grid->ascii);
    int used = wc_grid_text(grid, row, col, width - tail, style, text);
    return used + wc_grid_text(grid, row, col + used, tail, style, rest);
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

/* Adds a character to a row's text, if there is room; returns its length. */
static size_t row_add(uint32_t ch, char *to, size_t size, size_t n)
{
    char bytes[4];
    size_t length = wi_text_put(ch, bytes);
    for (size_t i = 0; i < length; i++, n++) {
        if (n + 1 < size) {
            to[n] = bytes[i];
        }
    }
    return length;
}

size_t wc_grid_row_text(const struct wc_grid *grid, int row, char *to, size_t size)
{
    size_t n = 0, end = 0;
    (void)WI_EXPECT(row >= 0 && row < grid->rows);
    for (int col = 0; col < grid->cols; col++) {
        const struct wc_cell *cell = &grid->cells[row * grid->cols + col];
        if (cell->ch == 0) {
            continue;
        }
        n += row_add(cell->ch, to, size, n);
        for (int i = 0; i < WC_CELL_MARKS && cell->marks[i]; i++) {
            n += row_add(cell->marks[i], to, size, n);
        }
        if (cell->ch != ' ') {
            end = n;
        }
    }
    if (size > 0) {
        to[end < size ? end : size - 1] = '\0';
    }
    return end;
}
