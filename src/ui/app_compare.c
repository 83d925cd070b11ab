/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/app_compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/source_nowait.h"
#include "base/text.h"
#include "ui/app_state.h"
#include "ui/where.h"

/* --- what is compared --- */

static enum compare_kind kind_of(const struct app *app)
{
    const struct comparing *c = &app->compare;

    return app->what.now && app->what.opened ? COMPARE_PLAN
         : c->other.img ? COMPARE_IMAGES
         : app_watch_before(app) ? COMPARE_NEWS
         : c->layer_a != c->layer_b ? COMPARE_LAYERS : COMPARE_NOTHING;
}

/* A layer that is looked at is compared with the disk as it is now. */
static void follow_layer(struct app *app)
{
    struct comparing *c = &app->compare;
    uint32_t layer = app->ui.layer;

    if (c->other.img || layer == c->layer_a || layer == c->layer_b || layer == LAYER_ACTIVE)
        return;
    c->layer_a = layer;
    c->layer_b = LAYER_ACTIVE;
}

static const struct session *session_of(const struct app *app, enum compared_which side)
{
    bool other = (side == SIDE_A) != app->compare.swapped;

    switch (kind_of(app)) {
    case COMPARE_PLAN: return side == SIDE_A ? &app->session : &app->what.session;
    case COMPARE_IMAGES: return other ? &app->compare.other.session : &app->session;
    case COMPARE_NEWS: return side == SIDE_A ? &app_watch_before(app)->session : &app->session;
    default: return &app->session;
    }
}

static const struct image *image_of(const struct app *app, enum compared_which side)
{
    bool other = (side == SIDE_A) != app->compare.swapped;

    switch (kind_of(app)) {
    case COMPARE_PLAN: return side == SIDE_A ? app->shown : &app->what.now->shown;
    case COMPARE_IMAGES: return other ? app->compare.other.shown : app->shown;
    case COMPARE_NEWS: return side == SIDE_A ? app_watch_before(app)->shown : app->shown;
    default: return app->shown;
    }
}

static uint32_t layer_of(const struct app *app, enum compared_which side)
{
    if (kind_of(app) == COMPARE_PLAN || kind_of(app) == COMPARE_NEWS)
        return app->ui.layer;
    return side == SIDE_A ? app->compare.layer_a : app->compare.layer_b;
}

static enum compared_which shown(const struct app *app)
{
    switch (kind_of(app)) {
    case COMPARE_PLAN: return whatif_shown(app) ? SIDE_B : SIDE_A;
    case COMPARE_IMAGES: return app->compare.swapped ? SIDE_A : SIDE_B;
    case COMPARE_NEWS: return SIDE_B;
    default: return app->ui.layer == app->compare.layer_a ? SIDE_A : SIDE_B;
    }
}

static void name_of(const struct app *app, enum compared_which side, char out[SIDE_NAME])
{
    const struct image *img = image_of(app, side);
    const char *path = source_get_info(img->src).name, *slash = strrchr(path, '/');
    uint32_t layer = layer_of(app, side);
    struct buf text = BUF_INIT;

    if (kind_of(app) == COMPARE_PLAN) {
        buf_puts(&text, side == SIDE_A ? "as it is" : "under the plan");
    } else if (kind_of(app) == COMPARE_NEWS) {
        buf_puts(&text, side == SIDE_A ? "before the change" : "now");
    } else if (kind_of(app) == COMPARE_LAYERS) {
        where_layer(img, layer, &text);
    } else {
        path = slash && slash[1] ? slash + 1 : path;
        text_visible(&text, path, strlen(path));
        if (layer != LAYER_ACTIVE)
            buf_printf(&text, " [snapshot %" PRIu32 "]", layer);
    }
    snprintf(out, SIDE_NAME, "%.*s", SIDE_NAME - 1, buf_str(&text));
    buf_free(&text);
}

static struct difference_side side_of(const struct app *app, enum compared_which side)
{
    const struct session *s = session_of(app, side);

    return (struct difference_side){ s->scan, s->study, layer_of(app, side), false };
}

static bool is_ready(const struct difference_side *s)
{
    return s->scan && s->insight && !s->scan->partial;
}

static bool same_side(const struct difference_side *a, const struct difference_side *b)
{
    return a->scan == b->scan && a->insight == b->insight && a->layer == b->layer;
}

/* Is that the outcome for what is compared now? */
static bool is_of_now(const struct app *app, const struct compare_work *w)
{
    struct difference_side a = side_of(app, SIDE_A), b = side_of(app, SIDE_B);

    return w->a.scan && same_side(&w->a, &a) && same_side(&w->b, &b);
}

/* --- the thread --- */

static bool work(void *arg, struct task_run *run, struct error *err)
{
    struct compare_work *w = arg;

    if (!difference_find(&w->a, &w->b, &w->diff, err))
        return false;
    difference_text(&w->a, &w->b, &w->diff, 0, &w->text);
    return guest_map_build(w->a.scan, w->a.layer, &run->cancel, &w->guest_a, err)
        && guest_map_build(w->b.scan, w->b.layer, &run->cancel, &w->guest_b, err);
}

static void work_free(struct compare_work *w)
{
    difference_free(&w->diff);
    guest_map_free(w->guest_a);
    guest_map_free(w->guest_b);
    buf_free(&w->text);
    *w = (struct compare_work){ .text = BUF_INIT };
}

static void begin_work(struct app *app)
{
    struct comparing *c = &app->compare;
    struct error err;

    c->work = (struct compare_work){ .a = side_of(app, SIDE_A), .b = side_of(app, SIDE_B),
                                     .text = BUF_INIT };
    if (!task_start(work, &c->work, &c->task, &err)) {
        c->task = NULL;
        app_say(app, true, err.text);
    }
}

static void end_work(struct app *app)
{
    struct comparing *c = &app->compare;
    struct error err;
    bool ok = task_finish(c->task, &err);

    c->task = NULL;
    c->told.age++;
    work_free(&c->done);
    c->done = c->work;
    c->work = (struct compare_work){ .text = BUF_INIT };
    snprintf(c->failed, sizeof c->failed, "%s", ok ? "" : err.text);
}

bool app_compare_poll(struct app *app)
{
    struct comparing *c = &app->compare;
    bool news = c->task && task_ended(c->task);

    if (news)
        end_work(app);
    if (c->other.img && session_poll(&c->other.session))
        news = true;
    return news;
}

bool app_compare_busy(const struct app *app)
{
    return app->compare.task != NULL;
}

int app_compare_fds(const struct app *app, int fd[2])
{
    const struct comparing *c = &app->compare;
    int n = 0;

    if (c->task)
        fd[n++] = task_fd(c->task);
    if (c->other.img && session_fd(&c->other.session) >= 0)
        fd[n++] = session_fd(&c->other.session);
    return n;
}

/* --- what views know --- */

static const char *state_of(struct app *app)
{
    struct comparing *c = &app->compare;

    if (kind_of(app) == COMPARE_NEWS)
        return app->watch.diff.hosts ? NULL
             : "The file has clusters of another size now: the two are not compared";
    for (enum compared_which side = SIDE_A; side <= SIDE_B; side++) {
        const struct session *s = session_of(app, side);
        const char letter = side == SIDE_A ? 'A' : 'B';

        if (s->progress)
            snprintf(c->state, sizeof c->state, "%c is being scanned: %" PRIu64 "%%", letter,
                     u64_min(atomic_load(&s->progress->overall), 1000) / 10);
        else if (s->error.code != ERR_NONE)
            snprintf(c->state, sizeof c->state, "%c: %.180s", letter, s->error.text);
        else if (s->scan && s->scan->partial)
            snprintf(c->state, sizeof c->state, "%c was not scanned to its end; R scans it again",
                     letter);
        else if (!s->scan || !s->study)
            snprintf(c->state, sizeof c->state, "%c: there is no scan", letter);
        else
            continue;
        return c->state;
    }
    if (!is_of_now(app, &c->done))
        return "comparing\u2026";
    return *c->failed ? c->failed : NULL;
}

static void tell_side(const struct app *app, enum compared_which side, const char *name,
                      const struct guest_map *guest, struct compared_side *out)
{
    *out = (struct compared_side){ name, image_of(app, side), session_of(app, side)->scan, guest,
                                   layer_of(app, side),
                                   side == SIDE_A && kind_of(app) == COMPARE_NEWS };
}

void app_compare_tell(struct app *app)
{
    struct comparing *c = &app->compare;
    struct compared *t = &c->told;
    bool there, news;

    follow_layer(app);
    if (kind_of(app) == COMPARE_NOTHING) {
        app->ui.compared = NULL;
        return;
    }
    name_of(app, SIDE_A, c->name_a);
    name_of(app, SIDE_B, c->name_b);
    t->state = state_of(app);
    there = !t->state;
    if (there != (t->diff != NULL) || kind_of(app) != c->kind || app->watch.rounds != c->rounds)
        t->age++;
    c->kind = kind_of(app);
    c->rounds = app->watch.rounds;
    news = c->kind == COMPARE_NEWS;
    t->diff = !there ? NULL : news ? &app->watch.diff : &c->done.diff;
    t->text = !there ? "" : buf_str(news ? &app->watch.text : &c->done.text);
    t->images = kind_of(app) == COMPARE_IMAGES;
    t->shown = shown(app);
    tell_side(app, SIDE_A, c->name_a, there && !news ? c->done.guest_a : NULL, &t->a);
    tell_side(app, SIDE_B, c->name_b, there && !news ? c->done.guest_b : NULL, &t->b);
    app->ui.compared = t;
}

void app_compare_follow(struct app *app)
{
    struct difference_side a, b;

    app_compare_tell(app);
    if (!app->ui.compared || app->ui.compared->a.gone || app->view != VIEW_CHANGES
        || app->compare.task)
        return;
    a = side_of(app, SIDE_A);
    b = side_of(app, SIDE_B);
    if (is_ready(&a) && is_ready(&b) && !is_of_now(app, &app->compare.done))
        begin_work(app);
}

/* --- the side that is shown --- */

/* The other image takes the place of the one that is shown, in all views. */
static bool swap_images(struct app *app)
{
    struct comparing *c = &app->compare;
    struct other_image was = { app->img, app->shown, app->nowait, app->session, app->ui.disk };
    const char *why = draft_n(app->what.draft) || app->what.job
                          ? "Only B is shown while there is a plan for it"
                      : session_fd(&app->session) >= 0 || session_fd(&c->other.session) >= 0
                          ? "One moment: it is still being scanned" : NULL;

    if (why) {
        app_say(app, false, why);
        return false;
    }
    app->img = c->other.img;
    app->shown = c->other.shown;
    app->nowait = c->other.nowait;
    app->session = c->other.session;
    app->ui.disk = c->other.disk;
    c->other = was;
    c->swapped = !c->swapped;
    app->ui.layer = c->swapped ? c->layer_a : c->layer_b;
    app_reloaded(app);
    return true;
}

bool app_compare_show(struct app *app, enum compared_which side)
{
    char text[SIDE_NAME + 40];

    if (side == SIDE_SHOWN || side == shown(app))
        return true;
    switch (kind_of(app)) {
    case COMPARE_NOTHING:
        return false;
    case COMPARE_PLAN:
        app->what.before = side == SIDE_A;
        app_reloaded(app);
        break;
    case COMPARE_IMAGES:
        if (!swap_images(app))
            return false;
        break;
    case COMPARE_NEWS:
        app_say(app, false, "The file has changed since: only what is there now can be shown");
        return false;
    case COMPARE_LAYERS:
        app_set_layer(app, layer_of(app, side));
        break;
    }
    app_compare_tell(app);
    snprintf(text, sizeof text, "All views show %c: %s", side == SIDE_A ? 'A' : 'B',
             side == SIDE_A ? app->compare.name_a : app->compare.name_b);
    app_say(app, false, text);
    return true;
}

/* --- life --- */

bool app_compare_open(struct app *app, struct error *err)
{
    const struct ui_options *opt = app->opt;
    struct comparing *c = &app->compare;
    struct other_image *o = &c->other;

    c->work.text = c->done.text = (struct buf)BUF_INIT;
    c->layer_a = opt->layer_a;
    c->layer_b = opt->layer_b;
    if (!opt->other)
        return true;
    o->shown = calloc(1, sizeof *o->shown);
    if (!o->shown)
        return err_set(err, ERR_NOMEM, "out of memory");
    *o->shown = *opt->other;
    if (app->nowait) {
        if (!source_open_nowait(opt->other->src, app_wait, app, &o->nowait, err))
            return false;
        o->shown->src = o->nowait;
    }
    o->disk = opt->other_disk;
    o->img = opt->other;
    return true;
}

void app_compare_begin(struct app *app)
{
    struct other_image *o = &app->compare.other;

    if (o->img && !app_scan_begin(app, &o->session, o->img))
        app_say(app, true, o->session.error.text);
}

void app_compare_forget(struct app *app)
{
    if (!is_of_now(app, &app->compare.done))
        app->compare.done.a.scan = NULL;        /* another one may get its address */
    if (app->compare.other.img)
        session_forget(&app->compare.other.session);
}

void app_compare_close(struct app *app)
{
    struct comparing *c = &app->compare;

    if (c->task) {
        task_cancel(c->task);
        task_finish(c->task, NULL);
    }
    work_free(&c->work);
    work_free(&c->done);
    if (c->other.img)
        session_close(&c->other.session);
    source_close(c->other.nowait);
    free(c->other.shown);
    c->other = (struct other_image){ .img = NULL };
}
