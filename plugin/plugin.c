/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* nbdkit-qcheck-plugin: serves the disk of any layer of an image, damaged or not, read-only.
 *
 *     nbdkit qcheck IMAGE [layer=LAYER] [backing=1] [key-file=FILE] [on-damage=error|zero]
 *         [plan=FILE]
 */
#include "config.h"

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/patch.h"
#include "base/source_pack.h"
#include "disk/disk.h"
#include "insight/gone.h"
#include "plan/plan.h"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

static struct {
    char *image;                        /* absolute */
    const char *layer;
    char *key_file;                     /* absolute */
    char *plan_file;                    /* absolute */
    bool backing, zeros;                /* zeros: where something is lost */
    struct image *img;
    struct chain chain;
    struct gone gone;
    struct disk *disk;
} served = { .layer = "active" };

static int plugin_config(const char *key, const char *value)
{
    int flag;

    if (strcmp(key, "image") == 0) {
        free(served.image);
        served.image = nbdkit_realpath(value);
        return served.image ? 0 : -1;
    }
    if (strcmp(key, "key-file") == 0) {
        free(served.key_file);
        served.key_file = nbdkit_realpath(value);
        return served.key_file ? 0 : -1;
    }
    if (strcmp(key, "plan") == 0) {
        free(served.plan_file);
        served.plan_file = nbdkit_realpath(value);
        return served.plan_file ? 0 : -1;
    }
    if (strcmp(key, "layer") == 0) {
        served.layer = value;
        return 0;
    }
    if (strcmp(key, "backing") == 0) {
        flag = nbdkit_parse_bool(value);
        served.backing = flag == 1;
        return flag < 0 ? -1 : 0;
    }
    if (strcmp(key, "on-damage") == 0) {
        served.zeros = strcmp(value, "zero") == 0;
        if (served.zeros || strcmp(value, "error") == 0)
            return 0;
        nbdkit_error("on-damage is error or zero");
        return -1;
    }
    nbdkit_error("unknown parameter: %s", key);
    return -1;
}

static int plugin_config_complete(void)
{
    if (served.image)
        return 0;
    nbdkit_error("which image?");
    return -1;
}

/* The bytes of the key file, at most KEY_FILE_MAX. */
static bool read_key(uint8_t *key, size_t *len, struct error *err)
{
    struct source *src;
    bool ok;

    if (!source_open_file(served.key_file, &src, err))
        return false;
    *len = (size_t)u64_min(source_size(src), KEY_FILE_MAX);
    ok = source_read(src, 0, key, *len, err);
    source_close(src);
    return ok;
}

/* Lays the plan over the image, which it must have been made for. */
static bool lay_plan(struct source **src, struct error *err)
{
    struct plan plan = { 0 };
    struct patches patches = { 0 };
    struct source *file;
    bool ok;

    if (!source_open_file(served.plan_file, &file, err))
        return false;
    ok = plan_read(file, &plan, err) && plan_matches(&plan, *src, err) &&
         plan_patches(&plan, &patches, err) && source_wrap_patched(*src, &patches, src, err);
    patches_free(&patches);
    plan_free(&plan);
    source_close(file);
    return ok;
}

static void tell(const struct insight *x)
{
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < x->n; i++)
        if (cause_loses(&x->list[i])) {
            buf_reset(&text);
            cause_loss_text(&x->list[i], &text);
            nbdkit_error("%s: %s", served.image, buf_str(&text));
        }
    buf_free(&text);
}

/* Finds out where tables of the active layer are lost. Nothing is known of that where the
 * scan cannot be made; the disk is served all the same. */
static void look(void)
{
    const struct insight_options causes = { .name = served.image,
                                            .chain = served.backing ? &served.chain : NULL };
    const struct scan_options opt = { .threads = 0 };
    struct scan_progress *progress = calloc(1, sizeof *progress);
    struct scan_result *scan = NULL;
    struct insight *x = NULL;
    struct error err = { .code = ERR_NOMEM, .text = "out of memory" };

    if (progress && scan_run(served.img, &opt, progress, &scan, &err) &&
        insight_find(scan, &causes, &x, &err) && gone_find(x, &served.gone, &err))
        tell(x);
    else
        nbdkit_error("%s: not scanned: %s", served.image, err.text);
    insight_free(x);
    scan_free(scan);
    free(progress);
}

static bool open_disk(struct error *err)
{
    static uint8_t key[KEY_FILE_MAX];
    struct disk_options opt = { .chain = &served.chain };
    struct disk_layer layer;
    struct source *src;
    bool is_pack;

    if (served.key_file) {
        if (!read_key(key, &opt.key_len, err))
            return false;
        opt.key = key;
    }
    if (!source_open(served.image, &src, err))
        return false;
    if (!source_look_into_pack(&src, &is_pack, err) ||
        (served.plan_file && !lay_plan(&src, err)) || !image_open(src, NULL, &served.img, err)) {
        source_close(src);
        return false;
    }
    if (!chain_open(served.image, served.img, served.backing, &served.chain, err) ||
        !disk_layer_parse(served.img, served.layer, &layer, err))
        return false;
    if (disk_layer_is_active(layer)) {
        look();
        opt.gone = served.gone.list;
        opt.n_gone = served.gone.n;
    }
    return disk_open(served.img, layer, &opt, &served.disk, err);
}

static int plugin_get_ready(void)
{
    struct error err;

    if (open_disk(&err))
        return 0;
    nbdkit_error("%s: %s", served.image, err.text);
    return -1;
}

static void plugin_unload(void)
{
    disk_close(served.disk);
    gone_free(&served.gone);
    chain_close(&served.chain);
    image_close(served.img);
    free(served.image);
    free(served.key_file);
    free(served.plan_file);
}

static void *plugin_open(int readonly)
{
    (void)readonly;
    return served.disk;
}

static int64_t plugin_get_size(void *handle)
{
    uint64_t size = disk_size(handle);

    return size > INT64_MAX ? INT64_MAX : (int64_t)size;
}

static int plugin_can_multi_conn(void *handle)
{
    (void)handle;
    return 1;
}

static int plugin_pread(void *handle, void *buf, uint32_t count, uint64_t offset,
                        uint32_t flags)
{
    struct disk_spans spans = DISK_SPANS_INIT;
    const struct disk_span *s;
    struct error err;
    int result = 0;

    (void)flags;
    if (!disk_read(handle, offset, buf, count, &spans, &err)) {
        nbdkit_error("%s", err.text);
        nbdkit_set_error(ENOMEM);
        result = -1;
    }
    for (size_t i = 0; i < spans.n && !result; i++) {
        s = &spans.list[i];
        if (!disk_state_lost(s->state))
            continue;
        if (served.zeros) {
            memset((uint8_t *)buf + (s->off - offset), 0, (size_t)s->len);
            continue;
        }
        nbdkit_error("%llu bytes at %llu: %s%s%s", (unsigned long long)s->len,
                     (unsigned long long)s->off, disk_state_id(s->state), s->why ? ", " : "",
                     s->why ? s->why : "");
        nbdkit_set_error(EIO);
        result = -1;
    }
    disk_spans_free(&spans);
    return result;
}

static int plugin_can_extents(void *handle)
{
    (void)handle;
    return 1;
}

/* Holes and zeros, from the tables. What is lost is no hole: reading it must fail. */
static int plugin_extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
                          struct nbdkit_extents *extents)
{
    const uint64_t end = offset + count;
    struct disk_span s;

    for (uint64_t at = offset; disk_next(handle, at, end, &s); at += s.len) {
        bool zero = s.state == DISK_ZERO || s.state == DISK_HOLE || s.sparse;
        uint32_t type = zero ? NBDKIT_EXTENT_ZERO : 0;

        if (s.state == DISK_HOLE || s.sparse)
            type |= NBDKIT_EXTENT_HOLE;
        if (nbdkit_add_extent(extents, s.off, s.len, type) == -1)
            return -1;
        if (flags & NBDKIT_FLAG_REQ_ONE)
            break;
    }
    return 0;
}

static struct nbdkit_plugin plugin = {
    .name = "qcheck",
    .longname = "disks of qcow2 images, damaged or not",
    .version = PACKAGE_VERSION,
    .description = "Serves the disk of any layer of a qcow2 image read-only, whatever the "
                   "state of the image.",
    .config = plugin_config,
    .config_complete = plugin_config_complete,
    .config_help = "[image=]IMAGE        The image (required).\n"
                   "layer=LAYER          Snapshot by id or name, vm:SNAPSHOT, or active.\n"
                   "backing=1            Open backing and data files that the image names.\n"
                   "key-file=FILE        Holds the pass phrase of an encrypted image.\n"
                   "on-damage=error|zero What is read where something is lost.\n"
                   "plan=FILE            Serve the image as this plan would leave it.",
    .magic_config_key = "image",
    .get_ready = plugin_get_ready,
    .unload = plugin_unload,
    .open = plugin_open,
    .get_size = plugin_get_size,
    .can_multi_conn = plugin_can_multi_conn,
    .can_extents = plugin_can_extents,
    .pread = plugin_pread,
    .extents = plugin_extents,
};

struct nbdkit_plugin *plugin_init(void);    /* the header has no prototype of it */
NBDKIT_REGISTER_PLUGIN(plugin)
