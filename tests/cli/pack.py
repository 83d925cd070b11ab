# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Packs. Of every sample and of damaged images: tar makes a file of the same length in which
qemu-img and qcheck find what they find in the image, in the same places; the pack itself says
the same. Broken and hostile packs are refused.

    pack.py PROGRAM SOURCE-TREE
"""

import glob
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

program, tree = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.path.insert(0, os.path.join(tree, "tests", "oracle"))

import make      # noqa: E402
import mutate    # noqa: E402
import qcow2     # noqa: E402

bad = 0


def complain(*what):
    global bad
    bad += 1
    print(*what)


def run(*args, check=False, env=None):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=check,
                          env=env)


def qcheck(*args):
    return run(program, *args)


def pack(image, name, *options):
    done = qcheck("pack", *options, "--overwrite", image, "-o", name)
    if done.returncode:
        complain("pack", *options, image, "fails:", done.stderr.decode())
        return None
    return done.stdout.decode()


def untar(name):
    """Unpacks with tar and names the image."""
    folder = tempfile.mkdtemp(dir=".")
    run("tar", "--zstd", "-xf", name, "-C", folder, check=True)
    return glob.glob(os.path.join(folder, "*", "image.qcow2"))[0]


def report(image):
    """What check says of tables and clusters; not what it concludes from the guest's data."""
    text = qcheck("check", "--output=json", "-M", image).stdout
    if not text:
        return None
    told = json.loads(text)
    told.pop("filename", None)
    for name in ("verdict", "causes", "explained", "unexplained", "figures", "side-files"):
        told.get("qcheck", {}).pop(name, None)
    return told


def kinds(told):
    """How often each kind of problem is there, apart from files that are named."""
    return {k["id"]: k["count"] for k in told["qcheck"]["kinds"]
            if not k["id"].startswith("side-file")}


def same_causes(image, packed):
    causes = [[c["id"] for c in json.loads(qcheck("check", "--output=json", i).stdout)["qcheck"]["causes"]]
              for i in (image, packed)]
    if causes[0] != causes[1]:
        complain(packed, "has other causes", *causes)


def listings(image):
    for table in ("header", "l1", "l2", "refcounts", "snapshots", "bitmaps", "ranges"):
        yield table, qcheck("dump", table, "--output=json", image).stdout
    yield "map", qcheck("map", "--output=json", image).stdout
    yield "guest map", qcheck("map", "--space=guest", "--output=json", image).stdout


def qemu(image):
    done = run("qemu-img", "check", "--output=json", image)
    text = done.stdout.decode()
    begin = text.find("{\n")        # messages come before it
    try:
        told = json.loads(text[begin:]) if begin >= 0 else {}
    except ValueError:
        told = {}
    told.pop("filename", None)
    return done.returncode, told


def compare(image):
    name = os.path.basename(image) + ".qpack"
    if pack(image, name) is None:
        return
    out = untar(name)
    named = json.loads(run("qemu-img", "info", "--output=json", image).stdout or "{}")
    for base in (named.get("backing-filename"), named.get("format-specific", {})
                 .get("data", {}).get("data-file")):
        path = os.path.join(os.path.dirname(image), base or "")
        if base and os.path.exists(path):       # what it names is to be found beside it
            shutil.copy(path, os.path.dirname(out))
    if os.path.getsize(out) != os.path.getsize(image):
        complain(image, "has another length after tar x")
    want = report(image)
    direct = report(name)       # files that it names are as they were where it was packed
    if direct != want:
        complain(image, "check of the pack differs")
    if report(out) != want:
        complain(image, "check of what tar makes of the pack differs")
    if want:
        for (what, a), (_, b) in zip(listings(image), listings(out)):
            if a != b:
                complain(image, what, "differs")
    if qemu(image) != qemu(out):
        complain(image, "qemu-img check differs", qemu(image), qemu(out))
    done = qcheck("unpack", "--overwrite", name, "-o", name + ".out")
    if done.returncode or run("cmp", name + ".out", out).returncode:
        complain(image, "unpack and tar x differ", done.stderr.decode())
    if pack(image, "anonymous.qpack", "--anonymous") is not None:
        hidden = untar("anonymous.qpack")
        a, b = want, report(hidden)
        if a and b and kinds(a) != kinds(b):
            told = json.loads(open(os.path.join(os.path.dirname(hidden), "pack.json")).read())
            if told["same"]:
                complain(image, "the anonymous pack differs and does not say so")


def samples():
    for image in sorted(glob.glob(os.path.join(tree, "data", "samples", "*.qcow2"))):
        compare(image)


def damaged():
    for i, kind in enumerate(["plain", "narrow-shared", "extended-snapshots", "compressed",
                              "bitmaps-snapshots", "luks", "data-file", "v2"]):
        sound = kind + ".qcow2"
        make.build(kind, 1, sound)
        compare(sound)
        same_causes(sound, sound + ".qpack")
        same_causes(sound, "anonymous.qpack")
        broken = kind + "-broken.qcow2"
        for k in range(2):
            shutil.copyfile(sound, broken)
            ops = mutate.damage(mutate.Survey(sound), broken, random.Random(i * 10 + k))
            qcow2.apply_ops(broken, ops)
            compare(broken)


def poke(image, off, data):
    with open(image, "r+b") as f:
        f.seek(off)
        f.write(data)


def two_roles():
    """What is wrong as one table and in order as another stays as it is."""
    make.build("plain", 5, "roles.qcow2")
    img = qcow2.Image("roles.qcow2")
    with open("roles.qcow2", "rb") as f:
        f.seek(img.l1_table_offset)
        l1 = f.read(8)
    for what, word in (("the refcount table is a refcount block", struct.pack(">Q", img.refcount_table_offset)),
                       ("the L1 table is a refcount block", struct.pack(">Q", img.l1_table_offset)),
                       ("the L1 table lies over the refcount table", l1)):
        shutil.copyfile("roles.qcow2", "two-roles.qcow2")
        poke("two-roles.qcow2", img.refcount_table_offset, word)
        pack("two-roles.qcow2", "two-roles.qpack", "--anonymous")
        equal = kinds(report("two-roles.qcow2")), kinds(report("two-roles.qpack"))
        if equal[0] != equal[1]:
            complain(what + ": other problems in the pack", *equal)


def proposed_tables():
    """What the header does not lead to, and was found all the same, is in the pack."""
    make.build("snapshots", 3, "proposed.qcow2")
    with open("proposed.qcow2", "r+b") as f:
        f.seek(64)
        f.write(struct.pack(">Q", qcow2.Image("proposed.qcow2").l1_table_offset))
    told = report("proposed.qcow2")
    if "header-value-proposed" not in kinds(told):
        complain("no snapshot table is proposed", kinds(told))
    compare("proposed.qcow2")
    pack("proposed.qcow2", "proposed-anonymous.qpack", "--anonymous")
    if kinds(report("proposed-anonymous.qpack")) != kinds(told):
        complain("no snapshot table is proposed in the anonymous pack")


def damaged_magic():
    """An image that opens by what else its header says does so from an anonymous pack as well."""
    make.build("zstd", 5, "magic.qcow2")
    poke("magic.qcow2", 2, b"\x59")
    if pack("magic.qcow2", "magic.qpack", "--anonymous") is None:
        return
    told = kinds(report("magic.qcow2")), kinds(report("magic.qpack"))
    if told[0] != told[1] or "header-value-replaced" not in told[0]:
        complain("the anonymous pack of an image with a damaged magic has other problems", *told)


def cut_file():
    """Entries past the end of a file that was cut stay as they are: refcounts know of them."""
    make.build("backing", 9, "whole.qcow2")
    img = qcow2.Image("whole.qcow2")
    shutil.copyfile("whole.qcow2", "cut.qcow2")
    os.truncate("cut.qcow2", max(img.l1_table_offset + img.l1_size * 8, os.path.getsize("whole.qcow2") // 2))
    pack("cut.qcow2", "cut.qpack", "--anonymous")
    told = kinds(report("cut.qcow2")), kinds(report("cut.qpack"))
    if told[0] != told[1] or not any("past-end" in k for k in told[0]):
        complain("the anonymous pack of a file that was cut has other problems", *told)


def nothing_replaced():
    """Of sound images no entry is replaced, though narrow refcounts may look like text."""
    for kind in ("narrow", "narrow-shared", "wide", "bitmaps-snapshots", "extended-snapshots", "luks"):
        make.build(kind, 7, "sound.qcow2")
        told = pack("sound.qcow2", "sound.qpack", "--anonymous")
        if not told or " 0 entries of tables" not in told or "pack differs" in told:
            complain("anonymous pack of a sound image of kind", kind, told)


def check_schema(image):
    try:
        import jsonschema
    except ImportError:
        return
    with open(os.path.join(tree, "data", "schema", "pack.schema.json")) as f:
        schema = json.load(f)
    with open(os.path.join(os.path.dirname(image), "pack.json")) as f:
        told = json.load(f)
    jsonschema.validate(told, schema)
    missing = set(told) - set(schema["properties"])
    if missing:
        complain("the schema does not name", missing)


# --- size ---

def sparse():
    run("qemu-img", "create", "-q", "-f", "qcow2", "large.qcow2", "1T", check=True)
    for i in range(0, 1000, 50):
        run("qemu-io", "-c", "write %dG 1M" % i, "large.qcow2", check=True)
    os.truncate("large.qcow2", 3 << 40)
    pack("large.qcow2", "large.qpack")
    if os.path.getsize("large.qpack") > 100000:
        complain("a sparse image makes a large pack:", os.path.getsize("large.qpack"))
    out = untar("large.qpack")
    stat = os.stat(out)
    if stat.st_size != 3 << 40 or stat.st_blocks * 512 > 16 << 20:
        complain("tar x does not make a sparse file:", stat)
    # made dense and packed again by other means it is still a pack
    pack("sound.qcow2", "dense.qpack")
    folder = os.path.dirname(untar("dense.qpack"))
    run("tar", "--zstd", "-cf", "again.qpack", "-C", os.path.dirname(folder),
        *["dense/" + n for n in ("pack.json", "report.json", "image.qcow2")], check=True)
    if report("again.qpack") != report("dense.qpack"):
        complain("a pack made by tar differs")


# --- below another image ---

def chain():
    """A pack as a backing file: the disk is that of the same chain over the unpacked image."""
    run("qemu-img", "create", "-q", "-f", "qcow2", "base.qcow2", "4M", check=True)
    run("qemu-io", "-c", "write -P 5 1M 1M", "base.qcow2", check=True)
    pack("base.qcow2", "below.qpack")
    qcheck("unpack", "below.qpack", "-o", "below.image")
    told = []
    for base in ("below.qpack", "below.image"):
        run("qemu-img", "create", "-q", "-u", "-f", "qcow2", "-b", base, "-F", "qcow2",
            "top.qcow2", "4M", check=True)
        run("qemu-io", "-c", "write -P 6 2M 64k", "json:" + json.dumps(
            {"driver": "qcow2", "file": {"driver": "file", "filename": "top.qcow2"},
             "backing": None}), check=True)
        done = qcheck("sum", "--backing", "top.qcow2")
        told.append((done.returncode, done.stdout,
                     qcheck("map", "--space=guest", "--backing", "--output=json",
                            "top.qcow2").stdout))
    if told[0] != told[1] or told[0][0]:
        complain("a pack as a backing file differs:", *told)


# --- what strangers send ---

def refused(name, why):
    done = qcheck("check", name)
    if done.returncode != 1 or not done.stderr:
        complain(why, "is not refused:", done.returncode, done.stderr)
    if qcheck("unpack", name, "-o", "never").returncode != 1 or os.path.exists("never"):
        complain(why, "is unpacked")


def compressed(name, data):
    with open(name + ".tar", "wb") as f:
        f.write(data)
    run("zstd", "-qf", name + ".tar", "-o", name, check=True)


def tar_block(name, size, kind=b"0"):
    head = bytearray(512)
    head[:len(name)] = name
    head[100:108] = b"0000644\0"
    head[124:136] = b"%011o " % size
    head[148:156] = b" " * 8
    head[156:157] = kind
    head[257:265] = b"ustar\x0000"
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def padded(data):
    return data + bytes(-len(data) % 512)


def sparse_member(listing, data, size):
    words = b""
    for key, value in ((b"major", b"1"), (b"minor", b"0"), (b"name", b"p/image.qcow2"),
                       (b"realsize", b"%d" % size)):
        line = b" GNU.sparse." + key + b"=" + value + b"\n"
        n = len(line)
        while len(b"%d" % n) + len(line) != n:
            n = len(b"%d" % n) + len(line)
        words += b"%d" % n + line
    body = padded(listing) + data
    return (tar_block(b"p/PaxHeaders/image.qcow2", len(words), b"x") + padded(words)
            + tar_block(b"p/GNUSparseFile/image.qcow2", len(body)) + padded(body))


def hostile():
    manifest = tar_block(b"p/pack.json", 3) + padded(b"{}\n")
    end = bytes(1024)
    with open("dense.qpack", "rb") as f:
        whole = f.read()
    for cut in (5, 100, len(whole) // 2, len(whole) - 100):
        with open("cut.qpack", "wb") as f:
            f.write(whole[:cut])
        refused("cut.qpack", "a pack cut at %d" % cut)
    rng = random.Random(7)
    for _ in range(40):
        spoilt = bytearray(whole)
        for _ in range(3):
            spoilt[rng.randrange(4, len(spoilt))] ^= 1 << rng.randrange(8)
        with open("spoilt.qpack", "wb") as f:
            f.write(spoilt)
        if qcheck("check", "-q", "spoilt.qpack").returncode not in (0, 1, 2, 3):
            complain("a spoilt pack ends the program")
    compressed("other.qpack", tar_block(b"a", 0) + end)
    refused("other.qpack", "another archive")
    compressed("empty.qpack", manifest + end)
    refused("empty.qpack", "a pack without an image")
    compressed("back.qpack", manifest + sparse_member(b"2\n8192\n512\n0\n512\n", b"Q" * 1024, 65536)
               + end)
    refused("back.qpack", "a pack whose parts go backwards")
    compressed("far.qpack", manifest + sparse_member(b"1\n999999999999\n512\n", b"Q" * 512, 65536)
               + end)
    refused("far.qpack", "a pack with a part after the end")
    compressed("bomb.qpack", manifest + sparse_member(b"20000000\n" + b"0\n0\n" * 20000000, b"", 512)
               + end)
    refused("bomb.qpack", "a pack with twenty million parts")
    # a link to a file elsewhere in place of the image
    link = bytearray(tar_block(b"p/image.qcow2", 0, b"2"))
    link[157:168] = b"/etc/passwd"
    link[148:156] = b" " * 8
    link[148:156] = b"%06o\0 " % sum(link)
    compressed("link.qpack", manifest + bytes(link) + end)
    refused("link.qpack", "a pack with a link")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        samples()
        damaged()
        two_roles()
        proposed_tables()
        cut_file()
        damaged_magic()
        nothing_replaced()
        sparse()
        chain()
        hostile()
        os.chdir("/")
    sys.exit(bad != 0)
