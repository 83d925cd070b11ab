/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The kinds of problems, one row each, in order of display; included where they are needed
 * (problem.h, problem_table.c). ROW(
 *   enumerator, id, severity (SEV_), QEMU's counter (QEMU_), section of a report (SECTION_),
 *   LOST: the guest reads wrong data or none; KEPT: what is there is not touched,
 *   what a record says (template, see problem_text.c), what a repair does about it,
 *   title, meaning, effect on the guest, advice, section of the specification) */

#include "scan/problem_rows_qemu.h"     /* the kinds that QEMU counts */
#include "scan/problem_rows_own.h"      /* those that it does not */
