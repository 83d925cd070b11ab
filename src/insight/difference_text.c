/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "insight/difference.h"
#include "qcow2/field.h"
#include "qcow2/spec.h"

struct both {
    const struct difference_side *a, *b;
    const struct difference *diff;
    size_t ranges;              /* of a list that are told */
};

static void heading(struct buf *out, bool *done, const char *text)
{
    if (!*done)
        buf_printf(out, "\n%s\n", text);
    *done = true;
}

static void fields_text(const struct both *r, struct buf *out)
{
    const struct difference *d = r->diff;
    struct buf b = BUF_INIT;
    bool headed = false;

    for (size_t i = 0; i < d->n_fields; i++) {
        const struct field_change *c = &d->field[i];

        heading(out, &headed, "Header");
        buf_reset(&b);
        field_describe(c->field, c->a, &b);
        buf_puts(&b, " -> ");
        field_describe(c->field, c->b, &b);
        buf_printf(out, "  %-26s %s\n", c->field->name, buf_str(&b));
    }
    buf_free(&b);
}

static void clusters_line(struct buf *out, const char *what, uint64_t n, uint64_t cluster_size)
{
    char size[TEXT_NUM], count[TEXT_NUM];

    if (n)
        buf_printf(out, "  %-26s %s clusters, %s\n", what, text_group(count, n),
                   text_size(size, n * cluster_size));
}

static void more_line(const struct both *r, size_t n, struct buf *out)
{
    if (r->ranges && n > r->ranges)
        buf_printf(out, "    and %zu more%s; --output=json has them\n", n - r->ranges,
                   r->diff->cut ? " at least" : "");
}

static void hosts_text(const struct both *r, struct buf *out)
{
    const struct difference *d = r->diff;
    const struct geometry *a = &r->a->scan->img->geo, *b = &r->b->scan->img->geo;
    char x[TEXT_NUM], y[TEXT_NUM];
    bool headed = false;

    if (a->file_size != b->file_size) {
        heading(out, &headed, "File");
        buf_printf(out, "  %-26s %s -> %s\n", "length", text_size(x, a->file_size),
                   text_size(y, b->file_size));
    }
    if (!d->hosts) {
        heading(out, &headed, "File");
        buf_puts(out, "  the sizes of clusters differ: clusters and tables are not compared\n");
    }
    if (d->n_hosts)
        heading(out, &headed, "File");
    for (int k = 0; k < N_HOST_CHANGES; k++)
        clusters_line(out, host_change_info((enum host_change_kind)k)->name, d->host_clusters[k],
                      a->cluster_size);
    for (size_t i = 0; i < d->n_hosts && i < r->ranges; i++) {
        const struct host_change *c = &d->host[i];

        buf_printf(out, "    0x%012" PRIx64 "  %10s  ", c->first * a->cluster_size,
                   text_size(x, c->n * a->cluster_size));
        host_change_text(c, out);
        buf_puts(out, "\n");
    }
    more_line(r, d->n_hosts, out);
}

static void tables_text(const struct both *r, struct buf *out)
{
    const struct table_changes *t = &r->diff->l2;

    if (t->added || t->gone || t->moved || t->rewritten)
        buf_printf(out, "\nL2 tables\n  %" PRIu64 " new, %" PRIu64 " gone, %" PRIu64
                   " with other entries, %" PRIu64 " at another place, %" PRIu64 " the same\n",
                   t->added, t->gone, t->rewritten, t->moved, t->same);
}

static void guest_text(const struct both *r, struct buf *out)
{
    const struct difference *d = r->diff;
    char size[TEXT_NUM];
    bool headed = false;

    for (int k = 0; k < N_GUEST_CHANGES; k++) {
        if (!d->guest_bytes[k])
            continue;
        heading(out, &headed, "Disk of the guest");
        buf_printf(out, "  %-26s %s\n", guest_change_info((enum guest_change_kind)k)->name,
                   text_size(size, d->guest_bytes[k]));
    }
    for (size_t i = 0; i < d->n_guests && i < r->ranges; i++)
        buf_printf(out, "    0x%012" PRIx64 "  %10s  %s\n", d->guest[i].start,
                   text_size(size, d->guest[i].len),
                   guest_change_info(d->guest[i].kind)->name);
    more_line(r, d->n_guests, out);
}

static void snapshot_line(const struct both *r, const struct layer_change *c,
                          struct buf *out)
{
    bool added = c->a == SIZE_MAX;
    const struct snapshot *s = added ? &r->b->scan->img->snaps.list[c->b]
                                     : &r->a->scan->img->snaps.list[c->a];
    uint64_t bytes = 0;
    char size[TEXT_NUM];

    for (int k = 0; k < N_GUEST_CHANGES; k++)
        bytes += c->bytes[k];
    if (!added && c->b != SIZE_MAX && c->known && !bytes)
        return;
    buf_puts(out, added ? "  new      " : c->b == SIZE_MAX ? "  gone     " : "  changed  ");
    text_visible(out, s->id ? s->id : "", strlen(s->id ? s->id : ""));
    buf_puts(out, " ");
    text_visible(out, s->name ? s->name : "", strlen(s->name ? s->name : ""));
    if (bytes)
        buf_printf(out, ": %s of its disk lie elsewhere or are not stored alike",
                   text_size(size, bytes));
    else if (!added && c->b != SIZE_MAX)
        buf_puts(out, ": could not be compared");
    buf_puts(out, "\n");
}

static void snapshots_text(const struct both *r, struct buf *out)
{
    const struct difference *d = r->diff;
    bool headed = false;

    for (size_t i = 0; i < d->n_snapshots; i++) {
        const struct layer_change *c = &d->snapshot[i];
        bool same = c->a != SIZE_MAX && c->b != SIZE_MAX && c->known;

        for (int k = 0; k < N_GUEST_CHANGES; k++)
            same = same && !c->bytes[k];
        if (same)
            continue;
        heading(out, &headed, "Snapshots");
        snapshot_line(r, c, out);
    }
}

static void bitmap_line(const struct both *r, const struct bitmap_change *c, struct buf *out)
{
    bool added = c->a == SIZE_MAX, gone = c->b == SIZE_MAX;
    const struct bitmap *x = added ? NULL : &r->a->scan->img->bitmaps.list[c->a];
    const struct bitmap *y = gone ? NULL : &r->b->scan->img->bitmaps.list[c->b];
    const struct bitmap *named = x ? x : y;
    char a[TEXT_NUM], b[TEXT_NUM];

    buf_puts(out, added ? "  new      " : gone ? "  gone     " : "  changed  ");
    text_visible(out, named->name, named->name_kept);
    if (c->regrained)
        buf_printf(out, ": granularity 2^%" PRIu32 " -> 2^%" PRIu32, x->granularity_bits,
                   y->granularity_bits);
    if (c->reflagged && (x->flags ^ y->flags) & BITMAP_IN_USE)
        buf_puts(out, y->flags & BITMAP_IN_USE ? ": in use now" : ": not in use any more");
    if (c->reflagged && (x->flags ^ y->flags) & ~BITMAP_IN_USE)
        buf_printf(out, ": flags 0x%" PRIx32 " -> 0x%" PRIx32, x->flags, y->flags);
    if (c->known)
        buf_printf(out, ": dirty %s -> %s", text_size(a, c->dirty_a), text_size(b, c->dirty_b));
    else if (!added && !gone)
        buf_puts(out, ": its bits could not be compared");
    if (c->known && c->matched)
        buf_printf(out, " (%s became dirty, %s clean)", text_size(a, c->set),
                   text_size(b, c->cleared));
    buf_puts(out, "\n");
}

static void bitmaps_text(const struct both *r, struct buf *out)
{
    bool headed = false;

    for (size_t i = 0; i < r->diff->n_bitmaps; i++)
        if (bitmap_change_any(&r->diff->bitmap[i])) {
            heading(out, &headed, "Bitmaps");
            bitmap_line(r, &r->diff->bitmap[i], out);
        }
}

static void problems_text(const struct both *r, struct buf *out)
{
    const struct difference *d = r->diff;
    bool headed = false;

    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_change *c = &d->problem[k];

        if (!c->added && !c->gone && !c->same)
            continue;
        heading(out, &headed, "Problems");
        buf_printf(out, "  %-26s %" PRIu64 " new, %" PRIu64 " gone, %" PRIu64 " the same\n",
                   problem_info((enum problem_kind)k)->id, c->added, c->gone, c->same);
    }
}

static void causes_text(const struct both *r, struct buf *out)
{
    const struct difference *d = r->diff;
    bool headed = false;

    for (size_t i = 0; i < r->b->insight->n; i++) {
        heading(out, &headed, "Causes");
        buf_printf(out, "  %s%s\n", d->cause_new[i] ? "new   " : "same  ",
                   r->b->insight->list[i].text);
    }
    for (size_t i = 0; i < r->a->insight->n; i++)
        if (d->cause_gone[i]) {
            heading(out, &headed, "Causes");
            buf_printf(out, "  gone  %s\n", r->a->insight->list[i].text);
        }
}

void host_change_text(const struct host_change *c, struct buf *out)
{
    if (c->kind == HOST_REWRITTEN_NOW)
        buf_printf(out, "%s, rewritten", class_info(c->b)->name);
    else
        buf_printf(out, "%s -> %s", class_info(c->a)->name, class_info(c->b)->name);
}

void difference_text(const struct difference_side *a, const struct difference_side *b,
                     const struct difference *d, size_t ranges, struct buf *out)
{
    const struct both r = { a, b, d, ranges };

    if (!difference_any(d))
        buf_puts(out, "No difference in the metadata.\n");
    fields_text(&r, out);
    hosts_text(&r, out);
    tables_text(&r, out);
    guest_text(&r, out);
    snapshots_text(&r, out);
    bitmaps_text(&r, out);
    problems_text(&r, out);
    causes_text(&r, out);
}
