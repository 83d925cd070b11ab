#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Every command on damaged images; see tests/cli/hostile.py.
set -u
python=/usr/bin/python3
command -v qemu-img >/dev/null && command -v qemu-io >/dev/null ||
    { echo "qemu-img and qemu-io are not here"; exit 77; }
[ -x $python ] && $python -c 'import jsonschema' 2>/dev/null ||
    { echo "python3 with jsonschema is not here"; exit 77; }
exec $python "$top_srcdir/tests/cli/hostile.py" "$QCHECK" "$top_srcdir" ${IMAGES:-30} ${SEED:-1}
