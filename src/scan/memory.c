/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* How much memory a scan takes. What an image says decides how much there is to keep: so
 * everything that grows has a share of one limit. Past its share the list of L2 tables goes
 * in windows, lost clusters are counted again, and records of problems are only counted; the
 * book itself cannot do with less than the clusters that are referred to. */
#include "config.h"

#include "scan/engine.h"

#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"

#define TEAM_MAX        16              /* threads, unless told otherwise */
#define TEAM_BYTES      (8u << 20)      /* of tables that a team has in its hands */
#define SHARES          4
#define SPARE_MIN       (UINT64_C(4) << 20)     /* bytes besides the book */
/* scan_options.tightest: no more states than there are at first, the shortest of lists. */
#define STATES_TIGHTEST 0
#define TABLES_TIGHTEST 4
#define RECORD_BYTES    (sizeof(struct problem) + 64)

unsigned scan_threads(const struct image *img, unsigned wanted)
{
    uint64_t fit = TEAM_BYTES >> img->geo.cluster_bits;
    unsigned n = team_size(wanted);

    return wanted ? n : (unsigned)u64_min(n, u64_min(fit, TEAM_MAX));
}

/* What a scan takes at most when it is not told otherwise: a byte and a quarter for each
 * cluster of the file and MEMORY_BASE, but never more than most of what the machine has. */
static uint64_t memory_usual(const struct image *img)
{
    uint64_t n = img->geo.n_clusters, usual = n + n / 4 + MEMORY_BASE;
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    if (pages <= 0 || size <= 0)
        return usual;
    return u64_max(u64_min(usual, (uint64_t)pages * (uint64_t)size / 4 * 3),
                   MEMORY_BASE);
}

/* The book with all clusters of the file in it: cells, histograms, marks. */
static uint64_t whole_book(const struct geometry *geo)
{
    uint64_t n = round_up(geo->n_clusters + 1, CHUNK_CELLS);

    return n + n / 32;
}

/* What the tables hold that were decoded when the image was opened. */
static uint64_t image_bytes(const struct image *img)
{
    const uint64_t text = 64;               /* of names, at least */

    return img->snaps.n * (sizeof *img->snaps.list + text)
        + img->bitmaps.n * (sizeof *img->bitmaps.list + text) + img->reftable_n * 9
        + img->structures.n * sizeof *img->structures.list + img->head_len;
}

void memory_share_out(struct engine *e, const struct scan_options *opt)
{
    uint64_t limit = opt && opt->memory_limit ? opt->memory_limit : memory_usual(e->img);
    uint64_t rest = u64_max(limit, MEMORY_LIMIT_MIN) - MEMORY_PROGRAM;
    uint64_t whole = whole_book(e->geo), book, spare, share;
    bool tightest = opt && opt->tightest;

    rest -= u64_min(image_bytes(e->img), rest / 2);
    /* A sparse file may do with a book much smaller than its clusters. */
    spare = rest > whole ? rest - whole : 0;
    spare = u64_max(spare, u64_min(rest / 2, SPARE_MIN));
    book = rest - spare >= whole ? UINT64_MAX : rest - spare;
    share = tightest ? 0 : spare / SHARES;
    e->res->memory_limit = limit;
    e->recount_bytes = share;
    cells_limit(e->cells, book, share, tightest ? STATES_TIGHTEST : STATES_COUNTED);
    l2_list_init(&e->l2, source_get_info(e->img->src).allocated,
                 tightest ? TABLES_TIGHTEST : (size_t)(share / sizeof(struct l2_table)));
    if (!tightest && (!opt || !opt->problems_kept || opt->memory_limit))
        e->res->problems.max = (size_t)(share / RECORD_BYTES);
}

void memory_explain(const struct engine *e, struct error *err)
{
    char limit[TEXT_NUM], least[TEXT_NUM];

    if (e->cells->full)
        err_set(err, ERR_NOMEM, "the clusters that this image refers to need more than the "
                "%s of memory allowed: give it more with --memory-limit (%s are always "
                "enough)", text_size(limit, e->res->memory_limit),
                text_size(least, whole_book(e->geo) + MEMORY_BASE));
}
