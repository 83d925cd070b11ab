#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Each plan says what is expected of it, does it, and can be taken back.
PYTHON=${PYTHON:-/usr/bin/python3}
command -v "$PYTHON" >/dev/null || exit 77
"$QCHECK" --version | grep -q 'sums: yes' || exit 77
exec "$PYTHON" -B "$top_srcdir/tests/cli/plans.py" --all "$top_srcdir/tests/plan"
