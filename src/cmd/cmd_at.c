/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck at: addresses explained. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/cmd_common.h"
#include "report/at.h"

struct at_run {
    struct image *img;
    struct scan_result *scan;
    struct problem_index *index;
    struct out out;
    struct jw jw;
    bool json;
};

static bool one_address(struct at_run *t, const char *text, bool first,
                        struct error *err)
{
    struct place place;
    struct at at;
    bool ok;

    if (!place_parse(t->img, text, &place, err))
        return false;
    ok = at_look(t->scan, t->index, &place, &at, err);
    if (ok && t->json) {
        at_json(&at, t->img, &t->jw);
    } else if (ok) {
        out_puts(&t->out, first ? "" : "\n");
        at_text(&at, t->img, &t->out);
    }
    at_free(&at);
    return ok;
}

static int all_addresses(const struct settings *s, const char *name, int n)
{
    struct at_run t = { .out = { stdout, 0 }, .json = s->output == OUTPUT_JSON };
    struct error err;
    int status = STATUS_FAILED;

    t.jw.out = &t.out;
    if (!open_image(s, name, &t.img, &err) || !scan_image(s, t.img, &t.scan, &err) ||
        !problem_index_new(t.scan, &t.index, &err)) {
        message_error(name, &err);
        goto out;
    }
    tell_guesses(name, t.img);
    status = STATUS_CLEAN;
    if (t.json)
        jw_array(&t.jw, NULL);
    for (int i = 0; i < n; i++) {
        if (!one_address(&t, s->operand[i], i == 0, &err)) {
            message_error(s->operand[i], &err);
            status = STATUS_FAILED;
        }
    }
    if (t.json)
        jw_close(&t.jw);
out:
    problem_index_free(t.index);
    scan_free(t.scan);
    image_close(t.img);
    return finish(&t.out, status);
}

int cmd_at(const struct command *cmd, int argc, char **argv)
{
    struct buf name = BUF_INIT;
    struct settings s;
    struct error err;
    int status, addresses;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    addresses = s.sample ? s.n_operands : s.n_operands - 1;
    if (addresses < 1)
        return usage_error(cmd, "which address, of which image?");
    if (image_name(&s, addresses, &name, &err)) {
        status = all_addresses(&s, buf_str(&name), addresses);
    } else {
        message("", err.text);
        status = STATUS_FAILED;
    }
    buf_free(&name);
    return status;
}
