/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* An opened image with what threads find out about it: the scan, and an index of its problems.
 * It can be scanned again (the storage has changed, or the scan was stopped), and replaced by
 * another image (the same one with patches); several may be open at once.
 *
 * One thread calls these functions. Whatever was handed out stays valid until
 * session_forget(), so that work which goes on elsewhere with an older scan can end in its
 * own time. */
#ifndef QCHECK_INSPECT_SESSION_H
#define QCHECK_INSPECT_SESSION_H

#include "base/task.h"
#include "inspect/problem_index.h"
#include "scan/scan.h"

/* What else is worked out from a scan, on its thread; handed out and freed with it.
 *   make    NULL where memory runs out, or *cancel is set
 *   ctx     borrowed until session_close */
struct session_study {
    void *(*make)(const struct scan_result *scan, _Atomic bool *cancel, const void *ctx);
    void (*free)(void *study);              /* accepts NULL */
    const void *ctx;
};

struct session_scan;

/* To be read only. */
struct session {
    const struct image *img;
    const struct scan_result *scan;         /* the newest; NULL: none yet, or it failed */
    const struct problem_index *index;      /* of its problems; NULL as scan, or without
                                               memory */
    const void *study;                      /* what session_study made of it; or NULL */
    const struct scan_progress *progress;   /* of the scan that runs, else NULL */
    bool stopping;                          /* that one was told to stop */
    struct error error;                     /* why the last scan failed; ERR_NONE: it did
                                               not */
    /* its own */
    struct scan_options opt;
    struct session_study more;
    struct session_scan *running, *over;
    bool again;
};

/* Begins to scan. The image is borrowed until session_close, or, after session_replace,
 * until session_forget. `opt` and `more` may be NULL. False: the scan could not begin, and
 * s->error says why; the session is there all the same. */
bool session_open(struct session *s, const struct image *img,
                  const struct scan_options *opt, const struct session_study *more);
void session_close(struct session *s);      /* stops and waits */

/* Scans again; the scan known so far stays until the new one has ended. One that runs is
 * stopped first. */
bool session_rescan(struct session *s);
/* The same with another image; no scan is known of it yet. */
bool session_replace(struct session *s, const struct image *img);
void session_stop(struct session *s);       /* keeps what the scan has found */

int session_fd(const struct session *s);    /* readable: call session_poll; -1: no scan */
/* Takes the outcome of a scan that has ended. True: scan or error are new. */
bool session_poll(struct session *s);

/* Nobody uses an older scan or image any more: frees those scans. */
void session_forget(struct session *s);

#endif
