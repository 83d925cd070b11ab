/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Images of a few KiB that claim to be huge: tables of gigabytes in holes of sparse files of
 * exabytes. What a command reads of them is bounded by what is stored, not by what is claimed.
 * Loops that read nothing meet the limit of processor time of the whole test, which is there
 * to end it: a limit that is off takes hours. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "inspect/address.h"
#include "report/at.h"
#include "report/check_json.h"
#include "report/classic.h"
#include "report/dump.h"
#include "report/info.h"
#include "report/map_report.h"
#include "report/streams.h"

#define CPU_SECONDS 300                         /* for all images, under valgrind too */
#define EXABYTES    ((UINT64_C(1) << 63) - 4096)
#define TERABYTES   (UINT64_C(15) << 40)        /* what ext4 holds */
#define READ_BASE   (UINT64_C(1) << 20)         /* bytes read besides twice what is stored */
#define REQUESTS    2000                        /* reads, besides one for each 512 bytes */

/* --- the images: a header, and words put where they hurt --- */

struct made {
    int fd;
    uint32_t cluster_bits;
    uint64_t size;                              /* bytes of the file */
};

static void put(const struct made *m, uint64_t off, unsigned len, uint64_t value)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < len; i++)
        bytes[i] = (uint8_t)(value >> 8 * (len - 1 - i));
    assert_int_equal(pwrite(m->fd, bytes, len, (off_t)off), len);
}

static uint64_t cluster(const struct made *m, uint64_t n)
{
    return n << m->cluster_bits;
}

/* A header of version 3 for a disk of `disk` bytes: refcount table of rt_clusters in cluster
 * 1, L1 table at l1_off. */
static void put_header(const struct made *m, uint64_t disk, uint64_t rt_clusters,
                       uint32_t refcount_order, uint64_t l1_off)
{
    uint64_t span = cluster(m, 1) * (cluster(m, 1) / 8);

    put(m, 0, 4, 0x514649fb);
    put(m, 4, 4, 3);
    put(m, 20, 4, m->cluster_bits);
    put(m, 24, 8, disk);
    put(m, 36, 4, div_up(disk, span));
    put(m, 40, 8, l1_off);
    put(m, 48, 8, cluster(m, 1));
    put(m, 56, 4, rt_clusters);
    put(m, 96, 4, refcount_order);
    put(m, 100, 4, 104);
}

static void put_snapshots(const struct made *m, uint64_t at, uint32_t n, uint64_t l1_off,
                          uint64_t l1_entries)
{
    put(m, 60, 4, n);
    put(m, 64, 8, at);
    for (uint32_t i = 0; i < n; i++, at += 40) {
        put(m, at, 8, l1_off);
        put(m, at + 8, 4, l1_entries);
    }
}

/* n bitmaps, each with a table of the most entries there can be, `step` bytes apart. */
static void put_bitmaps(const struct made *m, uint64_t dir, uint32_t n, uint64_t table,
                        uint64_t step)
{
    put(m, 88, 8, 1);
    put(m, 104, 4, 0x23852875);
    put(m, 108, 4, 24);
    put(m, 112, 4, n);
    put(m, 120, 8, UINT64_C(32) * n);
    put(m, 128, 8, dir);
    for (uint32_t i = 0; i < n; i++, dir += 32) {
        put(m, dir, 8, table + i * step);
        put(m, dir + 8, 4, 0xffffffff);
        put(m, dir + 16, 1, 1);
        put(m, dir + 17, 1, 16);
        put(m, dir + 18, 2, 4);
        put(m, dir + 24, 4, 0x30303030 + i);
    }
}

static void one_bitmap_table_of_gigabytes(const struct made *m)
{
    put_header(m, 1 << 30, 1, 4, cluster(m, 3));
    put(m, cluster(m, 1), 8, cluster(m, 2));
    put_bitmaps(m, cluster(m, 4), 1, cluster(m, 5), 0);
}

static void two_thousand_bitmap_tables(const struct made *m)
{
    put_header(m, 1 << 30, 1, 4, cluster(m, 3));
    put(m, cluster(m, 1), 8, cluster(m, 2));
    put_bitmaps(m, cluster(m, 4), 2000, cluster(m, 16), UINT64_C(7) << 30);
}

static void no_refcount_block(const struct made *m)
{
    put_header(m, 1 << 20, 1, 6, cluster(m, 5));
}

static void refcount_blocks_in_one_hole(const struct made *m)
{
    put_header(m, 1 << 30, 1, 0, cluster(m, 3));
    for (uint64_t i = 0; i < 20000; i++)
        put(m, cluster(m, 1) + i * 8, 8, cluster(m, 2));
}

static void misaligned_tables(const struct made *m)
{
    uint64_t base = cluster(m, 64), real = 64 << 10, n = (cluster(m, 1) + real) / 512;

    put_header(m, n * cluster(m, 1) * (cluster(m, 1) / 8), 1, 4, cluster(m, 2));
    for (uint64_t k = 0; k < n; k++)
        put(m, cluster(m, 2) + k * 8, 8,
            (base - cluster(m, 1) + 512 * (k + 1)) | UINT64_C(1) << 63);
    for (uint64_t k = 0; k < real / 8; k++)
        put(m, base + k * 8, 8, UINT64_C(1) << 63 | 2 | cluster(m, 100 + k));
}

static void snapshots_of_tables_in_holes(const struct made *m)
{
    put_header(m, 1 << 30, 1, 4, cluster(m, 3));
    put(m, cluster(m, 1), 8, cluster(m, 2));
    put_snapshots(m, cluster(m, 8), 1000, 1 << 30, L1_ENTRIES_MAX);
}

static void a_snapshot_that_names_one_table_thousands_of_times(const struct made *m)
{
    put_header(m, UINT64_C(1) << 39, 1, 4, cluster(m, 3));
    put(m, cluster(m, 1), 8, cluster(m, 2));
    put_snapshots(m, cluster(m, 4), 1, cluster(m, 5), 4096);
    for (uint64_t k = 0; k < 4096; k++)
        put(m, cluster(m, 5) + k * 8, 8, cluster(m, 10));
    for (uint64_t k = 0; k < 4096; k++)
        put(m, cluster(m, 10) + k * 8, 8, cluster(m, 20 + k % 40) | k % 2 << 63);
}

static const struct sparse {
    const char *name;
    void (*make)(const struct made *m);
    uint32_t cluster_bits;
    uint64_t size;
    uint64_t more;              /* bytes that may be read besides, for a reason that is told */
    bool no_l2;                 /* a list of all L2 entries is long by nature */
} SPARSE[] = {
    { "a bitmap table of 32 GiB in a hole", one_bitmap_table_of_gigabytes, 16, TERABYTES, 0, 0 },
    { "2000 bitmap tables in holes", two_thousand_bitmap_tables, 16, TERABYTES, 0, 0 },
    { "15 TiB without a refcount block", no_refcount_block, 9, TERABYTES, 0, 0 },
    { "8 EiB without a refcount block", no_refcount_block, 9, EXABYTES, 0, 0 },
    { "20000 refcount blocks in a hole", refcount_blocks_in_one_hole, 21, EXABYTES, 0, 0 },
    /* Each overlaps the one before; read as often as the limit lets them be. */
    { "misaligned L2 tables", misaligned_tables, 21, TERABYTES, 3 * ODD_TABLE_BYTES_MAX, 1 },
    { "1000 snapshots with L1 tables in a hole", snapshots_of_tables_in_holes, 16, TERABYTES, 0,
      0 },
    /* Read again and again, up to the same limit. */
    { "a snapshot with 4096 times one L2 table",
      a_snapshot_that_names_one_table_thousands_of_times, 21, 1 << 28, USAGE_BYTES_MIN * 2, 1 },
};

/* --- what is done with them --- */

struct work {
    const struct sparse *sparse;
    struct image *img;
    struct scan_result *scan;
    struct out out;
    uint64_t stored;            /* bytes that the file really takes */
    uint64_t requests, bytes;   /* counted before the step that is under way */
};

/* Ends a step: what it read must be bounded. */
static void judge(struct work *w, const char *step)
{
    uint64_t requests, bytes;

    source_counters(w->img->src, &requests, &bytes);
    if (bytes - w->bytes > 2 * w->stored + READ_BASE + w->sparse->more)
        fail_msg("%s: %s reads %llu bytes", w->sparse->name, step,
                 (unsigned long long)(bytes - w->bytes));
    if (requests - w->requests > w->stored / 512 + REQUESTS + w->sparse->more / 16384)
        fail_msg("%s: %s takes %llu reads", w->sparse->name, step,
                 (unsigned long long)(requests - w->requests));
    w->requests = requests;
    w->bytes = bytes;
}

static void look_at_places(struct work *w)
{
    static const char *const address[] = { "0", "guest 0", "rb 0 1", "end", "bitmap 1", "9c" };
    struct problem_index *found;

    assert_true(problem_index_new(w->scan, &found, NULL));
    for (size_t i = 0; i < sizeof address / sizeof *address; i++) {
        struct place place;
        struct at at;

        if (address_parse(w->img, NULL, address[i], &place, NULL) &&
            at_look(w->scan, found, &place, &at, NULL)) {
            at_text(&at, w->img, &w->out);
            at_free(&at);
        }
        judge(w, address[i]);
    }
    problem_index_free(found);
}

static void dump_all(struct work *w, bool json)
{
    static const struct { const char *name; bool (*fn)(struct dump *, struct error *); } dump[] = {
        { "dump header", dump_header }, { "dump l1", dump_l1 }, { "dump l2", dump_l2 },
        { "dump refcount-table", dump_reftable }, { "dump refcounts", dump_refcounts },
        { "dump snapshots", dump_snapshots }, { "dump bitmaps", dump_bitmaps },
        { "dump ranges", dump_ranges },
    };

    for (size_t i = 0; i < sizeof dump / sizeof *dump; i++) {
        struct dump d;

        if (dump[i].fn == dump_l2 && w->sparse->no_l2)
            continue;
        assert_true(dump_begin(&d, w->scan, &w->out, json, NULL));
        d.all_layers = true;
        assert_true(dump[i].fn(&d, NULL));
        dump_end(&d);
        judge(w, dump[i].name);
    }
}

static void reports(struct work *w)
{
    struct classic classic = { .out = &w->out, .err = w->out, .name = "image", .stats = true };
    struct check_json json = { .filename = "image", .scan = w->scan, .metadata = true, .stats = true };
    struct chain chain;
    struct info info;

    assert_true(streams_parse("fwshipc", &classic.streams, NULL));
    assert_true(classic_report(&classic, w->scan, NULL));
    judge(w, "check");
    assert_true(check_json_write(&json, &w->out, NULL));
    judge(w, "check -M");
    for (int as_json = 0; as_json < 2; as_json++) {
        map_host(w->scan, as_json, &w->out);
        judge(w, "map");
        dump_all(w, as_json);
    }
    assert_true(chain_open("image", w->img, false, &chain, NULL));
    assert_true(map_guest(w->img, LAYER_ACTIVE, &chain, true, &w->out, NULL));
    judge(w, "map --space guest");
    info_gather("image", w->img, &chain, &info);
    info_text(&info, &w->out);
    judge(w, "info");
    chain_close(&chain);
    look_at_places(w);
}

/* A sparse file of that size in a folder that can hold it; false: there is none. */
static bool make_file(const struct sparse *s, struct made *m)
{
    static const char *const folder[] = { "/dev/shm", "/tmp", "." };

    for (size_t i = 0; i < sizeof folder / sizeof *folder; i++) {
        char path[64];

        snprintf(path, sizeof path, "%s/qcheck-sparse-XXXXXX", folder[i]);
        m->fd = mkstemp(path);
        if (m->fd < 0)
            continue;
        unlink(path);
        /* The hole must be told as one. */
        if (ftruncate(m->fd, (off_t)s->size) == 0 && lseek(m->fd, 0, SEEK_DATA) < 0)
            return true;
        close(m->fd);
    }
    return false;
}

static void work_on(const struct sparse *s)
{
    struct work w = { .sparse = s, .out = { fopen("/dev/null", "w"), 0 } };
    struct made m = { .cluster_bits = s->cluster_bits, .size = s->size };
    struct scan_options opt = { .threads = 1 };
    struct source *src;
    struct stat st;
    char path[64];

    assert_non_null(w.out.f);
    if (!make_file(s, &m)) {
        print_message("no place for a sparse file: %s\n", s->name);
        fclose(w.out.f);
        return;
    }
    s->make(&m);
    assert_int_equal(fstat(m.fd, &st), 0);
    w.stored = (uint64_t)st.st_blocks * 512;
    snprintf(path, sizeof path, "/proc/self/fd/%d", m.fd);
    assert_true(source_open_file(path, &src, NULL));
    assert_true(image_open(src, NULL, &w.img, NULL));
    w.stored += 2 * w.img->head_len;            /* the header's cluster is read whole */
    judge(&w, "opening");
    assert_true(scan_run(w.img, &opt, NULL, &w.scan, NULL));
    judge(&w, "scanning");
    reports(&w);
    scan_free(w.scan);
    image_close(w.img);
    fclose(w.out.f);
    close(m.fd);
}

static void what_is_read_of_sparse_files_is_bounded_by_what_they_store(void **state)
{
    struct rlimit cpu;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_CPU, &cpu), 0);
    cpu.rlim_cur = CPU_SECONDS;
    setrlimit(RLIMIT_CPU, &cpu);
    for (size_t i = 0; i < sizeof SPARSE / sizeof *SPARSE; i++)
        work_on(&SPARSE[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_of_sparse_files_is_bounded_by_what_they_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
