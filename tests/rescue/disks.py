# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Guest disks of known content, made with public tools, nothing mounted.

A disk has one partition from sector 2048. The file system in it is filled by its own tools
(mke2fs -d, mcopy, ntfscp, mkfs.btrfs --rootdir, mkfs.xfs -p) from a folder of files that
depends on the seed and the kind of content only.
"""

import hashlib
import os
import random
import shutil
import subprocess

MIB = 1 << 20
CLUSTER = 65536
PART = MIB                      # where the partition starts
CONTENTS = ("mixed", "text", "binary", "image")
FILESYSTEMS = ("ext2", "ext3", "ext4", "fat32", "ntfs", "btrfs", "xfs")


class Disk:
    """How to make one disk and its image."""

    def __init__(self, scheme, fs, content="mixed", how="plain"):
        self.scheme, self.fs, self.content, self.how = scheme, fs, content, how
        self.name = "-".join(x for x in (scheme, fs, content, how) if x != "plain")


def all_disks():
    """The 28 disks of the table."""
    out = [Disk(s, fs) for s in ("mbr", "gpt") for fs in FILESYSTEMS]
    out += [Disk("mbr", fs, c) for fs in ("ext4", "ntfs") for c in CONTENTS[1:]]
    out += [Disk("gpt", fs, how="compressed") for fs in ("ext4", "ntfs", "btrfs", "xfs")]
    out += [Disk("gpt", fs, how="written") for fs in ("ext4", "ntfs", "fat32", "xfs")]
    return out


def run(*cmd, **kw):
    done = subprocess.run([str(c) for c in cmd], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **kw)
    if done.returncode:
        raise RuntimeError("%s: status %d: %s" % (" ".join(map(str, cmd)), done.returncode,
                                                  done.stdout.decode(errors="replace")[-800:]))
    return done.stdout


# --- files ---

WORDS = ("cluster table entry disk image guest host offset length block group inode file "
         "name letter report budget meeting Monday river mountain harbour winter apple "
         "contract invoice garden bridge engine").split()


def text_file(rnd, size):
    out = []
    have = 0
    while have < size:
        line = " ".join(rnd.choices(WORDS, k=rnd.randint(3, 14))) + "\n"
        out.append(line)
        have += len(line)
    return "".join(out).encode()[:size]


def binary_file(rnd, size):
    """Like a program: an ELF head, code of few different bytes, tables, strings, zeros."""
    out = bytearray(b"\x7fELF\x02\x01\x01" + bytes(9) + rnd.randbytes(48))
    while len(out) < size:
        kind = rnd.randrange(10)
        n = rnd.randint(64, 6000)
        if kind < 5:
            ops = rnd.randbytes(40)
            out += bytes(rnd.choices(ops, k=n))
        elif kind < 7:
            base = rnd.randrange(1 << 30)
            out += b"".join((base + 8 * i).to_bytes(8, "little") for i in range(n // 8))
        elif kind < 9:
            out += b"\0".join(w.encode() for w in rnd.choices(WORDS, k=n // 7))
        else:
            out += bytes(n)
    return bytes(out[:size])


def image_file(rnd, size):
    head = bytes.fromhex("ffd8ffe000104a46494600010101004800480000ffdb0043") + bytes(range(64))
    return (head + rnd.randbytes(max(0, size - len(head) - 2)) + b"\xff\xd9")[:size]


MAKERS = {"text": ("txt", text_file), "binary": ("bin", binary_file),
          "image": ("jpg", image_file)}


def make_files(folder, content, seed, total):
    """Fills a folder: {name: sha256 in hex}. Names are flat and short enough for all tools."""
    rnd = random.Random("%s %s" % (seed, content))
    kinds = list(MAKERS) if content == "mixed" else [content]
    sums = {}
    have = i = 0
    while have < total:
        size = int(2 ** rnd.uniform(8, 22))
        ext, make = MAKERS[kinds[i % len(kinds)]]
        data = make(rnd, size)
        name = "f%04d.%s" % (i, ext)
        with open(os.path.join(folder, name), "wb") as f:
            f.write(data)
        sums[name] = hashlib.sha256(data).hexdigest()
        have += size
        i += 1
    return sums


# --- file systems ---

def make_fs(fs, part, folder, size, seed):
    with open(part, "wb") as f:
        f.truncate(size)
    uuid = "%08x-0000-4000-8000-%012x" % (seed & 0xffffffff, 0x5eed)
    names = sorted(os.listdir(folder))
    if fs.startswith("ext"):
        run("mke2fs", "-q", "-F", "-t", fs, "-U", uuid, "-d", folder, part)
    elif fs == "fat32":
        run("mkfs.fat", "-F", "32", "-i", "%08x" % (seed & 0xffffffff), part)
        run("mcopy", "-s", "-i", part, *[os.path.join(folder, n) for n in names], "::")
    elif fs == "ntfs":
        run("mkntfs", "-q", "-F", "-f", "-p", PART // 512, "-s", 512, "-H", 255, "-S", 63, part)
        for n in names:
            run("ntfscp", "-f", part, os.path.join(folder, n), n)
    elif fs == "btrfs":
        run("mkfs.btrfs", "-q", "-U", uuid, "--rootdir", folder, part)
    elif fs == "xfs":
        proto = part + ".proto"
        with open(proto, "w", encoding="ascii") as f:
            f.write("boot\n0 0\nd--755 0 0\n")
            for n in names:
                f.write("%s ---644 0 0 %s\n" % (n, os.path.join(folder, n)))
            f.write("$\n$\n")
        run("mkfs.xfs", "-q", "-f", "-m", "uuid=" + uuid, "-p", proto, part)
        os.remove(proto)
    else:
        raise ValueError(fs)


def size_of(fs):
    return {"xfs": 320 * MIB, "btrfs": 160 * MIB}.get(fs, 96 * MIB)


def tools_of(fs):
    """What must be there to make one and to read it back."""
    return {"fat32": ["mkfs.fat", "mcopy"], "ntfs": ["mkntfs", "ntfscp", "ntfscat"],
            "btrfs": ["mkfs.btrfs", "btrfs"], "xfs": ["mkfs.xfs"]}.get(fs, ["mke2fs", "debugfs"])


def make_raw(disk, raw, folder, seed):
    size = size_of(disk.fs)
    part = raw + ".part"
    tail = MIB if disk.scheme == "gpt" else 0       # for its second header
    part_len = size - PART - tail
    make_fs(disk.fs, part, folder, part_len, seed)
    with open(raw, "wb") as f:
        f.truncate(size)
    kind = {"mbr": "label: dos\nlabel-id: 0x%08x\n" % (seed & 0xffffffff),
            "gpt": "label: gpt\nlabel-id: %08x-0000-4000-8000-0000005eed01\n"
                   % (seed & 0xffffffff)}[disk.scheme]
    run("sfdisk", "-q", raw, input=(kind + "start=%d, size=%d\n" %
                                    (PART // 512, part_len // 512)).encode())
    run("dd", "if=" + part, "of=" + raw, "bs=1M", "seek=1", "conv=notrunc,sparse",
        "status=none")
    os.remove(part)


# --- images ---

def used_clusters(raw):
    zero = bytes(CLUSTER)
    out = []
    with open(raw, "rb") as f:
        i = 0
        while True:
            data = f.read(CLUSTER)
            if not data:
                return out
            if data != zero[:len(data)]:
                out.append(i)
            i += 1


def write_as_guest(raw, image, seed):
    """In runs of 1 to 64 clusters, a third of them late and in any order."""
    rnd = random.Random("%s written" % seed)
    used = used_clusters(raw)
    runs, now, late = [], [], []
    i = 0
    while i < len(used):
        n = 1
        most = rnd.randint(1, 64)
        while n < most and i + n < len(used) and used[i + n] == used[i] + n:
            n += 1
        runs.append((used[i], n))
        i += n
    for r in runs:
        (late if rnd.random() < 1 / 3 else now).append(r)
    rnd.shuffle(late)
    run("qemu-img", "create", "-q", "-f", "qcow2", image, os.path.getsize(raw))
    seg = image + ".seg"
    os.makedirs(seg, exist_ok=True)
    script = []
    with open(raw, "rb") as f:
        for k, (first, n) in enumerate(now + late):
            f.seek(first * CLUSTER)
            data = f.read(n * CLUSTER)
            with open(os.path.join(seg, str(k)), "wb") as out:
                out.write(data)
            script.append("write -q -s %s/%d %d %d\n" % (seg, k, first * CLUSTER, len(data)))
    run("qemu-io", "-f", "qcow2", image, input="".join(script).encode())
    shutil.rmtree(seg)


def make_image(disk, raw, image, seed):
    if disk.how == "written":
        write_as_guest(raw, image, seed)
    else:
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-m", 1,
            *(["-c"] if disk.how == "compressed" else []), raw, image)


def make(disk, folder, seed):
    """Makes NAME.raw, NAME.qcow2 and NAME.sums in a folder, unless they are there."""
    stem = os.path.join(folder, "%s-%d" % (disk.name, seed))
    if not os.path.exists(stem + ".sums"):
        files = stem + ".files"
        shutil.rmtree(files, ignore_errors=True)
        os.makedirs(files)
        sums = make_files(files, disk.content, seed, 36 * MIB)
        make_raw(disk, stem + ".raw", files, seed)
        make_image(disk, stem + ".raw", stem + ".qcow2", seed)
        with open(stem + ".sums.new", "w", encoding="ascii") as f:
            f.writelines("%s %s\n" % (s, n) for n, s in sums.items())
        shutil.rmtree(files)
        os.rename(stem + ".sums.new", stem + ".sums")
    with open(stem + ".sums", encoding="ascii") as f:
        return stem, {n: s for s, n in (line.split() for line in f)}


# --- what is whole on a disk ---

def whole_files(disk, raw, sums, work):
    """How many files read from a disk have the content they were given, or None when no tool
    reads this file system without mounting it."""
    out = os.path.join(work, "out")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    part = os.path.join(work, "part")
    with open(part, "wb"):
        pass
    run("dd", "if=" + raw, "of=" + part, "bs=1M", "skip=1", "conv=sparse", "status=none")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL,
             "stdin": subprocess.DEVNULL, "timeout": 120, "check": False}
    try:
        if disk.fs.startswith("ext"):
            subprocess.run(["debugfs", "-R", "rdump / " + out, part], **quiet)
        elif disk.fs == "fat32":
            subprocess.run(["mcopy", "-n", "-i", part, "::*", out], **quiet)
        elif disk.fs == "btrfs":
            subprocess.run(["btrfs", "restore", "-i", part, out], **quiet)
        elif disk.fs == "ntfs":
            for n in sums:
                with open(os.path.join(out, n), "wb") as f:
                    subprocess.run(["ntfscat", "-f", part, n], **dict(quiet, stdout=f))
        else:
            return None
    except subprocess.TimeoutExpired:
        pass
    good = 0
    for name, want in sums.items():
        try:
            with open(os.path.join(out, name), "rb") as f:
                good += hashlib.sha256(f.read()).hexdigest() == want
        except OSError:
            pass
    shutil.rmtree(out)
    os.remove(part)
    return good
