#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# The sample images: complete, made again with the same bytes, found to be what they teach.
PYTHON=${PYTHON:-/usr/bin/python3}
for tool in qemu-img qemu-io "$PYTHON"; do
    command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
exec "$PYTHON" -B "$top_srcdir/tests/oracle/samples.py" "$top_srcdir/data/samples"
