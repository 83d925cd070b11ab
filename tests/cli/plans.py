# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Plans, one folder of tests/plan each: an image made by `recipe` (a shell script; $samples is
the folder of the samples, `poke` changes image.qcow2 by name, see tests/oracle/qcow2.py), the
arguments of `qcheck plan` in `goals`, and what is expected: `before` and `after` sum up the
check, `plan` is what the plan says. Taking the plan back must give the very bytes.

    plans.py FOLDER...       UPDATE_GOLDEN=1 writes what is expected anew
    plans.py --all FOLDER    each folder in it; every goal and every cause must be among them
"""

import difflib
import json
import os
import re
import subprocess
import sys
import tempfile

QCHECK = os.path.abspath(os.environ["QCHECK"])
TOP = os.path.abspath(os.environ["top_srcdir"])
# Causes that come of the storage or of other programs, not of the bytes of an image.
OUTSIDE = {"storage-failing", "in-use", "host-holes"}
ELSEWHERE = {"rescue"}      # goals with tests of their own
POKE = os.path.join(TOP, "tests", "oracle", "qcow2.py")


def qcheck(*args):
    done = subprocess.run([QCHECK, *args], capture_output=True, text=True, check=False)
    if done.returncode > 3 or done.returncode < 0:
        raise RuntimeError(f"qcheck {' '.join(args)}: {done.returncode} {done.stderr}")
    return done


def summary(path):
    """What check finds, without words that may change."""
    told = json.loads(qcheck("check", "--output", "json", path).stdout)
    own = told["qcheck"]
    lines = [f"corruptions {told.get('corruptions', 0)}, leaks {told.get('leaks', 0)}"]
    if own.get("refused"):
        lines.append(f"refused {own['refused']['rule']}")
    lines += [f"{kind['id']} {kind['count']}" for kind in own["kinds"]]
    return "\n".join(lines) + "\n"


def compare(folder, name, text):
    """[what differs]"""
    path = os.path.join(folder, name)
    if os.environ.get("UPDATE_GOLDEN"):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return []
    with open(path, encoding="utf-8") as file:
        wanted = file.read()
    return [] if text == wanted else list(difflib.unified_diff(
        wanted.splitlines(), text.splitlines(), path, "now", lineterm=""))


def content(path):
    with open(path, "rb") as file:
        return file.read()


class Seen:
    """Goals and causes that the folders show."""

    def __init__(self):
        self.goals = set()
        self.causes = set()

    def add(self, goals, path):
        self.goals.update(goals)
        told = json.loads(qcheck("check", "--deep", "--output", "json", path).stdout)
        self.causes.update(cause["id"] for cause in told["qcheck"]["causes"])

    def missing(self):
        """[what no folder shows]"""
        words = qcheck("explain").stdout.split("\nCauses of lost data\n")[1].splitlines()
        causes = {line.split()[0] for line in words if line.startswith("  ")}
        words = re.sub(r"\([^)]*\)", "", qcheck("plan", "--help").stdout)
        goals = set(words.split("Goals:")[1].split(".")[0].replace(",", " ").split())
        return sorted((causes - self.causes - OUTSIDE) | (goals - self.goals - ELSEWHERE))


def run(folder, seen):
    with open(os.path.join(folder, "goals"), encoding="ascii") as file:
        goals = file.read().split()
    script = (f'set -e\nsamples="{TOP}/data/samples"\n'
              f'poke() {{ "{sys.executable}" -B "{POKE}" image.qcow2 poke "$@"; }}\n'
              f'ops() {{ "{sys.executable}" -B "{POKE}" image.qcow2 ops "$1"; }}\n'
              f'. "{folder}/recipe"\n')
    subprocess.run(["sh", "-c", script], check=True)
    was = content("image.qcow2")
    seen.add(goals, "image.qcow2")
    wrong = compare(folder, "before", summary("image.qcow2"))
    plan = qcheck("plan", *goals, "-o", "plan.json", "image.qcow2")
    wrong += compare(folder, "plan", plan.stdout + plan.stderr)
    if content("image.qcow2") != was:
        wrong.append("planning changed the image")
    if plan.returncode:
        return wrong
    done = qcheck("apply", "plan.json", "image.qcow2", "--in-place", "--undo", "undo")
    if done.returncode:
        wrong.append(f"apply: {done.stderr}")
    wrong += compare(folder, "after", summary("image.qcow2"))
    done = qcheck("undo", "undo", "image.qcow2")
    if done.returncode or content("image.qcow2") != was:
        wrong.append(f"undo does not give the image back {done.stderr}")
    return wrong


def main():
    bad = 0
    seen = Seen()
    folders = sys.argv[1:]
    if folders[0] == "--all":
        folders = [entry.path for entry in sorted(os.scandir(folders[1]), key=lambda e: e.name)]
    for folder in [os.path.abspath(name) for name in folders]:
        with tempfile.TemporaryDirectory() as work:
            os.chdir(work)
            try:
                wrong = run(folder, seen)
            except (RuntimeError, OSError, subprocess.SubprocessError) as e:
                wrong = [str(e)]
            os.chdir("/")
        if wrong:
            print(f"FAIL: {os.path.basename(folder)}", *wrong, sep="\n")
            bad = 1
    if sys.argv[1] == "--all" and seen.missing():
        print("FAIL: no plan shows", *seen.missing())
        bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
