/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Persistent bitmaps: drop some, switch their recording on and off, take away the mark that
 * they were in use. Spec: "Bitmaps". */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "plan/edit.h"
#include "plan/header_area.h"
#include "plan/planner.h"

static size_t find(const struct bitmaps *b, const char *name)
{
    for (size_t i = 0; i < b->n; i++)
        if (strcmp(b->list[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

static bool write_directory(const struct image *img, const bool *drop, size_t n_drop,
                            struct patches *round, struct error *err)
{
    const struct bitmaps *b = &img->bitmaps;
    struct area_change change = { .bitmaps = AREA_SET, .nb_bitmaps = b->n - n_drop };
    struct buf dir = BUF_INIT;
    bool ok = true;

    for (size_t i = 0; ok && i < b->n; i++) {
        const struct bitmap *e = &b->list[i];

        if (drop[i])
            continue;
        ok = edit_carry(img->src, e->entry_off, e->entry_len, &dir, err);
    }
    if (ok && dir.len)
        patches_write(round, b->dir_off, dir.data, dir.len);
    change.directory_size = dir.len;
    if (!dir.len) {
        change.bitmaps = AREA_DROP;
        edit_header(round, "autoclear_features",
                    img->hdr.autoclear_features & ~AUTOCLEAR_BITMAPS);
    }
    buf_free(&dir);
    return ok && header_area_change(img, &change, round, err);
}

struct flag_change { const char *arg; uint32_t set, clear; const char *words, *cost; };

static const struct flag_change changes[] = {
    { "enable=", BITMAP_AUTO, 0, "Record writes in bitmap ", NULL },
    { "disable=", 0, BITMAP_AUTO, "Record no more writes in bitmap ", NULL },
    { "clear-in-use=", 0, BITMAP_IN_USE, "Take away the mark \"in use\" of bitmap ",
      "Writes that were not recorded are missing from it: the next incremental backup may "
      "lack them. A full backup is safe." },
};

/* The flags of one bitmap, as an argument wants them; *done when it was such an argument. */
static bool change_flags(const struct image *img, const char *arg, struct patches *round,
                         struct buf *title, const char **cost, bool *done,
                         struct error *err)
{
    const struct bitmaps *b = &img->bitmaps;

    *done = false;
    for (size_t k = 0; k < sizeof changes / sizeof changes[0]; k++) {
        const struct flag_change *c = &changes[k];
        const char *name = arg + strlen(c->arg);
        size_t i;

        if (strncmp(arg, c->arg, strlen(c->arg)) != 0)
            continue;
        i = find(b, name);
        if (i == SIZE_MAX)
            return err_set(err, ERR_USAGE, "there is no such bitmap; the image has %zu", b->n);
        edit_field(round, "bitmap-dir-entry", b->list[i].entry_off, "flags",
                   (b->list[i].flags & ~c->clear) | c->set);
        if (title->len)
            buf_putc(title, ' ');
        buf_puts(title, c->words);
        text_visible(title, b->list[i].name, strlen(b->list[i].name));
        buf_putc(title, '.');
        if (c->cost)
            *cost = c->cost;
        *done = true;
    }
    return true;
}

bool planner_bitmaps(struct trial *t, const struct planner_options *opt,
                     struct plan_step *step, struct error *err)
{
    const struct bitmaps *b = &t->img->bitmaps;
    bool *drop = calloc(b->n ? b->n : 1, sizeof *drop), ok = drop != NULL;
    struct patches round = { 0 };
    struct buf title = BUF_INIT;
    const char *cost = NULL;
    size_t n_drop = 0;
    bool list = false;          /* drop a list that nothing was read of */

    if (!drop)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!opt->n_args)
        ok = err_set(err, ERR_USAGE, "bitmaps: say drop=NAME, drop=all, enable=NAME, "
                     "disable=NAME or clear-in-use=NAME");
    for (size_t a = 0; ok && a < opt->n_args; a++) {
        const char *name = opt->args[a] + strlen("drop=");
        bool done;

        ok = change_flags(t->img, opt->args[a], &round, &title, &cost, &done, err);
        if (!ok || done)
            continue;
        if (strncmp(opt->args[a], "drop=", strlen("drop=")) != 0) {
            ok = err_set(err, ERR_USAGE, "bitmaps: '%.40s' is not understood", opt->args[a]);
        } else if (strcmp(name, "all") == 0) {
            for (size_t i = 0; i < b->n; i++)
                drop[i] = true;
            list = !b->n && b->end != BITMAPS_NONE;
        } else if (find(b, name) == SIZE_MAX) {
            ok = err_set(err, ERR_USAGE, "there is no such bitmap; the image has %zu", b->n);
        } else {
            drop[find(b, name)] = true;
        }
    }
    for (size_t i = 0; i < b->n; i++)
        n_drop += drop[i];
    if (ok && (n_drop || list)) {
        buf_puts(&title, title.len ? " " : "");
        if (list)
            buf_puts(&title, "Drop the list of bitmaps, of which nothing can be read.");
        else
            buf_printf(&title, "Drop %zu of %zu bitmaps.", n_drop, b->n);
        ok = write_directory(t->img, drop, n_drop, &round, err);
    }
    free(drop);
    step->title = title.len ? buf_take(&title) : NULL;
    buf_free(&title);
    step->cost = cost ? strdup(cost) : NULL;
    if (ok)
        return planner_take_all(t, step, &round, err);
    patches_free(&round);
    return false;
}
