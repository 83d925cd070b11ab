#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# No planted secret gets into a pack; see tests/cli/pack_secrets.py.
set -u
python=/usr/bin/python3
for tool in qemu-img qemu-io tar zstd $python; do
    command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
"$QCHECK" --version | grep -q '^packs: yes' || { echo "built without libarchive"; exit 77; }
exec $python -B "$top_srcdir/tests/cli/pack_secrets.py" "$QCHECK" "$top_srcdir"
