/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The causes in words, for `explain`, the manual and the reports. Identity (id,
 * weight) comes from CAUSES. */
#include "config.h"

#include <string.h>

#include "base/text.h"
#include "insight/cause_work.h"

#define X(e, id, weight) static const char id_##e[] = id; enum { weight_##e = CAUSE_##weight };
CAUSES(X)
#undef X

#define ROW(e, sample, title, happened, told, alike, next) \
    [CAUSE_OF_##e] = { id_##e, (enum cause_weight)weight_##e, sample, title, happened, told, \
                       alike, next }

#define KEEP_LEAKS \
    "Do not open the file for writing and do not repair it: both free the clusters that " \
    "have no owner, and these are the only copy of the data. Copy the file, look for a " \
    "backup, read out what can be read."

static const struct cause_info table[N_CAUSES] = {
    ROW(IN_USE, NULL, "Another program has the image open",
        "A virtual machine or a copy job writes to the image while it is read. What is found "
        "is a moment between two writes.",
        "QEMU's lock on the file is held by another process, or the file changed during the "
        "scan.",
        NULL,
        "End that program, then check again. Never write to an image that two programs have "
        "open."),
    ROW(UNREADABLE, NULL, "The storage cannot be read in places",
        "A disk or a server below the image is failing.",
        "Reads of tables end with I/O errors.", NULL,
        "Copy the file to healthy storage first (ddrescue), then check the copy."),
    ROW(HEADER_OVERWRITTEN, "header-gone", "The header was overwritten",
        "The file was given to a machine as a raw disk, and an installer wrote a partition "
        "table or boot sector over its first bytes; or a tool wiped them.",
        "The magic is gone, yet a refcount table and an L1 table that prove each other stand "
        "where the default layout has them.",
        "A raw disk: there no such tables are found.",
        "Work on a copy: qcheck plan header writes a header that the tables prove. More than the "
        "first bytes may have been overwritten."),
    ROW(HEADER_VALUES, "header", "A value of the header is damaged",
        "Single bytes of the header or of its extensions were changed, by storage, memory, or "
        "a program that writes headers wrongly.",
        "QEMU refuses the value, and the tables of the image often prove another one.", NULL,
        "Open the image with the proved values (qcheck names the options). If all is there, "
        "write them into a copy."),
    ROW(L1_POINTER, "l1-astray", "The header leads to no L1 table",
        "l1_table_offset lies after the end of the file: the value was changed, or the file "
        "was cut.",
        "The whole L1 table lies after the end, so all of the disk reads as zeros, while the "
        "clusters of the disk have refcounts and no owner.", NULL,
        "If another L1 table is proved, try it with --l1-offset. Do not repair: all data would "
        "be freed."),
    ROW(LIVE_RESIZE, "resized-live",
        "The image was resized while another program had it open",
        "qemu-img resize or snapshot moved the L1 table while a machine was running. The "
        "machine went on with the old one, and put data where the new one lies.",
        "The L1 table holds data of the guest, and an older L1 table is still in the file.",
        NULL,
        "Look at the disk through the older L1 table (--l1-offset, --l1-size). Use the locks of "
        "QEMU, and block_resize for a running machine."),
    ROW(L1_OVERWRITTEN, "l1-overwritten", "The L1 table was overwritten",
        "Something else was written where the L1 table lies.",
        "A quarter or more of its entries are impossible, and its content looks like "
        "something else.", NULL,
        "Restore a backup, or find the L2 tables by their content (--deep)."),
    ROW(MAPPING_VANISHED, "l1-wiped", "The mapping has vanished",
        "After a power cut the L1 table is empty although its tables were written; or it was "
        "wiped.",
        "L1 entries are zero, or a snapshot is gone, yet L2 tables that nobody refers to lie in "
        "the file, with their data; or data alone, where the L1 table is empty.",
        "A new image, or one of which everything was discarded: there no L2 tables are left "
        "over.", KEEP_LEAKS),
    ROW(SHIFTED, "shifted", "A part of the file lies elsewhere than it should",
        "A download went on at the wrong place, a piece was left out when parts were put together, "
        "or the file was sent as text, which changes the ends of lines.",
        "Up to some point all is well; behind it every table lies the same number of bytes too "
        "early or too late. Or every byte 0a has 0d before it.",
        "Tables that were overwritten: what they held is not found a little further on.",
        "Get the file once more. Where it cannot be had, its parts can be put where they belong, "
        "in a copy: nothing but what is missing is lost."),
    ROW(L2_REFCOUNTS, "l2-overwritten", "An L2 table was overwritten with refcounts",
        "A refcount block was written over a live L2 table, because the cluster of the table "
        "counted as free.",
        "Read as entries, refcounts of 1 are 0x0001000100010001: an aligned offset of 256 TiB.",
        NULL, KEEP_LEAKS),
    ROW(L2_OVERWRITTEN, "l2-text", "An L2 table was overwritten",
        "Data of the guest or another file was written over a live L2 table.",
        "Reserved bits, offsets far outside; the content looks like text, a file system or "
        "noise.", NULL, KEEP_LEAKS),
    ROW(L2_WIPED, "l2-wiped", "An L2 table was wiped",
        "A live L2 table was replaced by zeros: a lost write, or a hole punched into the file. Or "
        "QEMU was killed before it filled a new table: then what the guest wrote last is lost.",
        "It is all zeros, and clusters without an owner hold data and fit in its range.",
        "A discard of the whole range: it frees the clusters, so none are without an owner.",
        KEEP_LEAKS),
    ROW(L2_PAGES, "l2-pages", "Entries are missing from an L2 table",
        "Of a table that was being written when the power was cut only some pages of 4 KiB "
        "reached the disk; or single entries were lost.",
        "Zeros amid entries in use, and clusters without an owner that fit there by their place "
        "in the file. With an external data file: data in it that nothing maps.",
        "A discard, which leaves entries that say zeros. A crash, which "
        "leaves up to a mebibyte or so of clusters that were counted and not yet mapped.",
        KEEP_LEAKS),
    ROW(COPIED_RUNNING, "copied-running", "The file was copied while it was written to",
        "A copy was made of a running machine's disk: tables, refcounts and the end of the "
        "file are of different moments.",
        "Tables name clusters after the end of the file, and clusters that the refcounts do not "
        "know.", "A file cut short: there tables and refcounts agree.",
        "Copy again, with the machine shut down or by a backup job of QEMU."),
    ROW(CUT_SHORT, "truncated", "The file was cut short",
        "A download or copy broke off, or the storage was full.",
        "References or refcounts go on after the end of the file.",
        "A block device longer than the image, or a file whose last cluster is not whole: both "
        "are in order.",
        "Fetch the file again. Do not repair this one: what is missing would be forgotten."),
    ROW(BROKEN_ENTRIES, "flipped-bit", "Single table entries are broken",
        "A bit flipped in memory or storage, or a few entries were written wrongly.",
        "A few entries are impossible in a table that is otherwise in order. Where neighbours "
        "step by one cluster, or one bit makes the entry lead to a cluster without an owner, "
        "that is the expected value.", NULL,
        "Plan it: qcheck plan entries writes the values that are proved and leaves the others. "
        "For those, compare with an older copy."),
    ROW(COMPRESSION_TYPE, "wrong-type", "The header names the wrong compression type",
        "A program rewrote the header and forgot the compression type.",
        "No stream can be unpacked, and all or none begin with the magic of zstd.", NULL,
        "On a copy, write the other type into byte 104, and feature bit 3 to go with it."),
    ROW(BROKEN_STREAMS, "broken-stream", "Compressed clusters do not decode",
        "Something overwrote them, or the storage gives back other bytes than were written.",
        "Every stream is unpacked (with --deep, and where there are few), and some end early or "
        "are no streams.",
        NULL, "Fetch what is lost from a backup or an older copy."),
    ROW(LUKS_HEADER, "luks-lost", "The LUKS header is damaged",
        "The area with the key slots was overwritten, or the extension points elsewhere.",
        "No LUKS magic where the header names it, no active slot, or key material that is not "
        "random.", NULL,
        "Look for a backup of the LUKS header: without the key slots no passphrase helps."),
    ROW(BASE_MISSING, "lost-base", "The backing file cannot be used",
        "The file below this overlay was moved, deleted, or is damaged.",
        "A file of the chain cannot be opened, and parts of the disk are read from it.", NULL,
        "Put it back, or tell the overlay where it is now (qemu-img rebase -u, on a copy). It "
        "must not have changed since the overlay was made."),
    ROW(DATA_FILE, "lost-data-file", "The external data file cannot be used",
        "All guest data lies in another file, which is missing or too short.",
        "It cannot be opened, or has fewer bytes than the disk.", NULL,
        "Put the data file back to where the header names it."),
    ROW(TABLE_REUSED, "double-table", "A table was put to another use",
        "A live table counted as free, and was given to data or another table.",
        "A cluster has two kinds of owners, one of them metadata.", NULL,
        "Do not write to the image. Look at what the cluster holds now: that owner is right."),
    ROW(TWO_WRITERS, "two-writers", "Two programs wrote to the image at once",
        "Two machines had the image open, on storage without locks, or with locking off.",
        "Runs of clusters near the end of the file are used by two guest ranges.",
        "Clusters shared by snapshots, and compressed clusters side by side in one.",
        "Do not start a guest. Decide by content which range each cluster belongs to; a repair "
        "only raises the refcounts."),
    ROW(TWICE_USED, "double-data", "A cluster is used by two guest ranges",
        "One cluster was given out twice, or an entry was changed to lead to it.",
        "Two entries of the active disk lead to the same cluster.",
        "Clusters shared by snapshots, and compressed clusters side by side in one.",
        "Do not start a guest. The evidence names both ranges, and the likelier one."),
    ROW(ARMED_TABLE, "refcount-zero", "A live table counts as free",
        "The refcount of a table was not written, or lost, while the table is in use.",
        "A table that is referred to has refcount 0.",
        "Lazy refcounts with the dirty bit: QEMU counts these anew.",
        "Do not write to the image: the next allocation may take the table. Refcounts have to be "
        "counted anew, on a copy."),
    ROW(REFCOUNTS_LOST, "refcounts-lost", "Refcounts are lost",
        "The refcount table or blocks of it were damaged or cut off.",
        "Whole ranges that are in use have refcount 0, or blocks cannot be read.",
        "Lazy refcounts with the dirty bit.",
        "The guest's data can be read. Refcounts have to be counted anew before a write, on a "
        "copy."),
    ROW(NO_SPACE, "no-space", "Storage was full while the image grew",
        "Clusters were allocated at the end, and the tables or refcounts that go with them "
        "could not be written.",
        "The last clusters of the file are in use but have refcount 0, and others beside them have "
        "no owner.", NULL,
        "Give the storage room, and count the refcounts anew, on a copy."),
    ROW(REFCOUNTS_BEHIND, "dirty", "Refcounts are behind",
        "With lazy refcounts QEMU writes them only when it closes the image; after a crash "
        "they are behind.",
        "The dirty bit is set and nothing but refcounts is wrong.", NULL,
        "Nothing is lost. QEMU counts anew when it opens the image for writing."),
    ROW(REFCOUNTS_WRONG, "refcount-zero", "Refcounts are wrong",
        "Refcounts were lost, overwritten or never written, while the mapping is in order.",
        "Clusters in use have refcounts lower than their references, or higher ones beside entries "
        "whose COPIED flag says 1.", NULL,
        "The guest's data can be read. Refcounts have to be counted anew before a write, on a "
        "copy."),
    ROW(COPIED_FLAGS, "copied-flags", "COPIED flags do not fit",
        "A program that does not keep the flag wrote the image, one that made or deleted a "
        "snapshot was stopped, or entries were changed by hand.",
        "The flag does not say whether the refcount is 1; the refcounts themselves are right.",
        "Flags that are clear where the refcount is 1: writes copy the cluster first, which is "
        "slow but right.",
        "Reading is safe. Where the flag is set and the refcount is not 1, a write may change "
        "clusters that snapshots share: mend a copy first."),
    ROW(SNAPSHOT_TABLE, "bad-snapshot", "The snapshot table is damaged",
        "The header names it wrongly, or an entry of it was changed.",
        "Entries break the rules of the format, or lead nowhere.", NULL,
        "The active disk can be read out. What looks leaked belongs to the snapshots: do not "
        "repair before the entries are mended."),
    ROW(BITMAPS, "bad-bitmap", "Bitmaps are not to be trusted",
        "A program did not close the image in order, does not know bitmaps, or their directory "
        "was damaged.",
        "A bitmap is marked in use, or its entries break the rules.", NULL,
        "The guest's data is not affected. Make a full backup next. Where bitmaps keep QEMU from "
        "opening the image, qcheck plan bitmaps drop=all takes them out of it."),
    ROW(FEATURE, "header", "An unknown feature is required",
        "A newer program made the image, or bits of the header flipped.",
        "A bit of incompatible_features that no known version has.", NULL,
        "Open it with the program that made it."),
    ROW(CORRUPT_BIT, "marked-corrupt", "The image is marked corrupt",
        "QEMU met damage while the image was in use, and set the mark so that nobody writes on.",
        "Feature bit 1 is set.", NULL,
        "See the other causes for what is damaged. Where none is left, a repair takes the mark "
        "away."),
    ROW(SNAPSHOTS_AND_BITMAP, "many", "A repair by QEMU would delete the snapshots",
        "qemu-img check -r (versions 7.2 and 10.0 at least) drops all snapshots of an image "
        "that also has a persistent bitmap.",
        "There are snapshots, a bitmap, and something to repair.", NULL,
        "Never repair the only copy. Copy what the snapshots hold first."),
    ROW(BASE_NOT_SEEN, "base-elsewhere", "The disk needs another file",
        "An overlay holds only what was written since it was made; with an external data file "
        "the image holds only the mapping.",
        "The header names the file, and parts of the disk are not in this one.", NULL,
        "--backing looks at the files that the image names. They must not change."),
    ROW(BASE_FORMAT, "base-format", "The format of the backing file is not named",
        "The image was made by an old program, or without -F.",
        "There is a backing file and no backing format extension.", NULL,
        "Name it: qemu-img rebase -u -b BASE -F FORMAT, on a copy. Where QEMU guesses the format "
        "of a raw base, a guest can choose it by what it writes there."),
    ROW(UNFLUSHED, "unflushed", "Data after the end that nothing maps",
        "Data was written before a crash, and the tables that map it were not.",
        "After the last cluster in use the file holds data, and the image was not closed in "
        "order.", "Space that was freed, or older contents of the storage.",
        "Look at what lies there before something is written over it."),
    ROW(GUEST_IS_FILE, "packed", "The guest disk is a file, not a disk",
        "A packed file or another image was given to a tool as if it were a raw disk.",
        "The first bytes of the guest disk are those of such a file.",
        "A guest that uses its disk without partitions.",
        "Read it out as raw (qemu-img convert -O raw), and unpack or open what comes out."),
    ROW(HOST_HOLES, NULL, "Mapped clusters are holes in the host file",
        "The file was copied sparsely, preallocated, or lost data in a crash or copy.",
        "Clusters that tables map have no bytes on the host and read as zeros.",
        "Preallocation (most of the disk is holes then, or all of it is mapped), zeros of the "
        "guest in a sparse copy (every page of zeros is a hole then, in tables too).",
        "Compare with an older copy if the guest misses data there."),
    ROW(LEFT_OVERS, "leak", "Clusters without an owner",
        "A write was interrupted between taking a cluster and mapping it, or the deletion of a "
        "snapshot was.",
        "Clusters have a refcount, nobody refers to them, and all tables are whole.",
        "The data of a table that is lost: then the verdict says so.",
        "Where the verdict says that they are all that is wrong, they only cost space. Should the "
        "guest miss something, see whether they have a place before you free them (qcheck plan "
        "rescue)."),
    ROW(OLD_TAIL, "old-tail", "Something lies after the end of the image",
        "The image was written over something longer, on a device or an older file; space at the "
        "end was freed; or a machine was killed before its last writes were mapped.",
        "After the last cluster in use the file is not empty.", NULL,
        "Nothing needs to be done. Whoever is given the file can read what lies there."),
    ROW(BLOATED, "bloated", "The file is longer than its content",
        "Space that was freed by deleted snapshots or discards is not given back.",
        "Free clusters between those in use take up at least 1 MiB and three quarters of the "
        "space of these, or at least 1 GiB and an eighth.",
        "A file with holes there: it takes up no space. Free clusters after the last in use.",
        "Convert the image to get the space back."),
    ROW(ZEROS_STORED, "zeros-stored", "Zeros are stored as data",
        "The guest deleted or wiped files, and discards do not reach the image.",
        "Clusters of data that hold nothing but zeros (found with --deep only).", NULL,
        "Convert the image, or let discards through (discard=unmap)."),
};

const struct cause_info *cause_info(enum cause_kind kind)
{
    return &table[kind];
}

bool cause_loses_mapping(enum cause_kind kind)
{
    switch (kind) {
    case CAUSE_OF_UNREADABLE: case CAUSE_OF_COMPRESSION_TYPE: case CAUSE_OF_LUKS_HEADER:
    case CAUSE_OF_BASE_MISSING: case CAUSE_OF_DATA_FILE: case CAUSE_OF_TWO_WRITERS:
    case CAUSE_OF_TWICE_USED: case CAUSE_OF_BROKEN_STREAMS:
        return false;
    default:
        return table[kind].weight == CAUSE_LOSES;
    }
}

bool cause_keeps_leaks(const struct cause *c)
{
    for (size_t i = 0; i < c->n_steps; i++)
        if (!strcmp(c->step[i], STEP_KEEP_LEAKS))
            return true;
    return false;
}

bool cause_loses(const struct cause *c)
{
    return c->weight == CAUSE_LOSES && c->confidence != CONFIDENCE_POSSIBLE && c->lost.n;
}

void cause_loss_text(const struct cause *c, struct buf *out)
{
    char size[TEXT_NUM];

    buf_printf(out, "%s (%s): %s of the active disk", cause_info(c->kind)->title,
               confidence_name(c->confidence), text_size(size, spans_bytes(&c->lost)));
}

bool cause_by_id(const char *id, enum cause_kind *out)
{
    for (int k = 0; k < N_CAUSES; k++)
        if (!strcmp(table[k].id, id)) {
            *out = (enum cause_kind)k;
            return true;
        }
    return false;
}
