/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "cmd/fleet.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "report/check_json.h"
#include "report/fleet_report.h"

struct fleet_job {
    pid_t child;
    int fd;                     /* its result comes here */
    size_t image;
    size_t got;                 /* bytes of it */
};

struct fleet_run {
    const struct settings *s;
    struct settings one;        /* of each child */
    char **name;                /* owned */
    struct fleet_result *list;  /* owned, */
    bool *done;                 /* ... as many as images */
    size_t n, next, told;       /* images; to be started; printed */
    struct fleet_job job[JOBS_MAX];
    size_t running;
    struct out out;
};

static void look(const struct settings *s, const char *name, struct fleet_result *r)
{
    const struct insight_options opt = { .name = name };
    struct chain chain = CHAIN_INIT;
    struct image *img = NULL;
    struct scan_result *scan = NULL;
    struct insight *insight = NULL;
    struct error err;

    if (open_image_and_chain(s, name, &img, &chain, &err) && scan_image(s, img, &scan, &err)
        && insight_find(scan, &opt, &insight, &err)) {
        fleet_fill(scan, insight, r);
        r->status = s->strict ? insight_strict_status(insight) : scan_exit_status(scan);
    } else {
        fleet_fail(err.text, img ? NULL : refused_rule(&err), r);
    }
    insight_free(insight);
    scan_free(scan);
    chain_close(&chain);
    image_close(img);
}

static void send_result(int fd, const struct fleet_result *r)
{
    const char *at = (const char *)r;

    for (size_t left = sizeof *r; left; ) {
        ssize_t n = write(fd, at, left);

        if (n < 0 && errno != EINTR)
            return;
        if (n > 0) {
            at += n;
            left -= (size_t)n;
        }
    }
}

static void fail(struct fleet_run *f, size_t image, const char *why)
{
    fleet_fail(why, NULL, &f->list[image]);
    f->done[image] = true;
}

static void start(struct fleet_run *f)
{
    size_t image = f->next++;
    struct fleet_job *j = &f->job[f->running];
    int fd[2];

    if (pipe(fd) != 0) {
        fail(f, image, "cannot make a pipe");
        return;
    }
    fflush(NULL);
    j->child = fork();
    if (j->child == 0) {
        struct fleet_result r = { 0 };

        close(fd[0]);
        look(&f->one, f->name[image], &r);
        send_result(fd[1], &r);
        _exit(0);
    }
    close(fd[1]);
    if (j->child < 0) {
        close(fd[0]);
        fail(f, image, "cannot start a process for this image");
        return;
    }
    j->fd = fd[0];
    j->image = image;
    j->got = 0;
    f->running++;
}

/* Its child has closed the pipe. What came from it is not believed further than needed. */
static void end(struct fleet_run *f, size_t i)
{
    struct fleet_job j = f->job[i];
    struct fleet_result *r = &f->list[j.image];
    char text[80];
    int status = 0;

    close(j.fd);
    while (waitpid(j.child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (j.got == sizeof *r) {
        r->error[sizeof r->error - 1] = '\0';
        r->refused[sizeof r->refused - 1] = '\0';
        r->data_lost = r->data_lost > ANSWER_YES ? ANSWER_PERHAPS : r->data_lost;
        f->done[j.image] = true;
    } else {
        if (WIFSIGNALED(status))
            snprintf(text, sizeof text, "ended by signal %d", WTERMSIG(status));
        else
            snprintf(text, sizeof text, "the check did not end");
        fail(f, j.image, text);
    }
    f->job[i] = f->job[--f->running];
}

static void hear(struct fleet_run *f, size_t i)
{
    struct fleet_job *j = &f->job[i];
    char *to = (char *)&f->list[j->image];
    ssize_t n = read(j->fd, to + j->got, sizeof(struct fleet_result) - j->got);

    if (n > 0)
        j->got += (size_t)n;
    else if (n == 0 || errno != EINTR)
        end(f, i);
}

static void wait_for_some(struct fleet_run *f)
{
    struct pollfd fd[JOBS_MAX];
    size_t n = f->running;

    for (size_t i = 0; i < n; i++)
        fd[i] = (struct pollfd){ .fd = f->job[i].fd, .events = POLLIN };
    if (poll(fd, n, -1) <= 0)
        return;
    for (size_t i = n; i-- > 0; )       /* from the end: end() moves the last job */
        if (fd[i].revents)
            hear(f, i);
}

/* In the order of the command line, whichever ends first. */
static void tell(struct fleet_run *f)
{
    for (; f->told < f->n && f->done[f->told]; f->told++)
        if (f->s->output == OUTPUT_LINES) {
            fleet_line(f->name[f->told], &f->list[f->told], &f->out);
            fflush(f->out.f);
        }
}

static bool gather_names(struct fleet_run *f)
{
    struct buf b = BUF_INIT;
    struct error err;

    for (size_t i = 0; i < f->n; i++) {
        if (!image_name(f->s, (int)i, &b, &err)) {
            message("", err.text);
            buf_free(&b);
            return false;
        }
        f->name[i] = strdup(buf_str(&b));
        if (!f->name[i])
            return false;
    }
    buf_free(&b);
    return true;
}

static int by_name(const void *a, const void *b)
{
    char *const *x = *(char *const *const *)a, *const *y = *(char *const *const *)b;
    int order = strcmp(*x, *y);

    return order ? order : x < y ? -1 : 1;
}

/* Metrics must not have an image twice. */
static bool drop_repeated(struct fleet_run *f)
{
    char ***sorted = calloc(f->n + 1, sizeof *sorted);
    size_t n = 0;

    if (!sorted)
        return false;
    for (size_t i = 0; i < f->n; i++)
        sorted[i] = &f->name[i];
    qsort(sorted, f->n, sizeof *sorted, by_name);
    for (size_t i = f->n; i-- > 1;)
        if (strcmp(*sorted[i], *sorted[i - 1]) == 0) {
            free(*sorted[i]);
            *sorted[i] = NULL;
        }
    for (size_t i = 0; i < f->n; i++)
        if (f->name[i])
            f->name[n++] = f->name[i];
    f->n = n;
    free(sorted);
    return true;
}

static unsigned cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 0 && n < JOBS_MAX ? (unsigned)n : 1;
}

int fleet_check(const struct settings *s)
{
    struct fleet_run f = { .s = s, .one = *s, .n = (size_t)image_count(s),
                           .out = { stdout, 0 } };
    unsigned jobs = s->jobs ? s->jobs : 1;
    int status = STATUS_CLEAN;

    f.one.progress = PROGRESS_NONE;
    if (!s->threads && jobs > 1)
        f.one.threads = cores() > jobs ? cores() / jobs : 1;
    f.name = calloc(f.n + 1, sizeof *f.name);
    f.list = calloc(f.n + 1, sizeof *f.list);
    f.done = calloc(f.n + 1, sizeof *f.done);
    if (!f.name || !f.list || !f.done || !gather_names(&f) ||
        (s->output == OUTPUT_METRICS && !drop_repeated(&f))) {
        status = STATUS_FAILED;
        goto out;
    }
    while (f.told < f.n && out_ok(&f.out)) {
        while (f.running < jobs && f.next < f.n)
            start(&f);
        if (f.running)
            wait_for_some(&f);
        tell(&f);
    }
    while (f.running)                   /* nobody reads any more */
        wait_for_some(&f);
    if (s->output == OUTPUT_METRICS)
        fleet_metrics(f.name, f.list, f.n, (uint64_t)time(NULL), &f.out);
    for (size_t i = 0; i < f.n; i++)
        status = status_worst(status, f.list[i].status);
out:
    for (size_t i = 0; f.name && i < f.n; i++)
        free(f.name[i]);
    free(f.name);
    free(f.list);
    free(f.done);
    return finish(&f.out, status);
}
