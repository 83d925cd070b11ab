/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* QEMU's demands on header extensions. */
#include "config.h"

#include "qcow2/refuse.h"

#include "base/limits.h"

typedef unsigned long long ull;

static bool bitmaps_ext(const struct refuse_case *j, const struct header_ext *e,
                        struct refusal *out)
{
    const uint8_t *data = j->img->head + e->data_off;
    uint64_t nb, dir_size, dir_off;

    if (e->length != 24)
        return refuse(out, "bitmaps-ext-length", "the bitmaps extension has %u bytes "
                      "instead of 24", e->length);
    if (!(j->hdr.autoclear_features & AUTOCLEAR_BITMAPS))
        return false;
    nb = be_load(data, 4);
    dir_size = be_load(data + 8, 8);
    dir_off = be_load(data + 16, 8);
    if (be_load(data + 4, 4))
        return refuse(out, "bitmaps-ext-reserved", "the reserved field of the bitmaps "
                      "extension is not zero");
    if (nb > BITMAPS_MAX)
        return refuse(out, "bitmaps-too-many",
                      "%llu bitmaps are announced; %d are allowed", (ull)nb, BITMAPS_MAX);
    if (!nb)
        return refuse(out, "bitmaps-none", "there is a bitmaps extension, but it "
                      "announces no bitmap");
    if (dir_off & (j->img->geo.cluster_size - 1))
        return refuse(out, "bitmap-dir-offset", "the bitmap directory offset 0x%llx is "
                      "not cluster aligned", (ull)dir_off);
    if (dir_size > BITMAP_DIR_MAX)
        return refuse(out, "bitmap-dir-too-large", "the bitmap directory has %llu bytes; "
                      "%llu are allowed", (ull)dir_size, (ull)BITMAP_DIR_MAX);
    return false;
}

static bool crypto_ext(const struct refuse_case *j, const struct header_ext *e,
                       struct refusal *out)
{
    uint64_t off;

    if (j->hdr.crypt_method != CRYPT_LUKS)
        return refuse(out, "crypto-ext-unexpected", "there is an encryption header "
                      "pointer, but crypt_method is %llu instead of 2",
                      (ull)j->hdr.crypt_method);
    if (e->length != 16)
        return refuse(out, "crypto-ext-length", "the encryption header pointer has %u "
                      "bytes instead of 16", e->length);
    off = be_load(j->img->head + e->data_off, 8);
    if (off & (j->img->geo.cluster_size - 1))
        return refuse(out, "crypto-offset", "the encryption header offset 0x%llx is not "
                      "cluster aligned", (ull)off);
    return false;
}

static bool one(const struct refuse_case *j, const struct header_ext *e, struct refusal *out)
{
    switch (e->type) {
    case EXT_BACKING_FORMAT:
        return e->length > BACKING_FORMAT_MAX &&
               refuse(out, "backing-format-too-long", "the name of the backing format "
                      "has %u bytes; %d are allowed", e->length, BACKING_FORMAT_MAX);
    case EXT_CRYPTO:
        return crypto_ext(j, e, out);
    case EXT_BITMAPS:
        return bitmaps_ext(j, e, out);
    default:
        return false;
    }
}

bool refuse_extensions(const struct refuse_case *j, struct refusal *out)
{
    const struct image *img = j->img;
    const struct header *h = &j->hdr;
    struct header_ext e;
    uint64_t pos, end;
    bool too_long, crypto = false, data_file = false;

    extensions_area(h, img->geo.cluster_size, &pos, &end);
    while (extension_next(img->head, img->head_len, end, &pos, &e, &too_long)) {
        if (e.type == EXT_END)
            break;
        if (one(j, &e, out))
            return true;
        crypto = crypto || e.type == EXT_CRYPTO;
        if (e.type == EXT_DATA_FILE)            /* the last one counts */
            data_file = e.length && img->head[e.data_off];
    }
    if (too_long)
        return refuse(out, "extension-too-large", "the header extension at %llu ends "
                      "after the area for extensions, which ends at %llu", (ull)pos,
                      (ull)end);
    if (h->incompatible_features & INCOMPAT_DATA_FILE && !data_file)
        return refuse(out, "data-file-name", "the guest data lies in an external file "
                      "whose name is not stored");
    if (!(h->incompatible_features & INCOMPAT_DATA_FILE) &&
        h->autoclear_features & AUTOCLEAR_DATA_FILE_RAW)
        return refuse(out, "data-file-raw", "the image claims raw external data but has "
                      "no external data file");
    if (h->crypt_method == CRYPT_LUKS && !crypto)
        return refuse(out, "crypto-ext-missing", "the disk is encrypted with LUKS, but "
                      "nothing says where the LUKS header lies");
    if (h->backing_file_offset &&
        h->backing_file_size > u64_min(BACKING_NAME_MAX,
                                       img->geo.cluster_size - h->backing_file_offset))
        return refuse(out, "backing-name-too-long", "the name of the backing file has "
                      "%llu bytes, which do not fit", (ull)h->backing_file_size);
    return false;
}
