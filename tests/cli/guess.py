# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Headers destroyed in part: what is guessed gives the same figures, map and guest disk
as the sound image, and a sound image is never guessed about.

    guess.py PROGRAM SOURCE-TREE [SEED...]

With ALL_KINDS=1 in the environment all kinds of images, else some that differ most.
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
program, tree = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
seeds = [int(s) for s in sys.argv[3:]] or [1]
sys.path.insert(0, os.path.join(tree, "tests", "oracle"))

import make   # noqa: E402
import qcow2  # noqa: E402

SOME = ["plain", "plain-middle", "plain-large", "v2", "narrow", "wide", "extended",
        "compressed", "data-file", "snapshots", "vm-state", "bitmaps-snapshots",
        "metadata", "tall-l1", "luks"]
FIELDS = {name: (off, width) for name, off, width, _ in qcow2.HEADER}
KINDS_OF_GUESS = ("header-value-replaced", "header-value-proposed", "header-value-forced")
HEADER_KINDS = KINDS_OF_GUESS + ("l1-too-small", "header-over-limit")
WHOLE = {"corruptions", "leaks", "check-errors", "image-end-offset", "total-clusters",
         "allocated-clusters", "fragmented-clusters", "compressed-clusters"}
# What is damaged, and how; then what may differ. The figures of qemu-img and the guest
# disk are compared always, but for its size where that was lost.
DAMAGE = {
    "magic": {"magic": 0x51464900},
    "version": {"version": 9},
    "cluster_bits": {"cluster_bits": 77},
    "refcount_order": {"refcount_order": 40},
    "l1_table_offset": {"l1_table_offset": 0x123},
    "l1_size": {"l1_size": 0},
    "l1_size-huge": {"l1_size": 0xffffffff},
    "refcount_table_offset": {"refcount_table_offset": 0x777},
    "refcount_table_clusters": {"refcount_table_clusters": 0xffff0000},
    "size": {"size": 1 << 61},
    "both-tables": {"l1_table_offset": 1, "refcount_table_offset": 3},
    "shape": {"magic": 0, "version": 0, "cluster_bits": 0},
    "tables-and-size": {"l1_table_offset": 1, "refcount_table_offset": 3,
                        "refcount_table_clusters": 0, "cluster_bits": 0},
}
# Where the right value cannot be told: VM state lies past the end of a disk of unknown
# size and behind it the L1 table has entries that nobody uses; zeros behind a refcount
# table are the guest's or not, which only the L1 table tells; a refcount table moved to
# the end of many small clusters is past what is searched.
UNCERTAIN = {
    "vm-state": ("l1_size", "l1_size-huge", "size"),
    "long": ("both-tables", "tables-and-size"),
    "long-snapshots": ("both-tables", "tables-and-size"),
}
bad = done = 0


def complain(what, *more):
    global bad
    bad += 1
    print("DIFFERENT:", what)
    for m in more:
        print("    ", str(m)[:600])


def run(*args):
    p = subprocess.run([program, *args], capture_output=True, errors="replace", text=True)
    return p.returncode, p.stdout, p.stderr


def guesses(report):
    return [p for p in report["qcheck"]["problems"] if p["id"] in KINDS_OF_GUESS]


def ids(report):
    return {k["id"] for k in report["qcheck"]["kinds"]}


def scan(image, *options):
    status, out, err = run("check", "--output=json", *options, image)
    return status, json.loads(out) if out else None, err


def guest_map(image):
    return json.loads(run("map", "--space=guest", "--output=json", image)[1])


def figures(report, without):
    """What must be the same, but for the numbers that follow from what was lost."""
    own = report["qcheck"]
    counted = {k["id"]: k["count"] for k in own["kinds"]
               if k["id"] not in HEADER_KINDS and k["id"] not in without}
    values = {k: report.get(k, 0) for k in WHOLE}
    values.update(classes=own["classes"], layer=own["statistics"]["active-layer"],
                  counted=counted)
    return {k: v for k, v in values.items() if k not in without}


def poke(image, values):
    with open(image, "r+b") as f:
        for name, value in values.items():
            off, width = FIELDS[name]
            f.seek(off)
            f.write((value % (1 << width * 8)).to_bytes(width, "big"))


def compare(what, sound, image, without=()):
    global done
    done += 1
    status, report, err = scan(image)
    if not report:
        complain(what, err)
        return None
    a, b = figures(sound[0], without), figures(report, without)
    if a != b:
        complain(what, *[(k, a[k], b[k]) for k in a if a[k] != b[k]],
                 *[g["text"] for g in guesses(report)])
    if "size" not in without and sound[1] != guest_map(image):
        complain(what + ": guest map", *[g["text"] for g in guesses(report)])
    if not guesses(report) and "l1-too-small" not in ids(report):
        complain(what + ": nothing was said about it")
    if status != 1:
        complain(what + f": status {status}")
    return report


def mended(what, base, image, without):
    """A plan for the header gives an image that QEMU takes for the sound one."""
    status, out, err = run("plan", "header", "-o", "header.plan", "--overwrite", image)
    if os.path.exists("mended.qcow2"):
        os.unlink("mended.qcow2")
    if status == 0:
        status, _, err = run("apply", "header.plan", image, "--output", "mended.qcow2")
    if status:
        complain(what + ": no plan", out, err)
        return
    a, b = (subprocess.run(["qemu-img", "check", "--output=json", name], capture_output=True,
                           text=True) for name in (base, "mended.qcow2"))
    a, b = (json.loads(x.stdout) if x.stdout.startswith("{") else x.stderr.split("': ")[-1]
            for x in (a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        for x in (a, b):
            for name in {"filename"} | ({"total-clusters"} if "size" in without else set()):
                x.pop(name, None)
    if a != b:
        complain(what + ": qemu-img check of what was mended", a, b, out)
    if guesses(scan("mended.qcow2")[1]):
        complain(what + ": still guessed about", out)
    if "size" not in without and guest_map(base) != guest_map("mended.qcow2"):
        complain(what + ": guest map of what was mended", out)


def one_image(kind, seed):
    base = f"{kind}.qcow2"
    make.build(kind, str(seed), base)
    status, report, err = scan(base)
    if guesses(report) or status not in (0, 2, 3):
        complain(f"{kind} {seed}: sound", status, err, guesses(report))
    sound = (report, guest_map(base))
    for name, values in DAMAGE.items():
        if "v2" in kind and "refcount_order" in values:
            continue
        shutil.copy(base, "image.qcow2")
        poke("image.qcow2", values)
        if name in UNCERTAIN.get(kind, ()):
            continue
        without = ({"size", "total-clusters", "bitmap-fault", "data-file-short"}
                   if "size" in values else ())
        report = compare(f"{kind} {seed}: {name}", sound, "image.qcow2", without)
        if report and guesses(report):
            mended(f"{kind} {seed}: {name}", base, "image.qcow2", without)


def samples():
    """Only the samples with a damaged header are guessed about."""
    for path in sorted(glob.glob(os.path.join(tree, "data", "samples", "*.qcow2"))):
        report = scan(path)[1]
        damaged = os.path.basename(path) in ("header.qcow2", "header-gone.qcow2",
                                            "l1-astray.qcow2", "resized-live.qcow2")
        if bool(guesses(report)) != damaged:
            complain(path, *guesses(report))


def main():
    samples()
    kinds = list(make.KINDS) if os.environ.get("ALL_KINDS") else SOME
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for seed in seeds:
            for kind in kinds:
                one_image(kind, seed)
        os.chdir("/")
    print(f"{done} damaged headers, {bad} differences")
    return 1 if bad else 0


sys.exit(main())
