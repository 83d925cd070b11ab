/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck dump: tables, entry by entry. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/cmd_common.h"
#include "report/dump.h"
#include "qcow2/names.h"

static bool dump_both_refs(struct dump *d, struct error *err)
{
    return dump_reftable(d, err) && dump_refcounts(d, err);
}

static const struct kind {
    const char *name;
    bool (*dump)(struct dump *d, struct error *err);
    bool layers;                /* --snapshot means something */
    bool range;                 /* --from, --to mean something */
} kinds[] = {
    { "header", dump_header, false, false },
    { "l1", dump_l1, true, true },
    { "l2", dump_l2, true, true },
    { "refcounts", dump_both_refs, false, true },
    { "snapshots", dump_snapshots, true, false },
    { "bitmaps", dump_bitmaps, false, true },
    { "ranges", dump_ranges, false, true },
};

static const struct kind *kind_of(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

/* A byte offset, or a cluster number with the letter c: 28c. */
static bool address(const struct image *img, const char *text, uint64_t *out,
                    struct error *err)
{
    size_t len = strlen(text);
    char *end;
    uint64_t k;

    if (len > 1 && text[len - 1] == 'c' && strspn(text, "0123456789") == len - 1) {
        k = strtoull(text, &end, 10);
        if (k > UINT64_MAX >> img->geo.cluster_bits)
            return err_set(err, ERR_USAGE, "--from, --to: no such cluster");
        *out = k << img->geo.cluster_bits;
        return true;
    }
    return text_parse_size(text, out) ||
           err_set(err, ERR_USAGE, "--from, --to: neither an offset nor a cluster");
}

static bool choose(struct dump *d, const struct settings *s, struct error *err)
{
    size_t i;

    d->used = s->used;
    if ((s->from && !address(d->img, s->from, &d->from, err)) ||
        (s->to && !address(d->img, s->to, &d->to, err)))
        return false;
    if (!s->snapshot)
        return true;
    d->all_layers = strcmp(s->snapshot, "all") == 0;
    d->one_layer = !d->all_layers;
    if (d->one_layer && !snapshot_find(d->img, s->snapshot, &i))
        return err_set(err, ERR_USAGE, "there is no snapshot with this id or name");
    d->layer = d->one_layer ? (uint32_t)i + 1 : 0;
    return true;
}

static int dump_image(const struct settings *s, const struct kind *kind, const char *name)
{
    struct out out = { stdout, 0 };
    struct image *img = NULL;
    struct scan_result *scan = NULL;
    struct dump d = { 0 };
    struct error err;
    int status = STATUS_FAILED;

    if (!open_image(s, name, &img, &err) || !scan_image(s, img, &scan, &err) ||
        !dump_begin(&d, scan, &out, s->output == OUTPUT_JSON, &err))
        goto failed;
    tell_guesses(name, img);
    if (!choose(&d, s, &err) || !kind->dump(&d, &err))
        goto failed;
    if (d.json)
        dump_end_record(&d);
    status = STATUS_CLEAN;
    if (d.lost.code != ERR_NONE) {
        status = STATUS_FAILED;
        message_error(name, &d.lost);
    }
    goto out;
failed:
    message_error(name, &err);
out:
    dump_end(&d);
    scan_free(scan);
    image_close(img);
    return finish(&out, status);
}

int cmd_dump(const struct command *cmd, int argc, char **argv)
{
    struct buf name = BUF_INIT;
    const struct kind *kind;
    struct settings s;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    kind = s.n_operands ? kind_of(s.operand[0]) : NULL;
    if (!kind)
        return usage_error(cmd,
                           "what shall be dumped? header, l1, l2, refcounts, snapshots, "
                           "bitmaps or ranges");
    s.operand++;
    s.n_operands--;
    if (s.snapshot && !kind->layers)
        return usage_error(cmd, "--snapshot is for l1, l2 and snapshots");
    if ((s.from || s.to) && !kind->range)
        return usage_error(cmd, "--from and --to are not for this table");
    if (one_image(cmd, &s, &name, &status))
        status = dump_image(&s, kind, buf_str(&name));
    buf_free(&name);
    return status;
}
