#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# A plan fits the image that it was made for, and no other.
PYTHON=${PYTHON:-/usr/bin/python3}
command -v "$PYTHON" >/dev/null || exit 77
"$QCHECK" --version | grep -q 'sums: yes' || exit 77
exec "$PYTHON" -B "$top_srcdir/tests/cli/plan_fits.py"
