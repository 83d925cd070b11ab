# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Checks the sample images: INDEX, files and recipes belong together, making them again
gives the same bytes, and qemu-img and qcheck (QCHECK names it) find what is written here.

    samples.py FOLDER [--qemu-only]
"""

import filecmp
import os
import subprocess
import sys

import compare

# name: (exit status of qcheck, what it finds: problem id = how many places)
EXPECT = {
    "bad-bitmap": (1, {"bitmap-fault": 1}),
    "bad-snapshot": (1, {"snapshot-l1-misaligned": 1, "leaked-cluster": 5,
                         "refcount-too-high": 5, "snapshot-table-fault": 1}),
    "bitmaps": (0, {}),
    "compressed": (0, {}),
    "dirty": (2, {"refcount-zero": 12, "data-copied-flag": 12, "dirty-bit": 1}),
    "double-data": (2, {"refcount-too-low": 2, "leaked-cluster": 2,
                        "double-allocation": 2}),
    "double-table": (2, {"refcount-too-low": 1, "leaked-cluster": 1, "overlap": 1}),
    "extended-l2": (0, {}),
    "broken-stream": (0, {}),
    "files": (2, {"data-past-end": 11, "data-copied-flag": 11, "leaked-cluster": 11}),
    "flipped-bit": (2, {"l2-reserved-bits": 1}),
    "header": (1, {"header-fault": 1,
                   "header-extension-fault": 1, "header-value-replaced": 1,
                   "unknown-incompatible-feature": 1}),
    "healthy": (0, {}),
    "hidden": (0, {"overlap": 1, "double-allocation": 1}),
    "l1-astray": (2, {"l1-table-past-end": 1, "leaked-cluster": 35,
                      "header-value-proposed": 1}),
    "l1-wiped": (3, {"leaked-cluster": 34}),
    "refcounts-lost": (2, {"refcount-zero": 38, "l2-table-copied-flag": 3,
                           "data-copied-flag": 31}),
    "shifted": (2, {"data-past-end": 64, "compressed-past-end": 64, "l2-reserved-bits": 64,
                    "leaked-cluster": 19}),
    "two-writers": (2, {"refcount-too-low": 10, "leaked-cluster": 10,
                        "double-allocation": 10}),
    "wrong-type": (0, {}),
    "l2-overwritten": (2, {"data-past-end": 10, "leaked-cluster": 10}),
    "l2-wiped": (3, {"leaked-cluster": 10}),
    "leak": (3, {"leaked-cluster": 6, "refcount-too-high": 1}),
    "many": (2, {"data-past-end": 40, "compressed-past-end": 1, "l2-reserved-bits": 25,
                 "refcount-zero": 7, "refcount-too-low": 2, "l2-table-copied-flag": 1,
                 "data-copied-flag": 7, "leaked-cluster": 22, "refcount-too-high": 5,
                 "overlap": 1, "double-allocation": 1, "bitmap-in-use": 1,
                 "dirty-bit": 1}),
    "misaligned": (2, {"data-past-end": 32, "compressed-past-end": 32,
                       "l2-table-misaligned": 1, "l2-reserved-bits": 32,
                       "data-misaligned": 15, "zero-misaligned": 1,
                       "refcount-too-low": 2, "leaked-cluster": 8, "overlap": 1,
                       "double-allocation": 1}),
    "mixed": (0, {"overlap": 1}),
    "overlay": (0, {}),
    "refcount-zero": (2, {"refcount-zero": 4, "l2-table-copied-flag": 1,
                          "data-copied-flag": 3}),
    "snapshots": (0, {"vm-state": 2, "mapped-past-disk-end": 6}),
    "truncated": (2, {"data-past-end": 7, "tail-truncated": 1, "refcount-past-end": 1}),
    "header-gone": (1, {"header-value-replaced": 9}),
    "resized-live": (2, {"l2-table-past-end": 12, "l1-reserved-bits": 12,
                         "leaked-cluster": 101, "header-value-proposed": 1}),
    "l1-overwritten": (2, {"l2-table-past-end": 12, "l1-reserved-bits": 12,
                           "leaked-cluster": 101}),
    "l2-text": (2, {"compressed-past-end": 64, "leaked-cluster": 10}),
    "l2-pages": (3, {"leaked-cluster": 8}),
    "copied-running": (2, {"data-past-end": 1, "l2-table-past-end": 2, "refcount-zero":
                           12, "l2-table-copied-flag": 3, "data-copied-flag": 12}),
    "luks-lost": (0, {}),
    "lost-base": (1, {"side-file-missing": 1}),
    "base-elsewhere": (0, {}),
    "base-format": (0, {}),
    "lost-data-file": (1, {"side-file-missing": 1}),
    "no-space": (2, {"refcount-zero": 1, "l2-table-copied-flag": 1, "leaked-cluster":
                     4}),
    "copied-flags": (2, {"data-copied-flag": 72}),
    "marked-corrupt": (2, {"refcount-too-low": 1, "leaked-cluster": 1, "overlap": 1,
                           "corrupt-bit": 1}),
    "unflushed": (0, {"dirty-bit": 1}),
    "packed": (0, {}),
    "old-tail": (0, {}),
    "bloated": (0, {}),
    "zeros-stored": (0, {}),
}


def index(folder):
    """[(name, title, lesson)]"""
    with open(os.path.join(folder, "INDEX"), encoding="utf-8") as file:
        rows = [line.rstrip("\n").split(" | ") for line in file if not line.startswith("#")]
    return [tuple(row) if len(row) == 3 else sys.exit(f"INDEX: {row}") for row in rows]


def check_index(folder):
    named = {name for name, _, _ in index(folder)}
    there = {name[:-6] for name in os.listdir(folder) if name.endswith(".qcow2")}
    return [f"{name}: only in {'INDEX' if name in named else 'the folder'}"
            for name in sorted(named ^ there)]


def check_readme(folder):
    with open(os.path.join(folder, "..", "..", "README.md"), encoding="utf-8") as file:
        lines = set(file.read().splitlines())
    return [f"{name}: README.md has no row '{row}'" for name, title, lesson in index(folder)
            for row in [f"| `{name}` | **{title}.** {lesson} |"] if row not in lines]


def check_sizes(folder):
    sizes = {name: os.path.getsize(os.path.join(folder, name + ".qcow2"))
             for name, _, _ in index(folder)}
    del sizes["bloated"]        # text of no use; it packs into a few KiB
    wrong = [f"{name}: {size} bytes" for name, size in sizes.items() if size >= 110 * 1024]
    if sum(sizes.values()) >= 1536 * 1024:
        wrong.append(f"{sum(sizes.values())} bytes together")
    return wrong


def check_made_again(folder):
    """The bytes depend on QEMU: other versions than the one used prove nothing."""
    version = subprocess.run(["qemu-img", "--version"], capture_output=True, text=True)
    if "version 7.2" not in version.stdout:
        return []
    with compare.temporary() as made:
        subprocess.run([sys.executable, os.path.join(folder, "make-samples.py"), made],
                       check=True)
        return [f"{name}: making it again gives other bytes" for name, _, _ in index(folder)
                if not filecmp.cmp(os.path.join(folder, name + ".qcow2"),
                                   os.path.join(made, name + ".qcow2"), shallow=False)]


def check_findings(folder):
    wrong = []
    os.chdir(folder)        # the backing file is found from anywhere, names stay short
    for name, _, _ in index("."):
        path = name + ".qcow2"
        mode, qemu = compare.qemu_outcome(path, "plain", None)
        ours = compare.qcheck_outcome(path)
        wrong += [f"{name}: {line}" for line in compare.differences(mode, qemu, ours)]
        kinds = ((ours.counts or {}).get("qcheck") or {}).get("kinds") or []
        found = {kind["id"]: kind["count"] for kind in kinds}
        if (ours.status, found) != EXPECT.get(name):
            wrong.append(f"{name}: {(ours.status, found)} instead of {EXPECT.get(name)}")
    return wrong


def main():
    if "QCHECK" in os.environ:
        os.environ["QCHECK"] = os.path.abspath(os.environ["QCHECK"])
    folder = os.path.abspath(sys.argv[1])
    wrong = check_index(folder) + check_readme(folder) + check_sizes(folder)
    wrong += check_made_again(folder)
    if "--qemu-only" not in sys.argv:
        wrong += check_findings(folder)
    print("\n".join(wrong) or "the samples are as written")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
