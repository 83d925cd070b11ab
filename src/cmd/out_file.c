/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "cmd/out_file.h"

#include <string.h>
#include <sys/stat.h>

#include "base/num.h"
#include "qcow2/spec.h"

#define HEAD_BYTES 512
#define TAIL_BYTES 512

/* Does a file end with these bytes, but for a newline? */
static bool ends_with(const uint8_t *tail, size_t len, const char *bytes, size_t n)
{
    while (len && tail[len - 1] == '\n')
        len--;
    return len >= n && memcmp(tail + len - n, bytes, n) == 0;
}

/* A tar archive of what has no place: it ends with zeros, as disks may. */
static bool is_unplaced(const uint8_t *head, size_t len)
{
    return len == HEAD_BYTES && memcmp(head, "extents.json", 13) == 0
        && memcmp(head + 257, "ustar\0" "00", 8) == 0;
}

/* The file is one that commands write, by its first and its last bytes: the first alone may be
 * those of a disk. */
static bool is_document(struct sink *sink)
{
    static const struct { const char *head; size_t head_n; const char *tail; size_t tail_n; }
    kind[] = {
        { "{", 1, "}", 1 },
        { "<?xml", 5, ">", 1 },
        { "<!DOCTYPE", 9, ">", 1 },
        { "<svg", 4, ">", 1 },
        { "\x89PNG", 4, "IEND\xae\x42\x60\x82", 8 },
        { "\x28\xb5\x2f\xfd", 4, NULL, 0 },      /* a pack: its last bytes are no zeros */
    };
    uint8_t head[HEAD_BYTES], tail[TAIL_BYTES];
    size_t head_len, tail_len;
    uint64_t from;
    struct stat st;

    if (stat(sink_name(sink), &st) != 0 ||
        !sink_read_back(sink, 0, head, sizeof head, &head_len, NULL))
        return false;
    from = st.st_size > TAIL_BYTES ? (uint64_t)st.st_size - TAIL_BYTES : 0;
    if (!sink_read_back(sink, from, tail, sizeof tail, &tail_len, NULL))
        return false;
    for (size_t i = 0; i < sizeof kind / sizeof kind[0]; i++) {
        if (kind[i].head_n > head_len || memcmp(head, kind[i].head, kind[i].head_n) != 0)
            continue;
        return kind[i].tail ? ends_with(tail, tail_len, kind[i].tail, kind[i].tail_n)
                            : !bytes_all_zero(tail, tail_len);
    }
    return head_len == 0 || is_unplaced(head, head_len);
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
