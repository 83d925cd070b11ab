/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "cmd/out_file.h"

#include <string.h>
#include <sys/stat.h>

#include "base/num.h"
#include "qcow2/spec.h"

#define HEAD_BYTES 512

static bool is_document(struct sink *sink)
{
    static const struct { size_t off; const char *bytes; size_t len; } magic[] = {
        { 0, "{", 1 }, { 0, "<?xml", 5 }, { 0, "<!DOCTYPE", 9 }, { 0, "<svg", 4 },
        { 0, "\x89PNG", 4 }, { 0, "\x28\xb5\x2f\xfd", 4 }, { 257, "ustar", 5 },
    };
    uint8_t head[HEAD_BYTES];
    size_t got;

    if (!sink_read_back(sink, head, sizeof head, &got, NULL))
        return false;
    for (size_t i = 0; i < sizeof magic / sizeof magic[0]; i++)
        if (magic[i].off + magic[i].len <= got &&
            memcmp(head + magic[i].off, magic[i].bytes, magic[i].len) == 0)
            return true;
    return got == 0;
}

bool out_file_open(const struct settings *s, enum out_kind kind, const char *path,
                   const char *image, struct sink **out, struct error *err)
{
    struct sink *sink;
    bool ok;

    if (!sink_open(path, s->overwrite ? SINK_OVERWRITE : SINK_NEW, &sink, err))
        return false;
    ok = (!sink_is(sink, image) || err_set(err, ERR_USAGE, "this is the image itself")) &&
         (kind != OUT_DOCUMENT || is_document(sink) ||
          err_set(err, ERR_USAGE, "is no file of the kind that is written here, but something "
                                  "else; remove it first"));
    if (ok)
        *out = sink;
    else
        sink_close(sink);
    return ok;
}

bool out_file_same(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool out_file_has_others(struct source *src)
{
    uint8_t h[HEADER_V3_LEN];
    const uint64_t data_file = 4;           /* incompatible feature bit 2 */

    if (!source_read(src, 0, h, sizeof h, NULL) || be32(h) != QCOW2_MAGIC)
        return true;
    return be64(h + 8) != 0 || (be32(h + 4) > 2 && (be64(h + 72) & data_file));
}
