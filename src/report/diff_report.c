/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What qcheck diff prints for people; the JSON form is in diff_json.c. */
#include "config.h"

#include "report/diff_report.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "qcow2/field.h"

#define RANGES_SHOWN 20

static void heading(struct out *out, bool *done, const char *text)
{
    if (!*done)
        out_printf(out, "\n%s\n", text);
    *done = true;
}

static void fields_text(const struct diff_report *r, struct out *out)
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
        out_printf(out, "  %-26s %s\n", c->field->name, buf_str(&b));
    }
    buf_free(&b);
}

static void clusters_line(struct out *out, const char *what, uint64_t n, uint64_t cluster_size)
{
    char size[TEXT_NUM], count[TEXT_NUM];

    if (n)
        out_printf(out, "  %-26s %s clusters, %s\n", what, text_group(count, n),
                   text_size(size, n * cluster_size));
}

static void more_line(struct out *out, size_t n, bool cut)
{
    if (n > RANGES_SHOWN)
        out_printf(out, "    and %zu more%s; --output=json has them\n", n - RANGES_SHOWN,
                   cut ? " at least" : "");
}

static void hosts_text(const struct diff_report *r, struct out *out)
{
    const struct difference *d = r->diff;
    const struct geometry *a = &r->a.scan->img->geo, *b = &r->b.scan->img->geo;
    char x[TEXT_NUM], y[TEXT_NUM];
    bool headed = false;

    if (a->file_size != b->file_size) {
        heading(out, &headed, "File");
        out_printf(out, "  %-26s %s -> %s\n", "length", text_size(x, a->file_size),
                   text_size(y, b->file_size));
    }
    if (!d->hosts) {
        heading(out, &headed, "File");
        out_puts(out, "  the sizes of clusters differ: clusters and tables are not compared\n");
    }
    if (d->n_hosts)
        heading(out, &headed, "File");
    clusters_line(out, "in use now", d->used, a->cluster_size);
    clusters_line(out, "free now", d->freed, a->cluster_size);
    clusters_line(out, "used for something else", d->changed, a->cluster_size);
    for (size_t i = 0; i < d->n_hosts && i < RANGES_SHOWN; i++) {
        const struct host_change *c = &d->host[i];

        out_printf(out, "    0x%012" PRIx64 "  %10s  %s -> %s\n", c->first * a->cluster_size,
                   text_size(x, c->n * a->cluster_size), class_info(c->a)->name,
                   class_info(c->b)->name);
    }
    more_line(out, d->n_hosts, d->cut);
}

static void tables_text(const struct diff_report *r, struct out *out)
{
    const struct table_changes *t = &r->diff->l2;

    if (t->added || t->gone || t->moved || t->rewritten)
        out_printf(out, "\nL2 tables\n  %" PRIu64 " new, %" PRIu64 " gone, %" PRIu64
                   " with other entries, %" PRIu64 " at another place, %" PRIu64 " the same\n",
                   t->added, t->gone, t->rewritten, t->moved, t->same);
}

static void guest_text(const struct diff_report *r, struct out *out)
{
    const struct difference *d = r->diff;
    char size[TEXT_NUM];
    bool headed = false;

    for (int k = 0; k < N_GUEST_CHANGES; k++) {
        if (!d->guest_bytes[k])
            continue;
        heading(out, &headed, "Disk of the guest");
        out_printf(out, "  %-26s %s\n", guest_change_info((enum guest_change_kind)k)->name,
                   text_size(size, d->guest_bytes[k]));
    }
    for (size_t i = 0; i < d->n_guests && i < RANGES_SHOWN; i++)
        out_printf(out, "    0x%012" PRIx64 "  %10s  %s\n", d->guest[i].start,
                   text_size(size, d->guest[i].len),
                   guest_change_info(d->guest[i].kind)->name);
    more_line(out, d->n_guests, d->cut);
}

static void snapshot_line(const struct diff_report *r, const struct layer_change *c,
                          struct out *out)
{
    bool added = c->a == SIZE_MAX;
    const struct snapshot *s = added ? &r->b.scan->img->snaps.list[c->b]
                                     : &r->a.scan->img->snaps.list[c->a];
    uint64_t bytes = 0;
    char size[TEXT_NUM];

    for (int k = 0; k < N_GUEST_CHANGES; k++)
        bytes += c->bytes[k];
    if (!added && c->b != SIZE_MAX && c->known && !bytes)
        return;
    out_puts(out, added ? "  new      " : c->b == SIZE_MAX ? "  gone     " : "  changed  ");
    out_visible(out, s->id ? s->id : "", strlen(s->id ? s->id : ""));
    out_puts(out, " ");
    out_visible(out, s->name ? s->name : "", strlen(s->name ? s->name : ""));
    if (bytes)
        out_printf(out, ": %s of its disk lie elsewhere or are not stored alike",
                   text_size(size, bytes));
    else if (!added && c->b != SIZE_MAX)
        out_puts(out, ": could not be compared");
    out_puts(out, "\n");
}

static void snapshots_text(const struct diff_report *r, struct out *out)
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

static void problems_text(const struct diff_report *r, struct out *out)
{
    const struct difference *d = r->diff;
    bool headed = false;

    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_change *c = &d->problem[k];

        if (!c->added && !c->gone)
            continue;
        heading(out, &headed, "Problems");
        out_printf(out, "  %-26s %" PRIu64 " new, %" PRIu64 " gone, %" PRIu64 " the same\n",
                   problem_info((enum problem_kind)k)->id, c->added, c->gone, c->same);
    }
}

static void causes_text(const struct diff_report *r, struct out *out)
{
    const struct difference *d = r->diff;
    bool headed = false;

    for (size_t i = 0; i < r->b.insight->n; i++)
        if (d->cause_new[i]) {
            heading(out, &headed, "Causes");
            out_printf(out, "  new   %s\n", r->b.insight->list[i].text);
        }
    for (size_t i = 0; i < r->a.insight->n; i++)
        if (d->cause_gone[i]) {
            heading(out, &headed, "Causes");
            out_printf(out, "  gone  %s\n", r->a.insight->list[i].text);
        }
}

void diff_text(const struct diff_report *r, struct out *out)
{
    out_puts(out, "--- ");
    out_visible(out, r->name_a, strlen(r->name_a));
    out_puts(out, "\n+++ ");
    out_visible(out, r->name_b, strlen(r->name_b));
    out_puts(out, "\n");
    if (!difference_any(r->diff)) {
        out_puts(out, "No difference in the metadata.\n");
        return;
    }
    fields_text(r, out);
    hosts_text(r, out);
    tables_text(r, out);
    guest_text(r, out);
    snapshots_text(r, out);
    problems_text(r, out);
    causes_text(r, out);
}
