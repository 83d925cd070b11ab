/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>

#include "support/image_builder.h"
#include "ui/lookup.h"

struct setting { struct builder *b; struct image *img; uint64_t first, second; };

static int set_up(void **state)
{
    static struct setting s;

    s.b = builder_new(BUILDER_DEFAULTS);
    s.first = builder_map(s.b, 5);
    s.second = builder_map(s.b, 6);
    s.img = builder_open(s.b);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *s = *state;

    image_close(s->img);
    builder_free(s->b);
    return 0;
}

static struct lookup_wish wish_for(const struct setting *s, uint64_t off)
{
    return (struct lookup_wish){ .what = {
        .img = s->img, .first = geo_cluster_of(&s->img->geo, off), .n = 1, .max = 10,
        .threads = 1 } };
}

static void await(struct lookup *l)
{
    while (lookup_fd(l) >= 0) {
        struct pollfd fd = { lookup_fd(l), POLLIN, 0 };

        assert_int_equal(poll(&fd, 1, -1), 1);
        lookup_poll(l);
    }
}

static void newest_wish_counts(void **state)
{
    const struct setting *s = *state;
    struct lookup_wish a = wish_for(s, s->first);
    struct lookup_wish b = wish_for(s, s->second);
    struct lookup l = { .state = LOOKUP_IDLE };

    a.rest_ms = 10000;              /* would take for ever */
    lookup_want(&l, &a, false);
    lookup_want(&l, &b, false);
    await(&l);
    assert_int_equal(l.state, LOOKUP_DONE);
    assert_int_equal(l.found.total, 1);
    assert_int_equal(l.found.list[0].place.j, 6);
    lookup_free(&l);
}

static void wish_given_up_and_made_again_is_fulfilled(void **state)
{
    const struct setting *s = *state;
    struct lookup_wish a = wish_for(s, s->first);
    struct lookup_wish b = wish_for(s, s->second);
    struct lookup l = { .state = LOOKUP_IDLE };

    lookup_want(&l, &a, false);
    lookup_want(&l, &b, false);
    lookup_want(&l, &a, false);
    await(&l);
    assert_int_equal(l.state, LOOKUP_DONE);
    assert_int_equal(l.found.list[0].place.j, 5);
    lookup_free(&l);
}

static void stopped_wish_stays_stopped_until_forgotten(void **state)
{
    const struct setting *s = *state;
    struct lookup_wish a = wish_for(s, s->first);
    struct lookup l = { .state = LOOKUP_IDLE };

    a.rest_ms = 10000;
    lookup_want(&l, &a, false);
    lookup_stop(&l);
    await(&l);
    lookup_want(&l, &a, false);
    assert_int_equal(l.state, LOOKUP_STOPPED);
    lookup_forget(&l);
    a.rest_ms = 0;
    lookup_want(&l, &a, true);
    assert_int_equal(l.state, LOOKUP_DONE);
    lookup_free(&l);
}

static void waited_for_wish_is_there_on_return(void **state)
{
    const struct setting *s = *state;
    struct lookup_wish a = wish_for(s, s->first);
    struct lookup_wish b = wish_for(s, s->second);
    struct lookup l = { .state = LOOKUP_IDLE };

    a.rest_ms = 10000;
    lookup_want(&l, &a, false);
    lookup_want(&l, &b, true);
    assert_int_equal(l.state, LOOKUP_DONE);
    assert_int_equal(l.found.list[0].place.j, 6);
    lookup_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(newest_wish_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wish_given_up_and_made_again_is_fulfilled, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(stopped_wish_stays_stopped_until_forgotten,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(waited_for_wish_is_there_on_return, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
