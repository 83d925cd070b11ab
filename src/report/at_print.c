/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What was looked up about an address, as text and as JSON. */
#include "config.h"

#include <inttypes.h>

#include "base/text.h"
#include "report/at.h"
#include "qcow2/names.h"

static void referrers_text(const struct referrers *r, struct out *out)
{
    struct buf b = BUF_INIT;

    if (r->total == 0)
        out_puts(out, "    nothing refers to it\n");
    for (size_t i = 0; i < r->n && out_ok(out); i++) {
        buf_reset(&b);
        place_text(&r->list[i].place, &b);
        out_printf(out, "    %s %s", i ? "             " : "referred to by", buf_str(&b));
        if (r->list[i].place.file_off != NO_ADDRESS)
            out_printf(out, "  (file 0x%" PRIx64 ")", r->list[i].place.file_off);
        if (r->list[i].place.guest_off != NO_ADDRESS)
            out_printf(out, "  guest 0x%" PRIx64, r->list[i].place.guest_off);
        out_puts(out, "\n");
    }
    if (r->total > r->n)
        out_printf(out, "    and %" PRIu64 " more\n", r->total - r->n);
    buf_free(&b);
}

static void cluster_text(const char *label, const struct at_cluster *c,
                         const struct image *img, struct out *out)
{
    uint64_t cs = img->geo.cluster_size;
    char counted[COUNTED_TEXT];

    out_printf(out, "  %s cluster %" PRIu64 ", file 0x%" PRIx64 " - 0x%" PRIx64 "\n",
               label, c->cluster, c->cluster * cs, c->cluster * cs + cs - 1);
    if (c->in_file) {
        out_printf(out, "    %s: %s\n", class_info(c->cell.cls)->name,
                   class_info(c->cell.cls)->meaning);
        out_puts(out, "    refcount ");
        if (c->stored_known)
            out_printf(out, "%" PRIu64, c->stored);
        else
            out_puts(out, "unreadable");
        out_printf(out, ", references %s\n", counted_text(counted, c->cell.counted));
        if (c->looked) {
            struct buf looks = BUF_INIT;

            content_text(&c->content, &looks);
            out_printf(out, "    looks like %s\n", buf_str(&looks));
            buf_free(&looks);
        }
    } else {
        out_puts(out, "    after the end of the file\n");
    }
    for (size_t i = 0; i < c->found.n_kinds; i++)
        out_printf(out, "    ! %s: %s\n", problem_info(c->found.kind[i])->id,
                   problem_info(c->found.kind[i])->title);
    referrers_text(&c->referrers, out);
}

static void entry_text(const struct at *at, struct out *out)
{
    const struct l2_entry *e = &at->entry;

    if (at->has_hit) {
        out_printf(out, "  L1[%" PRIu64 "] at file 0x%" PRIx64 ", raw 0x%016" PRIx64 "\n",
                   at->hit.l1_index, at->hit.l1_off, at->hit.l1_entry);
        if (at->hit.l2_off != NO_ADDRESS)
            out_printf(out, "  L2[%" PRIu64 "][%" PRIu64 "] at file 0x%" PRIx64
                       ", raw 0x%016" PRIx64 "\n", at->hit.l1_index, at->hit.l2_index,
                       at->hit.l2_off, e->raw);
    }
    if (at->has_raw)
        out_printf(out, "  raw 0x%016" PRIx64 "\n", at->raw);
    if (at->has_entry) {
        out_printf(out, "  %s", l2_type_name(e->type));
        if (e->type == L2_COMPRESSED)
            out_printf(out, ", %" PRIu64 " bytes at file 0x%" PRIx64, e->host_len,
                       e->host_off);
        else if (e->host_off)
            out_printf(out, " at file 0x%" PRIx64, e->host_off);
        out_printf(out, "%s\n", e->copied ? ", copied" : "");
        if (at->has_hit && at->hit.host_off != NO_ADDRESS)
            out_printf(out, "  this very byte is at file 0x%" PRIx64 "\n",
                       at->hit.host_off);
    }
}

void at_text(const struct at *at, const struct image *img, struct out *out)
{
    struct buf b = BUF_INIT;

    place_text(&at->place, &b);
    out_printf(out, "%s\n", buf_str(&b));
    buf_free(&b);
    if (!at->exists && !at->has_here) {
        out_puts(out, "  does not exist in this image\n");
        return;
    }
    if (at->place.file_off != NO_ADDRESS)
        out_printf(out, "  file 0x%" PRIx64 "\n", at->place.file_off);
    if (at->place.guest_off != NO_ADDRESS)
        out_printf(out, "  guest 0x%" PRIx64 "\n", at->place.guest_off);
    entry_text(at, out);
    for (size_t i = 0; i < at->found.n_kinds; i++)
        out_printf(out, "  ! %s: %s\n", problem_info(at->found.kind[i])->id,
                   problem_info(at->found.kind[i])->title);
    if (at->has_target)
        cluster_text("leads to", &at->target, img, out);
    if (at->has_here)
        cluster_text("lies in", &at->here, img, out);
}

static void cluster_json(struct jw *j, const char *key, const struct at_cluster *c,
                         const struct image *img)
{
    struct buf b = BUF_INIT;

    jw_object(j, key);
    jw_u64(j, "cluster", c->cluster);
    jw_u64(j, "offset", c->cluster << img->geo.cluster_bits);
    jw_bool(j, "in-file", c->in_file);
    if (c->in_file) {
        jw_text(j, "class", class_info(c->cell.cls)->id);
        if (c->cell.counted != COUNTED_UNKNOWN)
            jw_u64(j, "counted", c->cell.counted);
    }
    if (c->looked)
        jw_text(j, "content", content_info(c->content.kind)->id);
    if (c->stored_known)
        jw_u64(j, "stored", c->stored);
    hits_json(&c->found, j);
    jw_array(j, "referrers");
    for (size_t i = 0; i < c->referrers.n && out_ok(j->out); i++) {
        const struct referrer *r = &c->referrers.list[i];

        buf_reset(&b);
        place_text(&r->place, &b);
        jw_object_flat(j, NULL);
        jw_bytes(j, "place", buf_str(&b), b.len);
        jw_text(j, "owner",
                class_info(class_of_owners((uint32_t)r->owner | OWNER_IN_ACTIVE))->id);
        jw_address(j, "file-offset", r->place.file_off);
        jw_address(j, "guest-offset", r->place.guest_off);
        jw_hex(j, "raw", r->value);
        jw_close(j);
    }
    jw_close(j);
    jw_u64(j, "referrers-total", c->referrers.total);
    jw_close(j);
    buf_free(&b);
}

void at_json(const struct at *at, const struct image *img, struct jw *j)
{
    struct buf b = BUF_INIT;

    place_text(&at->place, &b);
    jw_object(j, NULL);
    jw_bytes(j, "place", buf_str(&b), b.len);
    buf_free(&b);
    jw_bool(j, "exists", at->exists);
    jw_address(j, "file-offset", at->place.file_off);
    jw_address(j, "guest-offset", at->place.guest_off);
    if (at->has_raw)
        jw_hex(j, "raw", at->raw);
    if (at->has_hit) {
        jw_u64(j, "l1-index", at->hit.l1_index);
        jw_u64(j, "l2-index", at->hit.l2_index);
        jw_hex(j, "l1-entry", at->hit.l1_entry);
        jw_address(j, "l2-entry-offset", at->hit.l2_off);
        jw_address(j, "host-offset", at->hit.host_off);
    }
    if (at->has_entry) {
        jw_text(j, "entry", l2_type_id(at->entry.type));
        jw_hex(j, "l2-entry", at->entry.raw);
        jw_bool(j, "copied", at->entry.copied);
    }
    hits_json(&at->found, j);
    if (at->has_target)
        cluster_json(j, "target", &at->target, img);
    if (at->has_here)
        cluster_json(j, "here", &at->here, img);
    jw_close(j);
}
