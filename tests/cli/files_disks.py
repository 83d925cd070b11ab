# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Disks for tests of qcheck files: partitions, file systems, LVM2."""

import os
import shutil
import subprocess
import zlib

from files_common import MIB, run


def make_tree(top, rng):
    os.makedirs(f"{top}/var/lib/app")
    os.makedirs(f"{top}/many")
    for i in range(40):
        with open(f"{top}/var/lib/app/f{i}", "wb") as f:
            f.write(rng.randbytes(i * 3000 + 1))
    for i in range(400):
        with open(f"{top}/many/a rather long name of a file {i}", "wb") as f:
            f.write(b"x")
    with open(f"{top}/big.bin", "wb") as f:
        f.write(rng.randbytes(7 * MIB))
    os.symlink("big.bin", f"{top}/link")


def make_ext(path, mib, kind, top, label):
    run("truncate", "-s", f"{mib}M", path)
    run("mke2fs", "-q", "-t", kind, "-L", label, "-E", "root_owner=0:0", "-d", top, path)


def make_ntfs(path, mib, top):
    run("truncate", "-s", f"{mib}M", path)
    run("mkntfs", "-q", "-F", "-L", "WINDOWS", path)
    run("ntfscp", "-q", path, f"{top}/big.bin", "/big.bin")
    for i in range(20, 40):
        run("ntfscp", "-q", path, f"{top}/var/lib/app/f{i}", f"/f{i} \u00fc\U0001f600.dat")


def partition(path, sizes):
    run("truncate", "-s", f"{2 + sum(sizes)}M", path)
    subprocess.run(["sfdisk", "-q", path], check=True, text=True,
                   input="label: gpt\n" + "".join(f"size={s}MiB\n" for s in sizes))


def place(disk, part, at):
    with open(part, "rb") as src, open(disk, "r+b") as dst:
        dst.seek(at)
        shutil.copyfileobj(src, dst, MIB)


def lvm_crc(data):
    """CRC-32 as LVM has it: another start, no inversion at the end."""
    return zlib.crc32(data, 0xf597a6cf ^ 0xffffffff) ^ 0xffffffff


def make_pv(path, mib, lv):
    """A physical volume with "root" in two pieces, the second before the first on disk, and
    one of a type that nobody follows."""
    uuid = "AbCdEf0123456789abcdefghijklmnop"
    dashed = "-".join([uuid[:6]] + [uuid[i:i + 4] for i in range(6, 26, 4)] + [uuid[26:]])
    extents = os.path.getsize(lv) // MIB
    half = extents // 2
    text = f"""vg {{
id = "x"
extent_size = 2048 # 1 MiB
physical_volumes {{ pv0 {{ id = "{dashed}" device = "/dev/\\"x" pe_start = 2048 }} }}
logical_volumes {{
 root {{ status = ["READ", "WRITE", "VISIBLE"] segment_count = 2
  segment1 {{ start_extent = 0 extent_count = {half} type = "striped" stripe_count = 1
   stripes = [ "pv0", {extents - half} ] }}
  segment2 {{ start_extent = {half} extent_count = {extents - half} type = "striped"
   stripe_count = 1 stripes = ["pv0", 0] }} }}
 thin {{ status = ["READ", "WRITE", "VISIBLE"] segment_count = 1
  segment1 {{ start_extent = 0 extent_count = 4 type = "thin" thin_pool = "pool" }} }}
 hidden {{ status = ["READ", "WRITE"] segment1 {{ start_extent = 0 extent_count = 1
  type = "striped" stripe_count = 1 stripes = ["pv0", 0] }} }}
}} }}
# end
""".encode() + b"\0"
    header = (uuid.encode() + (mib * MIB).to_bytes(8, "little") +
              MIB.to_bytes(8, "little") + bytes(8) + bytes(16) +
              (4096).to_bytes(8, "little") + (MIB - 4096).to_bytes(8, "little") + bytes(16))
    rest = ((32).to_bytes(4, "little") + b"LVM2 001" + header).ljust(512 - 20, b"\0")
    label = (b"LABELONE" + (1).to_bytes(8, "little") +
             lvm_crc(rest).to_bytes(4, "little") + rest)
    area = (bytes(4) + b" LVM2 x[5A%r0N*>" + (1).to_bytes(4, "little") +
            (4096).to_bytes(8, "little") + (MIB - 4096).to_bytes(8, "little") +
            (MIB - 4096 - 100).to_bytes(8, "little") +      # goes round the ring
            len(text).to_bytes(8, "little") + bytes(8))
    with open(path, "wb") as f:
        f.truncate(mib * MIB)
        f.seek(512)
        f.write(label)
        f.seek(4096)
        f.write(area)
        f.seek(MIB - 100)
        f.write(text[:100])
        f.seek(4096 + 512)
        f.write(text[100:])
        data = open(lv, "rb").read()
        f.seek(MIB + (extents - half) * MIB)
        f.write(data[:half * MIB])
        f.seek(MIB)
        f.write(data[half * MIB:])
    return [(0, MIB + (extents - half) * MIB, half * MIB),
            (half * MIB, MIB, (extents - half) * MIB)]
