/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/problem_pick.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "base/text.h"

const char *problem_order_name(enum problem_order o)
{
    static const char *const names[N_PROBLEM_ORDERS] = {
        [ORDER_FILE] = "file offset",
        [ORDER_GUEST] = "guest offset",
        [ORDER_SEVERITY] = "severity",
    };

    return names[o];
}

bool filter_is_open(const struct problem_filter *f)
{
    return f->severity == N_SEVERITIES && !*f->text && !f->guest;
}

static void trim(const char **s, size_t *len)
{
    while (*len && isspace((unsigned char)**s)) {
        (*s)++;
        (*len)--;
    }
    while (*len && isspace((unsigned char)(*s)[*len - 1]))
        (*len)--;
}

static bool number(const char *s, size_t len, uint64_t *out)
{
    char digits[40];

    trim(&s, &len);
    if (len == 0 || len >= sizeof digits)
        return false;
    memcpy(digits, s, len);
    digits[len] = '\0';
    return text_parse_size(digits, out);
}

bool filter_parse(const char *typed, struct problem_filter *f)
{
    const char *at = typed + strspn(typed, " ");
    const char *dash;
    uint64_t start;
    uint64_t end;

    if (strncasecmp(at, "guest ", 6) != 0) {
        f->guest = false;
        snprintf(f->text, sizeof f->text, "%s", typed);
        return true;
    }
    at += 6;
    dash = strchr(at, '-');
    if (!number(at, dash ? (size_t)(dash - at) : strlen(at), &start))
        return false;
    end = start == UINT64_MAX ? start : start + 1;
    if (dash && (!number(dash + 1, strlen(dash + 1), &end) || end <= start))
        return false;
    f->text[0] = '\0';
    f->guest = true;
    f->guest_start = start;
    f->guest_end = end;
    return true;
}

static bool has_text(const struct problem *p, const struct image *img, const char *text,
                     struct buf *words)
{
    const struct problem_info *info = problem_info(p->kind);

    if (strcasestr(info->id, text) || strcasestr(info->title, text))
        return true;
    buf_reset(words);
    problem_text(p, img, words);
    return strcasestr(buf_str(words), text) != NULL;
}

static bool in_guest(const struct problem *p, const struct problem_filter *f)
{
    uint64_t len = u64_max(p->guest_len, 1);

    return p->guest_off != NO_ADDRESS && p->guest_off < f->guest_end &&
           (p->guest_off >= f->guest_start || f->guest_start - p->guest_off < len);
}

/* --- order --- */

struct problem_key { uint64_t key, then; size_t problem; };

static int by_key(const void *a, const void *b)
{
    const struct problem_key *x = a;
    const struct problem_key *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->then != y->then)
        return x->then < y->then ? -1 : 1;
    return x->problem < y->problem ? -1 : x->problem > y->problem;
}

static struct problem_key key_of(const struct problem *p, size_t index,
                           enum problem_order order)
{
    struct problem_key k = { 0, 0, index };
    uint64_t file = p->place.file_off != NO_ADDRESS ? p->place.file_off : p->host_off;

    switch (order) {
    case ORDER_GUEST:
        k.key = p->guest_off;               /* NO_ADDRESS comes last */
        k.then = file;
        break;
    case ORDER_SEVERITY:
        k.key = problem_info(p->kind)->severity;
        k.then = p->kind;
        break;
    default:
        k.key = file;
        break;
    }
    return k;
}

static void make_rows(struct problem_pick *out, const struct problems *p,
                      const struct problem_key *keyed, size_t n, size_t n_evidence)
{
    out->row = calloc(n * 3 + n_evidence + 1, sizeof *out->row);
    if (!out->row)
        return;
    for (size_t i = 0; i < n_evidence; i++)
        out->row[out->n++] = (struct pick_row){ i, PICK_EVIDENCE };
    for (size_t i = 0; i < n; i++) {
        const struct problem *one = &p->list[keyed[i].problem];

        out->row[out->n++] = (struct pick_row){ keyed[i].problem, PICK_RECORD };
        if (one->owner.kind != PLACE_NONE)
            out->row[out->n++] = (struct pick_row){ keyed[i].problem, PICK_OWNER };
        if (one->other.kind != PLACE_NONE)
            out->row[out->n++] = (struct pick_row){ keyed[i].problem, PICK_OTHER };
    }
    out->records = n;
}

size_t pick_cause_of(const struct insight *x, size_t problem)
{
    const struct cause *c = x ? insight_cause_of(x, problem) : NULL;

    return c ? (size_t)(c - x->list) + 1 : CAUSE_NONE;
}

void pick_make(struct problem_pick *out, const struct scan_result *scan,
               const struct insight *x, const struct problem_filter *filter,
               const struct problem_choice *choice, enum problem_order order)
{
    const struct problems *p = &scan->problems;
    struct problem_key *keyed = calloc(p->n + 1, sizeof *keyed);
    struct buf words = BUF_INIT;
    bool one_cause = x && choice->cause != CAUSE_ANY && choice->cause <= x->n;
    size_t n = 0;

    pick_free(out);
    for (size_t i = 0; keyed && i < p->n; i++) {
        const struct problem *one = &p->list[i];

        if (filter->severity != N_SEVERITIES &&
            problem_info(one->kind)->severity != filter->severity)
            continue;
        if ((filter->guest && !in_guest(one, filter)) ||
            (*filter->text && !has_text(one, scan->img, filter->text, &words)))
            continue;
        out->kept[one->kind]++;
        out->count[one->kind] += one->count;
        if ((choice->kind == N_PROBLEMS || one->kind == choice->kind) &&
            (choice->cause == CAUSE_ANY || pick_cause_of(x, i) == choice->cause))
            keyed[n++] = key_of(one, i, order);
    }
    for (int k = 0; k < N_PROBLEMS; k++)
        if (out->kept[k] && !*filter->text && !filter->guest)
            out->count[k] = p->count[k];
    if (keyed && n)
        qsort(keyed, n, sizeof *keyed, by_key);
    if (keyed)
        make_rows(out, p, keyed, n, one_cause ? x->list[choice->cause - 1].n_evidence : 0);
    buf_free(&words);
    free(keyed);
}

void pick_free(struct problem_pick *p)
{
    free(p->row);
    memset(p, 0, sizeof *p);
}
