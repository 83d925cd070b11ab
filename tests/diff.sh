#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# diff: what QEMU does between two states of an image is what it tells; see tests/cli/diff.py.
set -u
python=/usr/bin/python3
for tool in qemu-img qemu-io $python; do
    command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
exec $python -B "$top_srcdir/tests/cli/diff.py" "$QCHECK" "$top_srcdir"
