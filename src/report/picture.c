/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The picture of the map on standard output. */
#include "config.h"

#include <inttypes.h>

#include "base/text.h"
#include "report/map_report.h"
#include "scan/guest.h"

/* Colours of the 256-colour palette that keep their difference for most eyes. */
static const unsigned char class_colour[N_CLASSES] = {
    [CLASS_VACANT] = 236, [CLASS_HEADER] = 231, [CLASS_L1_ACTIVE] = 226,
    [CLASS_L1_SNAPSHOT] = 178, [CLASS_L2] = 220, [CLASS_REFTABLE] = 141,
    [CLASS_REFBLOCK] = 99, [CLASS_SNAPTABLE] = 208, [CLASS_BITMAP_DIR] = 175,
    [CLASS_BITMAP_TABLE] = 169, [CLASS_BITMAP_DATA] = 133, [CLASS_CRYPTO] = 223,
    [CLASS_DATA] = 33, [CLASS_DATA_SHARED] = 39, [CLASS_DATA_SNAPSHOT] = 74,
    [CLASS_COMPRESSED] = 37, [CLASS_ZERO_ALLOC] = 24, [CLASS_VMSTATE] = 65,
    [CLASS_LEAKED] = 130, [CLASS_MIXED] = 196, [CLASS_BEYOND] = 196,
    [CLASS_UNKNOWN] = 240,
};

static const unsigned char guest_colour[N_GUEST_CLASSES] = {
    [GUEST_UNALLOCATED] = 236, [GUEST_BACKING] = 60, [GUEST_ZERO] = 24, [GUEST_DATA] = 33,
    [GUEST_COMPRESSED] = 37, [GUEST_SHARED] = 39, [GUEST_DAMAGED] = 196,
};

#define PROBLEM_COLOUR 196

/* What one cell shows. */
struct picture_cell {
    char letter;
    unsigned char colour;
    bool problem;
};

struct space {
    const struct scan_result *scan;
    const struct guest_map *guest;      /* NULL: host space */
    uint64_t clusters, per_cell;
    bool marked;                        /* a problem mark was drawn */
};

/* The class with most clusters; vacant ones and what nobody knows count last, so that a
 * lonely table is seen. */
static struct picture_cell host_cell(const struct space *s, uint64_t first)
{
    struct map_hist h;
    struct picture_cell c = { ' ', 0, false };
    uint64_t most = 0;

    map_histogram(s->scan->map, first, s->per_cell, &h);
    for (int k = 0; k < N_CLASSES; k++) {
        bool faint = k == CLASS_VACANT || k == CLASS_UNKNOWN;

        if (h.n[k] && (c.letter == ' ' || (!faint && h.n[k] > most))) {
            most = faint ? 0 : h.n[k];
            c.letter = class_info((enum cluster_class)k)->letter;
            c.colour = class_colour[k];
        }
    }
    /* A leaked cluster says so by its class. */
    c.problem = h.problems > h.n[CLASS_LEAKED];
    return c;
}

static bool guest_cell(const struct space *s, uint64_t first, struct picture_cell *c,
                       struct error *err)
{
    struct guest_hist h;
    uint64_t most = 0;

    if (!guest_map_cells(s->guest, first, s->per_cell, 1, &h, err))
        return false;
    *c = (struct picture_cell){ ' ', 0, h.n[GUEST_DAMAGED] != 0 };
    for (int k = 0; k < N_GUEST_CLASSES; k++) {
        bool faint = k == GUEST_UNALLOCATED || k == GUEST_BACKING;

        if (h.n[k] && (c->letter == ' ' || (!faint && h.n[k] > most))) {
            most = faint ? 0 : h.n[k];
            c->letter = guest_class_info((enum guest_class)k)->letter;
            c->colour = guest_colour[k];
        }
    }
    return true;
}

static void put_cell(const struct picture *p, const struct picture_cell *c, struct out *out)
{
    if (!p->colour)
        out_printf(out, "%c", c->problem ? '!' : c->letter);
    else if (p->blocks)
        out_printf(out, "\033[38;5;%dm\xe2\x96\x88",
                   c->problem ? PROBLEM_COLOUR : c->colour);
    else
        out_printf(out, "\033[38;5;%dm%c", c->problem ? PROBLEM_COLOUR : c->colour,
                   c->problem ? '!' : c->letter);
}

static bool cells(struct space *s, const struct picture *p, struct out *out,
                  struct error *err)
{
    uint64_t row = s->per_cell * p->columns;

    for (uint64_t at = 0; at < s->clusters && out_ok(out); at += row) {
        for (unsigned x = 0; x < p->columns; x++) {
            uint64_t first = at + x * s->per_cell;
            struct picture_cell c;

            if (first >= s->clusters)
                break;
            if (!s->guest)
                c = host_cell(s, first);
            else if (!guest_cell(s, first, &c, err))
                return false;
            s->marked = s->marked || c.problem;
            put_cell(p, &c, out);
        }
        out_puts(out, p->colour ? "\033[0m\n" : "\n");
    }
    return true;
}

static void legend_entry(const struct picture *p, struct out *out, char letter,
                         int colour, const char *name, uint64_t n)
{
    char group[TEXT_NUM];

    if (p->colour && p->blocks)
        out_printf(out, "  \033[38;5;%dm\xe2\x96\x88\033[0m", colour);
    else
        out_printf(out, "  %c", letter);
    out_printf(out, " %-20s %12s clusters\n", name, text_group(group, n));
}

static bool legend(const struct space *s, const struct picture *p, struct out *out,
                   struct error *err)
{
    struct guest_hist h;

    out_puts(out, "\n");
    if (s->marked && p->colour)
        out_printf(out, "  \033[38;5;%dm!\033[0m a problem lies here\n", PROBLEM_COLOUR);
    else if (s->marked)
        out_puts(out, "  ! a problem lies here\n");
    if (s->guest) {
        if (!guest_map_cells(s->guest, 0, s->clusters, 1, &h, err))
            return false;
        for (int k = 0; k < N_GUEST_CLASSES; k++) {
            const struct guest_class_info *g = guest_class_info((enum guest_class)k);

            if (h.n[k])
                legend_entry(p, out, g->letter, guest_colour[k], g->name, h.n[k]);
        }
        return true;
    }
    for (int k = 0; k < N_CLASSES; k++) {
        const struct class_info *c = class_info((enum cluster_class)k);
        uint64_t n = s->scan->stats.class_clusters[k];

        if (n)
            legend_entry(p, out, c->letter, class_colour[k], c->name, n);
    }
    return true;
}

bool map_picture(const struct scan_result *scan, bool guest, const struct picture *p,
                 struct out *out, struct error *err)
{
    struct space s = { .scan = scan };
    struct guest_map *g = NULL;
    char size[TEXT_NUM];
    bool ok;

    if (guest && !guest_map_build(scan, NULL, &g, err))
        return false;
    s.guest = g;
    s.clusters = guest ? guest_map_clusters(g) : map_clusters(scan->map);
    s.per_cell = u64_max(1, div_up(s.clusters, (uint64_t)p->columns * p->rows));
    out_printf(out, "%s, 1 cell = %" PRIu64 " cluster%s (%s)\n\n",
               guest ? "Guest disk" : "File", s.per_cell, s.per_cell == 1 ? "" : "s",
               text_size(size, s.per_cell << scan->img->geo.cluster_bits));
    ok = cells(&s, p, out, err) && legend(&s, p, out, err);
    guest_map_free(g);
    return ok;
}
