#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""How much of a guest's disk `qcheck plan rescue` brings back.

Builds disks of known content (disks.py), damages copies of their images, plans a rescue,
exports the disk as it would be, and compares it sector by sector with the original: the share
of equal sectors, that share among the sectors that are not zero, and the files whose content is
whole. A cell counts as recovered at 99 % of equal sectors.
"""

import argparse
import fnmatch
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import disks
from disks import CLUSTER

QCHECK = os.environ.get("QCHECK", "qcheck")
RECOVERED = 99.0


# --- damages, on a copy ---

class Image:
    """Just enough of an image to damage it."""

    def __init__(self, path):
        self.f = open(path, "r+b")
        head = self.f.read(104)
        bits, = struct.unpack_from(">I", head, 20)
        self.cluster = 1 << bits
        self.n_l1, self.l1, self.reftable = struct.unpack_from(">IQQ", head, 36)
        self.n_reftable = struct.unpack_from(">I", head, 56)[0] * self.cluster // 8

    def words(self, off, n):
        self.f.seek(off)
        return struct.unpack(">%dQ" % n, self.f.read(8 * n))

    def l2_tables(self):
        mask = 0x00fffffffffffe00
        return [e & mask for e in self.words(self.l1, self.n_l1) if e & mask]

    def refblock(self):
        return self.words(self.reftable, 1)[0]

    def write(self, off, data):
        self.f.seek(off)
        self.f.write(data)


def garbage(rnd, n):
    return b"".join((rnd.getrandbits(63) | 1 << 63).to_bytes(8, "big") for _ in range(n))


def hit_header(img, rnd):
    img.write(0, bytes(512))


def hit_l1(img, rnd):
    img.write(img.l1, garbage(rnd, img.n_l1))


def hit_refcnt(img, rnd):
    img.write(img.reftable, garbage(rnd, img.n_reftable))


def hit_reftail(img, rnd):
    img.write(img.refblock() + img.cluster // 2, bytes(img.cluster // 2))


def hit_header_l1(img, rnd):
    hit_l1(img, rnd)
    hit_header(img, rnd)


def hit_all(img, rnd):
    hit_refcnt(img, rnd)
    hit_header_l1(img, rnd)


def hit_l2(img, rnd):
    img.write(img.l2_tables()[0], garbage(rnd, img.cluster // 8))


def hit_l2zero(img, rnd):
    img.write(img.l2_tables()[0], bytes(img.cluster))


def hit_l2refblock(img, rnd):
    table = img.l2_tables()[0]
    img.f.seek(img.refblock())
    img.write(table, img.f.read(img.cluster))


def hit_l2all(img, rnd):
    for off in img.l2_tables():
        img.write(off, bytes(img.cluster))


DAMAGES = {
    "header": hit_header, "l1": hit_l1, "refcnt": hit_refcnt, "reftail": hit_reftail,
    "header+l1": hit_header_l1, "all": hit_all, "l2": hit_l2, "l2zero": hit_l2zero,
    "l2refblock": hit_l2refblock, "l2all": hit_l2all,
}


# --- one cell ---

class Cell:
    def __init__(self, disk, damage):
        self.disk, self.damage = disk, damage
        self.equal = self.nonzero = self.seconds = 0.0
        self.files, self.n_files = None, 0
        self.length = False
        self.wrong = 0          # clusters placed as certain, and not equal
        self.why = ""


def compare(ref, got):
    """Shares of equal sectors in per cent: (of all, of those that are not zero), and the offsets
    of clusters that differ."""
    zero = bytes(512)
    n = same = nz = nzsame = at = 0
    differ = set()
    with open(ref, "rb") as a, open(got, "rb") as b:
        while True:
            x = a.read(CLUSTER)
            if not x:
                break
            at += CLUSTER
            y = b.read(len(x))
            k = (len(x) + 511) // 512
            n += k
            used = [i for i in range(k) if x[512 * i:512 * i + 512] != zero] \
                if x.count(0) != len(x) else []
            nz += len(used)
            if x == y:
                same += k
                nzsame += len(used)
                continue
            differ.add(at - CLUSTER)
            for i in range(k):
                same += x[512 * i:512 * i + 512] == y[512 * i:512 * i + 512]
            nzsame += sum(x[512 * i:512 * i + 512] == y[512 * i:512 * i + 512] for i in used)
    return 100.0 * same / max(n, 1), 100.0 * nzsame / max(nz, 1), differ


def wrong_certain(plan, differ):
    """Clusters that a plan puts somewhere with confidence "certain", and that differ there."""
    wrong = 0
    with open(plan, encoding="utf-8") as f:
        steps = json.load(f)["steps"]
    for step in steps:
        if step["title"].endswith("(certain)."):
            for r in step.get("loses", []):
                end = r["offset"] + r["length"]
                wrong += sum(x in differ
                             for x in range(r["offset"] // CLUSTER * CLUSTER, end, CLUSTER))
    return wrong


def qcheck(*args, timeout=600):
    return subprocess.run([QCHECK, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=timeout, check=False)


def play(disk, damage, opt):
    stem, sums = disks.make(disk, opt.folder, opt.seed)
    cell = Cell(disk, damage)
    cell.n_files = len(sums)
    work = tempfile.mkdtemp(dir=opt.folder)
    try:
        image, plan, out = (os.path.join(work, x) for x in ("i.qcow2", "plan", "out.raw"))
        shutil.copyfile(stem + ".qcow2", image)
        img = Image(image)
        DAMAGES[damage](img, random.Random("%s %s %s" % (opt.seed, disk.name, damage)))
        img.f.close()
        start = time.monotonic()
        done = qcheck("plan", "rescue", *opt.flags, "-o", plan, image)
        cell.seconds = time.monotonic() - start
        if not os.path.exists(plan) or not os.path.getsize(plan):
            cell.why = "no plan: " + done.stdout.decode(errors="replace").strip()[-100:]
            plan_args = []
        else:
            plan_args = ["--plan", plan]
        if opt.apply and plan_args:
            new = os.path.join(work, "new.qcow2")
            done = qcheck("apply", plan, image, "--output", new)
            if done.returncode == 0:
                subprocess.run(["qemu-img", "convert", "-O", "raw", new, out], check=False,
                               stderr=subprocess.DEVNULL)
        else:
            done = qcheck("export", "--format", "raw", *plan_args, image, out)
        if not os.path.exists(out):
            cell.why = cell.why or done.stdout.decode(errors="replace").strip()[-100:]
            return cell
        cell.length = os.path.getsize(out) == os.path.getsize(stem + ".raw")
        cell.equal, cell.nonzero, differ = compare(stem + ".raw", out)
        if plan_args:
            cell.wrong = wrong_certain(plan, differ)
        if opt.files:
            cell.files = disks.whole_files(disk, out, sums, work)
        if opt.keep:
            os.rename(work, os.path.join(opt.folder, "%s-%s" % (disk.name, damage)))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if opt.verbose:
        print(disk.name, damage, show_cell(cell, opt), file=sys.stderr, flush=True)
    return cell


# --- the table ---

def show_cell(cell, opt):
    if not cell.length:
        return "-"
    text = "%.1f/%.1f%s" % (cell.equal, cell.nonzero, "!" if cell.wrong else "")
    if cell.files is not None:
        text += " %d/%d" % (cell.files, cell.n_files)
    return text


def show(cells, picked, damages, opt):
    width = 22 if opt.files else 13
    print("%-24s" % "disk" + "".join("%*s" % (width, d) for d in damages))
    for disk in picked:
        row = [c for c in cells if c.disk is disk]
        print("%-24s" % disk.name + "".join("%*s" % (width, show_cell(c, opt)) for c in row))
    print("\n%-12s %10s %9s %9s %12s %8s" % ("damage", "recovered", "equal", "non-zero",
                                           "whole files", "seconds"))
    for d in damages:
        column = [c for c in cells if c.damage == d]
        n = len(column)
        good = sum(c.equal >= RECOVERED and c.length for c in column)
        known = [c for c in column if c.files is not None]
        files = "%d/%d" % (sum(c.files for c in known), sum(c.n_files for c in known)) \
            if known else "-"
        print("%-12s %10s %8.1f%% %8.1f%% %12s %8.1f" % (
            d, "%d/%d" % (good, n), sum(c.equal for c in column) / n,
            sum(c.nonzero for c in column) / n, files, sum(c.seconds for c in column) / n))
    wrong = sum(c.wrong for c in cells)
    print("\n%d clusters are at a wrong place and called certain%s" % (
        wrong, " (cells marked !)" if wrong else ""))
    for c in cells:
        if c.why:
            print("%s, %s: %s" % (c.disk.name, c.damage, c.why.replace("\n", " ")))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--disks", default="*", help="names, as patterns with commas")
    p.add_argument("--damages", default=",".join(DAMAGES))
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--folder", default="rescue", help="where disks are kept and made")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--files", action="store_true", help="count files whose content is whole")
    p.add_argument("--apply", action="store_true",
                   help="apply the plan to a copy and convert it with qemu-img")
    p.add_argument("--deep", dest="flags", action="store_const", const=["--deep"], default=[])
    p.add_argument("--keep", action="store_true", help="keep image, plan and result of each cell")
    p.add_argument("--verbose", action="store_true", help="say how each cell came out")
    p.add_argument("--list", action="store_true", help="names of disks and damages")
    opt = p.parse_args()
    if opt.list:
        print("\n".join(d.name for d in disks.all_disks()) + "\n" + " ".join(DAMAGES))
        return 0
    patterns = opt.disks.split(",")
    picked, lacking = [], set()
    for d in disks.all_disks():
        if any(fnmatch.fnmatch(d.name, x) for x in patterns):
            miss = [t for t in disks.tools_of(d.fs) + ["sfdisk", "qemu-img", "qemu-io"]
                    if not shutil.which(t)]
            lacking.update(miss)
            if not miss:
                picked.append(d)
    if lacking:
        print("left out for want of: " + ", ".join(sorted(lacking)), file=sys.stderr)
    damages = opt.damages.split(",")
    os.makedirs(opt.folder, exist_ok=True)
    opt.folder = os.path.abspath(opt.folder)
    with ThreadPoolExecutor(opt.jobs) as pool:
        list(pool.map(lambda d: disks.make(d, opt.folder, opt.seed), picked))
        cells = list(pool.map(lambda x: play(*x, opt),
                              [(d, x) for d in picked for x in damages]))
    show(cells, picked, damages, opt)
    return 0


if __name__ == "__main__":
    sys.exit(main())
