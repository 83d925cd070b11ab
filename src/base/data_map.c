/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/bisect.h"
#include "base/data_map.h"

#include <stdlib.h>

static bool add(struct data_map *m, size_t *cap, uint64_t start, uint64_t stop)
{
    if (m->n == *cap) {
        size_t more = *cap ? *cap * 2 : 1024;
        struct source_span *list = more <= DATA_MAP_MAX
                                       ? realloc(m->list, more * sizeof *list) : NULL;

        if (!list)
            return false;
        m->list = list;
        *cap = more;
    }
    m->list[m->n++] = (struct source_span){ start, stop - start };
    return true;
}

/* As many as there is room for. */
static void list_all(struct data_map *m, struct source *src)
{
    uint64_t start, stop;
    size_t cap = 0;

    m->listed = 0;
    while (source_next_data(src, m->listed, &start, &stop)) {
        if (!add(m, &cap, start, stop))
            return;
        m->listed = stop;
    }
    m->listed = UINT64_MAX;
}

/* The first range that ends after `at`; n: none. */
static size_t first_after(const struct data_map *m, uint64_t at)
{
    size_t lo;

    BISECT(lo, m->n, mid, m->list[mid].off + m->list[mid].len > at);
    return lo;
}

void data_map_next(struct data_map *m, struct source *src, uint64_t at, uint64_t *start,
                   uint64_t *stop)
{
    uint64_t was = m->memo.from;

    if (at < m->listed) {
        size_t i = first_after(m, at);

        *start = i < m->n ? u64_max(at, m->list[i].off) : UINT64_MAX;
        *stop = i < m->n ? m->list[i].off + m->list[i].len : UINT64_MAX;
        return;
    }
    source_next_data_memo(src, &m->memo, at, start, stop);
    if (m->memo.from != was && ++m->asked == DATA_MAP_PATIENCE)
        list_all(m, src);
}

void data_map_free(struct data_map *m)
{
    free(m->list);
    *m = (struct data_map){ .list = NULL };
}
