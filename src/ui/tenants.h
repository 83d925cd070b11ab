/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What is on the guest's disk and whose the place is where one stands, found out by the
 * process that reads file systems (volumes.h), one question at a time, on a thread:
 *
 *   volumes   as soon as the scan has ended
 *   losses    whom lost bytes belong to, once somebody wants to see it
 *   owner     of a guest byte, when the cursor has rested there
 *
 * Everything is about one layer of one scan. */
#ifndef QCHECK_UI_TENANTS_H
#define QCHECK_UI_TENANTS_H

#include "base/task.h"
#include "disk/disk.h"
#include "insight/cause.h"
#include "volumes/volume_items.h"

enum tenants_state { TENANTS_UNKNOWN, TENANTS_LOOKING, TENANTS_KNOWN, TENANTS_FAILED };

/* What the thread works on, and what it has found. */
struct tenants_job {
    enum tenants_asks { ASKS_VOLUMES, ASKS_LOSSES, ASKS_OWNER } asks;
    struct volumes_helper *helper;
    const struct image *img;
    const struct scan_result *scan;
    const struct insight *insight;      /* or NULL */
    struct disk_options opt;
    uint32_t layer;
    uint64_t at;                        /* ASKS_OWNER: guest byte */
    unsigned rest_ms;                   /* waits so long before it begins */
    _Atomic uint64_t permille;
    const _Atomic bool *cancel;
    struct volumes volumes;             /* owned, as all that follows */
    struct volume_items items;
    struct guest_ranges lack[N_LACKS];
    bool lack_known;                    /* what is lost and doubtful */
    bool no_memory;
};

/* To be read only, but by its own functions. */
struct tenants {
    struct volumes_helper *helper;      /* borrowed; NULL: nothing is found out */
    uint32_t layer;
    enum tenants_state volumes_state, losses_state;
    struct volumes volumes;             /* KNOWN; with losses, `lack` counts */
    struct volume_items items;          /* losses KNOWN: worst first */
    struct error error;                 /* FAILED */
    struct guest_ranges lack[N_LACKS];  /* of the disk, while no question has them, */
    bool lack_known;                    /* ... if it is known: for questions about owners */
    uint64_t owner_at;                  /* guest byte that `owner` is about; NO_ADDRESS: none */
    char owner[256];                    /* "/var/lib/x"; "": nobody is known */
    uint64_t wish;                      /* whose byte that is to be; NO_ADDRESS: none */
    unsigned asked_ms, took_ms;         /* the last such question: when, how long */
    struct task *task;                  /* owns `job` until it has ended */
    struct tenants_job job;
    bool stale;                         /* its outcome is not wanted any more, */
    bool forgotten;                     /* ... and it is about something else */
    unsigned age;                       /* counts changes of what is known */
};

void tenants_init(struct tenants *t, struct volumes_helper *helper);
void tenants_free(struct tenants *t);           /* stops and waits */

/* There is another scan, image or layer. */
void tenants_forget(struct tenants *t, uint32_t layer);

struct tenants_wish {
    const struct image *img;
    const struct scan_result *scan;     /* NULL: nothing is begun */
    const struct insight *insight;      /* of it, or NULL */
    struct disk_options opt;
    bool losses;                        /* somebody wants to see them */
    uint64_t guest_off;                 /* whose byte is that? NO_ADDRESS: no matter */
};

/* Takes what has been found, begins what is to be found next. Before each frame. */
void tenants_poll(struct tenants *t, const struct tenants_wish *wish);
int tenants_fd(const struct tenants *t);        /* readable: poll; -1: nothing goes on */
void tenants_stop(struct tenants *t);           /* gives up what goes on, and says so */

/* "sda2 ext4 root: /var/lib/x": what is known of a guest byte, with less and less of it as
 * `level` rises from 0 to 2. Nothing where nothing is known. */
void tenants_text(const struct tenants *t, uint64_t guest_off, int level, struct buf *out);

#endif
