# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Writes qcow2 images byte by byte, without QEMU and without the modules beside this one:
sound ones of most kinds in a few milliseconds, and ones with one known damage.

    craft.py SEED FILE              a sound image
    craft.py SEED FILE DAMAGE       one with that damage (a method of Damage)

What is written is known as objects (tables, entries, layers), so a damage says where it
strikes without reading the file.
"""

import os
import random
import struct
import sys
import zlib

COPIED, PACKED = 1 << 63, 1 << 62


class Table:
    """An L2 table: entries by index, each (kind, host byte offset, stream length)."""

    def __init__(self, off, entries=()):
        self.off, self.entries = off, dict(entries)


class Craft:
    def __init__(self, rng, path, **fixed):
        self.rng, self.path, self.raw = rng, path, path + ".raw"
        pick = lambda name, value: fixed.get(name, value)  # noqa: E731
        self.version = pick("version", rng.choice([3, 3, 3, 3, 2]))
        self.bits = pick("bits", rng.choice([9, 9, 10, 11, 12, 12, 13, 14, 16]))
        self.extended = pick("extended", self.version == 3 and self.bits >= 14
                             and rng.random() < .4)
        self.data_file = pick("data_file", self.version == 3 and rng.random() < .1)
        self.order = pick("order", 4 if self.version == 2 or rng.random() < .7
                          else rng.randrange(7))
        self.lazy = pick("lazy", self.version == 3 and rng.random() < .2)
        self.packs = pick("packs", not self.data_file and self.order >= 4
                          and rng.random() < .4)
        self.n_snapshots = pick("snapshots", 0 if self.order < 3 or self.data_file
                                else rng.choice([0, 0, 0, 1, 2, 3]))
        self.preallocated = pick("preallocated", rng.random() < .15)
        self.cs = 1 << self.bits
        self.entry = 16 if self.extended else 8
        self.per_table = self.cs // self.entry
        self.per_block = self.cs * 8 >> self.order
        self.n_tables = pick("tables", rng.randint(1, 8))
        self.size = self.n_tables * self.per_table * self.cs
        self.next, self.blocks, self.bytes = 3, {0: 2}, {}
        self.own = {0, 1, 2}                    # clusters of single owners
        self.forced = {}                        # refcounts that are not what they should be
        self.incompat = (4 if self.data_file else 0) | (16 if self.extended else 0)
        self.backing = None
        self.l1_off = self.take()
        self.l1 = {}
        self.snapshots = []                     # [(L1 offset, {index: table})]
        self.pack_at = self.pack_end = 0

    # --- clusters ---

    def take(self, owned=True):
        """Byte offset of a new cluster at the end; a refcount block comes before the first
        cluster that needs it."""
        if self.next // self.per_block not in self.blocks:
            self.blocks[self.next // self.per_block] = self.next
            self.own.add(self.next)
            self.next += 1
        if owned:
            self.own.add(self.next)
        self.next += 1
        return (self.next - 1) * self.cs

    def content(self):
        rng = self.rng
        kind = rng.random()
        if kind < .3:
            return rng.randbytes(min(self.cs, 2048)).ljust(self.cs, b"\x55")
        if kind < .6:
            return (b"%08x some line of text\n" % rng.getrandbits(32) * self.cs)[:self.cs]
        if kind < .7:
            return bytes(self.cs)
        return struct.pack(">Q", rng.getrandbits(56)) * (self.cs // 8)

    # --- what the guest does ---

    def table(self, index):
        """The table of the active layer, made or copied when a snapshot has it too."""
        t = self.l1.get(index)
        if t and not any(t in s.values() for _, s in self.snapshots):
            return t
        self.l1[index] = Table(self.take(owned=False), t.entries if t else ())
        return self.l1[index]

    def write(self, guest, n):
        for g in range(guest, min(guest + n, self.n_tables * self.per_table)):
            t = self.table(g // self.per_table)
            off = g * self.cs if self.data_file else self.take(owned=False)
            if not self.preallocated and not self.data_file:
                self.bytes[off] = self.content()
            t.entries[g % self.per_table] = ("data", off, 0)

    def pack(self, guest):
        t = self.table(guest // self.per_table)
        z = zlib.compressobj(9, zlib.DEFLATED, -12)
        plain = bytes([guest & 255]) * (self.cs // 2) + b"z" * (self.cs // 2)
        stream = z.compress(plain) + z.flush()
        if self.pack_end - self.pack_at < len(stream):
            self.pack_at = self.take(owned=False)
            self.pack_end = self.pack_at + self.cs
        base = self.pack_at & ~(self.cs - 1)
        whole = bytearray(self.bytes.get(base, bytes(self.cs)))
        whole[self.pack_at - base:self.pack_at - base + len(stream)] = stream
        self.bytes[base] = bytes(whole)
        t.entries[guest % self.per_table] = ("packed", self.pack_at, len(stream))
        self.pack_at += len(stream)

    def zero(self, guest, n):
        for g in range(guest, min(guest + n, self.n_tables * self.per_table)):
            t = self.table(g // self.per_table)
            old = t.entries.get(g % self.per_table)
            if self.version == 2:
                t.entries.pop(g % self.per_table, None)
            elif old and old[0] == "data" and self.rng.random() < .5:
                t.entries[g % self.per_table] = ("zero", old[1], 0)
            else:
                t.entries[g % self.per_table] = ("zero", 0, 0)

    def discard(self, guest, n):
        for g in range(guest, guest + n):
            if g // self.per_table in self.l1:
                self.table(g // self.per_table).entries.pop(g % self.per_table, None)

    def snapshot(self):
        self.snapshots.append((self.take(), dict(self.l1)))

    def live(self):
        rng, all_of = self.rng, self.n_tables * self.per_table
        at = 0
        for _ in range(rng.randint(2, 12)):
            at = rng.randrange(all_of) if rng.random() < .5 else min(at + 3, all_of - 1)
            n = rng.randint(1, 24 if self.bits < 14 else 6)
            what = rng.random()
            if what < .5:
                self.write(at, n)
            elif what < .7 and self.packs:
                for g in range(at, min(at + n, all_of)):
                    self.pack(g)
            elif what < .85:
                self.zero(at, n)
            elif not self.extended or what < .93:
                self.discard(at, n)
            at += n

    # --- to the file ---

    def references(self):
        refs = {c: 1 for c in self.own}

        def add(off, length):
            for c in range(off // self.cs, (off + max(length, 1) - 1) // self.cs + 1):
                refs[c] = refs.get(c, 0) + 1

        for layer in [self.l1, *(s for _, s in self.snapshots)]:
            for t in layer.values():
                add(t.off, 1)
                for kind, off, length in t.entries.values():
                    if off and not self.data_file:
                        add(off, length)
        return refs

    def word(self, kind, off, length, copied):
        if kind == "packed":
            shift = 62 - (self.bits - 8)
            return PACKED | (off % 512 + length - 1) // 512 << shift | off
        flag = copied if off or self.data_file and kind == "data" else 0
        return off | flag | (1 if kind == "zero" and not self.extended else 0)

    def table_bytes(self, t, refs, active):
        out = bytearray(self.cs)
        for j, (kind, off, length) in t.entries.items():
            one = self.data_file or refs.get(off // self.cs) == 1
            word = self.word(kind, off, length, COPIED if active and one else 0)
            struct.pack_into(">Q", out, j * self.entry, word)
            if self.extended and kind != "packed":
                bitmap = 0xFFFFFFFF if kind == "data" else 0xFFFFFFFF << 32
                struct.pack_into(">Q", out, j * self.entry + 8, bitmap)
        return bytes(out)

    def l1_bytes(self, layer, refs, active):
        out = bytearray(max(self.cs, self.n_tables * 8))
        for i, t in layer.items():
            flag = COPIED if active and refs[t.off // self.cs] == 1 else 0
            struct.pack_into(">Q", out, i * 8, t.off | flag)
        return bytes(out)

    def refcounts(self, refs):
        most = (1 << (1 << self.order)) - 1
        blocks = {i: 0 for i in self.blocks}
        width = 1 << self.order
        for c, n in {**refs, **self.forced}.items():
            i, k = c // self.per_block, c % self.per_block
            if i in blocks:
                # narrow ones are filled from the low bits of each byte
                shift = k * width if width < 8 else None
                n = min(n, most)
                if shift is not None:
                    blocks[i] |= n << shift
                else:
                    blocks[i] |= n << (self.per_block - 1 - k) * width
        order = "little" if width < 8 else "big"
        return {i: v.to_bytes(self.cs, order) for i, v in blocks.items()}

    def header(self):
        length = 104 if self.version == 3 else 72
        head = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", self.version, 0, 0, self.bits,
                           self.size, 0, self.n_tables, self.l1_off, self.cs, 1,
                           len(self.snapshots), self.snapshots_off)
        if self.version == 3:
            head += struct.pack(">QQQII", self.incompat, 1 if self.lazy else 0,
                                0, self.order, length)
        ext = b""
        if self.data_file:
            name = os.path.basename(self.raw).encode()
            ext += struct.pack(">II", 0x44415441, len(name)) + name.ljust(-len(name) // 8 * -8,
                                                                        b"\0")
        if self.backing:
            name, fmt = self.backing
            ext += struct.pack(">II", 0xE2792ACA, len(fmt)) + fmt.ljust(8, b"\0")
            at = len(head) + len(ext) + 8
            head = head[:8] + struct.pack(">QI", at, len(name)) + head[20:]
            ext += bytes(8) + name
        return (head + ext + bytes(8)).ljust(self.cs, b"\0")

    def snapshot_table(self, refs):
        self.snapshots_off = 0
        if not self.snapshots:
            return
        out = b""
        for k, (off, layer) in enumerate(self.snapshots):
            self.put(off, self.l1_bytes(layer, refs, False)[:self.cs])
            ident, name = b"%d" % (k + 1), b"snapshot %d" % k
            out += struct.pack(">QIHHIIQII", off, self.n_tables, len(ident), len(name),
                               1700000000 + k, 0, 0, 0, 16)
            out += struct.pack(">QQ", 0, self.size) + ident + name
            out += bytes(-len(out) % 8)
        first = self.take()
        while self.next * self.cs - first < len(out):
            off = self.take()                   # a block may come between: start anew
            if off != first + self.cs * ((off - first) // self.cs) or \
                    (off - self.cs) // self.cs in self.blocks.values():
                first = off
        self.snapshots_off = first
        self.put(first, out)

    def put(self, off, data):
        self.file.seek(off)
        self.file.write(data)

    def make(self):
        self.file = open(self.path, "wb")
        with self.file:
            refs = self.references()
            self.snapshot_table(refs)
            refs = self.references()
            for layer, active in [*((s, False) for _, s in self.snapshots), (self.l1, True)]:
                for t in layer.values():
                    self.put(t.off, self.table_bytes(t, refs, active))
            for off, data in self.bytes.items():
                if off // self.cs not in self.own:
                    self.put(off, data)
            self.put(self.l1_off, self.l1_bytes(self.l1, refs, True)[:self.cs])
            for i, data in self.refcounts(refs).items():
                self.put(self.blocks[i] * self.cs, data)
                self.put(self.cs + i * 8, struct.pack(">Q", self.blocks[i] * self.cs))
            self.put(0, self.header())
            self.file.truncate(self.next * self.cs)
        self.refs = refs
        if self.data_file:
            with open(self.raw, "wb") as file:
                file.truncate(self.size)

    def sound(self):
        for k in range(self.n_snapshots + 1):
            self.live()
            if k < self.n_snapshots:
                self.snapshot()
        self.make()
        return self


class Damage:
    """An image whose tables are full enough to tell, and what one thing did to it. Each
    method returns the id of the cause that is true."""

    def __init__(self, rng, path):
        self.rng, self.path = rng, path

    def full(self, **fixed):
        rng = self.rng
        fixed = {"version": 3, "bits": rng.choice([9, 10, 12, 12, 13, 14, 16]), "order": 4,
                 "extended": False, "data_file": False, "lazy": False, "packs": False,
                 "preallocated": False, "snapshots": 0, **fixed}
        fixed.setdefault("tables", rng.randint(4, 8))
        c = self.craft = Craft(rng, self.path, **fixed)
        most = 48 if c.bits < 14 else 20
        for i in range(c.n_tables):
            c.write(i * c.per_table + rng.randrange(4), rng.randint(12, most))
        for _ in range(c.n_snapshots):
            c.snapshot()
            c.write(rng.randrange(c.n_tables) * c.per_table, rng.randint(1, 6))
        return c

    def some(self):
        """(index, table) of the active layer."""
        return self.rng.choice(list(self.craft.l1.items()))

    def entry_at(self, t, j):
        return t.off + j * self.craft.entry

    def put(self, off, data):
        with open(self.path, "r+b") as file:
            file.seek(off)
            file.write(data)

    def get(self, off, n=8):
        with open(self.path, "rb") as file:
            file.seek(off)
            return int.from_bytes(file.read(n), "big")

    def force(self, cluster, n):
        self.craft.forced[cluster] = n

    def text(self, n):
        return (b"Nov 26 host kernel: a line of the log of another machine\n" * n)[:n]

    def mess(self, n):
        return self.rng.choice([self.rng.randbytes, self.text])(n)

    # the header

    def partition_table(self):
        self.full().make()
        mbr = bytearray(512)
        mbr[446:462] = struct.pack("<8B2I", 0x80, 1, 1, 0, self.rng.choice([7, 0x83, 0x8E]), 9, 9,
                                   9, 2048, 1 << 20)
        mbr[510:] = b"\x55\xaa"
        self.put(0, bytes(mbr))
        return "header-overwritten"

    def header_field(self):
        self.full().make()
        off, n, value = self.rng.choice([(36, 4, 1), (20, 4, 77), (96, 4, 9), (48, 8, 1 << 45),
                                         (56, 4, 0), (100, 4, 60)])
        self.put(off, value.to_bytes(n, "big"))
        return "header-damaged"

    def feature(self):
        self.full().make()
        self.put(72, (1 << self.rng.randint(8, 62)).to_bytes(8, "big"))
        return "unknown-feature"

    # L1

    def l1_pointer(self):
        self.full().make()
        self.put(40, (1 << self.rng.randint(35, 52)).to_bytes(8, "big"))
        return "l1-pointer"

    def l1_over(self):
        c = self.full()
        c.make()
        self.put(c.l1_off, self.mess(c.cs))
        return "l1-overwritten"

    def l1_zeros(self):
        c = self.full()
        c.make()
        self.put(c.l1_off, bytes(c.cs))
        return "mapping-vanished"

    def l1_moved_live(self):
        c = self.full()
        old = c.l1_off
        c.l1_off = c.take()
        c.make()
        self.put(old, c.l1_bytes(c.l1, c.refs, True)[:c.cs])
        self.force(old // c.cs, 0)
        with open(self.path, "r+b") as c.file:
            for i, data in c.refcounts(c.refs).items():
                c.put(c.blocks[i] * c.cs, data)
        _, t = self.some()
        free = next(j for j in range(c.per_table) if j not in t.entries)
        self.put(self.entry_at(t, free), (c.l1_off | COPIED).to_bytes(8, "big"))
        self.put(c.l1_off, self.mess(c.cs))
        return "live-resize"

    # L2

    def l2_refcounts(self):
        c = self.full()
        c.make()
        _, t = self.some()
        self.put(t.off, b"\0\1" * 256 * self.rng.randint(1, c.cs // 512))
        return "l2-refcounts"

    def l2_over(self):
        c = self.full()
        c.make()
        for _, t in self.rng.sample(list(c.l1.items()), self.rng.randint(1, 2)):
            self.put(t.off, self.mess(c.cs))
        return "l2-overwritten"

    def l2_zeros(self):
        c = self.full()
        c.make()
        for _, t in self.rng.sample(list(c.l1.items()), self.rng.randint(1, 3)):
            self.put(t.off, bytes(c.cs))
        return "l2-wiped"

    def l2_half(self):
        c = self.full(bits=self.rng.choice([13, 14, 16]), tables=2)
        per, pages = 4096 // c.entry, c.cs // 4096
        page = self.rng.randrange(pages)
        c.zero(0, c.per_table)
        c.write(page * per + self.rng.randrange(per - 40), self.rng.randint(12, 32))
        c.make()
        self.put(c.l1[0].off + page * 4096, bytes(4096))
        return "l2-zeroed-pages"

    # the end

    def cut(self):
        c = self.full()
        c.make()
        last = max(off for t in c.l1.values() for _, off, _ in t.entries.values()) // c.cs
        os.truncate(self.path, int(c.cs * self.rng.uniform(last * .4, last)))
        return "cut-short"

    def copied(self):
        c = self.full()
        n = c.next
        keep = int(n * self.rng.uniform(.5, .85))
        for k in range(keep, n + 1):
            self.force(k, 0)
        c.make()
        os.truncate(self.path, (keep + max(1, (n - keep) // 3)) * c.cs)
        return "copied-while-running"

    def flipped(self):
        c = self.full()
        c.make()
        _, t = self.some()
        j = self.rng.choice(list(t.entries))
        at = self.entry_at(t, j)
        bit = self.rng.choice([3, 8, 40, 45, 56, 58, 61])
        self.put(at, (self.get(at) ^ 1 << bit).to_bytes(8, "big"))
        return "broken-entries"

    def flipped_l1(self):
        c = self.full()
        c.make()
        i, _ = self.some()
        self.put(c.l1_off + i * 8, (self.get(c.l1_off + i * 8)
                                    ^ 1 << self.rng.choice([2, 8, 44, 60])).to_bytes(8, "big"))
        return "broken-entries"

    # other files and streams

    def wrong_type(self):
        c = self.full(packs=True, bits=self.rng.choice([12, 13, 16]))
        for g in range(self.rng.randint(4, 30)):
            c.pack(c.per_table - 1 - g)
        c.make()
        head = self.get(100, 4)
        assert head == 104      # make room for the type: eight bytes more
        with open(self.path, "r+b") as file:
            data = file.read(c.cs)
            file.seek(0)
            file.write(data[:72] + struct.pack(">Q", 8) + data[80:100] + struct.pack(">I", 112)
                       + b"\1" + bytes(7) + data[104:c.cs - 8])
        return "compression-type"

    def no_base(self):
        c = self.full(bits=12)
        c.backing = b"gone-%d.img" % self.rng.randrange(9), b"raw"
        c.make()
        return "base-missing"

    def no_data_file(self):
        c = self.full(data_file=True)
        c.make()
        if self.rng.random() < .5:
            os.unlink(c.raw)
        else:
            os.truncate(c.raw, c.size // 8)
        return "data-file"

    # two users

    def twice(self):
        c = self.full()
        c.make()
        (_, a), (_, b) = self.rng.sample(list(c.l1.items()), 2)
        j = self.rng.choice(list(a.entries))
        # the first half of the file: what lies at its end is taken for two writers
        low = sorted(b.entries, key=lambda k: b.entries[k][1])
        k = low[0] if b.entries[low[0]][1] < c.next * c.cs * 3 // 4 else None
        if k is None:
            (a, b), j = (b, a), self.rng.choice(list(b.entries))
            k = min(b.entries, key=lambda k: b.entries[k][1])
        self.put(self.entry_at(a, j), (b.entries[k][1] | COPIED).to_bytes(8, "big"))
        return "cluster-used-twice"

    def two_writers(self):
        c = self.full()
        last, other = c.l1[c.n_tables - 1], c.l1[0]
        c.make()
        run = sorted(last.entries)[:self.rng.randint(9, 12)]
        start = self.rng.choice([0, c.per_table - 13])
        for k, j in enumerate(run):
            self.put(self.entry_at(other, start + k),
                     (last.entries[j][1] | COPIED).to_bytes(8, "big"))
        return "two-writers"

    def reused(self):
        c = self.full()
        c.make()
        (_, a), (_, b) = self.rng.sample(list(c.l1.items()), 2)
        to = self.rng.choice([b.off, c.l1_off, 2 * c.cs])
        self.put(self.entry_at(a, self.rng.choice(list(a.entries))),
                 (to | COPIED).to_bytes(8, "big"))
        return "table-reused"

    # refcounts

    def armed(self):
        c = self.full()
        for _, t in self.rng.sample(list(c.l1.items()), self.rng.randint(1, 2)):
            self.force(t.off // c.cs, 0)
        c.make()
        return "armed-table"

    def block_zeros(self):
        c = self.full()
        c.make()
        self.put(c.blocks[0] * c.cs, bytes(c.cs))
        return "refcounts-lost"

    def block_astray(self):
        c = self.full()
        c.make()
        self.put(c.cs, self.rng.choice([0x123, 1 << 44, c.blocks[0] * c.cs + 512 * 3 // 2,
                                        1 << 60]).to_bytes(8, "big"))
        return "refcounts-lost"

    def low(self):
        c = self.full()
        _, t = self.some()
        for j in self.rng.sample(list(t.entries), self.rng.randint(1, 5)):
            self.force(t.entries[j][1] // c.cs, 0)
        c.make()
        return "refcounts-wrong"

    def behind(self):
        c = self.full(lazy=True)
        for _, t in self.rng.sample(list(c.l1.items()), 2):
            for _, off, _ in t.entries.values():
                self.force(off // c.cs, 0)
        c.incompat |= 1
        c.make()
        return "refcounts-behind"

    def flags(self):
        c = self.full()
        c.make()
        for t in c.l1.values():
            for j in t.entries:
                at = self.entry_at(t, j)
                self.put(at, (self.get(at) & ~COPIED).to_bytes(8, "big"))
        return "copied-flags"

    def full_storage(self):
        c = self.full()
        t = c.l1[c.n_tables - 1] = Table(c.take(owned=False))
        t.entries[3] = ("data", c.take(owned=False), 0)
        self.force(t.off // c.cs, 0)
        for _ in range(self.rng.randint(2, 4)):
            self.force(c.take(owned=False) // c.cs, 1)
        c.make()
        return "no-space"

    def leaks(self):
        c = self.full()
        c.make_leaks = [c.take(owned=False) // c.cs for _ in range(self.rng.randint(1, 9))]
        c.write(1, 2)
        for k in c.make_leaks:
            self.force(k, 1)
        c.make()
        return "left-overs"

    # lists and marks

    def snapshot_entry(self):
        c = self.full(snapshots=2)
        c.make()
        at, value, n = self.rng.choice([(0, c.snapshots[0][0] + 512 // 2, 8), (8, 1 << 27, 4),
                                        (36, 1 << 20, 4)])
        self.put(c.snapshots_off + at, value.to_bytes(n, "big"))
        return "snapshot-table"

    def corrupt_bit(self):
        c = self.full()
        c.incompat |= 2
        c.make()
        return "marked-corrupt"

    def crash(self):
        c = self.full(lazy=True)
        c.incompat |= 1
        end = c.next
        c.make()
        self.put(end * c.cs, self.text(c.cs * self.rng.randint(2, 9)))
        return "unflushed-tables"

    def older_tail(self):
        c = self.full()
        c.make()
        self.put(c.next * c.cs, self.mess(c.cs * self.rng.randint(2, 9)))
        return "old-bytes-behind"

    def guest_is_file(self):
        c = self.full()
        c.write(0, 1)
        off = c.l1[0].entries[0][1]
        c.bytes[off] = (self.rng.choice([b"\xfd7zXZ\0", b"PK\3\4", b"\x7fELF", b"%PDF"])
                        + self.rng.randbytes(500)).ljust(c.cs, b"\0")
        c.make()
        return "guest-is-a-file"


DAMAGES = [name for name, f in vars(Damage).items() if not name.startswith("_")
           and name not in ("full", "some", "entry_at", "put", "get", "force", "text", "mess")]


def main(argv):
    rng = random.Random(argv[1])
    if len(argv) > 3:
        print(getattr(Damage(rng, argv[2]), argv[3])())
    else:
        Craft(rng, argv[2]).sound()


if __name__ == "__main__":
    main(sys.argv)
