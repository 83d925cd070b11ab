/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "qcow2/field.h"
#include "ui/list.h"
#include "ui/number.h"
#include "ui/view.h"

/* A row: a heading (part is the first of its structure), or one part. */
struct row { const struct part *part; bool heading; };

struct header_view {
    const struct image *img;        /* that the parts are of */
    struct parts parts;
    struct row *row;
    size_t n;
    struct list list;
    enum number_style numbers;
    int detail_h;                   /* rows of the explanation below the list */
};

static bool new_structure(const struct part *before, const struct part *p)
{
    bool ext = strcmp(p->table->id, "header-ext") == 0;

    if (!before)
        return true;
    if (strcmp(p->field->name, "data") == 0 && ext)
        return false;
    if (before->table == p->table)
        return before->index != p->index;
    return ext || strcmp(p->table->id, "header") == 0;
}

/* Lists the fields. False, and no rows: no memory. */
static bool make_rows(struct header_view *v, const struct image *img)
{
    v->n = 0;
    v->img = img;
    if (!parts_of_header(img, &v->parts))
        return false;
    v->row = calloc(v->parts.n * 2 + 1, sizeof *v->row);
    if (!v->row) {
        parts_free(&v->parts);
        return false;
    }
    for (size_t i = 0; i < v->parts.n; i++) {
        const struct part *p = &v->parts.list[i];

        if (new_structure(i ? p - 1 : NULL, p))
            v->row[v->n++] = (struct row){ p, true };
        v->row[v->n++] = (struct row){ p, false };
    }
    return true;
}

static void header_reloaded(void *state, const struct ui *ui)
{
    struct header_view *v = state;

    if (ui->img == v->img)
        return;
    parts_free(&v->parts);
    free(v->row);
    v->parts = (struct parts){ NULL, 0 };
    v->row = NULL;
    make_rows(v, ui->img);
    list_fit(&v->list, v->n, v->list.h);
}

static bool header_create(const struct ui *ui, void **state)
{
    struct header_view *v = calloc(1, sizeof *v);

    if (!v || !make_rows(v, ui->img)) {
        free(v);
        return false;
    }
    v->numbers = ui->numbers;
    list_fit(&v->list, v->n, 1);
    v->list.at = v->n > 1;
    *state = v;
    return true;
}

static void header_destroy(void *state)
{
    struct header_view *v = state;

    parts_free(&v->parts);
    free(v->row);
    free(v);
}

static void header_show(void *state, const struct ui *ui, const struct place *place)
{
    struct header_view *v = state;

    (void)ui;
    if (place->kind != PLACE_HEADER && place->kind != PLACE_FILE_OFFSET)
        return;
    for (size_t i = 0; i < v->n; i++) {
        const struct part *p = v->row[i].part;

        if (!v->row[i].heading && place->file_off >= p->off &&
            place->file_off - p->off < p->len) {
            list_go(&v->list, i);
            return;
        }
    }
}

static enum lit header_lit(const void *state, const struct ui *ui, struct place *out)
{
    const struct header_view *v = state;
    const struct part *p = v->n ? v->row[v->list.at].part : NULL;

    if (!p || (ui->here.file_off >= p->off && ui->here.file_off - p->off < u64_max(p->len, 1)))
        return LIT_HERE;
    *out = (struct place){ .kind = PLACE_HEADER, .i = p->off, .file_off = p->off,
                           .guest_off = NO_ADDRESS };
    return LIT_OTHER;
}

static void header_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct header_view *v = state;

    (void)ui;
    (void)cols;
    v->detail_h = rows >= 12 ? (rows >= 30 ? 11 : 7) : 0;
    list_fit(&v->list, v->n, rows - v->detail_h - (rows > 2));
}

/* The bytes of a part as text: names, unknown data. */
static void part_bytes(const struct image *img, const struct part *p, struct buf *out)
{
    uint64_t len = u64_min(p->len, NAME_SHOWN_MAX);

    if (p->off >= img->head_len)
        return;
    len = u64_min(len, img->head_len - p->off);
    text_visible(out, img->head + p->off, strnlen((const char *)img->head + p->off, len));
}

/* Bits of a feature mask, each by its name in this image. */
static void mask_text(const struct image *img, int type, uint64_t mask, struct buf *out)
{
    const char *sep = "";

    for (int bit = 0; bit < 64; bit++) {
        if (!(mask >> bit & 1))
            continue;
        buf_printf(out, "%sbit %d ", sep, bit);
        feature_bit_name(img->head, img->head_len, &img->ext, type, bit, out);
        sep = ", ";
    }
    if (!*sep)
        buf_puts(out, "none");
}

static int mask_type(const struct part *p)
{
    static const char *const name[] = { "incompatible_features", "compatible_features",
                                        "autoclear_features" };

    for (int i = 0; i < 3; i++)
        if (strcmp(p->table->id, "header") == 0 && strcmp(p->field->name, name[i]) == 0)
            return i;
    return -1;
}

static void decoded(const struct image *img, const struct part *p, struct buf *out)
{
    int type = mask_type(p);

    if (p->field->width == 0 || p->field->width > 8 || p->field->kind == FIELD_TEXT)
        part_bytes(img, p, out);
    else if (type >= 0)
        mask_text(img, type, p->value, out);
    else
        guess_describe(&img->guesses, p, out);
}

static void raw(const struct header_view *v, const struct part *p, struct buf *out)
{
    if (p->field->width == 0 || p->field->width > 8)
        buf_printf(out, "%" PRIu64 " bytes", p->len);
    else if (v->numbers == NUMBER_HEX)
        buf_printf(out, "0x%0*" PRIx64, (int)(p->len * 2), p->value);
    else if (v->numbers == NUMBER_SIZE && p->field->kind != FIELD_BYTES &&
             p->field->kind != FIELD_OFFSET)
        buf_printf(out, "%" PRIu64, p->value);  /* a count, a version, a mask: no size */
    else
        number_put(v->numbers, p->value, 0, out);
}

static void heading(const struct image *img, const struct part *p, struct buf *out)
{
    if (strcmp(p->table->id, "header-ext") == 0 && p->index < img->ext.n)
        buf_printf(out, "%s: %s", p->table->title,
                   extension_name(img->ext.list[p->index].type));
    else if (strcmp(p->field->name, "backing_file_name") == 0)
        buf_puts(out, "Backing file name");
    else
        buf_puts(out, p->table->title);
}

struct header_columns { int off, name, raw, value, meaning; };

static struct header_columns columns_of(int w)
{
    struct header_columns c = { 1, 7, 35, 54, w };

    if (w < 70)
        c = (struct header_columns){ 0, 6, 30, 44, w };
    if (w < 44)
        c = (struct header_columns){ 0, 6, w, 22, w };
    if (w >= 130)
        c.meaning = 92;
    return c;
}

static void draw_row(const struct header_view *v, const struct ui *ui,
                     const struct area *a, int y, const struct header_columns *c, uint64_t n)
{
    const struct row *row = &v->row[n];
    const struct part *p = row->part;
    struct buf text = BUF_INIT;
    struct problem_hits hits = { .n = 0 };

    if (row->heading) {
        heading(ui->img, p, &text);
        draw_text(a, y, c->off, ROLE_HEADING, buf_str(&text));
        if (n == v->list.at)
            draw_restyle(a, y, 0, a->w, N_ROLES, ATTR_REVERSE);
        buf_free(&text);
        return;
    }
    draw_printf(a, y, c->off, ROLE_DIM, "%#5" PRIx64, p->off);
    draw_cut(a, y, c->name, (c->raw < c->value ? c->raw : c->value) - c->name - 1, ROLE_NAME,
             p->field->name);
    raw(v, p, &text);
    draw_cut(a, y, c->raw, c->value - c->raw - 1, ROLE_NUMBER, buf_str(&text));
    buf_reset(&text);
    decoded(ui->img, p, &text);
    draw_cut(a, y, c->value, c->meaning - c->value - 1,
             p->field->target != TARGET_NONE && p->value ? ROLE_LINK : ROLE_TEXT,
             buf_str(&text));
    draw_cut(a, y, c->meaning, a->w - c->meaning, ROLE_DIM, p->field->meaning);
    problem_index_bytes(ui->index, p->off, p->len, &hits);
    if (patches_touch(ui->changes, p->off, p->len))
        draw_text(a, y, c->name - 1, ROLE_MESSAGE, "*");
    else if (hits.n)
        draw_text(a, y, c->name - 1, ROLE_SEV + SEV_CORRUPTION, "!");
    if (n == v->list.at)
        draw_restyle(a, y, 0, a->w, N_ROLES, ATTR_REVERSE);
    buf_free(&text);
}

/* What the field is, in full, below the list. */
static void draw_detail(const struct header_view *v, const struct ui *ui,
                        const struct area *a)
{
    const struct part *p = v->row[v->list.at].part;
    const struct field *f = p->field;
    struct buf text = BUF_INIT;
    struct problem_hits hits = { .n = 0 };
    struct area in = area_part(a, 1, 1, -1, -2);

    draw_hline(a, 0, 0, a->w);
    draw_printf(a, 0, 2, ROLE_HEADING, " %s ", f->name);
    buf_printf(&text, "%s\n", f->meaning);
    buf_printf(&text, "Bytes %" PRIu64 " to %" PRIu64 ". Value: ", p->off,
               p->off + p->len - 1);
    decoded(ui->img, p, &text);
    buf_putc(&text, '\n');
    problem_index_bytes(ui->index, p->off, p->len, &hits);
    if (hits.n) {
        buf_puts(&text, "! ");
        problem_line(&ui->scan->problems.list[hits.gravest], ui->img, &text);
        buf_putc(&text, '\n');
    }
    if (f->detail)
        buf_puts(&text, f->detail);
    draw_wrapped(&in, 0, 0, in.w, ROLE_TEXT, buf_str(&text), 0);
    buf_free(&text);
}

static void header_draw(const void *state, const struct ui *ui, const struct area *a)
{
    const struct header_view *v = state;
    struct header_columns c = columns_of(a->w);
    int head = a->h > 2;
    struct area rows = area_part(a, head, 0, v->list.h, -1);

    if (head) {
        draw_text(a, 0, c.off, ROLE_DIM, "  off");
        draw_text(a, 0, c.name, ROLE_DIM, "field");
        draw_text(a, 0, c.raw, ROLE_DIM, "raw");
        draw_text(a, 0, c.value, ROLE_DIM, "value");
        draw_text(a, 0, c.meaning, ROLE_DIM, "meaning");
    }
    for (int y = 0; y < rows.h && v->list.top + (uint64_t)y < v->n; y++)
        draw_row(v, ui, &rows, y, &c, v->list.top + (uint64_t)y);
    draw_cursor(&rows, (int)(v->list.at - v->list.top), c.name);
    if (v->detail_h) {
        struct area below = area_part(a, a->h - v->detail_h, 0, v->detail_h, -1);

        draw_detail(v, ui, &below);
    }
}

/* Where the field under the cursor points; false: nowhere, and *why. */
static bool target(const struct header_view *v, const struct ui *ui, struct place *to,
                   const char **why)
{
    const struct part *p = v->row[v->list.at].part;
    struct site site = { .place = { .kind = PLACE_HEADER, .i = p->off },
                         .table = p->table, .field = p->field, .value = p->value };

    return site_target(ui->img, &site, to, why);
}

static void follow(const struct header_view *v, const struct ui *ui, struct request *req)
{
    struct place to;
    const char *why;

    if (v->row[v->list.at].heading)
        return;
    if (target(v, ui, &to, &why))
        request_go(req, &to, N_VIEWS);
    else
        request_message(req, "%s: %s", v->row[v->list.at].part->field->name, why);
}

static bool header_idle(const void *state, const struct ui *ui, enum action action)
{
    const struct header_view *v = state;
    struct place to;
    const char *why;

    return action == ACT_OPEN && (v->n == 0 || v->row[v->list.at].heading ||
                                  !target(v, ui, &to, &why));
}

static void header_act(void *state, const struct ui *ui, enum action action,
                       const struct act_arg *arg, struct request *req)
{
    struct header_view *v = state;
    struct act_arg in_list = *arg;
    struct place here = { .kind = PLACE_HEADER, .guest_off = NO_ADDRESS };

    if (v->n == 0)
        return;
    if (action == ACT_CLICK)
        in_list.y -= 1;
    if (action == ACT_OPEN || action == ACT_RIGHT) {
        follow(v, ui, req);
    } else if (action == ACT_NUMBERS) {
        v->numbers = (enum number_style)((v->numbers + 1) % N_NUMBER_STYLES);
        request_message(req, "Raw values: %s", number_style_name(v->numbers));
    } else if (list_act(&v->list, action, &in_list)) {
        here.i = here.file_off = v->row[v->list.at].part->off;
        request_moved(req, &here);
    } else if (action == ACT_CLICK && arg->count == 2) {
        follow(v, ui, req);
    }
}

static bool row_has(const struct header_view *v, const struct ui *ui, size_t n,
                    const char *text)
{
    struct buf b = BUF_INIT;
    bool found;

    if (v->row[n].heading) {
        heading(ui->img, v->row[n].part, &b);
    } else {
        buf_printf(&b, "%s ", v->row[n].part->field->name);
        decoded(ui->img, v->row[n].part, &b);
        buf_printf(&b, " %s", v->row[n].part->field->meaning);
    }
    found = strcasestr(buf_str(&b), text) != NULL;
    buf_free(&b);
    return found;
}

static void header_search(void *state, const struct ui *ui, const char *text, int dir,
                          struct request *req)
{
    struct header_view *v = state;
    struct place here = { .kind = PLACE_HEADER, .guest_off = NO_ADDRESS };

    for (size_t i = 1; i <= v->n; i++) {
        size_t n = (size_t)(v->list.at + (dir > 0 ? i : v->n - i)) % v->n;

        if (row_has(v, ui, n, text)) {
            list_go(&v->list, n);
            here.i = here.file_off = v->row[n].part->off;
            request_moved(req, &here);
            return;
        }
    }
    request_message(req, "Not in the header: %s", text);
}

static void header_teach(const void *state, const struct ui *ui, struct buf *out)
{
    const struct geometry *geo = &ui->img->geo;
    const struct header *h = &ui->img->hdr;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    (void)state;
    buf_puts(out,
             "The header is the first cluster of the file. It says what everything else "
             "looks like and where it begins; nothing can be found without it.\n\n");
    buf_printf(out,
               "This image is version %" PRIu64 " with cluster_bits %" PRIu64
               ": 2^%" PRIu64 " = %s for each cluster. The file of %s has %" PRIu64
               " of them, and all tables and data start at a multiple of that size.\n\n",
               h->version, h->cluster_bits, h->cluster_bits,
               text_size(a, geo->cluster_size), text_size(b, geo->file_size),
               geo->n_clusters);
    buf_puts(out, "Two roots are named here:\n\n");
    buf_printf(out,
               "  l1_table_offset 0x%" PRIx64
               "        where guest data lies: L1, L2, data\n",
               h->l1_table_offset);
    buf_printf(
        out, "  refcount_table_offset 0x%" PRIx64 "  how often each cluster is used\n\n",
        h->refcount_table_offset);
    buf_printf(out, "The guest sees a disk of %s. One L2 table has %" PRIu64
               " entries and covers %s of it, so %" PRIu64
               " L1 entries are needed; l1_size says %" PRIu64 ".\n\n",
               text_size(a, geo->size), geo->l2_entries, text_size(b, geo->l2_span),
               geo->l1_needed, h->l1_size);
    buf_printf(out,
               "Refcounts have 2^%" PRIu64
               " = %u bits, so one block of %s counts %" PRIu64 " clusters.\n\n",
               h->refcount_order, geo->refcount_bits, text_size(a, geo->cluster_size),
               geo->refblock_entries);
    buf_printf(
        out,
        "Behind the fields, from byte %" PRIu64
        ", lie the header extensions: type, length, data, padded to 8 bytes. This image "
        "has %zu. A program that does not know a type skips it.\n",
        h->header_length, ui->img->ext.n);
}

static void header_status(const void *state, const struct ui *ui, struct buf *out)
{
    const struct header_view *v = state;

    (void)ui;
    if (v->n)
        buf_printf(out, "%" PRIu64 " of %zu", v->list.at + 1, v->n);
}

const struct view_class view_header = {
    .name = "Header",
    .brief = "Head",
    .title = "Header and header extensions",
    .create = header_create,
    .destroy = header_destroy,
    .show = header_show,
    .lit = header_lit,
    .reloaded = header_reloaded,
    .prepare = header_prepare,
    .draw = header_draw,
    .act = header_act,
    .idle = header_idle,
    .search = header_search,
    .steps = true,
    .sought = "part of a name or of its meaning: refcount",
    .teach = header_teach,
    .status = header_status,
};
