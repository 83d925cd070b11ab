# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Every command on damaged images: it ends in time and not by a signal, its status is one
of those it may have, JSON is whole and fits its schema, and no byte of the image reaches
the output raw.

    hostile.py PROGRAM SOURCE-TREE IMAGES [SEED]
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
program, tree = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
images = int(sys.argv[3])
seed = sys.argv[4] if len(sys.argv) > 4 else "1"
sys.path.insert(0, os.path.join(tree, "tests", "oracle"))

import make      # noqa: E402
import mutate    # noqa: E402
import qcow2     # noqa: E402

try:
    import jsonschema
except ImportError:
    jsonschema = None

KINDS = ["plain", "v2", "narrow-shared", "extended-snapshots", "compressed", "data-file",
         "vm-state", "bitmaps-snapshots", "metadata", "luks"]
LIMIT = 60          # seconds; a sanitizer and a busy machine are slow
VALIDATED = 2000    # lines of a long listing held against the schema

# arguments, schema of the whole output or "lines", statuses
COMMANDS = [
    (["check", "-xd"], None, (1, 2, 3, 0)),
    (["check", "--output=json", "-M", "--stats", "--max-problems=50"], "check", (1, 2, 3, 0)),
    (["info"], None, (0, 1)),
    (["info", "--output=json", "--untrusted"], "info", (0, 1, 4)),
    (["map"], None, (0, 1)),
    (["map", "--output=json"], "map-host", (0, 1)),
    (["map", "--output=ansi", "--columns=7"], None, (0, 1)),
    (["map", "--space=guest", "--output=json"], "map-guest", (0, 1)),
    (["map", "--space=guest", "--output=ansi"], None, (0, 1)),
    *[(["dump", table, "--output=json"], "lines", (0, 1))
      for table in ("header", "refcounts", "snapshots", "bitmaps", "ranges")],
    (["dump", "l1", "--snapshot=all", "--output=json"], "lines", (0, 1)),
    (["dump", "l2", "--snapshot=all", "--output=json", "--used"], "lines", (0, 1)),
    (["dump", "l2", "--used"], None, (0, 1)),
    (["at", "0", "end", "L1[0]", "L1[99999]", "L2[0][0]", "guest 0", "guest 1M", "snap 1",
      "snap 1 L2[0][1]", "bitmap 1", "rt 0", "rb 0 0", "0x7fffffffffffffff"], None, (0, 1)),
    (["at", "0", "guest 64k", "--output=json"], "at", (0, 1)),
]

bad = 0
SCHEMAS = {}


def load_schemas():
    for name in os.listdir(os.path.join(tree, "data", "schema")):
        with open(os.path.join(tree, "data", "schema", name)) as f:
            value = json.load(f)
        name = name.replace(".schema.json", "")
        if name == "dump":
            for line in value["oneOf"]:
                SCHEMAS["line " + line["properties"]["type"]["const"]] = \
                    jsonschema.Draft7Validator(line)
        else:
            SCHEMAS[name] = jsonschema.Draft7Validator(value)


def schema_fault(value, name):
    for error in SCHEMAS[name].iter_errors(value) if jsonschema else []:
        return f"{name} {error.json_path}: {error.message[:200]}"
    return None


def problems_of_lines(output):
    """A hostile table may have millions of lines: all are parsed, some are validated."""
    number, value = -1, None
    for number, line in enumerate(output.splitlines()):
        value = json.loads(line)
        fault = number < VALIDATED and schema_fault(value, f"line {value['type']}")
        if fault:
            return fault
    if value != {"type": "end", "records": number}:
        return "no end record"
    return schema_fault(value, "line end")


def problems_of(output, form):
    """What is wrong with JSON output."""
    try:
        if form == "lines":
            return problems_of_lines(output)
        value = json.loads(output)
        if isinstance(value, dict) and "error" in value.get("qcheck", {}):
            form = "refused"
        return schema_fault(value, form)
    except ValueError as error:
        return str(error)


HARMLESS = bytes(b for b in range(256) if (b >= 32 or b in (9, 10)) and b not in (127, 0x9b))


def raw_bytes(output):
    return output.translate(None, HARMLESS) != b""


def one_command(image, args, form, statuses):
    try:
        done = subprocess.run([program, *args, image], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return f"not finished in {LIMIT} s"
    err = done.stderr.decode(errors="replace")
    if done.returncode not in statuses:
        return f"exit status {done.returncode}\n{err[-3000:]}"
    if raw_bytes(done.stdout) or raw_bytes(done.stderr):
        return "bytes that act on a terminal"
    # A failure must be told; then the output may be cut short.
    if done.returncode == 1 and not err:
        return "failed without a message"
    if form and not (done.returncode == 1 and args[0] != "check") and done.stdout:
        return problems_of(done.stdout, form)
    return None


def main():
    global bad
    if jsonschema:
        load_schemas()
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        surveys = {}
        for number in range(images):
            kind = KINDS[number % len(KINDS)]
            base = f"{kind}.base.qcow2"
            if kind not in surveys:
                make.build(kind, seed, base)
                surveys[kind] = mutate.Survey(base)
            shutil.copy(base, "image.qcow2")
            ops = mutate.damage(surveys[kind], base, rng)
            qcow2.apply_ops("image.qcow2", ops)
            for args, form, statuses in COMMANDS:
                fault = one_command("image.qcow2", args, form, statuses)
                if fault:
                    bad += 1
                    print(f"{kind}: {' '.join(args)}: {fault}")
                    print(f"    make.py {kind} {seed}; ops {qcow2.ops_text(ops)}", flush=True)
        os.chdir("/")
    print(f"{images} damaged images, {len(COMMANDS)} commands on each, {bad} faults")
    return 1 if bad else 0


sys.exit(main())
