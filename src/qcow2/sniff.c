/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/sniff.h"

#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/text.h"
#include "qcow2/spec.h"

#define HEAD   4096
#define SECTOR 512

enum advice { CONVERT, UNPACK, RAW, OTHER };

static const char *const ADVICE[] = {
    [CONVERT] = "; 'qemu-img convert -O qcow2' makes a qcow2 image of it",
    [UNPACK] = "; unpack it and inspect what is inside",
    [RAW] = "; a raw disk has no structure that could be checked",
    [OTHER] = "",
};

struct signature {
    uint64_t off;                       /* bytes from the start, or the end if from_end */
    bool from_end;
    uint8_t len;
    const char *bytes;
    const char *what;
    enum advice advice;
};

#define SIG(off, text, what, advice) \
    { off, false, sizeof(text) - 1, text, what, advice }
#define SIG_END(off, text, what, advice) \
    { off, true, sizeof(text) - 1, text, what, advice }

/* First hit wins: what is more telling stands further up. */
static const struct signature SIGNATURES[] = {
    SIG(0, "KDMV", "a VMDK image (VMware)", CONVERT),
    SIG(0, "COWD", "a VMDK image (VMware, old sparse kind)", CONVERT),
    SIG(0, "# Disk DescriptorFile", "a VMDK descriptor (VMware)", CONVERT),
    SIG(0, "vhdxfile", "a VHDX image (Hyper-V)", CONVERT),
    SIG(0, "conectix", "a VHD image (Virtual PC, Hyper-V)", CONVERT),
    SIG(64, "\x7f\x10\xda\xbe", "a VDI image (VirtualBox)", CONVERT),
    SIG(0, "QED\0", "a QED image", CONVERT),
    SIG(0, "WithoutFreeSpace", "a Parallels image", CONVERT),
    SIG(0, "WithouFreSpacExt", "a Parallels image", CONVERT),
    SIG(0, "Bochs Virtual HD Image", "a Bochs image", CONVERT),
    SIG(0, "#!/bin/sh\n#V2.0 Format\n", "a cloop image (compressed loop)", CONVERT),
    SIG(0, "<!DOCTYPE", "a web page (HTML or XML), not an image", OTHER),
    SIG(0, "<html", "a web page (HTML), not an image", OTHER),
    SIG(0, "<?xml", "an XML document (a server's message, perhaps), not an image", OTHER),
    SIG(0, "{\"", "JSON (a server's message, perhaps), not an image", OTHER),
    SIG(0, "version https://git-lfs", "a pointer of Git LFS, not the image; 'git lfs pull' gets "
        "that", OTHER),
    SIG(0, "QFI\xc3\xbb", "one that was turned into UTF-8 as if it were text; "
        "'iconv -f UTF-8 -t LATIN1' turns it back", OTHER),
    SIG(0, "QFI\xef\xbf\xbd", "what is left of one that was taken for UTF-8 text: "
        "every byte above 7f is lost; get the file again", OTHER),
    SIG(0, "FQ\xfb" "I", "one with the bytes of each pair exchanged; "
        "'dd conv=swab' puts them back", OTHER),
    SIG(0, "UUZJ+w", "one in base64; 'base64 -d' gives the image", OTHER),
    SIG_END(512, "koly", "a DMG image (Apple)", CONVERT),
    SIG(0, "\x1f\x8b", "compressed with gzip", UNPACK),
    SIG(0, "\xfd" "7zXZ\0", "compressed with xz", UNPACK),
    SIG(0, "\x28\xb5\x2f\xfd", "compressed with zstd", UNPACK),
    SIG(0, "BZh", "compressed with bzip2", UNPACK),
    SIG(0, "\x04\x22\x4d\x18", "compressed with lz4", UNPACK),
    SIG(0, "LZIP", "compressed with lzip", UNPACK),
    SIG(0, "7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    SIG(0, "PK\x03\x04", "a zip archive", UNPACK),
    SIG(257, "ustar", "a tar archive (perhaps an OVA)", UNPACK),
    SIG(0, "LUKS\xba\xbe", "a LUKS encrypted volume", OTHER),
    SIG(32769, "CD001", "an ISO 9660 image (CD or DVD)", RAW),
    SIG(512, "EFI PART", "a raw disk with a GPT partition table", RAW),
    SIG(4096, "EFI PART", "a raw disk with a GPT partition table", RAW),
    SIG(1080, "\x53\xef", "a raw ext2/3/4 file system", RAW),
    SIG(0, "XFSB", "a raw XFS file system", RAW),
    SIG(65600, "_BHRfS_M", "a raw btrfs file system", RAW),
    SIG(3, "NTFS    ", "a raw NTFS file system", RAW),
    SIG(82, "FAT32", "a raw FAT file system", RAW),
    SIG(54, "FAT1", "a raw FAT file system", RAW),
    SIG(0, "hsqs", "a squashfs file system", RAW),
    SIG(512, "LABELONE", "an LVM physical volume", RAW),
    SIG(4086, "SWAPSPACE2", "swap space", RAW),
    SIG(510, "\x55\xaa", "a raw disk with a boot sector (MBR)", RAW),
    SIG_END(512, "conectix", "a VHD image (Virtual PC, Hyper-V)", CONVERT),
    SIG(0, "\x7f" "ELF", "a program (ELF)", OTHER),
};

static bool matches(struct source *src, const struct signature *s, const uint8_t *head,
                    size_t head_len)
{
    uint8_t bytes[32];
    uint64_t size = source_size(src), off = s->off;

    if (s->from_end) {
        if (size < off)
            return false;
        off = size - off;
    }
    if (!range_inside(off, s->len, size))
        return false;
    if (off + s->len <= head_len)
        return memcmp(head + off, s->bytes, s->len) == 0;
    return source_read(src, off, bytes, s->len, NULL) &&
           memcmp(bytes, s->bytes, s->len) == 0;
}

static bool all_zero(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (p[i])
            return false;
    return true;
}

static void describe_head(const uint8_t *head, size_t len, struct buf *out)
{
    buf_puts(out, "it begins with the bytes");
    for (size_t i = 0; i < len && i < 8; i++)
        buf_printf(out, " %02x", head[i]);
    buf_puts(out, " instead of 51 46 49 fb. If it was a qcow2 image its header is "
                  "destroyed: qcheck plan rescue finds what is left of its tables; --force, "
                  "--cluster-size, --refcount-table and --l1-offset say where they lie");
}

enum sniff sniff_describe(struct source *src, struct buf *out)
{
    uint8_t head[HEAD];
    uint64_t size = source_size(src);
    size_t got = (size_t)u64_min(size, sizeof head);
    char text[TEXT_NUM];

    if (!size) {
        buf_puts(out, "it is empty");
        return SNIFF_OTHER;
    }
    if (!source_read(src, 0, head, sizeof head, NULL)) {
        buf_puts(out, "its beginning cannot be read");
        return SNIFF_OTHER;
    }
    for (size_t i = 0; i < sizeof SIGNATURES / sizeof SIGNATURES[0]; i++)
        if (matches(src, &SIGNATURES[i], head, got)) {
            buf_printf(out, "it is %s%s", SIGNATURES[i].what,
                       ADVICE[SIGNATURES[i].advice]);
            return SIGNATURES[i].advice == RAW ? SNIFF_RAW : SNIFF_OTHER;
        }
    if (size < 72) {
        buf_printf(out, "it has only %llu byte%s, and the shortest header has 72",
                   (unsigned long long)size, size == 1 ? "" : "s");
        return SNIFF_OTHER;
    }
    if (all_zero(head, got))
        buf_printf(out, "its first %s are zeros: a raw disk never written to, or an "
                   "image whose header was wiped (qcheck plan rescue finds what is left of "
                   "its tables)", text_size(text, got));
    else
        describe_head(head, got, out);
    return SNIFF_UNKNOWN;
}

/* An offset in a header at byte `at`: does a table lie in the file there? */
static bool table_fits(const uint8_t *field, uint64_t at, uint64_t size)
{
    uint64_t off = be_load(field, 8);

    return off && !(off & (SECTOR - 1)) && off < size - at;
}

bool sniff_find_header(struct source *src, uint64_t *off)
{
    uint8_t page[65536];
    uint64_t size = source_size(src), end = u64_min(size, SNIFF_SEARCH + SECTOR);

    for (uint64_t at = 0; at < end; at += sizeof page) {
        if (!source_read(src, at, page, sizeof page, NULL))
            continue;
        for (size_t i = 0; i < sizeof page; i += SECTOR) {
            uint64_t version = be_load(page + i + 4, 4), bits = be_load(page + i + 20, 4);

            if (at + i && at + i <= SNIFF_SEARCH && be_load(page + i, 4) == QCOW2_MAGIC &&
                (version == 2 || version == 3) && bits >= CLUSTER_BITS_MIN &&
                bits <= CLUSTER_BITS_MAX &&
                table_fits(page + i + 40, at + i, size) &&      /* L1 table */
                table_fits(page + i + 48, at + i, size)) {      /* refcount table */
                *off = at + i;
                return true;
            }
        }
    }
    return false;
}
