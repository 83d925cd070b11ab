/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The map that has the cursor marks in the other one what the cluster under it is there. */
#include "config.h"

#include "ui/map_view.h"
#include "ui/where.h"

#define LOOKUP_KEPT     PANE_MARKS_MAX
#define LOOKUP_REST_MS  50                      /* the cursor must rest before a walk */
#define LOOKUP_AT_ONCE (UINT64_C(2) << 20) /* tables of that size are read in a frame */
#define LOOKUP_UNASKED                                                                   \
    (UINT64_C(256) << 20) /* ... and on a thread, without being asked */

static void add_mark(struct map_pane *p, uint64_t first, uint64_t last)
{
    if (first >= p->n || p->n_marks == PANE_MARKS_MAX)
        return;
    if (p->n_marks == 0)
        pane_go(p, first);
    p->mark[p->n_marks++] = (struct pane_mark){ first, u64_min(last, p->n - 1) };
}

/* The guest ranges that the cluster under the file cursor serves. */
static void link_file(struct map_view *v, const struct ui *ui)
{
    const struct referrers *found = &v->lookup.found;
    unsigned bits = ui->img->geo.cluster_bits;

    for (size_t i = 0; i < found->n; i++) {
        const struct referrer *r = &found->list[i];
        uint64_t start;
        uint64_t len;

        if (r->place.layer == ui->layer && where_guest(ui, &r->place, &start, &len))
            add_mark(&v->pane[SPACE_GUEST], start >> bits, (start + len - 1) >> bits);
    }
}

static void link_guest(struct map_view *v, const struct ui *ui)
{
    const struct geometry *geo = &ui->img->geo;
    const struct l2_entry *e = &v->hit.entry;
    uint64_t first;

    if (!v->hit_valid || geo->data_file || e->host_len == 0 ||
        (e->type != L2_NORMAL && e->type != L2_ZERO_ALLOC && e->type != L2_COMPRESSED))
        return;
    first = geo_cluster_of(geo, e->host_off);
    add_mark(&v->pane[SPACE_FILE], first,
             e->type == L2_COMPRESSED ? geo_cluster_of(geo, e->host_off + e->host_len - 1)
                                      : first);
}

/* Finds out what the cursor's cluster is to the other side: at once where that is cheap,
 * else on a thread. */
void map_link(struct map_view *v, const struct ui *ui)
{
    struct map_pane *p = map_focus(v);
    uint64_t cost = lookup_cost(ui);

    if (v->focus == SPACE_FILE && ui->scan && cost <= LOOKUP_UNASKED) {
        bool at_once = cost <= LOOKUP_AT_ONCE &&
                       source_get_info(ui->img->src).kind == SOURCE_MEMORY;
        struct lookup_wish wish = { { ui->img, ui->scan, p->at, 1, LOOKUP_KEPT, 1 },
                                    at_once ? 0 : LOOKUP_REST_MS };

        lookup_want(&v->lookup, &wish, at_once);
    } else {
        lookup_poll(&v->lookup);
    }
    if (v->linked && v->linked_from == v->focus && v->linked_at == p->at)
        return;
    v->pane[SPACE_FILE].n_marks = v->pane[SPACE_GUEST].n_marks = 0;
    if (v->focus == SPACE_GUEST) {
        v->hit_valid = guest_lookup(ui->img, ui->layer,
                                    p->at << ui->img->geo.cluster_bits, &v->hit, NULL);
        link_guest(v, ui);
    } else if (v->lookup.state == LOOKUP_DONE && v->lookup.wish.what.first == p->at) {
        link_file(v, ui);
    } else {
        return;
    }
    v->linked = true;
    v->linked_from = v->focus;
    v->linked_at = p->at;
}

/* What the bytes of the cursor's cluster look like. */
void map_peek(struct map_view *v, const struct ui *ui)
{
    const struct geometry *geo = &ui->img->geo;
    const struct l2_entry *e = &v->hit.entry;
    uint64_t off = map_focus(v)->at << geo->cluster_bits;

    if (v->focus == SPACE_GUEST)
        off = v->hit_valid && !geo->data_file && e->type == L2_NORMAL ? e->host_off
                                                                      : NO_ADDRESS;
    if (off == NO_ADDRESS || off >= geo->file_len)
        peek_forget(&v->peek);
    else
        peek_want(&v->peek, ui->img, off & ~(geo->cluster_size - 1));
}
