# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""What qcheck files says about disks of GPT, ext4, ext2, NTFS, FAT, swap and LVM2, against
debugfs, ntfscluster and mshowfat; then about mutated file systems, which may end its helper process
but nothing else.

    files.py PROGRAM SOURCE-TREE SEED N-MUTANTS
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

from files_common import MIB, damage, expect, failed, files, jsonschema, program, run, schema, tree
from files_disks import make_ext, make_ntfs, make_pv, make_tree, partition, place
from files_owners import debugfs, ext_names, ext_owners, fat_owners, inodes, ntfs_owners

rng = random.Random(int(sys.argv[3]))
mutants = int(sys.argv[4])

CLUSTER = 65536
EXPORT_SCHEMA = schema("export")


def owners(report, volume, field="lost"):
    return {i["id"]: i[field] for i in report["items"] if i["volume"] == volume and i[field] and
            i["kind"] in ("file", "directory", "other", "journal")}


def ranges_of(clusters, start, length):
    out = []
    for c in sorted(clusters):
        a, b = max(c * CLUSTER, start), min((c + 1) * CLUSTER, start + length)
        if a < b:
            out.append((a - start, b - start))
    return out


def test_listing(image, parts):
    listed = {i["path"] for i in files(image, "--list")["items"] if i["volume"] == "sda2"}
    wanted = set()
    for here, dirs, names in os.walk("tree"):
        wanted |= {os.path.join(here, n)[4:] for n in dirs + names}
    expect("--list of ext4", listed - {"/", "/lost+found"}, wanted)


def test_volumes(image):
    said = [(v["name"], v.get("parent"), v.get("type"), v.get("label"), v["size"])
            for v in files(image)["volumes"]]
    expect("volumes", said[1:], [
        ("sda1", "sda", "vfat", "ESP", 16 * MIB), ("sda2", "sda", "ext4", "root", 48 * MIB),
        ("sda3", "sda", "ntfs", "WINDOWS", 40 * MIB),
        ("sda4", "sda", "LVM2_member", "vg", 40 * MIB),
        ("vg/root", "sda4", "ext2", "old", 32 * MIB),
        ("vg/thin", "sda", None, None, 4 * MIB)])


def ntfs_own_clusters(start):
    """Clusters of the image without which NTFS cannot be opened."""
    found = set()
    for c in range(start // CLUSTER, (start + 40 * MIB) // CLUSTER):
        out = run("ntfscluster", "-q", "-f", "-c",
                  f"{(c * CLUSTER - start) // 4096}-{((c + 1) * CLUSTER - start) // 4096 - 1}",
                  "p3", status=(0, 1)).decode()
        if re.search(r"^Inode (\d|1\d|2\d) ", out, re.M):
            found.add(c)
    return found


def test_plan(start):
    """A plan that gives ranges up names the files that had bytes there."""
    run(program, "plan", "entries", "--entries=zero", "--overwrite", "-o", "plan.json",
        "damaged.qcow2")
    with open("plan.json", encoding="utf-8") as file:
        steps = json.load(file)["steps"]
    given_up = [(r["offset"] - start, r["offset"] + r["length"] - start)
                for s in steps for r in s["loses"] if not r["regained"]]
    given_up = [(max(a, 0), min(b, 48 * MIB)) for a, b in given_up if b > 0 and a < 48 * MIB]
    owners_there = ext_owners("p2", given_up)
    names = ext_names("p2", list(owners_there))
    named = {o["name"].split(" (")[0] for s in steps for o in s.get("owners", [])}
    missing = {f"sda2: {names[i]}" for i in owners_there if i in names} - named
    if len(missing) > sum(s.get("owners-left-out", 0) for s in steps):
        expect("files in the ranges that a plan gives up", missing, set())


def test_damage(image, starts, clusters, value, option, field):
    shutil.copy(image, "damaged.qcow2")
    damage("damaged.qcow2", clusters, value)
    report = files("damaged.qcow2", option, status=(0, 2))
    there = ranges_of(clusters, starts[1], 48 * MIB)
    wanted = ext_owners("p2", there)
    if field == "unmapped":
        for i in report["items"]:       # some or all are lost, where a cause says so
            i[field] += i["lost"]
    got = owners(report, "sda2", field)
    if field == "unmapped":
        wanted.pop(8, None)             # a journal is made of zeros
        got.pop(8, None)
    expect("ext4, " + field, got, wanted)
    expect("NTFS, " + field,
           {i["path"] for i in report["items"] if i["volume"] == "sda3" and i[field] and
            i["kind"] in ("file", "directory")},
           ntfs_owners("p3", ranges_of(clusters, starts[2], 40 * MIB)))
    names = ext_names("p2", list(wanted))
    for i in report["items"]:
        if i["volume"] == "sda2" and "path" in i and not i.get("no-path") and "<" not in i["path"]:
            expect("name of " + str(i["id"]), i["path"], names.get(i["id"], i["path"]))
    if field == "lost":
        test_plan(starts[1])


def test_export(image, start, clusters):
    """The summary of an export names the files of each lost range."""
    shutil.copy(image, "damaged.qcow2")
    damage("damaged.qcow2", clusters, (1 << 63) | 512)
    summary = json.loads(run(program, "export", "--output=json", "--overwrite", "damaged.qcow2",
                             "out.raw", status=(2,)))
    if jsonschema:
        jsonschema.Draft7Validator(EXPORT_SCHEMA).validate(summary)
    owned = set(ext_owners("p2", ranges_of(clusters, start, 48 * MIB))) - {8}
    names = ext_names("p2", list(owned))
    for lost in summary["lost"]:
        off, end = max(0, lost["start"] - start), lost["start"] + lost["length"] - start
        here = set(ext_owners("p2", [(off, end)])) & owned if off < end else set()
        wanted = {names[i] for i in here}
        found = {f["path"] for f in lost.get("files", []) if f["volume"] == "sda2"}
        if wanted:
            expect(f"number of files of {lost['start']}", lost.get("n-files"), len(wanted))
        # Names in directories that are lost are not known, and no more than 64 are named.
        expect(f"files of {lost['start']}", {f for f in found if "<" not in f} - wanted, set())
        expect(f"files named of {lost['start']}", len(found), min(64, len(wanted)))


def test_at(image, starts):
    for _ in range(20):
        off = rng.randrange(48 * MIB)
        said = [i["id"] for i in files(image, f"--at={starts[1] + off}")["items"]
                if i["kind"] in ("file", "directory", "journal")]
        expect(f"--at {off}", said, list(ext_owners("p2", [(off, off + 1)])))
    table = starts[1] + inodes("p2")[2][0]
    expect("--at an inode", run(program, "files", f"--at={table}", image).decode().split("\n")[-2],
           "sda2: the inode table of group 0")


def test_lvm(image, start, pieces):
    shutil.copy(image, "lvm.qcow2")
    clusters = rng.sample(range((start + MIB) // CLUSTER, (start + 33 * MIB) // CLUSTER), 60)
    damage("lvm.qcow2", clusters, (1 << 63) | 512)
    ranges = [(a - guest + off, b - guest + off) for off, guest, n in pieces
              for a, b in ranges_of([c - start // CLUSTER for c in clusters], 0, 40 * MIB)
              if guest <= a < guest + n]
    report = files("lvm.qcow2", "--damaged", status=(2,))
    more = {i["id"] for i in report["items"] if i.get("map-lost")}
    wanted = ext_owners("lv", ranges)
    expect("files of a logical volume",
           {i: min(n, wanted.get(i, n)) if i in more else n
            for i, n in owners(report, "vg/root").items()}, wanted)


def test_lost_inodes(image, starts):
    """Files whose inodes are lost are still named."""
    shutil.copy(image, "inodes.qcow2")
    table = inodes("p2")[2][0]
    damage("inodes.qcow2", [(starts[1] + table) // CLUSTER + 1], (1 << 63) | 512)
    report = files("inodes.qcow2", "--damaged", status=(2,))
    lost = [i for i in report["items"] if i["kind"] == "inode-table"]
    first = ((starts[1] + table) // CLUSTER + 1) * CLUSTER - starts[1] - table
    size = inodes("p2")[0]
    gone = range(first // size + 1, (first + CLUSTER) // size + 1)
    names = set(ext_names("p2", list(gone)).values()) - {"/"}
    wanted = {n for n in names if not any(n.startswith(d + "/") for d in names)}
    expect("inodes lost", sum(i["inodes"] for i in lost), CLUSTER // size)
    expect("names of lost inodes",
           sorted(i["path"] for i in report["items"] if i.get("inode-lost")), sorted(wanted))


def test_lost_super(image, starts):
    """Without its super block ext4 is read by a copy (4 KiB blocks: in block 32768)."""
    run("truncate", "-s", "160M", "copy.raw")
    run("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-d", "tree", "copy.raw")
    run("qemu-img", "convert", "-O", "qcow2", "copy.raw", "copy.qcow2")
    damage("copy.qcow2", [0], (1 << 63) | 512)
    report = files("copy.qcow2", "--list", status=(2,))
    expect("type by a copy", report["volumes"][0].get("type"), "ext4")
    expect("names by a copy", "/big.bin" in {i["path"] for i in report["items"]}, True)


def test_lost_map_of_a_sparse_file():
    """It has lost the blocks that it had, not what its map spans."""
    os.makedirs("sparse")
    with open("sparse/file", "wb") as f:
        for i in range(30):
            f.seek(i * 256 * MIB)
            f.write(rng.randbytes(4096))
    run("truncate", "-s", "32M", "sparse.raw")
    run("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-d", "sparse", "sparse.raw")
    run("qemu-img", "convert", "-O", "qcow2", "sparse.raw", "sparse.qcow2")
    stat = debugfs("sparse.raw", "stat /file")
    leaf = int(re.search(r"\(ETB0\):(\d+)", stat).group(1))
    damage("sparse.qcow2", [leaf * 4096 // CLUSTER])
    report = files("sparse.qcow2", "--damaged", status=(2,))
    expect("lost of a sparse file",
           [(i["lost"], i.get("map-lost")) for i in report["items"] if i.get("path") == "/file"],
           [(int(re.search(r"Blockcount: (\d+)", stat).group(1)) * 512, True)])


def test_lost_ntfs_records(image, start):
    """Directories still have the names of files whose records are lost: those from 64 on."""
    shutil.copy(image, "records.qcow2")
    with open("p3", "rb") as f:
        table = int.from_bytes(f.read(56)[48:], "little") * 4096
    first = start + table + 64 * 1024
    damage("records.qcow2", range(first // CLUSTER, (first + 30 * 1024) // CLUSTER + 1))
    expect("names of lost file records",
           sorted(i["path"] for i in files("records.qcow2", "--damaged", status=(2,))["items"]
                  if i.get("inode-lost")),
           sorted(["/big.bin"] + [f"/f{i} \u00fc\U0001f600.dat" for i in range(20, 40)]))


def test_lost_ntfs_list():
    """A file whose list of records is lost has lost what those say."""
    run("truncate", "-s", "20M", "streams.raw")
    run("mkntfs", "-q", "-F", "streams.raw")
    run("ntfscp", "-q", "streams.raw", "tree/var/lib/app/f9", "/many")
    for i in range(40):
        run("ntfscp", "-q", "-N", f"s{i}", "streams.raw", "tree/var/lib/app/f9", "/many")
    run("qemu-img", "convert", "-O", "qcow2", "-o", "cluster_size=4096", "streams.raw",
        "streams.qcow2")
    runs = run("ntfscluster", "-q", "-F", "/many", "streams.raw", status=(0, 1)).decode()
    runs = [[int(c) for c in re.findall(r"^ +\d+ +(\d+) +\d+$", part, re.M)]
            for part in re.split(r"0x20 - non-resident|0x80 - non-resident", runs)]
    hit = [runs[1][0], runs[5][0], runs[35][0]]     # the list, and two streams
    damage("streams.qcow2", hit)
    expect("file without its list of records",
           [(i["path"], i["lost"], i.get("map-lost"))
            for i in files("streams.qcow2", "--damaged", status=(2,))["items"]],
           [("/many", 3 * 4096, True)])
    expect("owner of a stream without it",
           [i["path"] for i in files("streams.qcow2", f"--at={hit[2] * 4096}")["items"]],
           ["/many"])


def test_lost_ntfs_bitmap():
    """Where the bitmap is lost, nothing is called free."""
    run("qemu-img", "convert", "-O", "qcow2", "-o", "cluster_size=4096", "streams.raw",
        "bitmap.qcow2")
    runs = run("ntfscluster", "-q", "-F", "/$Bitmap", "streams.raw", status=(0, 1)).decode()
    bitmap = int(re.search(r"^ +\d+ +(\d+) +\d+$", runs.split("0x80")[1], re.M).group(1))
    damage("bitmap.qcow2", [bitmap, *range(1000, 1100), *range(5100, 5120)])
    report = files("bitmap.qcow2", "--damaged", status=(2,))
    expect("free space by a lost bitmap",
           [i for i in report["items"] if i["kind"] == "free"], [])
    expect("bytes in all by a lost bitmap", sum(i["lost"] for i in report["items"]),
           report["volumes"][0]["lost"])


def fat_shape(part):
    """Where the heap begins, and bytes of a cluster."""
    with open(part, "rb") as f:
        b = f.read(512)
    at = lambda off, n: int.from_bytes(b[off:off + n], "little")
    table = at(22, 2) or at(36, 4)
    return (at(14, 2) + b[16] * table) * at(11, 2) + at(17, 2) * 32, b[13] * at(11, 2)


def test_fat(bits, mib):
    """Damage of files and directories; then the first FAT is lost, and the second is read."""
    run("truncate", "-s", f"{mib}M", "fat.raw")
    run("mkfs.fat", "-F", str(bits), "-s", "1" if bits == 32 else "4", "fat.raw")
    run("mcopy", "-s", "-i", "fat.raw", "tree/var", "tree/big.bin", "::")
    run("qemu-img", "convert", "-O", "qcow2", "-S", "0", "fat.raw", "fat.qcow2")
    heap, cluster = fat_shape("fat.raw")
    clusters = rng.sample(range(heap // CLUSTER + 4, 9 * 16), 40)
    shutil.copy("fat.qcow2", "damaged.qcow2")
    damage("damaged.qcow2", clusters, (1 << 63) | 512)
    wanted = fat_owners("fat.raw", heap, cluster, ranges_of(clusters, 0, mib * MIB))
    items = files("damaged.qcow2", "--damaged", status=(2,))["items"]
    got = {i["path"]: i["lost"] for i in items if i["kind"] in ("file", "directory")}
    nameless = {name: n for name, n in wanted.items()   # their directory lost the names
                if name not in got and os.path.dirname(name) in wanted}
    expect(f"files of FAT{bits}", got | nameless, wanted)
    expect(f"bytes of FAT{bits} without a name",
           sum(i["lost"] for i in items if i["kind"] == "unknown"), sum(nameless.values()))
    shutil.copy("fat.qcow2", "damaged.qcow2")
    damage("damaged.qcow2", [2] if bits == 32 else [], (1 << 63) | 512)
    whole = files("fat.qcow2", "--list")
    report = files("damaged.qcow2", "--list", status=(2 if bits == 32 else 0,))
    expect(f"FAT{bits} by the second table", [(i.get("path"), i.get("size")) for i in report["items"]],
           [(i.get("path"), i.get("size")) for i in whole["items"]])
    expect(f"used of FAT{bits}", report["volumes"][0]["used"],
           sum(int(b or a) - int(a) + 1 for a, b in re.findall(
               r"<(\d+)(?:-(\d+))?>", run("mshowfat", "-i", "fat.raw", *(
                   p.rstrip("/") for p in run("mdir", "-/", "-b", "-i", "fat.raw", "::")
                   .decode().split())).decode())) * cluster + (cluster if bits == 32 else 0))


def exfat_file(name, first, size, contiguous):
    """The three entries of a short name; checksums are left out."""
    entry = (bytes([0x85, 2, 0, 0, 0x20, 0, 0, 0]) + b"\0\0\x21\x50" * 3).ljust(32, b"\0")
    stream = (bytes([0xc0, 3 if contiguous else 1, 0, len(name)]) + bytes(4) +
              size.to_bytes(8, "little") + bytes(4) + first.to_bytes(4, "little") +
              size.to_bytes(8, "little"))
    return entry + stream + (b"\xc1\0" + name.encode("utf-16le")).ljust(32, b"\0")


def test_exfat():
    """One file in one piece without a chain, and one along a chain of two pieces."""
    run("truncate", "-s", "64M", "ex.raw")
    run("mkfs.exfat", "-c", "4096", "ex.raw")
    run("qemu-img", "convert", "-O", "qcow2", "ex.raw", "ex.qcow2")
    empty = files("ex.qcow2")["volumes"][0]["used"]
    with open("ex.raw", "r+b") as f:
        b = f.read(512)
        table, heap, root = (int.from_bytes(b[o:o + 4], "little") for o in (80, 88, 96))
        place = lambda c: heap * 512 + (c - 2) * 4096
        f.seek(place(root) + 3 * 32)
        f.write(exfat_file("plain", 1000, 200000, True) + exfat_file("chain", 2000, 300000, False))
        chain = [*range(2000, 2037), *range(3000, 3037)]
        for here, there in zip(chain, chain[1:] + [0xffffffff]):
            f.seek(table * 512 + here * 4)
            f.write(there.to_bytes(4, "little"))
        for c in [*range(1000, 1049), *chain]:
            f.seek(place(2) + (c - 2) // 8)
            old = f.read(1)[0]
            f.seek(-1, 1)
            f.write(bytes([old | 1 << (c - 2) % 8]))
    run("qemu-img", "convert", "-O", "qcow2", "-S", "0", "ex.raw", "ex.qcow2")
    clusters = [place(1000) // CLUSTER + 1, place(3030) // CLUSTER, place(5000) // CLUSTER]
    damage("ex.qcow2", clusters, (1 << 63) | 512)
    lost = lambda cs: sum(4096 for c in cs if place(c) // CLUSTER in clusters)
    report = files("ex.qcow2", "--damaged", status=(2,))
    expect("files of exFAT", {i["path"]: i["lost"] for i in report["items"] if i["kind"] == "file"},
           {"/plain": lost(range(1000, 1049)), "/chain": lost(chain)})
    expect("used of exFAT", report["volumes"][0]["used"] - empty, (49 + 74) * 4096)


def json_of(*argv):
    done = subprocess.run([program, *argv], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return json.loads(done.stdout)


def test_verdicts():
    """files says lost what check calls lost, or in danger; export has no more than the rest."""
    samples = os.path.join(tree, "data", "samples")
    for name in sorted(os.listdir(samples)):
        if not name.endswith(".qcow2"):
            continue
        image = os.path.join(samples, name)
        verdict = json_of("check", "--output=json", image)["qcheck"]["verdict"]
        volumes = json_of("files", "--output=json", image)["volumes"]
        lost = volumes[0]["lost"] + volumes[0]["doubtful"] if volumes else 0
        least = verdict["lost"]["bytes"]
        if not least <= lost <= least + verdict["in-danger"]["bytes"]:
            expect(f"{name}: bytes lost", lost, verdict["lost"])
    for name, table in (("l1-wiped", "mapping-vanished"), ("l2-wiped", "l2-wiped")):
        image = os.path.join(samples, name + ".qcow2")
        lost = json_of("check", "--output=json", image)["qcheck"]["verdict"]["lost"]["bytes"]
        out = json_of("export", "--output=json", "--overwrite", image, "wiped.raw")
        expect(f"{name}: export", out["bytes"]["damaged"], lost)
        expect(f"{name}: why", {r["problem"] for r in out["lost"]}, {table})
        for command in ("sum",), ("export", "--overwrite"), ("files",):
            argv = [program, *command, image]
            done = subprocess.run(argv + ["wiped.raw"] * (command[0] == "export"),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            expect(f"{name}: status of {command[0]}", done.returncode, 2)


def test_incomplete():
    """A disk without the base that was asked for does not end as if it were whole."""
    run("qemu-img", "create", "-q", "-f", "qcow2", "gone.qcow2", "1M")
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", "gone.qcow2", "-F", "qcow2", "over.qcow2")
    run(program, "files", "--backing", "over.qcow2")
    os.unlink("gone.qcow2")
    for option in "--backing", "--list":
        run(program, "files", "--backing", option, "over.qcow2", status=(2,))


def test_mutants(starts):
    """Status and time are all that is asked for. Bytes are changed where tables are."""
    raw = bytearray(open("disk.raw", "rb").read())
    ended = 0
    for i in range(mutants):
        data = bytearray(raw)
        for _ in range(rng.choice((1, 4, 20, 200))):
            start = rng.choice([0] + starts)
            at = start + rng.choice((rng.randrange(4096), rng.randrange(MIB),
                                     rng.randrange(16 * MIB)))
            data[at] = rng.choice((0, 255, rng.randrange(256), data[at] ^ 1 << rng.randrange(8)))
        with open("mutant.raw", "wb") as f:
            f.write(data)
        run("qemu-img", "convert", "-O", "qcow2", "mutant.raw", "mutant.qcow2")
        damage("mutant.qcow2", rng.sample(range(18 * 16, 140 * 16), 40), (1 << 63) | 512)
        done = subprocess.run([program, "files", "--output=json",
                               rng.choice(("--list", "--damaged", "--at=70M")),
                               "mutant.qcow2"], timeout=330, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        json.loads(done.stdout)
        if done.returncode not in (0, 1, 2):
            shutil.copy("mutant.qcow2", os.environ.get("KEEP", ".") + f"/mutant-{i}.qcow2")
            expect(f"mutant {i}: {done.stderr.decode()[-300:]}", done.returncode, "0, 1 or 2")
        ended += b"before its time" in done.stderr
    print(f"{mutants} mutants, the helper ended before its time in {ended}")


def main():
    os.makedirs("tree")
    make_tree("tree", rng)
    run("truncate", "-s", "16M", "p1")
    run("mkfs.fat", "-n", "ESP", "p1")
    run("mcopy", "-s", "-i", "p1", "tree/var", "::")
    make_ext("p2", 48, "ext4", "tree", "root")
    make_ntfs("p3", 40, "tree")
    make_ext("lv", 32, "ext2", "tree", "old")
    pieces = make_pv("p4", 40, "lv")
    sizes = [16, 48, 40, 40]
    partition("disk.raw", sizes)
    starts = [MIB + sum(sizes[:i]) * MIB for i in range(4)]
    for i, start in enumerate(starts):
        place("disk.raw", f"p{i + 1}", start)
    run("qemu-img", "convert", "-O", "qcow2", "-S", "0", "disk.raw", "disk.qcow2")

    test_volumes("disk.qcow2")
    test_listing("disk.qcow2", starts)
    spare = ntfs_own_clusters(starts[2])
    can_go = sorted(set(range(17 * MIB // CLUSTER + 1, 105 * MIB // CLUSTER)) - spare)
    for n in (1, 30, 300):
        test_damage("disk.qcow2", starts, rng.sample(can_go, n), (1 << 63) | 512, "--damaged",
                    "lost")
    test_damage("disk.qcow2", starts, rng.sample(can_go, 200), 0, "--unmapped", "unmapped")
    # Not the end of the partition: that range would reach into the next one.
    test_export("disk.qcow2", starts[1],
                rng.sample(range(starts[1] // CLUSTER + 1, starts[2] // CLUSTER - 1), 30))
    test_at("disk.qcow2", starts)
    test_lvm("disk.qcow2", starts[3], pieces)
    test_lost_inodes("disk.qcow2", starts)
    test_lost_super("disk.qcow2", starts)
    test_lost_map_of_a_sparse_file()
    test_lost_ntfs_records("disk.qcow2", starts[2])
    test_lost_ntfs_list()
    test_lost_ntfs_bitmap()
    test_fat(16, 16)
    test_fat(32, 64)
    test_exfat()
    test_verdicts()
    test_incomplete()
    test_mutants(starts)


with tempfile.TemporaryDirectory() as here:
    os.chdir(here)
    main()
    os.chdir("/")
sys.exit(1 if failed() else 0)
