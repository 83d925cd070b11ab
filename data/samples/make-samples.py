# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Makes the sample images beside this file, or in the folder given.

    make-samples.py [FOLDER]

Sound images come from qemu-img and qemu-io, the damage from pokes by field name. Every 16
bytes of guest data name their own guest offset ("guest 0x00002400"), so that a hex dump
shows at once what lies where; data written after the first snapshot says "later". Dates
are fixed: with the same QEMU and zlib every run gives the same bytes. INDEX says what each
sample teaches; tests/oracle/samples.py holds what is to be found in it.
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "oracle"))

import qcow2  # noqa: E402

COPIED = qcow2.COPIED
ZERO = 1
DATE = 1700000000       # 2023-11-14


class Sample:
    """An image in the making. Guest offsets and lengths are in clusters."""

    def __init__(self, name, size, cluster=1024, options="", backing=None):
        self.path = name + ".qcow2"
        self.cs = cluster
        self.tag = "guest"
        self.patterns = []
        if os.path.exists(self.path):
            os.unlink(self.path)
        args = ["-b", backing, "-F", "qcow2"] if backing else []
        run("qemu-img", "create", "-q", "-f", "qcow2", *args, "-o",
            f"cluster_size={cluster}{options}", self.path, str(size))

    def io(self, *commands):
        args = [word for command in commands for word in ("-c", command)]
        # one that kills itself at the end is wanted so
        subprocess.run(["qemu-io", "-f", "qcow2", *args, self.path],
                       check="sigraise 9" not in commands, stdout=subprocess.DEVNULL)
        for name in self.patterns:
            os.unlink(name)
        self.patterns = []

    def text(self, first, n, flags="", skip=0, length=None):
        """The command that writes text over n clusters; or over `length` bytes, `skip`
        bytes into the first."""
        start = first * self.cs + skip
        length = n * self.cs if length is None else length
        self.patterns.append(f"pattern-{len(self.patterns)}")
        with open(self.patterns[-1], "w", encoding="ascii") as file:
            for off in range(start, start + length, 16):
                file.write(f"{self.tag} {off:#010x}")
        return f"write {flags} -s {self.patterns[-1]} {start} {length}"

    def write(self, *args, **options):
        self.io(self.text(*args, **options))

    def compress(self, first, n):
        for k in range(n):
            self.write(first + k, 1, "-c")

    def zero(self, first, n, unmap=False):
        self.io(f"write -z {'-u ' if unmap else ''}{first * self.cs} {n * self.cs}")

    def snapshot(self, name):
        run("qemu-img", "snapshot", "-c", name, self.path)
        with qcow2.Image(self.path) as img:
            number = img.nb_snapshots - 1
        self.poke(**{f"snap[{number}].date_sec": DATE + 86400 * number,
                     f"snap[{number}].date_nsec": 0})
        self.tag = "later"

    def bitmap(self, name, grain, *flags):
        run("qemu-img", "bitmap", "--add", "-g", str(grain), *flags, "-f", "qcow2",
            self.path, name)

    def get(self, name):
        with qcow2.Image(self.path) as img:
            return img.get(name)

    def poke(self, **values):
        with qcow2.Image(self.path, writable=True) as img:
            for name, value in values.items():
                img.poke(name, value)

    def host(self, i, j):
        """Host cluster of an L2 entry."""
        return (self.get(f"l2[{i}][{j}]") & qcow2.OFFSET_MASK) // self.cs

    def table(self, i):
        """Host cluster of an L2 table."""
        return (self.get(f"l1[{i}]") & qcow2.OFFSET_MASK) // self.cs

    def leak(self, n):
        """Appends n clusters that are counted but belong to nobody."""
        end = -(-os.path.getsize(self.path) // self.cs)
        with open(self.path, "r+b") as file:
            file.seek(end * self.cs)
            for k in range(n):
                for off in range(0, self.cs, 16):
                    file.write(f"leak! {(end + k) * self.cs + off:#010x}".encode())
        self.poke(**{f"refcount[{end + k}]": 1 for k in range(n)})

    def change(self, *ops):
        qcow2.apply_ops(self.path, ops)


def run(*args):
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL)


def plain(name, cluster=512):
    """Three L2 tables: runs of data, zeros of both kinds, gaps."""
    table = cluster // 8                # entries
    s = Sample(name, 3 * table * cluster, cluster=cluster)
    s.write(0, 6)
    s.write(16, 4)
    s.zero(24, 3)                       # allocated nowhere
    s.write(40, 2)
    s.zero(40, 2)                       # keeps its clusters
    s.write(table, 10)
    s.write(2 * table + 44, 1)
    s.write(2 * table, 8)
    return s


def healthy():
    plain("healthy")


def snapshots():
    s = Sample("snapshots", 384 * 1024)
    s.write(0, 8)
    s.write(128, 4)
    s.write(256, 6)                     # becomes the VM state of both
    s.snapshot("installed")
    s.write(2, 3)
    s.write(130, 1)
    s.snapshot("before-upgrade")
    s.write(6, 4)
    s.poke(size=256 * 1024)             # VM state begins at the next L1 entry
    for k in range(2):
        s.poke(**{f"snap[{k}].vm_state_size": 6 * 1024,
                  f"snap[{k}].vm_state_size_large": 6 * 1024,
                  f"snap[{k}].disk_size": 256 * 1024})


def compressed():
    s = Sample("compressed", 1024 * 1024, cluster=2048)
    s.write(0, 2)
    s.compress(2, 12)
    s.write(20, 1)
    s.compress(300, 3)


def bitmaps():
    s = Sample("bitmaps", 384 * 1024)
    s.bitmap("daily", 1024)
    s.write(0, 6)
    s.bitmap("weekly", 4096, "--disable")
    s.write(128, 4)
    s.write(260, 3)


def extended_l2():
    s = Sample("extended-l2", 4 * 1024 * 1024, cluster=16384, options=",extended_l2=on")
    s.write(0, 1, length=2048)                  # subclusters 0 - 3 of 32
    s.write(0, 1, skip=8192, length=1024)
    s.io("write -z 12288 2048")
    s.io("write -z 32768 4096")                 # zeros without a host cluster


def overlay():
    s = Sample("overlay", 96 * 1024, cluster=512, backing="healthy.qcow2")
    s.tag = "above"
    s.write(2, 3)
    s.write(100, 2)
    s.zero(66, 2, unmap=True)


def leak():
    s = plain("leak")
    s.leak(6)
    entry = s.get("l2[0][3]")
    s.poke(**{f"refcount[{s.host(0, 3)}]": 2, "l2[0][3]": entry & ~COPIED})


def refcount_zero():
    s = plain("refcount-zero")
    s.poke(**{f"refcount[{s.table(1)}]": 0})
    s.poke(**{f"refcount[{s.host(0, k)}]": 0 for k in (16, 17, 18)})


def double_data():
    s = plain("double-data")
    s.poke(**{"l2[1][4]": s.get("l2[0][4]"), "l2[1][5]": s.get("l2[0][5]")})


def double_table():
    s = plain("double-table")
    s.poke(**{"l2[0][5]": s.get("l1[1]")})


def hidden():
    s = plain("hidden")
    twice, lost = s.host(0, 4), s.host(1, 4)
    s.poke(**{"l2[0][4]": twice * s.cs, "l2[1][4]": twice * s.cs,
              f"refcount[{twice}]": 2, f"refcount[{lost}]": 0})
    table = s.get("l1_table_offset")
    lost = s.host(1, 9)
    s.poke(**{"l2[1][9]": table, f"refcount[{table // s.cs}]": 2, f"refcount[{lost}]": 0})


def mixed():
    """QEMU 7.2 does this by itself: the cluster of a compressed stream is discarded, used
    again for plain data, and then gets the next compressed streams on top."""
    s = Sample("mixed", 384 * 1024)
    s.write(0, 4)
    s.io(s.text(8, 1, "-c"), f"discard {8 * s.cs} {s.cs}", s.text(16, 1),
         s.text(24, 1, "-c"), s.text(25, 1, "-c"))
    s.snapshot("monday")


def l2_overwritten():
    s = plain("l2-overwritten")
    s.change(("copy", s.get("reftable[0]"), s.table(1) * s.cs, s.cs))


def l2_wiped():
    s = plain("l2-wiped")
    s.change(("fill", s.table(1) * s.cs, s.cs, 0))


def header():
    s = plain("header")
    s.poke(l1_size=2, incompatible_features=1 << 40, crypt_method=9)
    s.change(("poke", s.get("header_length"), 4, 0x6803F857),
             ("poke", s.get("header_length") + 4, 4, 0x10000))


def misaligned():
    s = plain("misaligned", cluster=1024)
    s.poke(**{"l2[0][17]": s.get("l2[0][17]") + 0x200,
              "l2[0][41]": s.get("l2[0][41]") + 0x200,
              "l1[2]": s.get("l1[2]") + 0x200})


def truncated():
    s = plain("truncated")
    s.change(("truncate", os.path.getsize(s.path) - 7 * s.cs - 300))


def dirty():
    s = Sample("dirty", 384 * 1024, options=",lazy_refcounts=on")
    s.write(0, 6)
    s.io(s.text(16, 12), "sigraise 9")


def bad_snapshot():
    s = Sample("bad-snapshot", 384 * 1024)
    s.write(0, 8)
    s.snapshot("monday")
    s.write(2, 3)
    s.snapshot("tuesday")
    s.poke(**{"snap[0].l1_table_offset": s.get("snap[0].l1_table_offset") + 0x200,
              "snap[1].extra_data_size": 0x01000010})


def bad_bitmap():
    s = Sample("bad-bitmap", 384 * 1024)
    s.bitmap("daily", 1024)
    s.bitmap("weekly", 4096)
    s.write(0, 6)
    s.poke(**{"bitmap[1].type": 7})


def many():
    """A disk after a bad night: 512-byte clusters, two snapshots, a bitmap, and most of
    what can go wrong, in the places where it does."""
    s = Sample("many", 1024 * 1024, cluster=512)
    s.write(0, 24)
    s.bitmap("backup", 4096)
    for start in (64, 130, 200, 260, 333, 390):
        s.write(start, 7)
    s.compress(448, 14)
    s.snapshot("monday")
    s.write(4, 6)
    s.write(133, 2)
    s.snapshot("tuesday")
    s.write(512, 9)
    s.write(580, 5)
    s.write(640, 12)
    s.write(704, 8)
    s.zero(720, 4)
    s.leak(9)
    s.poke(incompatible_features=qcow2.DIRTY)
    s.poke(**{"bitmap[0].flags": s.get("bitmap[0].flags") | 1})
    # refcounts lost over a run, and of a live table
    s.poke(**{f"refcount[{s.host(10, k)}]": 0 for k in range(3, 8)})
    s.poke(**{f"refcount[{s.table(9)}]": 0})
    # one cluster for two guests, a table taken for data
    s.poke(**{"l2[11][2]": s.get("l2[8][3]"), "l2[11][6]": s.get("l1[8]")})
    # pointers gone astray
    s.poke(**{"l2[8][5]": s.get("l2[8][5]") + 0x80, "l2[8][6]": COPIED | 0x400000,
              "l2[8][40]": 0x0000000000000010, "l2[8][7]": s.get("l2[8][7]") ^ COPIED})
    s.poke(**{"l2[7][3]": qcow2.COMPRESSED | 0x1F0000})
    # one table wiped, one overwritten with refcounts
    s.change(("fill", s.table(2) * s.cs, s.cs, 0))
    s.change(("copy", s.get("reftable[0]"), s.table(5) * s.cs, s.cs))


def l1_wiped():
    s = plain("l1-wiped")
    s.change(("fill", s.get("l1_table_offset"), 24, 0))


def l1_astray():
    s = plain("l1-astray")
    s.poke(l1_table_offset=1 << 40)


def shifted():
    s = plain("shifted")
    at = 9 * s.cs
    s.change(("copy", at, at + 1024, os.path.getsize(s.path) - at), ("copy", at - 1024, at, 1024))


def two_writers():
    s = plain("two-writers")
    s.write(30, 10)
    s.poke(**{f"l2[0][{30 + k}]": s.get(f"l2[1][{k}]") for k in range(10)})


def refcounts_lost():
    s = plain("refcounts-lost")
    s.change(("fill", s.get("reftable[0]"), s.cs, 0))


def flipped_bit():
    s = plain("flipped-bit")
    s.poke(**{"l2[1][4]": s.get("l2[1][4]") ^ 1 << 57})


def wrong_type():
    s = Sample("wrong-type", 512 * 1024, cluster=2048, options=",compression_type=zstd")
    s.compress(2, 12)
    s.poke(compression_type=0, incompatible_features=0)

def tables(name, n=12, cluster=512):
    """n L2 tables, eight clusters of data in each but the last, which has one."""
    table = cluster // 8
    s = Sample(name, n * table * cluster, cluster=cluster)
    s.io(*(s.text(k * table, 8 if k < n - 1 else 1) for k in range(n)))
    return s


def put(s, off, data):
    s.change(("hex", off, data.hex()))


def filled(text, length):
    """Lines of text up to that length."""
    return (text.encode() * (length // len(text) + 1))[:length]


def header_gone():
    """An installer wrote a partition table: one Linux partition, the boot mark."""
    s = tables("header-gone")
    entry = bytes([0x80, 32, 33, 0, 0x83, 0, 1, 12]) + (2048).to_bytes(4, "little") \
        + (204800).to_bytes(4, "little")
    put(s, 0, bytes(446) + entry + bytes(48) + b"\x55\xaa")


def resized_live():
    """The L1 table was moved behind everything by one program; the other, which goes on
    with the table at its old place, puts guest data where the new one lies."""
    s = tables("resized-live")
    old, new = s.get("l1_table_offset"), -(-os.path.getsize(s.path) // s.cs)
    s.change(("copy", old, new * s.cs, s.cs))
    s.poke(**{f"refcount[{new}]": 1, f"refcount[{old // s.cs}]": 0, "l2[11][8]":
              COPIED | new * s.cs})
    s.poke(l1_table_offset=new * s.cs)
    put(s, new * s.cs, filled("written by the other program\n", s.cs))


def l1_overwritten():
    s = tables("l1-overwritten")
    put(s, s.get("l1_table_offset"), filled("a line of some log file\n", s.cs))


def l2_text():
    s = plain("l2-text")
    put(s, s.table(1) * s.cs, filled("a line of some log file\n", s.cs))


def l2_pages():
    """8 KiB clusters, a table of two pages: the first never reached the disk."""
    s = Sample("l2-pages", 8 * 1024 * 1024, cluster=8192)
    s.io(f"write -z {512 * s.cs} {512 * s.cs}")
    s.write(500, 8)
    s.change(("fill", s.table(0) * s.cs, 4096, 0))


def copied_running():
    """Refcounts of a moment before, and the last clusters are not there yet."""
    s = tables("copied-running")
    n = os.path.getsize(s.path) // s.cs
    s.poke(**{f"refcount[{k}]": 0 for k in range(n - 24, n)})
    s.change(("truncate", (n - 12) * s.cs))


def luks_lost():
    """The extension for LUKS, and an area of zeros where its header should be."""
    s = plain("luks-lost")
    end = os.path.getsize(s.path)
    s.change(("truncate", end + 16 * s.cs))
    s.poke(crypt_method=2, **{f"refcount[{end // s.cs + k}]": 1 for k in range(16)})
    at = s.get("header_length")
    put(s, at, (0x0537BE77).to_bytes(4, "big") + (16).to_bytes(4, "big")
        + end.to_bytes(8, "big") + (16 * s.cs).to_bytes(8, "big") + bytes(8))


def lost_base():
    subprocess.run(["cp", "healthy.qcow2", "gone.qcow2"], check=True)
    s = Sample("lost-base", 96 * 1024, cluster=512, backing="gone.qcow2")
    s.tag = "above"
    s.write(2, 3)
    s.write(100, 2)
    os.unlink("gone.qcow2")


def base_elsewhere():
    """The base is on a server, where nobody looks unasked."""
    s = Sample("base-elsewhere", 96 * 1024, cluster=512, backing="healthy.qcow2")
    s.tag = "above"
    s.write(2, 3)
    run("qemu-img", "rebase", "-u", "-b", "nbd+unix:///disk?socket=/run/no-server", "-F",
        "raw", s.path)


def base_format():
    """The extension that names the format becomes one that nobody knows."""
    s = Sample("base-format", 96 * 1024, cluster=512, backing="healthy.qcow2")
    s.tag = "above"
    s.write(2, 3)
    s.poke(**{"ext[backing_format].type": 0x6E6F6E65})


def lost_data_file():
    s = Sample("lost-data-file", 96 * 1024, cluster=512,
               options=",data_file=gone.raw,data_file_raw=on")
    s.write(0, 6)
    os.unlink("gone.raw")


def no_space():
    """A table and its data got room at the end, the refcount of the table was not written,
    and the last clusters were never mapped."""
    s = tables("no-space")
    s.poke(**{f"refcount[{s.table(11)}]": 0})
    s.leak(4)


def copied_flags():
    s = tables("copied-flags")
    s.poke(**{f"l2[{i}][{j}]": s.get(f"l2[{i}][{j}]") & ~COPIED
              for i in range(9) for j in range(8)})


def marked_corrupt():
    s = plain("marked-corrupt")
    s.poke(**{"l2[0][5]": s.get("l1[1]"), "incompatible_features": qcow2.CORRUPT})


def tail(s, text, n=12):
    end = -(-os.path.getsize(s.path) // s.cs) * s.cs
    put(s, end, filled(text, n * s.cs))


def unflushed():
    s = Sample("unflushed", 96 * 1024, cluster=512, options=",lazy_refcounts=on")
    s.write(0, 6)
    s.poke(incompatible_features=qcow2.DIRTY)
    tail(s, "written before the power went\n")


def packed():
    """A packed disk was given to a tool as if it were a raw one."""
    s = Sample("packed", 96 * 1024, cluster=512)
    data = bytes.fromhex("fd377a585a000004e6d6b446") \
        + b"".join((k * 2654435761 % (1 << 32)).to_bytes(4, "big") for k in range(1000))
    with open("pattern", "wb") as file:
        file.write(data[:3584])
    s.patterns.append("pattern")
    s.io("write -s pattern 0 3584")


def old_tail():
    s = plain("old-tail")
    tail(s, "of an older and longer image\n")


def bloated():
    """Nearly all that was written is discarded again."""
    s = Sample("bloated", 2 << 20, cluster=4096)
    s.write(0, 320)
    s.io(f"discard {4 * s.cs} {310 * s.cs}")
    with open(s.path, "r+b") as file:       # nobody punches holes
        for at in range(0, os.path.getsize(s.path), s.cs):
            file.seek(at)
            if not any(file.read(s.cs)):
                file.seek(at)
                file.write(b"what was deleted" * (s.cs // 16))


def zeros_stored():
    s = Sample("zeros-stored", 96 * 1024, cluster=512)
    s.write(0, 6)
    s.io(f"write -P 0 {6 * s.cs} {12 * s.cs}")

def broken_stream():
    s = Sample("broken-stream", 512 * 1024, cluster=2048)
    s.compress(2, 12)
    with qcow2.Image(s.path) as img:
        at = img.get("l2[0][7]") & (1 << 61) - 1
    s.change(("fill", at + 20, 60, 0xa5))


def write_file(path, number, lines):
    """A file of text in which every line says where it belongs."""
    with open(path, "w", encoding="ascii") as file:
        for line in range(lines):
            file.write(f"file {number}, line {line:>6}\n")


def ext2(path, blocks, label, tree):
    """A file system with these folders (lines 0) and files, the same bytes each time."""
    env = dict(os.environ, E2FSPROGS_FAKE_TIME=str(DATE), TZ="UTC", PATH=os.environ["PATH"] +
               ":/usr/sbin:/sbin", MKE2FS_CONFIG="/dev/null", LC_ALL="C")
    uuid = "00000000-0000-4000-8000-000000000001"
    with open(path, "wb") as file:
        file.truncate(blocks * 1024)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext2", "-b", "1024", "-N", "32", "-m", "0",
                    "-O", "none,sparse_super,filetype,dir_index,large_file", "-I", "128", "-L",
                    label, "-U", uuid, "-T", "default", "-E", f"hash_seed={uuid},root_owner=0:0,lazy_itable_init=0",
                    path, str(blocks)], check=True, env=env, stdout=subprocess.DEVNULL)
    for number, (name, lines) in enumerate([("/lost+found", -1), *tree]):
        write_file("content", number, lines)
        request = (f"write content {name}" if lines > 0 else f"mkdir {name}" if lines == 0
                   else f"rmdir {name}")        # room for what comes, which saves space here
        subprocess.run(["debugfs", "-w", "-f", "-", path], check=True, env=env,
                       input=request.encode(), stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    os.unlink("content")


def files():
    """Two partitions: a small one that is whole, and one of which entries are wrong under three
    files and a folder. The snapshot has all of it."""
    with open("disk", "wb") as disk:
        mbr = bytearray(512)
        for k, (start, n) in enumerate(((64, 512), (576, 3520))):
            mbr[446 + 16 * k:462 + 16 * k] = (
                bytes((0, 0, 2, 0, 0x83, 0, 2, 0)) + start.to_bytes(4, "little") +
                n.to_bytes(4, "little"))
        mbr[440:444] = b"qche"
        mbr[510:] = b"\x55\xaa"
        disk.write(mbr)
        disk.truncate(2 << 20)
        for start, blocks, label, tree in (
                (64, 256, "boot", [("/vmlinuz", 90), ("/initrd.img", 140)]),
                (576, 1760, "root", [("/etc", 0), ("/etc/fstab", 9), ("/etc/hosts", 12),
                                     ("/var", 0), ("/var/mail", 0), ("/var/mail/anna", 100),
                                     ("/var/mail/ben", 250), ("/home", 0),
                                     ("/home/thesis.txt", 800), ("/home/notes.txt", 150)])):
            ext2("part", blocks, label, tree)
            with open("part", "rb") as part:
                disk.seek(start * 512)
                disk.write(part.read())
    run("qemu-img", "convert", "-O", "qcow2", "-o", "cluster_size=1024", "disk", "files.qcow2")
    os.unlink("disk")
    os.unlink("part")
    s = Sample.__new__(Sample)
    s.path, s.cs, s.tag, s.patterns = "files.qcow2", 1024, "later", []
    s.snapshot("before")
    s.write(270, 1)                     # free space: tables are copied now, not between data
    for cluster in FILES_HIT:
        s.write(cluster, 1)
    s.write(271, 1)
    for cluster in FILES_HIT:
        i, j = cluster // 128, cluster % 128
        s.poke(**{f"l2[{i}][{j}]": s.get(f"l2[{i}][{j}]") | 1 << 40})


# Guest clusters: of /home/thesis.txt, /var/mail/ben, /home/notes.txt, and the folder /etc.
FILES_HIT = [*range(288 + 26, 288 + 33), 288 + 19, 288 + 20, 288 + 42, 288 + 10]

SAMPLES = [healthy, snapshots, compressed, bitmaps, extended_l2, overlay, leak,
           refcount_zero, double_data, double_table, hidden, mixed, l2_overwritten,
           l2_wiped, header, misaligned, truncated, dirty, bad_snapshot, bad_bitmap,
           l1_wiped, l1_astray, shifted, two_writers, refcounts_lost, flipped_bit, wrong_type,
           header_gone, resized_live, l1_overwritten, l2_text, l2_pages, copied_running,
           luks_lost, lost_base, base_elsewhere, base_format, lost_data_file, no_space,
           copied_flags, marked_corrupt, unflushed, packed, old_tail, bloated, zeros_stored, broken_stream,
           files, many]


def main(argv):
    os.chdir(argv[1] if len(argv) > 1 else HERE)
    for make in SAMPLES:
        make()


if __name__ == "__main__":
    main(sys.argv)
