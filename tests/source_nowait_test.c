/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/source_backend.h"
#include "base/source_nowait.h"

#define SIZE 100000

/* A source whose reads stand still until it is opened. */
struct stall {
    struct source base;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    unsigned reads;
    uint8_t byte;                       /* what it is full of */
};

static void stall_close(struct source *src)
{
    source_free_base(src);
}

static void stall_info(struct source *src, struct source_info *out)
{
    (void)src;
    out->kind = SOURCE_FILE;
}

static void stall_read_many(struct source *src, struct source_req *req, size_t n)
{
    struct stall *s = (struct stall *)src;

    pthread_mutex_lock(&s->lock);
    s->reads++;
    pthread_cond_broadcast(&s->changed);
    while (!s->open)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < n; i++)
        memset(req[i].dst, s->byte, req[i].got);
}

static void stall_open(struct stall *s)
{
    pthread_mutex_lock(&s->lock);
    s->open = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static struct stall *stall_new(uint8_t byte)
{
    static const struct source_ops ops = { .close = stall_close, .info = stall_info,
                                           .read_many = stall_read_many };
    struct stall *s = calloc(1, sizeof *s);

    assert_non_null(s);
    assert_true(source_init_base(&s->base, &ops, "stall", SIZE, NULL));
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->byte = byte;
    return s;
}

/* The wait function: opens the source, or gives up when there is none. */
static bool wait_or_give_up(void *arg, int fd)
{
    struct stall **s = arg;
    struct pollfd one = { fd, POLLIN, 0 };

    if (!*s)
        return false;
    stall_open(*s);
    return poll(&one, 1, -1) == 1;
}

static void a_glance_fails_until_the_storage_has_answered(void **state)
{
    struct stall *s = stall_new(7);
    struct stall *none = NULL;
    struct source *src;
    uint8_t bytes[100] = { 1 };
    struct source_req req = { .off = 50000, .len = sizeof bytes, .dst = bytes };
    struct pollfd fd;

    (void)state;
    assert_true(source_open_nowait(&s->base, wait_or_give_up, &none, &src, NULL));
    nowait_mode(src, NOWAIT_GLANCE);
    source_read_many(src, &req, 1);
    assert_int_equal(req.error, EAGAIN);
    assert_int_equal(req.bad.len, sizeof bytes);
    assert_int_equal(bytes[0], 0);              /* what has not come is zeros, not what was there */
    assert_true(nowait_missed(src));
    stall_open(s);
    fd = (struct pollfd){ nowait_fd(src), POLLIN, 0 };
    assert_int_equal(poll(&fd, 1, -1), 1);
    nowait_mode(src, NOWAIT_GLANCE);
    source_read_many(src, &req, 1);
    assert_int_equal(req.error, 0);
    assert_false(nowait_missed(src));
    assert_int_equal(bytes[0], 7);
    assert_int_equal(bytes[99], 7);
    source_close(src);
    source_close(&s->base);
}

static void a_command_that_is_given_up_reads_nothing_more(void **state)
{
    struct stall *s = stall_new(7);
    struct stall *to_open = NULL;
    struct source *src;
    uint8_t bytes[100];
    struct source_req req = { .off = 0, .len = sizeof bytes, .dst = bytes };

    (void)state;
    assert_true(source_open_nowait(&s->base, wait_or_give_up, &to_open, &src, NULL));
    nowait_mode(src, NOWAIT_ASK);
    source_read_many(src, &req, 1);
    assert_int_equal(req.error, ECANCELED);
    to_open = s;
    req.off = 70000;
    source_read_many(src, &req, 1);
    assert_int_equal(req.error, ECANCELED);     /* nobody was asked to wait */
    nowait_mode(src, NOWAIT_ASK);
    source_read_many(src, &req, 1);
    assert_int_equal(req.error, 0);
    assert_int_equal(bytes[50], 7);
    source_close(src);
    source_close(&s->base);
}

static void pages_are_kept_until_they_are_forgotten(void **state)
{
    struct stall *s = stall_new(7);
    struct source *src;
    uint8_t bytes[10000];
    unsigned reads;

    (void)state;
    assert_true(source_open_nowait(&s->base, wait_or_give_up, &s, &src, NULL));
    nowait_mode(src, NOWAIT_ASK);
    assert_true(source_read(src, SIZE - 10000, bytes, sizeof bytes, NULL));
    reads = s->reads;
    s->byte = 8;
    assert_true(source_read(src, SIZE - 5000, bytes, 5000, NULL));
    assert_int_equal(bytes[4999], 7);
    assert_int_equal(s->reads, reads);
    nowait_forget(src);
    assert_true(source_read(src, SIZE - 5000, bytes, 6000, NULL));
    assert_int_equal(bytes[4999], 8);
    assert_int_equal(bytes[5000], 0);           /* past the end */
    source_close(src);
    source_close(&s->base);
}

static void only_what_failed_below_is_bad(void **state)
{
    static uint8_t memory[SIZE];
    struct source *inner, *src;
    uint8_t bytes[9000];
    struct source_req req = { .off = 1000, .len = sizeof bytes, .dst = bytes };
    struct source_req before = { .off = 1000, .len = 2000, .dst = bytes };
    struct stall *none = NULL;

    (void)state;
    memset(memory, 9, sizeof memory);
    assert_true(source_open_memory(memory, sizeof memory, "m", &inner, NULL));
    assert_true(source_open_failing(inner, 4608, 512, &inner, NULL));
    assert_true(source_open_nowait(inner, wait_or_give_up, &none, &src, NULL));
    do {
        nowait_mode(src, NOWAIT_GLANCE);
        source_read_many(src, &req, 1);
    } while (nowait_missed(src));
    assert_int_equal(req.error, EIO);
    assert_int_equal(req.bad.off, 4608);
    assert_int_equal(req.bad.len, 512);
    assert_int_equal(bytes[4608 - 1000 - 1], 9);
    source_read_many(src, &before, 1);
    assert_int_equal(before.error, 0);
    source_close(src);
    source_close(inner);
}

static void more_than_is_kept_can_be_read(void **state)
{
    static const uint64_t far = UINT64_C(40) << 20;
    uint8_t *memory = malloc((size_t)far);
    struct source *inner, *src;
    struct stall *none = NULL;

    (void)state;
    assert_non_null(memory);
    for (uint64_t i = 0; i < far; i += 4096)
        memory[i] = (uint8_t)(i >> 12);
    assert_true(source_open_memory(memory, (size_t)far, "m", &inner, NULL));
    assert_true(source_open_nowait(inner, wait_or_give_up, &none, &src, NULL));
    for (uint64_t i = 0; i < far; i += 4096 * 7) {
        uint8_t byte = 0;
        struct source_req req = { .off = i, .len = 1, .dst = &byte };

        do {
            nowait_mode(src, NOWAIT_GLANCE);
            source_read_many(src, &req, 1);
        } while (nowait_missed(src));
        assert_int_equal(byte, (uint8_t)(i >> 12));
    }
    source_close(src);
    source_close(inner);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_glance_fails_until_the_storage_has_answered),
        cmocka_unit_test(a_command_that_is_given_up_reads_nothing_more),
        cmocka_unit_test(pages_are_kept_until_they_are_forgotten),
        cmocka_unit_test(only_what_failed_below_is_bad),
        cmocka_unit_test(more_than_is_kept_can_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
