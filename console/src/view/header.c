/* SPDX-License-Identifier: MIT */
/*
 * Three lines: the process; its backpressure rejects with the state of the link; the tabs. The
 * warnings are between them. A line is made of pieces; the least important go first when the screen
 * is narrow.
 */
#include "view/part.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "weir/weir.h"

#define MAX_PIECES 12
#define PIECE_SIZE 96

struct piece {
    char text[PIECE_SIZE];
    enum wc_style style;
    int rank;       /* the piece with the greatest goes first */
    bool is_joined; /* one blank before it, not two */
};

struct line {
    struct piece piece[MAX_PIECES];
    int n;
};

/* The next piece to fill; the last one again when there are too many. */
static struct piece *line_piece(struct line *line, int rank, enum wc_style style)
{
    struct piece *piece = &line->piece[line->n < MAX_PIECES ? line->n++ : MAX_PIECES - 1];
    *piece = (struct piece){.rank = rank, .style = style};
    return piece;
}

static int line_width(const struct line *line, bool ascii)
{
    int width = 0;
    for (int i = 0; i < line->n; i++) {
        int gap = i == 0 ? 0 : line->piece[i].is_joined ? 1 : 2;
        width += gap + wc_grid_width(line->piece[i].text, ascii);
    }
    return width;
}

static void line_draw(struct wc_grid *grid, int row, int width, struct line *line)
{
    while (line->n > 1 && line_width(line, grid->ascii) > width) {
        int worst = 0;
        for (int i = 1; i < line->n; i++) {
            worst = line->piece[i].rank >= line->piece[worst].rank ? i : worst;
        }
        memmove(&line->piece[worst], &line->piece[worst + 1],
                (size_t)(line->n - worst - 1) * sizeof(line->piece[0]));
        line->n--;
    }
    int col = 0;
    for (int i = 0; i < line->n; i++) {
        const struct piece *piece = &line->piece[i];
        col += i == 0 ? 0 : piece->is_joined ? 1 : 2;
        col += wc_grid_text(grid, row, col, width - col, piece->style, piece->text);
    }
}

static void header_memory(const struct wc_view *view, struct line *line)
{
    double rss, growth, window;
    char text[WC_FORMAT_SIZE];

    if (wc_model_process(view->model, "rss", &rss)) {
        wc_format_bytes(text, rss);
        snprintf(line_piece(line, 1, WC_PLAIN)->text, PIECE_SIZE, "RSS %s", text);
    }
    if (!wc_model_process(view->model, "growth", &growth)) {
        return;
    }
    wc_format_growth(text, growth);
    enum wc_style style = growth >= 100e3 ? WC_WARN : WC_PLAIN;
    snprintf(line_piece(line, 2, style)->text, PIECE_SIZE, "%s", text);
    if (wc_model_process(view->model, "window", &window) && window > 0) {
        struct piece *piece = line_piece(line, 3, WC_LABEL);
        piece->is_joined = true;
        snprintf(piece->text, PIECE_SIZE,
                 view->layout->cols >= 100 ? "(window %.0f s)" : "(%.0f s)", window);
    }
}

static void header_load(const struct wc_view *view, struct line *line)
{
    double value, most;
    char text[WC_FORMAT_SIZE], limit[WC_FORMAT_SIZE];

    if (wc_model_process(view->model, "cpu_ratio", &value)) {
        snprintf(line_piece(line, 3, WC_PLAIN)->text, PIECE_SIZE, "CPU %.0f%%", value * 100);
    }
    if (wc_model_process(view->model, "threads", &value)) {
        wc_format_count(text, value);
        snprintf(line_piece(line, 7, WC_PLAIN)->text, PIECE_SIZE, "threads %s", text);
    }
    if (wc_model_process(view->model, "fds", &value)) {
        wc_format_count(text, value);
        bool has_limit = wc_model_process(view->model, "max_fds", &most) && most > 0;
        wc_format_count(limit, has_limit ? most : 0);
        struct piece *piece =
            line_piece(line, 8, has_limit && value >= 0.85 * most ? WC_WARN : WC_PLAIN);
        snprintf(piece->text, PIECE_SIZE, has_limit ? "fds %s/%s" : "fds %s", text, limit);
    }
}

/* weir 0.1.0  game[4821]  up 3d04h  RSS 812 MB  +1.20 MB/s (30 s)  CPU 212% ... 12:04:31 */
static void header_process(const struct wc_view *view)
{
    const Weir__V1__Description *description = view->model->description;
    struct line line = {.n = 0};
    char text[WC_FORMAT_SIZE], clock[WC_FORMAT_SIZE];
    double uptime;

    snprintf(line_piece(&line, 6, WC_LABEL)->text, PIECE_SIZE, "weir %s", WEIR_VERSION);
    if (description) {
        struct piece *piece = line_piece(&line, 0, WC_STRONG);
        snprintf(piece->text, PIECE_SIZE, "%.60s[%u]", description->name, description->pid);
        if (!description->pid) { /* of another runtime: its address identifies it */
            snprintf(piece->text, PIECE_SIZE, "%.20s %.70s", description->name,
                     description->grpc_address);
        }
    }
    if (wc_model_process(view->model, "uptime", &uptime)) {
        wc_format_uptime(text, uptime);
        snprintf(line_piece(&line, 4, WC_PLAIN)->text, PIECE_SIZE, "up %s", text);
    }
    header_memory(view, &line);
    header_load(view, &line);
    /* A recording has its own time. */
    const struct wc_picture *picture = wc_model_picture(view->model);
    bool is_past = view->model->is_frozen || view->model->playback.is_on;
    wc_format_clock(clock, is_past && picture->update ? picture->update->unix_nanos
                                                      : view->now_unix_nanos);
    int width = view->grid->cols - (int)strlen(clock) - 1;
    line_draw(view->grid, 0, width, &line);
    wc_grid_text(view->grid, 0, width + 1, (int)strlen(clock), WC_LABEL, clock);
}

/* The source of the count of rejects; an unknown one of a later server is shown as it is. */
static const char *rejects_source(const struct wc_view *view)
{
    const struct wc_rows *table =
        &wc_model_picture(view->model)->list[WEIR__V1__KIND__KIND_PROCESS];
    const char *source =
        table->table && table->table->n_rows > 0
            ? wc_model_text(view->model, table, table->table->rows[0], "rejects_source")
            : "";
    return strcmp(source, "counter") == 0               ? "the application's count"
           : strcmp(source, "channels+semaphores") == 0 ? "channels, semaphores"
                                                        : source;
}

static void header_rejects(const struct wc_view *view, struct line *line)
{
    double rejects, rate;
    char text[WC_FORMAT_SIZE], source[64];

    if (!wc_model_process(view->model, "rejects", &rejects)) {
        return;
    }
    bool has_rate = wc_model_process(view->model, "reject_rate", &rate);
    enum wc_style style = has_rate && rate > 0 ? WC_CRITICAL : WC_STRONG;

    wc_grid_clean(source, sizeof(source), rejects_source(view), view->grid->ascii);
    snprintf(line_piece(line, 1, WC_PLAIN)->text, PIECE_SIZE, "backpressure rejects");
    struct piece *piece = line_piece(line, 0, style);
    piece->is_joined = true;
    wc_format_whole(text, rejects);
    snprintf(piece->text, PIECE_SIZE, "%s", text);
    wc_format_rate(text, has_rate ? rate : 0);
    piece = line_piece(line, 0, has_rate && rate > 0 ? WC_CRITICAL : WC_PLAIN);
    snprintf(piece->text, PIECE_SIZE, "%s/s", has_rate ? text : "-");
    if (source[0]) {
        piece = line_piece(line, 4, WC_LABEL);
        piece->is_joined = true;
        snprintf(piece->text, PIECE_SIZE, "(%s)", source);
    }
}

/* " REPLAY 1:23/10:00 2x ", with the day where there is room. */
static void header_replay(const struct wc_view *view, char *to, size_t size)
{
    const struct wc_playback *playback = &view->model->playback;
    const struct wc_picture *picture = wc_model_picture(view->model);
    char position[WC_FORMAT_SIZE], length[WC_FORMAT_SIZE], day[16] = "";
    struct tm tm;
    time_t seconds = picture->update ? (time_t)(picture->update->unix_nanos / 1000000000) : 0;

    wc_format_position(position, playback->position);
    wc_format_position(length, playback->length);
    if (view->grid->cols >= 100 && seconds && localtime_r(&seconds, &tm)) {
        strftime(day, sizeof(day), " %Y-%m-%d", &tm);
    }
    snprintf(to, size, " REPLAY%s %.12s/%.12s %gx%s ", day, position, length, playback->speed,
             playback->is_at_end   ? " END"
             : playback->is_paused ? " STOPPED"
                                   : "");
}

/* The problem of the picture, for example that it is old; "" when there is none. */
static void header_banner(const struct wc_view *view, char *to, size_t size)
{
    const struct wc_model *model = view->model;
    char clock[WC_FORMAT_SIZE] = "", text[48] = "", replay[96] = "";
    double stale = wc_model_stale_seconds(model, view->now_nanos);

    wc_format_clock(clock, model->connection_unix_nanos);
    if (model->connection == WC_DEAD) {
        snprintf(text, sizeof(text), model->connection_unix_nanos ? " DEAD since %s " : " DEAD ",
                 clock);
    } else if (model->connection == WC_LOST) {
        snprintf(text, sizeof(text), " LOST: reconnecting ");
    } else if (model->connection == WC_CONNECTING) {
        snprintf(text, sizeof(text), " CONNECTING ");
    } else if (stale > 0) {
        snprintf(text, sizeof(text), " STALE %.0fs ", stale);
    }
    if (model->playback.is_on) {
        header_replay(view, replay, sizeof(replay));
    }
    snprintf(to, size, "%s%s%s", text, replay, model->is_frozen ? " PAUSED " : "");
}

static void header_state(const struct wc_view *view)
{
    const struct wc_picture *picture = wc_model_picture(view->model);
    struct line line = {.n = 0};
    char banner[160], text[WC_FORMAT_SIZE];

    header_rejects(view, &line);
    snprintf(line_piece(&line, 6, WC_LABEL)->text, PIECE_SIZE, "every %g s",
             view->ui->interval_millis / 1000.0);
    if (picture->update && picture->update->skipped > 0) {
        wc_format_count(text, (double)picture->update->skipped);
        snprintf(line_piece(&line, 3, WC_WARN)->text, PIECE_SIZE, "skipped %s", text);
    }
    if (view->ui->filter[0]) {
        snprintf(line_piece(&line, 2, WC_ACCENT)->text, PIECE_SIZE, "filter %.80s",
                 view->ui->filter);
    }
    header_banner(view, banner, sizeof(banner));
    int width = wc_grid_width(banner, view->grid->ascii);
    int col = view->grid->cols - width;
    line_draw(view->grid, 1, col - (width > 0 ? 1 : 0), &line);
    wc_grid_text(view->grid, 1, col, width, WC_CRITICAL, banner);
    wc_grid_flag(view->grid, 1, col, width, WC_REVERSE);
}

/* The room that the tabs take: with blanks around them, without, with short titles, without counts,
 * and at last with only their keys. */
enum fit { FIT_WIDE, FIT_CLOSE, FIT_SHORT, FIT_BARE, FIT_KEYS };

/* The worst warning of a tab. */
static enum wc_severity tab_severity(const struct wc_view *view, enum wc_tab tab)
{
    const struct wc_warning *worst = wc_model_warning(view->model, 0);
    if (tab != WC_TAB_WARNINGS) {
        return wc_model_severity_of_kind(view->model, wc_column_table(tab)->kind);
    }
    return worst ? worst->severity : WC_FINE;
}

/* Visible without colour, too. */
static bool tab_is_alarm(const struct wc_view *view, enum wc_tab tab)
{
    return tab_severity(view, tab) >= WC_WARNING;
}

/* The tab in use stands in brackets, so that it is visible without colour. */
static void tab_text(const struct wc_view *view, enum wc_tab tab, enum fit fit, char to[64])
{
    const struct wc_column_table *table = wc_column_table(tab);
    char count[WC_FORMAT_SIZE] = "", text[48];
    bool is_used = tab == view->ui->tab;

    if (!table->is_single && (is_used || fit <= FIT_SHORT || tab == WC_TAB_WARNINGS)) {
        wc_format_count(count, wc_ui_matching(view->model, tab));
        if (!wc_model_has_kind(view->model, table->kind)) {
            snprintf(count, sizeof(count), "-");
        }
    }
    const char *alarm = tab_is_alarm(view, tab) ? "!" : "";
    if (fit == FIT_KEYS && !is_used) {
        snprintf(text, sizeof(text), "%c%s", table->key, alarm);
    } else {
        snprintf(text, sizeof(text), "%c %.20s%s%.10s%s", table->key,
                 fit < FIT_SHORT || (is_used && fit == FIT_SHORT) ? table->title
                                                                  : table->short_title,
                 count[0] ? " " : "", count, alarm);
    }
    const char *format = is_used ? "[%s]" : fit == FIT_WIDE ? " %s " : " %s";
    snprintf(to, 64, format, text);
}

static int header_tab(const struct wc_view *view, enum wc_tab tab, int col, enum fit fit)
{
    char text[64];
    bool is_used = tab == view->ui->tab;
    int row = view->layout->tabs_row;
    enum wc_severity severity = tab_severity(view, tab);
    enum wc_style style = severity == WC_SEVERE    ? WC_CRITICAL
                          : severity == WC_WARNING ? WC_WARN
                          : is_used                ? WC_ACCENT
                                                   : WC_LABEL;

    tab_text(view, tab, fit, text);
    int width = wc_grid_text(view->grid, row, col, view->grid->cols - col, style, text);
    if (is_used) {
        wc_grid_flag(view->grid, row, col, width, WC_REVERSE);
    }
    return width;
}

static int header_tabs_width(const struct wc_view *view, enum fit fit)
{
    int width = 0;
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        char text[64];
        tab_text(view, (enum wc_tab)tab, fit, text);
        bool is_shown = wc_ui_tab_is_shown(view->ui, view->model, (enum wc_tab)tab);
        width += is_shown ? (int)strlen(text) : 0;
    }
    return width;
}

/* Which rows of the tab in use are shown, if not all are. */
static void position_text(const struct wc_view *view, char *to, size_t size)
{
    const struct wc_ui *ui = view->ui;
    uint32_t matching = wc_ui_matching(view->model, ui->tab);
    uint32_t total = wc_ui_total(view->model, ui->tab);
    int n_rows =
        view->layout->n_sections > 0 ? wc_layout_section(view->layout, ui->tab)->n_rows : 0;

    to[0] = '\0';
    if (n_rows > 0 && matching > (uint32_t)n_rows) {
        uint32_t top = ui->list[ui->tab].top;
        snprintf(to, size, " %u-%u of %u", top + 1, top + (uint32_t)n_rows, matching);
    } else if (matching < total) {
        snprintf(to, size, " %u of %u", matching, total);
    }
}

static void header_tabs(const struct wc_view *view)
{
    char position[64];
    enum fit fit = FIT_WIDE;
    int col = 0;

    position_text(view, position, sizeof(position));
    int room = view->grid->cols - (int)strlen(position);
    while (fit < FIT_BARE && header_tabs_width(view, fit) > room) {
        fit++;
    }
    if (header_tabs_width(view, fit) > room) {
        position[0] = '\0'; /* titles are more important */
        fit = header_tabs_width(view, fit) > view->grid->cols ? FIT_KEYS : fit;
    }
    for (int tab = 0; tab < WC_N_TABS; tab++) {
        if (wc_ui_tab_is_shown(view->ui, view->model, (enum wc_tab)tab)) {
            col += header_tab(view, (enum wc_tab)tab, col, fit);
        }
    }
    wc_grid_text_right(view->grid, view->layout->tabs_row, col, view->grid->cols - col, WC_LABEL,
                       position);
}

void wc_view_header(const struct wc_view *view)
{
    header_process(view);
    header_state(view);
    header_tabs(view);
}
