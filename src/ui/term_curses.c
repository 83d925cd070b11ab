/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/term.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <curses.h>
#include <term.h>

#include "ui/glyph.h"
#include "ui/keys.h"
#include "ui/term_mouse.h"
#include "ui/term_signals.h"

#define PAIRS_MAX 1024

struct pair { int fg, bg; };

struct curses_term {
    struct terminal base;
    SCREEN *screen;
    FILE *in;                       /* standard input, or the terminal itself */
    enum theme_id theme;
    const struct theme_colours *colours;
    bool mouse;
    struct mouse_queue clicks;
    struct cell *drawn;             /* cells on the screen; NULL: draw everything */
    int rows, cols;                 /* of `drawn` */
    struct pair pair[PAIRS_MAX];    /* [0] is the terminal's default */
    int n_pairs, pairs_max;
};

static struct curses_term *self(struct terminal *t)
{
    return (struct curses_term *)t;
}

/* --- colours --- */

static int pair_of(struct curses_term *t, int fg, int bg)
{
    if (fg == COLOUR_DEFAULT && bg == COLOUR_DEFAULT)
        return 0;
    for (int i = 1; i < t->n_pairs; i++)
        if (t->pair[i].fg == fg && t->pair[i].bg == bg)
            return i;
    if (t->n_pairs >= t->pairs_max)
        return 0;                   /* glyphs still tell everything */
    if (init_extended_pair(t->n_pairs, fg < 0 ? -1 : fg & 0xffffff,
                           bg < 0 ? -1 : bg & 0xffffff) == ERR)
        return 0;
    t->pair[t->n_pairs] = (struct pair){ fg, bg };
    return t->n_pairs++;
}

static attr_t curses_attr(unsigned attr)
{
    return (attr & ATTR_BOLD ? A_BOLD : 0) | (attr & ATTR_DIM ? A_DIM : 0) |
           (attr & ATTR_REVERSE ? A_REVERSE : 0) |
           (attr & ATTR_UNDERLINE ? A_UNDERLINE : 0);
}

static enum depth depth_of_terminal(bool mono)
{
    if (mono || !has_colors() || start_color() == ERR || COLORS < 8)
        return DEPTH_MONO;
    use_default_colors();
    if (COLORS > 256)
        return DEPTH_DIRECT;
    return COLORS == 256 ? DEPTH_256 : COLORS >= 16 ? DEPTH_16 : DEPTH_8;
}

/* --- drawing --- */

/* Without colours, and in the theme without, a person's own mean nothing. */
static enum depth colour_depth(const struct curses_term *t)
{
    return t->theme == THEME_MONO ? DEPTH_MONO : t->base.depth;
}

static void put_cell(struct curses_term *t, int y, int x, const struct cell *c)
{
    wchar_t text[3] = { (wchar_t)c->ch, (wchar_t)c->mark, 0 };
    struct style s = theme_style(t->theme, t->base.depth, c->role);
    int pair;
    cchar_t out;

    s.attr |= c->attr;
    theme_colours_apply(t->colours, colour_depth(t), c->role, &s.fg);
    if (c->shade & 15)
        s.fg = theme_fill(t->theme, t->base.depth, c->role, c->shade & 15);
    if (c->back != NO_BACK)
        s.bg = theme_fill(t->theme, t->base.depth, c->back, c->shade >> 4);
    if (c->back != NO_BACK && !(c->shade >> 4))
        theme_colours_apply(t->colours, colour_depth(t), c->back, &s.bg);
    theme_on_field(t->base.depth, &s);
    pair = t->base.depth == DEPTH_MONO ? 0 : pair_of(t, s.fg, s.bg);
    if (setcchar(&out, text, curses_attr(s.attr), (short)pair, &pair) != ERR)
        mvadd_wch(y, x, &out);
}

static void term_present(struct terminal *base, const struct grid *g)
{
    struct curses_term *t = self(base);
    size_t n = (size_t)g->rows * (size_t)g->cols;
    bool all = !t->drawn || t->rows != g->rows || t->cols != g->cols;

    if (all) {
        free(t->drawn);
        t->drawn = calloc(n, sizeof *t->drawn);
        t->rows = g->rows;
        t->cols = g->cols;
        werase(stdscr);
    }
    for (int y = 0; y < g->rows; y++) {
        for (int x = 0; x < g->cols; x++) {
            const struct cell *c = grid_at(g, y, x);
            size_t at = (size_t)y * (size_t)g->cols + (size_t)x;

            if (!all && t->drawn && memcmp(c, &t->drawn[at], sizeof *c) == 0)
                continue;
            if (c->ch != 0)
                put_cell(t, y, x, c);
        }
    }
    if (t->drawn)
        memcpy(t->drawn, g->cell, n * sizeof *t->drawn);
    curs_set(g->cur_y >= 0 ? 1 : 0);
    if (g->cur_y >= 0)
        wmove(stdscr, g->cur_y, g->cur_x);
    wrefresh(stdscr);
}

static void term_repaint(struct terminal *base)
{
    struct curses_term *t = self(base);

    free(t->drawn);
    t->drawn = NULL;
    clearok(stdscr, TRUE);
}

static void term_set_theme(struct terminal *base, enum theme_id theme)
{
    struct curses_term *t = self(base);

    t->theme = theme;
    term_repaint(base);
}

static void term_set_mouse(struct terminal *base, bool on)
{
    self(base)->mouse = on;
    mouse_catch(on);
}

static void term_size(struct terminal *base, int *rows, int *cols)
{
    struct winsize ws;

    (void)base;
    *rows = LINES;
    *cols = COLS;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0 && ws.ws_col > 0) {
        *rows = ws.ws_row;
        *cols = ws.ws_col;
    }
}

static int64_t term_now(struct terminal *base)
{
    struct timespec ts;

    (void)base;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* --- events --- */

static const struct { int code; uint32_t key;
} special[] = {
    { KEY_UP, KEYCODE_UP },
    { KEY_DOWN, KEYCODE_DOWN },
    { KEY_LEFT, KEYCODE_LEFT },
    { KEY_RIGHT, KEYCODE_RIGHT },
    { KEY_PPAGE, KEYCODE_PGUP },
    { KEY_NPAGE, KEYCODE_PGDN },
    { KEY_HOME, KEYCODE_HOME },
    { KEY_END, KEYCODE_END },
    { KEY_FIND, KEYCODE_HOME },
    { KEY_SELECT, KEYCODE_END },
    { KEY_BTAB, KEYCODE_BACKTAB },
    { KEY_DC, KEYCODE_DEL },
    { KEY_IC, KEYCODE_INS },
    { KEY_ENTER, KEYCODE_ENTER },
    { KEY_BACKSPACE, KEYCODE_BACKSPACE },
};

/* Takes one key out of ncurses' buffer; false when there is none. */
static bool key_event(struct curses_term *t, struct event *out)
{
    wint_t code;

    switch (wget_wch(stdscr, &code)) {
    case ERR:
        return false;
    case KEY_CODE_YES:
        out->kind = EVENT_NONE;
        if (code == KEY_MOUSE) {
            mouse_fetch(&t->clicks);
            (void)mouse_next(&t->clicks, out);
            return true;
        }
        for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
            if (special[i].code == (int)code)
                *out = (struct event){ .kind = EVENT_KEY, .key = special[i].key };
        if (code >= KEY_F(1) && code <= KEY_F(12))
            *out =
                (struct event){ .kind = EVENT_KEY, .key = KEYCODE_F1 + code - KEY_F(1) };
        return true;
    default:
        *out = (struct event){ .kind = EVENT_KEY, .key = (uint32_t)code };
        if (code == '\r')
            out->key = KEYCODE_ENTER;
        return true;
    }
}

static void adopt_size(struct terminal *base, struct event *out)
{
    out->kind = EVENT_RESIZE;
    term_size(base, &out->y, &out->x);
    if (out->y != LINES || out->x != COLS)
        resize_term(out->y, out->x);
    term_repaint(base);
}

/* Has a signal come that the application must hear of? */
static bool signal_event(struct terminal *base, struct event *out)
{
    struct signals s = signals_take();

    if (s.end) {
        *out = (struct event){ .kind = EVENT_END, .signo = s.end };
        return true;
    }
    if (s.stop) {
        endwin();
        signals_stop_self();
        signals_take();                 /* the SIGCONT of it */
        s.resumed = true;
    }
    if (s.resumed) {
        reset_prog_mode();
        term_set_mouse(base, self(base)->mouse);
    }
    if (s.resumed || s.resized) {
        adopt_size(base, out);
        return true;
    }
    return false;
}

static void term_next(struct terminal *base, const int *wake, int n_wake, int timeout_ms,
                      struct event *out)
{
    struct pollfd fds[1 + WAKE_MAX] = { { fileno(self(base)->in), POLLIN, 0 } };
    int waiting = 0;
    int n;

    *out = (struct event){ .kind = EVENT_NONE };
    if (signal_event(base, out) || mouse_next(&self(base)->clicks, out) ||
        key_event(self(base), out))
        return;
    for (int i = 0; i < n_wake; i++)
        fds[1 + i] = (struct pollfd){ wake[i], POLLIN, 0 };
    n = signals_wait(fds, 1 + n_wake, timeout_ms);
    if (n < 0 && errno != EINTR) {
        out->kind = EVENT_END;
        return;
    }
    if (signal_event(base, out) || n < 0)
        return;
    if (n == 0) {
        out->kind = EVENT_TICK;
        return;
    }
    if (fds[0].revents & POLLIN) {
        if (ioctl(fds[0].fd, FIONREAD, &waiting) != 0 || waiting == 0)
            out->kind = EVENT_END;      /* end of file, or the terminal is gone */
        else
            key_event(self(base), out);
    } else if (fds[0].revents) {
        out->kind = EVENT_END;
    } else {
        out->kind = EVENT_WAKE;
    }
}

/* --- open and close --- */

static void free_term(struct curses_term *t)
{
    if (t->in && t->in != stdin)
        fclose(t->in);
    free(t->drawn);
    free(t);
}

static void term_close(struct terminal *base)
{
    struct curses_term *t = self(base);

    mousemask(0, NULL);
    endwin();
    delscreen(t->screen);
    signals_restore();
    free_term(t);
}

static void term_copy(struct terminal *base, const char *text)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)text;
    size_t left = strlen(text);

    (void)base;
    fputs("\033]52;c;", stdout);
    for (; left > 0; left -= left < 3 ? left : 3, p += 3) {
        uint32_t v = (uint32_t)p[0] << 16 | (left > 1 ? (uint32_t)p[1] << 8 : 0) |
                     (left > 2 ? p[2] : 0);

        putchar(digits[v >> 18]);
        putchar(digits[v >> 12 & 63]);
        putchar(left > 1 ? digits[v >> 6 & 63] : '=');
        putchar(left > 2 ? digits[v & 63] : '=');
    }
    fputs("\033\\", stdout);
    fflush(stdout);
}

static const struct term_ops curses_ops = {
    .size = term_size,
    .next = term_next,
    .present = term_present,
    .repaint = term_repaint,
    .set_theme = term_set_theme,
    .copy = term_copy,
    .set_mouse = term_set_mouse,
    .now_ms = term_now,
    .close = term_close,
};

static const char *capability(const char *name)
{
    const char *text = tigetstr(name);

    return text == (const char *)-1 ? NULL : text;
}

/* Before the terminal is touched: its modes as they are, and how to undo ours. */
static void prepare_for_crash(void)
{
    const char *const undo[] = {
        capability("rmcup"),
        capability("sgr0"),
        capability("op"),
        capability("cnorm"),
        capability("rmkx"),
        capability("XM") || capability("kmous") ? "\033[?1000l" : NULL,
        "\r\n",
    };

    signals_on_crash(STDOUT_FILENO, undo, sizeof undo / sizeof undo[0]);
}

/* Asks terminfo what this terminal is, and remembers how to undo what we do to it. */
static bool look_up_terminal(const char *name, struct error *err)
{
    bool ok = false;
    int status;

    if (setupterm(NULL, STDOUT_FILENO, &status) == ERR)
        return err_set(err, ERR_USAGE, "TERM is \"%.40s\": no such terminal is known",
                       name);
    if (capability("cup") && capability("clear")) {
        prepare_for_crash();
        ok = true;
    } else {
        err_set(err, ERR_USAGE, "a \"%.40s\" terminal cannot place the cursor", name);
    }
    del_curterm(cur_term);          /* newterm() makes its own */
    return ok;
}

/* The terminal, to read keys from. A description of its own that does not block: ncurses
 * waits for the rest of a mouse report, for ever where it was cut short. */
static FILE *open_keys(void)
{
    const char *name = isatty(STDIN_FILENO) ? ttyname(STDIN_FILENO) : "/dev/tty";
    int fd = name ? open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;

    if (!f && fd >= 0)
        close(fd);
    return f ? f : isatty(STDIN_FILENO) ? stdin : NULL;
}

bool term_open(bool ascii, bool mono, enum theme_id theme, const struct theme_colours *colours,
               struct terminal **out, struct error *err)
{
    struct curses_term *t;
    const char *name = getenv("TERM");

    if (!name || !*name)
        return err_set(err, ERR_USAGE, "TERM is not set: the terminal is unknown");
    if (!look_up_terminal(name, err))
        return false;
    t = calloc(1, sizeof *t);
    if (!t)
        return err_set(err, ERR_NOMEM, "out of memory");
    t->colours = colours;
    t->in = open_keys();
    if (!t->in) {
        free_term(t);
        return err_set(err, ERR_USAGE, "there is no terminal to read keys from");
    }
    signals_install();
    t->screen = newterm(NULL, stdout, t->in);
    if (!t->screen) {
        signals_restore();
        free_term(t);
        return err_set(err, ERR_USAGE, "cannot use this \"%.40s\" terminal", name);
    }
    set_escdelay(50);
    cbreak();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    idlok(stdscr, FALSE);
    /* A frame is written whole: nothing looks for keys in between, and ncurses flushes after
     * each move of the cursor until the screen has been left and entered once. */
    typeahead(-1);
    endwin();
    t->base.ops = &curses_ops;
    t->base.depth = depth_of_terminal(mono);
    t->base.ascii = ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    t->theme = theme;
    t->n_pairs = 1;
    t->pairs_max = COLOR_PAIRS < PAIRS_MAX ? COLOR_PAIRS : PAIRS_MAX;
    *out = &t->base;
    return true;
}
