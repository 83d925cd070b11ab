# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Cuts images short, and wants the length that check asks for to be one that the file had: a copy
that is whole must not be refused. QCHECK names the program.

    lengths.py N [SEED]
"""

import os
import random
import re
import sys
import tempfile

import causes
import make


def main(n, seed):
    asked = wrong = 0
    for k in range(n):
        rng = random.Random(f"{seed} {k}")
        kind = list(make.KINDS)[k % len(make.KINDS)]
        make.build(kind, f"{seed}/{k}", "x.qcow2")
        was = os.path.getsize("x.qcow2")
        os.truncate("x.qcow2", int(was * rng.choice([.999, .97, .9, rng.uniform(.3, .9)])))
        report = causes.check("x.qcow2")
        steps = " ".join(report["qcheck"]["verdict"]["next-steps"]) if report else ""
        least = re.search(r"longer copy of the file \(at least (\d+) bytes\)", steps)
        asked += bool(least)
        if least and int(least[1]) > was:
            wrong += 1
            print(f"{kind} {seed}/{k}: at least {least[1]} bytes are asked for, it had {was}")
    print(f"{n} files cut short, a longer copy asked for of {asked}, {wrong} times too long a one")
    return wrong > 0 or asked < n // 3


if __name__ == "__main__":
    os.environ["QCHECK"] = os.path.abspath(os.environ["QCHECK"])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        sys.exit(main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "1"))
