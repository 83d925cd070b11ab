#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Storage that is full, fails or must not be written to: what went wrong is told, nothing is
# lost, and no file is left behind that is of no use.
set -u
: "${QCHECK:?}" "${top_srcdir:?}"
samples=$(cd "$top_srcdir/data/samples" && pwd) || exit 99
"$QCHECK" --version | grep -q 'sums: yes' || exit 77
dir=$(mktemp -d) || exit 99
trap 'umount "$dir/mnt" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 99
bad=0
fail() { echo "FAIL: $*"; bad=1; }
sum() { sha256sum <"$1"; }
in_place() { "$QCHECK" apply plan "$1" --in-place --undo "$2" >/dev/null 2>message; }

cp "$samples/many.qcow2" a.qcow2
before=$(sum a.qcow2)
"$QCHECK" plan repair -o plan a.qcow2 >/dev/null || exit 99
cp a.qcow2 whole; in_place whole whole.undo || fail "apply: $(cat message)"
after=$(sum whole)

# A copy takes the place of a file, never that of a device, a pipe or a link.
mkfifo pipe && ln -s elsewhere link && mkdir folder
for name in pipe link folder; do
    "$QCHECK" apply plan a.qcow2 --output "$name" --overwrite >message 2>&1 &&
        fail "a copy was written over a $name"
    grep -q 'no regular file' message || fail "$name: $(cat message)"
done
[ -p pipe ] && [ -h link ] && [ -d folder ] || fail "something was replaced by a copy"

# What is refused leaves no undo file.
cp "$samples/healthy.qcow2" other.qcow2
in_place other.qcow2 undo && fail "a plan for another image was carried out"
grep -q 'was not changed' message || fail "refused: $(cat message)"
[ -e undo ] && fail "a refused apply leaves an undo file"
echo '{}' >broken.json
"$QCHECK" apply broken.json a.qcow2 --in-place --undo undo >/dev/null 2>&1 && fail "{} is a plan"
[ -e undo ] && fail "a broken plan leaves an undo file"

# A file that is no undo file stays as it is, zeros and an empty one of the person's included.
head -c 100000 /dev/zero >zeros; echo "my notes" >notes
for file in zeros notes; do
    kept=$(sum $file)
    in_place a.qcow2 $file && fail "$file was taken for an undo file"
    grep -q "$file: this is not an undo file" message || fail "$file: $(cat message)"
    [ "$(sum $file)" = "$kept" ] || fail "$file was overwritten"
done
: >empty; in_place other.qcow2 empty; [ -e empty ] || fail "the person's empty file is gone"
[ "$(sum a.qcow2)" = "$before" ] || fail "refused, and the image is changed"

# Storage that fails at one call, and at all after it.
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
    for error in ENOSPC EIO; do for call in pwrite64 fsync; do for n in 1 2 3 5 8 13 21; do
        rm -f undo; cp "$samples/many.qcow2" a.qcow2
        strace -f -qq -o /dev/null -e trace=$call -e inject=$call:error=$error:when=$n+ \
            "$QCHECK" apply plan a.qcow2 --in-place --undo undo >/dev/null 2>message && continue
        grep -q 'No space left\|Input/output error' message || fail "$error $call $n: $(cat message)"
        if [ -e undo ]; then
            grep -q 'changed in part' message || fail "$error $call $n, begun: $(cat message)"
            cp a.qcow2 half; cp undo half.undo
            "$QCHECK" undo half.undo half >/dev/null || fail "$error $call $n: no undo"
            [ "$(sum half)" = "$before" ] || fail "$error $call $n: undo differs"
        else
            grep -q 'was not changed' message || fail "$error $call $n, not begun: $(cat message)"
            [ "$(sum a.qcow2)" = "$before" ] || fail "$error $call $n: changed without an undo file"
        fi
        in_place a.qcow2 undo || fail "$error $call $n: second apply: $(cat message)"
        [ "$(sum a.qcow2)" = "$after" ] || fail "$error $call $n: second apply differs"
    done; done; done
    rm -f new new.part; cp "$samples/many.qcow2" a.qcow2
    strace -f -qq -o /dev/null -e trace=pwrite64 -e inject=pwrite64:error=ENOSPC:when=1 \
        "$QCHECK" apply plan a.qcow2 --output new >/dev/null 2>message && fail "a copy on a full disk"
    grep -q 'new was not written' message || fail "copy: $(cat message)"
    [ -e new ] || [ -e new.part ] && fail "a copy that failed is left"
fi

# File systems that are full or read-only, where this user may mount them.
mkdir mnt
if mount -t tmpfs -o size=96k tmpfs mnt 2>/dev/null; then
    rm -f undo; cp "$samples/many.qcow2" mnt/a.qcow2; cp mnt/a.qcow2 b.qcow2
    head -c 10000000 /dev/zero >mnt/fill 2>/dev/null
    in_place b.qcow2 mnt/undo && fail "an undo file on a full disk"
    grep -q 'No space left' message || fail "full: $(cat message)"
    [ -e mnt/undo ] && fail "an undo file is left on a full disk"
    [ "$(sum b.qcow2)" = "$before" ] || fail "changed without an undo file"
    mount -o remount,ro mnt
    in_place mnt/a.qcow2 undo && fail "a read-only image was written to"
    grep -q 'Read-only' message || fail "read-only: $(cat message)"
    [ -e undo ] && fail "a read-only image leaves an undo file"
    in_place b.qcow2 mnt/undo && fail "an undo file on a read-only disk"
    "$QCHECK" apply plan b.qcow2 --output mnt/new >/dev/null 2>&1 && fail "a copy on a read-only disk"
    [ "$(sum mnt/a.qcow2)$(sum b.qcow2)" = "$before$before" ] || fail "read-only, and changed"
    umount mnt
fi
# A copy shares its storage with the image where the file system can do that.
truncate -s 400M disk.img
if mkfs.xfs -q -m reflink=1 disk.img 2>/dev/null && mount -o loop disk.img mnt 2>/dev/null; then
    cp "$samples/many.qcow2" mnt/a.qcow2
    head -c 16000000 /dev/urandom >>mnt/a.qcow2
    "$QCHECK" plan repair -o mnt/plan mnt/a.qcow2 >/dev/null || fail "no plan on XFS"
    "$QCHECK" apply mnt/plan mnt/a.qcow2 --output mnt/new >/dev/null || fail "no copy on XFS"
    sync; used=$(df --output=used -k mnt | tail -1)
    "$QCHECK" apply mnt/plan mnt/a.qcow2 --output mnt/again >/dev/null || fail "no copy on XFS"
    sync; [ $(($(df --output=used -k mnt | tail -1) - used)) -lt 8000 ] || fail "the copy is no reflink"
    "$QCHECK" apply mnt/plan mnt/a.qcow2 --output elsewhere >/dev/null || fail "no copy off XFS"
    cmp mnt/new elsewhere || fail "a reflink has other bytes"
    umount mnt
fi

chmod a-w a.qcow2
if ! [ -w a.qcow2 ]; then
    rm -f undo; in_place a.qcow2 undo && fail "a file without permission was written to"
    [ -e undo ] && fail "a file without permission leaves an undo file"
fi
exit $bad
