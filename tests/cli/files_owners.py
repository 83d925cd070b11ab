# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Whose the bytes of a file system are: debugfs, ntfscluster and mshowfat."""

import re

from files_common import run


def debugfs(part, request):
    return run("debugfs", "-R", request, part).decode()


def block_size(part):
    return int(re.search(r"Block size: +(\d+)", debugfs(part, "stats")).group(1))


def inodes(part):
    """Size of an inode, inodes of a group, and where the tables of groups begin (bytes)."""
    stats, size = debugfs(part, "stats"), block_size(part)
    return (int(re.search(r"Inode size:\s+(\d+)", stats).group(1)),
            int(re.search(r"Inodes per group:\s+(\d+)", stats).group(1)),
            [int(t) * size for t in re.findall(r"inode table at (\d+)", stats)])


def inode_gone(layout, ino, ranges):
    size, per_group, tables = layout
    at = tables[(ino - 1) // per_group] + (ino - 1) % per_group * size
    return any(off < at + size and at < end for off, end in ranges)


def ext_owners(part, ranges):
    """Inode -> bytes, of ranges of bytes of the partition, but for those whose inode lies in
    one of them, and 7, which holds space for descriptors."""
    size, layout = block_size(part), inodes(part)
    blocks = [b for off, end in ranges for b in range(off // size, (end + size - 1) // size)]
    count = {}
    for i in range(0, len(blocks), 2000):
        out = debugfs(part, "icheck " + " ".join(map(str, blocks[i:i + 2000])))
        for _, ino in re.findall(r"^(\d+)\t(\d+)$", out, re.M):
            count[int(ino)] = count.get(int(ino), 0) + size
    return {i: n for i, n in count.items() if i != 7 and not inode_gone(layout, i, ranges)}


def ext_names(part, numbers):
    found = {2: "/"}
    for i in range(0, len(numbers), 500):
        out = debugfs(part, "ncheck " + " ".join(map(str, numbers[i:i + 500])))
        for ino, name in re.findall(r"^(\d+)\t(.*)$", out, re.M):
            found.setdefault(int(ino), re.sub("^//", "/", name))
    return found


def ntfs_owners(part, ranges):
    """Paths that own clusters of the ranges."""
    found = set()
    for off, end in ranges:
        out = run("ntfscluster", "-q", "-f", "-c", f"{off // 4096}-{(end - 1) // 4096}", part,
                  status=(0, 1)).decode()
        found |= set(re.findall(r"^Inode \d+ (/.*?)/\$(?:DATA|INDEX_ALLOCATION|BITMAP)", out,
                                re.M))
    return found


def fat_owners(part, heap, cluster, ranges):
    """Path -> bytes, of all clusters that mtools says it has."""
    found = {}
    listed = run("mdir", "-/", "-b", "-i", part, "::").decode().split()
    for path in listed:
        shown = run("mshowfat", "-i", part, path.rstrip("/")).decode()
        for first, last in re.findall(r"<(\d+)(?:-(\d+))?>", shown):
            start = heap + (int(first) - 2) * cluster
            end = heap + (int(last or first) - 1) * cluster
            name = path[2:].rstrip("/")
            found[name] = found.get(name, 0) + sum(
                max(0, min(b, end) - max(a, start)) for a, b in ranges)
    return {name: n for name, n in found.items() if n}
