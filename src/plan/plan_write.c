/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A plan as JSON: writing it. */
#include "config.h"

#include "plan/plan_form.h"

#include <jansson.h>
#include <string.h>

#include "base/num.h"
#include "plan/plan.h"

#define REPEAT_MIN      8           /* words from which on a run is written as one */

static json_t *hex(const uint8_t *bytes, size_t len)
{
    static const char digit[] = "0123456789abcdef";
    char text[2 * HEX_MAX];

    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digit[bytes[i] >> 4];
        text[2 * i + 1] = digit[bytes[i] & 15];
    }
    return json_stringn(text, 2 * len);
}

static json_t *number(uint64_t v)
{
    return json_integer((json_int_t)v);
}

static json_t *patch_of(uint64_t off, uint64_t len, const char *key, json_t *value)
{
    return json_pack("{s:o, s:o, s:o}", "offset", number(off), "length", number(len), key,
                     value);
}

/* Bytes from p on that repeat their first WORD, at most len. */
static size_t run_of(const uint8_t *p, size_t len)
{
    size_t n = WORD;

    if (len < WORD)
        return 0;
    while (n < len && p[n] == p[n - WORD])
        n++;
    return n / WORD >= REPEAT_MIN ? n / WORD * WORD : 0;
}

static bool write_bytes(json_t *list, uint64_t off, const uint8_t *p, size_t len)
{
    bool ok = true;

    while (ok && len) {
        size_t n = run_of(p, len);

        if (n) {
            ok = json_array_append_new(list, patch_of(off, n, "repeat", hex(p, WORD))) == 0;
        } else {
            while (n < len && n < HEX_MAX && !(n && run_of(p + n, len - n)))
                n++;
            ok = json_array_append_new(list, patch_of(off, n, "bytes", hex(p, n))) == 0;
        }
        off += n;
        p += n;
        len -= n;
    }
    return ok;
}

static json_t *write_patches(const struct patches *p)
{
    json_t *list = json_array();
    bool ok = list != NULL;

    for (size_t i = 0; ok && i < p->n; i++) {
        const struct patch *patch = &p->list[i];

        if (patch->kind == PATCH_BYTES)
            ok = write_bytes(list, patch->off,
                             (const uint8_t *)buf_str(&p->bytes) + patch->at,
                             (size_t)patch->len);
        else if (patch->kind == PATCH_COPY)
            ok = json_array_append_new(list, patch_of(patch->off, patch->len, "copy-from",
                                                      number(patch->at))) == 0;
        else
            ok = json_array_append_new(list, patch_of(patch->off, patch->len, "zeros",
                                                      json_true())) == 0;
    }
    if (ok)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *write_counts(const uint64_t count[N_PROBLEMS])
{
    json_t *o = json_object();

    for (int k = 0; o && k < N_PROBLEMS; k++)
        if (count[k])
            json_object_set_new(o, problem_info((enum problem_kind)k)->id, number(count[k]));
    return o;
}

static json_t *write_losses(const struct plan_step *s)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < s->n_losses; i++)
        json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:b}",
            "layer", number(s->loss[i].layer), "offset", number(s->loss[i].guest_off),
            "length", number(s->loss[i].len), "regained", s->loss[i].regained));
    return list;
}

static json_t *write_zeros(const struct plan_step *s)
{
    json_t *list = json_array();

    for (size_t i = 0; i < s->n_zeros; i++)
        json_array_append_new(list, json_pack("{s:o, s:o}", "offset", number(s->zeros[i].off),
                                              "length", number(s->zeros[i].len)));
    return list;
}

static void write_owners(json_t *o, const struct plan_step *s)
{
    json_t *list = json_array();

    for (size_t i = 0; i < s->n_owners; i++)
        json_array_append_new(list, json_pack("{s:o, s:s, s:o}",
            "layer", number(s->owner[i].layer), "name", s->owner[i].text,
            "length", number(s->owner[i].len)));
    json_object_set_new(o, "owners", list);
    json_object_set_new(o, "owners-left-out", number(s->owners_left_out));
}

static void set_text(json_t *o, const char *key, const char *text)
{
    if (text)
        json_object_set_new(o, key, json_string(text));
}

static json_t *write_step(const struct plan_step *s)
{
    struct buf place = BUF_INIT;
    json_t *o = json_pack("{s:s, s:b, s:o, s:o, s:o}", "goal", s->goal, "chosen",
                          s->chosen, "before", write_counts(s->before), "after",
                          write_counts(s->after), "loses", write_losses(s));

    if (!o)
        return NULL;
    set_text(o, "title", s->title);
    set_text(o, "why", s->why);
    set_text(o, "cost", s->cost);
    if (s->place.kind != PLACE_NONE) {
        place_text(&s->place, &place);
        set_text(o, "place", buf_str(&place));
        buf_free(&place);
    }
    if (s->n_owners)
        write_owners(o, s);
    if (s->n_zeros)
        json_object_set_new(o, "zeros", write_zeros(s));
    if (s->patches.has_length)
        json_object_set_new(o, "file-length", number(s->patches.length));
    if (json_object_set_new(o, "patches", write_patches(&s->patches)) == 0)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *write_image(const struct plan *p)
{
    char tables[DIGEST_TEXT];
    json_t *ranges = json_array();
    json_t *o;

    digest_text(p->tables, tables);
    o = json_pack("{s:o, s:s, s:o}", "length", number(p->file_size), "tables", tables, "ranges",
                  ranges);

    set_text(o, "filename", p->image);
    for (size_t i = 0; i < p->n_ranges; i++) {
        const struct plan_range *r = &p->range[i];
        json_t *range = json_pack("{s:o, s:o}", "offset", number(r->off), "length",
                                  number(r->len));
        char text[DIGEST_TEXT];

        digest_text(r->digest, text);
        json_object_set_new(range, r->zeros ? "zeros" : "sha256",
                            r->zeros ? json_true() : json_string(text));
        json_array_append_new(ranges, range);
    }
    return o;
}

static int into_buf(const char *text, size_t len, void *data)
{
    buf_add(data, text, len);
    return ((struct buf *)data)->failed ? -1 : 0;
}

bool plan_write(const struct plan *p, struct buf *out, struct error *err)
{
    json_t *steps = json_array();
    json_t *all = json_pack("{s:i, s:o, s:o}", "qcheck-plan", PLAN_FORM, "image", write_image(p),
                            "steps", steps);
    bool ok = all != NULL;

    set_text(all, "left", p->left);
    if (p->outcome.known)
        json_object_set_new(all, "outcome", json_pack("{s:b, s:o, s:o, s:o}",
            "refused", p->outcome.refused, "corruptions", number(p->outcome.corruptions),
            "leaks", number(p->outcome.leaks), "check-errors",
            number(p->outcome.check_errors)));
    for (size_t i = 0; ok && i < p->n; i++)
        ok = json_array_append_new(steps, write_step(&p->step[i])) == 0;
    ok = ok && json_dump_callback(all, into_buf, out, JSON_INDENT(1)) == 0;
    buf_putc(out, '\n');
    json_decref(all);
    return (ok && !out->failed) || err_set(err, ERR_NOMEM, "out of memory");
}
