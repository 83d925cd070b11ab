/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/stats.h"

#include <inttypes.h>

#include "base/text.h"

void stats_text(const struct scan_stats *st, struct out *out)
{
    char size[TEXT_NUM], group[TEXT_NUM];
    double total = 0;

    out_puts(out, "\n");
    for (int p = 0; p < PHASE_DONE; p++) {
        total += st->seconds[p];
        if (st->seconds[p] > 0)
            out_printf(out, "%-32s %10.6f s\n", scan_phase_name((enum scan_phase)p),
                       st->seconds[p]);
    }
    out_printf(out, "%-32s %10.6f s with %u thread%s\n", "total", total, st->threads,
               st->threads == 1 ? "" : "s");
    out_printf(out, "%-32s %10s of %s L2 tables\n", "entries",
               text_group(group, st->entries), text_group(size, st->l2_tables));
    out_printf(out, "%-32s %10s, %s\n", "reads", text_group(group, st->requests),
               text_size(size, st->bytes_read));
    out_printf(out, "%-32s %10s\n", "memory of the scan, at most",
               text_size(size, st->peak_memory));
}
