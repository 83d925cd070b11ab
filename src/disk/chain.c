/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "disk/chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/source_pack.h"
#include "disk/json_name.h"

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

/* Which file is it? Names can lie, devices and inodes do not. */
struct identity { dev_t dev; ino_t ino; };

static bool identify(const char *path, struct identity *out)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return false;
    *out = (struct identity){ st.st_dev, st.st_ino };
    return true;
}

/* "nbd://host/x": not the name of a file. */
static bool is_protocol(const char *name)
{
    size_t word = strcspn(name, ":/");

    return name[word] == ':' && strncmp(name, "file:", 5) != 0;
}

/* Relative names are relative to the layer that names them. */
static char *plain_path(const char *above, const char *name)
{
    const char *slash = strrchr(above, '/');
    struct buf b = BUF_INIT;

    if (strncmp(name, "file:", 5) == 0)
        name += 5;
    if (name[0] != '/' && slash)
        buf_add(&b, above, (size_t)(slash - above) + 1);
    buf_puts(&b, name);
    return buf_take(&b);
}

/* Where the file lies that the layer above calls `name`, and as what it is to be read, NULL: not
 * said. NULL with *why for what is not a file, and when memory runs out. */
static char *find_file(const char *above, const char *name, char **format, struct error *why)
{
    struct json_name json = { NULL, NULL };
    char *path = NULL;

    if (is_json_name(name))
        json_name_read(name, &json, why);
    else if (is_protocol(name))
        err_set(why, ERR_FORMAT, "not the name of a file");
    else if (!(path = plain_path(above, name)))
        err_set(why, ERR_NOMEM, "out of memory");
    *format = json.format;
    return json.path ? json.path : path;
}

static struct chain_layer *append(struct chain *c, const char *name, size_t len)
{
    struct chain_layer *list = realloc(c->layer, (c->n + 1) * sizeof *list);
    char *copy = malloc(len + 1);

    if (list)
        c->layer = list;
    if (!list || !copy) {
        free(copy);
        return NULL;
    }
    memcpy(copy, name, len);
    copy[len] = '\0';
    list[c->n] = (struct chain_layer){ .name = copy, .name_len = len };
    return &list[c->n++];
}

static bool set_fault(char **fault, const char *why, struct error *err)
{
    *fault = strdup(why);
    return *fault || err_set(err, ERR_NOMEM, "out of memory");
}

static bool fault(struct chain_layer *l, const char *why, struct error *err)
{
    return set_fault(&l->fault, why, err);
}

static bool not_opened(char **fault, const char *why, struct error *err)
{
    char text[sizeof err->text];

    snprintf(text, sizeof text, "not opened: %.380s", why);
    return set_fault(fault, text, err);
}

/* The external data file of `img`, whose own file is `filename`. QEMU takes its name as one in the
 * working folder; where nothing is there, it is looked for beside the image. */
static bool open_data(const char *filename, const struct image *img, bool allowed,
                      struct chain_data *out, struct error *err)
{
    struct error why = { .code = ERR_NONE };
    struct identity there;
    char *format;
    bool raw;

    if (!img || !img->geo.data_file)
        return true;
    if (!img->data_file)
        return set_fault(&out->fault, "the image does not name its data file", err);
    out->path = find_file("", img->data_file, &format, &why);
    if (out->path && !is_json_name(img->data_file) && !identify(out->path, &there)) {
        free(out->path);
        out->path = find_file(filename, img->data_file, &format, &why);
    }
    raw = !format || strcmp(format, "raw") == 0;
    free(format);
    if (why.code == ERR_NOMEM)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!allowed)
        return set_fault(&out->fault, "not opened without --backing", err);
    if (!out->path || !raw)
        return not_opened(&out->fault, raw ? why.text : "it is not to be read as raw", err);
    return source_open_file(out->path, &out->src, &why) ||
           set_fault(&out->fault, why.text, err);
}

static void close_data(struct chain_data *data)
{
    free(data->path);
    free(data->fault);
    source_close(data->src);
}

/* Opens one layer, which may be a pack: as qcow2 when its magic says so and the layer above does not say
 * "raw", else as raw. */
static bool open_layer(struct chain_layer *l, const char *format, struct error *err)
{
    const bool raw = format && strcmp(format, "raw") == 0;
    struct source *src;
    struct error why;
    uint8_t magic[4];
    bool is_pack;

    if (!source_open_file(l->path, &src, &why))
        return fault(l, why.text, err);
    if ((!raw && !source_look_into_pack(&src, &is_pack, &why)) ||
        !source_read(src, 0, magic, sizeof magic, &why)) {
        source_close(src);
        return fault(l, why.text, err);
    }
    if (!raw && be32(magic) == QCOW2_MAGIC) {
        l->format = "qcow2";
        if (image_open(src, NULL, &l->img, &why)) {
            l->size = l->img->geo.size;
            image_keep_active(l->img);      /* a chain costs no more than its longest file */
            return true;
        }
        source_close(src);
        return fault(l, why.text, err);
    }
    if (format && !raw) {
        source_close(src);
        return fault(l, "not a qcow2 image, and of a format that is not read here", err);
    }
    l->format = "raw";
    l->raw = src;
    l->size = source_size(src);
    return true;
}

bool chain_open(const char *filename, const struct image *img, bool allowed,
                struct chain *out, struct error *err)
{
    struct identity seen[CHAIN_MAX + 1];
    const char *above = filename;
    size_t n_seen = allowed && identify(filename, &seen[0]) ? 1 : 0;

    *out = (struct chain)CHAIN_INIT;
    if (!open_data(filename, img, allowed, &out->data, err))
        goto nomem;
    while (img && img->backing_file && img->backing_file_len) {
        struct chain_layer *l = append(out, img->backing_file, img->backing_file_len);
        bool again = false, ok = true;
        struct error why = { .code = ERR_NONE };
        char *format = NULL;

        if (l)
            l->path = find_file(above, l->name, &format, &why);
        if (!l || why.code == ERR_NOMEM)
            goto nomem;
        if (!allowed) {
            ok = fault(l, "not opened without --backing", err);
        } else if (out->n > CHAIN_MAX) {
            ok = fault(l, "not opened: the chain is longer than " STRING(CHAIN_MAX) " files", err);
        } else if (!l->path) {
            ok = not_opened(&l->fault, why.text, err);
        } else {
            if (identify(l->path, &seen[n_seen])) {
                for (size_t i = 0; i < n_seen; i++)
                    again = again || (seen[i].dev == seen[n_seen].dev &&
                                      seen[i].ino == seen[n_seen].ino);
                n_seen++;
            }
            ok = again ? fault(l, "not opened: the chain leads back to this file", err)
                       : open_layer(l, img->backing_format ? img->backing_format : format, err);
        }
        free(format);
        if (!ok || (l->img && !open_data(l->path, l->img, allowed, &l->data, err)))
            goto nomem;
        if (l->fault)
            break;
        above = l->path;
        img = l->img;
    }
    return true;
nomem:
    chain_close(out);
    return err_set(err, ERR_NOMEM, "out of memory");
}

void chain_close(struct chain *chain)
{
    for (size_t i = 0; i < chain->n; i++) {
        free(chain->layer[i].name);
        free(chain->layer[i].path);
        free(chain->layer[i].fault);
        close_data(&chain->layer[i].data);
        image_close(chain->layer[i].img);
        source_close(chain->layer[i].raw);
    }
    free(chain->layer);
    close_data(&chain->data);
    *chain = (struct chain)CHAIN_INIT;
}
