/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "volumes/wire_watched.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#define TICK_MS     100                 /* between two looks at `cancel` */
#define SILENCE_MS  120000              /* after which the process counts as hung */

bool wire_wait(int fd, short events, const _Atomic bool *cancel, struct error *err)
{
    struct pollfd p = { fd, events, 0 };

    for (int waited = 0; waited < SILENCE_MS; waited += TICK_MS) {
        int n = poll(&p, 1, TICK_MS);

        if (cancel && atomic_load(cancel))
            return err_set(err, ERR_CANCELLED, "stopped");
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return err_set_sys(err, errno, "cannot wait");
    }
    return err_set(err, ERR_LIMIT, "the process that reads file systems hangs");
}

/* What send() or recv() said. False: the other end is gone. */
static bool moved(ssize_t n, size_t *done, struct error *err)
{
    if (n > 0)
        *done += (size_t)n;
    else if (n == 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK))
        return err_set(err, ERR_IO, "the process that reads file systems ended before its time: "
                                    "this disk is too much for its libraries");
    return true;
}

bool wire_send_watched(int fd, const void *bytes, size_t len, const _Atomic bool *cancel,
                       struct error *err)
{
    for (size_t done = 0; done < len;)
        if (!wire_wait(fd, POLLOUT, cancel, err)
            || !moved(send(fd, (const char *)bytes + done, len - done,
                           MSG_NOSIGNAL | MSG_DONTWAIT), &done, err))
            return false;
    return true;
}

bool wire_receive_watched(struct wire_in *in, void *bytes, size_t len,
                          const _Atomic bool *cancel, struct error *err)
{
    char *to = bytes;

    while (len) {
        size_t n = in->end - in->at < len ? in->end - in->at : len;

        memcpy(to, in->bytes + in->at, n);
        in->at += n;
        to += n;
        len -= n;
        if (!len)
            break;
        in->at = in->end = 0;
        if (!wire_wait(in->fd, POLLIN, cancel, err)
            || !moved(recv(in->fd, in->bytes, sizeof in->bytes, MSG_DONTWAIT), &in->end, err))
            return false;
    }
    return true;
}
