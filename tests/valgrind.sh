#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# A program under valgrind: silent, or status 99 when there is an error or lost memory.
# `make check-valgrind` runs unit tests with it, and shell tests with it in place of qcheck.
#
#   valgrind.sh PROGRAM [ARGUMENT]...        runs PROGRAM
#   qcheck-valgrind [ARGUMENT]...            (a link to this) runs qcheck beside it, without
#                                            the sandbox: valgrind reads files all the time
case $0 in
*/qcheck-valgrind)
    program=$(dirname "$0")/../qcheck
    case ${1-} in
    browse | check | info | dump | map | at)
        command=$1
        shift
        set -- "$command" --no-sandbox "$@" ;;
    esac
    set -- "$program" "$@" ;;
esac
# Shell tests run theirs under valgrind themselves; and it cannot work in the sandbox.
case $1 in *.sh | */sandbox_test) exec "$@" ;; esac
exec valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,possible \
    --errors-for-leak-kinds=definite,possible "$@"
