/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Search in the map: the next cluster of a class that is named by letter, id or name. */
#include "config.h"

#include "ui/map_view.h"

#include <string.h>
#include <strings.h>

#include "base/num.h"

#define FIND_CELLS 1024         /* guest cells looked at in one step of narrowing down */
#define FIND_BATCH 64

/* Does the typed word mean this class? A letter must be exact, a name may be a part. */
static bool means(const char *text, char letter, const char *id, const char *name)
{
    size_t n = strlen(text);

    if (n == 1)
        return text[0] == letter;
    return strncasecmp(text, id, n) == 0 || strncasecmp(text, name, n) == 0;
}

static bool class_named(const char *text, enum cluster_class *out)
{
    if (strcmp(text, "!") == 0 || strncasecmp(text, "problems", strlen(text)) == 0) {
        *out = N_CLASSES;
        return true;
    }
    for (int c = 0; c < N_CLASSES; c++) {
        const struct class_info *info = class_info((enum cluster_class)c);

        if (means(text, info->letter, info->id, info->name)) {
            *out = (enum cluster_class)c;
            return true;
        }
    }
    return false;
}

static bool guest_class_named(const char *text, enum guest_class *out)
{
    for (int c = 0; c < N_GUEST_CLASSES; c++) {
        const struct guest_class_info *info = guest_class_info((enum guest_class)c);

        if (means(text, info->letter, info->id, info->name)) {
            *out = (enum guest_class)c;
            return true;
        }
    }
    return false;
}

/* Clusters [first, end) of the guest disk that are searched, from one side. */
struct hunt {
    const struct guest_map *g;
    enum guest_class cls;
    int dir;
    uint64_t first, end;
};

/* Looks through n cells from cluster `first` on, n at most FIND_BATCH; the cell that has
 * the class, or n. */
static size_t find_cell(const struct hunt *h, uint64_t first, uint64_t cell, size_t n)
{
    struct guest_hist hist[FIND_BATCH];

    if (!guest_map_cells(h->g, first, cell, n, hist, NULL))
        return n;
    for (size_t i = 0; i < n; i++) {
        size_t k = h->dir > 0 ? i : n - 1 - i;

        if (hist[k].n[h->cls])
            return k;
    }
    return n;
}

/* Of n cells of which `looked` have been looked at, how many to take next: the last one of
 * all may be shorter than the others and goes alone. */
static size_t next_batch(const struct hunt *h, uint64_t n, uint64_t looked)
{
    size_t batch = (size_t)u64_min(n - looked, FIND_BATCH);

    if (h->dir < 0)
        return looked == 0 ? 1 : batch;
    return looked + batch == n && batch > 1 ? batch - 1 : batch;
}

/* Narrows the hunt down to the first cell of that size with the class; false: none. */
static bool narrow(struct hunt *h, uint64_t cell)
{
    uint64_t n = div_up(h->end - h->first, cell);
    size_t batch;

    for (uint64_t looked = 0; looked < n; looked += batch) {
        uint64_t at;
        size_t k;

        batch = next_batch(h, n, looked);
        at = h->first + (h->dir > 0 ? looked : n - looked - batch) * cell;
        k = find_cell(h, at, u64_min(cell, h->end - at), batch);
        if (k < batch) {
            h->first = at + k * cell;
            h->end = h->first + u64_min(cell, h->end - h->first);
            return true;
        }
    }
    return false;
}

/* First (dir > 0) or last cluster of a class in [first, end): in ever smaller cells. */
static bool find_guest(const struct guest_map *g, uint64_t first, uint64_t end, int dir,
                       enum guest_class cls, uint64_t *out)
{
    struct hunt h = { g, cls, dir, first, end };
    uint64_t cell = 1;

    while (div_up(end - first, cell) > FIND_CELLS)
        cell *= 2;
    for (; narrow(&h, cell); cell = cell > FIND_CELLS ? cell / FIND_CELLS : 1) {
        if (cell == 1) {
            *out = h.first;
            return true;
        }
    }
    return false;
}

static bool in_guest(const struct map_view *v, enum guest_class cls, int dir,
                     uint64_t *out)
{
    const struct map_pane *p = &v->pane[SPACE_GUEST];
    uint64_t first;
    uint64_t n;

    pane_here(p, &first, &n);
    if (dir > 0)
        return (first + n < p->n &&
                find_guest(v->survey.guest, first + n, p->n, 1, cls, out)) ||
               find_guest(v->survey.guest, 0, first + n, 1, cls, out);
    return (first > 0 && find_guest(v->survey.guest, 0, first, -1, cls, out)) ||
           find_guest(v->survey.guest, first, p->n, -1, cls, out);
}

/* Next cluster after the cell under the cursor, so that every step moves; wraps round. */
static bool in_file(const struct map_view *v, const struct map *map,
                    enum cluster_class cls, int dir, uint64_t *out)
{
    const struct map_pane *p = &v->pane[SPACE_FILE];
    uint64_t first;
    uint64_t n;
    struct map_cell cell;
    uint64_t edge = dir > 0 ? 0 : p->n - 1;

    pane_here(p, &first, &n);
    if (map_find(map, dir > 0 ? first + n - 1 : first, dir, cls, out))
        return true;
    map_get(map, edge, &cell);
    if (cls == N_CLASSES ? cell.problem : cell.cls == cls) {
        *out = edge;
        return true;
    }
    return map_find(map, edge, dir, cls, out);
}

static void go_file(struct map_view *v, const struct ui *ui, const char *text, int dir,
                    struct request *req)
{
    struct place place = { .kind = PLACE_CLUSTER, .guest_off = NO_ADDRESS };
    enum cluster_class cls;

    if (!ui->scan)
        request_message(req, "Classes can be searched when the scan has ended");
    else if (!class_named(text, &cls))
        request_message(
            req, "'%s' is no class: type a letter or name of the legend, or !", text);
    else if (!in_file(v, ui->scan->map, cls, dir, &place.i))
        request_message(req, "There is no such cluster");
    else {
        pane_go(&v->pane[SPACE_FILE], place.i);
        request_moved(req, &place);
    }
}

static void go_guest(struct map_view *v, const struct ui *ui, const char *text, int dir,
                     struct request *req)
{
    struct place place = { .kind = PLACE_GUEST };
    enum guest_class cls;
    uint64_t cluster;

    if (!v->survey.guest)
        request_message(req, "The guest disk has not been surveyed yet");
    else if (!guest_class_named(text, &cls))
        request_message(req, "'%s' is no class: type a letter or name of the legend",
                        text);
    else if (!in_guest(v, cls, dir, &cluster))
        request_message(req, "There is no such guest cluster");
    else {
        pane_go(&v->pane[SPACE_GUEST], cluster);
        place.guest_off = cluster << ui->img->geo.cluster_bits;
        request_moved(req, &place);
    }
}

void map_find_text(struct map_view *v, const struct ui *ui, const char *text, int dir,
                   struct request *req)
{
    if (v->focus == SPACE_FILE)
        go_file(v, ui, text, dir, req);
    else
        go_guest(v, ui, text, dir, req);
}
