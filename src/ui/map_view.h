/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The map view: its state, and the parts it is made of. */
#ifndef QCHECK_UI_MAP_VIEW_H
#define QCHECK_UI_MAP_VIEW_H

#include "ui/lookup.h"
#include "ui/map_pane.h"
#include "ui/peek.h"
#include "ui/sidebar.h"

/* What walks over the guest disk find out, on a thread, once the scan has ended: first
 * what is where, then, when a colouring asks for it, the order. */
struct guest_survey {
    struct guest_map *guest;            /* owned; NULL: not yet, or it failed */
    struct order *order;                /* owned; the same */
    struct guest_hist total;            /* of the whole guest disk */
};

struct map_survey {
    struct task *task;
    bool tried_guest, tried_order;
    bool stale;                         /* its outcome is not wanted any more */
    const struct scan_result *scan;     /* what the thread works on ... */
    uint32_t layer;
    struct guest_survey work;           /* ... and has, until the task is finished */
};

struct map_view {
    struct map_pane pane[N_SPACES];
    enum map_space focus;
    enum map_style style;               /* as asked for */
    bool style_chosen; /* by the person; else what the terminal suggests */
    bool hilbert, legend;
    enum map_colouring colouring;
    struct map_survey surveying;
    struct guest_survey survey;         /* its outcome */
    struct map_hist total;              /* of the whole file, when the scan has ended */
    struct tile_zone *zone;             /* owned; the volumes of the guest's disk */
    size_t n_zones;
    bool zones_made;
    unsigned zones_age, deep_age;       /* of ui->tenants and ui->deep, as of the last look */
    unsigned age;                       /* counts what tiles are made from */
    struct lookup lookup;               /* who refers to the cluster under the cursor */
    struct peek peek;                   /* what that cluster, or the data there, looks like */
    struct guest_hit hit; /* guest focus: the entry of the cursor's cluster */
    bool hit_valid;
    bool linked;                        /* the marks of the other map are those of... */
    enum map_space linked_from;         /* ... this map's cursor */
    uint64_t linked_at;
    struct sidebar side;
    int legend_w;                       /* columns of the whole legend in one line */
    int rows, cols;                     /* of the last prepare */
};

/* Where the parts lie; 0 rows or columns: not there. */
struct map_layout {
    bool both;                          /* file and guest map side by side */
    int title;                          /* rows above the maps */
    int y, h;                           /* the maps */
    int x[N_SPACES], w[N_SPACES];       /* w 0: that map is not shown */
    int legend_y, legend_h;
    int side_y, side_x, side_h, side_w; /* beside the maps, or below them */
};

void map_layout(const struct map_view *v, int rows, int cols, struct map_layout *out);

static inline struct map_pane *map_focus(struct map_view *v)
{
    return &v->pane[v->focus];
}

/* What suits the terminal. */
enum map_style map_style_for(const struct ui *ui);

/* map_survey.c: takes what a walk has found, and begins the next one that is needed;
 * stops and frees. */
void map_survey_poll(struct map_view *v, const struct ui *ui, bool guest_in_sight);
void map_survey_forget(struct map_view *v);     /* there is another scan, or layer */
void map_survey_free(struct map_view *v);

/* map_zones.c: takes what is known of volumes and contents; call before tiles are made. */
void map_zones_poll(struct map_view *v, const struct ui *ui);
void map_wish_content(struct map_view *v, const struct ui *ui);
enum look_like map_look_of(enum content_kind kind);
uint8_t map_looks(const void *ctx, uint64_t cluster);

/* map_side.c: the explanation of the cell under the cursor. */
void map_explain(struct map_view *v, const struct ui *ui);

/* map_draw.c */
void map_draw(const struct map_view *v, const struct ui *ui, const struct area *a);
int map_legend_columns(const struct map_view *v, const struct ui *ui);
const char *map_colouring_name(enum map_colouring c);
/* "1 cell = 1 MiB (16 clusters)" */
#define MAP_CELL_TEXT 96
const char *map_cell_text(const struct map_pane *p, const struct ui *ui,
                          char out[MAP_CELL_TEXT]);

/* map_link.c: looks for what the cluster under the cursor is in the other map, and marks it; and
 * what its bytes look like. */
void map_link(struct map_view *v, const struct ui *ui);
void map_peek(struct map_view *v, const struct ui *ui);

/* map_teach.c */
void map_teach(const void *state, const struct ui *ui, struct buf *out);

/* map_find.c: next cell of a class named by letter, id or name. */
void map_find_text(struct map_view *v, const struct ui *ui, const char *text, int dir,
                   struct request *req);

#endif
