#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# What is not a qcow2 image, or cannot be opened: each command says what it is and what to
# do, exits with 1, and does not hang.
set -u
command -v qemu-img >/dev/null || { echo "qemu-img is not here"; exit 77; }
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
chmod 755 .
bad=0
complain() { echo "inputs: $*"; bad=1; }
samples=$(cd "$OLDPWD" && cd "$top_srcdir/data/samples" && pwd)

# says PATTERN FILE: each command fails so, in words on standard error alone.
says() {
    for command in check info 'dump header' map 'at 0' ''; do
        # shellcheck disable=SC2086
        timeout 60 "$QCHECK" $command "$2" </dev/null >out 2>err
        got=$?
        [ $got -eq 1 ] || complain "$command $2: status $got: $(cat err)"
        grep -q -- "$1" err || complain "$command $2: no '$1': $(cat err)"
        grep -qF -- "$2" err || complain "$command $2: does not name it: $(cat err)"
        [ "$(wc -l <err)" -eq 1 ] || complain "$command $2: more than a line: $(cat err)"
        [ ! -s out ] || complain "$command $2: output all the same"
    done
}

says 'No such file' missing
: >empty
says 'it is empty' empty
printf Q >one
says 'only 1 byte' one
printf 'QFI\373' >four
says 'ends after 4 bytes' four
mkdir folder
says 'is a directory' folder
mkfifo fifo
says 'is a FIFO .*copy the image into a file' fifo
says 'is a character device' /dev/zero
truncate -s 1M zeros
says 'zeros' zeros
for format in qcow vmdk vhdx vpc vdi qed; do
    qemu-img create -q -f $format disk.$format 1M
done
says 'older format qcow .*qemu-img convert' disk.qcow
says 'VMDK.*qemu-img convert' disk.vmdk
says 'VHDX.*qemu-img convert' disk.vhdx
says 'VHD image.*qemu-img convert' disk.vpc
says 'VDI.*qemu-img convert' disk.vdi
says 'QED.*qemu-img convert' disk.qed
gzip -c "$samples/healthy.qcow2" >image.gz
says 'gzip; unpack it' image.gz
truncate -s 1M raw
printf '\125\252' | dd of=raw bs=1 seek=510 conv=notrunc 2>/dev/null
printf '\200\0\1\0\203\0\1\0\0\1\0\0\0\1\0\0' | dd of=raw bs=1 seek=446 conv=notrunc 2>/dev/null
says 'raw disk' raw
cp "$samples/healthy.qcow2" secret
chmod 000 secret
if [ "$(id -u)" = 0 ]; then
    # Root may read all; somebody else may not.
    cp "$QCHECK" program && chmod 755 program
    QCHECK="setpriv --reuid=65534 --regid=65534 --clear-groups $work/program"
    # shellcheck disable=SC2086
    $QCHECK check secret >out 2>err
    [ $? -eq 1 ] && grep -q 'secret.*Permission denied' err ||
        complain "no permission: $(cat err)"
else
    says 'Permission denied' secret
fi
exit $bad
