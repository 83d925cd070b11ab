# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Figures of check against what qemu-img does: measure, snapshot -d, resize, convert.

    figures.py QCHECK [SEEDS [KIND...]]     every kind of make.py, with so many seeds
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

import make
import qcow2

ENCRYPTED = ("luks", "aes")     # qemu-img wants keys
bad = 0


def fail(what):
    global bad
    bad += 1
    print(what)


def qemu(*args):
    done = subprocess.run(["qemu-img", *args], capture_output=True)
    return done.stdout if done.returncode == 0 else None


def figures(qcheck, path, *options):
    def said(*command):
        done = subprocess.run([qcheck, *command, "--backing", "--output=json", *options, path],
                              capture_output=True)
        return json.loads(done.stdout)["qcheck"]["figures"]

    f = said("check")
    if said("info", "--figures") != f:
        fail(f"{path}: info tells other figures than check")
    return f


def used(path):
    """Clusters with a refcount."""
    n = 0
    with qcow2.Image(path) as img:
        bits = img.refcount_bits
        for block in filter(None, img.reftable()):
            data = img.read(block & qcow2.OFFSET_MASK, img.cs)
            if bits < 8:
                n += sum(1 for byte in data if byte for k in range(0, 8, bits)
                         if byte >> k & (1 << bits) - 1)
            else:
                step = bits // 8
                n += sum(1 for k in range(0, len(data), step) if any(data[k:k + step]))
    return n


def compare_measure(name, path, f):
    for output in "qcow2", "raw":
        out = qemu("measure", "--output=json", "-O", output, "-f", "qcow2", path)
        if out is None:
            if "convert" in f and output == "qcow2":
                fail(f"{name}: qemu-img measures nothing, figures do")
            continue
        want, got = json.loads(out), f.get("convert")
        if got is None:
            fail(f"{name}: no sizes, qemu-img measures {want}")
        elif output == "raw" and (want["required"], want["fully-allocated"]) != (got["raw"],) * 2:
            fail(f"{name}: raw {got['raw']}, qemu-img says {want}")
        elif output == "qcow2" and (want["required"], want["fully-allocated"]) != \
                (got["qcow2-required"], got["qcow2-fully-allocated"]):
            fail(f"{name}: qcow2 {got}, qemu-img says {want}")


def compare_snapshots(name, path, f):
    """Deletes each on a copy of its own. The copy stands beside the image: names of side
    files are relative."""
    with qcow2.Image(path) as img:
        cs = img.cs
    n = 0
    for s in f.get("snapshots", []):
        copy = path + ".copy"
        shutil.copyfile(path, copy)
        before = used(copy)
        if qemu("snapshot", "-d", s["name"], copy) is not None:
            n += 1
            freed = (before - used(copy)) * cs
            if freed != s["frees"]:
                fail(f"{name}: deleting snapshot {s['id']} freed {freed}, told {s['frees']}")
            if s["alone"] > s["frees"]:
                fail(f"{name}: snapshot {s['id']} holds more than it frees: {s}")
        os.unlink(copy)
    return n


def compare_zeros(name, path, qcheck):
    """What convert leaves out is what holds only zeros."""
    f = figures(qcheck, path, "--deep")
    copy = path + ".new"
    if "convert" not in f or qemu("convert", "-f", "qcow2", "-O", "qcow2", path, copy) is None:
        return
    out = json.loads(qemu("check", "--output=json", copy) or b"{}")
    measured = json.loads(qemu("measure", "--output=json", "-O", "qcow2", path))
    data = measured["required"] - measured["fully-allocated"] + f["convert"]["raw"]
    left_out = f["convert"]["qcow2-required"] - f["convert"]["qcow2-without-zeros"]
    got = -(-f["convert"]["raw"] // 65536) * 65536 + f["convert"]["qcow2-without-zeros"] - \
        f["convert"]["qcow2-fully-allocated"]
    if out.get("allocated-clusters", 0) * 65536 != got:
        fail(f"{name}: {got} bytes are no zeros ({left_out} of {data} left out), convert "
             f"stored {out.get('allocated-clusters', 0) * 65536}")
    os.unlink(copy)


def compare_growth(path, options, qcheck):
    """It grows to what is said, and not further; filled, it takes what qemu-img says."""
    qemu("create", "-q", "-f", "qcow2", "-o", options, path, "50M")
    f = figures(qcheck, path)
    out = json.loads(qemu("measure", "--output=json", "-O", "qcow2", "-o", options,
                          "--size", "50M"))
    if f["device-size-full"] != out["fully-allocated"]:
        fail(f"{options}: filled {f['device-size-full']}, qemu-img says {out}")
    if qemu("resize", "-f", "qcow2", path, str(f["guest-size-max"] + 512)) is not None:
        fail(f"{path}: grew past {f['guest-size-max']}")
    if qemu("resize", "-f", "qcow2", path, str(f["guest-size-max"])) is None:
        fail(f"{path}: did not grow to {f['guest-size-max']}")


def compare_incomplete(qcheck, samples):
    """Where a table is gone nothing makes it look safe to shrink the disk."""
    for name in "l1-wiped", "l2-wiped", "l2-overwritten":
        if "guest-end" in figures(qcheck, f"{samples}/{name}.qcow2"):
            fail(f"{name}: says to what the disk can shrink, though a table is gone")


def main():
    qcheck = os.path.abspath(sys.argv[1])
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    kinds = sys.argv[3:] or list(make.KINDS)
    images = deleted = 0
    compare_incomplete(qcheck, f"{os.path.dirname(os.path.abspath(__file__))}"
                               "/../../data/samples")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for kind in kinds:
            for seed in range(seeds):
                path, name = "x.qcow2", f"{kind} {seed}"
                try:
                    make.Builder(kind, seed, path).build()
                except RuntimeError as e:
                    print(f"{name}: not made: {e}")
                    continue
                f = figures(qcheck, path)
                if kind not in ENCRYPTED:
                    compare_measure(name, path, f)
                    compare_zeros(name, path, qcheck)
                deleted += compare_snapshots(name, path, f)
                images += 1
                for left in os.listdir("."):
                    os.unlink(left)
        for options in "cluster_size=512", "cluster_size=16k,extended_l2=on", \
                "compat=0.10,cluster_size=4k", "refcount_bits=1":
            compare_growth("grow.qcow2", options, qcheck)
            os.unlink("grow.qcow2")
    print(f"{images} images, {deleted} snapshots deleted, {bad} differences")
    if not images or not deleted and len(sys.argv) < 4:
        fail("nothing was compared")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
