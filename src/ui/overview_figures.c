/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What people want to know before they resize, move, convert or share an image. */
#include "config.h"

#include "ui/overview.h"

#include "base/text.h"

static void add_size(struct overview *o, const char *label, uint64_t n, const char *after)
{
    char a[TEXT_NUM];

    overview_fact(o, SECTION_FIGURES, label, "%s%s", text_size(a, n), after);
}

/* A size, and what becomes of it once the guest has written all of its disk; 0: not known. */
static void add_filled(struct overview *o, const char *label, uint64_t now, uint64_t full)
{
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    if (full)
        overview_fact(o, SECTION_FIGURES, label, "%s; %s when the disk is full",
                      text_size(a, now), text_size(b, full));
    else
        add_size(o, label, now, "");
}

static void add_guest_data(struct overview *o, const struct figures *f)
{
    struct buf b = BUF_INIT;
    char a[TEXT_NUM];

    buf_puts(&b, text_size(a, f->guest_data));
    if (f->from_backing)
        buf_printf(&b, ", %s of it in a backing file", text_size(a, f->from_backing));
    if (f->from_data_file)
        buf_printf(&b, ", %s of it in the data file", text_size(a, f->from_data_file));
    if (f->absent)
        buf_puts(&b, "; some of it in files that are not here");
    overview_fact(o, SECTION_FIGURES, "guest data", "%s", buf_str(&b));
    buf_free(&b);
}

static void add_walked(struct overview *o, const struct figures *f)
{
    add_guest_data(o, f);
    if (f->whole)
        add_size(o, "can shrink to", f->guest_end, ": nothing but zeros follows");
    if (f->converts) {
        add_filled(o, "as new qcow2", f->qcow2_required, f->qcow2_full);
        add_size(o, "as raw", f->raw, "");
    }
}

void overview_add_figures(struct overview *o, const struct ui *ui)
{
    struct figures of_header;
    const struct figures *f = ui->figures;

    if (!f) {
        figures_of_header(ui->img, &of_header);
        f = &of_header;
    }
    overview_add(o, SECTION_FIGURES, LOOK_HEADING, "Sizes and limits");
    if (f->since)
        overview_fact(o, SECTION_FIGURES, "opens from", "QEMU %s, for %s", f->since,
                      f->since_for);
    else
        overview_fact(o, SECTION_FIGURES, "opens from", "no known QEMU, for %s", f->since_for);
    add_size(o, "can grow to", f->guest_max, "");
    if (f->scanned)
        add_filled(o, "needs a device", f->device_min, f->device_full);
    if (f->missing_end)
        add_size(o, "missing at end", f->missing_end, ", at least");
    if (f->walked)
        add_walked(o, f);
    if (!ui->figures && ui->scan)
        overview_fact(o, SECTION_FIGURES, "other sizes", "being counted\u2026");
}
