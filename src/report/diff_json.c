/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <string.h>

#include "qcow2/field.h"
#include "qcow2/spec.h"
#include "report/check_json.h"
#include "report/diff_report.h"
#include "report/jw.h"

static void fields_json(const struct difference *d, struct jw *j)
{
    jw_array(j, "header");
    for (size_t i = 0; i < d->n_fields; i++) {
        jw_object_flat(j, NULL);
        jw_text(j, "field", d->field[i].field->name);
        jw_u64(j, "a", d->field[i].a);
        jw_u64(j, "b", d->field[i].b);
        jw_close(j);
    }
    jw_close(j);
}

static void hosts_json(const struct diff_report *r, struct jw *j)
{
    const struct difference *d = r->diff;
    uint64_t cs = r->a.scan->img->geo.cluster_size;

    jw_object(j, "file");
    jw_u64(j, "length-a", r->a.scan->img->geo.file_size);
    jw_u64(j, "length-b", r->b.scan->img->geo.file_size);
    jw_bool(j, "compared", d->hosts);
    for (int k = 0; k < N_HOST_CHANGES; k++)
        jw_u64(j, host_change_info((enum host_change_kind)k)->id, d->host_clusters[k] * cs);
    jw_array(j, "ranges");
    for (size_t i = 0; i < d->n_hosts; i++) {
        jw_object_flat(j, NULL);
        jw_u64(j, "start", d->host[i].first * cs);
        jw_u64(j, "length", d->host[i].n * cs);
        jw_text(j, "a", class_info(d->host[i].a)->id);
        jw_text(j, "b", class_info(d->host[i].b)->id);
        jw_text(j, "change", host_change_info(d->host[i].kind)->id);
        jw_close(j);
    }
    jw_close(j);
    jw_close(j);
}

static void tables_json(const struct table_changes *t, struct jw *j)
{
    jw_object(j, "l2-tables");
    jw_u64(j, "new", t->added);
    jw_u64(j, "gone", t->gone);
    jw_u64(j, "moved", t->moved);
    jw_u64(j, "rewritten", t->rewritten);
    jw_u64(j, "same", t->same);
    jw_close(j);
}

static void guest_bytes_json(const uint64_t bytes[N_GUEST_CHANGES], struct jw *j)
{
    for (int k = 0; k < N_GUEST_CHANGES; k++)
        jw_u64(j, guest_change_info((enum guest_change_kind)k)->id, bytes[k]);
}

static void guest_json(const struct difference *d, struct jw *j)
{
    jw_object(j, "guest");
    guest_bytes_json(d->guest_bytes, j);
    jw_array(j, "ranges");
    for (size_t i = 0; i < d->n_guests; i++) {
        jw_object_flat(j, NULL);
        jw_u64(j, "start", d->guest[i].start);
        jw_u64(j, "length", d->guest[i].len);
        jw_text(j, "change", guest_change_info(d->guest[i].kind)->id);
        jw_close(j);
    }
    jw_close(j);
    jw_close(j);
    jw_bool(j, "ranges-complete", !d->cut);
}

static void snapshots_json(const struct diff_report *r, struct jw *j)
{
    jw_array(j, "snapshots");
    for (size_t i = 0; i < r->diff->n_snapshots; i++) {
        const struct layer_change *c = &r->diff->snapshot[i];
        const struct snapshot *s = c->a == SIZE_MAX ? &r->b.scan->img->snaps.list[c->b]
                                                    : &r->a.scan->img->snaps.list[c->a];

        jw_object(j, NULL);
        jw_bytes(j, "id", s->id ? s->id : "", strlen(s->id ? s->id : ""));
        jw_bytes(j, "name", s->name ? s->name : "", strlen(s->name ? s->name : ""));
        jw_text(j, "state", c->a == SIZE_MAX ? "new" : c->b == SIZE_MAX ? "gone"
                            : c->known ? "both" : "unknown");
        if (c->known)
            guest_bytes_json(c->bytes, j);
        jw_close(j);
    }
    jw_close(j);
}

static void bitmap_side_json(const char *name, const struct bitmap *b, struct jw *j)
{
    jw_object_flat(j, name);
    jw_u64(j, "granularity-bits", b->granularity_bits);
    jw_bool(j, "in-use", b->flags & BITMAP_IN_USE);
    jw_u64(j, "flags", b->flags);
    jw_close(j);
}

static void bitmaps_json(const struct diff_report *r, struct jw *j)
{
    jw_array(j, "bitmaps");
    for (size_t i = 0; i < r->diff->n_bitmaps; i++) {
        const struct bitmap_change *c = &r->diff->bitmap[i];
        const struct bitmap *x = c->a == SIZE_MAX ? NULL
                                                  : &r->a.scan->img->bitmaps.list[c->a];
        const struct bitmap *y = c->b == SIZE_MAX ? NULL
                                                  : &r->b.scan->img->bitmaps.list[c->b];

        jw_object(j, NULL);
        jw_bytes(j, "name", (x ? x : y)->name, (x ? x : y)->name_kept);
        jw_text(j, "state", !x ? "new" : !y ? "gone" : c->known ? "both" : "unknown");
        if (x)
            bitmap_side_json("a", x, j);
        if (y)
            bitmap_side_json("b", y, j);
        if (c->known) {
            jw_u64(j, "dirty-a", c->dirty_a);
            jw_u64(j, "dirty-b", c->dirty_b);
        }
        if (c->known && c->matched) {
            jw_u64(j, "became-dirty", c->set);
            jw_u64(j, "became-clean", c->cleared);
        }
        jw_close(j);
    }
    jw_close(j);
}

static void problems_json(const struct diff_report *r, struct jw *j)
{
    jw_array(j, "problems");
    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_change *c = &r->diff->problem[k];

        if (!c->added && !c->gone && !c->same)
            continue;
        jw_object_flat(j, NULL);
        jw_text(j, "id", problem_info((enum problem_kind)k)->id);
        jw_u64(j, "new", c->added);
        jw_u64(j, "gone", c->gone);
        jw_u64(j, "same", c->same);
        jw_close(j);
    }
    jw_close(j);
}

static void causes_json(const struct diff_report *r, struct jw *j)
{
    const struct insight *a = r->a.insight, *b = r->b.insight;

    jw_array(j, "causes");
    for (size_t i = 0; i < b->n; i++) {
        jw_object(j, NULL);
        jw_text(j, "id", cause_info(b->list[i].kind)->id);
        jw_text(j, "state", r->diff->cause_new[i] ? "new" : "same");
        jw_text(j, "text", b->list[i].text);
        jw_close(j);
    }
    for (size_t i = 0; i < a->n; i++) {
        if (!r->diff->cause_gone[i])
            continue;
        jw_object(j, NULL);
        jw_text(j, "id", cause_info(a->list[i].kind)->id);
        jw_text(j, "state", "gone");
        jw_text(j, "text", a->list[i].text);
        jw_close(j);
    }
    jw_close(j);
}

void diff_json(const struct diff_report *r, struct out *out)
{
    struct jw j = JW_INIT(out);

    jw_object(&j, NULL);
    jw_bytes(&j, "a", r->name_a, strlen(r->name_a));
    jw_bytes(&j, "b", r->name_b, strlen(r->name_b));
    jw_u64(&j, "schema-version", JSON_SCHEMA_VERSION);
    jw_bool(&j, "differ", difference_any(r->diff));
    fields_json(r->diff, &j);
    hosts_json(r, &j);
    tables_json(&r->diff->l2, &j);
    guest_json(r->diff, &j);
    snapshots_json(r, &j);
    bitmaps_json(r, &j);
    problems_json(r, &j);
    causes_json(r, &j);
    jw_close(&j);
}
