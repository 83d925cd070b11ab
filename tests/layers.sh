#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Which folder may include which, that only the terminal (ui/term_*.c) knows curses, that no two
# files and no two tags (struct, enum, union) have one name, and how a file begins: with its
# licence, and config.h before any other header. Says as well which files have grown past 500 lines; that is
# a hint, not a failure.
set -u
src=${top_srcdir:-.}/src
bad=0

# folder: what it may include beside itself
allowed='
base
qcow2   base
scan    base qcow2
inspect base qcow2 scan
disk    base qcow2 scan inspect
volumes base qcow2 scan inspect disk
insight base qcow2 scan inspect disk
pack    base qcow2 scan inspect disk insight
plan    base qcow2 scan inspect disk volumes insight
picture base qcow2 scan inspect disk insight
report  base qcow2 scan inspect disk volumes insight pack plan picture
ui      base qcow2 scan inspect disk volumes insight pack plan picture
cmd     base qcow2 scan inspect disk volumes insight pack plan picture report ui'

layers=$(printf '%s\n' "$allowed" | awk 'NF { print $1 }')
[ -d "$src/base" ] || { echo "no source folder at $src"; exit 99; }

for dir in "$src"/*/; do
    dir=$(basename "$dir")
    printf '%s\n' "$layers" | grep -qx "$dir" ||
        { echo "src/$dir is in no layer: name it in tests/layers.sh"; bad=1; }
done

for layer in $layers; do
    may=$(printf '%s\n' "$allowed" | awk -v l="$layer" '$1 == l { $1 = $1; print }')
    for file in $(find "$src/$layer" -name "*.[ch]"); do
        [ -f "$file" ] || continue
        for name in $(sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file"); do
            case $name in
            config.h) continue ;;
            */*) ;;
            *) echo "$file: \"$name\" is not relative to src/"; bad=1; continue ;;
            esac
            case " $may " in
            *" ${name%%/*} "*) ;;
            *) echo "$file: $layer must not include $name"; bad=1 ;;
            esac
        done
    done
done

curses=$(grep -lE '^ *# *include *<((n?curses|panel|menu|form)[a-z/]*|term)\.h>' -r "$src" |
    grep -v '/ui/term_[a-z]*\.c$')
[ -z "$curses" ] || { echo "curses is not for these files:" $curses; bad=1; }

# once KIND: each line of the input must be there once.
once() {
    twice=$(sort | uniq -d)
    [ -z "$twice" ] || { echo "$1 twice:" $twice; bad=1; }
}
once "files" <<EOF
$(find "$src" -name "*.[ch]" | sed 's,.*/,,')
EOF
once "tags" <<EOF
$(find "$src" -name "*.[ch]" -exec cat {} + | sed -nE \
    's/^ *((typedef|static|const) )*(struct|enum|union) ([a-z0-9_]+) *\{.*/\4/p')
EOF

# config.h says which of the C library's declarations are wanted: after any header it is too late.
top=${top_srcdir:-.}
for file in $(cd "$top" && find src tests bench -name "*.[ch]" -o -name "*.py" -o -name "*.sh"); do
    head -n 3 "$top/$file" | grep -q "SPDX-License-Identifier: GPL-2.0-or-later" ||
        { echo "$file: the first lines must name licence and copyright, as in src/cmd/main.c"; bad=1; }
    case $file in
    *.c) grep -m 1 '^ *# *include' "$top/$file" | grep -q '"config.h"' ||
        { echo "$file: the first include must be \"config.h\""; bad=1; } ;;
    esac
done

# cmocka 2 calls them deprecated, and a build whose warnings are errors stops there.
old=$(grep -nE 'assert_(not_)?in_range *\(' "$top"/tests/*.[ch] "$top"/tests/*/*.[ch])
[ -z "$old" ] || { echo "deprecated by cmocka 2:"; echo "$old"; bad=1; }

find "$src" -name "*.[ch]" -exec wc -l {} + |
    awk '$2 != "total" && $1 > 500 { print "hint: " $2 " has " $1 " lines" }'
exit $bad
