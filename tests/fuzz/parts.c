/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Parts of the program that take bytes without a scan before them, or that make scans of
 * their own. */
#include "config.h"

#include "target.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "disk/disk.h"
#include "insight/content.h"
#include "inspect/address.h"
#include "plan/planner.h"
#include "plan/rescue/shape.h"
#include "qcow2/decompress.h"
#include "tests/support/image_builder.h"

static struct image *open_bytes(const uint8_t *data, size_t size)
{
    struct image_options opt = { .force_magic = true };
    struct source *src;
    struct image *img;

    if (!source_open_memory(data, size, NAME, &src, NULL))
        return NULL;
    if (image_open(src, &opt, &img, NULL))
        return img;
    source_close(src);
    return NULL;
}

void fuzz_open(const uint8_t *data, size_t size)
{
    struct image *img = open_bytes(data, size);

    if (img)
        image_close(img);
}

/* First byte: type and size of the cluster; the rest is the stream. */
void fuzz_decompress(const uint8_t *data, size_t size)
{
    static struct unpacker *u;
    size_t out_len;
    uint8_t *out;

    if (!size)
        return;
    if (!u)
        u = unpacker_new();
    out_len = (size_t)512 << (data[0] >> 1) % 8;
    out = malloc(out_len);
    assert(u && out);
    unpacker_run(u, data[0] & 1, data + 1, size - 1, out, out_len, NULL);
    free(out);
}

static struct image *image_with_everything(void)
{
    static struct builder *b;       /* lends its bytes */

    b = builder_new(BUILDER_DEFAULTS);
    builder_map(b, 3);
    builder_map_compressed(b, 4);
    builder_add_snapshot(b, "1", "first");
    builder_map(b, 600);
    builder_add_bitmap(b, "dirty", 16, 0);
    return builder_open(b);
}

/* An address that is read is written, and that is read as the same place. */
void fuzz_address(const uint8_t *data, size_t size)
{
    static struct image *img;
    struct place here = { PLACE_FILE_OFFSET, 0, 0, 0, 4096, NO_ADDRESS }, p, again;
    struct buf text = BUF_INIT;
    char typed[256];
    size_t n = size < sizeof typed ? size : sizeof typed - 1;
    struct error err;

    if (!img)
        img = image_with_everything();
    memcpy(typed, data, n);
    typed[n] = 0;
    if (address_parse(img, &here, typed, &p, &err)) {
        place_text(&p, &text);
        assert(address_parse(img, NULL, text.data, &again, &err));
        assert(again.kind == p.kind || p.kind == PLACE_FILE_OFFSET);
    }
    buf_free(&text);
}

/* First byte: size of the cluster and form of the entries; the rest is the cluster. */
void fuzz_content(const uint8_t *data, size_t size)
{
    static struct image *images[16];
    static struct builder *builders[16];        /* lend their bytes */
    struct builder_options opt = BUILDER_DEFAULTS;
    struct content_context ctx = { 0 };
    struct content c;
    struct buf text = BUF_INIT;
    unsigned form;

    if (!size)
        return;
    form = data[0] % 16;
    if (!images[form]) {
        opt.cluster_bits = form % 8 + 9;
        opt.extended_l2 = form / 8 && opt.cluster_bits >= 14;
        builders[form] = builder_new(opt);
        images[form] = builder_open(builders[form]);
    }
    ctx.geo = &images[form]->geo;
    ctx.src = data[0] & 16 ? images[form]->src : NULL;
    content_look(&ctx, data + 1, (size_t)u64_min(size - 1, ctx.geo->cluster_size), &c);
    assert(c.kind < N_CONTENTS && c.second <= N_CONTENTS && c.score <= 1000);
    content_text(&c, &text);
    buf_free(&text);
}

/* Spans cover what was read without gaps, and the walk through the tables ends. */
static void read_disk(struct disk *d, uint64_t off)
{
    uint8_t bytes[9000];
    struct disk_spans spans = DISK_SPANS_INIT;
    struct disk_span s;
    uint64_t end = disk_size(d), at = off;

    if (!disk_read(d, off, bytes, sizeof bytes, &spans, NULL))
        return;
    for (size_t i = 0; i < spans.n; i++) {
        assert(spans.list[i].off == at && spans.list[i].len);
        at += spans.list[i].len;
    }
    assert(off >= end || at - off == u64_min(end - off, sizeof bytes));
    disk_spans_free(&spans);
    for (unsigned n = 0; n < 200 && disk_next(d, off, end, &s); n++) {
        assert(s.off == off && s.len && s.len <= end - off);
        off += s.len;
    }
}

void fuzz_disk(const uint8_t *data, size_t size)
{
    struct image *img = open_bytes(data, size);
    uint32_t layers;

    if (!img)
        return;
    layers = (uint32_t)u64_min(img->snaps.n, 3);
    for (uint32_t layer = 0; layer <= layers; layer++) {
        struct disk_options opt = { 0 };
        struct disk *d;

        if (!disk_open(img, (struct disk_layer){ layer, false }, &opt, &d, NULL))
            continue;
        read_disk(d, 0);
        read_disk(d, disk_size(d) / 3);
        read_disk(d, disk_size(d) > 4096 ? disk_size(d) - 4096 : 0);
        disk_close(d);
    }
    image_close(img);
}

/* A plan that is read is written, and that is read again. */
void fuzz_plan_file(const uint8_t *data, size_t size)
{
    struct plan plan = { 0 }, again = { 0 };
    struct buf text = BUF_INIT;
    struct patches all = { 0 };
    struct source *file;

    if (!source_open_memory(data, size, NAME, &file, NULL))
        return;
    if (plan_read(file, &plan, NULL)) {
        struct source *written;

        plan_covered(&plan, NULL);
        plan_patches(&plan, &all, NULL);
        assert(plan_write(&plan, &text, NULL));
        assert(source_open_memory(text.data, text.len, NAME, &written, NULL));
        assert(plan_read(written, &again, NULL) && again.n == plan.n);
        source_close(written);
    }
    patches_free(&all);
    plan_free(&plan);
    plan_free(&again);
    buf_free(&text);
    source_close(file);
}

/* What a planner says it will leave is what a scan of the outcome finds. */
static void outcome_is_as_planned(struct source *src, const struct trial_options *opt,
                                  const struct trial *t, const struct plan *plan)
{
    struct patches all = { 0 };
    struct trial *outcome;

    if (plan_patches(plan, &all, NULL)) {
        assert(trial_open(src, opt, &all, &outcome, NULL));
        assert(memcmp(outcome->scan->problems.count, t->scan->problems.count,
                      sizeof t->scan->problems.count) == 0);
        trial_close(outcome);
    }
    patches_free(&all);
}

static void fuzz_goal(const uint8_t *data, size_t size, bool rescue)
{
    struct trial_options opt = { .image.force_magic = true,
                                 .scan = { .threads = 1, .problems_kept = PROBLEMS_KEPT } };
    struct planner_options how = { .accept_loss = size & 1, .deep = size & 1 };
    struct source *src;
    struct trial *t = NULL;
    struct plan plan = { 0 };

    if (!source_open_memory(data, size, NAME, &src, NULL))
        return;
    if (rescue ? rescue_open(src, &opt, &plan, &t, NULL) : trial_open(src, &opt, NULL, &t, NULL)) {
        if (planner_run(&plan, t, rescue ? "rescue" : "repair", &how, NULL))
            outcome_is_as_planned(src, &opt, t, &plan);
        trial_close(t);
    }
    plan_free(&plan);
    source_close(src);
}

void fuzz_repair(const uint8_t *data, size_t size)
{
    fuzz_goal(data, size, false);
}

void fuzz_rescue(const uint8_t *data, size_t size)
{
    fuzz_goal(data, size, true);
}
