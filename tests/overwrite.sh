#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Whatever --overwrite is given, no command writes over the image or a file of its chain, under
# any of its names.
set -u
for tool in qemu-img qemu-io; do
    command -v $tool >/dev/null || { echo "$tool is not here"; exit 77; }
done
"$QCHECK" --version | grep -q 'encryption and sums: yes' ||
    { echo "no plans without libcrypto"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
bad=0

complain() {
    echo "$*"
    bad=1
}

# What is lost is not given up unless that is accepted: with nothing to mend the plan is empty.
qemu-img create -q -f raw bottom.raw 4M
qemu-io -f raw -c 'write -P 7 1M 3M' bottom.raw >/dev/null
qemu-img create -q -f qcow2 -b bottom.raw -F raw middle.qcow2
qemu-img create -q -f qcow2 -b middle.qcow2 -F qcow2 top.qcow2
qemu-io -f qcow2 -c 'write -P 9 0 64k' top.qcow2 >/dev/null
"$QCHECK" plan set 'L1[0]=0x0' -o plan.json top.qcow2 >/dev/null || complain "no plan"
sums() {
    sha256sum bottom.raw middle.qcow2 top.qcow2 plan.json
}
sums >before

refused() {         # COMMAND...
    "$QCHECK" "$@" >out 2>err && complain "not refused: $*"
    sums >after
    if ! cmp -s before after; then
        complain "written over: $*"
        diff before after
        exit 1
    fi
}

for file in bottom.raw middle.qcow2 top.qcow2; do
    ln $file hard
    ln -s $file soft
    for name in $file hard soft; do
        for below in "" --backing; do
            refused export --overwrite $below top.qcow2 $name
            refused export --overwrite $below --map $name top.qcow2 out.raw
        done
        refused map --output=svg --overwrite -o $name top.qcow2
        refused report --overwrite -o $name top.qcow2
        refused pack --overwrite -o $name top.qcow2
        refused plan repair --overwrite -o $name top.qcow2
        refused plan rescue --overwrite --unplaced $name top.qcow2
        refused apply --overwrite --output $name plan.json top.qcow2
        refused apply --in-place --undo $name plan.json top.qcow2
    done
    # The copy is written under another name first, whatever has that name.
    ln $file new.part
    refused apply --overwrite --output new plan.json top.qcow2
    rm hard soft new.part
done
refused apply --overwrite --output plan.json plan.json top.qcow2

# A raw disk may begin as a document does.
for head in '{"a": 1}' '<?xml version="1.0"?><svg>' '<!DOCTYPE html>' '<svg>' '\211PNG\r\n\032\n' \
    '\050\265\057\375\044\001' 'extents.json\000'; do
    qemu-img create -q -f raw alike.raw 1M
    printf "$head" | dd of=alike.raw conv=notrunc 2>/dev/null
    qemu-img create -q -f qcow2 -b alike.raw -F raw over.qcow2
    sha256sum alike.raw >before.raw
    for what in "map --output=svg" report pack "plan repair"; do
        "$QCHECK" $what --overwrite -o alike.raw over.qcow2 >out 2>err && complain "$what: $head"
        sha256sum -c --quiet before.raw || complain "$what has replaced a disk that begins with $head"
    done
done

# What is no chain is replaced, and a document by a document.
"$QCHECK" report -o page.html top.qcow2 && "$QCHECK" report --overwrite -o page.html top.qcow2 ||
    complain "a page is not replaced"
for form in svg png; do
    "$QCHECK" map --output=$form -o map.$form top.qcow2 || continue
    "$QCHECK" map --output=$form --overwrite -o map.$form top.qcow2 || complain "a $form is not replaced"
done
if "$QCHECK" pack -o p.qpack top.qcow2 >/dev/null 2>&1; then
    "$QCHECK" pack --overwrite -o p.qpack top.qcow2 >/dev/null || complain "a pack is not replaced"
fi
"$QCHECK" plan repair -o r.json top.qcow2 >/dev/null
"$QCHECK" plan repair --overwrite -o r.json top.qcow2 >/dev/null || complain "a plan is not replaced"
: >empty
"$QCHECK" map --output=svg --overwrite -o empty top.qcow2 || complain "an empty file is not replaced"
"$QCHECK" export --backing --overwrite top.qcow2 out.raw || complain "no export"
"$QCHECK" export --backing --overwrite top.qcow2 out.raw || complain "an export is not replaced"
qemu-img compare -q out.raw top.qcow2 || complain "the export differs"
"$QCHECK" apply --output new plan.json top.qcow2 >/dev/null || complain "no copy"
qemu-img convert -O qcow2 top.qcow2 alone.qcow2
"$QCHECK" plan set 'L1[0]=0x0' -o alone.json alone.qcow2 >/dev/null
"$QCHECK" apply --output new2 alone.json alone.qcow2 >/dev/null || complain "no copy of one file"
: >new2.part
"$QCHECK" apply --overwrite --output new2 alone.json alone.qcow2 >/dev/null ||
    complain "a copy is not replaced"
# An undo file that was cut short is begun anew, anything else is not.
"$QCHECK" apply --in-place --undo undo alone.json alone.qcow2 >/dev/null || complain "not applied"
"$QCHECK" undo undo alone.qcow2 >/dev/null || complain "not undone"
exit $bad
