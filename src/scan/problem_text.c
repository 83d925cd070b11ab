/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* One line for a record: what it says depends on the kind, so this stands apart from the
 * list. */
#include "config.h"

#include "scan/problem.h"

#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "scan/class.h"
#include "scan/map.h"

typedef unsigned long long ull;

static void owners_text(uint32_t owners, struct buf *out)
{
    static const struct { uint32_t owner; const char *name; } names[] = {
        { OWNER_HEADER, "header" }, { OWNER_L1_ACTIVE, "active L1 table" },
        { OWNER_L1_SNAPSHOT, "snapshot L1 table" }, { OWNER_L2, "L2 table" },
        { OWNER_REFTABLE, "refcount table" }, { OWNER_REFBLOCK, "refcount block" },
        { OWNER_SNAPTABLE, "snapshot table" }, { OWNER_BITMAP_DIR, "bitmap directory" },
        { OWNER_BITMAP_TABLE, "bitmap table" }, { OWNER_BITMAP_DATA, "bitmap data" },
        { OWNER_CRYPTO, "encryption header" }, { OWNER_DATA, "guest data" },
        { OWNER_COMPRESSED, "compressed data" }, { OWNER_ZERO, "allocated zeros" },
        { OWNER_VMSTATE, "VM state" },
    };
    const char *between = "";

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (owners & names[i].owner) {
            buf_printf(out, "%s%s", between, names[i].name);
            between = " and ";
        }
    }
}

/* "clusters 4000 - 6000" or the place of a single problem. */
static void where_text(const struct problem *p, struct buf *out)
{
    place_text(&p->place, out);
    if (p->count < 2)
        return;
    switch (p->place.kind) {
    case PLACE_CLUSTER:
        buf_printf(out, " - %llu", (ull)(p->place.i + p->count - 1));
        break;
    case PLACE_L1: case PLACE_REFTABLE:
        buf_printf(out, " - [%llu]", (ull)(p->place.i + p->count - 1));
        break;
    case PLACE_L2: case PLACE_REFBLOCK: case PLACE_BITMAP_TABLE:
        buf_printf(out, " - [%llu]", (ull)(p->place.j + p->count - 1));
        break;
    default:
        break;
    }
}

/* The value of an entry that is wrong, where the place is one. */
static void entry_text(const struct problem *p, struct buf *out)
{
    switch (p->place.kind) {
    case PLACE_L1: case PLACE_L2: case PLACE_REFTABLE: case PLACE_BITMAP_TABLE:
        buf_printf(out, "entry 0x%llx", (ull)p->found);
        break;
    case PLACE_SNAPSHOT:
        if (!p->note)
            buf_printf(out, "0x%llx", (ull)p->found);
        break;
    default:
        break;
    }
}

static void number_text(uint64_t value, const char *format, struct buf *out)
{
    char a[TEXT_NUM];

    if (strcmp(format, "x") == 0)
        buf_printf(out, "0x%llx", (ull)value);
    else if (strcmp(format, "size") == 0)
        buf_puts(out, text_size(a, value));
    else if (strcmp(format, "count") == 0)
        buf_puts(out, counted_text(a, value));
    else
        buf_printf(out, "%llu", (ull)value);
}

/* One {placeholder} of a template; false: there is no such one. */
static bool placeholder(const struct problem *p, const char *name, const char *format,
                        struct buf *out)
{
    if (strcmp(name, "found") == 0)
        number_text(p->found, format, out);
    else if (strcmp(name, "expected") == 0)
        number_text(p->expected, format, out);
    else if (strcmp(name, "host") == 0)
        number_text(p->host_off, format, out);
    else if (strcmp(name, "index") == 0)
        number_text(p->place.i, format, out);
    else if (strcmp(name, "copied") == 0)
        buf_puts(out, p->found & OFLAG_COPIED ? "set" : "clear");
    else if (strcmp(name, "owners") == 0)
        owners_text(p->owners, out);
    else if (strcmp(name, "entry") == 0)
        entry_text(p, out);
    else if (strcmp(name, "claimed") != 0)
        return false;
    else if (p->owners) {
        buf_puts(out, "; claimed by ");
        owners_text(p->owners, out);
    }
    return true;
}

/* The word from *t on that ends with one of `ends`; *t: behind that. */
static void take_word(const char **t, const char *ends, char *word, size_t size)
{
    size_t n = strcspn(*t, ends), kept = n < size ? n : size - 1;

    memcpy(word, *t, kept);
    word[kept] = '\0';
    *t += n;
}

/* Templates hold {found}, {expected} and {host}, as {found:x} in hexadecimal, as
 * {found:size} or as {found:count} for a number that may be unknown; {copied}, {owners},
 * {claimed} and {entry}. Anything else is copied unchanged. */
static void what_text(const struct problem *p, struct buf *out)
{
    const char *t = problem_info(p->kind)->text;

    for (;;) {
        size_t plain = strcspn(t, "{");
        char name[16], format[8] = "";
        const char *end = t + plain;

        buf_add(out, t, plain);
        if (!*end)
            break;
        t = end++;
        take_word(&end, ":}", name, sizeof name);
        if (*end == ':') {
            end++;
            take_word(&end, "}", format, sizeof format);
        }
        if (*end == '}' && placeholder(p, name, format, out))
            t = end + 1;
        else
            buf_putc(out, *t++);
    }
}

/* Guest bytes, cut to the disk. */
static bool range_text(const struct image *img, uint64_t start, uint64_t len, const char *sep,
                       struct buf *out)
{
    uint64_t end;

    if (start == NO_ADDRESS || len == 0 || !u64_add(start, len, &end))
        return false;
    buf_puts(out, sep);
    text_range(out, start, start < img->geo.size ? u64_min(end, img->geo.size) : end,
               ASCII_DASH);
    return true;
}

/* Of a cluster with several users, what each of the two that are named has there. */
static void guest_text(const struct problem *p, const struct image *img, struct buf *out)
{
    const struct place *user[] = { &p->owner, &p->other };
    bool shared = p->kind == PROBLEM_DOUBLE_ALLOCATION || p->kind == PROBLEM_OVERLAP;
    bool any = false;
    uint64_t len;

    for (size_t i = 0; shared && i < 2; i++)
        if (user[i]->kind == PLACE_L2 && u64_mul(p->count, img->geo.cluster_size, &len) &&
            range_text(img, user[i]->guest_off, len, any ? " and " : ", guest ", out))
            any = true;
    if (!any)
        range_text(img, p->guest_off, p->guest_len, ", guest ", out);
}

void problem_text(const struct problem *p, const struct image *img, struct buf *out)
{
    size_t before;
    char a[TEXT_NUM];

    where_text(p, out);
    buf_puts(out, ": ");
    before = out->len;
    what_text(p, out);
    if (p->note) {
        buf_puts(out, out->len > before ? "; " : "");
        buf_puts(out, p->note);
    }
    if (out->len == before)
        buf_puts(out, problem_info(p->kind)->title);
    if (p->count > 1)
        buf_printf(out, " (%s)", text_group(a, p->count));
    if (p->owner.kind != PLACE_NONE) {
        buf_puts(out, ", by ");
        place_text(&p->owner, out);
    }
    if (p->other.kind != PLACE_NONE) {
        buf_puts(out, " and ");
        place_text(&p->other, out);
    }
    guest_text(p, img, out);
}

void problem_line(const struct problem *p, const struct image *img, struct buf *out)
{
    buf_printf(out, "%s: ", problem_info(p->kind)->title);
    problem_text(p, img, out);
}
