# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""The other commands on damaged images: `qcheck map --space guest` is compared with
`qemu-img map`, `qcheck info` with `qemu-img info`; all the rest must end in time, without
a crash, with valid JSON, and with the same result whatever the number of threads.

    others.py -n 300 --seed 1   that many images; QCHECK names the program
    others.py --kind ...        one image, see compare.py
"""

import json
import sys

import compare
import rules

# arguments, and what comes out: "json" one value, "lines" one object per line, "" text
COMMANDS = [
    (["check", "--output", "json", "-M", "--threads", "5"], "json"),
    (["check", "-x", "-l", "MDVFAUE", "-d"], ""),
    (["check", "-q"], ""),
    (["info"], ""),
    (["map", "--output", "json"], "json"),
    (["map", "--output", "ansi", "--columns", "40"], ""),
    (["map", "--space", "guest", "--output", "ansi"], ""),
    *((["dump", what, "--output", "json"], "lines") for what in
      ("header", "refcounts", "snapshots", "bitmaps", "ranges")),
    (["dump", "l1", "--snapshot", "all", "--output", "json"], "lines"),
    (["dump", "l2", "--snapshot", "all", "--used", "--output", "json"], "lines"),
    (["dump", "l2", "--used"], ""),
    (["dump", "snapshots"], ""),
    (["at", "--output", "json", "0", "3c", "end", "guest 0", "L1[0]", "L2[0][1]"], "json"),
    (["at", "rt 0", "rb 0 3", "header 40", "guest 64k"], ""),
]


def ended_badly(status, err):
    if status == "timeout":
        return "does not end"
    if status < 0 or status > 3 or b"Sanitizer" in err:
        return f"ends with {status}: {err[-2000:].decode(errors='replace')}"
    return None


def smoke(path):
    found = []
    for args, form in COMMANDS:
        status, out, err = compare.qcheck(*args, path)
        bad = ended_badly(status, err)
        try:
            if form == "json" and status != 1:
                json.loads(out)
            elif form == "lines" and status != 1:
                *_, last = [json.loads(line) for line in out.splitlines()]
                if "end" not in last.values() and "end" not in last:
                    bad = f"has no end record: {last}"
        except ValueError as error:
            bad = f"prints no JSON: {error}"
        if bad:
            found.append(f"qcheck {' '.join(args)}: {bad}")
    return found


def threads(path):
    """One thread and seven must give the same bytes."""
    one, seven = (compare.qcheck("check", "--output", "json", "--threads", n, path)[:2]
                  for n in ("1", "7"))
    return [] if one == seven else ["qcheck check: the number of threads matters"]


def extents(listing):
    """Extents as they compare: merged, without keys that only one program has. Data may
    be told to read as zeros from what the host file system knows: not compared."""
    merged = []
    for item in listing:
        if item["length"] == 0:     # all that qemu-img lists of an empty disk
            continue
        item = {key: item[key] for key in
                ("start", "length", "depth", "present", "zero", "data", "offset")
                if key in item}
        if item["data"]:
            item["zero"] = False
        if merged:
            last = merged[-1]
            same = all(last.get(key) == item.get(key)
                       for key in ("depth", "present", "zero", "data"))
            follows = ("offset" in last) == ("offset" in item) and (
                "offset" not in item or last["offset"] + last["length"] == item["offset"])
            if same and follows:
                last["length"] += item["length"]
                continue
        merged.append(item)
    return merged


def map_differences(path):
    status, out, _ = compare.call(["qemu-img", "map", "--output=json", "-f", "qcow2", path])
    ours = compare.qcheck("map", "--space", "guest", "--backing", "--output", "json",
                          path)
    bad = ended_badly(ours[0], ours[2])
    if bad:
        return [f"qcheck map: {bad}"]
    if status != 0:
        return []
    theirs, mine = extents(json.loads(out)), extents(json.loads(ours[1]))
    for a, b in zip(theirs, mine):
        if a != b:
            return [f"map: qemu-img {a}, qcheck {b}"]
    return [] if len(theirs) == len(mine) else [
        f"map: qemu-img lists {len(theirs)} extents, qcheck {len(mine)}"]


def inside(theirs, mine, where):
    """[what of theirs mine does not say]"""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        return [line for key in theirs
                for line in inside(theirs[key], mine.get(key), f"{where}.{key}")]
    if isinstance(theirs, list) and isinstance(mine, list) and len(theirs) == len(mine):
        return [line for i, pair in enumerate(zip(theirs, mine))
                for line in inside(*pair, f"{where}[{i}]")]
    return [] if theirs == mine else [f"{where}: qemu-img {theirs}, qcheck {mine}"]


def info_differences(path):
    status, out, _ = compare.call(["qemu-img", "info", "--output=json", "-f", "qcow2",
                                   path])
    ours = compare.qcheck("info", "--output", "json", path)
    bad = ended_badly(ours[0], ours[2])
    if bad:
        return [f"qcheck info: {bad}"]
    if status != 0:
        return []
    theirs, mine = json.loads(out), json.loads(ours[1])
    # Left out on purpose: snapshots where there is no byte of them in the file.
    if mine["qcheck"]["snapshots-read"] < mine["qcheck"]["snapshots-announced"]:
        theirs.pop("snapshots", None)
    return inside(theirs, mine, "info")


class Others(compare.Comparison):
    def judge(self, base, path, sound):
        mode, qemu = compare.qemu_outcome(path, base.mode, base.data_file)
        ours = compare.qcheck_outcome(path)
        found = smoke(path)
        if rules.rule_of(qemu.stderr) not in rules.UNREADABLE:
            found += threads(path) + info_differences(path)
            if mode == "plain":
                found += map_differences(path)
        return mode, qemu, ours, found


if __name__ == "__main__":
    sys.exit(compare.main(Others, __doc__))
