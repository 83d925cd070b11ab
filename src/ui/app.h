/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The application on some terminal: event loop, views, history, prompts, the scan. Tests
 * run it on a fake terminal; ui_run() on the real one. */
#ifndef QCHECK_UI_APP_H
#define QCHECK_UI_APP_H

#include "ui/term.h"
#include "ui/ui.h"

struct app;

/* Borrows image and terminal until app_free. The scan is started by app_run. */
bool app_new(const struct image *img, const struct ui_options *opt, struct terminal *term,
             struct app **out, struct error *err);

/* Runs until the person leaves or the terminal ends; returns 0 or the signal. */
int app_run(struct app *app);

void app_free(struct app *app);         /* stops a running scan; accepts NULL */

#endif
