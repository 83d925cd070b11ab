#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Exit statuses, messages, filters and manners of the commands.
set -u
samples=$(cd "$top_srcdir/data/samples" && pwd)
QCHECK_SAMPLES=$samples; export QCHECK_SAMPLES
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
bad=0
complain() { echo "$*"; bad=1; }

# status WANTED COMMAND...: runs it; output in files out and err.
status() {
    wanted=$1; shift
    "$QCHECK" "$@" > out 2> err
    got=$?
    [ $got -eq "$wanted" ] || complain "qcheck $*: exit status $got, not $wanted: $(cat err)"
}
out_has() { grep -q -- "$1" out || complain "no '$1' on standard output of: $2"; }
out_lacks() { grep -q -- "$1" out && complain "'$1' on standard output of: $2"; :; }
err_has() { grep -q -- "$1" err || complain "no '$1' on standard error of: $2"; }
silent() { [ ! -s out ] && [ ! -s err ] || complain "not silent: $1: $(cat out err)"; }

s=$samples

# --- exit status ---
status 0 check $s/healthy.qcow2
out_has 'qcheck: OK, 0 problems' "check healthy"
status 3 check $s/leak.qcow2
status 2 check $s/double-data.qcow2
status 2 check $s/healthy.qcow2 $s/leak.qcow2 $s/double-data.qcow2
status 3 check $s/leak.qcow2 $s/healthy.qcow2
status 1 check no-such-file
err_has 'no-such-file: ' "check no-such-file"
status 2 check $s/leak.qcow2 no-such-file $s/double-data.qcow2
status 1 check $s/leak.qcow2 no-such-file
for one in hidden mixed; do         # corruption that qemu-img does not see
    status 0 check $s/$one.qcow2
    out_has 'Exit status 0, as of qemu-img check; with --strict it is 2' "$one"
    status 2 check --strict $s/$one.qcow2
    out_lacks 'Exit status' "$one --strict"
    status 2 check --strict --output=json $s/$one.qcow2
    out_has '"exit-status": 2' "$one --strict json"
done
for one in header bad-snapshot bad-bitmap; do       # qemu-img does not open them
    status 1 check $s/$one.qcow2
    status 2 check --strict $s/$one.qcow2
done
for one in luks-lost l2-wiped; do                   # only the verdict says that data is lost
    status 2 check --strict $s/$one.qcow2
done
status 2 check --strict --output=json-lines $s/luks-lost.qcow2
status 0 check --strict $s/healthy.qcow2
status 3 check --strict $s/leak.qcow2
status 1 check
status 1
status 1 check --no-such-option x
status 1 check -M $s/healthy.qcow2
status 1 dump nonsense $s/healthy.qcow2
status 1 explain no-such-problem
status 1 check .
status 0 --version
out_has '^qcheck [0-9]' "--version"
status 0 check --version
status 0 --help
status 0 $s/healthy.qcow2
out_has 'qcheck: OK, 0 problems' "qcheck IMAGE without a terminal"
status 3 -q $s/leak.qcow2
printf 'this is a text, not an image' > text
status 1 check text
err_has 'text: ' "check of a text"
for command in check info; do
    status 1 $command --output=json text
    out_has '"rule": "magic"' "$command of a text as JSON"
    out_has '"filename": "text"' "$command of a text as JSON"
    out_has '"error": ' "$command of a text as JSON"
    status 1 $command --output=json no-such-file; out_lacks . "$command of no file as JSON"
done
status 1 check -q --output=json text; out_lacks . "-q of a text as JSON"

# --- what could not be written is said ---
for asked in --help --version "check --help" "check --version" "dump -h"; do
    "$QCHECK" $asked > /dev/full 2> err
    [ $? = 1 ] || complain "qcheck $asked > /dev/full: not status 1"
    [ -s err ] || complain "qcheck $asked > /dev/full says nothing"
done

# --- samples and a file that is called like a command ---
status 3 check --sample leak
status 1 check --sample nothing
status 1 check --sample ../leak
status 0 check --sample=list
out_has '^leak ' "--sample=list"
# a program that is not installed finds them in the tree it was built in
mkdir -p tree/build tree/data/samples
cp "$QCHECK" tree/build/qcheck
printf 'only-here | A title | what it teaches\n' > tree/data/samples/INDEX
cp "$s/leak.qcow2" tree/data/samples/only-here.qcow2
(unset QCHECK_SAMPLES; tree/build/qcheck --sample=list) > out 2> err
grep -q '^leak ' out ||         # installed ones come first
    out_has '^only-here ' "--sample=list in a tree"
cp $s/leak.qcow2 check
status 3 ./check
status 3 check check

# --- presets and filters ---
status 3 check -s $s/leak.qcow2; silent "-s"
status 1 check -s no-such-file; silent "-s no-such-file"
status 3 check -q $s/leak.qcow2; silent "-q"
status 1 check -q no-such-file; err_has 'no-such-file' "-q no-such-file"
status 3 check -b $s/leak.qcow2
cp out basic
status 3 check $s/leak.qcow2
cmp -s out basic || complain "-b is not the default"
for text in '== Header ==' 'cluster_bits' 'L2 table at' 'refcount block at' \
            'Reference count analysis: 7 problems found' 'qcheck: 7 problems'; do
    out_has "$text" "-b"
done
for text in '^leak: ' '^ok: ' '\[0\]\[0\] guest' '== Metadata =='; do
    out_lacks "$text" "-b"
done
status 3 check -v $s/leak.qcow2
out_has '^leak: .*(6)' "-v"
out_has '^ok: ' "-v"
status 3 check -x $s/leak.qcow2
for text in '\[0\]\[0\] guest' '== Metadata ==' '== Guest data ==' '== Vacant ==' \
            '== Leaked ==' '== Allocated ==' '== Unallocated ==' '== File map ==' \
            'refcount 1/1' 'refcount 2/1'; do
    out_has "$text" "-x"
done
grep -q 'debug:' err && complain "-x has debugging messages"
status 3 check -xd $s/leak.qcow2; err_has 'debug:' "-xd"
status 3 check -s -l s $s/leak.qcow2
out_has 'qcheck: 7 problems' "-s -l s"; out_lacks '== ' "-s -l s"
status 3 check -s --log=F $s/leak.qcow2
[ "$(cat out)" = "0x000004c00 - 0x0000057ff  (6 clusters)
6 clusters" ] || complain "-s -l F: $(cat out)"
status 3 check -s -lp $s/leak.qcow2
[ "$(wc -l < out)" -eq 2 ] || complain "-s -l p: $(cat out)"
status 3 check -s -l 2 $s/leak.qcow2
[ "$(cat out)" = "  cluster 8  refcount 2/1  data  ! refcount-too-high" ] ||
    complain "-s -l 2: $(cat out)"
status 3 check -s -l 0 $s/leak.qcow2
out_lacks 'refcount [12]/' "-s -l 0"
status 3 check -b -e HLR $s/leak.qcow2
out_lacks 'cluster_bits' "-b -e HLR"; out_has '== Header ==' "-b -e HLR"
status 3 check -l p -e p $s/leak.qcow2; out_lacks '^leak: ' "-l p -e p"
status 3 check -e p -l p $s/leak.qcow2; out_has '^leak: ' "-e p -l p"
status 3 check -l p -q $s/leak.qcow2; silent "-l p -q"
status 1 check -l z $s/leak.qcow2; err_has "no filter 'z'" "-l z"
status 2 check -q $s/dirty.qcow2; err_has 'dirty.qcow2: warning: .*not closed in order' "-q dirty"
[ ! -s out ] || complain "-q writes to standard output"
for letter in f w s h i p c d H L l R 2 1 0 M D V F A U E; do
    status 3 check -s -l $letter $s/leak.qcow2
done

# --- JSON ---
status 3 check --output=json $s/leak.qcow2
out_has '"leaks": 7' "json"; out_lacks '"corruptions"' "json"
status 3 check -q --output=json $s/leak.qcow2; silent "-q json"
status 3 check --output json --progress $s/leak.qcow2
err_has '"permille": 1000' "--progress"
status 1 check --output=json $s/header.qcow2
out_has '"refused"' "json of a refused image"
dd if=/dev/urandom of=noise bs=64k count=1 2>/dev/null
status 1 check --output=json noise
out_has '"may-write": "no"' "json of what is no image has a verdict"
err_has 'qcheck plan rescue' "what is left of a destroyed image can be looked for"
status 1 check --output=xml $s/leak.qcow2

# --- forced values ---
status 0 check --cluster-size 512 $s/healthy.qcow2
status 1 check --cluster-size 500 $s/healthy.qcow2
status 2 check --l1-offset 0x800 $s/healthy.qcow2
dd if=$s/healthy.qcow2 of=nomagic bs=4 skip=1 seek=1 2>/dev/null
status 1 check nomagic
err_has 'warning: magic is .*guessed 0x514649fb' "check without magic"
out_has 'One value of the header was guessed' "check without magic"
status 1 check --force nomagic
out_has 'L2 table at' "check --force"
err_has 'warning: magic is .*forced' "check --force"
status 0 info nomagic; out_has 'header value .*guessed' "info without magic"
status 0 info --output=json nomagic; out_has '"option": "--force"' "info without magic"
status 0 map nomagic; err_has 'guessed' "map without magic"
status 0 dump header nomagic; err_has 'guessed' "dump without magic"
out_has 'magic .*guessed .*! header-value-replaced' "dump header without magic"
status 0 at 0 nomagic; err_has 'guessed' "at without magic"
status 1 check -q --output=json nomagic; silent "-q json"
status 1 check --output=json nomagic; out_has '"header-values"' "json without magic"
err_has 'guessed' "json without magic"

# --- what the original program stumbled over ---
# poke FILE OFFSET BYTES...: writes octal bytes
poke() {
    file=$1 at=$2; shift 2
    for byte; do
        printf "\\$byte" | dd of=$file bs=1 seek=$at conv=notrunc 2>/dev/null
        at=$((at + 1))
    done
}
copy() { cp $s/healthy.qcow2 $1; chmod u+w $1; }
copy bits; poke bits 20 0 0 0 50                # cluster_bits 40
status 1 check bits; err_has 'cluster_bits .*guessed 9' "cluster_bits 40"
copy l1; poke l1 36 377 377 377 377             # l1_size 2^32 - 1
status 1 check l1
copy past; poke past 1536 0 0 0 0 0 0 0 0       # refcounts of 255 clusters, the file has 38
poke past 1024 0 1 0 1; poke past 1530 0 1
"$QCHECK" check past > out 2> err; [ $? -le 3 ] || complain "refcounts past the end: $(cat err)"
# 256 leaks: 218 that the refcount block has room for, 38 in a second block
copy many; i=0
dd if=/dev/zero of=many bs=512 count=1 seek=299 conv=notrunc 2>/dev/null
while [ $i -lt 218 ]; do poke many $((1024 + (38 + i) * 2)) 0 1; i=$((i + 1)); done
poke many 520 0 0 0 0 0 2 0 0
i=0
while [ $i -lt 39 ]; do poke many $((131072 + i * 2)) 0 1; i=$((i + 1)); done
status 3 check many; out_has '^qcheck: 256 problems' "256 leaks"
for image in healthy snapshots compressed bitmaps extended-l2 overlay; do
    status 0 check $s/$image.qcow2
    out_has '^qcheck: OK, 0 problems' "check $image"
done

# --- dump, map, at ---
status 0 dump l2 --used --from 0x600 --to 0xa00 $s/leak.qcow2
[ "$(grep -c 'guest' out)" -eq 2 ] || complain "dump l2 --from --to: $(cat out)"
status 0 dump ranges --from 3c --to 5c $s/leak.qcow2
[ "$(wc -l < out)" -eq 2 ] || complain "dump ranges 3c to 5c: $(cat out)"
status 0 dump l1 --snapshot=installed $s/snapshots.qcow2; out_has 'installed' "by name"
status 0 dump l1 --snapshot=2 $s/snapshots.qcow2; out_has 'before-upgrade' "by id"
status 1 dump l1 --snapshot=3 $s/snapshots.qcow2
status 1 dump ranges --snapshot=2 $s/snapshots.qcow2
status 0 map --output=ansi --columns=10 $s/leak.qcow2
out_has 'xxx' "the picture"
grep -q "$(printf '\033')" out && complain "colours although it is no terminal"
CLICOLOR_FORCE=1 "$QCHECK" map --output=ansi $s/leak.qcow2 | grep -q "$(printf '\033')" ||
    complain "no colours with CLICOLOR_FORCE"
NO_COLOR=1 CLICOLOR_FORCE=1 "$QCHECK" map --output=ansi $s/leak.qcow2 |
    grep -q "$(printf '\033')" && complain "colours with NO_COLOR"
status 0 at 'L2[0][3]' 8c $s/leak.qcow2
out_has 'refcount-too-high' "at"; out_has 'referred to by L1\[0\] L2\[3\]' "at"
status 1 at nonsense $s/leak.qcow2
# Several words are one address; what is not in the image is status 1, however it is asked for.
status 0 at rt 0 8c $s/leak.qcow2
out_has '^refcount table entry 0' "at rt 0 8c"; out_has '^cluster 8' "at rt 0 8c"
status 0 at refcount block 0 entry 7 header byte 40 $s/leak.qcow2
out_has '^refcount block 0 entry 7' "at, in words"; out_has '^header byte 40' "at, in words"
for missing in 'guest 1G' 'L2[0][9999]' 'L2[3][77]' 'L1[3]' 'rb 9' 'snap 2' 9999c 1G; do
    status 1 at "$missing" $s/leak.qcow2
done
status 1 at 'guest 1G' $s/leak.qcow2; err_has 'past the end of the disk' "at guest 1G"
status 1 at 9999c $s/leak.qcow2; out_has 'after the end of the file' "at a cluster past the end"
status 1 at $s/leak.qcow2

# --- what an image names is not opened ---
status 0 info $s/overlay.qcow2; out_has 'not opened' "info without --backing"
status 0 info --backing $s/overlay.qcow2; out_has 'qcow2, 96 KiB' "info --backing"
status 4 info --untrusted $s/overlay.qcow2
status 0 info --untrusted $s/healthy.qcow2
status 4 info --untrusted $s/healthy.qcow2 $s/overlay.qcow2
cp $s/overlay.qcow2 alone.qcow2
status 0 info --backing alone.qcow2; out_has 'No such file' "info --backing of a lost one"
status 0 map --space=guest alone.qcow2; err_has 'healthy.qcow2: not opened without --backing' "map"
status 0 map --space=guest --backing $s/overlay.qcow2; [ ! -s err ] || complain "$(cat err)"
status 3 check --no-sandbox $s/leak.qcow2
status 0 --version; out_has '^sandbox: ' "--version"
sandbox=$(sed -n 's/^sandbox: //p' out)
case $QCHECK in *-valgrind) sandbox=none ;; esac        # it goes without, see valgrind.sh
status 0 info $s/healthy.qcow2; out_lacks '^sandbox' "info"
status 0 info -v $s/healthy.qcow2; out_has "^sandbox  *$sandbox\$" "info -v"
status 0 info --verbose --no-sandbox $s/healthy.qcow2; out_has '^sandbox  *none$' "--no-sandbox"
status 0 info -v --output=json $s/healthy.qcow2; out_has "\"sandbox\": \"$sandbox\"" "info -v"

# --- manners ---
"$QCHECK" dump l2 $s/many.qcow2 2> err | head -1 > out
[ ! -s err ] || complain "a closed pipe is not quiet: $(cat err)"
"$QCHECK" check -x --output=text $s/many.qcow2 2> err | true
grep -q 'write\|pipe' err && complain "a closed pipe is not quiet: $(cat err)"
if [ -c /dev/full ]; then
    "$QCHECK" info $s/healthy.qcow2 > /dev/full 2> err
    [ $? -eq 1 ] || complain "a full device is no failure"
    err_has 'cannot write' "a full device"
fi
name=$(printf 'a\033[31mb\nc')
cp $s/healthy.qcow2 "$name"
status 0 check "$name"
grep -q "$(printf '\033')" out err && complain "the name of an image reaches the terminal raw"
status 0 check --output=json "$name"
out_has '\\u001B\[31mb\\nc' "json of an odd name"
cksum < $s/leak.qcow2 > before
status 3 check -x $s/leak.qcow2
cksum < $s/leak.qcow2 | cmp -s - before || complain "the image was changed"

# --- something before an image, or over its header ---
for n in 512 1024 65536 1048576; do
    { head -c $n /dev/zero | tr '\0' x; cat $s/leak.qcow2; } > shifted
    status 1 check shifted
    err_has "header of a qcow2 image lies at byte $n.*--offset=$n " "$n bytes before an image"
    status 3 check --offset=$n shifted
    status 0 info --offset=$n shifted
done
status 1 check --offset=99999999 shifted; err_has 'after the end' "--offset past the end"
cp $s/leak.qcow2 over
{ head -c 510 /dev/zero; printf '\125\252'; } | dd of=over conv=notrunc status=none
status 1 check over; err_has 'written over its header' "a boot sector over the header"
out_has '^leaked ' "a boot sector over the header"
printf '#!/bin/sh\n#V2.0 Format\n' > cloop; status 1 check cloop; err_has cloop "a cloop image"

# --- other files that an image needs ---
mkdir beside
cp $s/overlay.qcow2 beside/top.qcow2
needs() {       # needs STATUS STATE WORDS: with beside/healthy.qcow2 as it is now
    status $1 check beside/top.qcow2; out_has "$3" "an overlay, base $2"
    status $1 check --output=json beside/top.qcow2; out_has "\"state\": \"$2\"" "base $2"
    status 0 info beside/top.qcow2
    (cd beside && "$QCHECK" check top.qcow2 > ../out 2>&1); got=$?
    [ $got -eq $1 ] || complain "from its own folder: status $got, not $1 ($2)"
}
needs 1 missing 'The backing file is missing'
ln -s nowhere beside/healthy.qcow2; needs 1 missing 'The backing file is missing'
rm beside/healthy.qcow2; mkdir beside/healthy.qcow2; needs 1 unfit 'is no image'
rmdir beside/healthy.qcow2; mkfifo beside/healthy.qcow2; needs 1 unfit 'is no image'
rm beside/healthy.qcow2; : > beside/healthy.qcow2; needs 1 unfit 'is no image'
status 0 map --space guest --output=json beside/top.qcow2
out_has '"present": false, "zero": false, .*"unknown": true' "map without the base"
status 0 map --space guest beside/top.qcow2; out_has 'backing file that was not read' "map without the base"
cp $s/healthy.qcow2 beside/healthy.qcow2; needs 0 there '^Clean.$'
status 0 map --space guest --output=json beside/top.qcow2
out_has '"unknown": true' "map that does not open the base"
status 0 map --space guest --backing --output=json beside/top.qcow2
out_lacks unknown "map with the base"

# A disk that claims 2 EiB costs no walk through all of it: the limit ends one that does.
cp $s/healthy.qcow2 beside/large.qcow2
printf '\040\000\000\000\000\000\000\000' |
    dd of=beside/large.qcow2 bs=1 seek=24 conv=notrunc 2>/dev/null
(ulimit -t 20; "$QCHECK" check --output=json beside/large.qcow2 >/dev/null 2>&1)
[ $? -lt 128 ] || { echo "a disk of 2 EiB: check did not end"; bad=1; }

# The linker does not tell when the plugin lacks a file of ours.
plugin=$(dirname "$QCHECK")/plugin/nbdkit-qcheck-plugin.so
if [ -f "$plugin" ] && command -v nbdkit >/dev/null; then
    nbdkit --dump-plugin "$plugin" >/dev/null || { echo "the plugin cannot be loaded"; bad=1; }
fi

exit $bad
