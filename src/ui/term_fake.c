/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/term_fake.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/glyph.h"
#include "ui/keys.h"

struct fake {
    struct terminal base;
    char copied[1024];              /* what was copied last */
    struct fake_options opt;
    const char *at;                 /* next word of the script */
    char text[256];                 /* of a type: word */
    const char *typing;             /* rest of it; NULL: none */
    struct grid last;               /* copy of the screen presented last */
    int64_t now;
};

static struct fake *self(struct terminal *t)
{
    return (struct fake *)t;
}

static void fake_size(struct terminal *t, int *rows, int *cols)
{
    *rows = self(t)->opt.rows;
    *cols = self(t)->opt.cols;
}

static void fake_present(struct terminal *t, const struct grid *g)
{
    struct grid *last = &self(t)->last;

    if (!last->cell || last->rows != g->rows || last->cols != g->cols)
        grid_resize(last, g->rows, g->cols);
    memcpy(last->cell, g->cell, (size_t)g->rows * (size_t)g->cols * sizeof *g->cell);
    last->cur_y = g->cur_y;
    last->cur_x = g->cur_x;
    last->ascii = g->ascii;
}

/* The argument of a word "name:argument"; NULL when the word is another. */
static const char *argument(const char *word, const char *name)
{
    size_t n = strlen(name);

    return strncmp(word, name, n) == 0 && word[n] == ':' ? word + n + 1 : NULL;
}

static bool typed(struct fake *t, struct event *out)
{
    uint32_t ch;

    if (!t->typing)
        return false;
    ch = glyph_next(&t->typing);
    if (ch == 0) {
        t->typing = NULL;
        return false;
    }
    *out = (struct event){ .kind = EVENT_KEY, .key = ch == '_' ? ' ' : ch };
    return true;
}

/* Waits for work that goes on; all has ended when nobody gives a descriptor any more. */
static bool awaited(const int *wake, int n_wake, struct event *out)
{
    struct pollfd fd[WAKE_MAX];

    if (n_wake == 0)
        return false;
    for (int i = 0; i < n_wake; i++)
        fd[i] = (struct pollfd){ wake[i], POLLIN, 0 };
    if (poll(fd, (nfds_t)n_wake, -1) > 0)
        out->kind = EVENT_WAKE;
    return true;
}

/* Carries out one word; false when it is no event and the next word must be read. */
static bool play(struct fake *t, const char *word, const int *wake, int n_wake,
                 struct event *out)
{
    const char *arg;

    if (strcmp(word, "wait") == 0) {
        if (!awaited(wake, n_wake, out))
            return false;
        t->at -= 4;                 /* until there is nothing left to wait for */
        return true;
    }
    if (strcmp(word, "tick") == 0) {
        out->kind = EVENT_TICK;
    } else if ((arg = argument(word, "shot"))) {
        t->opt.shot(t->opt.arg, arg, &t->last);
        return false;
    } else if ((arg = argument(word, "copied"))) {
        t->opt.copied(t->opt.arg, arg, t->copied);
        return false;
    } else if ((arg = argument(word, "time"))) {
        t->now += atoi(arg);
        return false;
    } else if ((arg = argument(word, "type"))) {
        snprintf(t->text, sizeof t->text, "%s", arg);
        t->typing = t->text;
        return typed(t, out);
    } else if ((arg = argument(word, "size"))) {
        out->kind = EVENT_RESIZE;
        if (sscanf(arg, "%dx%d", &out->x, &out->y) != 2)
            assert(!"size:COLUMNSxROWS");
        t->opt.rows = out->y;
        t->opt.cols = out->x;
    } else if ((arg = argument(word, "click")) || (arg = argument(word, "double"))) {
        out->kind = EVENT_CLICK;
        out->count = word[0] == 'd' ? 2 : 1;
        if (sscanf(arg, "%d,%d", &out->y, &out->x) != 2)
            assert(!"click:Y,X");
    } else if ((arg = argument(word, "wheel"))) {
        out->kind = EVENT_WHEEL;
        if (sscanf(arg, "%d,%d,%d", &out->count, &out->y, &out->x) < 1)
            assert(!"wheel:N[,Y,X]");
    } else if ((arg = argument(word, "signal"))) {
        out->kind = EVENT_END;
        out->signo = atoi(arg);
    } else {
        *out = (struct event){ .kind = EVENT_KEY, .key = key_code(word, strlen(word)) };
        assert(out->key != 0);
    }
    return true;
}

static void fake_next(struct terminal *base, const int *wake, int n_wake, int timeout_ms,
                      struct event *out)
{
    struct fake *t = self(base);
    char word[256];

    (void)timeout_ms;
    *out = (struct event){ .kind = EVENT_NONE };
    if (typed(t, out))
        return;
    for (;;) {
        size_t len;

        t->at += strspn(t->at, " \n");
        len = strcspn(t->at, " \n");
        assert(len < sizeof word);
        if (len == 0) {
            out->kind = EVENT_END;
            return;
        }
        memcpy(word, t->at, len);
        word[len] = '\0';
        t->at += len;
        if (play(t, word, wake, n_wake, out))
            return;
    }
}

static void fake_nothing(struct terminal *t)
{
    (void)t;
}

static void fake_copy(struct terminal *base, const char *text)
{
    snprintf(self(base)->copied, sizeof self(base)->copied, "%s", text);
}

static void fake_set_theme(struct terminal *t, enum theme_id theme)
{
    (void)t;
    (void)theme;
}

static void fake_set_mouse(struct terminal *t, bool on)
{
    (void)t;
    (void)on;
}

static int64_t fake_now(struct terminal *t)
{
    return ++self(t)->now;
}

static void fake_close(struct terminal *t)
{
    grid_free(&self(t)->last);
    free(t);
}

static const struct term_ops fake_ops = {
    .size = fake_size,
    .next = fake_next,
    .present = fake_present,
    .repaint = fake_nothing,
    .set_theme = fake_set_theme,
    .copy = fake_copy,
    .set_mouse = fake_set_mouse,
    .now_ms = fake_now,
    .close = fake_close,
};

struct terminal *term_fake_open(const struct fake_options *opt)
{
    struct fake *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->base = (struct terminal){ &fake_ops, opt->depth, opt->ascii };
    t->opt = *opt;
    t->at = opt->script;
    return &t->base;
}

/* --- screens as text --- */

static bool same_look(const struct cell *a, const struct cell *b)
{
    return a->role == b->role && a->back == b->back && a->attr == b->attr &&
           a->shade == b->shade;
}

static void dump_look(const struct cell *c, int from, int to, struct buf *out)
{
    static const char *const attr[] = { "bold", "dim", "reverse", "underline" };
    char name[32];

    buf_printf(out, " %s", role_name(c->role, name));
    if (c->shade & 15)
        buf_printf(out, "~%d", c->shade & 15);
    if (c->back != NO_BACK)
        buf_printf(out, "/%s", role_name(c->back, name));
    if (c->shade >> 4)
        buf_printf(out, "~%d", c->shade >> 4);
    for (int i = 0; i < 4; i++)
        if (c->attr & 1u << i)
            buf_printf(out, "+%s", attr[i]);
    buf_printf(out, " %d-%d", from, to);
}

static void dump_roles(const struct grid *g, int y, struct buf *out)
{
    static const struct cell plain = { ' ', 0, ROLE_TEXT, NO_BACK, 0, 0 };
    const char *sep = "    ";

    for (int x = 0; x < g->cols;) {
        const struct cell *c = grid_at(g, y, x);
        int end = x;

        while (end + 1 < g->cols && same_look(grid_at(g, y, end + 1), c))
            end++;
        if (!same_look(c, &plain)) {
            buf_puts(out, sep);
            dump_look(c, x, end, out);
            sep = ",";
        }
        x = end + 1;
    }
    if (*sep == ',')
        buf_putc(out, '\n');
}

void grid_dump(const struct grid *g, bool roles, struct buf *out)
{
    buf_printf(out, "%dx%d", g->cols, g->rows);
    if (g->cur_y >= 0)
        buf_printf(out, " cursor %d,%d", g->cur_y, g->cur_x);
    buf_putc(out, '\n');
    for (int y = 0; y < g->rows; y++) {
        int end = g->cols;

        while (end > 0 && grid_at(g, y, end - 1)->ch == ' ')
            end--;
        buf_putc(out, '|');
        for (int x = 0; x < end; x++) {
            const struct cell *c = grid_at(g, y, x);
            char bytes[5];

            if (c->ch == 0)
                continue;
            buf_add(out, bytes, glyph_encode(c->ch, bytes));
            if (c->mark)
                buf_add(out, bytes, glyph_encode(c->mark, bytes));
        }
        buf_putc(out, '\n');
        if (roles)
            dump_roles(g, y, out);
    }
}
