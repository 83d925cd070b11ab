/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "base/task.h"

static bool until_cancelled(void *arg, struct task_run *run, struct error *err)
{
    *(int *)arg = 7;
    while (!run->cancel)
        sched_yield();
    return err_set(err, ERR_CANCELLED, "stopped");
}

static bool signals_blocked(void *arg, struct task_run *run, struct error *err)
{
    sigset_t now;

    (void)run;
    (void)err;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    *(int *)arg = sigismember(&now, SIGWINCH) && sigismember(&now, SIGINT);
    return true;
}

static void cancelled_task_hands_over_its_error(void **state)
{
    struct error err = { .code = ERR_NONE };
    struct task *t;
    int value = 0;

    (void)state;
    assert_true(task_start(until_cancelled, &value, &t, &err));
    assert_false(task_ended(t));
    task_cancel(t);
    assert_false(task_finish(t, &err));
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_int_equal(value, 7);
}

static void end_of_a_task_wakes_a_poll(void **state)
{
    struct task *t;
    struct pollfd fd;
    int blocked = 0;

    (void)state;
    assert_true(task_start(signals_blocked, &blocked, &t, NULL));
    fd = (struct pollfd){ task_fd(t), POLLIN, 0 };
    assert_int_equal(poll(&fd, 1, -1), 1);
    assert_true(task_ended(t));
    assert_true(task_finish(t, NULL));
    assert_true(blocked);
}

static void finishing_no_task_succeeds(void **state)
{
    (void)state;
    assert_true(task_finish(NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelled_task_hands_over_its_error),
        cmocka_unit_test(end_of_a_task_wakes_a_poll),
        cmocka_unit_test(finishing_no_task_succeeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
