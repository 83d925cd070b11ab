# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""What qcheck files makes of file systems and partition tables whose first sectors are lost, by
the copies that there are; what it says of that in text; and which bytes it calls doubtful.

    copies.py PROGRAM SOURCE-TREE
"""

import os
import shutil
import subprocess
import sys
import tempfile

from files_common import MIB, damage, expect, failed, files, program, qcow2, run

NAMES = [f"file-{i}" for i in range(12)]


def convert(raw, cluster=65536):
    image = f"{raw}.qcow2"
    run("qemu-img", "convert", "-O", "qcow2", "-o", f"cluster_size={cluster}", raw, image)
    return image


def listing(image, status):
    """Of each volume the paths and sizes of its files, but for those of NTFS itself."""
    return {(i["volume"], i["path"], i.get("size"))
            for i in files(image, "--list", status=(status,))["items"] if i["kind"] == "file" and "$" not in i["path"]}


def make_ntfs(path, mib):
    run("truncate", "-s", f"{mib}M", path)
    run("mkntfs", "-q", "-F", "-L", "WINDOWS", path)
    for name in NAMES:
        run("ntfscp", "-q", path, f"tree/{name}", "/" + name)


def make_ext(path, mib, *options):
    run("truncate", "-s", f"{mib}M", path)
    run("mke2fs", "-q", "-t", "ext4", "-d", "tree", *options, path)


def test_lost(what, image, clusters, note, kind):
    """All files are there still, and it is said whence."""
    sound, before = listing(image, 0), files(image)["volumes"][-1]
    shutil.copy(image, "lost.qcow2")
    damage("lost.qcow2", clusters)
    expect(f"{what}: files", listing("lost.qcow2", 2), sound)
    after = files("lost.qcow2", "--damaged", status=(2,))["volumes"][-1]
    expect(f"{what}: type", after.get("type"), kind)
    expect(f"{what}: looked into", after["looked-into"], True)
    expect(f"{what}: note", note in after.get("note", ""), True)
    expect(f"{what}: no note where all is there", before.get("note"), None)
    done = subprocess.run([program, "files", "--list", "lost.qcow2"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    expect(f"{what}: --list says so as well", (done.returncode, note in done.stderr), (2, True))
    expect(f"{what}: but not among the files", note in done.stdout, False)


def test_ntfs():
    """mkntfs lays the file table right after the boot sector."""
    make_ntfs("ntfs", 40)
    test_lost("NTFS, boot sector", convert("ntfs", 2048), [0], "the copy at its end", "ntfs")
    test_lost("NTFS, file table", convert("ntfs", 2048), [8], "file table is lost", "ntfs")
    test_lost("NTFS, both and more", convert("ntfs"), [0], "its own tables are damaged", "ntfs")


def test_fat():
    run("truncate", "-s", "40M", "fat")
    run("mkfs.fat", "-F", "32", "-s", "1", "-n", "FATTY", "fat")
    run("mcopy", "-i", "fat", *(f"tree/{name}" for name in NAMES), "::")
    test_lost("FAT32", convert("fat", 2048), [0], "the copy in sector 6", "vfat")
    items = files("lost.qcow2", "--damaged", status=(2,))["items"]
    expect("FAT32: what is lost is all boot sector", [(i["kind"], i["lost"]) for i in items],
           [("super-block", 2048)])


def test_exfat():
    run("truncate", "-s", "40M", "exfat")
    run("mkfs.exfat", "exfat")
    test_lost("exFAT", convert("exfat", 2048), [0, 1], "the copy in sector 12", "exfat")


def test_ext():
    make_ext("ext", 70, "-b", "1024")
    image = convert("ext", 1024)
    descriptors = 2                     # block; the super block is in block 1, a group has 8192
    test_lost("ext4, super block", image, [1], "super block is lost: a copy is read", "ext4")
    test_lost("ext4, descriptors", image, [descriptors], "descriptors are lost: a copy", "ext4")
    test_lost("ext4, descriptors and those of a copy", image, [descriptors, 8192 + descriptors],
              "descriptors are lost: a copy", "ext4")
    test_lost("ext4, all but the second copy", image, [1, descriptors, 8193, 8192 + descriptors],
              "super block is lost: a copy is read", "ext4")


def test_gpt():
    run("truncate", "-s", "60M", "disk")
    subprocess.run(["sfdisk", "-q", "disk"], check=True, text=True,
                   input="label: gpt\nsize=20MiB\nsize=30MiB\n")
    make_ext("part", 30)
    run("dd", "if=part", "of=disk", "bs=1M", "seek=21", "conv=notrunc")
    image = convert("disk")
    sound = files(image)["volumes"]
    damage(image, [0])
    report = files(image, status=(2,))["volumes"]
    expect("GPT by its copy", [(v["name"], v.get("type"), v["extents"]) for v in report],
           [(v["name"], v.get("type"), v["extents"]) for v in sound])
    expect("GPT by its copy: note", "partition table is lost: the copy" in report[0]["note"], True)


def test_recognised(what, maker, kind, cluster, lost, note):
    """A file system whose files nothing lists: what it is, and its label."""
    if not shutil.which(maker[0]):
        return
    run("truncate", "-s", "400M", what)
    run(*maker, what)
    image = convert(what, cluster)
    sound = files(image)["volumes"][-1]
    damage(image, [lost])
    after = files(image, status=(2,))["volumes"][-1]
    expect(f"{what}: known", [after.get(k) for k in ("type", "label", "uuid")],
           [sound.get(k) for k in ("type", "label", "uuid")])
    expect(f"{what}: is", (after.get("type"), after.get("label")), (kind, "ARCHIVE"))
    expect(f"{what}: note", note in after.get("note", ""), True)
    expect(f"{what}: used", after.get("used"), sound.get("used") if kind == "btrfs" else None)


def test_xfs():
    make = ("mkfs.xfs", "-q", "-L", "ARCHIVE")
    for what, options in (("XFS", ()), ("XFS of 1 KiB", ("-b", "size=1024")),
                          ("XFS of 5 groups", ("-d", "agcount=5"))):
        test_recognised(what, (*make, *options), "xfs", 512, 0, "the copy of the second group")


def test_btrfs():
    test_recognised("btrfs", ("mkfs.btrfs", "-q", "-L", "ARCHIVE"), "btrfs", 4096, 16,
                    "the copy at 64 MiB")


def test_doubtful():
    """Two files that share a cluster: both can be read, and neither be trusted."""
    make_ext("pair", 30)
    image = convert("pair", 4096)
    place = {i["path"]: i for i in files(image, "--list")["items"]}
    at = {}
    for off in range(0, 30 * MIB, 65536):
        for i in files(image, f"--at={off}")["items"]:
            at.setdefault(i.get("path"), off // 4096)
        if len(at.keys() & place.keys() & {"/" + n for n in NAMES}) >= 2:
            break
    one, two = sorted(at.keys() & {"/" + n for n in NAMES})[:2]
    with qcow2.Image(image, True) as img:
        entry = [f"l2[{at[p] // 512}][{at[p] % 512}]" for p in (one, two)]
        img.poke(entry[1], img.get(entry[0]))
    report = files(image, "--damaged", status=(2,))
    expect("doubtful files", sorted((i["path"], i["lost"], i["doubtful"])
                                    for i in report["items"] if i["kind"] == "file"),
           [(one, 0, 4096), (two, 0, 4096)])
    expect("doubtful of the disk", [report["volumes"][0][k] for k in ("lost", "doubtful")],
           [0, 8192])
    text = run(program, "files", "--damaged", image, status=(2,)).decode()
    expect("a column of their own", "DOUBTFUL" in text.splitlines()[0], True)
    text = run(program, "files", "--damaged", convert("pair", 8192)).decode()
    expect("... but where there are none", "DOUBTFUL" in text, False)


def main():
    os.mkdir("tree")
    for i, name in enumerate(NAMES):
        with open(f"tree/{name}", "wb") as f:
            f.write(os.urandom(100000 + 5000 * i))
    test_ntfs()
    test_fat()
    test_exfat()
    test_ext()
    test_xfs()
    test_btrfs()
    test_gpt()
    test_doubtful()


with tempfile.TemporaryDirectory() as here:
    os.chdir(here)
    main()
    os.chdir("/")
sys.exit(1 if failed() else 0)
