/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The header as it was guessed is written down (header_values.c), and the size of the disk is
 * taken from what the disk says of itself where the header no longer does. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "plan/edit.h"
#include "plan/rescue/salvage.h"

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

/* --- how large the disk is --- */

#define HEAD_LEN 1024               /* MBR and GPT, with sectors of 512 bytes */

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

/* What clusters that nobody owns tell. */
struct orphans_told {
    uint64_t end;               /* of the disk, by the first that may be the first of the disk */
    const char *why;
    uint64_t l1_off, l1_n;      /* what reads like the L1 table, most entries in use; 0: none */
};

static bool ask_orphans(struct salvage *s, struct orphans_told *out, struct error *err)
{
    size_t len = (size_t)s->t->img->geo.cluster_size, most = 1;
    uint8_t *bytes = malloc(len);
    struct orphan_reader reader = { 0 };
    struct orphans o = { 0 };
    bool ok = bytes || err_set(err, ERR_NOMEM, "out of memory");

    *out = (struct orphans_told){ .end = 0 };
    ok = ok && orphans_collect(s->t, false, &o, err);
    for (size_t i = 0; ok && i < o.n && !salvage_stopped(s->t); i++) {
        struct l1_fit fit;

        if (orphan_reads_like_l1(s->t, &o, &o.list[i], bytes, &fit) && fit.used > most) {
            most = fit.used;
            out->l1_off = o.list[i].off;
            out->l1_n = fit.end;
        }
    }
    ok = ok && (s->t->img->hdr.crypt_method || orphans_find_streams(s->t, &o, err))
        && orphan_reader_init(&reader, s->t->img, o.list, err);
    for (size_t i = 0; ok && i < o.n && !out->end && !salvage_stopped(s->t); i++)
        if (orphan_read(&reader, i, bytes, NULL) && len >= HEAD_LEN
            && partition_table_fits(bytes, INT64_MAX / 512))
            out->end = end_by_partitions(bytes, &out->why);
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
    buf_printf(&title, "Take the L1 table at 0x%llx, with %s entries up to the last in use.",
               (unsigned long long)told->l1_off, text_group(text, told->l1_n));
    buf_puts(&why, "The header does not say it any more; most entries lead to L2 tables.");
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

bool salvage_lost_l1(struct salvage *s, struct error *err)
{
    struct orphans_told told;

    if (!s->size_unknown || s->t->img->hdr.l1_table_offset)
        return true;
    if (!ask_orphans(s, &told, err))
        return false;
    s->size_unknown = !told.end;
    if (told.l1_off)
        return take_l1(s, &told, err);
    s->l1_made = told.end != 0;
    return !told.end || take_size(s, told.end, told.why, err);
}

bool salvage_size(struct salvage *s, struct error *err)
{
    uint8_t head[HEAD_LEN];
    struct guest_reader *r;
    const char *why = "";
    uint64_t end, mapped;

    if (!s->size_unknown)
        return true;
    if (!guest_reader_open(s->t, s->below, &r, err))
        return false;
    end = guest_reader_read(r, 0, head, 512) && guest_reader_read(r, 512, head + 512, 512)
        ? end_by_partitions(head, &why) : 0;
    mapped = guest_reader_end(r);
    guest_reader_close(r);
    if (end < mapped) {
        end = mapped;
        why = "what it has mapped";
    }
    if (!end || end > INT64_MAX || end == s->t->img->hdr.size)
        return true;
    return take_size(s, end, why, err);
}
