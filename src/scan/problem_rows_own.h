/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Kinds of problems that QEMU does not count; see problem_rows.h. */

ROW(UNREADABLE, "unreadable", ERROR, OWN, FILE, LOST,
    "{found:size} at {host:x}",
    "copy to healthy storage",
    "A part of the file cannot be read",
    "The storage returned an I/O error. What lies there was not checked.",
    "If a table lies there, its guest range cannot be read.",
    "Copy the file to healthy storage with a tool that keeps going (ddrescue). "
    "Check the copy.",
    NULL)

ROW(OVERLAP, "overlap", CORRUPTION, OWN, REFCOUNTS, LOST,
    "{owners} in one cluster",
    "give each owner a cluster",
    "Two owners claim the same cluster",
    "Structures that can never share a cluster refer to the same one, for example "
    "guest data and an L2 table. Only one of them can be right.",
    "Each write of one destroys the other. If guest data lies over a table, every "
    "range mapped by that table is in danger.",
    "Do not start the guest. Look at both owners (who points here) and copy the "
    "file before anything else.",
    "Host cluster management")

ROW(DOUBLE_ALLOCATION, "double-allocation", CORRUPTION, OWN, L2, LOST,
    "used more than once by the active layer",
    "give each owner a cluster",
    "Two guest clusters use one host cluster",
    "Two entries of the active layer refer to the same host cluster. The tables "
    "share data only between snapshots, never within one layer.",
    "Two places of the guest disk show the same content; writing one changes the "
    "other. At least one of them is wrong.",
    "Do not start the guest. Find out from its content to which place the cluster "
    "belongs, and restore the other from a backup.",
    "Cluster mapping")

ROW(HEADER_FAULT, "header-fault", CORRUPTION, OWN, HEADER, KEPT,
    ENTRY,
    "correct the field",
    "Header field is not valid",
    "A field of the header has a value that the format does not allow.",
    "QEMU does not open the image. The data behind the header may be whole.",
    "Compare the header with the proposals shown, or with another image made the "
    "same way; force the values that are known (--cluster-size, --l1-offset, ...) "
    "to look behind it.",
    "Header")

ROW(HEADER_EXTENSION, "header-extension-fault", CORRUPTION, OWN, HEADER, KEPT,
    ENTRY,
    "cut the extension",
    "Header extension is not valid",
    "A header extension has a wrong length or content, or reaches past the header "
    "cluster.",
    "QEMU does not open the image. The data behind the header may be whole.",
    "Copy the file first. The extension can be cut off by writing an end mark "
    "(eight zero bytes) in its place, on the copy.",
    "Header extensions")

ROW(HEADER_LIMIT, "header-over-limit", CORRUPTION, OWN, HEADER, KEPT,
    ENTRY,
    "correct the field",
    "Header field is over the limit of QEMU",
    "A size or an offset in the header is larger than anything QEMU accepts; a "
    "scan up to the limit was made.",
    "QEMU does not open the image.",
    "The field was probably overwritten: compare it with another image made the "
    "same way.",
    "Header")

ROW(HEADER_REPLACED, "header-value-replaced", CORRUPTION, OWN, HEADER, KEPT,
    ENTRY,
    "correct the field",
    "Header value cannot be right, another one was taken",
    "With this value QEMU opens no image. The scan used the value shown instead: one "
    "that a person forced, or one that was guessed, because the tables found with it "
    "agree with themselves.",
    "QEMU does not open the image. The data behind the header may be whole. All other "
    "findings are true only if the value taken is.",
    "Compare what the scan shows with what is known of the disk. If it fits, copy the "
    "file and write the value into the header of the copy. Other values can be forced "
    "(--cluster-size, --l1-offset, --l1-size, --refcount-table).",
    "Header")

ROW(L1_TOO_SMALL, "l1-too-small", CORRUPTION, OWN, L1, KEPT,
    ENTRY,
    "correct l1_size or size",
    "L1 table is too small for the disk",
    "The L1 table has fewer entries than the size of the guest disk needs.",
    "QEMU does not open the image. The guest ranges past the table are not mapped.",
    "Either l1_size or size was overwritten in the header: find out which one.",
    "Cluster mapping")

ROW(UNKNOWN_FEATURE, "unknown-incompatible-feature", WARNING, OWN, HEADER, KEPT,
    ENTRY,
    "nothing",
    "Unknown incompatible feature",
    "The header requires a feature that this program does not know. What was read "
    "may be misunderstood.",
    "Programs that do not know the feature must not open the image.",
    "Use the software (or the newer version) that wrote the image. If the bit is "
    "damage, the other header fields will look odd too.",
    "Header")

ROW(SNAPTABLE_FAULT, "snapshot-table-fault", CORRUPTION, OWN, SNAPSHOTS, KEPT,
    ENTRY,
    "cut the snapshot table",
    "Snapshot table is not valid",
    "The place or an entry of the snapshot table breaks the rules of the format; "
    "it was read as far as possible.",
    "The active disk is not affected, but QEMU refuses to check or open the image.",
    "Copy the file, and compare the entries with an older copy.",
    "Snapshots")

ROW(BITMAP_DIR_FAULT, "bitmap-directory-fault", CORRUPTION, OWN, BITMAPS, KEPT,
    ENTRY,
    "leave the bitmaps out",
    "Bitmap directory is not valid",
    "The bitmaps extension or the bitmap directory breaks the rules of the format.",
    "Guest data is not affected, but QEMU refuses to open the image.",
    "Clear bit 0 of the autoclear features on a copy: QEMU then ignores the "
    "bitmaps. Begin with a full backup.",
    "Bitmaps")

ROW(BITMAP_FAULT, "bitmap-fault", CORRUPTION, OWN, BITMAPS, KEPT,
    ENTRY,
    "leave the bitmaps out",
    "Bitmap is not valid",
    "An entry of the bitmap directory breaks a rule: type, flags, granularity, "
    "place or size of the table.",
    "Guest data is not affected, but QEMU refuses to open the image.",
    "Clear bit 0 of the autoclear features on a copy: QEMU then ignores the "
    "bitmaps. Begin with a full backup.",
    "Bitmap directory")

ROW(BITMAP_ENTRY, "bitmap-table-entry-fault", CORRUPTION, OWN, BITMAPS, KEPT,
    ENTRY,
    "clear the entry",
    "Bitmap table entry is not valid",
    "An entry of a bitmap table has reserved bits set or a misaligned offset.",
    "Guest data is not affected. The bitmap cannot be loaded, and QEMU may refuse "
    "to open the image.",
    "Clear bit 0 of the autoclear features on a copy: QEMU then ignores the "
    "bitmaps. Begin with a full backup.",
    "Bitmap table")

ROW(TAIL_TRUNCATED, "tail-truncated", WARNING, OWN, FILE, LOST,
    "the file ends after {found:size} of the {expected:size} it needs",
    "make the file long enough",
    "The file ends in the middle of a cluster that is in use",
    "The last cluster is not complete. That is normal when its missing rest was "
    "never written, and a loss when the file was cut there.",
    "The missing bytes read as zeros: data, or the last entries of a table.",
    "Compare the length of the file with its source or backup.",
    "Host cluster management")

ROW(STREAM_PAST_END, "compressed-stream-past-end", WARNING, OWN, L2, LOST,
    "entry {found:x} points to {host:x}, after the end of the file",
    "make the file long enough",
    "Compressed data reaches past the end of the file",
    "The sectors of a compressed cluster end after the end of the file, by less "
    "than a cluster.",
    "Reading this guest cluster may fail with an I/O error.",
    "Try to read the range (qemu-img convert to another file). If it fails, look "
    "for a longer copy of the file.",
    "Compressed Clusters Descriptor")

ROW(V2_ZERO_FLAG, "v2-zero-flag", WARNING, OWN, L2, LOST,
    ENTRY,
    "raise the version",
    "Zero flag in a version 2 image",
    "An L2 entry has the zero flag, which exists only from version 3 on.",
    "QEMU fails to read this guest cluster with an I/O error.",
    "If the entry is otherwise in order, convert the image to version 3 on a copy "
    "(qemu-img amend -o compat=1.1).",
    "Standard Cluster Descriptor")

ROW(EXTENDED_ZERO_FLAG, "extended-l2-zero-flag", WARNING, OWN, L2, KEPT,
    ENTRY,
    "clear the flag",
    "Zero flag in an extended L2 entry",
    "Bit 0 is reserved in images with extended L2 entries; zeros are marked per "
    "subcluster there.",
    "None: QEMU ignores the bit. It hints at software that writes entries wrongly.",
    "Nothing urgent. Watch which program wrote the image.",
    "Extended L2 Entries")

ROW(DATA_FILE_OFFSET, "data-file-offset", WARNING, OWN, L2, LOST,
    ENTRY,
    "correct the offset",
    "Guest data is not at its own offset in the data file",
    "With an external data file, each guest cluster must lie at the same offset in "
    "it.",
    "Reading this guest cluster fails with an I/O error.",
    "If the data file is raw and complete, its content at the guest offset is the "
    "right one: it can be used directly as a raw image.",
    "Standard Cluster Descriptor")

ROW(SNAPSHOT_DUPLICATE, "snapshot-duplicate", WARNING, OWN, SNAPSHOTS, KEPT,
    ENTRY,
    "give it an id of its own",
    "Two snapshots have the same id or name",
    "An id must be unique in the snapshot table; equal names cannot be told apart.",
    "Commands that name the snapshot act on the first one found.",
    "Address these snapshots by their ids when you revert or delete.",
    "Snapshots")

ROW(SNAPSHOT_L1_SMALL, "snapshot-l1-too-small", WARNING, OWN, SNAPSHOTS, KEPT,
    "{found} entries, {expected} are needed",
    "lengthen the L1 table",
    "L1 table of a snapshot is too small for its disk",
    "The snapshot's L1 table has fewer entries than its disk size needs.",
    "The active disk is not affected. The end of the snapshot's disk is not "
    "mapped; QEMU may refuse to revert to it.",
    "Copy out the snapshot's content (qemu-img convert -l) before deleting it.",
    "Snapshots")

ROW(BITMAPS_INCONSISTENT, "bitmaps-inconsistent", WARNING, OWN, BITMAPS, KEPT,
    ENTRY,
    "leave the bitmaps out",
    "Bitmaps are not in step with the image",
    "The bitmaps extension and the autoclear bit that vouches for it contradict "
    "each other: a program without support for bitmaps wrote to the image.",
    "Guest data is not affected. The bitmaps are ignored; their clusters count as "
    "leaked.",
    "Begin with a full backup.",
    "Bitmaps extension")

ROW(BITMAP_IN_USE_FLAG, "bitmap-in-use", WARNING, OWN, BITMAPS, KEPT,
    ENTRY,
    "remove the bitmap",
    "Bitmap is marked as in use",
    "The bitmap was not saved in order, by a crash or because a guest is running.",
    "Guest data is not affected. The bitmap's content is not reliable.",
    "If no guest is running, remove the bitmap (qemu-img bitmap --remove) and "
    "begin with a full backup.",
    "Bitmap directory")

ROW(CORRUPT_BIT, "corrupt-bit", WARNING, OWN, HEADER, KEPT,
    ENTRY,
    "clear the bit",
    "The image is marked as corrupt",
    "A program found damage earlier and set the corrupt bit in the header.",
    "QEMU opens the image only for reading until it has been repaired.",
    "Look at the other problems found here, then: " COPY_FIRST,
    "Header")

ROW(DIRTY_BIT, "dirty-bit", WARNING, OWN, HEADER, KEPT,
    ENTRY,
    "clear the bit",
    "The image was not closed in order",
    "The dirty bit is set: refcounts may be behind the mapping, as lazy refcounts "
    "allow.",
    "None by itself: QEMU rebuilds the refcounts at the next start. Where the "
    "mapping is damaged that repair destroys traces.",
    "If only refcount problems are found, a normal start repairs them. If tables "
    "are damaged, copy the file before any program opens it for writing.",
    "Header")

ROW(IMAGE_IN_USE, "image-in-use", WARNING, OWN, FILE, KEPT,
    ENTRY,
    "check again later",
    "The image is in use",
    "Another process holds the lock that QEMU takes for writing. What is seen here "
    "may be half written.",
    "None. Problems found now may be gone in a moment.",
    "Check again when the guest is stopped, or check a copy of the storage's "
    "snapshot.",
    NULL)

ROW(SIDE_FILE, "side-file-missing", WARNING, OWN, FILE, KEPT,
    ENTRY,
    "find the file",
    "A file that the image needs is missing",
    "The image names a backing file or a data file that is not there, or is no image.",
    "QEMU does not open the image. What lies in the other file cannot be read.",
    "Find the file. If it has moved, tell a copy of the image where it is now: for a "
    "backing file qemu-img rebase -u -b NEW -F FORMAT. If it is lost, the rest can be "
    "read without it; what it held cannot.",
    "Header")

ROW(DATA_FILE_SHORT, "data-file-short", WARNING, OWN, FILE, KEPT,
    ENTRY,
    "find the whole file",
    "The data file is shorter than the disk",
    "The guest data is in an external file, which ends before the disk does.",
    "The end of the guest's disk is not in the file and reads as zeros.",
    "Look for a longer copy of the data file before anything is written.",
    "Header")

ROW(IMAGE_CHANGED, "image-changed", WARNING, OWN, FILE, KEPT,
    ENTRY,
    "check again later",
    "The image changed during the scan",
    "Size or modification time of the file are not what they were at the start.",
    "None. Problems found may come from reading old and new parts together.",
    "Check again when nothing writes to the file.",
    NULL)

ROW(HEADER_PROPOSED, "header-value-proposed", WARNING, OWN, HEADER, KEPT,
    ENTRY,
    "correct the field",
    "Header value is doubtful, another one fits better",
    "The scan used the value of the header, as QEMU would, but the tables in the file "
    "do not fit it: nothing there looks like the table that the header names, or the "
    "table is too short for the disk. Another value fits what was found.",
    "The guest may see zeros or nonsense. Writing may destroy data.",
    "Do not start the guest. Look again with the value proposed (--l1-offset, "
    "--refcount-table): if the problems are gone, the header was damaged.",
    "Header")

ROW(HEADER_FORCED, "header-value-forced", NOTE, OWN, HEADER, KEPT,
    ENTRY,
    "nothing",
    "Header value was forced",
    "A person asked for another value than the one in the header, which is possible "
    "as well.",
    "Figures are not those of qemu-img check, which reads the header as it is.",
    "Without the option the image is read by its own header.",
    "Header")

ROW(HEADER_ODD, "header-odd", NOTE, OWN, HEADER, KEPT,
    ENTRY,
    "nothing",
    "Unusual header value",
    "A header value is allowed or ignored by QEMU but not what software usually "
    "writes.",
    "None that is known.",
    "Nothing to do. It may tell which program wrote, or damaged, the image.",
    "Header")

ROW(REFCOUNT_PAST_END, "refcount-past-end", NOTE, OWN, REFBLOCKS, KEPT,
    "{found} refcounts of clusters after the end of the file",
    "set the refcounts to 0",
    "Refcounts for clusters after the end of the file",
    "Refcount blocks count references to clusters that do not exist in the file.",
    "None. A write may leave these clusters unused.",
    "Nothing to do; together with missing data it hints at a file that was cut "
    "short.",
    "Host cluster management")

ROW(VM_STATE, "vm-state", NOTE, OWN, SNAPSHOTS, KEPT,
    "{found:size} of VM state",
    "nothing",
    "The image holds VM state",
    "A snapshot was taken of a running guest; memory and devices are stored with "
    "it.",
    "None. It takes space in the file, and memory content may be confidential.",
    "Nothing to do. Deleting the snapshot frees the space.",
    "Snapshots")

ROW(PAST_DISK_END, "mapped-past-disk-end", NOTE, OWN, L2, KEPT,
    ENTRY,
    "nothing",
    "Clusters are mapped after the end of the guest disk",
    "Entries map guest offsets past the virtual size: VM state, or the rest of a "
    "disk that was made smaller.",
    "None: the guest cannot reach them.",
    "Nothing to do. If the disk should be larger, look at the size in the header.",
    "Cluster mapping")
