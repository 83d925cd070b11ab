/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the name of a backing file may lead to. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "report/outside.h"
#include "support/image_builder.h"

static void names_that_lead_elsewhere_are_told_by_kind(void **state)
{
    static const struct {
        const char *name;
        bool absolute, parent, protocol, json;
    } cases[] = {
        { "base.qcow2", false, false, false, false },
        { "/etc/shadow", true, false, false, false },
        { "../../secret", false, true, false, false },
        { "a/../b", false, true, false, false },
        { "a/..", false, true, false, false },
        { "..a/b..", false, false, false, false },
        { "dir/a:b", false, false, false, false },
        { "nbd://host/export", false, false, true, false },
        { "http://host/x", false, false, true, false },
        { "jso:x", false, false, true, false },
        { "jsonx:x", false, false, true, false },
        { "json:{\"driver\":\"nbd\"}", false, false, false, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct builder_options o = BUILDER_DEFAULTS;
        struct outside out[OUTSIDE_MAX];
        struct builder *b;
        struct image *img;

        o.backing_file = cases[i].name;
        b = builder_new(o);
        img = builder_open(b);
        assert_int_equal(outside_references(img, out), 1);
        assert_string_equal(out[0].what, "backing file");
        assert_int_equal(out[0].len, strlen(cases[i].name));
        if (out[0].absolute != cases[i].absolute || out[0].parent != cases[i].parent
            || out[0].protocol != cases[i].protocol || out[0].json != cases[i].json)
            fail_msg("%s", cases[i].name);
        image_close(img);
        builder_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_lead_elsewhere_are_told_by_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
