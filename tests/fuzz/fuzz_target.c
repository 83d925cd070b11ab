/* The fuzz target: bytes -> image -> scan -> every report -> every view of the inspector.
 *
 * Beyond crashes, leaks and time it looks for what a hostile image must not reach:
 *   - text with characters that act on a terminal,
 *   - JSON that is none,
 *   - a result that depends on the number of threads.
 *
 * What one input goes through beyond the scan (a storage that fails, which addresses, which
 * keys) is chosen by a sum over its first bytes: the same file always does the same, and all
 * choices come up. */
#include "config.h"

#include "fuzz.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "qcow2/image.h"
#include "report/at.h"
#include "report/check_json.h"
#include "report/classic.h"
#include "report/dump.h"
#include "report/info.h"
#include "report/map_report.h"
#include "report/streams.h"
#include "scan/scan.h"
#include "ui/app.h"
#include "ui/term_fake.h"

#define NAME            "image"
#define OUTPUT_MAX      (256u << 10)    /* bytes of one report; the rest fails to be written */
#define PROBLEMS_KEPT   64              /* of one kind */

/* --- where reports go --- */

struct sink {
    char *bytes;                /* owned, OUTPUT_MAX of them */
    size_t len;
    bool full;                  /* not all was taken */
    FILE *f;
    struct out out;
};

static ssize_t sink_take(void *cookie, const char *bytes, size_t len)
{
    struct sink *s = cookie;

    if (s->full || len > OUTPUT_MAX - s->len) {
        s->full = true;
        return 0;
    }
    memcpy(s->bytes + s->len, bytes, len);
    s->len += len;
    return (ssize_t)len;
}

static void sink_open(struct sink *s)
{
    cookie_io_functions_t calls = { .write = sink_take };

    s->len = 0;
    s->full = false;
    s->f = fopencookie(s, "w", calls);
    assert(s->f);
    s->out = (struct out){ s->f, 0 };
}

/* A colour picture is the only report with escape sequences in it. */
static void check_text(const struct sink *s, bool colour)
{
    for (size_t i = 0; i < s->len; i++) {
        unsigned char c = (unsigned char)s->bytes[i];

        assert(c == '\n' || (c >= ' ' && c != 0x7f) || (colour && c == 0x1b));
    }
}

static void check_json(const struct sink *s, bool lines)
{
    json_error_t why;

    for (size_t at = 0; at < s->len;) {
        const char *line = s->bytes + at;
        const char *end = lines ? memchr(line, '\n', s->len - at) : NULL;
        size_t len = end ? (size_t)(end - line) + 1 : s->len - at;
        json_t *value = json_loadb(line, len, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &why);

        if (!value) {
            fprintf(stderr, "no JSON: %s\n%.*s\n", why.text, (int)len, line);
            abort();
        }
        json_decref(value);
        at += len;
    }
}

enum form { FORM_TEXT, FORM_COLOUR, FORM_JSON, FORM_JSON_LINES };

/* ok: the report says it is complete. */
static void sink_close(struct sink *s, enum form form, bool ok)
{
    fclose(s->f);
    check_text(s, form == FORM_COLOUR);
    if (ok && !s->full && form >= FORM_JSON)
        check_json(s, form == FORM_JSON_LINES);
}

/* --- reports --- */

static void report_info(const struct image *img, struct sink *s)
{
    struct chain chain;
    struct info info;

    if (!chain_open(NAME, img, false, &chain, NULL))
        return;
    info_gather(NAME, img, &chain, &info);
    sink_open(s);
    info_text(&info, &s->out);
    sink_close(s, FORM_TEXT, true);
    sink_open(s);
    info_json(&info, &s->out);
    sink_close(s, FORM_JSON, true);
    for (int json = 0; json < 2; json++) {
        bool ok;

        sink_open(s);
        ok = map_guest(img, &chain, json, &s->out, NULL);
        sink_close(s, json ? FORM_JSON : FORM_TEXT, ok);
    }
    chain_close(&chain);
}

static void report_check(const struct scan_result *scan, struct sink *s)
{
    struct classic classic = { .streams = (UINT32_C(1) << N_STREAMS) - 1, .out = &s->out,
                               .name = NAME, .stats = true };
    struct check_json json = { NAME, scan, true, true };
    bool ok;

    sink_open(s);
    classic.err = s->out;
    ok = classic_report(&classic, scan, NULL);
    sink_close(s, FORM_TEXT, ok);
    sink_open(s);
    ok = check_json_write(&json, &s->out, NULL);
    sink_close(s, FORM_JSON, ok);
}

static void report_tables(const struct scan_result *scan, bool json, struct sink *s)
{
    static bool (*const dump[])(struct dump *d, struct error *err) = {
        dump_header, dump_l1, dump_l2, dump_reftable, dump_refcounts, dump_snapshots,
        dump_bitmaps, dump_ranges
    };

    for (size_t i = 0; i < sizeof dump / sizeof dump[0]; i++) {
        struct dump d;
        bool ok;

        sink_open(s);
        ok = dump_begin(&d, scan, &s->out, json, NULL);
        if (ok) {
            d.all_layers = true;
            ok = dump[i](&d, NULL);
            if (json && ok)
                dump_end_record(&d);
            dump_end(&d);
        }
        sink_close(s, json ? FORM_JSON_LINES : FORM_TEXT, ok);
    }
}

static void report_maps(const struct scan_result *scan, unsigned choice, struct sink *s)
{
    for (unsigned i = 0; i < 2; i++) {
        struct picture p = { 1 + choice % 100, 1 + choice % 20, choice & 1, choice & 2 };
        bool ok;

        sink_open(s);
        map_host(scan, i == 1, &s->out);
        sink_close(s, i == 1 ? FORM_JSON : FORM_TEXT, true);
        sink_open(s);
        ok = map_picture(scan, i == 1, &p, &s->out, NULL);
        sink_close(s, FORM_COLOUR, ok);
    }
}

static void report_places(const struct scan_result *scan, unsigned choice, struct sink *s)
{
    static const char *const address[] = {
        "0", "header 24", "L1[0]", "L2[0][0]", "guest 0", "rt 0", "rb 0 1", "end", "3c",
        "guest 70000", "snap 1", "snap 1 L2[0][3]", "snap 2 guest 512", "bitmap 1", "7c", "0x811",
    };
    struct found *found;

    if (!found_new(scan, &found, NULL))
        return;
    for (size_t i = choice % 4; i < sizeof address / sizeof address[0]; i += 4) {
        struct place place;
        struct at at;
        bool ok;

        if (!place_parse(scan->img, address[i], &place, NULL))
            continue;
        ok = at_look(scan, found, &place, &at, NULL);
        sink_open(s);
        if (ok)
            at_text(&at, scan->img, &s->out);
        sink_close(s, FORM_TEXT, ok);
        sink_open(s);
        if (ok) {
            struct jw j = JW_INIT(&s->out);

            at_json(&at, scan->img, &j);
        }
        sink_close(s, FORM_JSON, ok);
        at_free(&at);
    }
    found_free(found);
}

/* --- the inspector --- */

/* Each shows every view. */
static const char *const scripts[] = {
    "tick 2 wait 1 Tab Down Down Enter 2 + + Right Down Enter c Enter 3 Down Enter Down Enter "
    "4 Enter Down Enter l h 5 Down Down Enter 6 e e Enter z r Enter ? Tab q shot:x",
    "wait n x n r Tab Enter n 4 n 6 N 2 t + + f f Down Right Enter 3 f s f s G Enter > "
    "Backspace Backspace 4 t Enter t Enter Down Enter t Enter ] [ u 5 G Enter ? Tab 1 shot:x",
    "wait 4 t t Enter Enter x z e Enter r G Enter 4 t Enter Enter x E r 5 G k k Enter d "
    "3 / type:l2 Enter Enter 2 y v v i t y + G Enter r 6 G PageUp / type:QFI Enter 1 size:20x5 "
    "1 2 3 4 5 6 r ? Tab q size:1x1 1 2 3 4 5 6 r ? q shot:x",
    "2 t y + tick 4 Enter wait g type:guest_4096 Enter x r Tab 2 g type:end Enter 4 u G Enter "
    "g type:L2[0][1] Enter ] [ Enter z d 6 Ctrl-D g type:snap_1 Enter Enter Enter g type:rb_0_3 "
    "Enter 6 r 3 n n n 5 PageDown Enter g type:bitmap_1 Enter Enter Enter x ? Tab G q 1 T T "
    "size:200x60 1 2 3 4 5 6 r shot:x",
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

static struct source *source_of(const uint8_t *data, size_t size, unsigned choice)
{
    struct source *src, *bad;

    if (!source_open_memory(data, size, NAME, &src, NULL))
        return NULL;
    if (choice % 8 || size < 4096)
        return src;
    if (source_open_failing(src, 512 + choice % size, 512, &bad, NULL))
        return bad;
    source_close(src);
    return NULL;
}

static struct scan_result *scan_with(const struct image *img, unsigned threads)
{
    struct scan_options opt = { .threads = threads, .problems_kept = PROBLEMS_KEPT };
    struct scan_progress *progress = calloc(1, sizeof *progress);
    struct scan_result *scan = NULL;

    assert(progress);
    progress->want_preview = true;
    scan_run(img, &opt, progress, &scan, NULL);
    free(progress);
    return scan;
}

/* Two threads find what one finds. */
static void compare_threads(const struct image *img, const struct scan_result *one)
{
    struct sink s[2];
    struct scan_result *two = scan_with(img, 2);
    const struct scan_result *scan[2] = { one, two };

    for (int i = 0; two && i < 2; i++) {
        struct check_json json = { NAME, scan[i], false, false };

        s[i].bytes = malloc(OUTPUT_MAX);
        assert(s[i].bytes);
        sink_open(&s[i]);
        check_json_write(&json, &s[i].out, NULL);
        fclose(s[i].f);
    }
    if (two) {
        assert(s[0].len == s[1].len && memcmp(s[0].bytes, s[1].bytes, s[0].len) == 0);
        free(s[0].bytes);
        free(s[1].bytes);
    }
    scan_free(two);
}

static void report_all(const struct image *img, unsigned choice)
{
    struct sink s = { .bytes = malloc(OUTPUT_MAX) };
    struct scan_result *scan = scan_with(img, choice % 4 == 1 ? 2 : 1);
    struct buf verdict = BUF_INIT;

    assert(s.bytes);
    report_info(img, &s);
    if (scan) {
        scan_verdict(scan, &verdict);
        report_check(scan, &s);
        report_tables(scan, choice & 2, &s);
        report_maps(scan, choice, &s);
        report_places(scan, choice / 4, &s);
        if (choice % 4 == 2)
            compare_threads(img, scan);
    }
    buf_free(&verdict);
    scan_free(scan);
    free(s.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned choice = choose(data, size);
    struct source *src = source_of(data, size, choice / 16);
    struct image *img;

    if (!src)
        return 0;
    if (!image_open(src, NULL, &img, NULL)) {
        source_close(src);
        return 0;
    }
    report_all(img, choice);
    browse(img, choice / 2);
    image_close(img);
    return 0;
}
