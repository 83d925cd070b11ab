/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/plan.h"

#include <stdio.h>

#include "support/pattern.h"

#define SIZE 20000u

static void patch_some(struct plan *p)
{
    struct plan_step *s = plan_add(p, "refcounts");
    uint8_t word[4000];

    for (size_t i = 0; i < sizeof word; i++)
        word[i] = (uint8_t)(i % 8 ? 0 : 1);
    s->title = strdup("writes refcounts");
    s->before[PROBLEM_LEAKED] = 7;
    plan_step_add_loss(s, 0, 4096, 512);
    plan_step_add_loss(s, 0, 4608, 512);
    plan_step_add_loss(s, 2, 0, 1);
    for (int i = 0; i < PLAN_OWNERS_MAX + 3; i++)
        plan_step_add_owner(s, 2, "sda1: /etc/fstab", 1);
    patches_write(&s->patches, 100, "hello", 5);
    patches_write(&s->patches, 3000, word, sizeof word);
    s = plan_add(p, "leaks");
    s->title = strdup("cuts the file");
    patches_copy(&s->patches, 9000, 15000, 100);
    patches_zero(&s->patches, 10000, 10);
    patches_set_length(&s->patches, 12000);
}

static void assert_same_outcome(const struct plan *a, const struct plan *b,
                                struct source *image)
{
    struct patches pa, pb;
    struct source *sa, *sb;
    uint8_t x[SIZE], y[SIZE];

    assert_true(plan_patches(a, &pa, NULL));
    assert_true(plan_patches(b, &pb, NULL));
    assert_true(source_open_patched(image, &pa, &sa, NULL));
    assert_true(source_open_patched(image, &pb, &sb, NULL));
    assert_int_equal(source_size(sa), source_size(sb));
    assert_true(source_read(sa, 0, x, SIZE, NULL));
    assert_true(source_read(sb, 0, y, SIZE, NULL));
    assert_memory_equal(x, y, SIZE);
    source_close(sa);
    source_close(sb);
    patches_free(&pa);
    patches_free(&pb);
}

static bool have_digests(void)
{
    struct digest *d;

    if (!digest_new(&d, NULL))
        return false;
    digest_free(d);
    return true;
}

static void a_plan_read_back_does_the_same(void **state)
{
    uint8_t *bytes = make_bytes(SIZE);
    struct source *image = memory(bytes, SIZE);
    struct plan p = { 0 }, q;
    struct buf text = BUF_INIT;
    struct source *file;
    struct error err;

    (void)state;
    if (!have_digests())
        skip();
    patch_some(&p);
    assert_true(plan_fingerprint(&p, image, NULL, NULL));
    assert_true(plan_write(&p, &text, NULL));
    file = memory(text.data, text.len);
    if (!plan_read(file, &q, &err))
        fail_msg("%s", err.text);
    assert_int_equal(q.n, 2);
    assert_string_equal(q.step[0].title, "writes refcounts");
    assert_string_equal(q.step[1].goal, "leaks");
    assert_int_equal(q.step[0].before[PROBLEM_LEAKED], 7);
    assert_int_equal(q.step[0].n_losses, 2);
    assert_int_equal(q.step[0].loss[0].len, 1024);
    assert_int_equal(q.step[0].loss[1].layer, 2);
    assert_int_equal(q.step[0].n_owners, PLAN_OWNERS_MAX);
    assert_int_equal(q.step[0].owners_left_out, 3);
    assert_int_equal(q.step[0].owner[1].layer, 2);
    assert_string_equal(q.step[0].owner[1].text, "sda1: /etc/fstab");
    assert_same_outcome(&p, &q, image);
    assert_true(plan_matches(&q, image, NULL));
    plan_free(&p);
    plan_free(&q);
    source_close(file);
    buf_free(&text);
    source_close(image);
    free(bytes);
}

static void a_plan_fits_no_other_image(void **state)
{
    uint8_t *bytes = make_bytes(SIZE);
    struct source *image = memory(bytes, SIZE), *shorter = memory(bytes, SIZE - 1);
    struct plan p = { 0 };
    static const unsigned touched[] = { 100, 104, 3000, 6999, 9000, 15000, 15099, 12000 };

    (void)state;
    if (!have_digests())
        skip();
    patch_some(&p);
    assert_true(plan_fingerprint(&p, image, NULL, NULL));
    assert_false(plan_matches(&p, shorter, NULL));
    for (size_t i = 0; i < sizeof touched / sizeof touched[0]; i++) {
        bytes[touched[i]] ^= 1;
        assert_false(plan_matches(&p, image, NULL));
        bytes[touched[i]] ^= 1;
    }
    bytes[50] ^= 1;                             /* nobody's */
    assert_true(plan_matches(&p, image, NULL));
    plan_free(&p);
    source_close(image);
    source_close(shorter);
    free(bytes);
}

static void a_step_that_rests_on_zeros_fits_nothing_else(void **state)
{
    uint8_t *bytes = make_bytes(SIZE);
    struct source *image = memory(bytes, SIZE);
    struct plan p = { 0 }, back;
    struct buf text = BUF_INIT;
    struct source *file;

    (void)state;
    if (!have_digests())
        skip();
    memset(bytes + 4096, 0, 4096);
    /* What a step before has written is under a digest, and need not have been zeros. */
    patches_zero(&plan_add(&p, "set")->patches, 8192, 512);
    assert_true(plan_step_rests_on_zeros(plan_add(&p, "discard"), 8000, 692));
    assert_true(plan_step_rests_on_zeros(&p.step[1], 4096, 2000));
    assert_true(plan_step_rests_on_zeros(&p.step[1], 6096, 100));
    assert_int_equal(p.step[1].n_zeros, 2);
    memset(bytes + 8000, 0, 192);
    memset(bytes + 8704, 0, 100);
    patches_write(&p.step[1].patches, 0, "x", 1);
    assert_true(plan_fingerprint(&p, image, NULL, NULL));
    assert_true(plan_write(&p, &text, NULL));
    file = memory(text.data, text.len);
    assert_true(plan_read(file, &back, NULL));
    assert_true(plan_matches(&back, image, NULL));
    for (unsigned at = 4096; at < 6196; at += 2099) {
        bytes[at] = 1;
        assert_false(plan_matches(&p, image, NULL));
        assert_false(plan_matches(&back, image, NULL));
        bytes[at] = 0;
    }
    bytes[8191] = 1;
    assert_false(plan_matches(&back, image, NULL));
    bytes[8191] = 0;
    bytes[6196] = 1;                            /* behind them */
    assert_true(plan_matches(&back, image, NULL));
    plan_free(&back);
    plan_free(&p);
    source_close(file);
    source_close(image);
    buf_free(&text);
    free(bytes);
}

#define FAR (UINT64_C(1) << 40)

static void a_plan_that_makes_a_file_long_and_empty_fits_no_image(void **state)
{
    char bytes[1000] = "";
    struct source *image = memory(bytes, sizeof bytes);

    (void)state;
    for (int way = 0; way < 5; way++) {
        struct plan p = { 0 };
        struct plan_step *s = plan_add(&p, "leaks");

        if (way == 0)
            patches_zero(&s->patches, 5000, 50);
        else if (way == 1)
            patches_zero(&s->patches, FAR, 8);
        else if (way == 2)
            patches_set_length(&s->patches, FAR);
        else
            patches_zero(&s->patches, 1000, FAR);
        for (int i = 0; way == 4 && i < 1024; i++)      /* the same bytes, over and over */
            patches_copy(&s->patches, 1000, 0, UINT64_C(1) << 30);
        assert_true(plan_fingerprint(&p, image, NULL, NULL));
        assert_int_equal(plan_matches(&p, image, NULL), way == 0);
        plan_free(&p);
    }
    source_close(image);
}

static void a_step_cannot_be_taken_without_those_before_it(void **state)
{
    struct plan p = { 0 };
    struct patches all;

    (void)state;
    patch_some(&p);
    p.step[1].chosen = false;
    assert_true(plan_patches(&p, &all, NULL));
    patches_free(&all);
    p.step[1].chosen = true;
    p.step[0].chosen = false;
    assert_false(plan_patches(&p, &all, NULL));
    plan_free(&p);
}

static bool reads_bytes(const char *text, size_t len, char *message)
{
    struct source *file = memory(text, len);
    struct error err = { 0 };
    struct plan p;
    bool ok = plan_read(file, &p, &err);

    source_close(file);
    if (ok)
        plan_free(&p);
    else
        snprintf(message, 200, "%.199s", err.text);
    return ok;
}

static bool reads(const char *text, char *message)
{
    return reads_bytes(text, strlen(text), message);
}

#define HEX "\"00000000000000000000000000000000" "00000000000000000000000000000000\""
#define SUM "\"sha256\": " HEX
#define TABLES "\"tables\": " HEX ", "
#define IMAGE "\"image\": {\"length\": 1000, " TABLES "\"ranges\": [" \
    "{\"offset\": 0, \"length\": 100, " SUM "}]}"
#define STEP(patch) "{\"qcheck-plan\": 2, " IMAGE ", \"steps\": [{\"goal\": \"leaks\", " \
    "\"chosen\": true, \"patches\": [" patch "]}]}"

static void hostile_plans_are_refused_with_a_reason(void **state)
{
    static const char *const good[] = {
        STEP("{\"offset\": 0, \"length\": 2, \"bytes\": \"00ff\"}"),
        STEP("{\"offset\": 92, \"length\": 8, \"zeros\": true}"),
        STEP("{\"offset\": 5000, \"length\": 50, \"zeros\": true}"),
    };
    static const char *const bad[] = {
        "", "[]", "{}", "{\"qcheck-plan\": 3, \"steps\": []}",
        "{\"qcheck-plan\": 2, \"steps\": []}",
        STEP("{\"offset\": 0, \"length\": 2, \"bytes\": \"00f\"}"),
        STEP("{\"offset\": 0, \"length\": 2, \"bytes\": \"00fg\"}"),
        STEP("{\"offset\": 0, \"length\": 3, \"bytes\": \"00ff\"}"),
        STEP("{\"offset\": 0, \"length\": 0, \"bytes\": \"\"}"),
        STEP("{\"offset\": -1, \"length\": 2, \"zeros\": true}"),
        STEP("{\"offset\": 0, \"length\": 2}"),
        STEP("{\"offset\": 0, \"length\": 8, \"zeros\": true}], \"zeros\": [{\"offset\": 1}"),
        STEP("{\"offset\": 0, \"length\": 8, \"zeros\": true}], \"zeros\": "
             "[{\"offset\": 9223372036854775807, \"length\": 9}"),
        STEP("{\"offset\": 0, \"length\": 8, \"zeros\": true}], \"zeros\": {\"x\": [1]}, \"y\": ["),
        STEP("{\"offset\": 9223372036854775807, \"length\": 9, \"zeros\": true}"),
        STEP("{\"offset\": 0, \"length\": 8, \"copy-from\": 9223372036854775807}"),
        STEP("{\"offset\": 0, \"length\": 8, \"copy-from\": 96}"),      /* no digest */
        STEP("{\"offset\": 93, \"length\": 8, \"zeros\": true}"),
        STEP("{\"offset\": 0, \"length\": 9000000000000, \"repeat\": \"0000000000000001\"}"),
        "{\"qcheck-plan\": 2, \"image\": {\"length\": 1000, \"ranges\": []}, \"steps\": []}",
        "{\"qcheck-plan\": 2, " IMAGE ", \"steps\": [{\"goal\": \"rm\", \"patches\": []}]}",
        "{\"qcheck-plan\": 2, " IMAGE ", \"steps\": [{\"goal\": \"leaks\"}]}",
    };
    static char zero[] = STEP("{\"offset\": 0, \"length\": 2@, \"bytes\": \"00ff\"}");
    char message[200];

    (void)state;
    *strchr(zero, '@') = '\0';
    assert_false(reads_bytes(zero, sizeof zero - 1, message));
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!reads(good[i], message))
            fail_msg("%s: %s", good[i], message);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        message[0] = 0;
        if (reads(bad[i], message))
            fail_msg("read: %s", bad[i]);
        assert_true(strlen(message) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_read_back_does_the_same),
        cmocka_unit_test(a_plan_fits_no_other_image),
        cmocka_unit_test(a_step_that_rests_on_zeros_fits_nothing_else),
        cmocka_unit_test(a_plan_that_makes_a_file_long_and_empty_fits_no_image),
        cmocka_unit_test(a_step_cannot_be_taken_without_those_before_it),
        cmocka_unit_test(hostile_plans_are_refused_with_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
