#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Libraries that are loaded at run time: the program is linked with none of them, works without,
# and says of each which package is missing. An empty file that is found first hides one.
set -u
top=$(cd "$top_srcdir" && pwd)
config=$(dirname "$QCHECK")/config.h
work=$(mktemp -d) || exit 99
trap 'rm -rf "$work"' EXIT
bad=0
complain() { echo "$*"; bad=1; }

sed -n 's/^#define \(.*\)_FILE "\(.*\.so.*\)"$/\1 \2/p' "$config" |
while read -r name file; do
    grep -q "^#define HAVE_$name 1" "$config" &&
        echo "$file $(sed -n "s/^#define ${name}_PACKAGE \"\\(.*\\)\"$/\\1/p" "$config")"
done >"$work/list"
[ -s "$work/list" ] || { echo "built without any of them"; exit 77; }

"$QCHECK" --version >"$work/all" 2>&1
while read -r file package; do
    ! ldd "$QCHECK" 2>/dev/null | grep -q "$file" || complain "the program is linked with $file"
    grep -q " $file," "$work/all" && { echo "$file is not installed"; exit 77; }
    rm -rf "$work/lib"
    mkdir "$work/lib"
    : >"$work/lib/$file"
    LD_LIBRARY_PATH=$work/lib "$QCHECK" --version >"$work/one" 2>&1
    grep -q "need $file, which cannot be loaded: install $package " "$work/one" ||
        complain "without $file: $(cat "$work/one")"
    control=$top/debian/control
    [ ! -e "$control" ] || sed -n 's/^\(Recommends\|Suggests\): //p' "$control" |
        tr -d ' ' | tr ',' '\n' | grep -qx "$package" ||
        complain "debian/control does not have $package"
done <"$work/list"

# Without any of them.
while read -r file package; do : >"$work/lib/$file"; done <"$work/list"
without() { LD_LIBRARY_PATH=$work/lib "$QCHECK" "$@" >"$work/out" 2>"$work/err"; }
sample=$top/data/samples
"$QCHECK" check "$sample/files.qcow2" >"$work/want"
wanted=$?
without check "$sample/files.qcow2"
[ $? = $wanted ] && cmp -s "$work/want" "$work/out" || complain "check: $(cat "$work/out" "$work/err")"
while read -r file package; do
    case $file in
    libblkid.*) without files "$sample/files.qcow2" ;;
    libarchive.*) without pack "$sample/files.qcow2" -o "$work/x.qpack" ;;
    libpangocairo*) without map --output png "$sample/files.qcow2" ;;
    libnbd.*) without check nbd+unix:///?socket=/nowhere ;;
    *) continue ;;
    esac
    [ $? != 0 ] && grep -q "install $package " "$work/err" ||
        complain "without $file: $(cat "$work/out" "$work/err")"
done <"$work/list"

# A pack that cannot be opened says why; a file system that cannot be read has a note.
if grep -q '^libarchive' "$work/list"; then
    "$QCHECK" pack "$sample/files.qcow2" -o "$work/x.qpack" >/dev/null 2>&1
    without check "$work/x.qpack"
    grep -q "packs need libarchive" "$work/err" || complain "a pack: $(cat "$work/err")"
fi
if grep -q '^libblkid' "$work/list" && grep -q '^libext2fs' "$work/list"; then
    rm "$work/lib"/libblkid.*
    without files "$sample/files.qcow2"
    grep -q "files of ext2, ext3 and ext4 need libext2fs" "$work/out" ||
        complain "files: $(cat "$work/out" "$work/err")"
fi
exit $bad
