/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <string.h>

#include "report/files_report.h"

static void json_lacks(struct jw *j, const uint64_t lack[N_LACKS])
{
    jw_u64(j, "lost", lack[LACK_LOST]);
    jw_u64(j, "doubtful", lack[LACK_DOUBTFUL]);
    jw_u64(j, "unmapped", lack[LACK_UNMAPPED]);
}

static void json_words(struct jw *j, const char *key, const char *text)
{
    if (text[0])
        jw_bytes(j, key, text, strlen(text));
}

void files_json_volumes(struct jw *j, const struct volumes *v)
{
    static const char *const kinds[N_VOLUME_KINDS] = { "disk", "partition", "logical-volume" };

    jw_array(j, "volumes");
    for (size_t i = 0; i < v->n; i++) {
        const struct volume *vol = &v->list[i];

        jw_object(j, NULL);
        jw_bytes(j, "name", vol->name, strlen(vol->name));
        jw_text(j, "kind", kinds[vol->kind]);
        if (i)
            jw_bytes(j, "parent", v->list[vol->parent].name, strlen(v->list[vol->parent].name));
        json_words(j, "type", vol->type);
        json_words(j, "label", vol->label);
        json_words(j, "uuid", vol->uuid);
        jw_u64(j, "size", vol->len);
        jw_address(j, "used", vol->used);
        json_lacks(j, vol->lack);
        jw_bool(j, "looked-into", vol->looked_into);
        json_words(j, "note", vol->note);
        jw_array(j, "extents");
        for (uint32_t k = 0; k < vol->n_extents; k++) {
            jw_object_flat(j, NULL);
            jw_u64(j, "offset", vol->extents[k].off);
            jw_u64(j, "start", vol->extents[k].guest_off);
            jw_u64(j, "length", vol->extents[k].len);
            jw_close(j);
        }
        jw_close(j);
        jw_close(j);
    }
    jw_close(j);
}

void files_json_item(struct jw *j, const struct volumes *v, const struct volume_item *item)
{
    const struct volume *vol = &v->list[item->volume];

    jw_object_flat(j, NULL);
    jw_bytes(j, "volume", vol->name, strlen(vol->name));
    jw_text(j, "kind", volume_item_id(item->kind));
    json_words(j, "path", item->path);
    if (item->flags & ITEM_NO_PATH)
        jw_bool(j, "no-path", true);
    jw_u64(j, "id", item->id);
    jw_address(j, "size", item->size);
    json_lacks(j, item->lack);
    if (item->kind == ITEM_INODES)
        jw_u64(j, "inodes", item->count);
    jw_address(j, "start", item->first);
    jw_address(j, "file-offset", item->file_off);
    if (item->flags & ITEM_INODE_LOST)
        jw_bool(j, "inode-lost", true);
    if (item->flags & ITEM_MAP_LOST)
        jw_bool(j, "map-lost", true);
    jw_close(j);
}
