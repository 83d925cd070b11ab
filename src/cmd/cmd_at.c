/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck at: addresses explained. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cmd/cmd_common.h"
#include "insight/file_types.h"
#include "inspect/address.h"
#include "report/at.h"

struct at_run {
    struct image *img;
    struct scan_result *scan;
    struct problem_index *index;
    struct out out;
    struct jw jw;
    bool json;
};

#define WORDS_MAX 8         /* of one address: "snap 2 refcount block 5 entry 7" */

/* Operands that are one word each may be one address together: rt 5. The longest address
 * that begins with the first of n operands; *used: how many of them it takes. */
static bool parse_words(const struct image *img, char **operand, int n, int *used,
                        struct place *out, struct error *err)
{
    struct error first = { .code = ERR_NONE };
    struct buf text = BUF_INIT;
    bool ok = false;
    int most = 1;

    while (most < n && most < WORDS_MAX && !strchr(operand[most - 1], ' ') &&
           !strchr(operand[most], ' '))
        most++;
    for (*used = most; *used > 0 && !ok; --*used) {
        buf_reset(&text);
        for (int i = 0; i < *used; i++)
            buf_printf(&text, "%s%s", i ? " " : "", operand[i]);
        ok = address_parse(img, NULL, buf_str(&text), out, err);
        if (ok || err->code != ERR_FORMAT)
            break;              /* it is one, whether there is such a place or not */
        first = *err;
    }
    if (*used == 0) {
        *used = 1;
        *err = first;
    }
    buf_free(&text);
    return ok;
}

/* The address at the head of n operands; *used: how many of them it takes. Status. */
static int one_address(struct at_run *t, char **operand, int n, int *used, bool first)
{
    struct place place;
    struct error err;
    struct at at;
    int status = STATUS_FAILED;

    if (!parse_words(t->img, operand, n, used, &place, &err)) {
        message("", err.text);
        return STATUS_FAILED;
    }
    if (!at_look(t->scan, t->index, &place, &at, &err)) {
        message_error(operand[0], &err);
    } else if (t->json) {
        at_json(&at, t->img, &t->jw);
        status = at.exists ? STATUS_CLEAN : STATUS_FAILED;
    } else {
        out_puts(&t->out, first ? "" : "\n");
        at_text(&at, t->img, &t->out);
        status = at.exists ? STATUS_CLEAN : STATUS_FAILED;
    }
    at_free(&at);
    return status;
}

static int all_addresses(const struct settings *s, const char *name, int n)
{
    struct at_run t = { .out = { stdout, 0 }, .json = s->output == OUTPUT_JSON };
    struct error err;
    int status = STATUS_FAILED;

    t.jw.out = &t.out;
    (void)file_types_load();
    if (!open_image(s, name, &t.img, &err) || !scan_image(s, t.img, &t.scan, &err) ||
        !problem_index_new(t.scan, &t.index, &err)) {
        message_error(name, &err);
        goto out;
    }
    tell_guesses(name, t.img);
    status = STATUS_CLEAN;
    if (t.json)
        jw_array(&t.jw, NULL);
    for (int i = 0, used; i < n; i += used)
        if (one_address(&t, s->operand + i, n - i, &used, i == 0) != STATUS_CLEAN)
            status = STATUS_FAILED;
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
    int status, addresses;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    addresses = s.sample ? s.n_operands : s.n_operands - 1;
    if (addresses < 1)
        return usage_error(cmd, "which address, of which image?");
    if (image_named(&s, addresses, &name, &status))
        status = all_addresses(&s, buf_str(&name), addresses);
    buf_free(&name);
    return status;
}
