/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/term_signals.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

static const int flagged[] = { SIGWINCH, SIGTSTP, SIGCONT, SIGINT,
                               SIGTERM,  SIGHUP,  SIGQUIT };
static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

/* Written by handlers, hence global. */
static volatile sig_atomic_t came_resize, came_stop, came_cont, came_end;

static struct {
    int fd;
    bool ready;
    struct termios modes;
    char text[512];
    size_t len;
} crash;

static struct sigaction old_flagged[COUNT(flagged)];
static struct sigaction old_crash[COUNT(crashes)];
static sigset_t old_mask;
static char crash_stack[32768]; /* so that a stack overflow gets this far as well */

static void on_flagged(int signo)
{
    switch (signo) {
    case SIGWINCH: came_resize = 1; break;
    case SIGTSTP: came_stop = 1; break;
    case SIGCONT: came_cont = 1; break;
    default: came_end = signo; break;
    }
}

static void on_crash(int signo)
{
    if (crash.ready) {
        crash.ready = false;
        if (write(crash.fd, crash.text, crash.len) < 0)
            crash.len = 0;
        tcsetattr(crash.fd, TCSANOW, &crash.modes);
    }
    raise(signo);                       /* the handler is reset: this one kills */
}

static void flagged_set(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < COUNT(flagged); i++)
        sigaddset(set, flagged[i]);
}

void signals_install(void)
{
    struct sigaction sa = { .sa_handler = on_flagged };
    stack_t stack = { .ss_sp = crash_stack, .ss_size = sizeof crash_stack };
    sigset_t set;

    came_resize = came_stop = came_cont = came_end = 0;
    flagged_set(&set);
    sigprocmask(SIG_BLOCK, &set, &old_mask);
    sigfillset(&sa.sa_mask);
    for (size_t i = 0; i < COUNT(flagged); i++)
        sigaction(flagged[i], &sa, &old_flagged[i]);
    sigaltstack(&stack, NULL);
    sa.sa_handler = on_crash;
    sa.sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK);
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < COUNT(crashes); i++)
        sigaction(crashes[i], &sa, &old_crash[i]);
}

void signals_restore(void)
{
    stack_t stack = { .ss_flags = SS_DISABLE };

    crash.ready = false;
    for (size_t i = 0; i < COUNT(crashes); i++)
        sigaction(crashes[i], &old_crash[i], NULL);
    sigaltstack(&stack, NULL);
    for (size_t i = 0; i < COUNT(flagged); i++)
        sigaction(flagged[i], &old_flagged[i], NULL);
    sigprocmask(SIG_SETMASK, &old_mask, NULL);
}

void signals_on_crash(int fd, const char *const *text, size_t n)
{
    crash.ready = false;
    crash.fd = fd;
    crash.len = 0;
    for (size_t i = 0; i < n; i++) {
        for (const char *p = text[i]; p && *p && crash.len < sizeof crash.text; p++) {
            const char *end = p[0] == '$' && p[1] == '<' ? strchr(p, '>') : NULL;

            if (end)
                p = end;                /* padding */
            else
                crash.text[crash.len++] = *p;
        }
    }
    crash.ready = tcgetattr(fd, &crash.modes) == 0;
}

int signals_wait(struct pollfd *fds, nfds_t n, int timeout_ms)
{
    struct timespec ts = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
    sigset_t mask = old_mask;

    for (size_t i = 0; i < COUNT(flagged); i++)
        sigdelset(&mask, flagged[i]);
    return ppoll(fds, n, timeout_ms < 0 ? NULL : &ts, &mask);
}

struct signals signals_take(void)
{
    struct signals s;
    sigset_t set;
    sigset_t mask;

    flagged_set(&set);
    sigprocmask(SIG_BLOCK, &set, &mask);
    s = (struct signals){ came_resize, came_stop, came_cont, came_end };
    came_resize = came_stop = came_cont = came_end = 0;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return s;
}

void signals_stop_self(void)
{
    struct sigaction dfl = { .sa_handler = SIG_DFL };
    struct sigaction ours;
    sigset_t set;

    sigaction(SIGTSTP, &dfl, &ours);
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &set, NULL);       /* stops here */
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigaction(SIGTSTP, &ours, NULL);
}
