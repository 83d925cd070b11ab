# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Damage that knows the structure. survey() looks at a sound image once; damage() then
gives a list of raw changes (qcow2.apply_ops), chosen by a seeded random source.

    mutate.py IMAGE SEED        prints the changes that this seed makes to the image
"""

import random
import sys

import qcow2

BIG = [1 << 32, (1 << 55), (1 << 56) - 512, 1 << 56, 1 << 62, (1 << 63) - (1 << 30),
       (1 << 63) - 512, 1 << 63, (1 << 63) + (1 << 16), (1 << 64) - 512, (1 << 64) - 1]
TABLE_MAX = 4096        # entries of one table that are remembered
TABLES_MAX = 64         # L2 tables that are


class Survey:
    """Where everything lies in a sound image."""

    def __init__(self, path):
        with qcow2.Image(path) as img:
            self.look(img)

    def look(self, img):
        self.cs, self.bits = img.cs, img.cluster_bits
        self.version, self.extended = img.version, img.extended
        self.size = img.file_size
        self.clusters = -(-self.size // self.cs)
        self.refcount_bits = img.refcount_bits
        self.fields = {}        # group of places -> [(offset, bytes)]
        self.kinds = {}         # what -> [byte offset of its first byte]
        self.add_header(img)
        self.add_layers(img)
        self.add_refcounts(img)
        self.add_bitmaps(img)
        self.kinds["header"] = [0]

    def field(self, group, off, width):
        self.fields.setdefault(group, []).append((off, width))

    def kind(self, what, off):
        self.kinds.setdefault(what, []).append(off)

    def add_header(self, img):
        for name, off, width, version in qcow2.HEADER:
            if version <= img.version:
                self.field("header", off, width)
                self.field("header." + name, off, width)
        for kind, pos, length in img.extensions():
            name = qcow2.EXT_NAMES.get(kind, "other")
            self.field("extension", pos, 4)
            self.field("extension", pos + 4, 4)
            for _, off, width in qcow2.EXT_FIELDS.get(name, []):
                self.field("extension." + name, pos + 8 + off, width)
            if name == "crypto":
                self.kind("crypto", img.read_int(pos + 8, 8))
        for pos in img.snapshots():
            self.kinds.setdefault("snapshot table", [img.snapshots_offset])
            extra = img.read_int(pos + 36, 4)
            for _, off, width in qcow2.SNAPSHOT:
                if off + width <= 40 + extra:
                    self.field("snapshot", pos + off, width)

    def add_layers(self, img):
        self.l2_used, self.l2_free, self.data = [], [], []
        tables = []
        for layer, (off, n) in enumerate(img.layers()):
            self.kind("L1 snapshot" if layer else "L1", off)
            for i, entry in enumerate(img.words(off, n)):
                self.field("l1.used" if entry else "l1.free", off + i * 8, 8)
                if entry & qcow2.OFFSET_MASK:
                    tables.append(entry & qcow2.OFFSET_MASK)
        tables = list(dict.fromkeys(tables))
        for table in tables[::len(tables) // TABLES_MAX + 1]:
            self.kind("L2", table)
            self.add_l2(img, table)

    def add_l2(self, img, table):
        step = img.l2_entry_size
        words = img.words(table, min(img.l2_entries, TABLE_MAX) * step // 8)
        for j in range(len(words) * 8 // step):
            entry = words[j * step // 8]
            (self.l2_used if entry else self.l2_free).append(table + j * step)
            if entry & qcow2.OFFSET_MASK and not entry & qcow2.COMPRESSED:
                self.data.append(entry & qcow2.OFFSET_MASK)

    def add_refcounts(self, img):
        self.kind("refcount table", img.refcount_table_offset)
        self.blocks = []
        for i, entry in enumerate(img.reftable()[:TABLE_MAX]):
            self.field("reftable.used" if entry else "reftable.free",
                       img.refcount_table_offset + i * 8, 8)
            if entry:
                self.kind("refcount block", entry)
                self.blocks.append((i, entry))

    def add_bitmaps(self, img):
        for pos in img.bitmaps():
            self.kinds.setdefault("bitmap directory", [pos])
            for _, off, width in qcow2.BITMAP:
                self.field("bitmap", pos + off, width)
            table, n = img.read_int(pos, 8), img.read_int(pos + 8, 4)
            self.kind("bitmap table", table)
            for i, entry in enumerate(img.words(table, n)):
                self.field("bitmap.table", table + i * 8, 8)
                if entry & qcow2.OFFSET_MASK:
                    self.kind("bitmap data", entry & qcow2.OFFSET_MASK)


class Damager:
    def __init__(self, survey, rng):
        self.s, self.rng = survey, rng
        self.ops = []

    # --- values ---

    def metadata(self):
        return self.rng.choice(self.s.kinds[self.rng.choice(sorted(self.s.kinds))])

    def pointer(self):
        """A host offset with a story."""
        rng, s = self.rng, self.s
        end = s.clusters * s.cs
        off = rng.choice([
            self.metadata, self.metadata,
            lambda: rng.choice(s.data) if s.data else s.cs,
            lambda: rng.randrange(s.clusters) * s.cs,
            lambda: end, lambda: end - s.cs, lambda: end + s.cs,
            lambda: rng.randrange(s.clusters, 2 * s.clusters + 4) * s.cs,
            lambda: rng.choice(BIG),
            lambda: 0,
        ])()
        if rng.random() < 0.15:
            off += rng.choice([512, s.cs // 2, rng.randrange(1, s.cs), -512])
        return off & (1 << 64) - 1

    def flags(self):
        any_bit = 1 << self.rng.randrange(64)
        return self.rng.choice([0, 0, qcow2.COPIED, qcow2.COPIED, qcow2.COPIED, 1,
                                any_bit, qcow2.COPIED | 1, qcow2.COPIED | any_bit,
                                qcow2.COMPRESSED])

    def number(self, width):
        rng, s = self.rng, self.s
        most = (1 << width * 8) - 1
        return rng.choice([0, 1, 2, 3, most, most >> 1, (most >> 1) + 1, s.cs, s.clusters,
                           1 << rng.randrange(width * 8), rng.randrange(most + 1),
                           rng.randrange(64), self.pointer(), s.size]) & most

    def descriptor(self):
        """A compressed cluster descriptor."""
        rng, s = self.rng, self.s
        at = 62 - (s.bits - 8)
        most = (1 << s.bits - 8) - 1
        sectors = rng.choice([0, 0, 1, most, rng.randint(0, most)])
        off = self.pointer() + rng.choice([0, rng.randrange(s.cs), s.cs - 512, s.cs - 1])
        if rng.random() < 0.4:
            off = max(0, s.size - rng.randrange(1, 2 * s.cs))
        return qcow2.COMPRESSED | sectors << at | off & (1 << at) - 1

    def read(self, off, width):
        with open(self.path, "rb") as file:
            file.seek(off)
            data = file.read(width)
        return int.from_bytes(data + bytes(width - len(data)), "big")

    # --- places ---

    def place(self, *groups):
        there = [g for g in groups if self.s.fields.get(g)]
        return self.rng.choice(self.s.fields[self.rng.choice(there)]) if there else None

    def poke(self, where, value):
        if where:
            self.ops.append(("poke", where[0], where[1], value))

    def nudge(self, where):
        """A small change of what is there: a bit, one more, one less."""
        if where:
            old = self.read(*where)
            new = self.rng.choice([old ^ 1 << self.rng.randrange(where[1] * 8), old + 1,
                                   old - 1, old + self.s.cs, old * 2, old ^ qcow2.COPIED])
            self.poke(where, new & (1 << 8 * where[1]) - 1)

    def refcount(self, cluster, value):
        """Sets a stored refcount, where a block holds it."""
        s = self.s
        per_block = s.cs * 8 // s.refcount_bits
        for index, block in s.blocks:
            if index != cluster // per_block:
                continue
            bit = cluster % per_block * s.refcount_bits
            if s.refcount_bits >= 8:
                self.poke((block + bit // 8, s.refcount_bits // 8), value)
                return
            old = self.read(block + bit // 8, 1)
            for op in self.ops:
                if op[:3] == ("poke", block + bit // 8, 1):
                    old = op[3]
            mask = (1 << s.refcount_bits) - 1 << bit % 8
            self.poke((block + bit // 8, 1), old & ~mask | value << bit % 8 & mask)

    # --- kinds of damage ---

    def header_field(self):
        where = self.place("header")
        if self.rng.random() < 0.5:
            self.nudge(where)
        else:
            self.poke(where, self.number(where[1]))

    def header_sizes(self):
        names = ["l1_size", "refcount_table_clusters", "size", "nb_snapshots",
                 "refcount_order", "cluster_bits", "header_length"]
        where = self.place(*("header." + name for name in names))
        self.poke(where, self.rng.choice([self.read(*where) + self.rng.randint(-3, 3),
                                          self.rng.randrange(1 << 12),
                                          self.number(where[1])]))

    def header_pointer(self):
        self.poke(self.place("header.l1_table_offset", "header.refcount_table_offset",
                             "header.snapshots_offset"), self.pointer())

    def features(self):
        where = self.place("header.incompatible_features", "header.compatible_features",
                           "header.autoclear_features")
        if where:
            bit = self.rng.choice([0, 1, 2, 3, 4, 5, 63])
            self.poke(where, self.read(*where) ^ 1 << bit)

    def extension(self):
        where = self.place("extension", "extension.bitmaps", "extension.crypto")
        if where and self.rng.random() < 0.5:
            self.nudge(where)
        elif where:
            self.poke(where, self.number(where[1]))

    def l1_entry(self):
        where = self.place("l1.used", "l1.used", "l1.free")
        if self.rng.random() < 0.3:
            self.nudge(where)
        else:
            self.poke(where, self.pointer() | self.flags())

    def l2_entry(self):
        s, rng = self.s, self.rng
        pool = s.l2_used if rng.random() < 0.75 else s.l2_free
        if not pool:
            return
        off = rng.choice(pool)
        what = rng.random()
        if what < 0.3:
            self.nudge((off, 8))
        elif what < 0.5:
            self.poke((off, 8), self.descriptor() | rng.choice([0, 0, 0, qcow2.COPIED]))
        else:
            self.poke((off, 8), self.pointer() | self.flags())
        if s.extended and rng.random() < 0.5:
            self.subclusters(off)

    def subclusters(self, off=None):
        rng, s = self.rng, self.s
        if not s.extended or not (s.l2_used or off):
            return
        if off is None:
            used = rng.random() < 0.7 or not s.l2_free
            off = rng.choice(s.l2_used if used else s.l2_free)
        bits = rng.choice([0, 1, 1 << 32, (1 << 32) - 1, (1 << 64) - (1 << 32),
                           (1 << 64) - 1, rng.getrandbits(64), 1 << rng.randrange(64)])
        self.poke((off + 8, 8), bits)

    def several_l2(self):
        for _ in range(self.rng.randint(2, 12)):
            self.l2_entry()

    def same_target(self):
        """Several entries of one target; refcounts follow it sometimes."""
        s, rng = self.s, self.rng
        if not s.l2_used:
            return
        target = rng.choice(s.data) if s.data and rng.random() < 0.6 else self.pointer()
        n = rng.choice([2, 2, 3, 5, 20, 300])
        pool = s.l2_used + s.l2_free
        flags = rng.choice([0, qcow2.COPIED])
        for _ in range(n):
            self.poke((rng.choice(pool), 8), target | flags)
        if rng.random() < 0.5:
            self.refcount(target // s.cs, rng.choice([n, n + 1, 1, 0]))

    def same_table(self):
        """Several L1 entries on one L2 table."""
        rng, s = self.rng, self.s
        if not s.kinds.get("L2"):
            return
        target = rng.choice(s.kinds["L2"])
        for _ in range(rng.randint(1, 6)):
            self.poke(self.place("l1.used", "l1.free"),
                      target | rng.choice([0, qcow2.COPIED]))
        if rng.random() < 0.5:
            self.refcount(target // s.cs, rng.randint(0, 7))

    def reftable_entry(self):
        where = self.place("reftable.used", "reftable.used", "reftable.free")
        if where and self.rng.random() < 0.3:
            self.nudge(where)
        elif where:
            self.poke(where, self.pointer() | self.rng.choice(
                [0, 0, 0, 1, 256, 1 << self.rng.randrange(64)]))

    def refcounts(self):
        rng, s = self.rng, self.s
        most = (1 << s.refcount_bits) - 1
        start = rng.randrange(s.clusters + 3)
        for k in range(rng.choice([1, 1, 1, 2, 9])):
            self.refcount(start + k, rng.choice([0, 0, 1, 2, most, most - 1, most >> 1,
                                                 rng.randint(0, most)]) & most)

    def snapshot_field(self):
        where = self.place("snapshot")
        if where and self.rng.random() < 0.4:
            self.nudge(where)
        elif where:
            self.poke(where, self.pointer() if where[1] == 8 else self.number(where[1]))

    def bitmap_field(self):
        where = self.place("bitmap", "bitmap.table", "bitmap.table", "extension.bitmaps")
        if where and self.rng.random() < 0.4:
            self.nudge(where)
        elif where:
            self.poke(where, self.pointer() if where[1] == 8 else self.number(where[1]))
        if where and self.rng.random() < 0.4:    # one in use is not read when opening
            first = self.s.fields["bitmap"][:len(qcow2.BITMAP)]
            self.poke(first[2], self.rng.choice([0, 1, 3]))

    def swap_entries(self):
        group = self.rng.choice(["l1.used", "reftable.used", "bitmap.table", "l2"])
        places = [(off, 8) for off in self.s.l2_used] if group == "l2" \
            else self.s.fields.get(group, [])
        if len(places) > 1:
            a, b = self.rng.sample(places, 2)
            self.poke(a, self.read(*b))
            self.poke(b, self.read(*a) if self.rng.random() < 0.6 else self.read(*b))

    def overwrite_table(self):
        """One structure's first cluster with another's, or with data."""
        source = self.metadata() if self.rng.random() < 0.8 \
            else self.rng.randrange(self.s.clusters) * self.s.cs
        self.ops.append(("copy", source, self.metadata(), min(self.s.cs, 65536)))

    def wipe_table(self):
        off = self.metadata()
        if off == 0 and self.rng.random() < 0.8:
            off = self.pointer() % (self.s.clusters * self.s.cs)
        length = self.rng.choice([self.s.cs, 512, self.s.cs // 2, 64])
        byte = self.rng.choice([0, 0, 0, 255, 1, 0x41, self.rng.randrange(256)])
        self.ops.append(("fill", off, min(length, 65536), byte))

    def random_words(self):
        off = self.metadata() + self.rng.randrange(0, min(self.s.cs, 4096), 8)
        if off < 104:
            off += 104
        for k in range(self.rng.choice([1, 2, 8])):
            self.poke((off + 8 * k, 8), self.rng.getrandbits(64))

    def random_byte(self):
        self.poke((self.rng.randrange(self.s.size), 1), self.rng.randrange(256))

    def cut(self):
        s, rng = self.s, self.rng
        near = rng.randrange(s.clusters + 1) * s.cs
        size = rng.choice([near, near, near + 1, near + 511, near + 512, near + 513,
                           near - 1, near - 512, rng.randrange(s.size + 1),
                           s.size - rng.randrange(min(s.size, 4 * s.cs))])
        self.ops.append(("truncate", max(0, size)))

    def extend(self):
        s, rng = self.s, self.rng
        more = rng.choice([1, 511, 512, s.cs - 1, s.cs, s.cs + 1,
                           rng.randrange(1, 40 * s.cs)])
        if rng.random() < 0.02:
            more = rng.choice([1 << 28, 1 << 30]) if s.cs > 1024 else 1 << 24
        self.ops.append(("truncate", s.size + more))

    def growth(self):
        """References that reach into the cluster after the end, which QEMU then counts as
        part of the file, and refcount blocks just there."""
        s, rng = self.s, self.rng
        end = s.size // s.cs * s.cs
        if rng.random() < 0.5:
            end += rng.choice([0, s.cs])
            self.ops.append(("truncate", max(0, end + rng.choice([0, 0, 1, 512, -512]))))
        near = end + rng.choice([-s.cs, 0, s.cs]) + rng.choice([0, 0, 512, s.cs // 2])
        if s.l2_used and rng.random() < 0.7:
            entry = near & qcow2.OFFSET_MASK | rng.choice([qcow2.COPIED, 0, 1])
            if rng.random() < 0.3:
                entry = self.descriptor()
            self.poke((rng.choice(s.l2_used), 8), entry)
        else:
            self.poke(self.place("l1.used", "l1.free"), near | qcow2.COPIED)
        if rng.random() < 0.5:
            self.poke(self.place("reftable.used", "reftable.free", "reftable.free"),
                      end + rng.choice([-s.cs, 0, 0, s.cs, 2 * s.cs]))

    def version(self):
        self.poke((4, 4), self.rng.choice([2, 3, 2, 3, 0, 1, 4, 0x1000003]))

    def backing(self):
        cs = self.s.cs
        self.poke((8, 8), self.rng.choice([0, 104, cs, cs - 8, self.pointer()]))
        self.poke((16, 4), self.rng.choice([0, 1, 8, 1023, 1024, cs]))


# (how often, what)
DAMAGE = [
    (8, Damager.header_field), (5, Damager.header_sizes), (6, Damager.header_pointer),
    (2, Damager.features), (4, Damager.extension), (14, Damager.l1_entry),
    (18, Damager.l2_entry), (6, Damager.subclusters), (5, Damager.several_l2),
    (6, Damager.same_target), (5, Damager.same_table), (10, Damager.reftable_entry),
    (10, Damager.refcounts), (12, Damager.snapshot_field), (12, Damager.bitmap_field),
    (5, Damager.swap_entries), (5, Damager.overwrite_table), (5, Damager.wipe_table),
    (6, Damager.random_words), (2, Damager.random_byte), (6, Damager.cut),
    (4, Damager.extend), (8, Damager.growth), (1, Damager.version),
    (1, Damager.backing),
]


def damage(survey, path, rng):
    """The changes for one image: mostly one or two kinds of damage, sometimes many."""
    damager = Damager(survey, rng)
    damager.path = path
    amount = rng.choices([0, 1, 2, 3, 5, 12], [2, 50, 25, 12, 8, 3])[0]
    for _ in range(amount):
        rng.choices([d for _, d in DAMAGE], [w for w, _ in DAMAGE])[0](damager)
    return [(op[0], op[1], op[2], op[3] & (1 << 8 * op[2]) - 1) if op[0] == "poke" else op
            for op in damager.ops]


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    _, image, seed = sys.argv
    print(qcow2.ops_text(damage(Survey(image), image, random.Random(seed))))
