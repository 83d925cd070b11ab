/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alike.h"

struct builder *built;
static int locked = -1;                 /* a file that plays another program's */

struct image *open_built(void)
{
    return builder_open(built);
}

struct image *open_source(struct source *src)
{
    struct image *img;

    assert_true(image_open(src, &(struct image_options){ 0 }, &img, NULL));
    return img;
}

void end(struct image *img)
{
    image_close(img);
    if (built)
        builder_free(built);
    built = NULL;
    if (locked >= 0)
        close(locked);
    locked = -1;
}

/* --- what images are made of --- */

void make(struct builder_options opt)
{
    built = builder_new(opt);
}

/* Six tables with 24 clusters of data in each. */
void full(void)
{
    struct builder_options opt = BUILDER_DEFAULTS;

    opt.size = N_TABLES * (2 << 20);
    make(opt);
    for (uint64_t t = 0; t < N_TABLES; t++)
        for (uint64_t k = 0; k < 24; k++)
            builder_map(built, t * 512 + k);
}

uint64_t table(uint64_t i)
{
    return builder_peek(built, builder_l1_entry_off(built, i), 8) & ENTRY_OFFSET_MASK;
}

void fill(uint64_t off, uint64_t len, uint64_t word)
{
    for (uint64_t i = 0; i < len; i += 8)
        builder_poke(built, off + i, 8, word);
}

uint64_t entry(uint64_t guest_cluster)
{
    return builder_peek(built, builder_l2_entry_off(built, guest_cluster), 8);
}

void set_bit(const char *field, uint64_t bit)
{
    builder_poke_field(built, "header", 0, field, bit);
}

/* Frees a cluster of the guest, as a discard does. */
void discard(uint64_t guest_cluster)
{
    builder_set_refcount(built, (entry(guest_cluster) & ENTRY_OFFSET_MASK) >>
                         built->geo.cluster_bits, 0);
    builder_set_l2(built, guest_cluster, 0, 0);
}

/* n clusters at the end that count as free and hold `word`. */
void behind(uint64_t n, uint64_t word)
{
    size_t at = built->len;

    builder_truncate(built, built->len + n * built->geo.cluster_size);
    fill(at, n * built->geo.cluster_size, word);
}

void lost_refcounts(void)
{
    for (uint64_t k = 0; k < 24; k++)
        builder_set_refcount(built, (entry(k) & ENTRY_OFFSET_MASK) >> 12, 0);
}

/* --- the storage --- */

static char *saved(char *path)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    close(fd);
    builder_save(built, path);
    return path;
}

/* The image in a file of which another descriptor holds QEMU's lock on byte 100 + p. */
static struct image *held(int permission)
{
#ifdef F_OFD_SETLK
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET,
                          .l_start = 100 + permission, .l_len = 1 };
    char path[] = "/tmp/qcheck-alike-XXXXXX";
    struct source *src;

    full();
    locked = open(saved(path), O_RDWR | O_CLOEXEC);
    assert_true(locked >= 0);
    assert_int_equal(fcntl(locked, F_OFD_SETLK, &lock), 0);
    assert_true(source_open_file(path, &src, NULL));
    unlink(path);
    return open_source(src);
#else
    (void)permission;
    return NULL;                /* no such locks */
#endif
}

struct image *held_for_writing(void) { return held(1); }
struct image *held_for_reading(void) { return held(0); }

static struct image *failing(uint64_t off)
{
    struct source *src;

    assert_true(source_open_failing(builder_source(built), off, 512, &src, NULL));
    return open_source(src);
}

struct image *a_table_cannot_be_read(void)
{
    full();
    return failing(table(2));
}

struct image *only_data_cannot_be_read(void)
{
    full();
    return failing(entry(7) & ENTRY_OFFSET_MASK);
}

/* A file in which `n` clusters of data are holes. */
static struct image *with_holes(uint64_t n)
{
    char path[] = "/tmp/qcheck-alike-XXXXXX";
    struct source *src;
    FILE *f;

    full();
    saved(path);
    f = fopen(path, "r+b");             /* written anew, without those clusters */
    assert_true(f && ftruncate(fileno(f), 0) == 0);
    for (size_t at = 0; at < built->len; at += 4096) {
        bool hole = false;

        for (uint64_t k = 0; k < n; k++)
            hole |= (entry(k / 24 * 512 + k % 24) & ENTRY_OFFSET_MASK) == at;
        if (!hole)
            assert_true(fseek(f, (long)at, SEEK_SET) == 0 &&
                        fwrite(built->bytes + at, 1, 4096, f) == 4096);
    }
    fclose(f);
    assert_true(source_open_file(path, &src, NULL));
    unlink(path);
    if (source_get_info(src).allocated < source_get_info(src).size)
        return open_source(src);
    source_close(src);
    builder_free(built);
    built = NULL;
    return NULL;                /* no holes here */
}

struct image *three_holes(void) { return with_holes(3); }
struct image *preallocated(void) { return with_holes(N_TABLES * 24 - 3); }
