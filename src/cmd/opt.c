/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "cmd/opt.h"

#include <stdlib.h>
#include <string.h>

#include "report/wrap.h"

#define HELP_WIDTH  80
#define HELP_COLUMN 28      /* where the explanation of an option starts */

const struct opt *opt_row(const struct command *cmd, size_t i)
{
    for (size_t g = 0; g < COMMAND_GROUPS_MAX && cmd->group[g]; g++) {
        if (i < cmd->group[g]->n)
            return &cmd->group[g]->opt[i];
        i -= cmd->group[g]->n;
    }
    return NULL;
}

static bool has_letter(const struct opt *o)
{
    return o->id < OPT_LONG_ONLY;
}

bool opt_begin(struct opt_parser *p, const struct command *cmd, int argc, char **argv,
               struct error *err)
{
    static const int has[] = {
        [ARG_NONE] = no_argument, [ARG_REQUIRED] = required_argument,
        [ARG_OPTIONAL] = optional_argument,
    };
    const struct opt *o;
    size_t n = 0;
    char *s;

    while (opt_row(cmd, n))
        n++;
    *p = (struct opt_parser){ .cmd = cmd, .argc = argc, .argv = argv };
    p->longs = calloc(n + 1, sizeof *p->longs);
    p->shorts = calloc(1, 3 * n + 2);
    if (!p->longs || !p->shorts) {
        opt_end(p);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    s = p->shorts;
    *s++ = ':';         /* a missing argument is told apart from an unknown option */
    for (size_t i = 0; (o = opt_row(cmd, i)); i++) {
        p->longs[i] = (struct option){ o->name, has[o->has_arg], NULL, o->id };
        if (!has_letter(o))
            continue;
        *s++ = (char)o->id;
        for (int k = 0; k < (int)o->has_arg; k++)
            *s++ = ':';
    }
    opterr = 0;
    optind = 0;         /* getopt starts over and forgets what it knew of another argv */
    return true;
}

/* Is `word` one of "a|b|c"? */
static bool one_of(const char *values, const char *word)
{
    size_t len = strlen(word);

    while (*values) {
        size_t n = strcspn(values, "|");

        if (n == len && memcmp(values, word, n) == 0)
            return true;
        values += n + (values[n] == '|');
    }
    return false;
}

static const struct opt *row_of(const struct command *cmd, int id)
{
    const struct opt *o;

    for (size_t i = 0; (o = opt_row(cmd, i)); i++)
        if (o->id == id)
            return o;
    return NULL;
}

/* An option as the person typed it, made safe for a message. */
static void typed(const struct opt_parser *p, int at, char out[64])
{
    const char *word = at > 0 && at < p->argc ? p->argv[at] : "";
    size_t n = 0;

    if (optopt && optopt < OPT_LONG_ONLY && word[0] == '-' && word[1] != '-') {
        out[n++] = '-';
        out[n++] = optopt > ' ' && optopt < 127 ? (char)optopt : '?';
    } else {
        for (; word[n] && word[n] != '=' && n < 60; n++)
            out[n] = (unsigned char)word[n] >= ' ' && word[n] != 127 ? word[n] : '?';
    }
    out[n] = '\0';
}

int opt_next(struct opt_parser *p, struct error *err)
{
    const struct opt *o;
    char word[64];
    int before = optind ? optind : 1;
    int id = getopt_long(p->argc, p->argv, p->shorts, p->longs, NULL);

    if (id == -1)
        return OPT_END;
    if (id == ':') {
        o = row_of(p->cmd, optopt);
        err_set(err, ERR_USAGE, "option --%s needs an argument (%s)", o ? o->name : "?",
                o ? o->arg : "?");
        return OPT_BAD;
    }
    if (id == '?') {
        /* Inside a cluster of letters getopt has not moved on yet. */
        typed(p, optopt && optopt < OPT_LONG_ONLY ? before : optind - 1, word);
        o = row_of(p->cmd, optopt);
        if (o && o->has_arg == ARG_NONE)
            err_set(err, ERR_USAGE, "option --%s takes no argument", o->name);
        else
            err_set(err, ERR_USAGE, "unknown option %s", word);
        return OPT_BAD;
    }
    o = row_of(p->cmd, id);
    p->arg = optarg;
    if (optarg && o && o->values && o->values[0] != '@' && !one_of(o->values, optarg)) {
        err_set(err, ERR_USAGE, "--%s takes one of %s", o->name, o->values);
        return OPT_BAD;
    }
    return id;
}

char **opt_operands(const struct opt_parser *p, int *n)
{
    int first = optind ? optind : 1;

    *n = p->argc - first;
    return p->argv + first;
}

void opt_end(struct opt_parser *p)
{
    free(p->longs);
    free(p->shorts);
    p->longs = NULL;
    p->shorts = NULL;
}

void opt_spelling(const struct opt *o, struct buf *out)
{
    if (has_letter(o))
        buf_printf(out, "-%c, ", o->id);
    buf_printf(out, "--%s", o->name);
    if (o->has_arg == ARG_REQUIRED)
        buf_printf(out, "=%s", o->arg);
    if (o->has_arg == ARG_OPTIONAL)
        buf_printf(out, "[=%s]", o->arg);
}

static void pad(struct buf *out, size_t n)
{
    while (n-- > 0)
        buf_putc(out, ' ');
}

static void help_row(const struct opt *o, struct buf *out)
{
    struct buf name = BUF_INIT;
    size_t col;

    opt_spelling(o, &name);
    pad(out, has_letter(o) ? 2 : 6);
    buf_puts(out, buf_str(&name));
    col = (has_letter(o) ? 2 : 6) + name.len;
    if (col + 2 > HELP_COLUMN) {
        buf_putc(out, '\n');
        col = 0;
    }
    pad(out, HELP_COLUMN - col);
    wrap_text(out, o->help, 0, HELP_COLUMN, HELP_WIDTH);
    buf_free(&name);
}

void opt_help(const struct command *cmd, struct buf *out)
{
    buf_printf(out, "Usage: qcheck %s %s\n\n", cmd->name, cmd->synopsis);
    wrap_text(out, cmd->detail, 0, 0, HELP_WIDTH);
    for (size_t g = 0; g < COMMAND_GROUPS_MAX && cmd->group[g]; g++) {
        buf_printf(out, "\n%s:\n", cmd->group[g]->title);
        for (size_t i = 0; i < cmd->group[g]->n; i++)
            help_row(&cmd->group[g]->opt[i], out);
    }
}
