/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/view.h"

#include <stdarg.h>
#include <stdio.h>

const struct view_class *view_class(enum view_id id)
{
    static const struct view_class *const classes[N_VIEWS] = {
        [VIEW_OVERVIEW] = &view_overview,
        [VIEW_MAP] = &view_map,
        [VIEW_PROBLEMS] = &view_problems,
        [VIEW_HEADER] = &view_header,
        [VIEW_HEX] = &view_hex,
        [VIEW_DISK] = &view_disk,
        [VIEW_TABLES] = &view_tables,
        [VIEW_PLAN] = &view_plan,
        [VIEW_CHANGES] = &view_changes,
        [VIEW_REFERRERS] = &view_referrers,
        [VIEW_HELP] = &view_help,
    };

    return classes[id];
}

void request_moved(struct request *req, const struct place *place)
{
    req->kind = REQ_MOVED;
    req->place = *place;
}

void request_go(struct request *req, const struct place *place, enum view_id view)
{
    req->kind = REQ_GO;
    req->place = *place;
    req->view = view;
    req->problem = NO_PROBLEM;
}

void request_message(struct request *req, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(req->message, sizeof req->message, fmt, ap);
    va_end(ap);
}
