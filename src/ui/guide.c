/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/guide.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "inspect/address.h"
#include "ui/where.h"

#define CAUSES_SHOWN 2
#define STEPS_ENOUGH 8              /* of a script and what is made for it */
#define TABLES_TRIED 4              /* L2 tables in which a compressed cluster is looked for */
#define ENTRIES_TRIED 512

/* Is there a step at that place in that view? */
static bool shown(const struct guide *g, enum view_id view, const struct place *place)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->step[i].view == view && place_equal(&g->step[i].place, place))
            return view != VIEW_OVERVIEW;
    return false;
}

/* Adds a step at a place; NULL: there are enough, or it has been shown. */
static struct guide_step *add_at(struct guide *g, const struct ui *ui, enum view_id view,
                                 const struct place *place)
{
    struct guide_step s = { .view = view, .place = *place, .problem = NO_PROBLEM };

    where_complete(ui->img, &s.place);
    if (view == N_VIEWS)
        s.view = where_best_view(place, VIEW_TABLES);
    if (g->n >= g->most || shown(g, s.view, &s.place))
        return NULL;
    g->step[g->n] = s;
    return &g->step[g->n++];
}

/* ... at an address; NULL where the image has no such place. */
static struct guide_step *add(struct guide *g, const struct ui *ui, enum view_id view,
                              const char *address)
{
    struct place place;

    return address_parse(ui->img, NULL, address, &place, NULL) ? add_at(g, ui, view, &place)
                                                                : NULL;
}

static void say(struct guide_step *s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void say(struct guide_step *s, const char *fmt, ...)
{
    va_list ap;
    size_t len = s ? strlen(s->text) : 0;

    if (!s)
        return;
    va_start(ap, fmt);
    vsnprintf(s->text + len, sizeof s->text - len, fmt, ap);
    va_end(ap);
}

/* --- steps --- */

static void overview(struct guide *g, const struct ui *ui)
{
    say(add(g, ui, VIEW_OVERVIEW, "header"),
        "A tour of this image. The overview says in its first lines how the image is, and what has "
        "happened to it. \".\" goes on to the next step of this tour, \",\" goes back; all other "
        "keys work as ever.");
}

static void map(struct guide *g, const struct ui *ui)
{
    const struct geometry *geo = &ui->img->geo;
    struct guide_step *s = add(g, ui, VIEW_MAP, "0c");
    struct map_hist h;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    map_histogram(ui->scan->map, 0, geo->n_clusters, &h);
    say(s, "The file is a row of %s clusters of %s, and this map shows each: header, tables, data, "
        "what is free.", text_group(a, geo->n_clusters), text_size(b, geo->cluster_size));
    if (h.problems)
        say(s, " %s of them have problems: they are drawn over everything else, and n goes from "
            "one to the next.", text_group(a, h.problems));
    say(s, " + and - zoom, t shows the guest's disk instead, f other colours.");
}

static void one_cause(struct guide *g, const struct ui *ui, const struct insight *x, size_t i)
{
    const struct cause *c = &x->list[i];
    const struct cause_info *info = cause_info(c->kind);
    struct guide_step *s;

    if (!c->n_evidence)
        return;
    s = add_at(g, ui, where_best_view(&c->evidence[0].place, VIEW_TABLES),
               &c->evidence[0].place);
    if (s)
        s->cause = i + 1;
    say(s, "%s. %s %s", info->title, c->text ? c->text : "", info->happened ? info->happened : "");
}

static void causes(struct guide *g, const struct ui *ui)
{
    for (size_t i = 0; ui->insight && i < ui->insight->n && i < CAUSES_SHOWN; i++)
        one_cause(g, ui, ui->insight, i);
}

/* The first problem, and what problems are. */
static void problem(struct guide *g, const struct ui *ui)
{
    const struct problems *p = &ui->scan->problems;
    const struct problem_info *info;
    struct guide_step *s;

    for (size_t i = 0; i < p->n; i++) {
        info = problem_info(p->list[i].kind);
        if (info->severity == SEV_NOTE)
            continue;
        s = add_at(g, ui, VIEW_PROBLEMS, &p->list[i].place);
        if (s)
            s->problem = i;
        say(s, "%s. %s %s Enter goes to the place, c lists by cause or by kind.", info->title,
            info->meaning, info->effect);
        return;
    }
}

static void header(struct guide *g, const struct ui *ui)
{
    char n[TEXT_NUM];

    say(add(g, ui, VIEW_HEADER, "header byte 40"),
        "All begins in the header: how large a cluster is, how large the disk (%s), and where the "
        "tables are. This field says where the L1 table lies. Enter follows it.",
        text_size(n, ui->img->geo.size));
}

static void mapping(struct guide *g, const struct ui *ui)
{
    const struct geometry *geo = &ui->img->geo;
    char n[TEXT_NUM];

    say(add(g, ui, VIEW_TABLES, "L1[0]"),
        "The L1 table: each entry leads to an L2 table, which maps %s of the guest's disk. Bars "
        "tell how full that one is. Enter goes down, Backspace comes back.",
        text_size(n, geo->l2_span));
    say(add(g, ui, VIEW_TABLES, "L2[0][0]"),
        "An L2 table: one entry for each cluster of the guest's disk, with the place in the file "
        "where it is stored. The line below shows the translation with the numbers of this "
        "image. x shows the bytes of the entry.");
}

/* The first compressed cluster. */
static bool find_compressed(const struct image *img, struct place *out)
{
    const struct geometry *geo = &img->geo;

    for (uint64_t i = 0; i < geo->l1_entries && i < TABLES_TRIED; i++) {
        for (uint64_t j = 0; j < geo->l2_entries && j < ENTRIES_TRIED; j++) {
            struct guest_hit hit;

            *out = (struct place){ .kind = PLACE_L2, .layer = LAYER_ACTIVE, .i = i, .j = j,
                                   .file_off = NO_ADDRESS, .guest_off = NO_ADDRESS };
            if (!guest_lookup(img, LAYER_ACTIVE, geo_guest_off(geo, i, j), &hit, NULL) ||
                hit.l2_off == NO_ADDRESS)
                break;
            if (hit.entry.type == L2_COMPRESSED)
                return place_complete(img, out);
        }
    }
    return false;
}

/* What not every image has. */
static void features(struct guide *g, const struct ui *ui)
{
    const struct image *img = ui->img;
    struct place place;
    char n[TEXT_NUM];

    if (img->snaps.n)
        say(add(g, ui, VIEW_TABLES, "snap 1"),
            "%s snapshot%s: each is an L1 table of its own that shares what has not changed "
            "since. Enter opens that table; L shows the disk as it was then, in all views.",
            text_group(n, img->snaps.n), img->snaps.n == 1 ? "" : "s");
    if (img->bitmaps.n)
        say(add(g, ui, VIEW_TABLES, "bitmap 1"),
            "%s bitmap%s for incremental backup: bits of what has changed since the last one. "
            "Enter opens the table of this one.", text_group(n, img->bitmaps.n),
            img->bitmaps.n == 1 ? "" : "s");
    if (ui->scan->stats.class_clusters[CLASS_COMPRESSED] && find_compressed(img, &place))
        say(add_at(g, ui, VIEW_TABLES, &place),
            "A compressed cluster: the entry holds where its stream begins and how long it is, in "
            "one number. x and then z show the bytes unpacked.");
    if (img->backing_file)
        say(add(g, ui, VIEW_HEADER, "header byte 8"),
            "An overlay: what its tables do not map is read from the backing file that is named "
            "here. --backing opens that.");
}

static void refcounts(struct guide *g, const struct ui *ui)
{
    say(add(g, ui, VIEW_TABLES, "rb 0 0"),
        "Refcounts stand apart from all that: how often each cluster is used. The scan has counted "
        "anew, and the column shows stored and counted side by side.");
}

static void disk(struct guide *g, const struct ui *ui)
{
    say(add(g, ui, VIEW_DISK, "guest 0"),
        "What the guest made of its disk: partitions, file systems, and the files that damage "
        "hits, by name, where the disk has any. Enter goes to the place.");
}

static void bytes(struct guide *g, const struct ui *ui)
{
    say(add(g, ui, VIEW_HEX, "header byte 24"),
        "The bytes, with the field under the cursor marked and explained. e goes to the next one, "
        "T shows the guest's disk in place of the file.");
}

static void what_now(struct guide *g, const struct ui *ui)
{
    const struct verdict *v = ui->insight ? &ui->insight->verdict : NULL;
    struct guide_step *s = add(g, ui, VIEW_OVERVIEW, "header");

    if (v && v->n_steps)
        say(s, "And now? %s; then %s. The overview lists all steps. ? explains any view.",
            v->step[0], v->n_steps > 1 ? v->step[1] : "look again");
    else
        say(s, "There is nothing to do about this image. ? explains any view, : lists all that it "
            "can do. \".\" ends the tour.");
}

/* What can be made of the image, up to g->most steps. */
static void made(struct guide *g, const struct ui *ui)
{
    causes(g, ui);
    problem(g, ui);
    map(g, ui);
    features(g, ui);
    disk(g, ui);
    header(g, ui);
    mapping(g, ui);
    refcounts(g, ui);
    if (g->n < GUIDE_STEPS_MIN)
        bytes(g, ui);
}

/* --- steps of a script --- */

static enum view_id view_named(const char *name, size_t len)
{
    for (int v = 0; v < N_VIEWS; v++) {
        const char *is = view_class((enum view_id)v)->name;

        if (strlen(is) == len && strncasecmp(is, name, len) == 0)
            return (enum view_id)v;
    }
    return N_VIEWS;
}

static bool written_step(struct guide *g, const struct ui *ui, const char *line, size_t len)
{
    const char *place = strstr(line, " | "), *text = place ? strstr(place + 3, " | ") : NULL;
    struct guide_step *s;
    char address[80];
    enum view_id view;

    if (!text || text >= line + len)
        return false;
    view = view_named(line, (size_t)(place - line));
    snprintf(address, sizeof address, "%.*s", (int)(text - place - 3), place + 3);
    s = view == N_VIEWS ? NULL : add(g, ui, view, address);
    say(s, "%.*s", (int)(line + len - text - 3), text + 3);
    return s != NULL;
}

/* The lines up to that of the star, or the end; returns what comes after. */
static const char *written(struct guide *g, const struct ui *ui, const char *line)
{
    while (*line) {
        size_t len = strcspn(line, "\n"), step = len + (line[len] == '\n');

        if (len == 1 && *line == '*')
            return line + step;
        g->missed += len && !written_step(g, ui, line, len);
        line += step;
    }
    return line;
}

static size_t lines_in(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

void guide_make(struct guide *g, const struct ui *ui, const char *script)
{
    g->n = g->at = g->missed = 0;
    g->most = GUIDE_STEPS_MAX;
    if (script) {
        script = written(g, ui, script);
        g->most = STEPS_ENOUGH - lines_in(script);
        made(g, ui);
        g->most = GUIDE_STEPS_MAX;
        written(g, ui, script);
    } else {
        overview(g, ui);
        g->most--;
        made(g, ui);
        g->most++;
        what_now(g, ui);
    }
}

bool guide_script(const char *all, const char *sample, struct buf *out)
{
    size_t name = strlen(sample);
    bool in = false, found = false;

    for (size_t len; *all; all += len) {
        len = strcspn(all, "\n");
        len += all[len] == '\n';
        if (*all == '[') {
            in = strncmp(all + 1, sample, name) == 0 && all[1 + name] == ']';
            found |= in;
        } else if (in && *all != '#' && len > 1) {
            buf_add(out, all, len);
        }
    }
    return found;
}

/* --- the box --- */

int guide_rows(const struct guide *g, const struct area *body)
{
    struct area none = area_part(body, 0, 0, 0, -1);
    int lines;

    if (!g->n || body->h < 6)
        return 0;
    lines = draw_wrapped(&none, 0, 1, body->w > 2 ? body->w - 2 : 1, ROLE_TEXT,
                         g->step[g->at].text, 0);
    return 1 + (lines > body->h / 2 ? body->h / 2 : lines);
}

void guide_draw(const struct guide *g, const struct area *box)
{
    char title[60];

    if (!g->n || box->h < 1)
        return;
    snprintf(title, sizeof title, " tour, step %zu of %zu: . next  , back ", g->at + 1, g->n);
    draw_hline(box, 0, 0, box->w);
    draw_cut(box, 0, 2, box->w - 3, ROLE_STRONG, title);
    draw_wrapped(box, 1, 1, box->w > 2 ? box->w - 2 : 1, ROLE_MESSAGE, g->step[g->at].text, 0);
}
