/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/reopener.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sandbox.h"

#define PATIENCE 3000           /* milliseconds: a server of the file system may be gone */

struct reopener {
    int fd;
    char *name;                 /* owned */
    uint32_t asked;             /* a late answer is not taken for that to the next question */
};

struct reopened {
    uint32_t to;
    bool ok, in_use;
    struct error err;
};

union descriptor {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof(int))];
};

/* --- the other process --- */

static bool hand_over(int socket, const struct reopened *a, int fd)
{
    union descriptor control = { .head = { 0 } };
    struct iovec iov = { (void *)(uintptr_t)a, sizeof *a };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    if (fd >= 0) {
        struct cmsghdr *c;

        msg.msg_control = control.room;
        msg.msg_controllen = sizeof control.room;
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    return sendmsg(socket, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof *a;
}

/* Its standard files are closed, so that nobody waits for their end. */
static void serve(int socket, const char *name, bool sandboxed)
{
    uint32_t question;
    bool ok = true;

    for (int i = 0; i < 3; i++)
        if (i != socket)
            close(i);
    if (sandboxed)
        sandbox_enter_reading(NULL);
    while (ok && read(socket, &question, sizeof question) == (ssize_t)sizeof question) {
        struct source_fd from = { -1, false };
        struct reopened a;

        memset(&a, 0, sizeof a);
        a.to = question;
        a.ok = source_open_fd(name, &from, &a.err);
        a.in_use = from.in_use;
        ok = hand_over(socket, &a, from.fd);
        if (from.fd >= 0)
            close(from.fd);
    }
    _exit(0);
}

/* --- this one --- */

bool reopener_start(const char *name, bool sandboxed, struct reopener **out,
                    struct error *err)
{
    struct reopener *r = calloc(1, sizeof *r);
    int fd[2];
    pid_t between;

    if (!r || !(r->name = strdup(name))) {
        free(r);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) != 0) {
        err_set_sys(err, errno, "cannot make a socket");
        goto failed;
    }
    /* A grandchild, as nobody could wait for a child in the sandbox. */
    between = fork();
    if (between == 0) {
        close(fd[0]);
        if (fork() == 0)
            serve(fd[1], name, sandboxed);
        _exit(0);
    }
    while (between > 0 && waitpid(between, NULL, 0) < 0 && errno == EINTR)
        ;
    close(fd[1]);
    if (between > 0) {
        r->fd = fd[0];
        *out = r;
        return true;
    }
    err_set_sys(err, errno, "cannot start a process");
    close(fd[0]);
failed:
    free(r->name);
    free(r);
    return false;
}

/* One answer, and the descriptor that came with it, or -1. */
static bool receive(int socket, struct reopened *a, int *fd)
{
    union descriptor control = { .head = { 0 } };
    struct iovec iov = { a, sizeof *a };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room,
                          .msg_controllen = sizeof control.room };
    struct pollfd wait = { .fd = socket, .events = POLLIN };
    struct cmsghdr *c;
    ssize_t n;

    *fd = -1;
    if (poll(&wait, 1, PATIENCE) != 1)
        return false;
    n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
    c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof *fd))
        memcpy(fd, CMSG_DATA(c), sizeof *fd);
    return n == (ssize_t)sizeof *a;
}

bool reopener_ask(struct reopener *r, struct source **out, struct error *err)
{
    uint32_t question = ++r->asked;
    struct reopened a;
    int fd;

    if (send(r->fd, &question, sizeof question, MSG_NOSIGNAL) != (ssize_t)sizeof question)
        return err_set(err, ERR_IO, "the process that opens the file is gone");
    for (;;) {
        if (!receive(r->fd, &a, &fd)) {
            if (fd >= 0)
                close(fd);
            return err_set(err, ERR_IO, "the file cannot be opened again: no answer");
        }
        if (a.to == question)
            break;
        if (fd >= 0)
            close(fd);
    }
    if (a.ok && fd >= 0)
        return source_of_file((struct source_fd){ fd, a.in_use }, r->name, out, err);
    if (fd >= 0)
        close(fd);
    a.err.text[sizeof a.err.text - 1] = '\0';
    return err_set(err, ERR_IO, "%s", a.ok ? "the file cannot be opened again" : a.err.text);
}

void reopener_end(struct reopener *r)
{
    if (!r)
        return;
    close(r->fd);
    free(r->name);
    free(r);
}
