/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/header_area.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "plan/edit.h"

struct new_area {
    uint8_t *bytes;                 /* the new first cluster */
    uint64_t size, pos;
    bool full;
};

static void put(struct new_area *a, const void *bytes, uint64_t len)
{
    if (a->full || !range_inside(a->pos, round_up(len, 8), a->size)) {
        a->full = true;
        return;
    }
    memcpy(a->bytes + a->pos, bytes, (size_t)len);
    a->pos += round_up(len, 8);
}

static void put_extension(struct new_area *a, uint32_t type, const void *data, uint32_t len)
{
    uint8_t head[8];

    be_store(head, 4, type);
    be_store(head + 4, 4, len);
    put(a, head, 8);
    put(a, data, len);
}

static bool dropped(const struct header_ext *ext, const struct area_change *c)
{
    return ext->type == EXT_END || (ext->type == EXT_BACKING_FORMAT && c->format != AREA_KEEP)
        || (ext->type == EXT_BITMAPS && c->bitmaps == AREA_DROP);
}

static void put_kept(struct new_area *a, const struct image *img, const struct area_change *c)
{
    for (size_t i = 0; i < img->ext.n; i++) {
        const struct header_ext *ext = &img->ext.list[i];
        uint8_t bitmaps[24];

        if (dropped(ext, c) || !range_inside(ext->data_off, ext->length, img->head_got))
            continue;
        if (ext->type == EXT_BITMAPS && c->bitmaps == AREA_SET && ext->length >= 24) {
            memcpy(bitmaps, img->head + ext->data_off, 24);
            be_store(bitmaps, 4, c->nb_bitmaps);
            be_store(bitmaps + 8, 8, c->directory_size);
            put_extension(a, ext->type, bitmaps, 24);
        } else {
            put_extension(a, ext->type, img->head + ext->data_off, ext->length);
        }
    }
    if (c->format == AREA_SET)
        put_extension(a, EXT_BACKING_FORMAT, c->format_is, (uint32_t)strlen(c->format_is));
}

static void put_name(struct new_area *a, const struct image *img, const struct area_change *c)
{
    const char *name = c->name == AREA_SET ? c->name_is
        : c->name == AREA_KEEP ? img->backing_file : NULL;
    uint64_t len = !name ? 0 : c->name == AREA_SET ? strlen(name) : img->backing_file_len;

    /* The end mark: eight zeros, which are there already. */
    a->pos += 8;
    be_store(a->bytes + 8, 8, len ? a->pos : 0);
    be_store(a->bytes + 16, 4, len);
    if (len)
        put(a, name, len);
}

bool header_area_change(const struct image *img, const struct area_change *change,
                        struct patches *step, struct error *err)
{
    uint64_t size = img->geo.cluster_size;
    uint64_t start = img->hdr.version == 2 ? HEADER_V2_LEN : round_up(img->hdr.header_length, 8);
    struct new_area a = { .bytes = malloc((size_t)size), .size = size, .pos = start };

    if (!a.bytes)
        return err_set(err, ERR_NOMEM, "out of memory");
    if ((img->ext.end != EXT_ENDED_MARK && img->ext.end != EXT_ENDED_AREA)
        || img->head_got < size || img->head_bad.len || start + 8 > size) {
        free(a.bytes);
        return err_set(err, ERR_FORMAT, "the header extensions are broken or cannot be read; "
                       "writing them anew would lose some");
    }
    memcpy(a.bytes, img->head, (size_t)size);
    memset(a.bytes + start, 0, (size_t)(size - start));
    put_kept(&a, img, change);
    put_name(&a, img, change);
    if (!a.full && a.pos <= size)
        edit_difference(step, 0, img->head, a.bytes, (size_t)size);
    free(a.bytes);
    return (!a.full && a.pos <= size)
        || err_set(err, ERR_LIMIT, "the header cluster has no room for that");
}
