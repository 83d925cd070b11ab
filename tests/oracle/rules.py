# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) the qcheck authors
"""Which rule qcheck.refused must name, by the last words of qemu-img on standard error."""

import re

# (what qemu-img says, id of the rule); the first that matches counts
RULES = [
    (r"Image is not in qcow2 format", "magic"),
    (r"Unsupported qcow2 version", "version"),
    (r"Unsupported cluster size", "cluster-bits"),
    (r"qcow2 header too short", "header-too-short"),
    (r"qcow2 header exceeds cluster size", "header-too-long"),
    (r"Invalid backing file offset", "backing-offset"),
    (r"qcow2: unknown compression type", "compression-type"),
    (r"Compression type incompatible feature bit", "compression-bit"),
    (r"Unsupported qcow2 feature\(s\)", "unknown-feature"),
    (r"Unsupported subcluster size", "subcluster-size"),
    (r"Reference count entry width too large", "refcount-order"),
    (r"Reference count table too large", "reftable-too-large"),
    (r"Reference count table offset invalid", "reftable-offset"),
    (r"Active L1 table too large", "l1-too-large"),
    (r"Active L1 table offset invalid", "l1-offset"),
    (r"Image is too big", "disk-too-large"),
    (r"L1 table is too small", "l1-too-small"),
    (r"Could not read L1 table", "l1-unreadable"),
    (r"Unsupported encryption method", "crypt-method"),
    (r"Could not initialize refcount handling", "reftable-unreadable"),
    (r"Header extension too large", "extension-too-large"),
    (r"ERROR: ext_backing_format: len", "backing-format-too-long"),
    (r"CRYPTO header extension only expected", "crypto-ext-unexpected"),
    (r"CRYPTO header extension size", "crypto-ext-length"),
    (r"Encryption header offset .* not a multiple", "crypto-offset"),
    (r"bitmaps_ext: Invalid extension length", "bitmaps-ext-length"),
    (r"bitmaps_ext: Reserved field is not zero", "bitmaps-ext-reserved"),
    (r"bitmaps_ext: Image has \d+ bitmaps, exceeding", "bitmaps-too-many"),
    (r"found bitmaps extension with zero bitmaps", "bitmaps-none"),
    (r"bitmaps_ext: invalid bitmap directory offset", "bitmap-dir-offset"),
    (r"bitmap directory size .* exceeds the maximum", "bitmap-dir-too-large"),
    (r"'data-file' is required", "data-file-name"),
    (r"data-file-raw requires a data file", "data-file-raw"),
    (r"Missing CRYPTO header", "crypto-ext-missing"),
    (r"Backing file name too long", "backing-name-too-long"),
    (r"Requested bitmap directory size is zero", "bitmap-dir-empty"),
    (r"Broken bitmap directory", "bitmap-dir-broken"),
    (r"(More|Less) bitmaps found than specified", "bitmap-dir-count"),
    (r"Bitmap extra data is not supported", "bitmap-extra-data"),
    (r"doesn't satisfy the constraints", "bitmap-constraints"),
    (r"Bitmap already exists", "bitmap-name-twice"),
    (r"Could not read bitmap_table table .*: Invalid argument", "bitmap-table-entry"),
    (r"Could not read bitmap_table table .*: Input/output error", "bitmap-table-unreadable"),
    (r"Could not read bitmap '.*' from image: Invalid argument", "bitmap-table-size"),
    (r"Could not refresh total sector count", "disk-size"),
    (r"ERROR snapshot table too large", "snapshots-too-many"),
    (r"ERROR snapshot table offset invalid", "snapshot-table-offset"),
    (r"Too much extra metadata in snapshot table entry", "snapshot-extra-data"),
    (r"Snapshot table is too big", "snapshot-table-too-large"),
    (r"ERROR failed to read the snapshot table: .*Input/output error",
     "snapshot-table-unreadable"),
]

# Of these images nothing more can be read.
UNREADABLE = ("magic", "version", "cluster-bits")

# Where qcheck may name a rule that says more: QEMU finds a bitmap without a name, or half a
# directory, where the directory lies past the end; bitmaps too short where the disk has no
# length; and takes an entry of more than 2 GiB for one of a negative length.
ALSO = {
    "bitmap-constraints": ("bitmap-dir-past-end", "disk-size"),
    "bitmap-dir-broken": ("bitmap-dir-past-end",),
    "bitmap-extra-data": ("bitmap-dir-broken",),
}

# A side file or a key is missing: says nothing about the image.
NO_SIDE_FILE = re.compile(
    r"Could not open backing file|^qemu-img: Could not open '[^']*': "
    r"(Could not open '|.*No such file|Unknown driver)", re.M)
NO_SECRET = re.compile(r"encrypt\.key-secret' is required|Parameter 'encrypt")


def rule_of(stderr):
    """The id, or None where the words are of no known rule."""
    for pattern, rule in RULES:
        if re.search(pattern, stderr):
            return rule
    return None
