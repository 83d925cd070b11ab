/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Kinds of problems that add to a counter of QEMU; see problem_rows.h. */

ROW(DATA_PAST_END, "data-past-end", CORRUPTION, CORRUPTION, L2, LOST,
    "entry {found:x} points to {host:x}, after the end of the file",
    "clear the entry",
    "Data cluster lies after the end of the file",
    "An L2 entry points to a host cluster that starts at or after the end of the "
    "file. Usually the file was cut short, by a full disk or an interrupted copy.",
    "The guest reads zeros in this range; what it had written there is not in the "
    "file.",
    "Look for a longer copy of the file. If this copy was cut short, fetch it "
    "again; do not repair it before that.",
    "Standard Cluster Descriptor")

ROW(L2_PAST_END, "l2-table-past-end", CORRUPTION, CORRUPTION, L1, LOST,
    "entry {found:x} points to {host:x}, after the end of the file",
    "clear the entry",
    "L2 table lies after the end of the file",
    "An L1 entry points to an L2 table that starts at or after the end of the file.",
    "The whole guest range of that table reads as zeros: all its mappings are "
    "missing.",
    "Look for a longer copy of the file. One L2 table maps a large range (512 MiB "
    "with 64 KiB clusters): do not start the guest on this copy.",
    "Cluster mapping")

ROW(L1_PAST_END, "l1-table-past-end", CORRUPTION, CORRUPTION, L1, LOST,
    "ends at {found:x}, the file at {expected:x}",
    "make the file long enough",
    "L1 table reaches past the end of the file",
    "The L1 table of the active layer or of a snapshot ends a cluster or more "
    "after the end of the file; the entries there read as zeros.",
    "Guest ranges mapped by the missing entries read as zeros. For a snapshot, "
    "only the snapshot is concerned.",
    "Look for a longer copy of the file. The offset and size in the header or "
    "snapshot entry may also be what is wrong: compare them with another image "
    "made the same way.",
    "Cluster mapping")

ROW(COMPRESSED_PAST_END, "compressed-past-end", CORRUPTION, CORRUPTION, L2, LOST,
    "entry {found:x} points to {host:x}, after the end of the file",
    "clear the entry",
    "Compressed cluster lies after the end of the file",
    "A compressed cluster's data would end a cluster or more after the end of the "
    "file.",
    "Reading this guest cluster fails with an I/O error.",
    "Look for a longer copy of the file; the guest cluster is lost in this one.",
    "Compressed Clusters Descriptor")

ROW(REFTABLE_PAST_END, "reftable-past-end", CORRUPTION, CORRUPTION, REFTABLE, KEPT,
    "ends at {found:x}, the file at {expected:x}",
    "rebuild the refcounts",
    "Refcount table reaches past the end of the file",
    "The header places the refcount table, or a part of it, after the end of the "
    "file.",
    "Reading guest data is not affected. Writing would allocate clusters that are "
    "in use and destroy data.",
    "Do not start the guest with this file. " COPY_FIRST,
    "Host cluster management")

ROW(REFBLOCK_PAST_END, "refblock-past-end", CORRUPTION, CORRUPTION, REFTABLE, KEPT,
    "entry {found:x} points to {host:x}, after the end of the file",
    "rebuild the refcounts",
    "Refcount block lies after the end of the file",
    "A refcount table entry points to a refcount block at or after the end of the "
    "file, so the clusters it describes have no refcounts.",
    "Reading guest data is not affected. Writing may allocate clusters that are in "
    "use.",
    "Do not start the guest with this file. " COPY_FIRST,
    "Host cluster management")

ROW(SNAPTABLE_PAST_END, "snapshot-table-past-end", CORRUPTION, CORRUPTION, SNAPSHOTS, KEPT,
    "ends at {found:x}, the file at {expected:x}",
    "cut the snapshot table",
    "Snapshot table reaches past the end of the file",
    "The snapshot table ends a cluster or more after the end of the file; its "
    "entries there read as zeros.",
    "The active disk is not affected. Snapshots described in the missing part are "
    "lost.",
    "Look for a longer copy of the file.",
    "Snapshots")

ROW(BITMAP_PAST_END, "bitmap-past-end", CORRUPTION, CORRUPTION, BITMAPS, KEPT,
    "ends at {found:x}, the file at {expected:x}",
    "leave the bitmaps out",
    "Bitmap structure lies after the end of the file",
    "The bitmap directory, a bitmap table or a cluster of a bitmap lies after the "
    "end of the file.",
    "Guest data is not affected. The bitmap says nothing reliable about what "
    "changed.",
    "Remove the bitmap (qemu-img bitmap --remove) and begin with a full backup.",
    "Bitmaps")

ROW(CRYPTO_PAST_END, "crypto-header-past-end", CORRUPTION, CORRUPTION, HEADER, KEPT,
    "ends at {found:x}, the file at {expected:x}",
    "restore the LUKS header",
    "Encryption header lies after the end of the file",
    "The LUKS header that the crypto extension points to ends after the end of the "
    "file. It holds the key slots.",
    "Without a whole LUKS header the disk cannot be decrypted, even with the "
    "passphrase.",
    "Look for a longer copy of the file or for a backup of the LUKS header.",
    "Full disk encryption header pointer")

ROW(L1_RESERVED, "l1-reserved-bits", CORRUPTION, CORRUPTION, L1, LOST,
    ENTRY,
    "clear the reserved bits",
    "L1 entry has reserved bits set",
    "Bits that must be zero are set in an L1 entry. Other content has probably "
    "been written over this part of the L1 table.",
    "QEMU may treat the offset as valid and map the wrong cluster as an L2 table: "
    "the whole range of the entry is doubtful.",
    COPY_OUT,
    "L1 table entry")

ROW(L2_MISALIGNED, "l2-table-misaligned", CORRUPTION, CORRUPTION, L1, LOST,
    ENTRY,
    "clear the entry",
    "L2 table offset is not cluster aligned",
    "An L1 entry points to an address that is no multiple of the cluster size.",
    "Guest access to the whole range of the entry fails with an I/O error; QEMU "
    "marks the image corrupt when it meets this while writing.",
    "If the neighbouring entries are in order, the right offset can often be "
    "guessed "
    "from them. " COPY_OUT,
    "L1 table entry")

ROW(L2_RESERVED, "l2-reserved-bits", CORRUPTION, CORRUPTION, L2, LOST,
    ENTRY,
    "clear the reserved bits",
    "L2 entry has reserved bits set",
    "Bits that must be zero are set in an L2 entry. One entry hints at a flipped "
    "bit; many in one table at a table that was overwritten.",
    "The guest cluster may be read from the wrong place.",
    COPY_OUT,
    "L2 table entry")

ROW(DATA_MISALIGNED, "data-misaligned", CORRUPTION, CORRUPTION, L2, LOST,
    ENTRY,
    "clear the entry",
    "Data cluster offset is not cluster aligned",
    "An L2 entry points to data at an address that is no multiple of the cluster "
    "size.",
    "Reading or writing this guest cluster fails with an I/O error.",
    COPY_OUT,
    "Standard Cluster Descriptor")

ROW(ZERO_MISALIGNED, "zero-misaligned", CORRUPTION, CORRUPTION, L2, KEPT,
    ENTRY,
    "make it a plain zero cluster",
    "Preallocated zero cluster is not cluster aligned",
    "An L2 entry that reads as zeros keeps a host cluster at an address that is no "
    "multiple of the cluster size.",
    "The guest reads zeros, as it should; writing to this guest cluster fails.",
    COPY_FIRST,
    "Standard Cluster Descriptor")

ROW(COMPRESSED_COPIED, "compressed-copied", CORRUPTION, CORRUPTION, L2, KEPT,
    ENTRY,
    "clear the flag",
    "Compressed cluster has the COPIED flag",
    "Compressed clusters are never written in place, so bit 63 must be clear.",
    "Reading works. Software that trusts the flag may write over the compressed "
    "data.",
    COPY_FIRST,
    "Compressed Clusters Descriptor")

ROW(COMPRESSED_DATA_FILE, "compressed-with-data-file", CORRUPTION, CORRUPTION, L2, LOST,
    ENTRY,
    "clear the entry",
    "Compressed cluster in an image with an external data file",
    "With an external data file guest data may not be compressed; this L2 entry is "
    "not valid.",
    "Reading this guest cluster fails with an I/O error.",
    COPY_OUT,
    "Compressed Clusters Descriptor")

ROW(COMPRESSED_SUBCLUSTERS, "compressed-with-subclusters", CORRUPTION, CORRUPTION, L2, LOST,
    ENTRY,
    "clear the subcluster bitmap",
    "Compressed cluster has subcluster bits",
    "In an extended L2 entry of a compressed cluster the subcluster bitmap must be "
    "zero.",
    "Reading this guest cluster fails with an I/O error.",
    COPY_OUT,
    "Extended L2 Entries")

ROW(SUBCLUSTER_CONFLICT, "subcluster-conflict", CORRUPTION, CORRUPTION, L2, LOST,
    ENTRY,
    "clear the zero bits",
    "Subclusters are both allocated and zero",
    "In the bitmap of an extended L2 entry the same subcluster is marked as "
    "allocated and as reading zeros.",
    "Reading this guest cluster fails with an I/O error. The data may still be in "
    "the host cluster.",
    COPY_OUT,
    "Extended L2 Entries")

ROW(SUBCLUSTER_UNALLOCATED, "subcluster-unallocated", CORRUPTION, CORRUPTION, L2, LOST,
    ENTRY,
    "clear the entry",
    "Unallocated cluster has allocated subclusters",
    "An extended L2 entry without a host cluster marks subclusters as allocated.",
    "Reading this guest cluster fails with an I/O error; where its data was is not "
    "known.",
    COPY_OUT,
    "Extended L2 Entries")

ROW(REFCOUNT_ZERO, "refcount-zero", CORRUPTION, CORRUPTION, REFCOUNTS, KEPT,
    "refcount {found}, references {expected}",
    "set the refcount",
    "Refcount is 0 but the cluster is in use",
    "The cluster is referenced, yet its refcount says that it is free. After a "
    "crash with lazy refcounts this is expected and harmless; otherwise it is not.",
    "Nothing is lost yet. The next write may take the cluster for something else "
    "and destroy what it holds; if it holds an L2 table, a whole range is at stake.",
    "Do not start the guest and do not open the file for writing. " COPY_FIRST,
    "Host cluster management")

ROW(REFCOUNT_LOW, "refcount-too-low", CORRUPTION, CORRUPTION, REFCOUNTS, KEPT,
    "refcount {found}, references {expected}",
    "set the refcount",
    "Refcount is lower than the number of references",
    "More tables refer to the cluster than its refcount says.",
    "Nothing is lost yet. Deleting a snapshot may free the cluster while it is "
    "still in use, and writing may change what a snapshot sees.",
    "Do not start the guest and do not delete snapshots. " COPY_FIRST,
    "Host cluster management")

ROW(REFCOUNT_OVERFLOW, "refcount-overflow", CORRUPTION, CORRUPTION, REFCOUNTS, KEPT,
    "{expected} references, the refcounts of this image end at {found}",
    "widen the refcounts",
    "More references than the refcount can hold",
    "The refcounts of this image are too narrow for the number of references found.",
    "Sharing cannot be tracked for this cluster: later writes may hit several "
    "owners.",
    "Make a copy with wider refcounts (qemu-img convert, or qemu-img amend -o "
    "refcount_bits=16 on a copy).",
    "Host cluster management")

ROW(L2_COPIED, "l2-table-copied-flag", CORRUPTION, CORRUPTION, L1, KEPT,
    "entry {found:x}, COPIED is {copied} but the refcount is {expected}",
    "correct the flag",
    "COPIED flag of an L1 entry does not fit the refcount",
    "Bit 63 of an active L1 entry must be set exactly when the stored refcount of "
    "its L2 table is 1. Often this only follows from a wrong refcount.",
    "Set wrongly: writing changes a table that a snapshot shares. Clear wrongly: "
    "only an unnecessary copy is made.",
    "Look at the refcount problems of the same cluster first. " COPY_FIRST,
    "L1 table entry")

ROW(DATA_COPIED, "data-copied-flag", CORRUPTION, CORRUPTION, L2, KEPT,
    "entry {found:x}, COPIED is {copied} but the refcount is {expected}",
    "correct the flag",
    "COPIED flag of an L2 entry does not fit the refcount",
    "Bit 63 of an active L2 entry must be set exactly when the stored refcount of "
    "its cluster is 1. Often this only follows from a wrong refcount.",
    "Set wrongly: writing changes data that a snapshot shares. Clear wrongly: only "
    "an unnecessary copy is made.",
    "Look at the refcount problems of the same cluster first. " COPY_FIRST,
    "L2 table entry")

ROW(REFTABLE_RESERVED, "reftable-reserved-bits", CORRUPTION, CORRUPTION, REFTABLE, KEPT,
    ENTRY,
    "rebuild the refcounts",
    "Refcount table entry has reserved bits set",
    "The low nine bits of a refcount table entry must be zero. Its block is not "
    "used.",
    "Reading guest data is not affected. All clusters of that block count as free: "
    "writing may destroy data.",
    "Do not start the guest with this file. " COPY_FIRST,
    "Host cluster management")

ROW(REFBLOCK_MISALIGNED, "refblock-misaligned", CORRUPTION, CORRUPTION, REFTABLE, KEPT,
    ENTRY,
    "rebuild the refcounts",
    "Refcount block is not cluster aligned",
    "A refcount table entry points to an address that is no multiple of the "
    "cluster size. The refcounts it should lead to cannot be checked.",
    "Reading guest data is not affected. Writing fails in the clusters concerned.",
    "Do not start the guest with this file. " COPY_FIRST,
    "Host cluster management")

ROW(REFBLOCK_SHARED, "refblock-shared", CORRUPTION, CORRUPTION, REFTABLE, KEPT,
    "cluster {host:x} has {found:count} references{claimed}",
    "rebuild the refcounts",
    "Refcount block is used by something else as well",
    "A cluster that holds refcounts is referenced more than once: by two refcount "
    "table entries, or as a table or data too.",
    "Guest writes and refcount updates overwrite each other.",
    "Do not start the guest with this file. " COPY_FIRST,
    "Host cluster management")

ROW(SNAPSHOT_L1_MISALIGNED, "snapshot-l1-misaligned", CORRUPTION, CORRUPTION, SNAPSHOTS, KEPT,
    ENTRY,
    "drop the snapshot",
    "L1 table of a snapshot is not cluster aligned",
    "The snapshot table entry gives an L1 address that is no multiple of the "
    "cluster size. The tables and data of that snapshot could not be followed.",
    "The active disk is not affected. The snapshot cannot be used; clusters that "
    "only it holds appear as leaked.",
    "Do not repair leaks while you want this snapshot back: that would free its "
    "clusters. Copy the file first.",
    "Snapshots")

ROW(SNAPSHOT_L1_TOO_LARGE, "snapshot-l1-too-large", CORRUPTION, CORRUPTION, SNAPSHOTS, KEPT,
    "{found} entries, {expected} are allowed",
    "drop the snapshot",
    "L1 table of a snapshot is too large",
    "The snapshot table entry announces more L1 entries than the 32 MiB that QEMU "
    "accepts. The tables of that snapshot were not followed.",
    "The active disk is not affected. The snapshot cannot be used; clusters that "
    "only it holds appear as leaked.",
    "Do not repair leaks while you want this snapshot back: that would free its "
    "clusters. Copy the file first.",
    "Snapshots")

ROW(SNAPSHOT_INCOMPLETE, "snapshot-incomplete", CORRUPTION, CORRUPTION, SNAPSHOTS, KEPT,
    "{found} bytes of extra data, {expected} are needed (entry {index} in QEMU's messages)",
    "write the extra data",
    "Snapshot entry lacks required extra data",
    "In version 3 each snapshot entry must carry at least 16 bytes of extra data "
    "(VM state size and disk size).",
    "The disk size at the time of the snapshot is not known; the current one is "
    "taken.",
    COPY_FIRST,
    "Snapshots")

ROW(SNAPSHOT_DATA_FILE, "snapshots-with-data-file", CORRUPTION, CORRUPTION, SNAPSHOTS, KEPT,
    "{found} snapshots",
    "drop the snapshot",
    "Internal snapshots in an image with an external data file",
    "Data in an external data file cannot be shared, so internal snapshots are not "
    "allowed there.",
    "The snapshots do not hold older guest data, whatever they claim.",
    "Do not revert to these snapshots. Delete them on a copy of the file.",
    "Snapshots")

ROW(LEAKED, "leaked-cluster", LEAK, LEAK, REFCOUNTS, KEPT,
    "refcount {found}, references {expected}",
    "free the cluster",
    "Leaked cluster: nothing refers to it",
    "The cluster has a refcount but no reference was found. Leaks are usually left "
    "by a crash or by a full disk; many at once can be the shadow of a lost table.",
    "None by itself: space is wasted in the file. Where a table was lost, the cluster may be all "
    "that is left of what it mapped.",
    REPAIR_LEAKS " If thousands of clusters leaked at once, first make sure that "
    "no L2 table was wiped: its data would be in these clusters.",
    "Host cluster management")

ROW(REFCOUNT_HIGH, "refcount-too-high", LEAK, LEAK, REFCOUNTS, KEPT,
    "refcount {found}, references {expected}",
    "set the refcount",
    "Refcount is higher than the number of references",
    "The cluster is in use, but its refcount counts references that do not exist.",
    "None for reading. The first write makes an unnecessary copy, and the cluster "
    "may never be freed.",
    REPAIR_LEAKS,
    "Host cluster management")

ROW(REFCOUNT_UNREADABLE, "refcount-unreadable", ERROR, CHECK_ERROR, REFBLOCKS, KEPT,
    "refcount table entry {found:x}",
    "rebuild the refcounts",
    "Refcount cannot be read",
    "The refcount block is misaligned or could not be read, so the clusters it "
    "describes could not be compared.",
    "Reading guest data is not affected. Whether writing is safe is unknown.",
    "If the storage fails, copy the file to a healthy place first. Then check "
    "again.",
    "Host cluster management")
