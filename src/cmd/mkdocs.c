/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Writes the documents that come from the program's own tables; runs when the tree is
 * built, is not installed.
 *
 *   mkdocs man TEMPLATE     the manual page: TEMPLATE with its @NAME@ lines replaced
 *   mkdocs bash|zsh|fish    completions */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "report/streams.h"
#include "insight/cause.h"
#include "scan/class.h"
#include "scan/guest.h"
#include "qcow2/field.h"
#include "scan/missing.h"
#include "ui/keys.h"

/* --- manual page --- */

/* Text for roff: a backslash, a leading dot or quote, and hyphens that are meant. */
static void roff(const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", stdout);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
    }
}

static void roff_line(const char *text)
{
    roff(text);
    putchar('\n');
}

static void man_options(void)
{
    const struct command *c;

    for (unsigned i = 0; (c = command_at(i)); i++) {
        printf(".SS \"qcheck %s\"\n.B qcheck %s\n", c->name, c->name);
        roff_line(c->synopsis);
        puts(".PP");
        roff_line(c->detail);
        for (size_t g = 0; g < COMMAND_GROUPS_MAX && c->group[g]; g++) {
            for (size_t k = 0; k < c->group[g]->n; k++) {
                struct buf name = BUF_INIT;

                opt_spelling(&c->group[g]->opt[k], &name);
                fputs(".TP\n.B ", stdout);
                roff_line(buf_str(&name));
                roff_line(c->group[g]->opt[k].help);
                buf_free(&name);
            }
        }
    }
}

static void man_filters(void)
{
    const struct preset *p;

    puts("Presets:");
    for (unsigned i = 0; (p = preset_at(i)); i++) {
        printf(".TP\n.B \\-%c\n", p->letter);
        roff(p->help);
        printf(" (%s)\n", *p->letters ? p->letters : "nothing");
    }
    puts(".PP\nFilters:");
    for (int s = 0; s < N_STREAMS; s++) {
        printf(".TP\n.B %c\n", stream_info((enum stream)s)->letter);
        roff(stream_info((enum stream)s)->help);
        puts(stream_info((enum stream)s)->to_stderr ? " (standard error)" : "");
    }
}

static void man_keys(void)
{
    static const char *const name[N_VIEWS] = {
        [VIEW_OVERVIEW] = "overview", [VIEW_MAP] = "map", [VIEW_PROBLEMS] = "problems",
        [VIEW_TABLES] = "tables", [VIEW_HEADER] = "header", [VIEW_HEX] = "hex",
        [VIEW_DISK] = "disk", [VIEW_PLAN] = "plan", [VIEW_REFERRERS] = "referrers", [VIEW_HELP] = "help",
    };
    const struct key_row *row;

    for (size_t i = 0; (row = key_table(i)); i++) {
        fputs(".TP\n.B ", stdout);
        roff_line(row->keys);
        if (row->views != IN_ALL) {
            const char *before = "(";

            for (int v = 0; v < N_VIEWS; v++) {
                if (row->views & IN(v)) {
                    printf("%s%s", before, name[v]);
                    before = ", ";
                }
            }
            fputs(") ", stdout);
        }
        roff_line(row->help ? row->help : row->hint ? row->hint : "");
        printf("(%s)\n", action_id(row->action));
    }
}

static void man_problems(void)
{
    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_info *p = problem_info((enum problem_kind)k);
        struct buf advice = BUF_INIT;

        fputs(".TP\n.B ", stdout);
        roff_line(p->id);
        printf("(%s) ", severity_name(p->severity));
        roff(p->title);
        puts(".");
        roff_line(p->meaning);
        roff_line(p->effect);
        problem_advice((enum problem_kind)k, 0, &advice);
        roff_line(buf_str(&advice));
        buf_free(&advice);
    }
}

static void man_causes(void)
{
    for (int k = 0; k < N_CAUSES; k++) {
        const struct cause_info *c = cause_info((enum cause_kind)k);

        fputs(".TP\n.B ", stdout);
        roff_line(c->id);
        printf("(%s) ", cause_weight_name(c->weight));
        roff(c->title);
        puts(".");
        roff_line(c->happened);
        roff_line(c->told);
        roff_line(c->next);
    }
}

static void man_classes(void)
{
    for (int k = 0; k < N_CLASSES; k++) {
        const struct class_info *c = class_info((enum cluster_class)k);

        fputs(".TP\n.B \"", stdout);
        printf("%s%c  ", c->letter == '.' ? "\\&" : "", c->letter);
        roff(c->id);
        puts("\"");
        roff_line(c->meaning);
    }
    puts(".PP\nOf the guest disk:");
    for (int k = 0; k < N_GUEST_CLASSES; k++) {
        const struct guest_class_info *c = guest_class_info((enum guest_class)k);

        printf(".TP\n.B \"%s%c  ", c->letter == '.' ? "\\&" : "", c->letter);
        roff(c->id);
        puts("\"");
        roff_line(c->meaning);
    }
}

/* The structures on disk, from the tables that the decoder reads. */
static void man_fields(void)
{
    const struct field_table *t;

    for (size_t i = 0; (t = field_table_at(i)); i++) {
        fputs(".SS \"", stdout);
        roff(t->title);
        fputs("\"\nSpecification: ", stdout);
        roff_line(t->spec);
        for (size_t k = 0; k < t->n; k++) {
            const struct field *f = &t->field[k];

            fputs(".TP\n.B ", stdout);
            roff_line(f->name);
            printf("%s %u", t->bits ? "bit" : "byte", f->off);
            if (f->width > 1)
                printf("\\-%u", f->off + f->width - 1u);
            fputs(". ", stdout);
            roff_line(f->meaning);
        }
    }
}

static bool man(const char *template)
{
    static const struct { const char *mark; void (*write)(void); } marks[] = {
        { "@OPTIONS@\n", man_options }, { "@FILTERS@\n", man_filters },
        { "@KEYS@\n", man_keys }, { "@PROBLEMS@\n", man_problems }, { "@CAUSES@\n", man_causes },
        { "@CLASSES@\n", man_classes }, { "@FIELDS@\n", man_fields },
    };
    FILE *f = fopen(template, "r");
    char line[4096];

    if (!f) {
        perror(template);
        return false;
    }
    while (fgets(line, sizeof line, f)) {
        const char *version = strstr(line, "@VERSION@");
        size_t i = 0;

        while (i < sizeof marks / sizeof marks[0] && strcmp(line, marks[i].mark) != 0)
            i++;
        if (i < sizeof marks / sizeof marks[0])
            marks[i].write();
        else if (version)
            printf("%.*s" PACKAGE_VERSION "%s", (int)(version - line), line,
                   version + strlen("@VERSION@"));
        else
            fputs(line, stdout);
    }
    fclose(f);
    return true;
}

/* --- completions --- */

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

static void bash(void)
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

static void zsh_option(const struct opt *o)
{
    if (o->id < OPT_LONG_ONLY) {
        printf("        '(-%c --%s)-%c[", o->id, o->name, o->id);
        printf("--%s]%s' \\\n", o->name, o->has_arg ? ":argument: " : "");
    }
    printf("        '--%s%s[", o->name,
           o->has_arg == ARG_REQUIRED ? "=" : o->has_arg == ARG_OPTIONAL ? "=-" : "");
    within_quotes(o->help, "[]:\\");
    putchar(']');
    if (o->has_arg) {
        printf("%s:value:", o->has_arg == ARG_OPTIONAL ? ":" : "");
        if (o->values && strcmp(o->values, VALUES_SAMPLES) == 0) {
            fputs("{_values sample list ${(f)\"$(qcheck --sample=list 2>/dev/null | "
                  "cut -d\" \" -f1)\"}}", stdout);
        } else if (o->values) {
            putchar('(');
            words(o->values, " ");
            putchar(')');
        }
    }
    puts("' \\");
}

static void zsh(void)
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
        printf("%s ", o->values ? "-x" : "-r");
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

static void fish(void)
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

int main(int argc, char **argv)
{
    bool ok = true;

    if (argc == 3 && strcmp(argv[1], "man") == 0)
        ok = man(argv[2]);
    else if (argc == 2 && strcmp(argv[1], "bash") == 0)
        bash();
    else if (argc == 2 && strcmp(argv[1], "zsh") == 0)
        zsh();
    else if (argc == 2 && strcmp(argv[1], "fish") == 0)
        fish();
    else
        ok = false;
    return ok && fflush(stdout) == 0 ? 0 : 1;
}
