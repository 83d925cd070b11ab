/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/undo.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/limits.h"
#include "base/num.h"
#include "plan/plan.h"
#include "plan/tables_digest.h"

#define MAGIC       "qcheck undo file"      /* 16 bytes */
#define BEGUN       "qcheck undo part"      /* in its place until all is written */
#define FORM        3
#define RECORD      88                      /* bytes of one record */
#define RECORDS_MAX (UINT64_C(1) << 24)
#define CHUNK       (1u << 20)

/* Offsets in the header. */
enum {
    AT_MAGIC = 0, AT_FORM = 16, AT_STATE = 20, AT_OLD_SIZE = 24, AT_NEW_SIZE = 32,
    AT_RECORDS = 40, AT_PLAN = 48, AT_DIGEST = 80, AT_TAIL = 112, AT_TABLES = 144, AT_SUM = 176
};

bool undo_plan_digest(const struct patches *patches, uint8_t out[DIGEST_LEN],
                      struct error *err)
{
    struct digest *d;
    uint8_t head[32];

    if (!digest_new(&d, err))
        return false;
    for (size_t i = 0; i < patches->n; i++) {
        const struct patch *p = &patches->list[i];

        be_store(head, 8, p->off);
        be_store(head + 8, 8, p->len);
        be_store(head + 16, 8, (uint64_t)p->kind);
        be_store(head + 24, 8, p->kind == PATCH_COPY ? p->at : 0);
        digest_add(d, head, sizeof head);
        if (p->kind == PATCH_BYTES)
            digest_add(d, buf_str(&patches->bytes) + p->at, (size_t)p->len);
    }
    be_store(head, 8, patches->has_length);
    be_store(head + 8, 8, patches->has_length ? patches->length : 0);
    digest_add(d, head, 16);
    digest_end(d, out);
    return true;
}

/* --- writing --- */

struct records {
    uint8_t *rec;               /* owned: n records */
    size_t n, cap;              /* of them */
};

/* Neighbours are joined. */
static bool add_record(struct records *r, uint64_t off, uint64_t len)
{
    uint8_t *last = r->n ? r->rec + (r->n - 1) * RECORD : NULL;

    if (!len)
        return true;
    if (last && be64(last) + be64(last + 8) == off) {
        be_store(last + 8, 8, be64(last + 8) + len);
        return true;
    }
    if (r->n == RECORDS_MAX || !list_room(&r->rec, r->n, &r->cap, RECORD))
        return false;
    last = r->rec + r->n++ * RECORD;
    memset(last, 0, RECORD);
    be_store(last, 8, off);
    be_store(last + 8, 8, len);
    return true;
}

/* What is cut off, but for long holes: they come back with the length. */
static bool add_cut(struct records *r, struct source *image, uint64_t off)
{
    uint64_t size = source_size(image), hole, stop;
    uint64_t least = u64_max(PLAN_ZEROS_MIN, (size - off) / 4096);
    bool ok = true;

    for (; ok && off < size; off = stop) {
        source_next_hole(image, off, size, least, &hole, &stop);
        ok = add_record(r, off, hole - off);
    }
    return ok;
}

/* The ranges of the image that will be replaced or cut off. */
static bool records_of(struct source *image, const struct patches *p, struct records *r)
{
    uint64_t size = source_size(image), end = 0;
    bool ok = true;

    for (size_t i = 0; ok && i < p->n; i++) {
        uint64_t off = p->list[i].off, len = off < size ? u64_min(p->list[i].len, size - off) : 0;

        ok = add_record(r, off, len);
        end = len ? off + len : end;
    }
    if (ok && p->has_length && p->length < size)
        ok = add_cut(r, image, u64_max(p->length, end));
    return ok;
}

/* Copies the bytes of one record to the file, holes as holes, and notes their digest. */
static bool save_record(struct sink *out, struct source *image, uint8_t *rec, uint64_t at,
                        uint8_t *bytes, struct error *err)
{
    uint64_t off = be64(rec), len = be64(rec + 8);
    struct data_memo memo = { 0 };
    struct digest *d;
    bool ok = true;

    if (!digest_new(&d, err))
        return false;
    be_store(rec + 16, 8, at);
    while (ok && len) {
        size_t n = (size_t)u64_min(len, CHUNK);

        if (source_all_hole(image, &memo, off, n)) {
            digest_add_zeros(d, n);
        } else {
            struct source_span bad;

            /* Bytes that cannot be read are kept as zeros: nothing else can be done. */
            source_read_known(image, off, bytes, n, &bad);
            digest_add(d, bytes, n);
            ok = sink_write(out, at, bytes, n, err);
        }
        off += n;
        at += n;
        len -= n;
    }
    digest_end(d, rec + 24);
    return ok;
}

static bool digest_of(const void *bytes, size_t len, uint8_t out[DIGEST_LEN],
                      struct error *err)
{
    struct digest *d;

    if (!digest_new(&d, err))
        return false;
    digest_add(d, bytes, len);
    digest_end(d, out);
    return true;
}

/* Of the header, but for the state, which changes. */
static bool digest_head(const uint8_t head[UNDO_HEADER], uint8_t out[DIGEST_LEN],
                        struct error *err)
{
    uint8_t bytes[AT_SUM];

    memcpy(bytes, head, sizeof bytes);
    be_store(bytes + AT_STATE, 4, 0);
    return digest_of(bytes, sizeof bytes, out, err);
}

/* What the ranges of the records, and the bytes after the old end, are to be under the plan. */
static bool digest_after(struct source *image, const struct patches *patches, uint8_t *rec,
                         uint64_t n, uint64_t new_size, uint8_t tail[DIGEST_LEN],
                         struct error *err)
{
    uint64_t size = source_size(image);
    struct source *after = NULL;
    bool ok = source_open_patched(image, patches, &after, err);

    for (uint64_t i = 0; ok && i < n; i++) {
        uint64_t off = be64(rec + i * RECORD), len = be64(rec + i * RECORD + 8);

        ok = digest_of_source(after, off, off < new_size ? u64_min(len, new_size - off) : 0,
                              rec + i * RECORD + 56, err);
    }
    ok = ok && digest_of_source(after, size, new_size > size ? new_size - size : 0, tail, err);
    source_close(after);
    return ok;
}

bool undo_write(struct sink *out, struct source *image, const struct patches *patches,
                struct error *err)
{
    uint64_t size = source_size(image), n, at, end = UNDO_HEADER;
    uint64_t new_size = patches_size_after(patches, size);
    uint8_t head[UNDO_HEADER] = { 0 };
    uint8_t *rec, *bytes = malloc(CHUNK);
    struct records all = { 0 };
    bool ok = records_of(image, patches, &all) && bytes;

    rec = all.rec;
    n = all.n;
    if (!ok) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    ok = false;
    end = UNDO_HEADER + n * RECORD;
    for (uint64_t i = 0; i < n; i++)
        end += be64(rec + i * RECORD + 8);
    /* A file left over from a call that was stopped holds other bytes. */
    if (!sink_write(out, 0, BEGUN, 16, err) || !sink_sync(out, err)
        || !sink_write(out, end - 1, "", 1, err) || !sink_zero(out, 16, end - 16, err))
        goto out;
    at = UNDO_HEADER + n * RECORD;
    for (uint64_t i = 0; i < n; i++) {
        if (!save_record(out, image, rec + i * RECORD, at, bytes, err))
            goto out;
        at += be64(rec + i * RECORD + 8);
    }
    if (!digest_after(image, patches, rec, n, new_size, head + AT_TAIL, err))
        goto out;
    if (n && !sink_write(out, UNDO_HEADER, rec, (size_t)n * RECORD, err))
        goto out;
    if (!sink_sync(out, err))
        goto out;
    memcpy(head + AT_MAGIC, MAGIC, 16);
    be_store(head + AT_FORM, 4, FORM);
    be_store(head + AT_STATE, 4, UNDO_READY);
    be_store(head + AT_OLD_SIZE, 8, size);
    be_store(head + AT_NEW_SIZE, 8, new_size);
    be_store(head + AT_RECORDS, 8, n);
    ok = undo_plan_digest(patches, head + AT_PLAN, err)
        && digest_of(rec, (size_t)n * RECORD, head + AT_DIGEST, err)
        && tables_digest(image, head + AT_TABLES, err) && digest_head(head, head + AT_SUM, err)
        && sink_write(out, 0, head, sizeof head, err) && sink_sync(out, err);
out:
    free(rec);
    free(bytes);
    return ok;
}

bool undo_mark(struct sink *file, enum undo_state state, struct error *err)
{
    uint8_t bytes[4];

    be_store(bytes, 4, state);
    return sink_write(file, AT_STATE, bytes, 4, err) && sink_sync(file, err);
}

/* --- reading --- */

static bool read_records(struct undo *u, uint64_t n, const uint8_t want[DIGEST_LEN],
                         struct error *err)
{
    uint8_t *rec = malloc(n ? (size_t)n * RECORD : 1), sum[DIGEST_LEN];
    uint64_t size = source_size(u->src), end = 0;
    bool ok = false;

    u->digest = calloc(n ? (size_t)n : 1, sizeof *u->digest);
    u->after = calloc(n ? (size_t)n : 1, sizeof *u->after);
    if (!rec || !u->digest || !u->after) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    if (!source_read(u->src, UNDO_HEADER, rec, (size_t)n * RECORD, err)
        || !digest_of(rec, (size_t)n * RECORD, sum, err))
        goto out;
    ok = memcmp(sum, want, DIGEST_LEN) == 0;
    for (uint64_t i = 0; ok && i < n; i++) {
        const uint8_t *r = rec + i * RECORD;
        uint64_t off = be64(r), len = be64(r + 8), at = be64(r + 16);

        ok = len && off >= end && range_inside(off, len, u->old_size)
            && range_inside(at, len, size);
        if (!ok)
            break;
        end = off + len;
        /* One patch a record: never joined, each has a digest. */
        patches_copy(&u->old, off, at, len);
        memcpy(u->digest[i], r + 24, DIGEST_LEN);
        memcpy(u->after[i], r + 56, DIGEST_LEN);
    }
    if (!ok)
        err_set(err, ERR_FORMAT, "the undo file is damaged: its records are not what was "
                "written");
out:
    free(rec);
    return ok;
}

bool undo_unfinished(struct source *file)
{
    char magic[16];

    return !source_size(file) || (source_read(file, 0, magic, sizeof magic, NULL)
                                  && memcmp(magic, BEGUN, sizeof magic) == 0);
}

bool undo_open(struct source *src, struct undo *out, struct error *err)
{
    struct undo u = { .src = src };
    uint8_t head[UNDO_HEADER], sum[DIGEST_LEN];
    uint64_t n, size = source_size(src);

    if (!source_read(src, 0, head, sizeof head, err))
        return false;
    if (memcmp(head + AT_MAGIC, MAGIC, 16) != 0)
        return err_set(err, ERR_FORMAT, undo_unfinished(src) ? "this undo file was not completed, "
                       "so nothing was written to the image" : "this is not an undo file");
    u.state = (enum undo_state)be32(head + AT_STATE);
    u.old_size = be64(head + AT_OLD_SIZE);
    u.new_size = be64(head + AT_NEW_SIZE);
    n = be64(head + AT_RECORDS);
    memcpy(u.plan, head + AT_PLAN, DIGEST_LEN);
    memcpy(u.tail, head + AT_TAIL, DIGEST_LEN);
    if (be32(head + AT_FORM) != FORM)
        return err_set(err, ERR_FORMAT, "an undo file of form %u; this program reads form %d",
                       be32(head + AT_FORM), FORM);
    if (!digest_head(head, sum, err))
        return false;
    memcpy(u.tables, head + AT_TABLES, DIGEST_LEN);
    if (memcmp(sum, head + AT_SUM, DIGEST_LEN) != 0 || u.state < UNDO_READY
        || u.state > UNDO_UNDONE || n > RECORDS_MAX
        || !range_inside(UNDO_HEADER, n * RECORD, size) || u.old_size > READ_OFFSET_MAX
        || u.new_size > READ_OFFSET_MAX)
        return err_set(err, ERR_FORMAT, "the undo file is damaged: its header is not what was "
                       "written");
    if (!read_records(&u, n, head + AT_DIGEST, err)) {
        undo_free(&u);
        return false;
    }
    patches_set_length(&u.old, u.old_size);
    *out = u;
    return true;
}

void undo_free(struct undo *u)
{
    patches_free(&u->old);
    free(u->digest);
    free(u->after);
    *u = (struct undo){ 0 };
}

bool undo_verify(const struct undo *u, struct error *err)
{
    uint8_t *bytes = malloc(CHUNK), sum[DIGEST_LEN];
    bool ok = bytes || err_set(err, ERR_NOMEM, "out of memory");

    for (size_t i = 0; ok && i < u->old.n; i++) {
        uint64_t at = u->old.list[i].at, left = u->old.list[i].len;
        struct digest *d = NULL;

        ok = digest_new(&d, err);
        for (; ok && left; at += CHUNK, left -= u64_min(left, CHUNK)) {
            size_t n = (size_t)u64_min(left, CHUNK);

            ok = source_read(u->src, at, bytes, n, err);
            digest_add(d, bytes, n);
        }
        if (d)
            digest_end(d, sum);
        if (ok && memcmp(sum, u->digest[i], DIGEST_LEN) != 0)
            ok = err_set(err, ERR_FORMAT, "the undo file is damaged: bytes for 0x%llx of the "
                         "image are not what was saved",
                         (unsigned long long)u->old.list[i].off);
    }
    free(bytes);
    return ok;
}

static bool changed_since(uint64_t off, struct error *err)
{
    return err_set(err, ERR_FORMAT, "the image was changed since the plan was carried out, at "
                   "0x%llx or soon after: taking the plan back would mix two states; --force "
                   "does it all the same", (unsigned long long)off);
}

/* With the old bytes laid over it the image has the tables that it had, however far the plan was
 * carried out. */
static bool tables_fit(const struct undo *u, struct source *image, struct error *err)
{
    struct source *before = NULL;
    uint8_t sum[DIGEST_LEN];
    bool ok = source_open_patched_from(image, u->src, &u->old, &before, err)
        && tables_digest(before, sum, err);

    source_close(before);
    return ok && (memcmp(sum, u->tables, DIGEST_LEN) == 0
                  || err_set(err, ERR_FORMAT, "the undo file belongs to another image, or this one "
                             "was changed since: its tables differ; --force takes the plan back "
                             "all the same"));
}

bool undo_fits(const struct undo *u, struct source *image, struct error *err)
{
    uint8_t sum[DIGEST_LEN];
    bool ok = true;

    if (!tables_fit(u, image, err))
        return false;
    if (u->state != UNDO_APPLIED)
        return true;
    if (source_size(image) != u->new_size)
        return changed_since(u64_min(source_size(image), u->new_size), err);
    for (size_t i = 0; ok && i < u->old.n; i++) {
        uint64_t off = u->old.list[i].off, len = u->old.list[i].len;

        len = off < u->new_size ? u64_min(len, u->new_size - off) : 0;
        ok = digest_of_source(image, off, len, sum, err)
            && (memcmp(sum, u->after[i], DIGEST_LEN) == 0 || changed_since(off, err));
    }
    if (ok && u->new_size > u->old_size)
        ok = digest_of_source(image, u->old_size, u->new_size - u->old_size, sum, err)
            && (memcmp(sum, u->tail, DIGEST_LEN) == 0 || changed_since(u->old_size, err));
    return ok;
}
