/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The header: overwritten, damaged in single values, or of features that nobody knows. */
#include "config.h"

#include <string.h>

#include "base/text.h"
#include "insight/cause_work.h"

static const struct guess *guess_of(const struct work *w, const char *field)
{
    const struct guesses *g = &w->img->guesses;

    for (size_t i = 0; i < g->n; i++)
        if (!strcmp(g->list[i].field, field))
            return &g->list[i];
    return NULL;
}

/* "qcheck check --l1-offset=0x30000 NAME" */
static void with_options(struct work *w, struct cause *c)
{
    const struct guesses *g = &w->img->guesses;
    struct buf options = BUF_INIT;

    for (size_t i = 0; i < g->n; i++) {
        size_t before = options.len;

        buf_putc(&options, ' ');
        if (g->list[i].how == GUESS_FORCED || !guess_option(&g->list[i], &options)) {
            options.len = before;
            if (options.data)
                options.data[before] = '\0';
        }
    }
    if (options.len)
        cause_step(w, c, "Look at the image as it would be with those values: qcheck%s %s",
                   buf_str(&options), buf_str(&w->name));
    buf_free(&options);
}

static void overwritten(struct work *w)
{
    const struct guess *magic = guess_of(w, "magic");
    const struct content_context ctx = { .geo = w->geo };
    struct place place = work_header_place(0);
    struct content content;
    struct cause *c;
    size_t len = w->img->head_got < 65536 ? w->img->head_got : 65536;

    if (!magic || magic->how != GUESS_TAKEN)
        return;
    content_look(&ctx, w->img->head, len, &content);
    c = cause_add(w, CAUSE_OF_HEADER_OVERWRITTEN,
                  content.kind == CONTENT_MBR || content.kind == CONTENT_GPT
                  ? CONFIDENCE_CERTAIN : CONFIDENCE_LIKELY);
    cause_evidence(c, &place, "%s stands where the header was",
                   content_info(content.kind)->name);
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_HEADER_REPLACED, PROBLEM_HEADER_FAULT,
          PROBLEM_HEADER_LIMIT, PROBLEM_HEADER_EXTENSION, PROBLEM_HEADER_PROPOSED,
          PROBLEM_L1_TOO_SMALL, PROBLEM_HEADER_ODD, PROBLEM_UNKNOWN_FEATURE,
          PROBLEM_CORRUPT_BIT, PROBLEM_DIRTY_BIT);
    cause_text(w, c, "The header was overwritten by %s, as when the file is given to a "
               "machine as a raw disk; the tables behind it are read all the same.",
               content_info(content.kind)->name);
    cause_step_plan(w, c, "header");
}

static bool of_header(const struct work *w, const struct problem *p, const void *ctx)
{
    (void)w;
    (void)ctx;
    return p->place.kind == PLACE_HEADER;
}

/* Snapshots that the header does not name, and that are there. */
static bool hides_snapshots(const struct work *w)
{
    const struct guess *g = guess_of(w, "nb_snapshots");

    return g && g->how == GUESS_PROPOSED && g->value > g->found;
}

static void values(struct work *w)
{
    const struct guesses *g = &w->img->guesses;
    const struct guess *first = NULL;
    struct cause *c;
    uint64_t n = 0;
    bool extension = work_count(w, PROBLEM_HEADER_EXTENSION) > 0, said, snapshots;

    for (size_t i = 0; i < w->ps->n; i++) {
        const struct problem *p = &w->ps->list[i];

        n += !w->out->claim[i] &&
             (p->kind == PROBLEM_HEADER_FAULT || p->kind == PROBLEM_HEADER_LIMIT ||
              p->kind == PROBLEM_HEADER_REPLACED || p->kind == PROBLEM_L1_TOO_SMALL ||
              p->kind == PROBLEM_HEADER_PROPOSED || p->kind == PROBLEM_HEADER_EXTENSION);
    }
    if (!n)
        return;
    c = cause_found(w, CAUSE_OF_HEADER_VALUES);
    said = c != NULL;
    if (!c)
        c = cause_add(w, CAUSE_OF_HEADER_VALUES, CONFIDENCE_CERTAIN);
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_HEADER_FAULT, PROBLEM_HEADER_LIMIT,
          PROBLEM_HEADER_REPLACED, PROBLEM_L1_TOO_SMALL, PROBLEM_HEADER_PROPOSED,
          PROBLEM_HEADER_EXTENSION);
    snapshots = hides_snapshots(w);
    if (snapshots) {
        CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED, PROBLEM_REFCOUNT_HIGH);
        cause_step(w, c, STEP_KEEP_LEAKS);
    }
    if (said)
        return;                 /* what does not fit comes of the size of the entries */
    for (size_t i = 0; i < g->n && !first; i++)
        if (g->list[i].how != GUESS_FORCED)
            first = &g->list[i];
    if (first)
        cause_text(w, c, "The header is damaged: %s is 0x%llx, and the tables of the image "
                   "prove 0x%llx (%s).%s", first->field, (unsigned long long)first->found,
                   (unsigned long long)first->value, first->why, snapshots
                   ? " What only those snapshots hold looks like space without an owner." : "");
    else
        cause_text(w, c, "%s holds a value that cannot be right%s%s.",
                   extension ? "A header extension" : "The header",
                   w->img->refused.id ? ": " : "",
                   w->img->refused.id ? w->img->refused.text : "");
    with_options(w, c);
    cause_step_plan(w, c, "header");
    cause_step(w, c, "Where nothing proves a value, look at the fields that are marked (qcheck %s, "
               "key 5), and compare them with an image that was made the same way",
               buf_str(&w->name));
}

/* The active L1 table lies after the end of the file. */
static bool active_l1(const struct work *w, const struct problem *p, const void *ctx)
{
    (void)w;
    (void)ctx;
    return p->kind != PROBLEM_L1_PAST_END || p->place.layer == LAYER_ACTIVE;
}

static void l1_pointer(struct work *w)
{
    const struct guess *g = guess_of(w, "l1_table_offset");
    uint64_t off = w->img->hdr.l1_table_offset;
    struct place place = work_header_place(40);
    struct cause *c;

    if (!work_count(w, PROBLEM_L1_PAST_END) || off < w->geo->file_size)
        return;
    c = cause_add(w, CAUSE_OF_L1_POINTER, CONFIDENCE_CERTAIN);
    cause_evidence(c, &place, "l1_table_offset 0x%llx, the file ends at 0x%llx",
                   (unsigned long long)off, (unsigned long long)w->geo->file_size);
    CLAIM(w, c, active_l1, NULL, CLAIM_ONLY, PROBLEM_L1_PAST_END, PROBLEM_LEAKED,
          PROBLEM_HEADER_PROPOSED, PROBLEM_REFCOUNT_PAST_END);
    if (c)
        spans_add(g ? &c->risk : &c->lost, 0, w->geo->size, w->geo->size);
    if (g) {
        place.i = place.file_off = g->value;
        place.kind = PLACE_FILE_OFFSET;
        cause_evidence(c, &place, "an L1 table that maps clusters in use: %s", g->why);
        cause_text(w, c, "The whole disk is unmapped: the header looks for the L1 table at "
                   "0x%llx, after the end of the file. The L1 table at 0x%llx maps the "
                   "disk (%s).", (unsigned long long)off, (unsigned long long)g->value,
                   g->why);
        with_options(w, c);
        cause_step_plan(w, c, "header");
    } else {
        cause_text(w, c, "The whole disk is unmapped: the header looks for the L1 table at "
                   "0x%llx, after the end of the file, and no other table was found. Either "
                   "the file was cut short or the offset is wrong.", (unsigned long long)off);
        cause_step(w, c, "Look for a longer copy of the file");
    }
}

static void features(struct work *w)
{
    struct cause *c;

    if (work_count(w, PROBLEM_UNKNOWN_FEATURE) &&
        !cause_found(w, CAUSE_OF_HEADER_OVERWRITTEN)) {
        c = cause_add(w, CAUSE_OF_FEATURE, CONFIDENCE_CERTAIN);
        CLAIM(w, c, of_header, NULL, CLAIM_ONLY, PROBLEM_UNKNOWN_FEATURE);
        cause_text(w, c, "The header requires a feature that no known version of QEMU has "
                   "(incompatible_features 0x%llx): a newer program made the image, or bits "
                   "of the header flipped.",
                   (unsigned long long)w->img->hdr.incompatible_features);
        cause_step(w, c, "Open it with the program that made it. If no newer program did, "
                   "compare the header with that of another image");
    }
    if (work_count(w, PROBLEM_CORRUPT_BIT) && !cause_found(w, CAUSE_OF_HEADER_OVERWRITTEN)) {
        c = cause_add(w, CAUSE_OF_CORRUPT_BIT, CONFIDENCE_CERTAIN);
        CLAIM(w, c, of_header, NULL, CLAIM_ONLY, PROBLEM_CORRUPT_BIT);
        cause_text(w, c, "QEMU met damage in this image and marked it corrupt: it opens it for "
                   "reading only until the mark is taken away.");
    }
}

/* --- entries of the other size --- */

#define TABLES_READ_MAX 256

/* Bitmaps of the table in w->scratch that are entries by themselves: they lead to clusters
 * without an owner. None, if a bitmap cannot be an entry. */
static uint64_t entries_among_bitmaps(const struct work *w)
{
    const struct geometry *geo = w->geo;
    uint64_t n = 0;

    for (uint64_t j = 0; j < geo->l2_entries; j++) {
        uint64_t e = be64(w->scratch + j * geo->l2_entry_size + 8), off = e & ENTRY_OFFSET_MASK;
        struct map_cell cell;

        if (!e)
            continue;
        if (!off || (off & (geo->cluster_size - 1)) || off >= geo->file_size ||
            (e & ~(ENTRY_OFFSET_MASK | OFLAG_COPIED)))
            return 0;
        work_cell(w, off >> geo->cluster_bits, &cell);
        n += cell.cls == CLASS_LEAKED;
    }
    return n;
}

/* Plain tables, which the header calls extended: every other entry is taken for a bitmap. */
static void entry_size(struct work *w)
{
    struct place place = work_header_place(72);
    const struct l2_table *first = NULL;
    uint64_t n = 0, found;
    struct cause *c;
    char a[TEXT_NUM];

    for (size_t i = 0; w->geo->extended_l2 && w->leaked.clusters &&
         i < w->scan->n_l2 && i < TABLES_READ_MAX; i++) {
        const struct l2_table *t = &w->scan->l2[i];

        if (!work_reads(w, w->geo->cluster_size))
            break;
        if (!source_read(w->img->src, t->off, w->scratch, (size_t)w->geo->cluster_size, NULL))
            continue;
        found = entries_among_bitmaps(w);
        if (found && !first)
            first = t;
        n += found;
    }
    if (!first)
        return;
    c = cause_add(w, CAUSE_OF_HEADER_VALUES, CONFIDENCE_LIKELY);
    if (c)
        c->weight = CAUSE_LOSES;
    cause_evidence(c, &place, "extended L2 entries, by the header");
    place = work_l1_place(w, first);
    cause_evidence(c, &place, "the L2 table at 0x%llx has plain entries",
                   (unsigned long long)first->off);
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED);
    cause_text(w, c, "The header says that L2 entries are extended, but the tables hold plain "
               "ones: %s cluster%s without an owner %s what every other entry leads to.",
               text_group(a, n), n == 1 ? "" : "s", n == 1 ? "is" : "are");
    if (c)
        spans_add(&c->lost, 0, w->geo->size, w->geo->size);
    cause_step(w, c, STEP_HANDS_OFF);
    cause_step(w, c, STEP_KEEP_LEAKS);
    cause_step(w, c, "Try a copy without that bit: qcheck plan set incompatible_features=0x%llx "
               "%s", (unsigned long long)(w->img->hdr.incompatible_features &
                                          ~(uint64_t)INCOMPAT_EXTENDED_L2),
               buf_str(&w->name));
}

void causes_header(struct work *w)
{
    entry_size(w);
    l1_pointer(w);
    overwritten(w);
    values(w);
    features(w);
}
