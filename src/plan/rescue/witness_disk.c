/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What tells where partitions lie: MBR and its chain of logical partitions, GPT at both ends
 * of the disk, and the headers of partitions that hold swap.
 *
 * A disk may hold images of other disks, so that a sector that looks right need not be ours.
 * Only a GPT header whose two addresses are the two ends of this disk is certain. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/num.h"
#include "plan/rescue/rescue_guest.h"
#include "plan/rescue/volume_home.h"

#define SECTOR 512
#define SEEN_MAX 4096               /* sectors remembered */
#define PARTS_MAX 256
#define GPT_ENTRIES_MAX 1024
#define PAGE 4096

enum seen_kind { SEEN_MBR, SEEN_GPT, SEEN_LOGICAL, SEEN_SWAP };

struct disk_seen {
    size_t cand;
    uint32_t at;                    /* byte in the candidate where it starts */
    uint8_t kind;
    uint8_t sure;
    uint64_t place;                 /* GPT: guest byte of it; swap: bytes of the space */
    uint64_t id;                    /* swap: tells spaces apart */
};

struct disk_part { uint64_t off, len; };

struct disk_witness {
    struct disk_seen seen[SEEN_MAX];
    size_t n_seen;
    struct disk_part part[PARTS_MAX];    /* and the bounds of those that hold others */
    size_t n_parts, n_marked;
    bool unknown;                   /* part of the table cannot be read yet */
};

/* --- sectors --- */

static bool guid_zero(const uint8_t *p)
{
    static const uint8_t zero[16];

    return memcmp(p, zero, 16) == 0;
}

/* One of the four rows of an MBR. */
struct mbr_row { uint8_t type; uint64_t first, n; };        /* sectors */

static struct mbr_row mbr_row(const uint8_t *sector, size_t i)
{
    const uint8_t *p = sector + 446 + 16 * i;

    return (struct mbr_row){ p[4], le_load(p + 8, 4), le_load(p + 12, 4) };
}

#define MBR_LVM 0x8e
static const uint8_t GUID_LVM[16] = {           /* E6D6D379-F507-44C2-A23C-238F2A3DF928 */
    0x79, 0xd3, 0xd6, 0xe6, 0x07, 0xf5, 0xc2, 0x44, 0xa2, 0x3c, 0x23, 0x8f, 0x2a, 0x3d, 0xf9, 0x28,
};

static bool is_extended(uint8_t type)
{
    return type == 0x05 || type == 0x0f || type == 0x85;
}

bool partition_table_fits(const uint8_t *p, uint64_t sectors)
{
    unsigned used = 0;

    if (p[510] != 0x55 || p[511] != 0xaa)
        return false;
    for (size_t i = 0; i < 4; i++) {
        struct mbr_row r = mbr_row(p, i);

        if (p[446 + 16 * i] & 0x7f)
            return false;
        if (!r.type) {
            if (r.first || r.n)
                return false;
            continue;
        }
        /* A protective row may say as much as fits into it. */
        if (!r.n || !r.first || r.first >= sectors ||
            (r.type != 0xee && r.n > sectors - r.first))
            return false;
        for (size_t k = 0; k < i; k++) {
            struct mbr_row o = mbr_row(p, k);

            if (o.type && r.first < o.first + o.n && o.first < r.first + r.n)
                return false;
        }
        used++;
    }
    return used > 0;
}

/* A link of the chain of logical partitions; its addresses are relative. */
static bool link_fits(const uint8_t *p)
{
    struct mbr_row own, next;

    if (p[510] != 0x55 || p[511] != 0xaa)
        return false;
    for (size_t i = 0; i < 446; i++)        /* no boot code, no BPB */
        if (p[i] && i < 394)
            return false;
    own = mbr_row(p, 0);
    next = mbr_row(p, 1);
    return own.type && own.first && own.n && !is_extended(own.type) && own.type != 0xee &&
           (!next.type || is_extended(next.type));
}

/* A header of a GPT whose checksum is right, in sectors of `unit` bytes. */
static bool gpt_fits(const uint8_t *p, size_t len)
{
    uint64_t size = le_load(p + 12, 4);
    uint8_t copy[SECTOR];

    if (memcmp(p, "EFI PART", 8) != 0 || size < 92 || size > SECTOR || size > len)
        return false;
    memcpy(copy, p, (size_t)size);
    memset(copy + 16, 0, 4);
    return crc32(0, copy, (uInt)size) == le_load(p + 16, 4);
}

uint64_t gpt_end(const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at + SECTOR <= len; at += SECTOR) {
        const uint8_t *p = bytes + at;
        uint64_t last;

        if (!gpt_fits(p, len - at))
            continue;
        last = u64_max(le_load(p + 24, 8), le_load(p + 32, 8));
        if (last < INT64_MAX / SECTOR)
            return (last + 1) * SECTOR;
    }
    return 0;
}

/* Where a header belongs, and how sure that is. */
static bool gpt_place(const struct rescue_guest *g, const uint8_t *p, size_t at,
                      uint64_t *place, enum rescue_sure *sure)
{
    uint64_t own = le_load(p + 24, 8), other = le_load(p + 32, 8), size = rescue_size(g);

    for (uint64_t unit = SECTOR; unit <= PAGE; unit *= 8) {
        uint64_t last = size / unit - (size >= unit);

        if (own > last || own == other || !own || own * unit < at ||
            (own * unit - at) % rescue_cluster(g))
            continue;
        *place = own * unit;
        *sure = (own == 1 && other == last) || (other == 1 && own == last) ? SURE_CERTAIN
                                                                           : SURE_LIKELY;
        return true;
    }
    return false;
}

/* --- looking --- */

static void remember(struct disk_witness *w, enum seen_kind kind, size_t cand, size_t at,
                     enum rescue_sure sure, uint64_t place)
{
    if (w->n_seen < SEEN_MAX)
        w->seen[w->n_seen++] = (struct disk_seen){ cand, (uint32_t)at, (uint8_t)kind,
                                              (uint8_t)sure, place, 0 };
}

static void look_sector(struct disk_witness *w, struct rescue_guest *g, size_t cand,
                        const uint8_t *bytes, size_t len, size_t at)
{
    const uint8_t *p = bytes + at;
    enum rescue_sure sure;
    uint64_t place;

    if (at == 0 && partition_table_fits(p, rescue_size(g) / SECTOR))
        remember(w, SEEN_MBR, cand, at, SURE_LIKELY, 0);
    if (link_fits(p))
        remember(w, SEEN_LOGICAL, cand, at, SURE_LIKELY, 0);
    if (gpt_fits(p, len - at) && gpt_place(g, p, at, &place, &sure))
        remember(w, SEEN_GPT, cand, at, sure, place);
    if (at + SECTOR >= PAGE && memcmp(p + SECTOR - 10, "SWAPSPACE2", 10) == 0) {
        const uint8_t *page = p + SECTOR - PAGE;
        size_t n = w->n_seen;

        remember(w, SEEN_SWAP, cand, at + SECTOR - PAGE, SURE_LIKELY,
                 (le_load(page + 1028, 4) + 1) * PAGE);
        if (w->n_seen > n)
            w->seen[n].id = le_load(page + 1036, 8);
        volume_head(g, le_load(page + 1036, 8), cand, (le_load(page + 1028, 4) + 1) * PAGE);
    }
}

static bool look(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes,
                 size_t len)
{
    for (size_t at = 0; at + SECTOR <= len; at += SECTOR)
        look_sector(self, g, cand, bytes, len, at);
    return true;
}

/* --- the table --- */

static void note_part(struct disk_witness *w, uint64_t off, uint64_t len)
{
    for (size_t i = 0; i < w->n_parts; i++)
        if (w->part[i].off == off && w->part[i].len == len)
            return;
    if (w->n_parts < PARTS_MAX)
        w->part[w->n_parts++] = (struct disk_part){ off, len };
}

/* holder: of LVM2. An extended partition, in which others lie, is only noted. */
static void add_part(struct disk_witness *w, struct rescue_guest *g, uint64_t off, uint64_t len,
                     bool extended, bool holder, bool *news)
{
    if (!off || !len || !range_inside(off, len, rescue_size(g)))
        return;
    if (!extended)
        *news |= holder ? rescue_holder(g, off, len)
                        : rescue_volume(g, off, len, FOUND_PARTITION);
    note_part(w, off, len);
}

static bool read_gpt(struct disk_witness *w, struct rescue_guest *g, uint64_t at,
                     uint64_t unit, bool *news)
{
    uint8_t head[SECTOR], entry[128];
    uint64_t entries, n, size;

    if (!rescue_read(g, at, head, SECTOR, SURE_LIKELY) || !gpt_fits(head, SECTOR))
        return false;
    entries = le_load(head + 72, 8);
    n = u64_min(le_load(head + 80, 4), GPT_ENTRIES_MAX);
    size = le_load(head + 84, 4);
    if (entries > rescue_size(g) / unit || size < 128 || size > PAGE)
        return false;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t first, last;

        /* With small clusters the rest of the table may be one that is not there. */
        if (!rescue_read(g, entries * unit + i * size, entry, sizeof entry, SURE_LIKELY)) {
            w->unknown = true;
            break;
        }
        first = le_load(entry + 32, 8);
        last = le_load(entry + 40, 8);
        if (guid_zero(entry) || first > last || last >= rescue_size(g) / unit)
            continue;
        add_part(w, g, first * unit, (last - first + 1) * unit,
                 false, !memcmp(entry, GUID_LVM, sizeof GUID_LVM), news);
    }
    *news |= rescue_mark(g, at, SECTOR, USE_CONTENT);
    return true;
}

static void read_logical(struct disk_witness *w, struct rescue_guest *g, uint64_t start,
                         uint64_t n, bool *news)
{
    uint8_t p[SECTOR];
    uint64_t at = start;

    for (size_t i = 0; i < PARTS_MAX; i++) {
        struct mbr_row own, next;

        if (at > rescue_size(g) / SECTOR ||
            !rescue_read(g, at * SECTOR, p, SECTOR, SURE_LIKELY) || !link_fits(p))
            return;
        own = mbr_row(p, 0);
        next = mbr_row(p, 1);
        add_part(w, g, (at + own.first) * SECTOR, own.n * SECTOR, false, own.type == MBR_LVM,
                 news);
        *news |= rescue_mark(g, at * SECTOR, SECTOR, USE_CONTENT);
        if (!next.type || next.first >= n || start + next.first <= at)
            return;
        at = start + next.first;
    }
}

static bool read_mbr(struct disk_witness *w, struct rescue_guest *g, bool *news)
{
    uint8_t p[SECTOR];

    if (!rescue_read(g, 0, p, SECTOR, SURE_LIKELY) ||
        !partition_table_fits(p, rescue_size(g) / SECTOR))
        return false;
    *news |= rescue_mark(g, 0, SECTOR, USE_CONTENT);
    for (size_t i = 0; i < 4; i++) {
        struct mbr_row r = mbr_row(p, i);

        if (r.type && r.type != 0xee)
            add_part(w, g, r.first * SECTOR, r.n * SECTOR, is_extended(r.type),
                     r.type == MBR_LVM, news);
        if (is_extended(r.type))
            read_logical(w, g, r.first, r.n, news);
    }
    return true;
}

static void read_table(struct disk_witness *w, struct rescue_guest *g, bool *news)
{
    uint64_t size = rescue_size(g);

    if (size < 4 * PAGE)
        return;
    if (!read_gpt(w, g, SECTOR, SECTOR, news) && !read_gpt(w, g, PAGE, PAGE, news) &&
        !read_gpt(w, g, size / SECTOR * SECTOR - SECTOR, SECTOR, news))
        read_gpt(w, g, size / PAGE * PAGE - PAGE, PAGE, news);
    read_mbr(w, g, news);
}

/* --- reasoning --- */

static bool is_at(const struct rescue_guest *g, uint64_t guest_off)
{
    enum rescue_sure sure;

    return !rescue_lost(g, guest_off / rescue_cluster(g)) ||
           (rescue_placed(g, guest_off / rescue_cluster(g), NULL, &sure) &&
            sure >= SURE_LIKELY);
}

/* Pins what was seen at `at` of a candidate so that it lies at a guest byte. */
static bool pin_at(struct rescue_guest *g, const struct disk_seen *s, uint64_t guest_off,
                   enum rescue_sure sure, const char *why)
{
    uint32_t cluster = rescue_cluster(g);

    return guest_off >= s->at && (guest_off - s->at) % cluster == 0 &&
           rescue_pin(g, s->cand, (guest_off - s->at) / cluster, sure, why);
}

static void pin_gpt(const struct disk_witness *w, struct rescue_guest *g, bool *news)
{
    for (size_t i = 0; i < w->n_seen; i++) {
        const struct disk_seen *s = &w->seen[i], *first = s;
        size_t rivals = 0;

        if (s->kind != SEEN_GPT)
            continue;
        for (size_t k = w->n_seen; k-- > 0;) {
            const struct disk_seen *o = &w->seen[k];

            if (o->kind == SEEN_GPT && o->place == s->place && o->sure >= s->sure) {
                rivals += o != s;
                first = o;
            }
        }
        if (first == s)
            *news |= pin_at(g, s, s->place, rivals ? SURE_LIKELY : s->sure,
                            "the address that a GPT header bears");
    }
}

static void pin_mbr(const struct disk_witness *w, struct rescue_guest *g, bool *news)
{
    if (is_at(g, 0))
        return;
    for (size_t i = 0; i < w->n_seen; i++)
        if (w->seen[i].kind == SEEN_MBR) {
            *news |= pin_at(g, &w->seen[i], 0, SURE_LIKELY,
                            "a partition table, which is at the start of the disk");
            return;
        }
}

/* The first link that can lie there. */
static void pin_link(const struct disk_witness *w, struct rescue_guest *g, uint64_t guest_off,
                     bool *news)
{
    if (is_at(g, guest_off))
        return;
    for (size_t i = 0; i < w->n_seen; i++) {
        const struct disk_seen *s = &w->seen[i];

        if (s->kind == SEEN_LOGICAL &&
            pin_at(g, s, guest_off, SURE_LIKELY, "the chain of logical partitions")) {
            *news = true;
            return;
        }
    }
}

static void pin_swap(const struct disk_witness *w, struct rescue_guest *g, bool *news)
{
    enum rescue_sure sure;
    uint64_t off;

    for (size_t i = 0; i < w->n_seen; i++) {
        const struct disk_seen *s = &w->seen[i];

        if (s->kind == SEEN_SWAP
            && volume_home(g, &(struct volume_query){ s->id, s->place, 0 }, &off, &sure)
            && !is_at(g, off))
            *news |= pin_at(g, s, off, SURE_LIKELY,
                            "a swap header of the length of the partition");
    }
}

/* The chain of logical partitions, link by link. */
static void pin_logical(const struct disk_witness *w, struct rescue_guest *g, bool *news)
{
    uint8_t p[SECTOR];

    if (!rescue_read(g, 0, p, SECTOR, SURE_LIKELY) ||
        !partition_table_fits(p, rescue_size(g) / SECTOR))
        return;
    for (size_t i = 0; i < 4; i++) {
        struct mbr_row r = mbr_row(p, i);
        uint64_t at = r.first;
        uint8_t link[SECTOR];

        if (!is_extended(r.type))
            continue;
        for (size_t n = 0; n < PARTS_MAX && at < rescue_size(g) / SECTOR; n++) {
            pin_link(w, g, at * SECTOR, news);
            if (!rescue_read(g, at * SECTOR, link, SECTOR, SURE_LIKELY) ||
                !link_fits(link) || r.first + mbr_row(link, 1).first <= at)
                break;
            at = r.first + mbr_row(link, 1).first;
        }
    }
}

/* Between partitions there is nothing but what boots the machine. */
static void mark_gaps(struct disk_witness *w, struct rescue_guest *g, bool *news)
{
    uint8_t code[440];
    uint64_t from = (uint64_t)34 * SECTOR, end = rescue_size(g);

    if (w->n_marked == w->n_parts || w->unknown || end < 2 * from || !rescue_read(g, 0, code, sizeof code, SURE_LIKELY))
        return;
    for (size_t i = 0; i < sizeof code; i++)
        if (code[i])
            return;
    w->n_marked = w->n_parts;
    end -= from;
    while (from < end) {
        uint64_t to = end, next = end;

        for (size_t i = 0; i < w->n_parts; i++) {
            const struct disk_part *p = &w->part[i];

            if (p->off + p->len > from && p->off < to) {
                to = u64_max(p->off, from);
                next = p->off + p->len;
            }
        }
        if (to > from)
            *news |= rescue_mark(g, from, to - from, USE_FREE);
        from = next;
    }
}

static bool reason(void *self, struct rescue_guest *g, bool *news, struct error *err)
{
    struct disk_witness *w = self;

    (void)err;
    w->unknown = false;
    pin_gpt(w, g, news);
    pin_mbr(w, g, news);
    pin_logical(w, g, news);
    read_table(w, g, news);
    pin_swap(w, g, news);
    mark_gaps(w, g, news);
    return true;
}

static void *begin(struct rescue_guest *g)
{
    (void)g;
    return calloc(1, sizeof(struct disk_witness));
}

const struct rescue_witness witness_disk = { "disk", begin, look, reason, free };
