/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Watching a file in the inspector, played by scripts that change the file between their
 * steps. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/play.h"
#include "support/screens.h"

#define LOOK "time:3000 tick wait "     /* the next look is due, and all that follows it */

static char folder[] = "/tmp/qcheck-watch-XXXXXX";
static char path[64], other[64];

static void write_file(const char *name, const void *bytes, size_t len)
{
    FILE *f = fopen(name, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    /* Until then its size on disk may change. */
    assert_int_equal(fflush(f), 0);
    assert_int_equal(fsync(fileno(f)), 0);
    assert_int_equal(fclose(f), 0);
}

static void write_sample(const char *name, const char *sample)
{
    struct source *src;
    uint8_t *bytes = sample_load(sample, &src);

    write_file(name, bytes, (size_t)source_size(src));
    source_close(src);
    free(bytes);
}

/* The next time of modification is another, however coarse the clock. */
static void touch(void)
{
    static time_t when = 1000000000;
    const struct timespec times[2] = { { when, 0 }, { when, 0 } };

    when++;
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* The file becomes another in one way or other; else it is replaced by a sample. */
static void change(void *arg, const char *how)
{
    (void)arg;
    if (strcmp(how, "gone") == 0) {
        assert_int_equal(unlink(path), 0);
    } else if (strcmp(how, "junk") == 0) {
        write_file(path, "no image", 8);
    } else if (strcmp(how, "longer") == 0) {
        struct stat st;

        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(truncate(path, st.st_size + (1 << 20)), 0);
        touch();
    } else if (strcmp(how, "touched") == 0) {
        touch();
    } else if (strncmp(how, "into-", 5) == 0) {
        write_sample(path, how + 5);    /* the same file */
        touch();
    } else {
        write_sample(other, how);
        assert_int_equal(rename(other, path), 0);
        touch();
    }
}

/* The screens of a script on the file, which is a copy of a sample first (NULL: as it is);
 * the caller frees. */
static char *screens(const char *sample, const char *script)
{
    struct play play = { .script = script, .depth = DEPTH_16, .cols = 120, .rows = 40,
                         .watched = path, .change = change };
    struct buf got = BUF_INIT;
    struct source *src;

    if (sample)
        write_sample(path, sample);
    assert_true(source_open_file(path, &src, NULL));
    play_source(src, &play, &got);
    return buf_take(&got);
}

/* The screens, without the lines of the title, which tell of watching. */
static void cut_titles(char *got)
{
    char *to = got;

    for (char *line = got, *next; *line; line = next) {
        next = line + strcspn(line, "\n");
        next += *next == '\n';
        if (strncmp(line, "| qcheck ", 9) != 0) {
            memmove(to, line, (size_t)(next - line));
            to += next - line;
        }
    }
    *to = '\0';
}

/* Names the first line that is not the same. */
static void assert_same_lines(const char *what, const char *a, const char *b)
{
    while (*a || *b) {
        int len_a = (int)strcspn(a, "\n"), len_b = (int)strcspn(b, "\n");

        if (len_a != len_b || strncmp(a, b, (size_t)len_a) != 0)
            fail_msg("%s:\n%.*s\n%.*s", what, len_a, a, len_b, b);
        a += len_a + (a[len_a] != '\0');
        b += len_b + (b[len_b] != '\0');
    }
}

static void views_show_the_newer_image_as_if_it_had_been_opened_first(void **state)
{
    static const char *const kinds[] = { "snapshots", "into-compressed", "leak", "longer" };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        static const char views[] = "1 wait shot:1 3 wait shot:3 5 wait shot:5";
        char script[400];
        char *watched, *opened;

        snprintf(script, sizeof script, "wait W wait shot:change-%s " LOOK "W %s", kinds[i],
                 views);
        watched = screens("healthy", script);
        snprintf(script, sizeof script, "wait %s", views);
        opened = screens(NULL, script);
        cut_titles(watched);
        cut_titles(opened);
        assert_same_lines(kinds[i], watched, opened);
        free(watched);
        free(opened);
    }
}

static void title_tells_growth_and_changed_clusters(void **state)
{
    char *got = screens("healthy", "wait W wait shot:before shot:change-longer " LOOK "shot:after");
    char *after = strstr(got, "== after");

    (void)state;
    assert_non_null(after);
    screen_shows(after, "WATCHING");
    screen_shows(after, "+1 MiB");
    screen_shows(after, " changed");
    after[0] = '\0';
    screen_shows(got, "WATCHING");
    screen_shows_not(got, " changed");
    free(got);
}

static void clusters_of_another_size_are_not_compared(void **state)
{
    char *got = screens("healthy", "wait W wait shot:change-snapshots " LOOK "shot:after");

    (void)state;
    screen_shows(got, "clusters of another size");
    free(got);
}

static void place_stays_while_the_image_is_exchanged(void **state)
{
    char *got = screens("healthy", "wait g type:3c Enter wait 2 wait W wait shot:before "
                                   "shot:change-leak " LOOK "shot:after");
    char *after = strstr(got, "== after");

    (void)state;
    assert_non_null(after);
    screen_shows(got, "cluster 3 ");
    screen_shows(after, "cluster 3 ");
    screen_shows(after, "*");                  /* on what has changed */
    after[0] = '\0';
    screen_shows_not(got, "*");
    free(got);
}

static void problems_that_persist_are_told_from_new_ones(void **state)
{
    char *got = screens("healthy", "wait 3 W wait shot:change-leak " LOOK "shot:first "
                                   "shot:change-touched " LOOK "shot:second "
                                   "shot:change-healthy " LOOK "shot:third");
    char *second = strstr(got, "== second"), *third = strstr(got, "== third");

    (void)state;
    assert_true(second && third);
    second[-1] = third[-1] = '\0';
    screen_shows(got, "new: ");
    screen_shows(got, " new");
    screen_shows_not(got, "persist");
    screen_shows(second, "persists: ");
    screen_shows(second, " persist");
    screen_shows_not(second, " new");
    screen_shows(third, " gone");
    free(got);
}

static void view_of_changes_compares_the_file_before_and_now(void **state)
{
    char *got = screens("healthy", "wait W 9 wait shot:waits shot:change-leak " LOOK "shot:first "
                                   "A shot:refused t shot:disk n shot:step Enter wait shot:there "
                                   "9 shot:change-touched " LOOK "shot:second "
                                   "shot:change-snapshots " LOOK "shot:third W wait shot:off");
    char *first = strstr(got, "== first"), *refused = strstr(got, "== refused");
    char *disk = strstr(got, "== disk"), *step = strstr(got, "== step");
    char *there = strstr(got, "== there"), *second = strstr(got, "== second");
    char *third = strstr(got, "== third"), *off = strstr(got, "== off");

    (void)state;
    assert_true(first && refused && disk && step && there && second && third && off);
    first[-1] = refused[-1] = disk[-1] = step[-1] = there[-1] = second[-1] = third[-1] = off[-1]
        = '\0';
    screen_shows(got, "As soon as it has changed");
    screen_shows(first, "A  before the change");
    screen_shows(first, "B  now");
    screen_shows(first, "6 new, 0 gone, 0 the same");
    screen_shows(refused, "only what is there now can be shown");
    screen_shows(disk, "only its scan is left");
    screen_shows(step, "Change 1 of ");
    screen_shows_not(there, "What differs");
    screen_shows(second, "No difference in the metadata");
    screen_shows(second, "0 new, 0 gone, 6 the same");
    screen_shows(third, "clusters of another size now");
    screen_shows(off, "There is nothing to compare");
    free(got);
}

static void file_that_stays_is_not_scanned_again(void **state)
{
    char *got = screens("healthy", "wait W wait " LOOK LOOK "shot:idle");

    (void)state;
    screen_shows_not(got, " changed");
    free(got);
}

static void image_stays_on_the_screen_while_the_file_is_gone_or_no_image(void **state)
{
    static const char *const how[] = { "gone", "junk" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char script[200];
        char *got, *back;

        snprintf(script, sizeof script, "wait W wait shot:change-%s " LOOK "shot:without k "
                 LOOK "shot:quiet shot:change-leak " LOOK "shot:back", how[i]);
        got = screens("healthy", script);
        back = strstr(got, "== back");
        assert_non_null(back);
        screen_shows(back, "\u00b7 problems: ");
        back[0] = '\0';
        screen_shows(strstr(got, "== without"), i ? "not a qcow2" : "cannot open");
        screen_shows_not(strstr(got, "== quiet"), i ? "not a qcow2" : "cannot open");
        screen_shows_not(got, "\u00b7 problems: ");
        free(got);
    }
}

static void complaint_about_the_file_ends_when_it_can_be_read_again(void **state)
{
    char *got = screens("healthy", "wait W wait shot:change-gone " LOOK "shot:without "
                        "shot:change-leak " LOOK "shot:back");
    char *back = strstr(got, "== back");

    (void)state;
    assert_non_null(back);
    screen_shows(got, "cannot open");
    screen_shows_not(back, "cannot open");
    screen_shows(back, "can be read again");
    free(got);
}

static void rescan_while_watching_opens_the_file_again(void **state)
{
    char *got = screens("healthy", "wait W wait R wait shot:after");

    (void)state;
    screen_shows(got, "0 clusters changed");
    free(got);
}

static void plan_and_watching_exclude_each_other(void **state)
{
    static const char edit[] = "4 e Ctrl-U type:12c Enter wait ";
    char script[300];
    char *got;

    (void)state;
    snprintf(script, sizeof script, "wait %s W shot:refused", edit);
    got = screens("healthy", script);
    screen_shows(got, "is not watched while");
    screen_shows_not(got, "WATCHING");
    free(got);
    snprintf(script, sizeof script, "wait W wait %s shot:ended", edit);
    got = screens("healthy", script);
    screen_shows(got, "WHAT-IF");
    screen_shows_not(got, "WATCHING");
    free(got);
}

static void what_is_no_file_is_not_watched(void **state)
{
    struct play play = { .script = "wait W shot:refused", .depth = DEPTH_16 };
    struct buf got = BUF_INIT;

    (void)state;
    play_sample("healthy", &play, &got);
    screen_shows(buf_str(&got), "Only files and block devices");
    screen_shows_not(buf_str(&got), "WATCHING");
    buf_free(&got);
}

/* Leaves at every step of a round. */
static void inspector_can_be_left_at_any_time(void **state)
{
    static const char *const scripts[] = {
        "W", "wait W tick q", "wait W wait shot:change-leak time:3000 tick q",
        "wait W wait shot:change-leak time:3000 tick tick W wait q",
        "W tick tick tick wait q",
    };

    (void)state;
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++)
        free(screens("healthy", scripts[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_show_the_newer_image_as_if_it_had_been_opened_first),
        cmocka_unit_test(title_tells_growth_and_changed_clusters),
        cmocka_unit_test(clusters_of_another_size_are_not_compared),
        cmocka_unit_test(place_stays_while_the_image_is_exchanged),
        cmocka_unit_test(problems_that_persist_are_told_from_new_ones),
        cmocka_unit_test(view_of_changes_compares_the_file_before_and_now),
        cmocka_unit_test(file_that_stays_is_not_scanned_again),
        cmocka_unit_test(image_stays_on_the_screen_while_the_file_is_gone_or_no_image),
        cmocka_unit_test(complaint_about_the_file_ends_when_it_can_be_read_again),
        cmocka_unit_test(rescan_while_watching_opens_the_file_again),
        cmocka_unit_test(plan_and_watching_exclude_each_other),
        cmocka_unit_test(what_is_no_file_is_not_watched),
        cmocka_unit_test(inspector_can_be_left_at_any_time),
    };
    int failed;

    if (!setlocale(LC_ALL, "C.UTF-8") || !mkdtemp(folder))
        return 99;
    snprintf(path, sizeof path, "%s/image.qcow2", folder);
    snprintf(other, sizeof other, "%s/other.qcow2", folder);
    failed = cmocka_run_group_tests_name("watch", tests, NULL, NULL);
    unlink(path);
    unlink(other);
    rmdir(folder);
    return failed;
}
