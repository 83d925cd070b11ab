# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""A small reader and poker of qcow2 files, written for the tests and sharing nothing with
the program under test: it finds every table of a sound image and changes bytes by name.

Names of places (numbers in decimal or 0x):
    l1_size  refcount_order ...     header fields, names of the specification
    l1[3]                           entry of the active L1 table
    l2[3][77]  l2[3][77].bitmap     entry of the L2 table behind l1[3]; its bitmap word
    snap[0].l1[3]  snap[0].l2[3][7] the same in a snapshot (numbered from 0)
    snap[0].l1_table_offset ...     field of a snapshot table entry
    reftable[0]  refcount[28]       refcount table entry; stored refcount of a cluster
    bitmap[0].flags ...             field of a bitmap directory entry
    bitmap[0].table[2]              bitmap table entry
    ext[bitmaps].nb_bitmaps ...     field of a header extension, also .type and .length

    qcow2.py IMAGE show             what lies where
    qcow2.py IMAGE get NAME...
    qcow2.py IMAGE poke NAME=VALUE...
    qcow2.py IMAGE ops 'OP; OP...'  raw changes, see apply_ops
"""

import os
import re
import sys

# name, byte offset, bytes, first version that has it
HEADER = [
    ("magic", 0, 4, 2), ("version", 4, 4, 2),
    ("backing_file_offset", 8, 8, 2), ("backing_file_size", 16, 4, 2),
    ("cluster_bits", 20, 4, 2), ("size", 24, 8, 2), ("crypt_method", 32, 4, 2),
    ("l1_size", 36, 4, 2), ("l1_table_offset", 40, 8, 2),
    ("refcount_table_offset", 48, 8, 2), ("refcount_table_clusters", 56, 4, 2),
    ("nb_snapshots", 60, 4, 2), ("snapshots_offset", 64, 8, 2),
    ("incompatible_features", 72, 8, 3), ("compatible_features", 80, 8, 3),
    ("autoclear_features", 88, 8, 3), ("refcount_order", 96, 4, 3),
    ("header_length", 100, 4, 3), ("compression_type", 104, 1, 3),
]

SNAPSHOT = [
    ("l1_table_offset", 0, 8), ("l1_size", 8, 4), ("id_str_size", 12, 2),
    ("name_size", 14, 2), ("date_sec", 16, 4), ("date_nsec", 20, 4),
    ("vm_clock_nsec", 24, 8), ("vm_state_size", 32, 4), ("extra_data_size", 36, 4),
    # in the extra data, when there is that much of it
    ("vm_state_size_large", 40, 8), ("disk_size", 48, 8), ("icount", 56, 8),
]

BITMAP = [
    ("bitmap_table_offset", 0, 8), ("bitmap_table_size", 8, 4), ("flags", 12, 4),
    ("type", 16, 1), ("granularity_bits", 17, 1), ("name_size", 18, 2),
    ("extra_data_size", 20, 4),
]

EXT_NAMES = {
    0xE2792ACA: "backing_format", 0x6803F857: "feature_names", 0x23852875: "bitmaps",
    0x0537BE77: "crypto", 0x44415441: "data_file",
}
EXT_FIELDS = {
    "bitmaps": [("nb_bitmaps", 0, 4), ("reserved", 4, 4), ("directory_size", 8, 8),
                ("directory_offset", 16, 8)],
    "crypto": [("offset", 0, 8), ("length", 8, 8)],
}

OFFSET_MASK = 0x00FFFFFFFFFFFE00
COPIED = 1 << 63
COMPRESSED = 1 << 62
DIRTY, CORRUPT, DATA_FILE, COMPRESSION, EXTENDED_L2 = (1 << n for n in range(5))


class Image:
    """A qcow2 file opened for reading and poking. Nothing is cached but the header, and
    that is read again after each poke."""

    def __init__(self, path, writable=False):
        self.path = path
        self.file = open(path, "r+b" if writable else "rb")
        self.load()

    def close(self):
        self.file.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def load(self):
        for name, off, width, version in HEADER:
            setattr(self, name, self.read_int(off, width))
        if self.version < 3:
            for name, _, _, version in HEADER:
                if version == 3:
                    setattr(self, name, 0)
            self.refcount_order, self.header_length = 4, 72
        elif self.header_length <= 104:
            self.compression_type = 0
        self.cs = 1 << self.cluster_bits
        self.file_size = os.fstat(self.file.fileno()).st_size
        self.extended = bool(self.incompatible_features & EXTENDED_L2)
        self.l2_entry_size = 16 if self.extended else 8
        self.l2_entries = self.cs // self.l2_entry_size
        self.refcount_bits = 1 << self.refcount_order
        self.refblock_entries = self.cs * 8 // self.refcount_bits

    # --- bytes ---

    def read(self, off, n):
        self.file.seek(off)
        data = self.file.read(n)
        return data + bytes(n - len(data))

    def read_int(self, off, width):
        return int.from_bytes(self.read(off, width), "big")

    def words(self, off, n):
        data = self.read(off, n * 8)
        return [int.from_bytes(data[i:i + 8], "big") for i in range(0, n * 8, 8)]

    def write(self, off, data):
        self.file.seek(off)
        self.file.write(data)
        self.file.flush()
        self.load()

    # --- structures ---

    def extensions(self):
        """[(type, position of the entry, data length)] up to the end mark."""
        found = []
        pos = self.header_length
        end = self.backing_file_offset or self.cs
        while pos + 8 <= end:
            kind, length = self.read_int(pos, 4), self.read_int(pos + 4, 4)
            if kind == 0 or length > end - pos - 8:
                break
            found.append((kind, pos, length))
            pos += 8 + (length + 7) // 8 * 8
        return found

    def extension(self, name):
        for kind, pos, length in self.extensions():
            if EXT_NAMES.get(kind) == name:
                return pos, length
        return None

    def snapshots(self):
        """[position of each snapshot table entry]"""
        found = []
        pos = self.snapshots_offset
        for _ in range(self.nb_snapshots):
            pos = (pos + 7) // 8 * 8
            found.append(pos)
            pos += 40 + self.read_int(pos + 36, 4) + self.read_int(pos + 12, 2) \
                + self.read_int(pos + 14, 2)
        return found

    def bitmaps(self):
        """[position of each bitmap directory entry]"""
        ext = self.extension("bitmaps")
        if not ext:
            return []
        found = []
        pos = self.read_int(ext[0] + 8 + 16, 8)
        for _ in range(self.read_int(ext[0] + 8, 4)):
            found.append(pos)
            length = 24 + self.read_int(pos + 20, 4) + self.read_int(pos + 18, 2)
            pos += (length + 7) // 8 * 8
        return found

    def layers(self):
        """[(L1 offset, entries)]: the active layer, then each snapshot."""
        found = [(self.l1_table_offset, self.l1_size)]
        for pos in self.snapshots():
            found.append((self.read_int(pos, 8), self.read_int(pos + 8, 4)))
        return found

    def reftable(self):
        return self.words(self.refcount_table_offset,
                          self.refcount_table_clusters * self.cs // 8)

    def refcount_at(self, cluster):
        """(byte offset, bytes, shift, bits) of a stored refcount; None: no block."""
        block = self.read_int(self.refcount_table_offset
                              + cluster // self.refblock_entries * 8, 8) & OFFSET_MASK
        if block == 0:
            return None
        bit = cluster % self.refblock_entries * self.refcount_bits
        if self.refcount_bits < 8:
            return block + bit // 8, 1, bit % 8, self.refcount_bits
        return block + bit // 8, self.refcount_bits // 8, 0, self.refcount_bits

    # --- names ---

    def locate(self, name):
        """(byte offset, bytes, shift, bits) of a named place."""
        for field, off, width, _ in HEADER:
            if field == name:
                return off, width, 0, width * 8
        layer, rest = 0, name
        match = re.fullmatch(r"snap\[(\w+)\]\.(.+)", name)
        if match:
            layer, rest = int(match[1], 0) + 1, match[2]
            for field, off, width in SNAPSHOT:
                if field == rest:
                    return self.snapshots()[layer - 1] + off, width, 0, width * 8
        match = re.fullmatch(r"l1\[(\w+)\]", rest)
        if match:
            return self.layers()[layer][0] + int(match[1], 0) * 8, 8, 0, 64
        match = re.fullmatch(r"l2\[(\w+)\]\[(\w+)\](\.bitmap)?", rest)
        if match:
            table = self.words(self.layers()[layer][0] + int(match[1], 0) * 8, 1)[0]
            if not table & OFFSET_MASK:
                raise KeyError(f"{name}: no L2 table there")
            return (table & OFFSET_MASK) + int(match[2], 0) * self.l2_entry_size \
                + (8 if match[3] else 0), 8, 0, 64
        match = re.fullmatch(r"reftable\[(\w+)\]", name)
        if match:
            return self.refcount_table_offset + int(match[1], 0) * 8, 8, 0, 64
        match = re.fullmatch(r"refcount\[(\w+)\]", name)
        if match:
            where = self.refcount_at(int(match[1], 0))
            if where:
                return where
        match = re.fullmatch(r"bitmap\[(\w+)\]\.(?:(\w+)|table\[(\w+)\])", name)
        if match:
            pos = self.bitmaps()[int(match[1], 0)]
            if match[3]:
                return self.read_int(pos, 8) + int(match[3], 0) * 8, 8, 0, 64
            for field, off, width in BITMAP:
                if field == match[2]:
                    return pos + off, width, 0, width * 8
        match = re.fullmatch(r"ext\[(\w+)\]\.(\w+)", name)
        if match:
            ext = self.extension(match[1])
            fields = [("type", -8, 4), ("length", -4, 4)] + EXT_FIELDS.get(match[1], [])
            for field, off, width in fields:
                if ext and field == match[2]:
                    return ext[0] + 8 + off, width, 0, width * 8
        raise KeyError(f"{name}: no such place")

    def get(self, name):
        off, width, shift, bits = self.locate(name)
        return self.read_int(off, width) >> shift & ((1 << bits) - 1)

    def poke(self, name, value):
        off, width, shift, bits = self.locate(name)
        mask = (1 << bits) - 1
        word = self.read_int(off, width) & ~(mask << shift) | (value & mask) << shift
        self.write(off, (word & (1 << width * 8) - 1).to_bytes(width, "big"))


# --- raw changes, as recipes list them ---

def apply_ops(path, ops):
    """Applies raw changes, each a tuple:
        ("poke", offset, bytes, value)      a big-endian integer
        ("fill", offset, length, byte)
        ("copy", from, to, length)
        ("hex", offset, hex digits)
        ("truncate", length)                cut or extend
    """
    with open(path, "r+b") as file:
        for op, *a in ops:
            if op == "poke":
                file.seek(a[0])
                file.write((a[2] & (1 << 8 * a[1]) - 1).to_bytes(a[1], "big"))
            elif op == "fill":
                file.seek(a[0])
                file.write(bytes([a[2]]) * a[1])
            elif op == "copy":
                file.seek(a[0])
                data = file.read(a[2])
                file.seek(a[1])
                file.write(data + bytes(a[2] - len(data)))
            elif op == "hex":
                file.seek(a[0])
                file.write(bytes.fromhex(a[1]))
            elif op == "truncate":
                file.truncate(a[0])
            else:
                raise ValueError(f"unknown change {op}")


def ops_text(ops):
    return "; ".join(" ".join([op] + [x if isinstance(x, str) else f"{x:#x}" for x in a])
                     for op, *a in ops)


def ops_parse(text):
    ops = []
    for part in filter(None, (p.split() for p in text.split(";"))):
        if part[0] == "hex":
            ops.append(("hex", int(part[1], 0), part[2]))
        else:
            ops.append((part[0], *(int(x, 0) for x in part[1:])))
    return ops


def show(img):
    for name, _, _, version in HEADER:
        if version <= img.version:
            print(f"{name:24} {getattr(img, name):#x}")
    for kind, pos, length in img.extensions():
        print(f"extension {EXT_NAMES.get(kind, hex(kind))} at {pos:#x}, {length} bytes")
    for layer, (off, n) in enumerate(img.layers()):
        name = f"snapshot {layer - 1}" if layer else "active"
        print(f"{name} L1 at {off:#x}, {n} entries")
        for i, entry in enumerate(img.words(off, n)):
            if entry:
                print(f"  l1[{i}] = {entry:#018x}")
                table = img.words(entry & OFFSET_MASK, img.cs // 8)
                step = img.l2_entry_size // 8
                for j in range(0, len(table), step):
                    if any(table[j:j + step]):
                        print(f"    l2[{i}][{j // step}] = "
                              + " ".join(f"{w:#018x}" for w in table[j:j + step]))
    for i, entry in enumerate(img.reftable()):
        if entry:
            print(f"reftable[{i}] = {entry:#x}")
    for i, pos in enumerate(img.bitmaps()):
        print(f"bitmap {i} at {pos:#x}")
    counts = [img.get(f"refcount[{c}]") if img.refcount_at(c) else 0
              for c in range(-(-img.file_size // img.cs))]
    print("refcounts", " ".join(map(str, counts)))


def main(argv):
    if len(argv) < 3 or argv[2] not in ("show", "get", "poke", "ops"):
        sys.exit(__doc__)
    path, command, args = argv[1], argv[2], argv[3:]
    if command == "ops":
        apply_ops(path, ops_parse(args[0]))
        return
    with Image(path, command == "poke") as img:
        if command == "show":
            show(img)
        for arg in args:
            if command == "get":
                print(f"{arg} = {img.get(arg):#x}")
            else:
                name, value = arg.split("=")
                img.poke(name, int(value, 0))


if __name__ == "__main__":
    main(sys.argv)
