/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/term_signals.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

static const int flagged[] = { SIGWINCH, SIGTSTP, SIGCONT };
static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

/* Written by handlers, hence global. */
static volatile sig_atomic_t came_resize, came_stop, came_cont, came_end;

static int bell[2] = { -1, -1 };        /* an ending signal came: wakes signals_wait */

static struct {
    int fd;
    bool ready;
    struct termios modes;
    char text[512];
    size_t len;
} crash;

static struct sigaction old_flagged[COUNT(flagged)];
static struct sigaction old_ending[COUNT(ending)];
static struct sigaction old_alarm;
static struct sigaction old_crash[COUNT(crashes)];
static sigset_t old_mask;
static char crash_stack[32768]; /* so that a stack overflow gets this far as well */

static void on_flagged(int signo)
{
    switch (signo) {
    case SIGWINCH: came_resize = 1; break;
    case SIGTSTP: came_stop = 1; break;
    case SIGCONT: came_cont = 1; break;
    default: break;
    }
}

static void set_alarm(int ms)
{
    struct itimerval in = { { 0, 0 }, { ms / 1000, ms % 1000 * 1000 } };

    setitimer(ITIMER_REAL, &in, NULL);
}

static void on_ending(int signo)
{
    int saved = errno;

    came_end = signo;
    if (write(bell[1], "", 1) < 0)
        came_end = signo;               /* full: it rings already */
    set_alarm(SIGNALS_PATIENCE_MS);
    errno = saved;
}

static void give_terminal_back(void)
{
    if (crash.ready) {
        crash.ready = false;
        if (write(crash.fd, crash.text, crash.len) < 0)
            crash.len = 0;
        tcsetattr(crash.fd, TCSANOW, &crash.modes);
    }
}

static void on_crash(int signo)
{
    give_terminal_back();
    kill(getpid(), signo);              /* the handler is reset: this one kills */
}

/* The main thread has not listened: it waits for storage that does not answer. */
static void on_alarm(int signo)
{
    struct sigaction dfl = { .sa_handler = SIG_DFL };
    int end = came_end ? came_end : SIGTERM;

    (void)signo;
    give_terminal_back();
    sigaction(end, &dfl, NULL);
    kill(getpid(), end);
}

static void flagged_set(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < COUNT(flagged); i++)
        sigaddset(set, flagged[i]);
}

static void ending_set(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < COUNT(ending); i++)
        sigaddset(set, ending[i]);
}

void signals_install(void)
{
    struct sigaction sa = { .sa_handler = on_flagged };
    stack_t stack = { .ss_sp = crash_stack, .ss_size = sizeof crash_stack };
    sigset_t set;

    came_resize = came_stop = came_cont = came_end = 0;
    if (pipe2(bell, O_CLOEXEC | O_NONBLOCK) != 0)
        bell[0] = bell[1] = -1;
    flagged_set(&set);
    sigprocmask(SIG_BLOCK, &set, &old_mask);
    sigfillset(&sa.sa_mask);
    for (size_t i = 0; i < COUNT(flagged); i++)
        sigaction(flagged[i], &sa, &old_flagged[i]);
    sa.sa_handler = on_ending;
    sa.sa_flags = SA_RESTART;
    for (size_t i = 0; i < COUNT(ending); i++)
        sigaction(ending[i], &sa, &old_ending[i]);
    sigemptyset(&sa.sa_mask);
    sa.sa_handler = on_alarm;
    sigaction(SIGALRM, &sa, &old_alarm);
    sigaltstack(&stack, NULL);
    sa.sa_handler = on_crash;
    sa.sa_flags = (int)(SA_RESETHAND | SA_NODEFER | SA_ONSTACK);
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
    for (size_t i = 0; i < COUNT(ending); i++)
        sigaction(ending[i], &old_ending[i], NULL);
    set_alarm(0);
    sigaction(SIGALRM, &old_alarm, NULL);
    close(bell[0]);
    close(bell[1]);
    bell[0] = bell[1] = -1;
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

int signals_wait(struct pollfd *fds, int n, int timeout_ms)
{
    struct timespec ts = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
    struct pollfd all[SIGNALS_FDS + 1] = { { bell[0], POLLIN, 0 } };
    sigset_t mask = old_mask;
    char bytes[16];
    int ready;

    for (size_t i = 0; i < COUNT(flagged); i++)
        sigdelset(&mask, flagged[i]);
    assert(n <= SIGNALS_FDS);
    memcpy(all + 1, fds, (size_t)n * sizeof *fds);
    ready = ppoll(all, (nfds_t)n + 1, timeout_ms < 0 ? NULL : &ts, &mask);
    if (ready < 0)
        return ready;
    memcpy(fds, all + 1, (size_t)n * sizeof *fds);
    if (all[0].revents && read(bell[0], bytes, sizeof bytes) >= 0) {
        errno = EINTR;
        return -1;
    }
    return ready;
}

struct signals signals_take(void)
{
    struct signals s;
    sigset_t set;
    sigset_t mask;

    ending_set(&set);                   /* the others are blocked already */
    sigprocmask(SIG_BLOCK, &set, &mask);
    s = (struct signals){ came_resize, came_stop, came_cont, came_end };
    came_resize = came_stop = came_cont = 0;
    if (came_end)
        set_alarm(0);                   /* somebody listens */
    came_end = 0;
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
