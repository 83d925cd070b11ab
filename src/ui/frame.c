/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/frame.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ui/outcome.h"
#include "ui/where.h"

/* Rows of the frame for a screen of this height; the body keeps at least one. */
struct rows { bool title, tabs, place, hints; };

static struct rows rows_of(int h)
{
    return (struct rows){ h >= 6, h >= 4, h >= 3, h >= 2 };
}

struct area frame_body(const struct area *screen)
{
    struct rows r = rows_of(screen->h);

    return area_part(screen, r.title + r.tabs, 0,
                     screen->h - r.title - r.tabs - r.place - r.hints, -1);
}

/* What has changed since the scan before, as facts_text(). */
static void news_text(const struct ui *ui, int level, struct buf *out)
{
    const struct difference *d = ui->news;
    uint64_t size = ui->img->geo.file_size, was = ui->size_before;
    uint64_t changed = 0;
    struct problem_change sum = { 0, 0, 0 };
    char text[TEXT_NUM], n[TEXT_NUM];

    for (int k = 0; k < N_HOST_CHANGES; k++)
        changed += d->host_clusters[k];
    for (int k = 0; k < N_PROBLEMS; k++) {
        if (problem_info((enum problem_kind)k)->severity == SEV_NOTE)
            continue;
        sum.added += d->problem[k].added;
        sum.gone += d->problem[k].gone;
        sum.same += d->problem[k].same;
    }
    buf_printf(out, "   %c%s", size < was ? '-' : '+',
               text_size(text, size < was ? was - size : size - was));
    if (d->hosts)
        buf_printf(out, " \u00b7 %s%s changed", text_group(n, changed),
                   level ? "" : changed == 1 ? " cluster" : " clusters");
    else
        buf_puts(out, " \u00b7 clusters of another size");
    if (sum.added || sum.same || sum.gone)
        buf_puts(out, level == 0 ? " \u00b7 problems:" : " \u00b7");
    if (sum.added)
        buf_printf(out, " %s new", text_group(n, sum.added));
    if (sum.same)
        buf_printf(out, " %s persist", text_group(n, sum.same));
    if (sum.gone && level <= 1)
        buf_printf(out, " %s gone", text_group(n, sum.gone));
}

/* What the image is, with less and less detail; level 3 is empty. */
static void facts_text(const struct ui *ui, int level, struct buf *out)
{
    const struct geometry *geo = &ui->img->geo;
    char size[TEXT_NUM];

    if (level >= 3)
        return;
    if (ui->news) {
        news_text(ui, level, out);
        return;
    }
    buf_printf(out, "   v%" PRIu64 " \u00b7 %s clusters", ui->img->hdr.version,
               text_size(size, geo->cluster_size));
    if (guesses_taken(&ui->img->guesses))
        buf_puts(out, " \u00b7 header guessed");
    if (level <= 1)
        buf_printf(out, " \u00b7 %s disk", text_size(size, geo->size));
    if (level == 0)
        buf_printf(out, " in %s file", text_size(size, geo->file_size));
}

/* What the image is that is shown, on the right of the title. */
static void state_text(const struct ui *ui, char out[48])
{
    size_t n = ui->draft ? draft_n_chosen(ui->draft) : 0;

    if (ui->watched)
        snprintf(out, 48, "WATCHING ");
    else if (!n && ui->compared && ui->compared->images)
        snprintf(out, 48, "SHOWING %s ", ui->compared->shown == SIDE_A ? "A" : "B");
    else if (!n)
        snprintf(out, 48, "READ-ONLY ");
    else
        snprintf(out, 48, "%s %zu step%s ", ui->whatif ? "WHAT-IF" : "BEFORE", n,
                 n == 1 ? "" : "s");
}

static void draw_title(const struct ui *ui, const struct area *line)
{
    char state[48];
    int end = (state_text(ui, state), line->w - (int)strlen(state));
    struct area left = area_part(line, 0, 0, 1, end > 1 ? end - 1 : 0);
    struct buf name = BUF_INIT;
    struct buf facts = BUF_INIT;
    const char *path = source_get_info(ui->img->src).name;
    const char *slash = strrchr(path, '/');
    int room;
    int x;

    draw_fill(line, 0, 0, 1, line->w, ' ', ROLE_TITLE);
    x = draw_text(&left, 0, 0, ROLE_TITLE, " qcheck  ");
    if (slash && slash[1])
        path = slash + 1;
    text_visible(&name, path, strlen(path));
    if (ui->layer != LAYER_ACTIVE)
        buf_printf(&name, " [snapshot %" PRIu32 "]", ui->layer);
    room = left.w - x - text_columns(line, buf_str(&name));
    for (int level = 0; level < 4; level++) {
        buf_reset(&facts);
        facts_text(ui, level, &facts);
        if (text_columns(line, buf_str(&facts)) <= room)
            break;
    }
    x = draw_cut(&left, 0, x, left.w - x, ROLE_TITLE, buf_str(&name));
    draw_text(&left, 0, x, ROLE_TEXT, buf_str(&facts));
    draw_text(line, 0, end, ROLE_TITLE, state);
    buf_free(&name);
    buf_free(&facts);
}

#define SHORT_COUNT 24          /* for two numbers of any unsigned, a dot and a letter */

/* 1226355 -> "1.2M": a count in few columns. */
static void short_count(uint64_t n, char out[SHORT_COUNT])
{
    static const char unit[] = " kMGTPE";
    unsigned u = 0, tenths = 0;

    for (; n >= 1000 && (u > 0 || n >= 10000); u++) {
        tenths = n % 1000 / 100;
        n /= 1000;
    }
    if (u == 0)
        snprintf(out, SHORT_COUNT, "%u", (unsigned)n);
    else if (n < 10)
        snprintf(out, SHORT_COUNT, "%u.%u%c", (unsigned)n, tenths, unit[u]);
    else
        snprintf(out, SHORT_COUNT, "%u%c", (unsigned)n, unit[u]);
}

/* How the tabs are written: with two blanks between them, with one, the same with brief names,
 * and as digits; the one shown always in full. */
enum tab_level { TABS_WIDE, TABS_CLOSE, TABS_BRIEF, TABS_TIGHT, TABS_DIGITS };

static void tab_text(const struct ui *ui, enum view_id id, enum tab_level level, bool on,
                     char *out, size_t cap)
{
    const struct view_class *class = view_class(id);
    const char *name = level >= TABS_BRIEF && !on && class->brief ? class->brief : class->name;

    if (level == TABS_DIGITS && !on) {
        snprintf(out, cap, "%d", (int)id + 1);
    } else if (id == VIEW_PROBLEMS && ui->scan) {
        const struct problems *list = &ui->scan->problems;
        char bad[SHORT_COUNT];
        char rest[SHORT_COUNT];

        short_count(problems_of_severity(list, SEV_CORRUPTION) +
                    problems_of_severity(list, SEV_ERROR), bad);
        short_count(problems_of_severity(list, SEV_LEAK) +
                    problems_of_severity(list, SEV_WARNING), rest);
        snprintf(out, cap, "%d %s %s+%s", (int)id + 1, name, bad, rest);
    } else {
        snprintf(out, cap, "%d %s", (int)id + 1, name);
    }
}

/* Draws the tabs (line NULL: does not) and returns the columns they take; *hit becomes
 * the tab at column `at`. */
static int tabs(const struct frame *f, const struct area *line, enum tab_level level, int at,
                enum view_id *hit)
{
    int x = 1;
    char text[64];

    for (int id = 0; id < N_NUMBERED_VIEWS; id++) {
        bool on = (enum view_id)id == f->view;
        int w;

        if (id == VIEW_CHANGES && !f->ui->compared && !on)
            continue;
        tab_text(f->ui, (enum view_id)id, level, on, text, sizeof text);
        w = (int)strlen(text);
        if (line && on) {
            draw_text(line, 0, x - 1, ROLE_TAB_ON, " ");
            draw_text(line, 0, x, ROLE_TAB_ON, text);
            draw_text(line, 0, x + w, ROLE_TAB_ON, " ");
        } else if (line) {
            draw_text(line, 0, x, ROLE_TAB, text);
            draw_restyle(line, 0, x, 1, ROLE_KEY, 0);
        }
        if (at >= x - 1 && at <= x + w && hit)
            *hit = (enum view_id)id;
        x += w + (level == TABS_CLOSE || level == TABS_TIGHT ? 1 : 2);
    }
    return x;
}

static void draw_progress(const struct frame *f, const struct area *line, int x)
{
    const struct scan_progress *p = f->ui->progress;
    unsigned permille = p ? (unsigned)u64_min(atomic_load(&p->overall), 1000)
                          : (unsigned)f->deep;
    int room = line->w - x - 1;
    char text[32];
    int bar;

    snprintf(text, sizeof text, "%s %u%%", !p ? "looking" : f->stopping ? "stopping" : "scanning",
             permille / 10);
    if (room < (int)strlen(text))
        snprintf(text, sizeof text, "%u%%", permille / 10);
    bar = room - (int)strlen(text) - 1;
    bar = bar > 20 ? 20 : bar;
    if (bar >= 4) {
        draw_right(line, 0, line->w - bar - 2, ROLE_MESSAGE, text);
        draw_bar(line, 0, line->w - bar - 1, bar, permille, 1000, ROLE_BAR);
    } else {
        draw_right(line, 0, line->w - 1, ROLE_MESSAGE, text);
    }
}

#define PROGRESS_COLS 13        /* "scanning 42%" */

/* As much as fits beside what stands on the right; names before that. */
static enum tab_level tab_level(const struct frame *f, int w)
{
    unsigned role;
    const char *outcome = outcome_text(f->ui, f->scan_error, &role);
    int need = f->ui->progress ? PROGRESS_COLS : (int)strlen(outcome) + 1;

    for (int level = TABS_WIDE; level < TABS_DIGITS; level++)
        if (tabs(f, NULL, (enum tab_level)level, -1, NULL) + need <= w)
            return (enum tab_level)level;
    return tabs(f, NULL, TABS_TIGHT, -1, NULL) < w ? TABS_TIGHT : TABS_DIGITS;
}

static void draw_outcome(const struct frame *f, const struct area *line, int x)
{
    unsigned role;
    const char *text = outcome_text(f->ui, f->scan_error, &role);

    if (line->w - x - 1 >= (int)strlen(text))
        draw_right(line, 0, line->w - 1, role, text);
}

static void draw_tabs(const struct frame *f, const struct area *line)
{
    int x = tabs(f, line, tab_level(f, line->w), -1, NULL);

    if (f->ui->progress || f->deep >= 0)
        draw_progress(f, line, x);
    else
        draw_outcome(f, line, x);
}

/* Does the plan write bytes of what lies here? */
static bool changed_here(const struct ui *ui)
{
    const struct site *site = &ui->site;

    if (!ui->changes || !ui->changes->n)
        return false;
    if (site->place.kind != PLACE_NONE)
        return patches_touch(ui->changes, site->start, site->len);
    return ui->here.file_off != NO_ADDRESS && patches_touch(ui->changes, ui->here.file_off, 1);
}

/* What stands on the right of the place line: draws it (draw false: does not), and returns the
 * columns that are left for the place. */
static int place_side(const struct frame *f, const struct area *line, bool draw)
{
    const struct view_class *class = view_class(f->view);
    struct buf text = BUF_INIT;
    int end = line->w - 1;

    if (changed_here(f->ui))
        buf_puts(&text, f->ui->whatif ? "changed" : "would be changed");
    else if (class->status)
        class->status(f->state, f->ui, &text);
    if (f->reading)
        buf_puts(&text, text.len ? " reading\u2026" : "reading\u2026");
    if (text.len) {
        end -= text_columns(line, buf_str(&text)) + 1;
        if (end <= line->w / 2)
            end = line->w - 1;
        else if (draw)
            draw_text(line, 0, end + 1, f->reading ? ROLE_MESSAGE : ROLE_DIM,
                      buf_str(&text));
    }
    buf_free(&text);
    return end;
}

static void place_in(const struct frame *f, const struct area *line, int end, struct buf *text,
                     struct where_parts *parts)
{
    for (int level = 0; level < WHERE_LEVELS; level++) {
        buf_reset(text);
        where_line(f->ui, level, text, parts);
        if (text_columns(line, buf_str(text)) < end)
            break;
    }
}

static void draw_place(const struct frame *f, const struct area *line)
{
    struct buf text = BUF_INIT;
    int end = place_side(f, line, true);

    place_in(f, line, end, &text, NULL);
    draw_cut(line, 0, 1, end - 1, ROLE_PLACE, buf_str(&text));
    buf_free(&text);
}

/* Does the key of an action do nothing now? */
static bool idle(const struct frame *f, enum action action)
{
    const struct view_class *class = view_class(f->view);
    bool hits = class->steps && *f->ui->search;     /* n goes to the next of these */

    if (action == ACT_NEXT_PROBLEM && f->ui->scan && !f->ui->scan->problems.n && !hits)
        return true;
    return class->idle && class->idle(f->state, f->ui, action);
}

/* Columns of one hint with the blanks after it. */
static int hint_width(const struct ui *ui, const struct key_row *row)
{
    char key[16];

    key_first(ui->keys, row, key, sizeof key);
    return (int)(strlen(key) + 1 + strlen(row->hint)) + 2;
}

/* The most important hints that fit, in the order of the key table: draws them (line NULL:
 * does not), and returns the action of the one at column `at`. */
static enum action hints(const struct frame *f, const struct area *line, int w, int at)
{
    const struct ui *ui = f->ui;
    const struct key_row *row[32];
    const struct key_row *before = NULL;
    enum action hit = ACT_NONE;
    size_t all = key_hints(f->view, row, sizeof row / sizeof row[0]);
    size_t n = 0;
    size_t fit = 0;
    int x = 1;

    for (size_t i = 0; i < all; i++)
        if (!idle(f, row[i]->action))
            row[n++] = row[i];

    for (int used = 0; fit < n && used + hint_width(ui, row[fit]) - 2 < w; fit++)
        used += hint_width(ui, row[fit]);
    for (size_t k = 0; k < fit; k++) {
        const struct key_row *next = NULL;
        char key[16];

        for (size_t i = 0; i < fit; i++)
            if ((!before || row[i] > before) && (!next || row[i] < next))
                next = row[i];
        if (!next)
            break;
        if (line) {
            key_first(ui->keys, next, key, sizeof key);
            draw_text(line, 0, draw_text(line, 0, x, ROLE_KEY, key) + 1, ROLE_HINT, next->hint);
        }
        if (at >= x && at < x + hint_width(ui, next) - 2)
            hit = next->action;
        x += hint_width(ui, next);
        before = next;
    }
    return hit;
}

static void draw_pick(const struct frame *f, const struct area *line)
{
    struct buf text = BUF_INIT;

    buf_printf(&text, "Picking a cluster for %s: go there, e takes it, Esc gives up",
               f->picking);
    draw_cut(line, 0, 1, line->w - 1, ROLE_MESSAGE, buf_str(&text));
    buf_free(&text);
}

static void draw_last(const struct frame *f, const struct area *line)
{
    if (f->prompt->kind != PROMPT_CLOSED)
        prompt_draw(f->prompt, line);
    else if (*f->message)
        draw_cut(line, 0, 1, line->w - 1, f->alarm ? ROLE_ALARM : ROLE_MESSAGE,
                 f->message);
    else if (f->picking)
        draw_pick(f, line);
    else
        hints(f, line, line->w, -1);
}

void frame_draw(const struct frame *f, const struct area *screen)
{
    struct rows r = rows_of(screen->h);
    int y = 0;
    struct area line;

    if (r.title) {
        line = area_part(screen, y++, 0, 1, -1);
        draw_title(f->ui, &line);
    }
    if (r.tabs) {
        line = area_part(screen, y, 0, 1, -1);
        draw_tabs(f, &line);
    }
    if (r.place) {
        line = area_part(screen, screen->h - 2, 0, 1, -1);
        draw_place(f, &line);
    }
    if (r.hints || f->prompt->kind != PROMPT_CLOSED || *f->message) {
        line = area_part(screen, screen->h - 1, 0, 1, -1);
        draw_fill(&line, 0, 0, 1, line.w, ' ', ROLE_TEXT);
        draw_last(f, &line);
    }
}

enum view_id frame_tab_at(const struct frame *f, const struct area *screen, int y, int x)
{
    struct rows r = rows_of(screen->h);
    enum view_id hit = N_VIEWS;

    if (r.tabs && y == r.title)
        tabs(f, NULL, tab_level(f, screen->w), x, &hit);
    return hit;
}

enum action frame_hint_at(const struct frame *f, const struct area *screen, int y, int x)
{
    bool shown = rows_of(screen->h).hints && f->prompt->kind == PROMPT_CLOSED && !*f->message;

    return shown && y == screen->h - 1 ? hints(f, NULL, screen->w, x) : ACT_NONE;
}

bool frame_place_at(const struct frame *f, const struct area *screen, int y, int x,
                    struct place *to, enum view_id *view)
{
    struct area line = area_part(screen, screen->h - 2, 0, 1, -1);
    enum where_part part = 0;
    struct where_parts parts;
    struct buf text = BUF_INIT;
    int end;

    if (!rows_of(screen->h).place || y != screen->h - 2)
        return false;
    end = place_side(f, &line, false);
    place_in(f, &line, end, &text, &parts);
    for (; part < N_WHERE_PARTS; part++) {
        char *so_far = parts.end[part] ? strndup(buf_str(&text), parts.end[part]) : NULL;
        bool before = so_far && x - 1 < text_columns(&line, so_far);

        free(so_far);
        if (before)
            break;
    }
    buf_free(&text);
    return part < N_WHERE_PARTS && x >= 1 && x < end && where_part_leads(f->ui, part, to, view);
}
