/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* floor: the least work a check can be, as the yardstick for qcheck.
 *
 *     floor [--threads N] FILE
 *
 * Reads the header, then every L2 table once and every refcount block once, adds to one byte
 * per host cluster for each entry, and compares that byte with the stored refcount. It trusts
 * the image (offsets past the end are dropped), judges no flag, keeps nothing, explains
 * nothing. Threads share the bytes without locks: on an image with clusters referenced from
 * many tables it may count wrong, which is allowed here.
 *
 * What makes it fast, and is all that helps on the machines it was tried on: neighbouring
 * tables are read with one pread into a buffer that stays in the cache, bytes are prefetched
 * while entries before them are counted, they lie in large pages, and the comparison is left
 * to the compiler to vectorise.
 *
 * Prints how many clusters differ; exits with 1 when the file cannot be read. */
#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OFFSET      UINT64_C(0x00fffffffffffe00)
#define COMPRESSED  (UINT64_C(1) << 62)
#define THREADS_MAX 64
#define READ_BYTES  (256u << 10)    /* at once, or one cluster */
#define PREFETCH    24              /* entries */

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

struct table {
    uint64_t off;
    unsigned times;             /* L1 entries that refer to it */
};

static int fd;
static uint64_t cluster, n_clusters;
static unsigned cluster_bits, refcount_bits;
static bool extended;              /* L2 entries of 16 bytes */
static uint8_t *count;             /* shared without locks; see above */
static struct table *l2;
static size_t n_l2, n_blocks;
static uint64_t *block;
static _Atomic size_t cursor;
static _Atomic uint64_t differ;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t be(const uint8_t *at, unsigned width)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < width; i++)
        v = v << 8 | at[i];
    return v;
}

static uint64_t be64(const uint8_t *at)
{
    uint64_t v;

    memcpy(&v, at, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

/* Bytes past the end are zeros. */
static void read_at(void *dst, size_t len, uint64_t off)
{
    ssize_t n = pread(fd, dst, len, (off_t)off);

    if (n < 0)
        die("reading");
    memset((uint8_t *)dst + n, 0, len - (size_t)n);
}

static void bump(uint64_t index, unsigned times)
{
    if (index < n_clusters)
        count[index] = (uint8_t)(count[index] + times);
}

static void bump_range(uint64_t off, uint64_t len)
{
    for (uint64_t at = off >> cluster_bits; at < (off + len + cluster - 1) >> cluster_bits; at++)
        bump(at, 1);
}

static void count_compressed(uint64_t entry, unsigned times)
{
    unsigned shift = 62 - (cluster_bits - 8);
    uint64_t off = entry & ((UINT64_C(1) << shift) - 1);
    uint64_t sectors = (entry & (COMPRESSED - 1)) >> shift;
    uint64_t last = (off & ~UINT64_C(511)) + sectors * 512;

    for (uint64_t at = off >> cluster_bits; at <= last >> cluster_bits; at++)
        bump(at, times);
}

/* size: of an entry; a constant where it is called. */
static inline void count_entries(const struct table *table, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < cluster; i += size) {
        uint64_t entry = be64(bytes + i);

        /* Past the end of the table it is any byte near by. */
        __builtin_prefetch(count + ((be64(bytes + i + PREFETCH * size) & OFFSET)
                                    >> cluster_bits), 1);
        if (entry & COMPRESSED)
            count_compressed(entry, table->times);
        else if (entry & OFFSET)
            bump((entry & OFFSET) >> cluster_bits, table->times);
    }
}

static void count_l2(const struct table *table, const uint8_t *bytes)
{
    if (extended)
        count_entries(table, bytes, 16);
    else
        count_entries(table, bytes, 8);
    bump(table->off >> cluster_bits, table->times);
}

static uint8_t *buffer(void)
{
    uint8_t *bytes = calloc(1, (cluster > READ_BYTES ? cluster : READ_BYTES) + PREFETCH * 16);

    if (!bytes)
        die("memory");
    return bytes;
}

/* How many of the clusters at list[0], list[step] and so on, n at most, follow each other in
 * the file and fit in the buffer. */
static size_t neighbours(const uint64_t *list, size_t step, size_t n)
{
    size_t k = 1;

    while (k < n && (k + 1) << cluster_bits <= READ_BYTES
           && list[k * step] == list[(k - 1) * step] + cluster)
        k++;
    return k;
}

/* Tables or blocks that a thread takes at a time. */
static size_t grab(void)
{
    return cluster < READ_BYTES ? READ_BYTES >> cluster_bits : 1;
}

static void *l2_worker(void *unused)
{
    uint8_t *bytes = buffer();
    size_t take = grab();

    (void)unused;
    for (size_t i; (i = atomic_fetch_add(&cursor, take)) < n_l2;) {
        size_t end = i + take < n_l2 ? i + take : n_l2;

        for (size_t n; i < end; i += n) {
            n = neighbours(&l2[i].off, sizeof *l2 / sizeof l2->off, end - i);
            read_at(bytes, n << cluster_bits, l2[i].off);
            for (size_t k = 0; k < n; k++)
                count_l2(&l2[i + k], bytes + (k << cluster_bits));
        }
    }
    free(bytes);
    return NULL;
}

/* Entries of a block that differ from what was counted, which begins at c. */
static uint64_t compare_block(const uint8_t *bytes, const uint8_t *c, uint64_t n)
{
    uint64_t wrong = 0;

    if (refcount_bits == 16) {
        for (uint64_t i = 0, m; i < n; i += m) {
            uint16_t few = 0, v;

            m = n - i < 32768 ? n - i : 32768;
            for (uint64_t k = i; k < i + m; k++) {
                memcpy(&v, bytes + 2 * k, 2);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
                v = (uint16_t)(v << 8 | v >> 8);
#endif
                few = (uint16_t)(few + (v != c[k]));
            }
            wrong += few;
        }
        return wrong;
    }
    for (uint64_t i = 0; i < n; i++) {
        if (refcount_bits >= 8)
            wrong += be(bytes + i * refcount_bits / 8, refcount_bits / 8) != c[i];
        else
            wrong += (bytes[i * refcount_bits / 8] >> i * refcount_bits % 8
                      & ((1u << refcount_bits) - 1)) != c[i];
    }
    return wrong;
}

static void *block_worker(void *unused)
{
    uint64_t entries = cluster * 8 / refcount_bits, wrong = 0;
    uint8_t *bytes = buffer();
    size_t take = grab();

    (void)unused;
    for (size_t k; (k = atomic_fetch_add(&cursor, take)) < n_blocks;) {
        size_t end = k + take < n_blocks ? k + take : n_blocks;

        for (size_t n; k < end; k += n) {
            uint64_t first = k * entries;
            uint64_t left = first < n_clusters ? n_clusters - first : 0;

            n = neighbours(&block[k], 1, end - k);
            if (!block[k])
                continue;
            read_at(bytes, n << cluster_bits, block[k]);
            wrong += compare_block(bytes, count + first,
                                   left < n * entries ? left : n * entries);
        }
    }
    atomic_fetch_add(&differ, wrong);
    free(bytes);
    return NULL;
}

static void run(void *(*worker)(void *), unsigned threads)
{
    pthread_t id[THREADS_MAX];

    cursor = 0;
    for (unsigned i = 1; i < threads; i++)
        if (pthread_create(&id[i], NULL, worker, NULL))
            die("thread");
    worker(NULL);
    for (unsigned i = 1; i < threads; i++)
        pthread_join(id[i], NULL);
}

static int by_offset(const void *a, const void *b)
{
    uint64_t x = ((const struct table *)a)->off, y = ((const struct table *)b)->off;

    return (x > y) - (x < y);
}

/* Reads one L1 table: n more of the list. */
static void read_l1(uint64_t off, uint64_t entries)
{
    uint8_t *bytes = malloc(entries * 8 + 1);
    struct table *longer = realloc(l2, (n_l2 + entries + 1) * sizeof *l2);

    if (!bytes || !longer)
        die("memory");
    l2 = longer;
    read_at(bytes, entries * 8, off);
    bump_range(off, entries * 8);
    for (uint64_t i = 0; i < entries; i++)
        if (be64(bytes + i * 8) & OFFSET)
            l2[n_l2++] = (struct table){ be64(bytes + i * 8) & OFFSET, 1 };
    free(bytes);
}

/* Tables in the order of the file, each once. */
static void sort_tables(void)
{
    size_t n = 0;

    if (n_l2)
        qsort(l2, n_l2, sizeof *l2, by_offset);
    for (size_t i = 0; i < n_l2; i++) {
        if (n && l2[n - 1].off == l2[i].off)
            l2[n - 1].times++;
        else
            l2[n++] = l2[i];
    }
    n_l2 = n;
}

static void read_snapshots(uint64_t off, uint64_t n)
{
    uint8_t fixed[40];
    uint64_t at = off;

    for (uint64_t i = 0; i < n; i++) {
        read_at(fixed, sizeof fixed, at);
        read_l1(be(fixed, 8), be(fixed + 8, 4));
        at += 40 + be(fixed + 36, 4) + be(fixed + 12, 2) + be(fixed + 14, 2);
        at = (at + 7) & ~UINT64_C(7);
    }
    bump_range(off, at - off);
}

static void read_blocks(uint64_t off, uint64_t len)
{
    uint8_t *bytes = malloc(len + 1);

    n_blocks = len / 8;
    block = calloc(n_blocks + 1, sizeof *block);
    if (!bytes || !block)
        die("memory");
    read_at(bytes, len, off);
    bump_range(off, len);
    for (size_t k = 0; k < n_blocks; k++) {
        block[k] = be64(bytes + k * 8) & OFFSET;
        if (block[k])
            bump(block[k] >> cluster_bits, 1);
    }
    free(bytes);
}

int main(int argc, char **argv)
{
    unsigned threads = 1;
    uint8_t h[104];
    struct stat st;

    if (argc == 4 && !strcmp(argv[1], "--threads"))
        threads = (unsigned)atoi(argv[2]);
    else if (argc != 2)
        return fputs("usage: floor [--threads N] FILE\n", stderr), 1;
    if (threads < 1 || threads > THREADS_MAX)
        return fputs("floor: 1 to 64 threads\n", stderr), 1;
    fd = open(argv[argc - 1], O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        die(argv[argc - 1]);
    read_at(h, sizeof h, 0);
    cluster_bits = (unsigned)be(h + 20, 4);
    if (be(h, 4) != 0x514649fb || cluster_bits < 9 || cluster_bits > 21)
        return fputs("floor: not a qcow2 image\n", stderr), 1;
    refcount_bits = be(h + 4, 4) < 3 ? 16 : 1u << (be(h + 96, 4) & 7);
    extended = be(h + 4, 4) >= 3 && h[79] & 1 << 4;
    cluster = UINT64_C(1) << cluster_bits;
    n_clusters = ((uint64_t)st.st_size + cluster - 1) >> cluster_bits;
    count = mmap(NULL, n_clusters + 1, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (count == MAP_FAILED)
        die("memory");
#ifdef MADV_HUGEPAGE
    if (n_clusters >> 28 == 0)
        madvise(count, n_clusters + 1, MADV_HUGEPAGE);
#endif
    bump(0, 1);
    read_l1(be(h + 40, 8), be(h + 36, 4));
    read_snapshots(be(h + 64, 8), be(h + 60, 4));
    sort_tables();
    read_blocks(be(h + 48, 8), be(h + 56, 4) << cluster_bits);
    run(l2_worker, threads);
    run(block_worker, threads);
    printf("%zu L2 tables, %" PRIu64 " clusters differ\n", n_l2, (uint64_t)differ);
    return 0;
}
