# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Names with control characters, escape sequences, bidirectional overrides and invalid UTF-8,
in an image and of it: no command and no view lets one out as it is, and all show it by marks.

    names.py PROGRAM
"""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time

PROGRAM = os.path.abspath(sys.argv[1])
LIMIT = 60
PLACEHOLDER = 40                # bytes, in what qemu-img makes
TITLE = b"\x1b]0;OWNED\x07"
# An escape sequence, controls, C1 as a byte and as UTF-8, overrides and marks of direction,
# bytes that are no UTF-8, an overlong NUL.
PIECES = [TITLE + b"\r\n\t\x7f", b"\x9b31m\xc2\x9b", "\u202e\u2066\u200f\u061c".encode(),
          b"\xff\xfe\xc0\x80\xed\xa0\x80\x1b[2J"]
FORBIDDEN = {0x7f, 0x61c, 0x200e, 0x200f, 0xfeff, *range(0x80, 0xa0), *range(0x202a, 0x202f),
             *range(0x2066, 0x206a), *range(0, 9), *range(11, 32)}
COMMANDS = [["check"], ["check", "-x", "-d"], ["check", "-M", "--output=json"],
            ["info"], ["info", "-v", "--untrusted"], ["info", "--output=json"],
            ["info", "--backing"], ["map"], ["map", "--space=guest"],
            ["map", "--space=guest", "--backing"],
            *[["dump", t] for t in ("header", "l1", "refcounts", "snapshots", "bitmaps")],
            ["dump", "l1", "--snapshot=all"],
            *[["dump", t, "--output=json"] for t in ("header", "snapshots", "bitmaps")],
            ["at", "snap 1", "bitmap 1"], ["at", "--output=json", "snap 1", "bitmap 1"]]
bad = 0


def wrong(text):
    global bad
    bad += 1
    print("names:", text, flush=True)


def hostile(letter, piece):
    """As long as the placeholder of this letter."""
    return (letter + piece).ljust(PLACEHOLDER, b".")[:PLACEHOLDER]


def make(piece):
    """An image whose names all hold this piece; each begins with a letter of its own."""
    def name(letter):
        return letter * PLACEHOLDER

    def run(*args):
        subprocess.run(args, check=True, stdout=subprocess.DEVNULL)

    run("qemu-img", "create", "-q", "-f", "raw", name("K"), "1M")
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", name("K"), "made")
    run("qemu-img", "snapshot", "-c", name("S"), "made")
    run("qemu-img", "bitmap", "--add", "made", name("B"))
    with open("made", "rb") as f:
        data = f.read()
    for letter in b"K", b"S", b"B":
        data = data.replace(letter * PLACEHOLDER, hostile(letter, piece))
    # A name of the table of feature names.
    data = data.replace(b"raw external data".ljust(46, b"\0"), hostile(b"F", piece) + b"\0" * 6)
    file = os.fsdecode(b"image" + piece.replace(b"/", b"").replace(b"\0", b"") + b".qcow2")
    with open(file, "wb") as f:
        f.write(data)
    return file


def fault_of(output):
    try:
        text = output.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8: {error}"
    raw = sorted({ord(c) for c in text} & FORBIDDEN)
    return f"raw characters {[hex(c) for c in raw]}" if raw else None


def commands(file):
    for args in COMMANDS:
        done = subprocess.run([PROGRAM, *args, file], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=LIMIT)
        for what, output in ("output", done.stdout), ("messages", done.stderr):
            fault = fault_of(output)
            if fault:
                wrong(f"{' '.join(args)}: {what}: {fault}")
        if "--output=json" in args and args[0] != "dump":
            json.loads(done.stdout)
    # They are all there, by their marks.
    for args, letters in (["info"], "KSBF"), (["dump", "snapshots"], "S"), \
            (["dump", "bitmaps"], "B"), (["dump", "header"], "F"):
        text = subprocess.run([PROGRAM, *args, file], stdout=subprocess.PIPE,
                              timeout=LIMIT).stdout.decode()
        for letter in letters:
            if letter + "\\x" not in text and letter + "\\u{" not in text:
                wrong(f"{' '.join(args)}: the name with {letter} is not shown by marks")
    # Messages about a file that is none.
    done = subprocess.run([PROGRAM, "check", file + "-is-not-there"], stderr=subprocess.PIPE,
                          timeout=LIMIT)
    if fault_of(done.stderr) or done.returncode != 1:
        wrong(f"message: {done.stderr}")


def views(file, piece):
    """What goes to the terminal: escape sequences are its own, the names' are not among
    them, nor is a byte that only a name can have brought."""
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", LC_ALL="C.UTF-8")
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        os.execv(PROGRAM, [PROGRAM, file])
    seen = b""
    keys = list(b"1234567q")
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        # The next key when the screen has come to rest.
        if not select.select([fd], [], [], 0.2)[0]:
            if b"READ-ONLY" in seen and keys:
                os.write(fd, bytes([keys.pop(0)]))
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            data = b""
        if not data:
            break
        seen += data
    else:
        wrong("the inspector does not end")
        os.kill(pid, 9)
    os.waitpid(pid, 0)
    os.close(fd)
    if b"S\\x" not in seen and b"S\\u{" not in seen:
        wrong("the inspector does not show the name of the snapshot by marks")
    if TITLE in seen or b"\x1b]" in seen or b"\x7f" in seen:
        wrong("the inspector lets an escape sequence through")
    try:
        text = seen.decode()
    except UnicodeDecodeError as error:
        wrong(f"the inspector, {piece}: {error}")
        return
    own = {7, 8, 13, 14, 15, 27}
    raw = sorted(({ord(c) for c in text} & FORBIDDEN) - own)
    if raw:
        wrong(f"the inspector: raw characters {[hex(c) for c in raw]}")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for piece in PIECES:
            file = make(piece)
            commands(file)
            views(file, piece)
        os.chdir("/")
    return 1 if bad else 0


sys.exit(main())
