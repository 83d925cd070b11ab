#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# File systems whose first sectors are lost, by their copies; see tests/cli/copies.py.
set -u
PATH=$PATH:/usr/sbin:/sbin
python=/usr/bin/python3
for tool in qemu-img mke2fs mkntfs ntfscp mkfs.fat mkfs.exfat mcopy sfdisk; do
    command -v $tool >/dev/null || { echo "$tool is not here"; exit 77; }
done
[ -x $python ] || { echo "python3 is not here"; exit 77; }
"$QCHECK" --version | grep -q 'files: libblkid, libext2fs, libntfs-3g, libtsk' ||
    { echo "a library is not in this build"; exit 77; }
exec $python -B "$top_srcdir/tests/cli/copies.py" "$QCHECK" "$top_srcdir"
