# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Plans for images that changed after they were made: each change of a table, and of data that a
step goes by, has the plan refused and leaves the image alone. Guest data that no step goes by may
change. The same for undo files, which are also damaged byte by byte."""

import os
import shutil
import subprocess
import sys
import tempfile

QCHECK = os.path.abspath(os.environ["QCHECK"])
TOP = os.path.abspath(os.environ["top_srcdir"])
sys.path.insert(0, os.path.join(TOP, "tests", "oracle"))
import qcow2  # noqa: E402

# What may happen to an image, by names of qcow2.py; for those samples that have such places.
CHANGES = [
    "size=0x10000", "l1_size=2", "compatible_features=1", "incompatible_features=1",
    "nb_snapshots=0", "autoclear_features=0", "crypt_method=1",
    "l1[0]=0", "l2[0][0]=0", "l2[0][1]=1", "l2[0][60]=0x8000000000000c00",
    "refcount[0]=2", "refcount[3]=3", "reftable[0]=0", "reftable[1]=0x400",
    "snap[0].l1[0]=0", "snap[0].l2[0][1]=0", "snap[1].l1_size=1", "snap[0].disk_size=77",
    "bitmap[0].flags=1", "bitmap[0].table[0]=1",
]
PLANS = [
    ("leak", ["leaks"]), ("copied-flags", ["copied"]), ("misaligned", ["entries"]), ("many", ["reused"]),
    ("many", ["repair"]), ("snapshots", ["snapshots", "delete=1"]), ("bloated", ["compact"]),
    ("bitmaps", ["bitmaps", "drop=all"]), ("zeros-stored", ["discard"]),
    ("healthy", ["resize", "size=1M"]), ("healthy", ["set", "l1_size=4"]),
    ("healthy", ["backing", "file=x", "format=raw"]), ("dirty", ["flags", "dirty=off"]),
]
bad = []


def qcheck(*args):
    done = subprocess.run([QCHECK, *args], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def content(path):
    with open(path, "rb") as file:
        return file.read()


def changed(text):
    """changed.qcow2 is image.qcow2 with one place changed; False: it has none, or that value."""
    shutil.copy("image.qcow2", "changed.qcow2")
    try:
        subprocess.run([sys.executable, "-B", qcow2.__file__, "changed.qcow2", "poke", text],
                       capture_output=True, check=True)
    except subprocess.CalledProcessError:
        return False
    return content("changed.qcow2") != content("image.qcow2")


def applied(path):
    """Does the plan fit? An image that it does not fit must stay as it is."""
    was = content(path)
    for name in ("undo", "out.qcow2"):
        if os.path.exists(name):
            os.unlink(name)
    copy, text = qcheck("apply", "plan", path, "--output", "out.qcow2")
    if copy and os.path.exists("out.qcow2"):
        bad.append(f"{path}: a refused plan leaves a copy")
    _, shown = qcheck("check", "--plan", "plan", path)
    here, _ = qcheck("apply", "plan", path, "--in-place", "--undo", "undo")
    if here and (content(path) != was or os.path.exists("undo")):
        bad.append(f"{path}: a refused plan changes the image or leaves an undo file: {text}")
    if not (copy == 0) == (here == 0) == ("the plan was made for" not in shown
                                          and "the plan goes by zeros" not in shown):
        bad.append(f"{path}: --output ends with {copy}, --in-place with {here}, check --plan "
                   f"says {shown[:300]}")
    return here == 0


def one(sample, goal):
    """How many changes were tried."""
    shutil.copy(os.path.join(TOP, "data", "samples", sample + ".qcow2"), "image.qcow2")
    status, text = qcheck("plan", *goal, "-o", "plan", "--overwrite", "image.qcow2")
    if status or "nothing to do" in text:
        bad.append(f"{sample} {goal}: {text}")
        return 0
    tried = 0
    for change in CHANGES:
        if not changed(change):
            continue
        tried += 1
        if applied("changed.qcow2"):
            bad.append(f"{sample} {' '.join(goal)}: applied after {change}")
    shutil.copy("image.qcow2", "changed.qcow2")
    if not applied("changed.qcow2"):
        bad.append(f"{sample} {' '.join(goal)}: does not fit the image it was made for")
    return tried


def poke_cluster(cluster, size):
    shutil.copy("image.qcow2", "changed.qcow2")
    with open("changed.qcow2", "r+b") as file:
        file.seek(cluster * size + size // 2)
        byte = file.read(1)
        file.seek(cluster * size + size // 2)
        file.write(bytes([byte[0] ^ 1]))


def by_content(sample, goal):
    """Clusters that decided something must be what they were; those that did not, need not."""
    shutil.copy(os.path.join(TOP, "data", "samples", sample + ".qcow2"), "image.qcow2")
    qcheck("plan", goal, "-o", "plan", "--overwrite", "image.qcow2")
    size = 1 << qcow2.Image("image.qcow2").cluster_bits
    fits = []
    for cluster in range(os.path.getsize("image.qcow2") // size):
        poke_cluster(cluster, size)
        fits.append(applied("changed.qcow2"))
    return fits


STATE_AT, HEADER_LEN = 23, 208          # of an undo file; state 1: the plan is half done


def undone(undo, image):
    """Is the plan taken back? What is refused stays as it is."""
    for name, data in (("undo.now", undo), ("back.qcow2", image)):
        with open(name, "wb") as file:
            file.write(data)
    status, text = qcheck("undo", "undo.now", "back.qcow2")
    if status and content("back.qcow2") != image:
        bad.append(f"a refused undo changes the image: {text}")
    return status == 0


def undo_files():
    shutil.copy(os.path.join(TOP, "data", "samples", "leak.qcow2"), "image.qcow2")
    before = content("image.qcow2")
    qcheck("plan", "leaks", "-o", "plan", "--overwrite", "image.qcow2")
    if os.path.exists("undo"):
        os.unlink("undo")
    qcheck("apply", "plan", "image.qcow2", "--in-place", "--undo", "undo")
    after, undo = content("image.qcow2"), content("undo")
    half = undo[:STATE_AT] + b"\1" + undo[STATE_AT + 1:]
    for file in (undo, half):
        if not undone(file, after) or content("back.qcow2") != before:
            bad.append("undo does not give the image back")
        if undone(file[:-1], after):
            bad.append("an undo file that lacks a byte is taken")
    for at in range(HEADER_LEN):
        if at // 4 != STATE_AT // 4 and undone(undo[:at] + bytes([undo[at] ^ 0x41])
                                               + undo[at + 1:], after):
            bad.append(f"an undo file with another byte {at} is taken")
    for change in CHANGES:
        if changed(change) and content("changed.qcow2") != before:
            for file in (undo, half):
                if undone(file, content("changed.qcow2")):
                    bad.append(f"an undo file is taken after {change}")


def main():
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        tried = sum(one(sample, goal) for sample, goal in PLANS)
        if tried < 100:
            bad.append(f"only {tried} changes were tried")
        undo_files()
        for sample, goal, refused in (("leak", "leaks", 7), ("misaligned", "entries", 2)):
            fits = by_content(sample, goal)
            if not any(fits):
                bad.append(f"{sample} {goal}: no guest data may change")
            if fits.count(False) < refused + 4:
                bad.append(f"{sample} {goal}: fits with other data in what it goes by: {fits}")
        os.chdir("/")
    print("\n".join(bad))
    return 1 if bad else 0


sys.exit(main())
