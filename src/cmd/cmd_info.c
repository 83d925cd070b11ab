/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck info: what an image is; without a scan, if nobody asks for figures. */
#include "config.h"

#include <stdio.h>

#include "cmd/cmd_common.h"
#include "report/check_json.h"
#include "report/info.h"

static int info_one(const struct settings *s, const char *name, struct out *out)
{
    struct chain chain = CHAIN_INIT;
    struct outside outside[OUTSIDE_MAX];
    struct findings found = { NULL, NULL, { 0 } };
    struct image *img = NULL;
    struct sandbox sandbox = { false, 0, false };
    struct error err;
    struct info info;
    int status = STATUS_FAILED;

    /* Before entering, while the kernel can be asked. */
    if (s->verbose && !s->no_sandbox)
        sandbox_probe(&sandbox);
    if (!open_image_and_chain(s, name, &img, &chain, &err)) {
        message_error(name, &err);
        if (s->output == OUTPUT_JSON && !img)
            refused_json_write(name, &err, out);
        goto out;
    }
    info_gather(name, img, &chain, &info);
    if (s->figures || s->deep) {
        if (!findings_make(s, name, img, &chain, &found, &err)) {
            message_error(name, &err);
            goto out;
        }
        info.figures = found.figures;
    }
    if (s->verbose)
        info.sandbox = &sandbox;
    if (s->output == OUTPUT_JSON)
        info_json(&info, out);
    else
        info_text(&info, out);
    status = STATUS_CLEAN;
    if (s->untrusted && outside_references(img, outside))
        status = STATUS_OUTSIDE;
out:
    findings_free(&found);
    chain_close(&chain);
    image_close(img);
    return status;
}

int cmd_info(const struct command *cmd, int argc, char **argv)
{
    return each_image_named(cmd, argc, argv, info_one);
}
