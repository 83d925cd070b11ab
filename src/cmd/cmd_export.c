/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck export: the guest's disk into a file. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cmd/disk_open.h"
#include "cmd/watch.h"
#include "report/export_report.h"

#define LAYERS_MAX 256                /* exported at once, as each needs open files */

/* One layer on its way out. */
struct outlet {
    struct disk_layer layer;
    struct sink *sink, *map;
    struct scribe scribe;           /* writes the map */
    struct rangemap have;
    char label[160];
    struct disk *disk;
};

struct export_work {
    struct outlet *o;
    struct export_options opt;
    struct export_progress progress;
    struct export_result result;
    struct volumes_helper *helper;      /* NULL: nobody wants to know whose is what */
    struct range_files files;
    _Atomic uint64_t permille;
    _Atomic bool cancel;
};

/* --- opening what is written to --- */

static bool not_an_input(const struct sink *sink, const char *name,
                         const struct disk_files *f, struct error *err)
{
    bool is = sink_is(sink, name) || (f->chain.data.path && sink_is(sink, f->chain.data.path));

    for (size_t i = 0; i < f->chain.n && !is; i++) {
        const struct chain_layer *l = &f->chain.layer[i];

        is = (l->path && sink_is(sink, l->path)) ||
             (l->data.path && sink_is(sink, l->data.path));
    }
    return !is || err_set(err, ERR_USAGE, "is the image itself, or in its chain");
}

/* Of files below those that the image names itself nothing is known without --backing. */
static bool chain_is_known(const struct settings *s, const struct disk_files *f)
{
    return s->backing || !f->chain.n;
}

static bool is_empty(const struct sink *sink)
{
    uint8_t byte;
    size_t got;

    return sink_read_back(sink, 0, &byte, 1, &got, NULL) && !got;
}

static bool open_sink(const struct settings *s, const char *path, const char *name,
                      const struct disk_files *f, struct sink **out, struct error *err)
{
    enum sink_mode mode = s->resume ? SINK_RESUME : s->overwrite ? SINK_OVERWRITE : SINK_NEW;

    if (!sink_open(path, mode, out, err))
        return false;
    if (mode == SINK_OVERWRITE && !chain_is_known(s, f) && !is_empty(*out))
        return err_set(err, ERR_USAGE, "exists, and might be a file that the image needs: with "
                       "--backing that is known, else remove it first");
    return not_an_input(*out, name, f, err) &&
           (!s->key_file || !sink_is(*out, s->key_file) ||
            err_set(err, ERR_USAGE, "is the key file"));
}

/* "OUT", or with --layer=all "OUT.active", "OUT.snapshot-3". */
static void out_name(const struct settings *s, const char *base, struct disk_layer layer,
                     bool all, struct buf *out)
{
    (void)s;
    buf_reset(out);
    buf_puts(out, base);
    if (all && layer.layer)
        buf_printf(out, ".snapshot-%u", layer.layer);
    else if (all)
        buf_puts(out, ".active");
}

static bool open_outlet(const struct settings *s, const char *name, const struct disk_files *f,
                        bool all, struct outlet *o, struct error *err)
{
    struct buf path = BUF_INIT;
    bool ok;

    out_name(s, s->operand[s->n_operands - 1], o->layer, all, &path);
    ok = open_sink(s, buf_str(&path), name, f, &o->sink, err);
    if (ok && s->map_file) {
        out_name(s, s->map_file, o->layer, all, &path);
        ok = open_sink(s, buf_str(&path), name, f, &o->map, err) &&
            (!sink_is(o->map, sink_name(o->sink)) ||
             err_set(err, ERR_USAGE, "is what the disk is written to as well")) &&
             scribe_start(buf_str(&path), false, name, &o->scribe, err);
    }
    if (!ok && err->code != ERR_NONE) {
        char text[sizeof err->text];

        memcpy(text, err->text, sizeof text);
        snprintf(err->text, sizeof err->text, "%.200s: %.190s", buf_str(&path), text);
    }
    buf_free(&path);
    return ok;
}

static void close_outlets(struct outlet *o, size_t n)
{
    for (size_t i = 0; o && i < n; i++) {
        disk_close(o[i].disk);
        sink_close(o[i].sink);
        sink_close(o[i].map);
        scribe_end(&o[i].scribe);
        rangemap_free(&o[i].have);
    }
    free(o);
}

static bool open_outlets(const struct settings *s, const char *name, const struct disk_files *f,
                         struct outlet **out, size_t *n, struct error *err)
{
    bool all = s->layer && strcmp(s->layer, "all") == 0;
    size_t count = all ? f->img->snaps.n + 1 : 1;

    if (count > LAYERS_MAX)
        return err_set(err, ERR_LIMIT, "too many snapshots for --layer=all: %zu", count - 1);
    *out = calloc(count, sizeof **out);
    *n = count;
    if (!*out)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < count; i++)
        (*out)[i].scribe = (struct scribe)SCRIBE_NONE;
    for (size_t i = 0; i < count; i++) {
        struct outlet *o = &(*out)[i];

        o->layer = (struct disk_layer){ (uint32_t)i, false };
        if ((!all && !disk_files_layer(s, f, &o->layer, err)) ||
            !open_outlet(s, name, f, all, o, err))
            return false;
    }
    return true;
}

/* --- resuming --- */

/* With that of another file of the chain, if it is open. */
static uint64_t add_stamp(uint64_t stamp, struct source *src)
{
    return source_stamp(stamp, src ? source_get_info(src).stamp : 0);
}

/* What a map must belong to: the layer, and the files that are read as they are now. */
static void label_of(const struct disk_files *f, struct outlet *o)
{
    struct source_info info = source_get_info(f->img->src);
    uint64_t stamp = add_stamp(info.stamp, f->chain.data.src);

    for (size_t i = 0; i < f->chain.n; i++) {
        const struct chain_layer *l = &f->chain.layer[i];

        stamp = add_stamp(stamp, l->img ? l->img->src : l->raw);
        stamp = add_stamp(stamp, l->data.src);
    }
    snprintf(o->label, sizeof o->label,
             "%s%u of an image of %" PRIu64 " bytes, disk %" PRIu64 ", stamp %016" PRIx64,
             o->layer.vm_state ? "VM state " : "layer ", o->layer.layer, info.size,
             disk_size(o->disk), stamp);
}

static bool load_map(struct outlet *o, struct error *err)
{
    const size_t most = 128u << 20;
    char *text = malloc(most + 1);
    size_t got = 0;
    bool ok = text ? sink_read_back(o->map, 0, text, most, &got, err)
                   : err_set(err, ERR_NOMEM, "out of memory");

    if (ok && !got && !sink_is_blank(o->sink)) {
        ok = err_set(err, ERR_USAGE, "is empty, as after a stop before anything was written: "
                     "begin anew with --overwrite");
    } else if (ok && got) {
        text[got] = '\0';
        ok = rangemap_parse(text, o->label, disk_size(o->disk), &o->have, err);
    }
    free(text);
    return ok;
}

/* --- running --- */

static bool run(void *arg, struct task_run *task, struct error *err)
{
    struct export_work *w = arg;

    (void)task;
    return export_run(w->o->disk, w->o->sink, &w->opt, &w->progress, &w->result, err);
}

static bool ask(void *arg, struct task_run *task, struct error *err)
{
    struct export_work *w = arg;

    (void)task;
    return range_files_find(w->helper, w->o->disk, &w->result.lost, &w->cancel, &w->permille,
                            &w->files, err);
}

/* Finds the files that lost ranges belong to. */
static void find_files(const struct settings *s, const char *name, struct export_work *w)
{
    struct watch watch = { .phase = "reading file systems", .done = &w->permille,
                           .total = 1000, .cancel = &w->cancel };
    struct error err;

    if (w->helper && w->result.lost.n && !w->o->layer.vm_state && !watch_stopped() &&
        !watch_run(s, &watch, ask, w, &err))
        message_error(name, &err);
}

static struct export_options options_of(const struct settings *s, struct outlet *o)
{
    return (struct export_options){
        .threads = s->threads, .qcow2 = s->qcow2, .on_damage = s->on_damage, .mark = s->mark,
        .map = s->map_file ? &o->scribe : NULL, .label = o->label,
        .have = s->resume ? &o->have : NULL,
    };
}

/* Opens the disk of a layer, and reads what a run before has done of it. */
static bool prepare(const struct settings *s, const char *name, const struct disk_files *f,
                    struct outlet *o)
{
    struct error err;

    if (!disk_files_disk(f, o->layer, &o->disk, &err)) {
        message_error(name, &err);
        return false;
    }
    label_of(f, o);
    if (!s->resume || load_map(o, &err))
        return true;
    message_error(s->map_file, &err);
    if (!chain_is_known(s, f))
        message("without --backing; it was begun with it, perhaps: ", s->map_file);
    return false;
}

/* Opens the layers, and says whether there is room for all of them before one is written. Only the
 * first one stays open. False: none can be exported. */
static bool prepare_all(const struct settings *s, const char *name, const struct disk_files *f,
                        struct outlet *o, size_t n)
{
    uint64_t need = 0, room = sink_free_space(o[0].sink);
    struct error err = { .code = ERR_IO };
    _Atomic bool cancel = false;

    for (size_t i = 0; i < n; i++) {
        struct export_options opt = options_of(s, &o[i]);
        uint64_t more = sink_replaced_space(o[i].sink);

        if (!prepare(s, name, f, &o[i]))
            return false;
        room += u64_min(more, UINT64_MAX - room);
        more = export_estimate(o[i].disk, &opt, &cancel);
        need += u64_min(more, UINT64_MAX - need);
        if (i) {
            disk_close(o[i].disk);
            o[i].disk = NULL;
        }
    }
    if (need > room) {
        snprintf(err.text, sizeof err.text, "warning: up to %" PRIu64 " bytes will be written, "
                 "%" PRIu64 " are free", need, room);
        message_error(s->operand[s->n_operands - 1], &err);
    }
    return true;
}

static int export_layer(const struct settings *s, const char *name, struct disk_files *f,
                        struct outlet *o, struct volumes_helper *helper, struct out *out)
{
    struct export_work w = { .o = o, .helper = helper, .opt = options_of(s, o) };
    struct watch watch = { .phase = "exporting", .done = &w.progress.done,
                           .cancel = &w.progress.cancel };
    struct error err = { .code = ERR_NONE };
    int status = STATUS_FAILED;
    bool ok;

    if (!o->disk && !disk_files_disk(f, o->layer, &o->disk, &err)) {
        message_error(name, &err);
        return STATUS_FAILED;
    }
    watch.total = disk_size(o->disk);
    ok = watch_run(s, &watch, run, &w, &err);
    if (!ok)
        message_error(sink_name(o->sink), &err);
    if (!ok && s->map_file && !s->qcow2)
        message("not complete; --resume goes on with ", sink_name(o->sink));
    else if (!ok)
        message("holds only a part of the disk: ", sink_name(o->sink));
    if (s->output == OUTPUT_JSON) {
        find_files(s, name, &w);
        export_json(name, sink_name(o->sink), o->layer, s->qcow2, &w.result, &w.files, out);
    }
    if (ok && w.result.complete)
        status = lost_status(w.result.bytes);
    else if (ok && s->map_file && !s->qcow2)
        message("stopped; --resume goes on with ", sink_name(o->sink));
    else if (ok)
        message("stopped; holds only a part of the disk: ", sink_name(o->sink));
    tell_lost(s, name, w.result.bytes);
    if (source_changed(f->img->src, &err)) {
        message_error(name, &err);
        status = STATUS_FAILED;
    }
    export_result_free(&w.result);
    range_files_free(&w.files);
    disk_close(o->disk);
    o->disk = NULL;
    return status;
}

static int export_image(const struct settings *s, const char *name,
                        struct volumes_helper *helper)
{
    struct out out = { stdout, 0 };
    struct disk_files files = DISK_FILES_INIT;
    struct outlet *outlet = NULL;
    struct error err = { .code = ERR_NONE };
    size_t n = 0;
    int status = STATUS_FAILED;

    if (!disk_files_open(s, name, true, &files, &err)) {
        message_error(name, &err);
        return finish(&out, status);
    }
    if (!open_outlets(s, name, &files, &outlet, &n, &err)) {
        message("", err.text);
        goto out;
    }
    enter_sandbox_writing(s);
    status = STATUS_CLEAN;
    if (disk_layer_is_active(outlet[0].layer) &&
        !disk_files_look(s, name, &files, NULL, &err))
        message_error(name, &err);      /* what the tables say can be had all the same */
    if (!prepare_all(s, name, &files, outlet, n)) {
        status = STATUS_FAILED;
        goto out;
    }
    for (size_t i = 0; i < n && !watch_stopped(); i++)
        status = status_worst(status, export_layer(s, name, &files, &outlet[i], helper, &out));
    if (watch_stopped())
        status = STATUS_FAILED;
out:
    close_outlets(outlet, n);
    disk_files_close(&files);
    return finish(&out, status);
}

int cmd_export(const struct command *cmd, int argc, char **argv)
{
    struct settings s;
    struct volumes_helper *helper = NULL;
    struct buf name = BUF_INIT;
    struct error err;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (s.n_operands != (s.sample ? 1 : 2))
        return usage_error(cmd, "one image and one file to write, please");
    if (s.resume && (!s.map_file || s.qcow2 || s.overwrite))
        return usage_error(cmd, "--resume needs the --map of the export that was stopped, and "
                                "goes with raw output only, not with --overwrite");
    /* Only the summary names files. */
    if (s.output == OUTPUT_JSON && !volumes_helper_start(&helper, &err))
        message("", err.text);
    if (image_named(&s, 0, &name, &status))
        status = export_image(&s, buf_str(&name), helper);
    volumes_helper_end(helper);
    buf_free(&name);
    return status;
}
