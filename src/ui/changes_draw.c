/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <inttypes.h>

#include "base/text.h"
#include "ui/changes_view.h"

static struct area part(const struct area *a, const struct changes_part *p)
{
    return area_part(a, p->y, p->x, p->h, p->w);
}

/* --- the maps --- */

static void draw_head(const struct changes_view *v, const struct ui *ui, const struct area *a,
                      enum changes_pane which)
{
    static const char *const spaces[N_SPACES] = { "file", "guest's disk" };
    const struct compared *c = ui->compared;
    const bool front = (which == PANE_A && c->shown == SIDE_A) ||
                       (which == PANE_B && c->shown == SIDE_B);
    struct buf text = BUF_INIT;

    if (which == PANE_CHANGES)
        buf_printf(&text, "A to B: %s", spaces[v->space]);
    else
        buf_printf(&text, "%s%s", which == PANE_A ? "A  " : "B  ",
                   which == PANE_A ? c->a.name : c->b.name);
    draw_cut(a, 0, 0, a->w, front ? ROLE_STRONG : ROLE_HEADING, buf_str(&text));
    buf_free(&text);
}

static void draw_maps(const struct changes_view *v, const struct ui *ui, const struct area *a,
                      const struct changes_layout *l)
{
    struct ui plain = *ui;              /* without stars of a plan, or of what is watched */

    plain.changes = NULL;
    plain.news = NULL;
    for (int i = 0; i < N_CHANGES_PANES; i++) {
        struct area map = part(a, &l->pane[i]);
        struct area head = area_part(a, l->pane[i].y - 1, l->pane[i].x, 1, l->pane[i].w);
        int y, x;

        if (!l->pane[i].h)
            continue;
        draw_head(v, ui, &head, (enum changes_pane)i);
        pane_draw(&v->pane[i], &plain, &map, true);
        if (l->pane[i].x)
            draw_vline(a, l->pane[i].y - 1, l->pane[i].x - 1, l->pane[i].h + 1);
        if (v->focus == IN_MAPS && i == PANE_CHANGES) {
            pane_cursor(&v->pane[i], &y, &x);
            draw_cursor(&map, y, x);
        }
    }
}

/* Letters and names of what there can be; from the right ones on, as many as fit. */
static void draw_legend(const struct changes_view *v, const struct area *line)
{
    static const enum change_look order[] = { CHANGE_NEW, CHANGE_FREED, CHANGE_MOVED,
                                              CHANGE_REWRITTEN, CHANGE_OTHER, CHANGE_SAME,
                                              CHANGE_EMPTY };
    int x = 0;

    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        unsigned paint = PAINT_CHANGE + order[i];
        const char *name = change_look_name(order[i]);

        if (order[i] == (v->space == SPACE_FILE ? CHANGE_MOVED : CHANGE_REWRITTEN))
            continue;
        if (x + 2 + text_columns(line, name) > line->w)
            break;
        draw_cell(line, 0, x, (unsigned char)palette_letter(paint), ROLE_PAINT + paint, NO_BACK,
                  ATTR_BOLD);
        x = draw_text(line, 0, x + 2, ROLE_DIM, name) + 2;
    }
}

static void draw_said(const struct changes_view *v, const struct area *a)
{
    for (int i = 0; i < 2 && i < a->h; i++) {
        draw_text(a, i, 0, ROLE_STRONG, i ? "B" : "A");
        draw_cut(a, i, 2, a->w - 2, ROLE_TEXT, v->said[i]);
    }
}

/* --- the list --- */

static void draw_row(const struct changes_view *v, const struct ui *ui, const struct area *line,
                     size_t i, bool at)
{
    const struct difference *d = ui->compared->diff;
    const unsigned bits = ui->compared->b.img->geo.cluster_bits;
    struct buf what = BUF_INIT;
    char size[TEXT_NUM];
    uint64_t start, len;
    unsigned look;

    if (v->space == SPACE_FILE) {
        start = d->host[i].first << bits;
        len = d->host[i].n << bits;
        look = change_look_of_host(d->host[i].kind);
        host_change_text(&d->host[i], &what);
    } else {
        start = d->guest[i].start;
        len = d->guest[i].len;
        look = change_look_of_guest(d->guest[i].kind);
        buf_puts(&what, guest_change_info(d->guest[i].kind)->name);
    }
    draw_cell(line, 0, 0, (unsigned char)palette_letter(PAINT_CHANGE + look), ROLE_CHANGE + look,
              NO_BACK, ATTR_BOLD);
    draw_printf(line, 0, 2, ROLE_NUMBER, "0x%0*" PRIx64, line->w < 40 ? 1 : 10, start);
    draw_right(line, 0, line->w < 40 ? 22 : 26, ROLE_NUMBER, text_size(size, len));
    draw_cut(line, 0, line->w < 40 ? 23 : 28, line->w - (line->w < 40 ? 23 : 28), ROLE_TEXT,
             buf_str(&what));
    if (at) {
        draw_restyle(line, 0, 0, line->w, v->focus == IN_LIST ? ROLE_SELECTED : ROLE_STRONG, 0);
        if (v->focus == IN_LIST)
            draw_cursor(line, 0, 0);
    }
    buf_free(&what);
}

static void draw_list(const struct changes_view *v, const struct ui *ui, const struct area *a)
{
    struct area rows = area_part(a, 1, 0, -1, -1);
    struct area head = area_part(a, 0, 0, 1, -1);
    const bool cut = ui->compared->diff->cut;
    char n[TEXT_NUM];

    draw_fill(&head, 0, 0, 1, head.w, ' ', ROLE_HEADING);
    draw_printf(&head, 0, 0, ROLE_HEADING, "%s %s of the %s%s", text_group(n, v->list.n),
                v->list.n == 1 ? "change" : "changes",
                v->space == SPACE_FILE ? "file" : "guest's disk", cut ? ", and more" : "");
    for (int y = 0; y < rows.h && v->list.top + (uint64_t)y < v->list.n; y++) {
        struct area line = area_part(&rows, y, 0, 1, -1);
        uint64_t i = v->list.top + (uint64_t)y;

        draw_row(v, ui, &line, (size_t)i, i == v->list.at);
    }
    if (!v->list.n)
        draw_text(&rows, 0, 0, ROLE_DIM,
                  v->space == SPACE_GUEST ? "all of it is stored alike"
                                          : "no cluster has changed hands, no table changed");
}

static void draw_words(const struct changes_view *v, const struct ui *ui, const struct area *a)
{
    struct area rows = area_part(a, 1, 0, -1, -1);
    struct area head = area_part(a, 0, 0, 1, -1);

    draw_fill(&head, 0, 0, 1, head.w, ' ', ROLE_HEADING);
    draw_text(&head, 0, 0, ROLE_HEADING, "What differs");
    draw_wrapped(&rows, 0, 0, rows.w, ROLE_TEXT, ui->compared->text, v->words_top);
    if (v->focus == IN_WORDS)
        draw_cursor(&head, 0, 0);
}

void changes_draw(const struct changes_view *v, const struct ui *ui, const struct area *a)
{
    const struct compared *c = ui->compared;
    struct changes_layout l = changes_layout(v, a->h, a->w);
    struct area legend = part(a, &l.legend), said = part(a, &l.said);
    struct area list = part(a, &l.list), words = part(a, &l.words);

    if (!c) {
        draw_wrapped(a, 0, 0, a->w, ROLE_DIM, ui->watched
                     ? "The file is watched. As soon as it has changed and is scanned again, what "
                       "differs is shown here."
                     : "There is nothing to compare.\n\nPlan something (e edits, p proposes), show "
                       "a snapshot (L), watch the file (W), or begin with qcheck diff "
                       "--interactive A B.", 0);
        return;
    }
    draw_maps(v, ui, a, &l);
    if (l.said.h)
        draw_said(v, &said);
    if (c->diff && l.legend.h)
        draw_legend(v, &legend);
    if (!c->diff) {
        draw_cut(l.list.h ? &list : &words, 0, 0, a->w, ROLE_MESSAGE, c->state);
        return;
    }
    if (l.list.h)
        draw_list(v, ui, &list);
    if (l.words.h)
        draw_words(v, ui, &words);
}
