/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/scribe.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/scribe_wire.h"

bool scribe_get(int fd, void *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, (uint8_t *)bytes + done, len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

bool scribe_put(int fd, const void *bytes, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = send(fd, (const uint8_t *)bytes + done, len - done, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

void scribe_end(struct scribe *s)
{
    if (s->fd >= 0)
        close(s->fd);
    *s = (struct scribe)SCRIBE_NONE;
}

bool scribe_write(const struct scribe *s, const void *bytes, size_t len, struct buf *name,
                  struct error *err)
{
    uint64_t n = len;
    struct scribe_answer a;

    if (len > SCRIBE_LEN_MAX)
        return err_set(err, ERR_LIMIT, "too long to be written");
    if (s->fd < 0 || !scribe_put(s->fd, &n, sizeof n) || !scribe_put(s->fd, bytes, len)
        || !scribe_get(s->fd, &a, sizeof a))
        return err_set(err, ERR_IO, "the process that writes files is gone");
    a.text[sizeof a.text - 1] = '\0';
    if (!a.ok)
        return err_set(err, ERR_IO, "%.380s", a.text);
    buf_puts(name, a.text);
    return true;
}
