/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Inside of the verdict: what its answers (verdict.c), words (verdict_words.c) and steps
 * (verdict_steps.c) all ask of the causes. */
#ifndef QCHECK_INSIGHT_VERDICT_WORK_H
#define QCHECK_INSIGHT_VERDICT_WORK_H

#include "insight/cause_work.h"

static inline bool has(const struct work *w, enum cause_kind kind)
{
    return cause_found(w, kind) != NULL;
}

/* Is there a problem of that severity that no cause explains? */
bool verdict_unexplained(const struct work *w, enum severity s);
/* Do so many clusters without an owner hold data that not all could be looked at? There may be
 * tables among them. */
bool verdict_not_seen(const struct work *w);
/* Entries for what lies after the end of the disk. VM state lies there too; but without a
 * snapshot that has any, the disk was larger than its size says now. *least: bytes that it had
 * at least. */
uint64_t verdict_cut_by_size(const struct work *w, uint64_t *least);
/* May clusters without an owner be what a mapping has lost, and is that all that is known? */
bool verdict_in_doubt(const struct work *w);

/* The sentences, and then the steps, of a verdict whose answers are given. */
void verdict_words(const struct work *w, const struct verdict *v, struct buf *out);
void verdict_steps(struct work *w, struct verdict *v);

#endif
