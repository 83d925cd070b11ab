#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# No command writes: not to the image, not anywhere but standard output, standard error and
# the terminal; nothing is opened for writing; and all work on a read-only file system and
# for people who may only read. Seen with strace, and by the image itself.
set -u
samples=${top_srcdir:-.}/data/samples
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
beside=
bad=0
python=/usr/bin/python3
wrong() { echo "readonly: $*"; bad=1; }

command -v strace >/dev/null 2>&1 || { echo "strace is not installed"; exit 77; }
strace -o "$tmp/trace" true 2>/dev/null || { echo "strace may not trace here"; exit 77; }
[ -x $python ] || { echo "no $python"; exit 77; }
chmod 755 "$tmp"

# Everything by which a file or its attributes could change.
calls=open,openat,openat2,creat,write,writev,pwrite64,pwritev,pwritev2,sendfile,splice
calls=$calls,copy_file_range,fallocate,truncate,ftruncate,rename,renameat,renameat2,link
calls=$calls,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,mknod,mknodat
calls=$calls,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,utime,utimes,utimensat
calls=$calls,futimesat,setxattr,lsetxattr,fsetxattr,removexattr,lremovexattr,fremovexattr
calls=$calls,flock,mount,umount2,execve,execveat

# Prints the calls of a trace that are none of: an open for reading, a write to standard
# output or error, to a terminal, to memory that has no name in any file system, or to a pipe or
# event of the program's own.
suspicious() {
    grep -vE ' (exit|\+\+\+|---)' "$1" |
        grep -vE '^[0-9]+ +open(at|at2)?\(.*O_RDONLY' |
        grep -vE '^[0-9]+ +writev?\((1|2)<' |
        grep -vE '^[0-9]+ +writev?\([0-9]+<(pipe:|anon_inode:|/dev/pts/|/dev/tty|socket:|UNIX)' |
        grep -vE '^[0-9]+ +open(at)?\([^,]*,? ?"/dev/(tty|null)"' |
        grep -vE '^[0-9]+ +(ftruncate|pwrite64)\([0-9]+</memfd:' |
        grep -vE '^[0-9]+ +execve\("[^"]*qcheck"' |
        grep -vE '^[0-9]+ +<\.\.\. [a-z0-9]+ resumed>' |
        grep -vE '\+\+\+ exited'
}

facts() {
    sha256sum <"$1"
    stat -c '%s %Y %Z %a %U %b' "$1"
    $python -c 'import os, sys
for name in sorted(os.listxattr(sys.argv[1])):
    print(name, os.getxattr(sys.argv[1], name))' "$1"
}

judge_trace() {
    suspicious "$tmp/trace" >"$tmp/found"
    [ ! -s "$tmp/found" ] || { wrong "$*:"; head -5 "$tmp/found"; }
    grep -E '^[0-9]+ +open.*\.qcow2' "$tmp/trace" | grep -v 'O_RDONLY|.*O_CLOEXEC' |
        grep . && wrong "$*: opens the image in another way than to read it"
    # $beside: a file that the image names. It may be asked about, but never opened.
    [ -z "$beside" ] || ! grep -F "/$beside" "$tmp/trace" |
        grep -Ev '^[0-9]+ +(newfstatat|fstatat64|statx|write|read)\(' ||
        wrong "$*: touches what the image names"
}

traced() {
    strace -f -y -e trace="$calls" -o "$tmp/trace" "$QCHECK" "$@" >/dev/null 2>"$tmp/err"
    [ "$1" = explain ] || grep -qE '^[0-9]+ +open.*\.qcow2' "$tmp/trace" ||
        wrong "$*: the trace shows no image"
    judge_trace "$@"
}

# An export opens what it was told to write, and changes nothing else. The map is written beside
# its old self, and takes its place.
traced_export() {
    rm -f "$tmp/out.raw" "$tmp/out.map"
    strace -f -y -e trace="$calls" -o "$tmp/whole" "$QCHECK" export --map "$tmp/out.map" "$1" \
        "$tmp/out.raw" >/dev/null 2>"$tmp/err"
    grep -q 'out\.raw.*O_RDWR' "$tmp/whole" || wrong "export $1: the trace shows no output"
    grep -vE '^[0-9]+ +(openat|pwrite64|fallocate|ftruncate)\(.*/out\.(raw|map)[">]' "$tmp/whole" |
        grep -vE '^[0-9]+ +(openat|chmod|pwrite64|ftruncate|rename)\(.*/out\.map\.[0-9]+\.new[">]' \
            >"$tmp/trace"
    judge_trace export "$1"
}

run_all() {
    image=$1
    traced explain
    traced explain --output=json leaked
    traced check "$image"
    traced check -x -d "$image"
    traced check --output=json -M --stats --progress=json "$image"
    traced check --no-sandbox "$image" "$image"
    traced info "$image"
    traced info --output=json "$image"
    traced info -v --untrusted "$image"
    for what in header l1 l2 refcounts snapshots bitmaps ranges; do
        traced dump "$what" "$image"
    done
    traced map --space host "$image"
    traced map --space guest --output=json "$image"
    traced map --output=ansi "$image"
    traced at 0x200 'L1[0]' "$image"
    traced read 0 4096 "$image"
    traced sum "$image"
    traced_export "$image"
}

for name in healthy many overlay; do
    beside=
    [ $name != overlay ] || beside=healthy.qcow2
    cp "$samples/$name.qcow2" "$tmp/$name.qcow2"
    $python -c 'import os, sys; os.setxattr(sys.argv[1], "user.qcheck", b"as it was")' \
        "$tmp/$name.qcow2" 2>/dev/null || echo "no extended attributes here"
    touch -d '2001-02-03 04:05:06' "$tmp/$name.qcow2"
    facts "$tmp/$name.qcow2" >"$tmp/before"
    run_all "$tmp/$name.qcow2"
    facts "$tmp/$name.qcow2" >"$tmp/after"
    cmp -s "$tmp/before" "$tmp/after" || { wrong "$name has changed"; diff "$tmp/before" "$tmp/after"; }
done

# A data file is named, never opened.
beside=
if command -v qemu-img >/dev/null 2>&1; then
    qemu-img create -q -f qcow2 -o "data_file=$tmp/guest.raw" "$tmp/split.qcow2" 1M
    beside=guest.raw
    run_all "$tmp/split.qcow2"
    beside=
fi
# Asked to, a chain is followed, to read it.
traced info --backing "$tmp/overlay.qcow2"
grep -qE 'open.*/healthy\.qcow2' "$tmp/trace" || wrong "--backing opens no backing file"
traced map --space=guest --backing "$tmp/overlay.qcow2"

# Waits until a command succeeds; thirty seconds is for ever.
until_true() {
    n=0
    while ! "$@"; do
        n=$((n + 1))
        [ "$n" -lt 600 ] || return 1
        sleep 0.05
    done
}
on_screen() { tmux -S "$tmp/tmux" capture-pane -p 2>/dev/null | grep -qF -- "$1"; }

# The inspector, in a terminal of its own.
if command -v tmux >/dev/null 2>&1; then
    image=$tmp/many.qcow2
    facts "$image" >"$tmp/before"
    tmux -S "$tmp/tmux" -f /dev/null new-session -d -x 80 -y 24 \
        "strace -f -y -e trace=$calls -o $tmp/trace $QCHECK $image; echo > $tmp/ended"
    until_true on_screen READ-ONLY || wrong "the inspector shows nothing"
    tmux -S "$tmp/tmux" send-keys 2 + 3 4 5 6 n n r q
    until_true [ -e "$tmp/ended" ] || wrong "the inspector does not end"
    tmux -S "$tmp/tmux" kill-server 2>/dev/null
    judge_trace inspector
    facts "$image" >"$tmp/after"
    cmp -s "$tmp/before" "$tmp/after" || wrong "the inspector has changed the image"
fi

# Runs each command of a program and fails where one does.
cat >"$tmp/all" <<'ALL'
program=$1 image=$2
for command in check info 'dump header' 'dump l1' 'dump l2' 'dump refcounts' \
    'dump snapshots' 'dump bitmaps' 'dump ranges' map 'map --space=guest' 'at 0' 'read 0 1' sum; do
    $program $command "$image" >/dev/null || { echo "$command: status $?"; exit 1; }
done
ALL

# Somebody who may only read, and has no rights at all.
chmod 444 "$tmp"/*.qcow2
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null 2>&1; then
    cp "$QCHECK" "$tmp/program" && chmod 755 "$tmp/program"
    setpriv --reuid=65534 --regid=65534 --clear-groups sh "$tmp/all" "$tmp/program" \
        "$tmp/healthy.qcow2" >"$tmp/err" 2>&1 || { wrong "as nobody:"; cat "$tmp/err"; }
else
    sh "$tmp/all" "$QCHECK" "$tmp/healthy.qcow2" || wrong "of a file that may only be read"
fi

# A read-only file system. Without rights to mount, a name space of one's own may give them;
# where it does not either, this is left out.
mkdir "$tmp/mnt"
cp "$tmp/healthy.qcow2" "$tmp/mnt"
cat >"$tmp/mounted" <<'MOUNTED'
mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 99
! touch "$1/x" 2>/dev/null || exit 99
sh "$2/all" "$3" "$1/healthy.qcow2"
MOUNTED
unshare='unshare -m'
$unshare true 2>/dev/null || unshare='unshare -r -m'
if $unshare true 2>/dev/null; then
    $unshare sh "$tmp/mounted" "$tmp/mnt" "$tmp" "$QCHECK" || wrong "on a read-only file system"
else
    echo "may not mount: not tried on a read-only file system"
fi
exit $bad
