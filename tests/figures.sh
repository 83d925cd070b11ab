#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# What is said of sizes and of snapshots is what qemu-img measures, frees and stores.
PYTHON=${PYTHON:-/usr/bin/python3}
for tool in qemu-img qemu-io "$PYTHON"; do
    command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
exec "$PYTHON" -B "$top_srcdir/tests/oracle/figures.py" "$QCHECK" 1
