/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Bookmarks as text, and the process that writes them. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ui/bookmarks.h"
#include "ui/keeper.h"

static void what_was_written_is_read(void **state)
{
    struct bookmarks a = { NULL, 0 }, b = { NULL, 0 };
    struct buf text = BUF_INIT;

    (void)state;
    assert_true(bookmarks_add(&a, "L1[0]", "first"));
    assert_true(bookmarks_add(&a, "guest 0x400", "tabs\tand\nlines"));
    assert_true(bookmarks_add(&a, "L1[0]", "again"));
    assert_int_equal(a.n, 2);
    bookmarks_write(&a, &text);
    bookmarks_read(&b, buf_str(&text));
    assert_int_equal(b.n, 2);
    assert_string_equal(b.list[0].address, "L1[0]");
    assert_string_equal(b.list[0].note, "again");
    assert_string_equal(b.list[1].note, "tabs\tand");
    bookmarks_remove(&b, 0);
    assert_string_equal(b.list[0].address, "guest 0x400");
    bookmarks_free(&a);
    bookmarks_free(&b);
    buf_free(&text);
}

static void lines_that_are_none_are_left_out(void **state)
{
    struct bookmarks b = { NULL, 0 };

    (void)state;
    bookmarks_read(&b, "nothing\n\n\tno address\nL1[1]\t\n");
    assert_int_equal(b.n, 1);
    assert_string_equal(b.list[0].note, "");
    bookmarks_free(&b);
}

static void there_are_never_more_than_the_limit(void **state)
{
    struct bookmarks b = { NULL, 0 };
    char address[32];

    (void)state;
    for (int i = 0; i <= BOOKMARKS_MAX; i++) {
        snprintf(address, sizeof address, "%dc", i);
        assert_true(bookmarks_add(&b, address, ""));
    }
    assert_int_equal(b.n, BOOKMARKS_MAX);
    assert_string_equal(b.list[0].address, address);
    assert_string_equal(b.list[b.n - 1].address, "1c");
    bookmarks_free(&b);
}

static void assert_file_is(const char *name, const char *text)
{
    char got[100] = "";
    FILE *f = fopen(name, "r");

    assert_non_null(f);
    assert_true(fread(got, 1, sizeof got - 1, f) == strlen(text));
    assert_string_equal(got, text);
    fclose(f);
}

static void views_never_replace_a_file(void **state)
{
    char folder[] = "/tmp/qcheck-keeper-XXXXXX", path[200], back[4096], name[64];
    struct keeper *k;
    struct error err;
    FILE *f;

    (void)state;
    assert_non_null(getcwd(back, sizeof back));
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    f = fopen("qcheck-view-1.txt", "w");
    assert_non_null(f);
    fputs("mine", f);
    fclose(f);
    assert_int_equal(symlink("elsewhere", "qcheck-view-2.txt"), 0);
    snprintf(path, sizeof path, "%s/state/deep/marks", folder);
    assert_true(keeper_start(path, &k, &err));
    assert_true(keeper_view(k, "a screen\n", 9, name, &err));
    assert_string_equal(name, "qcheck-view-3.txt");
    assert_file_is(name, "a screen\n");
    assert_file_is("qcheck-view-1.txt", "mine");
    assert_int_not_equal(access("elsewhere", F_OK), 0);
    assert_true(keeper_bookmarks(k, "old\t\n", 5, &err));
    assert_true(keeper_bookmarks(k, "new\t\n", 5, &err));
    assert_file_is(path, "new\t\n");
    keeper_end(k);
    unlink("qcheck-view-1.txt");
    unlink("qcheck-view-2.txt");
    unlink("qcheck-view-3.txt");
    unlink(path);
    rmdir("state/deep");
    rmdir("state");
    assert_int_equal(chdir(back), 0);
    rmdir(folder);
}

static void notes_on_a_pack_are_kept_beside_it(void **state)
{
    char folder[] = "/tmp/qcheck-notes-XXXXXX", image[200], wanted[220], path[4096];
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(setenv("XDG_STATE_HOME", "/state", 1), 0);
    snprintf(image, sizeof image, "%s/a.qpack", folder);
    snprintf(wanted, sizeof wanted, "%s.notes", image);
    f = fopen(image, "w");
    assert_non_null(f);
    fclose(f);
    assert_true(bookmarks_path(image, path));
    assert_string_equal(path, wanted);
    assert_true(bookmarks_path("/nowhere/a.qpack", path));
    assert_memory_equal(path, "/state/qcheck/bookmarks/a.qpack-", 32);
    assert_true(bookmarks_path("/nowhere/a.qcow2", path));
    assert_memory_equal(path, "/state/qcheck/bookmarks/a.qcow2-", 32);
    unlink(image);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(lines_that_are_none_are_left_out),
        cmocka_unit_test(there_are_never_more_than_the_limit),
        cmocka_unit_test(notes_on_a_pack_are_kept_beside_it),
        cmocka_unit_test(views_never_replace_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
