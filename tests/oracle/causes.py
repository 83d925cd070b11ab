# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Measures the causes that `qcheck check --output json` names, and looks for answers that
contradict each other. QCHECK names the program.

    causes.py sound N [SEED]            N sound images of all kinds: no cause of damage
    causes.py damaged N [SEED]          N images, each damaged in one known way: is the true
                                        cause the first?
    causes.py crafted N [SEED]          the same with images and damages of craft.py
    causes.py contradictions N [SEED]   the samples, and N images damaged by chance
"""

import collections
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

import craft
import make
import mutate
import qcow2

HERE = os.path.dirname(os.path.abspath(__file__))
COPIED = qcow2.COPIED


def run(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def check(path, *options):
    done = subprocess.run([os.environ["QCHECK"], "check", "--output", "json", *options, path],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    report = json.loads(done.stdout) if done.stdout else None
    return report if report and "causes" in report["qcheck"] else None


# --- answers that contradict each other ---

def contradictions(report):
    own = report["qcheck"]
    verdict = own["verdict"]
    kinds = {k["id"]: k["count"] for k in own["kinds"]}
    notes = own["counts"].get("note", 0)
    words = [verdict["text"], *verdict["next-steps"]]
    words += [s for c in own["causes"] for s in [c["text"], *c["next-steps"]]]
    lost, write = verdict["data-lost"], verdict["may-write"]
    repair = any("check -r" in w for w in words)
    never = any(w.startswith(("Do not start", "Do not open", "Do not write")) for w in words)
    weights = {c["weight"] for c in own["causes"]}

    def rule(broken, text):
        if broken:
            found.append(text)

    found = []
    rule(own["guest-bytes-damaged"] and lost == "no", "bytes are damaged, no data is lost")
    rule(verdict["lost"]["bytes"] and lost != "yes", "ranges are lost, data is not")
    rule(repair and (verdict["incomplete"] or lost != "no"), "a repair beside lost data")
    rule(repair and "refused" in own, "a repair of what QEMU refuses")
    rule(write == "yes" and (verdict["incomplete"] or lost != "no"), "written to, though lost")
    rule(write == "yes" and verdict["may-open"] == "no", "written to, but not opened")
    rule(write == "yes" and never, "written to, and do not")
    rule(write == "no" and not verdict["next-steps"], "not written to, and no step")
    rule(write == "yes" and weights & {"data-loss", "danger"}, "written to beside a danger")
    rule(report.get("corruptions") and write == "yes" and "dirty-bit" not in kinds,
         "written to, though corrupt")
    rule(own.get("refused", {}).get("when") == "open" and verdict["may-open"] != "no",
         "opened, though QEMU refuses it")
    rule("missing-tables" in own and not verdict["incomplete"], "a table is missing, all there")
    rule("Leaks only" in verdict["text"] and (verdict["incomplete"] or lost != "no"),
         "leaks only, and lost")
    rule("Clean" in verdict["text"]
         and (own["counts"]["corruption"] or own["counts"]["leak"]), "clean, with problems")
    rule(verdict["incomplete"] and "harmless" in weights, "harmless beside something missing")
    rule(write == "no" and any("counts anew when" in w for w in words),
         "not written to, and QEMU counts anew")
    rule(len({w.split(":")[0] for w in verdict["next-steps"]}) < len(verdict["next-steps"]),
         "a step twice")
    sizes = set()
    for cause in [verdict, *own["causes"]]:
        parts = [cause[k]["bytes"] for k in ("lost", "in-danger", "untouched")]
        sizes.add(sum(parts))
    rule(len(sizes) > 1, "lost, in danger and untouched are not one disk")
    rule(repair and any("snapshots" in w and "delete" in w for w in words),
         "a repair that deletes snapshots")
    rule(own["explained"] + own["unexplained"] != sum(own["counts"].values()) - notes,
         "the sums differ")
    for cause in own["causes"]:
        for e in cause["explains"]:
            rule(e["count"] > kinds.get(e["id"], 0), f"{cause['id']} explains too many")
    return found


def explain_is_neutral():
    """What is said of a kind of problem alone names no repair."""
    text = subprocess.run([os.environ["QCHECK"], "explain", "--output", "json"],
                          stdout=subprocess.PIPE, check=True).stdout
    return [f"the advice of {k['id']} names a repair" for k in json.loads(text)
            if "check -r" in k.get("advice", "") or "check -r" in k.get("next", "")]


def run_contradictions(n, seed):
    bad = explain_is_neutral()
    for path in sorted(glob.glob(os.path.join(HERE, "..", "..", "data", "samples", "*.qcow2"))):
        bad += [f"{os.path.basename(path)}: {c}" for c in contradictions(check(path))]
    for k in range(n):
        rng = random.Random(f"{seed} {k}")
        if k % 20 == 0:
            kind = rng.choice(list(make.KINDS))
            make.build(kind, f"{seed}/{k}", "sound.qcow2")
            survey = mutate.Survey("sound.qcow2")
        shutil.copyfile("sound.qcow2", "x.qcow2")
        ops = mutate.damage(survey, "x.qcow2", rng)
        qcow2.apply_ops("x.qcow2", ops)
        report = check("x.qcow2")
        bad += [f"{kind} {seed}/{k - k % 20} {qcow2.ops_text(ops)}: {c}"
                for c in (contradictions(report) if report else [])]
    print("\n".join(bad))
    print(f"{n} damaged images and the samples, {len(bad)} contradictions")
    return bool(bad)


# --- sound images ---

def made_by_qemu(k, seed):
    """(what it is, the image and what becomes of it when it is copied or used)"""
    kind = list(make.KINDS)[k % len(make.KINDS)]
    rng = random.Random(f"{seed} {k}")
    make.build(kind, f"{seed}/{k}", "x.qcow2")
    if "luks" not in make.KINDS[kind].flags:
        later = rng.choice([None, None, discarded, resized, converted])
        if later:
            later(rng, make.KINDS[kind].flags)
    return f"{kind} {seed}/{k}", rng


# What becomes of it; QEMU may refuse each.

def discarded(rng, _flags):
    size = qcow2.Image("x.qcow2").size
    at = rng.randrange(size) // 65536 * 65536
    make.attempt("qemu-io", "-f", "qcow2", "-c",
                 f"discard {at} {min(size - at, 1 << 30)}", "x.qcow2")


def resized(rng, flags):
    size = qcow2.Image("x.qcow2").size
    new = rng.choice([size + (rng.randrange(1, 64) << 16), (size // 2 + 511) // 512 * 512])
    how = rng.choice([[], [f"--preallocation={rng.choice(['metadata', 'falloc', 'full'])}"]])
    if "data-file" not in flags:
        make.attempt("qemu-img", "resize", "-q", "-f", "qcow2",
                     *(how if new > size else ["--shrink"]), "x.qcow2", str(new))


def converted(rng, flags):
    options = rng.choice([["-c"], ["-c", "-o", "compression_type=zstd"], ["-S", "0"],
                          ["-o", "preallocation=metadata"], ["-o", "preallocation=falloc"],
                          ["-o", "extended_l2=on,cluster_size=16k"], ["-o", "compat=0.10"]])
    if "data-file" not in flags:
        make.attempt("qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", *options, "x.qcow2",
                     "c.qcow2")
        if os.path.exists("c.qcow2"):
            os.replace("c.qcow2", "x.qcow2")


def written_here(k, seed):
    rng = random.Random(f"{seed} crafted {k}")
    craft.Craft(rng, "x.qcow2").sound()
    return f"crafted {seed}/{k}", rng


def variants(rng):
    """The image as it comes, copied sparsely or with its zeros dug out, and on something
    longer."""
    yield "x.qcow2"
    how = rng.randrange(4)
    if how == 0:
        run("cp", "--sparse=always", "x.qcow2", "sparse.qcow2")
        yield "sparse.qcow2"
    elif how == 2:
        run("cp", "x.qcow2", "dug.qcow2")         # with its holes: it may claim terabytes
        make.attempt("fallocate", "-d", "dug.qcow2")
        yield "dug.qcow2"
    elif how == 1:
        run("cp", "x.qcow2", "device.qcow2")
        os.truncate("device.qcow2", os.path.getsize("x.qcow2") + rng.randrange(1 << 22))
        yield "device.qcow2"


def qemu_says_corrupt(path):
    return subprocess.run(["qemu-img", "check", "-f", "qcow2", path], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 2


def sound_causes(what, path, wrong, seen):
    for c in check(path)["qcheck"]["causes"]:
        if c["weight"] not in ("data-loss", "danger"):
            seen[c["id"]] += 1
        # QEMU 7.2 itself can put compressed streams over plain data, and leave flags behind
        # when narrow refcounts have no room for a snapshot.
        elif what.split()[0] in make.KINDS and (c["id"] == "cluster-used-twice"
                                                or qemu_says_corrupt(path)):
            seen["made by QEMU"] += 1
        else:
            wrong[f"{c['id']} of {what.split()[0]}"] += 1
            print(f"{what} {path}: {c['id']}: {c['text']}")


def run_sound(n, seed):
    """One image in ten comes from QEMU, which takes a hundred times as long."""
    wrong, seen, made = collections.Counter(), collections.Counter(), collections.Counter()
    k = 0
    while sum(made.values()) < n:
        slow = k % 10 == 0
        what, rng = made_by_qemu(k // 10, seed) if slow else written_here(k, seed)
        for path in variants(rng):
            made["made by QEMU" if slow else "crafted"] += 1
            sound_causes(what, path, wrong, seen)
        k += 1
    print(f"{sum(made.values())} sound images ({dict(made)}): {sum(wrong.values())} causes of "
          f"damage {dict(wrong)}; others {dict(seen)}")
    return bool(wrong)


# --- one known damage ---

class Damaged:
    """An image with some tables full of data; the damage is a method of its own name."""

    def __init__(self, rng):
        self.rng, self.path = rng, "d.qcow2"

    def create(self, *options, cluster=None, size=None):
        self.cs = cluster or self.rng.choice([4096, 16384, 65536])
        per = self.cs // 8
        self.tables = 3 if self.cs > 20000 else 12
        size = size or self.tables * per * self.cs
        if os.path.exists(self.path):
            os.unlink(self.path)
        run("qemu-img", "create", "-q", "-f", "qcow2", "-o",
            ",".join([f"cluster_size={self.cs}", *options]), self.path, str(size))
        io = []
        for k in range(self.tables):
            start = k * per + self.rng.randrange(4)
            n = self.rng.randint(12, 60)
            io += ["-c", f"write -P {self.rng.randrange(1, 255)} {start * self.cs} "
                         f"{n * self.cs}"]
        run("qemu-io", "-f", "qcow2", *io, self.path)

    def image(self):
        return qcow2.Image(self.path, writable=True)

    def put(self, off, data):
        with open(self.path, "r+b") as file:
            file.seek(off)
            file.write(data)

    def word(self, off, value=None):
        if value is not None:
            self.put(off, value.to_bytes(8, "big"))
        with open(self.path, "rb") as file:
            file.seek(off)
            return int.from_bytes(file.read(8), "big")

    def l1(self):
        return self.word(40)

    def l2(self, k):
        return self.word(self.l1() + k * 8) & qcow2.OFFSET_MASK

    def some_l2(self):
        return self.l2(self.rng.randrange(self.tables))

    def used(self, table):
        """File offsets of the entries of a table that are in use."""
        return [table + j * 8 for j in range(self.cs // 8) if self.word(table + j * 8)]

    def refcount(self, off, value):
        with self.image() as img:
            table = img.words(img.refcount_table_offset, self.cs // 8)
        cl = off // self.cs
        per = self.cs // 2
        self.put(table[cl // per] + cl % per * 2, value.to_bytes(2, "big"))

    # each returns the cause that is true

    def cut(self):
        self.create()
        os.truncate(self.path, int(os.path.getsize(self.path) * self.rng.uniform(.3, .9)))
        return "cut-short"

    def l2_refcounts(self):
        self.create()
        for _ in range(self.rng.randint(1, 2)):
            self.put(self.some_l2(), b"\0\1" * self.rng.randint(40, self.cs // 2))
        return "l2-refcounts"

    def l2_data(self):
        self.create()
        data = self.rng.choice([self.rng.randbytes(self.cs),
                                (b"some line of a log file\n" * self.cs)[:self.cs]])
        self.put(self.some_l2(), data)
        return "l2-overwritten"

    def l2_wiped(self):
        self.create()
        self.put(self.some_l2(), bytes(self.cs))
        return "l2-wiped"

    def l2_wiped_shared(self):
        """What the table maps is a snapshot's too, so no cluster is without an owner."""
        self.create()
        run("qemu-img", "snapshot", "-c", "a", self.path)
        start = self.rng.randrange(self.tables) * (self.cs // 8)
        run("qemu-io", "-f", "qcow2", "-c", f"write {start * self.cs} {self.cs}", self.path)
        self.put(self.l2(start // (self.cs // 8)), bytes(self.cs))
        return "l2-wiped"

    def l1_wiped(self):
        self.create()
        self.put(self.l1(), bytes(8 * self.tables))
        return "mapping-vanished"

    def l1_noise(self):
        self.create()
        self.put(self.l1(), self.rng.randbytes(self.cs))
        return "l1-overwritten"

    def l1_pointer(self):
        self.create()
        self.word(40, 1 << self.rng.randint(36, 50))
        return "l1-pointer"

    def refblock(self):
        self.create()
        with self.image() as img:
            block = img.words(img.refcount_table_offset, 1)[0]
        self.put(block, bytes(self.cs))
        return "refcounts-lost"

    def reftable(self):
        self.create()
        with self.image() as img:
            at = img.refcount_table_offset
        self.word(at, self.word(at) + 512 * self.rng.randint(1, 7))
        return "refcounts-lost"

    def armed(self):
        self.create()
        self.refcount(self.some_l2(), 0)
        return "armed-table"

    def twice(self):
        self.create()
        a, b = self.rng.sample(self.used(self.some_l2()), 2)
        self.word(a, self.word(b))
        return "cluster-used-twice"

    def two_writers(self):
        self.create()
        first, other = self.l2(0), self.l2(self.tables - 1)
        source = self.used(other)[:10]
        for to, come in zip(self.used(first)[:10], source):
            self.word(to, self.word(come))
        return "two-writers"

    def reused(self):
        self.create()
        entry = self.rng.choice(self.used(self.some_l2()))
        self.word(entry, self.some_l2() | COPIED)
        return "table-reused"

    def flipped(self):
        self.create()
        entry = self.rng.choice(self.used(self.some_l2()))
        bit = self.rng.choice([1, 5, 9, 10, 11, 40, 50, 55, 57, 60])
        if 1 << bit >= self.cs and bit < 40:
            bit = 1
        self.word(entry, self.word(entry) ^ 1 << bit)
        return "broken-entries"

    def l1_flipped(self):
        self.create()
        at = self.l1() + 8 * self.rng.randrange(self.tables)
        self.word(at, self.word(at) ^ 1 << self.rng.choice([3, 9, 11, 45, 58]))
        return "broken-entries"

    def l1_astray(self):
        """A flipped bit makes the entry lead to data of the guest."""
        self.create()
        tables = [self.l2(k) for k in range(self.tables)]
        data = {self.word(e) & qcow2.OFFSET_MASK for t in tables for e in self.used(t)}
        ways = [(k, 1 << bit) for k in range(self.tables) for bit in range(9, 40)
                if tables[k] ^ 1 << bit in data]
        k, bit = self.rng.choice(ways)
        self.word(self.l1() + 8 * k, self.word(self.l1() + 8 * k) ^ bit)
        return "broken-entries"

    def l1_doubled(self):
        self.create()
        a, b = self.rng.sample(range(self.tables), 2)
        self.word(self.l1() + 8 * a, self.word(self.l1() + 8 * b))
        return "broken-entries"

    def l1_elsewhere(self):
        """The header takes an L2 table for the L1 table."""
        self.create()
        self.word(40, self.some_l2())
        return "l1-pointer"

    def twice_across(self):
        """An entry of the disk leads to what a snapshot has at another place."""
        self.create()
        index = self.rng.randrange(self.tables)
        start = index * (self.cs // 8)
        run("qemu-img", "snapshot", "-c", "a", self.path)
        old = self.used(self.l2(index))
        at = (old[0] - self.l2(index)) // 8 + start
        kept = self.word(old[0]) & qcow2.OFFSET_MASK
        run("qemu-io", "-f", "qcow2", "-c", f"write {at * self.cs} {self.cs}", self.path)
        self.word(self.used(self.l2(index))[3], kept)
        return "cluster-used-twice"

    def leaks(self):
        self.create()
        end = -(-os.path.getsize(self.path) // self.cs) * self.cs
        for k in range(self.rng.randint(1, 6)):
            self.put(end + k * self.cs, bytes([7]) * self.cs)
            self.refcount(end + k * self.cs, 1)
        return "left-overs"

    def dirty(self):
        self.create("lazy_refcounts=on")
        self.put(79, b"\1")
        for entry in self.used(self.some_l2())[:9]:
            self.refcount(self.word(entry) & qcow2.OFFSET_MASK, 0)
        return "refcounts-behind"

    def compression(self):
        zstd = self.rng.random() < .5
        self.create("compression_type=" + ("zstd" if zstd else "zlib"), cluster=65536)
        run("qemu-img", "convert", "-c", "-O", "qcow2", "-o",
            "compression_type=" + ("zstd" if zstd else "zlib"), self.path, "c.qcow2")
        os.replace("c.qcow2", self.path)
        self.put(104, b"\0" if zstd else b"\1")
        self.put(79, b"\0" if zstd else b"\x08")
        return "compression-type"

    def luks(self):
        make.build("luks", str(self.rng.random()), self.path)
        with self.image() as img:
            for kind, pos, _ in img.extensions():
                if qcow2.EXT_NAMES.get(kind) == "crypto":
                    at = img.read_int(pos + 8, 8)
        self.put(at, bytes(self.rng.choice([8, 512, 4096])))
        return "luks-header"

    def bitmap(self):
        self.create()
        run("qemu-img", "bitmap", "--add", self.path, "daily")
        with self.image() as img:
            at = next(iter(img.bitmaps()))
        self.put(at + self.rng.choice([15, 16, 17]), b"\x77")
        return "bitmaps"

    def snapshot(self):
        self.create()
        run("qemu-img", "snapshot", "-c", "a", self.path)
        with self.image() as img:
            at = next(iter(img.snapshots()))
        self.word(at, self.word(at) + 512)
        return "snapshot-table"

    def base(self):
        self.create()
        os.replace(self.path, "base.qcow2")
        run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2",
            self.path)
        os.unlink("base.qcow2")
        return "base-missing"

    def data(self):
        self.create("data_file=d.raw", "data_file_raw=on")
        os.truncate("d.raw", os.path.getsize("d.raw") // 2)
        return "data-file"

    def copied(self):
        """Refcounts of a moment before, and the end is missing."""
        self.create()
        with self.image() as img:
            block = img.words(img.refcount_table_offset, 1)[0]
        n = os.path.getsize(self.path) // self.cs
        keep = int(n * self.rng.uniform(.5, .8))
        self.put(block + keep * 2, bytes((n - keep + 2) * 2))
        os.truncate(self.path, (keep + (n - keep) // 2) * self.cs)
        return "copied-while-running"

    def splice(self, twice):
        """A piece of the file is left out, or comes twice, before the last table."""
        self.create()
        tables = sorted(self.l2(k) for k in range(self.tables))
        n = self.rng.choice([512, 4096, 5000, self.cs, 5 * self.cs + 7])
        at = self.rng.randrange(tables[0] + self.cs + n, tables[-1] - n)
        with open(self.path, "r+b") as file:
            data = file.read()
            file.seek(at)
            file.write(data[at - n if twice else at + n:])
            file.truncate()
        return "shifted"

    def left_out(self):
        return self.splice(False)

    def came_twice(self):
        return self.splice(True)


DAMAGES = ["cut", "l2_refcounts", "l2_data", "l2_wiped", "l2_wiped_shared", "l1_wiped", "l1_noise",
           "l1_pointer", "l1_astray", "l1_doubled", "l1_elsewhere", "refblock", "reftable", "armed",
           "twice", "twice_across", "two_writers", "reused", "flipped", "l1_flipped", "leaks",
           "dirty", "compression", "luks", "bitmap", "snapshot", "base", "data", "copied", "left_out",
           "came_twice"]


def run_known(damages, make_one, n, seed):
    """make_one(damage, k, seed) makes d.qcow2 and returns the true cause."""
    right, all_of = collections.Counter(), collections.Counter()
    taken = collections.defaultdict(collections.Counter)
    bad = []
    for k in range(n):
        how = damages[k % len(damages)]
        true = make_one(how, k, seed)
        report = check("d.qcow2")
        causes = [c["id"] for c in report["qcheck"]["causes"]] if report else ["(none)"]
        first = causes[0] if causes else "(none)"
        all_of[how] += 1
        right[how] += first == true
        if first != true:
            taken[how][first] += 1
            print(f"{how} {seed}/{k}: {first}, not {true}")
            if len(sys.argv) > 4:
                shutil.copyfile("d.qcow2", f"{sys.argv[4]}/{how}-{k}.qcow2")
        bad += [f"{how} {seed}/{k}: {c}" for c in (contradictions(report) if report else [])]
    print("| damage | images | true cause first | taken for |\n|---|---|---|---|")
    for how in damages:
        if all_of[how]:
            wrong = ", ".join(f"{c} {m}" for c, m in taken[how].most_common())
            print(f"| {how} | {all_of[how]} | {right[how] / all_of[how]:.1%} | {wrong} |")
    total = sum(right.values()) / sum(all_of.values())
    print(f"\n{sum(all_of.values())} images, true cause first in {total:.1%}; "
          f"{len(bad)} contradictions")
    print("\n".join(bad[:20]))
    return total < 0.95 or bool(bad)


def run_damaged(n, seed):
    return run_known(DAMAGES, lambda how, k, seed: getattr(
        Damaged(random.Random(f"{seed} {k}")), how)(), n, seed)


def run_crafted(n, seed):
    return run_known(craft.DAMAGES, lambda how, k, seed: getattr(
        craft.Damage(random.Random(f"{seed} {k}"), "d.qcow2"), how)(), n, seed)


def main(argv):
    if len(argv) < 3:
        sys.exit(__doc__)
    os.environ["QCHECK"] = os.path.abspath(os.environ["QCHECK"])
    sys.path.insert(0, HERE)
    what = {"sound": run_sound, "damaged": run_damaged, "crafted": run_crafted,
            "contradictions": run_contradictions}[argv[1]]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.exit(what(int(argv[2]), argv[3] if len(argv) > 3 else "1"))


if __name__ == "__main__":
    main(sys.argv)
