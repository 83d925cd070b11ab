/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Threads that leave signals to the main thread. */
#ifndef QCHECK_BASE_THREAD_H
#define QCHECK_BASE_THREAD_H

#include <pthread.h>

/* As pthread_create without attributes, with all signals blocked in the new thread but
 * those of a crash: a crash there must run the handler that gives the terminal back.
 * Returns 0 or an errno. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *arg);

#endif
