# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Memory: images made to need much of it stay below a byte and a quarter per cluster of the
file and 32 MiB, and a scan that is given less finds the same.

    memory.py PROGRAM MEASURE [CASE]...

MEASURE is bench/measure, which tells the memory of a program it starts.
"""

import array
import json
import os
import struct
import subprocess
import sys
import tempfile

program, measure = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
COPIED = 1 << 63
MIB = 1 << 20
# A sanitizer keeps a memory of its own; then only the findings are compared.
with open(program, "rb") as f:
    code = f.read()
    sanitized = b"__asan_init" in code or b"__tsan_init" in code
    del code


def words(values):
    a = array.array("Q", values)
    a.byteswap()
    return a.tobytes()


class Image:
    """A sparse qcow2 file. The refcount table lies in cluster 1, its block in cluster 2, and
    no refcount is stored: what the file refers to is all wrong, which is the point."""

    def __init__(self, path, cluster_bits):
        self.cluster = 1 << cluster_bits
        self.bits = cluster_bits
        self.f = open(path, "wb")
        self.put(self.cluster, words([2 * self.cluster]))

    def put(self, offset, data):
        self.f.seek(offset)
        self.f.write(data)

    def header(self, l1, l1_size, snapshots=(0, 0), extension=b"", autoclear=0, reftable=None):
        table = reftable or (self.cluster, 1)
        per_table = self.cluster // 8 * self.cluster
        head = struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, self.bits,
                           min(l1_size * per_table, 1 << 60), 0, l1_size, l1, *table,
                           *snapshots, 0, 0, autoclear, 4, 104)
        self.put(0, head + extension + bytes(8))

    def round(self, offset):
        return -(-offset // self.cluster) * self.cluster

    def end(self, size):
        self.f.truncate(size)
        self.f.close()


def snapshot(l1, l1_size, number, name=b"s"):
    ident = str(number).encode()
    entry = struct.pack(">QIHHIIQII", l1, l1_size, len(ident), len(name), 0, 0, 0, 0, 16)
    entry += struct.pack(">QQ", 0, 1 << 30) + ident + name
    return entry + bytes(-len(entry) % 8)


def many_tables(path, bits=16, n=3 * MIB // 2):
    """As many L2 tables as clusters, each in a hole."""
    i = Image(path, bits)
    l1 = i.round(4 * i.cluster)
    first = i.round(l1 + n * 8)
    i.header(l1, n)
    i.put(l1, words(COPIED | first + k * i.cluster for k in range(n)))
    i.end(first + n * i.cluster)


def many_short_tables(path):
    many_tables(path, 9)


def many_snapshots(path):
    """65,536 snapshots that share one L1 table of 32 MiB."""
    i = Image(path, 16)
    n = 4 * MIB
    l1 = 4 * i.cluster
    table = l1 + n * 8
    entries = b"".join(snapshot(l1, n, k) for k in range(65536))
    first = i.round(table + len(entries))
    i.header(l1, n, (65536, table))
    i.put(table, entries)
    i.put(l1, words(COPIED | first + k % 1000 * i.cluster for k in range(n)))
    i.end(first + 1000 * i.cluster)


def many_counts(path, tables=6000):
    """L1 tables of different lengths on the same bytes: each L2 table, and all it refers to,
    has another number of references."""
    i = Image(path, 9)
    l1 = 65536
    table = i.round(l1 + tables * 8)
    entries = b"".join(snapshot(l1, tables - k, k) for k in range(tables))
    first = i.round(table + len(entries))
    data = first + tables * i.cluster
    per = i.cluster // 8
    i.header(l1, tables, (tables, table))
    i.put(table, entries)
    i.put(l1, words(first + k * i.cluster for k in range(tables)))
    i.put(first, words(data + k * i.cluster for k in range(tables * per)))
    i.end(data + tables * per * i.cluster)


def many_problems(path, tables=64):
    """Every entry wrong, each in a way of its own and in a run of its own."""
    i = Image(path, 16)
    per = i.cluster // 8
    first = 8 * i.cluster
    data = first + tables * i.cluster
    i.header(3 * i.cluster, tables)
    i.put(3 * i.cluster, words(first + k * i.cluster | COPIED * (k & 1) for k in range(tables)))
    i.put(first, words(data + 2 * k * i.cluster | (COPIED if k & 1 else 0)
                       | (0x200 if k % 3 == 0 else 0) | (1 << 60 if k % 5 == 0 else 0)
                       for k in range(tables * per)))
    i.end(data + 2 * tables * per * i.cluster)


def long_tables(path, tables=6):
    """Clusters of 2 MiB, each table full of references to two clusters in two places."""
    i = Image(path, 21)
    per = i.cluster // 8
    first = 4 * i.cluster
    i.header(3 * i.cluster, tables)
    i.put(3 * i.cluster, words(COPIED | first + k * i.cluster for k in range(tables)))
    n = 1000
    entries = words(1 << 62 | 0x1fff << 49 | (j % n + 1) * 4096 * i.cluster - 512
                    for j in range(per))
    for k in range(tables):
        i.put(first + k * i.cluster, entries)
    i.end((n + 1) * 4096 * i.cluster)


def long_names(path):
    """65,536 snapshots with names of 900 bytes."""
    i = Image(path, 16)
    table = 4 * i.cluster
    entries = b"".join(snapshot(3 * i.cluster, 2, k, b"n" * 900) for k in range(65536))
    i.header(3 * i.cluster, 2, (65536, table))
    i.put(table, entries)
    i.end(i.round(table + len(entries)))


def many_bitmaps(path):
    """65,535 bitmaps with names of 1000 bytes."""
    i = Image(path, 16)
    where = 4 * i.cluster
    entry = struct.pack(">QIIBBHI", 0, 0, 0, 1, 16, 1000, 0) + b"b" * 1000
    n = 65535
    i.header(3 * i.cluster, 2, autoclear=1,
             extension=struct.pack(">IIIIQQ", 0x23852875, 24, n, 0, n * len(entry), where))
    i.put(where, entry * n)
    i.end(i.round(where + n * len(entry)))


def long_reftable(path):
    """8 MiB of refcount table, most of it leading to the same blocks."""
    i = Image(path, 16)
    n = MIB
    table = 4 * i.cluster
    blocks = table + n * 8
    i.header(3 * i.cluster, 2, reftable=(table, n * 8 // i.cluster))
    i.put(table, words(blocks + k % 500 * i.cluster for k in range(n)))
    i.put(blocks, bytes(range(256)) * (500 * i.cluster // 256))
    i.end(blocks + 500 * i.cluster)


def scattered(path, n=4000):
    """References so far apart that each takes a page of the book."""
    i = Image(path, 9)
    step = 4096 * i.cluster
    i.header(65536, n)
    i.put(65536, words(COPIED | (k + 1) * step for k in range(n)))
    i.end((n + 2) * step)


CASES = [many_tables, many_short_tables, many_snapshots, many_counts, many_problems,
         long_tables, long_names, many_bitmaps, long_reftable, scattered]
WIDE = (long_tables, scattered)     # the book alone is more than 16 MiB allow


def check(path, *options):
    """Memory (bytes), exit status, JSON, messages."""
    return command("check", path, "--output=json", "--progress=none", *options)


def command(name, path, *options):
    result = path + ".measured"
    run = subprocess.run([measure, result, program, name, *options, path],
                         capture_output=True)
    with open(result) as f:
        figures = f.read().split()
    return int(figures[3]) * 1024, int(figures[4]), run.stdout, run.stderr.decode()


def findings(text):
    """What must not depend on memory: all but the records themselves."""
    report = json.loads(text)
    own = report["qcheck"]
    short = "short-of-memory" in own
    for key in ("problems", "problems-complete", "short-of-memory"):
        own.pop(key, None)
    # both add up what the records say
    own.pop("guest-bytes-damaged")
    for key in ("verdict", "causes", "explained", "unexplained"):
        own.pop(key)
    return report, short


bad = 0
short_ones = 0


def fail(case, text):
    global bad
    bad += 1
    print(f"{case.__name__}: {text}")


def try_case(case, path):
    global short_ones
    # In a process of its own: what this one takes is counted for those it starts.
    pid = os.fork()
    if not pid:
        case(path)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        return fail(case, "the image cannot be made")
    size = os.path.getsize(path)
    with open(path, "rb") as image:
        bits = struct.unpack(">I", image.read(24)[20:])[0]
    limit = (size >> bits) * 5 // 4 + 32 * MIB
    memory, status, text, messages = check(path)
    if not text:
        return fail(case, f"status {status}: {messages}")
    if memory > limit and not sanitized:
        fail(case, f"{memory} bytes of memory, more than {limit}")
    usual, _ = findings(text)
    print(f"{case.__name__}: {memory / limit:.2f} of the limit")

    memory, status, text, messages = check(path, "--memory-limit=16M")
    if case in WIDE:
        if status != 1 or text or "--memory-limit" not in messages:
            fail(case, f"with 16M: status {status}, {messages!r}")
    else:
        if memory > max(limit, 16 * MIB) and not sanitized:
            fail(case, f"{memory} bytes of memory with 16M")
        less, short = findings(text)
        short_ones += short
        if less != usual:
            fail(case, "finds something else with 16M of memory")
    for limit in ("64M", "4G"):
        if findings(check(path, f"--memory-limit={limit}")[2])[0] != usual:
            fail(case, f"finds something else with {limit} of memory")
    return None


def chain(folder, n=12):
    """A chain of images with 60,000 snapshots each takes no more than one of them."""
    for k in range(n):
        i = Image(os.path.join(folder, f"chain{k}"), 16)
        base = f"chain{k + 1}".encode()
        entries = snapshot(3 * i.cluster, 2, 1) * 60000
        i.header(3 * i.cluster, 2, (60000, 4 * i.cluster))
        i.put(8, struct.pack(">QI", 512, len(base)))
        i.put(512, base)
        i.put(4 * i.cluster, entries)
        i.end(i.round(4 * i.cluster + len(entries)))
    one = command("info", os.path.join(folder, f"chain{n - 1}"))[0]
    memory, status, text, messages = command("info", os.path.join(folder, "chain0"), "--backing")
    if status or f"chain{n - 1}".encode() not in text:
        fail(chain, f"status {status}: {messages}")
    elif memory > 2.5 * one and not sanitized:
        fail(chain, f"{memory} bytes of memory for {n} files, {one} for one")


wanted = sys.argv[3:]
with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", ".")) as folder:
    for one in CASES:
        name = os.path.join(folder, "image")
        if not wanted or one.__name__ in wanted:
            try_case(one, name)
            os.unlink(name)
    if not wanted or "chain" in wanted:
        chain(folder)
if not wanted and not short_ones:
    print("nothing was short of memory")
    bad += 1
sys.exit(bad > 0)
