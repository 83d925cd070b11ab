/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* L2 tables, and pages of them, that are zeros beside clusters that nobody owns. */
#include "config.h"

#include <stdio.h>

#include "base/text.h"
#include "insight/cause_wiped.h"

#define NEARLY_LEAKS_MIN    64      /* leaks beside a table that is not all zeros */

static size_t used_in_page(const struct work *w, size_t page)
{
    size_t step = w->geo->l2_entry_size, n = 0;

    for (size_t at = page * PAGE; at < (page + 1) * PAGE; at += step)
        n += be64(w->scratch + at) != 0;
    return n * 100 / (PAGE / step);
}

static void look_at_pages(struct work *w, const struct l2_table *t, struct wiped *z)
{
    size_t pages = (size_t)(w->geo->cluster_size / PAGE), per = PAGE / w->geo->l2_entry_size;

    for (size_t k = 0; k < pages; k++) {
        struct place place;

        if (used_in_page(w, k))
            continue;
        if ((k > 0 && used_in_page(w, k - 1) < 90) ||
            (k + 1 < pages && used_in_page(w, k + 1) < 90) || pages < 2)
            continue;
        place = work_l2_place(w, t, k * per);
        if (z->pages < EVIDENCE_MAX)
            z->page[z->pages] = place;
        z->pages++;
        spans_add(&z->lost_pages, place.guest_off, per * w->geo->cluster_size, w->geo->size);
    }
}

/* Is a table with that many entries in use as good as empty, beside so many leaks? */
static bool nearly_wiped(const struct work *w, uint64_t used)
{
    uint64_t mapped = w->scan->stats.active.normal + w->scan->stats.active.compressed;

    return used * 64 <= w->geo->l2_entries && w->leaked.clusters >= NEARLY_LEAKS_MIN &&
           w->leaked.clusters >= 8 * used && w->leaked.clusters * 4 >= mapped;
}

static uint64_t entries_in_use(const struct work *w)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < w->geo->l2_entries; i++)
        n += be64(w->scratch + i * w->geo->l2_entry_size) != 0;
    return n;
}

/* Those that a few entries left in a table lie among. */
static bool leaked_beside_entries(const struct work *w)
{
    for (uint64_t i = 0; i < w->geo->l2_entries; i++) {
        struct l2_entry e;
        uint64_t cl;

        l2_decode(w->geo, w->scratch + i * w->geo->l2_entry_size, &e);
        cl = e.host_off >> w->geo->cluster_bits;
        if (e.type == L2_UNALLOCATED || !cl)
            continue;
        for (uint64_t k = cl - 1; k <= cl + 1; k += 2) {
            struct map_cell cell;

            work_cell(w, k, &cell);
            if (cell.cls == CLASS_LEAKED)
                return true;
        }
    }
    return false;
}

static bool leaked_after(const struct work *w, const struct l2_table *t)
{
    struct map_cell cell;

    work_cell(w, (t->off >> w->geo->cluster_bits) + 1, &cell);
    return cell.cls == CLASS_LEAKED;
}

/* `nearly`: tables with a few entries left count as well. False: no more may be read. */
static bool look_at_table(struct work *w, const struct l2_table *t, bool nearly, struct wiped *z)
{
    const struct place place = { .kind = PLACE_L2, .file_off = t->off };
    const struct bad_table *bad = work_bad_of(w, &place);
    size_t len = (size_t)w->geo->cluster_size;
    uint64_t used;

    if (t->off + len > w->geo->file_size || (bad && bad->astray))
        return true;
    if (!work_reads(w, len))
        return false;
    if (!source_read(w->img->src, t->off, w->scratch, len, NULL))
        return true;
    used = entries_in_use(w);
    if (used && (!nearly || !t->n_active || !nearly_wiped(w, used)
                 || !(leaked_after(w, t) || leaked_beside_entries(w)))) {
        if (t->n_active)
            look_at_pages(w, t, z);
        return true;
    }
    z->entries += used;
    z->beside |= leaked_after(w, t);
    if (z->tables < EVIDENCE_MAX)
        z->table[z->tables] = t;
    z->tables++;
    z->of_snapshots += !t->n_active;
    if (t->n_active)
        spans_add(&z->lost_tables, geo_guest_off(w->geo, t->l1_index, 0), w->geo->l2_span,
                  w->geo->size);
    return true;
}

/* Where there are more tables than may be read, those come first that a leaked cluster follows,
 * as their data do in most images. */
static void look_for_zeros(struct work *w, bool nearly, struct wiped *z)
{
    size_t len = (size_t)w->geo->cluster_size;
    bool all = w->opt->deep || w->scan->n_l2 <= w->bytes_left / len, more = true;

    for (int round = all ? 1 : 0; more && round < 2; round++)
        for (size_t i = 0; more && i < w->scan->n_l2; i++) {
            const struct l2_table *t = &w->scan->l2[i];

            if (all || leaked_after(w, t) == (round == 0))
                more = look_at_table(w, t, nearly, z);
        }
    spans_settle(&z->lost_tables);
    spans_settle(&z->lost_pages);
}

void wiped_free(struct wiped *z)
{
    spans_free(&z->lost_tables);
    spans_free(&z->lost_pages);
    *z = (struct wiped){ 0 };
}

uint64_t wiped_room(const struct work *w, const struct wiped *z)
{
    return z->tables * w->geo->l2_entries;
}

static uint64_t foreign_tables(const struct work *w)
{
    uint64_t n = 0;

    for (size_t i = 0; i < w->n_bad; i++)
        n += w->bad[i].foreign;
    return n;
}

/* Are the orphans the last clusters that were allocated, but for as many? Then the tables may never
 * have been filled: QEMU writes them after the data, and was killed. */
static bool at_the_end(const struct work *w)
{
    uint64_t used = w->scan->stats.highest_used;
    uint64_t first = w->leaked.n ? w->leaked.list[0].cluster : 0;

    return w->leaked.n && used >= first && used - first <= 2 * w->leaked.clusters;
}

static void wiped(struct work *w, const struct wiped *z)
{
    uint64_t fit = wiped_room(w, z) + foreign_tables(w) * w->geo->l2_entries;
    uint64_t leaks = work_orphans(w);
    bool zeros = w->leaked.data * 2 < w->leaked.n;  /* what is leaked was wiped too */
    bool likely = (leaks >= 16 || z->beside) && !z->entries && !zeros;
    struct cause *c;
    char a[TEXT_NUM], b[TEXT_NUM], left[40] = "";
    struct buf where = BUF_INIT;

    /* Zeros alone are a discard of everything; then there are no leaks. */
    if (!z->tables || leaks < (z->of_snapshots ? 1 : 2) || leaks > fit || (zeros && z->entries)) {
        w->beside += z->tables && leaks <= fit && !zeros ? leaks : 0;
        return;
    }
    leaks = u64_min(leaks, wiped_room(w, z));          /* the rest is of overwritten tables */
    c = cause_add(w, CAUSE_OF_L2_WIPED, likely ? CONFIDENCE_LIKELY : CONFIDENCE_POSSIBLE);
    for (size_t i = 0; i < z->tables && i < EVIDENCE_MAX; i++) {
        struct place place = work_l1_place(w, z->table[i]);

        cause_evidence(c, &place, "the L2 table at 0x%llx is all zeros%s",
                       (unsigned long long)z->table[i]->off,
                       z->entries ? ", or nearly" : "");
    }
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED, PROBLEM_REFCOUNT_HIGH);
    if (c)
        spans_add_all(likely ? &c->lost : &c->risk, &z->lost_tables);
    if (z->entries)
        snprintf(left, sizeof left, " but for %llu %s", (unsigned long long)z->entries,
                 z->entries == 1 ? "entry" : "entries");
    if (z->of_snapshots < z->tables)
        buf_printf(&where, "of %s of the guest disk", text_size(b, spans_bytes(&z->lost_tables)));
    if (z->of_snapshots)
        buf_printf(&where, "%sof snapshots", where.len ? ", or " : "");
    cause_text(w, c, "%llu L2 table%s wiped%s: %s%s, and %s clusters %s fit in the range %s that "
               "%s mapped.",
               (unsigned long long)z->tables, z->tables == 1 ? " was" : "s were",
               at_the_end(w) ? ", or never written because the program was killed" : "",
               z->tables == 1 ? "it is all zeros" : "they are all zeros", left,
               text_group(a, leaks), leaks > w->leaked.clusters
               ? "that nobody has, or snapshots alone," : "without an owner",
               buf_str(&where), z->tables == 1 ? "it" : "they");
    buf_free(&where);
    cause_step(w, c, STEP_HANDS_OFF);
    cause_step(w, c, STEP_KEEP_LEAKS);
    cause_step(w, c, STEP_OLDER_COPY);
    if (z->of_snapshots < z->tables)
        cause_step_plan(w, c, "rescue");
}

static void zeroed_pages(struct work *w, const struct wiped *z)
{
    struct cause *c;
    char a[TEXT_NUM], b[TEXT_NUM];

    if (!z->pages || work_orphans(w) < 8)
        return;
    c = cause_add(w, CAUSE_OF_L2_PAGES, CONFIDENCE_LIKELY);
    for (size_t i = 0; i < z->pages && i < EVIDENCE_MAX; i++)
        cause_evidence(c, &z->page[i], "4 KiB of zeros amid entries in use");
    CLAIM(w, c, NULL, NULL, CLAIM_ONLY, PROBLEM_LEAKED, PROBLEM_REFCOUNT_HIGH);
    if (c)
        spans_add_all(&c->lost, &z->lost_pages);
    cause_text(w, c, "%llu page%s of 4 KiB of L2 tables %s zeros amid entries in use, as after "
               "a power cut; %s clusters without an owner are the data of %s of the guest "
               "disk.", (unsigned long long)z->pages, z->pages == 1 ? "" : "s",
               z->pages == 1 ? "is" : "are", text_group(a, work_orphans(w)),
               text_size(b, spans_bytes(&z->lost_pages)));
    cause_step(w, c, STEP_HANDS_OFF);
    cause_step(w, c, STEP_KEEP_LEAKS);
    cause_step(w, c, STEP_OLDER_COPY);
    cause_step_plan(w, c, "rescue");
}

void wiped_look(struct work *w, struct wiped *out)
{
    *out = (struct wiped){ 0 };
    if (!work_orphans(w))
        return;
    look_for_zeros(w, false, out);
    if (work_orphans(w) > wiped_room(w, out) + foreign_tables(w) * w->geo->l2_entries) {
        wiped_free(out);
        look_for_zeros(w, true, out);
    }
}

void wiped_tell(struct work *w, const struct wiped *z)
{
    wiped(w, z);
    zeroed_pages(w, z);
}
