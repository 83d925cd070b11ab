/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/owners.h"

#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "insight/difference.h"
#include "volumes/volume_items.h"

/* --- what the guest reads --- */

/* One layer without the step, and with it. */
struct two_disks {
    struct disk *before, *after;
    struct plan_step *step;
    uint32_t layer;
    uint64_t compared;                  /* bytes */
};

#define PIECE 4096u

/* What is stored elsewhere may be a copy. */
static bool note_moved(struct two_disks *x, uint64_t at, uint64_t end)
{
    uint8_t a[PIECE], b[PIECE];
    bool ok = true;

    for (; ok && at < end && x->compared < OWNERS_BYTES_MAX; x->compared += PIECE) {
        size_t n = (size_t)u64_min(PIECE, end - at);

        ok = disk_read(x->before, at, a, n, NULL, NULL) && disk_read(x->after, at, b, n, NULL, NULL)
            && (memcmp(a, b, n) == 0 || plan_step_add_loss(x->step, x->layer, at, n));
        at += n;
    }
    return ok && (at == end || plan_step_add_loss(x->step, x->layer, at, end - at));
}

/* Zeros instead of nothing, or the other way round: with a backing file something else is read. */
static bool note_change(struct two_disks *x, const struct guest_change *c)
{
    switch (c->kind) {
    case GUEST_MOVED_NOW:
        return note_moved(x, c->start, c->start + c->len);
    case GUEST_OTHER_NOW:
        if (!disk_image(x->before)->backing_file)
            return true;
        break;
    case GUEST_STORED_NOW: case N_GUEST_CHANGES:
        return true;
    case GUEST_FREED_NOW:
        break;
    }
    return plan_step_add_loss(x->step, x->layer, c->start, c->len);
}

/* A layer of which a table cannot be read tells nothing. */
static bool note_layer(struct two_disks *x)
{
    const struct image *before = disk_image(x->before), *after = disk_image(x->after);
    uint64_t bytes[N_GUEST_CHANGES] = { 0 };
    struct difference d = { .n_guests = 0 };
    bool ok = true;

    difference_guest(before, x->layer, after, x->layer, bytes, &d, NULL);
    for (size_t i = 0; ok && i < d.n_guests; i++)
        ok = note_change(x, &d.guest[i]);
    difference_free(&d);
    return ok;
}

bool plan_step_note_guest(struct plan_step *step, const struct image *before,
                          const struct image *after, struct error *err)
{
    const uint64_t layers = u64_min(u64_min(before->snaps.n, after->snaps.n), OWNERS_LAYERS_MAX);
    const struct disk_options plain = { 0 };
    struct two_disks x = { .step = step };
    bool ok = true;

    for (; ok && x.layer <= layers; x.layer++) {
        const struct disk_layer layer = { x.layer, false };

        if (disk_open(before, layer, &plain, &x.before, NULL)) {
            if (disk_open(after, layer, &plain, &x.after, NULL)) {
                ok = note_layer(&x);
                disk_close(x.after);
            }
            disk_close(x.before);
        }
    }
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}

/* --- whose it was --- */

struct owner_search {
    const struct owners_how *how;
    const struct image *img;
    struct plan_step *step;
    uint32_t layer;
    struct volume_items items;
    bool no_memory;
};

/* That there is no file system is no owner. */
static bool keep(void *ctx, const struct volume_item *item)
{
    struct owner_search *o = ctx;

    if (item->kind == ITEM_UNKNOWN || item->kind == ITEM_VOLUME || item->kind == ITEM_OUTSIDE)
        return true;
    o->no_memory = !volume_items_add(&o->items, item);
    return !o->no_memory;
}

static bool note(struct owner_search *o, const struct volumes *v)
{
    bool ok = true;

    volume_items_sort(&o->items);
    for (size_t i = 0; ok && i < o->items.n; i++) {
        struct buf text = BUF_INIT;

        volume_item_text(v, &o->items.item[i], &text);
        ok = !text.failed && plan_step_add_owner(o->step, o->layer, buf_str(&text),
                                                 o->items.item[i].lack[LACK_ASKED]);
        buf_free(&text);
    }
    o->step->owners_left_out += o->items.left_out;
    return ok;
}

static bool given_up(const struct owner_search *o, struct guest_ranges *out)
{
    const struct plan_step *s = o->step;

    for (size_t i = 0; i < s->n_losses; i++)
        if (!s->loss[i].regained && s->loss[i].layer == o->layer
            && !guest_ranges_add(out, s->loss[i].guest_off, s->loss[i].len, NULL))
            return false;
    guest_ranges_sort(out);
    return true;
}

/* What cannot be had of the disk costs names, and no more. */
static bool ask(struct owner_search *o, struct disk *disk)
{
    struct guest_ranges asked = GUEST_RANGES_INIT, lost = GUEST_RANGES_INIT;
    struct volumes_query q = { .want = VOLUMES_ASKED, .item = keep, .ctx = o,
                               .lack = { [LACK_LOST] = &lost, [LACK_ASKED] = &asked },
                               .cancel = o->how->cancel };
    struct volumes volumes = { 0 };
    bool ok = given_up(o, &asked);

    if (ok && asked.n && volumes_lacking(disk, &lost, NULL, o->how->cancel, NULL)) {
        guest_ranges_sort(&lost);
        volumes_run(o->how->helper, disk, &q, &volumes, NULL);
        ok = !o->no_memory && note(o, &volumes);
    }
    volume_items_free(&o->items);
    volumes_free(&volumes);
    guest_ranges_free(&asked);
    guest_ranges_free(&lost);
    return ok;
}

static bool has_losses(const struct plan_step *s, uint32_t layer)
{
    for (size_t i = 0; i < s->n_losses; i++)
        if (!s->loss[i].regained && s->loss[i].layer == layer)
            return true;
    return false;
}

bool plan_step_find_owners(const struct owners_how *how, const struct image *before,
                           struct plan_step *step, struct error *err)
{
    struct owner_search o = { .how = how, .img = before, .step = step };
    bool ok = true;

    for (o.layer = 0; ok && o.layer <= before->snaps.n; o.layer++) {
        struct disk *disk;

        if (!has_losses(step, o.layer)
            || !disk_open(before, (struct disk_layer){ o.layer, false }, &how->disk, &disk, NULL))
            continue;
        ok = ask(&o, disk);
        disk_close(disk);
    }
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}

/* An image that cannot be opened costs names, and no more. */
static bool find_before(const struct owners_how *how, const struct image_options *opt,
                        struct source *src, const struct patches *steps, struct plan_step *step,
                        struct error *err)
{
    struct patches all = { 0 };
    struct source *view = NULL;
    struct image *img;
    bool ok = true;

    patches_append(&all, steps);
    if (patches_flatten(&all, NULL) && source_open_patched(src, &all, &view, NULL)) {
        if (image_open(view, opt, &img, NULL)) {
            ok = plan_step_find_owners(how, img, step, err);
            image_close(img);
        } else {
            source_close(view);
        }
    }
    patches_free(&all);
    return ok;
}

bool plan_find_owners(const struct owners_how *how, const struct image_options *opt,
                      struct source *src, struct plan *plan, struct error *err)
{
    struct patches steps = { 0 };
    bool ok = true;

    for (size_t i = 0; ok && i < plan->n; i++) {
        if (plan_step_loses(&plan->step[i]))
            ok = find_before(how, opt, src, &steps, &plan->step[i], err);
        patches_append(&steps, &plan->step[i].patches);
    }
    patches_free(&steps);
    return ok;
}
