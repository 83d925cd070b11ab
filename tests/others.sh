#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Damaged images and the other commands: map and info say what qemu-img says, none crashes.
PYTHON=${PYTHON:-/usr/bin/python3}
for tool in qemu-img qemu-io "$PYTHON"; do
    command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
exec "$PYTHON" -B "$top_srcdir/tests/oracle/others.py" -n 100 --seed 2 \
    --keep others-differences
