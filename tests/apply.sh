#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Plans are carried out as predicted, and taken back to the byte, wherever they are stopped.
set -u
: "${QCHECK:?}" "${top_srcdir:?}"
samples=$(cd "$top_srcdir/data/samples" && pwd) || exit 99
command -v qemu-img >/dev/null && command -v strace >/dev/null || exit 77
"$QCHECK" --version | grep -q 'sums: yes' || exit 77
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 99
bad=0
fail() { echo "FAIL: $*"; bad=1; }
sum() { sha256sum <"$1"; }
figures() { qemu-img check --output=json "$1" 2>/dev/null |
    /usr/bin/python3 -c 'import json,sys; d=json.load(sys.stdin); print(d.get("corruptions",0), d.get("leaks",0))'; }

goals='refcounts leaks copied --accept-loss'
for name in refcount-zero leak many dirty double-data; do
    cp "$samples/$name.qcow2" a.qcow2
    rm -f plan undo new
    before=$(sum a.qcow2)
    "$QCHECK" plan $goals -o plan a.qcow2 >text || { fail "$name: no plan"; continue; }
    [ "$(sum a.qcow2)" = "$before" ] || fail "$name: planning changed the image"

    # As predicted: the image under the plan, the copy, and the image afterwards are the same.
    "$QCHECK" apply plan a.qcow2 --output new >/dev/null || fail "$name: apply --output"
    [ "$(sum a.qcow2)" = "$before" ] || fail "$name: apply --output changed the image"
    "$QCHECK" apply plan a.qcow2 --in-place --undo undo >/dev/null || fail "$name: apply"
    after=$(sum a.qcow2)
    [ "$(sum new)" = "$after" ] || fail "$name: the copy differs from the image in place"
    cp "$samples/$name.qcow2" b.qcow2
    "$QCHECK" check --plan plan --output=json b.qcow2 >predicted.json
    "$QCHECK" check --output=json a.qcow2 >now.json
    /usr/bin/python3 - <<'P' || fail "$name: not as predicted"
import json, sys
a, b = json.load(open("predicted.json")), json.load(open("now.json"))
for d in (a, b):
    d.pop("filename", None)
same = {k: a.get(k) == b.get(k) for k in ("check-errors", "corruptions", "leaks",
        "image-end-offset", "allocated-clusters", "fragmented-clusters")}
sys.exit(not all(same.values()))
P
    set -- $(figures a.qcow2)
    [ "$2" = 0 ] || fail "$name: $2 leaks are left"

    # A plan fits one state of an image.
    "$QCHECK" apply plan a.qcow2 --output again >/dev/null 2>&1 &&
        fail "$name: a plan was applied to an image that it changed already"
    "$QCHECK" apply plan a.qcow2 --in-place --undo other >/dev/null 2>&1 &&
        fail "$name: a plan was carried out twice"
    "$QCHECK" apply plan a.qcow2 --in-place --undo undo >/dev/null ||
        fail "$name: apply fails when all is done"
    [ "$(sum a.qcow2)" = "$after" ] || fail "$name: apply changes an image that is as planned"
    cp a.qcow2 longer; printf x >>longer
    "$QCHECK" apply plan longer --in-place --undo undo >/dev/null 2>message &&
        fail "$name: an image that was changed since passes for what was planned"
    "$QCHECK" apply plan longer --in-place --undo other >/dev/null 2>message &&
        fail "$name: a plan for another file was carried out"
    grep -q "^qcheck: longer: " message || fail "$name: $(cat message) does not name the image"
    "$QCHECK" undo undo a.qcow2 >/dev/null || fail "$name: undo"
    [ "$(sum a.qcow2)" = "$before" ] || fail "$name: undo did not give the image back"
done

# Killed at every write and every sync: undo gives back the very bytes, and a second apply
# ends as the first would have.
name=many
cp "$samples/$name.qcow2" a.qcow2
before=$(sum a.qcow2)
rm -f plan
"$QCHECK" plan $goals -o plan a.qcow2 >/dev/null
rm -f undo; cp a.qcow2 whole; "$QCHECK" apply plan whole --in-place --undo undo >/dev/null
after=$(sum whole)
for call in pwrite64 fsync ftruncate; do
    n=1
    while :; do
        rm -f undo
        cp "$samples/$name.qcow2" a.qcow2
        strace -f -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$n \
            "$QCHECK" apply plan a.qcow2 --in-place --undo undo >/dev/null 2>&1 && break
        cp a.qcow2 half
        cp undo undo.half 2>/dev/null || : >undo.half
        if "$QCHECK" undo undo.half half >/dev/null 2>message; then :; else
            grep -q 'not completed' message || fail "$call $n: undo: $(cat message)"
        fi
        [ "$(sum half)" = "$before" ] || fail "killed at $call $n: undo differs"
        "$QCHECK" apply plan a.qcow2 --in-place --undo undo >/dev/null 2>message ||
            fail "$call $n: second apply: $(cat message)"
        [ "$(sum a.qcow2)" = "$after" ] || fail "killed at $call $n: second apply differs"
        n=$((n + 1))
        [ $n -lt 400 ] && [ $bad = 0 ] || break
    done
    echo "$call: killed at $((n - 1)) places"
    [ "$call" = ftruncate ] || [ $n -gt 2 ] || fail "$call: never killed"
done

# A guest that ran since: undo would mix two states.
cp "$samples/$name.qcow2" a.qcow2; rm -f undo
"$QCHECK" apply plan a.qcow2 --in-place --undo undo >/dev/null
cp undo undo.kept
cp a.qcow2 written.qcow2
/usr/bin/python3 - plan written.qcow2 <<'P'
import json, sys
patch = json.load(open(sys.argv[1]))["steps"][0]["patches"][0]
with open(sys.argv[2], "r+b") as file:
    file.seek(patch["offset"])
    byte = file.read(1)
    file.seek(patch["offset"])
    file.write(bytes([byte[0] ^ 1]))
P
written=$(sum written.qcow2)
"$QCHECK" undo undo written.qcow2 >/dev/null 2>message && fail "undone under a guest's writes"
grep -q 'changed since' message || fail "changed since: $(cat message)"
[ "$(sum written.qcow2)" = "$written" ] || fail "a refused undo changed the image"
"$QCHECK" undo --force undo written.qcow2 >/dev/null || fail "undo --force"
[ "$(sum written.qcow2)" = "$before" ] || fail "undo --force did not give the bytes back"

# A long hole that is cut off is neither read nor kept, and must still be one.
cp "$samples/healthy.qcow2" long.qcow2
truncate -s 2G long.qcow2
"$QCHECK" plan compact -o long.plan long.qcow2 >/dev/null || fail "compact beside a long hole"
cp --sparse=always long.qcow2 other.qcow2
printf x | dd of=other.qcow2 bs=1 seek=1G conv=notrunc 2>/dev/null
"$QCHECK" apply long.plan other.qcow2 --output new --overwrite >/dev/null 2>&1 &&
    fail "data in what was a hole was cut off"
"$QCHECK" apply long.plan long.qcow2 --in-place --undo long.undo >/dev/null || fail "cut a hole off"
[ "$(stat -c %s long.qcow2)" -lt 1000000 ] || fail "the hole is still there"
[ "$(stat -c %s long.undo)" -lt 3000000 ] || fail "the hole is in the undo file"
"$QCHECK" undo long.undo long.qcow2 >/dev/null || fail "undo of a cut hole"
[ "$(stat -c %s long.qcow2)" = 2147483648 ] || fail "undo: the length"
cmp -n "$(stat -c %s "$samples/healthy.qcow2")" long.qcow2 "$samples/healthy.qcow2" ||
    fail "undo of a cut hole differs"
rm -f long.qcow2 other.qcow2

# Undo killed anywhere can be done again.
for n in 1 2 3 4 5 6; do
    cp a.qcow2 half; cp undo.kept undo.half
    strace -f -qq -o /dev/null -e trace=pwrite64 -e inject=pwrite64:signal=KILL:when=$n \
        "$QCHECK" undo undo.half half >/dev/null 2>&1
    "$QCHECK" undo undo.half half >/dev/null 2>message || fail "undo again: $(cat message)"
    [ "$(sum half)" = "$before" ] || fail "undo killed at write $n, and done again, differs"
done

# A damaged undo file, one of another image, and an image in use are refused.
cp "$samples/$name.qcow2" a.qcow2; rm -f undo
"$QCHECK" apply plan a.qcow2 --in-place --undo undo >/dev/null
cp undo broken
size=$(stat -c %s broken)
printf 'X' | dd of=broken bs=1 seek=$((size - 3)) conv=notrunc 2>/dev/null
"$QCHECK" undo broken a.qcow2 >/dev/null 2>&1 && fail "a damaged undo file was used"
[ "$(sum a.qcow2)" = "$after" ] || fail "a damaged undo file changed the image"
"$QCHECK" undo undo "$samples/healthy.qcow2" >/dev/null 2>&1 && fail "undone elsewhere"
qemu-io -f qcow2 -c 'aio_write 0 512' -c 'sleep 3000' a.qcow2 >/dev/null 2>&1 &
writer=$!
i=0
while [ $i -lt 200 ] && ! "$QCHECK" info a.qcow2 2>/dev/null | grep -qi 'in use'; do i=$((i + 1)); done
"$QCHECK" undo undo a.qcow2 >/dev/null 2>message && kill -0 $writer 2>/dev/null &&
    fail "an image in use was written to"
"$QCHECK" plan copied -o in-use a.qcow2 >/dev/null
"$QCHECK" apply in-use a.qcow2 --output torn >/dev/null 2>message && kill -0 $writer 2>/dev/null &&
    fail "an image in use was copied"
kill $writer 2>/dev/null; wait $writer 2>/dev/null
exit $bad
