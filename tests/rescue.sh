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
    if what == "l1flip":                # a bit of each entry
        for i in range(n_l1):
            f.seek(l1 + 8 * i)
            e, = struct.unpack(">Q", f.read(8))
            f.seek(l1 + 8 * i)
            f.write(struct.pack(">Q", e ^ 1 << rnd.randrange(bits, 63) if e else 0))
    if "l1zero" in what:
        f.seek(l1)
        f.write(bytes(8 * n_l1))
    if "l2" in what.split("+"):
        garbage(tables[0], cluster // 8)
    if what == "half":
        garbage(tables[0], cluster // 16)
    if what == "data":                  # the guest's, that reads like entries here and there
        garbage(tables[0], cluster // 8)
        for i in range(0, cluster // 8, 13):
            f.seek(tables[0] + 8 * i)
            f.write(struct.pack(">Q", 1 << 63 | (8 + i % 40) * cluster))
    if what == "halfzero":              # the second half of what is in use
        f.seek(tables[0])
        words = struct.unpack(">%dQ" % (cluster // 8), f.read(cluster))
        used = [i for i, e in enumerate(words) if e]
        f.seek(tables[0] + 8 * used[len(used) // 2])
        f.write(bytes(cluster - 8 * used[len(used) // 2]))
    if what == "everything":            # all tables, and nothing but them
        f.seek(reftable)
        blocks = [e for e in struct.unpack(">%dQ" % (cluster // 8), f.read(cluster)) if e]
        for off in tables + blocks + [l1, reftable, 0]:
            f.seek(off)
            f.write(bytes(cluster))
    if "reftable" in what:
        garbage(reftable, cluster // 8)
    if "l2wiped" in what:
        f.seek(tables[0])
        f.write(bytes(cluster))
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
    for damage in l1 l1zero l1flip header header+l1 header+l1+reftable reftable; do
        rescued "c$bits.qcow2" $damage
    done
done
qemu-img convert -c -O qcow2 disk.raw zlib.qcow2
qemu-img convert -O qcow2 -o extended_l2=on disk.raw extended.qcow2
qemu-img convert -O qcow2 -o compat=0.10 disk.raw v2.qcow2
# With the header the type of compression is lost.
if "$QCHECK" --version | grep -q 'zstd clusters: yes' &&
    qemu-img convert -c -O qcow2 -o compression_type=zstd disk.raw zstd.qcow2 2>/dev/null; then
    for damage in header header+l1; do
        rescued zstd.qcow2 $damage
    done
fi
for image in zlib extended v2; do
    rescued $image.qcow2 l1
    rescued $image.qcow2 header+l1+reftable
done

# Of a file system that nobody knows, the order in the file alone says too little.
cp c16.qcow2 old.qcow2
/usr/bin/python3 damage.py old.qcow2 l2
"$QCHECK" plan rescue old.qcow2 >text 2>&1
grep -q 'possible' text && fail "clusters of an unknown file system are placed: $(cat text)"
grep -q 'got no place' text || fail "clusters without a place are not told: $(cat text)"

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
    for bits in 12 16 21; do
        qemu-img convert -O qcow2 -o cluster_size=$((1 << bits)) disk.raw "e$bits.qcow2"
        # of a dozen clusters too few bear proofs that zeros were entries
        for damage in l1 l2 half $([ $bits = 21 ] || echo halfzero) data l1+l2 header+l2 header+l2wiped \
            everything; do
            rescued "e$bits.qcow2" $damage
        done
    done
    # A raw disk of which the start was wiped has no tables either, and is no image.
    cp disk.raw wiped.raw
    dd if=/dev/zero of=wiped.raw bs=64k count=1 conv=notrunc status=none
    "$QCHECK" plan rescue wiped.raw >text 2>&1 && fail "a wiped raw disk is rescued: $(cat text)"
    qemu-img convert -c -O qcow2 disk.raw ec.qcow2
    rescued ec.qcow2 l2
    "$QCHECK" plan rescue old.qcow2 | grep -q '(certain)' || fail "no placement is certain"

    # Without partitions the file system says how large the disk is.
    cp disk.raw parted.raw
    cp part disk.raw
    qemu-img convert -O qcow2 disk.raw bare.qcow2
    for damage in header+l1 header+l2 header+l1+l2wiped; do
        rescued bare.qcow2 $damage
    done
    mv parted.raw disk.raw
fi

if command -v mkfs.exfat >/dev/null && [ -d files ]; then
    cp disk.raw kept.raw
    rm part
    truncate -s 23M part
    mkfs.exfat -c 4K part >/dev/null
    /usr/bin/python3 "$top_srcdir/tests/support/exfat_fill.py" part files
    command -v fsck.exfat >/dev/null && { fsck.exfat -n part >text || fail "exFAT: $(cat text)"; }
    dd if=part of=disk.raw bs=1M seek=1 conv=notrunc status=none
    for bits in 12 16 21; do
        qemu-img convert -O qcow2 -o cluster_size=$((1 << bits)) disk.raw "x$bits.qcow2"
        rescued "x$bits.qcow2" l2
    done
    mv kept.raw disk.raw
fi

# With its backing file an overlay finds the places of what was written to it.
if command -v debugfs >/dev/null; then
    cp disk.raw changed.raw
    /usr/bin/python3 - <<'END'
import random
rnd = random.Random(11)
for i in range(6):
    open("new%d" % i, "wb").write(rnd.randbytes(5000 + 90000 * i))
END
    printf 'rm f%02d\n' 3 8 15 >commands
    printf 'write new%d new%d\n' 0 0 1 1 2 2 3 3 4 4 5 5 >>commands
    dd if=changed.raw of=part bs=1M skip=1 status=none
    debugfs -w -f commands part >/dev/null 2>&1
    dd if=part of=changed.raw bs=1M seek=1 conv=notrunc status=none
    qemu-img create -q -f qcow2 -b disk.raw -F raw over.qcow2
    /usr/bin/python3 - >writes <<'END'
old, new = open("disk.raw", "rb").read(), open("changed.raw", "rb").read()
at = [i for i in range(0, len(new), 4096) if old[i:i + 4096] != new[i:i + 4096]]
for i in at:
    open("seg%d" % i, "wb").write(new[i:i + 4096])
    print("write -q -s seg%d %d 4096" % (i, i))
END
    qemu-io -f qcow2 over.qcow2 <writes >/dev/null
    rm -f seg*
    for damage in l2 l1+l2; do
        cp over.qcow2 old.qcow2
        rm -f plan new.qcow2
        /usr/bin/python3 damage.py old.qcow2 $damage
        "$QCHECK" plan rescue -o plan old.qcow2 | grep -q 'not looked at: --backing' ||
            fail "overlay, $damage: nothing is said of the backing file"
        "$QCHECK" plan rescue --backing --overwrite -o plan old.qcow2 >text 2>&1
        "$QCHECK" apply plan old.qcow2 --output new.qcow2 >text2 2>&1
        qemu-img compare -q new.qcow2 changed.raw ||
            fail "overlay, $damage: the disk is not the same: $(cat text text2)"
    done
    # The name of its backing file, which outlives the header, makes an overlay of it again; then
    # that file says what belongs where.
    for damage in header header+l2wiped; do
        cp over.qcow2 old.qcow2
        rm -f plan once.qcow2 new.qcow2
        /usr/bin/python3 damage.py old.qcow2 $damage
        "$QCHECK" plan rescue -o plan old.qcow2 >text 2>&1
        "$QCHECK" apply plan old.qcow2 --output once.qcow2 >text2 2>&1
        rm -f plan
        "$QCHECK" plan rescue --backing -o plan once.qcow2 >>text 2>&1
        "$QCHECK" apply plan once.qcow2 --output new.qcow2 >>text2 2>&1 || cp once.qcow2 new.qcow2
        qemu-img compare -q new.qcow2 changed.raw ||
            fail "overlay, $damage: the disk is not the same: $(cat text text2)"
    done
fi

# A snapshot table that is lost is found, or written anew from the L1 tables of the snapshots.
qemu-img convert -O qcow2 -o cluster_size=4096 disk.raw snap.qcow2
for name in one two three; do
    qemu-img snapshot -c $name snap.qcow2
    qemu-io -c "write -q -P 7 4M 1M" -c "write -q -P 8 9M 64k" snap.qcow2 >/dev/null
done
qemu-img convert -O raw snap.qcow2 layer.0
for id in 1 2 3; do
    qemu-img convert -l snapshot.id=$id -O raw snap.qcow2 layer.$id
done
cat >lose.py <<'END'
import random, struct, sys
rnd = random.Random(9)
with open(sys.argv[1], "r+b") as f:
    head = f.read(104)
    n_l1, l1 = struct.unpack_from(">IQ", head, 36)
    n, off = struct.unpack_from(">IQ", head, 60)
    def put(at, data):
        f.seek(at)
        f.write(data)
    for what in sys.argv[2].split("+"):
        if what == "fields":
            put(60, bytes(12))
        elif what == "table":
            put(off, bytes(4096))
        elif what == "noise":
            put(off, rnd.randbytes(4096))
        elif what == "l1":
            put(l1, rnd.randbytes(8 * n_l1))
        elif what == "header":
            put(0, bytes(512))
END
# snapshots_rescued DAMAGE NAMES: every layer reads as before
snapshots_rescued() {
    cp snap.qcow2 old.qcow2
    rm -f plan new.qcow2
    /usr/bin/python3 lose.py old.qcow2 "$1"
    "$QCHECK" plan rescue -o plan old.qcow2 >text 2>&1 ||
        { fail "snapshots, $1: no plan: $(cat text)"; return; }
    "$QCHECK" apply plan old.qcow2 --output new.qcow2 >text2 2>&1 ||
        { fail "snapshots, $1: not applied: $(cat text2)"; return; }
    qemu-img compare -q new.qcow2 layer.0 ||
        fail "snapshots, $1: the disk is not the same: $(cat text)"
    names=$(qemu-img snapshot -l new.qcow2 | awk 'NR > 2 { printf "%s ", $2 }')
    [ "$names" = "$2" ] || fail "snapshots, $1: their names are $names"
    for id in 1 2 3; do
        qemu-img convert -l snapshot.id=$id -O raw new.qcow2 out.raw 2>/dev/null &&
            cmp -s out.raw layer.$id || fail "snapshots, $1: $id is not the same: $(cat text)"
    done
    qemu-img check -q new.qcow2 >/dev/null 2>&1
    status=$?
    [ $status = 0 ] || [ $status = 3 ] || fail "snapshots, $1: qemu-img check says $status"
}
made="rescued-1 rescued-2 rescued-3 "
for damage in fields header l1; do
    snapshots_rescued $damage "one two three "
done
for damage in table noise table+fields table+l1 header+table; do
    snapshots_rescued $damage "$made"
done
# What a lost L2 table shared with a snapshot goes back to its place: nothing of the disk but
# what was written since may differ.
qemu-img convert -O qcow2 disk.raw both.qcow2
qemu-img snapshot -c one both.qcow2
qemu-io -c "write -q -P 7 4M 64k" both.qcow2 >/dev/null
cp both.qcow2 old.qcow2
/usr/bin/python3 damage.py old.qcow2 l2
rm -f plan out.raw
"$QCHECK" plan rescue -o plan old.qcow2 >text 2>&1
grep -q 'that snapshots share with the disk (likely)' text || fail "nothing is shared: $(cat text)"
"$QCHECK" export --plan plan old.qcow2 out.raw >text2 2>&1
/usr/bin/python3 - <<'END' || fail "what a snapshot shares is not at its place: $(cat text)"
import sys
a, b = open("disk.raw", "rb").read(), open("out.raw", "rb").read()
wrong = [i for i in range(0, len(a), 65536) if a[i:i + 65536] != b[i:i + 65536]]
sys.exit(len(a) != len(b) or len(wrong) > 3)
END
# Without refcounts that is a guess: a fair one, unless the disk had most places to itself.
for written in 2 12; do
    cp both.qcow2 old.qcow2
    qemu-io -c "write -q -P 9 1M ${written}M" old.qcow2 >/dev/null
    /usr/bin/python3 damage.py old.qcow2 l2+reftable
    "$QCHECK" plan rescue old.qcow2 >text 2>&1
    grep -q 'that snapshots share with the disk (possible)' text && guessed=2 || guessed=12
    [ $written = $guessed ] || fail "$written MiB are the disk's alone: $(cat text)"
done

# A table that an active L1 table no longer needs is not taken for one of a snapshot's.
cp snap.qcow2 none.qcow2
for name in one two three; do qemu-img snapshot -d $name none.qcow2; done
"$QCHECK" plan rescue none.qcow2 | grep -q 'nothing to do' || fail "deleted snapshots come back"

# What gets no place can be had with what it holds: here a cluster that no place is left for.
/usr/bin/python3 -c 'import random; open("full.raw", "wb").write(random.Random(2).randbytes(1 << 21))'
qemu-img convert -O qcow2 full.raw full.qcow2
/usr/bin/python3 - >where <<'END'
import os, struct
with open("full.qcow2", "r+b") as f:
    table, = struct.unpack(">Q", f.read(104)[48:56])
    f.seek(table)
    block, = struct.unpack(">Q", f.read(8))
    cluster = (os.path.getsize("full.qcow2") + 65535) // 65536
    f.seek(block + 2 * cluster)
    f.write(b"\0\1")
    f.seek(cluster * 65536)
    f.write((b"a line of text\n" * 5000)[:65536])
    print("0x%012x.text" % (cluster * 65536))
END
"$QCHECK" plan rescue --unplaced left.tar full.qcow2 >text 2>&1 || fail "--unplaced: $(cat text)"
tar xf left.tar || fail "--unplaced writes no archive"
[ "$(head -n 1 "$(cat where)")" = "a line of text" ] ||
    fail "--unplaced lacks what was left: $(tar tf left.tar)"
grep -q '"content": "text"' extents.json || fail "--unplaced: $(cat extents.json)"
"$QCHECK" plan rescue --unplaced left.tar full.qcow2 2>/dev/null && fail "--unplaced replaces files"
# So can most of an unknown file system, of which the MBR has a place.
cp c16.qcow2 old.qcow2
/usr/bin/python3 damage.py old.qcow2 l2
rm left.tar
"$QCHECK" plan rescue --unplaced left.tar old.qcow2 >text 2>&1 || fail "--unplaced: $(cat text)"
/usr/bin/python3 - <<'END' || fail "--unplaced is not what got no place: $(cat text)"
import sys, tarfile
n = 0
with open("old.qcow2", "rb") as f, tarfile.open("left.tar") as tar:
    for member in tar:
        if member.name.startswith("0x"):
            f.seek(int(member.name.split(".")[0], 16))
            data = tar.extractfile(member).read()
            n += len(data) // 65536
            if data != f.read(len(data)):
                sys.exit(1)
sys.exit(n < 100)
END

# Nothing is done to an image that lacks nothing.
"$QCHECK" plan rescue c16.qcow2 | grep -q 'nothing to do' || fail "a sound image is changed"
# Something that is no image stays what it is.
"$QCHECK" plan rescue disk.raw >text 2>&1 && fail "a raw disk was rescued: $(cat text)"
exit $bad
