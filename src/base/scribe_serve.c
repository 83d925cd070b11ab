/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The process that writes, and how it is started. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scribe.h"
#include "base/scribe_wire.h"
#include "base/sink.h"

#define NUMBERS_MAX 1000                /* files of one image in a folder */

struct job { const char *path, *image; bool folder; };

/* Opens a file that does not exist yet: DIR/IMAGE.plan, DIR/IMAGE-2.plan and so on. */
static bool open_new(const struct job *job, struct sink **out, char name[SCRIBE_NAME_MAX],
                     struct error *err)
{
    const char *slash = strrchr(job->image, '/');

    for (int i = 1; i <= NUMBERS_MAX; i++) {
        char number[16] = "";

        if (i > 1)
            snprintf(number, sizeof number, "-%d", i);
        snprintf(name, SCRIBE_NAME_MAX, "%s/%s%s.plan", job->path, slash ? slash + 1 : job->image,
                 number);
        if (sink_open(name, SINK_NEW, out, err))
            return true;
        if (access(name, F_OK) != 0)
            return false;
    }
    return err_set(err, ERR_LIMIT, "there are too many plans in that folder");
}

static bool open_file(const struct job *job, struct sink **out, char name[SCRIBE_NAME_MAX],
                      struct error *err)
{
    if (job->folder)
        return open_new(job, out, name, err);
    snprintf(name, SCRIBE_NAME_MAX, "%s", job->path);
    if (access(name, F_OK) != 0)
        return sink_open(name, SINK_NEW, out, err);
    if (!sink_open(name, SINK_OVERWRITE, out, err))
        return false;
    if (!sink_is(*out, job->image) && !sink_is_block(*out))
        return true;
    sink_close(*out);
    return err_set(err, ERR_USAGE, "is the image, or a device");
}

static bool write_all(struct sink *sink, const void *bytes, size_t len, struct error *err)
{
    return sink_replace(sink, bytes, len, err) && sink_sync(sink, err);
}

static void sync_folder(const char *path)
{
    char folder[PATH_MAX + 1];
    const char *slash = strrchr(path, '/');
    int fd;

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash + 1 - path) : 1,
             slash ? path : ".");
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

/* Puts a new file in place of one that there is, which a pipe or device is not: whatever happens,
 * either is there, and whole. False where the folder does not let it. */
static bool replace_at_once(const char *name, const void *bytes, size_t len, bool *ok,
                            struct error *err)
{
    char path[PATH_MAX], beside[PATH_MAX + 32];     /* not in place of a link */
    struct stat st;
    struct sink *sink;

    if (!realpath(name, path) || stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    snprintf(beside, sizeof beside, "%s.%ld.new", path, (long)getpid());
    if (!sink_open(beside, SINK_NEW, &sink, NULL))
        return false;
    (void)!chmod(beside, st.st_mode & 0777);
    *ok = write_all(sink, bytes, len, err);
    sink_close(sink);
    if (*ok && rename(beside, path) != 0)
        *ok = err_set_sys(err, errno, "cannot be replaced");
    if (*ok)
        sync_folder(path);
    else
        unlink(beside);
    return true;
}

static void carry_out(const struct job *job, const void *bytes, size_t len, struct scribe_answer *a)
{
    const bool there = !job->folder && access(job->path, F_OK) == 0;
    struct sink *sink;
    struct error err;
    bool ok;

    if (!open_file(job, &sink, a->text, &err)) {
        snprintf(a->text, sizeof a->text, "%s", err.text);
        return;
    }
    if (!there || !replace_at_once(job->path, bytes, len, &ok, &err))
        ok = write_all(sink, bytes, len, &err);
    if (!ok)
        snprintf(a->text, sizeof a->text, "%s", err.text);
    a->ok = ok;
    sink_close(sink);
}

static void serve(int fd, struct job job)
{
    char named[SCRIBE_NAME_MAX] = "";
    uint64_t len;

    setsid();                           /* signals of the terminal are for others */
    for (int i = 0; i < 3; i++)
        if (i != fd)
            close(i);
    while (scribe_get(fd, &len, sizeof len) && len <= SCRIBE_LEN_MAX) {
        struct scribe_answer a = { .ok = 0 };
        uint8_t *bytes = malloc(len ? (size_t)len : 1);

        if (!bytes || !scribe_get(fd, bytes, (size_t)len))
            _exit(1);
        carry_out(&job, bytes, (size_t)len, &a);
        free(bytes);
        if (a.ok && job.folder) {       /* from now on the same file */
            memcpy(named, a.text, sizeof named);
            job.path = named;
            job.folder = false;
        }
        if (!scribe_put(fd, &a, sizeof a))
            break;
    }
    _exit(0);
}

bool scribe_start(const char *path, bool folder, const char *image, struct scribe *out,
                  struct error *err)
{
    int fd[2];
    pid_t between;

    *out = (struct scribe)SCRIBE_NONE;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0)
        return err_set_sys(err, errno, "no connection to a process");
    /* A grandchild: in the sandbox nobody could wait for a child. */
    between = fork();
    if (between == 0) {
        close(fd[0]);
        if (fork() == 0)
            serve(fd[1], (struct job){ path, image, folder });
        _exit(0);
    }
    while (between > 0 && waitpid(between, NULL, 0) < 0 && errno == EINTR)
        ;
    close(fd[1]);
    if (between < 0) {
        close(fd[0]);
        return err_set_sys(err, errno, "no process to write files");
    }
    out->fd = fd[0];
    return true;
}
