#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# The fuzz target on its corpus, each file also damaged in two ways that are always the same; and
# parts of it that take other bytes than images.
set -e
corpus=$top_srcdir/tests/fuzz/corpus
"$FUZZ_REPLAY" --mutate 2 "$corpus" "$top_srcdir/data/samples"
for part in disk repair content decompress address plan-file; do
    seeds=$corpus
    [ -d "$top_srcdir/tests/fuzz/seeds/$part" ] && seeds=$top_srcdir/tests/fuzz/seeds/$part
    FUZZ_PART=$part "$FUZZ_REPLAY" --mutate 4 "$seeds"
done
FUZZ_PART=rescue "$FUZZ_REPLAY" --mutate 1 "$corpus"
