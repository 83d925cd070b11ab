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
               "does not know of them, qcheck export names them in its map");
}

#define UNPACKED_MAX (UINT64_C(4) << 20)    /* bytes, without being asked */

static bool few(struct work *w)
{
    const struct scan_stats *stats = &w->scan->stats;
    uint64_t cs = w->geo->cluster_size, packed = stats->class_clusters[CLASS_COMPRESSED];

    return !w->img->snaps.n && packed && stats->active.compressed <= UNPACKED_MAX / cs &&
           packed <= UNPACKED_MAX / cs && work_reads(w, packed * cs);
}

void causes_streams(struct work *w)
{
    struct deep_streams *s;

    if ((!w->opt->deep && !few(w)) || cause_found(w, CAUSE_OF_COMPRESSION_TYPE))
        return;
    s = malloc(sizeof *s);
    if (!s)
        w->failed = true;
    else if (deep_decode(w->scan, 0, w->opt->cancel, s, NULL) && s->bad)
        tell(w, s);
    free(s);
}
