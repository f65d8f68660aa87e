/* SPDX-License-Identifier: MIT */
/*
 * ncurses, and the ways out of it.
 *
 * The terminal's modes and its restoring strings are read before the screen begins. However the
 * program ends, they are written back: at the normal end through ncurses; after a crash by a
 * handler that only calls tcsetattr and write, and then lets the signal do what it does by default.
 * All other signals come through a signalfd, so that nothing else runs inside a handler; Ctrl-Z
 * restores the terminal, stops, and draws again.
 *
 * A grid is shown by writing only the cells that differ from the last one. Sequences that a
 * terminal sends unasked go through input/escape.c first. A terminal that this machine's terminfo
 * does not know is drawn as one that it resembles (resemble.c). The state is one static struct:
 * there is one terminal. The console's one thread.
 */
#include "term/term.h"

#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "input/escape.h"
#include "input/key.h"
#include "weir/expect.h"
#include "weir/nanos.h"
#include "term/curses.h"
#include "term/resemble.h"

#define ESCAPE_MILLIS 25
#define RESTORE_SIZE  256

static struct {
    bool is_started;
    SCREEN *screen;
    int signal_fd;
    sigset_t mask_before;
    struct termios modes_before;
    char restore[RESTORE_SIZE]; /* the strings that a crash writes */
    size_t restore_length;
    struct wc_escape escape;
    char notice[256];
    struct wc_cell *shown; /* the grid that is on the screen */
    int shown_rows, shown_cols;
} term;

static const struct wc_curses *curses; /* from wc_term_check on */

static const int crashes[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
#define N_CRASHES (sizeof(crashes) / sizeof(crashes[0]))

/* Async-signal-safe: the modes and the strings, then the signal's own action. */
static void term_crash(int signal)
{
    ssize_t written = write(STDOUT_FILENO, term.restore, term.restore_length);
    (void)written;
    tcsetattr(STDIN_FILENO, TCSANOW, &term.modes_before);
    if (isatty(STDERR_FILENO)) { /* an assertion's line has gone with the screen */
        written = write(STDERR_FILENO, wi_expect_line(), strlen(wi_expect_line()));
    }
    raise(signal); /* SA_RESETHAND: this time the default action */
}

static void term_add_restore(const char *capability)
{
    const char *text = curses->tigetstr(capability);
    if (!text || text == (const char *)-1) {
        return;
    }
    size_t length = strlen(text);
    if (term.restore_length + length <= sizeof(term.restore)) {
        memcpy(term.restore + term.restore_length, text, length);
        term.restore_length += length;
    }
}

/* From here on a crash restores the terminal. */
static void term_guard_crashes(void)
{
    struct sigaction action = {.sa_handler = term_crash, .sa_flags = (int)SA_RESETHAND};

    term.restore_length = 0;
    term_add_restore("sgr0");
    term_add_restore("rmcup");
    term_add_restore("rmkx");
    term_add_restore("cnorm");
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < N_CRASHES; i++) {
        sigaction(crashes[i], &action, NULL);
    }
}

static void term_take_signals(void)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    sigaddset(&mask, SIGQUIT);
    sigaddset(&mask, SIGTSTP);
    sigaddset(&mask, SIGCONT);
    sigaddset(&mask, SIGWINCH);
    sigprocmask(SIG_BLOCK, &mask, &term.mask_before);
    term.signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool wc_term_is_unicode(void)
{
    const char *name = getenv("TERM");
    bool is_plain = !name || strcmp(name, "linux") == 0 || strcmp(name, "dumb") == 0 ||
                    strncmp(name, "vt1", 3) == 0 || strncmp(name, "vt2", 3) == 0;
    return !is_plain && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* NO_COLOR overrides the terminal's abilities, --color overrides both. */
static bool term_wants_color(enum wc_color color)
{
    const char *no_color = getenv("NO_COLOR");
    if (color == WC_COLOR_AUTO && no_color && *no_color) {
        return false;
    }
    return color != WC_COLOR_NEVER && curses->has_colors();
}

static short term_colors[WC_N_STYLES];

static void term_start_colors(enum wc_color color)
{
    memset(term_colors, 0, sizeof(term_colors));
    if (!term_wants_color(color) || curses->start_color() == ERR) {
        return;
    }
    bool has_default = curses->use_default_colors() == OK;
    int n_colors = curses->tigetnum("colors");
    short background = has_default ? -1 : COLOR_BLACK;
    const short foreground[WC_N_STYLES] = {
        [WC_ACCENT] = COLOR_CYAN, [WC_HEADING] = COLOR_CYAN, [WC_GOOD] = COLOR_GREEN,
        [WC_WARN] = COLOR_YELLOW, [WC_CRITICAL] = COLOR_RED, [WC_GRAPH] = COLOR_CYAN,
    };
    for (short style = 0; style < WC_N_STYLES; style++) {
        bool is_bright = style == WC_GRAPH && n_colors >= 256;
        if (foreground[style] &&
            curses->init_pair(style + 1, is_bright ? 75 : foreground[style], background) == OK) {
            term_colors[style] = style + 1;
        }
    }
}

static bool term_is_known(const char *name)
{
    int problem = 0;
    if (curses->setupterm(name, STDOUT_FILENO, &problem) != OK) {
        return false;
    }
    const char *cursor = curses->tigetstr("cup");
    bool has_cursor = cursor && cursor != (const char *)-1;
    curses->del_curterm(curses->set_curterm(NULL));
    return has_cursor;
}

/* Whether the screen can be drawn on the terminal, or on a similar one; TERM then names that one. */
static bool term_choose_name(const char *name)
{
    char like[WC_RESEMBLE_MAX];
    if (term_is_known(name)) {
        return true;
    }
    for (unsigned i = 0; wc_resemble(name, i, like); i++) {
        if (term_is_known(like) && setenv("TERM", like, 1) == 0) {
            char clean[64];
            wc_text_clean(name, clean, sizeof(clean));
            snprintf(term.notice, sizeof(term.notice),
                     "this machine does not know the terminal \"%s\": drawing for \"%s\"", clean,
                     like);
            return true;
        }
    }
    return false;
}

const char *wc_term_notice(void)
{
    return term.notice;
}

enum wc_status wc_term_check(struct wc_error *ret_error)
{
    const char *name = getenv("TERM");

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        return wc_error_set(ret_error, WC_USAGE,
                            "the screen needs a terminal: `weir snapshot` and `weir subscribe` "
                            "write to files and pipes");
    }
    curses = wc_curses_load(ret_error);
    if (!curses) {
        return WC_USAGE;
    }
    if (!name || !name[0] || !term_choose_name(name)) {
        return wc_error_set(ret_error, WC_USAGE,
                            "the terminal \"%s\" cannot show a screen: set TERM, for example "
                            "TERM=xterm, or use `weir snapshot`",
                            name ? name : "");
    }
    return WC_OK;
}

/* The kernel's size overrides COLUMNS and LINES, which a shell may have exported long ago. If the
 * kernel has none, as on a serial line, they count. */
static void term_choose_size(void)
{
    struct winsize size;
    bool has_size = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col;
    curses->use_env(!has_size);
    curses->use_tioctl(TRUE);
}

enum wc_status wc_term_start(enum wc_color color, struct wc_error *ret_error)
{
    enum wc_status code = wc_term_check(ret_error);

    if (code != WC_OK || tcgetattr(STDIN_FILENO, &term.modes_before) != 0) {
        return code != WC_OK ? code
                             : wc_error_set(ret_error, WC_USAGE, "the terminal has no modes");
    }
    term_take_signals();
    term_choose_size();
    term.screen = curses->newterm(NULL, stdout, stdin);
    if (!term.screen) {
        close(term.signal_fd);
        sigprocmask(SIG_SETMASK, &term.mask_before, NULL);
        return wc_error_set(ret_error, WC_USAGE,
                            "the terminal cannot show a screen: set TERM, or use `weir snapshot`");
    }
    term.is_started = true;
    atexit(wc_term_stop);
    term_guard_crashes();
    curses->cbreak();
    curses->noecho();
    curses->nonl();
    curses->nodelay(*curses->screen, TRUE);
    curses->keypad(*curses->screen, TRUE);
    curses->set_escdelay(ESCAPE_MILLIS);
    curses->define_key(NULL, KEY_MOUSE); /* input/escape.c takes its reports whole */
    curses->curs_set(0);
    term_start_colors(color);
    return WC_OK;
}

void wc_term_stop(void)
{
    if (!term.is_started) {
        return;
    }
    term.is_started = false;
    curses->endwin();
    curses->delscreen(term.screen);
    term.screen = NULL;
    free(term.shown);
    term.shown = NULL;
    close(term.signal_fd);
    sigprocmask(SIG_SETMASK, &term.mask_before, NULL);
    for (size_t i = 0; i < N_CRASHES; i++) {
        signal(crashes[i], SIG_DFL);
    }
}

void wc_term_size(int *ret_rows, int *ret_cols)
{
    *ret_rows = curses->getmaxy(*curses->screen);
    *ret_cols = curses->getmaxx(*curses->screen);
}

static attr_t term_attributes(const struct wc_cell *cell)
{
    static const attr_t attributes[WC_N_STYLES] = {
        [WC_LABEL] = A_DIM,      [WC_STRONG] = A_BOLD,   [WC_ACCENT] = A_BOLD,
        [WC_HEADING] = A_NORMAL, [WC_CRITICAL] = A_BOLD, [WC_WARN] = A_BOLD,
    };
    attr_t attribute = attributes[cell->style];
    if (cell->style == WC_HEADING) {
        attribute = A_UNDERLINE;
    }
    if (cell->flags & WC_REVERSE) {
        attribute = (attribute & ~(attr_t)A_DIM) | A_REVERSE;
    }
    return attribute;
}

static void term_put(int row, int col, const struct wc_cell *cell)
{
    wchar_t text[WC_CELL_MARKS + 2] = {(wchar_t)cell->ch};
    cchar_t out;
    if (cell->ch == 0) {
        return; /* the character to the left covers it */
    }
    for (int i = 0; i < WC_CELL_MARKS; i++) {
        text[i + 1] = (wchar_t)cell->marks[i];
    }
    if (curses->setcchar(&out, text, term_attributes(cell), term_colors[cell->style], NULL) == OK) {
        curses->mvwadd_wch(*curses->screen, row, col, &out);
    }
}

/* Whether a cell is on the screen as it is. */
static bool term_has(int at, const struct wc_cell *cell)
{
    const struct wc_cell *shown = &term.shown[at];
    return shown->ch == cell->ch && shown->style == cell->style && shown->flags == cell->flags &&
           memcmp(shown->marks, cell->marks, sizeof(cell->marks)) == 0;
}

void wc_term_show(const struct wc_grid *grid)
{
    int n = grid->rows * grid->cols;
    bool is_new = !term.shown || term.shown_rows != grid->rows || term.shown_cols != grid->cols;
    bool is_changed = is_new;

    if (is_new) {
        free(term.shown);
        term.shown = wc_alloc((size_t)n * sizeof(*term.shown));
        term.shown_rows = grid->rows;
        term.shown_cols = grid->cols;
        curses->werase(*curses->screen);
    }
    for (int i = 0; i < n; i++) {
        /* A wide character and its right half are written together. */
        bool is_pair = i + 1 < n && grid->cells[i + 1].ch == 0;
        if (is_new || !term_has(i, &grid->cells[i]) ||
            (is_pair && !term_has(i + 1, &grid->cells[i + 1]))) {
            term_put(i / grid->cols, i % grid->cols, &grid->cells[i]);
            is_changed = true;
        }
    }
    if (is_changed) {
        memcpy(term.shown, grid->cells, (size_t)n * sizeof(*term.shown));
        curses->wrefresh(*curses->screen);
    }
}

int wc_term_key_fd(void)
{
    return STDIN_FILENO;
}

int wc_term_signal_fd(void)
{
    return term.signal_fd;
}

/* Reads the size from the kernel again; everything is drawn again. */
static void term_resize(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
        curses->resizeterm(size.ws_row, size.ws_col);
    }
    free(term.shown);
    term.shown = NULL;
    curses->clearok(*curses->screen, TRUE);
}

/* Ctrl-Z: the shell gets its terminal as it was. SIGCONT resumes the screen. */
static void term_suspend(void)
{
    curses->def_prog_mode();
    curses->endwin();
    kill(getpid(), SIGSTOP);
    curses->reset_prog_mode();
    term_resize();
    curses->wrefresh(*curses->screen);
}

static enum wc_term_event term_take_signal(void)
{
    struct signalfd_siginfo info;
    if (read(term.signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return WC_TERM_NONE;
    }
    switch (info.ssi_signo) {
    case SIGTSTP:
        term_suspend();
        return WC_TERM_RESIZED;
    case SIGCONT:
    case SIGWINCH:
        term_resize();
        return WC_TERM_RESIZED;
    default:
        return WC_TERM_TOLD;
    }
}

static uint32_t term_function_key(wint_t key)
{
    static const struct {
        wint_t code;
        uint32_t key;
    } keys[] = {
        {KEY_UP, WC_KEY_UP},
        {KEY_DOWN, WC_KEY_DOWN},
        {KEY_LEFT, WC_KEY_LEFT},
        {KEY_RIGHT, WC_KEY_RIGHT},
        {KEY_PPAGE, WC_KEY_PAGE_UP},
        {KEY_NPAGE, WC_KEY_PAGE_DOWN},
        {KEY_HOME, WC_KEY_HOME},
        {KEY_END, WC_KEY_END},
        {KEY_BTAB, WC_KEY_BACK_TAB},
        {KEY_ENTER, WC_KEY_ENTER},
        {KEY_BACKSPACE, WC_KEY_BACKSPACE},
        {KEY_F(1), WC_KEY_F1},
        {KEY_F(3), WC_KEY_F3},
        {KEY_F(4), WC_KEY_F4},
        {KEY_F(10), WC_KEY_F10},
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (keys[i].code == key) {
            return keys[i].key;
        }
    }
    return WC_KEY_NONE;
}

/* ESC has been read: either a key, or the start of a sequence that ncurses does not know. Returns
 * whether it is the key. */
static bool term_take_escape(void)
{
    wint_t next;
    int type = curses->wget_wch(*curses->screen, &next);
    if (type == OK && wc_escape_take(&term.escape, next, true, wi_nanos(CLOCK_MONOTONIC))) {
        return false;
    }
    if (type != ERR) {
        (void)(type == OK ? curses->unget_wch((wchar_t)next) : curses->ungetch((int)next));
    } else if (wc_escape_take(&term.escape, WC_KEY_ESCAPE, false, wi_nanos(CLOCK_MONOTONIC))) {
        return false;
    } else {
        wc_escape_alone(&term.escape, wi_nanos(CLOCK_MONOTONIC));
    }
    return true;
}

enum wc_term_event wc_term_take(uint32_t *ret_key)
{
    enum wc_term_event event = term_take_signal();
    if (event != WC_TERM_NONE) {
        return event;
    }
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    wint_t key;
    int type;
    while ((type = curses->wget_wch(*curses->screen, &key)) != ERR) {
        if (type == KEY_CODE_YES && key == KEY_RESIZE) {
            return WC_TERM_RESIZED;
        }
        bool is_key = type == KEY_CODE_YES ? term_function_key(key) != WC_KEY_NONE
                      : key == WC_KEY_ESCAPE
                          ? term_take_escape()
                          : !wc_escape_take(&term.escape, key, false, wi_nanos(CLOCK_MONOTONIC));
        if (is_key) {
            *ret_key = type == KEY_CODE_YES ? term_function_key(key)
                       : key == '\r'        ? WC_KEY_ENTER
                                            : (uint32_t)key;
            return WC_TERM_KEY;
        }
    }
    /* There is nothing to read although the terminal is reported as readable: it is gone. */
    bool is_gone = poll(&input, 1, 0) > 0 && (input.revents & (POLLHUP | POLLERR | POLLNVAL));
    return is_gone ? WC_TERM_HUNG_UP : WC_TERM_NONE;
}
