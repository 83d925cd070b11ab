/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a scan tells of the disk before it is read. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/disk_open.h"
#include "cmd/watch.h"

struct disk_look {
    const struct settings *s;
    const char *name;
    struct disk_files *f;
    const struct problem_sink *sink;
    struct scan_progress *scanning;
    struct insight *insight;
};

static bool scan(void *arg, struct task_run *task, struct error *err)
{
    struct disk_look *l = arg;
    struct scan_options opt = { .threads = l->s->threads, .sink = l->sink,
                                .memory_limit = l->s->memory_limit };
    struct insight_options causes = { .name = l->name, .cancel = &l->scanning->cancel,
                                      .chain = l->s->backing ? &l->f->chain : NULL };
    struct scan_result *r;
    bool ok;

    (void)task;
    if (!scan_run(l->f->img, &opt, l->scanning, &r, err))
        return false;
    for (size_t i = 0; l->sink && i < r->problems.n; i++)
        l->sink->record(l->sink->ctx, &r->problems.list[i]);
    ok = insight_find(r, &causes, &l->insight, err);
    if (ok) {
        ok = gone_find(l->insight, &l->f->gone, err);
        l->f->lost = l->insight->verdict.lost;
        l->insight->verdict.lost = (struct guest_spans){ NULL, 0, 0, false };
        l->insight->scan = NULL;
    }
    scan_free(r);
    return ok;
}

static void tell(const struct disk_look *l)
{
    struct error err = { .code = ERR_FORMAT };
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < l->insight->n; i++) {
        const struct cause *c = &l->insight->list[i];

        if (c->weight != CAUSE_LOSES || (!cause_loses(c) && c->confidence != CONFIDENCE_POSSIBLE))
            continue;
        buf_reset(&text);
        if (cause_loses(c))
            cause_loss_text(c, &text);
        else
            buf_printf(&text, "%s (possible): what nothing maps may be lost data; qcheck check "
                       "tells more", cause_info(c->kind)->title);
        snprintf(err.text, sizeof err.text, "%s", buf_str(&text));
        message_error(l->name, &err);
    }
    buf_free(&text);
}

bool disk_files_look(const struct settings *s, const char *name, struct disk_files *f,
                     const struct problem_sink *sink, struct error *err)
{
    struct disk_look l = { .s = s, .name = name, .f = f, .sink = sink };
    struct watch watch = { .phase = "scanning", .total = 1000 };
    bool ok;

    l.scanning = calloc(1, sizeof *l.scanning);
    if (!l.scanning)
        return err_set(err, ERR_NOMEM, "out of memory");
    watch.done = &l.scanning->overall;
    watch.cancel = &l.scanning->cancel;
    ok = watch_run(s, &watch, scan, &l, err);
    if (ok)
        tell(&l);
    insight_free(l.insight);
    free(l.scanning);
    return ok;
}
