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


def poke(path, off, value):
    with open(path, "r+b") as file:
        file.seek(off)
        file.write(value.to_bytes(8, "big"))


def make(images):
    """Adds what no sample shows."""
    names = sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".qcow2"))
    small, luks = os.path.join(images, "small.qcow2"), os.path.join(images, "luks.qcow2")
    shutil.copy(os.path.join(folder, "leak.qcow2"), small)
    poke(small, 24, 512)
    if not shutil.which("qemu-img"):
        return [*names, small]
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "--object", "secret,id=s,data=x",
                    "-o", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", luks,
                    "1M"], check=True)
    with open(luks, "rb") as file:
        at = file.read(4096).index(b"\x05\x37\xbe\x77\0\0\0\x10") + 8
        file.seek(at)
        poke(luks, at, int.from_bytes(file.read(8), "big") + 65536)
    return [*names, small, luks]


tried, stepped = set(), set()
with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", ".")) as work:
    os.symlink(program, os.path.join(work, "qcheck"))
    env = dict(os.environ, PATH=os.path.abspath(work) + ":" + os.environ["PATH"])
    images = os.path.join(work, "images")
    os.mkdir(images)
    for path in make(images):
        name = os.path.basename(path)
        for made in os.listdir(work):
            if made.endswith((".plan", ".raw", ".copy", ".undo")):
                os.unlink(os.path.join(work, made))
        shutil.copy(path, work)
        got = subprocess.run([program, "check", "--output=json", name], cwd=work,
                             capture_output=True, env=env).stdout
        steps = json.loads(got)["qcheck"].get("verdict", {}).get("next-steps", [])
        for step in steps:
            for command in re.findall(r"(?:qcheck (?:plan|export|apply)|cp --reflink=auto) [^;,)]*",
                                      step):
                done = subprocess.run(command, shell=True, cwd=work, env=env,
                                      capture_output=True)
                tried.add(command.split()[command.startswith("qcheck")])
                stepped.add(name)
                # 2: exported, but some of the disk is lost
                if done.returncode not in (0, 2):
                    sys.exit(f"{name}: {command}: status {done.returncode}: "
                             f"{done.stderr.decode()}")
if not {"plan", "export", "apply", "cp"} <= tried:
    sys.exit(f"only tried: {tried}")
if "small.qcow2" not in stepped or (shutil.which("qemu-img") and "luks.qcow2" not in stepped):
    sys.exit(f"no step for what was made: {stepped}")
END
