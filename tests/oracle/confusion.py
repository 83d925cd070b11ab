# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""How well the content of clusters is told: precision and recall for the format's own
tables, measured on sound images whose clusters are known by the scan.

    confusion.py TOOL N [SEED]      TOOL is bench/confusion; N images of each kind

Guests hold real file systems where mke2fs and others are there, text and noise; images have
clusters of 64 KiB, and snapshots, bitmaps or compressed data by turns.
"""

import collections
import os
import random
import shutil
import subprocess
import sys
import tempfile

TABLES = {"l1-active": "l1-table", "l1-snapshot": "l1-table", "l2": "l2-table",
          "refcount-table": "refcount-table", "refcount-block": "refcount-block",
          "snapshot-table": "snapshot-table", "bitmap-directory": "bitmap-directory",
          "header": "qcow2-header"}
UNKNOWN = ("vacant", "leaked")      # what was freed may well be a table
MAKERS = [["mke2fs", "-q", "-F", "-t", "ext4", "-d"], ["mke2fs", "-q", "-F", "-t", "ext3", "-d"],
          ["mkfs.xfs", "-q", "-f"], ["mkfs.btrfs", "-q", "-f"],
          ["mkfs.ntfs", "-q", "-F", "-Q"], ["mkfs.vfat", "-F", "32"]]


def run(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def files(folder, rng):
    os.mkdir(folder)
    for k in range(rng.randint(5, 60)):
        size = rng.choice([200, 5000, 90000, 400000])
        body = rng.randbytes(size) if rng.random() < 0.4 \
            else b"".join(b"line %d of file %d\n" % (i, k) for i in range(size // 18))
        with open(f"{folder}/file-{k}", "wb") as file:
            file.write(body)


def disk(path, rng, folder):
    """A raw disk with a file system, whole or in a partition."""
    size = rng.choice([320, 400, 768, 1500]) << 20
    with open(path, "wb") as file:
        file.truncate(size)
    maker = [m for m in MAKERS if shutil.which(m[0])]
    if maker:
        maker = rng.choice(maker)
        run(*maker, *([folder] if maker[-1] == "-d" else []), path)
    with open(path, "r+b") as file:
        for _ in range(rng.randint(0, 40)):
            file.seek(rng.randrange(size - (1 << 20)) & ~65535)
            file.write(rng.randbytes(rng.choice([4096, 65536, 300000])))


def image(path, rng):
    folder = path + ".d"
    files(folder, rng)
    disk(path + ".raw", rng, folder)
    flavour = rng.choice(["plain", "plain", "compressed", "extended", "v2", "wide", "written",
                          "preallocated"])
    options = {"extended": "extended_l2=on", "v2": "compat=0.10", "wide": "refcount_bits=64",
               "preallocated": "preallocation=metadata"}.get(flavour)
    args = ["-c"] if flavour == "compressed" else []
    if flavour == "written":
        run("qemu-img", "create", "-q", "-f", "qcow2", path, "40G")
        io = []
        for _ in range(rng.randint(60, 200)):
            off = rng.randrange(40 << 30) & ~4095
            io += ["-c", f"write -P {rng.randrange(1, 255)} {off} {rng.choice([4, 64, 900])}k"]
        run("qemu-io", "-f", "qcow2", *io, path)
    else:
        run("qemu-img", "convert", "-q", *args, "-O", "qcow2",
            *(["-o", options] if options else []), path + ".raw", path)
    if rng.random() < 0.5 and flavour != "preallocated":
        for k in range(rng.randint(1, 4)):
            run("qemu-img", "snapshot", "-c", f"snap {k}", path)
            run("qemu-io", "-f", "qcow2", "-c", f"write -P 7 {rng.randrange(64) << 20} 3M", path)
    if rng.random() < 0.3 and flavour != "v2":
        run("qemu-img", "bitmap", "--add", path, "daily")
        run("qemu-io", "-f", "qcow2", "-c", "write -P 9 1M 2M", path)
    shutil.rmtree(folder)
    os.unlink(path + ".raw")


def table(pairs):
    """Rows of the table: kind, clusters, recall, precision, what it was taken for."""
    rows = []
    for guess in dict.fromkeys(TABLES.values()):
        true = {k: n for k, n in pairs.items() if TABLES.get(k[0]) == guess}
        # a table in which nothing is written is zeros, and that is the right answer
        n = sum(m for k, m in true.items() if k[1] not in ("zeros", "hole"))
        right = sum(m for k, m in true.items() if k[1] == guess)
        said = sum(m for k, m in pairs.items() if k[1] == guess and k[0] not in UNKNOWN)
        wrong = [f"{k[1]} {m}" for k, m in true.items()
                 if k[1] not in ("zeros", "hole", guess)]
        wrong += [f"said of {k[0]} {m}" for k, m in pairs.items()
                  if k[1] == guess and k not in true and k[0] not in UNKNOWN]
        rows.append(f"| {guess} | {n} | {right / n if n else 1:.2%} | "
                    f"{right / said if said else 1:.2%} | {', '.join(wrong)} |")
    return rows


def main(argv):
    tool, count = os.path.abspath(argv[1]), int(argv[2])
    seed = argv[3] if len(argv) > 3 else "1"
    pairs = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for k in range(count):
            image("i.qcow2", random.Random(f"{seed} {k}"))
            lines = subprocess.run([tool, "i.qcow2"], check=True, stdout=subprocess.PIPE,
                                   encoding="ascii").stdout.splitlines()
            for line in lines:
                truth, guess, n = line.split()
                pairs[truth, guess] += int(n)
            os.unlink("i.qcow2")
    print("| table | clusters | recall | precision | mistakes |\n|---|---|---|---|---|")
    print("\n".join(table(pairs)))
    print(f"\n{count} images, {sum(pairs.values())} clusters")
    others = collections.Counter()
    for (truth, guess), n in pairs.items():
        if truth not in TABLES:
            others[f"{truth}: {guess}"] += n
    print("others:", dict(others.most_common(60)))


if __name__ == "__main__":
    main(sys.argv)
