/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* mkimage: makes large, sparse, valid qcow2 images to measure with.
 *
 *     mkimage [options] --size 1T FILE
 *
 * Guest data is never written, so that 1 TiB of 64 KiB clusters takes 160 MiB of disk.
 * The same options and seed give the same file. Without --damage, --flip and --claim the image
 * is one that `qemu-img check` finds clean.
 * The layout is in plan.h. */
#include "config.h"

#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>


static int fd;

static void write_at(const void *bytes, size_t len, uint64_t off)
{
    for (const uint8_t *at = bytes; len > 0;) {
        ssize_t n = pwrite(fd, at, len, (off_t)off);

        if (n < 0)
            die("writing");
        at += n;
        off += (uint64_t)n;
        len -= (size_t)n;
    }
}

/* Leaves blocks of zeros out. */
static void write_sparse(const uint8_t *bytes, size_t len, uint64_t off)
{
    static const uint8_t zeros[BLOCK];

    for (size_t i = 0; i < len; i += BLOCK) {
        size_t n = len - i < BLOCK ? len - i : BLOCK;

        if (memcmp(bytes + i, zeros, n))
            write_at(bytes + i, n, off + i);
    }
}

/* --- the rest of the metadata --- */

static void write_header(const struct plan *p)
{
    uint8_t h[112] = { 'Q', 'F', 'I', 0xfb };
    unsigned order = 0;

    while (1u << order < p->refcount_bits)
        order++;
    put(h + 4, 3, 4);
    put(h + 20, p->cluster_bits, 4);
    put(h + 24, p->claim ? p->claim : p->size, 8);
    put(h + 36, p->n_l1, 4);
    put(h + 40, p->l1_at << p->cluster_bits, 8);
    put(h + 48, p->table_at << p->cluster_bits, 8);
    put(h + 56, p->reftable_clusters, 4);
    put(h + 60, p->snapshots, 4);
    put(h + 64, p->snapshots ? p->snap_at << p->cluster_bits : 0, 8);
    put(h + 72, p->extended ? 1 << 4 : 0, 8);
    put(h + 96, order, 4);
    put(h + 100, 104, 4);
    write_at(h, sizeof h, 0);
}

static void write_snapshots(const struct plan *p)
{
    uint8_t *table = must(calloc(1, p->snap_len + 1)), *at = table;

    for (unsigned s = 0; s < p->snapshots; s++, at += SNAP_ENTRY) {
        char name[17];

        snprintf(name, sizeof name, "snapshot%08u", (s + 1) % 100000000);
        put(at, (p->l1_at + (s + 1) * p->l1_clusters) << p->cluster_bits, 8);
        put(at + 8, p->n_l1, 4);
        put(at + 12, 8, 2);
        put(at + 14, 16, 2);
        put(at + 16, 1700000000 + s, 4);
        put(at + 36, 24, 4);
        put(at + 48, p->size, 8);
        put(at + 56, UINT64_MAX, 8);
        memcpy(at + 64, name + 8, 8);
        memcpy(at + 72, name, 16);
    }
    write_at(table, p->snap_len, p->snap_at << p->cluster_bits);
    free(table);
}

static void write_refcounts(const struct plan *p)
{
    uint8_t *reftable = must(calloc(p->reftable_clusters, p->cluster));
    uint8_t *block = must(calloc(1, p->cluster));
    unsigned bits = p->refcount_bits;

    for (uint64_t k = 0; k < p->n_blocks; k++) {
        uint64_t at = block_cluster(p, k) << p->cluster_bits;

        put(reftable + k * 8, at, 8);
        memset(block, 0, p->cluster);
        for (uint64_t i = 0; i < p->block_entries; i++) {
            uint64_t count = refcount_of(p, k * p->block_entries + i);

            if (bits >= 8)
                put(block + i * bits / 8, count, bits / 8);
            else
                block[i * bits / 8] |= (uint8_t)(count << i * bits % 8);
        }
        write_sparse(block, p->cluster, at);
    }
    write_sparse(reftable, p->reftable_clusters * p->cluster, p->table_at << p->cluster_bits);
    free(block);
    free(reftable);
}

/* --- options --- */

static uint64_t parse_size(const char *text)
{
    static const char units[] = "KMGTPE";
    char *end;
    uint64_t n = strtoull(text, &end, 0);
    const char *unit = *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

    if (end == text || (*end && (!unit || end[1])) || n > UINT64_MAX >> shift)
        die("not a size; use digits and one of K M G T P E");
    return n << shift;
}

static enum order parse_order(const char *text)
{
    static const char *const name[] = { "sequential", "random", "runs" };

    for (unsigned i = 0; i < 3; i++)
        if (!strcmp(text, name[i]))
            return (enum order)i;
    die("--order is sequential, random or runs");
    return SEQUENTIAL;
}

static void usage(void)
{
    puts("usage: mkimage [options] --size BYTES FILE\n"
         "  --size N           virtual size (K M G T P E)\n"
         "  --cluster N        cluster size, 512 to 2M (64K)\n"
         "  --refcount-bits N  1 to 64 (16)\n"
         "  --extended         extended L2 entries\n"
         "  --order WHICH      sequential, random, or runs of 1 to 64 clusters\n"
         "  --tables WHERE     spread among the data, or front: in one piece before it\n"
         "  --fill R           share of the guest disk that is allocated (1)\n"
         "  --snapshots N      snapshots that share every table (0)\n"
         "  --compressed R     share of allocated clusters that are compressed (0)\n"
         "  --damage R         share of L2 entries that become random words (0)\n"
         "  --flip R           share of L2 entries in which one bit is turned over (0)\n"
         "  --scatter N        only N L2 tables, anywhere in the disk\n"
         "  --entries N        with --scatter: entries in use per table (16)\n"
         "  --claim N          virtual size to write into the header instead\n"
         "  --seed N           of all random choices (1)");
    exit(0);
}

static char *parse_options(struct plan *p, int argc, char **argv)
{
    static const struct option known[] = {
        { "size", 1, NULL, 's' }, { "cluster", 1, NULL, 'c' },
        { "refcount-bits", 1, NULL, 'r' }, { "order", 1, NULL, 'o' },
        { "extended", 0, NULL, 'X' }, { "tables", 1, NULL, 't' }, { "fill", 1, NULL, 'f' },
        { "snapshots", 1, NULL, 'n' }, { "compressed", 1, NULL, 'z' },
        { "damage", 1, NULL, 'd' }, { "scatter", 1, NULL, 'x' },
        { "entries", 1, NULL, 'e' }, { "claim", 1, NULL, 'l' }, { "flip", 1, NULL, 'b' },
        { "seed", 1, NULL, 'S' }, { "help", 0, NULL, 'h' }, { NULL, 0, NULL, 0 },
    };

    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 's': p->size = parse_size(optarg); break;
        case 'c': p->cluster = parse_size(optarg); break;
        case 'r': p->refcount_bits = (unsigned)parse_size(optarg); break;
        case 'o': p->order = parse_order(optarg); break;
        case 'X': p->extended = true; break;
        case 't': p->front = !strcmp(optarg, "front"); break;
        case 'f': p->fill = strtod(optarg, NULL); break;
        case 'n': p->snapshots = (unsigned)parse_size(optarg); break;
        case 'z': p->compressed = strtod(optarg, NULL); break;
        case 'd': p->damage = strtod(optarg, NULL); break;
        case 'b': p->flip = strtod(optarg, NULL); break;
        case 'x': p->scatter = parse_size(optarg); break;
        case 'e': p->entries = parse_size(optarg); break;
        case 'l': p->claim = parse_size(optarg); break;
        case 'S': p->seed = parse_size(optarg); break;
        case 'h': usage(); break;
        default: exit(1);
        }
    }
    if (optind != argc - 1 || !p->size)
        die("needs --size and one file name; see --help");
    return argv[optind];
}

int main(int argc, char **argv)
{
    struct plan p = { .cluster = 65536, .refcount_bits = 16, .fill = 1, .entries = 16,
                      .seed = 1 };
    const char *path = parse_options(&p, argc, argv);

    plan_make(&p);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || ftruncate(fd, (off_t)(p.total << p.cluster_bits)) != 0)
        die(path);
    write_header(&p);
    write_snapshots(&p);
    plan_write_tables(&p, write_sparse);
    write_refcounts(&p);
    if (close(fd) != 0)
        die(path);
    printf("%" PRIu64 " host clusters, %" PRIu64 " L2 tables, %" PRIu64 " data, %" PRIu64
           " compressed, %" PRIu64 " refcount blocks\n",
           p.total, p.n_tables, p.n_normal, p.n_compressed, p.n_blocks);
    plan_free(&p);
    return 0;
}
