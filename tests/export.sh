#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# export, read and sum: what they write, and what they refuse to write to. QEMU and sha256sum
# say what is right.
set -u
for tool in qemu-img qemu-io sha256sum; do
    command -v "$tool" >/dev/null || { echo "no $tool"; exit 77; }
done
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
samples=$(cd "$top_srcdir/data/samples" && pwd)
oracle=$(cd "$top_srcdir/tests/oracle" && pwd)
cd "$work" || exit 99
bad=0
complain() { echo "$*"; bad=1; }
status() {
    wanted=$1; shift
    "$QCHECK" "$@" > out 2> err
    got=$?
    [ $got -eq "$wanted" ] || complain "qcheck $*: exit status $got, not $wanted: $(cat err)"
}
err_has() { grep -q -- "$1" err || complain "no '$1' on standard error of: $2"; }
sum_of() { "$QCHECK" sum "$@" 2>/dev/null | cut -d' ' -f1; }

# --- a disk with data, zeros, compressed clusters and a snapshot, over a backing file ---
qemu-img create -q -f raw base.raw 8M
qemu-io -f raw -c 'write -P 7 1M 3M' base.raw >/dev/null
qemu-img create -q -f qcow2 -b base.raw -F raw top.qcow2 9M
qemu-io -f qcow2 -c 'write -P 1 0 200k' -c 'write -z 2M 128k' -c 'write -c -P 3 3M 64k' \
    top.qcow2 >/dev/null
qemu-img snapshot -c before top.qcow2
qemu-io -f qcow2 -c 'write -P 9 64k 64k' -c 'write -P 5 8M 100k' top.qcow2 >/dev/null
qemu-img convert -O raw top.qcow2 wanted.raw
qemu-img convert -l before -O raw top.qcow2 wanted-before.raw

status 0 export --backing top.qcow2 got.raw
cmp wanted.raw got.raw || complain "export differs from qemu-img convert"
status 0 export --backing --layer before top.qcow2 before.raw
cmp wanted-before.raw before.raw || complain "export of a snapshot differs"
status 0 export --backing --layer all top.qcow2 all
cmp wanted.raw all.active || complain "--layer=all: OUT.active differs"
cmp wanted-before.raw all.snapshot-1 || complain "--layer=all: OUT.snapshot-1 differs"
[ "$(du -k got.raw | cut -f1)" -lt 6000 ] || complain "export is not sparse"
crypto=
"$QCHECK" --version | grep -q 'encryption and sums: yes' && crypto=yes
[ ! "$crypto" ] || [ "$(sum_of --backing top.qcow2)" = "$(sha256sum < wanted.raw | cut -d' ' -f1)" ] ||
    complain "sum differs from sha256sum"
[ ! "$crypto" ] || [ "$(sum_of --backing --layer before top.qcow2)" = \
    "$(sha256sum < wanted-before.raw | cut -d' ' -f1)" ] || complain "sum of a snapshot differs"
"$QCHECK" read --backing 1048570 100k top.qcow2 > part
tail -c +1048571 wanted.raw | head -c 102400 | cmp - part || complain "read differs"

# --- a backing file that is shorter than what lies above and below it: zeros past its end ---
qemu-img create -q -f qcow2 -b base.raw -F raw short.qcow2 2M
qemu-img create -q -f qcow2 -b short.qcow2 -F qcow2 long.qcow2 8M
qemu-img convert -O raw long.qcow2 wanted-long.raw
status 0 export --backing long.qcow2 long.raw
cmp wanted-long.raw long.raw || complain "export over a short backing file differs"

# --- the name of the format of the backing file is empty: it is found out ---
qemu-img create -q -f qcow2 -b base.raw -F raw nameless.qcow2 8M
printf '\0\0\0\0' | dd of=nameless.qcow2 conv=notrunc bs=1 seek=116 2>/dev/null
qemu-img info nameless.qcow2 | grep -q 'backing file format' && complain "the format is still there"
status 0 export --backing nameless.qcow2 nameless.raw
cmp base.raw nameless.raw || complain "export over a backing file of no format differs"

# --- the overlay alone ---
status 2 export top.qcow2 alone.raw
err_has 'not open' "export without --backing"
[ ! "$crypto" ] || status 2 sum top.qcow2
[ ! "$crypto" ] || [ "$(sha256sum < alone.raw | cut -d' ' -f1)" = "$(cut -d' ' -f1 out)" ] ||
    complain "sum of an overlay alone is not that of its export"

# --- qcow2 ---
status 0 export --backing --format qcow2 top.qcow2 got.qcow2
qemu-img check -q got.qcow2 || complain "the qcow2 is not clean"
qemu-img compare -q -f raw -F qcow2 wanted.raw got.qcow2 || complain "the qcow2 differs"
qemu-img create -q -f qcow2 empty.qcow2 100M
status 0 export --format qcow2 empty.qcow2 none.qcow2
qemu-img check -q none.qcow2 || complain "an empty qcow2 is not clean"
qemu-img compare -q empty.qcow2 none.qcow2 || complain "an empty qcow2 differs"

# What is exported costs what is mapped, not what a disk claims to be.
qemu-img create -q -f qcow2 -o cluster_size=2M huge.qcow2 1E
qemu-io -f qcow2 -c 'write -P 3 900T 64k' huge.qcow2 >/dev/null
status 0 export --format qcow2 huge.qcow2 huge-out.qcow2
qemu-img check -q huge-out.qcow2 || complain "the qcow2 of a huge disk is not clean"
qemu-io -r -f qcow2 -c 'read -P 3 900T 64k' huge-out.qcow2 | grep -q 'verification failed' &&
    complain "the qcow2 of a huge disk differs"

# --- never over something ---
status 1 export --backing top.qcow2 got.raw
err_has overwrite "export over a file"
cmp wanted.raw got.raw || complain "a refused export has changed the file"
for target in top.qcow2 base.raw; do
    cp $target kept
    status 1 export --backing --overwrite top.qcow2 $target
    cmp kept $target || complain "$target was written to"
    ln $target link
    status 1 export --backing --overwrite top.qcow2 link
    cmp kept $target || complain "$target was written to by another name"
    rm link
done
status 1 export --backing --overwrite --map top.qcow2 top.qcow2 other.raw
qemu-img compare -q -f raw -F qcow2 wanted.raw top.qcow2 || complain "the map went into the image"
status 0 export --backing --overwrite top.qcow2 got.raw

# Nobody who gave --backing is told to give it.
qemu-img create -q -f qcow2 gone.qcow2 1M
qemu-img create -q -f qcow2 -b gone.qcow2 -F qcow2 orphan.qcow2
rm gone.qcow2
status 2 export --backing orphan.qcow2 orphan.raw
err_has 'could not be opened' "a missing backing file"
status 1 export --overwrite orphan.qcow2 orphan.raw
err_has "remove it first" "a file that might be far down the chain"
rm orphan.raw
status 2 export orphan.qcow2 orphan.raw
err_has '--backing opens it' "a backing file that is not looked into"

# VM state lies behind the end of the disk; what a snapshot says it has and its L1 table does
# not reach is lost.
cp "$samples/snapshots.qcow2" state.qcow2
status 0 export --layer vm:installed state.qcow2 vm.raw
status 0 export --layer installed state.qcow2 disk.raw
grep -q "guest 0x00040000" vm.raw || complain "VM state is not that of the sample"
cat >longer.py <<P
import sys
sys.path.insert(0, sys.argv[1])
import qcow2
with qcow2.Image("state.qcow2", writable=True) as image:
    image.poke("snap[0].vm_state_size_large", 1 << 20)
P
python3 -B longer.py "$oracle"
status 2 export --layer vm:installed state.qcow2 longer.raw
[ "$(wc -c <longer.raw)" = 1048576 ] || complain "VM state is not as long as the snapshot says"
cmp -n "$(wc -c <vm.raw)" vm.raw longer.raw || complain "what there is of VM state is not kept"

# Nor the data file of an image, though it is not read; nor a disk by its own map.
qemu-img create -q -f qcow2 -o data_file=kept.raw data.qcow2 1M
qemu-io -c 'write -P 5 0 1M' data.qcow2 >/dev/null
cp kept.raw kept.copy
status 1 export --overwrite data.qcow2 kept.raw
cmp -s kept.raw kept.copy || complain "export over the data file of the image"
status 1 export --overwrite --map same data.qcow2 same

# The name of a data file is one in the working folder, as in QEMU; else one beside the image.
mkdir sub
(cd sub && qemu-img create -q -f qcow2 -o data_file=beside.raw data.qcow2 1M
qemu-io -c 'write -P 6 0 1M' data.qcow2 >/dev/null)
status 0 export --overwrite --backing sub/data.qcow2 got.raw
cmp sub/beside.raw got.raw || complain "a data file beside the image was not read"
cp kept.raw beside.raw
status 0 export --overwrite --backing sub/data.qcow2 got.raw
qemu-img convert -O raw sub/data.qcow2 wanted-data.raw
cmp wanted-data.raw got.raw || complain "a data file in the working folder was not read"

# --- damage ---
s=$samples/misaligned.qcow2
qemu-img convert --salvage -O raw $s salvaged.raw 2>/dev/null
status 2 export --map lost.map $s zeros.raw
cmp salvaged.raw zeros.raw || complain "what can be had of a damaged image differs"
grep -q '^0x[0-9A-F]* *0x[0-9A-F]* *-$' lost.map || complain "the map tells of nothing lost"
status 1 export --on-damage stop $s stopped.raw
status 2 export --on-damage mark=0xee $s marked.raw
cmp -l zeros.raw marked.raw | awk '$3 != 356 || $2 != 0 { exit 1 }' ||
    complain "something else than lost bytes was marked"
status 2 export --output json --overwrite $s zeros.raw
grep -q '"problem": "l2-table-misaligned"\|"problem": "data-misaligned"' out ||
    complain "the summary names no problem"
status 1 export --on-damage nonsense $s x.raw

# --- resuming: what the map says is done is not read again ---
status 0 export --backing --map m top.qcow2 whole.raw
{ sed -n 1,4p m; echo '#'; printf '0x0 0x100000 +\n0x100000 0x800000 ?\n'; } > half
printf 'XXXX' | dd of=whole.raw conv=notrunc bs=1 seek=500 2>/dev/null
dd if=/dev/zero of=whole.raw conv=notrunc bs=64k seek=16 count=32 2>/dev/null
cp half m
status 0 export --backing --map m --resume top.qcow2 whole.raw
cmp wanted.raw whole.raw > differs && complain "a range that was done has been read again"
printf '\001\001\001\001' | dd of=whole.raw conv=notrunc bs=1 seek=500 2>/dev/null
cmp wanted.raw whole.raw || complain "resuming did not get the rest"
status 1 export --map m --resume empty.qcow2 whole.raw
cp whole.raw same.raw
status 1 export --map m --resume top.qcow2 whole.raw
err_has 'begun with it' "resuming without --backing"
cmp whole.raw same.raw || complain "resuming without --backing has written"
for changed in base.raw top.qcow2; do
    "$QCHECK" export --backing --map n --overwrite top.qcow2 whole.raw
    touch -d '2001-01-01' $changed
    status 1 export --backing --map n --resume top.qcow2 whole.raw
    err_has 'as it is now' "resuming when $changed has changed"
done
status 1 export --resume top.qcow2 whole.raw

# Killed at any moment: resumed, or begun anew where there was no map yet, it is the same disk.
for i in 1 3 5 7 9 11; do
    dd if=/dev/urandom bs=1M count=1 2>/dev/null > block
    dd if=block of=random.raw bs=1M seek=$((2 * i)) conv=notrunc 2>/dev/null
done
truncate -s 24M random.raw
qemu-img convert -c -O qcow2 random.raw random.qcow2
for seconds in 0.01 0.02 0.04 0.08 0.16; do
    rm -f killed.raw killed.map
    timeout -s KILL $seconds "$QCHECK" export --threads 1 --map killed.map random.qcow2 killed.raw
    if [ -e killed.map ]; then
        status 0 export --map killed.map --resume random.qcow2 killed.raw
    else
        status 0 export --map killed.map --overwrite random.qcow2 killed.raw
    fi
    cmp random.raw killed.raw || complain "an export killed after $seconds s and resumed differs"
done 2>/dev/null

# Stopped before anything was written: nothing is had. What was there before may be anything.
: > killed.map
: > killed.raw
status 0 export --map killed.map --resume random.qcow2 killed.raw
cmp random.raw killed.raw || complain "an export resumed from its first moment differs"
: > killed.map
status 1 export --map killed.map --resume random.qcow2 killed.raw
err_has 'begin anew' "resuming with an empty map over a file with data"
cmp random.raw killed.raw || complain "resuming with an empty map has written"

# Lost ranges are tried again: what marked them is gone.
status 2 export --map marked.map --on-damage mark=0xee --overwrite $s marked.raw
status 2 export --map marked.map --resume $s marked.raw
cmp salvaged.raw marked.raw || complain "marks of the run before are left"

# --- short of room: said before anything is written, and of all layers together ---
# L1 entries that lead nowhere lose the whole disk, which is to be marked: 8 TiB.
qemu-img create -q -f qcow2 -o cluster_size=2M nowhere.qcow2 8T
python3 - nowhere.qcow2 <<P
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(36)
    n = int.from_bytes(f.read(4), "big")
    f.seek(int.from_bytes(f.read(8), "big"))
    f.write(((1 << 63) + 512).to_bytes(8, "big") * n)
P
needed() { sed -n 's/.*warning: up to \([0-9]*\) bytes will be written.*/\1/p' err; }
limited() { (trap '' XFSZ; ulimit -f 64; "$QCHECK" "$@" > out 2> err); }
limited export --on-damage mark=1 nowhere.qcow2 none.raw &&
    complain "8 TiB were written into 64 KiB"
[ "$(needed)" = 8796093022208 ] || complain "no word of the room that is needed: $(cat err)"
# What a run before has done needs no room.
status 1 export --on-damage stop --map room.map nowhere.qcow2 room.raw
sed -n '/^#/p' room.map > done.map
printf '0x0 +\n0x0 0x70000000000 +\n0x70000000000 0x10000000000 ?\n' >> done.map
cp done.map room.map
limited export --on-damage mark=1 --map room.map --resume nowhere.qcow2 room.raw
[ "$(needed)" = 1099511627776 ] || complain "what is done counts as to be written: $(cat err)"
rm room.raw

# --- what is left behind when the disk is full ---
if (trap '' XFSZ; ulimit -f 2048; "$QCHECK" export --backing top.qcow2 short.raw > out 2> err); then
    complain "an export that cannot be written is no failure"
else
    err_has 'only a part of the disk' "an export that cannot be written"
fi

# What else is written says which file had no room.
for command in "report" "map --output=svg" "pack"; do
    (trap '' XFSZ; ulimit -f 0; "$QCHECK" $command -o short.out top.qcow2 2>&1) | cat > out
    case $command in pack) what='top.qcow2: the pack cannot be written' ;; *) what='short.out: cannot be written' ;; esac
    grep -q "$what\|packs need\|packs are not supported" out || complain "$command on a full disk: $(cat out)"
    [ ! -e short.out ] || complain "$command has left a file of which nothing was written"
done

# --- encrypted ---
if qemu-img create -q --object secret,id=s0,data=sesame -f qcow2 \
    -o encrypt.format=luks,encrypt.key-secret=s0,encrypt.iter-time=10 luks.qcow2 4M 2>/dev/null
then
    qemu-io --object secret,id=s0,data=sesame -c 'write -P 6 1M 1M' --image-opts \
        driver=qcow2,file.filename=luks.qcow2,encrypt.key-secret=s0 > /dev/null
    qemu-img convert --object secret,id=s0,data=sesame -O raw --image-opts \
        driver=qcow2,file.filename=luks.qcow2,encrypt.key-secret=s0 luks.raw
    printf sesame > key
    printf wrong > wrong
    if [ "$crypto" ]; then
        status 0 export --key-file key luks.qcow2 luks-got.raw
        cmp luks.raw luks-got.raw || complain "an encrypted disk differs"
        "$QCHECK" read --key-file key 1500001 777 luks.qcow2 > part
        tail -c +1500002 luks.raw | head -c 777 | cmp - part ||
            complain "bytes within sectors of an encrypted disk differ"
    fi
    # Other ways to encrypt that this QEMU has. Those of Nettle need that.
    nettle=encryption
    "$QCHECK" --version | grep -q 'encryption other.*: yes' || nettle=
    for way in aes-192,cbc,plain64 aes-256,ctr,plain64 aes-128,ecb,plain aes-192,xts,plain64 \
        aes-192,xts,essiv:sha256 cast5-128,cbc,plain64 cast5-128,ctr,plain serpent-256,xts,plain64 \
        serpent-192,xts,essiv:md5 serpent-128,ecb,plain twofish-128,cbc,essiv:sha256 \
        twofish-192,xts,plain twofish-256,ctr,plain64; do
        alg=${way%%,*} mode=${way#*,} hash=
        case $way in *essiv:*) hash=,encrypt.ivgen-hash-alg=${way##*:} mode=${mode%:*} ;; esac
        rm -f way.qcow2 way.raw
        qemu-img create -q --object secret,id=s0,data=sesame -f qcow2 -o "encrypt.format=luks,\
encrypt.key-secret=s0,encrypt.iter-time=10,encrypt.cipher-alg=$alg,encrypt.cipher-mode=${mode%,*},\
encrypt.ivgen-alg=${mode#*,}$hash" way.qcow2 1M 2>/dev/null || continue
        opts=driver=qcow2,file.filename=way.qcow2,encrypt.key-secret=s0
        qemu-io --object secret,id=s0,data=sesame -c 'write -P 6 64k 99k' --image-opts $opts >/dev/null
        qemu-img convert --object secret,id=s0,data=sesame -O raw --image-opts $opts want.raw
        [ "$crypto" ] || continue
        case $way in
        aes-192,xts,*|cast5*|serpent*|twofish*) [ "$nettle" ] || continue ;;
        esac
        status 0 export --key-file key way.qcow2 way.raw
        cmp want.raw way.raw || complain "a disk encrypted with $way differs"
    done
    # Other words in the LUKS header: named.
    if [ "$crypto" ]; then
        at=$(grep -obam1 LUKS luks.qcow2 | cut -d: -f1)
        cp luks.qcow2 way.qcow2
        printf 'camellia' | dd of=way.qcow2 bs=1 seek=$((at + 8)) conv=notrunc 2>/dev/null
        status 1 export --key-file key way.qcow2 way-none.raw
        err_has 'camellia, 512 bits, xts-plain64, which is not supported' "an unknown cipher"
    fi
    status 1 export --key-file wrong luks.qcow2 luks-wrong.raw
    status 2 export luks.qcow2 luks-none.raw
fi
exit $bad
