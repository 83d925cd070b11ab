/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/num.h"

static const struct plan_goal goals[] = {
    { "header", "header values that are lost or wrong, where the tables prove others" },
    { "rescue", "what tables that are lost referred to, found by its content" },
    { "flags", "dirty, corrupt and lazy refcounts, by name" },
    { "backing", "the name and format of the backing file" },
    { "set", "any field, entry or byte, by hand" },
    { "snapshots", "go back to a snapshot, or delete some" },
    { "bitmaps", "drop, enable or disable persistent bitmaps" },
    { "entries", "entries of tables that are not valid or lead nowhere" },
    { "reused", "clusters that belong to two places" },
    { "discard", "give back clusters of zeros" },
    { "resize", "a larger or smaller guest disk" },
    { "refcounts", "refcounts that are too low, missing or unreadable" },
    { "leaks", "clusters that nobody uses" },
    { "copied", "COPIED flags that do not fit the refcounts" },
    { "repair", "all that the findings call for, in the right order" },
    { "compact", "move data into free space and cut the file" },
};

const struct plan_goal *plan_goal_at(size_t i)
{
    return i < sizeof goals / sizeof goals[0] ? &goals[i] : NULL;
}

const struct plan_goal *plan_goal_named(const char *name)
{
    const struct plan_goal *g;

    for (size_t i = 0; (g = plan_goal_at(i)); i++)
        if (strcmp(g->name, name) == 0)
            return g;
    return NULL;
}

void plan_step_free(struct plan_step *s)
{
    free(s->title);
    free(s->why);
    free(s->cost);
    free(s->loss);
    for (size_t i = 0; i < s->n_owners; i++)
        free(s->owner[i].text);
    free(s->owner);
    patches_free(&s->patches);
    *s = (struct plan_step){ 0 };
}

void plan_free(struct plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        plan_step_free(&p->step[i]);
    free(p->step);
    free(p->range);
    free(p->image);
    free(p->left);
    *p = (struct plan){ 0 };
}

bool plan_add_left(struct plan *p, const char *more)
{
    struct buf text = BUF_INIT;

    if (p->left)
        buf_printf(&text, "%s\n", p->left);
    buf_puts(&text, more);
    free(p->left);
    p->left = buf_take(&text);
    return p->left != NULL;
}

struct plan_step *plan_add(struct plan *p, const char *goal)
{
    if (!list_room(&p->step, p->n, &p->cap, sizeof *p->step))
        return NULL;
    p->step[p->n] = (struct plan_step){ .goal = goal, .chosen = true };
    return &p->step[p->n++];
}

static bool add_range(struct plan_step *s, struct loss range)
{
    struct loss *last = s->n_losses ? &s->loss[s->n_losses - 1] : NULL;

    if (last && last->layer == range.layer && last->regained == range.regained
        && last->guest_off + last->len == range.guest_off) {
        last->len += range.len;
        return true;
    }
    if (!list_double(&s->loss, s->n_losses, sizeof *s->loss))
        return false;
    s->loss[s->n_losses++] = range;
    return true;
}

/* No guest has bytes past 2^63: entries that stand for some cost nothing. */
static bool add_guest_range(struct plan_step *s, struct loss range)
{
    return range.guest_off > INT64_MAX || range.len > INT64_MAX - range.guest_off
        || add_range(s, range);
}

bool plan_step_add_loss(struct plan_step *s, uint32_t layer, uint64_t guest_off, uint64_t len)
{
    return add_guest_range(s, (struct loss){ layer, guest_off, len, false });
}

bool plan_step_add_regained(struct plan_step *s, uint32_t layer, uint64_t guest_off,
                            uint64_t len)
{
    return add_guest_range(s, (struct loss){ layer, guest_off, len, true });
}

bool plan_step_add_owner(struct plan_step *s, uint32_t layer, const char *text, uint64_t len)
{
    struct plan_owner *list;

    if (s->n_owners == PLAN_OWNERS_MAX) {
        s->owners_left_out++;
        return true;
    }
    list = realloc(s->owner, (s->n_owners + 1) * sizeof *list);
    if (!list)
        return false;
    s->owner = list;
    list[s->n_owners] = (struct plan_owner){ layer, len, strdup(text) };
    s->n_owners += list[s->n_owners].text != NULL;
    return s->n_owners && list[s->n_owners - 1].text;
}

bool plan_step_loses(const struct plan_step *s)
{
    for (size_t i = 0; i < s->n_losses; i++)
        if (!s->loss[i].regained)
            return true;
    return false;
}

bool plan_step_alone(const struct plan_step *s)
{
    return strcmp(s->goal, "set") == 0;
}

bool plan_patches(const struct plan *p, struct patches *out, struct error *err)
{
    struct patches all = { 0 };
    size_t left_out = p->n;

    for (size_t i = 0; i < p->n; i++) {
        if (!p->step[i].chosen) {
            left_out = u64_min(left_out, i);
            continue;
        }
        if (left_out < i && !plan_step_alone(&p->step[i])) {
            patches_free(&all);
            return err_set(err, ERR_USAGE, "step %zu was planned to follow step %zu, which "
                           "is left out; plan again without it", i + 1, left_out + 1);
        }
        patches_append(&all, &p->step[i].patches);
    }
    if (!patches_flatten(&all, err)) {
        patches_free(&all);
        return false;
    }
    patches_clip(&all);
    *out = all;
    return true;
}

/* --- the fingerprint --- */

struct span_list { struct source_span *list; size_t n; };

static int by_off(const void *a, const void *b)
{
    const struct source_span *x = a, *y = b;

    return x->off < y->off ? -1 : x->off > y->off;
}

/* The ranges of a file of `size` bytes that the patches replace or copy, joined. */
static bool ranges_of(const struct patches *p, uint64_t size, struct span_list *out)
{
    size_t n = 0, m = 0;

    out->list = calloc(p->n * 2 + 2, sizeof *out->list);
    if (!out->list)
        return false;
    for (size_t i = 0; i < p->n; i++) {
        const struct patch *patch = &p->list[i];

        out->list[n++] = (struct source_span){ patch->off, patch->len };
        if (patch->kind == PATCH_COPY)
            out->list[n++] = (struct source_span){ patch->at, patch->len };
    }
    if (p->has_length && p->length < size)
        out->list[n++] = (struct source_span){ p->length, size - p->length };
    qsort(out->list, n, sizeof *out->list, by_off);
    for (size_t i = 0; i < n; i++) {
        struct source_span s = out->list[i], *last = m ? &out->list[m - 1] : NULL;

        if (s.off >= size)
            continue;
        s.len = u64_min(s.len, size - s.off);
        if (last && s.off <= last->off + last->len)
            *last = source_span_hull(*last, s);
        else
            out->list[m++] = s;
    }
    out->n = m;
    return true;
}

static bool digest_range(struct source *src, uint64_t off, uint64_t len,
                         uint8_t out[DIGEST_LEN], struct error *err)
{
    static const size_t chunk = 1 << 20;
    uint8_t *bytes = malloc(chunk);
    struct digest *d = NULL;
    bool ok = bytes && digest_new(&d, err);

    if (!bytes)
        err_set(err, ERR_NOMEM, "out of memory");
    while (ok && len) {
        size_t n = (size_t)u64_min(len, chunk);
        struct source_span bad;

        /* What cannot be read counts as zeros: a plan may be there to replace it. */
        source_read_known(src, off, bytes, n, &bad);
        digest_add(d, bytes, n);
        off += n;
        len -= n;
    }
    if (ok)
        digest_end(d, out);
    free(bytes);
    return ok;
}

/* The ranges of the file that all steps together, chosen or not, replace or copy. */
static bool plan_spans(const struct plan *p, struct span_list *out, struct error *err)
{
    struct patches all = { 0 };
    bool ok;

    for (size_t i = 0; i < p->n; i++)
        patches_append(&all, &p->step[i].patches);
    ok = patches_flatten(&all, err)
        && (ranges_of(&all, p->file_size, out) || err_set(err, ERR_NOMEM, "out of memory"));
    patches_free(&all);
    return ok;
}

bool plan_fingerprint(struct plan *p, struct source *image, struct error *err)
{
    struct span_list spans = { 0 };
    bool ok = false;

    free(p->range);
    p->n_ranges = 0;
    p->file_size = source_size(image);
    if (!plan_spans(p, &spans, err))
        return false;
    p->range = calloc(spans.n ? spans.n : 1, sizeof *p->range);
    if (!p->range) {
        err_set(err, ERR_NOMEM, "out of memory");
        goto out;
    }
    for (size_t i = 0; i < spans.n; i++) {
        struct plan_range *r = &p->range[p->n_ranges++];

        *r = (struct plan_range){ .off = spans.list[i].off, .len = spans.list[i].len };
        if (!digest_range(image, r->off, r->len, r->digest, err))
            goto out;
    }
    ok = true;
out:
    free(spans.list);
    return ok;
}

bool plan_covered(const struct plan *p, struct error *err)
{
    struct span_list spans = { 0 };
    bool ok = plan_spans(p, &spans, err);
    size_t at = 0;

    for (size_t i = 0; ok && i < spans.n; i++) {
        const struct source_span *s = &spans.list[i];

        while (at < p->n_ranges && p->range[at].off + p->range[at].len <= s->off)
            at++;
        ok = at < p->n_ranges && p->range[at].off <= s->off
            && p->range[at].off + p->range[at].len >= s->off + s->len;
        if (!ok)
            err_set(err, ERR_FORMAT, "the plan replaces or copies bytes at 0x%llx without "
                    "saying what they must be", (unsigned long long)s->off);
    }
    free(spans.list);
    return ok;
}

bool plan_matches(const struct plan *p, struct source *image, struct error *err)
{
    uint8_t digest[DIGEST_LEN];

    if (source_size(image) != p->file_size)
        return err_set(err, ERR_FORMAT, "the plan was made for a file of %llu bytes, and "
                       "this one has %llu", (unsigned long long)p->file_size,
                       (unsigned long long)source_size(image));
    for (size_t i = 0; i < p->n_ranges; i++) {
        const struct plan_range *r = &p->range[i];

        if (!digest_range(image, r->off, r->len, digest, err))
            return false;
        if (memcmp(digest, r->digest, DIGEST_LEN) != 0)
            return err_set(err, ERR_FORMAT, "the plan was made for another image, or for "
                           "this one before it changed: bytes 0x%llx to 0x%llx differ",
                           (unsigned long long)r->off, (unsigned long long)(r->off + r->len));
    }
    return true;
}
