/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Clusters of data that are holes of the file. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "insight/cause.h"
#include "support/alike.h"

static void holes_name_their_guest_range(void **state)
{
    const struct insight_options opt = { .name = "x" };
    struct image *img = three_holes();
    struct scan_result *scan;
    struct insight *x;
    const struct cause *c = NULL;
    unsigned ranges = 0;

    (void)state;
    if (!img)
        skip();
    assert_true(scan_run(img, &(struct scan_options){ .threads = 1 }, NULL, &scan, NULL));
    assert_true(insight_find(scan, &opt, &x, NULL));
    for (size_t i = 0; i < x->n; i++)
        if (x->list[i].kind == CAUSE_OF_HOST_HOLES)
            c = &x->list[i];
    assert_non_null(c);
    for (size_t i = 0; i < c->n_evidence; i++) {
        if (c->evidence[i].place.kind != PLACE_GUEST)
            continue;
        ranges++;
        assert_int_equal(c->evidence[i].place.guest_off, 0);
        assert_non_null(strstr(c->evidence[i].text, "up to 0x3000"));
    }
    assert_int_equal(ranges, 1);
    insight_free(x);
    scan_free(scan);
    end(img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holes_name_their_guest_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
