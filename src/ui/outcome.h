/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What the scan of what is shown has come to, in two or three words beside the tabs. A plan that
 * gives guest data up, or puts it back, does not make of it an image that was never damaged. */
#ifndef QCHECK_UI_OUTCOME_H
#define QCHECK_UI_OUTCOME_H

#include "ui/view.h"

const char *outcome_text(const struct ui *ui, const struct error *scan_error, unsigned *role_out);

#endif
