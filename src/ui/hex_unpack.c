/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/hex_unpack.h"

#include <stdlib.h>

#include "qcow2/decompress.h"

static bool unpack(void *arg, struct task_run *run, struct error *err)
{
    struct hex_unpack *u = arg;
    uint8_t *plain;

    if (!u->found && !stream_find(&u->what, &run->cancel, &u->stream, err))
        return false;
    u->found = true;
    plain = calloc(1, u->what.img->geo.cluster_size);
    if (!plain)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!cluster_decompress(u->what.img, u->stream.host_off, u->stream.host_len, plain, err)) {
        free(plain);
        return false;
    }
    u->plain = plain;
    u->mark = hex_other_marks(&u->other, u->what.img, u->stream.layer, NULL, u->stream.guest_off,
                              plain, (size_t)u->what.img->geo.cluster_size, NULL);
    return true;
}

bool hex_unpack_start(struct hex_unpack *u, struct error *err)
{
    u->dropped = false;
    u->plain = NULL;
    u->mark = NULL;
    if (task_start(unpack, u, &u->task, err))
        return true;
    u->task = NULL;
    return false;
}

void hex_unpack_drop(struct hex_unpack *u)
{
    u->dropped = true;
    if (u->task)
        task_cancel(u->task);
}

bool hex_unpack_end(struct hex_unpack *u, struct error *err)
{
    bool ok = task_finish(u->task, err);

    u->task = NULL;
    if (ok && u->dropped) {
        free(u->plain);
        free(u->mark);
        u->plain = NULL;
        u->mark = NULL;
    }
    return ok;
}

void hex_unpack_free(struct hex_unpack *u)
{
    hex_unpack_drop(u);
    task_finish(u->task, NULL);
    free(u->plain);
    free(u->mark);
}
