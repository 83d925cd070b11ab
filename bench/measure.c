/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* measure: runs a command and reports what it cost.
 *
 *     measure RESULT COMMAND [ARGUMENT...]
 *
 * Writes one line to the file RESULT: wall seconds, user seconds, system seconds, peak
 * memory in KiB, exit status (128 + signal when killed). A program of its own because the
 * peak of a child includes that of the process it was started from, so that must be small. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    struct timespec from, to;
    struct rusage used;
    int status;
    pid_t child;
    FILE *out;

    if (argc < 3)
        return fputs("usage: measure RESULT COMMAND [ARGUMENT...]\n", stderr), 1;
    clock_gettime(CLOCK_MONOTONIC, &from);
    child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &used) != child)
        return perror("measure"), 1;
    clock_gettime(CLOCK_MONOTONIC, &to);
    out = fopen(argv[1], "w");
    if (!out)
        return perror(argv[1]), 1;
    fprintf(out, "%.6f %.6f %.6f %ld %d\n",
            (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9,
            seconds(used.ru_utime), seconds(used.ru_stime), used.ru_maxrss,
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return fclose(out) == 0 ? 0 : 1;
}
