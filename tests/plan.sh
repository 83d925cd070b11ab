#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# What each goal of a plan does, as qemu-img sees the outcome.
set -u
: "${QCHECK:?}" "${top_srcdir:?}"
top_srcdir=$(cd "$top_srcdir" && pwd) || exit 99
samples=$(cd "$top_srcdir/data/samples" && pwd) || exit 99
command -v qemu-img >/dev/null || exit 77
"$QCHECK" --version | grep -q 'sums: yes' || exit 77
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 99
bad=0
fail() { echo "FAIL: $*"; bad=1; }

# outcome SAMPLE GOAL...: plans on the sample and leaves the result in new.qcow2
outcome() {
    sample=$1; shift
    rm -f plan new.qcow2
    cp "$samples/$sample.qcow2" old.qcow2
    "$QCHECK" plan "$@" -o plan old.qcow2 >text 2>&1 &&
        "$QCHECK" apply plan old.qcow2 --output new.qcow2 >/dev/null 2>&1
}
info() { qemu-img info --output=json "$1" | /usr/bin/python3 -c "import json,sys
d = json.load(sys.stdin); s = d.get('format-specific', {}).get('data', {})
print($2)"; }
poke() { /usr/bin/python3 -B "$top_srcdir/tests/oracle/qcow2.py" "$@"; }
clean() { qemu-img check -q "$1" >/dev/null 2>&1; }

outcome dirty flags dirty=off lazy_refcounts=off || fail "flags: $(cat text)"
[ "$(info new.qcow2 "d.get('dirty-flag'), s['lazy-refcounts']")" = "False False" ] ||
    fail "flags are not off"
outcome healthy flags lazy_refcounts=on || fail "flags on: $(cat text)"
[ "$(info new.qcow2 "s['lazy-refcounts']")" = True ] || fail "lazy_refcounts is not on"
outcome healthy flags dirty=yes && fail "a flag was set to yes"
outcome healthy flags && fail "no flag was named"
for wrong in 'resize sise=1G' 'discard x=1' 'repair size=3' 'backing file=a fromat=raw' \
        'backing file=a format=zzz' 'bitmaps dorp=all' 'set 0x999999999=00'; do
    outcome healthy $wrong && fail "$wrong was planned"
done

outcome extended-l2 set 'L2[0][1].bitmap=0x00000001fffffffe' || fail "set bitmap: $(cat text)"
poke new.qcow2 get 'l2[0][1].bitmap' | grep -q '= 0x1fffffffe$' ||
    fail "the bitmap is $(poke new.qcow2 get 'l2[0][1].bitmap')"
grep -q 'Set the bitmap of L1\[0\] L2\[1\] from .* to 0x1fffffffe (1 zero, 31 allocated)' text ||
    fail "set bitmap says: $(cat text)"
outcome healthy set 'L2[0][1]=0x1ffffffffffffffff' && fail "a value of 65 bits was set"
outcome healthy set 'L2[0][1].bitmap=1' && fail "a bitmap was set where there is none"

truncate -s 1M other.qcow2
outcome overlay backing file=other.qcow2 format=raw || fail "backing: $(cat text)"
[ "$(info new.qcow2 "d['backing-filename'], d['backing-filename-format']")" = \
    "other.qcow2 raw" ] || fail "the backing file has another name"
clean new.qcow2 || fail "backing: not clean"
outcome overlay backing file= && fail "the backing file was dropped without --accept-loss"
"$QCHECK" plan backing file= "$samples/healthy.qcow2" | grep -q 'nothing to do' ||
    fail "a backing file was to be dropped where there is none"
outcome overlay backing file= --accept-loss || fail "backing dropped: $(cat text)"
[ "$(info new.qcow2 "d.get('backing-filename')")" = None ] || fail "there is a backing file"
long=$(printf '%01100d' 0)
outcome overlay backing "file=$long" && fail "a name of 1100 bytes was taken"
long=$(printf '%0900d' 0)
outcome overlay backing "file=$long" && fail "a name past the header cluster was taken"

QCHECK_SAMPLES=$samples "$QCHECK" plan flags dirty=off --sample dirty | grep -q 'dirty' ||
    fail "no plan for a sample"
outcome healthy set 'L2[0][3]=0' || fail "set: $(cat text)"
grep -q 'data at 0x' text && grep -q unallocated text || fail "set does not say what it means"
grep -q "gives up guest 0x600: 512 B" text || fail "set does not say what the guest loses: $(cat text)"
"$QCHECK" check --output=json new.qcow2 | grep -q '"leaks": 1' || fail "set: no leak"
size=$(info old.qcow2 "d['virtual-size'] - 512")
outcome healthy set size="$size" || fail "set size: $(cat text)"
[ "$(info new.qcow2 "d['virtual-size']")" = "$size" ] || fail "the size is not set"
# Refcounts of any width, two in one byte as well.
for bits in 1 4 16 64; do
    qemu-img create -q -f qcow2 -o refcount_bits=$bits counts.qcow2 1M
    rm -f plan new.qcow2
    "$QCHECK" plan set 'rb 0 0=0' 'rb 0 1=0' -o plan counts.qcow2 >text 2>&1 &&
        "$QCHECK" apply plan counts.qcow2 --output new.qcow2 >/dev/null || fail "refcounts: $(cat text)"
    [ "$(qemu-img check new.qcow2 2>&1 | grep -c 'cluster [01] refcount=0')" = 2 ] ||
        fail "refcounts of $bits bits: $(qemu-img check new.qcow2 2>&1)"
done
"$QCHECK" plan set 'rb 0 0=2' new.qcow2 >/dev/null || fail "a refcount of 64 bits was not set"
outcome healthy set 'rb 0 0=65536' && fail "a refcount of 17 bits was set"
outcome healthy set 0x50=0102ff || fail "set bytes: $(cat text)"
[ "$(od -An -tx1 -j80 -N3 new.qcow2)" = ' 01 02 ff' ] || fail "the bytes are not set"
outcome healthy set '0x400=@0x0+512' || fail "copy: $(cat text)"
cmp -s -n 512 -i 1024:0 new.qcow2 old.qcow2 || fail "the range was not copied"
head -c 4096 /dev/urandom >donor
outcome healthy set '0x400=@0x200+512:donor' || fail "copy from a file: $(cat text)"
cmp -s -n 512 -i 1024:512 new.qcow2 donor || fail "the range of the other file was not copied"
outcome healthy set '0x400=@0x200+4096:donor' && fail "copied past the end of another file"
outcome healthy set '0x400=@0+512:nothing' && fail "copied from a file that is not there"
for wrong in foo=1 size=x 'L2[99][0]=1' 0x50=012 0x50=zz '0x50=@0+99999999999' cluster_bits=999999999999; do
    outcome healthy set "$wrong" && fail "set $wrong was planned"
done

names() { info "$1" "*[x['name'] for x in d.get('snapshots', [])]"; }
convert() { qemu-img convert -O raw ${3:+-l "snapshot.name=$3"} "$1" "$2" 2>/dev/null; }
first=$(names "$samples/snapshots.qcow2" | cut -d' ' -f1)
second=$(names "$samples/snapshots.qcow2" | cut -d' ' -f2)
convert "$samples/snapshots.qcow2" active.raw
convert "$samples/snapshots.qcow2" first.raw "$first"
convert "$samples/snapshots.qcow2" second.raw "$second"
outcome snapshots snapshots delete="$first" || fail "delete: $(cat text)"
[ "$(names new.qcow2)" = "$second" ] || fail "delete: $(names new.qcow2) is left"
clean new.qcow2 || fail "delete: not clean"
convert new.qcow2 a.raw; cmp -s a.raw active.raw || fail "delete changed the disk"
convert new.qcow2 a.raw "$second"; cmp -s a.raw second.raw || fail "delete changed the other"
outcome snapshots snapshots keep="$first" || fail "keep: $(cat text)"
[ "$(names new.qcow2)" = "$first" ] && clean new.qcow2 || fail "keep"
outcome snapshots snapshots delete=all || fail "delete all: $(cat text)"
[ -z "$(names new.qcow2)" ] && clean new.qcow2 || fail "delete all"
convert new.qcow2 a.raw; cmp -s a.raw active.raw || fail "delete all changed the disk"
outcome snapshots snapshots apply="$first" && fail "went back without --accept-loss"
outcome snapshots snapshots apply="$first" --accept-loss || fail "apply: $(cat text)"
clean new.qcow2 || fail "apply: not clean: $(qemu-img check new.qcow2 2>&1)"
convert new.qcow2 a.raw; cmp -s a.raw first.raw || fail "apply did not go back"
convert new.qcow2 a.raw "$second"; cmp -s a.raw second.raw || fail "apply changed the other"
cp "$samples/snapshots.qcow2" lost.qcow2
qemu-img bitmap --add lost.qcow2 bits
"$QCHECK" plan snapshots apply="$first" --accept-loss lost.qcow2 >text 2>&1
grep -q 'bitmaps drop=all' text || fail "going back does not warn of bitmaps: $(cat text)"
outcome snapshots snapshots delete=nobody && fail "nobody was deleted"
# The way back where the active tables are lost and QEMU refuses.
cp "$samples/snapshots.qcow2" lost.qcow2
printf '\377\377\377\377\377\377\376\000' | dd of=lost.qcow2 bs=1 seek=40 conv=notrunc 2>/dev/null
qemu-img snapshot -a "$first" lost.qcow2 2>/dev/null && fail "QEMU opens an image without L1"
rm -f plan new.qcow2
"$QCHECK" plan snapshots apply="$first" --accept-loss -o plan lost.qcow2 >/dev/null 2>&1 &&
    "$QCHECK" apply plan lost.qcow2 --output new.qcow2 >/dev/null 2>&1 ||
    fail "no way back from a lost L1 table"
convert new.qcow2 a.raw; cmp -s a.raw first.raw || fail "the way back from a lost L1 table"

bits() { info "$1" "*[b['name'] + ':' + ','.join(b['flags']) for b in s.get('bitmaps', [])]"; }
all=$(bits "$samples/bitmaps.qcow2")
one=$(echo "$all" | cut -d' ' -f1 | cut -d: -f1)
outcome bitmaps bitmaps drop="$one" || fail "drop: $(cat text)"
[ "$one:" != "$(bits new.qcow2 | cut -d' ' -f1 | cut -d: -f1):" ] && clean new.qcow2 ||
    fail "drop: $(bits new.qcow2)"
[ "$(bits new.qcow2 | wc -w)" = $(($(echo "$all" | wc -w) - 1)) ] || fail "drop: $(bits new.qcow2)"
outcome bitmaps bitmaps drop=all || fail "drop all: $(cat text)"
[ -z "$(bits new.qcow2)" ] && clean new.qcow2 || fail "drop all: $(bits new.qcow2)"
outcome bitmaps bitmaps disable="$one" || fail "disable: $(cat text)"
bits new.qcow2 | tr ' ' '\n' | grep -q "^$one:.*auto" && fail "disable: $(bits new.qcow2)"
outcome bitmaps bitmaps enable="$one" || fail "enable: $(cat text)"
bits new.qcow2 | tr ' ' '\n' | grep -q "^$one:.*auto" || fail "enable: $(bits new.qcow2)"

# Images of its own for what moves data: fragmented, with a snapshot, compressed clusters.
mine() {
    qemu-img create -q -f qcow2 -o cluster_size=4k,"$1" mine.qcow2 8M
    for i in 0 3 1 7 2 5 4 6; do set -- "$@" -c "write -P $((i + 1)) ${i}00k 90k"; done
    shift
    qemu-io -f qcow2 "$@" -c 'write -P 0 1M 512k' -c 'write -P 9 2M 64k' \
        -c 'write -c -P 3 2500k 64k' -c 'write -P 8 7M 40k' mine.qcow2 >/dev/null 2>&1
}
# same GOAL...: the outcome is clean, reads the same, and is no longer than before
same() {
    rm -f plan new.qcow2 undo
    "$QCHECK" plan "$@" -o plan mine.qcow2 >text 2>&1 || { fail "$*: $(cat text)"; return; }
    "$QCHECK" apply plan mine.qcow2 --output new.qcow2 >/dev/null || fail "$*: apply"
    clean new.qcow2 || fail "$*: $(qemu-img check new.qcow2 2>&1)"
    convert mine.qcow2 a.raw; convert new.qcow2 b.raw
    cmp -s a.raw b.raw || fail "$*: the disk reads differently"
    for name in $(names mine.qcow2); do
        convert mine.qcow2 a.raw "$name"; convert new.qcow2 b.raw "$name"
        cmp -s a.raw b.raw || fail "$*: snapshot $name reads differently"
    done
    [ "$(stat -c %s new.qcow2)" -le "$(stat -c %s mine.qcow2)" ] || fail "$*: longer"
    cp mine.qcow2 c.qcow2
    "$QCHECK" apply plan c.qcow2 --in-place --undo undo >/dev/null || fail "$*: in place"
    cmp -s c.qcow2 new.qcow2 || fail "$*: another outcome in place"
    "$QCHECK" undo undo c.qcow2 >/dev/null && cmp -s c.qcow2 mine.qcow2 || fail "$*: undo"
}
for options in compat=1.1 refcount_bits=1 compat=0.10; do
    mine $options
    same discard
    grep -q 'Unmap 1[0-9][0-9] clusters' text || fail "discard $options: $(cat text)"
    same discard compact
    grep -q 'horten the file' text || fail "compact $options did not make it shorter: $(cat text)"
done
# Subclusters: zeros in all that is allocated of a cluster, in part of it, over a backing file.
qemu-io -f raw -c 'write -P 0xbb 0 4M' other.qcow2 >/dev/null
for base in '' ',backing_file=other.qcow2,backing_fmt=raw'; do
    qemu-img create -q -f qcow2 -o "extended_l2=on,cluster_size=64k$base" mine.qcow2 4M
    qemu-io -f qcow2 -c 'write -P 0 0 64k' -c 'write -P 0 70k 10k' -c 'write -P 0 128k 30k' \
        -c 'write -P 5 158k 34k' -c 'write -P 0 200k 20k' -c 'write -P 6 220k 2k' -c 'write -z 256k 64k' \
        -c 'write -P 7 320k 64k' -c 'write -z 320k 64k' -c 'write -P 8 1M 64k' mine.qcow2 >/dev/null
    same discard
    grep -q 'Unmap 3 clusters.*Mark 2[0-9] subclusters' text || fail "subclusters: $(cat text)"
    [ "$(qemu-img map --output=json new.qcow2 | grep -c '"zero": true, "data": true')" = 0 ] ||
        fail "subclusters: $(qemu-img map --output=json new.qcow2)"
    "$QCHECK" plan discard new.qcow2 | grep -q 'nothing to do' || fail "subclusters: discard again"
    same discard compact
done
mine compat=1.1
qemu-img snapshot -c one mine.qcow2
qemu-io -f qcow2 -c 'write -P 77 100k 200k' -c 'write -P 0 4M 300k' mine.qcow2 >/dev/null
qemu-img snapshot -c two mine.qcow2
qemu-io -f qcow2 -c 'write -P 78 150k 200k' mine.qcow2 >/dev/null
qemu-img snapshot -d one mine.qcow2
qemu-img bitmap --add mine.qcow2 bits
same compact
same compact order=guest
same discard compact order=guest
# Bitmaps grow with the disk, with more of a table where they need it, and keep what is dirty.
for size in 16M 40G; do
    "$QCHECK" plan resize size=$size -o plan --overwrite mine.qcow2 >text 2>&1 &&
        "$QCHECK" apply plan mine.qcow2 --output new.qcow2 --overwrite >/dev/null ||
        fail "resize with a bitmap: $(cat text)"
    cp mine.qcow2 theirs.qcow2
    qemu-img resize -q theirs.qcow2 $size
    clean new.qcow2 || fail "resize with a bitmap: $(qemu-img check new.qcow2 2>&1)"
    for image in new theirs; do
        "$QCHECK" dump bitmaps --output json $image.qcow2 |
            grep -o '"\(table-entries\|entry\|entries\|guest-offset\|flags\)": [^,}]*' >$image.bits
    done
    cmp -s new.bits theirs.bits || fail "resize with a bitmap: $(diff new.bits theirs.bits)"
done
"$QCHECK" plan resize size=1M mine.qcow2 >/dev/null 2>&1 && fail "shrunk under a bitmap"
qemu-img create -q -f qcow2 --object secret,id=s,data=x \
    -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=1 luks.qcow2 4M
# Data of LUKS stays where it is; tables move, and the end is cut.
qemu-io --object secret,id=s,data=x --image-opts \
    driver=qcow2,discard=unmap,encrypt.key-secret=s,file.filename=luks.qcow2 -c 'write -P 71 1M 600k' \
    -c 'write -P 70 0 600k' -c 'write -P 72 3M 600k' -c 'discard 3M 640k' >/dev/null 2>&1
printf x >key
sum=$("$QCHECK" sum --key-file=key luks.qcow2 | cut -d' ' -f1)
rm -f plan new.qcow2
"$QCHECK" plan compact -o plan luks.qcow2 >text 2>&1 &&
    "$QCHECK" apply plan luks.qcow2 --output new.qcow2 >/dev/null || fail "compact luks: $(cat text)"
[ -n "$sum" ] && [ "$("$QCHECK" sum --key-file=key new.qcow2 | cut -d' ' -f1)" = "$sum" ] ||
    fail "compact luks: another disk"
[ "$(stat -c %s new.qcow2)" -lt "$(stat -c %s luks.qcow2)" ] || fail "compact luks: not shorter: $(cat text)"
cp luks.qcow2 held.qcow2
qemu-io --object secret,id=s,data=x --image-opts \
    driver=qcow2,discard=unmap,encrypt.key-secret=s,file.filename=held.qcow2 \
    -c 'discard 1M 640k' >/dev/null
"$QCHECK" plan compact held.qcow2 | grep -q 'stays, and the file reaches to it: what LUKS' ||
    fail "compact luks: it does not say what keeps the file from being shorter"
# Zeros in the file are none to the guest of an encrypted disk.
qemu-img create -q -f qcow2 --object secret,id=s,data=x \
    -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=1,preallocation=metadata \
    holes.qcow2 1M
holes=$("$QCHECK" sum --key-file=key holes.qcow2 | cut -d' ' -f1)
rm -f plan new.qcow2
"$QCHECK" plan discard -o plan holes.qcow2 >text && "$QCHECK" apply plan holes.qcow2 --output new.qcow2 >/dev/null
[ "$("$QCHECK" sum --key-file=key new.qcow2 | cut -d' ' -f1)" = "$holes" ] || fail "discard luks: another disk"
# Its header moves, wherever it is: here it was copied to the end.
value() { echo $(($(poke "$1" get "$2" | sed 's/.* //'))); }
at=$(value luks.qcow2 'ext[crypto].offset')
end=$(stat -c %s luks.qcow2)
dd if=luks.qcow2 of=luks.qcow2 bs=65536 skip=$((at / 65536)) seek=$((end / 65536)) count=40 \
    conv=notrunc 2>/dev/null
poke luks.qcow2 poke "ext[crypto].offset=$end"
rm -f plan new.qcow2
"$QCHECK" plan refcounts leaks compact --accept-loss -o plan luks.qcow2 >text 2>&1 &&
    "$QCHECK" apply plan luks.qcow2 --output new.qcow2 >/dev/null || fail "luks header: $(cat text)"
[ "$("$QCHECK" sum --key-file=key new.qcow2 | cut -d' ' -f1)" = "$sum" ] || fail "luks header: another disk"
[ "$(value new.qcow2 'ext[crypto].offset')" -lt "$end" ] ||
    fail "luks header: it was not moved: $(cat text)"

# Compressed clusters are packed; where something else has a part of theirs, they stay.
/usr/bin/python3 - <<'P'
import random
random.seed(5)
with open("disk.raw", "wb") as file:
    for i in range(370):
        file.write((random.randbytes(random.randrange(3000)) + b"%d words " % i * 999)[:4096])
P
packed() {
    qemu-img convert -q -c -f raw -O qcow2 -o "$1" disk.raw mine.qcow2
}
for options in cluster_size=4k cluster_size=16k,extended_l2=on cluster_size=4k,refcount_bits=1 \
    cluster_size=512; do
    packed $options
    [ $options = cluster_size=512 ] ||
        "$QCHECK" plan compact mine.qcow2 | grep -q '^There is nothing to do' ||
        fail "$options: packed clusters were packed again"
    qemu-io -f qcow2 -c 'write -P 7 100k 300k' -c 'discard 600k 200k' -c 'write -P 9 1M 64k' \
        -c 'discard 1200k 100k' mine.qcow2 >/dev/null
    same compact
    # Streams as long as their clusters do not fit into holes of one.
    [ $options = cluster_size=512 ] || grep -q 'pack [1-9].* compressed' text || fail "$options: nothing was packed: $(cat text)"
    same compact order=guest
    case $options in *refcount_bits*) continue ;; esac
    qemu-img snapshot -c one mine.qcow2
    qemu-io -f qcow2 -c 'write -P 1 700k 200k' mine.qcow2 >/dev/null
    qemu-img snapshot -c two mine.qcow2
    qemu-io -f qcow2 -c 'write -P 3 0 300k' -c 'discard 1M 300k' mine.qcow2 >/dev/null
    qemu-img snapshot -d one mine.qcow2
    same compact
    same compact order=guest
done
cp "$samples/mixed.qcow2" mine.qcow2
"$QCHECK" plan compact mine.qcow2 >text 2>&1
grep -q 'refused\|cannot be compacted\|stays, and the file\|nothing to do' text || fail "mixed: $(cat text)"

# Tables of several clusters move as one.
qemu-img create -q -f qcow2 -o cluster_size=512 mine.qcow2 8M
qemu-io -f qcow2 -c 'write -P 1 0 400k' mine.qcow2 >/dev/null
qemu-img snapshot -c one mine.qcow2
qemu-io -f qcow2 -c 'write -P 2 0 300k' -c 'discard 0 200k' mine.qcow2 >/dev/null
qemu-img resize -q mine.qcow2 40M
qemu-img snapshot -c two mine.qcow2
qemu-img snapshot -d one mine.qcow2
[ "$(value mine.qcow2 l1_size)" -gt 64 ] || fail "the L1 table has one cluster"
same compact
grep -q 'stays' text && fail "a table was not moved: $(cat text)"

# Data in a file of its own: tables are packed and the disk grows; the data file is not touched.
for raw in off on; do
    rm -f data
    qemu-img create -q -f qcow2 -o cluster_size=4k,data_file=data,data_file_raw=$raw mine.qcow2 32M
    qemu-img bitmap --add -g 512 mine.qcow2 bits
    qemu-io -f qcow2 -c 'write -P 1 0 3M' -c 'write -P 2 9M 2M' -c 'write -z 9M 1M' mine.qcow2 >/dev/null
    qemu-img bitmap --add -g 512 mine.qcow2 more
    qemu-io -f qcow2 -c 'write -P 3 20M 2M' -c 'write -P 4 30M 4k' mine.qcow2 >/dev/null
    qemu-img bitmap --remove mine.qcow2 bits
    qemu-img bitmap --remove mine.qcow2 more
    sum=$(sha256sum <data)
    [ $raw = on ] || { same compact; grep -q 'horten the file' text || fail "data file: $(cat text)"; }
    rm -f plan new.qcow2
    "$QCHECK" plan resize size=3G -o plan mine.qcow2 >text && "$QCHECK" apply plan mine.qcow2 --output new.qcow2 >/dev/null ||
        fail "resize with a data file: $(cat text)"
    grep -q 'truncate -s 3221225472' text || fail "the length of the data file is not told: $(cat text)"
    clean new.qcow2 || fail "resize with a data file: $(qemu-img check new.qcow2 2>&1)"
    [ "$(sha256sum <data)" = "$sum" ] || fail "the data file was written to"
    cp data kept
    qemu-img resize -q mine.qcow2 3G
    qemu-img compare -q mine.qcow2 new.qcow2 || fail "resize with a data file: other contents"
    rm data mine.qcow2 && mv kept data && mv new.qcow2 mine.qcow2
    qemu-io -f qcow2 -c 'write -P 5 2G 64k' -c 'read -P 5 2G 64k' mine.qcow2 | grep -q failed && fail "not written to"
    clean mine.qcow2 || fail "resize with a data file, and written to"
    "$QCHECK" plan discard mine.qcow2 >text 2>&1 && fail "data was discarded in another file"
    grep -q 'fallocate --dig-holes' text || fail "discard with a data file: $(cat text)"
    "$QCHECK" plan compact order=guest mine.qcow2 >/dev/null 2>&1 && fail "data of another file was ordered"
done
qemu-img create -q -f qcow2 -o compat=0.10 two.qcow2 8M
qemu-img snapshot -c one two.qcow2
"$QCHECK" plan resize size=16M two.qcow2 >/dev/null 2>&1 && fail "version 2 with a snapshot was resized"

# Clusters that are given up because they are zeros: data may have come into them since, and what
# was packed may have had some all along. A plan fits neither.
qemu-img create -q -f qcow2 -o preallocation=full full.qcow2 4M
"$QCHECK" plan discard -o zeros full.qcow2 >/dev/null || fail "discard of zeros"
cp full.qcow2 written.qcow2
qemu-io -f qcow2 -c 'write -P 5 1M 64k' written.qcow2 >/dev/null
"$QCHECK" apply zeros written.qcow2 --output new-zeros.qcow2 >/dev/null 2>text &&
    fail "a plan discards what was written after it was made"
grep -q 'zeros' text || fail "discard of data: $(cat text)"
"$QCHECK" apply zeros full.qcow2 --output new-zeros.qcow2 >/dev/null || fail "discard of zeros"
qemu-img compare -q full.qcow2 new-zeros.qcow2 || fail "discard of zeros: other contents"
if "$QCHECK" --version | grep -q '^packs: yes'; then
    for what in 'l1-wiped repair' 'healthy discard'; do
        set -- $what
        rm -f "$1.qpack" packed-plan
        "$QCHECK" pack "$samples/$1.qcow2" -o "$1.qpack" >/dev/null 2>&1
        "$QCHECK" plan "$2" -o packed-plan "$1.qpack" >/dev/null 2>&1 || fail "$2 of a pack"
        cp "$samples/$1.qcow2" original.qcow2
        "$QCHECK" apply packed-plan original.qcow2 --output "$1-new.qcow2" >/dev/null 2>text &&
            fail "$2 for the pack of $1 frees data of the image"
        grep -q 'pack' text || fail "$2 for a pack: $(cat text)"
    done
fi

mine compat=1.1
for size in 9M 3G; do
    rm -f plan new.qcow2
    "$QCHECK" plan resize size=$size -o plan mine.qcow2 >/dev/null &&
        "$QCHECK" apply plan mine.qcow2 --output new.qcow2 >/dev/null || fail "resize $size"
    clean new.qcow2 || fail "resize $size: $(qemu-img check new.qcow2 2>&1)"
    qemu-img compare -q mine.qcow2 new.qcow2 || fail "resize $size: other contents"
done
[ "$(info new.qcow2 "d['virtual-size']")" = 3221225472 ] || fail "resize: another size"
"$QCHECK" plan resize size=7M mine.qcow2 >/dev/null 2>&1 && fail "shrunk over data"
"$QCHECK" plan resize size=7500K -o shrink mine.qcow2 >text 2>&1 || fail "shrink: $(cat text)"
"$QCHECK" plan resize size=100 mine.qcow2 >/dev/null 2>&1 && fail "a size that is no sector"
[ ! -e never ] && ! "$QCHECK" plan resize size=1 -o never mine.qcow2 >/dev/null 2>&1 &&
    [ ! -e never ] || fail "a plan that was not made left a file"
# The outcome of a plan is clean, and what became of the data is said beside it.
cp "$samples/l1-wiped.qcow2" old.qcow2
"$QCHECK" plan rescue -o plan --overwrite old.qcow2 >text 2>&1 || fail "rescue: $(cat text)"
"$QCHECK" check --plan plan old.qcow2 2>&1 | grep -q 'puts back 96 KiB of guest data' ||
    fail "check --plan does not say that data was put back"
cp "$samples/truncated.qcow2" old.qcow2
"$QCHECK" plan repair --accept-loss -o plan --overwrite old.qcow2 >text 2>&1 ||
    fail "accept-loss: $(cat text)"
"$QCHECK" check --plan plan old.qcow2 2>&1 | grep -q 'the plan gives up' ||
    fail "check --plan does not say that data was given up"

exit $bad
