/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Somebody meddles while a scan runs: the file shrinks, grows or is rewritten after any read,
 * or the scan is cancelled there. Never a crash; always said. */
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
#include <sys/stat.h>
#include <unistd.h>

#include "base/source_backend.h"
#include "report/check_json.h"
#include "scan/scan.h"
#include "support/image_builder.h"
#include "support/play.h"

/* A source that does something once, before its n-th read. */
struct meddler {
    struct source base;
    struct source *inner;
    void (*act)(struct meddler *m);
    _Atomic uint64_t left;
    const char *path;
    _Atomic bool *cancel;
};

static void meddler_close(struct source *src)
{
    source_close(((struct meddler *)src)->inner);
    source_free_base(src);
}

static void meddler_info(struct source *src, struct source_info *out)
{
    *out = source_get_info(((struct meddler *)src)->inner);
    out->batch_bytes = 4096;            /* many short reads: many moments */
    out->batch_reqs = 1;
}

static void meddler_read_many(struct source *src, struct source_req *req, size_t n)
{
    struct meddler *m = (struct meddler *)src;

    if (atomic_fetch_sub(&m->left, 1) == 1)
        m->act(m);
    source_read_many(m->inner, req, n);
}

static bool meddler_changed(struct source *src, struct error *why)
{
    return source_changed(((struct meddler *)src)->inner, why);
}

static const struct source_ops OPS = {
    .close = meddler_close,
    .info = meddler_info,
    .read_many = meddler_read_many,
    .changed = meddler_changed,
};

static struct meddler *meddler_new(const char *path, void (*act)(struct meddler *))
{
    struct meddler *m = calloc(1, sizeof *m);

    assert_non_null(m);
    assert_true(source_open_file(path, &m->inner, NULL));
    assert_true(source_init_base(&m->base, &OPS, path, source_size(m->inner), NULL));
    m->path = path;
    m->act = act;
    atomic_init(&m->left, 0);
    return m;
}

static void shrinks(struct meddler *m)
{
    assert_int_equal(truncate(m->path, (off_t)(m->base.size / 3)), 0);
}

static void grows(struct meddler *m)
{
    assert_int_equal(truncate(m->path, (off_t)(m->base.size * 2)), 0);
}

/* Every other cluster becomes something else: tables of nonsense. */
static void is_rewritten(struct meddler *m)
{
    int fd = open(m->path, O_WRONLY);
    uint8_t bytes[4096];

    assert_true(fd >= 0);
    for (uint64_t off = 4096; off < m->base.size; off += 8192) {
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(off / 4096 * 37 + i * i * 11);
        assert_int_equal(pwrite(fd, bytes, sizeof bytes, (off_t)off), sizeof bytes);
    }
    close(fd);
}

static void cancels(struct meddler *m)
{
    *m->cancel = true;
}

static struct builder *some_image(void)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.size = UINT64_C(64) << 20;
    b = builder_new(opt);
    for (uint64_t i = 0; i < 16; i++)
        builder_map(b, i * 1000);
    builder_add_snapshot(b, "1", "one");
    builder_map(b, 5);
    builder_add_bitmap(b, "bitmap", 16, 0);
    builder_set_refcount(b, 7, 9);      /* something to explain and to attribute */
    builder_set_l2(b, 2001, 0x1200, 0);
    return b;
}

/* With an old modification time, so that each write is seen however coarse the clock is. */
static void save(const struct builder *b, const char *path)
{
    const struct timespec old[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

    builder_save(b, path);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
}

static void report_can_be_written(const struct scan_result *r)
{
    struct check_json c = { .filename = "x", .scan = r, .metadata = true };
    FILE *null = fopen("/dev/null", "w");
    struct out out = { null, 0 };

    assert_non_null(null);
    assert_true(check_json_write(&c, &out, NULL));
    fclose(null);
}

/* Reads of a whole scan that nobody disturbs. */
static uint64_t reads_of_a_scan(const char *path)
{
    struct meddler *m = meddler_new(path, NULL);
    struct scan_result *r = NULL;
    struct image *img;
    uint64_t n;

    assert_true(image_open(&m->base, &(struct image_options){ 0 }, &img, NULL));
    m->left = UINT64_MAX / 2;
    assert_true(scan_run(img, NULL, NULL, &r, NULL));
    n = UINT64_MAX / 2 - m->left;
    assert_int_equal(r->problems.count[PROBLEM_IMAGE_CHANGED], 0);
    scan_free(r);
    image_close(img);
    return n;
}

static void meddle_at_every_read(void (*act)(struct meddler *), unsigned threads)
{
    struct builder *b = some_image();
    char path[] = "/tmp/qcheck-meddle-XXXXXX";
    int fd = mkstemp(path);
    uint64_t n;

    assert_true(fd >= 0);
    close(fd);
    save(b, path);
    n = reads_of_a_scan(path);
    assert_true(n > 20);
    for (uint64_t at = 1; at <= n; at++) {
        struct scan_options opt = { .threads = threads };
        struct scan_progress progress = { .want_preview = true };
        struct scan_result *r = NULL;
        struct error err;
        struct meddler *m;
        struct image *img;

        save(b, path);
        m = meddler_new(path, act);
        m->cancel = &progress.cancel;
        assert_true(image_open(&m->base, &(struct image_options){ 0 }, &img, NULL));
        m->left = at;
        if (!scan_run(img, &opt, &progress, &r, &err))
            fail_msg("at read %llu: %s", (unsigned long long)at, err.text);
        if (act == cancels) {
            /* At the last reads there is nothing left to be done without. */
            assert_int_equal(r->problems.count[PROBLEM_IMAGE_CHANGED], 0);
            if (at < n / 2)
                assert_true(r->partial);
        } else if ((int64_t)m->left <= 0) {
            assert_int_equal(r->problems.count[PROBLEM_IMAGE_CHANGED], 1);
        }
        report_can_be_written(r);
        scan_free(r);
        image_close(img);
    }
    unlink(path);
    builder_free(b);
}

static void a_file_that_shrinks_is_told(void **state)
{
    (void)state;
    meddle_at_every_read(shrinks, 1);
    meddle_at_every_read(shrinks, 4);
}

static void a_file_that_grows_is_told(void **state)
{
    (void)state;
    meddle_at_every_read(grows, 1);
    meddle_at_every_read(grows, 4);
}

static void a_file_that_is_rewritten_is_told(void **state)
{
    (void)state;
    meddle_at_every_read(is_rewritten, 1);
    meddle_at_every_read(is_rewritten, 4);
}

static void a_scan_ends_wherever_it_is_cancelled(void **state)
{
    (void)state;
    meddle_at_every_read(cancels, 1);
    meddle_at_every_read(cancels, 4);
}

/* Walks through all views while the scan runs, without waiting for it; the file shrinks, or
 * Esc stops the scan, after a while. */
static void an_image_is_browsed_while_its_scan_runs(void **state)
{
    static const char *const script[] = {
        ("1 2 + + Enter 3 Enter 4 Enter Enter Tab 5 j j Enter 6 j r Backspace n n 2 - 1 "
         "wait 2 3 4 5 6 q"),
        "4 Enter 2 Esc 3 wait 2 n q",
        "6 g type:guest_0 Enter 7 Esc Esc q",
    };
    struct builder *b = some_image();
    char path[] = "/tmp/qcheck-browse-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (unsigned round = 0; round < 60; round++) {
        struct play play = { .script = script[round % 3], .depth = DEPTH_16 };
        struct buf got = BUF_INIT;
        struct meddler *m;

        save(b, path);
        m = meddler_new(path, shrinks);
        m->left = round % 2 ? round * 4 + 12 : 0;
        play_source(&m->base, &play, &got);
        buf_free(&got);
    }
    unlink(path);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_shrinks_is_told),
        cmocka_unit_test(a_file_that_grows_is_told),
        cmocka_unit_test(a_file_that_is_rewritten_is_told),
        cmocka_unit_test(a_scan_ends_wherever_it_is_cancelled),
        cmocka_unit_test(an_image_is_browsed_while_its_scan_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
