/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Watching: the file is looked at again and again. When it has changed, it is opened anew and
 * scanned in the background, while all that is shown stays; then the newer image takes the
 * place of the older one, with what differs between the two. */
#ifndef QCHECK_UI_APP_WATCH_H
#define QCHECK_UI_APP_WATCH_H

#include "base/reopener.h"
#include "insight/difference.h"
#include "inspect/session.h"

struct app;

/* An image that was shown before, and its scans. */
struct watch_older {
    struct session session;
    struct image *img;              /* owned; NULL: the one that the inspector was begun with */
    struct image *shown;            /* owned, with its source */
    struct source *nowait;
    struct watch_older *older;
};

/* Work on a thread: opens the file; compares two scans. */
struct watch_look {
    struct reopener *reopener;      /* borrowed */
    struct image_options how;
    uint64_t stamp;
    struct image *img;              /* NULL: the file is as it was */
};
struct watch_compare {
    struct difference_side a, b;
    struct difference diff;
    struct buf text;                /* it in words */
};

struct watching {
    bool on;
    int64_t looked_ms;              /* when the file was looked at last */
    uint64_t stamp;                 /* of the image that is shown */
    struct watch_look look;
    struct watch_compare compare;
    struct task *task;              /* the one, or the other, or NULL */
    bool comparing;
    struct image *img;              /* owned: opened, being scanned and compared; or NULL */
    struct session session;         /* of that */
    uint64_t next_stamp;
    struct image *own;              /* owned: the image that is shown; NULL: that the
                                       inspector was begun with */
    struct difference diff;         /* from the image before to this one */
    struct buf text;                /* ... in words */
    bool differs;                   /* ... is there, and the image before is the first of older */
    unsigned rounds;                /* counts images that have been shown */
    uint64_t size_before;           /* bytes of the file */
    struct watch_older *older;
    char failed[sizeof ((struct error *)0)->text];      /* said already; "": nothing failed */
};

void app_watch_turn(struct app *app);               /* W */
void app_watch_again(struct app *app);              /* R: looks whatever the stamp says */
void app_watch_follow(struct app *app);             /* before every frame */
void app_watch_tell(struct app *app);               /* what views may know of it */
/* The image before the one that is shown, when it is known what differs; or NULL. Its bytes may
 * be gone: the file may be the same. */
const struct watch_older *app_watch_before(const struct app *app);
bool app_watch_poll(struct app *app);               /* true: image and scan are others */
bool app_watch_compares(const struct app *app);     /* ... the scan that is shown */
int app_watch_fds(const struct app *app, int fd[2]);    /* to wait for: how many */
/* Milliseconds until the file is looked at again; -1: it is not watched. */
int app_watch_left(const struct app *app);
void app_watch_forget(struct app *app);             /* no task uses older images any more */
void app_watch_close(struct app *app);              /* before the session of the app is closed */
/* ... and after. */
void app_watch_free(struct app *app);

#endif
