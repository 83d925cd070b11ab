#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Every command takes a pack as it takes the image: see tests/cli/pack_commands.py.
set -u
python=/usr/bin/python3
command -v $python >/dev/null || { echo "no $python"; exit 77; }
"$QCHECK" --version | grep -q '^packs: yes' || { echo "built without libarchive"; exit 77; }
exec $python -B "$top_srcdir/tests/cli/pack_commands.py" "$QCHECK" "$top_srcdir"
