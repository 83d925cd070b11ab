/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The file form of a plan, which plan_write.c writes and plan_read.c reads. Bytes are
 * hexadecimal; a long run of one word of 8 bytes is written once ("repeat"), as refcount blocks
 * consist of such runs. */
#ifndef QCHECK_PLAN_PLAN_FORM_H
#define QCHECK_PLAN_PLAN_FORM_H

#define PLAN_FORM       2           /* version of the file form */
#define WORD            8           /* bytes of a repeated word */
#define HEX_MAX         4096        /* bytes in one patch of the file */

#endif
