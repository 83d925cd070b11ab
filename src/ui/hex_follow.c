/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Where the bytes under the cursor lead. */
#include "config.h"

#include "ui/hex_view.h"

/* Where the entry is that says what the guest reads here. */
static void open_entry(const struct hex_view *v, const struct ui *ui, struct request *req)
{
    uint64_t cluster = v->at >> ui->img->geo.cluster_bits;
    struct place p = { .kind = PLACE_L2, .layer = v->guest.layer,
                       .i = cluster >> ui->img->geo.l2_bits,
                       .j = cluster & (ui->img->geo.l2_entries - 1),
                       .file_off = NO_ADDRESS, .guest_off = NO_ADDRESS };

    if (!place_complete(ui->img, &p))
        p.kind = PLACE_L1;
    request_go(req, &p, VIEW_TABLES);
}

void hex_follow(const struct hex_view *v, const struct ui *ui, struct request *req)
{
    struct place to;
    const char *why;

    if (v->guest.on)
        open_entry(v, ui, req);
    else if (!v->plain && site_target(ui->img, &ui->site, &to, &why))
        request_go(req, &to, VIEW_HEX);
    else
        request_message(req, "%s", v->plain ? "This is guest data" : why);
}

/* Is there a compressed cluster here, as far as is known? */
static bool compressed_here(const struct hex_view *v, const struct ui *ui)
{
    uint64_t cluster = geo_cluster_of(&ui->img->geo, v->at);
    struct map_cell cell;

    if (v->plain || v->page.stream || !ui->scan)
        return true;
    if (ui->site.place.kind == PLACE_L2)
        return ui->site.value & OFLAG_COMPRESSED;
    if (cluster >= map_clusters(ui->scan->map))
        return false;
    map_get(ui->scan->map, cluster, &cell);
    return cell.cls == CLASS_COMPRESSED || cell.cls == CLASS_DATA_SHARED ||
           cell.cls == CLASS_DATA_SNAPSHOT || cell.cls == CLASS_MIXED;
}

bool hex_idle(const void *state, const struct ui *ui, enum action action)
{
    const struct hex_view *v = state;
    struct place to;
    const char *why;

    switch (action) {
    case ACT_HEX_HERE:
        return true;
    case ACT_OPEN:
        return !v->guest.on && (v->plain || !site_target(ui->img, &ui->site, &to, &why));
    case ACT_DECOMPRESS:
        return v->guest.on || !compressed_here(v, ui);
    default:
        return false;
    }
}
