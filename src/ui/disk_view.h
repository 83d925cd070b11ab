/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The disk view from inside: three lists, of layers, of volumes, and of what lost bytes
 * belong to. */
#ifndef QCHECK_UI_DISK_VIEW_H
#define QCHECK_UI_DISK_VIEW_H

#include "ui/list.h"
#include "ui/view.h"

enum disk_pane { PANE_LAYERS, PANE_VOLUMES, PANE_FILES, N_DISK_PANES };

struct disk_view {
    struct list list[N_DISK_PANES];
    enum disk_pane pane;
    unsigned age;               /* of ui->tenants, as of the last look */
    bool wanted;                /* the volumes were not known when a place was to be shown */
    int rows;                   /* of the last prepare */
};

/* Where the lists lie; h 0: not there. Each has a heading above, at y - 1, if `heads`; where
 * there is room, an empty row stands before it. */
struct disk_layout {
    bool heads;
    int y[N_DISK_PANES], h[N_DISK_PANES];
    int note_y;                 /* the row about the volume under the cursor; 0: none */
};

void disk_layout(const struct disk_view *v, const struct ui *ui, int rows,
                 struct disk_layout *out);

/* The volumes and items that are known; none as long as they are not. */
const struct volumes *disk_volumes(const struct ui *ui);
const struct volume_items *disk_items(const struct ui *ui);

void disk_draw(const void *state, const struct ui *ui, const struct area *a);
void disk_teach(const void *state, const struct ui *ui, struct buf *out);

#endif
