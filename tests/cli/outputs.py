# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""What qcheck prints about the samples: every member of JSON is in a schema and, with its
description, in the manual; no number says "not known" by being 2^64 - 1; ranges are in one
form and are those of the figures beside them.

    outputs.py PROGRAM SOURCE-TREE
"""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile

program, tree = os.path.abspath(sys.argv[1]), sys.argv[2]
SENTINEL = str(2 ** 64 - 1)
bad = 0


def complain(*what):
    global bad
    bad += 1
    print(*what)


def run(*args):
    done = subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    text = done.stdout.decode()
    if SENTINEL in text:
        complain(args, "prints", SENTINEL)
    return text


def load(name):
    with open(os.path.join(tree, "data", "schema", name + ".schema.json")) as f:
        return json.load(f)


def declared(part, path=""):
    """Every member of a schema with its description, by path."""
    found = {}
    for name, member in part.get("properties", {}).items():
        below = path + ("." if path else "") + name
        found[below] = member.get("description")
        found.update(declared(member, below))
    if "items" in part:
        found.update(declared(part["items"], path + "[]"))
    for branch in part.get("oneOf", []):
        found.update(declared(branch, path))
    return found


def printed(value, path=""):
    """Every member of a value, by path."""
    if isinstance(value, list):
        return {p for v in value for p in printed(v, path + "[]")}
    if not isinstance(value, dict):
        return set()
    found = set()
    for name, member in value.items():
        below = path + ("." if path else "") + name
        found |= {below} | printed(member, below)
    return found


SCHEMAS = {name: load(name) for name in
           ("check", "info", "dump", "map-guest", "map-host", "at", "explain", "progress",
            "refused", "pack", "plan", "diff", "watch", "check-line")}
LINES = {line["properties"]["type"]["const"]: line for line in SCHEMAS["dump"]["oneOf"]}
COUNTS = re.compile(r"^steps\[\]\.(before|after)\.")    # one for each kind of problem
OPEN = re.compile(r"^qcheck\.stats\.seconds\.")      # one for each phase


def compare(what, members, schema):
    for path in sorted(members - set(declared(schema))):
        if not OPEN.match(path):
            complain(what, "prints", path, "which no schema names")


def manual():
    with open(os.path.join(os.path.dirname(program), "man", "qcheck-json.5")) as f:
        page = f.read().replace("\\-", "-").replace("\\(dq", '"').replace("\\e", "\\")
        page = page.replace("\\&", "")
    # Lines are wrapped.
    flat = " ".join(page.split())
    for name, schema in SCHEMAS.items():
        for path, words in declared(schema).items():
            if not words:
                complain("no description of", path, "in", name)
            elif f".B {path} {' '.join(words.split())} ." not in flat:
                complain("the manual does not tell of", path, "of", name)
    sample = page.split(".nf\n")[1].split("\n.fi")[0].replace("\n ", " ").split("\n")
    lines = run("dump", "l1", "--output=json", "--used",
                os.path.join(tree, "data", "samples", "leak.qcow2")).split("\n")
    for line in sample:
        if line != "..." and line not in lines:
            complain("the sample in the manual is not what is printed:", line)


def size(text):
    number, unit = re.match(r"([0-9.]+) ([KMGTPE]?)i?B$", text).groups()
    return int(float(number) * 1024 ** " KMGTPE".index(unit or " "))


END = r"(0x[0-9a-f]+|[0-9]+ [KMGTPE]?i?B)"
RANGE = re.compile(f"guest {END} - {END}(?: and {END} - {END})?$")


def number(text):
    return int(text, 16) if text.startswith("0x") else size(text)


def ranges(image, check, disk):
    """Ranges in the text of a record are those of its members."""
    for p in check["qcheck"]["problems"]:
        found = RANGE.search(p["text"])
        if not found:
            if ", guest " in p["text"]:
                complain(image, "no range in:", p["text"])
            continue
        words = [w for w in found.groups() if w]
        if len({w.startswith("0x") for w in words[:2]}) > 1:
            complain(image, "two forms in one range:", p["text"])
        ends = [number(w) for w in words]
        if any(a >= b or b > max(disk, a + 1) for a, b in zip(ends[::2], ends[1::2])
               if a < disk):
            complain(image, "an odd range:", p["text"])
        start = p["guest-offset"]
        end = start + p["guest-length"]
        if p["id"] not in ("double-allocation", "overlap") and ends != [
                start, min(end, disk) if start < disk else end]:
            complain(image, "another range than the members give:", p["text"])


def one_image(path):
    name = os.path.basename(path)
    check = json.loads(run("check", "--output=json", "--metadata", "--stats", path))
    info = json.loads(run("info", "--output=json", "--verbose", path))
    compare(name, printed(check), SCHEMAS["check"])
    compare(name, printed(info), SCHEMAS["info"])
    ranges(name, check, info["virtual-size"])
    for space in "guest", "host":
        compare(name, printed(json.loads(run("map", "--output=json", "--space=" + space, path))),
                SCHEMAS["map-" + space])
    for table in ("header", "l1", "l2", "refcounts", "snapshots", "bitmaps", "ranges"):
        for limit in [], ["--memory-limit=33M"]:
            for line in run("dump", table, "--output=json", *limit, path).splitlines():
                value = json.loads(line)
                compare(name, printed(value), LINES[value["type"]])
        run("dump", table, path)
    for address in "0", "end", "guest 0", "L1[0]", "L2[0][0]", "9999c", "rb 0 5":
        text = run("at", "--output=json", address, path)
        compare(name, printed(json.loads(text)), SCHEMAS["at"])
        run("at", address, path)
    with tempfile.TemporaryDirectory() as work:
        plan = os.path.join(work, "plan")
        run("plan", "repair", "--accept-loss", "-o", plan, path)
        if os.path.exists(plan) and os.path.getsize(plan):
            with open(plan) as f:
                members = printed(json.load(f))
            compare(name, {m for m in members if not COUNTS.search(m)}, SCHEMAS["plan"])
    run("check", "--deluge", path)
    run("info", path)


images = sorted(glob.glob(os.path.join(tree, "data", "samples", "*.qcow2")))
if len(images) < 20:
    complain("only", len(images), "samples")
for image in images:
    one_image(image)
compare("explain", printed(json.loads(run("explain", "--output=json"))), SCHEMAS["explain"])
manual()
sys.exit(bad > 0)
