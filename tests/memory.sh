#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Images made to need much memory; see tests/cli/memory.py.
set -u
python=/usr/bin/python3
[ -x $python ] || { echo "python3 is not here"; exit 77; }
exec $python "$top_srcdir/tests/cli/memory.py" "$QCHECK" "$MEASURE"
