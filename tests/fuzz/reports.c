/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Every report, as text and as JSON. */
#include "config.h"

#include "target.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "inspect/address.h"
#include "report/at.h"
#include "report/check_json.h"
#include "report/classic.h"
#include "report/dump.h"
#include "report/info.h"
#include "report/map_report.h"
#include "report/streams.h"

#define OUTPUT_MAX      (256u << 10)    /* bytes of one report; the rest fails to be written */

/* --- where reports go --- */

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

void sink_init(struct sink *s)
{
    *s = (struct sink){ .bytes = malloc(OUTPUT_MAX) };
    assert(s->bytes);
}

void sink_free(struct sink *s)
{
    free(s->bytes);
}

void sink_open(struct sink *s)
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

static void check_forbidden(const struct sink *s)
{
    const char *at = s->forbidden ? memmem(s->bytes, s->len, s->forbidden,
                                           strlen(s->forbidden)) : NULL;

    if (!at)
        return;
    while (at > s->bytes && at[-1] != '\n')
        at--;
    fprintf(stderr, "%s in: %.*s\n", s->forbidden, (int)strcspn(at, "\n"), at);
    abort();
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

/* ok: the report says it is complete. */
void sink_close(struct sink *s, enum form form, bool ok)
{
    fclose(s->f);
    check_text(s, form == FORM_COLOUR);
    check_forbidden(s);
    if (ok && !s->full && form >= FORM_JSON)
        check_json(s, form == FORM_JSON_LINES);
}

/* --- reports --- */

static struct image *open_again(const uint8_t *data, size_t size)
{
    struct source *src;
    struct image *img;

    if (!source_open_memory(data, size, NAME, &src, NULL))
        return NULL;
    if (image_open(src, NULL, &img, NULL))
        return img;
    source_close(src);
    return NULL;
}

/* Backing files without opening any: what is named is the image itself, and then a disk of
 * its bytes. */
static void back_by_itself(struct chain *chain, const uint8_t *data, size_t size)
{
    struct source *raw;

    if (chain->n != 1)
        return;
    chain->layer[0].img = open_again(data, size);
    if (chain->layer[0].img) {
        chain->layer[0].format = "qcow2";
        chain->layer[0].size = chain->layer[0].img->geo.size;
    } else if (source_open_memory(data, size, NAME, &raw, NULL)) {
        chain->layer[0].raw = raw;
        chain->layer[0].format = "raw";
        chain->layer[0].size = size;
    }
}

void report_info(const struct image *img, bool backed, const uint8_t *data, size_t size,
                 struct sink *s)
{
    struct chain chain;
    struct info info;

    if (!chain_open(NAME, img, false, &chain, NULL))
        return;
    if (backed)
        back_by_itself(&chain, data, size);
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
        ok = map_guest(img, LAYER_ACTIVE, &chain, json, &s->out, NULL);
        sink_close(s, json ? FORM_JSON : FORM_TEXT, ok);
    }
    chain_close(&chain);
}

void report_check(const struct scan_result *scan, struct sink *s)
{
    struct classic classic = { .streams = (UINT32_C(1) << N_STREAMS) - 1, .out = &s->out,
                               .name = NAME, .stats = true };
    struct check_json json = { NAME, scan, NULL, NULL, true, true, scan_strict_status(scan) };
    struct insight_options look = { .name = NAME, .deep = scan->img->geo.file_size % 2 };
    struct insight *insight;
    bool ok;

    if (!insight_find(scan, &look, &insight, NULL))
        return;
    classic.insight = json.insight = insight;
    sink_open(s);
    classic.err = s->out;
    ok = classic_report(&classic, scan, NULL);
    sink_close(s, FORM_TEXT, ok);
    sink_open(s);
    ok = check_json_write(&json, &s->out, NULL);
    sink_close(s, FORM_JSON, ok);
    insight_free(insight);
}

void report_tables(const struct scan_result *scan, bool json, struct sink *s)
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

void report_maps(const struct scan_result *scan, unsigned choice, struct sink *s)
{
    for (unsigned i = 0; i < 2; i++) {
        struct picture p = { 1 + choice % 100, 1 + choice % 20, choice & 1, choice & 2 };
        bool ok;

        sink_open(s);
        map_host(scan, i == 1, &s->out);
        sink_close(s, i == 1 ? FORM_JSON : FORM_TEXT, true);
        sink_open(s);
        ok = map_picture(scan, i == 1, LAYER_ACTIVE, &p, &s->out, NULL);
        sink_close(s, FORM_COLOUR, ok);
    }
}

void report_places(const struct scan_result *scan, unsigned choice, struct sink *s)
{
    static const char *const address[] = {
        "0", "header 24", "L1[0]", "L2[0][0]", "guest 0", "rt 0", "rb 0 1", "end", "3c",
        "guest 70000", "snap 1", "snap 1 L2[0][3]", "snap 2 guest 512", "bitmap 1", "7c", "0x811",
    };
    struct problem_index *found;

    if (!problem_index_new(scan, &found, NULL))
        return;
    for (size_t i = choice % 4; i < sizeof address / sizeof address[0]; i += 4) {
        struct place place;
        struct at at;
        bool ok;

        if (!address_parse(scan->img, NULL, address[i], &place, NULL))
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
    problem_index_free(found);
}
