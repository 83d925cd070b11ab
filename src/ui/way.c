/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/way.h"

#include <stdio.h>

#include "inspect/translate.h"

void way_find(struct way *way, const struct ui *ui, uint32_t layer, uint64_t guest_off)
{
    struct buf text = BUF_INIT;

    if (guest_off != NO_ADDRESS)
        (void)translate_text(ui->img, layer, guest_off, &text);
    snprintf(way->text, sizeof way->text, "%s", buf_str(&text));
    buf_free(&text);
}

void way_draw(const struct way *way, const struct area *a, bool free)
{
    int w = a->w - 2;

    if (free && text_columns(a, way->text) > w)
        draw_wrapped(a, a->h - 2, 1, w, ROLE_NUMBER, way->text, 0);
    else
        draw_cut(a, a->h - 1, 1, w, ROLE_NUMBER, way->text);
}
