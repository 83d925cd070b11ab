/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd_common.h"
#include "cmd/commands.h"

#define OUTPUT_BUFFER 131072

/* qcheck --help and --version, before any command is known. */
static bool answer(const char *word)
{
    struct buf text = BUF_INIT;

    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        commands_help(&text);
    else if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        version_text(&text);
    else
        return false;
    fputs(buf_str(&text), stdout);
    buf_free(&text);
    return true;
}

static int run(int argc, char **argv)
{
    const struct command *cmd;

    if (argc < 2) {
        fprintf(stderr, "qcheck: which image?\nTry 'qcheck --help'.\n");
        return STATUS_FAILED;
    }
    if (answer(argv[1])) {
        struct out out = { stdout, 0 };

        return finish(&out, STATUS_CLEAN);
    }
    cmd = command_by_name(argv[1]);
    if (cmd)
        return cmd->run(cmd, argc - 1, argv + 1);
    cmd = command_default();
    return cmd->run(cmd, argc, argv);
}

int main(int argc, char **argv)
{
    /* Long listings in large pieces; a terminal gets its lines as they come. */
    char *memory = isatty(STDOUT_FILENO) ? NULL : malloc(OUTPUT_BUFFER);
    int status;

    /* Said, not left to the C library: it would ask the file, which the sandbox forbids. */
    setvbuf(stdout, memory, memory ? _IOFBF : _IOLBF, memory ? OUTPUT_BUFFER : BUFSIZ);
    setlocale(LC_CTYPE, "");
    /* A reader that goes away ends the output, not the program: the status counts. */
    signal(SIGPIPE, SIG_IGN);
    status = run(argc, argv);
    fclose(stdout);                     /* finish() has judged what was written */
    free(memory);
    return status;
}
