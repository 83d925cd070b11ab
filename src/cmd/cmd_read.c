/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck read: bytes of the guest's disk. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/disk_open.h"
#include "report/disk_dump.h"
#include "report/disk_fields.h"

#define CHUNK         (UINT64_C(4) << 20)
#define FIELDS_BYTES  (68u << 10)       /* from the offset on, in which structures are sought */
#define SHOWN_DEFAULT 512               /* bytes on a terminal, where no length is given */

/* Copies [off, end) to standard output; bytes[] counts what had which state. */
static bool copy(struct disk *d, uint64_t off, uint64_t end, bool show, struct out *out,
                 uint64_t bytes[N_DISK_STATES], struct error *err)
{
    uint8_t *chunk = malloc(CHUNK);
    struct disk_spans spans = DISK_SPANS_INIT;
    bool ok = chunk || err_set(err, ERR_NOMEM, "out of memory");

    while (ok && off < end && out_ok(out)) {
        size_t n = (size_t)u64_min(end - off, CHUNK);

        spans.n = 0;
        ok = disk_read(d, off, chunk, n, &spans, err);
        if (!ok)
            break;
        for (size_t i = 0; i < spans.n; i++)
            bytes[spans.list[i].state] += spans.list[i].len;
        if (show)
            disk_dump(off, chunk, n, &spans, out);
        else
            out_write(out, chunk, n);
        off += n;
    }
    disk_spans_free(&spans);
    free(chunk);
    return ok;
}

/* What of partition tables and super blocks begins at `off`. */
static bool show_fields(struct disk *d, uint64_t off, struct out *out, struct error *err)
{
    uint8_t *bytes = malloc(FIELDS_BYTES);
    bool ok = bytes ? disk_read(d, off, bytes, FIELDS_BYTES, NULL, err)
                    : err_set(err, ERR_NOMEM, "out of memory");

    if (ok)
        disk_fields(off, bytes, FIELDS_BYTES, out);
    free(bytes);
    return ok;
}

static bool range_of(const struct settings *s, const struct disk *d, bool show, uint64_t *off,
                     uint64_t *end, struct error *err)
{
    uint64_t len = show ? SHOWN_DEFAULT : UINT64_MAX, size = disk_size(d);

    if (!text_parse_size(s->operand[0], off))
        return err_set(err, ERR_USAGE, "OFFSET: not a number");
    if (s->n_operands > 1 && !text_parse_size(s->operand[1], &len))
        return err_set(err, ERR_USAGE, "LENGTH: not a number");
    if (*off > size)
        return err_set(err, ERR_USAGE, "the disk ends at %llu", (unsigned long long)size);
    *end = *off + u64_min(len, size - *off);
    return true;
}

static int read_image(const struct settings *s, const char *name)
{
    struct out out = { stdout, 0 };
    struct disk_files files = DISK_FILES_INIT;
    const bool show = s->hex || isatty(STDOUT_FILENO);
    uint64_t bytes[N_DISK_STATES] = { 0 }, off, end;
    struct disk_layer layer;
    struct disk *disk = NULL;
    struct error err;
    int status = STATUS_FAILED;

    if (!disk_files_open(s, name, false, &files, &err))
        goto failed;
    if (!disk_files_layer(s, &files, &layer, &err) ||
        !disk_files_disk(&files, layer, &disk, &err) ||
        !range_of(s, disk, show, &off, &end, &err) ||
        !copy(disk, off, end, show, &out, bytes, &err) ||
        (show && !show_fields(disk, off, &out, &err)))
        goto failed;
    tell_lost(s, name, bytes);
    status = lost_status(bytes);
    goto out;
failed:
    message_error(name, &err);
out:
    disk_close(disk);
    disk_files_close(&files);
    return finish(&out, status);
}

int cmd_read(const struct command *cmd, int argc, char **argv)
{
    struct settings s;
    struct buf name = BUF_INIT;
    int status, n;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    n = s.n_operands - (s.sample ? 0 : 1);
    if (n < 1 || n > 2)
        return usage_error(cmd, "an offset, a length or none, and one image, please");
    if (s.layer && strcmp(s.layer, "all") == 0)
        return usage_error(cmd, "one layer at a time, please");
    if (image_named(&s, n, &name, &status)) {
        s.n_operands = n;
        status = read_image(&s, buf_str(&name));
    }
    buf_free(&name);
    return status;
}
