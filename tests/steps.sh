#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
# Next steps that name commands of qcheck are commands that work: each plan that a verdict on a
# sample tells to make can be made, and the disk exported with it.
set -u
python=/usr/bin/python3
[ -x $python ] || { echo "python3 is not here"; exit 77; }
exec $python - "$QCHECK" "$top_srcdir/data/samples" <<'END'
import json, os, re, shutil, subprocess, sys, tempfile

program, folder = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
tried = set()
with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", ".")) as work:
    os.symlink(program, os.path.join(work, "qcheck"))
    env = dict(os.environ, PATH=os.path.abspath(work) + ":" + os.environ["PATH"])
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".qcow2"):
            continue
        for made in os.listdir(work):
            if made.endswith((".plan", ".raw")):
                os.unlink(os.path.join(work, made))
        shutil.copy(os.path.join(folder, name), work)
        got = subprocess.run([program, "check", "--output=json", name], cwd=work,
                             capture_output=True, env=env).stdout
        steps = json.loads(got)["qcheck"].get("verdict", {}).get("next-steps", [])
        for step in steps:
            for command in re.findall(r"qcheck (?:plan|export) [^;,)]*", step):
                done = subprocess.run(command, shell=True, cwd=work, env=env,
                                      capture_output=True)
                tried.add(command.split()[1])
                # 2: exported, but some of the disk is lost
                if done.returncode not in (0, 2):
                    sys.exit(f"{name}: {command}: status {done.returncode}: "
                             f"{done.stderr.decode()}")
if tried != {"plan", "export"}:
    sys.exit(f"only tried: {tried}")
END
