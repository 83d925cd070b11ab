/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Our side of the conversation with the process that reads file systems: answers its reads,
 * and checks every word it says. */
#include "config.h"

#include "volumes/volumes.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "volumes/fs_work.h"
#include "volumes/volumes_helper.h"
#include "volumes/volumes_wire.h"
#include "volumes/wire_watched.h"

#define PATH_MAX_LEN 65536

const char *volume_item_id(enum volume_item_kind kind)
{
    static const char *const ids[N_ITEM_KINDS] = {
        [ITEM_FILE] = "file", [ITEM_DIRECTORY] = "directory", [ITEM_OTHER] = "other",
        [ITEM_JOURNAL] = "journal", [ITEM_SUPER] = "super-block", [ITEM_BITMAP] = "bitmap",
        [ITEM_INODES] = "inode-table", [ITEM_FREE] = "free", [ITEM_UNKNOWN] = "unknown",
        [ITEM_VOLUME] = "volume", [ITEM_OUTSIDE] = "outside",
    };

    return ids[kind];
}

void volumes_tell_libraries(struct buf *out)
{
    static const struct { const char *name; bool (*load)(struct error *err); } parts[] = {
        { "libblkid", fs_probe_load }, { "libext2fs", fs_ext_load },
        { "libntfs-3g", fs_ntfs_load }, { "libtsk", fs_fat_load },
    };
    struct buf lacks = BUF_INIT;
    struct error err;
    size_t n = 0;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].load(&err))
            buf_printf(out, "%s%s", n++ ? ", " : "", parts[i].name);
        else
            buf_printf(&lacks, "  %s\n", err.text);
    }
    buf_printf(out, "%s\n%s", n ? "" : "no", buf_str(&lacks));
    buf_free(&lacks);
}

void volumes_free(struct volumes *v)
{
    for (size_t i = 0; i < v->n; i++)
        free(v->list[i].extents);
    free(v->list);
    *v = (struct volumes){ NULL, 0 };
}

static bool volume_holds(const struct volume *v, uint64_t guest_off, uint64_t *off)
{
    for (uint32_t i = 0; i < v->n_extents; i++) {
        const struct volume_extent *e = &v->extents[i];

        if (guest_off >= e->guest_off && guest_off - e->guest_off < e->len) {
            *off = e->off + (guest_off - e->guest_off);
            return true;
        }
    }
    return false;
}

size_t volumes_find(const struct volumes *v, uint64_t guest_off, uint64_t *off)
{
    for (size_t i = v->n; i-- > 1;)     /* what lies within comes later */
        if (volume_holds(&v->list[i], guest_off, off))
            return i;
    *off = guest_off;
    return 0;
}

/* --- one conversation --- */

struct talk {
    struct disk *disk;
    const struct volumes_query *q;
    struct volumes *out;
    struct wire_in *in;         /* owned */
    uint8_t *bytes;             /* WIRE_LEN_MAX + 1 */
    bool ended, enough;
};

static bool say(struct talk *t, const void *bytes, size_t len, struct error *err)
{
    return wire_send_watched(t->in->fd, bytes, len, t->q->cancel, err);
}

static bool hear(struct talk *t, void *bytes, size_t len, struct error *err)
{
    return wire_receive_watched(t->in, bytes, len, t->q->cancel, err);
}

static bool bad_talk(struct error *err)
{
    return err_set(err, ERR_FORMAT, "the process that reads file systems talks nonsense");
}

static bool answer_read(struct talk *t, const struct wire_header *h, struct error *err)
{
    struct wire_read r;

    if (h->len != sizeof r)
        return bad_talk(err);
    memcpy(&r, t->bytes, sizeof r);
    if (r.len > WIRE_LEN_MAX)
        return bad_talk(err);
    if (!disk_read(t->disk, r.off, t->bytes, (size_t)r.len, NULL, err))
        return false;
    return say(t, t->bytes, (size_t)r.len, err);
}

static void end_text(char *text, size_t size)
{
    text[size - 1] = '\0';
}

static bool take_volume(struct talk *t, const struct wire_header *h, struct error *err)
{
    struct wire_volume w;
    struct volume_extent *extents;
    size_t bytes;

    if (h->len < sizeof w)
        return bad_talk(err);
    memcpy(&w, t->bytes, sizeof w);
    bytes = (size_t)w.v.n_extents * sizeof *extents;
    if (w.v.n_extents > VOLUME_EXTENTS_MAX || h->len != sizeof w + bytes ||
        w.index > t->out->n || w.index >= VOLUMES_MAX || (unsigned)w.v.kind >= N_VOLUME_KINDS ||
        (w.index ? w.v.parent >= w.index : w.v.parent != 0))
        return bad_talk(err);
    extents = malloc(bytes + 1);
    if (!extents)
        return err_set(err, ERR_NOMEM, "out of memory");
    memcpy(extents, t->bytes + sizeof w, bytes);
    for (uint32_t i = 0; i < w.v.n_extents; i++) {
        if (!range_inside(extents[i].guest_off, extents[i].len, disk_size(t->disk)) ||
            !range_inside(extents[i].off, extents[i].len, w.v.len)) {
            free(extents);
            return bad_talk(err);
        }
    }
    end_text(w.v.name, sizeof w.v.name);
    end_text(w.v.type, sizeof w.v.type);
    end_text(w.v.label, sizeof w.v.label);
    end_text(w.v.uuid, sizeof w.v.uuid);
    end_text(w.v.note, sizeof w.v.note);
    w.v.extents = extents;
    if (w.index == t->out->n)
        t->out->n++;
    else
        free(t->out->list[w.index].extents);
    t->out->list[w.index] = w.v;
    return true;
}

static bool take_item(struct talk *t, const struct wire_header *h, struct error *err)
{
    struct wire_item w;

    if (h->len < sizeof w || h->len - sizeof w > PATH_MAX_LEN)
        return bad_talk(err);
    memcpy(&w, t->bytes, sizeof w);
    if (w.item.volume >= t->out->n || (unsigned)w.item.kind >= N_ITEM_KINDS)
        return bad_talk(err);
    t->bytes[h->len] = '\0';
    w.item.path = (const char *)t->bytes + sizeof w;
    t->enough = t->q->item && !t->q->item(t->q->ctx, &w.item);
    return true;
}

static bool take_places(struct talk *t, const struct wire_header *h, struct error *err)
{
    struct guest_range r;

    if (h->len % sizeof r || !t->q->place)
        return bad_talk(err);
    for (size_t at = 0; at < h->len && !t->enough; at += sizeof r) {
        memcpy(&r, t->bytes + at, sizeof r);
        if (r.off >= r.end || r.end > disk_size(t->disk))
            return bad_talk(err);
        t->enough = !t->q->place(t->q->ctx, &r);
    }
    return true;
}

static bool take_progress(struct talk *t, const struct wire_header *h, struct error *err)
{
    uint64_t permille;

    if (h->len != sizeof permille)
        return bad_talk(err);
    memcpy(&permille, t->bytes, sizeof permille);
    if (t->q->permille)
        atomic_store(t->q->permille, u64_min(permille, 1000));
    return true;
}

static bool take_message(struct talk *t, struct error *err)
{
    struct wire_header h;

    if (!hear(t, &h, sizeof h, err))
        return false;
    if (h.len > WIRE_LEN_MAX)
        return bad_talk(err);
    if (!hear(t, t->bytes, h.len, err))
        return false;
    switch (h.type) {
    case WIRE_READ:
        return answer_read(t, &h, err);
    case WIRE_VOLUME:
        return take_volume(t, &h, err);
    case WIRE_PLACES:
        return take_places(t, &h, err);
    case WIRE_ITEM:
        return take_item(t, &h, err);
    case WIRE_PROGRESS:
        return take_progress(t, &h, err);
    case WIRE_END:
        t->ended = true;
        return true;
    case WIRE_FAILED:
        return err_set(err, ERR_USAGE, "%.*s", (int)u64_min(h.len, sizeof err->text - 1),
                       (const char *)t->bytes);
    default:
        return bad_talk(err);
    }
}

static bool send_job(struct talk *t, struct error *err)
{
    struct wire_job job;
    bool ok;

    memset(&job, 0, sizeof job);
    job.want = (uint32_t)t->q->want;
    job.want_places = t->q->place != NULL;
    job.size = disk_size(t->disk);
    for (int i = 0; i < N_LACKS; i++)
        job.n_ranges[i] = t->q->lack[i] ? t->q->lack[i]->n : 0;
    ok = say(t, &job, sizeof job, err);
    for (int i = 0; ok && i < N_LACKS; i++)
        if (t->q->lack[i])
            ok = say(t, t->q->lack[i]->list,
                     t->q->lack[i]->n * sizeof *t->q->lack[i]->list, err);
    return ok;
}

bool volumes_run(struct volumes_helper *h, struct disk *d, const struct volumes_query *q,
                 struct volumes *out, struct error *err)
{
    struct talk t = { .disk = d, .q = q, .out = out };
    int fd = -1;
    bool ok;

    *out = (struct volumes){ calloc(VOLUMES_MAX, sizeof *out->list), 0 };
    t.bytes = malloc(WIRE_LEN_MAX + 1);
    t.in = calloc(1, sizeof *t.in);
    ok = (out->list && t.bytes && t.in) || err_set(err, ERR_NOMEM, "out of memory");
    if (ok)
        fd = t.in->fd = volumes_helper_begin(h, q->cancel, err);
    ok = ok && fd >= 0 && send_job(&t, err);
    while (ok && !t.ended && !t.enough)
        ok = take_message(&t, err);
    if (fd >= 0) {
        if (!t.ended)
            volumes_helper_stop(h);
        close(fd);
    }
    free(t.in);
    free(t.bytes);
    return ok;
}
