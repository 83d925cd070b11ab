/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The order of candidates in the file is a walk over the places that are lost. Its steps cost:
 * to the next place nothing, over places something by what they are said to hold, back or far
 * away much. What a candidate holds costs by how it contradicts the place. The cheapest walk is
 * found by dynamic programming, between pins where the image is too large for it at once. */
#include "config.h"

#include "plan/rescue/align.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "insight/content.h"

#define PARTS   128             /* of a cluster, or fewer of 512 bytes */
#define BLOCKS  16              /* ... of 4 KiB */

/* Costs. */
#define OLD_DATA        3       /* not zeros where it is free, each part */
#define OLD_DATA_MAX    24
#define NO_CONTENT      8       /* zeros where there is content */
#define NO_CONTENT_MAX  48
#define NO_DATA         1       /* zeros where there is data */
#define NO_DATA_MAX     6
#define NOT_ZERO        10      /* not zeros past the end of a file, each part */
#define NOT_ZERO_MAX    60
#define OTHER_DENSE     8       /* a file goes on as something else */
#define OTHER_TEXT      1
#define OTHER_KIND_MAX  30
#define NO_START        14      /* what begins as a file is in the middle of one */
#define NO_MAGIC        14      /* a file of a type begins as none does */
#define NO_TAIL         16      /* a file ends here, but its bytes go on */
#define FILES_MAX       60
#define TAIL_MIN        4       /* bytes of zeros that are worth a note */
#define NOTHING_SAID    20      /* of the place */
#define EMPTY_MAX       32      /* a place of data is left empty */
#define GAP             6       /* places are skipped */
#define LEFT_OUT        60      /* a candidate that has a refcount gets no place */
#define LEFT_OUT_OLD    4       /* ... without one */
#define JUMP_NEVER      1000    /* where all that is pinned rises */
#define JUMP            14
#define JUMP_LOOSE      6       /* ... where clusters are compressed */
#define INFINITE        (1 << 28)

#define PLACES_MAX      (1u << 22)              /* that are looked at at once */
#define CELLS_MAX       ((size_t)192 << 20)     /* of the table, a byte each */

/* --- what a candidate looks like --- */

/* Text, and as even as what is packed or encrypted. */
static void kind_of(const uint8_t *bytes, size_t len, bool *is_text, bool *is_dense)
{
    unsigned count[256] = { 0 };
    size_t text = 0, even = 0;

    for (size_t i = 0; i < len; i++)
        count[bytes[i]]++;
    for (unsigned c = 0; c < 256; c++) {
        if (c == '\n' || c == '\r' || c == '\t' || (c >= ' ' && c < 127))
            text += count[c];
        even += (size_t)count[c] * count[c];
    }
    *is_text = (text + count[0]) * 32 >= len * 31;
    /* random bytes: len + len * len / 256 */
    *is_dense = even < len * 2 + len * len / 256;
}

static bool begins_as_a_file(const uint8_t *b)
{
    static const struct { uint8_t n; char bytes[9]; } magics[] = {
        { 3, "\xff\xd8\xff" }, { 4, "\x7f" "ELF" }, { 8, "\x89PNG\r\n\x1a\n" },
        { 4, "PK\x03\x04" }, { 5, "%PDF-" }, { 3, "\x1f\x8b\x08" }, { 6, "GIF89a" },
        { 4, "\x28\xb5\x2f\xfd" }, { 6, "\xfd" "7zXZ" }, { 4, "OggS" },
        { 8, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" }, { 6, "7z\xbc\xaf\x27\x1c" },
    };

    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (memcmp(b, magics[i].bytes, magics[i].n) == 0)
            return true;
    return false;
}

static uint32_t block_len(size_t cluster)
{
    size_t len = cluster / BLOCKS > 4096 ? cluster / BLOCKS : 4096;

    return (uint32_t)(len < cluster ? len : cluster);
}

static void take_blocks(struct print *p, const uint8_t *bytes, size_t len)
{
    size_t block = block_len(len), look = block < 4096 ? block : 4096;
    bool text = false, dense = false, was_text = false, was_dense = false, empty_before = true;

    for (size_t k = 0; k * block < len; k++) {
        const uint8_t *b = bytes + k * block;
        unsigned bit = 1u << k;

        if (content_all_zero(b, look)) {
            empty_before = true;
            continue;
        }
        kind_of(b, look, &text, &dense);
        p->text |= (uint16_t)(text ? bit : 0);
        p->dense |= (uint16_t)(dense ? bit : 0);
        p->text_edge |= (uint16_t)(!empty_before && text != was_text ? bit : 0);
        p->dense_edge |= (uint16_t)(!empty_before && dense != was_dense ? bit : 0);
        empty_before = false;
        was_text = text;
        was_dense = dense;
    }
}

/* Where a file starts in a part, and where one ends in it. */
static void take_part(struct print *p, size_t i, const uint8_t *bytes, size_t len)
{
    size_t zeros = 0;

    for (size_t at = 0; at + 512 <= len; at += 512)
        if (begins_as_a_file(bytes + at))
            p->magic[i / 64] |= UINT64_C(1) << i % 64;
    while (zeros < len && !bytes[len - 1 - zeros])
        zeros++;
    if (zeros < TAIL_MIN)
        return;
    if (p->n_tails < PRINT_TAILS)
        p->tail[p->n_tails] = (struct print_tail){ (uint8_t)i, (uint16_t)zeros };
    if (p->n_tails <= PRINT_TAILS)
        p->n_tails++;
}

void print_take(struct print *p, const uint8_t *bytes, size_t len)
{
    size_t part = len / PARTS > 512 ? len / PARTS : 512;

    *p = (struct print){ .text = 0 };
    for (size_t i = 0; i * part < len && i < PARTS; i++)
        if (!content_all_zero(bytes + i * part, part)) {
            p->nonzero[i / 64] |= UINT64_C(1) << i % 64;
            take_part(p, i, bytes + i * part, part);
        }
    take_blocks(p, bytes, len);
}

/* What is said of a place, part by part. */
struct place_print {
    uint64_t cl;                /* guest cluster */
    uint64_t free[2], content[2], data[2];
    uint64_t zero[2];           /* past the end of a file, in its last block */
    int skip, empty;            /* cost of going over it; ... of leaving it empty at last */
    uint32_t cand;              /* that is here, when taken */
    bool taken;                 /* nobody else may have it */
    bool unknown;               /* nothing is said of most of it */
    uint16_t goes_on;           /* blocks into which a file goes on from the one before */
    uint64_t starts[2];         /* parts at which a file starts, */
    uint64_t typed[2];          /* ... of a type whose files begin with a mark */
    uint64_t inside[2];         /* parts that start in the middle of a file */
    struct print_tail tail[PRINT_TAILS];        /* of parts in which a file ends */
    uint8_t n_tails;
};

struct order_walk {
    const struct align_order *o;
    struct place_print *place;  /* owned: all lost places, rising */
    size_t n_places;
    size_t n_items;             /* candidates */
    size_t *at;                 /* owned: of each candidate, index of its place + 1; 0: none */
    int jump;
    unsigned last_block;        /* of a cluster */
};

/* Most words are 0, and __builtin_popcountll() is a call where the processor need not have
 * an instruction for it. */
static inline int ones_of(uint64_t x)
{
    if (!x)
        return 0;
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (int)(x * UINT64_C(0x0101010101010101) >> 56);
}

static inline int ones(const uint64_t a[2])
{
    return ones_of(a[0]) + ones_of(a[1]);
}

static inline int ones_and(const uint64_t a[2], const uint64_t b[2])
{
    return ones_of(a[0] & b[0]) + ones_of(a[1] & b[1]);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* A file that ends in a part leaves zeros after its end, and none before. */
static int tails_cost(const struct print *c, const struct place_print *p)
{
    int cost = 0;

    for (unsigned i = 0; i < p->n_tails; i++) {
        unsigned part = p->tail[i].part, zeros = 0;

        if (!(c->nonzero[part / 64] >> part % 64 & 1))
            continue;                   /* counted as a part without data */
        for (unsigned k = 0; k < c->n_tails && k < PRINT_TAILS; k++)
            if (c->tail[k].part == part)
                zeros = c->tail[k].zeros;
        if (zeros < p->tail[i].zeros && (zeros || c->n_tails <= PRINT_TAILS))
            cost += NO_TAIL;
    }
    return cost;
}

static int cost_of(const struct print *c, const struct place_print *p)
{
    int nz_free = ones_and(c->nonzero, p->free);
    int z_content = ones(p->content) - ones_and(c->nonzero, p->content);
    int z_data = ones(p->data) - ones_and(c->nonzero, p->data);

    int nz_zero = ones_and(c->nonzero, p->zero);

    int kinds = ones_of(c->dense_edge & p->goes_on) * OTHER_DENSE
        + ones_of(c->text_edge & p->goes_on) * OTHER_TEXT / 2;
    int files = ones_and(c->magic, p->inside) * NO_START
        + (ones(p->typed) - ones_and(c->magic, p->typed)) * NO_MAGIC + tails_cost(c, p);

    return least(kinds, OTHER_KIND_MAX) + least(files, FILES_MAX) + p->unknown * NOTHING_SAID
        + least(nz_zero * NOT_ZERO, NOT_ZERO_MAX) + least(nz_free * OLD_DATA, OLD_DATA_MAX)
        + least(z_content * NO_CONTENT, NO_CONTENT_MAX) + least(z_data * NO_DATA / 2, NO_DATA_MAX);
}

/* --- places --- */

static uint32_t part_len(const struct rescue_guest *g)
{
    return rescue_cluster(g) / PARTS > 512 ? rescue_cluster(g) / PARTS : 512;
}

static size_t place_index(const struct order_walk *w, uint64_t cl)
{
    size_t lo = 0, hi = w->n_places;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (w->place[mid].cl < cl)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void look_at_place(const struct rescue_guest *g, struct place_print *p)
{
    uint32_t cluster = rescue_cluster(g);
    uint32_t part = part_len(g);
    unsigned unknown = 0, n = cluster / part;
    uint64_t off = p->cl * cluster;

    for (unsigned i = 0; i < n; i++) {
        uint64_t bit = UINT64_C(1) << i % 64;

        switch (rescue_use_at(g, off + (uint64_t)i * part)) {
        case USE_FREE: p->free[i / 64] |= bit; break;
        case USE_CONTENT: p->content[i / 64] |= bit; break;
        case USE_DATA: p->data[i / 64] |= bit; break;
        case USE_UNKNOWN: unknown++; break;
        }
    }
    p->unknown = unknown * 2 >= n;
}

static struct place_print *place_of(struct order_walk *w, uint64_t guest_off)
{
    uint64_t cl = guest_off / rescue_cluster(w->o->g);
    size_t i = place_index(w, cl);

    return i < w->n_places && w->place[i].cl == cl ? &w->place[i] : NULL;
}

/* The last block of a file: what comes after its end is zeros. */
static void note_end(struct order_walk *w, uint64_t from, uint64_t end)
{
    uint64_t cluster = rescue_cluster(w->o->g), part = part_len(w->o->g);
    uint64_t at = round_up(from, part);
    struct place_print *p = place_of(w, from);

    if (p && from % part && at <= end && at - from >= TAIL_MIN && p->n_tails < PRINT_TAILS)
        p->tail[p->n_tails++] = (struct print_tail){ (uint8_t)(from % cluster / part),
                                                     (uint16_t)(at - from) };
    for (; at + part <= end; at += part) {
        uint64_t k = at % cluster / part;

        p = place_of(w, at);
        if (!p)
            continue;
        p->zero[k / 64] |= UINT64_C(1) << k % 64;
        p->data[k / 64] &= ~(UINT64_C(1) << k % 64);
    }
}

static void note_inside(struct order_walk *w, uint64_t from, uint64_t end)
{
    uint64_t cluster = rescue_cluster(w->o->g), part = part_len(w->o->g);
    uint64_t block = block_len((size_t)cluster);
    struct place_print *p;

    for (uint64_t at = (from / part + 1) * part; at < end; at += part) {
        uint64_t k = at % cluster / part;

        p = place_of(w, at);
        if (p)
            p->inside[k / 64] |= UINT64_C(1) << k % 64;
    }
    /* The block before is of the file as well. */
    for (uint64_t at = round_up(from, block) + block; at < end; at += block) {
        p = place_of(w, at);
        if (p)
            p->goes_on |= (uint16_t)(1u << at % cluster / block);
    }
}

/* What the extents of files say: where one starts, goes on from place to place, and ends. */
static void note_extent(struct order_walk *w, const struct rescue_file_extent *e)
{
    uint64_t cluster = rescue_cluster(w->o->g), part = part_len(w->o->g);
    uint64_t end = e->guest_off + e->len, from = end;

    if (e->file_off <= e->size && e->size - e->file_off < e->len)
        from = e->guest_off + (e->size - e->file_off);
    if (from < end)
        note_end(w, from, end);
    note_inside(w, e->guest_off, from);
    if (e->file_off == 0) {
        uint64_t k = e->guest_off % cluster / part;
        struct place_print *p = place_of(w, e->guest_off);

        if (p) {
            p->starts[k / 64] |= UINT64_C(1) << k % 64;
            if (e->typed)
                p->typed[k / 64] |= UINT64_C(1) << k % 64;
        }
    }
}

static void note_extents(struct order_walk *w)
{
    size_t n;
    const struct rescue_file_extent *e = rescue_extents(w->o->g, &n);

    for (size_t i = 0; i < n; i++)
        note_extent(w, &e[i]);
    for (size_t i = 0; i < w->n_places; i++) {
        struct place_print *p = &w->place[i];

        p->empty = least(ones(p->content) * NO_CONTENT, NO_CONTENT_MAX)
            + least(ones(p->data) * NO_DATA, EMPTY_MAX) + p->unknown;
        p->skip = p->empty;
    }
}

static bool list_places(struct order_walk *w)
{
    struct rescue_guest *g = w->o->g;
    uint64_t n = rescue_n_lost(g), cl = 0, len;

    if (n > PLACES_MAX)
        return true;                    /* no order is looked for among so many */
    w->place = calloc((size_t)n + 1, sizeof *w->place);
    if (!w->place)
        return false;
    for (; rescue_next_lost(g, &cl, &len); cl += len)
        for (uint64_t i = 0; i < len && w->n_places < n; i++) {
            struct place_print *p = &w->place[w->n_places++];

            p->cl = cl + i;
            look_at_place(g, p);
        }
    return true;
}

static bool list_pins(struct order_walk *w)
{
    struct rescue_guest *g = w->o->g;
    size_t n = rescue_candidates(g), last = 0, rising = 0, falling = 0;
    struct rescue_pin pin;

    w->at = calloc(n + 1, sizeof *w->at);
    if (!w->at)
        return false;
    w->n_items = n;
    for (size_t i = 0; i < n; i++) {
        size_t at;

        if (!rescue_pinned(g, i, &pin) || pin.sure == SURE_POSSIBLE)
            continue;
        at = place_index(w, pin.guest_cl);
        if (at >= w->n_places || w->place[at].cl != pin.guest_cl)
            continue;
        w->at[i] = at + 1;
        w->place[at].taken = true;
        w->place[at].cand = (uint32_t)i;
        if (last)
            *(at + 1 > last ? &rising : &falling) += 1;
        last = at + 1;
    }
    /* A stray pin does not make a guest's order of one that rises. */
    w->jump = w->o->loose ? JUMP_LOOSE : falling * 50 <= rising ? JUMP_NEVER : JUMP;
    return true;
}

/* --- the cheapest walk --- */

/* A position is the place that the last item took, counted from 1 in its stretch; 0 is before
 * them all. Two states for each: the item is here, or places up to here were left empty after
 * it. How either was reached is kept in one byte. */
enum { CAME_NEXT = 1, CAME_GAP, CAME_JUMP, CAME_LEFT_OUT, CAME_MASK = 7, GAP_GOES_ON = 8 };

/* Items [first, end) over places [from, from + n). */
struct stretch { size_t first, end, from, n; };

struct walk_table {
    size_t width;                       /* positions of a row */
    uint8_t *came;                      /* owned: a row for each item, and one before */
    size_t *row_lo;                     /* owned: position of the first cell of each row */
    size_t *best;                       /* owned: of each row, its cheapest position */
    int *here, *gap, *here2, *gap2;     /* owned: costs of all positions, and of the next row */
};

static void free_table(struct walk_table *t)
{
    free(t->came);
    free(t->row_lo);
    free(t->best);
    free(t->here);
    free(t->gap);
    free(t->here2);
    free(t->gap2);
}

static int *all_infinite(size_t n)
{
    int *cost = malloc(n * sizeof *cost);

    for (size_t i = 0; cost && i < n; i++)
        cost[i] = INFINITE;
    return cost;
}

static bool make_table(const struct stretch *s, struct walk_table *t)
{
    size_t rows = s->end - s->first + 1, positions = s->n + 1;

    *t = (struct walk_table){ .width = positions };
    if (positions > CELLS_MAX / rows)
        t->width = CELLS_MAX / rows > 64 ? CELLS_MAX / rows : 64;
    t->came = calloc(rows, t->width);
    t->row_lo = calloc(rows, sizeof *t->row_lo);
    t->best = calloc(rows, sizeof *t->best);
    t->here = all_infinite(positions);
    t->gap = all_infinite(positions);
    t->here2 = all_infinite(positions);
    t->gap2 = all_infinite(positions);
    return t->came && t->row_lo && t->best && t->here && t->gap && t->here2 && t->gap2;
}

/* Cost of a file that goes on from the end of one candidate at the head of the next. */
static int other_kind(const struct print *a, const struct print *b, unsigned last)
{
    bool dense = a->dense >> last & 1, text = a->text >> last & 1;

    if (!(a->nonzero[1] >> 63 || last < BLOCKS - 1))
        return 0;                       /* it ends with zeros */
    return (dense != (b->dense & 1)) * OTHER_DENSE + (text != (b->text & 1)) * OTHER_TEXT;
}

static int emission(const struct order_walk *w, size_t item, size_t place)
{
    const struct place_print *p = &w->place[place];
    const struct print *print = w->o->print;
    int cost;

    if (w->at[item])
        return w->at[item] == place + 1 ? 0 : INFINITE;
    if (p->taken)
        return INFINITE;
    cost = cost_of(&print[item], p);
    if (place && p->goes_on & 1 && p[-1].taken && p[-1].cl + 1 == p->cl)
        cost += other_kind(&print[p[-1].cand], &print[item], w->last_block);
    if (place + 1 < w->n_places && p[1].goes_on & 1 && p[1].taken && p[1].cl == p->cl + 1)
        cost += other_kind(&print[item], &print[p[1].cand], w->last_block);
    return cost;
}

/* The gaps after the row's item, from costs `here`. */
static void make_gaps(const struct order_walk *w, const struct stretch *s, struct walk_table *t, size_t row,
                      int start, int *here, int *gap)
{
    uint8_t *came = t->came + row * t->width;
    size_t lo = t->row_lo[row], hi = lo + t->width;

    gap[lo] = INFINITE;
    for (size_t p = lo + 1; p < hi && p <= s->n; p++) {
        int skip = w->place[s->from + p - 1].skip;
        int opened = here[p - 1] + start + skip, on = gap[p - 1] + skip;

        if (on < opened)
            came[p - lo] |= GAP_GOES_ON;
        gap[p] = least(least(on, opened), INFINITE);
    }
}

static void make_row(const struct order_walk *w, const struct stretch *s, struct walk_table *t, size_t row)
{
    uint8_t *came = t->came + row * t->width;
    size_t item = s->first + row - 1, lo = t->row_lo[row], hi = lo + t->width;
    int jump = t->here[t->best[row - 1]] + w->jump;
    int other = row > 1 ? other_kind(&w->o->print[item - 1], &w->o->print[item],
                                     w->last_block) : 0;
    int out = w->at[item] ? INFINITE : w->o->counted[item] ? LEFT_OUT : LEFT_OUT_OLD;

    for (size_t p = t->row_lo[row - 1]; p < lo; p++)
        t->here2[p] = t->gap2[p] = INFINITE;
    for (size_t p = lo; p < hi && p <= s->n; p++) {
        int c = p ? t->here[p - 1] : INFINITE;
        uint8_t how = CAME_NEXT;

        if (p && w->place[s->from + p - 1].goes_on & 1)
            c += other;

        if (p && t->gap[p - 1] < c) {
            c = t->gap[p - 1];
            how = CAME_GAP;
        }
        if (jump < c) {
            c = jump;
            how = CAME_JUMP;
        }
        c = p ? least(c + emission(w, item, s->from + p - 1), INFINITE) : INFINITE;
        if (t->here[p] + out < c) {
            c = t->here[p] + out;
            how = CAME_LEFT_OUT;
        }
        t->here2[p] = c;
        came[p - lo] = how;
    }
    make_gaps(w, s, t, row, GAP, t->here2, t->gap2);
}

static void next_row(const struct stretch *s, struct walk_table *t, size_t row)
{
    size_t lo = t->row_lo[row], hi = lo + t->width, best = lo;
    int *here = t->here, *gap = t->gap;

    t->here = t->here2;
    t->gap = t->gap2;
    t->here2 = here;
    t->gap2 = gap;
    for (size_t p = lo; p < hi && p <= s->n; p++)
        if (t->here[p] < t->here[best])
            best = p;
    t->best[row] = best;
}

/* Rows are narrower than the stretch where that is long; then they follow the best walk. */
static size_t row_start(const struct stretch *s, const struct walk_table *t, size_t row)
{
    size_t lo = t->row_lo[row - 1], best = t->best[row - 1], back = t->width / 4;

    if (t->width > s->n)
        return 0;
    if (best > back && best - back > lo)
        lo = best - back;
    return lo + t->width > s->n + 1 ? s->n + 1 - t->width : lo;
}

/* Goes back from the end and writes down where each item was. */
static void trace(struct order_walk *w, const struct stretch *s, const struct walk_table *t, size_t *path)
{
    size_t row = s->end - s->first, p = t->row_lo[row];
    int least_cost = INFINITE, rest = 0;

    /* what follows the last item stays empty */
    for (size_t q = s->n + 1; q-- > t->row_lo[row];) {
        if (q < t->row_lo[row] + t->width && t->here[q] + rest < least_cost) {
            least_cost = t->here[q] + rest;
            p = q;
        }
        if (q)
            rest = least(rest + w->place[s->from + q - 1].skip, INFINITE / 2);
    }
    while (row) {
        const uint8_t *came = t->came + (row - 1) * t->width;
        uint8_t how = t->came[row * t->width + p - t->row_lo[row]] & CAME_MASK;
        size_t lo = t->row_lo[row - 1];

        path[row - 1] = how == CAME_LEFT_OUT ? 0 : p;
        if (how == CAME_JUMP) {
            p = t->best[row - 1];
        } else if (how != CAME_LEFT_OUT) {
            if (!p)
                break;
            p--;
            if (how == CAME_GAP) {
                while (p > lo && came[p - lo] & GAP_GOES_ON)
                    p--;
                if (p > lo)
                    p--;
            }
        }
        row--;
        if (p < lo || p >= lo + t->width)
            break;
    }
}

static bool walk_stretch(struct order_walk *w, const struct stretch *s, size_t *path)
{
    size_t rows = s->end - s->first;
    struct walk_table t;
    bool ok = make_table(s, &t);

    if (ok) {
        t.here[0] = 0;
        make_gaps(w, s, &t, 0, 0, t.here, t.gap);
    }
    for (size_t row = 1; ok && row <= rows; row++) {
        if (w->o->cancel && *w->o->cancel)
            break;
        t.row_lo[row] = row_start(s, &t, row);
        make_row(w, s, &t, row);
        next_row(s, &t, row);
        if (row == rows)
            trace(w, s, &t, path);
    }
    free_table(&t);
    return ok;
}

/* --- where nothing is left to choose --- */

#define DOUBT 8                 /* cost of a place above which there is some */

static bool settle(struct order_walk *w, size_t item, size_t place, enum rescue_sure sure,
                   const char *why)
{
    return rescue_pin(w->o->g, item, w->place[place].cl, sure, why);
}

static bool contradicts(const struct print *c, const struct place_print *p)
{
    return cost_of(c, p) - p->unknown * NOTHING_SAID > DOUBT;
}

/* Between two pins as many candidates as places, or as many as places that cannot be empty. */
static bool settle_between(struct order_walk *w, size_t a, size_t b)
{
    size_t from = w->at[a], to = w->at[b] - 1, n = b - a - 1, full = 0, k = 0;
    bool all = to >= from && to - from == n, news = false;

    if (to < from || !n)
        return false;
    for (size_t p = from; p < to; p++)
        full += w->place[p].skip > DOUBT && !w->place[p].taken;
    if (!all && (full != n || w->jump != JUMP_NEVER))
        return false;
    if (all && w->jump != JUMP_NEVER && n > 64)
        return false;
    for (int pass = 0; pass < 2; pass++) {
        k = 0;
        for (size_t p = from; p < to; p++) {
            if (!all && (w->place[p].skip <= DOUBT || w->place[p].taken))
                continue;
            if (w->place[p].taken || contradicts(&w->o->print[a + 1 + k], &w->place[p]))
                return false;
            if (pass)
                news |= settle(w, a + 1 + k, p, SURE_LIKELY,
                               "neighbours in the file whose places are known");
            k++;
        }
    }
    return news;
}

static bool settle_exact(struct order_walk *w)
{
    size_t last = SIZE_MAX;
    bool news = false;

    for (size_t i = 0; i < w->n_items; i++) {
        if (!w->at[i])
            continue;
        if (last != SIZE_MAX && w->at[i] > w->at[last])
            news |= settle_between(w, last, i);
        last = i;
    }
    return news;
}

/* --- all the others --- */

/* Items that follow each other to neighbouring places. */
struct item_run { size_t first, n; int cost; };

static int by_length(const void *a, const void *b)
{
    const struct item_run *x = a, *y = b;
    /* long ones that cost little come first */
    long p = (long)x->n * 16 - x->cost, q = (long)y->n * 16 - y->cost;

    return p > q ? -1 : p < q ? 1 : x->first < y->first ? -1 : x->first > y->first;
}

/* What a step of the walk costs, that of two runs the one which lies on the way is taken. */
static int step_cost(const struct order_walk *w, const size_t *path, size_t from, size_t to)
{
    size_t a = w->at[from] ? w->at[from] : path[from], b = w->at[to] ? w->at[to] : path[to];
    size_t far = a < b ? b - a : a - b;

    if (!a || !b)
        return JUMP;
    return (b <= a ? JUMP : far > 1 ? GAP : 0) + (int)(far / 16 > 24 ? 24 : far / 16);
}

/* Gives runs the places of the walk, the best first; those whose place is taken wait for the
 * next walk. Returns how many items got one. */
static size_t accept_runs(struct order_walk *w, const size_t *path, struct item_run *run)
{
    size_t n = 0, placed = 0;

    for (size_t i = 0; i < w->n_items; i++) {
        int cost;

        if (!path[i] || w->at[i])
            continue;
        cost = cost_of(&w->o->print[i], &w->place[path[i] - 1]);
        if (n && run[n - 1].first + run[n - 1].n == i && path[i] == path[i - 1] + 1) {
            run[n - 1].n++;
            run[n - 1].cost += cost;
        } else {
            run[n++] = (struct item_run){ i, 1, cost };
        }
    }
    for (size_t k = 0; k < n; k++) {
        size_t end = run[k].first + run[k].n;

        run[k].cost += run[k].first ? step_cost(w, path, run[k].first - 1, run[k].first) : 0;
        run[k].cost += end < w->n_items ? step_cost(w, path, end - 1, end) : 0;
    }
    if (n)
        qsort(run, n, sizeof *run, by_length);
    for (size_t k = 0; k < n; k++)
        for (size_t i = run[k].first; i < run[k].first + run[k].n; i++) {
            struct place_print *p = &w->place[path[i] - 1];

            if (p->taken)
                continue;
            p->taken = true;
            p->cand = (uint32_t)i;
            w->at[i] = path[i];
            placed++;
        }
    return placed;
}

/* One walk over everything, or between pins where that is too much at once. */
static bool walk_all(struct order_walk *w, size_t *path)
{
    struct stretch s = { 0, 0, 0, 0 };
    bool split = w->jump == JUMP_NEVER, ok = true;

    memset(path, 0, w->n_items * sizeof *path);
    for (size_t i = 0; ok && i <= w->n_items; i++) {
        bool pinned = i < w->n_items && w->at[i];

        if (i < w->n_items && (!pinned || !split || w->at[i] - 1 < s.from))
            continue;
        s.end = i;
        s.n = (pinned ? w->at[i] - 1 : w->n_places) - s.from;
        if (s.end > s.first && s.n)
            ok = walk_stretch(w, &s, path + s.first);
        for (size_t k = s.first; k < s.end; k++)
            if (path[k])
                path[k] += s.from;
        if (!pinned)
            break;
        s.first = i + 1;
        s.from = w->at[i];
    }
    return ok;
}

/* Items that lie badly, and were not pinned, give their place back. */
static void give_up_bad(struct order_walk *w, const bool *pinned)
{
    for (size_t i = 0; i < w->n_items; i++) {
        struct place_print *p = w->at[i] ? &w->place[w->at[i] - 1] : NULL;

        if (!p || pinned[i] || cost_of(&w->o->print[i], p) <= DOUBT)
            continue;
        p->taken = false;
        w->at[i] = 0;
    }
}

static void set_skips(struct order_walk *w, bool first)
{
    for (size_t p = 0; p < w->n_places; p++)
        w->place[p].skip = first || w->place[p].taken ? 0 : w->place[p].empty;
}

#define FILLED_MAX ((size_t)1 << 28)

/* Those that no walk could take go where they fit best, first of all to places that should
 * not be empty. */
static void fill_rest(struct order_walk *w)
{
    size_t left = FILLED_MAX;

    for (size_t i = 0; i < w->n_items && left > w->n_places; i++) {
        int least_cost = LEFT_OUT;
        size_t best = w->n_places;

        if (w->at[i] || !w->o->counted[i])
            continue;
        left -= w->n_places;
        for (size_t p = 0; p < w->n_places; p++) {
            int cost = w->place[p].taken ? INFINITE : emission(w, i, p) - w->place[p].empty;

            if (cost < least_cost) {
                least_cost = cost;
                best = p;
            }
        }
        if (best == w->n_places)
            continue;
        w->place[best].taken = true;
        w->place[best].cand = (uint32_t)i;
        w->at[i] = best + 1;
    }
}

/* Few pins may rise in a guest's order too; then what lies between them fits nowhere. */
static bool fits_badly(const struct order_walk *w, const size_t *path)
{
    size_t bad = 0;

    for (size_t i = 0; i < w->n_items; i++)
        if (!w->at[i])
            bad += path[i] ? cost_of(&w->o->print[i], &w->place[path[i] - 1]) > DOUBT
                           : w->o->counted[i];
    return bad * 50 > w->n_items;
}

#define WALKS_MAX 4

/* Where the order is not strict a later run may fill what this one skips. What is empty after
 * the first walk has its price in those that follow. */
static bool settle_all(struct order_walk *w, bool *news)
{
    size_t *path = calloc(w->n_items + 1, sizeof *path);
    struct item_run *run = calloc(w->n_items + 1, sizeof *run);
    bool *pinned = calloc(w->n_items + 1, sizeof *pinned);
    bool ok = path && run && pinned;

    for (size_t i = 0; ok && i < w->n_items; i++)
        pinned[i] = w->at[i] != 0;
    for (int i = 0; ok && i < WALKS_MAX; i++) {
        if (w->jump != JUMP_NEVER)
            set_skips(w, i == 0);
        ok = walk_all(w, path);
        if (ok && w->jump == JUMP_NEVER && fits_badly(w, path)) {
            w->jump = JUMP;
            set_skips(w, true);
            ok = walk_all(w, path);
        }
        if (!ok || !accept_runs(w, path, run) || w->jump == JUMP_NEVER)
            break;
        if (i + 1 < WALKS_MAX)
            give_up_bad(w, pinned);
    }
    if (ok)
        fill_rest(w);
    for (size_t i = 0; ok && i < w->n_items; i++)
        if (w->at[i] && !pinned[i])
            *news |= settle(w, i, w->at[i] - 1, SURE_POSSIBLE, "order in the file");
    free(path);
    free(run);
    free(pinned);
    return ok;
}

bool align(const struct align_order *o, bool all, bool *news, struct error *err)
{
    struct order_walk w = { .o = o };
    uint32_t cluster = rescue_cluster(o->g);
    bool ok = list_places(&w) && list_pins(&w);

    w.last_block = cluster / block_len(cluster) - 1;
    if (ok)
        note_extents(&w);
    *news = false;
    if (ok && !all)
        *news = settle_exact(&w);
    else if (ok)
        ok = settle_all(&w, news);
    free(w.place);
    free(w.at);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}

/* --- blocks --- */

#define BLOCKS_MAX      512
#define COSTS_MAX       ((uint64_t)1 << 28)

struct block_fit {
    struct order_walk w;
    size_t n_blocks, n_slots;
    uint64_t per;
    long *cost;                 /* owned: of each block in each slot */
    long *empty;                /* owned: of each slot, when nothing is there */
    bool *slot_taken;           /* owned */
};

static void cost_blocks(struct block_fit *f, const struct align_block *item, size_t n)
{
    for (size_t s = 0; s < f->n_slots; s++) {
        for (uint64_t i = 0; i < f->per && s * f->per + i < f->w.n_places; i++)
            f->empty[s] += f->w.place[s * f->per + i].empty;
        for (size_t b = 0; b < f->n_blocks; b++)
            f->cost[b * f->n_slots + s] = f->empty[s];
        for (size_t i = 0; i < n; i++) {
            size_t p = s * f->per + item[i].entry;
            long *cost = &f->cost[item[i].block * f->n_slots + s];

            if (p >= f->w.n_places) {
                *cost += LEFT_OUT;
                continue;
            }
            *cost += cost_of(&f->w.o->print[i], &f->w.place[p]) - f->w.place[p].empty;
            if (i && item[i].block == item[i - 1].block && item[i].entry == item[i - 1].entry + 1
                && f->w.place[p].goes_on & 1)
                *cost += other_kind(&f->w.o->print[i - 1], &f->w.o->print[i], f->w.last_block);
        }
    }
}

/* The best free slot of a block, and how much better it is than the next. */
static long best_slot(const struct block_fit *f, size_t b, size_t *slot)
{
    long best = LONG_MAX, second = LONG_MAX;

    for (size_t s = 0; s < f->n_slots; s++) {
        long c = f->slot_taken[s] ? LONG_MAX : f->cost[b * f->n_slots + s];

        if (c < best) {
            second = best;
            best = c;
            *slot = s;
        } else if (c < second) {
            second = c;
        }
    }
    return best == LONG_MAX ? -1 : second - best;
}

/* The block of which there is the least doubt first. */
static void choose_slots(struct block_fit *f, int64_t *index)
{
    for (;;) {
        size_t block = 0, slot = 0;
        long most = 0;

        for (size_t b = 0; b < f->n_blocks; b++) {
            size_t s = 0;
            long margin = index[b] >= 0 ? -1 : best_slot(f, b, &s);

            if (margin > most) {
                most = margin;
                block = b;
                slot = s;
            }
        }
        if (!most)
            return;
        index[block] = (int64_t)slot;
        f->slot_taken[slot] = true;
    }
}

bool align_blocks(struct rescue_guest *g, const struct print *print,
                  const struct align_block *item, size_t n, size_t n_blocks, uint64_t per,
                  int64_t *index, struct error *err)
{
    const struct align_order o = { .g = g, .print = print };
    struct block_fit f = { .w = { .o = &o }, .n_blocks = n_blocks, .per = per };
    uint32_t cluster = rescue_cluster(g);
    bool ok = true;

    f.n_slots = (size_t)((rescue_clusters(g) + per - 1) / per);
    f.w.last_block = cluster / block_len(cluster) - 1;
    if (n_blocks > BLOCKS_MAX || f.n_slots > BLOCKS_MAX * 8 || n > COSTS_MAX / (f.n_slots + 1))
        return true;
    f.cost = calloc(n_blocks * f.n_slots + 1, sizeof *f.cost);
    f.empty = calloc(f.n_slots + 1, sizeof *f.empty);
    f.slot_taken = calloc(f.n_slots + 1, sizeof *f.slot_taken);
    ok = f.cost && f.empty && f.slot_taken && list_places(&f.w);
    for (size_t b = 0; ok && b < n_blocks; b++)
        if (index[b] >= 0 && (size_t)index[b] < f.n_slots)
            f.slot_taken[index[b]] = true;
    if (ok) {
        note_extents(&f.w);
        cost_blocks(&f, item, n);
        choose_slots(&f, index);
    }
    free(f.cost);
    free(f.empty);
    free(f.slot_taken);
    free(f.w.place);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}
