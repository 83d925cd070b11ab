/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "disk/rangemap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bisect.h"
#include "base/grow.h"
#include "base/num.h"

#define LABEL "# Read: "

bool rangemap_add(struct rangemap *m, uint64_t off, uint64_t len, enum range_status status,
                  struct error *err)
{
    if (!len)
        return true;
    if (m->n && m->list[m->n - 1].status == status) {
        m->list[m->n - 1].len += len;
        return true;
    }
    if (!list_room(&m->list, m->n, &m->cap, sizeof *m->list))
        return err_set(err, ERR_NOMEM, "out of memory");
    m->list[m->n++] = (struct map_range){ off, len, status };
    return true;
}

void rangemap_free(struct rangemap *m)
{
    free(m->list);
    *m = (struct rangemap)RANGEMAP_INIT;
}

bool rangemap_next_done(const struct rangemap *m, uint64_t at, uint64_t *off, uint64_t *end)
{
    size_t low;

    /* the first range that ends after `at` */
    BISECT(low, m->n, mid, m->list[mid].off + m->list[mid].len > at);
    for (; low < m->n; low++) {
        const struct map_range *r = &m->list[low];

        if (r->status != RANGE_DONE)
            continue;
        *off = u64_max(r->off, at);
        *end = r->off + r->len;
        return true;
    }
    return false;
}

void rangemap_text(const struct rangemap *m, const char *label, bool complete,
                   struct buf *out)
{
    size_t first = 0;
    uint64_t pos;

    while (first < m->n && m->list[first].status != RANGE_UNTRIED)
        first++;
    pos = first < m->n ? m->list[first].off : 0;
    buf_printf(out, "# Mapfile. Created by " PACKAGE_STRING "\n" LABEL "%s\n"
                    "# current_pos  current_status  current_pass\n"
                    "0x%08" PRIX64 "     %c               1\n"
                    "#      pos        size  status\n", label, pos, complete ? '+' : '?');
    for (size_t i = 0; i < m->n; i++)
        buf_printf(out, "0x%08" PRIX64 "  0x%08" PRIX64 "  %c\n", m->list[i].off,
                   m->list[i].len, m->list[i].status);
}

/* One "pos size status" line; false if it is not one. */
static bool range_line(const char *line, struct map_range *out)
{
    char *end, status;

    out->off = strtoull(line, &end, 0);
    if (end == line)
        return false;
    line = end;
    out->len = strtoull(line, &end, 0);
    if (end == line)
        return false;
    status = end[strspn(end, " \t")];
    if (!status || !strchr("?*/-+", status))
        return false;
    out->status = status == '+' ? RANGE_DONE : status == '-' ? RANGE_LOST : RANGE_UNTRIED;
    return true;
}

bool rangemap_parse(const char *text, const char *label, uint64_t size, struct rangemap *out,
                    struct error *err)
{
    struct rangemap m = RANGEMAP_INIT;
    bool position = false, labelled = false;
    uint64_t at = 0;

    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t len = strcspn(line, "\n");
        struct map_range r;

        if (strncmp(line, LABEL, strlen(LABEL)) == 0)
            labelled = len == strlen(LABEL) + strlen(label) &&
                       strncmp(line + strlen(LABEL), label, strlen(label)) == 0;
        if (*line == '#' || *line == '\n')
            continue;
        if (!position) {
            position = true;
            continue;
        }
        if (!range_line(line, &r) || r.off != at || !u64_add(r.off, r.len, &at)) {
            err_set(err, ERR_FORMAT, "not a map file, or a damaged one");
            goto bad;
        }
        if (!rangemap_add(&m, r.off, r.len, r.status, err))
            goto bad;
    }
    if (!labelled) {
        err_set(err, ERR_USAGE, "it does not belong to this layer of this image as it is now");
        goto bad;
    }
    if (at != size) {
        err_set(err, ERR_FORMAT, "it tells of %" PRIu64 " bytes, the disk has %" PRIu64, at,
                size);
        goto bad;
    }
    *out = m;
    return true;
bad:
    rangemap_free(&m);
    return false;
}
