/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/disk_fields.h"

#include <inttypes.h>
#include <string.h>

#include "base/num.h"

enum disk_field_kind { LE, BE, TEXT, UUID, GUID };

struct disk_field { uint16_t at; uint8_t width; enum disk_field_kind kind; const char *name; };

struct disk_structure {
    const char *name;
    uint32_t at;                        /* bytes from the start of the volume */
    uint16_t len;                       /* bytes that must be there */
    uint16_t magic_at;
    const char *magic;
    uint8_t magic_len;
    bool whole_disk;                    /* only where a disk begins */
    const struct disk_field *field;
    size_t n;
};

static const struct disk_field mbr[] = {
    { 440, 4, LE, "disk signature" },
    { 446, 1, LE, "partition 1: status" }, { 450, 1, LE, "partition 1: type" },
    { 454, 4, LE, "partition 1: first sector" }, { 458, 4, LE, "partition 1: sectors" },
    { 462, 1, LE, "partition 2: status" }, { 466, 1, LE, "partition 2: type" },
    { 470, 4, LE, "partition 2: first sector" }, { 474, 4, LE, "partition 2: sectors" },
    { 478, 1, LE, "partition 3: status" }, { 482, 1, LE, "partition 3: type" },
    { 486, 4, LE, "partition 3: first sector" }, { 490, 4, LE, "partition 3: sectors" },
    { 494, 1, LE, "partition 4: status" }, { 498, 1, LE, "partition 4: type" },
    { 502, 4, LE, "partition 4: first sector" }, { 506, 4, LE, "partition 4: sectors" },
};

static const struct disk_field gpt[] = {
    { 8, 4, LE, "revision" }, { 12, 4, LE, "header size" }, { 16, 4, LE, "header CRC" },
    { 24, 8, LE, "this header's sector" }, { 32, 8, LE, "other header's sector" },
    { 40, 8, LE, "first usable sector" }, { 48, 8, LE, "last usable sector" },
    { 56, 16, GUID, "disk GUID" }, { 72, 8, LE, "sector of the entries" },
    { 80, 4, LE, "number of entries" }, { 84, 4, LE, "size of an entry" },
    { 88, 4, LE, "entries CRC" },
};

static const struct disk_field ext[] = {
    { 0, 4, LE, "inodes" }, { 4, 4, LE, "blocks, low half" }, { 12, 4, LE, "free blocks" },
    { 16, 4, LE, "free inodes" }, { 20, 4, LE, "first data block" },
    { 24, 4, LE, "log2 of block size, less 10" }, { 32, 4, LE, "blocks per group" },
    { 40, 4, LE, "inodes per group" }, { 44, 4, LE, "last mount" }, { 48, 4, LE, "last write" },
    { 58, 2, LE, "state" }, { 88, 2, LE, "inode size" }, { 92, 4, LE, "compatible features" },
    { 96, 4, LE, "incompatible features" }, { 100, 4, LE, "read-only features" },
    { 104, 16, UUID, "UUID" }, { 120, 16, TEXT, "label" }, { 136, 64, TEXT, "last mounted on" },
    { 224, 4, LE, "journal inode" }, { 336, 4, LE, "blocks, high half" },
};

static const struct disk_field xfs[] = {
    { 4, 4, BE, "block size" }, { 8, 8, BE, "blocks" }, { 32, 16, UUID, "UUID" },
    { 48, 8, BE, "first block of the log" }, { 56, 8, BE, "root inode" },
    { 84, 4, BE, "blocks per group" }, { 88, 4, BE, "groups" }, { 96, 4, BE, "log blocks" },
    { 100, 2, BE, "version" }, { 102, 2, BE, "sector size" }, { 104, 2, BE, "inode size" },
    { 108, 12, TEXT, "label" }, { 128, 8, BE, "inodes" }, { 136, 8, BE, "free inodes" },
    { 144, 8, BE, "free blocks" },
};

static const struct disk_field btrfs[] = {
    { 32, 16, UUID, "UUID" }, { 48, 8, LE, "this block's address" }, { 72, 8, LE, "generation" },
    { 80, 8, LE, "root of roots" }, { 88, 8, LE, "root of chunks" }, { 112, 8, LE, "bytes" },
    { 120, 8, LE, "bytes used" }, { 136, 8, LE, "devices" }, { 144, 4, LE, "sector size" },
    { 148, 4, LE, "node size" }, { 299, 64, TEXT, "label" },
};

static const struct disk_field ntfs[] = {
    { 11, 2, LE, "bytes per sector" }, { 13, 1, LE, "sectors per cluster" },
    { 40, 8, LE, "sectors" }, { 48, 8, LE, "cluster of the MFT" },
    { 56, 8, LE, "cluster of the MFT mirror" }, { 72, 8, LE, "serial number" },
};

static const struct disk_field fat[] = {
    { 3, 8, TEXT, "made by" }, { 11, 2, LE, "bytes per sector" },
    { 13, 1, LE, "sectors per cluster" }, { 14, 2, LE, "reserved sectors" },
    { 16, 1, LE, "FATs" }, { 19, 2, LE, "sectors (16 bits)" }, { 32, 4, LE, "sectors" },
    { 36, 4, LE, "sectors per FAT (FAT32)" }, { 71, 11, TEXT, "label (FAT32)" },
};

static const struct disk_field fat16[] = {
    { 3, 8, TEXT, "made by" }, { 11, 2, LE, "bytes per sector" },
    { 13, 1, LE, "sectors per cluster" }, { 14, 2, LE, "reserved sectors" },
    { 16, 1, LE, "FATs" }, { 17, 2, LE, "root entries" }, { 19, 2, LE, "sectors (16 bits)" },
    { 22, 2, LE, "sectors per FAT" }, { 32, 4, LE, "sectors" }, { 43, 11, TEXT, "label" },
};

static const struct disk_field lvm[] = {
    { 8, 8, LE, "this label's sector" }, { 20, 4, LE, "offset of its header" },
    { 32, 32, TEXT, "UUID of the physical volume" }, { 64, 8, LE, "bytes" },
};

static const struct disk_field luks[] = {
    { 6, 2, BE, "version" }, { 8, 32, TEXT, "cipher, or label" }, { 72, 32, TEXT, "hash" },
    { 168, 40, TEXT, "UUID" },
};

static const struct disk_field swap[] = {
    { 0, 4, LE, "version" }, { 4, 4, LE, "last page" }, { 12, 16, UUID, "UUID" },
    { 28, 16, TEXT, "label" },
};

#define FIELDS(a) a, sizeof(a) / sizeof((a)[0])

static const struct disk_structure structures[] = {
    { "master boot record", 0, 512, 510, "\x55\xaa", 2, true, FIELDS(mbr) },
    { "GUID partition table", 512, 92, 0, "EFI PART", 8, true, FIELDS(gpt) },
    { "ext2, ext3 or ext4 super block", 1024, 340, 56, "\x53\xef", 2, false, FIELDS(ext) },
    { "XFS super block", 0, 152, 0, "XFSB", 4, false, FIELDS(xfs) },
    { "btrfs super block", 65536, 363, 64, "_BHRfS_M", 8, false, FIELDS(btrfs) },
    { "NTFS boot sector", 0, 80, 3, "NTFS    ", 8, false, FIELDS(ntfs) },
    { "FAT32 boot sector", 0, 90, 82, "FAT32   ", 8, false, FIELDS(fat) },
    { "FAT boot sector", 0, 62, 54, "FAT1", 4, false, FIELDS(fat16) },
    { "LVM2 label", 512, 72, 0, "LABELONE", 8, false, FIELDS(lvm) },
    { "LUKS header", 0, 208, 0, "LUKS\xba\xbe", 6, false, FIELDS(luks) },
    /* The fields stand 1024 bytes into the page, the magic at its end. */
    { "swap header", 1024, 3072, 3062, "SWAPSPACE2", 10, false, FIELDS(swap) },
};

static void uuid_text(const uint8_t *p, bool guid, struct out *out)
{
    /* The first three groups of a GUID are little endian. */
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };

    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out_puts(out, "-");
        out_printf(out, "%02x", p[guid ? order[i] : i]);
    }
}

static void field_line(const struct disk_field *f, const uint8_t *base, uint64_t off,
                       struct out *out)
{
    const uint8_t *p = base + f->at;
    uint64_t v;

    out_printf(out, "  %012" PRIx64 "  %-28s ", off + f->at, f->name);
    if (f->kind == TEXT) {
        out_puts(out, "\"");
        out_visible(out, p, strnlen((const char *)p, f->width));
        out_puts(out, "\"\n");
        return;
    }
    if (f->kind == UUID || f->kind == GUID) {
        uuid_text(p, f->kind == GUID, out);
        out_puts(out, "\n");
        return;
    }
    v = f->kind == LE ? le_load(p, f->width) : be_load(p, f->width);
    out_printf(out, "%" PRIu64 " (0x%" PRIx64 ")\n", v, v);
}

void disk_fields(uint64_t off, const uint8_t *bytes, size_t len, struct out *out)
{
    for (size_t i = 0; i < sizeof structures / sizeof structures[0]; i++) {
        const struct disk_structure *st = &structures[i];
        const uint8_t *base;

        if ((st->whole_disk && off) || !range_inside(st->at, st->len, len))
            continue;
        base = bytes + st->at;
        if (memcmp(base + st->magic_at, st->magic, st->magic_len) != 0)
            continue;
        out_printf(out, "\n%s at 0x%" PRIx64 "\n", st->name, off + st->at);
        for (size_t k = 0; k < st->n; k++)
            field_line(&st->field[k], base, off + st->at, out);
    }
}
