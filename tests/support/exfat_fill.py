#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""exfat_fill.py IMAGE FOLDER: puts the files of a folder into an empty exFAT, nothing mounted.

Half of them go into a directory. Each fourth follows the FAT, the others lie in one piece.
"""

import os
import random
import struct
import sys

SECTOR_BITS = 108               # bytes of the boot sector
PERCENT = 112


def checksum(data, left_out=()):
    value = 0
    for i, x in enumerate(data):
        if i not in left_out:
            value = ((value << 15 | value >> 1) & 0xffff) + x & 0xffff
    return value


def entry_set(name, first, size, is_folder, chained):
    n_names = (len(name) + 14) // 15
    out = bytearray(32 * (2 + n_names))
    out[0:2] = 0x85, 1 + n_names
    struct.pack_into("<H", out, 4, 0x10 if is_folder else 0x20)
    out[32:34] = 0xc0, 1 if chained else 3
    out[35] = len(name)
    struct.pack_into("<H", out, 36, checksum(name.upper().encode("utf-16-le")))
    struct.pack_into("<Q", out, 40, size)
    struct.pack_into("<IQ", out, 52, first, size)
    text = name.encode("utf-16-le")
    for i in range(n_names):
        part = text[30 * i:30 * i + 30]
        out[64 + 32 * i] = 0xc1
        out[66 + 32 * i:66 + 32 * i + len(part)] = part
    struct.pack_into("<H", out, 2, checksum(out, (2, 3)))
    return bytes(out)


class Volume:
    def __init__(self, f):
        self.f, self.rnd = f, random.Random("exfat")
        boot = f.read(512)
        self.sector = 1 << boot[SECTOR_BITS]
        self.unit = self.sector << boot[SECTOR_BITS + 1]
        self.table, _, self.heap, self.n, self.root = struct.unpack_from("<5I", boot, 80)
        f.seek(self.table * self.sector)
        self.fat = list(struct.unpack("<%dI" % (self.n + 2), f.read(4 * (self.n + 2))))
        self.entries = [e for e in self.pieces(self.read(self.root, self.unit), 32) if e[0]]
        bitmap = next(e for e in self.entries if e[0] == 0x81)
        self.map_unit, self.map_len = struct.unpack_from("<IQ", bitmap, 20)
        self.map = bytearray(self.read(self.map_unit, self.map_len))
        self.next = 2 + max(i for i in range(self.n) if self.map[i // 8] >> i % 8 & 1) + 1

    @staticmethod
    def pieces(data, n):
        return [bytes(data[i:i + n]) for i in range(0, len(data), n)]

    def seek(self, unit):
        self.f.seek(self.heap * self.sector + (unit - 2) * self.unit)

    def read(self, unit, n):
        self.seek(unit)
        return self.f.read(n)

    def put(self, data, chained, first=None):
        """Writes data to new units (after `first`, where it is given), and returns the first."""
        units = [] if first is None else [first]
        while len(units) * self.unit < len(data):
            if chained and units and self.rnd.random() < 0.02:
                self.next += self.rnd.randint(1, 9)
            self.map[(self.next - 2) // 8] |= 1 << (self.next - 2) % 8
            units.append(self.next)
            self.next += 1
        for i, unit in enumerate(units):
            self.seek(unit)
            self.f.write(data[i * self.unit:(i + 1) * self.unit])
            if chained:
                self.fat[unit] = units[i + 1] if i + 1 < len(units) else 0xffffffff
        return units[0]

    def finish(self):
        self.f.seek(self.table * self.sector)
        self.f.write(struct.pack("<%dI" % len(self.fat), *self.fat))
        self.seek(self.map_unit)
        self.f.write(self.map)
        used = sum(bin(x).count("1") for x in self.map)
        for sector in (0, 12):
            self.f.seek(sector * self.sector + PERCENT)
            self.f.write(bytes([used * 100 // self.n]))


def fill(f, folder):
    v = Volume(f)
    sets = ([], [])
    for k, name in enumerate(sorted(os.listdir(folder))):
        with open(os.path.join(folder, name), "rb") as data:
            data = data.read()
        first = v.put(data, k % 4 == 0)
        sets[k % 2].append(entry_set(name, first, len(data), False, k % 4 == 0))
    sub = b"".join(sets[1])
    sub += bytes(-len(sub) % v.unit)
    v.entries.append(entry_set("sub", v.put(sub, False), len(sub), True, False))
    body = b"".join(v.entries + sets[0]) + bytes(32)
    v.put(body + bytes(-len(body) % v.unit), True, v.root)
    v.finish()


if __name__ == "__main__":
    with open(sys.argv[1], "r+b") as image:
        fill(image, sys.argv[2])
