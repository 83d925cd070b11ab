#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# A plan made in the inspector, in a real terminal: saved where the person said and nowhere else,
# loaded again, carried out by apply. The image stays as it is.
set -u

command -v tmux >/dev/null || { echo "tmux is not there"; exit 77; }
"$QCHECK" --version | grep -q 'sums: yes' || exit 77
dir=$(mktemp -d) || exit 99
socket=qcheck-whatif-$$
image=$dir/image.qcow2
cp "${top_srcdir:-.}/data/samples/healthy.qcow2" "$image" || exit 99
bad=0
case_name=start

in_tmux() { tmux -L "$socket" -f /dev/null "$@"; }
in_tmux -u new-session -d -s base cat || { echo "tmux does not start"; exit 77; }
cleanup() { in_tmux kill-server 2>/dev/null; rm -rf "$dir"; }
trap cleanup EXIT
trap 'exit 1' INT TERM

failed() {
    echo "FAIL $case_name: $*"
    in_tmux capture-pane -t case -p 2>/dev/null | sed 's/^/    |/'
    bad=1
}
# Waits until a command succeeds; ten seconds is for ever.
until_true() {
    n=0
    while ! "$@"; do
        n=$((n + 1))
        [ "$n" -lt 200 ] || return 1
        sleep 0.05
    done
}
screen_has() { in_tmux capture-pane -t case -p -J | grep -qF -- "$1"; }
shows() { until_true screen_has "$1" || failed "\"$1\" does not appear"; }
keys() { in_tmux send-keys -t case "$@"; }
# start NAME OPTION...
start() {
    case_name=$1
    shift
    in_tmux kill-session -t case 2>/dev/null
    rm -f "$dir/ended"
    in_tmux new-session -d -s case -x 100 -y 30 \
        "env LC_ALL=C.UTF-8 '$QCHECK' $* '$image'; touch '$dir/ended'; cat" || exit 99
    shows "clean"
}
ended() { [ -e "$dir/ended" ]; }
leave() { keys q; until_true ended || failed "it does not end"; }
# The first L1 entry gets another cluster.
edit() { keys 4; shows "Mapping"; keys e; shows "L1[0] = "; keys C-u; keys -l "$1"; keys Enter
         shows "WHAT-IF 1 step"; }
unchanged() { cmp -s "$image" "${top_srcdir:-.}/data/samples/healthy.qcow2" ||
                  failed "the image was changed"; }

start saves --plan="$dir/new.plan"
[ ! -e "$dir/new.plan" ] || failed "a plan is there before it was saved"
edit 12c
keys w
shows "The plan is in $dir/new.plan"
leave
unchanged
"$QCHECK" apply "$dir/new.plan" "$image" --output "$dir/out.qcow2" >/dev/null ||
    failed "apply does not take the plan"
[ "$(od -An -tx1 -j1536 -N8 "$dir/out.qcow2")" = ' 80 00 00 00 00 00 18 00' ] ||
    failed "the entry is not what was typed"

case_name=loads
in_tmux kill-session -t case 2>/dev/null
in_tmux new-session -d -s case -x 100 -y 30 \
    "env LC_ALL=C.UTF-8 '$QCHECK' --plan='$dir/new.plan' '$image'; touch '$dir/ended'; cat"
shows "WHAT-IF 1 step"
keys 8
shows "Set L1[0] from"
keys x
shows "0 steps, 0 chosen"
leave

# The table that the edited entry is in stays readable, and the prompt says what may be typed.
start entry
keys 4; shows "Mapping"; keys Enter; shows "L2 table of L1[0], 64 entries"
keys e; shows "+copied +compressed +zero or - 28c; Tab picks a cluster"
keys C-u; keys -l "+zero"; keys Enter
shows "0xa00 zero copied"
shows "L2 table of L1[0], 64 entries"
leave

start not-saved --plan="$dir/never.plan"
edit 0
leave
[ ! -e "$dir/never.plan" ] || failed "a plan that was not saved left a file"

mkdir "$dir/plans"
for n in 1 2; do
    start "folder $n" --plan-dir="$dir/plans"
    edit 0
    keys w
    shows "The plan is in"
    keys w
    shows "The plan is in"
    leave
done
[ "$(ls "$dir/plans")" = "image.qcow2-2.plan
image.qcow2.plan" ] || failed "the folder holds $(ls "$dir/plans")"

echo "not a plan" >"$dir/text"
start foreign --plan="$dir/text"
edit 0
keys w
shows "it is left alone"
leave
[ "$(cat "$dir/text")" = "not a plan" ] || failed "a file that is no plan was overwritten"

start image-as-plan --plan="$image"
keys 4 e
shows "L1[0] = "
keys C-u 0 Enter
shows "WHAT-IF 1 step"
keys w
shows "it is left alone"
leave
unchanged
exit $bad
