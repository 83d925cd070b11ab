/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <stdlib.h>

#include "disk/writer.h"

struct raw {
    struct writer base;
    struct sink *sink;
};

static bool raw_write(struct writer *w, uint64_t guest_off, const void *bytes, size_t len,
                      struct error *err)
{
    return sink_write(((struct raw *)w)->sink, guest_off, bytes, len, err);
}

static bool raw_zero(struct writer *w, uint64_t guest_off, uint64_t len, struct error *err)
{
    return sink_zero(((struct raw *)w)->sink, guest_off, len, err);
}

static void raw_free(struct writer *w)
{
    free(w);
}

bool writer_raw(struct sink *sink, uint64_t size, struct writer **out, struct error *err)
{
    struct raw *r = malloc(sizeof *r);

    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory");
    *r = (struct raw){ { .unit = 4096, .zeros_count = !sink_begins_as_zeros(sink),
                         .write = raw_write, .zero = raw_zero, .free = raw_free }, sink };
    if (!sink_begin(sink, size, err)) {
        free(r);
        return false;
    }
    *out = &r->base;
    return true;
}
