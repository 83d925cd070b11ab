#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Ctrl-C, Esc and q end at once at any moment; see tests/cli/ends.py.
set -u
python=/usr/bin/python3
for tool in qemu-img nbdkit $python; do
    command -v $tool >/dev/null || { echo "no $tool"; exit 77; }
done
"$QCHECK" check nbd+unix:///?socket=/nowhere 2>&1 | grep -q 'without libnbd' &&
    { echo "built without libnbd"; exit 77; }
exec $python -B "$top_srcdir/tests/cli/ends.py" "$QCHECK"
