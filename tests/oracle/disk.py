# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Compares the guest's disk as `qcheck` reads it with what QEMU reads, byte by byte: of the
active layer and each snapshot, on sound images of every kind and on damaged ones.

    disk.py -n 5000 --seed 1            options as those of compare.py
    disk.py --chains -n 500             images as backing files below two sound overlays, with
                                        a snapshot; `qemu-img map` is compared as well

On damaged images QEMU reads with `qemu-img convert --salvage`, which names each sector that it
cannot read. There qcheck must say that something is lost; everywhere else the bytes must be
equal. Where QEMU reads and qcheck says damaged, the reason must be one of ODD (HACKING.md tells
why).
"""

import json
import os
import random
import re
import sys

import compare
import make
import others

LOST = re.compile(r"error while reading offset (\d+):")
BROKEN = re.compile(r"error while reading block status at offset (\d+):")

SIZE_MAX = 32 << 20     # bytes of disk that are compared

# Kinds of damage of which QEMU reads zeros, or something that nobody wrote there.
ODD = {"data-past-end", "tail-truncated", "l2-table-past-end", "l1-table-past-end",
       "l1-too-small", "compressed-past-end",
       # ... and causes: what the table mapped that is gone reads as if it had never been
       "mapping-vanished", "l1-pointer", "l1-overwritten", "live-resize", "l2-refcounts",
       "l2-overwritten", "l2-wiped", "l2-zeroed-pages", "table-reused", "broken-entries",
       "copied-while-running", "cut-short"}


def node(path, mode, data_file):
    """How qemu-img names the image: arguments."""
    if mode == "plain":
        return ["-f", "qcow2", path]
    if mode == "secret":
        return [*make.SECRET, "--image-opts",
                f"driver=qcow2,file.filename={path},encrypt.key-secret=s0"]
    desc = {"driver": "qcow2", "file": {"driver": "file", "filename": path}, "backing": None}
    if data_file:
        desc["data-file"] = {"driver": "file", "filename": data_file}
    return ["json:" + json.dumps(desc)]


def qemu_disk(path, mode, data_file, layer):
    """(bytes, set of sectors that QEMU cannot read), or None where it does not open."""
    out = "qemu.raw"
    args = ["qemu-img", "convert", "--salvage", "-O", "raw", "-m", "1"]
    if layer:
        args += ["-l", layer]
    status, _, err = compare.call([*args, *node(path, mode, data_file), out])
    err = err.decode(errors="replace")
    if status != 0:
        return None
    lost = {int(m) // 512 for m in LOST.findall(err)}
    with open(out, "rb") as file:
        return file.read(), lost


def ours(path, mode, layer, key):
    """(bytes, [lost ranges]) or a text that says what went wrong."""
    args = ["--layer", layer or "active"]
    if mode != "alone":
        args.append("--backing")
    if mode == "secret":
        args += ["--key-file", key]
    status, data, err = compare.qcheck("read", *args, "0", str(SIZE_MAX), path)
    err = err.decode(errors="replace")
    if status not in (0, 2) or "Sanitizer" in err:
        return f"qcheck read ends with {status}: {err[-500:]}"
    for name in ("ours.raw", "ours.map"):
        if os.path.exists(name):
            os.unlink(name)
    status, text, err = compare.qcheck("export", *args, "--output", "json", "--map", "ours.map",
                                       path, "ours.raw")
    err = err.decode(errors="replace")
    if len(data) == SIZE_MAX:
        return None             # a snapshot that claims to be huge
    if status not in (0, 2) or "Sanitizer" in err:
        return f"qcheck export ends with {status}: {err[-500:]}"
    told = json.loads(text)
    with open("ours.raw", "rb") as file:
        exported = file.read()
    return data, told, exported


def lost_sectors(told):
    out = {}
    for r in told["lost"]:
        for s in range(r["start"] // 512, -(-(r["start"] + r["length"]) // 512)):
            out[s] = r.get("problem", r["state"])
    return out


def map_lost(size):
    """Sectors that the map file says are lost; None when it is no map of the disk."""
    at, out = 0, set()
    with open("ours.map", encoding="ascii") as file:
        rows = [line.split() for line in file if not line.startswith("#")]
    for pos, length, status in rows[1:]:
        pos, length = int(pos, 16), int(length, 16)
        if pos != at or status not in "+-":
            return None
        if status == "-":
            out.update(range(pos // 512, -(-(pos + length) // 512)))
        at += length
    return out if at == size else None


def disk_differences(path, mode, data_file, layer, sound, key):
    qemu = qemu_disk(path, mode, data_file, layer)
    mine = ours(path, mode, layer, key)
    where = f"layer {layer or 'active'}"
    if mine is None:
        return []
    if isinstance(mine, str):
        # An encrypted image that says nothing of its keys has no disk for either of us.
        return [] if qemu is None and "no LUKS header" in mine else [f"{where}: {mine}"]
    data, told, exported = mine
    lost = lost_sectors(told)
    found = []
    if sound and (lost or told["bytes"]["damaged"]):
        found.append(f"{where}: a sound image has lost ranges: {told['lost'][:3]}")
    if map_lost(len(data)) != set(lost):
        found.append(f"{where}: the map file disagrees with the summary")
    if len(exported) != len(data):
        found.append(f"{where}: read gives {len(data)} bytes, export {len(exported)}")
    if sum(told["bytes"].values()) != len(data):
        found.append(f"{where}: the states do not add up: {told['bytes']} of {len(data)}")
    for s in range(-(-len(data) // 512)):
        a, b = data[s * 512:s * 512 + 512], exported[s * 512:s * 512 + 512]
        if a != b and s not in lost:
            found.append(f"{where}: read and export differ at {s * 512}")
            break
    if qemu is None:
        return found
    theirs, unread = qemu
    # QEMU's disks are of whole sectors, and it gives every snapshot the size of the disk now.
    if len(theirs) != len(data) // 512 * 512 and not layer:
        return found + [f"{where}: QEMU has {len(theirs)} bytes, qcheck {len(data)}"]
    for s in range(min(len(data), len(theirs)) // 512):
        a, b = theirs[s * 512:s * 512 + 512], data[s * 512:s * 512 + 512]
        if s in unread:
            if s not in lost:
                found.append(f"{where}: QEMU cannot read {s * 512}, qcheck says nothing")
                break
        elif mode == "secret" and lost.get(s) in ODD:
            pass                # QEMU decrypts zeros from past the end
        elif mode == "alone" and lost.get(s) == "absent":
            pass                # it was told to do without, or where to look
        elif a[:len(b)] != b:
            found.append(f"{where}: bytes differ at {s * 512} ({lost.get(s)})")
            break
        elif s in lost and lost[s] not in ODD:
            found.append(f"{where}: QEMU reads {s * 512}, qcheck says {lost[s]}")
            break
    return found


def fill(path):
    """Gives a backing file of zeros content, so that it can be told from nothing."""
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        for at in range(0, size, 3 << 14):
            file.seek(at)
            file.write(bytes([at >> 14 & 0x7f | 1]) * min(1 << 14, size - at))


def snapshots_of(path):
    """By id: QEMU takes a name that is another's id for that."""
    status, out, _ = compare.call(["qemu-img", "info", "--output=json", "-f", "qcow2", "-U", path])
    return [s["id"] for s in json.loads(out).get("snapshots", [])][:3] if status == 0 else []


def virtual_size(path):
    status, out, _ = compare.qcheck("info", "--output", "json", path)
    return json.loads(out)["virtual-size"] if status == 0 else None


class Disks(compare.Comparison):
    def base(self, kind, chunk):
        base = super().base(kind, chunk)
        if "backing" in base.flags:
            fill(base.path + ".base")
        return base

    def judge(self, base, path, sound):
        mode, qemu = compare.qemu_outcome(path, base.mode, base.data_file)
        mine = compare.Outcome(0, None, "")
        if not os.path.exists("key"):
            with open("key", "w", encoding="ascii") as file:
                file.write("sesame")
        layers = [None] + (snapshots_of(path) if mode != "alone" else [])
        found = []
        size = virtual_size(path)
        if size is None or size > SIZE_MAX:
            return mode, qemu, mine, found
        for layer in layers:
            found += disk_differences(path, mode, base.data_file, layer, sound, "key")
        return mode, qemu, mine, found


class Chains(Disks):
    """The image below two overlays of other sizes and clusters."""

    def overlay(self, rng, path, below, size):
        if os.path.exists(path):
            os.unlink(path)
        cs = 1 << rng.randrange(9, 17)
        make.run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-o", f"cluster_size={cs}",
                 "-b", below, "-F", "qcow2", path, str(size))
        def writes():
            for _ in range(rng.randrange(5)):
                off = rng.randrange(0, size // cs + 1) * cs
                n = min(rng.randint(1, 4) * cs, size - off)
                if n > 0:
                    what = rng.choice([f"-P {rng.randrange(1, 256)}", "-z", "-z -u"])
                    make.attempt("qemu-io", "-f", "qcow2", "-c", f"write {what} {off} {n}", path)
        writes()
        if rng.random() < 0.5:
            make.attempt("qemu-img", "snapshot", "-c", "before", path)
            writes()

    def judge(self, base, path, sound):
        mine = compare.Outcome(0, None, "")
        mode, qemu = compare.qemu_outcome(path, base.mode, base.data_file)
        size, found = virtual_size(path), []
        if mode == "secret" or "luks" in base.flags or size is None or size > SIZE_MAX // 2:
            return mode, qemu, mine, found
        rng = random.Random(f"{base.seed} {os.path.getsize(path)} {size}")
        for name, below in (("middle.qcow2", path), ("top.qcow2", "middle.qcow2")):
            size = max(512, int(size * rng.choice([0.5, 1, 1, 1.5])) // 512 * 512)
            self.overlay(rng, name, below, size)
        for layer in [None, *snapshots_of("top.qcow2")]:
            found += disk_differences("top.qcow2", "plain", None, layer, sound, "key")
        return mode, qemu, mine, found + others.map_differences("top.qcow2")


if __name__ == "__main__":
    chains = "--chains" in sys.argv
    if chains:
        sys.argv.remove("--chains")
    sys.exit(compare.main(Chains if chains else Disks, __doc__))
