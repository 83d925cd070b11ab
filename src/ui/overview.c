/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/overview.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "inspect/preallocation.h"
#include "picture/tiles.h"

/* --- the verdict --- */

static unsigned verdict_role(const struct ui *ui)
{
    const struct scan_result *r = ui->scan;

    if (r->partial || (ui->insight && ui->insight->verdict.data_lost == ANSWER_YES))
        return ROLE_ALARM;
    for (int s = SEV_CORRUPTION; s <= SEV_WARNING; s++)
        if (problems_of_severity(&r->problems, (enum severity)s))
            return ROLE_SEV + (unsigned)s;
    return ROLE_GOOD;
}

static unsigned verdict(const struct ui *ui, struct buf *out)
{
    const struct scan_progress *p = ui->progress;
    const struct refusal *refused = ui->scan ? &ui->scan->refused : &ui->img->refused;
    unsigned role = ROLE_STRONG;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    if (ui->scan) {
        if (ui->insight)
            buf_puts(out, ui->insight->verdict.text);
        else
            buf_puts(out, "Memory ran out before a verdict.");
        role = verdict_role(ui);
    } else if (p) {
        uint64_t total = atomic_load(&p->total);

        buf_printf(out, "Scanning: %s",
                   scan_phase_name((enum scan_phase)atomic_load(&p->phase)));
        if (total > 1)
            buf_printf(out, ", %s of %s", text_group(a, atomic_load(&p->done)),
                       text_group(b, total));
        buf_puts(out, ". Esc stops and keeps what was found.");
    } else {
        buf_puts(out, "There is no scan, so nothing can be said about problems.");
        role = ROLE_ALARM;
    }
    if (refused->id) {
        buf_printf(out, " QEMU refuses to %s this image (%s): %s.",
                   refused->at_check ? "check" : "open", refused->id, refused->text);
        if (role == ROLE_GOOD)
            role = ROLE_SEV + SEV_WARNING;
    }
    return role;
}

/* --- problems --- */

static void add_kind(struct overview *o, uint64_t left, enum problem_kind k)
{
    const struct problem_info *info = problem_info(k);
    char n[TEXT_NUM];
    struct overview_line *line =
        overview_add(o, SECTION_PROBLEMS, LOOK_KIND, text_group(n, left));

    line->role = (uint8_t)(ROLE_SEV + info->severity);
    snprintf(line->text, sizeof line->text, "%s", info->title);
    line->link = LINK_KIND;
    line->which = (int)k;
}

/* The ranges themselves where they are few, else from where to where they lie. */
static void say_lost(const struct guest_spans *s, struct buf *out)
{
    char n[TEXT_NUM];

    buf_printf(out, "%s lost or not to be trusted", text_size(n, spans_bytes(s)));
    if (s->n > 2) {
        buf_printf(out, ": %s ranges in ", text_group(n, s->n));
        text_range(out, s->list[0].start, s->list[s->n - 1].end, TEXT_DASH);
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        buf_puts(out, i ? ", " : ": ");
        text_range(out, s->list[i].start, s->list[i].end, TEXT_DASH);
    }
}

static void add_guest_damage(struct overview *o, const struct ui *ui)
{
    const struct guest_spans *lost = ui->insight ? &ui->insight->verdict.lost : NULL;
    struct overview_line *line;
    struct buf b = BUF_INIT;

    if (!lost || !lost->n)
        return;
    say_lost(lost, &b);
    if (ui->scan->partial)
        buf_puts(&b, ", so far");
    line = overview_fact(o, SECTION_PROBLEMS, "guest disk", "%s", buf_str(&b));
    line->link = LINK_PLACE;
    line->place = (struct place){ .kind = PLACE_GUEST, .guest_off = lost->list[0].start };
    buf_free(&b);
}

/* Of a kind: what no cause explains. */
static uint64_t left_of(const struct ui *ui, int k)
{
    return ui->insight ? insight_unexplained(ui->insight, (enum problem_kind)k)
                       : ui->scan->problems.count[k];
}

static void add_problems(struct overview *o, const struct ui *ui, bool all_kinds)
{
    const struct problems *p = &ui->scan->problems;
    struct overview_line *line;
    uint64_t all = 0, explained = 0;
    struct buf b = BUF_INIT;
    char a[TEXT_NUM];
    int n = 0;

    for (int k = 0; k < N_PROBLEMS; k++) {
        n += left_of(ui, k) > 0;
        all += p->count[k];
        explained += p->count[k] - left_of(ui, k);
    }
    if (all == 0)
        return;
    overview_add(o, SECTION_PROBLEMS, LOOK_HEADING,
        problems_of_severity(p, SEV_NOTE) == all ? "Notes"
        : ui->scan->partial ? "Problems so far"
        : explained && n ? "Problems that no cause explains" : "Problems");
    add_guest_damage(o, ui);
    if (explained) {
        line = overview_add(o, SECTION_PROBLEMS, LOOK_KIND, text_group(a, all));
        insight_summary(ui->insight, &b);
        snprintf(line->text, sizeof line->text, "%s", buf_str(&b));
        buf_free(&b);
        line->role = ROLE_TEXT;
        line->link = LINK_VIEW;
        line->which = VIEW_PROBLEMS;
    }
    if (n <= OVERVIEW_KINDS + 1)
        all_kinds = true;
    n = 0;
    for (int s = 0; s < N_SEVERITIES; s++) {
        for (int k = 0; k < N_PROBLEMS; k++) {
            if (left_of(ui, k) && (int)problem_info((enum problem_kind)k)->severity == s &&
                (n++ < OVERVIEW_KINDS || all_kinds))
                add_kind(o, left_of(ui, k), (enum problem_kind)k);
        }
    }
    if (all_kinds)
        return;
    line = overview_add(o, SECTION_PROBLEMS, LOOK_KIND, "");
    snprintf(line->text, sizeof line->text, "and %d more kinds", n - OVERVIEW_KINDS);
    line->role = ROLE_TEXT;
    line->link = LINK_VIEW;
    line->which = VIEW_PROBLEMS;
}

/* --- space --- */

static struct overview_line *add_share(struct overview *o, const struct ui *ui,
                                       enum overview_section section, const char *label,
                                       uint64_t n, uint64_t whole)
{
    struct overview_line *line = overview_add(o, section, LOOK_BAR, label);
    char size[TEXT_NUM];
    char count[TEXT_NUM];
    char share[TEXT_NUM];
    char all[TEXT_NUM];

    line->part = n;
    line->whole = whole;
    text_percent(share, n, whole);
    if (ui->scan)
        snprintf(line->text, sizeof line->text, "%9s %*s %7s",
                 text_size(size, n * ui->img->geo.cluster_size),
                 (int)strlen(text_group(all, ui->img->geo.n_clusters)),
                 text_group(count, n), share);
    else
        snprintf(line->text, sizeof line->text, "%7s", share);
    return line;
}

static void add_class(struct overview *o, const struct ui *ui,
                      enum overview_section section, enum cluster_class c, uint64_t whole)
{
    const struct class_info *info = class_info(c);
    struct overview_line *line;

    if (o->share[c] == 0)
        return;
    line = add_share(o, ui, section, info->name, o->share[c], whole);
    line->letter = info->letter;
    line->role = (uint8_t)(ROLE_CLASS + c);
    if (ui->scan) {
        line->link = LINK_CLASS;
        line->which = (int)c;
    }
}

enum cluster_class overview_class(size_t i)
{
    static const uint8_t order[] = {
        CLASS_DATA,        CLASS_DATA_SHARED, CLASS_DATA_SNAPSHOT,
        CLASS_COMPRESSED,  CLASS_ZERO_ALLOC,  CLASS_VMSTATE,
        CLASS_L2,          CLASS_REFBLOCK,    CLASS_L1_ACTIVE,
        CLASS_L1_SNAPSHOT, CLASS_REFTABLE,    CLASS_HEADER,
        CLASS_SNAPTABLE,   CLASS_BITMAP_DIR,  CLASS_BITMAP_TABLE,
        CLASS_BITMAP_DATA, CLASS_CRYPTO,      CLASS_LEAKED,
        CLASS_MIXED,       CLASS_VACANT,      CLASS_UNKNOWN,
    };

    return i < sizeof order ? (enum cluster_class)order[i] : N_CLASSES;
}

static void add_space(struct overview *o, const struct ui *ui)
{
    uint64_t beyond = ui->scan ? ui->scan->stats.beyond_references : 0;
    uint64_t metadata = 0;
    uint64_t whole = 0;
    bool said = false;
    char a[TEXT_NUM];

    for (int c = 0; c < N_CLASSES; c++) {
        whole += o->share[c];
        if (class_info((enum cluster_class)c)->metadata)
            metadata += o->share[c];
    }
    overview_add(o, SECTION_SPACE, LOOK_HEADING,
                 !ui->scan           ? "Space, sampled so far"
                 : ui->scan->partial ? "Space, as far as scanned"
                                     : "Space in the file");
    for (size_t i = 0; overview_class(i) != N_CLASSES; i++) {
        enum cluster_class c = overview_class(i);

        if (!class_info(c)->metadata) {
            add_class(o, ui, SECTION_SPACE, c, whole);
        } else if (!said && metadata) {
            add_share(o, ui, SECTION_SPACE, "metadata", metadata, whole)->role = ROLE_BAR;
            said = true;
        }
    }
    if (beyond)
        overview_fact(o, SECTION_SPACE, "after the end",
                      "%s references point past the end of the file",
                      text_group(a, beyond))
            ->role = ROLE_SEV + SEV_CORRUPTION;
    if (metadata)
        overview_add(o, SECTION_METADATA, LOOK_HEADING, "Metadata");
    for (size_t i = 0; overview_class(i) != N_CLASSES; i++)
        if (class_info(overview_class(i))->metadata)
            add_class(o, ui, SECTION_METADATA, overview_class(i), metadata);
}

/* --- the guest disk --- */

static void add_disk(struct overview *o, const struct ui *ui)
{
    const struct geometry *geo = &ui->img->geo;
    const struct scan_stats *st = &ui->scan->stats;
    const struct layer_stats *l = &st->active;
    uint64_t mapped = l->normal + l->zero_alloc + l->compressed;
    uint64_t end = ui->scan->qemu.image_end_offset;
    struct overview_line *line;
    char a[TEXT_NUM];
    char b[TEXT_NUM];
    char c[TEXT_NUM];
    char d[TEXT_NUM];

    overview_add(o, SECTION_DISK, LOOK_HEADING,
                 ui->scan->partial ? "Guest disk, as far as scanned" : "Guest disk");
    overview_fact(o, SECTION_DISK, "allocated", "%s of %s (%s), %s clusters",
         text_size(a, mapped * geo->cluster_size), text_size(b, geo->size),
         text_percent(c, mapped, geo->guest_clusters), text_group(d, mapped));
    if (l->compressed || l->zero_plain || l->zero_alloc)
        overview_fact(o, SECTION_DISK, "of these",
                      "%s data, %s compressed, %s zeros; %s more zeros cost "
                      "nothing",
                      text_group(a, l->normal), text_group(b, l->compressed),
                      text_group(c, l->zero_alloc), text_group(d, l->zero_plain));
    if (!ui->scan->partial)
        overview_fact(o, SECTION_DISK, "preallocation", "%s",
                      preallocation_words(preallocation_from_scan(ui->scan)));
    line = overview_fact(o, SECTION_DISK, "fragmentation",
                         "%s: %s of %s steps to the next cluster jump",
                         text_percent(a, st->data_breaks, st->data_steps),
                         text_group(b, st->data_breaks), text_group(c, st->data_steps));
    line->link = LINK_VIEW;
    line->which = VIEW_MAP;
    overview_fact(o, SECTION_DISK, "largest piece", "%s in one run",
         text_size(a, st->largest_extent * geo->cluster_size));
    overview_fact(o, SECTION_DISK, "end of image",
                  "%s0x%" PRIx64 " (%s); the file ends at 0x%" PRIx64,
                  ui->scan->partial ? "not before " : "", end, text_size(a, end),
                  geo->file_size);
}

/* --- the check itself --- */

static void add_check(struct overview *o, const struct ui *ui)
{
    const struct scan_result *r = ui->scan;
    const struct qemu_counts *q = &r->qemu;
    char a[TEXT_NUM];
    char b[TEXT_NUM];
    char c[TEXT_NUM];

    overview_add(o, SECTION_CHECK, LOOK_HEADING, "Checked");
    if (!r->partial)
        overview_fact(o, SECTION_CHECK, "looked at",
                      "%s L2 tables, %s refcount blocks, %s clusters",
                      text_group(a, r->stats.l2_tables),
                      text_group(b, r->stats.refblocks),
                      text_group(c, ui->img->geo.n_clusters));
    if (r->partial)
        overview_fact(o, SECTION_CHECK, "not done",
                      "the scan was stopped, and refcounts were not compared: leaks are not "
                      "known; R scans again")
            ->role = ROLE_ALARM;
    else if (q->refused)
        overview_fact(o, SECTION_CHECK, "qemu-img check", "would not check this image");
    else
        overview_fact(o, SECTION_CHECK, "qemu-img check",
                      "%s errors, %s leaks, %s of its own errors",
                      text_group(a, q->corruptions), text_group(b, q->leaks),
                      text_group(c, q->check_errors));
    overview_fact(o, SECTION_CHECK, "exit status", "%d", scan_exit_status(r));
}

void overview_make(struct overview *o, const struct ui *ui, bool all_kinds)
{
    struct buf b = BUF_INIT;
    struct map_hist h;

    o->n = 0;
    o->role = verdict(ui, &b);
    snprintf(o->verdict, sizeof o->verdict, "%s", buf_str(&b));
    buf_free(&b);
    if (ui->scan)
        memcpy(h.n, ui->scan->stats.class_clusters, sizeof h.n);
    else
        tiles_preview(ui->img, ui->progress, 0, ui->img->geo.n_clusters, &h);
    memcpy(o->share, h.n, sizeof o->share);
    o->share[CLASS_BEYOND] = 0;
    if (ui->scan) {
        overview_add_causes(o, ui);
        add_problems(o, ui, all_kinds);
    }
    add_space(o, ui);
    if (ui->scan)
        add_disk(o, ui);
    overview_add_figures(o, ui);
    overview_add_image(o, ui);
    if (ui->scan)
        add_check(o, ui);
}
