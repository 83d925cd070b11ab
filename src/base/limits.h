/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Every fixed limit of the program, in one place. Those that QEMU has as well carry its
 * value: an image past them is refused by QEMU, and judged so here. */
#ifndef QCHECK_BASE_LIMITS_H
#define QCHECK_BASE_LIMITS_H

#include <stdint.h>

/* --- the format and QEMU's own bounds --- */
#define CLUSTER_BITS_MIN        9           /* 512 bytes */
#define CLUSTER_BITS_MAX        21          /* 2 MiB: what QEMU opens */
#define REFCOUNT_ORDER_MAX      6           /* 64-bit refcounts */
#define L1_ENTRIES_MAX          UINT64_C(4194304)           /* 32 MiB of L1 table */
#define REFTABLE_BYTES_MAX      (UINT64_C(8) << 20)
#define SNAPSHOTS_MAX           65536
#define SNAPSHOT_EXTRA_MAX      1024        /* bytes of extra data per snapshot */
#define SNAPSHOT_TABLE_MAX      (UINT64_C(64) << 20)        /* bytes */
#define BITMAPS_MAX             65535
#define BITMAP_DIR_MAX          UINT64_C(67107840)          /* bytes */
#define BITMAP_NAME_MAX         1023
#define BITMAP_TABLE_BYTES_MAX  (UINT64_C(512) << 20)       /* of bits a table spans */
#define BACKING_NAME_MAX        1023
#define BACKING_FORMAT_MAX      15
#define READ_OFFSET_MAX         UINT64_C(0x7fffffffc0000000) /* QEMU reads none past it */
#define CHECK_CLUSTERS_MAX      UINT64_C(0x7fffffff)    /* QEMU checks no longer files */

/* --- our own --- */
#define EXTENSIONS_MAX          1024        /* header extensions kept */
#define PROBLEMS_KEPT_DEFAULT   4000        /* problem records (runs) kept of each kind;
                                               counts stay exact */
#define PROBLEMS_KEPT_PER_TABLE 256         /* ... and of each kind in one L2 table */
#define PROBLEMS_KEPT_ALWAYS    32          /* ... and of each kind where memory is short */
#define THREADS_MAX             64
#define ODD_TABLE_BYTES_MAX     (UINT64_C(256) << 20)   /* of misaligned L2 tables read,
                                               besides as much as the file really takes */
#define MEMORY_BASE             (UINT64_C(32) << 20)    /* bytes besides those for clusters */
#define MEMORY_LIMIT_MIN        (UINT64_C(16) << 20)    /* bytes; no scan takes less */
#define MEMORY_PROGRAM          (UINT64_C(10) << 20)    /* ... of these the program itself,
                                               and buffers */
#define PREALLOC_CLUSTERS_MAX   (1u << 25)  /* clusters looked at to tell preallocation */
#define USAGE_BYTES_MIN         (UINT64_C(64) << 20)    /* besides as much as the file takes: */
#define USAGE_BYTES_MAX         (UINT64_C(16) << 30)    /* of L2 tables read to tell what
                                               snapshots hold alone */
#define USAGE_COMPRESSED_MAX    (1u << 19)  /* host clusters of compressed data, for that */
#define L2_WINDOW_SEARCH        262144      /* L2 tables listed at once by a search without
                                               a scan's list */
#define NAME_SHOWN_MAX          1024        /* bytes of one name shown */
#define NAME_KEPT_MAX           1024        /* ... and kept, */
#define NAMES_KEPT_MAX          (UINT64_C(1) << 20)     /* of all in one table; past that */
#define NAME_KEPT_SHORT         16          /* only so many of each */
#define SOURCE_RETRIES_MAX      256         /* failed reads of one request */
#define NBD_SILENCE_MAX         60          /* seconds in which no request is answered in full */
#define NBD_CONNECT_MAX         30          /* seconds until a server is ready for requests, */
#define NBD_CONNECT_EVENTS_MAX  10000       /* and times that it is heard before */
#define NBD_EXTENTS_MAX         65536       /* kept of one answer */
#define NBD_PETTY_MAX           64          /* answers about less than 512 bytes; after that
                                               the server is not asked where holes are */
#define BITMAP_JUDGE_BYTES_MAX  (UINT64_C(64) << 20)    /* of bitmap tables, at opening */
#define GUESS_CLUSTERS_MAX      131072      /* looked at in one search for a table */
#define GUESS_BLIND_MAX         32768       /* ... when the cluster size is unknown too */
#define LUKS_ITERATIONS_MAX     UINT32_C(100000000)     /* of one key slot: some minutes */
#define LUKS_STRIPES_MAX        65536
#define KEY_FILE_MAX            65536       /* bytes */
#define DIFF_RANGES_MAX         65536       /* ranges kept of each list of a comparison */
#define DIFF_SNAPSHOTS_MAX      4096        /* snapshots compared */
#define DIFF_BITMAPS_MAX        4096        /* bitmaps compared */
#define DIFF_BITS_BYTES_MAX     (UINT64_C(1) << 30)     /* of them, read */
#define JOBS_MAX                256         /* images checked at a time */
#define PACK_RANGES_MAX         (1u << 22)  /* tables of one image that go into a pack */
#define PACK_SPANS_MAX          (1u << 20)  /* places of an image that a pack stores */
#define PACK_PROBLEM_BYTES_MAX  (UINT64_C(256) << 20)   /* of clusters that problems are about */
#define PACK_BYTES_MAX          ((size_t)1 << 31)       /* of the image in a pack, in memory */
#define PACK_STREAM_MAX         (UINT64_C(64) << 30)    /* bytes of a pack, decompressed; */
#define PACK_CALL_MAX           (UINT64_C(32) << 20)    /* ... read on at once */
#define PACK_MANIFEST_MAX       ((size_t)1 << 20)       /* bytes told of the image in a pack */
#define PACK_MEMBERS_MAX        64          /* files before the image in a pack */
#define PLAN_GAP_LEN            (UINT64_C(1) << 30)     /* bytes after the end of the file, left free by
                                               a plan as pointers lead there: so many, or as many
                                               as the file has, */
#define PLAN_GAP_CLUSTERS       (UINT64_C(1) << 22)     /* ... and no more clusters than these */
#define GUESS_READS_MAX         524288      /* of up to 4 KiB, of all the guessing about one
                                               header */

#endif
