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
    free(s->zeros);
    free(s->rests);
    patches_free(&s->patches);
    *s = (struct plan_step){ 0 };
}

void plan_step_take_guest(struct plan_step *to, struct plan_step *from)
{
    struct plan_step old = { .loss = to->loss, .owner = to->owner, .n_owners = to->n_owners };

    to->loss = from->loss;
    to->n_losses = from->n_losses;
    to->owner = from->owner;
    to->n_owners = from->n_owners;
    to->owners_left_out = from->owners_left_out;
    from->loss = NULL;
    from->owner = NULL;
    from->n_losses = from->n_owners = 0;
    plan_step_free(&old);
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

static bool add_span(struct source_span **list, size_t *n, size_t *cap, uint64_t off,
                     uint64_t len)
{
    struct source_span *last = *n ? &(*list)[*n - 1] : NULL;

    if (last && last->off + last->len == off) {
        last->len += len;
        return true;
    }
    if (!list_room(list, *n, cap, sizeof **list))
        return false;
    (*list)[(*n)++] = (struct source_span){ off, len };
    return true;
}

bool plan_step_rests_on_zeros(struct plan_step *s, uint64_t off, uint64_t len)
{
    return add_span(&s->zeros, &s->n_zeros, &s->zeros_cap, off, len);
}

bool plan_step_rests_on(struct plan_step *s, uint64_t off, uint64_t len)
{
    len = u64_min(len, PLAN_RESTS_LEN_MAX - s->rests_len);
    s->rests_len += len;
    return !len || add_span(&s->rests, &s->n_rests, &s->rests_cap, off, len);
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

void plan_step_guest_bytes(const struct plan_step *s, uint64_t *given_up, uint64_t *put_back)
{
    for (size_t i = 0; i < s->n_losses; i++)
        *(s->loss[i].regained ? put_back : given_up) += s->loss[i].len;
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
