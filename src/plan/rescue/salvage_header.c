/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The header as it was guessed is written down (header_values.c), and the size of the disk is
 * taken from what the disk says of itself where the header no longer does. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "plan/edit.h"
#include "plan/rescue/salvage.h"
#include "plan/rescue/witness_ext.h"
#include "plan/rescue/witness_fat.h"
#include "qcow2/decompress.h"

static bool size_was_guessed(const struct image *img)
{
    for (size_t i = 0; i < img->guesses.n; i++) {
        const struct guess *g = &img->guesses.list[i];

        if (strcmp(g->field, "size") == 0 && g->how == GUESS_TAKEN)
            return true;
    }
    return !img->hdr.size;
}

bool salvage_header(struct salvage *s, struct error *err)
{
    const struct image *img = s->t->img;

    s->size_unknown = size_was_guessed(img);
    s->header_lost = guesses_taken(&img->guesses) != 0;
    return !s->header_lost
        || planner_run_fn(s->plan, s->t, "rescue", planner_header_values, s->opt, err);
}

#define STREAMS_MAX 16              /* that are looked at */

/* Do streams that tables lead to decode as zstd, and not as the header says? *any: some were. */
static bool mapped_is_zstd(const struct trial *t, bool *any)
{
    const struct geometry *geo = &t->img->geo;
    struct image other = *t->img;           /* ... but for the type */
    uint8_t *bytes = malloc((size_t)geo->cluster_size), *out = malloc((size_t)geo->cluster_size);
    size_t n = 0, own = 0, zstd = 0;

    other.hdr.compression_type = COMPRESSION_ZSTD;
    for (size_t i = 0; bytes && out && t->scan->l2 && i < t->scan->n_l2 && n < STREAMS_MAX; i++) {
        if (!source_read(t->img->src, t->scan->l2[i].off, bytes, (size_t)geo->cluster_size, NULL))
            continue;
        for (size_t k = 0; k < geo->l2_entries && n < STREAMS_MAX; k++) {
            struct l2_entry e;

            l2_decode(geo, bytes + k * geo->l2_entry_size, &e);
            if (e.type != L2_COMPRESSED || !l2_entry_possible(geo, &e, geo->file_size))
                continue;
            n++;
            own += cluster_decompress(t->img, e.host_off, e.host_len, out, NULL);
            zstd += cluster_decompress(&other, e.host_off, e.host_len, out, NULL);
        }
    }
    free(bytes);
    free(out);
    *any = own || zstd;
    return zstd > own;
}

static bool orphans_are_zstd(const struct trial *t, bool *zstd, struct error *err)
{
    struct orphans o;
    bool ok = orphans_collect(t, false, &o, err)
        && orphans_look_packed(t, &o, COMPRESSION_ZSTD, zstd, err);

    orphans_free(&o);
    return ok;
}

/* With the header the type of compression is lost. */
bool salvage_compression(struct salvage *s, struct error *err)
{
    const struct header *hdr = &s->t->img->hdr;
    struct buf title = BUF_INIT, why = BUF_INIT;
    struct plan_step *step;
    bool zstd, any;

    if (!s->header_lost || hdr->version < 3 || hdr->crypt_method
        || hdr->compression_type != COMPRESSION_ZLIB)
        return true;
    zstd = mapped_is_zstd(s->t, &any);
    if (!any && !orphans_are_zstd(s->t, &zstd, err))
        return false;
    if (!zstd)
        return true;
    step = salvage_step(s, err);
    if (!step)
        return false;
    edit_header(&step->patches, "incompatible_features",
                hdr->incompatible_features | INCOMPAT_COMPRESSION);
    edit_header(&step->patches, "header_length", HEADER_V3_LEN + 8);
    edit_header(&step->patches, "compression_type", COMPRESSION_ZSTD);
    buf_puts(&title, "Record zstd as the compression type.");
    buf_puts(&why, "The header does not say it any more. What is compressed decodes as zstd.");
    return salvage_take(s, step, &title, &why, err);
}

#define NAME_AFTER 104              /* bytes of the header as it is made */
#define ZEROS_BEFORE 8              /* what ends the list of extensions */

/* QEMU writes the name of the backing file last of all that is in the header's cluster, so it is
 * often left when the header is gone. Where it would begin; 0: there is none. */
static uint64_t find_name(const struct image *img)
{
    uint64_t end = u64_min(img->head_got, img->geo.cluster_size), at;

    while (end > NAME_AFTER && !img->head[end - 1])
        end--;
    for (at = end; at > NAME_AFTER && img->head[at - 1];)
        at--;
    return at < end && at >= NAME_AFTER + ZEROS_BEFORE
        && bytes_all_zero(img->head + at - ZEROS_BEFORE, ZEROS_BEFORE) ? at : 0;
}

bool salvage_backing(struct salvage *s, struct error *err)
{
    const struct image *img = s->t->img;
    struct buf title = BUF_INIT, why = BUF_INIT;
    uint64_t off = 0, len = 0;
    struct plan_step *step;

    if (s->header_lost && !img->hdr.backing_file_offset)
        off = find_name(img);
    if (off)
        len = planner_name_length(img, off);
    if (!len)
        return true;
    step = salvage_step(s, err);
    if (!step)
        return false;
    edit_header(&step->patches, "backing_file_offset", off);
    edit_header(&step->patches, "backing_file_size", len);
    buf_puts(&title, "Set the backing file to ");
    text_visible(&title, (const char *)img->head + off, (size_t)len);
    buf_putc(&title, '.');
    buf_printf(&why, "This name stands at 0x%" PRIx64 ", where QEMU writes it. Its format is not "
               "known.", off);
    return salvage_take(s, step, &title, &why, err);
}

/* --- how large the disk is --- */

#define HEAD_LEN 4096               /* MBR and GPT, with sectors of 512 bytes; super blocks */

/* Where the disk ends by its GPT, or where its last partition of an MBR does; 0: neither. */
static uint64_t end_by_partitions(const uint8_t *head, const char **why)
{
    uint64_t end = 0, lba;

    if (memcmp(head + 512, "EFI PART", 8) == 0) {
        lba = u64_max(le_load(head + 512 + 24, 8), le_load(head + 512 + 32, 8));
        *why = "its GPT";
        return lba && lba < INT64_MAX / 512 ? (lba + 1) * 512 : 0;
    }
    if (head[510] != 0x55 || head[511] != 0xaa)
        return 0;
    for (const uint8_t *p = head + 446; p < head + 510; p += 16)
        if (p[4] && p[4] != 0xee && !(p[0] & 0x7f))
            end = u64_max(end, (le_load(p + 8, 4) + le_load(p + 12, 4)) * 512);
    *why = "its partition table";
    return end;
}

/* The end of a file system that begins with these bytes; 0: none does. */
static uint64_t end_by_volume(const uint8_t *p, const char **why)
{
    const uint8_t *ext = p + 1024;
    uint64_t n = 0, unit = 0, before = 0;
    struct fat_fs fat;

    if (memcmp(p, "XFSB", 4) == 0) {
        unit = be32(p + 4);
        n = be64(p + 8);
    } else if (memcmp(p + 3, "NTFS    ", 8) == 0) {
        unit = le_load(p + 11, 2);
        n = le_load(p + 40, 8) + 1;
        before = le_load(p + 28, 4) * unit;
    } else if (memcmp(p + 3, "EXFAT   ", 8) == 0) {
        unit = p[108] < 16 ? UINT64_C(1) << p[108] : 0;
        n = le_load(p + 72, 8);
        before = le_load(p + 64, 4) * unit;
    } else if (le_load(ext + 56, 2) == 0xef53 && le_load(ext + 24, 4) <= 6) {
        unit = UINT64_C(1024) << le_load(ext + 24, 4);
        n = le_load(ext + 4, 4) | (le_load(ext + 96, 4) & 0x80 ? le_load(ext + 336, 4) << 32 : 0);
    } else if (fat_boot_parse(p, INT64_MAX, &fat)) {
        unit = 1;
        n = fat.len;
        before = le_load(p + 28, 4) * fat.sector;
    }
    *why = "its file system";
    return unit && n < INT64_MAX / 2 / unit ? before + n * unit : 0;
}

/* What clusters that nobody owns tell. */
struct orphans_told {
    uint64_t end;               /* of the disk, by what may be its first or last cluster */
    const char *why;
    bool by_volume;             /* ... by a file system, which may be in a partition */
    uint64_t copy_end;          /* ... by what else a file system has of its super block */
    uint64_t l1_off, l1_n;      /* what reads like the L1 table, most entries in use; 0: none */
};

#define USUAL_START (UINT64_C(1) << 20)     /* of the first partition */

/* Where a file system ends of which these are a super block, as in all its groups; 0: none. */
static uint64_t end_by_copy(const uint8_t *p, size_t len)
{
    const char *unused;
    struct ext_fs fs;

    if (memcmp(p + 3, "NTFS    ", 8) == 0)
        return end_by_volume(p, &unused);
    if (len < HEAD_LEN)
        return 0;
    if (le_load(p + 56, 2) == 0xef53 && ext_super_parse(p, INT64_MAX / 2, &fs))
        return USUAL_START + (fs.n_blocks << fs.bits);
    if (memcmp(p + 64, "_BHRfS_M", 8) == 0)
        return USUAL_START + u64_min(le_load(p + 112, 8), INT64_MAX / 2);
    if (memcmp(p, "XFSB", 4) == 0)
        return USUAL_START + end_by_volume(p, &unused);
    return 0;
}

/* The first with a table of partitions is the first of the disk; the second header of a GPT is
 * at its end. `first`: hardly anything else lies before it in the file. */
static void ask_orphan(const uint8_t *bytes, size_t len, bool first, struct orphans_told *out)
{
    uint64_t end = gpt_end(bytes, len);

    for (size_t at = 0; at + 512 <= len; at += 512)
        out->copy_end = u64_max(out->copy_end, end_by_copy(bytes + at, len - at));
    if (end && end >= out->end) {
        out->why = "its GPT";
        out->end = end;
        out->by_volume = false;
    } else if (out->end) {
        return;                         /* of a file system: only a GPT knows better */
    } else if (len >= 2 * 512 && partition_table_fits(bytes, INT64_MAX / 512)) {
        out->end = end_by_partitions(bytes, &out->why);
        out->by_volume = false;
    } else if (first && len >= HEAD_LEN) {
        out->end = end_by_volume(bytes, &out->why);
        out->by_volume = true;
    }
}

#define HEAD_CLUSTERS 8             /* where the first tables of an image are */
#define FEW 4

/* A table near the start of the file whose only entry is its first: were it an L2 table, so many
 * clusters would not be without an owner. What its entry leads to is damaged. */
static bool may_be_l1_of_one(const struct trial *t, const struct orphans *o,
                             const struct orphan *it, uint8_t *bytes)
{
    const struct geometry *geo = &t->img->geo;
    uint64_t e;

    if (it->kind != ORPHAN_L2 || it->off >> geo->cluster_bits >= HEAD_CLUSTERS
        || o->n_kind[ORPHAN_DATA] < FEW
        || !source_read(t->img->src, it->off, bytes, (size_t)geo->cluster_size, NULL))
        return false;
    e = be64(bytes);
    return e & OFLAG_COPIED && !(e & L1_RESERVED_MASK)
        && bytes_all_zero(bytes + 8, (size_t)geo->cluster_size - 8);
}

static bool ask_orphans(struct salvage *s, struct orphans_told *out, struct error *err)
{
    size_t len = (size_t)s->t->img->geo.cluster_size, most = 1;
    uint8_t *bytes = malloc(len);
    struct orphan_reader reader = { 0 };
    struct orphans o = { 0 };
    size_t before = 0;
    bool ok = bytes || err_set(err, ERR_NOMEM, "out of memory");

    *out = (struct orphans_told){ .end = 0 };
    ok = ok && orphans_collect(s->t, false, &o, err);
    for (size_t i = 0; ok && i < o.n && !salvage_stopped(s->t); i++) {
        struct l1_fit fit;

        if (orphan_reads_like_l1(s->t, &o, &o.list[i], bytes, &fit) && fit.used > most) {
            most = fit.used;
            out->l1_off = o.list[i].off;
            out->l1_n = fit.end;
        } else if (!out->l1_off && may_be_l1_of_one(s->t, &o, &o.list[i], bytes)) {
            out->l1_off = o.list[i].off;
            out->l1_n = 1;
        }
    }
    ok = ok && (s->t->img->hdr.crypt_method || orphans_find_streams(s->t, &o, err))
        && orphan_reader_init(&reader, s->t->img, o.list, err);
    for (size_t i = 0; ok && i < o.n && (!out->end || out->by_volume)
                       && !salvage_stopped(s->t); i++)
        if (orphan_read(&reader, i, bytes, NULL)) {
            ask_orphan(bytes, len, before < HEAD_CLUSTERS, out);
            before += o.list[i].kind == ORPHAN_DATA || o.list[i].kind == ORPHAN_STREAM;
        }
    if (!out->end && out->copy_end <= INT64_MAX) {
        out->end = out->copy_end;
        out->why = "a copy of its super block";
        out->by_volume = true;
    }
    orphan_reader_free(&reader);
    orphans_free(&o);
    free(bytes);
    return ok;
}

/* The L1 table that was found, for a disk that is as large as is told, or as the table maps. */
static bool take_l1(struct salvage *s, const struct orphans_told *told, struct error *err)
{
    const struct geometry *geo = &s->t->img->geo;
    uint64_t n = u64_max(told->l1_n, div_up(told->end, geo->l2_span));
    struct buf title = BUF_INIT, why = BUF_INIT;
    struct plan_step *step = salvage_step(s, err);
    char text[TEXT_NUM];

    if (!step)
        return false;
    n = u64_min(n, geo->cluster_size / 8);
    edit_header(&step->patches, "l1_table_offset", told->l1_off);
    edit_header(&step->patches, "l1_size", n);
    edit_header(&step->patches, "size", told->end ? told->end : n * geo->l2_span);
    buf_printf(&title, "Take the L1 table at 0x%llx, with %s entr%s up to the last in use.",
               (unsigned long long)told->l1_off, text_group(text, told->l1_n),
               told->l1_n == 1 ? "y" : "ies");
    buf_puts(&why, told->l1_n == 1 ? "The header does not say it any more; as an L2 table it would "
                                     "be of no use."
                                   : "The header does not say it any more; most entries lead to L2 "
                                     "tables.");
    return salvage_take(s, step, &title, &why, err);
}

static bool take_size(struct salvage *s, uint64_t size, const char *source, struct error *err)
{
    const struct geometry *geo = &s->t->img->geo;
    uint64_t needed = div_up(size, geo->l2_span);
    struct buf title = BUF_INIT, why = BUF_INIT;
    struct plan_step *step;
    char text[TEXT_NUM];

    /* An L1 table grows only within its cluster. */
    if (needed > u64_max(geo->l1_entries, geo->cluster_size / 8))
        return true;
    step = salvage_step(s, err);
    if (!step)
        return false;
    edit_header(&step->patches, "size", size);
    if (!s->t->img->hdr.l1_table_offset) {
        if (!salvage_new_l1(s, needed, &step->patches, err))
            return false;
    } else if (needed > geo->l1_entries) {
        patches_zero(&step->patches, s->t->img->hdr.l1_table_offset + geo->l1_entries * 8,
                     (needed - geo->l1_entries) * 8);
        edit_header(&step->patches, "l1_size", needed);
    }
    buf_printf(&title, "Make the disk as large as %s says: %s%s.", source,
               text_size(text, size), s->l1_made ? ", with an empty L1 table" : "");
    buf_puts(&why, "The header does not say it any more");
    buf_puts(&why, s->l1_made ? ", and no L1 table was found." : ".");
    return salvage_take(s, step, &title, &why, err);
}

/* An overlay holds what was written to it, and need not have the start of the disk. */
static void distrust_volume(struct salvage *s, struct orphans_told *told)
{
    s->size_guessed = told->end && told->by_volume;
    if (s->size_guessed && s->t->img->hdr.backing_file_offset)
        told->end = 0;
}

bool salvage_lost_l1(struct salvage *s, struct error *err)
{
    struct orphans_told told;

    if (!s->size_unknown || s->t->img->hdr.l1_table_offset)
        return true;
    if (!ask_orphans(s, &told, err))
        return false;
    distrust_volume(s, &told);
    s->size_unknown = !told.end;
    if (told.l1_off)
        return take_l1(s, &told, err);
    s->l1_made = told.end != 0;
    return !told.end || take_size(s, told.end, told.why, err);
}

/* What the start of the disk says of its end, as far as it is mapped. */
static uint64_t end_by_head(struct guest_reader *r, const char **why)
{
    uint8_t head[HEAD_LEN];
    uint64_t end;

    for (size_t at = 0; at < HEAD_LEN; at += 512)
        if (!guest_reader_read(r, at, head + at, 512))
            return 0;
    end = end_by_partitions(head, why);
    return end ? end : end_by_volume(head, why);
}

bool salvage_size(struct salvage *s, struct error *err)
{
    struct guest_reader *r;
    const char *why = "";
    uint64_t end, mapped;

    if (!s->size_unknown)
        return true;
    if (!guest_reader_open(s->t, s->below, &r, err))
        return false;
    end = end_by_head(r, &why);
    mapped = guest_reader_end(r);
    guest_reader_close(r);
    if (!end) {
        struct orphans_told told;

        if (!ask_orphans(s, &told, err))
            return false;
        distrust_volume(s, &told);
        end = told.end;
        why = told.why;
    }
    /* What an overlay has mapped is not all of it. */
    if (end < mapped && (end || !s->t->img->hdr.backing_file_offset)) {
        end = mapped;
        why = "what it has mapped";
    }
    if (!end) {
        end = s->t->img->geo.l1_entries * s->t->img->geo.l2_span;
        why = "its L1 table";
    }
    if (!end || end > INT64_MAX || end == s->t->img->hdr.size)
        return true;
    return take_size(s, end, why, err);
}
