/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck files: partitions, file systems, and whom lost bytes belong to. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "cmd/disk_open.h"
#include "cmd/watch.h"
#include "report/files_report.h"

struct files_work {
    const struct settings *s;
    const char *name;
    struct disk_files *files;
    struct disk_layer layer;
    struct disk *disk;
    struct volumes_helper *helper;
    struct guest_ranges range[N_LACKS];
    struct volumes volumes;
    struct volume_items list;
    struct out *out;
    struct jw *json;                /* NULL: text */
    _Atomic uint64_t permille;
    _Atomic bool cancel;
    bool no_memory;
};

/* --- which bytes are lost --- */

static void add_problem(void *ctx, const struct problem *p)
{
    struct files_work *w = ctx;

    if (!volumes_add_problem(&w->range[LACK_DOUBTFUL], p, &w->files->img->geo, w->layer.layer,
                             NULL))
        w->no_memory = true;
}

static bool find_lost(struct files_work *w, struct error *err)
{
    struct problem_sink sink = { add_problem, w };

    if (!w->layer.vm_state && !disk_files_look(w->s, w->name, w->files, &sink, err))
        return false;
    if (w->no_memory)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!disk_files_disk(w->files, w->layer, &w->disk, err))
        return false;
    for (size_t i = 0; w->layer.layer == LAYER_ACTIVE && i < w->files->lost.n; i++) {
        const struct guest_span *r = &w->files->lost.list[i];

        if (!volumes_add_told(w->disk, r->start, r->end, &w->range[LACK_LOST],
                              &w->range[LACK_DOUBTFUL], err))
            return false;
    }
    return volumes_lacking(w->disk, &w->range[LACK_LOST],
                           w->s->unmapped ? &w->range[LACK_UNMAPPED] : NULL, &w->cancel, err) &&
           guest_ranges_subtract(&w->range[LACK_DOUBTFUL], &w->range[LACK_LOST], err);
}

/* --- asking --- */

static bool list_item(void *ctx, const struct volume_item *item)
{
    struct files_work *w = ctx;

    if (w->json)
        files_json_item(w->json, &w->volumes, item);
    else
        files_line(&w->volumes, item, w->out);
    return out_ok(w->out);
}

static bool keep_item(void *ctx, const struct volume_item *item)
{
    struct files_work *w = ctx;

    if (!volume_items_add(&w->list, item))
        w->no_memory = true;
    return !w->no_memory;
}

static bool ask(void *arg, struct task_run *task, struct error *err)
{
    struct files_work *w = arg;
    struct volumes_query q = { .item = w->s->list ? list_item : keep_item, .ctx = w,
        .want = w->s->list ? VOLUMES_ALL : w->s->at ? VOLUMES_ASKED
              : w->s->damaged || w->s->unmapped ? VOLUMES_LACKING : VOLUMES_ONLY,
        .cancel = &w->cancel, .permille = &w->permille };

    (void)task;
    for (int i = 0; i < N_LACKS; i++) {
        guest_ranges_sort(&w->range[i]);
        q.lack[i] = &w->range[i];
    }
    if (!volumes_run(w->helper, w->disk, &q, &w->volumes, err))
        return false;
    return !w->no_memory || err_set(err, ERR_NOMEM, "out of memory");
}

static bool look(struct files_work *w, struct error *err)
{
    struct watch watch = { .phase = "reading file systems", .done = &w->permille,
                           .total = 1000, .cancel = &w->cancel };

    return watch_run(w->s, &watch, ask, w, err);
}

/* --- telling --- */

static bool at_of(struct files_work *w, uint64_t *at, struct error *err)
{
    if (!text_parse_size(w->s->at, at))
        return err_set(err, ERR_USAGE, "--at: not a number");
    if (*at >= disk_size(w->disk))
        return err_set(err, ERR_USAGE, "the disk ends at %llu",
                       (unsigned long long)disk_size(w->disk));
    return guest_ranges_add(&w->range[LACK_ASKED], *at, 1, err) &&
           volumes_lacking(w->disk, &w->range[LACK_LOST], NULL, &w->cancel, err);
}

static void begin_json(struct files_work *w, struct jw *j, const char *name)
{
    jw_object(j, NULL);
    jw_bytes(j, "filename", name, strlen(name));
    jw_u64(j, "snapshot", w->layer.layer);
    jw_bool(j, "vm-state", w->layer.vm_state);
    jw_u64(j, "virtual-size", disk_size(w->disk));
    jw_array(j, "items");
    w->json = j;
}

static void end_json(struct files_work *w)
{
    for (size_t i = 0; i < w->list.n && out_ok(w->out); i++)
        files_json_item(w->json, &w->volumes, &w->list.item[i]);
    jw_close(w->json);
    files_json_volumes(w->json, &w->volumes);
    jw_u64(w->json, "left-out", w->list.left_out);
    jw_close(w->json);
}

static void tell(struct files_work *w, uint64_t at)
{
    if (w->json)
        end_json(w);
    else if (w->s->at)
        files_at(&w->volumes, at, w->list.n ? &w->list.item[0] : NULL, w->out);
    else if (!w->s->list && w->volumes.n)
        files_volumes(&w->volumes, w->s->unmapped, w->out);
    if (!w->json && (w->s->damaged || w->s->unmapped) && w->volumes.n)
        files_lacking(&w->volumes, &w->list, w->s->unmapped, w->out);
}

static bool is_damaged(const struct files_work *w)
{
    return w->range[LACK_LOST].bytes || w->range[LACK_DOUBTFUL].bytes;
}

/* Was a file asked for that the disk needs, and is not there? */
static bool is_incomplete(const struct files_work *w)
{
    return w->s->backing && disk_files_incomplete(w->files);
}

static void tell_incomplete(const struct files_work *w, const char *name)
{
    struct error err = { .code = ERR_IO, .text = "part of the disk lies in a file that could not "
                         "be opened: files and file systems may be missing" };

    if (is_incomplete(w))
        message_error(name, &err);
}

/* What is wrong with file systems, where standard output has nothing but files. */
static void tell_notes(const struct files_work *w, const char *name)
{
    struct buf text = BUF_INIT;
    struct error err = { .code = ERR_FORMAT };

    for (size_t i = 0; i < w->volumes.n; i++) {
        const struct volume *v = &w->volumes.list[i];

        if (!v->note[0])
            continue;
        buf_reset(&text);
        files_note(v, &text);
        snprintf(err.text, sizeof err.text, "%s", buf_str(&text));
        message_error(name, &err);
    }
    if (is_damaged(w)) {
        err_set(&err, ERR_FORMAT, "%" PRIu64 " bytes of the disk are lost, %" PRIu64 " doubtful: "
                "files may be missing", w->range[LACK_LOST].bytes, w->range[LACK_DOUBTFUL].bytes);
        message_error(name, &err);
    }
    buf_free(&text);
}

static void tell_cut(struct files_work *w, const char *name)
{
    struct error err = { .code = ERR_LIMIT, .text = "too many ranges: some are left out" };

    for (int i = 0; i < N_LACKS; i++) {
        if (w->range[i].cut) {
            message_error(name, &err);
            break;
        }
    }
}

static int files_image(const struct settings *s, const char *name,
                       struct volumes_helper *helper)
{
    struct out out = { stdout, 0 };
    struct disk_files files = DISK_FILES_INIT;
    struct files_work w = { .s = s, .name = name, .files = &files, .helper = helper,
                            .out = &out };
    struct jw json = JW_INIT(&out);
    struct error err = { .code = ERR_NONE };
    int status = STATUS_FAILED;
    uint64_t at = 0;
    bool ok;

    if (!disk_files_open(s, name, false, &files, &err)) {
        message_error(name, &err);
        return finish(&out, status);
    }
    ok = disk_files_layer(s, &files, &w.layer, &err) &&
         (s->at ? disk_files_disk(&files, w.layer, &w.disk, &err) && at_of(&w, &at, &err)
                : find_lost(&w, &err));
    if (ok && s->output == OUTPUT_JSON)
        begin_json(&w, &json, name);
    if (ok) {
        ok = look(&w, &err);
        volume_items_sort(&w.list);
        tell(&w, at);
        tell_cut(&w, name);
        tell_incomplete(&w, name);
        if (s->list && !w.json)
            tell_notes(&w, name);
    }
    if (!ok)
        message_error(name, &err);
    else
        status = (!s->at && is_damaged(&w)) || is_incomplete(&w) ? STATUS_CORRUPT
                                                                     : STATUS_CLEAN;
    volume_items_free(&w.list);
    volumes_free(&w.volumes);
    for (int i = 0; i < N_LACKS; i++)
        guest_ranges_free(&w.range[i]);
    disk_close(w.disk);
    disk_files_close(&files);
    return finish(&out, status);
}

int cmd_files(const struct command *cmd, int argc, char **argv)
{
    struct settings s;
    struct volumes_helper *helper = NULL;
    struct buf name = BUF_INIT;
    struct error err;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if ((s.at != NULL) + s.list + (s.damaged || s.unmapped) > 1)
        return usage_error(cmd, "one of --damaged, --at and --list, please");
    if (s.layer && strcmp(s.layer, "all") == 0)
        return usage_error(cmd, "one layer at a time, please");
    if (one_image(cmd, &s, &name, &status)) {
        if (volumes_helper_start(&helper, &err)) {
            status = files_image(&s, buf_str(&name), helper);
        } else {
            message("", err.text);
            status = STATUS_FAILED;
        }
    }
    volumes_helper_end(helper);
    buf_free(&name);
    return status;
}
