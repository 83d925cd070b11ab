#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Images behind an NBD server: the same answers as from the file, whatever the server is
# like, and an answer as well when it fails or goes away.
set -u
samples=${top_srcdir:-.}/data/samples
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
bad=0

command -v nbdkit >/dev/null 2>&1 || { echo "nbdkit is not installed"; exit 77; }
"$QCHECK" check nbd+unix:///?socket=/nowhere 2>&1 | grep -q 'without libnbd' &&
    { echo "built without libnbd"; exit 77; }

wrong() { echo "nbd: $*"; bad=1; }

# The name is the only thing that may differ, in commands as well, and how one copies; and the
# size of the data, which leaves out holes of a file where QEMU would look for them.
without_name() {
    sed -e 's/^    "filename": .*//' -e "s,'nbd+unix[^']*',NAME,g" \
        -e "s,$samples/[a-z0-9-]*\.qcow2\.copy,copy.qcow2,g" \
        -e "s,$samples/[a-z0-9-]*\.qcow2,NAME,g" \
        -e 's/cp --reflink=auto --sparse=always/nbdcopy/' -e '/"guest-data": /d' "$1"
}

# serve OPTIONS-AND-PLUGIN: runs qcheck check --output=json behind nbdkit into $tmp/out
serve() {
    nbdkit -U - "$@" --run "'$QCHECK' check --output=json \"\$uri\"
        echo \$? >'$tmp/status'" >"$tmp/out" 2>"$tmp/err"
    without_name "$tmp/out" >"$tmp/nbd"
}

for name in healthy snapshots compressed many truncated l2-overwritten; do
    image=$samples/$name.qcow2
    "$QCHECK" check --output=json "$image" >"$tmp/out"
    status=$?
    without_name "$tmp/out" >"$tmp/file"
    for server in "file" "--filter=delay file rdelay=2ms" "--filter=noextents file" \
            "--filter=noparallel file serialize=connections" \
            "--filter=blocksize-policy file blocksize-minimum=4096 blocksize-error-policy=error"
    do
        # An export whose length is no multiple of the block size loses its tail.
        case $name:$server in truncated:*blocksize*) continue ;; esac
        # shellcheck disable=SC2086
        serve $server "$image"
        [ "$(cat "$tmp/status")" = "$status" ] || wrong "$name behind $server: status"
        cmp -s "$tmp/file" "$tmp/nbd" || wrong "$name behind $server: other output"
    done
done

# Nothing can be read: not an image, status 1, and a message.
serve --filter=error file "$samples/many.qcow2" error-pread=EIO error-pread-rate=100%
[ "$(cat "$tmp/status")" = 1 ] || wrong "a server that fails: status $(cat "$tmp/status")"
grep -q 'qcheck:' "$tmp/err" || wrong "a server that fails: no message"

# The server dies at the first read behind the header: what could not be read is named.
serve eval get_size="stat -Lc %s '$samples/many.qcow2'" \
    pread="if [ \$4 -ge 8192 ]; then kill -9 \$PPID; exit 1; fi
           dd if='$samples/many.qcow2' bs=1 skip=\$4 count=\$3 2>/dev/null"
case $(cat "$tmp/status") in
[12]) ;;
*) wrong "a server that dies: status $(cat "$tmp/status")" ;;
esac
grep -q '"unreadable"' "$tmp/out" || wrong "a server that dies: nothing is unreadable"

exit $bad
