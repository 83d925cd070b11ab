/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Samples and sound images, as they are and damaged in ways that are the same in every run.
 * tests/golden/damaged.scan has what a scan finds in each: the figures, and checksums of all
 * records and of the map. damaged.reports has checksums of each part of the reports.
 *
 * UPDATE_GOLDEN=1 writes both anew. `tests/damaged_test NAME` prints what the checksums of a
 * line stand for: do that before and after a change to see what it means. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "fuzz/fuzz.h"
#include "scan/guest.h"
#include "support/consistent.h"
#include "support/golden.h"
#include "support/inspected.h"
#include "support/play.h"
#include "support/reports_of.h"
#include "support/sound_images.h"

#define LEN_MAX         (160u << 10)    /* bytes of an image here */
#define WAYS            7               /* each image is damaged */
#define REPORTS_EVERY   2               /* reports of one image in so many */

static const char *shown;               /* the image whose texts are printed; NULL: none */

/* --- what the mutator of the fuzzer wants --- */

const struct fuzz_part *fuzz_part(void)
{
    static const struct fuzz_part part = { "image", true, NULL };

    return &part;
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    (void)max_size;
    if (size)
        data[size / 3] ^= (uint8_t)(1 + data[size / 2] % 255);
    return size;
}

/* --- text in memory --- */

struct text { char *bytes; size_t len; struct out out; };

static void text_begin(struct text *t)
{
    *t = (struct text){ NULL, 0, { NULL, 0 } };
    t->out.f = open_memstream(&t->bytes, &t->len);
    assert_non_null(t->out.f);
}

static void text_end(struct text *t)
{
    assert_int_equal(fclose(t->out.f), 0);
}

/* Ends it; what stays is its checksum. */
static uint32_t text_sum(struct text *t, const char *what)
{
    uint32_t sum;

    text_end(t);
    sum = ~crc32c(UINT32_MAX, t->bytes, t->len);
    if (shown)
        printf("--- %s, %s: %08" PRIx32 "\n%s", shown, what, sum, t->bytes);
    free(t->bytes);
    return sum;
}

/* --- what a scan finds --- */

static void put_place(const struct place *p, struct out *out)
{
    out_printf(out, " %d:%" PRIu32 ":%" PRIu64 ":%" PRIu64 ":%" PRIx64 ":%" PRIx64, p->kind,
               p->layer, p->i, p->j, p->file_off, p->guest_off);
}

static void put_records(const struct scan_result *scan, struct out *out)
{
    for (size_t i = 0; i < scan->problems.n; i++) {
        const struct problem *p = &scan->problems.list[i];

        out_printf(out, "%s %" PRIu64 " %" PRIu64 " %" PRIx64 " %" PRIx64 "+%" PRIx64 " %" PRIx64
                   " %" PRIx64 " %" PRIx32, problem_info(p->kind)->id, p->count, p->qemu_count,
                   p->host_off, p->guest_off, p->guest_len, p->found, p->expected, p->owners);
        put_place(&p->place, out);
        put_place(&p->owner, out);
        put_place(&p->other, out);
        out_printf(out, " %s\n", p->note ? p->note : "");
    }
    for (size_t i = 0; i < scan->n_l2; i++)
        out_printf(out, "l2 %" PRIx64 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 "\n",
                   scan->l2[i].off, scan->l2[i].l1_index, scan->l2[i].layer,
                   scan->l2[i].n_active, scan->l2[i].n_snapshot);
}

/* `all`: what only a scan with enough memory knows as well. */
static void put_map(const struct map *map, bool all, struct out *out)
{
    struct map_run r;

    for (uint64_t at = 0; map_run_at(map, at, &r); at = r.first + r.n) {
        struct map_cell last;

        map_get(map, r.first + r.n - 1, &last);
        assert_int_equal(last.cls, r.cell.cls);
        if (all)
            out_printf(out, "%" PRIu64 "+%" PRIu64 " %s %" PRIu64 " %" PRIx32 "%s\n", r.first,
                       r.n, class_info(r.cell.cls)->id, r.cell.counted, r.cell.owners,
                       r.cell.problem ? " !" : "");
        else
            for (uint64_t c = r.first; c < r.first + r.n; c++)
                out_printf(out, "%s\n", class_info(r.cell.cls)->id);
    }
}

static void put_layer(const struct layer_stats *l, struct out *out)
{
    out_printf(out, "l1 %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 ", l2 %" PRIu64 ": %" PRIu64
               " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 ", odd %" PRIu64 " %" PRIu64,
               l->l1_entries, l->l1_used, l->l1_unaligned, l->l1_invalid, l->l2_tables,
               l->unallocated, l->zero_plain, l->zero_alloc, l->normal, l->compressed,
               l->unaligned, l->invalid);
}

/* Without what depends on how much memory a scan has. */
static void put_figures(const struct scan_result *scan, struct out *out)
{
    const struct qemu_counts *q = &scan->qemu;
    const struct scan_stats *s = &scan->stats;

    if (scan->refused.id)
        out_printf(out, "refused: %s%s; ", scan->refused.id, q->refused ? "" : " (not)");
    out_printf(out, "qemu %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "/%" PRIu64
               " %" PRIu64 " %" PRIu64 ", status %d %d;", q->corruptions, q->leaks,
               q->check_errors, q->image_end_offset, q->allocated_clusters, q->total_clusters,
               q->fragmented_clusters, q->compressed_clusters, scan_exit_status(scan),
               scan_strict_status(scan));
    for (int k = 0; k < N_PROBLEMS; k++)
        if (scan->problems.count[k])
            out_printf(out, " %s %" PRIu64 "/%" PRIu64, problem_info((enum problem_kind)k)->id,
                       scan->problems.count[k], scan->problems.qemu_count[k]);
    out_puts(out, "; ");
    put_layer(&s->active, out);
    out_printf(out, "; beyond %" PRIu64 " twice %" PRIu64 " breaks %" PRIu64 "/%" PRIu64
               " largest %" PRIu64 " highest %" PRIu64 " tables %" PRIu64 " blocks %" PRIu64 ";",
               s->beyond_references, s->twice_active, s->data_breaks, s->data_steps,
               s->largest_extent, s->highest_used, s->l2_tables, s->refblocks);
    for (int c = 0; c < N_CLASSES; c++)
        if (s->class_clusters[c])
            out_printf(out, " %s %" PRIu64, class_info((enum cluster_class)c)->id,
                       s->class_clusters[c]);
}

static uint32_t sum_of(const struct scan_result *scan, const char *what,
                       void (*put)(const struct scan_result *scan, struct out *out))
{
    struct text t;

    text_begin(&t);
    put(scan, &t.out);
    return text_sum(&t, what);
}

static uint32_t map_sum(const struct scan_result *scan, bool all)
{
    struct text t;

    text_begin(&t);
    put_map(scan->map, all, &t.out);
    return text_sum(&t, "map");
}

/* --- what must be so, whatever the damage --- */

static struct scan_result *scan_with(const struct image *img, struct scan_options opt)
{
    struct scan_result *scan;

    assert_true(scan_run(img, &opt, NULL, &scan, NULL));
    return scan;
}

/* Scans that go about it differently find the same. */
static void agree(const char *name, const struct scan_result *one, struct scan_result *other,
                  bool all)
{
    const struct scan_result *scan[2] = { one, other };
    const char *was = shown;
    uint32_t map[2], records[2];
    struct text t[2];

    shown = NULL;
    for (int i = 0; i < 2; i++) {
        text_begin(&t[i]);
        put_figures(scan[i], &t[i].out);
        text_end(&t[i]);
        map[i] = map_sum(scan[i], all);
        records[i] = all ? sum_of(scan[i], "records", put_records) : 0;
    }
    shown = was;
    if (strcmp(t[0].bytes, t[1].bytes) != 0 || map[0] != map[1] || records[0] != records[1])
        fail_msg("%s\n%s\n%s\n%x %x, %x %x", name, t[0].bytes, t[1].bytes, map[0], map[1],
                 records[0], records[1]);
    free(t[0].bytes);
    free(t[1].bytes);
    scan_free(other);
}

/* A byte of an extent, looked up by itself. */
static void expect_mapping(const struct image *img, uint32_t layer, const struct guest_extent *x,
                           uint64_t off)
{
    struct guest_hit hit;

    if (!guest_lookup(img, layer, off, &hit, NULL)) {
        assert_false(x->data);
        return;
    }
    if (x->mapped && !img->geo.extended_l2)
        assert_int_equal(hit.entry.type, x->type);
    if (x->mapped && x->data && !x->compressed && !x->damaged && x->host_off != NO_ADDRESS)
        assert_int_equal(hit.host_off, x->host_off + (off - x->start));
}

/* Walks from several places of each layer, none of them where a table begins. */
static void put_walks(const struct scan_result *scan, struct out *out)
{
    const struct image *img = scan->img;

    for (uint32_t layer = 0; layer <= img->snaps.n && layer < 4; layer++) {
        uint64_t size = u64_min(layer ? img->snaps.list[layer - 1].disk_size : img->geo.size,
                                UINT64_C(1) << 40);

        for (unsigned part = 0; part < 4; part++) {
            uint64_t from = size / 4 * part & ~UINT64_C(511), at = from;
            struct guest_extent x;
            struct guest_walk *w;

            if (!guest_walk_open(img, layer, from, size, &w, NULL))
                continue;
            for (int n = 0; n < 200 && guest_walk_next(w, &x, NULL); n++) {
                assert_int_equal(x.start, at);
                assert_true(x.length > 0);
                at = x.start + x.length;
                expect_mapping(img, layer, &x, x.start);
                expect_mapping(img, layer, &x, at - 1);
                out_printf(out, "%" PRIu32 " %" PRIx64 "+%" PRIx64 " %d%d%d%d%d%d %" PRIx64 "\n",
                           layer, x.start, x.length, x.type, x.mapped, x.zero, x.data,
                           x.compressed, x.damaged, x.host_off);
            }
            guest_walk_free(w);
        }
    }
}

/* --- the images --- */

struct golden { struct text scans, reports; size_t n; };

static void put_reports(const char *name, const struct scan_result *scan, struct out *out)
{
    out_printf(out, "%s:", name);
    for (const struct report_part *p = report_parts; p->name; p++)
        out_printf(out, " %s %08" PRIx32, p->name, sum_of(scan, p->name, p->put));
    for (const struct report_part *p = inspected_parts; p->name; p++)
        out_printf(out, " %s %08" PRIx32, p->name, sum_of(scan, p->name, p->put));
    out_puts(out, "\n");
}

static void look_at(const char *name, struct image *img, struct golden *g)
{
    struct scan_result *scan = scan_with(img, (struct scan_options){ .threads = 1 });
    struct scan_result *few = scan_with(img, (struct scan_options){ .threads = 1,
                                                                    .problems_kept = 2 });

    out_printf(&g->scans.out, "%s: ", name);
    put_figures(scan, &g->scans.out);
    out_printf(&g->scans.out, "; damaged %" PRIu64 "; records %08" PRIx32 " %08" PRIx32
               " map %08" PRIx32 " walks %08" PRIx32 "\n", scan_guest_bytes_damaged(scan),
               sum_of(scan, "records", put_records), sum_of(few, "few records", put_records),
               map_sum(scan, true), sum_of(scan, "walks", put_walks));
    scan_free(few);
    agree(name, scan, scan_with(img, (struct scan_options){ .threads = 3 }), true);
    agree(name, scan, scan_with(img, (struct scan_options){ .threads = 1, .tightest = true }),
          false);
    scan_is_consistent(scan);
    if (g->n++ % REPORTS_EVERY == 0 || shown)
        put_reports(name, scan, &g->reports.out);
    scan_free(scan);
}

static void look_at_bytes(const char *name, const uint8_t *bytes, size_t len, struct golden *g)
{
    struct source *src;
    struct image *img;
    struct error err;

    assert_true(source_open_memory(bytes, len, name, &src, NULL));
    if (image_open(src, NULL, &img, &err)) {
        look_at(name, img, g);
        image_close(img);
        return;
    }
    out_printf(&g->scans.out, "%s: %s, %s\n", name, err.rule ? err.rule : "no rule", err.text);
    source_close(src);
}

/* As it is, and damaged: ever more, by turns with one damage alone. */
static void look_at_all_of(const char *name, const uint8_t *sound, size_t len, const char *only,
                           struct golden *g)
{
    uint8_t *bytes = malloc(LEN_MAX);
    size_t now = len;

    assert_non_null(bytes);
    assert_true(len <= LEN_MAX);
    memcpy(bytes, sound, len);
    for (unsigned way = 0; way <= WAYS; way++) {
        char text[96];

        snprintf(text, sizeof text, "%s-%u", name, way);
        if (way % 3 == 1) {
            memcpy(bytes, sound, len);
            now = len;
        }
        if (way)
            now = LLVMFuzzerCustomMutator(bytes, now, LEN_MAX,
                                          ~crc32c(UINT32_MAX, text, strlen(text)));
        shown = only && strcmp(only, text) == 0 ? only : NULL;
        if (!only || shown)
            look_at_bytes(text, bytes, now, g);
    }
    free(bytes);
}

static void look_at_samples(const char *only, struct golden *g)
{
    static const char *const samples[] = {
        "bad-bitmap", "bad-snapshot", "base-format", "bitmaps", "broken-stream", "compressed", "copied-flags",
        "double-data", "double-table", "extended-l2", "flipped-bit", "header", "healthy", "hidden",
        "l1-astray", "l2-overwritten", "leak", "lost-data-file", "luks-lost", "many", "misaligned",
        "mixed", "overlay", "refcount-zero", "snapshots", "truncated", "two-writers",
        "zeros-stored",
    };

    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct source *src;
        uint8_t *bytes = sample_load(samples[i], &src);

        look_at_all_of(samples[i], bytes, (size_t)source_size(src), only, g);
        source_close(src);
        free(bytes);
    }
}

static void look_at_sound_images(const char *only, struct golden *g)
{
    struct sound_image image[SOUND_IMAGES_MAX];
    size_t n = sound_images(image);

    for (size_t i = 0; i < n; i++) {
        struct builder *b;

        if (image[i].opt.cluster_bits > 14)
            continue;
        b = sound_image_build(&image[i]);
        if (b->len <= LEN_MAX)
            look_at_all_of(image[i].name, b->bytes, b->len, only, g);
        builder_free(b);
    }
}

/* What reaches past the last cluster: QEMU counts it there, and the file seems to grow. */
static void poke_past_the_end(struct builder *b, int how)
{
    uint64_t cs = b->geo.cluster_size, last = b->len / cs - 1, per_table = b->geo.l2_entries;
    unsigned size_bits = b->geo.cluster_bits - 8;
    uint64_t stream = OFLAG_COMPRESSED | UINT64_C(3) << (62 - size_bits) | (last * cs + cs - 512);

    switch (how) {
    case 0:         /* a misaligned L2 table in the last cluster */
        builder_poke(b, builder_l1_entry_off(b, 1), 8, last * cs + 512);
        break;
    case 1:         /* two compressed clusters that end in the next one */
        builder_set_l2(b, 5, stream, 0);
        builder_set_l2(b, 6, stream, 0);
        break;
    case 2:         /* both, with the refcount of that cluster stored */
        builder_poke(b, builder_l1_entry_off(b, 1), 8, last * cs + 512);
        builder_set_l2(b, 5, stream, 0);
        builder_set_refcount(b, last + 1, 3);
        break;
    case 3:         /* entries for what lies after the disk */
        builder_poke(b, builder_l1_entry_off(b, b->geo.guest_clusters / per_table), 8,
                     builder_peek(b, builder_l1_entry_off(b, 0), 8));
        break;
    }
}

static void look_at_what_reaches_past_the_end(const char *only, struct golden *g)
{
    for (int how = 0; how < 4; how++) {
        struct builder_options o = BUILDER_DEFAULTS;
        struct builder *b;
        char name[64];

        o.l1_size = 8;
        b = builder_new(o);
        for (uint64_t guest = 0; guest < 9; guest++)
            builder_map(b, guest * 67);
        snprintf(name, sizeof name, "past-the-end-%d", how);
        poke_past_the_end(b, how);
        look_at_all_of(name, b->bytes, b->len, only, g);
        builder_free(b);
    }
}

static void look(const char *only, struct golden *g)
{
    *g = (struct golden){ .n = 0 };
    text_begin(&g->scans);
    text_begin(&g->reports);
    look_at_samples(only, g);
    look_at_sound_images(only, g);
    look_at_what_reaches_past_the_end(only, g);
    text_end(&g->scans);
    text_end(&g->reports);
}

static void scans_and_reports_of_damaged_images_stay_the_same(void **state)
{
    struct golden g;

    (void)state;
    look(NULL, &g);
    golden_compare_file("damaged.scan", g.scans.bytes);
    golden_compare_file("damaged.reports", g.reports.bytes);
    free(g.scans.bytes);
    free(g.reports.bytes);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scans_and_reports_of_damaged_images_stay_the_same),
    };
    struct golden g;

    setlocale(LC_ALL, "");
    if (argc < 2)
        return cmocka_run_group_tests(tests, NULL, NULL);
    look(argv[1], &g);
    printf("--- %s, figures\n%s", argv[1], g.scans.bytes);
    return 0;
}
