/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a result means, in few words. */
#include "config.h"

#include "scan/scan.h"

#include "base/text.h"
#include "scan/damage.h"
#include "scan/missing.h"

int scan_exit_status(const struct scan_result *r)
{
    const struct qemu_counts *q = &r->qemu;

    if (r->partial)
        return 1;
    if (r->problems.count[PROBLEM_SIDE_FILE])       /* qemu-img does not come so far */
        return 1;
    if (r->refused.id || q->check_errors || problems_of_severity(&r->problems, SEV_ERROR))
        return 1;
    if (q->corruptions)
        return 2;
    return q->leaks ? 3 : 0;
}

int scan_strict_status(const struct scan_result *r)
{
    if (!r->partial && problems_of_severity(&r->problems, SEV_CORRUPTION))
        return 2;
    return scan_exit_status(r);
}

static uint64_t bytes_damaged(const struct scan_result *r, bool active)
{
    struct damage d;
    uint64_t bytes;

    damage_find(r, active, &d);
    bytes = d.bytes;
    damage_free(&d);
    return bytes;
}

uint64_t scan_guest_bytes_damaged(const struct scan_result *r)
{
    return bytes_damaged(r, true);
}
