/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What is said about the cell under the cursor of a map. */
#include "config.h"

#include "ui/map_view.h"

#include <inttypes.h>

#include "base/text.h"
#include "ui/where.h"

#define CLASSES_SAID 8

static void say_range(struct sidebar *s, const struct geometry *geo, const char *what,
                      uint64_t first, uint64_t n, uint64_t size)
{
    uint64_t start = first << geo->cluster_bits;
    uint64_t end = u64_min((first + n) << geo->cluster_bits, size);
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    sidebar_add(s, ROLE_STRONG, "%s0x%" PRIx64 " \u2013 0x%" PRIx64, what, start,
             end > start ? end - 1 : start);
    if (n == 1)
        sidebar_add(s, ROLE_TEXT, "cluster %s", text_group(a, first));
    else
        sidebar_add(s, ROLE_TEXT, "clusters %s \u2013 %s", text_group(a, first),
                 text_group(b, first + n - 1));
}

struct share { int which; uint64_t n; };

/* The largest counts first; returns how many there are. */
static size_t largest(const uint64_t *count, size_t n, struct share *out, size_t max)
{
    size_t kept = 0;
    size_t all = 0;

    for (size_t i = 0; i < n; i++) {
        size_t at;

        if (count[i] == 0)
            continue;
        all++;
        if (kept == max && count[i] <= out[kept - 1].n)
            continue;
        at = kept < max ? kept++ : kept - 1;
        for (; at > 0 && out[at - 1].n < count[i]; at--)
            out[at] = out[at - 1];
        out[at] = (struct share){ (int)i, count[i] };
    }
    return all;
}

/* One line of what a cell holds: how many clusters, and their share. */
static void say_share(struct sidebar *s, unsigned paint, const char *name, uint64_t n,
                      uint64_t whole)
{
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    sidebar_swatch(s, palette_letter(paint), ROLE_PAINT + paint, "%s %s%s%s",
                   text_group(a, n), name, n < whole ? ", " : "",
                   n < whole ? text_percent(b, n, whole) : "");
}

static void say_classes(struct sidebar *s, const struct map_hist *h)
{
    struct share share[CLASSES_SAID];
    size_t all = largest(h->n, N_CLASSES, share, CLASSES_SAID);
    uint64_t whole = map_hist_sum(h);

    for (size_t i = 0; i < all && i < CLASSES_SAID; i++)
        say_share(s, PAINT_CLASS + (unsigned)share[i].which,
                  class_info((enum cluster_class)share[i].which)->name, share[i].n, whole);
    if (all > CLASSES_SAID)
        sidebar_add(s, ROLE_DIM, "  and %zu more classes", all - CLASSES_SAID);
}

/* --- one host cluster --- */

static void say_refcount(struct sidebar *s, const struct ui *ui, uint64_t cluster)
{
    static const char *const why[] = {
        [STORED_NO_BLOCK] = " (no refcount block)",
        [STORED_BAD_BLOCK] = " (bad refcount block)",
        [STORED_UNREADABLE] = " (cannot be read)",
        [STORED_COMING] = " (being read)",
    };
    struct map_cell cell;
    uint64_t stored;
    enum stored_status status = image_stored_refcount(ui->img, cluster, &stored);
    const char *note = status == STORED_OK ? "" : why[status];
    char counted[COUNTED_TEXT];

    if (!ui->scan) {
        sidebar_add(s, ROLE_TEXT, "refcount %" PRIu64 "%s", stored, note);
        return;
    }
    map_get(ui->scan->map, cluster, &cell);
    sidebar_add(s, stored == cell.counted || ui->scan->partial ? ROLE_TEXT
                                                            : ROLE_SEV + SEV_CORRUPTION,
             "refcount %" PRIu64 "%s, %s counted%s", stored, note,
             counted_text(counted, cell.counted),
             ui->scan->partial ? " so far" : stored == cell.counted ? "" : " !");
}

static void say_problems(struct sidebar *s, const struct ui *ui, uint64_t cluster)
{
    const struct problems *p = &ui->scan->problems;
    unsigned bits = ui->img->geo.cluster_bits;
    struct problem_hits hits = { .n = 0 };
    const struct problem *one;
    struct buf text = BUF_INIT;

    problem_index_clusters(ui->index, cluster, 1, &hits);
    if (hits.n == 0)
        problem_index_bytes(ui->index, cluster << bits, UINT64_C(1) << bits, &hits);
    if (hits.n == 0)
        return;
    one = &p->list[hits.gravest];
    buf_puts(&text, "! ");
    problem_line(one, ui->img, &text);
    if (hits.n > 1)
        buf_printf(&text, " (and %zu more)", hits.n - 1);
    sidebar_add(s, ROLE_SEV + problem_info(one->kind)->severity, "%s",
             buf_str(&text));
    buf_free(&text);
}

static void say_content(const struct map_view *v, struct sidebar *s)
{
    struct buf text = BUF_INIT;

    peek_text(&v->peek, &text);
    if (text.len)
        sidebar_add(s, ROLE_NAME, "%s", buf_str(&text));
    buf_free(&text);
}

static void say_referrer(struct sidebar *s, const struct ui *ui, const struct referrer *r)
{
    struct buf text = BUF_INIT;
    uint64_t start;
    uint64_t len;

    place_text(&r->place, &text);
    if (where_guest(ui, &r->place, &start, &len)) {
        buf_puts(&text, ", guest ");
        text_offset(&text, start);
    }
    sidebar_add(s, ROLE_TEXT, "\u2190 %s", buf_str(&text));
    buf_free(&text);
}

static void say_referrers(const struct map_view *v, struct sidebar *s, const struct ui *ui)
{
    const struct lookup *l = &v->lookup;
    char a[TEXT_NUM];

    switch (l->state) {
    case LOOKUP_IDLE:
        sidebar_add(s, ROLE_DIM, "r: who points here (reads %s of tables)",
                 text_size(a, lookup_cost(ui)));
        break;
    case LOOKUP_RUNNING:
        sidebar_add(s, ROLE_DIM, "looking who points here ...");
        break;
    case LOOKUP_STOPPED:
        sidebar_add(s, ROLE_DIM, "stopped; r: who points here");
        break;
    case LOOKUP_FAILED:
        sidebar_add(s, ROLE_ALARM, "%s", l->err.text);
        break;
    case LOOKUP_DONE:
        if (l->found.total == 0)
            sidebar_add(s, ROLE_DIM, "nothing points here");
        for (size_t i = 0; i < l->found.n; i++)
            say_referrer(s, ui, &l->found.list[i]);
        if (l->found.total > l->found.n)
            sidebar_add(s, ROLE_DIM, "  %s references in all",
                     text_group(a, l->found.total));
        break;
    }
}

static void explain_file(const struct map_view *v, struct sidebar *s, const struct ui *ui)
{
    const struct map_pane *p = &v->pane[SPACE_FILE];
    const struct geometry *geo = &ui->img->geo;
    struct map_hist h;
    uint64_t first;
    uint64_t n;
    char a[TEXT_NUM];

    pane_here(p, &first, &n);
    say_range(s, geo, "", first, n, geo->file_size);
    if (!ui->scan) {
        tiles_preview(ui->img, ui->progress, first, n, &h);
        if (ui->progress)
            sidebar_add(s, ROLE_DIM, "a sample, while the scan runs:");
        say_classes(s, &h);
        if (n == 1)
            say_refcount(s, ui, first);
        say_content(v, s);
        return;
    }
    map_histogram(ui->scan->map, first, n, &h);
    say_classes(s, &h);
    if (n == 1) {
        for (int c = 0; c < N_CLASSES; c++)
            if (h.n[c])
                sidebar_add(s, ROLE_DIM, "%s", class_info((enum cluster_class)c)->meaning);
    } else {
        if (h.problems)
            sidebar_add(s, ROLE_SEV + SEV_CORRUPTION, "! %s with problems (n: next)",
                     text_group(a, h.problems));
        sidebar_add(s, ROLE_TEXT, "%s", "");
        sidebar_add(s, ROLE_HEADING, "cluster %s", text_group(a, p->at));
        if (p->at != first) {
            struct map_cell cell;

            map_get(ui->scan->map, p->at, &cell);
            sidebar_swatch(s, class_info(cell.cls)->letter, ROLE_CLASS + cell.cls, "%s",
                        class_info(cell.cls)->name);
        }
    }
    say_content(v, s);
    say_refcount(s, ui, p->at);
    say_problems(s, ui, p->at);
    say_referrers(v, s, ui);
}

/* --- guest --- */

static void say_guest_classes(struct sidebar *s, const struct guest_hist *h)
{
    struct share share[N_GUEST_CLASSES];
    size_t all = largest(h->n, N_GUEST_CLASSES, share, N_GUEST_CLASSES);
    uint64_t whole = guest_hist_sum(h);
    char a[TEXT_NUM];

    for (size_t i = 0; i < all; i++)
        say_share(s, PAINT_GUEST + (unsigned)share[i].which,
                  guest_class_info((enum guest_class)share[i].which)->name, share[i].n,
                  whole);
    if (h->steps)
        sidebar_add(s, h->breaks ? ROLE_TEXT : ROLE_DIM, "%s jumps in %s steps",
                 text_group((char[TEXT_NUM]){ 0 }, h->breaks), text_group(a, h->steps));
}

static void say_entry(struct sidebar *s, const struct ui *ui, const struct guest_hit *hit)
{
    const struct l2_entry *e = &hit->entry;
    uint64_t off = e->type == L2_COMPRESSED ? e->host_off : hit->host_off;

    sidebar_add(s, ROLE_TEXT, "L1[%" PRIu64 "] L2[%" PRIu64 "]: %s%s", hit->l1_index,
             hit->l2_index,
             hit->l2_off == NO_ADDRESS ? "no L2 table" : l2_type_name(e->type),
             e->copied ? ", copied" : "");
    if (off == NO_ADDRESS || e->type == L2_UNALLOCATED || e->type == L2_ZERO_PLAIN)
        return;
    if (ui->img->geo.data_file) {
        sidebar_add(s, ROLE_TEXT, "\u2192 0x%" PRIx64 " of the data file", off);
        return;
    }
    sidebar_add(s, ROLE_TEXT, "\u2192 file 0x%" PRIx64 ", cluster %" PRIu64, off,
             geo_cluster_of(&ui->img->geo, off));
    say_refcount(s, ui, geo_cluster_of(&ui->img->geo, off));
}

static void say_guest_problem(struct sidebar *s, const struct ui *ui, uint64_t start,
                              uint64_t end)
{
    const struct problems *p = &ui->scan->problems;
    size_t found = 0;
    size_t first = 0;
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < p->n; i++) {
        const struct problem *one = &p->list[i];

        if (problem_layer(one) != ui->layer ||
            one->guest_off == NO_ADDRESS || one->guest_len == 0 || one->guest_off >= end ||
            (one->guest_off < start && start - one->guest_off >= one->guest_len))
            continue;
        if (found++ == 0)
            first = i;
    }
    if (found == 0)
        return;
    buf_printf(&text, "! %s", problem_info(p->list[first].kind)->title);
    if (found > 1)
        buf_printf(&text, " (and %zu more)", found - 1);
    sidebar_add(s, ROLE_SEV + problem_info(p->list[first].kind)->severity, "%s",
             buf_str(&text));
    buf_free(&text);
}

static void say_tenant(struct sidebar *s, const struct ui *ui, uint64_t guest_off)
{
    struct buf text = BUF_INIT;

    tenants_text(ui->tenants, guest_off, 0, &text);
    if (text.len)
        sidebar_add(s, ROLE_NAME, "%s", buf_str(&text));
    buf_free(&text);
}

static void explain_guest(const struct map_view *v, struct sidebar *s, const struct ui *ui)
{
    const struct map_pane *p = &v->pane[SPACE_GUEST];
    const struct geometry *geo = &ui->img->geo;
    const uint64_t size = image_layer_size(ui->img, ui->layer);
    struct guest_hist h;
    uint64_t first;
    uint64_t n;
    char a[TEXT_NUM];

    pane_here(p, &first, &n);
    say_range(s, geo, "guest ", first, n, size);
    if (v->survey.guest && guest_map_cells(v->survey.guest, first, n, 1, &h, NULL))
        say_guest_classes(s, &h);
    else
        sidebar_add(s, ROLE_DIM, ui->scan ? "surveying the guest disk ..."
                                       : "surveyed when the scan has ended");
    if (n > 1) {
        sidebar_add(s, ROLE_TEXT, "%s", "");
        sidebar_add(s, ROLE_HEADING, "guest cluster %s", text_group(a, p->at));
    }
    if (v->hit_valid)
        say_entry(s, ui, &v->hit);
    say_content(v, s);
    say_tenant(s, ui, p->at << geo->cluster_bits);
    if (ui->scan)
        say_guest_problem(s, ui, first << geo->cluster_bits,
                          u64_min((first + n) << geo->cluster_bits, size));
}

void map_explain(struct map_view *v, const struct ui *ui)
{
    sidebar_reset(&v->side);
    if (v->focus == SPACE_FILE)
        explain_file(v, &v->side, ui);
    else
        explain_guest(v, &v->side, ui);
}
