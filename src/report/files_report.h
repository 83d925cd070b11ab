/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What is on a guest's disk, and whose bytes are lost, as text and JSON. */
#ifndef QCHECK_REPORT_FILES_REPORT_H
#define QCHECK_REPORT_FILES_REPORT_H

#include "report/jw.h"
#include "report/out.h"
#include "volumes/volume_items.h"

/* "sda1: what is wrong with it" */
void files_note(const struct volume *v, struct buf *out);

/* The volumes as a tree with sizes. */
void files_volumes(const struct volumes *v, bool unmapped, struct out *out);

/* The list, with what each lacks. */
void files_lacking(const struct volumes *v, const struct volume_items *l, bool unmapped,
                   struct out *out);

/* One file of a listing of all: size and path. */
void files_line(const struct volumes *v, const struct volume_item *item, struct out *out);

/* Whom the byte at `guest_off` belongs to; item NULL: nobody is known. */
void files_at(const struct volumes *v, uint64_t guest_off, const struct volume_item *item,
              struct out *out);

/* JSON: members of the object that is open. */
void files_json_volumes(struct jw *j, const struct volumes *v);
void files_json_item(struct jw *j, const struct volumes *v, const struct volume_item *item);

#endif
