/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/disk_dump.h"

#include <inttypes.h>
#include <string.h>

#define ROW 16                          /* bytes of a line */

static void state_line(const struct disk_span *s, struct out *out)
{
    out_printf(out, "-- %s", disk_state_id(s->state));
    if (s->why)
        out_printf(out, " (%s)", s->why);
    if (s->depth)
        out_printf(out, ", backing file %u", s->depth);
    if (s->compressed)
        out_printf(out, ", compressed at 0x%" PRIx64, s->host_off);
    else if (s->host_off != NO_ADDRESS)
        out_printf(out, ", from 0x%" PRIx64 " of its file", s->host_off);
    out_puts(out, "\n");
}

static void row(uint64_t off, const uint8_t *bytes, size_t n, struct out *out)
{
    out_printf(out, "%012" PRIx64 " ", off);
    for (size_t i = 0; i < ROW; i++) {
        if (i % 8 == 0)
            out_puts(out, " ");
        if (i < n)
            out_printf(out, "%02x ", bytes[i]);
        else
            out_puts(out, "   ");
    }
    out_puts(out, " ");
    for (size_t i = 0; i < n; i++)
        out_printf(out, "%c", bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '.');
    out_puts(out, "\n");
}

void disk_dump(uint64_t off, const uint8_t *bytes, size_t len,
               const struct disk_spans *spans, struct out *out)
{
    bool skipped = false;
    size_t next = 0, n;

    for (size_t at = 0; at < len && out_ok(out); at += n) {
        while (next < spans->n && spans->list[next].off <= off + at) {
            state_line(&spans->list[next], out);
            next++;
            skipped = false;
        }
        n = ROW < len - at ? ROW : len - at;
        if (next < spans->n && spans->list[next].off < off + at + n)
            n = (size_t)(spans->list[next].off - off - at);
        if (at >= ROW && n == ROW && memcmp(bytes + at, bytes + at - ROW, ROW) == 0 &&
            !(next && spans->list[next - 1].off == off + at)) {
            if (!skipped)
                out_puts(out, "*\n");
            skipped = true;
            continue;
        }
        skipped = false;
        row(off + at, bytes + at, n, out);
    }
}
