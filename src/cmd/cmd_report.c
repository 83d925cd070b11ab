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
    struct insight_options look = { r->name, r->s->backing ? chain : NULL, r->s->deep, NULL };
    struct figures_options measure = { .chain = look.chain, .deep = r->s->deep };
    struct figures figures = { 0 };
    struct scan_result *scan = NULL;
    struct insight *insight = NULL;
    struct info info;
    char when[40];
    bool ok = false;

    if (!scan_image(r->s, img, &scan, err) || !insight_find(scan, &look, &insight, err))
        goto out;
    measure.incomplete = insight->verdict.incomplete;
    if (!figures_of_scan(scan, &measure, &figures, err))
        goto out;
    info_gather(r->name, img, chain, &info);
    info.figures = figures;
    time_text(when, sizeof when);
    ok = html_report_write(&(struct html_report){ r->name, scan, insight, &info, when,
                                                  scan_exit_status(scan) }, page, err);
out:
    figures_free(&figures);
    insight_free(insight);
    scan_free(scan);
    return ok;
}

static int make_report(void *ctx, struct sink *sink)
{
    const struct reporting *r = ctx;
    struct chain chain = CHAIN_INIT;
    struct image *img = NULL;
    struct buf page = BUF_INIT;
    struct error err = { 0 };
    bool ok = open_image_and_chain(r->s, r->name, &img, &chain, &err);

    if (ok)
        tell_guesses(r->name, img);
    ok = ok && page_of(r, img, &chain, &page, &err);
    if (ok && sink)
        ok = sink_replace(sink, page.data, page.len, &err);
    else if (ok)
        out_write(r->out, page.data, page.len);
    if (!ok)
        message_error(r->name, &err);
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

        status = with_out_file(&s, make_report, &r, r.name, &out);
    }
    buf_free(&name);
    return finish(&out, status);
}
