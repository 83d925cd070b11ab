#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# What is printed about the samples, against the schemas and the manual; see
# tests/cli/outputs.py.
set -u
python=/usr/bin/python3
[ -x $python ] || { echo "python3 is not here"; exit 77; }
exec $python -B "$top_srcdir/tests/cli/outputs.py" "$QCHECK" "$top_srcdir"
