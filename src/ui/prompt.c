/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/prompt.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ui/glyph.h"
#include "ui/keys.h"

/* How addresses begin: Tab goes through those that begin as what was typed. */
static const char *const beginnings[] = {
    "guest ", "header", "L1[", "L2[", "snap ", "bitmap ", "rt ", "rb ", "cluster ", "end",
};

static void set_text(struct prompt *p, const char *text)
{
    snprintf(p->text, sizeof p->text, "%s", text);
    p->len = p->at = strlen(p->text);
}

void prompt_open(struct prompt *p, enum prompt_kind kind, const char *text, const char *hint)
{
    p->kind = kind;
    p->hint = hint;
    p->shown = -1;
    p->tab_len = 0;
    set_text(p, text);
}

static size_t before(const struct prompt *p)    /* start of the character left of `at` */
{
    size_t i = p->at;

    while (i > 0 && ((unsigned char)p->text[--i] & 0xc0) == 0x80)
        continue;
    return i;
}

static size_t after(const struct prompt *p)     /* end of the character at `at` */
{
    size_t i = p->at;

    if (i < p->len)
        i++;
    while (i < p->len && ((unsigned char)p->text[i] & 0xc0) == 0x80)
        i++;
    return i;
}

static void cut(struct prompt *p, size_t from, size_t to)
{
    memmove(p->text + from, p->text + to, p->len - to + 1);
    p->len -= to - from;
    p->at = from;
}

static void insert(struct prompt *p, uint32_t ch)
{
    char bytes[5];
    size_t n = glyph_encode(ch, bytes);

    if (glyph_width(ch) < 0 || p->len + n >= sizeof p->text)
        return;
    memmove(p->text + p->at + n, p->text + p->at, p->len - p->at + 1);
    memcpy(p->text + p->at, bytes, n);
    p->len += n;
    p->at += n;
}

static enum prompt_answer leave(struct prompt *p, enum prompt_answer answer)
{
    char (*list)[256] = p->entered[p->kind];
    int *n = &p->n_entered[p->kind];

    p->kind = PROMPT_CLOSED;
    if (answer == PROMPT_ENTERED && p->len > 0 && (*n == 0 || strcmp(list[0], p->text) != 0)) {
        memmove(list + 1, list, (PROMPT_HISTORY - 1) * sizeof *list);
        memcpy(list[0], p->text, sizeof *list);
        *n += *n < PROMPT_HISTORY;
    }
    return answer;
}

/* An older (dir > 0) or newer entry. */
static void step_history(struct prompt *p, int dir)
{
    int to = p->shown + dir;

    if (to < -1 || to >= p->n_entered[p->kind])
        return;
    p->shown = to;
    set_text(p, to < 0 ? "" : p->entered[p->kind][to]);
}

static void complete(struct prompt *p, size_t typed)
{
    const int n = sizeof beginnings / sizeof beginnings[0];

    if (p->kind != PROMPT_GOTO || typed > p->len)
        return;
    if (p->tab_len == 0)
        p->tab = -1;
    for (int i = 1; i <= n; i++) {
        int one = (p->tab + i) % n;

        if (strncasecmp(beginnings[one], p->text, typed) == 0) {
            set_text(p, beginnings[one]);
            p->tab = one;
            p->tab_len = typed;
            return;
        }
    }
}

enum prompt_answer prompt_key(struct prompt *p, uint32_t key)
{
    size_t typed = p->tab_len ? p->tab_len : p->len;
    size_t word;

    if (key == KEYCODE_TAB) {
        if (typed > 0)
            complete(p, typed);
        return PROMPT_GOES_ON;
    }
    p->tab_len = 0;
    switch (key) {
    case KEYCODE_ENTER:
        return leave(p, PROMPT_ENTERED);
    case KEYCODE_ESC:
        return leave(p, PROMPT_LEFT);
    case KEYCODE_BACKSPACE:
    case 'H' - '@':
        if (p->len == 0)
            return leave(p, PROMPT_LEFT);
        cut(p, before(p), p->at);
        break;
    case KEYCODE_DEL:
    case 'D' - '@':
        cut(p, p->at, after(p));
        break;
    case KEYCODE_LEFT:
    case 'B' - '@':
        p->at = before(p);
        break;
    case KEYCODE_RIGHT:
    case 'F' - '@':
        p->at = after(p);
        break;
    case KEYCODE_HOME:
    case 'A' - '@':
        p->at = 0;
        break;
    case KEYCODE_END:
    case 'E' - '@':
        p->at = p->len;
        break;
    case 'U' - '@':
        cut(p, 0, p->at);
        break;
    case 'K' - '@':
        p->text[p->at] = '\0';
        p->len = p->at;
        break;
    case 'W' - '@':
        for (word = p->at; word > 0 && p->text[word - 1] == ' '; word--)
            continue;
        for (; word > 0 && p->text[word - 1] != ' '; word--)
            continue;
        cut(p, word, p->at);
        break;
    case KEYCODE_UP:
    case 'P' - '@':
        step_history(p, 1);
        break;
    case KEYCODE_DOWN:
    case 'N' - '@':
        step_history(p, -1);
        break;
    default:
        if (key < KEYCODE_UP)
            insert(p, key);
    }
    return PROMPT_GOES_ON;
}

/* What stands before the text. */
static void label_of(const struct prompt *p, char *out, size_t cap)
{
    static const char *const labels[N_PROMPT_KINDS] = {
        [PROMPT_CLOSED] = "", [PROMPT_GOTO] = " go to: ", [PROMPT_SEARCH] = " search: ",
        [PROMPT_COMMAND] = " command: ", [PROMPT_NOTE] = " note: ",
        [PROMPT_BOOKMARK] = " bookmark: ",
    };

    if (p->kind == PROMPT_EDIT)
        snprintf(out, cap, " %s = ", p->label);
    else
        snprintf(out, cap, "%s", labels[p->kind]);
}

void prompt_draw(const struct prompt *p, const struct area *line)
{
    char label[sizeof p->label + 16];
    char head[sizeof p->text];
    int x = 0;
    struct area field;
    int cursor;
    int shift;

    label_of(p, label, sizeof label);
    if (line->w >= 24)
        x = draw_text(line, 0, 0, ROLE_PROMPT, label);
    field = area_part(line, 0, x, 1, -1);
    memcpy(head, p->text, p->at);
    head[p->at] = '\0';
    cursor = text_columns(line, head);
    shift = cursor >= field.w ? cursor - field.w + 1 : 0;
    draw_text(&field, 0, -shift, ROLE_TEXT, p->text);
    if (p->len == 0)
        draw_cut(&field, 0, 2, field.w - 2, ROLE_DIM, p->hint);
    else if (p->kind == PROMPT_EDIT && !shift)
        draw_cut(&field, 0, text_columns(line, p->text) + 2,
                 field.w - text_columns(line, p->text) - 2, ROLE_DIM, p->hint);
    draw_cursor(&field, 0, cursor - shift);
}
