/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "cmd/plan_owners.h"

#include "base/buf.h"
#include "volumes/volume_items.h"

struct owner_search {
    struct volumes_helper *helper;
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
                               .lack = { [LACK_LOST] = &lost, [LACK_ASKED] = &asked } };
    struct volumes volumes = { 0 };
    bool ok = given_up(o, &asked);

    if (ok && asked.n && volumes_lacking(disk, &lost, NULL, NULL, NULL)) {
        guest_ranges_sort(&lost);
        volumes_run(o->helper, disk, &q, &volumes, NULL);
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

static bool ask_for_step(struct owner_search *o)
{
    bool ok = true;

    for (o->layer = 0; ok && o->layer <= o->img->snaps.n; o->layer++) {
        struct disk *disk;

        if (!has_losses(o->step, o->layer)
            || !disk_open(o->img, (struct disk_layer){ o->layer, false },
                          &(struct disk_options){ 0 }, &disk, NULL))
            continue;
        ok = ask(o, disk);
        disk_close(disk);
    }
    return ok;
}

bool plan_owners_find(struct volumes_helper *helper, const struct settings *s,
                      struct source *src, struct plan *plan, struct error *err)
{
    const struct patches none = { 0 };
    struct source *view = NULL;
    struct image *img = NULL;
    bool ok = true, loses = false;

    for (size_t i = 0; i < plan->n; i++)
        loses = loses || plan_step_loses(&plan->step[i]);
    if (!loses || !source_open_patched(src, &none, &view, NULL))
        return true;
    if (!image_open(view, &s->image, &img, NULL)) {
        source_close(view);
        return true;
    }
    for (size_t i = 0; ok && i < plan->n; i++)
        ok = ask_for_step(&(struct owner_search){ .helper = helper, .img = img,
                                            .step = &plan->step[i] });
    image_close(img);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}
