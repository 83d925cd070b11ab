# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Compares `qcheck check --output json` with `qemu-img check --output=json` on damaged
images: every figure, which keys are there, and the exit status.

    compare.py -n 2000 --seed 1         that many images; QCHECK names the program
    compare.py --kind snapshots --base-seed 1/0 --ops 'poke 0x48 0x8 0x86'
                                        one image, from the recipe of a difference

Where qemu-img gives no counts (it refuses the image, or dies), qcheck must still end in
time with status 1 or 2 and say in qcheck.refused which rule the image breaks. A
difference prints its recipe, reduced to the changes that matter, and keeps the image.
"""

import argparse
import collections
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import make
import mutate
import qcow2
import rules

KEYS = ["image-end-offset", "total-clusters", "check-errors", "corruptions", "leaks",
        "allocated-clusters", "fragmented-clusters", "compressed-clusters", "filename",
        "format"]
CHUNK = 250             # images made from one set of sound ones
TIMEOUT = 20            # seconds

# What a program did: counts is the JSON object or None.
Outcome = collections.namedtuple("Outcome", "status counts stderr")


def call(args):
    """Runs a program; (exit status or "timeout", stdout, stderr)."""
    process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    try:
        out, err = process.communicate(timeout=TIMEOUT)
        return process.returncode, out, err
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return "timeout", b"", b""


def qemu_check(path, mode, data_file, repair=None):
    """mode: "plain", "secret", or "alone" (no backing file, the data file given). repair:
    argument of -r."""
    args = ["qemu-img", "check", "--output=json"]
    if repair:
        args += ["-r", repair]
    if mode == "plain":
        args += ["-f", "qcow2", path]
    elif mode == "secret":
        args += [*make.SECRET, "--image-opts",
                 f"driver=qcow2,file.filename={path},encrypt.key-secret=s0"]
    else:
        node = {"driver": "qcow2", "file": {"driver": "file", "filename": path},
                "backing": None}
        if data_file:
            node["data-file"] = {"driver": "file", "filename": data_file}
        args.append("json:" + json.dumps(node))
    status, out, err = call(args)
    err = err.decode(errors="replace")
    counts = json.loads(out) if out.strip() else None
    if counts and mode != "plain":
        counts["filename"] = path       # there it names the options
    return Outcome(status, counts, err)


def qemu_outcome(path, mode, data_file):
    """(mode that was used, outcome). A side file that cannot be opened or a missing key
    says nothing about the image: then it is looked at alone, or with a key."""
    result = qemu_check(path, mode, data_file)
    if mode == "plain" and result.counts is None and result.status == 1:
        if rules.NO_SIDE_FILE.search(result.stderr):
            return "alone", qemu_check(path, "alone", data_file)
        if rules.NO_SECRET.search(result.stderr):
            return "secret", qemu_check(path, "secret", data_file)
    return mode, result


def qcheck(*args):
    return call([os.environ.get("QCHECK", "qcheck"), *args])


def qcheck_outcome(path):
    status, out, err = qcheck("check", "--output", "json", path)
    try:
        counts = json.loads(out)
    except ValueError:
        counts = None
    return Outcome(status, counts, err.decode(errors="replace"))


def lacks_side_file(ours):
    return any(kind["id"] == "side-file-missing" for kind in ours.counts["qcheck"]["kinds"])


def differences(mode, qemu, ours):
    """[what differs], empty when the two agree."""
    if ours.status == "timeout":
        return [f"qcheck did not end in {TIMEOUT} seconds"]
    if ours.status < 0 or ours.status > 3 or "Sanitizer" in ours.stderr:
        return [f"qcheck ended with {ours.status}: {ours.stderr[-2000:]}"]
    rule = rules.rule_of(qemu.stderr) if qemu.counts is None else None
    if not isinstance(ours.counts, dict):
        if rule in rules.UNREADABLE and ours.status == 1 and ours.stderr:
            return []       # nothing can be read from it
        return [f"qcheck printed no JSON object, status {ours.status}: {ours.stderr}"]
    refused = ours.counts.get("qcheck", {}).get("refused")
    if qemu.counts is None:
        return refusal_differences(mode, qemu, ours, rule, refused)
    found = []
    if refused:
        found.append(f"qemu-img checks it, qcheck.refused is {refused}")
    for key in KEYS:
        theirs, mine = qemu.counts.get(key), ours.counts.get(key)
        if theirs != mine:
            found.append(f"{key}: qemu-img {theirs}, qcheck {mine}")
    if mode == "alone" and lacks_side_file(ours) and ours.status == 1:
        return found            # as qemu-img, which opened it only without that file
    if qemu.status != ours.status:
        found.append(f"exit status: qemu-img {qemu.status}, qcheck {ours.status}")
    return found


def refusal_differences(mode, qemu, ours, rule, refused):
    """qemu-img gave no counts. When it died, or lacks something, nothing follows for us but
    that we end well."""
    found = []
    if qemu.status != 1 or (mode != "plain" and not rule):
        return found
    if ours.status not in (1, 2):
        found.append(f"qemu-img gives no counts, qcheck ended with {ours.status}")
    if not refused:
        found.append(f"qemu-img stops at {rule}, qcheck.refused is missing")
    elif rule and refused["rule"] not in (rule, *rules.ALSO.get(rule, ())):
        found.append(f"qemu-img stops at {rule}, qcheck.refused is {refused}")
    return found


# What qcheck may say of images fresh from qemu-img, by flag of their kind; figures that
# QEMU has as well are compared anyway.
SOUND = {
    "": {"refcount-past-end", "corrupt-bit"},       # QEMU corrupts some by itself
    "vm-state": {"vm-state", "mapped-past-disk-end", "snapshot-l1-too-small"},
    "bitmaps": {"bitmap-in-use"},
    "crash": {"dirty-bit"},
    "compressed": {"overlap"},      # see the sample `mixed`
}


def sound_differences(base, qemu, ours):
    """[own findings about an image that has no damage]"""
    allowed = set().union(*(SOUND.get(flag, ()) for flag in ["", *base.flags]))
    if qemu.status:         # leaks of a refused step, refcounts behind after a crash
        return []
    return [f"a sound image has {kind['id']}" for kind in ours.counts["qcheck"]["kinds"]
            if kind["id"] not in allowed]


class Base:
    """A sound image, kept as its extents to be copied fast."""

    def __init__(self, kind, seed, path):
        self.kind, self.seed = kind, seed
        self.flags = make.KINDS[kind].flags.split()
        self.mode = make.build(kind, seed, path)
        self.data_file = path + ".raw" if "data-file" in self.flags else None
        self.survey = mutate.Survey(path)
        self.path = path
        self.extents = []
        self.length = os.path.getsize(path)
        with open(path, "rb") as file:
            pos = 0
            while pos < self.length:
                try:
                    start = os.lseek(file.fileno(), pos, os.SEEK_DATA)
                except OSError:
                    break
                pos = os.lseek(file.fileno(), start, os.SEEK_HOLE)
                file.seek(start)
                self.extents.append((start, file.read(pos - start)))

    def copy(self, path):
        with open(path, "wb", buffering=0) as file:
            for start, data in self.extents:
                file.seek(start)
                file.write(data)
            file.truncate(self.length)


class Comparison:
    """One worker's folder, sound images and findings."""

    def __init__(self, seed, keep):
        self.seed, self.keep = seed, keep
        self.bases = {}
        self.tally = collections.Counter()

    def base(self, kind, chunk):
        # keys take seconds to make: encrypted images serve longer
        chunk = chunk // 40 if "luks" in make.KINDS[kind].flags else chunk
        seed = f"{self.seed}/{chunk}"
        if kind not in self.bases or self.bases[kind].seed != seed:
            self.bases[kind] = Base(kind, seed, f"{kind}.qcow2")
            self.look("sound", self.bases[kind], [])
        return self.bases[kind]

    def compare(self, base, ops):
        """(mode, qemu, ours, differences) of one damaged image."""
        path = "image.qcow2"
        base.copy(path)
        qcow2.apply_ops(path, ops)
        return self.judge(base, path, sound=not ops)

    def judge(self, base, path, sound):
        mode, qemu = qemu_outcome(path, base.mode, base.data_file)
        ours = qcheck_outcome(path)
        found = differences(mode, qemu, ours)
        if sound and not found:
            found = sound_differences(base, qemu, ours)
        return mode, qemu, ours, found

    def image(self, number):
        rng = random.Random(f"{self.seed} image {number}")
        kinds = list(make.KINDS)
        kind = rng.choices(kinds, [make.KINDS[k].weight for k in kinds])[0]
        base = self.base(kind, number // CHUNK)
        self.tally["images"] += 1
        self.look(number, base, mutate.damage(base.survey, base.path, rng))

    def look(self, number, base, ops):
        mode, qemu, _, found = self.compare(base, ops)
        self.tally[f"status {qemu.status}" if qemu.counts else "no counts"] += 1
        if mode == "alone":
            self.tally["opened without side files"] += 1
        if found:
            self.tally["different"] += 1
            self.report(number, base, ops)

    def report(self, number, base, ops):
        """Drops changes that do not matter, then prints the recipe."""
        step = max(1, len(ops) // 2)
        while True:
            for i in range(0, len(ops), step):
                fewer = ops[:i] + ops[i + step:]
                if self.compare(base, fewer)[3]:
                    ops = fewer
                    break
            else:
                if step == 1:
                    break
                step //= 2
        mode, qemu, ours, found = self.compare(base, ops)
        os.makedirs(self.keep, exist_ok=True)
        kept = os.path.join(self.keep, f"{self.seed}-{number}.qcow2".replace("/", "-"))
        shutil.copy("image.qcow2", kept)
        print("\n".join([
            f"DIFFERENT: image {number} of seed {self.seed}, kept as {kept}",
            *(f"    {line}" for line in found),
            f"    qemu-img: status {qemu.status} {json.dumps(qemu.counts)} ({mode})",
            *(f"        {line}" for line in qemu.stderr.splitlines()[:12]),
            f"    qcheck: status {ours.status} {ours.stderr.strip()[:300]}",
            f"    again: {os.path.basename(sys.argv[0])} --kind {base.kind} --base-seed {base.seed}"
            f" --ops '{qcow2.ops_text(ops)}'"]), flush=True)


def work(comparison, seed, numbers, keep, folder):
    """A chunk of images, in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    state = work.__dict__.setdefault("state", comparison(seed, keep))
    state.tally.clear()
    for number in numbers:
        state.image(number)
    return state.tally


def start(counter, folder):
    with counter.get_lock():
        counter.value += 1
        work.folder = os.path.join(folder, str(counter.value))


def chunk(args):
    return work(*args, work.folder)


def temporary():
    for folder in ("/dev/shm", None):
        if folder is None or os.access(folder, os.W_OK):
            return tempfile.TemporaryDirectory(prefix="oracle-", dir=folder)


def many(args, comparison):
    began = time.monotonic()
    total = collections.Counter()
    numbers = range(args.first, args.first + args.n)
    cuts = sorted({n for n in numbers if n % CHUNK == 0} | {numbers.start, numbers.stop})
    chunks = [range(a, b) for a, b in zip(cuts, cuts[1:])]
    keep = os.path.abspath(args.keep)
    with temporary() as folder:
        counter = multiprocessing.Value("i", 0)
        with multiprocessing.Pool(args.jobs, start, (counter, folder)) as pool:
            jobs = ((comparison, args.seed, part, keep) for part in chunks)
            for tally in pool.imap_unordered(chunk, jobs):
                total += tally
                if args.progress:
                    print(f"{total['images']} images, {total['different']} different, "
                          f"{time.monotonic() - began:.0f} s", flush=True)
    seconds = time.monotonic() - began
    print(f"{total['images']} images with seed {args.seed}, "
          f"{total['different']} different, {total['images'] / seconds:.0f} images/s")
    print("  " + ", ".join(f"{key}: {n}" for key, n in sorted(total.items())
                           if key not in ("images", "different")))
    return 1 if total["different"] else 0


def one(args, comparison):
    with temporary() as folder:
        os.chdir(folder)
        base = Base(args.kind, args.base_seed, f"{args.kind}.qcow2")
        mode, qemu, ours, found = comparison("one", folder).compare(base, qcow2.ops_parse(args.ops))
        for name, outcome in (f"qemu-img ({mode})", qemu), ("qcheck", ours):
            print(f"{name}: status {outcome.status}")
            print(json.dumps(outcome.counts, indent=1), outcome.stderr, sep="\n")
        print("\n".join(found) or "they agree")
        return 1 if found else 0


def main(comparison, description):
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=2000, help="number of images")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--first", type=int, default=0, help="number of the first image")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", default="oracle-differences", metavar="DIR",
                        help="where images with a difference go")
    parser.add_argument("--progress", action="store_true")
    parser.add_argument("--only", metavar="KIND,...", help="images of these kinds only")
    parser.add_argument("--kind", choices=list(make.KINDS))
    parser.add_argument("--base-seed", default="1/0")
    parser.add_argument("--ops", default="")
    args = parser.parse_args()
    for kind in [k for k in make.KINDS if args.only and k not in args.only.split(",")]:
        del make.KINDS[kind]
    if "QCHECK" in os.environ:
        os.environ["QCHECK"] = os.path.abspath(os.environ["QCHECK"])
    return (one if args.kind else many)(args, comparison)


if __name__ == "__main__":
    sys.exit(main(Comparison, __doc__))
