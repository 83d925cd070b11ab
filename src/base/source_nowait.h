/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A source for the thread of an event loop, which must never wait for storage.
 *
 * It lies over another source and keeps the pages that were read. Reads of the thread that
 * opened it (the loop's thread) that find their pages are served at once; all others are
 * carried out by a few threads of its own, and what the loop's thread does meanwhile is
 * decided by nowait_mode():
 *
 *   NOWAIT_GLANCE   it waits for them until some milliseconds since nowait_mode() are gone;
 *                   then reads fail with EAGAIN ("reading..."), and go on in the background:
 *                   nowait_fd() becomes readable when something has come. For drawing: the
 *                   next frame finds the pages.
 *   NOWAIT_ASK      it waits inside of a function of the caller, which goes on reading keys
 *                   and may give the reading up: then this read and all to come until the
 *                   next nowait_mode() fail with ECANCELED. For carrying out a command.
 *
 * Other threads read the source below directly. What was read stays until
 * nowait_forget(). */
#ifndef QCHECK_BASE_SOURCE_NOWAIT_H
#define QCHECK_BASE_SOURCE_NOWAIT_H

#include "base/source.h"

/* Waits until `fd` is readable; false to give the reading up. */
typedef bool nowait_wait(void *arg, int fd);

/* `inner` is borrowed and must outlive it. To be closed with source_close, which waits for
 * reads under way: source_interrupt before. */
bool source_open_nowait(struct source *inner, nowait_wait *wait, void *arg,
                        struct source **out, struct error *err);

enum nowait_mode { NOWAIT_GLANCE, NOWAIT_ASK };

/* These accept a source of another kind, and do nothing then: fd is -1, nothing missed. */
void nowait_mode(struct source *src, enum nowait_mode mode);
bool nowait_missed(const struct source *src);   /* has a read failed with EAGAIN since? */
int nowait_fd(const struct source *src);
void nowait_forget(struct source *src);         /* all pages: the storage has changed */

#endif
