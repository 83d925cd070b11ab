/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What was guessed, in words. */
#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "qcow2/field.h"
#include "qcow2/guess/guess_work.h"
#include "qcow2/sniff.h"

typedef unsigned long long ull;

static const struct { const char *name; size_t at; } MEMBERS[] = {
#define X(e, name) { #name, offsetof(struct header, name) },
    GUESS_FIELDS(X)
#undef X
};

uint64_t *guess_member(struct header *hdr, enum guess_field f)
{
    return (uint64_t *)(void *)((char *)hdr + MEMBERS[f].at);
}

static void record(struct guessing *g, enum guess_field f, bool take, uint64_t value,
                   const char *fmt, va_list ap)
{
    struct guess *x = &g->guess[f];

    if (g->forced[f])
        return;
    if (take)
        *guess_member(&g->s.hdr, f) = value;
    if (value == *guess_member(&g->file, f))
        return;
    *x = (struct guess){
        .table = "header", .field = MEMBERS[f].name,
        .off = field_named(field_table("header"), MEMBERS[f].name)->off,
        .how = take ? GUESS_TAKEN : GUESS_PROPOSED, .damaged = take,
        .found = *guess_member(&g->file, f), .value = value,
    };
    vsnprintf(x->why, sizeof x->why, fmt, ap);
}

void guess_take(struct guessing *g, enum guess_field f, uint64_t value, const char *fmt,
                ...)
{
    va_list ap;

    va_start(ap, fmt);
    record(g, f, true, value, fmt, ap);
    va_end(ap);
}

void guess_propose(struct guessing *g, enum guess_field f, uint64_t value,
                   const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    record(g, f, false, value, fmt, ap);
    va_end(ap);
}

void guess_put(struct guessing *g, enum guess_field f, uint64_t value, const char *fmt,
               ...)
{
    va_list ap;

    va_start(ap, fmt);
    record(g, f, g->refused, value, fmt, ap);
    va_end(ap);
}

void guess_ext_length(struct guessing *g, uint64_t off, uint64_t found, uint64_t value,
                      bool take, const char *type)
{
    struct guess *x = &g->ext[g->n_ext++];

    *x = (struct guess){ .table = "header-ext", .field = "length", .off = off,
                         .how = take ? GUESS_TAKEN : GUESS_PROPOSED, .damaged = take,
                         .found = found, .value = value };
    snprintf(x->why, sizeof x->why, "of the %s; with it the list of extensions ends in order",
             type);
}

void guess_patch(const struct guesses *g, uint8_t *bytes, size_t len, bool undo)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct guess *x = &g->list[i];
        uint64_t value = undo ? x->found : x->value;

        if (strcmp(x->table, "header-ext") != 0 || x->how != GUESS_TAKEN || x->off + 4 > len)
            continue;
        for (unsigned k = 0; k < 4; k++)
            bytes[x->off + k] = (uint8_t)(value >> (24 - 8 * k));
    }
}

void guess_collect(const struct guessing *g, struct guesses *out)
{
    out->n = 0;
    for (int f = 0; f < N_GUESS_FIELDS; f++)
        if (g->guess[f].field)
            out->list[out->n++] = g->guess[f];
    for (size_t i = 0; i < g->n_ext; i++)
        out->list[out->n++] = g->ext[i];
}

_Static_assert((int)N_GUESS_FIELDS + EXT_FIXES_MAX <= GUESSES_MAX, "all guesses fit");

const struct guess *guess_at(const struct guesses *g, uint64_t off)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->list[i].off == off)
            return &g->list[i];
    return NULL;
}

size_t guesses_taken(const struct guesses *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->n; i++)
        n += g->list[i].how == GUESS_TAKEN;
    return n;
}

const char *guess_how_name(enum guess_how how)
{
    static const char *const name[] = {
        [GUESS_TAKEN] = "guessed",
        [GUESS_FORCED] = "forced",
        [GUESS_PROPOSED] = "proposed",
    };

    return name[how];
}

/* Offsets and the magic in hex, other values as numbers. */
static void value_text(const struct guess *g, uint64_t value, struct buf *out)
{
    const struct field *f = field_named(field_table(g->table), g->field);

    if (f->kind == FIELD_OFFSET || f->kind == FIELD_MAGIC)
        buf_printf(out, "0x%" PRIx64, value);
    else
        buf_printf(out, "%" PRIu64, value);
}

void guess_text(const struct guess *g, struct buf *out)
{
    buf_printf(out, "%s", g->field);
    if (strcmp(g->table, "header") != 0)
        buf_printf(out, " of the header extension at 0x%" PRIx64, g->off - 4);
    buf_puts(out, " is ");
    value_text(g, g->found, out);
    buf_printf(out, "%s; %s ", g->damaged ? ", which cannot be right" : " in the file",
               guess_how_name(g->how));
    value_text(g, g->value, out);
    if (*g->why)
        buf_printf(out, " (%s)", g->why);
}

void guess_describe(const struct guesses *g, const struct part *p, struct buf *out)
{
    const struct guess *x = guess_at(g, p->off);

    field_describe(p->field, p->value, out);
    if (!x || p->table != field_table(x->table))
        return;
    buf_printf(out, "; %s ", guess_how_name(x->how));
    field_describe(p->field, x->value, out);
}

bool guess_option(const struct guess *g, struct buf *out)
{
    if (strcmp(g->field, "magic") == 0)
        buf_puts(out, "--force");
    else if (strcmp(g->field, "cluster_bits") == 0 && g->value < 32)
        buf_printf(out, "--cluster-size=%" PRIu64, UINT64_C(1) << g->value);
    else if (strcmp(g->field, "l1_table_offset") == 0)
        buf_printf(out, "--l1-offset=0x%" PRIx64, g->value);
    else if (strcmp(g->field, "l1_size") == 0)
        buf_printf(out, "--l1-size=%" PRIu64, g->value);
    else if (strcmp(g->field, "refcount_table_offset") == 0)
        buf_printf(out, "--refcount-table=0x%" PRIx64, g->value);
    else
        return false;
    return true;
}

/* Appends what to try: the options of everything that was found or proposed. */
static void put_advice(const struct guessing *g, struct buf *out)
{
    const char *before = " (try ";

    for (int f = 0; f < N_GUESS_FIELDS; f++) {
        struct buf option = BUF_INIT;

        if (g->guess[f].field && guess_option(&g->guess[f], &option)) {
            buf_printf(out, "%s%s", before, buf_str(&option));
            before = " ";
        }
        buf_free(&option);
    }
    if (before[1] == '\0')
        buf_putc(out, ')');
}

/* --- when nothing can be found --- */

bool guess_not_qcow2(const struct guessing *g, struct buf *why, struct error *err)
{
    struct source_info info = source_get_info(g->s.src);
    struct buf name = BUF_INIT;
    uint64_t at = 0;

    if (g->file.magic != QCOW2_MAGIC && sniff_find_header(g->s.src, &at)) {
        if (g->unknown)
            buf_reset(why);
        buf_printf(why, "%she header of a qcow2 image lies at byte %llu, after something that "
                   "does not belong to it: --offset=%llu reads the image from there",
                   why->len ? ". T" : "t", (ull)at, (ull)at);
    }
    if (guess_is_plausible(g))
        buf_puts(why, ". The rest of the header looks like one (try --force), but no "
                      "table that it names proves it");
    text_visible(&name, info.name, strlen(info.name));
    err_set(err, ERR_FORMAT, "'%.120s' is not a qcow2 image: %s", buf_str(&name),
            buf_str(why));
    buf_free(&name);
    return false;
}

bool guess_no_cluster_size(const struct guessing *g, struct error *err)
{
    struct buf advice = BUF_INIT;

    put_advice(g, &advice);
    err_set(err, ERR_FORMAT, "cluster_bits at offset 20 (0x14) is %llu; clusters have %d "
            "(512 bytes) to %d (2 MiB) bits, so nothing after the header can be found, "
            "and no refcount table tells the size. Give the cluster size to go on%s",
            (ull)g->file.cluster_bits, CLUSTER_BITS_MIN, CLUSTER_BITS_MAX,
            advice.len ? buf_str(&advice) : "; 64 KiB is usual (try --cluster-size=64k)");
    buf_free(&advice);
    return false;
}
