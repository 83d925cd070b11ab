/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "volumes/fs_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX   128                 /* directories of one path */
#define PATH_BYTES  16384

static uint32_t hash(uint64_t id, uint32_t n_slots)
{
    return (uint32_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (n_slots - 1);
}

static void enter(struct fs_names *n, uint32_t i)
{
    uint32_t s = hash(n->node[i].id, n->n_slots);

    while (n->slot[s])
        s = (s + 1) & (n->n_slots - 1);
    n->slot[s] = i + 1;
}

static bool grow(struct fs_names *n)
{
    uint32_t cap = n->cap ? 2 * n->cap : 1024;
    struct fs_node *node = realloc(n->node, cap * sizeof *node);
    uint32_t *slot;

    if (!node)
        return false;
    n->node = node;
    slot = calloc(2 * (size_t)cap, sizeof *slot);
    if (!slot)
        return false;
    free(n->slot);
    n->slot = slot;
    n->n_slots = 2 * cap;
    n->cap = cap;
    for (uint32_t i = 0; i < n->n; i++)
        enter(n, i);
    return true;
}

struct fs_node *names_add(struct fs_names *n, uint64_t id)
{
    if (n->n == FS_NODES_MAX || (n->n == n->cap && !grow(n))) {
        n->cut = true;
        return NULL;
    }
    n->node[n->n] = (struct fs_node){ .id = id, .size = NO_ADDRESS, .touch = TOUCH_INIT };
    enter(n, n->n);
    return &n->node[n->n++];
}

struct fs_node *names_find(const struct fs_names *n, uint64_t id)
{
    if (!n->n_slots)
        return NULL;
    for (uint32_t s = hash(id, n->n_slots); n->slot[s]; s = (s + 1) & (n->n_slots - 1))
        if (n->node[n->slot[s] - 1].id == id)
            return &n->node[n->slot[s] - 1];
    return NULL;
}

void names_name(struct fs_names *n, struct fs_node *node, uint64_t parent, const char *name,
                size_t len)
{
    if (node->name || len > UINT16_MAX)
        return;
    if (n->text_len + len >= n->text_cap) {
        size_t cap = 2 * n->text_cap + len + 4096;
        char *text = cap < UINT32_MAX ? realloc(n->text, cap) : NULL;

        if (!text) {
            n->cut = true;
            return;
        }
        n->text = text;
        n->text_cap = cap;
    }
    memcpy(n->text + n->text_len, name, len);
    node->name = (uint32_t)n->text_len + 1;
    node->name_len = (uint16_t)len;
    node->parent = parent;
    n->text_len += len;
}

/* Puts "/" and a name before what stands at the end of `path`. */
static size_t prepend(char path[PATH_BYTES], size_t at, const char *name, size_t len)
{
    if (len + 1 > at)
        return at;
    at -= len;
    memcpy(path + at, name, len);
    path[--at] = '/';
    return at;
}

/* Writes the path to the end of the buffer; returns where it begins. */
static size_t path_of(const struct fs_names *n, struct fs_node *node, char path[PATH_BYTES])
{
    size_t at = PATH_BYTES;
    char number[48];

    if (node->id == n->root) {
        path[--at] = '/';
        return at;
    }
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        const struct fs_node *parent;

        if (!node->name) {
            int len = snprintf(number, sizeof number, "<%llu>", (unsigned long long)node->id);

            return prepend(path, at, number, (size_t)len) + 1;
        }
        at = prepend(path, at, n->text + node->name - 1, node->name_len);
        if (node->parent == n->root)
            return at;
        parent = names_find(n, node->parent);
        if (!parent) {
            int len = snprintf(number, sizeof number, "<%llu>",
                               (unsigned long long)node->parent);

            return prepend(path, at, number, (size_t)len) + 1;
        }
        node = names_find(n, parent->id);
    }
    return at;
}

static int worst_first(const void *a, const void *b)
{
    const struct fs_node *x = a, *y = b;

    for (int i = 0; i < N_LACKS; i++)
        if (x->touch.bytes[i] != y->touch.bytes[i])
            return x->touch.bytes[i] > y->touch.bytes[i] ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

void names_send(struct fs *fs, struct fs_names *n)
{
    char path[PATH_BYTES];

    if (!n->n)
        return;
    if (fs->w->want != VOLUMES_ALL) {
        qsort(n->node, n->n, sizeof *n->node, worst_first);
        memset(n->slot, 0, n->n_slots * sizeof *n->slot);
        for (uint32_t i = 0; i < n->n; i++)
            enter(n, i);
    }
    for (uint32_t i = 0; i < n->n; i++) {
        struct fs_node *node = &n->node[i];
        struct volume_item item = { .volume = fs->index, .id = node->id, .size = node->size,
            .kind = (enum volume_item_kind)node->kind, .flags = node->flags,
            .first = node->touch.first, .file_off = node->touch.file_off };
        size_t at;

        if (!node->wanted)
            continue;
        memcpy(item.lack, node->touch.bytes, sizeof item.lack);
        if (!node->name && node->id != n->root)
            item.flags |= ITEM_NO_PATH;
        at = path_of(n, node, path);
        fs_send_item(fs->w, &item, &node->touch, path + at, PATH_BYTES - at);
    }
}

void names_free(struct fs_names *n)
{
    free(n->node);
    free(n->slot);
    free(n->text);
    *n = (struct fs_names){ .root = n->root };
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

size_t names_utf8(const uint8_t *p, size_t n, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t c = p[2 * i] | (uint32_t)p[2 * i + 1] << 8;

        if (c >= 0xd800 && c < 0xdc00 && i + 1 < n && (p[2 * i + 3] & 0xfc) == 0xdc) {
            uint32_t low = p[2 * i + 2] | (uint32_t)p[2 * i + 3] << 8;

            c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
            i++;
        }
        len += put_utf8(out + len, c);
    }
    return len;
}
