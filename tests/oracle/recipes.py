# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""The recipes of recipes.txt: each image is made, and the figures that are written down
compared with those of qemu-img and of qcheck (QCHECK names the program).

    recipes.py [--qemu-only] [NUMBER...]
"""

import os
import re
import shutil
import subprocess
import sys

import compare
import qcow2

KEYS = {"check-errors": "check-errors", "corruptions": "corruptions", "leaks": "leaks",
        "end": "image-end-offset", "total": "total-clusters",
        "allocated": "allocated-clusters", "fragmented": "fragmented-clusters",
        "compressed": "compressed-clusters"}

# name: options for qemu-img create, size, commands for qemu-io, commands of qemu-img
WRITES = ["write -P 0x11 0 64k", "write -P 0x22 64k 64k", "write -P 0x33 1M 64k"]
STARTS = {
    "base": ("cluster_size=64k", "64M", WRITES),
    "snapshot": ("cluster_size=64k", "64M", [*WRITES, "snapshot -c snapA"]),
    "bitmap": ("cluster_size=64k", "64M",
               [*WRITES, "bitmap --add -g 64k bm", "write -P 0x44 2M 64k"]),
    "compressed": ("cluster_size=64k", "64M",
                   [f"write -c -P 0x5{i} {i}M 64k" for i in range(3)]),
    "extended": ("cluster_size=64k,extended_l2=on", "64M",
                 ["write -P 0x61 0 4k", "write -P 0x62 64k 64k",
                  "write -c -P 0x63 1M 64k"]),
    "data-file": ("cluster_size=64k,data_file=d.raw", "64M", ["write 0 128k"]),
    "wide": ("cluster_size=512,refcount_bits=64", "1M", ["write 0 64k"]),
    "narrow": ("cluster_size=64k,refcount_bits=1", "64M", ["write 0 128k"]),
    "two-bit": ("cluster_size=64k,refcount_bits=2", "64M", ["write 0 64k"]),
    "small": ("cluster_size=512", "16M", ["write 0 64k"]),
    "empty-small": ("cluster_size=512", "16M", []),
    "version-2": ("cluster_size=64k,compat=0.10", "64M", WRITES),
}


def start(name):
    """Makes the sound image NAME.start."""
    path = name + ".start"
    options, size, steps = STARTS[name]
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, path, size],
                   check=True)
    for step in steps:
        tool, *rest = step.split()
        if tool == "write":
            args = ["qemu-io", "-f", "qcow2", "-c", step, path]
        elif tool == "snapshot":
            args = ["qemu-img", "snapshot", *rest, path]
        else:
            args = ["qemu-img", "bitmap", *rest[:-1], "-f", "qcow2", path, rest[-1]]
        subprocess.run(args, check=True, stdout=subprocess.DEVNULL)


def parse(lines):
    """[dict] with number, title, on, do, status, counts, says."""
    found = []
    for line in lines:
        line = line.rstrip("\n")
        title = re.fullmatch(r"\[(\d+)\] (.*)", line)
        if title:
            found.append({"number": int(title[1]), "title": title[2], "do": [],
                          "counts": None, "says": None})
        elif line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            if word == "do":
                found[-1]["do"] += qcow2.ops_parse(rest)
            elif word == "status":
                found[-1]["status"] = int(rest)
            elif word == "counts":
                counts = found[-1]["counts"] = found[-1]["counts"] or {}
                counts.update((KEYS[key], int(n)) for key, n in
                              (pair.split("=") for pair in rest.split()))
            else:
                found[-1][word] = rest
    return found


def judge(recipe, outcome):
    """[what is not as written]"""
    wrong = []
    if outcome.status != recipe["status"]:
        wrong.append(f"exit status {outcome.status} instead of {recipe['status']}")
    if recipe["counts"] is None:
        if outcome.counts is not None:
            wrong.append(f"there are figures: {outcome.counts}")
        if recipe["says"] not in outcome.stderr:
            wrong.append(f"{outcome.stderr.strip()!r} does not say {recipe['says']!r}")
        return wrong
    for key in KEYS.values():
        want, got = recipe["counts"].get(key, 0), (outcome.counts or {}).get(key, 0)
        if want != got:
            wrong.append(f"{key} {got} instead of {want}")
    return wrong


def run(recipes, qemu_only):
    failed = 0
    for recipe in recipes:
        if not os.path.exists(recipe["on"] + ".start"):
            start(recipe["on"])
        shutil.copyfile(recipe["on"] + ".start", "image.qcow2")
        qcow2.apply_ops("image.qcow2", recipe["do"])
        qemu = compare.qemu_check("image.qcow2", "plain", None)
        wrong = [f"qemu-img: {line}" for line in judge(recipe, qemu)]
        if not qemu_only:
            ours = compare.qcheck_outcome("image.qcow2")
            wrong += compare.differences("plain", qemu, ours)
        if wrong:
            failed += 1
            print(f"[{recipe['number']}] {recipe['title']}")
            print("".join(f"    {line}\n" for line in wrong), end="")
    print(f"{len(recipes)} recipes, {failed} not as written")
    return 1 if failed else 0


def main():
    args = sys.argv[1:]
    numbers = [int(arg) for arg in args if arg.isdigit()]
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "recipes.txt"),
              encoding="utf-8") as file:
        recipes = [r for r in parse(file) if not numbers or r["number"] in numbers]
    if "QCHECK" in os.environ:
        os.environ["QCHECK"] = os.path.abspath(os.environ["QCHECK"])
    with compare.temporary() as folder:
        os.chdir(folder)
        return run(recipes, "--qemu-only" in args)


if __name__ == "__main__":
    sys.exit(main())
