#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Sound images have no cause of damage, images damaged in one known way have the true cause
# first, and no two things that are said of an image contradict each other.
PYTHON=${PYTHON:-/usr/bin/python3}
for tool in qemu-img qemu-io "$PYTHON"; do
    command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
causes=$top_srcdir/tests/oracle/causes.py
"$PYTHON" -B "$causes" sound 120 && "$PYTHON" -B "$causes" damaged 48 &&
    "$PYTHON" -B "$causes" crafted 136 &&
    "$PYTHON" -B "$causes" contradictions 200 &&
    "$PYTHON" -B "$top_srcdir/tests/oracle/lengths.py" 40
