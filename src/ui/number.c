/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/number.h"

#include <inttypes.h>

#include "base/text.h"

const char *number_style_name(enum number_style s)
{
    static const char *const name[N_NUMBER_STYLES] = { "hex", "decimal", "sizes" };

    return name[s];
}

const char *number_style_id(enum number_style s)
{
    static const char *const id[N_NUMBER_STYLES] = { "hex", "decimal", "size" };

    return id[s];
}

void number_put(enum number_style s, uint64_t bytes, uint64_t base, struct buf *out)
{
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    if (s == NUMBER_HEX)
        buf_printf(out, "0x%" PRIx64, bytes);
    else if (s == NUMBER_DEC)
        buf_printf(out, "%" PRIu64, bytes);
    else if (base == 0 || bytes <= base)
        buf_puts(out, text_size(a, bytes));
    else
        buf_printf(out, "%s+%s", text_size(a, base), text_size(b, bytes - base));
}
