#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Names chosen by an enemy, everywhere a name is shown; see tests/cli/names.py.
set -u
python=/usr/bin/python3
for tool in qemu-img $python; do
    command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
done
exec $python -B "$top_srcdir/tests/cli/names.py" "$QCHECK"
