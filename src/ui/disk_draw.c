/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Drawing of the disk view. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ui/disk_view.h"
#include "ui/where.h"

#define SIZE_W 10               /* columns of a size, with the blank before it */

/* A size that ends before column `end`; `role` where it is not 0. */
static void put_size(const struct area *a, int y, int end, uint64_t bytes, unsigned role)
{
    char n[TEXT_NUM];

    if (bytes == NO_ADDRESS || bytes == 0)
        draw_right(a, y, end, ROLE_DIM, "-");
    else
        draw_right(a, y, end, role, text_size(n, bytes));
}

/* Bytes that are lost, or cannot be trusted. */
static uint64_t damaged(const uint64_t lack[N_LACKS])
{
    return lack[LACK_LOST] + lack[LACK_DOUBTFUL];
}

/* The line under the cursor of its list. */
static void mark(const struct disk_view *v, const struct area *a, enum disk_pane pane, int y,
                 uint64_t row)
{
    if (row != v->list[pane].at || (pane != v->pane && pane == PANE_FILES))
        return;
    draw_restyle(a, y, 0, a->w, N_ROLES, pane == v->pane ? ATTR_REVERSE : ATTR_BOLD);
    if (pane == v->pane)
        draw_cursor(a, y, 0);
}

/* --- layers --- */

static void draw_layer(const struct ui *ui, const struct area *a, int y, uint32_t layer)
{
    const struct snapshot *s = layer ? &ui->img->snaps.list[layer - 1] : NULL;
    struct buf text = BUF_INIT;
    char n[TEXT_NUM];
    int size = a->w > 50 ? a->w - 32 : a->w;

    where_layer(ui->img, layer, &text);
    draw_text(a, y, 0, ROLE_STRONG, layer == ui->layer ? ">" : " ");
    draw_cut(a, y, 2, size - 14, ROLE_TEXT, buf_str(&text));
    put_size(a, y, size, s ? s->disk_size : ui->img->geo.size, ROLE_NUMBER);
    if (s && s->vm_state_size && size < a->w)
        draw_printf(a, y, size + 2, ROLE_DIM, "and %s of VM state", text_size(n, s->vm_state_size));
    buf_free(&text);
}

/* --- volumes --- */

struct volume_columns { int name, type, size, used, damaged, label; };   /* 0: not shown */

static struct volume_columns columns_of(const struct ui *ui, int w)
{
    const struct volumes *vols = disk_volumes(ui);
    struct volume_columns c = { .name = 10 };
    int x;

    for (size_t i = 0; i < vols->n; i++) {
        int len = (int)(2 * volume_depth(vols, i) + strlen(vols->list[i].name)) + 1;

        c.name = len > c.name ? len : c.name;
    }
    c.name = c.name > w / 3 ? w / 3 : c.name;
    x = c.name;
    if (w >= 46) {
        c.type = x + 1;
        x += 13;
    }
    c.size = x += SIZE_W;
    if (w >= 60)
        c.used = x += SIZE_W;
    if (w >= 34)
        c.damaged = x += SIZE_W;
    if (w >= 66)
        c.label = x + 2;
    return c;
}

static void head_volumes(const struct ui *ui, const struct area *a, int y)
{
    struct volume_columns c = columns_of(ui, a->w);

    draw_text(a, y, 0, ROLE_HEADING, "Volume");
    if (c.type)
        draw_text(a, y, c.type, ROLE_HEADING, "type");
    draw_right(a, y, c.size, ROLE_HEADING, "size");
    if (c.used)
        draw_right(a, y, c.used, ROLE_HEADING, "used");
    if (c.damaged)
        draw_right(a, y, c.damaged, ROLE_HEADING, "damaged");
    if (c.label)
        draw_text(a, y, c.label, ROLE_HEADING, "label");
}

static void put_bytes(const struct area *a, int y, int x, int w, unsigned role, const char *bytes)
{
    struct buf text = BUF_INIT;

    text_visible(&text, bytes, strlen(bytes));
    draw_cut(a, y, x, w, role, buf_str(&text));
    buf_free(&text);
}

static void draw_volume(const struct ui *ui, const struct area *a, int y, size_t i)
{
    const struct volumes *vols = disk_volumes(ui);
    const struct volume *vol = &vols->list[i];
    struct volume_columns c = columns_of(ui, a->w);
    int indent = (int)(2 * volume_depth(vols, i));

    put_bytes(a, y, indent, c.name - indent, ROLE_NAME, vol->name);
    if (c.type)
        put_bytes(a, y, c.type, 12, ROLE_TEXT, *vol->type ? vol->type : "-");
    put_size(a, y, c.size, vol->len, ROLE_NUMBER);
    if (c.used)
        put_size(a, y, c.used, vol->used, ROLE_NUMBER);
    if (c.damaged && ui->tenants->losses_state == TENANTS_KNOWN)
        put_size(a, y, c.damaged, damaged(vol->lack), ROLE_SEV + SEV_CORRUPTION);
    else if (c.damaged)
        draw_right(a, y, c.damaged, ROLE_DIM, "?");
    if (c.label)
        put_bytes(a, y, c.label, a->w - c.label, ROLE_TEXT, vol->label);
}

/* Why there are no volumes, or what the one under the cursor is. */
static void say_volume(const struct disk_view *v, const struct ui *ui, struct buf *out)
{
    const struct volumes *vols = disk_volumes(ui);
    const struct volume *vol = &vols->list[v->list[PANE_VOLUMES].at];

    if (vol->n_extents > 1)
        buf_printf(out, "in %" PRIu32 " pieces, from guest ", vol->n_extents);
    else
        buf_puts(out, "guest ");
    if (vol->n_extents)
        text_offset(out, vol->extents[0].guest_off);
    else
        text_offset(out, 0);
    if (*vol->uuid) {
        buf_puts(out, ", uuid ");
        text_visible(out, vol->uuid, strlen(vol->uuid));
    }
    if (*vol->note) {
        buf_puts(out, ". ");
        text_visible(out, vol->note, strlen(vol->note));
    }
}

static void say_why_none(const struct ui *ui, struct buf *out)
{
    const struct tenants *t = ui->tenants;

    if (!t->helper)
        buf_puts(out, "The process that reads file systems is not there.");
    else if (!ui->scan)
        buf_puts(out, "Looked for when the scan has ended.");
    else if (t->volumes_state == TENANTS_FAILED)
        buf_puts(out, t->error.text);
    else
        buf_puts(out, "Looking for partitions and file systems ...");
}

static void say_missing(const struct ui *ui, struct buf *out)
{
    if (ui->img->hdr.crypt_method && !ui->disk.key && !ui->disk.keys)
        buf_puts(out, ". It is encrypted: --key-file reads it");
    if (ui->img->backing_file && (!ui->disk.chain || !ui->disk.chain->n ||
                                  (!ui->disk.chain->layer[0].img && !ui->disk.chain->layer[0].raw)))
        buf_puts(out, ". The rest lies in a backing file: --backing opens it");
    else if (ui->img->geo.data_file && (!ui->disk.chain || !ui->disk.chain->data.src))
        buf_puts(out, ". It lies in an external data file: --backing opens it");
}

static void draw_note(const struct disk_view *v, const struct ui *ui, const struct area *a, int y)
{
    struct buf text = BUF_INIT;

    if (disk_volumes(ui)->n) {
        say_volume(v, ui, &text);
        say_missing(ui, &text);
    }
    draw_cut(a, y, 0, a->w, ROLE_DIM, buf_str(&text));
    buf_free(&text);
}

/* --- files --- */

static void head_files(const struct ui *ui, const struct area *a, int y)
{
    draw_right(a, y, SIZE_W, ROLE_HEADING, "damaged");
    if (a->w >= 40)
        draw_right(a, y, 2 * SIZE_W, ROLE_HEADING, "of");
    if (a->w >= 60)
        draw_text(a, y, 2 * SIZE_W + 2, ROLE_HEADING,
                  disk_items(ui)->n ? "whose bytes are damaged" : "files that are hit");
}

static void draw_item(const struct ui *ui, const struct area *a, int y, size_t i)
{
    const struct volume_item *item = &disk_items(ui)->item[i];
    struct buf text = BUF_INIT;
    int x = a->w >= 40 ? 2 * SIZE_W + 2 : SIZE_W + 1;

    volume_item_text(disk_volumes(ui), item, &text);
    put_size(a, y, SIZE_W, damaged(item->lack), ROLE_SEV + SEV_CORRUPTION);
    if (a->w >= 40)
        put_size(a, y, 2 * SIZE_W, item->size, ROLE_NUMBER);
    draw_cut(a, y, x, a->w - x, ROLE_TEXT, buf_str(&text));
    buf_free(&text);
}

static void draw_state(const struct ui *ui, const struct area *a)
{
    const struct tenants *t = ui->tenants;
    unsigned permille = (unsigned)u64_min(t->task ? atomic_load(&t->job.permille) : 0, 1000);
    int x;

    if (t->losses_state == TENANTS_FAILED && t->volumes_state == TENANTS_KNOWN) {
        draw_cut(a, 0, 1, a->w - 1, ROLE_ALARM, t->error.text);
    } else if (t->losses_state == TENANTS_KNOWN) {
        draw_cut(a, 0, 1, a->w - 1, ROLE_GOOD, "No byte of this disk is known to be damaged.");
    } else if (t->losses_state == TENANTS_LOOKING) {
        x = draw_printf(a, 0, 1, ROLE_MESSAGE, "Looking whose bytes are damaged: %u%%; Esc stops ",
                        permille / 10);
        if (a->w - x > 12)
            draw_bar(a, 0, x + 1, a->w - x - 2 > 30 ? 30 : a->w - x - 2, permille, 1000,
                     ROLE_BAR);
    }
}

/* --- all --- */

/* `shown`: rows there is room for; the place line counts only the list with the cursor. */
static void head_layers(const struct ui *ui, const struct area *a, int y, int shown)
{
    uint64_t n = (uint64_t)ui->img->snaps.n + 1;
    char text[80], count[TEXT_NUM];

    if (n == 1)
        snprintf(text, sizeof text, "Layer (there are no snapshots)");
    else if (n <= (uint64_t)shown)
        snprintf(text, sizeof text, "Layer (Enter: show its disk; L: the next one)");
    else
        snprintf(text, sizeof text, "Layer (one of %s; Enter: show its disk; L: the next one)",
                 text_group(count, n));
    draw_cut(a, y, 0, a->w, ROLE_HEADING, text);
}

static void draw_head(const struct ui *ui, const struct area *a, enum disk_pane pane, int y,
                      int shown)
{
    if (pane == PANE_LAYERS)
        head_layers(ui, a, y, shown);
    else if (pane == PANE_VOLUMES)
        head_volumes(ui, a, y);
    else
        head_files(ui, a, y);
}

void disk_draw(const void *state, const struct ui *ui, const struct area *a)
{
    const struct disk_view *v = state;
    struct area in = area_part(a, 0, a->w > 20, -1, a->w > 20 ? -2 : -1);
    struct buf text = BUF_INIT;
    struct disk_layout l;

    disk_layout(v, ui, a->h, &l);
    for (int p = 0; p < N_DISK_PANES; p++) {
        const struct list *list = &v->list[p];
        struct area rows = area_part(&in, l.y[p], 0, l.h[p], -1);

        if (l.h[p] && l.heads)
            draw_head(ui, &in, (enum disk_pane)p, l.y[p] - 1, l.h[p]);
        for (int y = 0; y < rows.h && list->top + (uint64_t)y < list->n; y++) {
            size_t i = (size_t)list->top + (size_t)y;

            if (p == PANE_LAYERS)
                draw_layer(ui, &rows, y, (uint32_t)i);
            else if (p == PANE_VOLUMES)
                draw_volume(ui, &rows, y, i);
            else
                draw_item(ui, &rows, y, i);
            mark(v, &rows, (enum disk_pane)p, y, i);
        }
        if (p == PANE_FILES && !list->n)
            draw_state(ui, &rows);
        if (p == PANE_VOLUMES && !list->n && rows.h) {
            say_why_none(ui, &text);
            draw_cut(&rows, 0, 0, rows.w, ROLE_MESSAGE, buf_str(&text));
            draw_cursor(&rows, 0, 0);
        }
    }
    if (l.note_y)
        draw_note(v, ui, &in, l.note_y);
    buf_free(&text);
}

void disk_teach(const void *state, const struct ui *ui, struct buf *out)
{
    char a[TEXT_NUM];

    (void)state;
    buf_printf(out,
        "To qcow2 the guest's disk is %s of bytes and no more. What the guest made of them is "
        "seen here: a table of partitions, LVM volumes inside of those, a file system in "
        "each, and files.\n\n", text_size(a, ui->img->geo.size));
    buf_puts(out,
        "Damage is found by the other views as entries of tables and ranges of guest bytes. "
        "What it costs is told only by the names of the files that own these bytes: the file "
        "system is asked who has each of its blocks. Bytes can also belong to a directory, to "
        "the tables of the file system, to its journal, or to nobody; then nothing is lost.\n\n");
    buf_puts(out,
        "A snapshot is a disk of its own, with its own L1 table: L shows the disk as it was "
        "then, in this view and in all others. A file may be whole in one layer and damaged in "
        "another.\n\n");
    buf_puts(out,
        "Partition tables and file systems are read by libraries (libblkid, libext2fs, "
        "libntfs-3g, libtsk) in a process of their own, which has nothing but a pipe: a hostile "
        "disk can end that process, and nothing else.\n");
}
