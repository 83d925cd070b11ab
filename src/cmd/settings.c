/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* From option tables to settings. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "cmd/cmd_common.h"
#include "cmd/options.h"
#include "report/streams.h"

static bool number(const char *name, const char *arg, uint64_t min, uint64_t max,
                   uint64_t *out, struct error *err)
{
    uint64_t v;

    if (!text_parse_size(arg, &v))
        return err_set(err, ERR_USAGE, "--%s: not a number", name);
    if (v < min || v > max)
        return err_set(err, ERR_USAGE, "--%s must be from %" PRIu64 " to %" PRIu64, name,
                       min, max);
    *out = v;
    return true;
}

static bool set_cluster_size(struct settings *s, const char *arg, struct error *err)
{
    uint64_t size;
    uint32_t bits = CLUSTER_BITS_MIN;

    if (!number("cluster-size", arg, 1u << CLUSTER_BITS_MIN, 1u << CLUSTER_BITS_MAX,
                &size, err))
        return false;
    while (UINT64_C(1) << bits < size)
        bits++;
    if (UINT64_C(1) << bits != size)
        return err_set(err, ERR_USAGE, "--cluster-size must be a power of 2");
    s->image.force_cluster_bits = true;
    s->image.cluster_bits = bits;
    return true;
}

/* OFFSET or OFFSET,CLUSTERS; clusters 0: as in the header. */
static bool set_refcount_table(struct settings *s, const char *arg, struct error *err)
{
    char first[64];
    size_t len = strcspn(arg, ",");
    uint64_t off, clusters = 0;

    if (len >= sizeof first)
        return err_set(err, ERR_USAGE, "--refcount-table: not a number");
    memcpy(first, arg, len);
    first[len] = '\0';
    if (!number("refcount-table", first, 0, UINT64_MAX, &off, err))
        return false;
    if (arg[len] && !number("refcount-table", arg + len + 1, 1, REFTABLE_BYTES_MAX >> 9,
                            &clusters, err))
        return false;
    s->image.force_reftable = true;
    s->image.reftable_offset = off;
    s->image.reftable_clusters = clusters;
    return true;
}

/* zero, stop, or mark=BYTE. */
static bool set_on_damage(struct settings *s, const char *arg, struct error *err)
{
    uint64_t byte;

    if (strcmp(arg, "zero") == 0) {
        s->on_damage = DAMAGE_ZERO;
    } else if (strcmp(arg, "stop") == 0) {
        s->on_damage = DAMAGE_STOP;
    } else if (strncmp(arg, "mark=", 5) == 0) {
        if (!number("on-damage=mark", arg + 5, 0, 255, &byte, err))
            return false;
        s->on_damage = DAMAGE_MARK;
        s->mark = (uint8_t)byte;
    } else {
        return err_set(err, ERR_USAGE, "--on-damage is zero, stop or mark=BYTE");
    }
    return true;
}

static enum output output_of(const char *arg)
{
    static const char *const names[] = {
        [OUTPUT_TEXT] = "text", [OUTPUT_JSON] = "json",
        [OUTPUT_LINES] = "json-lines", [OUTPUT_METRICS] = "openmetrics", [OUTPUT_ANSI] = "ansi",
        [OUTPUT_SVG] = "svg", [OUTPUT_PNG] = "png", [OUTPUT_HTML] = "html",
    };
    int i = (int)(sizeof names / sizeof names[0]) - 1;

    while (i > 0 && strcmp(arg, names[i]) != 0)
        i--;
    return (enum output)i;
}

/* Presets and filters act in the order in which they are given. */
static bool apply_classic(struct settings *s, int id, const char *arg, struct error *err)
{
    uint32_t set;

    s->classic = true;
    if (id == 'l' || id == 'e') {
        if (!streams_parse(arg, &set, err))
            return false;
        s->streams = id == 'l' ? s->streams | set : s->streams & ~set;
        return true;
    }
    if (id == 'd') {
        s->streams |= STREAM_BIT(DEBUG);
        return true;
    }
    if (!streams_parse(preset_by_letter((char)id)->letters, &set, err))
        return false;
    s->streams = set | (s->streams & STREAM_BIT(DEBUG));
    return true;
}

static bool apply(struct settings *s, int id, const char *arg, struct error *err)
{
    uint64_t n;

    switch (id) {
    case OPT_OUTPUT:
        s->output = output_of(arg);
        return true;
    case OPT_SAMPLE:
        s->sample = arg;
        return true;
    case OPT_TOUR:
        s->sample = arg;
        s->tour = true;
        return true;
    case OPT_CLUSTER_SIZE:
        return set_cluster_size(s, arg, err);
    case OPT_L1_OFFSET:
        s->image.force_l1_offset = true;
        return number("l1-offset", arg, 0, UINT64_MAX, &s->image.l1_offset, err);
    case OPT_L1_SIZE:
        s->image.force_l1_size = true;
        return number("l1-size", arg, 0, L1_ENTRIES_MAX, &s->image.l1_size, err);
    case OPT_REFCOUNT_TABLE:
        return set_refcount_table(s, arg, err);
    case OPT_OFFSET:
        return number("offset", arg, 0, INT64_MAX, &s->offset, err);
    case OPT_FORCE:
        s->image.force_magic = true;
        return true;
    case OPT_NO_SANDBOX:
        s->no_sandbox = true;
        return true;
    case OPT_BACKING:
        s->backing = true;
        return true;
    case OPT_UNTRUSTED:
        s->untrusted = true;
        return true;
    case OPT_THREADS:
        if (!number("threads", arg, 1, THREADS_MAX, &n, err))
            return false;
        s->threads = (unsigned)n;
        return true;
    case OPT_MAX_PROBLEMS:
        if (!number("max-problems", arg, 1, 100000000, &n, err))
            return false;
        s->problems_kept = (size_t)n;
        return true;
    case OPT_MEMORY_LIMIT:
        return number("memory-limit", arg, MEMORY_LIMIT_MIN, INT64_MAX, &s->memory_limit,
                      err);
    case OPT_PROGRESS:
        s->progress = !arg || strcmp(arg, "json") == 0 ? PROGRESS_JSON
                    : strcmp(arg, "none") == 0 ? PROGRESS_NONE : PROGRESS_AUTO;
        return true;
    case OPT_FIGURES:
        s->figures = true;
        return true;
    case OPT_STATS:
        s->stats = true;
        return true;
    case OPT_UNPLACED:
        s->unplaced_file = arg;
        return true;
    case OPT_DEEP:
        s->deep = true;
        return true;
    case OPT_STRICT:
        s->strict = true;
        return true;
    case 'M':
        s->metadata = true;
        return true;
    case OPT_SNAPSHOT:
        s->snapshot = arg;
        return true;
    case OPT_FROM:
        s->from = arg;
        return true;
    case OPT_TO:
        s->to = arg;
        return true;
    case OPT_USED:
        s->used = true;
        return true;
    case OPT_SPACE:
        s->guest = strcmp(arg, "guest") == 0;
        return true;
    case OPT_COLUMNS:
        if (!number("columns", arg, 1, 10000, &n, err))
            return false;
        s->columns = (unsigned)n;
        return true;
    case OPT_BY:
        s->by = arg;
        return true;
    case OPT_LAYOUT:
        s->hilbert = strcmp(arg, "hilbert") == 0;
        return true;
    case OPT_CELL:
        return number("cell", arg, 512, INT64_MAX, &s->cell, err);
    case OPT_FRAMES:
        if (!number("frames", arg, 1, 100000, &n, err))
            return false;
        s->frames = (unsigned)n;
        return true;
    case OPT_FRAME_EVERY:
        if (!number("interval", arg, 0, 1000000, &n, err))
            return false;
        s->frame_every = (unsigned)n;
        return true;
    case OPT_LAYER:
        *(s->layer ? &s->other_layer : &s->layer) = arg;
        return true;
    case OPT_KEY_FILE:
        s->key_file = arg;
        return true;
    case OPT_HEX:
        s->hex = true;
        return true;
    case OPT_FORMAT:
        s->qcow2 = strcmp(arg, "qcow2") == 0;
        return true;
    case OPT_ON_DAMAGE:
        return set_on_damage(s, arg, err);
    case OPT_MAP_FILE:
        s->map_file = arg;
        return true;
    case OPT_RESUME:
        s->resume = true;
        return true;
    case OPT_ACCEPT_LOSS:
        s->accept_loss = true;
        return true;
    case OPT_ENTRIES:
        s->entries_zero = strcmp(arg, "zero") == 0;
        s->entries_leave = strcmp(arg, "leave") == 0;
        return true;
    case OPT_IN_PLACE:
        s->in_place = true;
        return true;
    case OPT_APPLY_OUTPUT:
        s->apply_output = arg;
        return true;
    case OPT_UNDO:
        s->undo_file = arg;
        return true;
    case 'o':
        s->out_file = arg;
        return true;
    case OPT_PLAN:
        s->plan_file = arg;
        return true;
    case OPT_PLAN_DIR:
        s->plan_dir = arg;
        return true;
    case OPT_OVERWRITE:
        s->overwrite = true;
        return true;
    case OPT_JOBS:
        if (!number("jobs", arg, 1, JOBS_MAX, &n, err))
            return false;
        s->jobs = (unsigned)n;
        return true;
    case OPT_INTERVAL:
        if (!number("interval", arg, 1, 86400, &n, err))
            return false;
        s->interval = (unsigned)n;
        return true;
    case OPT_SCANS:
        return number("scans", arg, 1, UINT64_MAX, &s->scans, err);
    case OPT_ANONYMOUS:
        s->anonymous = true;
        return true;
    case OPT_PROBLEM_CLUSTERS:
        s->problem_clusters = true;
        return true;
    case OPT_DAMAGED:
        s->damaged = true;
        return true;
    case OPT_UNMAPPED:
        s->unmapped = true;
        return true;
    case OPT_AT:
        s->at = arg;
        return true;
    case OPT_INTERACTIVE:
        s->interactive = true;
        return true;
    case OPT_LIST:
        s->list = true;
        return true;
    case OPT_RANGES:
        s->ranges = true;
        return true;
    case OPT_THEME:
        s->theme = arg;
        return true;
    case OPT_ASCII:
        s->ascii = true;
        return true;
    case OPT_NO_MOUSE:
        s->no_mouse = true;
        return true;
    case 'v':
        s->verbose = true;
        return apply_classic(s, id, arg, err);
    default:
        return apply_classic(s, id, arg, err);
    }
}

/* Prints help or version; true when it did, with the exit status. */
static bool answered(const struct command *cmd, int id, int *status)
{
    struct out out = { stdout, 0 };
    struct buf text = BUF_INIT;

    if (id == 'h')
        opt_help(cmd, &text);
    else if (id == 'V')
        version_text(&text);
    else
        return false;
    out_puts(&out, buf_str(&text));
    buf_free(&text);
    *status = finish(&out, STATUS_CLEAN);
    return true;
}

bool settings_parse(struct settings *s, const struct command *cmd, int argc, char **argv,
                    int *status)
{
    struct opt_parser p;
    struct error err;
    bool go_on = false;
    int id;

    *s = (struct settings){ .output = OUTPUT_TEXT, .frame_every = 1 };
    streams_parse(preset_by_letter('b')->letters, &s->streams, NULL);
    *status = STATUS_FAILED;
    if (!opt_begin(&p, cmd, argc, argv, &err)) {
        fprintf(stderr, "qcheck: %s\n", err.text);
        return false;
    }
    while ((id = opt_next(&p, &err)) >= 0) {
        if (answered(cmd, id, status))
            goto out;
        if (!apply(s, id, p.arg, &err)) {
            id = OPT_BAD;
            break;
        }
    }
    if (id == OPT_BAD) {
        fprintf(stderr, "qcheck %s: %s\nTry 'qcheck %s --help'.\n", cmd->name, err.text,
                cmd->name);
        goto out;
    }
    if (s->sample && strcmp(s->sample, "list") == 0) {
        *status = list_samples();
        goto out;
    }
    s->operand = opt_operands(&p, &s->n_operands);
    go_on = true;
out:
    opt_end(&p);
    return go_on;
}
