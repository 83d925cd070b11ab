/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/where.h"

#include <inttypes.h>

#include "base/text.h"
#include "qcow2/names.h"
#include "scan/guest.h"
#include "scan/referrers.h"

#define STEP " \u203a "

bool where_cluster(const struct ui *ui, const struct place *p, uint64_t *cluster)
{
    if (p->kind == PLACE_CLUSTER) {
        *cluster = p->i;
        return true;
    }
    if (p->kind == PLACE_NONE || p->file_off == NO_ADDRESS)
        return false;
    *cluster = geo_cluster_of(&ui->img->geo, p->file_off);
    return true;
}

void where_complete(const struct image *img, struct place *p)
{
    uint64_t guest_off = p->guest_off;
    struct guest_hit hit;

    place_complete(img, p);
    if (p->kind == PLACE_FILE_OFFSET || p->kind == PLACE_CLUSTER)
        p->guest_off = guest_off;
    if (p->kind != PLACE_GUEST ||
        !guest_lookup(img, p->layer, p->guest_off, &hit, NULL) || img->geo.data_file)
        return;
    p->file_off = hit.entry.type == L2_COMPRESSED ? hit.entry.host_off : hit.host_off;
}

bool where_owned(const struct ui *ui, uint64_t cluster)
{
    struct map_cell cell;

    if (!ui->scan || cluster >= map_clusters(ui->scan->map) ||
        ui->scan->stats.l2_tables > WHERE_OWNER_MAX >> ui->img->geo.cluster_bits)
        return false;
    map_get(ui->scan->map, cluster, &cell);
    return class_info(cell.cls)->guest;
}

bool where_owner(const struct referrers *found, struct place *out)
{
    for (size_t i = 0; i < found->n; i++) {
        if (found->list[i].place.kind == PLACE_L2) {
            *out = found->list[i].place;
            return true;
        }
    }
    return false;
}

bool where_guest(const struct ui *ui, const struct place *p, uint64_t *start,
                 uint64_t *len)
{
    const struct geometry *geo = &ui->img->geo;
    uint64_t first;
    uint64_t n = geo->cluster_size;

    switch (p->kind) {
    case PLACE_L1:
        first = geo_guest_off(geo, p->i, 0);
        n = geo->l2_span;
        break;
    case PLACE_L2:
        first = geo_guest_off(geo, p->i, p->j);
        break;
    default:
        if (p->guest_off == NO_ADDRESS)
            return false;
        first = p->guest_off & ~(geo->cluster_size - 1);
    }
    if (first >= image_layer_size(ui->img, p->layer))
        return false;
    *start = first;
    *len = u64_min(n, image_layer_size(ui->img, p->layer) - first);
    return true;
}

static void add_owner(const struct ui *ui, const struct place *p, struct buf *out)
{
    struct map_cell cell;
    uint64_t cluster;

    if (!where_cluster(ui, p, &cluster))
        return;
    if (cluster >= ui->img->geo.n_clusters) {
        buf_puts(out, STEP "past the end of the file");
    } else if (ui->scan) {
        map_get(ui->scan->map, cluster, &cell);
        buf_printf(out, STEP "%s", class_info(cell.cls)->name);
        if (cell.problem)
            buf_puts(out, " !");
    }
}

/* At a byte of the guest's disk: does the place concern others? Storage may be shared. */
static bool is_elsewhere(const struct ui *ui, const struct place *p)
{
    uint64_t start, len;

    return ui->here.kind == PLACE_GUEST && p->kind == PLACE_L2 &&
           where_guest(ui, p, &start, &len) &&
           (ui->here.guest_off < start || ui->here.guest_off - start >= len);
}

const struct place *where_subject(const struct ui *ui)
{
    const struct place *p = &ui->here;

    if (p->kind != PLACE_FILE_OFFSET && p->kind != PLACE_CLUSTER && p->kind != PLACE_GUEST)
        return p;
    if (ui->site.place.kind != PLACE_NONE && !is_elsewhere(ui, &ui->site.place))
        return &ui->site.place;
    return ui->owner.kind != PLACE_NONE && !is_elsewhere(ui, &ui->owner) ? &ui->owner : p;
}

uint64_t where_guest_byte(const struct ui *ui)
{
    const struct place *p = where_subject(ui);
    uint64_t start;
    uint64_t len;

    if (ui->here.kind == PLACE_GUEST && ui->here.layer == ui->layer)
        return ui->here.guest_off;
    if (p->layer != ui->layer || !where_guest(ui, p, &start, &len))
        return NO_ADDRESS;
    return p == &ui->here && p->guest_off != NO_ADDRESS && p->guest_off > start &&
           p->guest_off - start < len ? p->guest_off : start;
}

void where_layer(const struct image *img, uint32_t layer, struct buf *out)
{
    const struct snapshot *s;

    if (layer == LAYER_ACTIVE || layer > img->snaps.n) {
        buf_puts(out, "the disk as it is now");
        return;
    }
    s = &img->snaps.list[layer - 1];
    buf_printf(out, "snapshot %" PRIu32, layer);
    if (snapshot_name_len(s)) {
        buf_puts(out, " (");
        text_visible(out, s->name, snapshot_name_len(s));
        buf_puts(out, ")");
    }
}

/* Levels of where_line: what is left out from which on. */
enum { NO_LABEL = 1, NO_CLASS, NO_CLUSTER, NO_TYPE, NO_ENTRY };

static void part_ends(struct where_parts *parts, enum where_part part, const struct buf *b)
{
    if (parts)
        parts->end[part] = b->len;
}

void where_line(const struct ui *ui, int level, struct buf *out, struct where_parts *parts)
{
    const struct place *p = where_subject(ui);
    uint64_t guest = where_guest_byte(ui);
    struct buf tenant = BUF_INIT;
    uint64_t cluster;
    uint64_t start;
    uint64_t len;

    if (parts)
        *parts = (struct where_parts){ { 0 } };
    if (ui->here.kind == PLACE_NONE) {
        buf_puts(out, "nowhere yet");
        return;
    }
    if (guest != NO_ADDRESS)
        tenants_text(ui->tenants, guest, level < NO_LABEL ? 0 : level < NO_TYPE ? 1 : 2, &tenant);
    if (ui->here.file_off != NO_ADDRESS)
        buf_printf(out, "file 0x%" PRIx64, ui->here.file_off);
    else
        buf_puts(out, "not in the file");
    part_ends(parts, WHERE_FILE, out);
    if (level < NO_CLUSTER && where_cluster(ui, &ui->here, &cluster))
        buf_printf(out, STEP "cluster %" PRIu64, cluster);
    if (level < NO_CLASS)
        add_owner(ui, &ui->here, out);
    part_ends(parts, WHERE_CLUSTER, out);
    if (p->kind != PLACE_FILE_OFFSET && p->kind != PLACE_CLUSTER && p->kind != PLACE_GUEST &&
        (level < NO_ENTRY || !tenant.len)) {
        buf_puts(out, STEP);
        place_text(p, out);
        part_ends(parts, WHERE_ENTRY, out);
    }
    if (where_guest(ui, p, &start, &len)) {
        buf_puts(out, STEP "guest ");
        if (level < NO_ENTRY || !tenant.len)
            text_range(out, start, start + len, TEXT_DASH);
        else
            text_offset(out, start);
        part_ends(parts, WHERE_GUEST, out);
    }
    if (tenant.len) {
        buf_printf(out, STEP "%s", buf_str(&tenant));
        part_ends(parts, WHERE_TENANT, out);
    }
    buf_free(&tenant);
}

bool where_part_leads(const struct ui *ui, enum where_part part, struct place *to,
                      enum view_id *view)
{
    const struct place *p = where_subject(ui);
    uint64_t start;
    uint64_t len;

    *to = ui->here;
    switch (part) {
    case WHERE_FILE:
        *view = VIEW_HEX;
        return to->file_off != NO_ADDRESS;
    case WHERE_CLUSTER:
        *view = VIEW_MAP;
        *to = (struct place){ .kind = PLACE_CLUSTER, .guest_off = NO_ADDRESS };
        return where_cluster(ui, &ui->here, &to->i);
    case WHERE_ENTRY:
        *to = *p;
        *view = where_best_view(p, VIEW_OVERVIEW);
        return true;
    case WHERE_GUEST:
        *view = VIEW_TABLES;
        *to = (struct place){ .kind = PLACE_GUEST, .layer = p->layer, .file_off = NO_ADDRESS };
        if (!where_guest(ui, p, &start, &len))
            return false;
        to->guest_off = start;
        return true;
    default:
        *view = VIEW_DISK;
        return part == WHERE_TENANT;
    }
}

void where_inside(const struct ui *ui, struct place *p, enum view_id *view)
{
    struct site site;

    *view = VIEW_TABLES;
    if (p->kind == PLACE_GUEST)
        return;
    site_at(ui->img, ui->scan, NULL, p->i << ui->img->geo.cluster_bits, &site);
    if (site.place.kind == PLACE_NONE)
        *view = VIEW_HEX;
    else if (site.place.kind == PLACE_HEADER)
        *view = VIEW_HEADER;
    if (site.place.kind != PLACE_NONE)
        *p = site.place;
}

enum view_id where_best_view(const struct place *p, enum view_id now)
{
    static const struct {
        enum place_kind kind;
        unsigned can;
        enum view_id best;
    } table[] = {
        { PLACE_FILE_OFFSET, IN(VIEW_HEX) | IN(VIEW_MAP), VIEW_HEX },
        { PLACE_CLUSTER,
          IN(VIEW_HEX) | IN(VIEW_MAP) | IN(VIEW_TABLES) | IN(VIEW_REFERRERS), VIEW_MAP },
        { PLACE_GUEST, IN(VIEW_HEX) | IN(VIEW_MAP) | IN(VIEW_TABLES), VIEW_TABLES },
        { PLACE_HEADER, IN(VIEW_HEX) | IN(VIEW_MAP) | IN(VIEW_HEADER), VIEW_HEADER },
        { PLACE_CRYPTO, IN(VIEW_HEX) | IN(VIEW_MAP), VIEW_HEX },
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].kind == p->kind)
            return table[i].can & IN(now) ? now : table[i].best;
    return (IN(VIEW_HEX) | IN(VIEW_MAP) | IN(VIEW_TABLES)) & IN(now) ? now : VIEW_TABLES;
}
