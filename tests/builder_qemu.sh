#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Whatever the image builder makes is clean to qemu-img check.
command -v qemu-img >/dev/null || { echo "qemu-img is not installed"; exit 77; }
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 99
truncate -s 4M data.raw base.raw
"$BUILD_IMAGES" "$dir" > list || exit 1
bad=0
while read -r image; do
    if ! out=$(qemu-img check -f qcow2 "$image" 2>&1); then
        echo "$image: $out"
        bad=1
    fi
    # and what the guest sees can be read
    qemu-img convert -f qcow2 -O raw "$image" out.raw 2>err || { cat err; bad=1; }
done < list
[ "$(wc -l < list)" -ge 20 ] || { echo "too few images"; bad=1; }
exit $bad
