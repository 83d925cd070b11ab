/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/task.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/thread.h"

struct task {
    task_work *work;
    void *arg;
    struct task_run run;
    _Atomic bool ended;
    int fd[2];                      /* a byte is written at the end */
    pthread_t thread;
    bool ok;                        /* the thread's until it is joined, as err */
    struct error err;
};

static void *task_main(void *arg)
{
    struct task *t = arg;

    t->ok = t->work(t->arg, &t->run, &t->err);
    t->ended = true;
    while (write(t->fd[1], "", 1) < 0 && errno == EINTR)
        ;
    return NULL;
}

bool task_start(task_work *work, void *arg, struct task **out, struct error *err)
{
    struct task *t = calloc(1, sizeof *t);
    int rc;

    if (!t)
        return err_set(err, ERR_NOMEM, "out of memory");
    t->work = work;
    t->arg = arg;
    if (pipe2(t->fd, O_CLOEXEC | O_NONBLOCK) != 0) {
        err_set_sys(err, errno, "cannot make a pipe");
        free(t);
        return false;
    }
    rc = thread_start(&t->thread, task_main, t);
    if (rc) {
        close(t->fd[0]);
        close(t->fd[1]);
        free(t);
        return err_set_sys(err, rc, "cannot start a thread");
    }
    *out = t;
    return true;
}

int task_fd(const struct task *t)
{
    return t->fd[0];
}

bool task_ended(const struct task *t)
{
    return t->ended;
}

void task_cancel(struct task *t)
{
    t->run.cancel = true;
}

const struct task_run *task_progress(const struct task *t)
{
    return &t->run;
}

bool task_finish(struct task *t, struct error *err)
{
    bool ok;

    if (!t)
        return true;
    pthread_join(t->thread, NULL);
    ok = t->ok;
    if (!ok && err)
        *err = t->err;
    close(t->fd[0]);
    close(t->fd[1]);
    free(t);
    return ok;
}
