/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Completions for shells. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/mkdocs.h"
#include "insight/cause.h"
#include "scan/problem.h"

/* "a|b|c" with another separator. */
static void words(const char *values, const char *separator)
{
    for (; *values; values++) {
        if (*values == '|')
            fputs(separator, stdout);
        else
            putchar(*values);
    }
}

static void problem_ids(const char *separator)
{
    for (int k = 0; k < N_PROBLEMS; k++)
        printf("%s%s", k ? separator : "", problem_info((enum problem_kind)k)->id);
    for (int k = 0; k < N_CAUSES; k++)
        printf("%s%s", separator, cause_info((enum cause_kind)k)->id);
}

static void command_names(void)
{
    const struct command *c;

    for (unsigned i = 0; (c = command_at(i)); i++)
        printf("%s%s", i ? " " : "", c->name);
}

static void bash_options(const struct command *c)
{
    const struct opt *o;

    for (size_t i = 0; (o = opt_row(c, i)); i++) {
        if (o->id < OPT_LONG_ONLY)
            printf("%s-%c", i ? " " : "", o->id);
        printf(" --%s%s", o->name, o->has_arg == ARG_REQUIRED ? "=" : "");
    }
}

/* Values that options take, by command and option. */
static void bash_values(void)
{
    const struct command *c;
    const struct opt *o;

    for (unsigned i = 0; (c = command_at(i)); i++) {
        for (size_t k = 0; (o = opt_row(c, k)); k++) {
            if (!o->values)
                continue;
            printf("        %s:--%s) words=", c->name, o->name);
            if (strcmp(o->values, VALUES_SAMPLES) == 0) {
                puts("\"list $(qcheck --sample=list 2>/dev/null | cut -d' ' -f1)\" ;;");
            } else {
                putchar('"');
                words(o->values, " ");
                puts("\" ;;");
            }
        }
    }
}

void mkdocs_bash(void)
{
    const struct command *c;

    fputs("# Completion of qcheck for bash.\n"
          "_qcheck()\n"
          "{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local command=browse options= words= first= i\n"
          "    case ${COMP_WORDS[1]} in\n"
          "        ", stdout);
    for (unsigned i = 0; (c = command_at(i)); i++)
        printf("%s%s", i ? "|" : "", c->name);
    puts(") [ $COMP_CWORD -gt 1 ] && command=${COMP_WORDS[1]} ;;\n"
         "    esac\n"
         "    case $command in");
    for (unsigned i = 0; (c = command_at(i)); i++) {
        printf("        %s) options=\"", c->name);
        bash_options(c);
        puts("\" ;;");
    }
    puts("    esac\n"
         "    # --name=value is three words here: --name, =, value.\n"
         "    if [ \"$cur\" = = ]; then\n"
         "        cur=\n"
         "    elif [ \"$prev\" = = ]; then\n"
         "        prev=${COMP_WORDS[COMP_CWORD-2]}\n"
         "    fi\n"
         "    case $command:$prev in");
    bash_values();
    puts("    esac\n"
         "    if [ -n \"$words\" ]; then\n"
         "        mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
         "        return\n"
         "    fi\n"
         "    case $cur in\n"
         "        -*)\n"
         "            mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
         "            [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
         "            return ;;\n"
         "    esac\n"
         "    if [ $COMP_CWORD -eq 1 ]; then\n"
         "        first=\"");
    command_names();
    puts("\"\n"
         "    elif [ $COMP_CWORD -eq 2 ]; then\n"
         "        case $command in");
    for (unsigned i = 0; (c = command_at(i)); i++) {
        if (!c->operands || strcmp(c->operands, VALUES_FILES) == 0)
            continue;
        printf("            %s) first=\"", c->name);
        if (strcmp(c->operands, VALUES_PROBLEMS) == 0)
            problem_ids(" ");
        else
            words(c->operands, " ");
        puts("\" ;;");
    }
    puts("        esac\n"
         "    fi\n"
         "    compopt -o filenames\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$first\" -- \"$cur\"\n"
         "                             compgen -f -- \"$cur\")\n"
         "}\n"
         "complete -F _qcheck qcheck");
}

/* Text between single quotes; `special` characters get a backslash (zsh). */
static void within_quotes(const char *text, const char *special)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", stdout);
        else if (strchr(special, *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void quoted(const char *text, const char *special)
{
    putchar('\'');
    within_quotes(text, special);
    putchar('\'');
}

static bool takes(const struct opt *o, const char *arg)
{
    return o->arg && strcmp(o->arg, arg) == 0;
}

static void zsh_value(const struct opt *o)
{
    printf("%s:value:", o->has_arg == ARG_OPTIONAL ? ":" : "");
    if (o->values && strcmp(o->values, VALUES_SAMPLES) == 0) {
        fputs("{_values sample list ${(f)\"$(qcheck --sample=list 2>/dev/null | "
              "cut -d\" \" -f1)\"}}", stdout);
    } else if (o->values) {
        putchar('(');
        words(o->values, " ");
        putchar(')');
    } else if (takes(o, "FILE")) {
        fputs("_files", stdout);
    } else if (takes(o, "DIR")) {
        fputs("_files -/", stdout);
    }
}

static void zsh_option(const struct opt *o)
{
    if (o->id < OPT_LONG_ONLY) {
        printf("        '(-%c --%s)-%c[--%s]", o->id, o->name, o->id, o->name);
        if (o->has_arg)
            zsh_value(o);
        puts("' \\");
    }
    printf("        '--%s%s[", o->name,
           o->has_arg == ARG_REQUIRED ? "=" : o->has_arg == ARG_OPTIONAL ? "=-" : "");
    within_quotes(o->help, "[]:\\");
    putchar(']');
    if (o->has_arg)
        zsh_value(o);
    puts("' \\");
}

void mkdocs_zsh(void)
{
    const struct command *c;
    const struct opt *o;

    puts("#compdef qcheck\n"
         "# Completion of qcheck for zsh.\n"
         "_qcheck()\n"
         "{\n"
         "    local -a commands\n"
         "    commands=(");
    for (unsigned i = 0; (c = command_at(i)); i++) {
        printf("        '%s:", c->name);
        within_quotes(c->summary, "");
        puts("'");
    }
    puts("    )\n"
         "    local command=browse\n"
         "    if (( CURRENT > 2 )) && [[ -n ${commands[(r)$words[2]:*]} ]]; then\n"
         "        command=$words[2]\n"
         "        shift words\n"
         "        (( CURRENT-- ))\n"
         "    elif (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then\n"
         "        _describe command commands\n"
         "    fi\n"
         "    case $command in");
    for (unsigned i = 0; (c = command_at(i)); i++) {
        printf("    %s) _arguments -s \\\n", c->name);
        for (size_t k = 0; (o = opt_row(c, k)); k++)
            zsh_option(o);
        if (c->operands && strcmp(c->operands, VALUES_PROBLEMS) == 0) {
            fputs("        '*:problem:(", stdout);
            problem_ids(" ");
            puts(")' ;;");
        } else if (c->operands && strcmp(c->operands, VALUES_FILES) != 0) {
            fputs("        '1:table:(", stdout);
            words(c->operands, " ");
            puts(")' '*:image:_files' ;;");
        } else {
            puts("        '*:image:_files' ;;");
        }
    }
    puts("    esac\n"
         "}\n"
         "_qcheck \"$@\"");
}

static void fish_option(const struct command *c, const struct opt *o)
{
    printf("complete -c qcheck -n '__qcheck_in %s' ", c->name);
    if (o->id < OPT_LONG_ONLY)
        printf("-s %c ", o->id);
    printf("-l %s ", o->name);
    if (o->has_arg == ARG_REQUIRED)
        printf("%s ", o->values ? "-x" : takes(o, "DIR") ? "-x -a '(__fish_complete_directories)'"
                                       : takes(o, "FILE") ? "-r -F" : "-x");
    if (o->values && strcmp(o->values, VALUES_SAMPLES) == 0) {
        fputs("-a \"list (qcheck --sample=list 2>/dev/null | string split -f1 ' ')\" ",
              stdout);
    } else if (o->values) {
        fputs("-a '", stdout);
        words(o->values, " ");
        fputs("' ", stdout);
    }
    fputs("-d ", stdout);
    quoted(o->help, "");
    putchar('\n');
}

void mkdocs_fish(void)
{
    const struct command *c;
    const struct opt *o;

    fputs("# Completion of qcheck for fish.\n"
          "function __qcheck_in\n"
          "    set -l words (commandline -opc)\n"
          "    set -l command browse\n"
          "    if test (count $words) -gt 1; and contains -- $words[2] ", stdout);
    command_names();
    puts("\n"
         "        set command $words[2]\n"
         "    end\n"
         "    test \"$command\" = $argv[1]\n"
         "end");
    for (unsigned i = 0; (c = command_at(i)); i++) {
        printf("complete -c qcheck -n 'test (count (commandline -opc)) -eq 1' -a %s -d ",
               c->name);
        quoted(c->summary, "");
        putchar('\n');
        for (size_t k = 0; (o = opt_row(c, k)); k++)
            fish_option(c, o);
        if (c->operands && strcmp(c->operands, VALUES_PROBLEMS) == 0) {
            printf("complete -c qcheck -n '__qcheck_in %s' -f -a '", c->name);
            problem_ids(" ");
            puts("'");
        } else if (c->operands && strcmp(c->operands, VALUES_FILES) != 0) {
            printf("complete -c qcheck -n '__qcheck_in %s; "
                   "and test (count (commandline -opc)) -eq 2' -a '", c->name);
            words(c->operands, " ");
            puts("'");
        }
    }
}
