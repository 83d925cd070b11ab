/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The inspector on the real terminal, and how it is left. */
#include "config.h"

#include "ui/ui.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/sandbox.h"
#include "base/thread.h"
#include "ui/app.h"
#include "ui/app_state.h"
#include "ui/term.h"

#define LEAVE_MS        500L    /* for threads that read, at the end */

struct leaving {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool over;
    struct app *app;
};

static void *leave(void *arg)
{
    struct leaving *l = arg;

    app_free(l->app);
    pthread_mutex_lock(&l->lock);
    l->over = true;
    pthread_cond_signal(&l->done);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

/* Frees the application unless a thread of it still waits for storage after some time. */
static bool app_free_in_time(struct app *app)
{
    struct leaving *l = calloc(1, sizeof *l);
    struct timespec until;
    pthread_t thread;
    bool over;

    if (!l)
        return false;
    l->app = app;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->done, NULL);
    if (thread_start(&thread, leave, l) != 0)
        return false;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += LEAVE_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&l->lock);
    while (!l->over && pthread_cond_timedwait(&l->done, &l->lock, &until) == 0)
        continue;
    over = l->over;
    pthread_mutex_unlock(&l->lock);
    if (!over)
        return false;                   /* l belongs to the thread */
    pthread_join(thread, NULL);
    pthread_cond_destroy(&l->done);
    pthread_mutex_destroy(&l->lock);
    free(l);
    return true;
}

bool ui_run(const struct image *img, const struct ui_options *opt, struct ui_end *end,
            struct error *err)
{
    struct terminal *term;
    struct app *app = NULL;
    bool ok, bare;

    *end = (struct ui_end){ 0, false };
    if (!term_open(opt->ascii, opt->mono, opt->theme, opt->colours, &term, err))
        return false;
    bare = opt->sandbox && !sandbox_enter(NULL);
    ok = app_new(img, opt, term, &app, err);
    if (ok && bare)
        app_say(app, true, "No sandbox: the kernel offers neither Landlock nor seccomp");
    if (ok)
        end->signo = app_run(app);
    term->ops->close(term);
    if (ok) {
        source_interrupt(img->src);     /* reads under way must not delay the end */
        end->reading = !app_free_in_time(app);
    }
    return ok;
}
