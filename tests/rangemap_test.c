/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Map files of ddrescue: written, read back, and refused. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "disk/rangemap.h"

#define LABEL "active layer"

static void add(struct rangemap *m, uint64_t off, uint64_t len, enum range_status status)
{
    assert_true(rangemap_add(m, off, len, status, NULL));
}

/* Done, untried, lost, untried, done: 0x1000 bytes each but for the third. */
static void fill(struct rangemap *m)
{
    *m = (struct rangemap)RANGEMAP_INIT;
    add(m, 0, 0x1000, RANGE_DONE);
    add(m, 0x1000, 0x800, RANGE_UNTRIED);
    add(m, 0x1800, 0, RANGE_LOST);              /* nothing */
    add(m, 0x1800, 0x800, RANGE_UNTRIED);       /* goes on */
    add(m, 0x2000, 0x200, RANGE_LOST);
    add(m, 0x2200, 0x1000, RANGE_UNTRIED);
    add(m, 0x3200, 0x1000, RANGE_DONE);
}

static void neighbours_of_one_status_are_one_range(void **state)
{
    struct rangemap m;

    (void)state;
    fill(&m);
    assert_int_equal(m.n, 5);
    assert_int_equal(m.list[1].off, 0x1000);
    assert_int_equal(m.list[1].len, 0x1000);
    assert_int_equal(m.list[2].status, RANGE_LOST);
    rangemap_free(&m);
    assert_int_equal(m.n, 0);
}

static void what_is_done_is_found_from_any_byte(void **state)
{
    static const struct { uint64_t at, off, end; } t[] = {
        { 0, 0, 0x1000 }, { 1, 1, 0x1000 }, { 0xfff, 0xfff, 0x1000 }, { 0x1000, 0x3200, 0x4200 },
        { 0x21ff, 0x3200, 0x4200 }, { 0x3200, 0x3200, 0x4200 }, { 0x41ff, 0x41ff, 0x4200 },
    };
    struct rangemap m, none = RANGEMAP_INIT;
    uint64_t off, end;

    (void)state;
    fill(&m);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        assert_true(rangemap_next_done(&m, t[i].at, &off, &end));
        assert_int_equal(off, t[i].off);
        assert_int_equal(end, t[i].end);
    }
    assert_false(rangemap_next_done(&m, 0x4200, &off, &end));
    assert_false(rangemap_next_done(&none, 0, &off, &end));
    rangemap_free(&m);
}

static void a_map_reads_as_it_was_written(void **state)
{
    struct buf text = BUF_INIT;
    struct rangemap m, again;

    (void)state;
    fill(&m);
    rangemap_text(&m, LABEL, false, &text);
    assert_non_null(strstr(buf_str(&text), "\n0x00001000     ?               1\n"));
    assert_true(rangemap_parse(buf_str(&text), LABEL, 0x4200, &again, NULL));
    assert_int_equal(again.n, m.n);
    for (size_t i = 0; i < m.n; i++) {
        assert_int_equal(again.list[i].off, m.list[i].off);
        assert_int_equal(again.list[i].len, m.list[i].len);
        assert_int_equal(again.list[i].status, m.list[i].status);
    }
    rangemap_free(&again);
    rangemap_free(&m);
    buf_free(&text);
}

static void the_position_is_the_first_byte_untried(void **state)
{
    struct buf text = BUF_INIT;
    struct rangemap m = RANGEMAP_INIT;

    (void)state;
    add(&m, 0, 0x1000, RANGE_UNTRIED);
    add(&m, 0x1000, 0x1000, RANGE_DONE);
    add(&m, 0x2000, 0x1000, RANGE_UNTRIED);
    rangemap_text(&m, LABEL, true, &text);
    assert_non_null(strstr(buf_str(&text), "\n0x00000000     +               1\n"));
    rangemap_free(&m);
    buf_free(&text);
}

#define HEAD "# Read: " LABEL "\n0x0 + 1\n"

static void statuses_of_ddrescue_that_mean_no_data_are_untried(void **state)
{
    struct rangemap m;

    (void)state;
    assert_true(rangemap_parse(HEAD "0 16 *\n0x10 0x10 /\n0x20 0x10 -\n0x30 0x10 +\n", LABEL,
                               0x40, &m, NULL));
    assert_int_equal(m.n, 3);
    assert_int_equal(m.list[0].status, RANGE_UNTRIED);
    assert_int_equal(m.list[0].len, 0x20);
    assert_int_equal(m.list[1].status, RANGE_LOST);
    assert_int_equal(m.list[2].status, RANGE_DONE);
    rangemap_free(&m);
}

static void what_is_no_map_of_this_disk_is_refused(void **state)
{
    static const struct { const char *text; enum error_code code; } t[] = {
        { "", ERR_USAGE },
        { "0x0 + 1\n0 0x40 +\n", ERR_USAGE },                           /* no label */
        { "# Read: another\n0x0 + 1\n0 0x40 +\n", ERR_USAGE },
        { "# Read: " LABEL " 2\n0x0 + 1\n0 0x40 +\n", ERR_USAGE },
        { HEAD "0 0x3f +\n", ERR_FORMAT },                              /* too short */
        { HEAD "0 0x41 +\n", ERR_FORMAT },
        { HEAD "1 0x3f +\n", ERR_FORMAT },                              /* a gap */
        { HEAD "0 0x20 +\n0x10 0x30 +\n", ERR_FORMAT },                 /* overlap */
        { HEAD "0 0x40 x\n", ERR_FORMAT },
        { HEAD "0 0x40\n", ERR_FORMAT },
        { HEAD "0\n", ERR_FORMAT },
        { HEAD "zero 0x40 +\n", ERR_FORMAT },
        { HEAD "0 0x40 +\n0x40 0xffffffffffffffff +\n", ERR_FORMAT },   /* overflow */
        { HEAD, ERR_FORMAT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct rangemap m;
        struct error err = { 0 };

        assert_false(rangemap_parse(t[i].text, LABEL, 0x40, &m, &err));
        assert_int_equal(err.code, t[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_of_one_status_are_one_range),
        cmocka_unit_test(what_is_done_is_found_from_any_byte),
        cmocka_unit_test(a_map_reads_as_it_was_written),
        cmocka_unit_test(the_position_is_the_first_byte_untried),
        cmocka_unit_test(statuses_of_ddrescue_that_mean_no_data_are_untried),
        cmocka_unit_test(what_is_no_map_of_this_disk_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
