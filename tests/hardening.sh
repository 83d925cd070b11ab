#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# The program as it was built: position-independent, with read-only relocations bound at the
# start, no executable stack, stack protector and fortified C library. HARDENING, CFLAGS: as configured.
set -u
[ "${HARDENING:-yes}" = yes ] || { echo "configured without hardening: nothing to look at"; exit 0; }
command -v readelf >/dev/null || { echo "readelf is not here"; exit 77; }
bad=0
# has WHAT PATTERN OPTION: `readelf OPTION` of the program shows the pattern.
has() {
    readelf -W "$3" "$QCHECK" | grep -qE -- "$2" || { echo "hardening: no $1"; bad=1; }
}
has "position-independent program" 'Type: +DYN' -h
has "read-only relocations" 'GNU_RELRO' -l
has "binding at the start" 'BIND_NOW|FLAGS_1.* NOW' -d
has "stack protector" '__stack_chk_fail' --dyn-syms
case " ${CFLAGS-} " in
*-O0*) ;;                       # fortifying needs the optimizer
*) has "fortified C library" '__[a-z]+printf_chk' --dyn-syms ;;
esac
readelf -W -l "$QCHECK" | grep 'GNU_STACK' | grep -q 'RWE' &&
    { echo "hardening: the stack is executable"; bad=1; }
exit $bad
