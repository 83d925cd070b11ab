/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* An NBD server for one test. It is handed a socket that already listens, so that nobody
 * has to wait until it is up. */
#ifndef QCHECK_TESTS_NBD_SERVER_H
#define QCHECK_TESTS_NBD_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct nbd_test_server {
    pid_t pid;
    char dir[64], path[96], uri[160];
};

/* Is this program there? */
bool program_there(const char *name);

/* Starts a program (argv as of execvp) that takes sockets as systemd passes them, as nbdkit
 * and qemu-nbd do. Fails the test when it cannot. */
void nbd_server_start(struct nbd_test_server *s, const char *const *argv);
void nbd_server_kill(struct nbd_test_server *s);    /* at once; may be called before stop */
void nbd_server_stop(struct nbd_test_server *s);

#endif
