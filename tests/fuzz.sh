#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# The fuzz target on its corpus, each file also damaged in two ways that are always the same.
exec "$FUZZ_REPLAY" --mutate 2 "$top_srcdir/tests/fuzz/corpus" "$top_srcdir/data/samples"
