# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Compares `qcheck plan repair` and `apply` with `qemu-img check -r all`, on damaged images.

    repair.py -n 10000 --seed 1         options as those of compare.py
    repair.py --samples DIR             the sample images

Afterwards qemu-img check must say what the plan said it would; no byte of the guest's disk or
of a snapshot that QEMU read before may read differently, unless the plan names its range; no
snapshot and no bitmap may be gone; undo must give back the very bytes. Where -r all ends
clean, so must the plan, or it must say that it left leaks alone, and why. What each of the two
does to guest bytes and snapshots is counted.
"""

import hashlib
import json
import os
import re
import shutil
import sys

import compare
import disk
import make

HEADER_FIRST = "the header comes first"
# Why QEMU opens an image no more than before: what no repair of its tables can mend.
OUTSIDE = re.compile("No such file or directory|not in LUKS format")
LEFT_LEAKS = re.compile(r"not freed, because .*?\)\. (.*?)\.$", re.MULTILINE)
SNAPSHOTS_LOST = re.compile("snapshot-table-fault|snapshot-incomplete")
# All that may be left of a table that a readable stream, or a broken entry, reads as well.
COPIED = {"l2-table-copied-flag", "data-copied-flag"}
SHARED = COPIED | {"overlap", "double-allocation"}
LEFT_KIND = re.compile(r"(?:^|, )([0-9][0-9,]*) ([a-z0-9]+(?:-[a-z0-9]+)*)(?=[,.])",
                       re.MULTILINE)
NUMBER_OF_SNAPSHOTS = "Set nb_snapshots from"
NO_SNAPSHOTS = "Set the number of snapshots to 0"
PAST_END = re.compile("[0-9] (data-past-end|l2-table-past-end|compressed-past-end)")
UNDO_EACH = 4           # in place and back again, each so many images
SNAPSHOTS = 3           # whose bytes are compared


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).digest()


def info(path):
    """(snapshot ids, bitmap names, size) as qcheck sees them; it reads what QEMU refuses."""
    status, out, _ = compare.qcheck("info", "--output", "json", path)
    if status != 0:
        return None
    told = json.loads(out)
    data = (told.get("format-specific") or {}).get("data") or {}
    return ([s["id"] for s in told.get("snapshots", [])],
            [b["name"] for b in data.get("bitmaps", [])], told["virtual-size"])


class Named:
    """The ranges that the steps of a plan name, by layer."""

    def __init__(self, plan):
        self.ranges = {}
        for step in plan["steps"]:
            for r in step["loses"]:
                self.ranges.setdefault(r["layer"], []).append((r["offset"],
                                                               r["offset"] + r["length"]))

    def has(self, layer, sector):
        at = sector * 512
        return any(a < at + 512 and at < b for a, b in self.ranges.get(layer, ()))


def changed(before, after):
    """[sectors that could be read before and do not read the same now]; all of them when the
    layer cannot be opened any more."""
    data, unread = before
    sectors = [s for s in range(-(-len(data) // 512)) if s not in unread]
    if after is None:
        return sectors
    now, lost = after
    if now == data and not lost - unread:
        return []
    return [s for s in sectors
            if s in lost or data[s * 512:s * 512 + 512] != now[s * 512:s * 512 + 512]]


def causes():
    """Names of causes. What a cause takes away is not mapped: it reads as before, and is not what
    it was."""
    if not causes.names:
        _, text, _ = compare.qcheck("explain")
        words = text.decode().split("\nCauses of lost data\n")[1].splitlines()
        causes.names = {line.split()[0] for line in words if line.startswith("  ")}
    return causes.names


causes.names = set()


def own_disk(path, layer, mode):
    """As qemu_disk, read by qcheck."""
    args = ["--layer", layer or "active"]
    if mode != "alone":
        args.append("--backing")
    if mode == "secret":
        args += ["--key-file", "key"]
    for name in ("own.raw",):
        if os.path.exists(name):
            os.unlink(name)
    status, text, _ = compare.qcheck("export", *args, "--output", "json", path, "own.raw")
    if status not in (0, 2):
        return None
    if os.path.getsize("own.raw") > disk.SIZE_MAX:      # what a damaged snapshot says
        return None
    told = json.loads(text)
    told["lost"] = [r for r in told["lost"] if r.get("problem") not in causes()]
    with open("own.raw", "rb") as file:
        return file.read(), set(disk.lost_sectors(told))


def clean(outcome):
    return outcome.counts is not None and outcome.status == 0


class Repairs(compare.Comparison):
    counting = True

    def count(self, what, n=1):
        if self.counting:
            self.tally[what] += n

    def report(self, number, base, ops):
        self.counting = False
        super().report(number, base, ops)
        self.counting = True

    def judge(self, base, path, sound):
        return self.repair(path, base.mode, base.data_file)

    def plan(self, path, out, refused):
        """(plan or None, [what went wrong]). refused: QEMU opens nothing either."""
        status, _, err = compare.qcheck("plan", "repair", "--overwrite", "-o", "plan.json", path)
        err = err.decode(errors="replace")
        if status == 1 and (HEADER_FIRST in err or refused):
            return None, []
        if status != 0:
            return None, [f"plan ends with {status}: {err[-800:]}"]
        with open("plan.json", encoding="utf-8") as file:
            plan = json.load(file)
        if os.path.exists(out):
            os.unlink(out)
        status, _, err = compare.qcheck("apply", "plan.json", path, "--output", out)
        if status != 0:
            return None, [f"apply ends with {status}: {err.decode(errors='replace')[-800:]}"]
        return plan, []

    def in_place(self, path, out):
        shutil.copy(path, "place.qcow2")
        if os.path.exists("undo"):
            os.unlink("undo")
        found = []
        status, _, err = compare.qcheck("apply", "plan.json", "place.qcow2", "--in-place",
                                        "--undo", "undo")
        if status != 0:
            return [f"apply --in-place ends with {status}: {err.decode()[-300:]}"]
        if digest("place.qcow2") != digest(out):
            found.append("apply --in-place gives other bytes than --output")
        status, _, err = compare.qcheck("undo", "undo", "place.qcow2")
        if status != 0 or digest("place.qcow2") != digest(path):
            found.append(f"undo ends with {status} {err.decode()[-300:]}, or does not give "
                         "the image back")
        return found

    def repair(self, path, mode, data_file):
        if not os.path.exists("key"):
            with open("key", "w", encoding="ascii") as file:
                file.write("sesame")
        mode, before = compare.qemu_outcome(path, mode, data_file)
        mine = compare.Outcome(0, None, "")
        self.count("images repaired")
        plan, found = self.plan(path, "ours.qcow2", before.counts is None)
        if found:
            return mode, before, mine, found
        shutil.copy(path, "theirs.qcow2")
        compare.qemu_check("theirs.qcow2", mode, data_file, "all")
        theirs = compare.qemu_check("theirs.qcow2", mode, data_file)
        if plan is None:
            self.count("header comes first")
            if clean(theirs):
                found.append("-r all ends clean, the plan says that the header comes first")
            return mode, before, mine, found
        self.runs = getattr(self, "runs", 0) + 1
        if self.runs % UNDO_EACH == 0 and plan["steps"]:
            found += self.in_place(path, "ours.qcow2")
        mine = compare.qemu_check("ours.qcow2", mode, data_file)
        found += self.outcome(plan, before, mine, theirs)
        found += self.contents(plan, path, mode, data_file)
        return mode, before, mine, found

    def outcome(self, plan, before, mine, theirs):
        found = []
        told = plan["outcome"]
        promised = not (told["refused"] or told["corruptions"] or told["leaks"]
                        or told["check-errors"])
        damaged = not clean(before)
        if damaged:
            self.count("damaged")
            self.count("clean after plan", clean(mine))
            self.count("clean after -r all", clean(theirs))
        if promised and mine.counts is None and OUTSIDE.search(mine.stderr):
            self.count("QEMU lacks a file or a key, as before")
        elif promised and not clean(mine):
            found.append(f"the plan promised a clean image, qemu-img says {mine}")
        if mine.counts is not None and not told["refused"]:
            for key in ("corruptions", "leaks", "check-errors"):
                if mine.counts.get(key, 0) != told[key]:
                    found.append(f"{key}: the plan said {told[key]}, qemu-img says "
                                 f"{mine.counts.get(key, 0)}")
        if clean(theirs) and not promised:
            why = LEFT_LEAKS.search(plan.get("left", ""))
            if self.deleted_by_qemu():
                self.count("clean after -r all, which deleted snapshots or bitmaps")
            elif SNAPSHOTS_LOST.search(plan.get("left", "")):
                self.count("clean after -r all, which took a wrong number of snapshots")
            elif PAST_END.search(plan.get("left", "")):
                self.count("clean after -r all, which let the file grow over a pointer")
            elif self.copied_in_shared(plan):
                self.count("clean after -r all, which set COPIED in a table that is guest data too")
            elif why:
                self.count(f"left leaks: {why.group(1)}")
            else:
                found.append(f"-r all ends clean, the plan does not: {told} "
                             f"{plan.get('left')}")
        return found

    def copied_in_shared(self, plan):
        """Are wrong COPIED flags in a table with another owner all that is left?"""
        left = {kind: int(n.replace(",", ""))
                for n, kind in LEFT_KIND.findall(plan.get("left", ""))}
        flags = sum(n for kind, n in left.items() if kind in COPIED)
        return (flags and "overlap" in left and set(left) <= SHARED
                and flags == plan["outcome"]["corruptions"])

    def deleted_by_qemu(self):
        was, now = info("image.qcow2"), info("theirs.qcow2")
        return was and (not now or was[:2] != now[:2])

    def contents(self, plan, path, mode, data_file):
        was, now, theirs = info(path), info("ours.qcow2"), info("theirs.qcow2")
        if was is None or now is None:
            return ["info fails"] if was else []
        found = []
        for what, a, b in (("snapshots", was[0], now[0]), ("bitmaps", was[1], now[1])):
            if what == "snapshots" and any(step.get("title", "").startswith(NO_SNAPSHOTS)
                                           for step in plan["steps"]):
                continue
            if any(step.get("title", "").startswith(NUMBER_OF_SNAPSHOTS)
                   for step in plan["steps"]):
                while len(a) > len(b) and not a[-1]:    # bytes behind the table
                    a = a[:-1]
            if a != b[:len(a)]:
                found.append(f"{what} were {a} and are {b}")
        self.count("snapshots", len(was[0]))
        self.count("snapshots lost by -r all",
                   len(was[0]) - len(theirs[0] if theirs else []))
        self.count("bitmaps", len(was[1]))
        self.count("bitmaps lost by -r all", len(was[1]) - len(theirs[1] if theirs else []))
        if was[2] > disk.SIZE_MAX:
            return found
        named = Named(plan)
        for number, layer in enumerate([None, *was[0][:SNAPSHOTS]]):
            if layer == "" or (layer and mode == "alone"):
                continue            # QEMU takes "" for the active layer
            found += self.layer(path, mode, data_file, number, layer, named)
        return found

    def layer(self, path, mode, data_file, number, layer, named):
        found = []
        before = disk.qemu_disk(path, mode, data_file, layer)
        if before is not None:
            ours = changed(before, disk.qemu_disk("ours.qcow2", mode, data_file, layer))
            theirs = changed(before, disk.qemu_disk("theirs.qcow2", mode, data_file, layer))
            unnamed = [s for s in ours if not named.has(number, s)]
            self.count("sectors", len(before[0]) // 512 - len(before[1]))
            self.count("sectors changed by the plan and named", len(ours) - len(unnamed))
            self.count("sectors changed by -r all", len(theirs))
            if unnamed:
                found.append(f"layer {layer}: QEMU reads {len(unnamed)} sectors differently, "
                             f"from {unnamed[0] * 512}, and no step names them")
        own = own_disk(path, layer, mode)
        if own is not None:
            unnamed = [s for s in changed(own, own_disk("ours.qcow2", layer, mode))
                       if not named.has(number, s)]
            if unnamed:
                found.append(f"layer {layer}: qcheck reads {len(unnamed)} sectors differently, "
                             f"from {unnamed[0] * 512}, and no step names them")
        return found


def samples(folder):
    folder = os.path.abspath(folder)
    wrong = []
    with compare.temporary() as work:
        os.chdir(work)
        for name in sorted(os.listdir(folder)):
            if name.endswith(".qcow2"):
                shutil.copy(os.path.join(folder, name), name)
        state = Repairs("samples", work)
        for name in sorted(os.listdir(folder)):
            if name.endswith(".qcow2"):
                shutil.copy(os.path.join(folder, name), "image.qcow2")
                _, _, _, found = state.repair("image.qcow2", "plain", None)
                wrong += [f"{name}: {line}" for line in found]
    print("\n".join(wrong) or "all samples are repaired as planned")
    print("  " + ", ".join(f"{key}: {n}" for key, n in sorted(state.tally.items())))
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--samples":
        os.environ["QCHECK"] = os.path.abspath(os.environ.get("QCHECK", "qcheck"))
        sys.exit(samples(sys.argv[2]))
    sys.exit(compare.main(Repairs, __doc__))
