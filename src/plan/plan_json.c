/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The file form of a plan. Bytes are hexadecimal; a long run of one word of 8 bytes is
 * written once ("repeat"), as refcount blocks consist of such runs. */
#include "config.h"

#include "plan/plan.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"

#define FORM            1           /* version of the file form */
#define WORD            8           /* bytes of a repeated word */
#define REPEAT_MIN      8           /* words from which on a run is written as one */
#define HEX_MAX         4096        /* bytes in one patch of the file */
#define FILE_MAX        (UINT64_C(1) << 30)
#define PATCHES_MAX     (UINT64_C(1) << 24)
#define BYTES_MAX       (UINT64_C(1) << 30)

/* --- writing --- */

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
    if (s->patches.has_length)
        json_object_set_new(o, "file-length", number(s->patches.length));
    if (json_object_set_new(o, "patches", write_patches(&s->patches)) == 0)
        return o;
    json_decref(o);
    return NULL;
}

static json_t *write_image(const struct plan *p)
{
    json_t *ranges = json_array();
    json_t *o = json_pack("{s:o, s:o}", "length", number(p->file_size), "ranges", ranges);

    set_text(o, "filename", p->image);
    for (size_t i = 0; i < p->n_ranges; i++) {
        char text[DIGEST_TEXT];

        digest_text(p->range[i].digest, text);
        json_array_append_new(ranges, json_pack("{s:o, s:o, s:s}",
            "offset", number(p->range[i].off), "length", number(p->range[i].len),
            "sha256", text));
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
    json_t *all = json_pack("{s:i, s:o, s:o}", "qcheck-plan", FORM, "image", write_image(p),
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

/* --- reading --- */

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
        || !read_owners(r, json_object_get(o, "owners"), s))
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
        || !json_is_array(list) || !read_text(o, "filename", &p->image))
        return err_set(r->err, ERR_FORMAT, "not a plan of this program: no image");
    p->range = calloc(json_array_size(list) + 1, sizeof *p->range);
    if (!p->range)
        return err_set(r->err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        struct plan_range *range = &p->range[p->n_ranges++];

        if (!get_number(v, "offset", &range->off) || !get_number(v, "length", &range->len)
            || range->off < end || !range_inside(range->off, range->len, p->file_size)
            || !get_hex(json_object_get(v, "sha256"), range->digest, DIGEST_LEN))
            return err_set(r->err, ERR_FORMAT, "not a plan of this program: range %zu of the "
                           "image is wrong", i + 1);
        end = range->off + range->len;
    }
    return true;
}

#define GAP_MAX (UINT64_C(65536) << 21)     /* what a planner leaves free after the end, at most */

/* What lies after the end is what is appended, and not somewhere. */
static bool grows_sensibly(const struct plan *p, struct error *err)
{
    uint64_t end = p->file_size, most = end + GAP_MAX;

    for (size_t i = 0; i < p->n; i++) {
        const struct patches *all = &p->step[i].patches;

        if (all->has_length)
            end = u64_max(end, all->length);
        for (size_t k = 0; k < all->n; k++) {
            end = u64_max(end, all->list[k].off + all->list[k].len);
            most += u64_min(all->list[k].len, BYTES_MAX);
        }
    }
    return end <= most || err_set(err, ERR_FORMAT, "the plan writes far after the end of the "
                                  "image, where nothing is appended");
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
    } else if (form != FORM) {
        err_set(err, ERR_FORMAT, "a plan of form %" PRIu64 "; this program reads form %d",
                form, FORM);
    } else if (read_image(&r, json_object_get(all, "image"), &p)) {
        ok = true;
        for (; ok && r.step < json_array_size(steps); r.step++)
            ok = read_step(&r, json_array_get(steps, r.step), &p);
        ok = ok && grows_sensibly(&p, err) && plan_covered(&p, err);
    }
    json_decref(all);
    if (ok)
        *out = p;
    else
        plan_free(&p);
    return ok;
}
