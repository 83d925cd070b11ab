/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Structures somewhere in the file, cut into parts. */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "qcow2/field.h"
#include "qcow2/field_tables.h"
#include "qcow2/image.h"

/* A list being made, and the bytes of the file that values are read from. */
struct making {
    struct parts out;
    size_t cap;
    bool failed;
    const uint8_t *bytes;
    uint64_t bytes_off;                 /* host byte of bytes[0] */
    size_t bytes_len;
    uint32_t index;                     /* of the structure being cut */
};

static void add(struct making *m, const struct field_table *t, const struct field *f,
                uint64_t off, uint64_t len)
{
    struct part *p;

    if (m->out.n == m->cap) {
        size_t more = m->cap ? m->cap * 2 : 64;
        struct part *list = m->failed ? NULL : realloc(m->out.list, more * sizeof *list);

        if (!list) {
            m->failed = true;
            return;
        }
        m->out.list = list;
        m->cap = more;
    }
    p = &m->out.list[m->out.n++];
    *p = (struct part){ .table = t, .field = f, .off = off, .len = len,
                        .index = m->index };
    if (f->width && f->width <= 8 && off - m->bytes_off < m->bytes_len) {
        size_t at = (size_t)(off - m->bytes_off);

        p->value = be_load(m->bytes + at, u64_min(len, m->bytes_len - at));
    }
}

static void add_named(struct making *m, const struct field_table *t, const char *name,
                      uint64_t off, uint64_t len)
{
    const struct field *f = field_named(t, name);

    assert(f);
    if (len)
        add(m, t, f, off, len);
}

/* The fields of fixed width that lie within `len` bytes from `off`. Returns the number of
 * bytes they take. */
static uint64_t add_fixed(struct making *m, const struct field_table *t, uint64_t off,
                          uint64_t len)
{
    uint64_t end = 0;

    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->field[i];

        if (!f->width || f->off + (uint64_t)f->width > len)
            continue;
        add(m, t, f, off + f->off, f->width);
        end = f->off + (uint64_t)f->width;
    }
    return end;
}

static bool finish(struct making *m, struct parts *out)
{
    if (m->failed) {
        free(m->out.list);
        return false;
    }
    *out = m->out;
    return true;
}

static void add_header_fields(struct making *m, const struct header *h)
{
    const struct field_table *t = &FIELDS_HEADER;

    for (size_t i = 0; i < t->n; i++) {
        const struct field *f = &t->field[i];
        uint64_t len = f->width;

        if (!len || !header_has_field(f, h->version, h->header_length))
            continue;
        if (f->off >= HEADER_V3_LEN)
            len = u64_min(len, h->header_length - f->off);
        add(m, t, f, f->off, len);
    }
    if (h->version != 2 && h->header_length <= m->bytes_len && h->header_length > 112)
        add_named(m, t, "unknown", 112, h->header_length - 112);
}

static void add_ext_data(struct making *m, const struct header_ext *e)
{
    uint64_t used = 0;
    uint32_t ext_index = m->index;

    switch (e->type) {
    case EXT_BITMAPS:
        used = add_fixed(m, &FIELDS_BITMAPS_EXT, e->data_off, e->length);
        break;
    case EXT_CRYPTO:
        used = add_fixed(m, &FIELDS_CRYPTO_EXT, e->data_off, e->length);
        break;
    case EXT_FEATURE_NAMES:
        for (m->index = 0; e->length - used >= 48; m->index++)
            used += add_fixed(m, &FIELDS_FEATURE_NAME, e->data_off + used, 48);
        m->index = ext_index;
        break;
    default:
        break;
    }
    add_named(m, &FIELDS_HEADER_EXT, "data", e->data_off + used, e->length - used);
}

bool parts_of_header(const struct image *img, struct parts *out)
{
    struct making m = { .bytes = img->head, .bytes_len = img->head_len };
    const struct extensions *ext = &img->ext;

    add_header_fields(&m, &img->hdr);
    for (size_t i = 0; i < ext->n; i++) {
        m.index = (uint32_t)i;
        add_fixed(&m, &FIELDS_HEADER_EXT, ext->list[i].data_off - 8, 8);
        add_ext_data(&m, &ext->list[i]);
    }
    m.index = (uint32_t)ext->n;
    if (ext->end != EXT_ENDED_AREA && ext->end_off < img->head_len)
        add_fixed(&m, &FIELDS_HEADER_EXT, ext->end_off,
                  u64_min(8, img->head_len - ext->end_off));
    m.index = 0;
    add_named(&m, &FIELDS_HEADER, "backing_file_name", img->hdr.backing_file_offset,
              img->backing_file_len);
    return finish(&m, out);
}

/* Reads `fixed` bytes of a directory entry into `bytes` and cuts its fields. */
static void begin_entry(const struct image *img, const struct field_table *t,
                        uint64_t off, uint64_t fixed, uint32_t index, uint8_t *bytes,
                        struct making *m)
{
    *m = (struct making){ .bytes = bytes, .bytes_off = off, .bytes_len = (size_t)fixed,
                          .index = index };
    (void)source_read(img->src, off, bytes, (size_t)fixed, NULL);
    add_fixed(m, t, off, fixed);
}

bool parts_of_snapshot(const struct image *img, size_t i, struct parts *out)
{
    const struct snapshot *s;
    uint8_t bytes[40 + 24];
    struct making m;
    uint64_t at, known;

    assert(i < img->snaps.n);
    s = &img->snaps.list[i];
    at = s->entry_off + 40;
    begin_entry(img, &FIELDS_SNAPSHOT, s->entry_off, sizeof bytes, (uint32_t)i, bytes,
                &m);
    known = add_fixed(&m, &FIELDS_SNAPSHOT_EXTRA, at, u64_min(s->extra_data_size, 24));
    add_named(&m, &FIELDS_SNAPSHOT_EXTRA, "unknown", at + known,
              s->extra_data_size - known);
    at += s->extra_data_size;
    add_named(&m, &FIELDS_SNAPSHOT, "id_str", at, s->id_size);
    at += s->id_size;
    add_named(&m, &FIELDS_SNAPSHOT, "name", at, s->name_size);
    return finish(&m, out);
}

bool parts_of_bitmap(const struct image *img, size_t i, struct parts *out)
{
    const struct bitmap *b;
    uint8_t bytes[24];
    struct making m;
    uint64_t at;

    assert(i < img->bitmaps.n);
    b = &img->bitmaps.list[i];
    at = b->entry_off + 24;
    begin_entry(img, &FIELDS_BITMAP_DIR_ENTRY, b->entry_off, sizeof bytes, (uint32_t)i,
                bytes, &m);
    add_named(&m, &FIELDS_BITMAP_DIR_ENTRY, "extra_data", at, b->extra_data_size);
    at += b->extra_data_size;
    add_named(&m, &FIELDS_BITMAP_DIR_ENTRY, "name", at, b->name_size);
    return finish(&m, out);
}

void parts_free(struct parts *p)
{
    free(p->list);
    *p = (struct parts){ NULL, 0 };
}
