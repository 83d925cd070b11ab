#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# The guest's disk of sound and damaged images, alone and in chains, byte by byte as QEMU reads it.
PYTHON=${PYTHON:-/usr/bin/python3}
for tool in qemu-img qemu-io "$PYTHON"; do
    command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
oracle() { "$PYTHON" -B "$top_srcdir/tests/oracle/disk.py" --keep disk-differences "$@"; }
oracle -n 100 --seed 2 && oracle --chains -n 20 --seed 2
