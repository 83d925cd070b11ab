/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck check: scan images, report, and say with the exit status what was found. */
#include "config.h"

#include <stdio.h>

#include "cmd/cmd_check.h"
#include "cmd/cmd_common.h"
#include "cmd/fleet.h"
#include "report/check_json.h"
#include "report/classic.h"
#include "report/streams.h"

/* What of a JSON report is said to people as well: why there is no verdict. */
static void tell_incomplete(const char *name, const struct scan_result *scan)
{
    struct error err;

    if (scan->refused.id)
        err_set(&err, ERR_FORMAT, "warning: QEMU would not %s this image: %s",
                scan->refused.at_check ? "check" : "open", scan->refused.text);
    else if (scan->problems.count[PROBLEM_SIDE_FILE])
        err_set(&err, ERR_IO, "warning: a file that the image needs is missing; QEMU would "
                "not open the image");
    else if (scan_exit_status(scan) == STATUS_FAILED)
        err_set(&err, ERR_IO, "error: parts of the image could not be checked");
    else
        return;
    message_error(name, &err);
}

static int status_of(const struct settings *s, const struct scan_result *scan,
                     const struct insight *insight)
{
    return s->strict ? insight_strict_status(insight) : scan_exit_status(scan);
}

/* -s and -q keep it from standard output, as with qemu-img. */
static bool wants_json(const struct settings *s)
{
    return s->output == OUTPUT_JSON &&
           s->streams & ~(STREAM_BIT(FATAL) | STREAM_BIT(NONFATAL) | STREAM_BIT(DEBUG));
}

static bool write_json(const struct settings *s, const char *name,
                       const struct insight *insight, const struct figures *figures,
                       struct out *out, struct error *err)
{
    const struct scan_result *scan = insight->scan;
    struct check_json c = { name, scan, insight, figures, s->metadata, s->stats,
                            status_of(s, scan, insight) };

    if (!wants_json(s))
        return true;
    if (s->streams & STREAM_BIT(NONFATAL)) {
        tell_guesses(name, scan->img);
        tell_incomplete(name, scan);
    }
    return check_json_write(&c, out, err);
}

/* They cost another walk through the tables. */
static bool wants_figures(const struct settings *s)
{
    if (s->output == OUTPUT_JSON)
        return wants_json(s);
    return s->deep || (s->streams & STREAM_BIT(CONFIRM));
}

/* What happened is looked for where somebody will read it: tables are read once more. */
static bool wants_insight(const struct settings *s)
{
    return s->strict || wants_figures(s) || s->output == OUTPUT_JSON ||
           (s->streams & STREAM_BIT(SUMMARY));
}

static int check_one(const struct settings *s, const char *name, struct out *out)
{
    struct classic report = { .streams = s->streams, .out = out, .err = { stderr, 0 },
                              .name = name, .stats = s->stats };
    struct chain chain = CHAIN_INIT;
    struct insight_options look = { name, s->backing ? &chain : NULL, s->deep, NULL };
    struct figures_options measure = { .chain = look.chain, .deep = s->deep };
    struct figures figures = { 0 };
    struct image *img = NULL;
    struct scan_result *scan = NULL;
    struct insight *insight = NULL;
    struct error err;
    int status = STATUS_FAILED;

    if (!open_image_and_chain(s, name, &img, &chain, &err) ||
        !scan_image(s, img, &scan, &err) ||
        (wants_insight(s) && !insight_find(scan, &look, &insight, &err)))
        goto failed;
    if (wants_figures(s)) {
        measure.incomplete = insight->verdict.incomplete;
        if (!figures_of_scan(scan, &measure, &figures, &err))
            goto failed;
        report.figures = &figures;
    }
    report.status = status_of(s, scan, insight);
    report.insight = insight;
    if (s->output == OUTPUT_JSON ? !write_json(s, name, insight, report.figures, out, &err)
                                 : !classic_report(&report, scan, &err))
        goto failed;
    status = report.status;
    goto out;
failed:
    if (wants_json(s) && !img)
        refused_json_write(name, &err, out);
    if (s->streams & STREAM_BIT(FATAL))
        message_error(name, &err);
out:
    figures_free(&figures);
    insight_free(insight);
    scan_free(scan);
    chain_close(&chain);
    image_close(img);
    return status;
}

int check_images(const struct settings *s)
{
    return each_image(s, check_one);
}

int cmd_check(const struct command *cmd, int argc, char **argv)
{
    struct settings s;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (s.metadata && s.output != OUTPUT_JSON)
        return usage_error(cmd, "--metadata needs --output=json");
    if (image_count(&s) == 0)
        return usage_error(cmd, "which image?");
    if (s.jobs && s.output != OUTPUT_LINES && s.output != OUTPUT_METRICS)
        return usage_error(cmd, "--jobs needs --output=json-lines or openmetrics");
    if (s.output == OUTPUT_LINES || s.output == OUTPUT_METRICS)
        return fleet_check(&s);
    return check_images(&s);
}
