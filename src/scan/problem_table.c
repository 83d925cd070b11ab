/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The prose of every kind of problem. Identity (id, severity, QEMU's counter) comes from
 * PROBLEM_KINDS; this file says it to people. */
#include "config.h"

#include <string.h>

#include "scan/problem.h"

#define X(e, id, sev, q) \
    static const char id_##e[] = id; \
    enum { sev_##e = SEV_##sev, qemu_##e = QEMU_##q };
PROBLEM_KINDS(X)
#undef X

#define ROW(e, title, meaning, effect, advice, spec) \
    [PROBLEM_##e] = { id_##e, (enum severity)sev_##e, (enum qemu_class)qemu_##e, \
                      title, meaning, effect, advice, spec }

/* Advice that fits many kinds. */
#define COPY_FIRST \
    "Stop the guest, copy the image file, and repair the copy (qemu-img check -r all)."
#define COPY_OUT \
    "Stop the guest and copy the file before anything else. Copy out what is still " \
    "readable (qemu-img convert on a copy, or file by file from the guest), or restore " \
    "from a backup."
#define REPAIR_LEAKS \
    "Safe to leave. To get the space back while no guest runs: qemu-img check -r leaks."

static const struct problem_info table[N_PROBLEMS] = {
    ROW(DATA_PAST_END,
        "Data cluster lies after the end of the file",
        "An L2 entry points to a host cluster that starts at or after the end of the "
        "file. Usually the file was cut short, by a full disk or an interrupted copy.",
        "The guest reads zeros in this range; what it had written there is not in the "
        "file.",
        "Look for a longer copy of the file. If this copy was cut short, fetch it "
        "again; do not repair it before that.",
        "Standard Cluster Descriptor"),
    ROW(L2_PAST_END,
        "L2 table lies after the end of the file",
        "An L1 entry points to an L2 table that starts at or after the end of the file.",
        "The whole guest range of that table reads as zeros: all its mappings are "
        "missing.",
        "Look for a longer copy of the file. One L2 table maps a large range (512 MiB "
        "with 64 KiB clusters): do not start the guest on this copy.",
        "Cluster mapping"),
    ROW(L1_PAST_END,
        "L1 table reaches past the end of the file",
        "The L1 table of the active layer or of a snapshot ends a cluster or more "
        "after the end of the file; the entries there read as zeros.",
        "Guest ranges mapped by the missing entries read as zeros. For a snapshot, "
        "only the snapshot is concerned.",
        "Look for a longer copy of the file. The offset and size in the header or "
        "snapshot entry may also be what is wrong: compare them with another image "
        "made the same way.",
        "Cluster mapping"),
    ROW(COMPRESSED_PAST_END,
        "Compressed cluster lies after the end of the file",
        "A compressed cluster's data would end a cluster or more after the end of the "
        "file.",
        "Reading this guest cluster fails with an I/O error.",
        "Look for a longer copy of the file; the guest cluster is lost in this one.",
        "Compressed Clusters Descriptor"),
    ROW(REFTABLE_PAST_END,
        "Refcount table reaches past the end of the file",
        "The header places the refcount table, or a part of it, after the end of the "
        "file.",
        "Reading guest data is not affected. Writing would allocate clusters that are "
        "in use and destroy data.",
        "Do not start the guest with this file. " COPY_FIRST " The repair builds new "
        "refcounts from the mapping.",
        "Host cluster management"),
    ROW(REFBLOCK_PAST_END,
        "Refcount block lies after the end of the file",
        "A refcount table entry points to a refcount block at or after the end of the "
        "file, so the clusters it describes have no refcounts.",
        "Reading guest data is not affected. Writing may allocate clusters that are in "
        "use.",
        "Do not start the guest with this file. " COPY_FIRST,
        "Host cluster management"),
    ROW(SNAPTABLE_PAST_END,
        "Snapshot table reaches past the end of the file",
        "The snapshot table ends a cluster or more after the end of the file; its "
        "entries there read as zeros.",
        "The active disk is not affected. Snapshots described in the missing part are "
        "lost.",
        "Look for a longer copy of the file. If there is none, copy the file and let "
        "qemu-img check -r all cut the table on the copy.",
        "Snapshots"),
    ROW(BITMAP_PAST_END,
        "Bitmap structure lies after the end of the file",
        "The bitmap directory, a bitmap table or a cluster of a bitmap lies after the "
        "end of the file.",
        "Guest data is not affected. The bitmap says nothing reliable about what "
        "changed.",
        "Remove the bitmap (qemu-img bitmap --remove) and begin with a full backup.",
        "Bitmaps"),
    ROW(CRYPTO_PAST_END,
        "Encryption header lies after the end of the file",
        "The LUKS header that the crypto extension points to ends after the end of the "
        "file. It holds the key slots.",
        "Without a whole LUKS header the disk cannot be decrypted, even with the "
        "passphrase.",
        "Look for a longer copy of the file or for a backup of the LUKS header.",
        "Full disk encryption header pointer"),
    ROW(L1_RESERVED,
        "L1 entry has reserved bits set",
        "Bits that must be zero are set in an L1 entry. Other content has probably "
        "been written over this part of the L1 table.",
        "QEMU may treat the offset as valid and map the wrong cluster as an L2 table: "
        "the whole range of the entry is doubtful.",
        COPY_OUT,
        "L1 table entry"),
    ROW(L2_MISALIGNED,
        "L2 table offset is not cluster aligned",
        "An L1 entry points to an address that is no multiple of the cluster size.",
        "Guest access to the whole range of the entry fails with an I/O error; QEMU "
        "marks the image corrupt when it meets this while writing.",
        "If the neighbouring entries are in order, the right offset can often be "
        "guessed "
        "from them. " COPY_OUT,
        "L1 table entry"),
    ROW(L2_RESERVED,
        "L2 entry has reserved bits set",
        "Bits that must be zero are set in an L2 entry. One entry hints at a flipped "
        "bit; many in one table at a table that was overwritten.",
        "The guest cluster may be read from the wrong place.",
        COPY_OUT,
        "L2 table entry"),
    ROW(DATA_MISALIGNED,
        "Data cluster offset is not cluster aligned",
        "An L2 entry points to data at an address that is no multiple of the cluster "
        "size.",
        "Reading or writing this guest cluster fails with an I/O error.",
        COPY_OUT,
        "Standard Cluster Descriptor"),
    ROW(ZERO_MISALIGNED,
        "Preallocated zero cluster is not cluster aligned",
        "An L2 entry that reads as zeros keeps a host cluster at an address that is no "
        "multiple of the cluster size.",
        "The guest reads zeros, as it should; writing to this guest cluster fails.",
        COPY_FIRST " The repair turns it into a plain zero cluster.",
        "Standard Cluster Descriptor"),
    ROW(COMPRESSED_COPIED,
        "Compressed cluster has the COPIED flag",
        "Compressed clusters are never written in place, so bit 63 must be clear.",
        "Reading works. Software that trusts the flag may write over the compressed "
        "data.",
        COPY_FIRST,
        "Compressed Clusters Descriptor"),
    ROW(COMPRESSED_DATA_FILE,
        "Compressed cluster in an image with an external data file",
        "With an external data file guest data may not be compressed; this L2 entry is "
        "not valid.",
        "Reading this guest cluster fails with an I/O error.",
        COPY_OUT,
        "Compressed Clusters Descriptor"),
    ROW(COMPRESSED_SUBCLUSTERS,
        "Compressed cluster has subcluster bits",
        "In an extended L2 entry of a compressed cluster the subcluster bitmap must be "
        "zero.",
        "Reading this guest cluster fails with an I/O error.",
        COPY_OUT,
        "Extended L2 Entries"),
    ROW(SUBCLUSTER_CONFLICT,
        "Subclusters are both allocated and zero",
        "In the bitmap of an extended L2 entry the same subcluster is marked as "
        "allocated and as reading zeros.",
        "Reading this guest cluster fails with an I/O error. The data may still be in "
        "the host cluster.",
        COPY_OUT,
        "Extended L2 Entries"),
    ROW(SUBCLUSTER_UNALLOCATED,
        "Unallocated cluster has allocated subclusters",
        "An extended L2 entry without a host cluster marks subclusters as allocated.",
        "Reading this guest cluster fails with an I/O error; where its data was is not "
        "known.",
        COPY_OUT,
        "Extended L2 Entries"),
    ROW(REFCOUNT_ZERO,
        "Refcount is 0 but the cluster is in use",
        "The cluster is referenced, yet its refcount says that it is free. After a "
        "crash with lazy refcounts this is expected and harmless; otherwise it is not.",
        "Nothing is lost yet. The next write may take the cluster for something else "
        "and destroy what it holds; if it holds an L2 table, a whole range is at stake.",
        "Do not start the guest and do not open the file for writing. " COPY_FIRST,
        "Host cluster management"),
    ROW(REFCOUNT_LOW,
        "Refcount is lower than the number of references",
        "More tables refer to the cluster than its refcount says.",
        "Nothing is lost yet. Deleting a snapshot may free the cluster while it is "
        "still in use, and writing may change what a snapshot sees.",
        "Do not start the guest and do not delete snapshots. " COPY_FIRST,
        "Host cluster management"),
    ROW(REFCOUNT_OVERFLOW,
        "More references than the refcount can hold",
        "The refcounts of this image are too narrow for the number of references found.",
        "Sharing cannot be tracked for this cluster: later writes may hit several "
        "owners.",
        "Make a copy with wider refcounts (qemu-img convert, or qemu-img amend -o "
        "refcount_bits=16 on a copy).",
        "Host cluster management"),
    ROW(L2_COPIED,
        "COPIED flag of an L1 entry does not fit the refcount",
        "Bit 63 of an active L1 entry must be set exactly when the stored refcount of "
        "its L2 table is 1. Often this only follows from a wrong refcount.",
        "Set wrongly: writing changes a table that a snapshot shares. Clear wrongly: "
        "only an unnecessary copy is made.",
        "Look at the refcount problems of the same cluster first. " COPY_FIRST,
        "L1 table entry"),
    ROW(DATA_COPIED,
        "COPIED flag of an L2 entry does not fit the refcount",
        "Bit 63 of an active L2 entry must be set exactly when the stored refcount of "
        "its cluster is 1. Often this only follows from a wrong refcount.",
        "Set wrongly: writing changes data that a snapshot shares. Clear wrongly: only "
        "an unnecessary copy is made.",
        "Look at the refcount problems of the same cluster first. " COPY_FIRST,
        "L2 table entry"),
    ROW(REFTABLE_RESERVED,
        "Refcount table entry has reserved bits set",
        "The low nine bits of a refcount table entry must be zero. Its block is not "
        "used.",
        "Reading guest data is not affected. All clusters of that block count as free: "
        "writing may destroy data.",
        "Do not start the guest with this file. " COPY_FIRST,
        "Host cluster management"),
    ROW(REFBLOCK_MISALIGNED,
        "Refcount block is not cluster aligned",
        "A refcount table entry points to an address that is no multiple of the "
        "cluster size. The refcounts it should lead to cannot be checked.",
        "Reading guest data is not affected. Writing fails in the clusters concerned.",
        "Do not start the guest with this file. " COPY_FIRST,
        "Host cluster management"),
    ROW(REFBLOCK_SHARED,
        "Refcount block is used by something else as well",
        "A cluster that holds refcounts is referenced more than once: by two refcount "
        "table entries, or as a table or data too.",
        "Guest writes and refcount updates overwrite each other.",
        "Do not start the guest with this file. " COPY_FIRST,
        "Host cluster management"),
    ROW(SNAPSHOT_L1_MISALIGNED,
        "L1 table of a snapshot is not cluster aligned",
        "The snapshot table entry gives an L1 address that is no multiple of the "
        "cluster size. The tables and data of that snapshot could not be followed.",
        "The active disk is not affected. The snapshot cannot be used; clusters that "
        "only it holds appear as leaked.",
        "Do not repair leaks while you want this snapshot back: that would free its "
        "clusters. Copy the file first.",
        "Snapshots"),
    ROW(SNAPSHOT_L1_TOO_LARGE,
        "L1 table of a snapshot is too large",
        "The snapshot table entry announces more L1 entries than the 32 MiB that QEMU "
        "accepts. The tables of that snapshot were not followed.",
        "The active disk is not affected. The snapshot cannot be used; clusters that "
        "only it holds appear as leaked.",
        "Do not repair leaks while you want this snapshot back: that would free its "
        "clusters. Copy the file first.",
        "Snapshots"),
    ROW(SNAPSHOT_INCOMPLETE,
        "Snapshot entry lacks required extra data",
        "In version 3 each snapshot entry must carry at least 16 bytes of extra data "
        "(VM state size and disk size).",
        "The disk size at the time of the snapshot is not known; the current one is "
        "taken.",
        COPY_FIRST,
        "Snapshots"),
    ROW(SNAPSHOT_DATA_FILE,
        "Internal snapshots in an image with an external data file",
        "Data in an external data file cannot be shared, so internal snapshots are not "
        "allowed there.",
        "The snapshots do not hold older guest data, whatever they claim.",
        "Do not revert to these snapshots. Delete them on a copy of the file.",
        "Snapshots"),
    ROW(LEAKED,
        "Leaked cluster: nothing refers to it",
        "The cluster has a refcount but no reference was found. Leaks are usually left "
        "by a crash or by a full disk; many at once can be the shadow of a lost table.",
        "None: space is wasted in the file, no data of the guest is affected.",
        REPAIR_LEAKS " If thousands of clusters leaked at once, first make sure that "
        "no L2 table was wiped: its data would be in these clusters.",
        "Host cluster management"),
    ROW(REFCOUNT_HIGH,
        "Refcount is higher than the number of references",
        "The cluster is in use, but its refcount counts references that do not exist.",
        "None for reading. The first write makes an unnecessary copy, and the cluster "
        "may never be freed.",
        REPAIR_LEAKS,
        "Host cluster management"),
    ROW(REFCOUNT_UNREADABLE,
        "Refcount cannot be read",
        "The refcount block is misaligned or could not be read, so the clusters it "
        "describes could not be compared.",
        "Reading guest data is not affected. Whether writing is safe is unknown.",
        "If the storage fails, copy the file to a healthy place first. Then check "
        "again.",
        "Host cluster management"),
    ROW(UNREADABLE,
        "A part of the file cannot be read",
        "The storage returned an I/O error. What lies there was not checked.",
        "If a table lies there, its guest range cannot be read.",
        "Copy the file to healthy storage with a tool that keeps going (ddrescue). "
        "Check the copy.",
        NULL),
    ROW(OVERLAP,
        "Two owners claim the same cluster",
        "Structures that can never share a cluster refer to the same one, for example "
        "guest data and an L2 table. Only one of them can be right.",
        "Each write of one destroys the other. If guest data lies over a table, every "
        "range mapped by that table is in danger.",
        "Do not start the guest. Look at both owners (who points here) and copy the "
        "file before anything else.",
        "Host cluster management"),
    ROW(DOUBLE_ALLOCATION,
        "Two guest clusters use one host cluster",
        "Two entries of the active layer refer to the same host cluster. The tables "
        "share data only between snapshots, never within one layer.",
        "Two places of the guest disk show the same content; writing one changes the "
        "other. At least one of them is wrong.",
        "Do not start the guest. Find out from its content to which place the cluster "
        "belongs, and restore the other from a backup.",
        "Cluster mapping"),
    ROW(HEADER_FAULT,
        "Header field is not valid",
        "A field of the header has a value that the format does not allow.",
        "QEMU does not open the image. The data behind the header may be whole.",
        "Compare the header with the proposals shown, or with another image made the "
        "same way; force the values that are known (--cluster-size, --l1-offset, ...) "
        "to look behind it.",
        "Header"),
    ROW(HEADER_EXTENSION,
        "Header extension is not valid",
        "A header extension has a wrong length or content, or reaches past the header "
        "cluster.",
        "QEMU does not open the image. The data behind the header may be whole.",
        "Copy the file first. The extension can be cut off by writing an end mark "
        "(eight zero bytes) in its place, on the copy.",
        "Header extensions"),
    ROW(HEADER_LIMIT,
        "Header field is over the limit of QEMU",
        "A size or an offset in the header is larger than anything QEMU accepts; a "
        "scan up to the limit was made.",
        "QEMU does not open the image.",
        "The field was probably overwritten: compare it with another image made the "
        "same way.",
        "Header"),
    ROW(HEADER_REPLACED,
        "Header value cannot be right, another one was taken",
        "With this value QEMU opens no image. The scan used the value shown instead: one "
        "that a person forced, or one that was guessed, because the tables found with it "
        "agree with themselves.",
        "QEMU does not open the image. The data behind the header may be whole. All other "
        "findings are true only if the value taken is.",
        "Compare what the scan shows with what is known of the disk. If it fits, copy the "
        "file and write the value into the header of the copy. Other values can be forced "
        "(--cluster-size, --l1-offset, --l1-size, --refcount-table).",
        "Header"),
    ROW(L1_TOO_SMALL,
        "L1 table is too small for the disk",
        "The L1 table has fewer entries than the size of the guest disk needs.",
        "QEMU does not open the image. The guest ranges past the table are not mapped.",
        "Either l1_size or size was overwritten in the header: find out which one.",
        "Cluster mapping"),
    ROW(UNKNOWN_FEATURE,
        "Unknown incompatible feature",
        "The header demands a feature that this program does not know. What was read "
        "may be misunderstood.",
        "Programs that do not know the feature must not open the image.",
        "Use the software (or the newer version) that wrote the image. If the bit is "
        "damage, the other header fields will look odd too.",
        "Header"),
    ROW(SNAPTABLE_FAULT,
        "Snapshot table is not valid",
        "The place or an entry of the snapshot table breaks the rules of the format; "
        "it was read as far as possible.",
        "The active disk is not affected, but QEMU refuses to check or open the image.",
        "Copy the file. On the copy, qemu-img check -r all can drop the entries that "
        "are not valid.",
        "Snapshots"),
    ROW(BITMAP_DIR_FAULT,
        "Bitmap directory is not valid",
        "The bitmaps extension or the bitmap directory breaks the rules of the format.",
        "Guest data is not affected, but QEMU refuses to open the image.",
        "Clear bit 0 of the autoclear features on a copy: QEMU then ignores the "
        "bitmaps. Begin with a full backup.",
        "Bitmaps"),
    ROW(BITMAP_FAULT,
        "Bitmap is not valid",
        "An entry of the bitmap directory breaks a rule: type, flags, granularity, "
        "place or size of the table.",
        "Guest data is not affected, but QEMU refuses to open the image.",
        "Clear bit 0 of the autoclear features on a copy: QEMU then ignores the "
        "bitmaps. Begin with a full backup.",
        "Bitmap directory"),
    ROW(BITMAP_ENTRY,
        "Bitmap table entry is not valid",
        "An entry of a bitmap table has reserved bits set or a misaligned offset.",
        "Guest data is not affected. The bitmap cannot be loaded, and QEMU may refuse "
        "to open the image.",
        "Clear bit 0 of the autoclear features on a copy: QEMU then ignores the "
        "bitmaps. Begin with a full backup.",
        "Bitmap table"),
    ROW(TAIL_TRUNCATED,
        "The file ends in the middle of a cluster that is in use",
        "The last cluster is not complete. That is normal when its missing rest was "
        "never written, and a loss when the file was cut there.",
        "The missing bytes read as zeros: data, or the last entries of a table.",
        "Compare the length of the file with its source or backup.",
        "Host cluster management"),
    ROW(STREAM_PAST_END,
        "Compressed data reaches past the end of the file",
        "The sectors of a compressed cluster end after the end of the file, by less "
        "than a cluster.",
        "Reading this guest cluster may fail with an I/O error.",
        "Try to read the range (qemu-img convert to another file). If it fails, look "
        "for a longer copy of the file.",
        "Compressed Clusters Descriptor"),
    ROW(V2_ZERO_FLAG,
        "Zero flag in a version 2 image",
        "An L2 entry has the zero flag, which exists only from version 3 on.",
        "QEMU fails to read this guest cluster with an I/O error.",
        "If the entry is otherwise in order, convert the image to version 3 on a copy "
        "(qemu-img amend -o compat=1.1).",
        "Standard Cluster Descriptor"),
    ROW(EXTENDED_ZERO_FLAG,
        "Zero flag in an extended L2 entry",
        "Bit 0 is reserved in images with extended L2 entries; zeros are marked per "
        "subcluster there.",
        "None: QEMU ignores the bit. It hints at software that writes entries wrongly.",
        "Nothing urgent. Watch which program wrote the image.",
        "Extended L2 Entries"),
    ROW(DATA_FILE_OFFSET,
        "Guest data is not at its own offset in the data file",
        "With an external data file, each guest cluster must lie at the same offset in "
        "it.",
        "Reading this guest cluster fails with an I/O error.",
        "If the data file is raw and complete, its content at the guest offset is the "
        "right one: it can be used directly as a raw image.",
        "Standard Cluster Descriptor"),
    ROW(SNAPSHOT_DUPLICATE,
        "Two snapshots have the same id or name",
        "An id must be unique in the snapshot table; equal names cannot be told apart.",
        "Commands that name the snapshot act on the first one found.",
        "Address these snapshots by their ids when you revert or delete.",
        "Snapshots"),
    ROW(SNAPSHOT_L1_SMALL,
        "L1 table of a snapshot is too small for its disk",
        "The snapshot's L1 table has fewer entries than its disk size needs.",
        "The active disk is not affected. The end of the snapshot's disk is not "
        "mapped; QEMU may refuse to revert to it.",
        "Copy out the snapshot's content (qemu-img convert -l) before deleting it.",
        "Snapshots"),
    ROW(BITMAPS_INCONSISTENT,
        "Bitmaps are not in step with the image",
        "The bitmaps extension and the autoclear bit that vouches for it contradict "
        "each other: a program without support for bitmaps wrote to the image.",
        "Guest data is not affected. The bitmaps are ignored; their clusters count as "
        "leaked.",
        "Begin with a full backup. qemu-img check -r leaks frees the clusters of the "
        "old bitmaps.",
        "Bitmaps extension"),
    ROW(BITMAP_IN_USE_FLAG,
        "Bitmap is marked as in use",
        "The bitmap was not saved in order, by a crash or because a guest is running.",
        "Guest data is not affected. The bitmap's content is not reliable.",
        "If no guest is running, remove the bitmap (qemu-img bitmap --remove) and "
        "begin with a full backup.",
        "Bitmap directory"),
    ROW(CORRUPT_BIT,
        "The image is marked as corrupt",
        "A program found damage earlier and set the corrupt bit in the header.",
        "QEMU opens the image only for reading until it has been repaired.",
        "Look at the other problems found here, then: " COPY_FIRST,
        "Header"),
    ROW(DIRTY_BIT,
        "The image was not closed in order",
        "The dirty bit is set: refcounts may be behind the mapping, as lazy refcounts "
        "allow.",
        "None by itself: QEMU rebuilds the refcounts at the next start. Where the "
        "mapping is damaged that repair destroys traces.",
        "If only refcount problems are found, a normal start repairs them. If tables "
        "are damaged, copy the file before any program opens it for writing.",
        "Header"),
    ROW(IMAGE_IN_USE,
        "The image is in use",
        "Another process holds the lock that QEMU takes for writing. What is seen here "
        "may be half written.",
        "None. Problems found now may be gone in a moment.",
        "Check again when the guest is stopped, or check a copy of the storage's "
        "snapshot.",
        NULL),
    ROW(IMAGE_CHANGED,
        "The image changed during the scan",
        "Size or modification time of the file are not what they were at the start.",
        "None. Problems found may come from reading old and new parts together.",
        "Check again when nothing writes to the file.",
        NULL),
    ROW(HEADER_PROPOSED,
        "Header value is doubtful, another one fits better",
        "The scan used the value of the header, as QEMU would, but the tables in the file "
        "do not fit it: nothing there looks like the table that the header names, or the "
        "table is too short for the disk. Another value fits what was found.",
        "The guest may see zeros or nonsense. Writing may destroy data.",
        "Do not start the guest. Look again with the value proposed (--l1-offset, "
        "--refcount-table): if the problems are gone, the header was damaged.",
        "Header"),
    ROW(HEADER_FORCED,
        "Header value was forced",
        "A person asked for another value than the one in the header, which is possible "
        "as well.",
        "Figures are not those of qemu-img check, which reads the header as it is.",
        "Without the option the image is read by its own header.",
        "Header"),
    ROW(HEADER_ODD,
        "Unusual header value",
        "A header value is allowed or ignored by QEMU but not what software usually "
        "writes.",
        "None that is known.",
        "Nothing to do. It may tell which program wrote, or damaged, the image.",
        "Header"),
    ROW(REFCOUNT_PAST_END,
        "Refcounts for clusters after the end of the file",
        "Refcount blocks count references to clusters that do not exist in the file.",
        "None. A write may leave these clusters unused.",
        "Nothing to do; together with missing data it hints at a file that was cut "
        "short.",
        "Host cluster management"),
    ROW(VM_STATE,
        "The image holds VM state",
        "A snapshot was taken of a running guest; memory and devices are stored with "
        "it.",
        "None. It takes space in the file, and memory content may be confidential.",
        "Nothing to do. Deleting the snapshot frees the space.",
        "Snapshots"),
    ROW(PAST_DISK_END,
        "Clusters are mapped after the end of the guest disk",
        "Entries map guest offsets past the virtual size: VM state, or the rest of a "
        "disk that was made smaller.",
        "None: the guest cannot reach them.",
        "Nothing to do. If the disk should be larger, look at the size in the header.",
        "Cluster mapping"),
};

const struct problem_info *problem_info(enum problem_kind kind)
{
    return &table[kind];
}

bool problem_by_id(const char *id, enum problem_kind *out)
{
    for (int k = 0; k < N_PROBLEMS; k++) {
        if (strcmp(table[k].id, id) == 0) {
            *out = (enum problem_kind)k;
            return true;
        }
    }
    return false;
}

const char *severity_name(enum severity s)
{
    static const char *const name[N_SEVERITIES] = {
        [SEV_CORRUPTION] = "corruption", [SEV_LEAK] = "leak", [SEV_ERROR] = "error",
        [SEV_WARNING] = "warning", [SEV_NOTE] = "note",
    };

    return name[s];
}
