# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Sound images of every kind, made by qemu-img and qemu-io, for the comparison with
qemu-img check. The same kind and seed always give the same image (but for the dates of
snapshots and the keys of encrypted images).

    make.py KIND SEED FILE      makes one; the current folder gets its side files
    make.py list                names the kinds
"""

import collections
import os
import random
import signal
import subprocess
import sys

import qcow2

SECRET = ["--object", "secret,id=s0,data=sesame"]

# weight: how often the comparison picks it; bits: cluster bits to choose from; options:
# for qemu-img create, {a,b} one of them by chance; flags: what build() does besides.
Kind = collections.namedtuple("Kind", "weight bits options flags")
SMALL, MIDDLE, LARGE = range(9, 13), range(13, 17), range(17, 22)
KINDS = {
    "plain": Kind(12, SMALL, [], ""),
    "plain-middle": Kind(5, MIDDLE, [], ""),
    "plain-large": Kind(2, LARGE, [], ""),
    "v2": Kind(6, range(9, 17), ["compat=0.10"], "snapshots"),
    "narrow": Kind(9, range(9, 14), ["refcount_bits={1,2,4,8}"], ""),
    "narrow-shared": Kind(6, range(9, 14), ["refcount_bits={2,4,8}"], "snapshots"),
    "wide": Kind(6, range(9, 14), ["refcount_bits={32,64}"], "snapshots"),
    "extended": Kind(10, range(14, 18), ["extended_l2=on"], "compressed"),
    "extended-snapshots": Kind(4, [14, 15], ["extended_l2=on"], "snapshots compressed"),
    "compressed": Kind(9, range(9, 17), [], "compressed"),
    "zstd": Kind(4, range(10, 17), ["compression_type=zstd"], "compressed snapshots"),
    "compressed-large": Kind(1, LARGE, [], "compressed"),
    "data-file": Kind(7, range(9, 17), ["data_file=@.raw"], "data-file"),
    "data-file-raw": Kind(3, range(9, 17), ["data_file=@.raw", "data_file_raw=on"],
                          "data-file"),
    "data-file-extended": Kind(2, [14, 15], ["data_file=@.raw", "extended_l2=on"],
                               "data-file"),
    "snapshots": Kind(12, range(9, 15), [], "snapshots"),
    "vm-state": Kind(4, range(9, 14), [], "snapshots vm-state"),
    "bitmaps": Kind(10, range(9, 15), [], "bitmaps"),
    "bitmaps-snapshots": Kind(4, range(9, 13), [], "bitmaps snapshots"),
    "metadata": Kind(5, range(9, 17), ["preallocation=metadata"], "short"),
    "falloc": Kind(2, range(9, 14), ["preallocation=falloc"], "short"),
    "full": Kind(2, range(9, 14), ["preallocation=full"], "short"),
    "long": Kind(2, [9], ["preallocation=metadata"], "long"),
    "long-snapshots": Kind(1, [9], ["preallocation=metadata"], "long snapshots"),
    "crowd": Kind(2, [9, 10], ["refcount_bits={8,16}"], "crowd"),
    "lazy": Kind(4, range(9, 15), ["lazy_refcounts=on"], "crash"),
    "backing": Kind(5, range(9, 15), [], "backing snapshots"),
    "backing-extended": Kind(2, [14], ["extended_l2=on"], "backing"),
    "tall-l1": Kind(4, [9], [], "tall snapshots"),
    "empty": Kind(3, range(9, 22), ["refcount_bits={1,16,64}"], "empty"),
    "luks": Kind(2, range(9, 17), ["encrypt.format=luks", "encrypt.key-secret=s0",
                                   "encrypt.iter-time=10"], "luks snapshots"),
    "aes": Kind(1, range(9, 14), ["encrypt.format=aes", "encrypt.key-secret=s0"], "luks"),
}


def run(*args, tries=1):
    for _ in range(tries):
        done = subprocess.run(args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if done.returncode == 0:
            return
    raise RuntimeError(f"{' '.join(args)}: {done.stderr.decode(errors='replace')}")


def attempt(*args):
    """A step that QEMU may refuse: a compressed write over an allocated cluster, a
    snapshot for which narrow refcounts have no room. What is left is an image as well."""
    done = subprocess.run(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if done.returncode not in (0, 1, -signal.SIGKILL):
        raise RuntimeError(f"{' '.join(args)}: exit status {done.returncode}")


class Builder:
    """One image in the making."""

    def __init__(self, kind_name, seed, path):
        self.kind = KINDS[kind_name]
        self.flags = self.kind.flags.split()
        self.rng = random.Random(f"{kind_name} {seed}")
        self.path = path
        self.bits = self.rng.choice(list(self.kind.bits))
        self.cs = 1 << self.bits
        self.encrypted = "luks" in self.flags
        self.size = self.choose_size()

    def choose_size(self):
        rng, cs = self.rng, self.cs
        extended = "extended_l2=on" in self.kind.options
        per_l2 = cs // (16 if extended else 8) * cs
        if "short" in self.flags:
            return cs * rng.randint(1, 200 if self.bits < 13 else 40)
        if "long" in self.flags:        # files of many thousand clusters
            return rng.randint(5 << 20, 60 << 20) // 512 * 512
        if "crowd" in self.flags:
            return cs * rng.randint(20, 200)
        tables = rng.randint(1, 24 if self.bits < 13 else 5)
        if "tall" in self.flags:
            tables = rng.randint(60, 200)
        size = rng.choice([tables * per_l2, rng.randint(1, tables * per_l2)])
        if rng.random() < 0.1:
            size = rng.randint(1, 3) * cs
        return (size + 511) // 512 * 512

    # --- what qemu-io is told ---

    def io(self, commands, crash=False):
        if not commands:
            return
        args = []
        for command in commands:
            args += ["-c", command]
        if crash:
            args += ["-c", "sigraise 9"]
        if self.encrypted:
            attempt("qemu-io", *SECRET, *args, "--image-opts", self.image_opts())
        else:
            attempt("qemu-io", "-f", "qcow2", *args, self.path)

    def image_opts(self):
        return f"driver=qcow2,file.filename={self.path},encrypt.key-secret=s0"

    def writes(self, most):
        """Commands that touch up to `most` runs of guest clusters, near each other often
        enough that tables fill."""
        rng, cs = self.rng, self.cs
        clusters = -(-self.size // cs)
        longest = 12 if self.bits < 13 else 3 if self.bits < 17 else 1
        commands = []
        start = rng.randrange(clusters)
        for _ in range(rng.randint(1, most)):
            start = rng.randrange(clusters) if rng.random() < 0.4 \
                else min(start + rng.randint(0, 4), clusters - 1)
            n = min(rng.randint(1, longest), clusters - start)
            off, length = start * cs, min(n * cs, self.size - start * cs)
            pattern = rng.randrange(1, 256)
            what = rng.random()
            if "compressed" in self.flags and what < 0.5:
                for k in range(n):
                    if (start + k + 1) * cs <= self.size:
                        commands.append(f"write -c -P {pattern} {off + k * cs} {cs}")
                continue
            if what < 0.65:
                if rng.random() < 0.4:
                    length = min(length, rng.randint(1, -(-cs // 512)) * 512)
                    off += rng.randrange(0, (min(n * cs, self.size - off) - length)
                                         // 512 + 1) * 512
                commands.append(f"write -P {pattern} {off} {length}")
            elif what < 0.78:
                commands.append(f"write -z {off} {length}")
            elif what < 0.9:
                commands.append(f"write -z -u {off} {length}")
            else:
                commands.append(f"discard {off} {length}")
            start += n if start + n < clusters else 0
        return commands

    # --- steps ---

    def create(self):
        options = [f"cluster_size={self.cs}"]
        for option in self.kind.options:
            if "{" in option:
                head, choices = option[:-1].split("{")
                option = head + self.rng.choice(choices.split(","))
            options.append(option.replace("@", self.path))
        args = ["qemu-img", "create", "-q", "-f", "qcow2"]
        if self.encrypted:
            args += SECRET
        if "backing" in self.flags:
            base = self.path + ".base"
            with open(base, "wb") as file:
                file.truncate(self.size)
            args += ["-b", base, "-F", "raw"]
        # making a key fails by chance on machines whose CPU clock is coarse
        run(*args, "-o", ",".join(options), self.path, str(self.size),
            tries=50 if self.encrypted else 1)

    def snapshots(self):
        rng = self.rng
        names = ["a", "monday", "before-upgrade", "dots.and spaces", "\u00e9t\u00e9",
                 "x" * 90]
        made = rng.sample(names, rng.randint(1, 3))
        for name in made:
            attempt("qemu-img", "snapshot", *self.opened("-c", name))
            self.io(self.writes(4))
        if len(made) > 1 and rng.random() < 0.3:
            attempt("qemu-img", "snapshot", *self.opened("-d", made[0]))
        elif rng.random() < 0.2:
            attempt("qemu-img", "snapshot", *self.opened("-a", made[-1]))

    def crowd(self):
        """Many snapshots, so that clusters have many references."""
        for k in range(self.rng.randint(20, 140)):
            attempt("qemu-img", "snapshot", "-c", f"s{k}", self.path)
            if self.rng.random() < 0.3:
                self.io(self.writes(2))

    def opened(self, *args):
        if self.encrypted:
            return [*SECRET, *args, "--image-opts", self.image_opts()]
        return [*args, self.path]

    def vm_state(self):
        """The last guest clusters become VM state: the disk shrinks, snapshots say so."""
        with qcow2.Image(self.path, writable=True) as img:
            cut = self.rng.randint(0, self.size // 512 // 2) * 512
            img.poke("size", self.size - cut)
            for k in range(img.nb_snapshots):
                img.poke(f"snap[{k}].vm_state_size", cut)
                if img.get(f"snap[{k}].extra_data_size") >= 16:
                    img.poke(f"snap[{k}].vm_state_size_large", cut)
                    img.poke(f"snap[{k}].disk_size", self.size - cut)

    def bitmaps(self):
        rng = self.rng
        for name in rng.sample(["daily", "weekly", "b\u00e4ckup", "n" * 60],
                               rng.randint(1, 3)):
            grain = max(512, 1 << rng.randint(9, 16))
            args = ["--add", "-g", str(grain)]
            if rng.random() < 0.3:
                args.append("--disable")
            run("qemu-img", "bitmap", *args, "-f", "qcow2", self.path, name)
            self.io(self.writes(4))
        if rng.random() < 0.3:
            with qcow2.Image(self.path, writable=True) as img:
                img.poke("bitmap[0].flags", rng.choice([1, 3]))

    def build(self):
        self.create()
        if "empty" not in self.flags:
            most = 14 if self.bits < 13 else 6 if self.bits < 17 else 3
            self.io(self.writes(most), crash="crash" in self.flags)
        if "snapshots" in self.flags:
            self.snapshots()
        if "crowd" in self.flags:
            self.crowd()
        if "vm-state" in self.flags:
            self.vm_state()
        if "bitmaps" in self.flags:
            self.bitmaps()


def build(kind, seed, path):
    """Makes the image; returns how qemu-img must open it: "plain", or "secret"."""
    for suffix in ("", ".raw", ".base"):
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)
    builder = Builder(kind, seed, path)
    builder.build()
    return "secret" if builder.encrypted else "plain"


def main(argv):
    if argv[1:] == ["list"]:
        print("\n".join(KINDS))
    elif len(argv) == 4 and argv[1] in KINDS:
        build(*argv[1:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv)
