/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "scan/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

void problems_init(struct problems *list, size_t kept_max)
{
    memset(list, 0, sizeof *list);
    list->kept_max = kept_max;
    for (int k = 0; k < N_PROBLEMS; k++)
        list->last[k] = SIZE_MAX;
}

void problems_init_part(struct problems *list, size_t kept_max, const struct problems *all)
{
    problems_init(list, kept_max);
    for (int kind = 0; kind < N_PROBLEMS; kind++) {
        if (!problems_room(all, (enum problem_kind)kind))
            list->kept[kind] = kept_max;
    }
}

void problems_free(struct problems *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->list[i].note);
    free(list->list);
    memset(list, 0, sizeof *list);
}

/* Does `b` begin where `a` ends? */
static bool neighbours(const struct problem *a, const struct problem *b)
{
    const struct place *p = &a->place, *q = &b->place;

    if (p->kind != q->kind || p->layer != q->layer || a->note || b->note
        || a->owners != b->owners)
        return false;
    switch (p->kind) {
    case PLACE_CLUSTER:
        return q->i == p->i + a->count && a->found == b->found && a->expected == b->expected;
    case PLACE_L1:
    case PLACE_REFTABLE:
        return q->i == p->i + a->count;
    case PLACE_L2:
    case PLACE_REFBLOCK:
    case PLACE_BITMAP_TABLE:
        return q->i == p->i && q->j == p->j + a->count;
    default:
        return false;
    }
}

static bool room_for_one(struct problems *list, enum problem_kind kind)
{
    struct problem *bigger;
    size_t cap;

    if (!problems_room(list, kind))
        return false;
    if (list->n < list->cap)
        return true;
    cap = list->cap ? list->cap * 2 : 16;
    bigger = realloc(list->list, cap * sizeof *bigger);
    if (!bigger)
        return false;
    list->list = bigger;
    list->cap = cap;
    return true;
}

/* Keeps the record, as a run with its neighbour where it has one; does not count. */
static void keep(struct problems *list, const struct problem *p)
{
    size_t last = list->last[p->kind];

    if (last != SIZE_MAX && neighbours(&list->list[last], p)) {
        struct problem *run = &list->list[last];

        run->count += p->count;
        run->qemu_count += p->qemu_count;
        if (run->guest_off != NO_ADDRESS)
            run->guest_len += p->guest_len;
        return;
    }
    if (!room_for_one(list, p->kind)) {
        list->cut[p->kind] = true;
        free(p->note);
        return;
    }
    list->last[p->kind] = list->n;
    list->kept[p->kind]++;
    list->list[list->n++] = *p;
}

void problems_add(struct problems *list, const struct problem *p)
{
    list->count[p->kind] += p->count;
    list->qemu_count[p->kind] += p->qemu_count;
    if (list->sink)
        list->sink->record(list->sink->ctx, p);
    keep(list, p);
}

void problems_count(struct problems *list, enum problem_kind kind, uint64_t count,
                    uint64_t qemu_count)
{
    list->cut[kind] = true;
    list->count[kind] += count;
    list->qemu_count[kind] += qemu_count;
}

bool problems_complete(const struct problems *list)
{
    for (int k = 0; k < N_PROBLEMS; k++) {
        if (list->cut[k])
            return false;
    }
    return true;
}

void problem_note(struct problems *list, enum problem_kind kind, const struct place *place,
                  uint64_t found, uint64_t expected, const char *fmt, ...)
{
    struct problem p = {
        .kind = kind, .place = *place, .count = 1, .host_off = place->file_off,
        .guest_off = place->guest_off, .found = found, .expected = expected,
    };
    char text[512];

    if (fmt) {
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        p.note = strdup(text);
    }
    problems_add(list, &p);
}

void problems_append(struct problems *to, struct problems *from)
{
    for (size_t i = 0; i < from->n; i++)
        keep(to, &from->list[i]);
    for (int k = 0; k < N_PROBLEMS; k++) {
        to->cut[k] |= from->cut[k];
        to->count[k] += from->count[k];
        to->qemu_count[k] += from->qemu_count[k];
    }
    from->n = 0;                            /* the notes have moved */
    problems_free(from);
}

static uint64_t where(const struct problem *p)
{
    return p->place.file_off != NO_ADDRESS ? p->place.file_off : p->host_off;
}

static int by_kind_and_place(const void *a, const void *b)
{
    const struct problem *x = a, *y = b;

    if (x->kind != y->kind)
        return u64_order(x->kind, y->kind);
    if (where(x) != where(y))
        return u64_order(where(x), where(y));
    return u64_order(x->found, y->found);
}

void problems_sort(struct problems *list)
{
    if (list->n)
        qsort(list->list, list->n, sizeof *list->list, by_kind_and_place);
}

uint64_t problems_serious(const struct problems *list)
{
    uint64_t n = 0;

    for (int k = 0; k < N_PROBLEMS; k++)
        if (problem_info((enum problem_kind)k)->severity != SEV_NOTE)
            n += list->count[k];
    return n;
}

uint64_t problems_of_severity(const struct problems *list, enum severity s)
{
    uint64_t n = 0;

    for (int k = 0; k < N_PROBLEMS; k++) {
        if (problem_info((enum problem_kind)k)->severity == s)
            n += list->count[k];
    }
    return n;
}
