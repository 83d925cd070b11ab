/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/library.h"

#define HERE_FILE       "libc.so.6"
#define HERE_PACKAGE    "libc6"
#define MISSING_FILE    "libqcheck-nowhere.so.7"
#define MISSING_PACKAGE "libqcheck-nowhere7"

#define GOOD_CALLS(X) X(abs) X(labs)
struct good { GOOD_CALLS(LIBRARY_CALL) };

int qcheck_no_such_call(int n);
#define BAD_CALLS(X) X(abs) X(qcheck_no_such_call)
struct bad { BAD_CALLS(LIBRARY_CALL) };

static void calls_of_a_loaded_library_work(void **state)
{
    static struct good calls;
    static const char *const names[] = { GOOD_CALLS(LIBRARY_NAME) };
    static struct library lib = LIBRARY(HERE, "glibc", "numbers", names, calls);

    (void)state;
    if (!library_load(&lib, NULL))
        skip();                         /* another C library */
    assert_int_equal(calls.abs(-7), 7);
    assert_true(calls.labs(-8) == 8);
    assert_true(library_load(&lib, NULL));
}

static void what_needs_a_missing_library_names_its_packages(void **state)
{
    static struct good calls;
    static const char *const names[] = { GOOD_CALLS(LIBRARY_NAME) };
    static struct library lib = LIBRARY(MISSING, "qcheck-nowhere-libs", "numbers", names, calls);
    struct error err;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_false(library_load(&lib, &err));
        assert_string_equal(err.text, "numbers need libqcheck-nowhere.so.7, which cannot be "
            "loaded: install libqcheck-nowhere7 (Debian) or qcheck-nowhere-libs (Fedora)");
        assert_int_equal(err.code, ERR_USAGE);
    }
}

static void a_library_that_lacks_a_call_is_not_used(void **state)
{
    static struct bad calls;
    static const char *const names[] = { BAD_CALLS(LIBRARY_NAME) };
    static struct library lib = LIBRARY(HERE, "glibc", "numbers", names, calls);

    (void)state;
    assert_false(library_load(&lib, NULL));
    assert_false(library_load(&lib, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_of_a_loaded_library_work),
        cmocka_unit_test(what_needs_a_missing_library_names_its_packages),
        cmocka_unit_test(a_library_that_lacks_a_call_is_not_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
