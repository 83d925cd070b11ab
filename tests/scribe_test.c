/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The process that writes one file for one that cannot open any. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scribe.h"

static char folder[] = "/tmp/scribe_test.XXXXXX";

static int enter(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    unlink("file");
    unlink("link");
    unlink("image");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;      /* nothing else was left */
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static bool has(int fd, const char *text)
{
    char got[100] = "";
    ssize_t n = pread(fd, got, sizeof got - 1, 0);

    return n == (ssize_t)strlen(text) && strcmp(got, text) == 0;
}

static bool holds(const char *path, const char *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is = fd >= 0 && has(fd, text);

    close(fd);
    return is;
}

static bool write_by(const char *path, const char *text)
{
    struct scribe s;
    struct buf name = BUF_INIT;
    bool ok;

    assert_true(scribe_start(path, false, "image", &s, NULL));
    ok = scribe_write(&s, text, strlen(text), &name, NULL);
    scribe_end(&s);
    buf_free(&name);
    return ok;
}

static void a_file_is_replaced_at_once_so_that_the_old_one_stays_whole(void **state)
{
    int old;

    (void)state;
    assert_true(write_by("file", "the first, which is long"));
    old = open("file", O_RDONLY | O_CLOEXEC);
    assert_true(write_by("file", "the second"));
    assert_true(has(old, "the first, which is long"));
    assert_true(holds("file", "the second"));
    close(old);
}

static void the_mode_of_a_file_and_a_link_to_it_stay(void **state)
{
    struct stat st;

    (void)state;
    put("file", "old");
    assert_int_equal(chmod("file", 0640), 0);
    assert_int_equal(symlink("file", "link"), 0);
    assert_true(write_by("link", "new"));
    assert_true(holds("file", "new"));
    assert_int_equal(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(stat("file", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
}

static void a_pipe_is_not_replaced(void **state)
{
    struct stat st;
    int fd;

    (void)state;
    unlink("file");
    assert_int_equal(mkfifo("file", 0600), 0);
    fd = open("file", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    (void)write_by("file", "new");
    assert_int_equal(lstat("file", &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    close(fd);
    unlink("file");
}

static void the_image_is_never_written_to(void **state)
{
    (void)state;
    put("image", "guests");
    unlink("link");
    assert_int_equal(link("image", "link"), 0);
    assert_false(write_by("link", "new"));
    assert_false(write_by("image", "new"));
    assert_true(holds("image", "guests"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_replaced_at_once_so_that_the_old_one_stays_whole),
        cmocka_unit_test(the_mode_of_a_file_and_a_link_to_it_stay),
        cmocka_unit_test(a_pipe_is_not_replaced),
        cmocka_unit_test(the_image_is_never_written_to),
    };

    return cmocka_run_group_tests(tests, enter, leave);
}
