#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Headers destroyed in part; see tests/cli/guess.py.
set -u
python=/usr/bin/python3
command -v qemu-img >/dev/null && command -v qemu-io >/dev/null ||
    { echo "qemu-img and qemu-io are not here"; exit 77; }
[ -x $python ] || { echo "python3 is not here"; exit 77; }
exec $python "$top_srcdir/tests/cli/guess.py" "$QCHECK" "$top_srcdir" ${SEEDS:-1}
