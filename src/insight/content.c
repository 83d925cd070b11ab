/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "insight/content.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "insight/content_work.h"
#include "qcow2/place.h"

const struct content_info *content_info(enum content_kind kind)
{
    static const struct content_info table[N_CONTENTS] = {
#define X(e, id, name, group) [CONTENT_##e] = { id, name, CONTENT_IS_##group },
        CONTENT_KINDS(X)
#undef X
    };

    return &table[kind];
}

void content_vote(struct looking *l, enum content_kind kind, unsigned score, size_t at,
                  uint64_t address, const char *fmt, ...)
{
    struct content *c = l->out;
    va_list ap;

    if (score <= c->score) {
        if (kind != c->kind && score > c->second_score) {
            c->second = kind;
            c->second_score = score;
        }
        return;
    }
    if (kind != c->kind && c->kind != N_CONTENTS) {
        c->second = c->kind;
        c->second_score = c->score;
    }
    c->kind = kind;
    c->score = score;
    c->at = (uint32_t)at;
    c->address = address;
    c->detail[0] = '\0';
    if (!fmt)
        return;
    va_start(ap, fmt);
    vsnprintf(c->detail, sizeof c->detail, fmt, ap);
    va_end(ap);
}

void content_look(const struct content_context *ctx, const uint8_t *bytes, size_t len,
                  struct content *out)
{
    struct looking l = { ctx, bytes, len, out, CONTENT_PROBES };

    *out = (struct content){ .kind = N_CONTENTS, .second = N_CONTENTS,
                             .address = NO_ADDRESS };
    if (bytes_all_zero(bytes, len)) {
        out->kind = CONTENT_ZERO;
        out->score = 1000;
        return;
    }
    content_vote_tables(&l);
    content_vote_lists(&l);
    content_vote_disk(&l);
    content_vote_ext(&l);
    content_vote_files(&l);
    content_vote_bytes(&l);
}

static bool look_at(const struct image *img, uint64_t off, bool closely, uint8_t *scratch,
                    struct content *out)
{
    const struct content_context ctx = { &img->geo, img->src, closely };
    uint64_t size = img->geo.file_size;
    struct data_memo memo = { 0, 0, 0 };
    size_t len;

    if (off >= size)
        return false;
    len = (size_t)u64_min(u64_min(img->geo.cluster_size, CONTENT_BYTES_MAX), size - off);
    if (source_all_hole(img->src, &memo, off, len)) {
        *out = (struct content){ .kind = CONTENT_HOLE, .score = 1000, .second = N_CONTENTS,
                                 .address = NO_ADDRESS };
        return true;
    }
    if (!source_read(img->src, off, scratch, len, NULL))
        return false;
    content_look(&ctx, scratch, len, out);
    return true;
}

bool content_at(const struct image *img, uint64_t off, uint8_t *scratch, struct content *out)
{
    return look_at(img, off, false, scratch, out);
}

bool content_at_closely(const struct image *img, uint64_t off, uint8_t *scratch,
                        struct content *out)
{
    return look_at(img, off, true, scratch, out);
}

void content_text(const struct content *c, struct buf *out)
{
    buf_puts(out, content_info(c->kind)->name);
    if (c->detail[0])
        buf_printf(out, " (%s)", c->detail);
}
