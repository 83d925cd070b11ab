/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A plan of each planner, carried out in place by a process that is killed, or whose storage
 * fails, at every single write, sync and change of length. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan/apply.h"
#include "plan/planner.h"
#include "qcow2/entry.h"
#include "support/image_builder.h"
#include "support/pattern.h"
#include "support/play.h"

enum trouble { TROUBLE_NONE, TROUBLE_KILL, TROUBLE_FULL, TROUBLE_IO };

/* Of the child: what happens at which call. Parents have TROUBLE_NONE. */
static enum trouble trouble;
static long calls, when;

static bool in_trouble(void)
{
    if (trouble == TROUBLE_NONE || ++calls < when)
        return false;
    if (trouble == TROUBLE_KILL)
        raise(SIGKILL);
    errno = trouble == TROUBLE_FULL ? ENOSPC : EIO;
    return true;
}

/* These stand before those of the C library. */
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t off)
{
    return in_trouble() ? -1 : (ssize_t)syscall(SYS_pwrite64, fd, bytes, len, off);
}

int ftruncate(int fd, off_t len)
{
    return in_trouble() ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int fsync(int fd)
{
    (void)fd;
    return in_trouble() ? -1 : 0;
}

struct bytes { uint8_t *p; size_t n; };

static struct bytes load(const char *name)
{
    struct bytes b = { NULL, 0 };
    FILE *f = fopen(name, "rb");
    long len;

    if (!f)
        return b;
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    len = ftell(f);
    rewind(f);
    b.p = malloc((size_t)len + 1);
    assert_non_null(b.p);
    b.n = fread(b.p, 1, (size_t)len, f);
    fclose(f);
    return b;
}

static void store(const char *name, struct bytes b)
{
    FILE *f = fopen(name, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(b.p, 1, b.n, f), b.n);
    fclose(f);
}

static bool same(struct bytes a, struct bytes b)
{
    return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

static char image_name[64], undo_name[64];

/* As qcheck apply does it. */
static bool carry_out(const struct plan *plan, struct error *err)
{
    enum sink_mode mode = access(undo_name, F_OK) == 0 ? SINK_RESUME : SINK_NEW;
    struct sink *target = NULL, *mark = NULL;
    struct source *image = NULL, *kept = NULL;
    struct patches patches = { 0 };
    struct undo saved = { 0 };
    bool ok = sink_open(image_name, SINK_RESUME, &target, err)
        && source_open_file(image_name, &image, err) && sink_open(undo_name, mode, &mark, err)
        && sink_open_source(mark, &kept, err);

    if (ok && undo_unfinished(kept)) {
        source_close(kept);
        kept = NULL;
        ok = plan_matches(plan, image, err) && plan_patches(plan, &patches, err)
            && undo_write(mark, image, &patches, err) && sink_open_source(mark, &kept, err);
    }
    ok = ok && undo_open(kept, &saved, err)
        && (saved.state == UNDO_APPLIED
            || apply_in_place(plan, image, target, &saved, mark, NULL, err));
    undo_free(&saved);
    patches_free(&patches);
    source_close(kept);
    source_close(image);
    sink_close(target);
    sink_close(mark);
    return ok;
}

static bool take_back(struct error *err)
{
    struct sink *target = NULL, *mark = NULL;
    struct source *image = NULL, *kept = NULL;
    struct undo saved = { 0 };
    bool ok = sink_open(image_name, SINK_RESUME, &target, err)
        && source_open_file(image_name, &image, err)
        && sink_open(undo_name, SINK_RESUME, &mark, err) && sink_open_source(mark, &kept, err)
        && undo_open(kept, &saved, err) && apply_undo(&saved, image, target, mark, NULL, err);

    undo_free(&saved);
    source_close(kept);
    source_close(image);
    sink_close(target);
    sink_close(mark);
    return ok;
}

/* False: it was carried out without trouble, as call number `at` never came. */
static bool in_a_child(const struct plan *plan, enum trouble what, long at)
{
    struct error err = { .code = ERR_NONE };
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        trouble = what;
        when = at;
        if (carry_out(plan, &err))
            _exit(0);
        _exit(*err.text ? 1 : 2);       /* it must say why */
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (what == TROUBLE_KILL && WIFSIGNALED(status))
        return true;
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 1;
}

static void undo_gives_back(struct bytes before, struct bytes half, const char *what, long at)
{
    struct bytes undo = load(undo_name), now;
    struct error err;

    if (undo.n >= 16 && memcmp(undo.p, "qcheck undo file", 16) == 0) {
        if (!take_back(&err)) {
            print_message("%s, call %ld: undo: %s\n", what, at, err.text);
            fail();
        }
        now = load(image_name);
        assert_true(same(now, before));
        free(now.p);
        store(undo_name, undo);
        store(image_name, half);
    } else {
        assert_true(same(half, before));        /* not begun yet */
    }
    free(undo.p);
}

/* How often there was trouble. */
static long trouble_everywhere(const struct plan *plan, struct bytes before, struct bytes after,
                               enum trouble what, const char *name)
{
    struct error err;
    long at;

    for (at = 1;; at++) {
        struct bytes now;

        store(image_name, before);
        unlink(undo_name);
        if (!in_a_child(plan, what, at))
            break;
        now = load(image_name);
        undo_gives_back(before, now, name, at);
        free(now.p);
        if (!carry_out(plan, &err)) {
            print_message("%s, call %ld: again: %s\n", name, at, err.text);
            fail();
        }
        now = load(image_name);
        assert_true(same(now, after));
        free(now.p);
    }
    return at - 1;
}

struct job { const char *sample, *goal, *arg; };

#define SCATTERED "scattered"       /* instead of an argument: bytes in many places */
#define N_SCATTERED 150

/* Plans for an image, which is ended. */
static void plan_for(struct source *src, const char *goal, const struct planner_options *how,
                     struct plan *plan)
{
    struct trial_options opt = { .scan = { .threads = 1 } };
    struct error err = { .code = ERR_NONE };
    struct trial *t;

    assert_true(trial_open(src, &opt, NULL, &t, NULL));
    if (!planner_run(plan, t, goal, how, &err) || !plan->n) {
        print_message("%s: %s\n", goal, err.text);
        fail();
    }
    assert_true(plan_fingerprint(plan, src, NULL, NULL));
    trial_close(t);
    source_close(src);
}

static void plan_it(const struct job *j, struct plan *plan)
{
    const char *args[N_SCATTERED];
    char text[N_SCATTERED][16];
    struct planner_options how = { .accept_loss = true, .entries = ENTRIES_ZERO,
                                   .args = args, .n_args = j->arg != NULL };
    struct source *src;
    uint8_t *bytes = sample_load(j->sample, &src);

    args[0] = j->arg;
    if (j->arg && strcmp(j->arg, SCATTERED) == 0) {
        how.n_args = N_SCATTERED;
        for (int i = 0; i < N_SCATTERED; i++) {
            snprintf(text[i], sizeof text[i], "0x%x=5aa5", 0x1400 + i * 32);
            args[i] = text[i];
        }
    }
    plan_for(src, j->goal, &how, plan);
    free(bytes);
}

/* What the plan makes of an image; the image lies under image_name afterwards. */
static struct bytes outcome_of(const struct plan *plan, struct bytes before)
{
    struct bytes after;

    store(image_name, before);
    unlink(undo_name);
    assert_true(carry_out(plan, NULL));
    after = load(image_name);
    assert_false(same(before, after));
    return after;
}

static void plans_of_every_planner_survive_trouble_anywhere(void **state)
{
    static const struct job jobs[] = {
        { "many", "repair", NULL }, { "refcounts-lost", "refcounts", NULL },
        { "many", "leaks", NULL }, { "copied-flags", "copied", NULL },
        { "misaligned", "entries", NULL }, { "two-writers", "reused", NULL },
        { "header", "header", NULL }, { "dirty", "flags", "dirty=off" },
        { "overlay", "backing", "file=other.qcow2" }, { "healthy", "set", "size=90112" },
        { "snapshots", "snapshots", "delete=all" }, { "snapshots", "snapshots", "apply=1" },
        { "bitmaps", "bitmaps", "drop=all" }, { "zeros-stored", "discard", NULL },
        { "bloated", "compact", NULL }, { "healthy", "resize", "size=64M" },
        { "l1-wiped", "rescue", NULL }, { "healthy", "set", SCATTERED },
    };
    static const char *const names[] = { "", "killed", "full disk", "I/O error" };
    struct digest *d;

    (void)state;
    if (!digest_new(&d, NULL))
        skip();
    digest_free(d);
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        struct plan plan = { 0 };
        struct bytes before, after;
        char path[4096];
        long n[4] = { 0 };

        plan_it(&jobs[i], &plan);
        sample_path(jobs[i].sample, path);
        before = load(path);
        after = outcome_of(&plan, before);
        for (int what = TROUBLE_KILL; what <= (jobs[i].arg && !strcmp(jobs[i].arg, SCATTERED)
                                               ? TROUBLE_KILL : TROUBLE_IO); what++)
            n[what] = trouble_everywhere(&plan, before, after, (enum trouble)what, names[what]);
        print_message("%s, %s: %ld places\n", jobs[i].sample, jobs[i].goal, n[TROUBLE_KILL]);
        assert_true(n[TROUBLE_KILL] > 6);
        plan_free(&plan);
        free(before.p);
        free(after.p);
    }
    unlink(image_name);
    unlink(undo_name);
}

/* --- plans of hundreds of writes --- */

#define N_SPREAD 240            /* guest clusters */

static struct builder *spread(uint64_t n, uint32_t refcount_order)
{
    struct builder *b = builder_new((struct builder_options){
        .version = 3, .cluster_bits = 9, .refcount_order = refcount_order, .size = n << 9 });

    for (uint64_t i = 0; i < n; i++)
        builder_map(b, i);
    return b;
}

static void drop(struct builder *b, uint64_t guest_cluster)
{
    uint64_t off = builder_peek(b, builder_l2_entry_off(b, guest_cluster), 8) & ENTRY_OFFSET_MASK;

    memset(b->bytes + off, 0, 512);
    builder_set_l2(b, guest_cluster, 0, 0);
    builder_set_refcount(b, off >> 9, 0);
}

static struct builder *every_second_is_free(void)
{
    struct builder *b = spread(N_SPREAD, 4);

    for (uint64_t i = 0; i < N_SPREAD; i += 2)
        drop(b, i);
    return b;
}

/* Blocks for 64 clusters each; the table is gone. */
static struct builder *no_refcounts(void)
{
    struct builder *b = spread(6000, 6);

    for (uint64_t i = 0; i < 6000; i += 2)
        drop(b, i);
    builder_poke_field(b, "header", 0, "refcount_table_offset", (b->len + (1 << 20)) & ~UINT64_C(511));
    return b;
}

/* Every fourth, so that the tables still look like tables. */
static void poke_entries(struct builder *b, uint64_t set, uint64_t take_away)
{
    for (uint64_t i = 0; i < 2 * N_SPREAD; i += 4) {
        uint64_t at = builder_l2_entry_off(b, i);

        builder_poke(b, at, 8, (builder_peek(b, at, 8) | set) & ~take_away);
    }
}

static struct builder *broken_entries(void)
{
    struct builder *b = spread(2 * N_SPREAD, 4);

    poke_entries(b, UINT64_C(1) << 57, 0);
    return b;
}

static struct builder *wrong_flags(void)
{
    struct builder *b = spread(2 * N_SPREAD, 4);

    poke_entries(b, 0, OFLAG_COPIED);
    return b;
}

/* Every second guest cluster leads to where the one before it does. */
static struct builder *used_twice(void)
{
    struct builder *b = spread(N_SPREAD, 4);

    for (uint64_t i = 1; i < N_SPREAD; i += 2) {
        uint64_t one = builder_peek(b, builder_l2_entry_off(b, i - 1), 8);

        builder_poke(b, builder_l2_entry_off(b, i), 8, one);
    }
    return b;
}

static struct builder *zeros_between(void)
{
    struct builder *b = spread(N_SPREAD, 4);

    for (uint64_t i = 0; i < N_SPREAD; i += 2)
        memset(b->bytes + (builder_peek(b, builder_l2_entry_off(b, i), 8) & ENTRY_OFFSET_MASK),
               0, 512);
    return b;
}

static struct builder *with_a_snapshot(void)
{
    struct builder *b = every_second_is_free();

    builder_add_snapshot(b, "1", "before");
    return b;
}

static void plans_of_hundreds_of_writes_survive_being_killed_at_each(void **state)
{
    static const struct { const char *goal, *arg; struct builder *(*make)(void); } jobs[] = {
        { "compact", NULL, every_second_is_free }, { "refcounts", NULL, no_refcounts },
        { "entries", NULL, broken_entries }, { "copied", NULL, wrong_flags },
        { "reused", NULL, used_twice }, { "discard", NULL, zeros_between },
        { "snapshots", "delete=all", with_a_snapshot },
    };
    struct digest *d;

    (void)state;
    if (!digest_new(&d, NULL))
        skip();
    digest_free(d);
    for (size_t i = 0; i < sizeof jobs / sizeof jobs[0]; i++) {
        const struct planner_options how = { .args = &jobs[i].arg, .n_args = jobs[i].arg != NULL };
        struct builder *b = jobs[i].make();
        struct bytes before = { b->bytes, b->len }, after;
        struct plan plan = { 0 };
        long n;

        plan_for(builder_source(b), jobs[i].goal, &how, &plan);
        after = outcome_of(&plan, before);
        n = trouble_everywhere(&plan, before, after, TROUBLE_KILL, jobs[i].goal);
        print_message("%s: killed at %ld places\n", jobs[i].goal, n);
        assert_true(n > 200);
        plan_free(&plan);
        free(after.p);
        builder_free(b);
    }
    unlink(image_name);
    unlink(undo_name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_of_every_planner_survive_trouble_anywhere),
        cmocka_unit_test(plans_of_hundreds_of_writes_survive_being_killed_at_each),
    };

    snprintf(image_name, sizeof image_name, "apply-kill-%ld.qcow2", (long)getpid());
    snprintf(undo_name, sizeof undo_name, "apply-kill-%ld.undo", (long)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
