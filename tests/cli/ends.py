# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Ctrl-C, Esc and q end at once, at any moment: behind a server that does not answer, in the
middle of a scan, of a search, of a report. What was printed by then is not complete JSON.

    ends.py PROGRAM
"""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

PROGRAM = os.path.abspath(sys.argv[1])
IMAGE = "image"
L2_TABLES = 0x40000         # where they begin in that: what opening reads lies before
LIMIT = 300         # seconds: only a test that fails waits for so long
HANGS = 'while [ ! -e answer ]; do sleep 0.1; done'
bad = 0


def wrong(text):
    global bad
    bad += 1
    print("ends:", text, flush=True)


def interruptible():
    """In a child: what is started in the background by a shell ignores SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Server:
    """Serves an image; reads at or after `stop` hang. `asked` exists when one does."""

    def __init__(self, stop, image=IMAGE):
        for name in "asked", "answer", "pid":
            if os.path.exists(name):
                os.unlink(name)
        script = f"if [ $4 -ge {stop} ]; then : >{os.path.abspath('asked')}; cd " \
                 f"{os.getcwd()}; {HANGS}; fi; " \
                 f"dd if='{image}' iflag=skip_bytes,count_bytes bs=64k skip=$4 count=$3 " \
                 "2>/dev/null"
        self.process = subprocess.Popen(
            ["nbdkit", "-f", "-U", "socket", "-P", "pid", "--filter=noextents", "eval",
             f"get_size=stat -Lc %s '{image}'", f"pread={script}"],
            stderr=subprocess.DEVNULL)
        until(lambda: os.path.exists("pid"), "the server starts")
        self.uri = "nbd+unix:///?socket=" + os.path.abspath("socket")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        open("answer", "w").close()
        self.process.kill()
        self.process.wait()
        os.unlink("socket")


class Slow:
    """A server that takes its time for each read; gives its address."""

    def __init__(self, image, delay):
        self.args = ["nbdkit", "-f", "-U", "slow", "-P", "slowpid", "--filter=delay",
                     "--filter=noextents", "file", image, "rdelay=" + delay]

    def __enter__(self):
        self.process = subprocess.Popen(self.args, stderr=subprocess.DEVNULL)
        until(lambda: os.path.exists("slowpid"), "the server starts")
        return "nbd+unix:///?socket=" + os.path.abspath("slow")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.unlink("slow")
        os.unlink("slowpid")


def until(what, words, limit=LIMIT):
    end = time.monotonic() + limit
    while not what():
        if time.monotonic() > end:
            wrong(f"not in {limit} s: {words}")
            return False
        select.select([], [], [], 0.02)
    return True


def command_ends(name, args, when, image=None):
    """SIGINT once `when` holds; the program dies of it, and has printed no whole JSON."""
    process = subprocess.Popen([PROGRAM, *args], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, preexec_fn=interruptible)
    until(when, f"{name}: what is waited for")
    if process.poll() is not None:
        wrong(f"{name}: ended before: {process.communicate()[1]}")
        return
    process.send_signal(signal.SIGINT)
    try:
        out, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        wrong(f"{name}: does not end")
        return
    if process.returncode != -signal.SIGINT:
        wrong(f"{name}: status {process.returncode}, not killed by SIGINT")
    try:
        json.loads(out)
        wrong(f"{name}: whole JSON of half a scan")
    except ValueError:
        pass


class Inspector:
    """The inspector on a terminal of its own."""

    def __init__(self, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            interruptible()
            os.environ.update(TERM="xterm", LC_ALL="C.UTF-8")
            os.execv(PROGRAM, [PROGRAM, *args])
        self.seen = b""
        self.closed = False
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def shows(self, words):
        end = time.monotonic() + LIMIT
        while words not in self.seen:
            if time.monotonic() > end or not self.more(1) and self.closed:
                wrong(f"the inspector does not show {words}: {self.seen[-300:]}")
                return False
        return True

    def more(self, seconds):
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:                     # the other side is closed
            data = b""
        self.closed = not data
        self.seen += data
        return bool(data)

    def keys(self, text):
        os.write(self.fd, text)

    def ends(self, name, status):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            self.more(0.02)
            pid, how = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                how = os.waitstatus_to_exitcode(how)
                if how != status:
                    wrong(f"{name}: status {how}, not {status}")
                if b"\x1b[?1049l" not in self.seen:
                    wrong(f"{name}: the alternate screen is not left")
                os.close(self.fd)
                return
        wrong(f"{name}: does not end")
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def at_a_server_that_hangs():
    def asked():
        return os.path.exists("asked")

    for stop in (0, L2_TABLES):                  # when opening; while scanning
        for args in (["check"], ["check", "--output=json"], ["info"], ["map"],
                     ["dump", "l2"], ["at", "0"]):
            if stop and args[0] == "info":
                continue                    # reads no more than the header
            with Server(stop) as server:
                command_ends(f"{' '.join(args)}, hanging at {stop:#x}", [*args, server.uri],
                             asked)
    for key, status in ((b"q", 0), (b"\x03", -signal.SIGINT)):
        with Server(L2_TABLES) as server:
            inspector = Inspector(server.uri)
            inspector.shows(b"READ-ONLY")
            until(asked, "the scan asks")
            inspector.keys(key)
            inspector.ends(f"inspector behind a server that hangs, key {key}", status)
    in_every_view(asked)
    with Server(L2_TABLES) as server:
        inspector = Inspector(server.uri)
        inspector.shows(b"READ-ONLY")
        until(asked, "the scan asks")
        inspector.keys(b"\x1b")
        inspector.shows(b"topp")            # "stopping" over "scanning"
        inspector.keys(b"q")
        inspector.ends("inspector, Esc and then q", 0)


def in_every_view(asked):
    """What is typed before: a view that reads, a command that reads, a search."""
    for typed in (b"2", b"3", b"4", b"4\r", b"5", b"6G", b"6/text\r", b"gL2[1][1]\r", b"r",
                  b"4u", b"7", b"7jT", b"7L", b"?",
                  b"\x1b[<"):               # a mouse report cut short
        for how in "q", "^C", "SIGTERM":
            if typed in (b"?", b"\x1b[<") and how == "q" or b"g" in typed and how == "^C":
                continue                    # these close the help, or the prompt
            with Server(L2_TABLES) as server:
                inspector = Inspector(server.uri)
                inspector.shows(b"READ-ONLY")
                until(asked, "the scan asks")
                inspector.keys(typed)
                if b"/" in typed:
                    inspector.shows(b"searching")
                if how == "SIGTERM":
                    os.kill(inspector.pid, signal.SIGTERM)
                else:
                    inspector.keys(b"q" if how == "q" else b"\x03")
                inspector.ends(f"inspector behind a server that hangs, {typed} and {how}",
                               {"q": 0, "^C": -signal.SIGINT, "SIGTERM": -signal.SIGTERM}[how])


def in_a_long_scan():
    """An image whose scan takes long: thousands of L2 tables behind a slow server. The scan
    is stopped by Esc, and shows what it has."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o",
                    "cluster_size=512,preallocation=metadata", "large", "64M"], check=True)
    with Slow("large", "50ms") as uri:
        inspector = Inspector("--threads=1", uri)
        inspector.shows(b"scanning")
        inspector.keys(b"\x1b")
        inspector.shows(b"partial scan")
        inspector.keys(b"q")
        inspector.ends("Esc in a scan", 0)
        inspector = Inspector("--threads=1", uri)
        inspector.shows(b"scanning")
        inspector.keys(b"6/hex ee ee ee ee ee\r")       # a search through all of it
        inspector.shows(b"searching")
        inspector.keys(b"\x03")
        inspector.ends("Ctrl-C in a search", -signal.SIGINT)


def in_the_disk_view():
    """View 7 behind a slow server: it is there before what is on the disk is known, keys are
    answered meanwhile, and then it is shown."""
    subprocess.run(["truncate", "-s", "64M", "fs.raw"], check=True)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", "slowly", "fs.raw"], check=True)
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", "-o", "cluster_size=4k", "fs.raw",
                    "fs.qcow2"], check=True)
    with Slow("fs.qcow2", "20ms") as uri:
        inspector = Inspector(uri)
        inspector.shows(b"READ-ONLY")
        inspector.keys(b"7")
        inspector.shows(b"Layer")
        if b"slowly" in inspector.seen:
            wrong("view 7 was not shown before all was known")
        inspector.keys(b"?")                # answered while the storage is asked
        inspector.shows(b"To the last line")
        inspector.keys(b"\x1b")
        inspector.shows(b"slowly")
        inspector.keys(b"q")
        inspector.ends("view 7 behind a slow server", 0)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o",
                        "preallocation=metadata", IMAGE, "1G"], check=True)
        at_a_server_that_hangs()
        in_a_long_scan()
        in_the_disk_view()
        os.chdir("/")
    return 1 if bad else 0


sys.exit(main())
