#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Static analysis of the program and the measuring tools: gcc -fanalyzer, clang --analyze
# (what scan-build runs) and cppcheck. All must be silent; what they say goes to standard
# output, and the exit status is 1. Run by `make analyze`, which sets
#   TOP        the source tree
#   FLAGS      how its sources are compiled
#   ANALYZERS  some of: gcc clang cppcheck warnings (default: all)
# The tests are left out: the analyzers cannot know that an assertion of cmocka does not
# return. Only the warnings of clang (gcc tells its own in every build) are of all sources.
set -u
: "${ANALYZERS:=gcc clang cppcheck warnings}"
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
sources=$(find "$TOP/src" "$TOP/bench" -name '*.c' | sort)

# each COMMAND...: runs it with each source, one output per source, so that they stay apart.
each() {
    # shellcheck disable=SC2016
    printf '%s\n' $sources | xargs -P "$jobs" -I{} sh -c '
        out=$1/$(echo "$2" | tr / _); shift
        last=$1; shift
        "$@" "$last" >"$out" 2>&1 || echo "$last: failed" >>"$out"' sh "$tmp" {} "$@"
}

for analyzer in $ANALYZERS; do
    case $analyzer in warnings) tool=clang ;; *) tool=$analyzer ;; esac
    command -v "$tool" >/dev/null || { echo "$tool is not installed"; exit 1; }
    rm -f "$tmp"/*
    # shellcheck disable=SC2086
    case $analyzer in
    gcc)
        # It takes a pointer that was stored in a structure for lost. Leaks are looked for
        # by clang, by LeakSanitizer, and by valgrind with the tests.
        each gcc -fanalyzer -Wno-analyzer-malloc-leak $FLAGS -c -o /dev/null ;;
    clang)
        each clang --analyze --analyzer-output text $FLAGS -Wno-unknown-warning-option \
            -Wno-unused-command-line-argument ;;
    warnings)
        program=$sources
        sources=$(find "$TOP/src" "$TOP/bench" "$TOP/plugin" "$TOP/tests" -name '*.c' | sort)
        each clang -fsyntax-only $FLAGS -I"$TOP/tests" -Wno-unknown-warning-option \
            -Wno-unused-command-line-argument
        sources=$program ;;
    cppcheck)
        defines=$(printf '%s\n' $FLAGS | grep '^-[DI]')
        printf '%s\n' $sources >"$tmp/sources"
        cppcheck -q -j "$jobs" --std=c11 --library=posix --inline-suppr \
            --enable=warning,performance,portability --error-exitcode=1 \
            --suppress=missingInclude --template=gcc $defines \
            --file-list="$tmp/sources" >"$tmp/out" 2>&1 || echo "cppcheck: failed" >>"$tmp/out"
        rm "$tmp/sources" ;;
    *)
        echo "what is $analyzer?"; exit 99 ;;
    esac
    cat "$tmp"/* >"$tmp/all"
    [ ! -s "$tmp/all" ] || { cat "$tmp/all"; said=1; }
    echo "$analyzer: $(if [ -s "$tmp/all" ]; then echo "has something to say"; else echo silent; fi)"
done
exit ${said:-0}
