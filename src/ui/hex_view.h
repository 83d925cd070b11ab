/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The hex view from inside: its state, which view_hex.c changes and hex_draw.c draws. */
#ifndef QCHECK_UI_HEX_VIEW_H
#define QCHECK_UI_HEX_VIEW_H

#include "ui/hex_guest.h"
#include "ui/hex_search.h"
#include "ui/hex_unpack.h"
#include "ui/hexdata.h"
#include "ui/peek.h"
#include "ui/view.h"
#include "ui/way.h"

/* A search that goes on; its thread owns all but the first row until the task has ended. */
struct hex_hunt {
    bool again, dropped;        /* another was asked for; the person has moved on */
    struct task *task;          /* NULL: none goes on */
    const struct image *img;
    struct needle needle;
    struct hex_pos from;
    int dir;
    struct hex_hit hit;         /* on the disk: pos.off is the guest offset */
    bool guest;                 /* searches the guest's disk, not the file */
    uint32_t layer;             /* ... of this layer */
    struct disk_options opt;    /* ... and how to open it */
};

/* Shown instead of bytes, where there are none. */
struct hex_page {
    char title[120];            /* "": bytes are shown */
    char text[700];             /* paragraphs */
    bool stream;                /* about the stream of the view: z shows its bytes */
};

/* False: the place has bytes in the file. Reads two table entries at most. */
bool hex_page_of(const struct ui *ui, const struct place *p, struct hex_page *out);
void hex_page_undecodable(const struct hex_stream *s, const char *why, struct hex_page *out);
void hex_page_draw(const struct hex_page *page, const struct area *a);

struct hex_view {
    struct hex_page page;
    uint64_t at; /* byte under the cursor; file offset, guest offset, or offset in
                                   `plain` */
    uint64_t top;               /* first byte shown */
    int per_line, lines;
    struct hexdata data;
    uint64_t data_off, data_len;    /* host range of which the guest offset is known */
    uint64_t data_guest;        /* ... that of its first byte */
    uint32_t data_layer;
    struct hex_stream stream;       /* the compressed cluster shown in `plain` */
    uint8_t *plain;             /* owned; NULL: the file is shown */
    bool *plain_mark;           /* owned; which bytes of it the plan changes; NULL: none */
    const struct image *plain_of, *plain_beside;    /* sides of the plan that it is of */
    uint64_t file_at;           /* cursor to come back to from `plain` */
    struct peek peek;           /* what the cluster under the cursor looks like */
    struct needle needle;       /* what was searched last; len 0: nothing */
    int dir;
    struct hex_hunt hunt;
    struct hex_unpack unpack;
    bool unpack_next;           /* when the search that was stopped has ended */
    struct hex_guest guest;
    struct way way;             /* from the guest offset here to its bytes */
    struct place said;          /* place reported last */
};

/* --- view_hex.c, for the search --- */

/* Shows the file again, after a compressed cluster. */
void hex_leave_plain(struct hex_view *v);
/* The cursor stands somewhere else now. */
void hex_moved(struct hex_view *v, const struct ui *ui, struct request *req);

/* --- hex_hunt.c: search, by text or bytes, on a thread --- */

/* Begins to decompress what v->unpack asks for. */
void hex_unpack_begin(struct hex_view *v, const struct ui *ui, struct request *req);
/* The same cluster, where another side of the plan has come to be shown. */
void hex_unpack_again(struct hex_view *v, const struct ui *ui);
/* The person has moved on: no hit, and no cluster, is wanted any more. */
void hex_hunt_drop(struct hex_view *v);
void hex_hunt_find(void *state, const struct ui *ui, const char *text, int dir,
                   struct request *req);
void hex_hunt_ended(struct hex_view *v, const struct ui *ui, struct request *req);

/* How a view of `rows` rows is divided: rows of explanation below, a title above. */
int hex_detail_rows(int rows);
int hex_head_rows(const struct hex_view *v, int rows);

/* Columns of byte number i of a line: as hex, as a character. */
int hex_column(const struct hex_view *v, int i);
int hex_text_column(const struct hex_view *v, int i);

/* --- hex_follow.c --- */

/* Goes where the field under the cursor points; of the guest's disk, to its entry. */
void hex_follow(const struct hex_view *v, const struct ui *ui, struct request *req);
bool hex_idle(const void *state, const struct ui *ui, enum action action);

void hex_teach(const void *state, const struct ui *ui, struct buf *out); /* hex_page.c */
void hex_draw(const void *state, const struct ui *ui, const struct area *a);

#endif
