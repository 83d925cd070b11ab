/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A plan as JSON: reading it, which trusts nothing. */
#include "config.h"

#include "plan/plan_form.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "plan/plan.h"

#define FILE_MAX        (UINT64_C(1) << 30)
#define PATCHES_MAX     (UINT64_C(1) << 24)
#define BYTES_MAX       (UINT64_C(1) << 30)

struct reading {
    uint64_t patches, bytes;        /* so far, of all steps */
    size_t step;
    struct error *err;
};

static bool wrong(struct reading *r, const char *what)
{
    return err_set(r->err, ERR_FORMAT, "not a plan of this program: step %zu: %s",
                   r->step + 1, what);
}

static bool get_number(const json_t *o, const char *key, uint64_t *out)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *out = (uint64_t)json_integer_value(v);
    return true;
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly len bytes of lower case hexadecimal. */
static bool get_hex(const json_t *v, uint8_t *out, size_t len)
{
    const char *text = json_string_value(v);

    if (!text || json_string_length(v) != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int hi = nibble(text[2 * i]), lo = nibble(text[2 * i + 1]);

        if (hi < 0 || lo < 0)
            return false;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

static bool read_bytes(struct reading *r, const json_t *o, uint64_t off, uint64_t len,
                       struct patches *out)
{
    const json_t *bytes = json_object_get(o, "bytes"), *word = json_object_get(o, "repeat");
    uint8_t chunk[HEX_MAX];

    r->bytes += len;
    if (len > BYTES_MAX || r->bytes > BYTES_MAX)
        return wrong(r, "more than 1 GiB of bytes to write");
    if (bytes) {
        if (len > sizeof chunk || !get_hex(bytes, chunk, (size_t)len))
            return wrong(r, "\"bytes\" does not fit \"length\"");
        patches_write(out, off, chunk, (size_t)len);
        return true;
    }
    if (!get_hex(word, chunk, WORD))
        return wrong(r, "a patch has no bytes, repeat, copy-from or zeros");
    for (size_t i = WORD; i < sizeof chunk; i++)
        chunk[i] = chunk[i - WORD];
    for (; len; off += sizeof chunk, len -= u64_min(len, sizeof chunk))
        patches_write(out, off, chunk, (size_t)u64_min(len, sizeof chunk));
    return true;
}

static bool read_patch(struct reading *r, const json_t *o, struct patches *out)
{
    uint64_t off, len, from;

    if (++r->patches > PATCHES_MAX)
        return wrong(r, "too many patches");
    if (!get_number(o, "offset", &off) || !get_number(o, "length", &len) || !len
        || !range_inside(off, len, READ_OFFSET_MAX))
        return wrong(r, "a patch has no offset and length inside a file");
    if (json_is_true(json_object_get(o, "zeros"))) {
        patches_zero(out, off, len);
    } else if (json_object_get(o, "copy-from")) {
        if (!get_number(o, "copy-from", &from) || !range_inside(from, len, READ_OFFSET_MAX))
            return wrong(r, "a patch copies from outside of a file");
        patches_copy(out, off, from, len);
    } else {
        return read_bytes(r, o, off, len, out);
    }
    return true;
}

static bool read_text(const json_t *o, const char *key, char **out)
{
    const char *text = json_string_value(json_object_get(o, key));

    *out = text ? strdup(text) : NULL;
    return *out || !text;
}

static bool read_counts(struct reading *r, json_t *o, uint64_t count[N_PROBLEMS])
{
    const char *id;
    json_t *v;

    json_object_foreach(o, id, v) {
        enum problem_kind kind;

        if (!problem_by_id(id, &kind) || !get_number(o, id, &count[kind]))
            return wrong(r, "a count of an unknown kind of problem");
    }
    return true;
}

static bool read_losses(struct reading *r, const json_t *list, struct plan_step *s)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        uint64_t layer, off, len;
        bool regained;

        if (!get_number(o, "layer", &layer) || layer > SNAPSHOTS_MAX
            || !get_number(o, "offset", &off) || !get_number(o, "length", &len)
            || !range_inside(off, len, UINT64_MAX))
            return wrong(r, "a loss without layer, offset and length");
        regained = json_is_true(json_object_get(o, "regained"));
        if (!(regained ? plan_step_add_regained : plan_step_add_loss)(s, (uint32_t)layer, off,
                                                                      len))
            return wrong(r, "out of memory");
    }
    return true;
}

static bool read_zeros(struct reading *r, const json_t *list, struct plan_step *s)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        uint64_t off, len;

        if (!get_number(o, "offset", &off) || !get_number(o, "length", &len)
            || !range_inside(off, len, READ_OFFSET_MAX))
            return wrong(r, "zeros without offset and length inside a file");
        if (!plan_step_rests_on_zeros(s, off, len))
            return wrong(r, "out of memory");
    }
    return !list || json_is_array(list) || wrong(r, "\"zeros\" is no list");
}

static bool read_owners(struct reading *r, const json_t *list, struct plan_step *s)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(o, "name"));
        uint64_t layer, len;

        if (!name || !get_number(o, "layer", &layer) || layer > SNAPSHOTS_MAX
            || !get_number(o, "length", &len))
            return wrong(r, "an owner without layer, name and length");
        if (!plan_step_add_owner(s, (uint32_t)layer, name, len))
            return wrong(r, "out of memory");
    }
    return true;
}

static bool read_step(struct reading *r, const json_t *o, struct plan *p)
{
    const char *name = json_string_value(json_object_get(o, "goal"));
    const struct plan_goal *goal = name ? plan_goal_named(name) : NULL;
    const json_t *list = json_object_get(o, "patches");
    uint64_t length;
    struct plan_step *s;

    if (!goal)
        return wrong(r, "no goal, or an unknown one");
    if (!json_is_array(list))
        return wrong(r, "no patches");
    s = plan_add(p, goal->name);
    if (!s || !read_text(o, "title", &s->title) || !read_text(o, "why", &s->why)
        || !read_text(o, "cost", &s->cost))
        return wrong(r, "out of memory");
    s->chosen = json_is_true(json_object_get(o, "chosen"));
    if (!read_counts(r, json_object_get(o, "before"), s->before)
        || !read_counts(r, json_object_get(o, "after"), s->after)
        || !read_losses(r, json_object_get(o, "loses"), s)
        || !read_owners(r, json_object_get(o, "owners"), s)
        || !read_zeros(r, json_object_get(o, "zeros"), s))
        return false;
    get_number(o, "owners-left-out", &s->owners_left_out);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!read_patch(r, json_array_get(list, i), &s->patches))
            return false;
    if (json_object_get(o, "file-length")) {
        if (!get_number(o, "file-length", &length) || length > READ_OFFSET_MAX)
            return wrong(r, "file-length is not the length of a file");
        patches_set_length(&s->patches, length);
    }
    return !s->patches.failed || wrong(r, "out of memory");
}

static bool read_image(struct reading *r, const json_t *o, struct plan *p)
{
    const json_t *list = json_object_get(o, "ranges");
    uint64_t end = 0;

    if (!get_number(o, "length", &p->file_size) || p->file_size > READ_OFFSET_MAX
        || !get_hex(json_object_get(o, "tables"), p->tables, DIGEST_LEN)
        || !json_is_array(list) || !read_text(o, "filename", &p->image))
        return err_set(r->err, ERR_FORMAT, "not a plan of this program: no image");
    p->range = calloc(json_array_size(list) + 1, sizeof *p->range);
    if (!p->range)
        return err_set(r->err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        struct plan_range *range = &p->range[p->n_ranges++];

        range->zeros = json_is_true(json_object_get(v, "zeros"));
        if (!get_number(v, "offset", &range->off) || !get_number(v, "length", &range->len)
            || range->off < end || !range_inside(range->off, range->len, p->file_size)
            || !(range->zeros || get_hex(json_object_get(v, "sha256"), range->digest,
                                         DIGEST_LEN)))
            return err_set(r->err, ERR_FORMAT, "not a plan of this program: range %zu of the "
                           "image is wrong", i + 1);
        end = range->off + range->len;
    }
    return true;
}

struct plan_input { struct source *src; uint64_t at; };

static size_t load_some(void *buffer, size_t len, void *data)
{
    struct plan_input *from = data;

    len = (size_t)u64_min(len, source_size(from->src) - from->at);
    /* jansson would skip a byte 0 after a number. */
    if (!source_read(from->src, from->at, buffer, len, NULL) || memchr(buffer, 0, len))
        return (size_t)-1;
    from->at += len;
    return len;
}

bool plan_read(struct source *file, struct plan *out, struct error *err)
{
    struct plan_input from = { file, 0 };
    struct reading r = { .err = err };
    struct plan p = { 0 };
    json_error_t where;
    json_t *all, *steps;
    uint64_t form;
    bool ok = false;

    if (source_size(file) > FILE_MAX)
        return err_set(err, ERR_LIMIT, "not a plan: longer than 1 GiB");
    all = json_load_callback(load_some, &from, JSON_REJECT_DUPLICATES, &where);
    steps = json_object_get(all, "steps");
    if (!all) {
        err_set(err, ERR_FORMAT, "not a plan: line %d: %s", where.line, where.text);
    } else if (!get_number(all, "qcheck-plan", &form) || !json_is_array(steps)) {
        err_set(err, ERR_FORMAT, "not a plan of this program: no \"qcheck-plan\" or no "
                "\"steps\"");
    } else if (form != PLAN_FORM) {
        err_set(err, ERR_FORMAT, "a plan of form %" PRIu64 "; this program reads form %d",
                form, PLAN_FORM);
    } else if (read_image(&r, json_object_get(all, "image"), &p)) {
        ok = true;
        for (; ok && r.step < json_array_size(steps); r.step++)
            ok = read_step(&r, json_array_get(steps, r.step), &p);
        ok = ok && plan_covered(&p, err);
    }
    json_decref(all);
    if (ok)
        *out = p;
    else
        plan_free(&p);
    return ok;
}
