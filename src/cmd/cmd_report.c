/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck report: all that is found out about an image as a page to send. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/cmd_common.h"
#include "report/html_report.h"

struct reporting { const struct settings *s; const char *name; struct out *out; };

/* Of now, or of SOURCE_DATE_EPOCH, so that a report can be made again. */
static void time_text(char *out, size_t len)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    time_t now = epoch && *epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
    struct tm tm;

    if (!gmtime_r(&now, &tm) || strftime(out, len, "%Y-%m-%d %H:%M UTC", &tm) == 0)
        snprintf(out, len, "an unknown day");
}

static bool page_of(const struct reporting *r, const struct image *img,
                    const struct chain *chain, struct buf *page, struct error *err)
{
    struct findings f;
    struct info info;
    char when[40];
    bool ok;

    if (!findings_make(r->s, r->name, img, chain, &f, err))
        return false;
    info_gather(r->name, img, chain, &info);
    info.figures = f.figures;
    time_text(when, sizeof when);
    ok = html_report_write(&(struct html_report){ r->name, f.scan, f.insight, &info, when,
                                                  scan_exit_status(f.scan) }, page, err);
    findings_free(&f);
    return ok;
}

static int make_report(void *ctx, struct sink *sink)
{
    const struct reporting *r = ctx;
    struct chain chain = CHAIN_INIT;
    struct image *img = NULL;
    struct buf page = BUF_INIT;
    struct error err = { 0 };
    const char *at_fault = r->name;
    bool ok = open_image_and_chain(r->s, r->name, &img, &chain, &err);

    if (ok)
        tell_guesses(r->name, img);
    ok = ok && page_of(r, img, &chain, &page, &err);
    if (ok && sink) {
        at_fault = sink_name(sink);
        ok = sink_replace(sink, page.data, page.len, &err);
    } else if (ok) {
        out_write(r->out, page.data, page.len);
    }
    if (!ok)
        message_error(at_fault, &err);
    buf_free(&page);
    chain_close(&chain);
    image_close(img);
    return ok ? STATUS_CLEAN : STATUS_FAILED;
}

int cmd_report(const struct command *cmd, int argc, char **argv)
{
    struct out out = { stdout, 0 };
    struct buf name = BUF_INIT;
    struct settings s;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (one_image(cmd, &s, &name, &status)) {
        struct reporting r = { &s, buf_str(&name), &out };

        status = with_out_file(&s, OUT_DOCUMENT, make_report, &r, r.name, &out);
    }
    buf_free(&name);
    return finish(&out, status);
}
