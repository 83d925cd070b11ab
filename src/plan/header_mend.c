/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What keeps QEMU from opening an image besides values that are guessed (header_values.c):
 * mended where something in the image proves what is right. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "insight/cause.h"
#include "plan/edit.h"
#include "plan/header_area.h"
#include "plan/planner.h"
#include "qcow2/luks.h"
#include "scan/guest.h"

#define MENDS_MAX 12                /* rules of QEMU that are dealt with, one after another */

/* --- how clusters are compressed --- */

static bool cause_is_there(const struct trial *t, enum cause_kind kind, struct place *second)
{
    const struct insight_options opt = { .name = "IMAGE" };
    struct insight *x;
    bool found = false;

    if (!insight_find(t->scan, &opt, &x, NULL))
        return false;
    for (size_t i = 0; i < x->n && !found; i++) {
        found = x->list[i].kind == kind;
        if (found && second)
            *second = x->list[i].n_evidence > 1 ? x->list[i].evidence[1].place
                                                : (struct place){ .kind = PLACE_NONE };
    }
    insight_free(x);
    return found;
}

static void edit_compression(const struct image *img, uint64_t type, struct patches *out)
{
    uint64_t bits = img->hdr.incompatible_features & ~INCOMPAT_COMPRESSION;

    edit_header(out, "incompatible_features", type ? bits | INCOMPAT_COMPRESSION : bits);
    if (img->hdr.header_length > HEADER_V3_LEN)
        edit_header(out, "compression_type", type);
}

/* Do the streams contradict this type? */
static bool type_fits(const struct trial *t, uint64_t type, bool *fits, struct error *err)
{
    struct patches all = { 0 };
    struct trial *as = NULL;
    bool ok;

    patches_append(&all, t->all);
    edit_compression(t->img, type, &all);
    ok = trial_open(t->below, &t->opt, &all, &as, err);
    if (ok)
        *fits = !cause_is_there(as, CAUSE_OF_COMPRESSION_TYPE, NULL);
    trial_close(as);
    patches_free(&all);
    return ok;
}

static bool mend_compression(struct trial *t, const struct planner_options *opt,
                             struct plan_step *step, struct error *err)
{
    const struct image *img = t->img;
    bool zlib, zstd = false, may_zstd = img->hdr.header_length > HEADER_V3_LEN;
    bool streams = t->scan->stats.class_clusters[CLASS_COMPRESSED] != 0;
    struct patches round = { 0 };
    struct buf title = BUF_INIT;
    uint64_t type;

    (void)opt;
    if (!type_fits(t, COMPRESSION_ZLIB, &zlib, err)
        || (may_zstd && !type_fits(t, COMPRESSION_ZSTD, &zstd, err)))
        return false;
    if (streams && zlib == zstd)
        return true;                /* neither, or nothing tells */
    type = zlib ? COMPRESSION_ZLIB : COMPRESSION_ZSTD;
    edit_compression(img, type, &round);
    buf_printf(&title, "Record %s as the compression type, in the field and in the feature "
               "bit.", type ? "zstd" : "zlib");
    if (!planner_say(&step->why, streams ? "The streams looked at are of this kind."
             : "No cluster is compressed.", err))
        return false;
    return planner_take(t, step, &round, &title, err);
}

/* --- other rules --- */

static bool tables_are_broken(const struct scan_result *scan)
{
    bool broken = false;

    for (int k = 0; k < N_PROBLEMS && !broken; k++) {
        const struct problem_info *info = problem_info((enum problem_kind)k);

        broken = info->severity == SEV_CORRUPTION && info->section != SECTION_HEADER
            && scan->problems.count[k];
    }
    return broken;
}

static bool mend_unknown_feature(struct trial *t, const struct planner_options *opt,
                                 struct plan_step *step, struct error *err)
{
    const struct image *img = t->img;
    uint64_t unknown = img->hdr.incompatible_features & ~INCOMPAT_KNOWN;
    struct patches round = { 0 };
    struct buf title = BUF_INIT;

    /* A name in the image says that a program set the bit on purpose. */
    for (int bit = 0; bit < 64; bit++) {
        struct buf name = BUF_INIT;
        bool named;

        feature_bit_name(img->head, img->head_len, &img->ext, 0, bit, &name);
        named = strncmp(buf_str(&name), "unknown bit", strlen("unknown bit")) != 0;
        buf_free(&name);
        if (named && unknown & UINT64_C(1) << bit)
            return true;
    }
    if (!opt->accept_loss && tables_are_broken(t->scan))
        return true;
    edit_header(&round, "incompatible_features", img->hdr.incompatible_features & ~unknown);
    buf_printf(&title, "Clear unknown feature bits 0x%" PRIx64 ".", unknown);
    if (!planner_say(&step->why, "All tables fit the features that are known, and nothing in the image "
             "names these.", err)
        || !planner_say(&step->cost, "If a newer program made the image, open it with that program "
                "instead.", err))
        return false;
    return planner_take(t, step, &round, &title, err);
}

#define SECTORS_LOOKED 256

/* Encrypted sectors look like noise: 220 of the 256 values of a byte are usual in one. Do
 * most of the first sectors of data, zeros apart, not? */
static bool data_is_plain(const struct image *img, struct plan_step *step)
{
    unsigned looked = 0, plain = 0;
    struct guest_extent e;
    struct guest_walk *w;

    if (!guest_walk_open(img, LAYER_ACTIVE, 0, img->geo.size, &w, NULL))
        return false;
    while (looked < SECTORS_LOOKED && guest_walk_next(w, &e, NULL)) {
        for (uint64_t at = 0; e.data && !e.compressed && e.host_off != NO_ADDRESS
             && at + 512 <= e.length && looked < SECTORS_LOOKED; at += 512) {
            uint8_t sector[512];
            bool seen[256] = { false };
            unsigned distinct = 0;

            if (!source_read(img->src, e.host_off + at, sector, sizeof sector, NULL)
                || !plan_step_rests_on(step, e.host_off + at, sizeof sector))
                break;
            for (size_t i = 0; i < sizeof sector; i++) {
                distinct += !seen[sector[i]];
                seen[sector[i]] = true;
            }
            if (distinct == 1 && seen[0])
                continue;
            looked++;
            plain += distinct < 128;
        }
    }
    guest_walk_free(w);
    return plain && plain * 2 >= looked;
}

static bool mend_crypt_method(struct trial *t, const struct planner_options *opt,
                              struct plan_step *step, struct error *err)
{
    const struct image *img = t->img;
    struct patches round = { 0 };
    struct buf title = BUF_INIT;
    bool luks_there;
    struct luks luks;

    (void)opt;
    luks_there = img->ext.has_crypto && luks_read(img->src, img->ext.crypto.offset, &luks);
    if (!luks_there && (img->ext.has_crypto || !data_is_plain(img, step)))
        return true;
    edit_header(&round, "crypt_method", luks_there ? CRYPT_LUKS : CRYPT_NONE);
    buf_printf(&title, "Record that the disk is %s.", luks_there ? "encrypted with LUKS"
               : "not encrypted");
    if (!planner_say(&step->why, luks_there ? "The LUKS header is where a header extension says."
             : "What the disk holds does not look encrypted.", err))
        return false;
    return planner_take(t, step, &round, &title, err);
}

#define LUKS_LOOKED_AT 4096

static bool mend_luks(struct trial *t, const struct planner_options *opt,
                      struct plan_step *step, struct error *err)
{
    const struct image *img = t->img;
    struct patches round = { 0 };
    struct buf title = BUF_INIT;
    struct place there;
    struct luks luks;

    (void)opt;
    if (!img->ext.has_crypto || img->hdr.crypt_method != CRYPT_LUKS
        || luks_read(img->src, img->ext.crypto.offset, &luks)
        || !cause_is_there(t, CAUSE_OF_LUKS_HEADER, &there) || there.kind != PLACE_CLUSTER
        || !luks_read(img->src, there.i << img->geo.cluster_bits, &luks))
        return true;
    if (!plan_step_rests_on(step, there.i << img->geo.cluster_bits, LUKS_LOOKED_AT))
        return err_set(err, ERR_NOMEM, "out of memory");
    edit_entry(&round, img->ext.crypto_at->data_off, there.i << img->geo.cluster_bits);
    buf_printf(&title, "Point to the LUKS header at 0x%" PRIx64 " instead of 0x%" PRIx64 ".",
               there.i << img->geo.cluster_bits, img->ext.crypto.offset);
    if (!planner_say(&step->why, "A LUKS header is there, and none where the image looks for it.", err))
        return false;
    return planner_take(t, step, &round, &title, err);
}

static bool clear_autoclear(struct trial *t, struct plan_step *step, uint64_t bit,
                            const char *words, const char *cost, struct error *err)
{
    struct patches round = { 0 };
    struct buf title = BUF_INIT;

    if (!(t->img->hdr.autoclear_features & bit))
        return true;
    edit_header(&round, "autoclear_features", t->img->hdr.autoclear_features & ~bit);
    buf_puts(&title, words);
    if (!planner_say(&step->cost, cost, err)) {
        buf_free(&title);
        patches_free(&round);
        return false;
    }
    return planner_take(t, step, &round, &title, err);
}

static bool mend_bitmaps(struct trial *t, const struct planner_options *opt,
                         struct plan_step *step, struct error *err)
{
    return !opt->accept_loss
        || clear_autoclear(t, step, AUTOCLEAR_BITMAPS,
                           "Declare the bitmaps out of date, so that QEMU does not read them.",
                           "The next backup that relies on them must be a full one.", err);
}

static bool mend_raw_data(struct trial *t, const struct planner_options *opt,
                          struct plan_step *step, struct error *err)
{
    (void)opt;
    return clear_autoclear(t, step, AUTOCLEAR_DATA_FILE_RAW,
                           "Clear the bit for raw external data.",
                           "There is no external data file that it could be about.", err);
}

/* The list of extensions runs past its area. Nothing that the image needs may be cut off. */
static bool mend_list(struct trial *t, const struct planner_options *opt,
                      struct plan_step *step, struct error *err)
{
    const struct image *img = t->img;
    struct patches round = { 0 };
    struct buf title = BUF_INIT;

    (void)opt;
    if (img->ext.end != EXT_ENDED_TOO_LONG
        || (img->hdr.crypt_method == CRYPT_LUKS && !img->ext.has_crypto)
        || (img->hdr.incompatible_features & INCOMPAT_DATA_FILE && !img->ext.data_file))
        return true;
    patches_zero(&round, img->ext.end_off, 8);
    buf_printf(&title, "End the list of header extensions at 0x%" PRIx64 ", before one that "
               "reaches past its end.", img->ext.end_off);
    if (!planner_say(&step->cost, "What that extension said is lost; the bitmaps, if it was theirs, "
             "are unreachable.", err))
        return false;
    return planner_take(t, step, &round, &title, err);
}

uint64_t planner_name_length(const struct image *img, uint64_t off)
{
    uint64_t n = 0;
    uint32_t cp;
    size_t len;

    while (off + n < img->head_got && img->head[off + n]) {
        cp = img->head[off + n];
        len = cp < 0x80 ? 1
            : text_utf8(img->head + off + n, img->head_got - (size_t)(off + n), &cp);
        if (!len || cp < ' ' || cp == 0x7f || n + len > BACKING_NAME_MAX)
            return 0;
        n += len;
    }
    return n;
}

static bool mend_backing_name(struct trial *t, const struct planner_options *opt,
                              struct plan_step *step, struct error *err)
{
    const struct image *img = t->img;
    uint64_t off = img->hdr.backing_file_offset, len;
    struct patches round = { 0 };
    struct buf title = BUF_INIT;

    if (off >= img->geo.cluster_size)
        off = img->ext.end == EXT_ENDED_MARK ? img->ext.end_off + 8 : img->geo.cluster_size;
    len = off < img->geo.cluster_size ? planner_name_length(img, off) : 0;
    if (!len && !opt->accept_loss)
        return true;
    edit_header(&round, "backing_file_offset", len ? off : 0);
    edit_header(&round, "backing_file_size", len);
    if (len) {
        buf_puts(&title, "Set the backing file to ");
        text_visible(&title, (const char *)img->head + off, (size_t)len);
        buf_putc(&title, '.');
    } else {
        buf_puts(&title, "Drop the backing file, whose name is lost.");
    }
    if (!planner_say(len ? &step->why : &step->cost, len ? "This text stands where the name should."
             : "What this image does not hold itself reads as zeros from then on.", err))
        return false;
    return planner_take(t, step, &round, &title, err);
}

/* The disk is larger than the L1 table can map, and nothing tells how large it was. */
static bool mend_size(struct trial *t, const struct planner_options *opt,
                      struct plan_step *step, struct error *err)
{
    struct patches round = { 0 };
    struct buf title = BUF_INIT;
    char size[TEXT_NUM];
    uint64_t most;

    if (!opt->accept_loss
        || !u64_mul(t->img->hdr.l1_size, t->img->geo.l2_span, &most) || !most)
        return true;
    edit_header(&round, "size", most);
    buf_printf(&title, "Set the size of the disk to %s, the most that its L1 table can map.",
               text_size(size, most));
    if (!planner_say(&step->cost, "The disk had another size; set it to what it was.", err))
        return false;
    return planner_take(t, step, &round, &title, err);
}

static const struct mend { const char *refusal; planner_fn *fn; } mends[] = {
    { "backing-offset", mend_backing_name },
    { "l1-too-small", mend_size },
    { "compression-type", mend_compression },
    { "compression-bit", mend_compression },
    { "unknown-feature", mend_unknown_feature },
    { "crypt-method", mend_crypt_method },
    { "crypto-ext-unexpected", mend_crypt_method },
    { "extension-too-large", mend_list },
    { "data-file-raw", mend_raw_data },
    { "backing-name-too-long", mend_backing_name },
    { "crypto-offset", mend_luks },
};

static planner_fn *mend_of(const struct refusal *r)
{
    for (size_t i = 0; i < sizeof mends / sizeof mends[0]; i++)
        if (strcmp(r->id, mends[i].refusal) == 0)
            return mends[i].fn;
    return strncmp(r->id, "bitmap", strlen("bitmap")) == 0 ? mend_bitmaps : NULL;
}

/* --- all of it --- */

static bool refused_to_open(const struct trial *t)
{
    return t->img->refused.id && !t->img->refused.at_check;
}

bool planner_header_broken(struct plan *plan, struct trial *t,
                           const struct planner_options *opt, struct error *err)
{
    if (!planner_run_fn(plan, t, "header", planner_header_values, opt, err))
        return false;
    for (int i = 0; i < MENDS_MAX && refused_to_open(t); i++) {
        planner_fn *fn = mend_of(&t->img->refused);
        size_t before = plan->n;

        if (!fn)
            break;
        if (!planner_run_fn(plan, t, "header", fn, opt, err))
            return false;
        if (plan->n == before)
            break;
    }
    return (!t->scan->stats.class_clusters[CLASS_COMPRESSED]
            || !cause_is_there(t, CAUSE_OF_COMPRESSION_TYPE, NULL)
            || planner_run_fn(plan, t, "header", mend_compression, opt, err))
        && planner_run_fn(plan, t, "header", mend_luks, opt, err);
}

bool planner_header(struct plan *plan, struct trial *t, const struct planner_options *opt,
                    struct error *err)
{
    struct buf text = BUF_INIT;
    bool ok;

    if (!planner_header_broken(plan, t, opt, err)
        || !planner_run_fn(plan, t, "header", planner_header_proposed, opt, err))
        return false;
    if (!refused_to_open(t))
        return true;
    buf_printf(&text, "QEMU does not open the image, and nothing in it proves another value: "
               "%s.", t->img->refused.text);
    ok = !text.failed && plan_add_left(plan, buf_str(&text));
    buf_free(&text);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}
