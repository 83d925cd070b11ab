# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Storage that fails, and files that others use: what the whole program says about them.

    storage.py PROGRAM
"""

import json
import os
import signal
import subprocess
import sys
import tempfile

PROGRAM = os.path.abspath(sys.argv[1])
LIMIT = 120
bad = 0


def wrong(text):
    global bad
    bad += 1
    print("storage:", text, flush=True)


def must(*args):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=LIMIT).stdout


def qcheck(*args):
    return subprocess.run([PROGRAM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=LIMIT)


def behind(options, *args):
    """qcheck ARGS URI on what nbdkit serves."""
    out = "out", "err", "status"
    command = " ".join(f"'{a}'" for a in (PROGRAM, *args))
    subprocess.run(["nbdkit", "-U", "-", *options, "--run",
                    f"{command} \"$uri\" >out 2>err; echo $? >status"],
                   stderr=subprocess.DEVNULL, timeout=LIMIT)
    out, err, status = (open(name).read() for name in out)
    return out, err, int(status)


def make_image(path):
    must("qemu-img", "create", "-f", "qcow2", path, "2G")
    must("qemu-io", "-c", "write -P 1 0 1M", "-c", "write -P 2 1G 1M", path)
    must("qemu-img", "snapshot", "-c", "one", path)
    must("qemu-io", "-c", "write -P 3 64k 64k", path)
    must("qemu-img", "bitmap", "--add", path, "b0")


def ranges_of(path):
    """First range of each class of metadata, in the file."""
    first = {}
    for line in qcheck("dump", "ranges", "--output=json", path).stdout.splitlines():
        r = json.loads(line)
        if r["type"] == "range":
            first.setdefault(r["class"], r)
    return first


# class, what the record says, has it guest offsets?
STRUCTURES = [
    ("l1-active", "L1 table, entries", True),
    ("l1-snapshot", "snapshot 1 L1[0]", True),
    ("l2", "L2 table, entries", True),
    ("refcount-table", "refcount table, entries", False),
    ("refcount-block", "refcount block: the refcounts of clusters", False),
    ("snapshot-table", "snapshot table", False),
    ("bitmap-directory", "bitmap directory", False),
    ("bitmap-table", "bitmap table, entries", False),
]


def bad_sector_map(off):
    """A map of ddrescue with one bad sector."""
    with open("map", "w") as f:
        f.write("0x0 +\n" + (f"0x0 {off:#x} +\n" if off else "") +
                f"{off:#x} 0x200 -\n{off + 512:#x} 0x7fffffff0000 +\n")
    return "ddrescue-mapfile=map"


def one_bad_sector(image):
    there = ranges_of(image)
    for name, words, guest in STRUCTURES + [("header", "header cluster", False)]:
        if name not in there:
            wrong(f"the image has no {name}: {sorted(there)}")
            continue
        off = there[name]["offset"] + (512 if name == "header" else 0)
        options = ["--filter=ddrescue", "file", image, bad_sector_map(off)]
        out, err, status = behind(options, "check", "--output=json")
        found = [p for p in json.loads(out)["qcheck"]["problems"]
                 if p["id"] == "unreadable"] if out else []
        if status not in (1, 2) or len(found) != 1:
            wrong(f"{name}: status {status}, {len(found)} records: {err}")
            continue
        p = found[0]
        if p["host-offset"] != off or not 0 < int(p["found"], 16) <= 512:
            wrong(f"{name}: not the sector at {off:#x}: {p}")
        if words not in p["text"]:
            wrong(f"{name}: does not say what it held: {p['text']}")
        if guest != ("guest-offset" in p) or guest and not p["guest-length"]:
            wrong(f"{name}: guest range: {p}")
        if name in ("l1-active", "l2", "bitmap-table"):
            table = {"l1-active": ["l1"], "l2": ["l2", "--snapshot=all"],
                     "bitmap-table": ["bitmaps"]}[name]
            out, err, status = behind(options, "dump", *table, "--output=json")
            types = [json.loads(line)["type"] for line in out.splitlines()]
            if status != 1 or "cannot read" not in err or types[-1] != "end" or \
                    types.count("unreadable") != 1:
                wrong(f"dump {table}: status {status}, {err}, {types[-3:]}")
        out, err, status = behind(options, "check", "-v")
        if f"at {off:#x}" not in out or words not in out:
            wrong(f"{name}: the report does not say it: {out[-3000:]}")
    # Where nothing can be known the program says so.
    out, err, status = behind(["--filter=ddrescue", "file", image, bad_sector_map(0)],
                              "check")
    if status != 1 or "cannot read" not in err:
        wrong(f"the header itself: status {status}, {err}")


def error_filter(image):
    """Errors at random: some answer, in time; none where all is tried often enough."""
    for rate in ("2%", "40%", "100%"):
        out, err, status = behind(["--filter=error", "file", image, "error-pread=EIO",
                                   f"error-pread-rate={rate}"], "check", "--output=json")
        if status not in (0, 1, 2):
            wrong(f"errors of {rate}: status {status}, {err}")
        if status != 0 and not (err or "unreadable" in out):
            wrong(f"errors of {rate}: a failure without a word")
        if rate == "100%" and status != 1:
            wrong(f"nothing can be read: status {status}")


def not_on_disk(image):
    out, _, _ = behind(["file", image], "info")
    if "on disk          unknown" not in out:
        wrong("info knows what is on the server's disk: " + out[:600])
    out, _, _ = behind(["file", image], "info", "--output=json")
    if "actual-size" in json.loads(out):
        wrong("info --output=json knows what is on the server's disk")


def padding(image):
    for command in ("info", "dump"):
        args = [command] + (["header"] if command == "dump" else []) + ["--output=json"]
        text = qcheck(*args, image).stdout
        if "dirty" not in text:
            wrong(f"{command}: the image has no feature names")
        if "u0000" in text:
            wrong(f"{command}: names with their padding")


def in_use(image):
    """QEMU has it open for writing: everything says so, and nothing else is different."""
    before = qcheck("check", image)
    if "image-in-use" in before.stdout or "is in use" in before.stdout + before.stderr:
        wrong("in use, but it is not")
    must("qemu-nbd", "--fork", "-k", os.path.abspath("socket"), "-t", "-f", "qcow2",
         "--pid-file=pid", image)
    try:
        report = qcheck("check", "--output=json", image)
        found = [p["id"] for p in json.loads(report.stdout)["qcheck"]["problems"]]
        if "image-in-use" not in found:
            wrong(f"check --output=json does not say it: {found}")
        report = qcheck("check", image)
        if "in use" not in report.stdout + report.stderr:
            wrong("check does not say it")
        if report.returncode != before.returncode:
            wrong(f"check of an image in use: status {report.returncode}")
        if "another process may write" not in qcheck("info", image).stdout:
            wrong("info does not say it")
        if not json.loads(qcheck("info", "--output=json", image).stdout)["qcheck"]["in-use"]:
            wrong("info --output=json does not say it")
        inspector_says(image, b"in use")
    finally:
        with open("pid") as f:
            os.kill(int(f.read()), signal.SIGTERM)


def inspector_says(image, words):
    import pty
    import select
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", LC_ALL="C.UTF-8", COLUMNS="100", LINES="40")
        os.execv(PROGRAM, [PROGRAM, image])
    seen = b""
    while words not in seen:
        if not select.select([fd], [], [], LIMIT)[0]:
            break
        try:
            seen += os.read(fd, 65536)
        except OSError:
            break
    if words not in seen:
        wrong(f"the inspector does not say {words.decode()}")
    os.kill(pid, signal.SIGTERM)
    while True:                         # it must be able to write until it ends
        try:
            if not os.read(fd, 65536):
                break
        except OSError:
            break
    os.waitpid(pid, 0)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_image("image.qcow2")
        one_bad_sector("image.qcow2")
        error_filter("image.qcow2")
        not_on_disk("image.qcow2")
        padding("image.qcow2")
        in_use("image.qcow2")
        os.chdir("/")
    return 1 if bad else 0


sys.exit(main())
