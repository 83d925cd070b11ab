/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/tenants.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "base/text.h"
#include "insight/gone.h"
#include "scan/scan.h"

#define SECTOR      512u        /* the unit in which owners are asked for */
#define REST_MS     200u        /* the cursor rests so long before that, or as long ... */
#define REST_MS_MAX 5000u       /* ... as the last question took, but no longer than this */
#define NAP_MS      10

void tenants_init(struct tenants *t, struct volumes_helper *helper)
{
    *t = (struct tenants){ .helper = helper, .owner_at = NO_ADDRESS, .wish = NO_ADDRESS };
}

static void lack_free(struct guest_ranges lack[N_LACKS])
{
    for (int i = 0; i < N_LACKS; i++)
        guest_ranges_free(&lack[i]);
}

static void job_free(struct tenants_job *job)
{
    volumes_free(&job->volumes);
    volume_items_free(&job->items);
    lack_free(job->lack);
}

/* What the disk lacks goes from here to a question, and back. */
static void lack_move(struct guest_ranges to[N_LACKS], bool *to_known,
                      struct guest_ranges from[N_LACKS], bool *from_known)
{
    lack_free(to);
    memcpy(to, from, N_LACKS * sizeof *to);
    memset(from, 0, N_LACKS * sizeof *from);
    guest_ranges_free(&to[LACK_ASKED]);
    *to_known = *from_known;
    *from_known = false;
}

static void drop_known(struct tenants *t)
{
    volumes_free(&t->volumes);
    volume_items_free(&t->items);
    t->volumes_state = t->losses_state = TENANTS_UNKNOWN;
    lack_free(t->lack);
    t->lack_known = false;
    t->owner_at = NO_ADDRESS;
    t->age++;
}

void tenants_free(struct tenants *t)
{
    if (t->task) {
        task_cancel(t->task);
        task_finish(t->task, NULL);
        job_free(&t->job);
    }
    t->task = NULL;
    drop_known(t);
}

void tenants_forget(struct tenants *t, uint32_t layer)
{
    if (t->task) {
        t->stale = t->forgotten = true;
        task_cancel(t->task);
    }
    drop_known(t);
    t->layer = layer;
}

int tenants_fd(const struct tenants *t)
{
    return t->task ? task_fd(t->task) : -1;
}

/* --- on the thread --- */

static bool find_lost(struct tenants_job *job, struct disk *d, struct error *err)
{
    const struct problems *p = &job->scan->problems;
    const struct guest_spans *told = job->insight && job->layer == LAYER_ACTIVE
                                   ? &job->insight->verdict.lost : NULL;

    for (size_t i = 0; i < p->n; i++)
        if (!volumes_add_problem(&job->lack[LACK_DOUBTFUL], &p->list[i], &job->img->geo,
                                 job->layer, err))
            return false;
    for (size_t i = 0; told && i < told->n; i++)
        if (!volumes_add_told(d, told->list[i].start, told->list[i].end, &job->lack[LACK_LOST],
                              &job->lack[LACK_DOUBTFUL], err))
            return false;
    job->lack_known = volumes_lacking(d, &job->lack[LACK_LOST], NULL, job->cancel, err) &&
                      guest_ranges_subtract(&job->lack[LACK_DOUBTFUL], &job->lack[LACK_LOST], err);
    return job->lack_known;
}

/* To find what is lost all tables are read: for an owner only where something may be. */
static bool wants_lost(const struct tenants_job *job)
{
    return job->asks == ASKS_LOSSES ||
           (job->asks == ASKS_OWNER && !job->lack_known && job->scan->problems.n);
}

static bool keep(void *ctx, const struct volume_item *item)
{
    struct tenants_job *job = ctx;

    job->no_memory = job->no_memory || !volume_items_add(&job->items, item);
    return !job->no_memory;
}

static bool ask(struct tenants_job *job, struct disk *d, struct error *err)
{
    static const enum volumes_want want[] = {
        [ASKS_VOLUMES] = VOLUMES_ONLY, [ASKS_LOSSES] = VOLUMES_LACKING,
        [ASKS_OWNER] = VOLUMES_ASKED,
    };
    struct volumes_query q = { .want = want[job->asks], .item = keep, .ctx = job,
                               .cancel = job->cancel, .permille = &job->permille };
    bool ok = job->asks != ASKS_OWNER ||
              guest_ranges_add(&job->lack[LACK_ASKED], job->at, 1, err);

    for (int i = 0; i < N_LACKS; i++)
        q.lack[i] = &job->lack[i];
    ok = ok && volumes_run(job->helper, d, &q, &job->volumes, err);
    if (ok && job->no_memory)
        return err_set(err, ERR_NOMEM, "out of memory");
    return ok;
}

static bool work(void *arg, struct task_run *run, struct error *err)
{
    struct tenants_job *job = arg;
    const struct timespec nap = { 0, NAP_MS * 1000000 };
    struct gone gone = GONE_INIT;
    struct disk *d;
    bool ok;

    job->cancel = &run->cancel;
    for (unsigned ms = 0; ms < job->rest_ms && !run->cancel; ms += NAP_MS)
        nanosleep(&nap, NULL);
    if (run->cancel)
        return err_set(err, ERR_CANCELLED, "stopped");
    if (wants_lost(job) && job->layer == LAYER_ACTIVE && job->insight &&
        !gone_find(job->insight, &gone, err))
        return false;
    job->opt.gone = gone.list;
    job->opt.n_gone = gone.n;
    ok = disk_open(job->img, (struct disk_layer){ job->layer, false }, &job->opt, &d, err);
    if (ok) {
        ok = (!wants_lost(job) || find_lost(job, d, err)) && ask(job, d, err);
        disk_close(d);
    }
    gone_free(&gone);
    return ok;
}

/* --- on the thread of the inspector --- */

static unsigned now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned)t.tv_sec * 1000u + (unsigned)(t.tv_nsec / 1000000);
}

static void take_volumes(struct tenants *t)
{
    volumes_free(&t->volumes);
    t->volumes = t->job.volumes;
    t->job.volumes = (struct volumes){ NULL, 0 };
    t->volumes_state = TENANTS_KNOWN;
}

static void take_losses(struct tenants *t)
{
    take_volumes(t);
    volume_items_free(&t->items);
    t->items = t->job.items;
    t->job.items = (struct volume_items)VOLUME_ITEMS_INIT;
    volume_items_sort(&t->items);
    t->losses_state = TENANTS_KNOWN;
}

static void take_owner(struct tenants *t)
{
    struct buf text = BUF_INIT;

    t->owner_at = t->job.at;
    t->took_ms = now_ms() - t->asked_ms;
    t->owner[0] = '\0';
    if (t->job.items.n)
        volume_item_what(&t->job.volumes, &t->job.items.item[0], &text);
    if (text.len && text.len < sizeof t->owner)
        snprintf(t->owner, sizeof t->owner, "%s", buf_str(&text));
    buf_free(&text);
}

/* Waits for the end of the task and takes its outcome. */
static void take(struct tenants *t)
{
    struct error err;
    bool ok = task_finish(t->task, &err);
    bool wanted = !t->stale;

    t->task = NULL;
    if (!t->forgotten && t->job.lack_known)
        lack_move(t->lack, &t->lack_known, t->job.lack, &t->job.lack_known);
    t->stale = t->forgotten = false;
    if (wanted && t->job.asks == ASKS_OWNER) {
        if (!ok)
            volume_items_free(&t->job.items);
        if (ok || err.code != ERR_CANCELLED)
            take_owner(t);
    } else if (wanted && ok) {
        if (t->job.asks == ASKS_LOSSES)
            take_losses(t);
        else
            take_volumes(t);
    } else if (wanted) {
        t->error = err;
        if (t->job.asks == ASKS_VOLUMES)
            t->volumes_state = TENANTS_FAILED;
        t->losses_state = TENANTS_FAILED;
    }
    t->age++;
    job_free(&t->job);
}

static void begin(struct tenants *t, const struct tenants_wish *wish, enum tenants_asks asks)
{
    t->job = (struct tenants_job){
        .asks = asks, .helper = t->helper, .img = wish->img, .scan = wish->scan,
        .insight = wish->insight, .opt = wish->opt, .layer = t->layer, .at = t->wish,
        .rest_ms = asks != ASKS_OWNER ? 0
                 : t->took_ms < REST_MS ? REST_MS
                 : t->took_ms > REST_MS_MAX ? REST_MS_MAX : t->took_ms,
    };
    if (asks == ASKS_OWNER && t->lack_known)
        lack_move(t->job.lack, &t->job.lack_known, t->lack, &t->lack_known);
    t->stale = t->forgotten = false;
    if (!task_start(work, &t->job, &t->task, &t->error)) {
        t->task = NULL;
        t->volumes_state = t->losses_state = TENANTS_FAILED;
        return;
    }
    if (asks == ASKS_OWNER)
        t->asked_ms = now_ms() + t->job.rest_ms;
    else if (asks == ASKS_VOLUMES)
        t->volumes_state = TENANTS_LOOKING;
    else
        t->losses_state = TENANTS_LOOKING;
}

/* Can somebody be named who has this byte? */
static bool has_files(const struct tenants *t, uint64_t guest_off)
{
    static const char *const known[] = { "ext2", "ext3", "ext4", "ntfs", "vfat", "exfat" };
    uint64_t off;
    const struct volume *v;

    if (t->volumes_state != TENANTS_KNOWN || !t->volumes.n || guest_off == NO_ADDRESS)
        return false;
    v = &t->volumes.list[volumes_find(&t->volumes, guest_off, &off)];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(v->type, known[i]) == 0)
            return true;
    return false;
}

void tenants_poll(struct tenants *t, const struct tenants_wish *wish)
{
    t->wish = wish->guest_off == NO_ADDRESS ? NO_ADDRESS : wish->guest_off & ~(uint64_t)(SECTOR - 1);
    if (t->task && task_ended(t->task))
        take(t);
    if (t->task) {
        if (t->job.asks == ASKS_OWNER && t->job.at != t->wish) {
            t->stale = true;
            task_cancel(t->task);
        }
        return;
    }
    if (!t->helper || !wish->scan)
        return;
    if (t->volumes_state == TENANTS_UNKNOWN)
        begin(t, wish, ASKS_VOLUMES);
    else if (t->volumes_state == TENANTS_KNOWN && wish->losses &&
             t->losses_state == TENANTS_UNKNOWN)
        begin(t, wish, ASKS_LOSSES);
    else if (t->owner_at != t->wish && has_files(t, t->wish))
        begin(t, wish, ASKS_OWNER);
}

void tenants_stop(struct tenants *t)
{
    if (t->task && t->job.asks != ASKS_OWNER)
        task_cancel(t->task);
}

static void put(struct buf *out, const char *before, const char *untrusted)
{
    if (!*untrusted)
        return;
    buf_puts(out, before);
    text_visible(out, untrusted, strlen(untrusted));
}

void tenants_text(const struct tenants *t, uint64_t guest_off, int level, struct buf *out)
{
    const struct volume *v;
    uint64_t off;
    bool owned = t->owner_at != NO_ADDRESS && *t->owner &&
                 t->owner_at == (guest_off & ~(uint64_t)(SECTOR - 1));

    if (t->volumes_state != TENANTS_KNOWN || !t->volumes.n)
        return;
    v = &t->volumes.list[volumes_find(&t->volumes, guest_off, &off)];
    if (!*v->type && !owned && t->volumes.n < 2)
        return;
    put(out, "", v->name);
    if (level < 2)
        put(out, " ", v->type);
    if (level < 1)
        put(out, " ", v->label);
    if (owned)
        buf_printf(out, ": %s", t->owner);
}
