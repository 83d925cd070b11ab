#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# The nbdkit plugin: what QEMU makes of an image is what it serves, holes are holes, damage is an
# error or zeros, and tools read file systems of images that QEMU refuses to open.
set -u
plugin=$(dirname "$QCHECK")/plugin/nbdkit-qcheck-plugin.so
[ -f "$plugin" ] || { echo "the plugin is not built"; exit 77; }
for tool in nbdkit nbdinfo nbdcopy qemu-img qemu-io mke2fs debugfs; do
    command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
samples=$(cd "$top_srcdir/data/samples" && pwd)
cd "$work" || exit 99
bad=0
complain() { echo "$*"; bad=1; }
# serve ARGUMENT... --run COMMAND
serve() { nbdkit -U - "$plugin" "$@"; }

qemu-img create -q -f qcow2 base.qcow2 8M
qemu-io -f qcow2 -c 'write -P 7 1M 1M' base.qcow2 >/dev/null
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2 8M
qemu-io -f qcow2 -c 'write -P 3 4M 300k' -c 'write -z 1M 64k' top.qcow2 >/dev/null
qemu-img snapshot -c before top.qcow2
qemu-io -f qcow2 -c 'write -P 4 6M 64k' top.qcow2 >/dev/null
qemu-img convert -O raw top.qcow2 wanted.raw
qemu-img convert -l before -O raw top.qcow2 before.raw

serve top.qcow2 backing=1 --run 'nbdcopy "$uri" copy.raw' || complain "nbdcopy fails"
cmp wanted.raw copy.raw || complain "nbdcopy differs"
serve top.qcow2 backing=1 --run 'qemu-img compare -q -f raw -F raw wanted.raw "$uri"' ||
    complain "qemu-img over NBD differs"
serve top.qcow2 backing=1 layer=before \
    --run 'qemu-img compare -q -f raw -F raw before.raw "$uri"' || complain "a snapshot differs"
serve top.qcow2 backing=1 --run 'nbdinfo --size "$uri"' > size
[ "$(cat size)" = 8388608 ] || complain "nbdinfo gives the size $(cat size)"
serve top.qcow2 backing=1 --run 'nbdinfo --map "$uri"' > map
grep -q 'hole' map || complain "no holes: $(cat map)"
serve top.qcow2 --run 'nbdcopy "$uri" alone.raw' 2>/dev/null &&
    complain "an overlay without its base is read without an error"
serve $samples/misaligned.qcow2 --run 'nbdcopy "$uri" lost.raw' 2>/dev/null &&
    complain "damage is no error"
serve $samples/l2-wiped.qcow2 --run 'nbdcopy "$uri" wiped.raw' 2>/dev/null &&
    complain "what a wiped table mapped is no error"
qemu-img convert --salvage -O raw $samples/misaligned.qcow2 salvaged.raw 2>/dev/null
serve $samples/misaligned.qcow2 on-damage=zero --run 'nbdcopy "$uri" zeros.raw' ||
    complain "on-damage=zero fails"
cmp salvaged.raw zeros.raw || complain "on-damage=zero differs from what QEMU salvages"
serve no-such-file --run true 2>/dev/null && complain "an image that is not there is served"

# --- an image as a plan would leave it, before anything is written ---
cp top.qcow2 planned.qcow2
"$QCHECK" plan snapshots apply=before --accept-loss -o plan planned.qcow2 >text 2>&1
[ -f plan ] || complain "no plan: $(cat text)"
serve planned.qcow2 backing=1 plan=plan \
    --run 'qemu-img compare -q -f raw -F raw before.raw "$uri"' || complain "plan= differs"
cmp top.qcow2 planned.qcow2 || complain "serving a plan has changed the image"
serve base.qcow2 plan=plan --run true 2>/dev/null && complain "a plan for another image is served"

# --- an image in a pack ---
if "$QCHECK" --version | grep -q '^packs: yes'; then
    "$QCHECK" pack planned.qcow2 -o planned.qpack >/dev/null
    "$QCHECK" unpack planned.qpack -o unpacked.qcow2 >/dev/null
    "$QCHECK" export unpacked.qcow2 unpacked.raw >/dev/null 2>&1
    serve planned.qpack on-damage=zero --run 'nbdcopy "$uri" packed.raw' || complain "no pack is served"
    cmp unpacked.raw packed.raw || complain "a pack is served as something else"
fi

# --- a file system in an image that QEMU does not open ---
echo 'hello from inside' > hello
truncate -s 16M fs.raw
mke2fs -q -F -t ext4 fs.raw && debugfs -w -R 'write hello greeting' fs.raw 2>/dev/null
qemu-img convert -O qcow2 fs.raw fs.qcow2
# an unknown incompatible feature
printf '\200' | dd of=fs.qcow2 conv=notrunc bs=1 seek=72 2>/dev/null
qemu-img info fs.qcow2 >/dev/null 2>&1 && complain "QEMU opens the image after all"
# debugfs needs a file: nbdcopy brings it through the plugin
serve fs.qcow2 --run 'nbdcopy "$uri" served.raw' || complain "a refused image is not served"
[ "$(debugfs -R 'cat greeting' served.raw 2>/dev/null)" = 'hello from inside' ] ||
    complain "the file system is not what it was"
exit $bad
