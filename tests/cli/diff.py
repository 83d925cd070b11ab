# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""diff, watch and fleets. What QEMU does to an image between two looks is what is told of it.

    diff.py PROGRAM SOURCE-TREE
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

program, tree = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
try:
    import jsonschema
except ImportError:
    jsonschema = None

bad = 0


def complain(*what):
    global bad
    bad += 1
    print(*what)


def equal(what, got, wanted):
    if got != wanted:
        complain(what, "is", got, "not", wanted)


def run(*args, check=True):
    return subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=check)


def fits(name, told):
    with open(os.path.join(tree, "data", "schema", name + ".schema.json")) as f:
        schema = json.load(f)
    if jsonschema:
        jsonschema.validate(told, schema)
    for member in set(told) - set(schema["properties"]):
        complain("the schema", name, "does not name", member)


def io(image, *commands):
    run("qemu-io", *[a for c in commands for a in ("-c", c)], image)


def diff(status, *args):
    done = run(program, "diff", "--output=json", *args, check=False)
    equal("status of diff " + " ".join(args), done.returncode, status)
    if done.returncode == 1:
        return None
    told = json.loads(done.stdout)
    fits("diff", told)
    text = run(program, "diff", *args, check=False)
    equal("status of the text form", text.returncode, status)
    return told


def guest(told):
    return {k: told["guest"][k] for k in ("stored", "freed", "moved", "other")}


def stored(image, layer=()):
    """Bytes of the disk that are in the file, by qemu-img."""
    told = json.loads(run("qemu-img", "map", "--output=json", *layer, image).stdout)
    return sum(e["length"] for e in told if e["data"])


def differences():
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", "a.qcow2", "64M")
    io("a.qcow2", "write 0 1M", "write 8M 64k")
    shutil.copy("a.qcow2", "b.qcow2")
    told = diff(0, "a.qcow2", "b.qcow2")
    equal("differ", told["differ"], False)

    io("b.qcow2", "write 32M 256k")                     # growth, one new table
    told = diff(2, "a.qcow2", "b.qcow2")
    equal("guest", guest(told), {"stored": stored("b.qcow2") - stored("a.qcow2"), "freed": 0,
                                 "moved": 0, "other": 0})
    equal("ranges", told["guest"]["ranges"],
          [{"start": 32 << 20, "length": 256 << 10, "change": "stored"}])
    equal("new tables", told["l2-tables"]["new"], 1)
    equal("new clusters of data", sum(r["length"] for r in told["file"]["ranges"]
                                      if r["b"] == "data"), 256 << 10)
    equal("growth", told["file"]["length-b"] - told["file"]["length-a"],
          os.path.getsize("b.qcow2") - os.path.getsize("a.qcow2"))
    back = diff(2, "b.qcow2", "a.qcow2")
    equal("the other way round", guest(back)["freed"], 256 << 10)
    equal("gone tables", back["l2-tables"]["gone"], 1)

    shutil.copy("a.qcow2", "c.qcow2")
    io("c.qcow2", "discard 0 64k", "write -z 9M 8k")
    told = diff(2, "a.qcow2", "c.qcow2")
    equal("freed", guest(told)["freed"], 64 << 10)
    equal("zeros", guest(told)["other"], 8 << 10)
    equal("free now", told["file"]["freed"], 64 << 10)

    # a snapshot, then a cluster that is copied on write
    shutil.copy("a.qcow2", "d.qcow2")
    run("qemu-img", "snapshot", "-c", "one", "d.qcow2")
    told = diff(2, "a.qcow2", "d.qcow2")
    equal("snapshots", [(s["name"], s["state"]) for s in told["snapshots"]], [("one", "new")])
    equal("header", {c["field"] for c in told["header"]}, {"nb_snapshots", "snapshots_offset"})
    equal("guest", sum(guest(told).values()), 0)
    shutil.copy("d.qcow2", "e.qcow2")
    io("e.qcow2", "write 4k 8k", "write 20M 4k")
    told = diff(2, "d.qcow2", "e.qcow2")
    equal("moved", guest(told), {"stored": 4096, "freed": 0, "moved": 8192, "other": 0})
    equal("the snapshot", told["snapshots"][0]["state"], "both")
    equal("its disk", sum(told["snapshots"][0][k] for k in ("stored", "freed", "moved", "other")),
          0)
    told = diff(2, "--layer", "one", "--layer", "active", "e.qcow2")
    equal("two layers", guest(told), {"stored": 4096, "freed": 0, "moved": 8192, "other": 0})
    told = diff(2, "--layer", "one", "d.qcow2", "e.qcow2")
    equal("the disk of the snapshot", sum(guest(told).values()), 0)
    equal("its tables", (told["l2-tables"]["rewritten"], told["l2-tables"]["moved"]), (0, 0))

    # problems: new, the same, gone
    shutil.copy("b.qcow2", "f.qcow2")
    run(sys.executable, os.path.join(tree, "tests", "oracle", "qcow2.py"), "f.qcow2", "poke",
        "refcount[20]=3", "refcount[30]=0")
    told = diff(2, "b.qcow2", "f.qcow2")
    problems = {p["id"]: (p["new"], p["gone"], p["same"]) for p in told["problems"]}
    equal("new problems", problems.get("refcount-zero"), (1, 0, 0))
    if not [c for c in told["causes"] if c["state"] == "new"]:
        complain("no cause is new")
    told = diff(0, "f.qcow2", "f.qcow2")
    equal("the same problems", {p["id"]: (p["new"], p["gone"], p["same"])
                                for p in told["problems"]}["refcount-zero"], (0, 0, 1))
    run(program, "plan", "refcounts", "-o", "p.json", "f.qcow2")
    told = diff(2, "--plan", "p.json", "f.qcow2")
    equal("gone under a plan", {p["id"]: (p["new"], p["gone"], p["same"])
                                for p in told["problems"]}["refcount-zero"], (0, 1, 0))
    if b"packs: yes" in run(program, "--version").stdout:
        run(program, "pack", "e.qcow2", "-o", "e.qpack")
        diff(0, "e.qcow2", "e.qpack")
    diff(1, "a.qcow2")
    diff(1, "a.qcow2", "none.qcow2")


def bitmaps():
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", "m.qcow2", "64M")
    run("qemu-img", "bitmap", "--add", "-g", "64k", "m.qcow2", "kept")
    run("qemu-img", "bitmap", "--add", "--disable", "m.qcow2", "dropped")
    io("m.qcow2", "write 0 128k")
    shutil.copy("m.qcow2", "n.qcow2")
    diff(0, "m.qcow2", "n.qcow2")
    io("n.qcow2", "write 32M 200k")                     # 4 of 64k
    run("qemu-img", "bitmap", "--remove", "n.qcow2", "dropped")
    run("qemu-img", "bitmap", "--add", "-g", "4k", "n.qcow2", "added")
    told = diff(2, "m.qcow2", "n.qcow2")
    equal("bitmaps", {b["name"]: b["state"] for b in told["bitmaps"]},
          {"kept": "both", "dropped": "gone", "added": "new"})
    kept = [b for b in told["bitmaps"] if b["name"] == "kept"][0]
    equal("dirty", (kept["dirty-a"], kept["dirty-b"], kept["became-dirty"], kept["became-clean"]),
          (128 << 10, 384 << 10, 256 << 10, 0))
    equal("granularity", (kept["a"]["granularity-bits"], kept["b"]["granularity-bits"]), (16, 16))
    run("qemu-img", "bitmap", "--clear", "n.qcow2", "kept")
    kept = diff(2, "m.qcow2", "n.qcow2")["bitmaps"][0]
    equal("cleared", (kept["dirty-b"], kept["became-clean"]), (0, 128 << 10))
    shutil.copy("m.qcow2", "o.qcow2")
    for name in ("kept", "dropped"):
        run("qemu-img", "bitmap", "--remove", "o.qcow2", name)
    run("qemu-img", "bitmap", "--add", "-g", "128k", "--disable", "o.qcow2", "kept")
    kept = diff(2, "m.qcow2", "o.qcow2")["bitmaps"][0]
    equal("another granularity", (kept["a"]["granularity-bits"], kept["b"]["granularity-bits"],
                                  "became-clean" in kept, kept["dirty-b"]), (16, 17, False, 0))
    text = run(program, "diff", "m.qcow2", "n.qcow2", check=False).stdout.decode()
    for line in ("  gone     dropped\n", "  new      added\n",
                 "  changed  kept: dirty 128 KiB -> 0 B (0 B became dirty, 128 KiB clean)\n"):
        if line not in text:
            complain("the text lacks", repr(line), "\n" + text)


def grown():
    """A larger disk of which nothing is stored: its size says it, and no range."""
    run("qemu-img", "create", "-q", "-f", "qcow2", "g.qcow2", "64M")
    shutil.copy("g.qcow2", "h.qcow2")
    run("qemu-img", "resize", "-q", "h.qcow2", "128M")
    for pair in (("g.qcow2", "h.qcow2"), ("h.qcow2", "g.qcow2")):
        told = diff(2, *pair)
        equal("fields of a grown disk", [f["field"] for f in told["header"]], ["size"])
        equal("guest of a grown disk", guest(told),
              {"stored": 0, "freed": 0, "moved": 0, "other": 0})


def rewritten():
    """Tables at their place with other entries."""
    run("qemu-img", "create", "-q", "-f", "qcow2", "r.qcow2", "64M")
    io("r.qcow2", "write 0 1M")
    shutil.copy("r.qcow2", "s.qcow2")
    io("s.qcow2", "write 8M 64k")
    told = diff(2, "r.qcow2", "s.qcow2")
    equal("rewritten", sorted((r["a"], r["length"]) for r in told["file"]["ranges"]
                              if r["change"] == "rewritten"),
          [("l2", 65536), ("refcount-block", 65536)])
    equal("bytes rewritten", told["file"]["rewritten"], 2 * 65536)


def watched():
    """Each line is asked for before the next change: nothing waits for a clock."""
    run("qemu-img", "create", "-q", "-f", "qcow2", "w.qcow2", "64M")
    io("w.qcow2", "write 0 1M")
    p = subprocess.Popen([program, "watch", "--interval=1", "--output=json", "w.qcow2"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    first = json.loads(p.stdout.readline())
    fits("watch", first)
    equal("the first scan", (first["scan"], first["problems"]), (1, []))
    run(sys.executable, os.path.join(tree, "tests", "oracle", "qcow2.py"), "w.qcow2", "poke",
        "refcount[4]=7")
    second = json.loads(p.stdout.readline())
    leak = [x for x in second["problems"] if x["id"] == "refcount-too-high"]
    equal("a new problem", leak, [{"id": "refcount-too-high", "persistent": 0, "new": 1,
                                   "passed": 0}])
    with open("w.qcow2", "ab") as f:                    # a change that mends nothing
        f.write(bytes(1 << 20))
    third = json.loads(p.stdout.readline())
    fits("watch", third)
    equal("growth", third["file-size"] - third["file-size-before"], 1 << 20)
    leak = [x for x in third["problems"] if x["id"] == "refcount-too-high"]
    equal("one that persists", leak, [{"id": "refcount-too-high", "persistent": 1, "new": 0,
                                       "passed": 0}])
    # replaced by another file of this name
    run("qemu-img", "create", "-q", "-f", "qcow2", "w2.qcow2", "64M")
    io("w2.qcow2", "write 0 2M")
    os.rename("w2.qcow2", "w.qcow2")
    fourth = json.loads(p.stdout.readline())
    leak = [x for x in fourth["problems"] if x["id"] == "refcount-too-high"]
    equal("one that passed", leak, [{"id": "refcount-too-high", "persistent": 0, "new": 0,
                                     "passed": 1}])
    p.send_signal(signal.SIGINT)
    rest, err = p.communicate()
    equal("the end", (p.returncode, rest, err), (0, b"", b""))
    done = run(program, "watch", "--scans=1", "w.qcow2", check=False)
    equal("--scans=1", done.returncode, 0)
    equal("watching nothing", run(program, "watch", "none.qcow2", check=False).returncode, 1)


METRIC = re.compile(r'^([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? '
                    r'(-?[0-9.]+(?:e[-+]?[0-9]+)?)$')


def open_metrics(text):
    """Values by name and labels; complains of what the format forbids."""
    if not text.endswith("# EOF\n"):
        complain("metrics do not end in # EOF")
    family, seen, values = None, set(), {}
    for line in text.split("\n")[:-2]:
        if line.startswith("# TYPE "):
            family = line.split()[2]
            if family in seen:
                complain("the family", family, "is there twice")
            seen.add(family)
        elif line.startswith("# UNIT "):
            _, _, name, unit = line.split()
            if name != family or not name.endswith("_" + unit):
                complain("a unit that the name does not end in:", line)
        elif line.startswith("# HELP "):
            if line.split()[2] != family:
                complain("help of another family:", line)
        else:
            m = METRIC.match(line)
            if not m or m.group(1) != family:
                complain("no metric:", line)
            elif m.group(1) + (m.group(2) or "") in values:
                complain("a metric twice:", line)
            else:
                values[m.group(1) + (m.group(2) or "")] = float(m.group(3))
    return values


def fleet():
    samples = os.path.join(tree, "data", "samples")
    odd = 'odd "name" \\ with\nline.qcow2'
    shutil.copy(os.path.join(samples, "leak.qcow2"), odd)
    with open("garbage.qcow2", "wb") as f:
        f.write(b"no image " * 1000)
    images = [os.path.join(samples, "healthy.qcow2"), "none.qcow2",
              os.path.join(samples, "many.qcow2"), os.path.join(samples, "header.qcow2"),
              "garbage.qcow2", odd]
    known = ("corruptions", "leaks", "file-size", "virtual-size", "guest-bytes-damaged",
             "fragmentation", "seconds")
    rule = {"none.qcow2": None, "garbage.qcow2": "magic"}
    single = [run(program, "check", "--silent", i, check=False).returncode for i in images]
    for jobs in ("1", "3"):
        done = run(program, "check", "--output=json-lines", "--jobs", jobs, *images, check=False)
        equal("status of all", done.returncode, 2)
        lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
        equal("images", [line["filename"].split("/")[-1] for line in lines],
              [i.split("/")[-1] for i in images])
        equal("statuses", [line["exit-status"] for line in lines], single)
        for line, image in zip(lines, images):
            fits("check-line", line)
            equal("members of a line", list(line), list(lines[0]))
            if line["error"]:
                equal("what is known of " + image, [line[m] for m in known], [None] * len(known))
                equal("data lost of " + image, line["data-lost"], "perhaps")
                equal("rule of " + image, line["refused"], rule[image])
                continue
            whole = json.loads(run(program, "check", "--output=json", image, check=False).stdout)
            equal("refused", line["refused"], whole["qcheck"].get("refused", {}).get("rule"))
            equal("problems", line["problems"], {k["id"]: k["count"]
                                                 for k in whole["qcheck"]["kinds"]})
            equal("corruptions", line["corruptions"], whole.get("corruptions", 0))
            equal("data lost", line["data-lost"], whole["qcheck"]["verdict"]["data-lost"])
            equal("damage", line["guest-bytes-damaged"], whole["qcheck"]["guest-bytes-damaged"])
    done = run(program, "check", "--output=openmetrics", "--jobs=2", *images, images[0], odd,
               check=False)
    values = open_metrics(done.stdout.decode())
    equal("metrics: images", [values['qcheck_images{state="%s"}' % s]
                              for s in ("clean", "failed", "corrupt", "leaks")],
          [single.count(n) for n in range(4)])
    equal("metrics: status", values['qcheck_image_status{image="none.qcow2"}'], 1)
    if not any("line.qcow2" in v and "leaked_bytes" in v for v in values):
        complain("metrics: the odd name is missing")


with tempfile.TemporaryDirectory() as work:
    os.chdir(work)
    differences()
    bitmaps()
    grown()
    rewritten()
    watched()
    fleet()
    os.chdir("/")
sys.exit(bad != 0)
