/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Compressed streams that do not decode: where everything may be read, or there are few. */
#include "config.h"

#include <stdlib.h>

#include "base/text.h"
#include "insight/cause_work.h"
#include "insight/deep.h"

static void tell(struct work *w, const struct deep_streams *s)
{
    struct cause *c = cause_add(w, CAUSE_OF_BROKEN_STREAMS, CONFIDENCE_CERTAIN);
    char a[TEXT_NUM], b[TEXT_NUM];

    if (!c)
        return;
    for (size_t i = 0; i < s->n_list; i++) {
        struct place place = s->list[i].place;

        place_complete(w->img, &place);
        cause_evidence(c, &place, "the stream at 0x%llx does not decode",
                       (unsigned long long)s->list[i].host_off);
        if (place.layer == LAYER_ACTIVE)
            spans_add(&c->lost, geo_guest_off(w->geo, place.i, place.j), w->geo->cluster_size,
                      w->geo->size);
    }
    c->evidence_total = s->bad;
    cause_text(w, c, "%s of %s compressed cluster%s %s not decode: the bytes were overwritten, or "
               "something has read them wrongly from the storage.", text_group(a, s->bad),
               text_group(b, s->n), s->n == 1 ? "" : "s", s->bad == 1 ? "does" : "do");
    cause_step(w, c, "Fetch these ranges from a backup or an older copy; qcheck files --damaged "
               "does not know of them, the --map of an export names them");
}

#define UNPACKED_MAX (UINT64_C(4) << 20)    /* bytes, without being asked */

/* Are there at most `max` streams in the tables of the disk and of all snapshots? */
static bool streams_at_most(struct work *w, uint64_t max)
{
    uint64_t cs = w->geo->cluster_size, n = 0;

    if (!w->img->snaps.n)
        return w->scan->stats.active.compressed <= max;
    for (size_t i = 0; i < w->scan->n_l2; i++) {
        if (!work_reads(w, cs))
            return false;
        if (!source_read(w->img->src, w->scan->l2[i].off, w->scratch, (size_t)cs, NULL))
            continue;
        for (size_t j = 0; j < w->geo->l2_entries; j++) {
            struct l2_entry e;

            l2_decode(w->geo, w->scratch + j * w->geo->l2_entry_size, &e);
            n += e.type == L2_COMPRESSED;
        }
        if (n > max)
            return false;
    }
    return true;
}

static bool few(struct work *w)
{
    uint64_t cs = w->geo->cluster_size;
    uint64_t packed = w->scan->stats.class_clusters[CLASS_COMPRESSED];

    return packed && packed <= UNPACKED_MAX / cs && streams_at_most(w, UNPACKED_MAX / cs) &&
           work_reads(w, packed * cs);
}

void causes_streams(struct work *w)
{
    struct deep_streams *s;

    if ((!w->opt->deep && !few(w)) || cause_found(w, CAUSE_OF_COMPRESSION_TYPE))
        return;
    s = malloc(sizeof *s);
    if (!s)
        w->failed = true;
    else if (deep_decode(w->scan, 0, w->opt->cancel, s, NULL) &&
             s->bad > work_count(w, PROBLEM_STREAM_PAST_END))   /* those are cut, not broken */
        tell(w, s);
    free(s);
}
