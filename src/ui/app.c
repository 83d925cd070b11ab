/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/app.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "base/source_nowait.h"
#include "ui/app_state.h"
#include "ui/frame.h"
#include "ui/where.h"

#define REFRESH_MS      100     /* progress, only while something runs */
#define OWNER_REST_MS   30      /* the cursor rests so long before an owner is looked for */

/* --- the scan --- */

/* What views know of the plan, and of both sides of it. */
static void look_at_plan(struct app *app)
{
    const struct whatif *x = &app->what;
    struct ui *ui = &app->ui;
    bool after = x->now && x->opened;

    ui->draft = x->draft;
    ui->changes = &x->changes;
    ui->whatif = whatif_shown(app);
    ui->other = !x->now ? NULL : ui->whatif ? app->img : x->now->img;
    ui->plan_left = x->left;
    ui->plan_naming = x->naming.task ? x->naming.of : NULL;
    ui->before = app->session.scan;
    ui->before_causes = app->session.study;
    ui->after = after ? x->session.scan : NULL;
    ui->after_causes = after ? x->session.study : NULL;
    ui->plan_work = x->job ? (x->job->kind == PLAN_JOB_PROPOSE ? "planning\u2026"
                              : x->job->kind == PLAN_JOB_SAVE ? "saving\u2026"
                              : "loading\u2026")
        : *x->failed ? x->failed
        : x->build || x->built != draft_version(x->draft) ? "opening\u2026"
        : after && x->session.progress ? "scanning\u2026" : NULL;
    ui->progress = whatif_session(app)->progress;
}

/* Of all images that views read. */
static void set_nowait(struct app *app, enum nowait_mode mode)
{
    const struct compared *c = app->ui.compared;

    nowait_mode(app->ui.img->src, mode);
    if (c) {
        nowait_mode(c->a.img->src, mode);
        nowait_mode(c->b.img->src, mode);
    }
}

void app_reloaded(struct app *app)
{
    const struct session *s = whatif_session(app);

    app->ui.img = whatif_shown(app) ? &app->what.now->shown : app->shown;
    app->ui.scan = s->scan;
    app->ui.index = s->index;
    app->ui.insight = s->study;
    look_at_plan(app);
    app_watch_tell(app);
    app_compare_tell(app);
    set_nowait(app, NOWAIT_ASK);
    app->given_up = false;
    if (app->ui.layer > app->ui.img->snaps.n)
        app->ui.layer = LAYER_ACTIVE;
    app->ui.problem = NO_PROBLEM;
    app->owned = NO_ADDRESS;
    app->ui.owner.kind = PLACE_NONE;
    lookup_forget(&app->owner);
    tenants_forget(&app->tenants, app->ui.layer);
    app_deep_forget(app);
    app_figures_forget(app);
    tour_free(&app->tour);
    if (app->ui.scan)
        tour_init(&app->tour, &app->ui.scan->problems);
    for (int id = 0; id < N_VIEWS; id++)
        if (view_class((enum view_id)id)->reloaded)
            view_class((enum view_id)id)->reloaded(app->state[id], &app->ui);
    app->older = true;
}

static void *find_causes(const struct scan_result *scan, _Atomic bool *cancel,
                         const void *ctx)
{
    const struct insight_options look = { .cancel = cancel };
    struct insight *x;

    (void)ctx;
    return insight_find(scan, &look, &x, NULL) ? x : NULL;
}

static void free_causes(void *insight)
{
    insight_free(insight);
}

bool app_scan_begin(struct app *app, struct session *s, const struct image *img)
{
    static const struct session_study causes = { find_causes, free_causes, NULL };
    struct scan_options opt = { .threads = app->opt->threads,
                                .problems_kept = app->opt->problems_kept,
                                .memory_limit = app->opt->memory_limit };

    return session_open(s, img, &opt, &causes);
}

static void scan_start(struct app *app)
{
    if (!app_scan_begin(app, &app->session, app->img))
        app_say(app, true, app->session.error.text);
    app->ui.progress = app->session.progress;
    app_compare_begin(app);
}

static void poll_scan(struct app *app)
{
    bool news = session_poll(&app->session) && !whatif_shown(app);
    const struct session *s;

    news = whatif_poll(app) || news;
    news = app_watch_poll(app) || news;
    app_compare_poll(app);
    s = whatif_session(app);
    app->ui.progress = s->progress;
    if (!news)
        return;
    if (s->error.code != ERR_NONE)
        app_say(app, true, s->error.text);
    else if (s->scan && s->scan->partial)
        app_say(app, true, "The scan was stopped: what it found so far is shown. R scans again");
    app_reloaded(app);
}

int app_waiting_fd(const struct app *app, enum view_id id)
{
    const struct view_class *class = view_class(id);

    return class->waiting ? class->waiting(app->state[id]) : -1;
}

/* Is work under way that may use an older scan? */
static bool readable(int fd)
{
    struct pollfd one = { fd, POLLIN, 0 };

    return fd < 0 || poll(&one, 1, 0) == 1;
}

static void forget_older(struct app *app)
{
    bool idle = readable(lookup_fd(&app->owner)) && readable(tenants_fd(&app->tenants)) &&
                (!app->deep.task || task_ended(app->deep.task)) && !app->what.naming.task &&
                (!app->measuring.task || task_ended(app->measuring.task));

    for (int id = 0; id < N_VIEWS; id++)
        idle = idle && readable(app_waiting_fd(app, (enum view_id)id));
    if (!app->older || !idle || app_watch_compares(app) || app_compare_busy(app))
        return;
    session_forget(&app->session);
    whatif_forget(app);
    app_compare_forget(app);
    app_watch_forget(app);
    app->older = false;
}

struct frame app_frame(const struct app *app)
{
    return (struct frame){
        .ui = &app->ui, .view = app->view, .state = app->state[app->view],
        .prompt = &app->prompt, .message = app->message, .alarm = app->alarm,
        .deep = app_deep_permille(app),
        .stopping = whatif_shown(app) ? app->what.session.stopping : app->session.stopping,
        .scan_error = whatif_shown(app) ? &app->what.session.error : &app->session.error,
        .reading = nowait_missed(app->ui.img->src),
        .picking = app->what.picking ? app->what.edit.name : NULL,
    };
}

static void take_event(struct app *app, const struct event *ev)
{
    switch (ev->kind) {
    case EVENT_NONE:
    case EVENT_TICK:
        break;
    case EVENT_KEY:
        app_take_key(app, ev->key);
        break;
    case EVENT_CLICK:
        app_take_click(app, ev);
        break;
    case EVENT_WHEEL:
        app_take_wheel(app, ev);
        break;
    case EVENT_RESIZE:
        if (ev->y != app->grid.rows || ev->x != app->grid.cols)
            grid_resize(&app->grid, ev->y, ev->x);
        break;
    case EVENT_WAKE:
        poll_scan(app);
        if (view_class(app->view)->ended && app_waiting_fd(app, app->view) >= 0 &&
            readable(app_waiting_fd(app, app->view)))
            app_view_ended(app);
        break;
    case EVENT_END:
        if (ev->signo == SIGINT && app->prompt.kind != PROMPT_CLOSED) {
            app->prompt.kind = PROMPT_CLOSED;
            break;
        }
        app->leave = true;
        app->signo = ev->signo;
        break;
    }
}

/* --- life --- */

/* Whose guest data lies in a cluster: looked up on a thread, at once where it cannot take
 * long. */
static void look_for_owner(struct app *app, uint64_t cluster)
{
    struct ui *ui = &app->ui;
    struct lookup *l = &app->owner;

    if (cluster != app->owned) {
        struct lookup_wish wish = { { whatif_image(app), ui->scan, cluster, 1, 16, 1 },
                                    OWNER_REST_MS };

        ui->owner.kind = PLACE_NONE;
        app->owned = NO_ADDRESS;
        if (!where_owned(ui, cluster)) {
            lookup_forget(l);
            return;
        }
        app->owned = cluster;
        if (!app->nowait)
            wish.rest_ms = 0;
        lookup_want(l, &wish, !app->nowait);
    }
    lookup_poll(l);
    if (l->state == LOOKUP_DONE)
        where_owner(&l->found, &ui->owner);
}

/* Finds out what lies where the person stands. */
static void look_around(struct app *app)
{
    struct ui *ui = &app->ui;
    uint64_t cluster = NO_ADDRESS;

    site_at(ui->img, ui->scan, &ui->here, ui->here.file_off, &ui->site);
    if (ui->site.place.kind != PLACE_NONE || !where_cluster(ui, &ui->here, &cluster)) {
        ui->owner.kind = PLACE_NONE;
        app->owned = NO_ADDRESS;
        lookup_poll(&app->owner);
    } else {
        look_for_owner(app, cluster);
    }
}

static void draw_guide(const struct app *app, const struct area *screen, const struct area *body)
{
    struct area all = frame_body(screen);
    struct area box = area_part(&all, body->h, 0, -1, -1);

    guide_draw(&app->guide, &box);
}

static int missed_fd(const struct source *src)
{
    return nowait_missed(src) ? nowait_fd(src) : -1;
}

static void draw(struct app *app)
{
    const struct view_class *class;
    struct area screen = grid_area(&app->grid);
    struct area body;
    struct frame frame;

    set_nowait(app, NOWAIT_GLANCE);
    look_at_plan(app);
    app_guide_poll(app);
    class = view_class(app->view);
    body = app_body(app, &screen);
    look_around(app);
    app_poll_tenants(app);
    app_deep_poll(app);
    app_figures_poll(app);
    class->prepare(app->state[app->view], &app->ui, body.h, body.w);
    app_deep_glance(app);
    grid_erase(&app->grid);
    class->draw(app->state[app->view], &app->ui, &body);
    draw_guide(app, &screen, &body);
    app_pick_draw(app, &body);
    frame = app_frame(app);
    frame_draw(&frame, &screen);
    app->term->ops->present(app->term, &app->grid);
    app->presented = true;
}

/* Waits for the next event: of the terminal, or that work has ended which the frame or the
 * view in front waits for. */
static void next_event(struct app *app, struct event *ev)
{
    const struct compared *c = app->ui.compared;
    const int all[] = { session_fd(&app->session), app_waiting_fd(app, app->view),
                        lookup_fd(&app->owner), tenants_fd(&app->tenants),
                        app->deep.task ? task_fd(app->deep.task) : -1,
                        app->measuring.task ? task_fd(app->measuring.task) : -1,
                        missed_fd(app->ui.img->src),
                        c && c->shown != SIDE_A ? missed_fd(c->a.img->src) : -1,
                        c && c->shown != SIDE_B ? missed_fd(c->b.img->src) : -1 };
    int wake[WAKE_MAX];
    int n = whatif_fds(app, wake);
    int left = app_watch_left(app);

    if (app_queue_pop(app, ev))
        return;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] >= 0)
            wake[n++] = all[i];
    n += app_watch_fds(app, wake + n);
    n += app_compare_fds(app, wake + n);
    app->term->ops->next(app->term, wake, n, n ? REFRESH_MS : left, ev);
}

int app_run(struct app *app)
{
    scan_start(app);
    whatif_load(app);
    if (app->opt->start)
        app_go_to_typed(app, app->opt->start);
    app->term->ops->set_mouse(app->term, app->mouse);
    while (!app->leave) {
        struct event ev;

        whatif_follow(app);
        app_watch_follow(app);
        app_compare_follow(app);
        forget_older(app);
        draw(app);
        next_event(app, &ev);
        set_nowait(app, NOWAIT_ASK);
        app->given_up = false;
        take_event(app, &ev);
        if (app->given_up)
            app_say(app, false, "Stopped");
    }
    return app->signo;
}

bool app_new(const struct image *img, const struct ui_options *opt, struct terminal *term,
             struct app **out, struct error *err)
{
    struct app *app = calloc(1, sizeof *app);
    int rows;
    int cols;

    if (!app)
        return err_set(err, ERR_NOMEM, "out of memory");
    app->img = img;
    app->shown = calloc(1, sizeof *app->shown);
    if (!app->shown) {
        free(app);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    *app->shown = *img;
    if (source_get_info(img->src).kind != SOURCE_MEMORY) {
        if (!source_open_nowait(img->src, app_wait, app, &app->nowait, err)) {
            free(app->shown);
            free(app);
            return false;
        }
        app->shown->src = app->nowait;
    }
    nowait_mode(app->shown->src, NOWAIT_ASK);
    app->opt = opt;
    app->term = term;
    app->theme = opt->theme;
    app->mouse = !opt->no_mouse;
    app->ui.img = app->shown;
    app->owned = NO_ADDRESS;
    app->ui.problem = NO_PROBLEM;
    app->ui.search = app->search;
    app->ui.ascii = term->ascii;
    app->ui.colour = opt->theme != THEME_MONO && term->depth != DEPTH_MONO;
    app->ui.shades = app->ui.colour && depth_has_shades(term->depth);
    app->ui.disk = opt->disk;
    tenants_init(&app->tenants, opt->helper);
    app->ui.tenants = &app->tenants;
    app->ui.glance = &app->deep.wish;
    app->ui.threads = opt->threads;
    app->ui.keys = opt->keys;
    if (opt->bookmarks)
        bookmarks_read(&app->marks, opt->bookmarks);
    app->ui.numbers = opt->numbers;
    app->ui.here = (struct place){ .kind = PLACE_HEADER, .guest_off = NO_ADDRESS };
    term->ops->size(term, &rows, &cols);
    if (!whatif_open(app, NULL) || !app_compare_open(app, NULL))
        goto failed;
    look_at_plan(app);
    if (!grid_init(&app->grid, rows, cols, term->ascii))
        goto failed;
    where_complete(app->ui.img, &app->ui.here);
    for (int id = 0; id < N_VIEWS; id++)
        if (!view_class((enum view_id)id)->create(&app->ui, &app->state[id]))
            goto failed;
    app->ui.layer = opt->layer_b;
    app_compare_tell(app);
    app_enter(app, opt->changes ? VIEW_CHANGES : VIEW_OVERVIEW, &app->ui.here, NO_PROBLEM);
    *out = app;
    return true;
failed:
    app_free(app);
    return err_set(err, ERR_NOMEM, "out of memory");
}

void app_free(struct app *app)
{
    if (!app)
        return;
    lookup_free(&app->owner);
    tenants_free(&app->tenants);
    app_deep_free(app);
    app_figures_free(app);
    bookmarks_free(&app->marks);
    for (int id = 0; id < N_VIEWS; id++)
        if (app->state[id])
            view_class((enum view_id)id)->destroy(app->state[id]);
    /* Tasks of views read the scan until they are joined. */
    app_compare_close(app);
    whatif_close(app);
    app_watch_close(app);
    session_close(&app->session);
    source_close(app->nowait);
    free(app->shown);
    app_watch_free(app);
    tour_free(&app->tour);
    history_free(&app->back);
    history_free(&app->forward);
    grid_free(&app->grid);
    free(app);
}
