/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ui/list.h"
#include "ui/lookup.h"
#include "ui/where.h"

#define KEPT 10000          /* references listed; all are counted */

struct referrers_view {
    bool any;                           /* there is a cluster */
    uint64_t cluster;
    bool has_target;                    /* the place itself points somewhere ... */
    uint64_t target;                    /* ... there; Tab changes between the two */
    struct lookup lookup;
    struct list list;
    struct site site;                   /* the entry under the cursor, as it is now */
    uint64_t stored;
    enum stored_status status;
    int rows;
    int list_y, list_h, site_h;
};

static bool referrers_create(const struct ui *ui, void **state)
{
    (void)ui;
    *state = calloc(1, sizeof(struct referrers_view));
    return *state != NULL;
}

static void referrers_destroy(void *state)
{
    struct referrers_view *v = state;

    lookup_free(&v->lookup);
    free(v);
}

static void look_at(struct referrers_view *v, uint64_t cluster)
{
    lookup_forget(&v->lookup);
    v->any = true;
    v->cluster = cluster;
    v->list = (struct list){ 0, 0, 0, 0 };
}

/* The cluster that the entry at a place points to. */
static bool target_of(const struct ui *ui, const struct place *place, uint64_t *cluster)
{
    struct site site;
    struct place to;
    const char *why;

    site_at(ui->img, ui->scan, place, place->file_off, &site);
    return site.place.kind != PLACE_NONE && site_target(ui->img, &site, &to, &why) &&
           where_cluster(ui, &to, cluster);
}

static void referrers_show(void *state, const struct ui *ui, const struct place *place)
{
    struct referrers_view *v = state;
    uint64_t cluster;

    v->has_target = target_of(ui, place, &v->target);
    if (!where_cluster(ui, place, &cluster))
        v->any = false;
    else if (!v->any || cluster != v->cluster || v->lookup.state == LOOKUP_STOPPED)
        look_at(v, cluster);
    if (v->has_target && v->target == v->cluster)
        v->has_target = false;
}

static void other_cluster(struct referrers_view *v)
{
    uint64_t cluster = v->cluster;

    if (!v->has_target)
        return;
    look_at(v, v->target);
    v->target = cluster;
}

static const struct referrers *found(const struct referrers_view *v)
{
    static const struct referrers none = { NULL, 0, 0 };

    return v->lookup.state == LOOKUP_DONE ? &v->lookup.found : &none;
}

static const struct referrer *at_cursor(const struct referrers_view *v)
{
    const struct referrers *r = found(v);

    return v->list.at < r->n ? &r->list[v->list.at] : NULL;
}

static void referrers_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct referrers_view *v = state;
    struct lookup_wish wish = { { ui->img, ui->scan, v->cluster, 1, KEPT, ui->threads },
                                0 };
    const struct referrer *r;

    (void)cols;
    v->rows = rows;
    v->list_y = rows >= 8 ? 3 : rows >= 3;
    v->site_h = rows >= 12 ? 5 : 0;
    v->list_h = rows - v->list_y - v->site_h;
    if (v->any) {
        lookup_want(&v->lookup, &wish, false);
        v->status = image_stored_refcount(ui->img, v->cluster, &v->stored);
    }
    list_fit(&v->list, found(v)->n, v->list_h);
    r = at_cursor(v);
    if (r)
        site_at(ui->img, ui->scan, &r->place, r->place.file_off, &v->site);
}

/* --- drawing --- */

static void draw_target(const struct referrers_view *v, const struct ui *ui,
                        const struct area *a)
{
    static const char *const why[] = {
        [STORED_NO_BLOCK] = " (no refcount block)",
        [STORED_BAD_BLOCK] = " (bad refcount block)",
        [STORED_UNREADABLE] = " (cannot be read)",
        [STORED_COMING] = " (being read)",
    };
    uint64_t off = v->cluster << ui->img->geo.cluster_bits;
    char n[TEXT_NUM];
    struct map_cell cell = { .counted = 0 };
    int x;

    if (v->has_target) {
        char tab[80];

        snprintf(tab, sizeof tab, "Tab: cluster %" PRIu64, v->target);
        draw_right(a, 1, a->w - 1, ROLE_DIM, tab);
    }
    x = draw_printf(a, 0, 1, ROLE_STRONG, "Cluster %s", text_group(n, v->cluster));
    x = draw_printf(a, 0, x, ROLE_TEXT, " \u00b7 file 0x%" PRIx64 " \u2013 0x%" PRIx64,
                    off, off + ui->img->geo.cluster_size - 1);
    if (ui->scan) {
        map_get(ui->scan->map, v->cluster, &cell);
        x = draw_text(a, 0, x, ROLE_TEXT, " \u00b7 ");
        draw_text(a, 0, x, ROLE_CLASS + cell.cls, class_info(cell.cls)->name);
    }
    if (a->h < 2)
        return;
    x = draw_printf(a, 1, 1, ROLE_TEXT, "Refcount %" PRIu64 "%s", v->stored,
                    v->status == STORED_OK ? "" : why[v->status]);
    if (ui->scan)
        draw_printf(a, 1, x, v->stored == cell.counted || ui->scan->partial
                                 ? ROLE_TEXT : ROLE_SEV + SEV_CORRUPTION,
                    "; the scan counted %s reference%s%s", counted_text(n, cell.counted),
                    cell.counted == 1 ? "" : "s",
                    ui->scan->partial ? " before it was stopped"
                    : v->stored == cell.counted ? "" : ": they differ");
}

static void draw_state(const struct referrers_view *v, const struct ui *ui,
                       const struct area *a, int y)
{
    const struct lookup *l = &v->lookup;
    uint64_t done = atomic_load(&l->tables_done);
    uint64_t all = ui->scan ? ui->scan->stats.l2_tables : 0;
    uint64_t walks = 0;
    char n[TEXT_NUM];
    char m[TEXT_NUM];
    int x;

    switch (l->state) {
    case LOOKUP_RUNNING:
        x = draw_printf(a, y, 1, ROLE_MESSAGE, "Looking: %s%s%s L2 tables; Esc stops ",
                        text_group(n, done), all ? " of " : "",
                        all ? text_group(m, all) : "");
        if (all && a->w - x > 12)
            draw_bar(a, y, x + 1, a->w - x - 2 > 30 ? 30 : a->w - x - 2, done, all,
                     ROLE_BAR);
        break;
    case LOOKUP_STOPPED:
        draw_text(a, y, 1, ROLE_ALARM, "Stopped. Enter looks once more.");
        break;
    case LOOKUP_FAILED:
        draw_text(a, y, 1, ROLE_ALARM, l->err.text);
        break;
    case LOOKUP_DONE:
        for (size_t i = 0; i < l->found.n; i++)
            walks += l->found.list[i].walks;
        if (l->found.total == 0)
            draw_text(
                a, y, 1, ROLE_MESSAGE,
                v->stored
                    ? "Nothing points here, yet the refcount says it is in use: leaked."
                    : "Nothing points here: the cluster is free.");
        else if (l->found.total > l->found.n)
            draw_printf(a, y, 1, ROLE_MESSAGE,
                        "%s places point here, the first %s are listed",
                        text_group(n, l->found.total), text_group(m, l->found.n));
        else
            draw_printf(
                a, y, 1, ROLE_MESSAGE, "%s %s here%s", text_group(n, l->found.total),
                l->found.total == 1 ? "place points" : "places point",
                walks > l->found.total ? "; what snapshots share counts several times"
                                       : "");
        break;
    case LOOKUP_IDLE:
        break;
    }
}

static const char *owner_words(enum owner o)
{
    static const struct { uint32_t owner; const char *words; } table[] = {
        { OWNER_HEADER, "is the header" },
        { OWNER_L1_ACTIVE, "active L1 table" },
        { OWNER_L1_SNAPSHOT, "snapshot's L1 table" },
        { OWNER_L2, "L2 table" },
        { OWNER_REFTABLE, "refcount table" },
        { OWNER_REFBLOCK, "refcount block" },
        { OWNER_SNAPTABLE, "snapshot table" },
        { OWNER_BITMAP_DIR, "bitmap directory" },
        { OWNER_BITMAP_TABLE, "bitmap table" },
        { OWNER_BITMAP_DATA, "bitmap data" },
        { OWNER_CRYPTO, "encryption header" },
        { OWNER_DATA, "guest data" },
        { OWNER_COMPRESSED, "compressed data" },
        { OWNER_ZERO, "allocated zeros" },
        { OWNER_VMSTATE, "VM state" },
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].owner == (uint32_t)o)
            return table[i].words;
    return "";
}

static void draw_row(const struct referrers_view *v, const struct ui *ui,
                     const struct area *a, int y, uint64_t i)
{
    const struct referrer *r = &found(v)->list[i];
    struct buf b = BUF_INIT;
    uint64_t start;
    uint64_t len;
    int wide = a->w >= 100 ? 4 : 0;
    int at_owner = 28 + wide * 2;
    int at_guest = at_owner + 20 + wide;

    place_text(&r->place, &b);
    draw_cut(a, y, 1, at_owner - 2, ROLE_LINK, buf_str(&b));
    draw_cut(a, y, at_owner, at_guest - at_owner - 1, ROLE_TEXT, owner_words(r->owner));
    buf_reset(&b);
    if (where_guest(ui, &r->place, &start, &len)) {
        buf_puts(&b, "guest ");
        text_range(&b, start, start + len, TEXT_DASH);
    }
    if (r->walks > 1)
        buf_printf(&b, "%scounts %" PRIu64 " times", b.len ? ", " : "", r->walks);
    draw_cut(a, y, at_guest, a->w - at_guest, ROLE_TEXT, buf_str(&b));
    if (i == v->list.at)
        draw_restyle(a, y, 0, a->w, N_ROLES, ATTR_REVERSE);
    buf_free(&b);
}

/* The reference under the cursor: its entry, decoded, and what it claims. */
static void draw_site(const struct referrers_view *v, const struct ui *ui,
                      const struct area *a)
{
    const struct referrer *r = at_cursor(v);
    struct area in = area_part(a, 1, 1, -1, -2);
    struct buf b = BUF_INIT;
    char n[TEXT_NUM];

    draw_hline(a, 0, 0, a->w);
    if (!r)
        return;
    if (r->owner == OWNER_HEADER)
        buf_puts(&b, "The header is always the first cluster: no pointer is needed.\n");
    else if (r->place.file_off != NO_ADDRESS)
        buf_printf(&b, "At file 0x%" PRIx64 ", value 0x%" PRIx64 ". ", r->place.file_off,
                   r->value);
    if (r->owner != OWNER_HEADER)
        buf_printf(&b, "Claims %s from 0x%" PRIx64 " on.\n", text_size(n, r->host_len),
                   r->host_off);
    site_text(ui->img, &v->site, &b);
    draw_wrapped(&in, 0, 0, in.w, ROLE_TEXT, buf_str(&b), 0);
    buf_free(&b);
}

static void referrers_draw(const void *state, const struct ui *ui, const struct area *a)
{
    const struct referrers_view *v = state;
    struct area rows = area_part(a, v->list_y, 0, v->list_h, -1);
    struct area below = area_part(a, a->h - v->site_h, 0, v->site_h, -1);

    if (!v->any) {
        draw_wrapped(a, 0, 1, a->w - 2, ROLE_TEXT,
                     "This place is not in the file, so nothing "
                     "can point to it.",
                     0);
        draw_cursor(a, 0, 0);
        return;
    }
    if (v->list_y == 3) {
        draw_target(v, ui, a);
        draw_state(v, ui, a, 2);
    } else if (v->list_y) {
        draw_state(v, ui, a, 0);
    }
    for (int y = 0; y < rows.h && v->list.top + (uint64_t)y < found(v)->n; y++)
        draw_row(v, ui, &rows, y, v->list.top + (uint64_t)y);
    draw_cursor(&rows, (int)(v->list.at - v->list.top), 1);
    if (v->site_h)
        draw_site(v, ui, &below);
}

/* --- actions --- */

static void open_referrer(struct referrers_view *v, struct request *req)
{
    const struct referrer *r = at_cursor(v);

    if (r)
        request_go(req, &r->place, N_VIEWS);
    else if (v->lookup.state == LOOKUP_STOPPED || v->lookup.state == LOOKUP_FAILED)
        lookup_forget(&v->lookup);
}

static void referrers_act(void *state, const struct ui *ui, enum action action,
                          const struct act_arg *arg, struct request *req)
{
    struct referrers_view *v = state;
    struct act_arg in = *arg;

    (void)ui;
    switch (action) {
    case ACT_OPEN: case ACT_RIGHT:
        open_referrer(v, req);
        break;
    case ACT_LEFT:
        req->kind = REQ_BACK;
        break;
    case ACT_PANE:
        other_cluster(v);
        break;
    case ACT_STOP:
        if (v->lookup.state == LOOKUP_RUNNING)
            request_message(req, "Stopped");
        lookup_stop(&v->lookup);
        break;
    case ACT_CLICK:
        in.y -= v->list_y;
        list_act(&v->list, ACT_CLICK, &in);
        if (arg->count == 2 && in.y >= 0 && v->list.top + (uint64_t)in.y == v->list.at)
            open_referrer(v, req);
        break;
    default:
        list_act(&v->list, action, arg);
    }
}

static bool referrers_idle(const void *state, const struct ui *ui, enum action action)
{
    const struct referrers_view *v = state;

    (void)ui;
    switch (action) {
    case ACT_REFERRERS:
        return true;
    case ACT_PANE:
        return !v->has_target;
    case ACT_OPEN:
        return !at_cursor(v) && v->lookup.state != LOOKUP_STOPPED &&
               v->lookup.state != LOOKUP_FAILED;
    default:
        return false;
    }
}

static int referrers_waiting(const void *state)
{
    return lookup_fd(&((const struct referrers_view *)state)->lookup);
}

static void referrers_status(const void *state, const struct ui *ui, struct buf *out)
{
    const struct referrers_view *v = state;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    (void)ui;
    if (found(v)->n)
        buf_printf(out, "%s of %s", text_group(a, v->list.at + 1),
                   text_group(b, found(v)->n));
}

static void referrers_teach(const void *state, const struct ui *ui, struct buf *out)
{
    const struct referrers_view *v = state;
    const struct geometry *geo = &ui->img->geo;
    uint64_t block = v->cluster >> geo->refblock_bits;

    buf_puts(
        out,
        "Nothing in a cluster says who uses it: pointers lead one way only, from the "
        "header to the tables to the data. So the whole image is walked again and every "
        "pointer compared with this cluster.\n\n");
    buf_printf(out,
               "How many there should be is written elsewhere. Cluster %" PRIu64
               " has its refcount in refcount block %" PRIu64 ", entry %" PRIu64 ":\n\n"
               "  %" PRIu64 " / %" PRIu64 " entries a block = block %" PRIu64
               ", rest %" PRIu64 "\n\n",
               v->cluster, block, v->cluster & (geo->refblock_entries - 1), v->cluster,
               geo->refblock_entries, block, v->cluster & (geo->refblock_entries - 1));
    buf_puts(
        out,
        "A cluster of guest data normally has one reference, from one L2 entry. With a "
        "snapshot it has two: the tables of the disk and of the snapshot both lead to "
        "it, and the next write goes to a new cluster. Compressed clusters are small, "
        "so several share one host cluster, each with a reference of its own. An L2 "
        "table that snapshots share is one place here, but each of its entries counts "
        "as many times as the table has owners.\n");
}

const struct view_class view_referrers = {
    .name = "Who points here",
    .title = "Who points here: all references to a cluster",
    .create = referrers_create,
    .destroy = referrers_destroy,
    .show = referrers_show,
    .prepare = referrers_prepare,
    .draw = referrers_draw,
    .act = referrers_act,
    .idle = referrers_idle,
    .teach = referrers_teach,
    .waiting = referrers_waiting,
    .status = referrers_status,
};
