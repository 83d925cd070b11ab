#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# The inspector in a real terminal (tmux, on a socket of its own): what is on the screen, and
# that the terminal is as it was after every kind of end.
set -u

command -v tmux >/dev/null || { echo "tmux is not there"; exit 77; }
dir=$(mktemp -d) || exit 99
socket=qcheck-test-$$
image=${top_srcdir:-.}/data/samples/snapshots.qcow2
bad=0
case_name=start

in_tmux() { tmux -L "$socket" -f /dev/null "$@"; }
# A session that stays, so that the server does not end between two cases.
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
is() { [ "$(in_tmux display-message -t case -p "#{$1}")" = "$2" ]; }
file_there() { [ -s "$dir/$1" ]; }

# start NAME COLUMNSxROWS [VARIABLE=VALUE ...]: opens the inspector in a new session.
start() {
    case_name=$1
    cols=${2%x*}
    rows=${2#*x}
    shift 2
    in_tmux kill-session -t case 2>/dev/null
    rm -f "$dir"/*
    cat > "$dir/inner" <<INNER
ulimit -c 0
trap : INT QUIT
stty -a > '$dir/before'
env LC_ALL=C.UTF-8 $* sh -c 'echo \$\$ > "$dir/pid"; exec "$QCHECK" "$image"'
echo \$? > '$dir/status'
stty -a > '$dir/after'
echo the end
cat
INNER
    in_tmux new-session -d -s case -x "$cols" -y "$rows" "sh '$dir/inner'" || exit 99
    until_true file_there pid || failed "did not start"
}

# ended STATUS: it has ended so, and left nothing behind.
ended() {
    until_true file_there after || { failed "does not end"; return; }
    shows "the end"
    [ "$(cat "$dir/status")" = "$1" ] || failed "status $(cat "$dir/status"), not $1"
    cmp -s "$dir/before" "$dir/after" || failed "terminal modes differ"
    is alternate_on 0 || failed "the alternate screen is still on"
    is cursor_flag 1 || failed "the cursor is hidden"
    is mouse_any_flag 0 || failed "the mouse is still caught"
    is keypad_flag 0 || failed "the keypad is in application mode"
}

start quit 80x24
shows READ-ONLY
is alternate_on 1 || failed "does not use the alternate screen"
in_tmux send-keys -t case 4
shows "active L1 table"
in_tmux send-keys -t case q
ended 0

# Over a slow line both clicks come at once.
start "double click" 80x24 TERM=xterm
shows READ-ONLY
in_tmux send-keys -t case 4
shows "active L1 table"
click=$(printf '\033[<0;10;6M\033[<0;10;6m')
in_tmux send-keys -t case -l "$click$click"
shows "L2 table of L1[1]"
in_tmux send-keys -t case q
ended 0

# A kernel that has no sandbox: that is said.
if command -v strace >/dev/null && "$QCHECK" --version | grep -q seccomp; then
    program=$QCHECK
    QCHECK=$(mktemp) || exit 99
    cat > "$QCHECK" <<BARE
#!/bin/sh
exec strace -f -o /dev/null -e inject=landlock_create_ruleset:error=ENOSYS \
    -e inject=seccomp:error=ENOSYS '$program' "\$@"
BARE
    chmod +x "$QCHECK"
    start "no sandbox" 80x24
    shows "No sandbox"
    in_tmux send-keys -t case q
    ended 0
    rm -f "$QCHECK"
    QCHECK=$program
fi

start interrupt 80x24
shows READ-ONLY
in_tmux send-keys -t case C-c
ended 130

for signal in TERM:143 HUP:129 SEGV:139 ABRT:134 QUIT:131; do
    start "$signal" 80x24
    shows READ-ONLY
    kill -s "${signal%:*}" "$(cat "$dir/pid")"
    ended "${signal#*:}"
done

start resize 80x24
in_tmux send-keys -t case 5
shows cluster_bits
for size in 20x6 1x1 200x60 80x24; do
    in_tmux resize-window -t case -x "${size%x*}" -y "${size#*x}"
done
shows READ-ONLY
shows cluster_bits
in_tmux send-keys -t case q
ended 0

# Every kind of terminal: colours and characters differ, the words do not.
for variant in TERM=xterm-256color TERM=screen TERM=linux TERM=vt100 TERM=xterm-mono \
    NO_COLOR=1 LC_ALL=C; do
    # ncurses loads a mouse library for the console, which leaks.
    leaks=1
    [ "$variant" != TERM=linux ] || leaks=0
    start "$variant" 80x24 "$variant" "ASAN_OPTIONS=detect_leaks=$leaks"
    shows READ-ONLY
    in_tmux send-keys -t case 4
    shows "active L1 table"
    in_tmux capture-pane -t case -p -e > "$dir/capture"
    case $variant in
    NO_COLOR=1 | TERM=vt100)
        grep -q "$(printf '\033\\[[0-9;]*[34][0-7]m')" "$dir/capture" && failed "has colours" ;;
    LC_ALL=C)
        LC_ALL=C grep -q "$(printf '[\200-\377]')" "$dir/capture" && failed "is not ASCII" ;;
    esac
    in_tmux send-keys -t case q
    ended 0
done

# Keys come from the terminal also when standard input is something else.
case_name=redirected
in_tmux kill-session -t case 2>/dev/null
in_tmux new-session -d -s case -x 80 -y 24 \
    "env LC_ALL=C.UTF-8 '$QCHECK' '$image' < /dev/null; echo status=\$?; cat"
shows READ-ONLY
in_tmux send-keys -t case q
shows status=0

# A terminal that cannot place the cursor is refused in words.
start dumb 80x24 TERM=dumb
until_true file_there status || failed "does not end"
shows "cannot place the cursor"

# A terminal that goes away takes the inspector with it.
start gone 80x24
shows READ-ONLY
pid=$(cat "$dir/pid")
in_tmux kill-session -t case
gone() { ! kill -0 "$pid" 2>/dev/null; }
until_true gone || { echo "FAIL gone: still runs"; bad=1; kill -KILL "$pid"; }

# Suspend and resume, under a shell with jobs.
case_name=suspend
in_tmux kill-session -t case 2>/dev/null
in_tmux new-session -d -s case -x 80 -y 24 "env LC_ALL=C.UTF-8 PS1='ready> ' sh -i" || exit 99
shows "ready>"
in_tmux send-keys -t case "'$QCHECK' '$image'" Enter
shows READ-ONLY
in_tmux send-keys -t case 5
shows cluster_bits
in_tmux send-keys -t case C-z
until_true is alternate_on 0 || failed "stopped, but the screen is not given back"
is cursor_flag 1 || failed "stopped, but the cursor is hidden"
in_tmux send-keys -t case "echo in the sh'e'll" Enter
shows "in the shell"
in_tmux resize-window -t case -x 100 -y 30
in_tmux send-keys -t case fg Enter
until_true is alternate_on 1 || failed "does not come back"
shows cluster_bits
in_tmux send-keys -t case j
shows "file 0x4"
in_tmux send-keys -t case q
until_true is alternate_on 0 || failed "does not end after a stop"
in_tmux send-keys -t case "echo status=\$?" Enter
shows status=0

exit $bad
