/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Command-line options: one table per command. The parser, --help, the manual page and
 * the shell completions all read these tables. */
#ifndef QCHECK_CMD_OPT_H
#define QCHECK_CMD_OPT_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"

enum opt_arg { ARG_NONE, ARG_REQUIRED, ARG_OPTIONAL };

/* What completion offers where a word is not one of a fixed list; files and problems: among
 * operands. */
#define VALUES_FILES    "@files"
#define VALUES_SAMPLES  "@samples"
#define VALUES_PROBLEMS "@problems"

struct opt {
    int id;                     /* the short letter, or a number from OPT_LONG_ONLY on */
    const char *name;           /* long name */
    enum opt_arg has_arg;
    const char *arg;            /* "FORMAT"; "FILE" and "DIR" are completed as such; NULL without
                                   argument */
    const char *values;         /* "text|json", VALUES_SAMPLES, or NULL: anything */
    const char *help;           /* what it does; a phrase, or sentences */
};

#define OPT_LONG_ONLY   256     /* ids from here on have no short letter */
#define OPT_END         (-1)    /* no more options */
#define OPT_BAD         (-2)    /* *err says what is wrong */

/* Options that several commands share come as groups; a command's table is its groups in
 * order. */
struct opt_group {
    const char *title;          /* "General", "Scan", ... */
    const struct opt *opt;
    size_t n;
};

#define COMMAND_GROUPS_MAX 5

struct command {
    const char *name;           /* "check" */
    const char *synopsis;       /* what follows the name: "[OPTION]... IMAGE..." */
    const char *summary;        /* one line, no full stop */
    const char *detail;         /* a paragraph for --help and the manual */
    const char *operands;       /* for completion: words of the first operand ("a|b"), or
                                   VALUES_...; then files follow */
    const struct opt_group *group[COMMAND_GROUPS_MAX];      /* NULL after the last */
    /* Returns the exit status. */
    int (*run)(const struct command *cmd, int argc, char **argv);
};

struct opt_parser {
    const struct command *cmd;
    int argc;
    char **argv;                /* argv[0] is skipped */
    struct option *longs;       /* owned */
    char *shorts;               /* owned */
    const char *arg;            /* argument of the option last returned, or NULL */
};

/* Starts over argv (which getopt may reorder). False only when memory runs out. */
bool opt_begin(struct opt_parser *p, const struct command *cmd, int argc, char **argv,
               struct error *err);

/* Id of the next option, OPT_END or OPT_BAD. Arguments with a list of values have been
 * checked against it. */
int opt_next(struct opt_parser *p, struct error *err);

/* After OPT_END: what is left, *n words. */
char **opt_operands(const struct opt_parser *p, int *n);
void opt_end(struct opt_parser *p);

/* The i-th row of a command's table, over all its groups; NULL past the last. */
const struct opt *opt_row(const struct command *cmd, size_t i);

/* "-o, --output=FORMAT" as help and manual show it. */
void opt_spelling(const struct opt *o, struct buf *out);

/* The whole --help text of one command. */
void opt_help(const struct command *cmd, struct buf *out);

#endif
