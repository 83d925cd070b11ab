/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/thread.h"

#include <signal.h>

int thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    static const int crash[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
    sigset_t blocked;
    sigset_t old;
    int rc;

    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof crash / sizeof crash[0]; i++)
        sigdelset(&blocked, crash[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &old);
    rc = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}
