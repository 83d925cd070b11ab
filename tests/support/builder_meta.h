/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Between the two files of the builder. */
#ifndef QCHECK_TESTS_BUILDER_META_H
#define QCHECK_TESTS_BUILDER_META_H

#include "base/num.h"
#include "image_builder.h"
#include "qcow2/field.h"
#include "qcow2/spec.h"

#define DEMAND(what) builder_demand((what), #what, __FILE__, __LINE__)
void builder_demand(bool what, const char *text, const char *file, int line);

/* Adds `change` to the refcount of every cluster that [off, off+len) touches. */
void builder_count(struct builder *b, uint64_t off, uint64_t len, int change);

#endif
