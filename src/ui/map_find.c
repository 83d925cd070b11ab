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

/* Looks through n cells from cluster `first` on, n at most FIND_BATCH; the cell that has
 * the class, or n. */
static size_t find_cell(const struct guest_map *g, uint64_t first, uint64_t cell,
                        size_t n, int dir, enum guest_class cls)
{
    struct guest_hist hist[FIND_BATCH];

    if (!guest_map_cells(g, first, cell, n, hist, NULL))
        return n;
    for (size_t i = 0; i < n; i++) {
        size_t k = dir > 0 ? i : n - 1 - i;

        if (hist[k].n[cls])
            return k;
    }
    return n;
}

/* First (dir > 0) or last cluster of a class in [first, end): in ever smaller cells. */
static bool find_guest(const struct guest_map *g, uint64_t first, uint64_t end, int dir,
                       enum guest_class cls, uint64_t *out)
{
    uint64_t cell = 1;

    while (div_up(end - first, cell) > FIND_CELLS)
        cell *= 2;
    for (;;) {
        uint64_t n = div_up(end - first, cell);
        uint64_t looked = 0;
        size_t k = 0;
        size_t batch = 0;

        for (; looked < n; looked += batch) {
            uint64_t at;

            /* The last cell may be a short one: it goes alone. */
            batch = (size_t)u64_min(n - looked, FIND_BATCH);
            if (dir < 0 ? looked == 0 : looked + batch == n && batch > 1)
                batch = dir < 0 ? 1 : batch - 1;
            at = first + (dir > 0 ? looked : n - looked - batch) * cell;
            k = find_cell(g, at, u64_min(cell, end - at), batch, dir, cls);
            if (k < batch) {
                first = at + k * cell;
                end = first + u64_min(cell, end - first);
                break;
            }
        }
        if (looked >= n)
            return false;
        if (cell == 1) {
            *out = first;
            return true;
        }
        cell = cell > FIND_CELLS ? cell / FIND_CELLS : 1;
    }
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
