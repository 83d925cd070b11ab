/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The process that reads file systems: one job, from the first byte to the last. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bisect.h"
#include "base/num.h"
#include "base/sandbox.h"
#include "volumes/fs_work.h"

#define CPU_SECONDS_MAX 300
#define MEMORY_MAX      (UINT64_C(2) << 30)     /* of address space */

/* --- saying what was found --- */

void fs_note(struct volume *v, const char *format, ...)
{
    size_t len = strlen(v->note);
    va_list args;

    if (len + 2 < sizeof v->note && len)
        len += (size_t)snprintf(v->note + len, sizeof v->note - len, "; ");
    va_start(args, format);
    if (len < sizeof v->note)
        vsnprintf(v->note + len, sizeof v->note - len, format, args);
    va_end(args);
}

static void fs_send_volume(struct fs_work *w, uint32_t index)
{
    struct wire_volume msg;

    memset(&msg, 0, sizeof msg);
    msg.index = index;
    msg.v = w->vol[index];
    msg.v.extents = NULL;
    fs_say(w, WIRE_VOLUME, &msg, sizeof msg, w->vol[index].extents,
        w->vol[index].n_extents * sizeof *w->vol[index].extents);
}

void fs_send_item(struct fs_work *w, struct volume_item *item, const struct touch *t,
                  const char *path, size_t len)
{
    static struct wire_places msg;

    for (uint32_t i = t->first_place; i < t->end_place; i++) {
        if (w->place[i].touch == t->id)
            msg.at[msg.n++] = w->place[i].at;
        if (msg.n == WIRE_PLACES_MAX || (i + 1 == t->end_place && msg.n)) {
            fs_say(w, WIRE_PLACES, msg.at, msg.n * sizeof *msg.at, NULL, 0);
            msg.n = 0;
        }
    }
    fs_say(w, WIRE_ITEM, item, sizeof *item, path, len);
}

void fs_send_part(struct fs *fs, enum volume_item_kind kind, const struct touch *t,
                  uint64_t id, uint64_t count)
{
    struct volume_item item = { .volume = fs->index, .kind = kind, .id = id, .count = count,
        .size = NO_ADDRESS, .first = t->first, .file_off = NO_ADDRESS };

    if (!fs_wants(fs->w, t))
        return;
    memcpy(item.lack, t->bytes, sizeof item.lack);
    fs_send_item(fs->w, &item, t, "", 0);
}

void fs_progress(const struct fs *fs, uint64_t done, uint64_t total)
{
    double part = total ? (double)done / (double)total : 1;
    uint64_t permille = (uint64_t)(((double)fs->part + part) * 1000 / fs->parts);

    fs_say(fs->w, WIRE_PROGRESS, &permille, sizeof permille, NULL, 0);
    fs_flush(fs->w);
}

/* --- ranges --- */

/* The first range that ends past `off`. */
static size_t first_past(const struct guest_ranges *r, uint64_t off)
{
    size_t low;

    BISECT(low, r->n, mid, r->list[mid].end > off);
    return low;
}

static uint64_t overlap(const struct guest_ranges *r, uint64_t off, uint64_t len,
                        uint64_t *first)
{
    uint64_t end = off + len < off ? UINT64_MAX : off + len, bytes = 0;

    for (size_t i = first_past(r, off); i < r->n && r->list[i].off < end; i++) {
        uint64_t start = u64_max(r->list[i].off, off);

        *first = u64_min(*first, start);
        bytes += u64_min(r->list[i].end, end) - start;
    }
    return bytes;
}

uint64_t fs_lacking(const struct fs *fs, enum volume_lack lack, uint64_t off, uint64_t len)
{
    uint64_t first = NO_ADDRESS;

    return overlap(&fs->lack[lack], off, len, &first);
}

bool fs_lacks_any(const struct fs *fs, uint64_t off, uint64_t len)
{
    for (int i = 0; i < N_LACKS; i++)
        if (fs_lacking(fs, (enum volume_lack)i, off, len))
            return true;
    return false;
}

static uint64_t guest_of(const struct volume *v, uint64_t off)
{
    for (uint32_t i = 0; i < v->n_extents; i++)
        if (off >= v->extents[i].off && off - v->extents[i].off < v->extents[i].len)
            return v->extents[i].guest_off + (off - v->extents[i].off);
    return NO_ADDRESS;
}

static void add_place(struct fs_work *w, struct touch *t, uint64_t guest_off, uint64_t len)
{
    if (w->n_places == w->places_cap) {
        uint32_t cap = w->places_cap ? 2 * w->places_cap : 1024;
        struct fs_place *list = cap > FS_PLACES_MAX ? NULL
                                                    : realloc(w->place, cap * sizeof *list);

        if (!list)
            return;
        w->place = list;
        w->places_cap = cap;
    }
    if (!t->id) {
        t->id = ++w->n_touches;
        t->first_place = w->n_places;
    }
    w->place[w->n_places++] = (struct fs_place){ { guest_off, guest_off + len }, t->id };
    t->end_place = w->n_places;
}

/* Keeps where on the disk [off, off + len) of the volume is lost. */
static void add_places(struct fs *fs, struct touch *t, uint64_t off, uint64_t len)
{
    const struct guest_ranges *r = &fs->lack[LACK_LOST];
    uint64_t end = off + len < off ? UINT64_MAX : off + len;

    for (size_t i = first_past(r, off); i < r->n && r->list[i].off < end; i++) {
        for (uint32_t k = 0; k < fs->v->n_extents; k++) {
            const struct volume_extent *e = &fs->v->extents[k];
            uint64_t start = u64_max(u64_max(r->list[i].off, off), e->off);
            uint64_t stop = u64_min(u64_min(r->list[i].end, end), e->off + e->len);

            if (start < stop)
                add_place(fs->w, t, e->guest_off + (start - e->off), stop - start);
        }
    }
}

void touch_add(struct fs *fs, struct touch *t, uint64_t off, uint64_t len, uint64_t file_off)
{
    for (int i = 0; i < N_LACKS; i++) {
        uint64_t first = NO_ADDRESS, bytes = overlap(&fs->lack[i], off, len, &first);

        if (!bytes)
            continue;
        t->bytes[i] += bytes;
        if (i == LACK_LOST && fs->w->want_places)
            add_places(fs, t, off, len);
        fs->known[i] += bytes;
        if (t->first == NO_ADDRESS || i == LACK_ASKED) {
            t->first = guest_of(fs->v, first);
            t->file_off = file_off == NO_ADDRESS ? NO_ADDRESS : file_off + (first - off);
        }
    }
}

void touch_add_spare(struct fs *fs, struct touch *t, uint64_t off, uint64_t len,
                     uint64_t file_off)
{
    const uint64_t unmapped = t->bytes[LACK_UNMAPPED];
    struct touch before = *t;

    touch_add(fs, t, off, len, file_off);
    t->bytes[LACK_UNMAPPED] = unmapped;
    if (memcmp(t->bytes, before.bytes, sizeof t->bytes) == 0) {
        t->first = before.first;
        t->file_off = before.file_off;
    }
}

/* The ranges of the disk as ranges of a volume. */
static void ranges_in(struct fs_work *w, const struct volume *v, enum volume_lack lack,
                      struct guest_ranges *out)
{
    const struct guest_ranges *r = &w->lack[lack];

    for (uint32_t k = 0; k < v->n_extents; k++) {
        const struct volume_extent *e = &v->extents[k];

        for (size_t i = first_past(r, e->guest_off);
             i < r->n && r->list[i].off < e->guest_off + e->len; i++) {
            uint64_t start = u64_max(r->list[i].off, e->guest_off);
            uint64_t end = u64_min(r->list[i].end, e->guest_off + e->len);

            guest_ranges_add(out, e->off + (start - e->guest_off), end - start, NULL);
        }
    }
    guest_ranges_sort(out);
}

/* --- volumes --- */

static void sum_lacks(struct fs_work *w)
{
    for (uint32_t i = 0; i < w->n_vol; i++) {
        for (int k = 0; k < N_LACKS; k++) {
            struct guest_ranges r = GUEST_RANGES_INIT;

            ranges_in(w, &w->vol[i], (enum volume_lack)k, &r);
            w->vol[i].lack[k] = r.bytes;
            guest_ranges_free(&r);
        }
    }
}

static bool has_children(const struct fs_work *w, uint32_t index)
{
    for (uint32_t i = index + 1; i < w->n_vol; i++)
        if (w->vol[i].parent == index)
            return true;
    return false;
}

static bool is_ext(const char *type)
{
    return strncmp(type, "ext", 3) == 0 && strlen(type) == 4;
}

/* What the owners that were found leave over belongs to the volume itself. */
static void send_rest(struct fs *fs)
{
    struct touch rest = TOUCH_INIT;
    enum volume_item_kind kind = fs->v->looked_into ? ITEM_UNKNOWN
                               : fs->index ? ITEM_VOLUME : ITEM_OUTSIDE;

    for (int i = 0; i < N_LACKS; i++) {
        uint64_t all = fs->lack[i].bytes;

        rest.bytes[i] = all > fs->known[i] ? all - fs->known[i] : 0;
        if (rest.bytes[i] && fs->lack[i].n && !fs->known[i] && rest.first == NO_ADDRESS)
            rest.first = guest_of(fs->v, fs->lack[i].list[0].off);
    }
    fs_send_part(fs, kind, &rest, 0, 0);
}

/* Bytes of what lies within count as known. */
static void know_children(struct fs *fs)
{
    for (uint32_t i = fs->index + 1; i < fs->w->n_vol; i++)
        for (int k = 0; k < N_LACKS; k++)
            if (fs->w->vol[i].parent == fs->index)
                fs->known[k] += fs->w->vol[i].lack[k];
}

/* Is the library there? If not, a note says so. */
static bool have(struct fs *fs, bool (*load)(struct error *err))
{
    struct error err;
    bool ok = load(&err);

    if (!ok)
        fs_note(fs->v, "%s", err.text);
    return ok;
}

static void look_into(struct fs_work *w, uint32_t index)
{
    struct fs fs = { .w = w, .index = index, .v = &w->vol[index], .part = index,
                     .parts = w->n_vol };

    for (int k = 0; k < N_LACKS; k++)
        ranges_in(w, fs.v, (enum volume_lack)k, &fs.lack[k]);
    if (has_children(w, index))
        know_children(&fs);
    else if (is_ext(fs.v->type))
        fs.v->looked_into = have(&fs, fs_ext_load) && fs_ext(&fs);
    else if (strcmp(fs.v->type, "ntfs") == 0)
        fs.v->looked_into = have(&fs, fs_ntfs_load) && fs_ntfs(&fs);
    else if (strcmp(fs.v->type, "vfat") == 0 || strcmp(fs.v->type, "exfat") == 0)
        fs.v->looked_into = fs_fat(&fs, have(&fs, fs_fat_load));
    else if (strcmp(fs.v->type, "xfs") == 0 || strcmp(fs.v->type, "btrfs") == 0)
        fs_note(fs.v, "files of %s are not listed: no library that is kept reads them",
                fs.v->type);
    send_rest(&fs);
    fs_send_volume(w, index);
    for (int k = 0; k < N_LACKS; k++)
        guest_ranges_free(&fs.lack[k]);
}

/* --- the beginning --- */

static void limit(int what, uint64_t value)
{
    struct rlimit l = { (rlim_t)value, (rlim_t)value };

    setrlimit(what, &l);
}

static void lock_in(struct fs_work *w)
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, CPU_SECONDS_MAX);
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
    limit(RLIMIT_AS, MEMORY_MAX);
#endif
    w->memfd = memfd_create("disk", MFD_CLOEXEC);
    sandbox_enter_libraries(NULL);
}

static void take_job(struct fs_work *w)
{
    struct wire_job job;

    if (!wire_receive(w->fd, &job, sizeof job))
        _exit(1);
    w->size = job.size;
    w->want = (enum volumes_want)job.want;
    w->want_places = job.want_places;
    for (int i = 0; i < N_LACKS; i++) {
        struct guest_ranges *r = &w->lack[i];

        r->n = (size_t)job.n_ranges[i];
        r->list = malloc(r->n * sizeof *r->list + 1);
        if (!r->list || !wire_receive(w->fd, r->list, r->n * sizeof *r->list))
            _exit(1);
    }
}

void fs_libraries_load(void)
{
    (void)fs_probe_load(NULL);
    (void)fs_ext_load(NULL);
    (void)fs_ntfs_load(NULL);
    (void)fs_fat_load(NULL);
}

_Noreturn void fs_main(int fd)
{
    static struct fs_work w;
    struct error err;

    w.fd = fd;
    for (size_t i = 0; i < FS_SLOTS; i++)
        w.slot[i].off = NO_ADDRESS;
    lock_in(&w);
    take_job(&w);
    w.vol = calloc(VOLUMES_MAX, sizeof *w.vol);
    if (!w.vol)
        _exit(1);
    if (!fs_probe_load(&err)) {
        fs_say(&w, WIRE_FAILED, err.text, strlen(err.text), NULL, 0);
        fs_flush(&w);
        _exit(1);
    }
    fs_probe(&w);
    fs_lvm(&w);
    sum_lacks(&w);
    for (uint32_t i = 0; i < w.n_vol; i++)
        fs_send_volume(&w, i);
    for (uint32_t i = 0; i < w.n_vol; i++)
        look_into(&w, i);
    fs_say(&w, WIRE_END, NULL, 0, NULL, 0);
    fs_flush(&w);
    _exit(0);
}
