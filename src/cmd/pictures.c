/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "cmd/pictures.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "base/text.h"
#include "cmd/cmd_common.h"
#include "picture/chart_draw.h"

/* --- one picture --- */

struct picture_frame {
    const struct settings *s;
    const char *name;           /* of the image */
    struct chart_options chart;
    unsigned number, of;        /* from 1; of 1 is no sequence */
    struct out *out;
};

static enum chart_theme theme_of(const char *name)
{
    if (!name || strcmp(name, "auto") == 0)
        return THEME_AUTO;
    return strcmp(name, "light") == 0 ? THEME_LIGHT
         : strcmp(name, "dark") == 0 ? THEME_DARK : THEME_SAFE;
}

static void title_of(const struct picture_frame *f, struct buf *out)
{
    const char *base = strrchr(f->name, '/');

    base = base && base[1] ? base + 1 : f->name;
    text_visible(out, base, strlen(base));
    if (f->of > 1)
        buf_printf(out, " (%u of %u)", f->number, f->of);
}

static bool draw(const struct picture_frame *f, const struct image *img, const struct png_lib *lib,
                 struct buf *out, struct error *err)
{
    struct scan_result *scan = NULL;
    struct chart *chart = NULL;
    struct chart_options opt = f->chart;
    bool ok;

    if (opt.per_cell == 0 && f->s->cell)
        opt.per_cell = u64_max(f->s->cell >> img->geo.cluster_bits, 1);
    else
        opt.per_cell = opt.per_cell ? u64_max(opt.per_cell >> img->geo.cluster_bits, 1) : 0;
    ok = layer_named(img, f->s->layer, &opt.layer, err)
        && scan_image(f->s, img, &scan, err) && chart_make(scan, &opt, &chart, err);
    if (ok && lib)
        ok = chart_png(chart, theme_of(f->s->theme), lib, out, err);
    else if (ok)
        chart_svg(chart, theme_of(f->s->theme), out);
    chart_free(chart);
    scan_free(scan);
    return ok;
}

/* All that is opened is opened before the image is looked at. */
static int make_frame(void *ctx, struct sink *sink)
{
    struct picture_frame *f = ctx;
    struct buf title = BUF_INIT, text = BUF_INIT;
    const struct png_lib *lib = NULL;
    struct image *img = NULL;
    struct error err = { 0 };
    const char *at_fault = f->name;
    bool ok;

    title_of(f, &title);
    f->chart.title = buf_str(&title);
    ok = f->s->output != OUTPUT_PNG || chart_png_load(buf_str(&title), &lib, &err);
    ok = ok && open_image(f->s, f->name, &img, &err);
    if (ok)
        tell_guesses(f->name, img);
    ok = ok && draw(f, img, lib, &text, &err);
    if (ok && text.failed)
        ok = err_set(&err, ERR_NOMEM, "out of memory");
    if (ok && sink) {
        at_fault = sink_name(sink);
        ok = sink_replace(sink, text.data, text.len, &err);
    } else if (ok) {
        out_write(f->out, text.data, text.len);
    }
    if (!ok)
        message_error(at_fault, &err);
    image_close(img);
    buf_free(&title);
    buf_free(&text);
    return ok ? STATUS_CLEAN : STATUS_FAILED;
}

/* --- one scale for all frames --- */

struct extent { uint64_t clusters; uint32_t cluster_bits; };

struct extent_question {
    const struct settings *s;
    const char *name;
    int to;                     /* where the extent is told */
};

static int tell_extent(void *ctx)
{
    const struct extent_question *m = ctx;
    uint32_t layer = LAYER_ACTIVE;
    struct extent x;
    struct image *img;
    struct error err;

    if (!open_image(m->s, m->name, &img, &err) || !layer_named(img, m->s->layer, &layer, &err))
        return STATUS_FAILED;
    x.clusters = tiles_clusters(img, m->s->guest ? SPACE_GUEST : SPACE_FILE, layer);
    x.cluster_bits = img->geo.cluster_bits;
    image_close(img);
    return write(m->to, &x, sizeof x) == (ssize_t)sizeof x ? STATUS_CLEAN : STATUS_FAILED;
}

/* How large an image is, found out in a process of its own. False where it cannot be told;
 * the frame says why. */
static bool measure(const struct settings *s, const char *name, struct extent *out)
{
    struct out none = { stdout, 0 };
    struct extent_question m = { s, name, -1 };
    int ends[2];
    bool ok;

    if (pipe(ends) != 0)
        return false;
    m.to = ends[1];
    ok = run_apart(tell_extent, &m, name, &none) == STATUS_CLEAN;
    close(ends[1]);
    ok = ok && read(ends[0], out, sizeof *out) == (ssize_t)sizeof *out
        && out->cluster_bits >= CLUSTER_BITS_MIN && out->cluster_bits <= CLUSTER_BITS_MAX;
    close(ends[0]);
    return ok;
}

/* The scale that suits the longest of them; per_cell in bytes. */
static void fit_all(const struct settings *s, int n, struct chart_options *io)
{
    struct extent x, longest = { 0, 16 };
    struct buf name = BUF_INIT;

    for (int i = 0; i < n; i++)
        if (image_name(s, i, &name, NULL) && measure(s, buf_str(&name), &x)
            && (double)x.clusters * (double)(UINT64_C(1) << x.cluster_bits)
                > (double)longest.clusters * (double)(UINT64_C(1) << longest.cluster_bits))
            longest = x;
    buf_free(&name);
    if (s->cell)
        io->per_cell = u64_max(s->cell >> longest.cluster_bits, 1);
    chart_fit(io, longest.clusters);
    if (!u64_mul(io->per_cell, UINT64_C(1) << longest.cluster_bits, &io->per_cell))
        io->per_cell = INT64_MAX;
}

/* "map.svg" -> "map-007.svg" */
static void frame_file(const char *file, unsigned number, struct buf *out)
{
    const char *slash = strrchr(file, '/'), *dot = strrchr(file, '.');
    size_t stem = dot && dot > (slash ? slash + 1 : file) ? (size_t)(dot - file) : strlen(file);

    buf_reset(out);
    buf_add(out, file, stem);
    buf_printf(out, "-%03u%s", number, file + stem);
}

static void wait_seconds(unsigned n)
{
    struct timespec left = { (time_t)n, 0 };

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static int make_frames(const struct settings *s, int n, const struct chart_options *chart)
{
    struct buf name = BUF_INIT, file = BUF_INIT;
    struct out out = { stdout, 0 };
    struct settings one = *s;
    struct picture_frame f = { &one, NULL, *chart, 1, (unsigned)n, &out };
    int status = STATUS_CLEAN;

    if (s->frames)
        f.of = s->frames;
    for (; f.number <= f.of; f.number++) {
        if (!image_name(s, s->frames ? 0 : (int)f.number - 1, &name, NULL)) {
            status = STATUS_FAILED;
            break;
        }
        if (s->frames && f.number > 1)
            wait_seconds(s->frame_every);
        frame_file(s->out_file, f.number, &file);
        one.out_file = buf_str(&file);
        f.name = buf_str(&name);
        status = status_worst(status, with_out_file(&one, OUT_DOCUMENT, make_frame, &f, f.name,
                                                    &out));
    }
    buf_free(&name);
    buf_free(&file);
    return status;
}

int map_pictures(const struct command *cmd, const struct settings *s)
{
    struct chart_options chart = { .space = s->guest ? SPACE_GUEST : SPACE_FILE,
                                   .hilbert = s->hilbert, .columns = s->columns };
    struct out out = { stdout, 0 };
    struct buf name = BUF_INIT;
    int n = image_count(s), status = STATUS_FAILED;

    if (s->by)
        chart_by_name(s->by, &chart.by);
    if (n == 0)
        return usage_error(cmd, "which image?");
    if (s->columns > CHART_COLUMNS_MAX)
        return usage_error(cmd, "a picture has at most 1000 columns");
    if (s->frames && n > 1)
        return usage_error(cmd, "--frames are of one image");
    if (n > 1 || s->frames) {
        if (!s->out_file)
            return usage_error(cmd, "several pictures need --out-file");
        fit_all(s, n, &chart);
        chart.steady = true;
        return make_frames(s, n, &chart);
    }
    if (s->output == OUTPUT_PNG && !s->out_file && isatty(STDOUT_FILENO))
        return usage_error(cmd, "a PNG is not for the terminal; --out-file=FILE writes it");
    if (image_named(s, 0, &name, &status)) {
        struct picture_frame f = { s, buf_str(&name), chart, 1, 1, &out };

        status = with_out_file(s, OUT_DOCUMENT, make_frame, &f, f.name, &out);
    }
    buf_free(&name);
    return finish(&out, status);
}
