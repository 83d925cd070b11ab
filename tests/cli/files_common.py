# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""What tests of qcheck files share: running it, checking what it says, and damage.

    TEST PROGRAM SOURCE-TREE ...
"""

import json
import os
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    jsonschema = None

program, tree = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.path.insert(0, os.path.join(tree, "tests", "oracle"))
import qcow2   # noqa: E402

MIB = 1 << 20
MISALIGNED = (1 << 63) | 512
bad = 0


def expect(what, got, wanted):
    global bad
    if got != wanted:
        bad += 1
        print(f"{what}:\n  got    {got}\n  wanted {wanted}")


def failed():
    return bad != 0


def run(*argv, status=(0,)):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode not in status:
        sys.exit(f"{argv}: status {done.returncode}: {done.stderr.decode()[-400:]}")
    return done.stdout


def schema(name):
    with open(os.path.join(tree, "data", "schema", name + ".schema.json"), encoding="utf-8") as f:
        return json.load(f)


SCHEMA = schema("files")


def files(image, *args, status=(0,)):
    report = json.loads(run(program, "files", "--output=json", *args, image, status=status))
    if jsonschema:
        jsonschema.Draft7Validator(SCHEMA).validate(report)
    return report


def damage(image, clusters, value=MISALIGNED):
    """Makes the entries of these guest clusters wrong (misaligned) or empty."""
    with qcow2.Image(image, True) as img:
        per_table = (1 << img.get("cluster_bits")) // 8
        for c in clusters:
            if img.get(f"l1[{c // per_table}]"):
                img.poke(f"l2[{c // per_table}][{c % per_table}]", value)
