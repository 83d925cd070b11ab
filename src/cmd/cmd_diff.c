/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck diff: what differs between two images, by their metadata. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/browse.h"
#include "cmd/cmd_common.h"
#include "report/diff_report.h"

#define STATUS_DIFFER STATUS_CORRUPT        /* 2 */

/* One of the two. */
struct diff_operand {
    const char *name;
    struct buf shown;           /* with its plan or layer */
    struct image *img;
    struct scan_result *scan;
    struct insight *insight;
    uint32_t layer;
};

static bool look(const struct settings *s, const char *layer, struct diff_operand *c,
                 struct error *err)
{
    const struct insight_options opt = { .name = c->name };

    return layer_named(c->img, layer, &c->layer, err)
        && scan_image(s, c->img, &c->scan, err)
        && insight_find(c->scan, &opt, &c->insight, err);
}

static void forget(struct diff_operand *c)
{
    insight_free(c->insight);
    scan_free(c->scan);
    image_close(c->img);
    buf_free(&c->shown);
}

static void show_name(struct diff_operand *c, const char *what, const char *of)
{
    buf_puts(&c->shown, c->name);
    if (of)
        buf_printf(&c->shown, "%s%s", what, of);
}

static int compare(const struct settings *s, struct diff_operand *a, struct diff_operand *b)
{
    const char *layer_b = s->other_layer ? s->other_layer : s->layer;
    struct out out = { stdout, 0 };
    struct difference diff = { 0 };
    struct diff_report r;
    const char *bad;
    struct error err;
    int status = STATUS_FAILED;

    show_name(a, ", layer ", s->layer);
    if (s->plan_file)
        show_name(b, ", under ", s->plan_file);
    else
        show_name(b, ", layer ", layer_b);
    if (!open_two_images(s, a->name, b->name, &a->img, &b->img, &bad, &err)) {
        message_error(bad, &err);
    } else if (!look(s, s->layer, a, &err)) {
        message_error(a->name, &err);
    } else if (!look(s, layer_b, b, &err)) {
        message_error(b->name, &err);
    } else {
        r = (struct diff_report){ buf_str(&a->shown), buf_str(&b->shown),
                                  { a->scan, a->insight, a->layer, false },
                                  { b->scan, b->insight, b->layer, false }, &diff };
        if (!difference_find(&r.a, &r.b, &diff, &err)) {
            message_error(b->name, &err);
        } else {
            (s->output == OUTPUT_JSON ? diff_json : diff_text)(&r, &out);
            status = difference_any(&diff) ? STATUS_DIFFER : STATUS_CLEAN;
        }
    }
    difference_free(&diff);
    return finish(&out, status);
}

int cmd_diff(const struct command *cmd, int argc, char **argv)
{
    struct diff_operand a = { .shown = BUF_INIT }, b = { .shown = BUF_INIT };
    struct settings s;
    int status;
    bool one;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    one = s.n_operands == 1;
    if (s.n_operands < 1 || s.n_operands > 2)
        return usage_error(cmd, s.n_operands ? "two images at a time" : "which images?");
    if (one && !s.plan_file && !s.other_layer)
        return usage_error(cmd, "with what? Name another image, a --plan, or two layers");
    if (!one && s.plan_file)
        return usage_error(cmd, "--plan compares one image with itself under the plan");
    if (s.interactive && !isatty(STDOUT_FILENO))
        return usage_error(cmd, "--interactive needs a terminal");
    if (s.interactive)
        return browse(&s, &(struct browsing){ .operand = s.n_operands - 1,
                                              .other = one ? NULL : s.operand[0],
                                              .layer_a = s.layer, .changes = true,
                                              .layer_b = s.other_layer ? s.other_layer
                                                                       : s.layer });
    a.name = s.operand[0];
    b.name = s.operand[one ? 0 : 1];
    status = compare(&s, &a, &b);
    forget(&a);
    forget(&b);
    return status;
}
