#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# --help, manual page and completions name the same commands, options, problems and keys,
# and are sound in their own languages.
set -u
build=$(dirname "$QCHECK")
bad=0
complain() { echo "$*"; bad=1; }

man=$build/man/qcheck.1
bash=$build/data/completions/qcheck
zsh=$build/data/completions/_qcheck
fish=$build/data/completions/qcheck.fish

# What bash offers after some words.
offers() {
    bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }
             _qcheck; printf "%s\n" "${COMPREPLY[@]}"' - "$bash" "$@"
}
# The options that a shell offers after a command.
options_in_bash() { offers qcheck "$1" - | sed 's/=$//'; }
options_in_zsh() {
    # Its own functions print what they are given: "(-o --out-file)-o[...]", "--out-file=[...]".
    zsh -f -c '_describe() { :; }; _arguments() { print -rl -- "$@"; }
               words=(qcheck "$2" -) CURRENT=3; . "$1"' - "$zsh" "$1" |
        sed -n "s/^([^)]*)//; s/^\(--*[A-Za-z][a-z0-9-]*\)=*-*\[.*/\1/p"
}
options_in_fish() {
    for dashes in - --; do
        fish --no-config -c 'source $argv[1]; complete -C "qcheck $argv[2] $argv[3]"' \
            "$fish" "$1" $dashes
    done | sed 's/[[:space:]].*//; s/=$//' | sort -u
}

plain=$(sed 's/\\-/-/g; s/\\e/\\/g' "$man")
commands=$("$QCHECK" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(echo "$commands" | wc -w)" -ge 7 ] || complain "--help names too few commands: $commands"

for c in $commands; do
    "$QCHECK" "$c" --help > help.$$ || complain "$c --help fails"
    awk 'length > 80' help.$$ | grep . && complain "$c --help has lines over 80 columns"
    section=$(echo "$plain" | awk -v c="$c" '
        $1 == ".SS" { on = ($0 ~ "\"qcheck " c "\"") } $1 == ".SH" { on = 0 } on')
    [ -n "$section" ] || complain "the manual has no section for $c"
    grep -q "^complete -c qcheck .* -a $c " "$fish" || complain "fish does not know $c"
    grep -q "^        '$c:" "$zsh" || complain "zsh does not know $c"
    options=$(sed -n 's/^ \{2,6\}\(-[A-Za-z], \)*--\([a-z0-9-]*\).*/\2/p' help.$$ | sort)
    [ -n "$options" ] || complain "$c --help shows no options"
    for o in $options; do
        echo "$section" | grep -q -- "^\.B.* --$o\($\|[=[]\)\|^\.B --$o\($\|[=[]\)" ||
            complain "the manual does not tell of $c --$o"
    done
    # ... and nothing else has slipped in.
    n=$(echo "$options" | wc -l)
    [ "$(echo "$section" | grep -c '^\.TP')" -eq "$n" ] ||
        complain "the manual has options of $c that --help does not show"
    # What shells offer is what --help lists, no more and no less.
    all=$( { echo "$options" | sed 's/^/--/'
             sed -n 's/^ \{2,6\}\(-[A-Za-z]\), --.*/\1/p' help.$$; } | sort)
    for shell in bash zsh fish; do
        command -v $shell >/dev/null || continue
        got=$(options_in_$shell "$c" | sort)
        [ "$got" = "$all" ] || complain "$shell offers other options of $c: $got"
    done
done
rm -f help.$$

# Names of files are completed as such.
grep -H '@' "$bash" "$zsh" "$fish" | grep -v '"\$@"\|\[@\]' && complain "a word that is none is offered"
grep -q -- "'--key-file=\[.*\]:value:_files'" "$zsh" || complain "zsh: no files after --key-file="
grep -q -- "-l plan-dir -x -a '(__fish_complete_directories)'" "$fish" ||
    complain "fish: no folders after --plan-dir="

for id in $("$QCHECK" explain --output=json | sed -n 's/.*"id": "\(.*\)",/\1/p'); do
    echo "$plain" | grep -qx -- ".B $id" || complain "the manual does not explain $id"
    grep -q -- "[\" ]$id[\" ]" "$bash" || complain "bash does not know the problem $id"
    "$QCHECK" explain | grep -q "^  $id " || complain "explain does not list $id"
    "$QCHECK" explain "$id" | grep -q "What to do" || complain "explain $id says too little"
done

# The structures on disk are those of the field tables.
fields=$("$QCHECK" dump header --output=json "$top_srcdir/data/samples/bitmaps.qcow2" |
    sed -n 's/.*"field": "\([a-z0-9_]*\)".*/\1/p' | sort -u)
[ "$(echo "$fields" | wc -w)" -ge 20 ] || complain "dump header names too few fields: $fields"
for f in $fields; do
    echo "$plain" | grep -qx "\.B $f" || complain "the manual does not tell of the field $f"
done

if command -v mandoc >/dev/null; then
    for page in "$man" "$build/man/qcheck-json.5"; do
        mandoc -Tlint -Werror "$page" || complain "mandoc does not like $page"
    done
fi
# Quotes end where they should: a shell reads each command with the summary that --help has.
told=$("$QCHECK" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  *\(.*\)/\1:\2/p')
read=$(eval "printf '%s\\n' $(sed -n "/commands=(/,/^    )/s/^        '/'/p" "$zsh" | tr '\n' ' ')")
[ "$told" = "$read" ] || complain "zsh reads other summaries of commands: $read"
case $told in *\'*) ;; *) complain "no summary has an apostrophe: this shows nothing" ;; esac
command -v bash >/dev/null && { bash -n "$bash" || complain "bash completion does not parse"; }
command -v zsh >/dev/null && { zsh -n "$zsh" || complain "zsh completion does not parse"; }
command -v fish >/dev/null && { fish -n "$fish" || complain "fish completion does not parse"; }

if command -v bash >/dev/null; then
    offers qcheck ch | grep -qx check || complain "bash does not complete ch to check"
    offers qcheck check --met | grep -qx -- --metadata || complain "no --metadata after check"
    offers qcheck check --output = j | grep -qx json || complain "no json after --output="
    offers qcheck dump bit | grep -qx bitmaps || complain "no bitmaps after dump"
    offers qcheck explain dirty | grep -qx dirty-bit || complain "no dirty-bit after explain"
    offers qcheck at --met | grep -q . && complain "--metadata after at"
    (mkdir place.$$ && : >place.$$/name && offers qcheck plan --key-file = place.$$/na) |
        grep -qx "place.$$/name" || complain "bash: no files after --key-file="
    rm -rf place.$$
fi
exit $bad
