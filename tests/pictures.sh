#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Maps as SVG and PNG, and reports as HTML; see tests/cli/pictures.py.
set -u
python=/usr/bin/python3
for tool in qemu-img xmllint tidy $python; do
    command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
done
exec $python -B "$top_srcdir/tests/cli/pictures.py" "$QCHECK" "$top_srcdir/data/samples"
