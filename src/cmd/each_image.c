/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Several images, each in a process of its own: the sandbox of one does not keep the next
 * from being opened, and a fault in one does not end the others. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd_common.h"

static volatile sig_atomic_t told_to_end, at_work;

/* The process that does the work ends as it likes. */
static void pass_on(int number)
{
    told_to_end = number;
    if (at_work)
        kill((pid_t)at_work, number);
}

int run_apart(int (*work)(void *ctx), void *ctx, const char *name, struct out *out)
{
    struct error err = { .code = ERR_IO };
    int wait_status;
    pid_t child;

    at_work = 0;
    fflush(NULL);
    child = fork();
    if (child < 0) {
        /* Here the sandbox would keep the next image from being opened: not without it. */
        err_set_sys(&err, errno, "cannot start a process for this image");
        message_error(name, &err);
        return STATUS_FAILED;
    }
    if (child == 0)
        exit(finish(out, work(ctx)));
    at_work = child;
    while (waitpid(child, &wait_status, 0) < 0)
        if (errno != EINTR)
            return STATUS_FAILED;
    if (WIFEXITED(wait_status))
        return WEXITSTATUS(wait_status);
    snprintf(err.text, sizeof err.text, "ended by signal %d", WTERMSIG(wait_status));
    message_error(name, &err);
    return STATUS_FAILED;
}

struct sink_work {
    int (*work)(void *ctx, struct sink *sink);
    void *ctx;
    struct sink *sink;
};

static int do_sink_work(void *ctx)
{
    const struct sink_work *w = ctx;

    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    return w->work(w->ctx, w->sink);
}

int with_out_file(const struct settings *s, enum out_kind kind,
                  int (*work)(void *ctx, struct sink *sink), void *ctx, const char *name,
                  struct out *out)
{
    const struct sigaction pass = { .sa_handler = pass_on };
    struct sink_work w = { work, ctx, NULL };
    struct error err;
    bool made_here;
    int status;

    if (!s->out_file)
        return work(ctx, NULL);
    made_here = access(s->out_file, F_OK) != 0;
    if (!out_file_open(s, kind, s->out_file, name, &w.sink, &err)) {
        message_error(s->out_file, &err);
        return STATUS_FAILED;
    }
    sigaction(SIGINT, &pass, NULL);
    sigaction(SIGTERM, &pass, NULL);
    status = run_apart(do_sink_work, &w, name, out);
    if (status == STATUS_FAILED && made_here)
        unlink(s->out_file);
    sink_close(w.sink);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (told_to_end)
        raise(told_to_end);
    return status;
}

struct one_image {
    const struct settings *s;
    const char *name;
    image_fn *one;
    struct out *out;
};

static int do_one(void *ctx)
{
    const struct one_image *i = ctx;

    return i->one(i->s, i->name, i->out);
}

int status_worst(int a, int b)
{
    static const int rank[] = {
        [STATUS_CLEAN] = 0, [STATUS_LEAKS] = 1, [STATUS_OUTSIDE] = 2, [STATUS_FAILED] = 3,
        [STATUS_CORRUPT] = 4,
    };
    const int n = sizeof rank / sizeof rank[0];

    if (a < 0 || a >= n || b < 0 || b >= n)
        return STATUS_FAILED;
    return rank[a] >= rank[b] ? a : b;
}

int each_image(const struct settings *s, image_fn *one)
{
    struct out out = { stdout, 0 };
    struct buf name = BUF_INIT;
    struct one_image image;
    struct error err;
    int status = STATUS_CLEAN, n = image_count(s);

    for (int i = 0; i < n && out_ok(&out); i++) {
        if (!image_name(s, i, &name, &err)) {
            message("", err.text);
            status = STATUS_FAILED;
            break;
        }
        image = (struct one_image){ s, buf_str(&name), one, &out };
        status = status_worst(status, n == 1 ? do_one(&image)
                                             : run_apart(do_one, &image, image.name, &out));
    }
    buf_free(&name);
    return finish(&out, status);
}

int each_image_named(const struct command *cmd, int argc, char **argv, image_fn *one)
{
    struct settings s;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (image_count(&s) == 0)
        return usage_error(cmd, "which image?");
    return each_image(&s, one);
}
