/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The archive of what got no place. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "plan/rescue/unplaced.h"
#include "qcow2/decompress.h"

#define TAR_BLOCK   512
#define NAME_ROOM   80

static void name_of(const struct unplaced_extent *e, char name[NAME_ROOM])
{
    snprintf(name, NAME_ROOM, "0x%012" PRIx64 ".%s", e->off, content_info(e->content)->id);
}

struct tar { struct sink *sink; uint64_t at; };

static bool begin_member(struct tar *t, const char *name, uint64_t len, struct error *err)
{
    char h[TAR_BLOCK] = "";
    unsigned sum = 0;

    snprintf(h, 100, "%s", name);
    memcpy(h + 100, "0000644\0" "0000000\0" "0000000", 23);
    snprintf(h + 124, 12, "%011" PRIo64, len);
    memcpy(h + 136, "00000000000", 11);
    memset(h + 148, ' ', 8);
    h[156] = '0';
    memcpy(h + 257, "ustar\0" "00", 8);
    for (size_t i = 0; i < sizeof h; i++)
        sum += (unsigned char)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    t->at += TAR_BLOCK;
    return sink_write(t->sink, t->at - TAR_BLOCK, h, sizeof h, err);
}

static bool add_bytes(struct tar *t, const void *bytes, size_t len, struct error *err)
{
    t->at += len;
    return sink_write(t->sink, t->at - len, bytes, len, err);
}

static void list_text(const struct unplaced *u, struct buf *out)
{
    char name[NAME_ROOM];

    buf_puts(out, "[");
    for (size_t i = 0; i < u->n; i++) {
        const struct unplaced_extent *e = &u->list[i];

        name_of(e, name);
        buf_printf(out, "%s\n{\"offset\": %" PRIu64 ", \"length\": %" PRIu64 ", \"content\": \"%s\", "
                   "\"compressed\": %s, \"file\": \"%s\"}", i ? "," : "", e->off, e->len,
                   content_info(e->content)->id, e->stream ? "true" : "false", name);
    }
    buf_puts(out, "\n]\n");
}

static bool add_extent(struct tar *t, const struct unplaced_extent *e, const struct image *img,
                       uint8_t *bytes, struct error *err)
{
    uint64_t cluster = img->geo.cluster_size, len = e->stream ? cluster : e->len;
    char name[NAME_ROOM];

    name_of(e, name);
    if (!begin_member(t, name, len, err))
        return false;
    for (uint64_t at = 0; at < len; at += cluster) {
        size_t n = (size_t)u64_min(cluster, len - at);

        memset(bytes, 0, n);            /* what cannot be read stays so */
        if (e->stream)
            (void)cluster_decompress(img, e->off, e->len, bytes, NULL);
        else
            (void)source_read(img->src, e->off + at, bytes, n, NULL);
        if (!add_bytes(t, bytes, n, err))
            return false;
    }
    t->at = round_up(t->at, TAR_BLOCK);
    return true;
}

bool unplaced_write(const struct unplaced *u, const struct image *img, struct sink *sink,
                    struct error *err)
{
    uint64_t cluster = img->geo.cluster_size;
    struct buf text = BUF_INIT;
    struct tar t = { sink, 0 };
    uint8_t *bytes = calloc(1, u64_max(cluster, TAR_BLOCK * 2));
    bool ok = bytes || err_set(err, ERR_NOMEM, "out of memory");

    list_text(u, &text);
    ok = ok && (!text.failed || err_set(err, ERR_NOMEM, "out of memory"))
        && sink_begin(sink, 0, err) && begin_member(&t, "extents.json", text.len, err)
        && add_bytes(&t, text.data, text.len, err);
    t.at = round_up(t.at, TAR_BLOCK);
    for (size_t i = 0; ok && i < u->n; i++)
        ok = add_extent(&t, &u->list[i], img, bytes, err);
    if (ok) {
        memset(bytes, 0, TAR_BLOCK * 2);
        ok = add_bytes(&t, bytes, TAR_BLOCK * 2, err) && sink_sync(sink, err);
    }
    buf_free(&text);
    free(bytes);
    return ok;
}
