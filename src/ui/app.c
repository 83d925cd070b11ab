#include "ui/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sandbox.h"
#include "scan/job.h"
#include "ui/frame.h"
#include "ui/history.h"
#include "ui/prompt.h"
#include "ui/tour.h"
#include "ui/view.h"
#include "ui/where.h"

#define REFRESH_MS      100     /* progress, only while something runs */
#define DOUBLE_CLICK_MS 400
#define GG_MS           1000    /* "gg" then "u": the person is typing "guest" after g */

struct app {
    struct ui ui;
    const struct ui_options *opt;
    struct terminal *term;
    struct grid grid;
    enum theme_id theme;
    bool mouse;
    enum view_id view;
    void *state[N_VIEWS];
    struct history back, forward;
    struct prompt prompt;
    char search[256];
    char message[sizeof ((struct error *)0)->text];
    bool alarm;
    struct job *job;                    /* NULL: no scan runs */
    bool stopping;
    struct scan_result *result;         /* owned; ui.scan is the same */
    struct error scan_error;
    struct tour tour;                   /* its problems in the order of the file */
    int64_t gg_ms;                      /* when "gg" was typed */
    struct place gg_from;               /* ... and where */
    int64_t click_ms;
    int click_y, click_x;
    bool leave;
    int signo;
};

static void say(struct app *app, bool alarm, const char *text)
{
    snprintf(app->message, sizeof app->message, "%s", text);
    app->alarm = alarm;
}

/* --- going from place to place --- */

/* Puts a view in front at a place, without a trace in the history. */
static void enter(struct app *app, enum view_id view, const struct place *place, size_t problem)
{
    if (!view_class(view))
        return;
    app->view = view;
    if (view != VIEW_HELP) {
        app->ui.front = view;
        app->ui.front_state = app->state[view];
    }
    app->ui.here = *place;
    app->ui.problem = problem;
    view_class(view)->show(app->state[view], &app->ui, place);
}

static struct stop current(const struct app *app)
{
    return (struct stop){ app->view, app->ui.here, app->ui.problem };
}

static void go(struct app *app, enum view_id view, const struct place *to, size_t problem)
{
    struct stop from = current(app);
    struct place place = *to;

    if (!view_class(view))
        view = VIEW_HEX;
    where_complete(app->ui.img, &place);
    if (from.view != view || !place_equal(&from.place, &place))
        history_push(&app->back, &from);
    history_clear(&app->forward);
    enter(app, view, &place, problem);
}

static void go_back(struct app *app, struct history *from, struct history *to)
{
    struct stop now = current(app);
    struct stop then;

    if (!history_pop(from, &then)) {
        say(app, false, from == &app->back ? "Nothing to go back to" : "Nothing ahead");
        return;
    }
    history_push(to, &now);
    enter(app, then.view, &then.place, then.problem);
}

static void carry_out(struct app *app, const struct request *req)
{
    if (*req->message)
        say(app, req->alarm, req->message);
    switch (req->kind) {
    case REQ_NONE:
        break;
    case REQ_MOVED:
        app->ui.here = req->place;
        where_complete(app->ui.img, &app->ui.here);
        break;
    case REQ_GO:
        go(app, req->view < N_VIEWS ? req->view : where_best_view(&req->place, app->view),
           &req->place, req->problem);
        break;
    case REQ_VIEW:
        go(app, req->view, &app->ui.here, app->ui.problem);
        break;
    case REQ_BACK:
        go_back(app, &app->back, &app->forward);
        break;
    }
}

static void view_act(struct app *app, enum action action, const struct act_arg *arg)
{
    struct request req = { .kind = REQ_NONE, .problem = NO_PROBLEM };

    view_class(app->view)->act(app->state[app->view], &app->ui, action, arg, &req);
    carry_out(app, &req);
}

static void step_problem(struct app *app, int dir)
{
    const struct problem *p;
    struct buf text = BUF_INIT;
    size_t at;
    size_t index;

    if (!app->result || !app->tour.order || app->result->problems.n == 0) {
        say(app, false, app->job ? "Problems are known when the scan has ended"
                                 : "No problems were found");
        return;
    }
    at = tour_step(&app->tour, &app->ui.here, app->ui.problem, dir);
    index = app->tour.order[at];
    p = &app->result->problems.list[index];
    buf_printf(&text, "%zu of %zu: ", at + 1, app->result->problems.n);
    problem_text(p, app->ui.img, &text);
    go(app, app->view == VIEW_PROBLEMS ? VIEW_PROBLEMS : where_best_view(&p->place, app->view),
       &p->place, index);
    app->ui.here = p->place;
    say(app, false, buf_str(&text));
    buf_free(&text);
}

/* --- the scan --- */

static void scan_start(struct app *app)
{
    struct scan_options opt = { .threads = app->opt->threads,
                                .problems_kept = app->opt->problems_kept };

    if (job_start(app->ui.img, &opt, &app->job, &app->scan_error))
        app->ui.progress = job_progress(app->job);
    else
        say(app, true, app->scan_error.text);
}

static void scan_ended(struct app *app)
{
    app->result = job_take(app->job, &app->scan_error);
    job_free(app->job);
    app->job = NULL;
    app->ui.progress = NULL;
    if (!app->result) {
        say(app, true, app->scan_error.text);
        return;
    }
    app->scan_error.code = ERR_NONE;
    app->ui.scan = app->result;
    tour_init(&app->tour, &app->result->problems);
    if (app->result->partial)
        say(app, true, "The scan was stopped: what it found so far is shown");
    for (int id = 0; id < N_VIEWS; id++)
        if (view_class((enum view_id)id) && view_class((enum view_id)id)->scanned)
            view_class((enum view_id)id)->scanned(app->state[id], &app->ui);
}

/* What the view in front waits for: a descriptor, or -1. */
static int waiting_fd(const struct app *app)
{
    const struct view_class *class = view_class(app->view);

    return class->waiting ? class->waiting(app->state[app->view]) : -1;
}

static void scan_stop(struct app *app)
{
    if (!app->job || app->stopping)
        return;
    app->stopping = true;
    job_cancel(app->job);
}

/* --- prompts --- */

static void go_to_typed(struct app *app, const char *text)
{
    struct error err;
    struct place place;

    if (!*text)
        return;
    if (!place_parse(app->ui.img, text, &place, &err))
        say(app, true, err.text);
    else
        go(app, where_best_view(&place, app->view), &place, NO_PROBLEM);
}

static void search(struct app *app, int dir)
{
    struct request req = { .kind = REQ_NONE, .problem = NO_PROBLEM };
    const struct view_class *class = view_class(app->view);

    if (!class->search || !*app->search)
        return;
    class->search(app->state[app->view], &app->ui, app->search, dir, &req);
    carry_out(app, &req);
}

static void prompt_take(struct app *app, uint32_t key)
{
    enum prompt_kind kind = app->prompt.kind;

    if (kind == PROMPT_GOTO && key == 'g' && app->prompt.len == 0) {
        app->prompt.kind = PROMPT_CLOSED;
        app->gg_ms = app->term->ops->now_ms(app->term);
        app->gg_from = app->ui.here;
        view_act(app, ACT_TOP, &(struct act_arg){ 0, 0, 1 });
        return;
    }
    if (prompt_key(&app->prompt, key) != PROMPT_ENTERED)
        return;
    if (kind == PROMPT_GOTO) {
        go_to_typed(app, app->prompt.text);
    } else {
        if (*app->prompt.text)
            snprintf(app->search, sizeof app->search, "%s", app->prompt.text);
        search(app, 1);
    }
}

/* "g" "g" goes to the top, but "guest 1G" starts the same way when it is typed after g. */
static bool was_guest(struct app *app, uint32_t key)
{
    bool soon = app->gg_ms && app->term->ops->now_ms(app->term) - app->gg_ms < GG_MS;
    char text[3] = { 'g', (char)key, '\0' };

    app->gg_ms = 0;
    if (!soon || (key != 'u' && !(key >= '0' && key <= '9')))
        return false;
    enter(app, app->view, &app->gg_from, app->ui.problem);
    prompt_open(&app->prompt, PROMPT_GOTO, text);
    return true;
}

/* --- actions --- */

static void next_view(struct app *app, int dir)
{
    int id = app->view < N_NUMBERED_VIEWS ? (int)app->view : 0;

    do
        id = (id + dir + N_NUMBERED_VIEWS) % N_NUMBERED_VIEWS;
    while (!view_class((enum view_id)id));
    go(app, (enum view_id)id, &app->ui.here, app->ui.problem);
}

static void act(struct app *app, enum action action, const struct act_arg *arg)
{
    switch (action) {
    case ACT_NONE:
        break;
    case ACT_QUIT:
        app->leave = true;
        break;
    case ACT_BACK:
        go_back(app, &app->back, &app->forward);
        break;
    case ACT_FORWARD:
        go_back(app, &app->forward, &app->back);
        break;
    case ACT_GOTO:
        prompt_open(&app->prompt, PROMPT_GOTO, "");
        break;
    case ACT_SEARCH:
        if (view_class(app->view)->search)
            prompt_open(&app->prompt, PROMPT_SEARCH, "");
        else
            say(app, false, "There is nothing to search in this view");
        break;
    case ACT_SEARCH_AGAIN:
        search(app, -1);
        break;
    case ACT_NEXT_PROBLEM:
        step_problem(app, 1);
        break;
    case ACT_PREV_PROBLEM:
        step_problem(app, -1);
        break;
    case ACT_STOP:
        if (waiting_fd(app) >= 0)
            view_act(app, action, arg);
        else
            scan_stop(app);
        break;
    case ACT_MOUSE:
        app->mouse = !app->mouse;
        app->term->ops->set_mouse(app->term, app->mouse);
        say(app, false, app->mouse ? "Mouse on" : "Mouse off: the terminal selects text");
        break;
    case ACT_REDRAW:
        app->term->ops->repaint(app->term);
        break;
    case ACT_THEME:
        app->theme = (enum theme_id)((app->theme + 1) % N_THEMES);
        app->ui.colour = app->theme != THEME_MONO && app->term->depth != DEPTH_MONO;
        app->term->ops->set_theme(app->term, app->theme);
        snprintf(app->message, sizeof app->message, "Theme: %s", theme_name(app->theme));
        break;
    case ACT_VIEW_1: case ACT_VIEW_2: case ACT_VIEW_3:
    case ACT_VIEW_4: case ACT_VIEW_5: case ACT_VIEW_6:
        if (app->view != (enum view_id)(action - ACT_VIEW_1))
            go(app, (enum view_id)(action - ACT_VIEW_1), &app->ui.here, app->ui.problem);
        break;
    case ACT_NEXT_VIEW:
        next_view(app, 1);
        break;
    case ACT_PREV_VIEW:
        next_view(app, -1);
        break;
    case ACT_HELP:
        go(app, VIEW_HELP, &app->ui.here, app->ui.problem);
        break;
    case ACT_HEX_HERE:
        go(app, VIEW_HEX, &app->ui.here, app->ui.problem);
        break;
    case ACT_REFERRERS:
        go(app, VIEW_REFERRERS, &app->ui.here, app->ui.problem);
        break;
    default:
        view_act(app, action, arg);
    }
}

static void take_key(struct app *app, uint32_t key)
{
    struct act_arg arg = { 0, 0, 1 };

    app->message[0] = '\0';
    app->alarm = false;
    if (app->prompt.kind != PROMPT_CLOSED)
        prompt_take(app, key);
    else if (!was_guest(app, key))
        act(app, key_action(app->view, key), &arg);
}

static struct frame frame_of(const struct app *app)
{
    return (struct frame){
        .ui = &app->ui, .view = app->view, .state = app->state[app->view],
        .prompt = &app->prompt, .message = app->message, .alarm = app->alarm,
        .stopping = app->stopping, .scan_error = &app->scan_error,
    };
}

static void take_click(struct app *app, const struct event *ev)
{
    struct area screen = grid_area(&app->grid);
    struct area body = frame_body(&screen);
    struct frame frame = frame_of(app);
    enum view_id tab = frame_tab_at(&frame, &screen, ev->y, ev->x);
    int64_t now = app->term->ops->now_ms(app->term);
    struct act_arg arg = { ev->y - body.y, ev->x - body.x, ev->count };

    app->message[0] = '\0';
    app->prompt.kind = PROMPT_CLOSED;
    if (ev->y == app->click_y && ev->x == app->click_x &&
        now - app->click_ms < DOUBLE_CLICK_MS)
        arg.count = 2;
    app->click_ms = arg.count == 2 ? 0 : now;
    app->click_y = ev->y;
    app->click_x = ev->x;
    if (tab != N_VIEWS && tab != app->view)
        go(app, tab, &app->ui.here, app->ui.problem);
    else if (arg.y >= 0 && arg.y < body.h && arg.x >= 0 && arg.x < body.w)
        view_act(app, ACT_CLICK, &arg);
}

static void take_event(struct app *app, const struct event *ev)
{
    struct act_arg arg = { ev->y, ev->x, abs(ev->count) };

    switch (ev->kind) {
    case EVENT_NONE:
    case EVENT_TICK:
        break;
    case EVENT_KEY:
        take_key(app, ev->key);
        break;
    case EVENT_CLICK:
        take_click(app, ev);
        break;
    case EVENT_WHEEL:
        view_act(app, ev->count < 0 ? ACT_SCROLL_UP : ACT_SCROLL_DOWN, &arg);
        break;
    case EVENT_RESIZE:
        if (ev->y != app->grid.rows || ev->x != app->grid.cols)
            grid_resize(&app->grid, ev->y, ev->x);
        break;
    case EVENT_WAKE:
        if (app->job && job_ended(app->job))
            scan_ended(app);
        break;
    case EVENT_END:
        app->leave = true;
        app->signo = ev->signo;
        break;
    }
}

/* --- life --- */

static void draw(struct app *app)
{
    const struct view_class *class = view_class(app->view);
    struct area screen = grid_area(&app->grid);
    struct area body = frame_body(&screen);
    struct frame frame = frame_of(app);

    site_at(app->ui.img, app->ui.scan, &app->ui.here, app->ui.here.file_off, &app->ui.site);
    class->prepare(app->state[app->view], &app->ui, body.h, body.w);
    grid_erase(&app->grid);
    class->draw(app->state[app->view], &app->ui, &body);
    frame_draw(&frame, &screen);
    app->term->ops->present(app->term, &app->grid);
}

int app_run(struct app *app)
{
    scan_start(app);
    if (app->opt->start)
        go_to_typed(app, app->opt->start);
    app->term->ops->set_mouse(app->term, app->mouse);
    while (!app->leave) {
        struct event ev;
        int fd;

        draw(app);
        fd = app->job ? job_fd(app->job) : waiting_fd(app);
        app->term->ops->next(app->term, fd, fd >= 0 ? REFRESH_MS : -1, &ev);
        take_event(app, &ev);
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
    app->opt = opt;
    app->term = term;
    app->theme = opt->theme;
    app->mouse = !opt->no_mouse;
    app->ui.img = img;
    app->ui.problem = NO_PROBLEM;
    app->ui.search = app->search;
    app->ui.ascii = term->ascii;
    app->ui.colour = opt->theme != THEME_MONO && term->depth != DEPTH_MONO;
    app->ui.threads = opt->threads;
    app->ui.here = (struct place){ .kind = PLACE_HEADER, .guest_off = NO_ADDRESS };
    where_complete(img, &app->ui.here);
    term->ops->size(term, &rows, &cols);
    if (!grid_init(&app->grid, rows, cols, term->ascii))
        goto failed;
    for (int id = 0; id < N_VIEWS; id++)
        if (view_class((enum view_id)id) &&
            !view_class((enum view_id)id)->create(&app->ui, &app->state[id]))
            goto failed;
    for (app->view = VIEW_OVERVIEW; !view_class(app->view);)
        app->view++;
    enter(app, app->view, &app->ui.here, NO_PROBLEM);
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
    job_free(app->job);
    for (int id = 0; id < N_VIEWS; id++)
        if (view_class((enum view_id)id) && app->state[id])
            view_class((enum view_id)id)->destroy(app->state[id]);
    scan_free(app->result);
    tour_free(&app->tour);
    history_free(&app->back);
    history_free(&app->forward);
    grid_free(&app->grid);
    free(app);
}

bool ui_run(const struct image *img, const struct ui_options *opt, int *signo,
            struct error *err)
{
    struct terminal *term;
    struct app *app;
    bool ok;

    if (!term_open(opt->ascii, opt->mono, opt->theme, &term, err))
        return false;
    if (opt->sandbox)
        sandbox_enter(NULL);
    ok = app_new(img, opt, term, &app, err);
    if (ok) {
        *signo = app_run(app);
        app_free(app);
    }
    term->ops->close(term);
    return ok;
}
