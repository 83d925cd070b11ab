/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Teams of threads where the system has no more threads to give: thread_start() is ours. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/thread.h"
#include "scan/scan.h"
#include "scan/team.h"
#include "support/image_builder.h"

static int threads_left;

int thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    if (threads_left <= 0)
        return EAGAIN;
    threads_left--;
    return pthread_create(thread, NULL, run, arg);
}

struct crew { unsigned ready; _Atomic unsigned called; };

static bool crew_ready(void *ctx, unsigned n, struct error *err)
{
    struct crew *c = ctx;

    (void)err;
    c->ready = n;
    return n != 4;
}

static void crew_work(void *ctx, unsigned worker)
{
    struct crew *c = ctx;

    atomic_fetch_add(&c->called, 1 + worker);
}

static void a_team_goes_on_with_the_threads_there_are(void **state)
{
    (void)state;
    for (int left = 0; left < 3; left++) {
        struct crew c = { 0, 0 };
        unsigned sum = 0;

        threads_left = left;
        assert_true(team_run(8, crew_ready, crew_work, &c, NULL));
        assert_int_equal(c.ready, left + 1);
        for (int i = 0; i <= left; i++)
            sum += 1 + (unsigned)i;
        assert_int_equal(c.called, sum);
    }
}

static void a_team_that_is_not_ready_does_nothing(void **state)
{
    struct crew c = { 0, 0 };

    (void)state;
    threads_left = 3;
    assert_false(team_run(8, crew_ready, crew_work, &c, NULL));
    assert_int_equal(c.called, 0);
}

static struct scan_result *scan_with(const struct image *img, int left)
{
    struct scan_options opt = { .threads = 8 };
    struct scan_result *r;

    threads_left = left;
    assert_true(scan_run(img, &opt, NULL, &r, NULL));
    return r;
}

static void a_scan_ends_and_finds_the_same_whatever_threads_there_are(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;
    struct scan_result *all;

    (void)state;
    opt.cluster_bits = 9;
    b = builder_new(opt);
    for (uint64_t g = 0; g < 8192; g += 5)
        builder_map(b, g);
    for (uint64_t g = 1; g < 8192; g += 500)
        builder_set_l2(b, g, 0x123, 0);
    img = builder_open(b);
    all = scan_with(img, 1000000);
    assert_true(all->problems.n > 0);
    /* They give out in one pass or the other. */
    for (int left = 0; left < 30; left++) {
        struct scan_result *r = scan_with(img, left);

        assert_int_equal(r->problems.n, all->problems.n);
        for (size_t i = 0; i < r->problems.n; i++) {
            assert_int_equal(r->problems.list[i].kind, all->problems.list[i].kind);
            assert_int_equal(r->problems.list[i].place.file_off,
                             all->problems.list[i].place.file_off);
        }
        assert_memory_equal(r->stats.class_clusters, all->stats.class_clusters,
                            sizeof r->stats.class_clusters);
        scan_free(r);
    }
    scan_free(all);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_team_goes_on_with_the_threads_there_are),
        cmocka_unit_test(a_team_that_is_not_ready_does_nothing),
        cmocka_unit_test(a_scan_ends_and_finds_the_same_whatever_threads_there_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
