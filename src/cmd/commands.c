/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The list of commands. */
#include "config.h"

#include "cmd/commands.h"

#include <string.h>

#include "base/sandbox.h"
#include "base/source.h"
#include "base/source_pack.h"
#include "cmd/options.h"
#include "disk/block_cipher.h"
#include "insight/file_types.h"
#include "picture/chart_draw.h"
#include "volumes/volumes.h"

static const struct command commands[] = {
    { "browse", "[OPTION]... IMAGE", "walk around in an image",
      "Opens the inspector: overview, map, problems, tables, header and bytes of the "
      "image, each place a link to the next. When standard output is not a terminal, "
      "or with any option of the classic report, prints the report of qcheck check "
      "instead. This is what qcheck IMAGE does.",
      VALUES_FILES,
      { &opts_browse, &opts_classic, &opts_image, &opts_scan, &opts_general }, cmd_browse },
    { "check", "[OPTION]... IMAGE...", "check images and report",
      "Follows every reference of the image, compares the refcounts, and reports what "
      "is wrong. Several images give one result each. The exit status is that of "
      "qemu-img check: 0 clean, 1 QEMU would not open the image or the check was not "
      "completed, 2 corruptions, 3 leaks only; of several images the worst. --strict "
      "counts our own findings too.",
      VALUES_FILES,
      { &opts_check, &opts_classic, &opts_image, &opts_scan, &opts_general }, cmd_check },
    { "info", "[OPTION]... IMAGE...", "say what an image is",
      "Shows the header, features, extensions, snapshots, bitmaps, encryption, the "
      "chain of backing files and what the file system knows. Only small tables are "
      "read, unless --figures asks for a scan.",
      VALUES_FILES, { &opts_info, &opts_image, &opts_general }, cmd_info },
    { "dump", "TABLE [OPTION]... IMAGE", "print a table of an image",
      "TABLE is header, l1, l2, refcounts, snapshots, bitmaps or ranges. Prints that "
      "kind of table entry by entry, with what each entry says and what the scan found "
      "wrong about it, and figures for each table at its end.",
      "header|l1|l2|refcounts|snapshots|bitmaps|ranges",
      { &opts_dump, &opts_image, &opts_scan, &opts_general }, cmd_dump },
    { "map", "[OPTION]... IMAGE...", "show what lies where",
      "Lists the ranges of the file by class, or the extents of the guest disk as "
      "qemu-img map does; or draws a picture of them. Several images only as pictures.",
      VALUES_FILES,
      { &opts_map, &opts_picture, &opts_image, &opts_scan, &opts_general }, cmd_map },
    { "read", "[OPTION]... OFFSET [LENGTH] IMAGE", "print bytes of the guest disk",
      "Reads LENGTH bytes at OFFSET of the disk as the guest sees it, whatever the state of "
      "the image: to a pipe or file the bytes, to the end of the disk where no length is "
      "given; to a terminal in hexadecimal. Bytes are those that QEMU gives wherever it "
      "gives any, zeros elsewhere. Exit status: 0, 1 for a failure, 2 when some of the "
      "bytes are lost.",
      NULL, { &opts_read, &opts_disk, &opts_image, &opts_general }, cmd_read },
    { "export", "[OPTION]... IMAGE OUT", "get the guest disk out of an image",
      "Writes the disk as the guest sees it to OUT, whatever the state of the image. What is "
      "not stored becomes a hole. With --layer=all, OUT.active is the disk as it is now and "
      "OUT.snapshot-1 and so on those of the snapshots. The image is scanned first: what a "
      "wiped or overwritten table mapped is lost as well, although it reads as zeros. Exit "
      "status: 0 when everything was read, 1 for a failure or a stop, 2 when something is lost.",
      VALUES_FILES,
      { &opts_export, &opts_disk, &opts_image, &opts_general }, cmd_export },
    { "sum", "[OPTION]... IMAGE...", "print the SHA-256 of the guest disk",
      "Sums up the disk as the guest sees it: the sum is that of the raw file which export, or "
      "qemu-img convert, makes of it. What is lost counts as zeros; the image is scanned for it, "
      "as by export. With --layer=all, a line for the disk as it is now and each snapshot. Exit "
      "status: 0, 1 for a failure, 2 when something is lost.",
      VALUES_FILES, { &opts_sum, &opts_disk, &opts_image, &opts_general }, cmd_sum },
    { "files", "[OPTION]... IMAGE", "partitions, file systems, and files hit by damage",
      "Shows what is on the guest's disk: partitions, LVM volumes and file systems, with what "
      "they lost to damage; and on ext2, ext3, ext4, NTFS, FAT and exFAT which files that was. "
      "The libraries that read file systems run in a process of their own. The exit status "
      "is 2 when bytes are lost or doubtful, but with --at 0.",
      VALUES_FILES, { &opts_files, &opts_disk, &opts_image, &opts_general }, cmd_files },
    { "at", "[OPTION]... ADDRESS... IMAGE", "explain an address, both ways",
      "Tells for each address what is there: file offset, cluster, guest offset, "
      "owner, refcounts, problems and everything that refers to it. An address is a "
      "file offset (0x1c0000, 64M, 2048s for sectors, 50%), a cluster (28c), \"guest 1G\", "
      "L1[3], L2[3][77], \"snap 2\", \"snap 2 L1[3]\", \"rt 5\", \"rb 5\", \"bitmap 1\", "
      "\"header 40\", end, or any that this program prints (\"refcount block 0 entry 7\"). "
      "The exit status is 1 when one of them is not in the image.",
      NULL, { &opts_at, &opts_image, &opts_scan, &opts_general }, cmd_at },
    { "plan", "GOAL [NAME=VALUE]... [OPTION]... IMAGE", "plan changes and see what comes of them",
      "Plans what each GOAL asks for, and says what every step does, mends and costs; "
      "several goals are planned in the best order. Goals: repair (all that the findings call "
      "for), header (lost or wrong values that the tables prove), rescue (what a lost header, L1 "
      "or L2 table referred to is found by its content and put back; each placement says how "
      "sure it is and why), flags (dirty=off, corrupt=off, "
      "lazy_refcounts=on), backing (file=NAME, format=raw), set (a header field, L1[3], L2[3][77], "
      "L2[3][77].bitmap, rt 5 or rb 0 7 =NUMBER; OFFSET=00ff12, bytes; OFFSET=@FROM+LENGTH, a copy of that "
      "range, of another file with :FILE after it), entries (of L1, L2 and bitmap tables that are "
      "not valid or lead nowhere, and of L1 those that lead astray), reused (clusters with two "
      "owners), "
      "snapshots (delete=NAME, delete=all, keep=NAME, apply=NAME), "
      "bitmaps (drop=NAME, drop=all, enable=NAME, disable=NAME, clear-in-use=NAME), "
      "discard (clusters of zeros become free), resize (size=20G), compact (a shorter file; "
      "order=guest puts data into the order of the disk), "
      "refcounts (raise those that are too low, replace blocks and tables "
      "that are lost), leaks (free what nobody uses), copied (flags that do not fit the "
      "refcounts). Nothing is written but the plan.",
      "repair|header|rescue|flags|backing|set|entries|reused|snapshots|bitmaps|discard|resize|"
      "compact|"
      "refcounts|leaks|copied",
      { &opts_plan, &opts_image, &opts_scan, &opts_general }, cmd_plan },
    { "apply", "PLAN IMAGE (--output NEW | --in-place --undo FILE)", "carry out a plan",
      "Writes the image as a plan has it, as a new file (which shares its storage with the "
      "image where the file system can) or into the image itself. An image "
      "that a plan was not made for, or that is in use, is refused. With --in-place the "
      "bytes that are replaced are kept in a file first; stopped anywhere, the same command "
      "again completes the work, and undo takes it back. Of a pack only a copy is written.",
      VALUES_FILES, { &opts_apply, &opts_general }, cmd_apply },
    { "undo", "FILE IMAGE", "take back what apply did in place",
      "Puts back the bytes that apply kept in FILE, whether it had ended or was stopped. An "
      "image that was written to since is refused.",
      VALUES_FILES, { &opts_undo, &opts_general }, cmd_undo },
    { "report", "[OPTION]... IMAGE", "write a page about an image, to send or print",
      "Writes one page of HTML that needs nothing else: the verdict and what to do, maps in "
      "which each cell says what it is, causes with their proofs, problems, figures, and how "
      "to find the same again. It holds names and numbers of the image, and none of the "
      "guest's data. Exit status: 0 when the page was written, whatever it says, 1 for a "
      "failure.",
      VALUES_FILES,
      { &opts_report, &opts_image, &opts_scan, &opts_general }, cmd_report },
    { "diff", "[OPTION]... A [B]", "what differs between two images",
      "Compares the metadata of two states of an image: header, clusters in use, tables, what "
      "is stored of the disk and where, snapshots, bitmaps, problems and causes. With one image, "
      "the image and the same under --plan, or two layers of it. Images may be packs. Data is not "
      "compared; qemu-img compare does that. The exit status is 0 when nothing differs, 2 "
      "when something does, 1 for a failure.",
      VALUES_FILES, { &opts_diff, &opts_image, &opts_scan, &opts_general }, cmd_diff },
    { "watch", "[OPTION]... IMAGE", "scan an image again whenever it changes",
      "Tells after each scan how the file grew and which clusters changed hands. A guest that "
      "writes during a scan makes problems appear that are not real: those found twice at the same "
      "place persist, others are new or have passed. Ends with Ctrl-C.",
      VALUES_FILES, { &opts_watch, &opts_image, &opts_scan, &opts_general }, cmd_watch },
    { "pack", "[OPTION]... IMAGE -o FILE" PACK_SUFFIX, "an image without the guest's data, to send",
      "Writes all metadata of the image, and none of the guest's data, to a small file: an "
      "ordinary tar.zst with a sparse qcow2 image, a report and a list of what is left in. "
      "Every command opens it directly, and tar x gives a file that qemu-img and all "
      "commands open; a check finds in both what it finds in the image.",
      VALUES_FILES, { &opts_pack, &opts_image, &opts_scan, &opts_general }, cmd_pack },
    { "unpack", "[OPTION]... PACK -o FILE", "the image in a pack",
      "Writes the image in a pack as a sparse file, as tar x does. What was the guest's data "
      "reads as zeros.",
      VALUES_FILES, { &opts_unpack, &opts_general }, cmd_unpack },
    { "explain", "[OPTION]... [PROBLEM-ID]...", "explain kinds of problems",
      "Tells what a kind of problem means, what it does to the guest and what to do. "
      "Without an id, lists all of them.",
      VALUES_PROBLEMS, { &opts_explain, &opts_general }, cmd_explain },
};

const struct command *command_at(unsigned i)
{
    return i < sizeof commands / sizeof commands[0] ? &commands[i] : NULL;
}

const struct command *command_by_name(const char *name)
{
    const struct command *c;

    for (unsigned i = 0; (c = command_at(i)); i++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

const struct command *command_default(void)
{
    return &commands[0];
}

static void tell_part(struct buf *out, const char *part, const struct error *missing)
{
    if (missing)
        buf_printf(out, "%s: no\n  %s\n", part, missing->text);
    else
        buf_printf(out, "%s: yes\n", part);
}

void version_text(struct buf *out)
{
    struct sandbox sandbox;
    struct error err;

    buf_puts(out, PACKAGE_STRING "\n");
#ifdef HAVE_ZSTD
    buf_puts(out, "zstd clusters: yes\n");
#else
    buf_puts(out, "zstd clusters: no\n");
#endif
#ifdef HAVE_LIBCRYPTO
    buf_puts(out, "encryption and sums: yes\n");
#else
    buf_puts(out, "encryption and sums: no\n");
#endif
    tell_part(out, "encryption other than AES", block_ciphers_load(&err) ? NULL : &err);
    tell_part(out, "nbd:// addresses", source_nbd_supported(&err) ? NULL : &err);
    tell_part(out, "PNG pictures", chart_png_supported(&err) ? NULL : &err);
    tell_part(out, "packs", pack_supported(&err) ? NULL : &err);
    tell_part(out, "more kinds of files (libmagic)", file_types_supported(&err) ? NULL : &err);
    buf_puts(out, "partitions and files: ");
    volumes_tell_libraries(out);
    sandbox_probe(&sandbox);
    buf_puts(out, "sandbox: ");
    sandbox_text(&sandbox, out);
    buf_puts(out, "\nLicence GPL-2.0-or-later. There is no warranty.\n");
}

void commands_help(struct buf *out)
{
    const struct command *c;

    buf_puts(out, "Usage: qcheck [OPTION]... IMAGE\n"
                  "       qcheck COMMAND [OPTION]... IMAGE...\n\n"
                  "Inspects, checks and mends qcow2 disk images. Only apply and undo\n"
                  "write to them.\n\n"
                  "Commands:\n");
    for (unsigned i = 0; (c = command_at(i)); i++)
        buf_printf(out, "  %-10s %s\n", c->name, c->summary);
    buf_puts(out, "\nqcheck COMMAND --help lists the options of a command. To open a file\n"
                  "that has the name of a command, write ./check.\n\n");
    opt_help(command_default(), out);
}
