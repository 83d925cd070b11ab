/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/app_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/source_nowait.h"
#include "inspect/newer.h"
#include "ui/app_state.h"

#define INTERVAL_MS 2000        /* from the end of one look to the next */

/* --- work on threads --- */

static bool look_work(void *arg, struct task_run *run, struct error *err)
{
    struct watch_look *l = arg;
    struct source *src;

    (void)run;
    return reopener_ask(l->reopener, &src, err)
        && newer_open(src, &l->how, &l->stamp, &l->img, err);
}

static bool compare_work(void *arg, struct task_run *run, struct error *err)
{
    struct watch_compare *c = arg;

    (void)run;
    if (!difference_find(&c->a, &c->b, &c->diff, err))
        return false;
    difference_text(&c->a, &c->b, &c->diff, 0, &c->text);
    return true;
}

/* --- one round: look, scan, compare, show --- */

/* The next look is due some time after this one has ended. */
static void rest(struct app *app)
{
    app->watch.looked_ms = app->term->ops->now_ms(app->term);
}

/* Said once; the older image stays. */
static void give_up_round(struct app *app, const struct error *err)
{
    struct watching *w = &app->watch;

    if (w->on && strcmp(w->failed, err->text) != 0)
        app_say(app, true, err->text);
    memcpy(w->failed, err->text, sizeof w->failed);
    rest(app);
}

/* What give_up_round said is not so any more. */
static void end_failure(struct app *app)
{
    if (app->watch.failed[0])
        app_say(app, false, "The image can be read again");
    app->watch.failed[0] = '\0';
}

static void drop_next(struct watching *w)
{
    if (!w->img)
        return;
    session_close(&w->session);
    image_close(w->img);
    w->img = NULL;
}

static void begin_look(struct app *app)
{
    struct watching *w = &app->watch;
    struct error err;

    w->look = (struct watch_look){ app->opt->reopener, app->opt->image, w->stamp, NULL };
    w->comparing = false;
    if (!task_start(look_work, &w->look, &w->task, &err)) {
        w->task = NULL;
        give_up_round(app, &err);
    }
}

static void begin_scan(struct app *app)
{
    struct watching *w = &app->watch;

    w->img = w->look.img;
    w->next_stamp = w->look.stamp;
    w->img->backing_there = app->img->backing_there;
    w->img->data_there = app->img->data_there;
    if (!app_scan_begin(app, &w->session, w->img)) {
        give_up_round(app, &w->session.error);
        drop_next(w);
    }
}

/* Two whole scans can be compared. */
static bool comparable(const struct session *a, const struct session *b)
{
    return a->scan && a->study && !a->scan->partial && b->study && !b->scan->partial;
}

static struct difference_side side_of(const struct session *s, bool gone)
{
    return (struct difference_side){ s->scan, s->study, LAYER_ACTIVE, gone };
}

/* What is newer becomes what is shown; what was shown is kept until nobody uses it. */
static bool show_next(struct app *app, bool differs)
{
    struct watching *w = &app->watch;
    struct watch_older *old = calloc(1, sizeof *old);
    struct image *shown = calloc(1, sizeof *shown);
    struct source *nowait = NULL;
    struct error err = { .code = ERR_NOMEM, .text = "out of memory" };

    if (!old || !shown || !source_open_nowait(w->img->src, app_wait, app, &nowait, &err)) {
        free(old);
        free(shown);
        give_up_round(app, &err);
        drop_next(w);
        return false;
    }
    *old = (struct watch_older){ app->session, w->own, app->shown, app->nowait, w->older };
    w->older = old;
    w->size_before = app->img->geo.file_size;
    w->differs = differs;
    w->rounds++;
    *shown = *w->img;
    shown->src = nowait;
    app->session = w->session;
    app->img = w->own = w->img;
    app->shown = shown;
    app->nowait = nowait;
    w->img = NULL;
    w->stamp = w->next_stamp;
    end_failure(app);
    rest(app);
    return true;
}

static bool end_scan(struct app *app)
{
    struct watching *w = &app->watch;
    struct error err;

    if (!w->session.scan) {
        w->stamp = w->next_stamp;       /* not again until it is another */
        give_up_round(app, &w->session.error);
        drop_next(w);
        return false;
    }
    if (!comparable(&app->session, &w->session))
        return show_next(app, false);
    w->compare = (struct watch_compare){ .a = side_of(&app->session, true),
                                         .b = side_of(&w->session, false), .text = BUF_INIT };
    w->comparing = true;
    if (task_start(compare_work, &w->compare, &w->task, &err))
        return false;
    w->task = NULL;
    return show_next(app, false);
}

/* May the image be exchanged now? */
static bool at_rest(const struct app *app)
{
    const struct whatif *x = &app->what;

    return session_fd(&app->session) < 0 && !x->job && !x->build && !x->naming.task && !draft_n(x->draft) &&
           !(app->deep.task && app->deep.all);
}

static bool end_task(struct app *app)
{
    struct watching *w = &app->watch;
    struct error err;
    bool ok = task_finish(w->task, &err);

    w->task = NULL;
    if (w->comparing) {
        difference_free(&w->diff);
        buf_free(&w->text);
        w->diff = w->compare.diff;
        w->text = w->compare.text;
        w->differs = false;
        if (w->on && at_rest(app))
            return show_next(app, ok);
        drop_next(w);
    } else if (!ok) {
        give_up_round(app, &err);
    } else if (!w->look.img) {
        end_failure(app);
        rest(app);
    } else if (w->on && at_rest(app)) {
        begin_scan(app);
    } else {
        image_close(w->look.img);
    }
    return false;
}

bool app_watch_poll(struct app *app)
{
    struct watching *w = &app->watch;

    if (w->task)
        return task_ended(w->task) && end_task(app);
    if (!w->img || !session_poll(&w->session))
        return false;
    if (w->on && at_rest(app))
        return end_scan(app);
    drop_next(w);
    return false;
}

/* --- on and off --- */

static void stop(struct app *app)
{
    struct watching *w = &app->watch;

    w->on = false;
    app->older = app->older || w->older;
    if (w->img)
        session_stop(&w->session);
}

static const char *refusal(struct app *app)
{
    struct source *src = app->opt->reopener ? app->img->src : NULL;

    if (source_get_info(app->img->src).kind == SOURCE_NBD)
        return "NBD servers do not tell of changes: only files and devices are watched";
    if (!src || !source_is_file(src))
        return "Only files and block devices are watched, as they are";
    if (draft_n(app->what.draft) || app->what.job)
        return "The image is not watched while there is a plan for it";
    return NULL;
}

void app_watch_turn(struct app *app)
{
    struct watching *w = &app->watch;
    const char *why = w->on ? NULL : refusal(app);

    if (why) {
        app_say(app, false, why);
    } else if (w->on) {
        stop(app);
        app_say(app, false, "Not watched any more");
    } else {
        w->on = true;
        w->differs = false;
        w->stamp = newer_stamp(app->img->src);
        w->looked_ms = app->term->ops->now_ms(app->term) - INTERVAL_MS;
        w->failed[0] = '\0';
        app_say(app, false, "Watching: scanned again when the file changes; 9 shows how, W ends "
                            "it");
    }
}

void app_watch_again(struct app *app)
{
    app->watch.stamp = NEWER_STAMP_NONE;
    app->watch.looked_ms -= INTERVAL_MS;
}

void app_watch_follow(struct app *app)
{
    struct watching *w = &app->watch;

    if (w->on && draft_n(app->what.draft)) {
        stop(app);
        app_say(app, false, "Not watched any more: the plan is for the image as it is");
    }
    if (w->on && !w->task && !w->img && at_rest(app) && app_watch_left(app) == 0)
        begin_look(app);
    app_watch_tell(app);
}

const struct watch_older *app_watch_before(const struct app *app)
{
    return app->watch.on && app->watch.differs ? app->watch.older : NULL;
}

void app_watch_tell(struct app *app)
{
    const struct watching *w = &app->watch;

    app->ui.watched = w->on;
    app->ui.news = app_watch_before(app) && !whatif_shown(app) ? &w->diff : NULL;
    app->ui.size_before = w->size_before;
}

int app_watch_left(const struct app *app)
{
    const struct watching *w = &app->watch;
    int64_t due = w->looked_ms + INTERVAL_MS - app->term->ops->now_ms(app->term);

    return !w->on ? -1 : due < 0 ? 0 : (int)due;
}

bool app_watch_compares(const struct app *app)
{
    return app->watch.task && app->watch.comparing;
}

int app_watch_fds(const struct app *app, int fd[2])
{
    const struct watching *w = &app->watch;
    int n = 0;

    if (w->task)
        fd[n++] = task_fd(w->task);
    if (w->img && session_fd(&w->session) >= 0)
        fd[n++] = session_fd(&w->session);
    return n;
}

/* --- the end of older ones --- */

static void free_older(struct watch_older **first)
{
    while (*first) {
        struct watch_older *old = *first;

        *first = old->older;
        session_close(&old->session);
        source_close(old->nowait);
        free(old->shown);
        image_close(old->img);
        free(old);
    }
}

void app_watch_forget(struct app *app)
{
    const struct whatif *x = &app->what;

    /* What the plan made lies over the image that it was made for, and comparing reads the
     * scan that is shown. */
    if (!x->now && !x->older && !x->build && !x->job)
        free_older(app_watch_before(app) ? &app->watch.older->older : &app->watch.older);
}

void app_watch_close(struct app *app)
{
    struct watching *w = &app->watch;

    w->on = false;
    if (w->task) {
        task_finish(w->task, NULL);
        if (w->comparing) {
            difference_free(&w->compare.diff);
            buf_free(&w->compare.text);
        } else {
            image_close(w->look.img);
        }
        w->task = NULL;
    }
    drop_next(w);
    difference_free(&w->diff);
    buf_free(&w->text);
    free_older(&w->older);
}

void app_watch_free(struct app *app)
{
    image_close(app->watch.own);
}
