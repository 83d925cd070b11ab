# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Every command that takes an image takes a pack. Of all samples: what it prints of the pack is
what it prints of the image that is unpacked; where it tells of metadata alone, also what it prints
of the image that was packed. Commands that write to an image refuse.

    pack_commands.py PROGRAM SOURCE-TREE
"""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile

program, tree = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
NAME = "disk.qcow2"             # of the image and of the pack, each in a folder of its own
bad = 0


def complain(*what):
    global bad
    bad += 1
    print(*what)


def run(folder, *args):
    return subprocess.run([program, *args], cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)


# {} stands for the image. Of metadata alone: as of the image that was packed
METADATA = [["dump", table, how, "{}"] for table in ("header", "l1", "l2", "refcounts", "snapshots",
                                                     "bitmaps", "ranges")
            for how in ("--output=text", "--output=json")]
METADATA += [["dump", "l2", "--snapshot=all", "{}"],
             ["at", "0", "1c", "rt 0", "rb 0", "L1[0]", "guest 0", "end", "{}"],
             ["plan", "leaks", "copied", "refcounts", "-o", "plan", "{}"],
             ["info", "{}"], ["info", "--output=json", "{}"], ["check", "--output=json-lines", "{}"],
             ["check", "--output=json", "-M", "{}"], ["check", "--output=openmetrics", "{}"], ["browse", "{}"], ["report", "{}"],
             ["check", "--deep", "{}"]]
METADATA += [["map", "--output=" + how, "{}"] for how in ("text", "json", "ansi")]
METADATA += [["map", "--space=guest", "--output=" + how, "{}"] for how in ("text", "json")]
METADATA += [["map", "--output=svg", "--by=" + what, "{}"]
             for what in ("class", "fragmentation", "refcount", "snapshot")]
# ... of the guest's disk, or of causes, which its data may tell: as of the image in the pack
DISK = [["sum", "{}"], ["files", "{}"],
        ["read", "0", "64k", "{}"], ["read", "--hex", "0", "64k", "{}"], ["export", "{}", "out"],
        ["map", "--output=svg", "--by=content", "{}"], ["plan", "repair", "-o", "plan", "{}"],
        ["plan", "discard", "-o", "plan", "{}"], ["watch", "--scans=1", "{}"],
        ["watch", "--scans=1", "--output=json", "{}"], ["pack", "-o", "again.qpack", "{}"]]
CAUSES = {"browse", "report"}   # whose text may say less of a pack: the exit status is the same
LOSSES = {"files", "sum", "export"}
WRITTEN = {"export": "out", "plan": "plan"}
ELSEWHERE = {"apply", "undo", "unpack", "diff", "explain"}      # below, or no image at all
SHARE = 1 if os.environ.get("ALL") else 3       # each sample with one in so many of the commands


def without(told, names):
    """JSON without members of these names, at whatever depth."""
    if isinstance(told, dict):
        return {k: without(v, names) for k, v in told.items() if k not in names}
    return [without(v, names) for v in told] if isinstance(told, list) else told


# How a file is stored and when it was looked at, and what the guest's data tells.
OTHER = ("actual-size", "allocated-size", "source", "lock", "file-system", "seconds", "time",
         "scan-seconds", "image-allocated", "causes", "explained", "unexplained", "verdict", "figures",
         "sampled", "content")
OTHER_LINES = (rb"(?m)^(memory|file|pack|on disk|file system|lock) .*\n",
               rb"qcheck_image_(scan_seconds|allocated_bytes).*\n", rb"qcheck_check_timestamp_seconds.*\n",
               rb"\d\d:\d\d:\d\dZ", rb"\d{4}-\d\d-\d\d \d\d:\d\d UTC", rb"length of the pack.*",
               rb"    looks like .*\n", rb"<tr><th[^>]*>(file|pack|on disk|file system|lock) .*\n")


def steady(text):
    """Without what may differ."""
    if text.lstrip()[:1] in b"{[" and text.strip():
        try:
            return json.dumps(without(json.loads(text), OTHER), indent=1).encode()
        except ValueError:
            try:
                return b"\n".join(json.dumps(without(json.loads(line), OTHER)).encode()
                                  for line in text.splitlines())
            except ValueError:
                pass
    for what in OTHER_LINES:
        text = re.sub(what, b"", text)
    return text


def result(folder, command):
    for name in ("out", "plan", "again.qpack"):
        if os.path.exists(os.path.join(folder, name)):
            os.unlink(os.path.join(folder, name))
    done = run(folder, *[NAME if word == "{}" else word for word in command])
    made = os.path.join(folder, WRITTEN.get(command[0], "no such file"))
    written = b""
    if os.path.exists(made):
        with open(made, "rb") as f:
            written = f.read()
    text = b"" if command[0] in CAUSES or "--deep" in command else steady(done.stdout)
    if command[0] == "plan":
        # What is left is told of a pack, too, by its manifest; all its data are zeros.
        text = re.sub(rb"(?s)Left as it is:\n.*?(\n\n|\Z)", b"", text)
        text = text.replace(b"No step is proposed.\n", b"There is nothing to do.\n").strip()
        if written:
            plan = json.loads(written)
            plan.pop("left", None)
            for step in plan["steps"]:
                step.pop("zeros", None)
            written = json.dumps(plan, indent=1).encode()
    return done.returncode, text, written


def causes(folder):
    told = json.loads(run(folder, "check", "--output=json", NAME).stdout)
    return [(c["id"], c["text"], c["confidence"]) for c in told["qcheck"]["causes"]]


def compare(sample, command, a, b):
    x, y = result(a, command), result(b, command)
    if x == y:
        return
    if command[0] in LOSSES and causes(a) != causes(b):
        # What causes say is lost: files counts it, the others tell by their exit status.
        if command[0] == "files" or x[1:] == y[1:]:
            return
    complain(sample + ":", *command, "differs of", a, "and of", b, x[0], y[0])
    one, two = [(r[1] + b"\n" + r[2]).splitlines() for r in (x, y)]
    for line, other in zip(one + [b""], two + [b""]):
        if line != other:
            complain("   ", line[:200], "|", other[:200])
            break


def apply_and_undo(sample):
    """What a plan for the pack makes of the pack and of its image is the same; in place neither
    apply nor undo touches a pack."""
    if run("pack", "plan", "repair", "-o", "plan", "--overwrite", NAME).returncode:
        return
    for folder in ("pack", "unpacked"):
        if os.path.exists(folder + "/new"):
            os.unlink(folder + "/new")
        done = run(folder, "apply", "--output=new", "../pack/plan", NAME)
        if done.returncode:
            complain(sample, "apply to what is in", folder, done.stderr.decode())
            return
    if subprocess.run(["cmp", "pack/new", "unpacked/new"]).returncode:
        complain(sample, "apply makes something else of the pack")
    with open("pack/" + NAME, "rb") as f:
        before = f.read()
    for command in (["apply", "--in-place", "--undo", "undo", "plan", NAME], ["undo", "plan", NAME]):
        done = run("pack", *command)
        if done.returncode != 1 or b"a pack is never changed" not in done.stderr:
            complain(sample, *command, "does not refuse a pack:", done.stderr.decode())
    with open("pack/" + NAME, "rb") as f:
        if f.read() != before:
            complain(sample, "a pack was changed")
    if os.path.exists("pack/undo"):
        os.unlink("pack/undo")


def differences(sample):
    """diff finds none but what the guest's data tells of causes."""
    done = run(".", "diff", "--output=json", "pack/" + NAME, "image/" + NAME)
    told = json.loads(done.stdout)
    for key in [k for k in told if k in ("causes", "filenames", "a", "b")]:
        told.pop(key)
    want = run(".", "diff", "--output=json", "image/" + NAME, "image/" + NAME)
    same = {k: v for k, v in json.loads(want.stdout).items() if k in told}
    if told.get("problems") != same.get("problems") or told.get("header") != same.get("header"):
        complain(sample, "diff of the pack and the image:", json.dumps(told)[:400])


def all_commands():
    text = run(".", "--help").stdout.decode()
    known = {c[0] for c in METADATA + DISK} | ELSEWHERE
    listed = set(re.findall(r"^  ([a-z]+) +\S", text.split("Commands:")[1].split("\n\n")[0], re.M))
    if listed != known:
        complain("no test, or none needed, of", listed ^ known)


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    for folder in ("image", "pack", "unpacked"):
        os.mkdir(folder)
    all_commands()
    for i, path in enumerate(sorted(glob.glob(os.path.join(tree, "data", "samples", "*.qcow2")))):
        sample = os.path.basename(path)
        subprocess.run(["cp", "--sparse=always", path, "image/" + NAME], check=True)
        packed = run("image", "pack", "--overwrite", "-o", "../pack/" + NAME, NAME)
        unpacked = run(".", "unpack", "--overwrite", "-o", "unpacked/" + NAME, "pack/" + NAME)
        if packed.returncode or unpacked.returncode:
            complain(sample, "cannot be packed and unpacked", packed.stderr, unpacked.stderr)
            continue
        for command in METADATA[i % SHARE::SHARE]:
            compare(sample, command, "pack", "image")
        for command in DISK[i % SHARE::SHARE]:
            compare(sample, command, "pack", "unpacked")
        apply_and_undo(sample)
        differences(sample)
    os.chdir("/")
sys.exit(bad != 0)
