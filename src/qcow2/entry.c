/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/entry.h"

void l2_decode(const struct geometry *geo, const uint8_t *p, struct l2_entry *out)
{
    uint64_t e = be64(p);

    out->raw = e;
    out->bitmap = geo->extended_l2 ? be64(p + 8) : 0;
    out->type = l2_type_of(geo, e);
    out->copied = e & OFLAG_COPIED;
    out->host_off = 0;
    out->host_len = 0;
    if (out->type == L2_COMPRESSED) {
        out->host_off = compressed_off(geo, e);
        out->host_len = compressed_len(geo, e);
    } else if (out->type == L2_NORMAL || out->type == L2_ZERO_ALLOC) {
        out->host_off = e & ENTRY_OFFSET_MASK;
        out->host_len = geo->cluster_size;
    }
}

const char *l2_type_name(enum l2_type type)
{
    switch (type) {
    case L2_UNALLOCATED: return "unallocated";
    case L2_ZERO_PLAIN: return "zero";
    case L2_ZERO_ALLOC: return "zero, allocated";
    case L2_NORMAL: return "data";
    case L2_COMPRESSED: return "compressed";
    }
    return "?";
}

bool l2_entry_has_host(const struct l2_entry *e)
{
    return e->type == L2_NORMAL || e->type == L2_ZERO_ALLOC || e->type == L2_COMPRESSED;
}

bool l2_entry_invalid(const struct geometry *geo, const struct l2_entry *e)
{
    uint32_t allocated = (uint32_t)e->bitmap, zero = (uint32_t)(e->bitmap >> 32);

    if (e->type == L2_COMPRESSED)
        return e->copied || geo->data_file || e->bitmap;
    if (e->raw & L2_RESERVED_MASK)
        return true;
    if (!geo->extended_l2)
        return false;
    return e->type == L2_UNALLOCATED ? allocated != 0 : (allocated & zero) != 0;
}

bool l2_entry_possible(const struct geometry *geo, const struct l2_entry *e, uint64_t len)
{
    uint64_t off = e->raw & ENTRY_OFFSET_MASK;

    if (l2_entry_invalid(geo, e))
        return false;
    switch (e->type) {
    case L2_COMPRESSED:
        return e->host_off >= geo->cluster_size && e->host_off < len &&
               e->host_len <= geo->cluster_size + 1024;
    case L2_ZERO_PLAIN:
        return e->raw == OFLAG_ZERO;
    case L2_UNALLOCATED:
        return !(e->raw & OFLAG_COPIED);
    default:
        return !(off & (geo->cluster_size - 1)) &&
               (geo->data_file ? off < geo->size : off >= geo->cluster_size && off < len);
    }
}
