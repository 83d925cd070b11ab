/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The figures of an image: lines for people, and `figures` in JSON. What is not known is
 * left out. */
#ifndef QCHECK_REPORT_FIGURES_REPORT_H
#define QCHECK_REPORT_FIGURES_REPORT_H

#include "insight/figures.h"
#include "report/jw.h"
#include "report/out.h"

void figures_text(const struct figures *f, const struct image *img, struct out *out);
void figures_json(const struct figures *f, const struct image *img, struct jw *j);

#endif
