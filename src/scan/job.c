/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/job.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/thread.h"

struct job {
    const struct image *img;
    struct scan_options opt;
    struct scan_progress progress;
    pthread_t thread;
    bool joined;
    int fd[2];                      /* a byte is written when the scan has ended */
    _Atomic bool ended;
    struct scan_result *result;
    struct error err;
};

static void *job_main(void *arg)
{
    struct job *job = arg;

    scan_run(job->img, &job->opt, &job->progress, &job->result, &job->err);
    job->ended = true;
    while (write(job->fd[1], "", 1) < 0 && errno == EINTR)
        ;
    return NULL;
}

bool job_start(const struct image *img, const struct scan_options *opt, struct job **out,
               struct error *err)
{
    struct job *job = calloc(1, sizeof *job);
    int rc;

    if (!job)
        return err_set(err, ERR_NOMEM, "out of memory");
    job->img = img;
    if (opt)
        job->opt = *opt;
    job->progress.want_preview = true;
    if (pipe2(job->fd, O_CLOEXEC | O_NONBLOCK) != 0) {
        err_set_sys(err, errno, "cannot make a pipe");
        free(job);
        return false;
    }
    rc = thread_start(&job->thread, job_main, job);
    if (rc) {
        close(job->fd[0]);
        close(job->fd[1]);
        free(job);
        return err_set_sys(err, rc, "cannot start a thread");
    }
    *out = job;
    return true;
}

struct scan_progress *job_progress(struct job *job)
{
    return &job->progress;
}

int job_fd(const struct job *job)
{
    return job->fd[0];
}

void job_cancel(struct job *job)
{
    job->progress.cancel = true;
}

bool job_ended(struct job *job)
{
    return job->ended;
}

struct scan_result *job_take(struct job *job, struct error *err)
{
    struct scan_result *r;

    if (!job->joined) {
        pthread_join(job->thread, NULL);
        job->joined = true;
    }
    r = job->result;
    job->result = NULL;
    if (!r && err)
        *err = job->err;
    return r;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    job_cancel(job);
    scan_free(job_take(job, NULL));
    close(job->fd[0]);
    close(job->fd[1]);
    free(job);
}
