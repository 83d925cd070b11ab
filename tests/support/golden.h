/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Golden files: what a test got is compared with what is kept in tests/golden. */
#ifndef QCHECK_TESTS_SUPPORT_GOLDEN_H
#define QCHECK_TESTS_SUPPORT_GOLDEN_H

/* Fails the test when tests/golden/NAME.screen holds something else; what was got is then
 * left in NAME.screen.new. UPDATE_GOLDEN=1 writes the golden one anew instead. */
void golden_compare(const char *name, const char *got);
/* The same with the whole name of the file. */
void golden_compare_file(const char *file, const char *got);

#endif
