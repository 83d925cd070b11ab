# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""No secret gets into a pack: data, streams, what lies between tables; with --anonymous also
names, extra data, and what overwrote a table.

    pack_secrets.py PROGRAM SOURCE-TREE
"""

import glob
import json
import os
import re
import shutil
import struct
import sys
import tempfile

import pack as packs
from pack import check_schema, complain, kinds, make, pack, poke, qcheck, qcow2, report, run, \
    same_causes, tree, untar

SECRET = b"Moria-Gate:mellon!"


def number(word):
    return struct.unpack(">Q", word)[0]


def traces(secret):
    """The secret as text, and each eight bytes of it as a number."""
    words = {secret[i:i + 8] for i in range(len(secret) - 7)}
    for word in words:
        yield word
        yield b"%d" % number(word)
        yield b"%x" % number(word)


def all_bytes(name):
    return run("zstd", "-dqc", name, check=True).stdout


def plant(image):
    """An image with the secret wherever there is room. Returns the places for each class."""
    run("qemu-img", "create", "-q", "-f", "raw", "base.raw", "8M", check=True)
    base = SECRET.decode() + ".raw"
    os.rename("base.raw", base)
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "./" + base, "-F", "raw", image, check=True)
    fill = "secret.raw"
    with open(fill, "wb") as f:
        f.write((SECRET * 4000)[:65536])
    for off in ("0", "1M", "2M"):
        run("qemu-io", "-c", "write -s %s %s 64k" % (fill, off), image, check=True)
    run("qemu-io", "-c", "write -c -s %s 3M 64k" % fill, image, check=True)
    run("qemu-img", "snapshot", "-c", SECRET.decode() + " snapshot", image, check=True)
    run("qemu-img", "bitmap", "--add", image, SECRET.decode() + " bitmap", check=True)
    run("qemu-io", "-c", "write -s %s 1M 64k" % fill, image, check=True)
    img = qcow2.Image(image)
    l1 = img.l1_table_offset
    with open(image, "rb") as f:
        f.seek(l1)
        l2 = number(f.read(8)) & 0x00fffffffffffe00
        f.seek(l2 + 16 * 8)
        data = number(f.read(8)) & 0x00fffffffffffe00
    # a data cluster that looks like a table, with the secret as its last entry
    poke(image, data, b"".join(struct.pack(">Q", 1 << 63 | i << 16) for i in range(5, 500)) + SECRET)
    poke(image, 30000, SECRET)                          # behind the header extensions
    poke(image, l1 + 4096, SECRET)                      # behind the L1 table
    return l2


def secrets():
    l2 = plant("planted.qcow2")
    plain = SECRET.decode()
    pack("planted.qcow2", "planted.qpack")
    text = all_bytes("planted.qpack")
    for name in (b" snapshot", b" bitmap", b".raw"):
        if SECRET + name not in text:
            complain("the name of a", name, "is missing in a pack with names")
    if re.search(re.escape(SECRET) + rb"(?! snapshot| bitmap|\.raw)", text):
        complain("guest data in a pack")
    # with names replaced, and with a table and the extra data of the snapshot overwritten
    img = qcow2.Image("planted.qcow2")
    poke("planted.qcow2", l2 + 4096, SECRET * 3)
    snap = img.snapshots_offset
    with open("planted.qcow2", "r+b") as f:
        f.seek(snap)
        entry = bytearray(f.read(4096))
        known = struct.unpack(">I", entry[36:40])[0]
        entry[36:40] = struct.pack(">I", known + 32)
        rest = entry[40 + known:]
        f.seek(snap)
        f.write(entry[:40 + known] + (SECRET * 2)[:32] + rest[:4096 - 72 - known])
    report_text = pack("planted.qcow2", "secret.qpack", "--anonymous")
    text = all_bytes("secret.qpack")
    for trace in traces(SECRET):
        if trace in text:
            complain("an anonymous pack holds", trace)
    if not report_text or "What is left in" not in report_text:
        complain("pack does not say what is left in")
    out = untar("secret.qpack")
    info = qcheck("dump", "snapshots", out).stdout.decode()
    if "snapshot-" not in info:
        complain("the stand-in of the snapshot's name is not there:", info)
    same_causes("planted.qcow2", "secret.qpack")
    want, got = report("planted.qcow2"), report(out)
    if kinds(want) != kinds(got):
        complain("the anonymous image has other problems", kinds(want), kinds(got))
    # the clusters that problems are about are kept only when asked for
    pack("planted.qcow2", "with.qpack", "--with-problem-clusters")
    if qcheck("pack", "--anonymous", "--with-problem-clusters", "planted.qcow2", "-o",
              "x.qpack").returncode != 1:
        complain("--anonymous and --with-problem-clusters go together")
    if os.path.exists("x.qpack"):
        complain("a pack that was refused left a file")
    check_schema(out)


TABLES = ("header", "l1-", "l2", "refcount-", "snapshot-table", "bitmap-directory", "bitmap-table",
          "encryption-header")


def hidden(image, *allowed):
    """Packs with and without names; no trace of the secret may be in them."""
    for options in ([], ["--anonymous"]):
        if pack(image, "hidden.qpack", *options) is None:
            continue
        text = all_bytes("hidden.qpack")
        for trace in traces(SECRET):
            if trace in text and not (allowed and not options):
                complain(image, *options, "holds", trace, allowed)
                break


def in_samples():
    """In every sample, in all clusters that are no tables: data, streams, VM states, bits of
    bitmaps, leaks, free space."""
    seen = set()
    for path in sorted(glob.glob(os.path.join(tree, "data", "samples", "*.qcow2"))):
        shutil.copyfile(path, "sample.qcow2")
        classes = set()
        size = os.path.getsize(path)
        for r in json.loads(qcheck("map", "--output=json", path).stdout):
            if r["class"].startswith(TABLES):
                continue
            classes.add(r["class"])
            step = r["length"] // r["clusters"]
            for off in range(r["start"], min(r["start"] + r["length"], size), step):
                poke("sample.qcow2", off + 7, SECRET)
        os.truncate("sample.qcow2", size)
        seen |= classes
        # a table with a second owner is kept as it is where names are
        hidden("sample.qcow2", *classes & {"conflict"})
    for name in ("data", "compressed", "data-snapshot", "bitmap-data", "leaked"):
        if name not in seen:
            complain("no secret was planted into", name, seen)


def in_header():
    """Name of the data file, an extension that nobody knows, and the LUKS area."""
    name = "./" + SECRET.decode() + ".data"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=" + name, "ext.qcow2", "1M",
        check=True)
    with open("ext.qcow2", "rb") as f:
        head = f.read(65536)
    at = struct.unpack(">I", head[100:104])[0]
    while head[at:at + 4] != bytes(4):
        at += 8 + (struct.unpack(">I", head[at + 4:at + 8])[0] + 7) // 8 * 8
    poke("ext.qcow2", at, struct.pack(">II", 0x12345678, 40) + (SECRET * 3)[:40] + bytes(8))
    hidden("ext.qcow2", "names")
    run("qemu-img", "create", "-q", "-f", "qcow2", "--object", "secret,id=s,data=x", "-o",
        "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", "luks.qcow2", "1M", check=True)
    luks = open("luks.qcow2", "rb").read().find(b"LUKS\xba\xbe")
    for off in (20, 592, 4096, 4096 + 65536):       # after the cipher's name, after the slots, keys
        poke("luks.qcow2", luks + off, SECRET[:18])
    hidden("luks.qcow2", "names")


def over_fields():
    """Fields that were overwritten: of header, extension, snapshot, bitmap; refcounts."""
    kind = "bitmaps-snapshots"
    make.build(kind, 3, "fields-sound.qcow2")
    img = qcow2.Image("fields-sound.qcow2")
    extension, directory = img.header_length, 0
    with open("fields-sound.qcow2", "rb") as f:
        head = f.read(4096)
    while head[extension:extension + 4] != bytes(4):
        if head[extension:extension + 4] == b"\x23\x85\x28\x75":
            directory = struct.unpack(">Q", head[extension + 24:extension + 32])[0]
        extension += 8 + (struct.unpack(">I", head[extension + 4:extension + 8])[0] + 7) // 8 * 8
    text = SECRET * 4
    for off, length in [(8, 96), (24, 8), (60, 12), (64, 32), (72, 8), (105, 7), (extension, 40),
                        (img.header_length, 40), (img.snapshots_offset, 12), (img.snapshots_offset + 16, 24),
                        (img.snapshots_offset + 40, 24), (directory, 24), (directory + 12, 12),
                        (img.reftable()[0] + 400, 16)]:
        for shift in (0, 5):
            shutil.copyfile("fields-sound.qcow2", "fields.qcow2")
            poke("fields.qcow2", off, text[shift:shift + length])
            hidden("fields.qcow2", "names")


def over_refcounts():
    """Part of a refcount block was overwritten with text: none of it is kept, and of refcounts that
    are wider than two bits those that are wrong stay wrong."""
    for bits in 1, 2, 4, 8, 16, 64:
        run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k,refcount_bits=%d" % bits,
            "over.qcow2", "64M", check=True)
        run("qemu-io", "-c", "write 0 4M", "over.qcow2", check=True)
        block = qcow2.Image("over.qcow2").reftable()[0]
        for off, length in (0, 18), (2041, 90), (100, 54), (1024, 1024), (0, 4096):
            shutil.copyfile("over.qcow2", "over-text.qcow2")
            poke("over-text.qcow2", block + off, (SECRET * 300)[:length])
            hidden("over-text.qcow2", "names")
            if bits > 2 and kinds(report("over-text.qcow2")) != kinds(report("hidden.qpack")):
                complain("other problems in the pack after text over refcounts of", bits, "bits at", off)


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    secrets()
    in_samples()
    in_header()
    over_fields()
    over_refcounts()
    os.chdir("/")
sys.exit(packs.bad != 0)
