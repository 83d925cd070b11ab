/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS 500

struct keeper { int fd; };

enum keeper_task { KEPT_VIEW, KEPT_BOOKMARKS };

struct keeper_order { uint32_t what, len; };                    /* followed by the text */
struct keeper_answer { int32_t error; char name[64]; };         /* errno; 0: done */

static bool send_all(int fd, const void *bytes, size_t len)
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

static bool receive_all(int fd, void *bytes, size_t len)
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

/* --- the process --- */

/* 0, or errno. */
static int write_all(int fd, const char *text, size_t len)
{
    int fault = 0;

    while (len && !fault) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno != EINTR)
            fault = errno;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    if (close(fd) != 0 && !fault)
        fault = errno;
    return fault;
}

static int keep_view(const char *text, size_t len, unsigned *made, char name[64])
{
    for (unsigned i = 1; *made < KEEPER_VIEWS_MAX && i <= 100 * KEEPER_VIEWS_MAX; i++) {
        int fd;

        snprintf(name, 64, "qcheck-view-%u.txt", i);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd >= 0) {
            ++*made;
            return write_all(fd, text, len);
        }
        if (errno != EEXIST)
            return errno;
    }
    return EMFILE;
}

/* Makes the folders of a path. */
static void make_folders(const char *path)
{
    char part[4096];

    for (const char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(p - path), path);
        (void)mkdir(part, 0700);
    }
}

static int keep_bookmarks(const char *path, const char *text, size_t len)
{
    char next[4096];
    int fault;
    int fd;

    if (!path || snprintf(next, sizeof next, "%s.new", path) >= (int)sizeof next)
        return ENAMETOOLONG;
    make_folders(path);
    fd = open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno;
    fault = write_all(fd, text, len);
    return fault ? fault : rename(next, path) == 0 ? 0 : errno;
}

static _Noreturn void serve(int fd, const char *bookmarks)
{
    char *text = malloc(KEEPER_BYTES_MAX);
    struct keeper_order order;
    unsigned made = 0;

    while (text && receive_all(fd, &order, sizeof order) && order.len <= KEEPER_BYTES_MAX &&
           receive_all(fd, text, order.len)) {
        struct keeper_answer answer;

        memset(&answer, 0, sizeof answer);
        answer.error = order.what == KEPT_VIEW
                           ? keep_view(text, order.len, &made, answer.name)
                           : keep_bookmarks(bookmarks, text, order.len);
        if (!send_all(fd, &answer, sizeof answer))
            break;
    }
    _exit(0);
}

bool keeper_start(const char *bookmarks, struct keeper **out, struct error *err)
{
    struct keeper *k = calloc(1, sizeof *k);
    int pair[2];
    pid_t pid;

    if (!k)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        free(k);
        return err_set_sys(err, errno, "cannot make a socket");
    }
    pid = fork();
    if (pid == 0) {
        close(pair[0]);
        setpgid(0, 0);                  /* not its terminal's signals */
        serve(pair[1], bookmarks);
    }
    close(pair[1]);
    k->fd = pair[0];
    if (pid < 0) {
        keeper_end(k);
        return err_set_sys(err, errno, "cannot start a process");
    }
    *out = k;
    return true;
}

void keeper_end(struct keeper *k)
{
    if (!k)
        return;
    close(k->fd);
    free(k);
}

/* --- asking it --- */

static bool ask(struct keeper *k, enum keeper_task what, const char *text, size_t len,
                struct keeper_answer *answer, struct error *err)
{
    struct keeper_order order = { (uint32_t)what, (uint32_t)len };
    struct pollfd p = { k->fd, POLLIN, 0 };

    if (len > KEEPER_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "too much to be kept");
    if (!send_all(k->fd, &order, sizeof order) || !send_all(k->fd, text, len))
        return err_set(err, ERR_IO, "the process that writes files is gone");
    if (poll(&p, 1, WAIT_MS) <= 0)
        return err_set(err, ERR_IO, "the disk is slow: it may be written later");
    if (!receive_all(k->fd, answer, sizeof *answer))
        return err_set(err, ERR_IO, "the process that writes files is gone");
    answer->name[sizeof answer->name - 1] = '\0';
    return !answer->error || err_set_sys(err, answer->error, "cannot be written");
}

bool keeper_view(struct keeper *k, const char *text, size_t len, char name[64],
                 struct error *err)
{
    struct keeper_answer answer;

    if (!ask(k, KEPT_VIEW, text, len, &answer, err))
        return false;
    memcpy(name, answer.name, sizeof answer.name);
    return true;
}

bool keeper_bookmarks(struct keeper *k, const char *text, size_t len, struct error *err)
{
    struct keeper_answer answer;

    return ask(k, KEPT_BOOKMARKS, text, len, &answer, err);
}
