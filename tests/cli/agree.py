# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Compares qcheck info, map and dump with qemu-img on sound images of every kind, and
validates every JSON form against its schema.

    agree.py PROGRAM SOURCE-TREE [SEED...]

With ALL_KINDS=1 in the environment all kinds of images, else some that differ most.
"""

import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
program, tree = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
seeds = [int(s) for s in sys.argv[3:]] or [1]
sys.path.insert(0, os.path.join(tree, "tests", "oracle"))

import make  # noqa: E402

try:
    import jsonschema
except ImportError:
    jsonschema = None

SOME = ["v2", "wide", "extended-snapshots", "compressed", "zstd", "data-file", "vm-state",
        "bitmaps-snapshots", "metadata", "backing-extended", "luks"]
bad = 0


def complain(what, *more):
    global bad
    bad += 1
    print("DIFFERENT:", what)
    for m in more:
        print("    ", m)


def run(*args):
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def closed(part):
    """The same schema without room for members that it does not name."""
    if isinstance(part, list):
        return [closed(p) for p in part]
    if not isinstance(part, dict):
        return part
    out = {k: closed(v) for k, v in part.items()}
    if isinstance(out.get("properties"), dict):
        out.setdefault("additionalProperties", False)
    return out


def schema(name):
    with open(os.path.join(tree, "data", "schema", name + ".schema.json")) as f:
        return jsonschema.Draft7Validator(closed(json.load(f)))


SCHEMAS = {}


def validate(what, name, value):
    if not jsonschema:
        return
    if name not in SCHEMAS:
        SCHEMAS[name] = schema(name)
    for error in SCHEMAS[name].iter_errors(value):
        complain(what, name, error.json_path, error.message[:300])
        return


def dump_line_schema(what, value):
    """One branch of the schema only: the error of oneOf says little."""
    if not jsonschema:
        return
    if "dump" not in SCHEMAS:
        with open(os.path.join(tree, "data", "schema", "dump.schema.json")) as f:
            SCHEMAS["dump"] = {
                line["properties"]["type"]["const"]: jsonschema.Draft7Validator(closed(line))
                for line in json.load(f)["oneOf"]}
    if value.get("type") not in SCHEMAS["dump"]:
        complain(what, f"no line type {value.get('type')}")
        return
    for error in SCHEMAS["dump"][value["type"]].iter_errors(value):
        complain(what, value["type"], error.json_path, error.message[:300])
        return


def ours(image, *args):
    status, out, err = run(program, *args, image)
    if status != 0:
        complain(image, " ".join(args), f"exit status {status}", err)
        return None
    return out


def dump(image, *args):
    """The lines of a dump; the last one must be the end record."""
    out = ours(image, "dump", *args, "--output=json")
    if out is None:
        return []
    lines = [json.loads(line) for line in out.splitlines()]
    if not lines or lines[-1] != {"type": "end", "records": len(lines) - 1}:
        complain(image, args, "no end record", lines[-1:])
    for line in lines:
        dump_line_schema(image, line)
    return lines[:-1]


def compare_info(image):
    status, out, _ = run("qemu-img", "info", "--output=json", image)
    got = ours(image, "info", "--backing", "--output=json")
    if got is None:
        return
    mine = json.loads(got)
    validate(image, "info", mine)
    if status != 0:
        return
    theirs = json.loads(out)
    if theirs["format"] != "qcow2":         # the magic is gone: a raw disk to qemu-img
        return
    mine.pop("qcheck")
    for value in (mine, theirs):
        value.pop("children", None)         # newer versions of qemu-img
    if mine != theirs:
        keys = [k for k in sorted(set(mine) | set(theirs)) if mine.get(k) != theirs.get(k)]
        complain(image, *[f"info {k}: {mine.get(k)} but qemu-img {theirs.get(k)}"
                          for k in keys])


def normal(extents):
    """Extents merged where nothing that matters changes. qemu-img says zero for data that
    lies in a hole of the file, and splits there."""
    merged = []
    for x in extents:
        x = dict(x, zero=x["zero"] and not x["data"], compressed=None)
        last = merged[-1] if merged else None
        if last and all(last[k] == x[k] for k in ("depth", "present", "zero", "data")) and \
                ("offset" in last) == ("offset" in x) and \
                ("offset" not in x or last["offset"] + last["length"] == x["offset"]):
            last["length"] += x["length"]
        else:
            merged.append(x)
    return merged


def compare_map(image):
    got = ours(image, "map", "--space=guest", "--backing", "--output=json")
    if got is None:
        return None
    mine = json.loads(got)
    validate(image, "map-guest", mine)
    status, out, _ = run("qemu-img", "map", "--output=json", image)
    if status != 0:
        return None
    a, b = normal(mine), normal(json.loads(out))
    if a != b:
        different = [(x, y) for x, y in zip(a, b) if x != y]
        complain(image, "map", *different[:1])
    return b


def at_cluster(extents, size):
    """What a map says of the first byte of each cluster."""
    cut = {}
    for x in extents:
        at = x["start"] + -x["start"] % size
        for start in range(at, x["start"] + x["length"], size):
            offset = x["offset"] + start - x["start"] if "offset" in x else None
            cut[start] = (x["depth"], x["present"], x["data"], offset)
    return cut


def compare_l2(image, extents, size, subclusters):
    """Each entry of dump l2 says what qemu-img map says of its guest cluster."""
    kinds = {"unallocated": 0, "zero": 1, "zero-allocated": 2, "data": 3, "compressed": 4}
    lines = dump(image, "l2")
    if extents is None or subclusters:
        return
    guest_map = at_cluster(extents, size)
    for e in lines:
        at = e.get("guest-offset")
        if e["type"] != "l2-entry" or at not in guest_map:
            continue
        depth, present, data, offset = guest_map[at]
        if e["entry"] not in kinds:
            complain(image, f"an entry of kind {e['entry']}")
            return
        kind = kinds[e["entry"]]
        host = e.get("host-offset") if kind in (2, 3) else None
        if kind == 0:
            same = depth > 0 or (not present and offset is None)
        else:
            same = (depth == 0 and present and data == (kind >= 3) and offset == host)
        if not same:
            complain(image, f"dump l2 {e}", f"qemu-img map {guest_map[at]}")
            return


def compare_lists(image):
    """Snapshots and bitmaps are those that qemu-img info lists."""
    status, out, _ = run("qemu-img", "info", "--output=json", image)
    lines = dump(image, "snapshots") + dump(image, "bitmaps")
    if status != 0:
        return
    info = json.loads(out)
    if info["format"] != "qcow2":
        return
    theirs = [(s["id"], s["name"], s["vm-state-size"], s["date-sec"])
              for s in info.get("snapshots", [])]
    mine = [(s["id"], s["name"], s["vm-state-size"], s["date-sec"])
            for s in lines if s["type"] == "snapshot"]
    if mine != theirs:
        complain(image, f"snapshots {mine} but qemu-img {theirs}")
    theirs = [(b["name"], b["granularity"], "auto" in b["flags"])
              for b in info["format-specific"]["data"].get("bitmaps", [])]
    mine = [(b["name"], 1 << b["granularity-bits"], bool(int(b["flags"], 16) & 2))
            for b in lines if b["type"] == "bitmap"]
    if mine != theirs:
        complain(image, f"bitmaps {mine} but qemu-img {theirs}")


def compare_ranges(image, size):
    """The range set covers the file without gaps, and the refcounts name every cluster."""
    end = 0
    for r in dump(image, "ranges"):
        if r["offset"] != end:
            complain(image, f"ranges: gap at {end}", r)
        end = r["offset"] + r["length"]
    if end != (os.path.getsize(image) + 511) // 512 * 512 and \
            end != (os.path.getsize(image) + size - 1) // size * size:
        complain(image, f"ranges end at {end}")
    at = 0
    for r in dump(image, "refcounts"):
        if r["type"] == "refcount":
            if r["cluster"] < at:
                complain(image, "refcounts go back", r)
            at = r["cluster"] + r["clusters"]
    host = json.loads(ours(image, "map", "--output=json"))
    validate(image, "map-host", host)


def compare_check(image):
    """JSON of check by its schema, with the tree of metadata."""
    status, out, err = run(program, "check", "--output=json", "-M", "--stats",
                           "--progress=json", image)
    value = json.loads(out)
    validate(image, "check", value)
    if value["qcheck"]["exit-status"] != status:
        complain(image, f"exit status {status}, in JSON {value['qcheck']['exit-status']}")
    for line in err.splitlines():
        if line.startswith("{"):
            validate(image, "progress", json.loads(line))
    return value


def compare_export(image):
    """JSON of export by its schema; its states add up to the disk."""
    out = os.path.join(tempfile.gettempdir(), f"agree-{os.getpid()}.raw")
    status, text, err = run(program, "export", "--output=json", "--progress=json",
                            "--overwrite", image, out)
    size = os.path.getsize(out) if os.path.exists(out) else 0
    if os.path.exists(out):
        os.unlink(out)
    if status == 1 and not text:
        return
    value = json.loads(text)
    validate(image, "export", value)
    if value["complete"] and sum(value["bytes"].values()) != size:
        complain(image, f"export of {size} bytes tells of {value['bytes']}")
    if (status == 2) != bool(value["lost"]):
        complain(image, f"export ends with {status} and has lost {value['lost'][:3]}")
    for line in err.splitlines():
        if line.startswith("{"):
            validate(image, "progress", json.loads(line))


def compare_plan(image):
    """A plan is written as its schema says, and so is its progress."""
    status, _, err = run(program, "plan", "repair", "discard", "--progress=json", image)
    lines = [json.loads(x) for x in err.splitlines() if x.startswith("{")]
    for line in lines:
        validate(image, "progress", line)
    if status == 0 and (not lines or lines[-1]["progress"]["permille"] != 1000):
        complain(image, f"progress of a plan ends with {lines[-1:]}")


def compare_viscera(image, value, size):
    """The tree names every cluster of metadata, no other."""
    wanted, found = {}, set()
    names = {"header", "l1-active", "l1-snapshot", "l2", "refcount-table", "refcount-block",
             "snapshot-table", "bitmap-directory", "bitmap-table", "bitmap-data",
             "encryption-header"}
    for r in dump(image, "ranges"):
        if r["class"] in names:
            wanted.update((c, r["class"]) for c in
                          range(r["offset"] // size, (r["offset"] + r["length"]) // size))

    def walk(node):
        if isinstance(node, dict):
            if set(node) == {"offset", "size"}:
                if node["size"]:
                    found.update(range(node["offset"] // size,
                                       (node["offset"] + node["size"] - 1) // size + 1))
                return
            node = list(node.values())
        if isinstance(node, list):
            for child in node:
                walk(child)

    walk(value["viscera"])
    if found != set(wanted):
        complain(image, "viscera without " + str([(c, wanted[c]) for c in
                                                  sorted(set(wanted) - found)][:5]),
                 f"viscera too many {sorted(found - set(wanted))[:5]}")


def one_image(image, sound):
    value = compare_check(image)
    compare_info(image)
    got = ours(image, "info", "--output=json")
    if got is None:
        return
    info = json.loads(got)
    size = info["cluster-size"]
    data = info["format-specific"]["data"]
    for table in ("header", "l1"):
        dump(image, table, *(["--snapshot=all"] if table == "l1" else []))
    status, out, err = run(program, "at", "0", "L1[0]", "guest 0", "rt 0", "end",
                           "--output=json", image)
    validate(image, "at", json.loads(out))
    if info["virtual-size"] <= 1 << 30:
        compare_export(image)
        compare_plan(image)
    if sound:
        guest_map = compare_map(image)
        compare_l2(image, guest_map, size, data.get("extended-l2"))
        if not value["qcheck"]["counts"]["corruption"]:
            compare_viscera(image, value, size)
    else:
        dump(image, "l2", "--snapshot=all")
    compare_lists(image)
    compare_ranges(image, size)


def main():
    if not jsonschema:
        print("no jsonschema: forms are not validated")
    status, out, _ = run(program, "explain", "--output=json")
    validate("explain", "explain", json.loads(out))
    samples = os.path.join(tree, "data", "samples")
    os.chdir(samples)
    for name in sorted(os.listdir(samples)):
        if name.endswith(".qcow2"):
            code, _, _ = run("qemu-img", "check", "-q", name)
            one_image(name, code == 0)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        n = 0
        for seed in seeds:
            for kind in make.KINDS if os.environ.get("ALL_KINDS") else SOME:
                name = f"{kind}-{seed}.qcow2"
                make.build(kind, seed, name)
                one_image(name, True)
                n += 1
        print(f"{n} images and the samples, {bad} differences")
        os.chdir("/")
    return 1 if bad else 0


sys.exit(main())
