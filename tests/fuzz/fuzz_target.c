/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The fuzz target: bytes -> image -> scan -> every report -> every view of the inspector, in
 * parts or all at once.
 *
 * Beyond crashes, leaks and time it looks for what a hostile image must not reach:
 *   - text with characters that act on a terminal,
 *   - JSON that is none,
 *   - a result that depends on the number of threads, on holes in the file, or on the memory
 *     there is,
 *   - a scan that does not end when it is told to.
 *
 * What one input goes through beyond the scan (a storage that fails, a header with forced
 * values, a backing file, which addresses, which keys) is chosen by a sum over its first
 * bytes: the same file always does the same, and all choices come up. */
#include "config.h"

#include "fuzz.h"
#include "target.h"
#include "wrapped.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "ui/app.h"
#include "ui/term_fake.h"

/* --- the inspector --- */

/* Each shows every view. */
static const char *const scripts[] = {
    "tick 2 wait 1 Tab Down Down Enter 2 + + Right Down Enter c Enter 3 Down Enter Down Enter "
    "4 Enter Down Enter l h 5 Down Down Enter 6 ] ] Enter z r Enter ? Tab q shot:x",
    "wait n x n r Tab Enter n 4 n 6 N 2 t + + f f Down Right Enter 3 f s f s G Enter > "
    "Backspace Backspace 4 t Enter t Enter Down Enter t Enter ] [ u 5 G Enter ? Tab 1 shot:x",
    "wait 4 t t Enter Enter x z ] Enter r G Enter 4 t Enter Enter x [ r 5 G k k Enter d "
    "3 / type:l2 Enter Enter 2 y v v i t y + G Enter r 6 G PageUp / type:QFI Enter 1 size:20x5 "
    "1 2 3 4 5 6 r ? Tab q size:1x1 1 2 3 4 5 6 r ? q shot:x",
    "2 t y + tick 4 Enter wait g type:guest_4096 Enter x r Tab 2 g type:end Enter 4 u G Enter "
    "g type:L2[0][1] Enter ] [ Enter z d 6 Ctrl-D g type:snap_1 Enter Enter Enter g type:rb_0_3 "
    "Enter 6 r 3 n n n 5 PageDown Enter g type:bitmap_1 Enter Enter Enter x ? Tab G q 1 T T "
    "size:200x60 1 2 3 4 5 6 r shot:x",
    "wait 4 e Ctrl-U type:0x8000000000000200 Enter wait 5 G e Ctrl-U type:7 Enter wait 6 "
    "g type:0x68 Enter e Ctrl-U type:ff01 Enter wait 1 2 3 p wait 8 Down Space wait J K x wait = "
    "4 e Tab g type:1c Enter e wait U U Ctrl-R wait 8 Enter = 1 = 2 = 3 = 4 = 5 = 6 shot:x",
};

static void look_at_screen(void *arg, const char *name, const struct grid *g)
{
    struct buf *text = arg;

    (void)name;
    grid_dump(g, true, text);
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];

        assert(c == '\n' || (c >= ' ' && c != 0x7f));
    }
}

static void browse(const struct image *img, unsigned choice)
{
    struct buf screen = BUF_INIT;
    struct fake_options fake = { .rows = 24, .cols = 80, .depth = DEPTH_256,
                                 .ascii = choice % 8 == 7,
                                 .script = scripts[choice % (sizeof scripts / sizeof scripts[0])],
                                 .shot = look_at_screen, .arg = &screen };
    struct ui_options opt = { .threads = 1, .problems_kept = PROBLEMS_KEPT };
    struct terminal *term = term_fake_open(&fake);
    struct app *app;

    assert(term);
    if (app_new(img, &opt, term, &app, NULL)) {
        app_run(app);
        app_free(app);
    }
    term->ops->close(term);
    buf_free(&screen);
}

/* --- one input --- */

static unsigned choose(const uint8_t *data, size_t size)
{
    unsigned sum = 5381;

    for (size_t i = 0; i < size && i < 1024; i++)
        sum = sum * 33 + data[i];
    return sum >> 7 ^ sum >> 19;
}

/* *sound: all of it can be read. */
static struct source *source_of(const uint8_t *data, size_t size, unsigned choice, bool *sound)
{
    struct source *src, *bad;

    *sound = choice % 8 || size < 4096;

    if (!source_open_memory(data, size, NAME, &src, NULL))
        return NULL;
    if (*sound)
        return src;
    if (source_open_failing(src, 512 + choice % size, 512, &bad, NULL))
        return bad;
    source_close(src);
    return NULL;
}

/* Values to force on every sixteenth header: those that are there, or others near by. */
static bool options_of(const uint8_t *data, size_t size, unsigned choice,
                       struct image_options *opt)
{
    struct header hdr;

    *opt = (struct image_options){ .force_magic = true };
    if (choice % 16)
        return false;
    header_decode(data, size, &hdr);
    choice /= 16;
    opt->force_cluster_bits = choice & 1;
    opt->force_l1_offset = choice & 2;
    opt->force_l1_size = choice & 4;
    opt->force_reftable = choice & 8;
    opt->cluster_bits = 9 + choice / 16 % 13;
    opt->l1_offset = hdr.l1_table_offset + choice % 3 * 512;
    opt->l1_size = hdr.l1_size % (L1_ENTRIES_MAX + 1);
    opt->reftable_offset = hdr.refcount_table_offset + choice % 2 * 512;
    opt->reftable_clusters = choice % 4;
    return true;
}

static struct scan_result *scan_by(const struct image *img, const struct scan_options *opt,
                                   struct scan_progress *progress)
{
    struct scan_result *scan = NULL;

    progress->want_preview = true;
    scan_run(img, opt, progress, &scan, NULL);
    return scan;
}

static struct scan_result *scan_with(const struct image *img, unsigned threads, bool tightest)
{
    struct scan_options opt = { .threads = threads, .problems_kept = PROBLEMS_KEPT,
                                .tightest = tightest };
    struct scan_progress *progress = calloc(1, sizeof *progress);
    struct scan_result *scan;

    assert(progress);
    scan = scan_by(img, &opt, progress);
    free(progress);
    return scan;
}

static void compare_others(const struct image *img, const struct scan_result *scan,
                           const uint8_t *data, size_t size, unsigned choice)
{
    struct wrapping how = { .sparse = true };
    struct source *src;
    struct image *sparse;

    switch (choice % 4) {
    case 0:
        compare_tightest(scan, scan_with(img, 1 + choice / 4 % 2, true));
        break;
    case 2:
        compare_whole(scan, scan_with(img, 2, false));
        break;
    case 3:
        if (!wrapped_open(data, size, &how, &src))
            break;
        if (image_open(src, NULL, &sparse, NULL)) {
            compare_whole(scan, scan_with(sparse, 1, false));
            image_close(sparse);
        } else {
            source_close(src);
        }
        break;
    }
}

/* A scan that is told to stop after some reads: it ends, and what it leaves can be shown. */
static void stop_midway(const uint8_t *data, size_t size, unsigned choice)
{
    struct scan_progress *progress = calloc(1, sizeof *progress);
    struct scan_options opt = { .threads = 1 + choice % 2, .problems_kept = PROBLEMS_KEPT,
                                .tightest = choice & 2 };
    struct wrapping how = { .sparse = choice & 4 };
    struct scan_result *scan;
    struct source *src;
    struct sink s;
    struct image *img;

    sink_init(&s);
    assert(progress && wrapped_open(data, size, &how, &src));
    if (image_open(src, NULL, &img, NULL)) {
        uint64_t requests, bytes;

        source_counters(src, &requests, &bytes);
        how.cancel = &progress->cancel;
        how.cancel_after = (unsigned)requests + 1 + choice / 8 % 40;
        scan = scan_by(img, &opt, progress);
        if (scan) {
            report_check(scan, &s);
            report_maps(scan, choice, &s);
            report_tables(scan, choice & 1, &s);
        }
        scan_free(scan);
        image_close(img);
    } else {
        source_close(src);
    }
    free(progress);
    sink_free(&s);
}

/* An input opened as an image, with the choices that come from its bytes. */
struct input {
    const uint8_t *data;
    size_t size;
    unsigned choice;
    bool as_is;             /* all of it can be read, and nothing was forced */
    struct image *img;
};

static bool input_open(struct input *in, const uint8_t *data, size_t size)
{
    bool sound, forced;
    struct source *src;
    struct image_options opt;

    *in = (struct input){ .data = data, .size = size, .choice = choose(data, size) };
    src = source_of(data, size, in->choice / 16, &sound);
    if (!src)
        return false;
    forced = options_of(data, size, in->choice / 5, &opt);
    in->as_is = sound && !forced;
    if (image_open(src, forced ? &opt : NULL, &in->img, NULL))
        return true;
    source_close(src);
    return false;
}

static void scan_part(struct input *in)
{
    struct scan_result *scan = scan_with(in->img, in->choice % 4 == 1 ? 2 : 1, false);

    if (scan && in->as_is)
        compare_others(in->img, scan, in->data, in->size, in->choice);
    scan_free(scan);
}

static void report_part(struct input *in)
{
    struct scan_result *scan = scan_with(in->img, 1, false);
    struct sink s;

    sink_init(&s);
    report_info(in->img, in->choice & 1, in->data, in->size, &s);
    if (scan) {
        report_check(scan, &s);
        report_tables(scan, in->choice & 2, &s);
        report_maps(scan, in->choice, &s);
        report_places(scan, in->choice / 4, &s);
    }
    scan_free(scan);
    sink_free(&s);
}

static void fuzz_scan(const uint8_t *data, size_t size)
{
    struct input in;

    if (input_open(&in, data, size)) {
        scan_part(&in);
        image_close(in.img);
    }
}

static void fuzz_reports(const uint8_t *data, size_t size)
{
    struct input in;

    if (input_open(&in, data, size)) {
        report_part(&in);
        image_close(in.img);
    }
}

static void fuzz_views(const uint8_t *data, size_t size)
{
    struct input in;

    if (input_open(&in, data, size)) {
        browse(in.img, in.choice);
        image_close(in.img);
    }
}

static void fuzz_all(const uint8_t *data, size_t size)
{
    struct input in;

    if (!input_open(&in, data, size))
        return;
    scan_part(&in);
    report_part(&in);
    if (in.choice % 2)
        browse(in.img, in.choice / 2);
    if (in.choice % 8 == 4)
        stop_midway(data, size, in.choice / 8);
    image_close(in.img);
}

const struct fuzz_part fuzz_parts[] = {
    { "all", true, fuzz_all },
    { "open", true, fuzz_open },
    { "scan", true, fuzz_scan },
    { "reports", true, fuzz_reports },
    { "views", true, fuzz_views },
    { "disk", true, fuzz_disk },
    { "repair", true, fuzz_repair },
    { "rescue", true, fuzz_rescue },
    { "content", false, fuzz_content },
    { "decompress", false, fuzz_decompress },
    { "address", false, fuzz_address },
    { "plan-file", false, fuzz_plan_file },
    { NULL, false, NULL },
};

const struct fuzz_part *fuzz_part(void)
{
    static const struct fuzz_part *part;
    const char *name = getenv("FUZZ_PART");

    if (part)
        return part;
    for (part = fuzz_parts; name && part->name && strcmp(part->name, name) != 0; part++)
        ;
    if (!part->name) {
        fprintf(stderr, "FUZZ_PART: there is no part \"%s\"\n", name);
        exit(1);
    }
    return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_part()->run(data, size);
    return 0;
}
