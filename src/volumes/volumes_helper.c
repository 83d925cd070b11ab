/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The process that waits outside the sandbox and starts one more for each query: that one
 * may crash or be killed, this one reads nothing but single bytes and libraries. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "volumes/fs_work.h"
#include "volumes/volumes_helper.h"
#include "volumes/wire_watched.h"

#define TICK_MS 50              /* between two looks whether the worker lives */

struct volumes_helper {
    int fd;
    pid_t pid;
    unsigned owed;              /* sockets that were asked for and have not come */
};

bool wire_send(int fd, const void *bytes, size_t len)
{
    const char *p = bytes;

    while (len) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

bool wire_receive(int fd, void *bytes, size_t len)
{
    char *p = bytes;

    while (len) {
        ssize_t n = recv(fd, p, len, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

/* --- handing over the socket of a job --- */

union control { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; };

static void send_fd(int to, int fd)
{
    char byte = 'F';
    union control control = { .bytes = { 0 } };
    struct iovec iov = { &byte, 1 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
                          .msg_controllen = sizeof control.bytes };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    sendmsg(to, &msg, MSG_NOSIGNAL);
}

static int receive_fd(int from)
{
    char byte;
    union control control;
    struct iovec iov = { &byte, 1 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
                          .msg_controllen = sizeof control.bytes };
    struct cmsghdr *c;
    ssize_t n;
    int fd;

    do
        n = recvmsg(from, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    c = n == 1 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
        return -1;
    memcpy(&fd, CMSG_DATA(c), sizeof fd);
    return fd;
}

/* --- the process that waits --- */

static pid_t start_worker(int control)
{
    int pair[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        _exit(1);                       /* somebody waits for it */
    pid = fork();
    if (pid == 0) {
        close(control);
        close(pair[0]);
        fs_main(pair[1]);
    }
    close(pair[1]);
    send_fd(control, pair[0]);
    close(pair[0]);
    return pid > 0 ? pid : 0;
}

/* A byte ends the worker that runs; 'J' starts another. */
static _Noreturn void wait_for_jobs(int control)
{
    struct pollfd p = { control, POLLIN, 0 };
    pid_t worker = 0;
    char byte;

    for (;;) {
        int n = poll(&p, 1, worker ? TICK_MS : -1);

        if (worker && waitpid(worker, NULL, WNOHANG) != 0)
            worker = 0;
        if (n <= 0)
            continue;
        if (worker) {
            kill(worker, SIGKILL);
            waitpid(worker, NULL, 0);
            worker = 0;
        }
        if (recv(control, &byte, 1, 0) != 1)
            _exit(0);
        if (byte == 'J') {
            fs_libraries_load();
            worker = start_worker(control);
        }
    }
}

/* Keeps nothing of the parent: not its terminal, not its signals. */
static _Noreturn void helper_main(int control)
{
    int null = open("/dev/null", O_RDWR);

    setpgid(0, 0);
    for (int fd = 0; null >= 0 && fd <= 2; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    wait_for_jobs(control);
}

bool volumes_helper_start(struct volumes_helper **out, struct error *err)
{
    struct volumes_helper *h = calloc(1, sizeof *h);
    int pair[2];

    if (!h)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        free(h);
        return err_set_sys(err, errno, "cannot make a socket");
    }
    h->pid = fork();
    if (h->pid == 0) {
        close(pair[0]);
        free(h);
        helper_main(pair[1]);
    }
    close(pair[1]);
    h->fd = pair[0];
    if (h->pid < 0) {
        int sys = errno;

        close(h->fd);
        free(h);
        return err_set_sys(err, sys, "cannot start a process");
    }
    *out = h;
    return true;
}

void volumes_helper_end(struct volumes_helper *h)
{
    if (!h)
        return;
    close(h->fd);               /* it ends, with its worker */
    free(h);
}

int volumes_helper_begin(struct volumes_helper *h, const _Atomic bool *cancel, struct error *err)
{
    int fd = -1;

    if (send(h->fd, "J", 1, MSG_NOSIGNAL) == 1)
        h->owed++;
    while (h->owed) {                   /* those of jobs that were given up come first */
        if (fd >= 0)
            close(fd);
        if (!wire_wait(h->fd, POLLIN, cancel, err))
            return -1;
        fd = receive_fd(h->fd);
        h->owed = fd < 0 ? 0 : h->owed - 1;
    }
    if (fd < 0)
        err_set(err, ERR_IO, "the process that reads file systems is gone");
    return fd;
}

void volumes_helper_stop(struct volumes_helper *h)
{
    send(h->fd, "K", 1, MSG_NOSIGNAL);
}
