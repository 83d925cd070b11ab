/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <string.h>

#include "scan/problem.h"

/* Advice that fits many kinds. */
#define COPY_FIRST \
    "Stop the guest and copy the file. What mends it depends on all that is wrong: follow " \
    "the steps of the verdict."
#define COPY_OUT \
    "Stop the guest and copy the file before anything else. Copy out what is still " \
    "readable (qemu-img convert on a copy, or file by file from the guest), or restore " \
    "from a backup."
#define REPAIR_LEAKS \
    "Nothing is lost by it alone. Whether the space may be freed depends on all that is " \
    "wrong: follow the steps of the verdict."

/* The value of the entry that is wrong, where the place is one. */
#define ENTRY "{entry}"

enum { KEPT, LOST };

static const struct problem_info table[N_PROBLEMS] = {
#define ROW(e, id, sev, qemu, section, loss, ...) \
    [PROBLEM_##e] = { id, SEV_##sev, QEMU_##qemu, SECTION_##section, loss, __VA_ARGS__ },
#include "scan/problem_rows.h"
#undef ROW
};

const struct problem_info *problem_info(enum problem_kind kind)
{
    return &table[kind];
}

bool problem_by_id(const char *id, enum problem_kind *out)
{
    for (int k = 0; k < N_PROBLEMS; k++) {
        if (strcmp(table[k].id, id) == 0) {
            *out = (enum problem_kind)k;
            return true;
        }
    }
    return false;
}

const char *severity_name(enum severity s)
{
    static const char *const name[N_SEVERITIES] = {
        [SEV_CORRUPTION] = "corruption", [SEV_LEAK] = "leak", [SEV_ERROR] = "error",
        [SEV_WARNING] = "warning", [SEV_NOTE] = "note",
    };

    return name[s];
}
