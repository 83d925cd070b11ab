/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The walks over the guest disk that the map view makes on a thread. */
#include "config.h"

#include "ui/map_view.h"

static bool survey_guest(void *arg, struct task_run *run, struct error *err)
{
    struct map_survey *s = arg;

    return guest_map_build(s->scan, s->layer, &run->cancel, &s->work.guest, err) &&
           guest_map_cells(s->work.guest, 0, UINT64_MAX, 1, &s->work.total, err);
}

static bool survey_order(void *arg, struct task_run *run, struct error *err)
{
    struct map_survey *s = arg;

    return order_build(s->scan->img, s->layer, &run->cancel, &s->work.order, err);
}

static void survey_free(struct guest_survey *s)
{
    guest_map_free(s->guest);
    order_free(s->order);
}

/* Takes what a walk that has ended found: either of the two, or nothing. */
static void survey_take(struct map_view *v)
{
    struct map_survey *s = &v->surveying;

    task_finish(s->task, NULL);
    s->task = NULL;
    if (s->stale) {
        survey_free(&s->work);
        s->work = (struct guest_survey){ NULL, NULL, { { 0 }, 0, 0 } };
        s->stale = false;
        return;
    }
    if (s->work.guest) {
        v->survey.guest = s->work.guest;
        v->survey.total = s->work.total;
    }
    if (s->work.order)
        v->survey.order = s->work.order;
    s->work = (struct guest_survey){ NULL, NULL, { { 0 }, 0, 0 } };
    v->age++;
}

void map_survey_poll(struct map_view *v, const struct ui *ui, bool guest_in_sight)
{
    struct map_survey *s = &v->surveying;
    bool order = v->colouring == COLOUR_JUMPS || v->colouring == COLOUR_ORDER;
    task_work *work = NULL;

    if (s->task && task_ended(s->task))
        survey_take(v);
    if (s->task || !ui->scan)
        return;
    if (guest_in_sight && !v->survey.guest && !s->tried_guest) {
        s->tried_guest = true;
        work = survey_guest;
    } else if (order && !v->survey.order && !s->tried_order) {
        s->tried_order = true;
        work = survey_order;
    }
    s->scan = ui->scan;
    s->layer = ui->layer;
    if (work && !task_start(work, s, &s->task, NULL))
        s->task = NULL;
}

void map_survey_forget(struct map_view *v)
{
    struct map_survey *s = &v->surveying;

    if (s->task) {
        s->stale = true;
        task_cancel(s->task);
    }
    survey_free(&v->survey);
    v->survey = (struct guest_survey){ NULL, NULL, { { 0 }, 0, 0 } };
    s->tried_guest = s->tried_order = false;
}

void map_survey_free(struct map_view *v)
{
    if (v->surveying.task)
        task_cancel(v->surveying.task);
    task_finish(v->surveying.task, NULL);
    survey_free(&v->surveying.work);
    survey_free(&v->survey);
}
