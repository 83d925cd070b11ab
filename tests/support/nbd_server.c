/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "support/nbd_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

bool program_there(const char *name)
{
    const char *path = getenv("PATH");
    char file[4096];

    while (path && *path) {
        size_t len = strcspn(path, ":");

        if ((size_t)snprintf(file, sizeof file, "%.*s/%s", (int)len, path, name) < sizeof file
            && access(file, X_OK) == 0)
            return true;
        path += len + (path[len] == ':');
    }
    return false;
}

static void must(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

void nbd_server_start(struct nbd_test_server *s, const char *const *argv)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int sock;

    snprintf(s->dir, sizeof s->dir, "/tmp/qcheck-nbd-XXXXXX");
    must(mkdtemp(s->dir) != NULL, "mkdtemp");
    snprintf(s->path, sizeof s->path, "%s/socket", s->dir);
    snprintf(s->uri, sizeof s->uri, "nbd+unix:///?socket=%s", s->path);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", s->path);
    sock = socket(AF_UNIX, SOCK_STREAM, 0);
    must(sock >= 0 && bind(sock, (struct sockaddr *)&address, sizeof address) == 0
         && listen(sock, 16) == 0, "socket");
    s->pid = fork();
    must(s->pid >= 0, "fork");
    if (s->pid == 0) {
        char pid[24];

        if (sock != 3) {
            dup2(sock, 3);
            close(sock);
        }
        snprintf(pid, sizeof pid, "%ld", (long)getpid());
        setenv("LISTEN_FDS", "1", 1);
        setenv("LISTEN_PID", pid, 1);
        execvp(argv[0], (char *const *)(const void *)argv);
        perror(argv[0]);
        _exit(127);
    }
    close(sock);
}

void nbd_server_kill(struct nbd_test_server *s)
{
    if (s->pid > 0) {
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
    }
    s->pid = 0;
}

void nbd_server_stop(struct nbd_test_server *s)
{
    nbd_server_kill(s);
    unlink(s->path);
    rmdir(s->dir);
}
