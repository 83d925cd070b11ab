/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The application from inside: its state, and what app.c and app_go.c give each other. */
#ifndef QCHECK_UI_APP_STATE_H
#define QCHECK_UI_APP_STATE_H

#include "inspect/session.h"
#include "ui/app.h"
#include "ui/app_compare.h"
#include "ui/app_watch.h"
#include "ui/bookmarks.h"
#include "ui/frame.h"
#include "ui/guide.h"
#include "ui/history.h"
#include "ui/lookup.h"
#include "ui/prompt.h"
#include "ui/term.h"
#include "ui/tour.h"
#include "ui/view.h"
#include "ui/whatif.h"

#define TYPED_MAX 64        /* events kept for later */

/* The deep look; its thread owns what is not the frame's until the task has ended. */
struct deep_look {
    struct task *task;
    bool all;                           /* it looks at everything, not just for the map */
    bool stale;                         /* its outcome is not wanted any more */
    struct deep *deep;                  /* owned; of ui.scan */
    struct insight *insight;            /* owned; what a look at everything made of it */
    struct glance wish, glance;         /* what the map wants, and what was looked at last */
    const struct chain *chain;
    unsigned threads;
};

/* The figures of ui.scan; while the task runs they are its own. */
struct measuring_task {
    struct task *task;
    bool stale;                         /* its outcome is not wanted any more */
    const struct scan_result *scan;
    const struct chain *chain;
    bool incomplete;
    struct figures figures;
};

struct app {
    const struct image *img;            /* as it is: for threads, which may wait */
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
    struct session session;             /* of opt's image; ui.scan is its scan */
    bool older;                         /* session_forget() is due */
    struct image *shown;                /* owned: the image as views read it, who do not wait */
    struct source *nowait;              /* its source, owned; NULL: that of the image, which
                                           is memory */
    struct event queue[TYPED_MAX];      /* what came while a command waited for storage */
    int n_queue;
    bool presented;                     /* a frame has been */
    bool reading;                       /* ... and said that a command waits */
    bool given_up;                      /* the command was told to stop */
    struct lookup owner;                /* who has the guest data where the person stands */
    struct tenants tenants;             /* what is on the guest's disk */
    struct deep_look deep;
    struct measuring_task measuring;
    int pick_at;                        /* line of the list to pick from */
    struct bookmarks marks;
    struct guide guide;
    bool guided;                        /* it was made, or is not wanted */
    struct tour tour;                   /* its problems in the order of the file */
    uint64_t owned;                     /* host cluster that ui.owner is about, or is to be */
    bool stepping;                      /* n and N are for hits of the view in front */
    bool after_g;                       /* the prompt was opened with g, not with : */
    int64_t gg_ms;                      /* when "gg" was typed */
    struct place asked, lit;            /* at `lit` the view shows what tells about `asked`:
                                           another view shows that again */
    struct place gg_from;               /* ... and where */
    int64_t click_ms;
    int click_y, click_x;
    bool leave;
    int signo;
    struct watching watch;
    struct comparing compare;
    struct whatif what;                 /* the plan, and the image as it would be */
};

/* What the frame shows of all this. */
struct frame app_frame(const struct app *app);

/* Begins to scan for a session. */
bool app_scan_begin(struct app *app, struct session *s, const struct image *img);
/* Tells everyone that the scan, or the image, is another. */
void app_reloaded(struct app *app);

/* What a view waits for: a descriptor, or -1. */
int app_waiting_fd(const struct app *app, enum view_id view);

/* app_input.c */
void app_take_key(struct app *app, uint32_t key);
void app_take_click(struct app *app, const struct event *ev);
void app_take_wheel(struct app *app, const struct event *ev);

/* The last line, until the next key. */
void app_say(struct app *app, bool alarm, const char *text);

/* Puts a view in front at a place, without a trace in the history. */
void app_enter(struct app *app, enum view_id view, const struct place *place,
               size_t problem);
/* The same with one: Backspace returns. */
void app_go(struct app *app, enum view_id view, const struct place *to, size_t problem);
/* Where one stands, for a view that shows it anew: what was asked for, as long as nobody has
 * moved from what the view in front showed about it. */
struct place app_asked(const struct app *app);
/* Back along one history; the way forward again goes into the other. */
void app_go_back(struct app *app, struct history *from, struct history *to);
void app_show(struct app *app, enum view_id view);  /* another view of the same place */
void app_next_view(struct app *app, int dir);
void app_step_problem(struct app *app, int dir);

/* Hands an action to the view in front and carries out what it asks for. */
void app_view_act(struct app *app, enum action action, const struct act_arg *arg);

void app_view_ended(struct app *app);    /* what it waited for has ended */

/* Searches in the view in front for what was typed last. */
void app_search(struct app *app, int dir);
void app_ask_place(struct app *app, const char *text);  /* opens the go-to prompt */
void app_go_to_typed(struct app *app, const char *text);
void app_prompt_take(struct app *app, uint32_t key); /* a key while the prompt is open */
/* "g" "g" goes to the top, but "guest 1G" starts the same way when it is typed after g.
 * True when this key makes it the latter; the prompt is open again then. */
bool app_was_guest(struct app *app, uint32_t key);

/* app_layer.c: another layer's disk in all views, and what is on it. */
void app_next_layer(struct app *app);
void app_set_layer(struct app *app, uint32_t layer);
void app_poll_tenants(struct app *app);

/* app_deep.c */
void app_deep_poll(struct app *app);            /* before each frame */
void app_deep_glance(struct app *app);          /* ... after prepare(): carries out its wish */
void app_deep_ask(struct app *app);             /* D */
void app_deep_stop(struct app *app);
void app_deep_forget(struct app *app);          /* there is another scan */
void app_deep_free(struct app *app);
int app_deep_permille(const struct app *app);   /* -1: it does not go on */

/* app_figures.c */
void app_figures_poll(struct app *app);         /* before each frame */
void app_figures_stop(struct app *app);         /* keeps what is known */
void app_figures_forget(struct app *app);       /* there is another scan */
void app_figures_free(struct app *app);

/* app_guide.c: the tour. */
void app_guide_poll(struct app *app);
void app_guide_step(struct app *app, int dir);
/* Where the view is drawn: all between the frame and the words of the tour. */
struct area app_body(const struct app *app, const struct area *screen);

/* app_marks.c: bookmarks, and views as text. */
void app_mark_ask(struct app *app);
void app_mark_add(struct app *app, const char *note);
void app_mark_remove(struct app *app, size_t i);
void app_export(struct app *app);
void app_grid_line(const struct grid *g, int y, struct buf *out);   /* without blanks at its end */

/* app_pick.c: the command palette, and the list of bookmarks. */
void app_pick_open(struct app *app, enum prompt_kind kind);
bool app_picking(const struct app *app);
void app_pick_draw(const struct app *app, const struct area *body);
enum action app_pick_key(struct app *app, uint32_t key);        /* what was picked, or NONE */
/* Copies the address of the place, or the line under the cursor, as it is on the screen. */
void app_copy(struct app *app, bool line);

/* app_wait.c: the wait function of app->nowait. Draws, takes keys, and gives up at Esc, q
 * and signals. */
bool app_wait(void *arg, int fd);
/* An event that came meanwhile; false: there is none. */
bool app_queue_pop(struct app *app, struct event *out);

#endif
