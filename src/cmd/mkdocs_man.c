/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The manual page. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cmd/commands.h"
#include "cmd/mkdocs.h"
#include "insight/cause.h"
#include "qcow2/field.h"
#include "report/streams.h"
#include "scan/class.h"
#include "scan/guest.h"
#include "scan/missing.h"
#include "ui/keys.h"

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
        [VIEW_DISK] = "disk", [VIEW_PLAN] = "plan", [VIEW_REFERRERS] = "referrers",
        [VIEW_HELP] = "help",
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

bool mkdocs_man(const char *template)
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
