#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Repairs of damaged images, beside qemu-img check -r all: N images of seed SEED, and the samples.
PYTHON=${PYTHON:-/usr/bin/python3}
for tool in qemu-img qemu-io "$PYTHON"; do
    command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
"$QCHECK" --version | grep -q 'sums: yes' || exit 77
"$PYTHON" -B "$top_srcdir/tests/oracle/repair.py" --samples "$top_srcdir/data/samples" || exit
exec "$PYTHON" -B "$top_srcdir/tests/oracle/repair.py" -n "${N:-60}" --seed "${SEED:-1}" \
    --keep repair-differences
