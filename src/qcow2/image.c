/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "qcow2/refuse.h"

#define PROBE 512                       /* bytes of the file read before all else */

/* Reads the first cluster. What cannot be read of it counts as zeros. */
static bool read_head(struct image *img, struct error *err)
{
    img->head_len = (size_t)img->geo.cluster_size;
    img->head_got = (size_t)u64_min(img->head_len, img->geo.file_size);
    img->head = calloc(1, img->head_len);
    if (!img->head)
        return err_set(err, ERR_NOMEM, "out of memory");
    source_read_known(img->src, 0, img->head, img->head_len, &img->head_bad);
    return true;
}

/* A copy of `len` bytes with a NUL behind; NULL: no memory. */
static char *copy_text(const void *bytes, size_t len)
{
    char *text = malloc(len + 1);

    if (!text)
        return NULL;
    if (len)
        memcpy(text, bytes, len);
    text[len] = '\0';
    return text;
}

static bool read_backing_file(struct image *img)
{
    uint64_t off = img->hdr.backing_file_offset, len;

    if (!off || off >= img->geo.file_size)
        return true;
    len = u64_min(img->hdr.backing_file_size, BACKING_NAME_MAX);
    len = u64_min(len, img->geo.file_size - off);
    if (!len)
        return true;
    img->backing_file = calloc(1, (size_t)len + 1);
    if (!img->backing_file)
        return false;
    img->backing_file_len = (size_t)len;
    (void)source_read(img->src, off, img->backing_file, (size_t)len, NULL);
    if (!img->backing_file[0]) {            /* a name that begins with NUL does not count */
        free(img->backing_file);
        img->backing_file = NULL;
        img->backing_file_len = 0;
    }
    return true;
}

/* Data of an extension as text; it lies inside the first cluster. */
static bool ext_text(const struct image *img, const struct header_ext *e, char **out)
{
    if (!e)
        return true;
    *out = copy_text(img->head + e->data_off, e->length);
    return *out;
}

static bool read_reftable(struct image *img, struct error *err)
{
    uint64_t off = img->hdr.refcount_table_offset;
    uint64_t n = image_entries_present(img, off, img->geo.reftable_entries);

    if (!n)
        return true;
    img->reftable = malloc((size_t)n * sizeof *img->reftable);
    if (!img->reftable)
        return err_set(err, ERR_NOMEM, "out of memory");
    source_read_known(img->src, off, img->reftable, (size_t)n * 8, &img->reftable_bad);
    for (size_t i = 0; i < n; i++)      /* in place: the table may be as long as all we want */
        img->reftable[i] = be64((const uint8_t *)(img->reftable + i));
    img->reftable_n = n;
    return true;
}

/* With the lengths that were guessed. */
static bool read_extensions(struct image *img)
{
    bool ok;

    guess_patch(&img->guesses, img->head, img->head_len, false);
    ok = extensions_decode(img->head, img->head_len, &img->hdr, img->geo.cluster_size,
                           &img->ext);
    guess_patch(&img->guesses, img->head, img->head_len, true);
    return ok;
}

/* What is said to be nothing is not said. */
static void drop_empty(char **text)
{
    if (*text && !**text) {
        free(*text);
        *text = NULL;
    }
}

static bool read_all(struct image *img, struct error *err)
{
    if (!read_head(img, err))
        return false;
    if (!read_extensions(img) || !read_backing_file(img) ||
        !ext_text(img, img->ext.backing_format, &img->backing_format) ||
        !ext_text(img, img->ext.data_file, &img->data_file))
        return err_set(err, ERR_NOMEM, "out of memory");
    drop_empty(&img->backing_format);
    drop_empty(&img->data_file);
    return snapshots_read(img->src, &img->hdr, &img->geo, &img->snaps, err) &&
           bitmaps_read(img->src, &img->hdr, &img->geo, &img->ext, &img->bitmaps, err) &&
           read_reftable(img, err) &&
           structures_list(img, &img->structures, err);
}

static bool open_from(struct source *src, const struct image_options *opt, struct image **out,
                      struct error *err)
{
    uint8_t probe[PROBE];
    struct guesses guesses;
    struct header hdr, as_found;
    struct refusal refused;
    struct image *img;

    if (!source_read(src, 0, probe, sizeof probe, err))
        return false;
    header_decode(probe, sizeof probe, &hdr);
    as_found = hdr;
    if (!guess_header(src, opt, &hdr, &guesses, err)) {
        if (err && err->code == ERR_FORMAT && refuse_identity(&as_found, &refused))
            err->rule = refused.id;
        return false;
    }
    img = calloc(1, sizeof *img);
    if (!img)
        return err_set(err, ERR_NOMEM, "out of memory");
    img->hdr = hdr;
    img->guesses = guesses;
    img->src = src;
    if (!geometry_init(&hdr, source_size(src), &img->geo, err) || !read_all(img, err)) {
        img->src = NULL;
        image_close(img);
        return false;
    }
    refusal_judge(img, &img->refused);
    *out = img;
    return true;
}

bool image_open(struct source *src, const struct image_options *opt, struct image **out,
                struct error *err)
{
    struct source *near = NULL;
    bool far = source_get_info(src).kind == SOURCE_NBD, ok;

    if (far && !source_open_memo(src, &near, err))
        return false;
    ok = open_from(far ? near : src, opt, out, err);
    if (ok)
        (*out)->src = src;
    source_close(near);
    return ok;
}

void image_keep_active(struct image *img)
{
    snapshots_free(&img->snaps);
    bitmaps_free(&img->bitmaps);
    structures_free(&img->structures);
    free(img->head);
    free(img->reftable);
    img->snaps = (struct snapshots){ 0 };
    img->bitmaps = (struct bitmaps){ 0 };
    img->structures = (struct structures){ 0 };
    img->head = NULL;
    img->head_len = img->head_got = 0;
    img->reftable = NULL;
    img->reftable_n = 0;
}

void image_close(struct image *img)
{
    if (!img)
        return;
    image_keep_active(img);
    extensions_free(&img->ext);
    free(img->backing_file);
    free(img->backing_format);
    free(img->data_file);
    source_close(img->src);
    free(img);
}

/* The place of entry `first` of a table; false when it lies past all files. */
static bool entry_off(uint64_t table_off, uint64_t first, uint64_t entry_size,
                      uint64_t *out)
{
    uint64_t bytes;

    return u64_mul(first, entry_size, &bytes) && u64_add(table_off, bytes, out);
}

uint64_t image_entries_present(const struct image *img, uint64_t off, uint64_t n)
{
    uint64_t size = img->geo.file_size;

    return off < size ? u64_min(n, div_up(size - off, 8)) : 0;
}

bool image_layer_l1(const struct image *img, uint32_t layer, struct layer_l1 *out)
{
    const struct snapshot *s;

    *out = (struct layer_l1){ 0 };
    if (layer > img->snaps.n)
        return false;
    if (layer == LAYER_ACTIVE) {
        out->off = img->hdr.l1_table_offset;
        out->n = img->geo.l1_entries;
        out->guest_size = img->geo.size;
        out->sound = true;
    } else {
        s = &img->snaps.list[layer - 1];
        out->off = s->l1_table_offset;
        out->n = u64_min(s->l1_size, L1_ENTRIES_MAX);
        out->guest_size = s->disk_size;
        out->sound = !(out->off & (img->geo.cluster_size - 1)) && out->n == s->l1_size;
    }
    out->present = image_entries_present(img, out->off, out->n);
    return true;
}

uint64_t image_layer_size(const struct image *img, uint32_t layer)
{
    struct layer_l1 l1;

    return image_layer_l1(img, layer, &l1) ? u64_min(l1.guest_size, UINT64_C(1) << 62) : 0;
}

#define CHUNK 4096                      /* bytes read at a time into the stack */

bool image_read_l1(const struct image *img, uint64_t l1_off, uint64_t first, size_t n,
                   uint64_t *out, struct error *err)
{
    uint8_t bytes[CHUNK];
    bool ok = true;

    for (size_t done = 0; done < n;) {
        size_t k = n - done < CHUNK / 8 ? n - done : CHUNK / 8;
        uint64_t off;

        if (!entry_off(l1_off, first + done, 8, &off))
            memset(bytes, 0, k * 8);
        else if (!source_read(img->src, off, bytes, k * 8, ok ? err : NULL))
            ok = false;
        for (size_t i = 0; i < k; i++)
            out[done + i] = be64(bytes + i * 8);
        done += k;
    }
    return ok;
}

bool image_read_l2(const struct image *img, uint64_t l2_off, uint64_t first, size_t n,
                   struct l2_entry *out, struct error *err)
{
    size_t size = img->geo.l2_entry_size;
    uint8_t bytes[CHUNK];
    bool ok = true;

    for (size_t done = 0; done < n;) {
        size_t k = n - done < CHUNK / size ? n - done : CHUNK / size;
        uint64_t off;

        memset(bytes, 0, sizeof bytes);
        if (entry_off(l2_off, first + done, size, &off) &&
            !source_read(img->src, off, bytes, k * size, ok ? err : NULL))
            ok = false;
        for (size_t i = 0; i < k; i++)
            l2_decode(&img->geo, bytes + i * size, &out[done + i]);
        done += k;
    }
    return ok;
}

enum stored_status image_stored_refcount(const struct image *img, uint64_t cluster,
                                         uint64_t *out)
{
    const struct geometry *geo = &img->geo;
    uint64_t i = cluster >> geo->refblock_bits, block, j, bit;
    uint8_t bytes[8] = { 0 };
    struct error err;
    size_t len;

    *out = 0;
    if (i >= img->reftable_n)
        return STORED_NO_BLOCK;
    block = img->reftable[i] & REFTABLE_OFFSET_MASK;
    if (!block)
        return STORED_NO_BLOCK;
    if (block & (geo->cluster_size - 1))
        return STORED_BAD_BLOCK;
    if (block > READ_OFFSET_MAX - geo->cluster_size)
        return STORED_UNREADABLE;
    /* Only the bytes that hold it: the entry, or for narrow ones the byte it is in. */
    j = cluster & (geo->refblock_entries - 1);
    bit = j << geo->refcount_order;
    len = geo->refcount_bits < 8 ? 1 : geo->refcount_bits / 8;
    if (!source_read(img->src, block + bit / 8, bytes, len, &err))
        return err.sys == EAGAIN ? STORED_COMING : STORED_UNREADABLE;
    *out = refblock_get(bytes, geo->refcount_order, (bit & 7) >> geo->refcount_order);
    return STORED_OK;
}
