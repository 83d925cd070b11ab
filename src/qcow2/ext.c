/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "qcow2/field.h"
#include "qcow2/header.h"
#include "qcow2/spec.h"

#define HEAD 8                          /* bytes of type and length before the data */

/* `width` bytes at `off`, zeros where `len` does not reach. */
static uint64_t load(const uint8_t *bytes, size_t len, uint64_t off, size_t width)
{
    uint64_t v = 0;

    for (size_t i = 0; i < width; i++)
        v = v << 8 | (off + i < len ? bytes[off + i] : 0);
    return v;
}

void extensions_area(const struct header *hdr, uint64_t cluster_size, uint64_t *start,
                     uint64_t *end)
{
    /* A length that is too short is a damaged one: the shortest header is assumed. */
    *start = u64_max(hdr->header_length,
                     hdr->version == 2 ? HEADER_V2_LEN : HEADER_V3_LEN);
    *end = cluster_size;
    if (hdr->backing_file_offset)
        *end = u64_min(hdr->backing_file_offset, cluster_size);
}

bool extension_next(const uint8_t *bytes, size_t len, uint64_t area_end, uint64_t *pos,
                    struct header_ext *ext, bool *too_long)
{
    *too_long = false;
    if (*pos >= area_end)
        return false;
    ext->type = (uint32_t)load(bytes, len, *pos, 4);
    ext->length = (uint32_t)load(bytes, len, *pos + 4, 4);
    ext->data_off = *pos + HEAD;
    if (area_end - *pos < HEAD || ext->length > area_end - ext->data_off) {
        *too_long = true;
        return false;
    }
    *pos = ext->data_off + round_up(ext->length, 8);
    return true;
}

static void decode_known(const uint8_t *bytes, size_t len, struct extensions *out)
{
    for (size_t i = 0; i < out->n; i++) {
        const struct header_ext *e = &out->list[i];

        switch (e->type) {
        case EXT_BACKING_FORMAT: out->backing_format = e; break;
        case EXT_FEATURE_NAMES: out->feature_names = e; break;
        case EXT_BITMAPS: out->bitmaps_at = e; break;
        case EXT_CRYPTO: out->crypto_at = e; break;
        case EXT_DATA_FILE: out->data_file = e; break;
        default: break;
        }
    }
    if (out->bitmaps_at && out->bitmaps_at->length >= 24) {
        uint64_t at = out->bitmaps_at->data_off;

        out->has_bitmaps = true;
        out->bitmaps.nb_bitmaps = load(bytes, len, at, 4);
        out->bitmaps.reserved = load(bytes, len, at + 4, 4);
        out->bitmaps.directory_size = load(bytes, len, at + 8, 8);
        out->bitmaps.directory_offset = load(bytes, len, at + 16, 8);
    }
    if (out->crypto_at && out->crypto_at->length >= 16) {
        out->has_crypto = true;
        out->crypto.offset = load(bytes, len, out->crypto_at->data_off, 8);
        out->crypto.length = load(bytes, len, out->crypto_at->data_off + 8, 8);
    }
}

bool extensions_decode(const uint8_t *bytes, size_t len, const struct header *hdr,
                       uint64_t cluster_size, struct extensions *out)
{
    uint64_t pos, end;
    struct header_ext e;
    size_t cap = 0;
    bool too_long;

    *out = (struct extensions){ .end = EXT_ENDED_AREA };
    extensions_area(hdr, cluster_size, &pos, &end);
    while (extension_next(bytes, len, end, &pos, &e, &too_long)) {
        if (e.type == EXT_END) {
            out->end = EXT_ENDED_MARK;
            pos = e.data_off - HEAD;
            break;
        }
        if (out->n == EXTENSIONS_MAX) {
            out->end = EXT_ENDED_OUR_LIMIT;
            pos = e.data_off - HEAD;
            break;
        }
        if (out->n == cap) {
            size_t more = cap ? cap * 2 : 8;
            struct header_ext *list = realloc(out->list, more * sizeof *list);

            if (!list) {
                extensions_free(out);
                return false;
            }
            out->list = list;
            cap = more;
        }
        out->list[out->n++] = e;
    }
    if (out->end == EXT_ENDED_AREA && too_long)
        out->end = EXT_ENDED_TOO_LONG;
    out->end_off = pos;
    decode_known(bytes, len, out);
    return true;
}

void extensions_free(struct extensions *ext)
{
    free(ext->list);
    *ext = (struct extensions){ .end = EXT_ENDED_AREA };
}

const char *extension_name(uint32_t type)
{
    const struct field *f = field_named(field_table("header-ext"), "type");

    for (const struct field_name *n = f->names; n->name; n++)
        if (n->value == type)
            return n->name;
    return "unknown";
}

/* Records of the feature name table: type, bit, 46 bytes of name. */
#define RECORD 48

void feature_bit_name(const uint8_t *bytes, size_t len, const struct extensions *ext,
                      int type, int bit, struct buf *out)
{
    static const char *const mask[] = { "incompatible_features", "compatible_features",
                                        "autoclear_features" };
    const struct header_ext *table = ext->feature_names;
    const struct field *f = NULL;

    if (type >= 0 && type <= 2)
        f = field_named(field_table("header"), mask[type]);
    for (const struct field_name *n = f ? f->names : NULL; n && n->name; n++)
        if (n->value == (uint64_t)bit) {
            buf_puts(out, n->name);
            return;
        }
    for (uint32_t at = 0; table && table->length - at >= RECORD; at += RECORD) {
        uint64_t off = table->data_off + at;
        size_t name = 0;

        while (name < RECORD - 2 && load(bytes, len, off + 2 + name, 1))
            name++;
        if (!name)
            break;
        if (load(bytes, len, off, 1) != (uint64_t)type ||
            load(bytes, len, off + 1, 1) != (uint64_t)bit)
            continue;
        text_visible(out, bytes + off + 2, name);
        return;
    }
    buf_printf(out, "unknown bit %d", bit);
}
