/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/list.h"

#include "base/num.h"

void list_fit(struct list *l, uint64_t n, int h)
{
    uint64_t page = h > 0 ? (uint64_t)h : 1;

    l->n = n;
    l->h = (int)page;
    if (l->at >= n)
        l->at = n ? n - 1 : 0;
    if (l->at < l->top)
        l->top = l->at;
    if (l->at - l->top >= page)
        l->top = l->at - page + 1;
    if (n - u64_min(l->top, n) < page)
        l->top = n > page ? n - page : 0;
}

void list_go(struct list *l, uint64_t row)
{
    uint64_t page = l->h > 0 ? (uint64_t)l->h : 1;

    l->at = row;
    if (row < l->top || row - l->top >= page)
        l->top = row > page / 2 ? row - page / 2 : 0;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

bool list_act(struct list *l, enum action action, const struct act_arg *arg)
{
    uint64_t last = l->n ? l->n - 1 : 0;
    uint64_t page = l->h > 0 ? (uint64_t)l->h : 1;
    uint64_t was = l->at;
    uint64_t by = arg->count > 0 ? (uint64_t)arg->count : 1;

    switch (action) {
    case ACT_UP:
        l->at = minus(l->at, 1);
        break;
    case ACT_DOWN:
        l->at = u64_min(plus(l->at, 1), last);
        break;
    case ACT_PAGE_UP:
        l->at = minus(l->at, page);
        l->top = minus(l->top, page);
        break;
    case ACT_PAGE_DOWN:
        l->at = u64_min(plus(l->at, page), last);
        l->top = u64_min(plus(l->top, page), minus(l->n, page));
        break;
    case ACT_HALF_UP:
        l->at = minus(l->at, (page + 1) / 2);
        break;
    case ACT_HALF_DOWN:
        l->at = u64_min(plus(l->at, (page + 1) / 2), last);
        break;
    case ACT_TOP:
        l->at = 0;
        break;
    case ACT_BOTTOM:
        l->at = last;
        break;
    case ACT_SCROLL_UP:
        l->top = minus(l->top, by);
        l->at = u64_min(l->at, plus(l->top, page - 1));
        break;
    case ACT_SCROLL_DOWN:
        l->top = u64_min(plus(l->top, by), minus(l->n, page));
        l->at = u64_max(l->at, l->top);
        break;
    case ACT_CLICK:
        if (arg->y >= 0 && (uint64_t)arg->y < page && l->top + (uint64_t)arg->y < l->n)
            l->at = l->top + (uint64_t)arg->y;
        break;
    default:
        return false;
    }
    return l->at != was;
}
