/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck sum: SHA-256 of the guest's disk. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "cmd/disk_open.h"
#include "cmd/watch.h"
#include "disk/sum.h"

struct sum_work {
    struct disk *disk;
    struct sum_options opt;
    struct sum_result result;
    _Atomic uint64_t done;
    _Atomic bool cancel;
};

/* What a line names: the image, its layer if all are summed up. */
struct line { struct out *out; const char *name; struct disk_layer layer; bool all; };

static void print_sum(const struct line *l, const uint8_t *sum)
{
    char text[DIGEST_TEXT];

    digest_text(sum, text);
    out_printf(l->out, "%s  ", text);
    out_visible(l->out, l->name, strlen(l->name));
    if (l->all && l->layer.layer)
        out_printf(l->out, ".snapshot-%u", l->layer.layer);
    else if (l->all)
        out_puts(l->out, ".active");
}

static void print_range(void *ctx, uint64_t off, uint64_t len, const uint8_t *sum)
{
    const struct line *l = ctx;

    print_sum(l, sum);
    out_printf(l->out, " 0x%llx+0x%llx\n", (unsigned long long)off, (unsigned long long)len);
}

static bool run(void *arg, struct task_run *task, struct error *err)
{
    struct sum_work *w = arg;

    (void)task;
    return sum_disk(w->disk, &w->opt, &w->done, &w->cancel, &w->result, err);
}

static int sum_layer(const struct settings *s, const struct disk_files *f, struct line *line)
{
    struct sum_work w = { .opt = { .threads = s->threads,
                               .range = s->ranges ? print_range : NULL, .ctx = line } };
    struct watch watch = { .phase = "reading", .done = &w.done, .cancel = &w.cancel };
    struct error err;
    int status = STATUS_FAILED;

    if (!disk_files_disk(f, line->layer, &w.disk, &err)) {
        message_error(line->name, &err);
        return STATUS_FAILED;
    }
    watch.total = disk_size(w.disk);
    if (watch_run(s, &watch, run, &w, &err)) {
        print_sum(line, w.result.sum);
        out_puts(line->out, "\n");
        tell_lost(s, line->name, w.result.bytes);
        status = lost_status(w.result.bytes);
    } else {
        message_error(line->name, &err);
    }
    disk_close(w.disk);
    return status;
}

static int sum_image(const struct settings *s, const char *name, struct out *out)
{
    struct line line = { .out = out, .name = name,
                         .all = s->layer && strcmp(s->layer, "all") == 0 };
    struct disk_files files = DISK_FILES_INIT;
    struct error err;
    int status = STATUS_FAILED;

    if (!disk_files_open(s, name, false, &files, &err)) {
        message_error(name, &err);
        return STATUS_FAILED;
    }
    if (!line.all && !disk_files_layer(s, &files, &line.layer, &err)) {
        message_error(name, &err);
        goto out;
    }
    if (disk_layer_is_active(line.layer) &&
        !disk_files_look(s, name, &files, NULL, &err))
        message_error(name, &err);      /* the sum is that of the bytes all the same */
    if (!watch_stopped())
        status = sum_layer(s, &files, &line);
    while (line.all && line.layer.layer < files.img->snaps.n && !watch_stopped()) {
        line.layer.layer++;
        status = status_worst(status, sum_layer(s, &files, &line));
    }
out:
    disk_files_close(&files);
    return status;
}

int cmd_sum(const struct command *cmd, int argc, char **argv)
{
    return each_image_named(cmd, argc, argv, sum_image);
}
