/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What if: a plan in the making and the image as it would be. Chosen steps are laid over the
 * image on a thread, the outcome is opened there and scanned by a session of its own, so that
 * before and after are both at hand. Planning, reading and saving plans are work for a thread
 * as well. The image itself is never written to. */
#ifndef QCHECK_UI_WHATIF_H
#define QCHECK_UI_WHATIF_H

#include "base/scribe.h"
#include "base/task.h"
#include "inspect/session.h"
#include "plan/draft.h"
#include "plan/edit_at.h"
#include "plan/owners.h"
#include "plan/propose.h"

struct app;

/* One outcome of the plan. */
struct whatif_image {
    struct source *below;           /* borrowed: the image as it is */
    struct image_options how;
    struct patches patches;         /* owned; laid over it */
    struct image *img;              /* owned; for threads */
    struct source *nowait;          /* owned; NULL: the image is memory */
    struct image shown;             /* as views read it */
    struct whatif_image *older;
};

enum plan_job_kind { PLAN_JOB_LOAD, PLAN_JOB_SAVE, PLAN_JOB_PROPOSE };

struct plan_job {
    enum plan_job_kind kind;
    struct source *image;           /* borrowed */
    struct source *file;            /* LOAD: the plan, borrowed */
    const struct scribe *scribe;    /* SAVE */
    struct plan plan;               /* LOAD: owned; SAVE: borrows its steps */
    struct buf name;                /* SAVE: what was written */
    struct proposal *proposal;      /* PROPOSE: owned */
};

/* What one step does to the guest's disk. */
struct plan_naming {
    struct task *task;              /* NULL: none is looked at; the rest is its own */
    const struct plan_step *of;     /* borrowed: step of the draft */
    bool by_hand;                   /* it says only what it writes */
    const struct image *img;        /* borrowed: as it is */
    struct image_options how;
    struct owners_how owners;
    struct patches before, after;   /* owned: of the chosen steps before it, and with it */
    struct plan_step found;         /* owned: losses and owners */
};

struct whatif {
    struct draft *draft;
    uint64_t version;               /* of the draft that `changes` are of */
    struct patches changes;         /* of the chosen steps, flattened */
    struct whatif_image *now;       /* NULL: none chosen, or not opened yet */
    struct whatif_image *older;     /* may be read from still */
    struct session session;         /* of `now` */
    bool opened;
    bool before;                    /* the person wants to see the image as it is */
    uint64_t built;                 /* version that `now` is of */
    struct whatif_image *building;
    struct task *build;
    struct plan_job *job;
    struct task *job_task;
    struct plan_naming naming;
    bool may_save;                  /* the file of the plan is one, or new */
    bool picking;                   /* a cluster is sought for `edit` */
    bool accept_loss;               /* of what is proposed next */
    struct edit_target edit;
    char edit_hint[160];            /* what may be typed for it */
    uint64_t counted;               /* version of `counts`; UINT64_MAX: none */
    uint64_t counts[N_PROBLEMS];
    char left[1600];                /* what the last proposal left as it is; "": nothing */
    char failed[200];               /* why there is no outcome; "": it is not so */
};

/* Does the view in front show the image as it would be? */
bool whatif_shown(const struct app *app);
/* The session that views see. */
struct session *whatif_session(struct app *app);
/* The image that views see, for threads. */
const struct image *whatif_image(const struct app *app);

/* Before every frame: begins what has become necessary. */
void whatif_follow(struct app *app);
/* Takes what has ended; true: scan or image of the views are others. */
bool whatif_poll(struct app *app);
/* Descriptors to wait for; returns how many (at most 4). */
int whatif_fds(const struct app *app, int fd[4]);
/* Nobody uses older images any more. */
void whatif_forget(struct app *app);
bool whatif_open(struct app *app, struct error *err);
void whatif_load(struct app *app);          /* the plan that was given, if any */
void whatif_again(struct app *app);         /* the image has changed: all anew */
void whatif_close(struct app *app);         /* stops and waits */

/* Adds one step that was made by hand (taken). */
void whatif_add(struct app *app, struct plan_step *step);
/* Begins to plan a goal. */
void whatif_propose(struct app *app, const char *goal);
void whatif_save(struct app *app);
bool whatif_stop(struct app *app);          /* stops planning; false: nothing to stop */

/* whatif_jobs.c: takes what has ended; stops and waits. */
void whatif_job_poll(struct app *app);
void whatif_job_close(struct app *app);

/* whatif_names.c: whose bytes steps give up. Begins what is to be found next; takes what has
 * been found. */
void whatif_names_follow(struct app *app);
void whatif_names_poll(struct app *app);
int whatif_names_fd(const struct app *app);         /* -1: nothing goes on */
/* The process that reads file systems is needed: nobody else is to ask it now. */
bool whatif_names_wanted(const struct app *app);
void whatif_names_stop(struct app *app);
void whatif_names_close(struct app *app);   /* stops and waits */

/* app_plan.c: the actions; false: it is none of them. */
bool app_plan_act(struct app *app, enum action action);
void app_plan_carry_out(struct app *app, const struct request *req);
void app_plan_typed(struct app *app, const char *text);
/* Tab in the prompt: a cluster is picked instead of typed. */
bool app_plan_pick(struct app *app);

#endif
