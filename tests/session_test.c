/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>

#include "inspect/session.h"
#include "support/image_builder.h"

static void wait_for(struct session *s)
{
    while (s->progress) {
        struct pollfd fd = { session_fd(s), POLLIN, 0 };

        assert_int_equal(poll(&fd, 1, -1), 1);
        session_poll(s);
    }
    assert_false(s->stopping);
}

static void scan_is_there_when_its_descriptor_is_readable(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img = builder_open(b);
    struct session s;

    (void)state;
    assert_true(session_open(&s, img, NULL, NULL));
    assert_null(s.scan);
    wait_for(&s);
    assert_non_null(s.scan);
    assert_int_equal(session_fd(&s), -1);
    session_close(&s);
    image_close(img);
    builder_free(b);
}

static void old_scan_stays_until_it_is_forgotten(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img = builder_open(b);
    const struct scan_result *first;
    struct session s;

    (void)state;
    assert_true(session_open(&s, img, NULL, NULL));
    wait_for(&s);
    first = s.scan;
    assert_true(session_rescan(&s));
    assert_ptr_equal(s.scan, first);
    wait_for(&s);
    assert_ptr_not_equal(s.scan, first);
    assert_ptr_equal(first->img, img);          /* still there to be read */
    session_forget(&s);
    assert_ptr_equal(s.scan->img, img);
    session_close(&s);
    image_close(img);
    builder_free(b);
}

static void replaced_image_is_the_one_scanned(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct builder *c = builder_new(BUILDER_DEFAULTS);
    struct image *img = builder_open(b);
    struct image *other = builder_open(c);
    struct session s;

    (void)state;
    assert_true(session_open(&s, img, NULL, NULL));
    assert_true(session_replace(&s, other));    /* while the first may still be scanned */
    wait_for(&s);
    assert_ptr_equal(s.scan->img, other);
    assert_true(session_replace(&s, img));
    assert_null(s.scan);
    wait_for(&s);
    assert_ptr_equal(s.scan->img, img);
    session_forget(&s);
    assert_ptr_equal(s.scan->img, img);
    session_close(&s);
    image_close(other);
    image_close(img);
    builder_free(c);
    builder_free(b);
}

static void closing_stops_a_scan_that_runs(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img = builder_open(b);
    struct session s;

    (void)state;
    assert_true(session_open(&s, img, NULL, NULL));
    session_stop(&s);
    assert_true(s.stopping);
    session_close(&s);
    image_close(img);
    builder_free(b);
}

static void a_scan_that_was_stopped_ends(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img = builder_open(b);
    struct session s;

    (void)state;
    assert_true(session_open(&s, img, NULL, NULL));
    session_stop(&s);
    assert_true(s.stopping);
    wait_for(&s);
    session_close(&s);
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_is_there_when_its_descriptor_is_readable),
        cmocka_unit_test(old_scan_stays_until_it_is_forgotten),
        cmocka_unit_test(replaced_image_is_the_one_scanned),
        cmocka_unit_test(closing_stops_a_scan_that_runs),
        cmocka_unit_test(a_scan_that_was_stopped_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
