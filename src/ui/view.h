/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a view is. They are listed in keys.h; each lives in a file of its own,
 * view_NAME.c, and exports one `const struct view_class`.
 *
 * The life of a frame:
 *
 *   1. An event comes. The frame (app.c) turns it into an action through the key table
 *      and handles its own ones (quit, back, go to, view 1-7, next problem ...). Any
 *      other goes to act() of the view shown, which changes the view's state and may ask
 *      for something in *req.
 *   2. prepare() is told the size of its area and may read from the image: bounded, about
 *      as much as the screen shows. It keeps what it read, and the error when reading
 *      failed, in its state. What the storage does not give at once fails with EAGAIN
 *      (base/source_nowait.h): then prepare() is called again when it has come, so a view
 *      must not keep such a failure. Reads in act(), show() and reloaded() take as long as
 *      they take; the frame goes on meanwhile, and Esc makes them fail.
 *   3. draw() draws from that state. The state is const, it reads nothing, it cannot
 *      fail. The area is erased before. It should set the real cursor on the focused
 *      item.
 *
 * The place where one stands, ui->here, is shared by all views and shown in the place
 * line. When a view comes to the front, or somebody jumps, show() is called with that
 * place: the view puts its cursor there, or as near as it can. When the cursor of a view
 * moves, act() reports the new place with REQ_MOVED. After show() and act() the frame asks
 * lit() where the cursor is: keys always mean what is lit.
 *
 * A scan may be running: ui->scan is NULL then, ui->progress has a preview, and
 * everything must work all the same. When ui->scan or ui->img has changed, reloaded() is
 * called; what a view knows of the older ones stays valid while it waits for a task. Sizes may
 * be anything from 1x1, in any order. Text from the
 * image is drawn with draw_bytes, everything else with draw_text; neither needs care
 * about clipping.
 *
 * All callbacks run on one thread. Pointers in struct ui stay valid while the view
 * exists, except that `scan`, `index` and `progress` change between calls. */
#ifndef QCHECK_UI_VIEW_H
#define QCHECK_UI_VIEW_H

#include "base/buf.h"
#include "base/error.h"
#include "disk/chain.h"
#include "insight/cause.h"
#include "insight/deep.h"
#include "insight/difference.h"
#include "insight/figures.h"
#include "inspect/problem_index.h"
#include "inspect/site.h"
#include "inspect/table.h"
#include "plan/draft.h"
#include "qcow2/image.h"
#include "scan/scan.h"
#include "ui/compared.h"
#include "ui/grid.h"
#include "ui/keys.h"
#include "ui/number.h"
#include "ui/tenants.h"

#define NO_PROBLEM SIZE_MAX

/* A wish to know what n clusters look like, from `first` on and `step` apart. */
struct glance { bool wanted; uint64_t first, step, n; };

/* What views may know of the rest: read only. */
struct ui {
    const struct image *img;
    const struct scan_result *scan;         /* NULL until the scan has ended */
    const struct problem_index *index;      /* of its problems; NULL without memory, too */
    const struct insight *insight;          /* the causes; NULL where scan is, or memory
                                               ran out */
    const struct scan_progress *progress;   /* of the running scan, else NULL */
    struct disk_options disk;               /* for disk_open(): what of the chain is open,
                                               and the key */
    uint32_t layer;                         /* whose disk is shown: LAYER_ACTIVE, or number
                                               of a snapshot + 1 */
    const struct deep *deep;                /* what clusters look like, as far as somebody
                                               has looked; NULL: no scan yet */
    const struct figures *figures;          /* NULL: no scan yet, or they are being counted */
    unsigned deep_age;                      /* counts changes of that */
    struct glance *glance;                  /* prepare() may wish that some be looked at */
    const struct tenants *tenants;          /* what is on the disk of that layer */
    struct place here;                      /* where the person stands; completed */
    struct site site;                       /* the entry or field at here.file_off */
    struct place owner;                     /* guest data at here: the L2 entry whose it
                                               is, where known; else kind NONE */
    size_t problem;                         /* index in scan->problems.list of the problem
                                               last jumped to, or NO_PROBLEM */
    size_t cause;                           /* while a view is shown: the cause that this
                                               is about, a number of insight->list from 1;
                                               else 0 */
    const struct keymap *keys;              /* a person's own; NULL: none */
    enum number_style numbers;              /* that views begin with */
    const char *search;                     /* last search text, "" at first */
    bool ascii;                             /* no block characters */
    bool colour;                            /* false: mono; glyphs must tell everything */
    bool shades;                            /* colours enough for paler cells (grid.h) */
    unsigned threads;                       /* for walks; 0: as many as cores */
    const struct draft *draft;              /* the plan in the making */
    const struct patches *changes;          /* ... its bytes, flattened; may be none */
    const struct image *other;              /* the other side of the plan, for threads: the
                                               image as it is, or as it would be; NULL: none */
    bool whatif;                            /* img and scan are of the image as it would be */
    const char *plan_work;                  /* what goes on for the plan; NULL: nothing */
    const struct plan_step *plan_naming;    /* whose losses are looked for; NULL: none */
    const char *plan_left;                  /* what was left as it is, and why; "": nothing */
    const struct scan_result *before, *after;   /* scans of the image as it is, and as it
                                               would be; NULL: none yet */
    const struct insight *before_causes, *after_causes;     /* their causes, or NULL */
    bool watched;                           /* the file is looked at again and again */
    const struct difference *news;          /* from the scan before to this one, while it is
                                               watched; NULL: nothing to compare */
    uint64_t size_before;                   /* bytes of the file at that scan */
    const struct compared *compared;        /* two sides, in the view of changes; NULL: there
                                               is nothing to compare with */
    enum view_id front;                     /* view shown last that was not help */
    const void *front_state;                /* its state, for its teach() */
};

static inline struct known ui_known(const struct ui *ui)
{
    return (struct known){ ui->img, ui->scan, ui->index };
}

/* What act() asks the frame for. */
enum request_kind {
    REQ_NONE,           /* handled, or the action means nothing here */
    REQ_MOVED,          /* place: the cursor stands there now; no entry in the history */
    REQ_GO,             /* place, view: go there, Backspace returns. view N_VIEWS: the
                           view that shows this place best */
    REQ_VIEW,           /* view: show that one, at the same place; Backspace returns */
    REQ_BACK,           /* as Backspace */
    REQ_LAYER,          /* layer: show the disk of that one in all views */
    REQ_PROPOSE,        /* goal: plan it */
    REQ_STEP,           /* step, change: of the plan */
};

enum step_change { STEP_TOGGLE, STEP_REMOVE, STEP_UP, STEP_DOWN };

struct request {
    enum request_kind kind;
    struct place place;
    enum view_id view;
    size_t problem;         /* REQ_GO: which problem this is about, or NO_PROBLEM */
    size_t cause;           /* REQ_GO: as ui->cause */
    bool inside;            /* REQ_GO: a cluster: to what begins there, else to its bytes */
    enum compared_which side;   /* REQ_GO: which image of a comparison it is in */
    uint32_t layer;         /* REQ_LAYER */
    const char *goal;       /* REQ_PROPOSE: a name that stays */
    size_t step;            /* REQ_STEP */
    enum step_change change;
    bool alarm;             /* the message is about something that went wrong */
    char message[300];      /* shown in the last line until the next key; "": none */
};

/* Fills in: kind REQ_MOVED / REQ_GO, with the place completed from the image. */
void request_moved(struct request *req, const struct place *place);
void request_go(struct request *req, const struct place *place, enum view_id view);
void request_message(struct request *req, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Beside the action: where the mouse is (ACT_CLICK and ACT_SCROLL_*: relative to the area
 * of the view), count 2 for a double click, lines for ACT_SCROLL_*. */
struct act_arg { int y, x, count; };

/* How the place under a view's cursor relates to ui->here. */
enum lit {
    LIT_HERE,               /* it is that, or holds it */
    LIT_ABOUT,              /* it is another, which tells about it (the entry of its data) */
    LIT_OTHER,              /* the view cannot show that place, and stands elsewhere */
};

struct view_class {
    const char *name;       /* on the tab: "Map" */
    const char *brief;      /* ... where there is little room; NULL: the same */
    const char *title;      /* in help: "Map of the file" */

    /* New state, zero places; false when memory runs out. Called once, at the start. */
    bool (*create)(const struct ui *ui, void **state);
    void (*destroy)(void *state);

    void (*show)(void *state, const struct ui *ui, const struct place *place);
    /* What is under the cursor, after show() or act(): if not LIT_HERE, *out becomes the
     * place where one stands. NULL: always LIT_HERE. */
    enum lit (*lit)(const void *state, const struct ui *ui, struct place *out);
    /* There is another ui->scan (NULL: none) or ui->img: drop what was made from the old
     * one, and cancel tasks that use it, without waiting for them. May be NULL. */
    void (*reloaded)(void *state, const struct ui *ui);
    /* There is another ui->layer; show() follows with a place of it, where there is one. May be
     * NULL. */
    void (*relayered)(void *state, const struct ui *ui);
    void (*prepare)(void *state, const struct ui *ui, int rows, int cols);
    void (*draw)(const void *state, const struct ui *ui, const struct area *a);
    void (*act)(void *state, const struct ui *ui, enum action action,
                const struct act_arg *arg, struct request *req);
    /* Finds `text` (not empty) after the cursor, dir > 0, or before it, wrapping round;
     * the outcome goes into *req as in act(). NULL: this view has no search. */
    void (*search)(void *state, const struct ui *ui, const char *text, int dir,
                   struct request *req);
    bool steps;             /* n and N step through what it finds, while it is in front */
    const char *sought;     /* examples of what it finds, for the prompt; with search */
    /* The second page of help: what is shown here, why it exists in the format and how it
     * is laid out, with the numbers of this image worked through. Paragraphs separated by
     * empty lines; a line that starts with two blanks is not filled. May be NULL. */
    void (*teach)(const void *state, const struct ui *ui, struct buf *out);
    /* Descriptor that becomes readable when work on a thread that this view has started
     * ends (ui/task.h); -1: none goes on. While it does and the view is in front, the
     * frame draws now and then, and Esc comes to act() as ACT_STOP. The next prepare()
     * after the end must take the outcome. May be NULL. */
    int (*waiting)(const void *state);
    /* That work has ended, and the view is in front: takes its outcome, as act(). May be
     * NULL: prepare() does. */
    void (*ended)(void *state, const struct ui *ui, struct request *req);
    /* Does this action do nothing as things are? Then its key is not hinted at. May be NULL. */
    bool (*idle)(const void *state, const struct ui *ui, enum action action);
    /* Words for the right of the place line ("16 clusters a cell"). May be NULL. */
    void (*status)(const void *state, const struct ui *ui, struct buf *out);
};

extern const struct view_class view_overview, view_map, view_problems, view_tables,
    view_header, view_hex, view_disk, view_plan, view_changes, view_referrers, view_help;

/* The class of a view (id < N_VIEWS). */
const struct view_class *view_class(enum view_id id);

#endif
