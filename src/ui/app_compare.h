/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the view of changes compares: the image with another one that was given, with itself
 * under the plan, with itself before the file changed, or two of its layers. It is compared on a
 * thread, and only while that view is in front. */
#ifndef QCHECK_UI_APP_COMPARE_H
#define QCHECK_UI_APP_COMPARE_H

#include "base/task.h"
#include "disk/disk.h"
#include "inspect/session.h"
#include "ui/compared.h"
#include "ui/keys.h"

struct app;

enum compare_kind { COMPARE_NOTHING, COMPARE_IMAGES, COMPARE_PLAN, COMPARE_NEWS,
                    COMPARE_LAYERS };

/* The image that is not shown, with all that it takes to show it. */
struct other_image {
    const struct image *img;        /* NULL: there is none */
    struct image *shown;            /* owned, as views read it */
    struct source *nowait;          /* owned; its source, or NULL */
    struct session session;
    struct disk_options disk;
};

/* Of the thread until the task has ended. */
struct compare_work {
    struct difference_side a, b;
    struct difference diff;
    struct guest_map *guest_a, *guest_b;
    struct buf text;
};

#define SIDE_NAME 200
struct comparing {
    struct other_image other;
    bool swapped;                   /* the image that is shown is A */
    uint32_t layer_a, layer_b;      /* of the two images, or of the one */
    struct task *task;
    struct compare_work work;       /* its own */
    struct compare_work done;       /* what came of it; a.scan NULL: nothing yet */
    char failed[sizeof ((struct error *)0)->text];      /* ... instead; "": it has not */
    char name_a[SIDE_NAME], name_b[SIDE_NAME];
    char state[SIDE_NAME];
    enum compare_kind kind;         /* of what was told last */
    unsigned rounds;                /* ... of watching */
    struct compared told;
};

bool app_compare_open(struct app *app, struct error *err);  /* the other image, if any */
void app_compare_begin(struct app *app);            /* scans it */
void app_compare_follow(struct app *app);           /* before every frame */
void app_compare_tell(struct app *app);             /* what views may know of it */
bool app_compare_poll(struct app *app);             /* true: something has ended */
bool app_compare_busy(const struct app *app);       /* a thread reads scans that are shown */
int app_compare_fds(const struct app *app, int fd[2]);
/* Lets all views show that side. False, and it was said: they cannot now. */
bool app_compare_show(struct app *app, enum compared_which side);
void app_compare_forget(struct app *app);           /* nobody uses an older scan any more */
void app_compare_close(struct app *app);            /* waits; before the session of the app */

#endif
