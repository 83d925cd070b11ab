#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# 2,000 damaged images: the figures of qcheck are those of qemu-img check.
PYTHON=${PYTHON:-/usr/bin/python3}
for tool in qemu-img qemu-io "$PYTHON"; do
    command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
compare=$top_srcdir/tests/oracle/compare.py
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT

# The comparison itself: a program that finds nothing must be found out.
cat >"$folder/blind" <<'BLIND'
#!/bin/sh
echo '{"filename": "image.qcow2", "format": "qcow2", "check-errors": 0}'
BLIND
chmod +x "$folder/blind"
if QCHECK=$folder/blind "$PYTHON" -B "$compare" -n 10 --keep "$folder/kept" >/dev/null; then
    echo "a program that finds nothing passes the comparison"
    exit 1
fi

exec "$PYTHON" -B "$compare" -n 2000 --seed 1 --keep oracle-differences
