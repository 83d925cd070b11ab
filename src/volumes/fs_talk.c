/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The helper's end of the socket: messages go out in large pieces, bytes of the disk come in. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "volumes/fs_work.h"

/* --- talking --- */

void fs_flush(struct fs_work *w)
{
    if (w->unsent_len && !wire_send(w->fd, w->unsent, w->unsent_len))
        _exit(1);
    w->unsent_len = 0;
}

static void put(struct fs_work *w, const void *bytes, size_t len)
{
    if (len > sizeof w->unsent - w->unsent_len)
        fs_flush(w);
    if (len > sizeof w->unsent) {
        if (!wire_send(w->fd, bytes, len))
            _exit(1);
    } else if (len) {
        memcpy(w->unsent + w->unsent_len, bytes, len);
        w->unsent_len += len;
    }
}

void fs_say(struct fs_work *w, enum wire_type type, const void *a, size_t a_len, const void *b,
            size_t b_len)
{
    struct wire_header h = { type, (uint32_t)(a_len + b_len) };

    if (a_len + b_len > WIRE_LEN_MAX)
        _exit(1);
    put(w, &h, sizeof h);
    put(w, a, a_len);
    put(w, b, b_len);
}

/* --- reading --- */

static void ask(struct fs_work *w, uint64_t off, void *dst, size_t len)
{
    struct wire_read r = { off, len };

    fs_say(w, WIRE_READ, &r, sizeof r, NULL, 0);
    fs_flush(w);
    if (!wire_receive(w->fd, dst, len))
        _exit(1);
}

static const uint8_t *slot_of(struct fs_work *w, uint64_t off)
{
    struct fs_slot *s = &w->slot[off / FS_SLOT_BYTES % FS_SLOTS];

    if (s->off != off) {
        if (!s->bytes && !(s->bytes = malloc(FS_SLOT_BYTES)))
            _exit(1);
        ask(w, off, s->bytes, FS_SLOT_BYTES);
        s->off = off;
    }
    return s->bytes;
}

static void fs_disk_read(struct fs_work *w, uint64_t off, void *dst, size_t len)
{
    uint8_t *p = dst;

    while (len) {
        uint64_t at = off % FS_SLOT_BYTES;
        size_t n = (size_t)u64_min(len, FS_SLOT_BYTES - at);

        if (off >= w->size) {
            memset(p, 0, len);
            return;
        }
        if (!at && len >= FS_SLOT_BYTES) {
            n = (size_t)u64_min(len, WIRE_LEN_MAX);
            ask(w, off, p, n);
        } else {
            memcpy(p, slot_of(w, off - at) + at, n);
        }
        p += n;
        off += n;
        len -= n;
    }
}

static void read_extents(struct fs_work *w, const struct volume *v, uint64_t off, void *dst,
                         size_t len)
{
    uint8_t *p = dst;

    memset(dst, 0, len);
    for (uint32_t i = 0; i < v->n_extents; i++) {
        const struct volume_extent *e = &v->extents[i];
        uint64_t start = u64_max(off, e->off), end = off + len < off ? UINT64_MAX : off + len;

        end = u64_min(end, e->off + e->len);
        if (start < end)
            fs_disk_read(w, e->guest_off + (start - e->off), p + (start - off),
                         (size_t)(end - start));
    }
}

void fs_volume_read(struct fs_work *w, const struct volume *v, uint64_t off, void *dst,
                    size_t len)
{
    uint8_t *p = dst;

    read_extents(w, v, off, dst, len);
    for (uint32_t i = 0; i < w->n_stand_ins; i++) {
        const struct fs_stand_in *s = &w->stand_in[i];
        uint64_t start = u64_max(off, s->off);
        uint64_t end = u64_min(off + len < off ? UINT64_MAX : off + len, s->off + s->len);

        if (v == &w->vol[s->volume] && start < end)
            read_extents(w, v, s->from + (start - s->off), p + (start - off),
                         (size_t)(end - start));
    }
}

void fs_use_stand_in(struct fs_work *w, const struct volume *v, uint64_t off, uint64_t len,
                     uint64_t from)
{
    if (w->n_stand_ins < FS_STAND_INS_MAX)
        w->stand_in[w->n_stand_ins++] = (struct fs_stand_in){ (uint32_t)(v - w->vol), off, len,
                                                              from };
}

bool fs_has_stand_in(const struct fs_work *w, const struct volume *v)
{
    for (uint32_t i = 0; i < w->n_stand_ins; i++)
        if (v == &w->vol[w->stand_in[i].volume])
            return true;
    return false;
}
