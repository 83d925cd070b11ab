#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# What a rescue brings back of images that qemu-img made, as qemu-img sees the outcome.
set -u
: "${QCHECK:?}" "${top_srcdir:?}"
command -v qemu-img >/dev/null && command -v qemu-io >/dev/null || exit 77
"$QCHECK" --version | grep -q 'sums: yes' || exit 77
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 99
bad=0
fail() { echo "FAIL: $*"; bad=1; }

cat >damage.py <<'END'
import random, struct, sys
path, what = sys.argv[1:]
rnd = random.Random(7)
with open(path, "r+b") as f:
    head = f.read(104)
    bits, = struct.unpack_from(">I", head, 20)
    n_l1, l1, reftable = struct.unpack_from(">IQQ", head, 36)
    cluster = 1 << bits
    def garbage(off, n):
        f.seek(off)
        f.write(b"".join(struct.pack(">Q", rnd.getrandbits(63) | 1 << 63) for _ in range(n)))
    f.seek(l1)
    tables = [e & 0xfffffffffffe00 for e in struct.unpack(">%dQ" % n_l1, f.read(8 * n_l1)) if e]
    if "l1" in what.split("+"):
        garbage(l1, n_l1)
    if "l1zero" in what:
        f.seek(l1)
        f.write(bytes(8 * n_l1))
    if "l2" in what.split("+"):
        garbage(tables[0], cluster // 8)
    if "half" in what:
        garbage(tables[0], cluster // 16)
    if "reftable" in what:
        garbage(reftable, cluster // 8)
    if "header" in what:
        f.seek(0)
        f.write(bytes(512))
END

# A disk with an MBR whose partition reaches to its end, so that its size can be told.
/usr/bin/python3 - <<'END'
import random, struct
rnd = random.Random(3)
size = 24 << 20
disk = bytearray(size)
disk[446:462] = struct.pack("<BBBBBBBBII", 0, 0, 0, 0, 0x83, 0, 0, 0, 2048, size // 512 - 2048)
disk[510:512] = b"\x55\xaa"
at = 1 << 20
while at < size:
    n = rnd.randrange(1, 40) * 4096
    if rnd.random() < 0.6:
        disk[at:at + n] = rnd.randbytes(min(n, size - at))
    at += n
open("disk.raw", "wb").write(disk)
END

# rescued IMAGE DAMAGE: damages it, applies the plan, and compares
rescued() {
    cp "$1" old.qcow2
    rm -f plan new.qcow2 out.raw
    /usr/bin/python3 damage.py old.qcow2 "$2"
    "$QCHECK" plan rescue -o plan old.qcow2 >text 2>&1 ||
        { fail "$1, $2: no plan: $(cat text)"; return; }
    "$QCHECK" apply plan old.qcow2 --output new.qcow2 >text2 2>&1 ||
        { fail "$1, $2: not applied: $(cat text2)"; return; }
    qemu-img compare -q new.qcow2 disk.raw ||
        fail "$1, $2: the disk is not the same: $(cat text)"
    qemu-img check -q new.qcow2 >/dev/null 2>&1
    status=$?
    [ $status = 0 ] || [ $status = 3 ] || fail "$1, $2: qemu-img check says $status"
    "$QCHECK" export --plan plan old.qcow2 out.raw >text2 2>&1 ||
        fail "$1, $2: not exported: $(cat text2)"
    cmp -s out.raw disk.raw || fail "$1, $2: what is exported is not the disk"
}

for bits in 12 16 21; do
    qemu-img convert -O qcow2 -o cluster_size=$((1 << bits)) disk.raw "c$bits.qcow2"
    for damage in l1 l1zero header header+l1 header+l1+reftable reftable; do
        rescued "c$bits.qcow2" $damage
    done
done
qemu-img convert -c -O qcow2 disk.raw zlib.qcow2
qemu-img convert -O qcow2 -o extended_l2=on disk.raw extended.qcow2
qemu-img convert -O qcow2 -o compat=0.10 disk.raw v2.qcow2
for image in zlib extended v2; do
    rescued $image.qcow2 l1
    rescued $image.qcow2 header+l1+reftable
done

# With its L2 tables gone as well, a file system says where its clusters belong.
if command -v mke2fs >/dev/null; then
    mkdir files
    /usr/bin/python3 - <<'END'
import random
rnd = random.Random(5)
for i in range(40):
    n = int(2 ** rnd.uniform(8, 20))
    data = rnd.randbytes(n) if i % 2 else b"".join(b"line %d of file %d\n" % (k, i)
                                                  for k in range(n // 20))
    open("files/f%02d" % i, "wb").write(data)
END
    truncate -s 23M part
    mke2fs -q -F -t ext4 -d files part
    dd if=part of=disk.raw bs=1M seek=1 conv=notrunc status=none
    for bits in 12 16; do
        qemu-img convert -O qcow2 -o cluster_size=$((1 << bits)) disk.raw "e$bits.qcow2"
        for damage in l2 half l1+l2; do
            rescued "e$bits.qcow2" $damage
        done
    done
    qemu-img convert -c -O qcow2 disk.raw ec.qcow2
    rescued ec.qcow2 l2
    "$QCHECK" plan rescue old.qcow2 | grep -q '(certain)' || fail "no placement is certain"
fi

# Without its snapshot table an image keeps its disk, and L1 tables of snapshots are named.
qemu-img convert -O qcow2 -o cluster_size=4096 disk.raw snap.qcow2
for name in one two; do
    qemu-img snapshot -c $name snap.qcow2
    qemu-io -c 'write -q -P 7 4M 1M' snap.qcow2 >/dev/null
done
/usr/bin/python3 - >lost_l1 <<'END'
import struct
with open("snap.qcow2", "r+b") as f:
    n, off = struct.unpack(">IQ", f.read(72)[60:72])
    f.seek(off)
    table, at = f.read(4096), 0
    for _ in range(n):
        l1, _, id_len, name_len = struct.unpack_from(">QIHH", table, at)
        extra, = struct.unpack_from(">I", table, at + 36)
        at += (40 + extra + id_len + name_len + 7) // 8 * 8
        print("0x%x" % l1)
    f.seek(60)
    f.write(bytes(12))
END
[ "$(wc -l <lost_l1)" = 2 ] || fail "the image with snapshots has none"
"$QCHECK" plan rescue snap.qcow2 >text 2>&1
grep -q 'nothing to do' text || fail "tables of lost snapshots go under the active L1: $(cat text)"
while read -r l1; do
    grep -q "L1 table.* lies at $l1 " text || fail "the L1 table at $l1 is not named: $(cat text)"
done <lost_l1

# Nothing is done to an image that lacks nothing.
"$QCHECK" plan rescue c16.qcow2 | grep -q 'nothing to do' || fail "a sound image is changed"
# Something that is no image stays what it is.
"$QCHECK" plan rescue disk.raw >text 2>&1 && fail "a raw disk was rescued: $(cat text)"
exit $bad
