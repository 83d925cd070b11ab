/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The option tables, and the list of commands. */
#include "config.h"

#include "cmd/commands.h"

#include <string.h>

#include "base/sandbox.h"
#include "cmd/options.h"
#include "insight/file_types.h"
#include "pack/pack.h"
#include "volumes/volumes.h"

#define ROWS(a) a, sizeof(a) / sizeof((a)[0])

static const struct opt general_opts[] = {
    { 'h', "help", ARG_NONE, NULL, NULL, "show this help and exit" },
    { 'V', "version", ARG_NONE, NULL, NULL, "show the version and exit" },
};
static const struct opt_group general = { "General", ROWS(general_opts) };

static const struct opt image_opts[] = {
    { OPT_SAMPLE, "sample", ARG_REQUIRED, "NAME", VALUES_SAMPLES,
      "take one of the small images that come with the program instead of IMAGE; "
      "--sample=list names them" },
    { OPT_CLUSTER_SIZE, "cluster-size", ARG_REQUIRED, "SIZE", NULL,
      "take this cluster size, whatever the header says (64k)" },
    { OPT_L1_OFFSET, "l1-offset", ARG_REQUIRED, "OFFSET", NULL,
      "take this place of the active L1 table" },
    { OPT_L1_SIZE, "l1-size", ARG_REQUIRED, "ENTRIES", NULL,
      "take this number of entries of the active L1 table" },
    { OPT_REFCOUNT_TABLE, "refcount-table", ARG_REQUIRED, "OFFSET[,CLUSTERS]", NULL,
      "take this place, and size, of the refcount table" },
    { OPT_PLAN, "plan", ARG_REQUIRED, "FILE", VALUES_FILES,
      "look at the image as it would be under this plan (qcheck plan)" },
    { OPT_FORCE, "force", ARG_NONE, NULL, NULL,
      "go on although the file does not begin with the magic of qcow2" },
    { OPT_OFFSET, "offset", ARG_REQUIRED, "BYTES", NULL,
      "read the image from this byte of the file on, as where something was put before it; "
      "all places count from there" },
    { OPT_NO_SANDBOX, "no-sandbox", ARG_NONE, NULL, NULL,
      "keep access to files and the network once the image is open, for debuggers" },
};
static const struct opt_group image = { "Image, and values to force on a damaged header",
                                        ROWS(image_opts) };

static const struct opt scan_opts[] = {
    { OPT_THREADS, "threads", ARG_REQUIRED, "N", NULL,
      "scan with N threads (default: one per processor)" },
    { OPT_MAX_PROBLEMS, "max-problems", ARG_REQUIRED, "N", NULL,
      "keep at most N records of each kind of problem (default: 4000); counts stay exact" },
    { OPT_MEMORY_LIMIT, "memory-limit", ARG_REQUIRED, "SIZE", NULL,
      "take at most SIZE of memory (at least 16M; default: 32 MiB and a byte and a quarter for "
      "each cluster of the file); less of it costs time and records of problems, counts "
      "stay exact" },
};
static const struct opt_group scan = { "Scan", ROWS(scan_opts) };

#define OUTPUT_ROW \
    { OPT_OUTPUT, "output", ARG_REQUIRED, "FORMAT", "text|json", \
      "text (default) or json" }

static const struct opt classic_opts[] = {
    { 's', "silent", ARG_NONE, NULL, NULL, "preset: no output at all" },
    { 'q', "quiet", ARG_NONE, NULL, NULL,
      "preset: fatal and nonfatal errors (--log fw); with --output=json: no JSON" },
    { 'b', "basic", ARG_NONE, NULL, NULL,
      "preset: analysis and summaries (--log fwshiHLR); the default" },
    { 'v', "verbose", ARG_NONE, NULL, NULL,
      "preset: problems and confirmations in detail as well (--log fwshiHLRpc)" },
    { 'x', "deluge", ARG_NONE, NULL, NULL, "preset: everything but debugging messages" },
    { 'd', "debug", ARG_NONE, NULL, NULL, "add debugging messages (--log d)" },
    { 'l', "log", ARG_REQUIRED, "FILTERS", NULL, "add these filters to those selected" },
    { 'e', "exclude", ARG_REQUIRED, "FILTERS", NULL, "take these filters away" },
};
static const struct opt_group classic = { "Classic report", ROWS(classic_opts) };

#define KEY_FILE_ROW \
    { OPT_KEY_FILE, "key-file", ARG_REQUIRED, "FILE", NULL, \
      "the pass phrase of an encrypted image is what this file holds" }

#define BACKING_ROW \
    { OPT_BACKING, "backing", ARG_NONE, NULL, NULL, \
      "open the backing files that the image names; without this nothing that an image " \
      "names is ever opened" }

static const struct opt check_opts[] = {
    { OPT_OUTPUT, "output", ARG_REQUIRED, "FORMAT", "text|json|json-lines|openmetrics",
      "text (default), json, json-lines (one short line for each image) or openmetrics (for the "
      "textfile collector of node_exporter)" },
    { OPT_JOBS, "jobs", ARG_REQUIRED, "N", NULL,
      "with --output=json-lines and openmetrics: check N images at a time (default: 1)" },
    { 'M', "metadata", ARG_NONE, NULL, NULL,
      "with --output=json: add the places of all metadata (key viscera)" },
    { OPT_PROGRESS, "progress", ARG_OPTIONAL, "auto|json|none", "auto|json|none",
      "progress on standard error: auto (a line when it is a terminal; the default), "
      "json (one object per line; also --progress alone), none" },
    { OPT_STATS, "stats", ARG_NONE, NULL, NULL,
      "tell what the scan took: time, reads, memory" },
    { OPT_STRICT, "strict", ARG_NONE, NULL, NULL,
      "exit with status 2 for corruption that qemu-img check does not find as well" },
    { OPT_DEEP, "deep", ARG_NONE, NULL, NULL,
      "look at the content of everything when causes are sought, not only here and there, unpack "
      "all compressed clusters, and "
      "tell how much of what is stored are zeros" },
    BACKING_ROW,
};
static const struct opt_group check = { "Check", ROWS(check_opts) };

static const struct opt browse_opts[] = {
    { OPT_TOUR, "tour", ARG_REQUIRED, "NAME", VALUES_SAMPLES,
      "a guided tour of a sample image: six to ten steps, \".\" goes on" },
    { OPT_THEME, "theme", ARG_REQUIRED, "THEME", "dark|light|mono|colorblind",
      "colours: dark, light, mono or colorblind (safe for colour-blind eyes)" },
    { OPT_ASCII, "ascii", ARG_NONE, NULL, NULL, "draw with plain ASCII characters" },
    { OPT_NO_MOUSE, "no-mouse", ARG_NONE, NULL, NULL, "leave the mouse to the terminal" },
    { OPT_PLAN_DIR, "plan-dir", ARG_REQUIRED, "DIR", VALUES_FILES,
      "w saves the plan that is made in the inspector to a new file in DIR; with --plan=FILE, "
      "to FILE, with which it begins when it exists" },
    BACKING_ROW,
    KEY_FILE_ROW,
};
static const struct opt_group browse = { "Inspector", ROWS(browse_opts) };

static const struct opt info_opts[] = {
    OUTPUT_ROW,
    { 'v', "verbose", ARG_NONE, NULL, NULL,
      "tell the sandbox as well: what keeps the image from reaching the rest of the system "
      "while it is read" },
    BACKING_ROW,
    { OPT_UNTRUSTED, "untrusted", ARG_NONE, NULL, NULL,
      "exit with status 4 when the image refers to anything outside itself" },
};
static const struct opt_group info = { "Info", ROWS(info_opts) };

static const struct opt dump_opts[] = {
    { OPT_OUTPUT, "output", ARG_REQUIRED, "FORMAT", "text|json",
      "text (default) or json: one object per line, the last one says \"end\"" },
    { OPT_SNAPSHOT, "snapshot", ARG_REQUIRED, "ID|NAME|all", NULL,
      "l1, l2, snapshots: of this snapshot, or (l1, l2) of the active layer and all snapshots" },
    { OPT_FROM, "from", ARG_REQUIRED, "A", NULL,
      "begin at A: a guest offset for l1, l2 and bitmaps, a file offset for refcounts "
      "and ranges; 28c is cluster 28" },
    { OPT_TO, "to", ARG_REQUIRED, "B", NULL, "end before B" },
    { OPT_USED, "used", ARG_NONE, NULL, NULL, "leave out what is empty" },
};
static const struct opt_group dump = { "Dump", ROWS(dump_opts) };

static const struct opt map_opts[] = {
    { OPT_SPACE, "space", ARG_REQUIRED, "SPACE", "host|guest",
      "host: clusters of the file (default); guest: offsets of the guest disk" },
    { OPT_OUTPUT, "output", ARG_REQUIRED, "FORMAT", "text|json|ansi|svg|png",
      "text (default), json, ansi: a picture in colours for the terminal, svg or png: one "
      "for documents" },
    BACKING_ROW,
    { OPT_COLUMNS, "columns", ARG_REQUIRED, "N", NULL, "width of the picture in cells" },
};
static const struct opt_group map = { "Map", ROWS(map_opts) };

#define OUT_FILE_ROW \
    { 'o', "out-file", ARG_REQUIRED, "FILE", VALUES_FILES, \
      "write to FILE rather than to standard output" }
#define OVERWRITE_ROW \
    { OPT_OVERWRITE, "overwrite", ARG_NONE, NULL, NULL, "replace FILE when it exists" }

static const struct opt picture_opts[] = {
    { OPT_BY, "by", ARG_REQUIRED, "WHAT", "class|content|fragmentation|refcount|snapshot",
      "what the colours say: the class of clusters (default), what they hold by their bytes, "
      "how far it is to the next guest cluster, the number of references (of the file "
      "only), or the first snapshot that has them" },
    { OPT_LAYOUT, "layout", ARG_REQUIRED, "HOW", "rows|hilbert",
      "rows of cells (default), or a Hilbert curve, which keeps neighbours together" },
    { OPT_THEME, "theme", ARG_REQUIRED, "THEME", "auto|light|dark|colorblind",
      "colours: light or, where readers of an SVG prefer that, dark (auto, default), light, "
      "dark, or colorblind (safe for colour-blind eyes)" },
    { OPT_CELL, "cell", ARG_REQUIRED, "SIZE", NULL, "bytes that a cell stands for" },
    { 'o', "out-file", ARG_REQUIRED, "FILE", VALUES_FILES,
      "write to FILE rather than to standard output; of several images, or with --frames, "
      "FILE-001.svg and so on, all to one scale" },
    { OPT_FRAMES, "frames", ARG_REQUIRED, "N", NULL,
      "scan the image N times, and make a picture of each" },
    { OPT_FRAME_EVERY, "interval", ARG_REQUIRED, "SECONDS", NULL,
      "with --frames: wait so long between two scans (default: 1)" },
    OVERWRITE_ROW,
};
static const struct opt_group picture = { "Pictures (--output=svg, --output=png)",
                                          ROWS(picture_opts) };

#define THREADS_ROW \
    { OPT_THREADS, "threads", ARG_REQUIRED, "N", NULL, \
      "work with N threads (default: one per processor)" }

static const struct opt read_opts[] = {
    { OPT_HEX, "hex", ARG_NONE, NULL, NULL,
      "show bytes in hexadecimal, with the state of each run of them and the fields of "
      "partition tables and super blocks that begin there; the default on a terminal" },
};
static const struct opt_group read_group = { "Read", ROWS(read_opts) };

static const struct opt disk_opts[] = {
    { OPT_LAYER, "layer", ARG_REQUIRED, "LAYER", NULL,
      "id or name of a snapshot; vm:SNAPSHOT is its VM state; active (the default) is the "
      "disk as it is now" },
    { OPT_BACKING, "backing", ARG_NONE, NULL, NULL,
      "open the backing files, and the external data file, that the image names; without "
      "this nothing that an image names is ever opened, and what lies there is missing" },
    KEY_FILE_ROW,
};
static const struct opt_group disk = { "Disk", ROWS(disk_opts) };

#define PROGRESS_ROW \
    { OPT_PROGRESS, "progress", ARG_OPTIONAL, "auto|json|none", "auto|json|none", \
      "progress on standard error: auto (a line when it is a terminal; the default), " \
      "json (one object per line; also --progress alone), none" }

static const struct opt export_opts[] = {
    { OPT_FORMAT, "format", ARG_REQUIRED, "FORMAT", "raw|qcow2",
      "raw (default), or a fresh qcow2 without snapshots" },
    { OPT_ON_DAMAGE, "on-damage", ARG_REQUIRED, "zero|stop|mark=BYTE", NULL,
      "where something is lost: write zeros (default), stop, or write this byte" },
    { OPT_MAP_FILE, "map", ARG_REQUIRED, "FILE", NULL,
      "keep a map, in the format of GNU ddrescue, of what was had and what is lost" },
    { OPT_RESUME, "resume", ARG_NONE, NULL, NULL,
      "go on with an export to raw that was stopped, by its map; lost ranges are tried "
      "again" },
    { OPT_OVERWRITE, "overwrite", ARG_NONE, NULL, NULL,
      "replace files that exist, or write to a block device" },
    { OPT_OUTPUT, "output", ARG_REQUIRED, "FORMAT", "text|json",
      "text (default) or json: a summary that names each lost range" },
    PROGRESS_ROW,
    THREADS_ROW,
};
static const struct opt_group export = { "Export", ROWS(export_opts) };

static const struct opt sum_opts[] = {
    { OPT_RANGES, "ranges", ARG_NONE, NULL, NULL,
      "print a sum for each GiB of the disk as well" },
    PROGRESS_ROW,
    THREADS_ROW,
};
static const struct opt_group sum = { "Sum", ROWS(sum_opts) };

static const struct opt files_opts[] = {
    { OPT_DAMAGED, "damaged", ARG_NONE, NULL, NULL,
      "files, directories and tables of file systems that lost bytes to damage, worst first" },
    { OPT_UNMAPPED, "unmapped", ARG_NONE, NULL, NULL,
      "also those that use bytes for which the image has nothing, as after the loss of a "
      "table; sparse files that are sound are among them" },
    { OPT_AT, "at", ARG_REQUIRED, "OFFSET", NULL, "whom this byte of the disk belongs to" },
    { OPT_LIST, "list", ARG_NONE, NULL, NULL, "all files" },
    OUTPUT_ROW,
    PROGRESS_ROW,
};
static const struct opt_group files = { "Files", ROWS(files_opts) };

static const struct opt at_opts[] = { OUTPUT_ROW };
static const struct opt_group at = { "At", ROWS(at_opts) };

static const struct opt plan_opts[] = {
    { 'o', "plan-file", ARG_REQUIRED, "FILE", NULL, "write the plan to FILE (JSON)" },
    { OPT_ACCEPT_LOSS, "accept-loss", ARG_NONE, NULL, NULL,
      "let steps give up guest data where nothing else helps; each loss is named" },
    { OPT_ENTRIES, "entries", ARG_REQUIRED, "HOW", "prove|zero|leave",
      "broken entries of tables: take the value that their surroundings prove and leave the "
      "others (prove, default), give up the others (zero), or mend only what reads the same "
      "(leave)" },
    { OPT_OVERWRITE, "overwrite", ARG_NONE, NULL, NULL, "replace FILE when it exists" },
    { OPT_DEEP, "deep", ARG_NONE, NULL, NULL,
      "rescue: look at clusters of refcount 0 as well, which may hold old data" },
};
static const struct opt_group plan = { "Plan", ROWS(plan_opts) };

#define UNDO_ROW(help) { OPT_UNDO, "undo", ARG_REQUIRED, "FILE", NULL, help }

static const struct opt apply_opts[] = {
    { OPT_APPLY_OUTPUT, "output", ARG_REQUIRED, "NEW", NULL,
      "write the image as it would be to NEW and leave IMAGE alone" },
    { OPT_IN_PLACE, "in-place", ARG_NONE, NULL, NULL,
      "change IMAGE itself; needs --undo" },
    UNDO_ROW("with --in-place: keep all bytes that are replaced in FILE, before the first is "
             "written"),
    { OPT_OVERWRITE, "overwrite", ARG_NONE, NULL, NULL, "replace NEW when it exists" },
    { OPT_NO_SANDBOX, "no-sandbox", ARG_NONE, NULL, NULL,
      "keep access to other files while it works, for debuggers" },
};
static const struct opt_group apply = { "Apply", ROWS(apply_opts) };

static const struct opt undo_opts[] = {
    { OPT_FORCE, "force", ARG_NONE, NULL, NULL,
      "put the bytes back although the image was changed since the plan was carried out" },
    { OPT_NO_SANDBOX, "no-sandbox", ARG_NONE, NULL, NULL,
      "keep access to other files while it works, for debuggers" },
};
static const struct opt_group undo = { "Undo", ROWS(undo_opts) };

static const struct opt report_opts[] = {
    { OPT_OUTPUT, "output", ARG_REQUIRED, "FORMAT", "html", "html (default)" },
    OUT_FILE_ROW,
    OVERWRITE_ROW,
    { OPT_DEEP, "deep", ARG_NONE, NULL, NULL,
      "look at the content of everything, not only here and there" },
    BACKING_ROW,
};
static const struct opt_group report = { "Report", ROWS(report_opts) };

static const struct opt diff_opts[] = {
    OUTPUT_ROW,
    { OPT_LAYER, "layer", ARG_REQUIRED, "LAYER", NULL,
      "compare the disk of this snapshot (id or name) of both images; given twice, of A and of "
      "B; active (the default) is the disk as it is now" },
};
static const struct opt_group diff = { "Diff", ROWS(diff_opts) };

static const struct opt watch_opts[] = {
    { OPT_OUTPUT, "output", ARG_REQUIRED, "FORMAT", "text|json",
      "text (default) or json: one object per line and scan" },
    { OPT_INTERVAL, "interval", ARG_REQUIRED, "SECONDS", NULL,
      "look for a change this often (default: 2); a block device is scanned each time" },
    { OPT_SCANS, "scans", ARG_REQUIRED, "N", NULL, "end after N scans" },
};
static const struct opt_group watch = { "Watch", ROWS(watch_opts) };

static const struct opt pack_opts[] = {
    { 'o', "pack-file", ARG_REQUIRED, "FILE", NULL, "write the pack to FILE" },
    { OPT_ANONYMOUS, "anonymous", ARG_NONE, NULL, NULL,
      "replace names by others of the same length, leave out extra data and UUIDs, and of "
      "tables that hold something else keep only which faults their entries have" },
    { OPT_PROBLEM_CLUSTERS, "with-problem-clusters", ARG_NONE, NULL, NULL,
      "keep the clusters that problems are about as well; they may hold guest data" },
    { OPT_OVERWRITE, "overwrite", ARG_NONE, NULL, NULL, "replace FILE when it exists" },
};
static const struct opt_group pack = { "Pack", ROWS(pack_opts) };

static const struct opt unpack_opts[] = {
    { 'o', "image-file", ARG_REQUIRED, "FILE", NULL, "write the image to FILE" },
    { OPT_OVERWRITE, "overwrite", ARG_NONE, NULL, NULL, "replace FILE when it exists" },
    { OPT_NO_SANDBOX, "no-sandbox", ARG_NONE, NULL, NULL,
      "keep access to other files while it works, for debuggers" },
};
static const struct opt_group unpack = { "Unpack", ROWS(unpack_opts) };

static const struct opt explain_opts[] = { OUTPUT_ROW };
static const struct opt_group explain = { "Explain", ROWS(explain_opts) };

static const struct command commands[] = {
    { "browse", "[OPTION]... IMAGE", "walk around in an image",
      "Opens the inspector: overview, map, problems, tables, header and bytes of the "
      "image, each place a link to the next. When standard output is not a terminal, "
      "or with any option of the classic report, prints the report of qcheck check "
      "instead. This is what qcheck IMAGE does.",
      VALUES_FILES, { &browse, &classic, &image, &scan, &general }, cmd_browse },
    { "check", "[OPTION]... IMAGE...", "check images and report",
      "Follows every reference of the image, compares the refcounts, and reports what "
      "is wrong. Several images give one result each. The exit status is that of "
      "qemu-img check: 0 clean, 1 QEMU would not open the image or the check was not "
      "completed, 2 corruptions, 3 leaks only; of several images the worst. --strict "
      "counts our own findings too.",
      VALUES_FILES, { &check, &classic, &image, &scan, &general }, cmd_check },
    { "info", "[OPTION]... IMAGE...", "say what an image is, without a scan",
      "Shows the header, features, extensions, snapshots, bitmaps, encryption, the "
      "chain of backing files and what the file system knows. Only small tables are "
      "read.",
      VALUES_FILES, { &info, &image, &general }, cmd_info },
    { "dump", "TABLE [OPTION]... IMAGE", "print a table of an image",
      "TABLE is header, l1, l2, refcounts, snapshots, bitmaps or ranges. Prints that "
      "kind of table entry by entry, with what each entry says and what the scan found "
      "wrong about it, and figures for each table at its end.",
      "header|l1|l2|refcounts|snapshots|bitmaps|ranges",
      { &dump, &image, &scan, &general }, cmd_dump },
    { "map", "[OPTION]... IMAGE...", "show what lies where",
      "Lists the ranges of the file by class, or the extents of the guest disk as "
      "qemu-img map does; or draws a picture of them. Several images only as pictures.",
      VALUES_FILES, { &map, &picture, &image, &scan, &general }, cmd_map },
    { "read", "[OPTION]... OFFSET [LENGTH] IMAGE", "print bytes of the guest disk",
      "Reads LENGTH bytes at OFFSET of the disk as the guest sees it, whatever the state of "
      "the image: to a pipe or file the bytes, to the end of the disk where no length is "
      "given; to a terminal in hexadecimal. Bytes are those that QEMU gives wherever it "
      "gives any, zeros elsewhere. Exit status: 0, 1 for a failure, 2 when some of the "
      "bytes are lost.",
      NULL, { &read_group, &disk, &image, &general }, cmd_read },
    { "export", "[OPTION]... IMAGE OUT", "get the guest disk out of an image",
      "Writes the disk as the guest sees it to OUT, whatever the state of the image. What is "
      "not stored becomes a hole. With --layer=all, OUT.active is the disk as it is now and "
      "OUT.snapshot-1 and so on those of the snapshots. Exit status: 0 when all was had, 1 for "
      "a failure or a stop, 2 when something is lost.",
      VALUES_FILES, { &export, &disk, &image, &general }, cmd_export },
    { "sum", "[OPTION]... IMAGE...", "print the SHA-256 of the guest disk",
      "Sums up the disk as the guest sees it: the sum is that of the raw file which export, or "
      "qemu-img convert, makes of it. What is lost counts as zeros. With --layer=all, a line for "
      "the disk as it is now and each snapshot. Exit status: 0, 1 for a failure, 2 when "
      "something is lost.",
      VALUES_FILES, { &sum, &disk, &image, &general }, cmd_sum },
    { "files", "[OPTION]... IMAGE", "partitions, file systems, and files hit by damage",
      "Shows what is on the guest's disk: partitions, LVM volumes and file systems, with what "
      "they lost to damage; and on ext2, ext3, ext4 and NTFS which files that was. "
      "The libraries that read file systems run in a process of their own. The exit status "
      "is 2 when bytes are lost.",
      VALUES_FILES, { &files, &disk, &image, &general }, cmd_files },
    { "at", "[OPTION]... ADDRESS... IMAGE", "explain an address, both ways",
      "Tells for each address what is there: file offset, cluster, guest offset, "
      "owner, refcounts, problems and everything that refers to it. An address is a "
      "file offset (0x1c0000, 64M, 2048s for sectors, 50%), a cluster (28c), \"guest 1G\", "
      "L1[3], L2[3][77], \"snap 2\", \"snap 2 L1[3]\", \"rt 5\", \"rb 5\", \"bitmap 1\", "
      "\"header 40\", end, or any that this program prints (\"refcount block 0 entry 7\"). "
      "The exit status is 1 when one of them is not in the image.",
      NULL, { &at, &image, &scan, &general }, cmd_at },
    { "plan", "GOAL [NAME=VALUE]... [OPTION]... IMAGE", "plan changes and see what comes of them",
      "Plans what each GOAL asks for, and says what every step does, mends and costs; "
      "several goals are taken in the best order. Goals: repair (all that the findings call "
      "for), header (lost or wrong values that the tables prove), rescue (what a lost header, L1 "
      "or L2 table referred to is found by its content and put back; each placement says how "
      "sure it is and why), flags (dirty=off, corrupt=off, "
      "lazy_refcounts=on), backing (file=NAME, format=raw), set (any header field, L2[3][77] "
      "or offset =VALUE), entries (of L1, L2 and bitmap tables that are not valid or lead "
      "nowhere), reused (clusters with two owners), "
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
      { &plan, &image, &scan, &general }, cmd_plan },
    { "apply", "PLAN IMAGE (--output NEW | --in-place --undo FILE)", "carry out a plan",
      "Writes the image as a plan has it, as a new file or into the image itself. An image "
      "that a plan was not made for, or that is in use, is refused. With --in-place the "
      "bytes that are replaced are kept in a file first; stopped anywhere, the same command "
      "again completes the work, and undo takes it back.",
      VALUES_FILES, { &apply, &general }, cmd_apply },
    { "undo", "FILE IMAGE", "take back what apply did in place",
      "Puts back the bytes that apply kept in FILE, whether it had ended or was stopped. An "
      "image that was written to since is refused.",
      VALUES_FILES, { &undo, &general }, cmd_undo },
    { "report", "[OPTION]... IMAGE", "write a page about an image, to send or print",
      "Writes one page of HTML that needs nothing else: the verdict and what to do, maps in "
      "which each cell says what it is, causes with their proofs, problems, figures, and how "
      "to find the same again. It holds names and numbers of the image, and none of the "
      "guest's data. Exit status: 0 when the page was written, whatever it says, 1 for a "
      "failure.",
      VALUES_FILES, { &report, &image, &scan, &general }, cmd_report },
    { "diff", "[OPTION]... A [B]", "what differs between two images",
      "Compares the metadata of two states of an image: header, clusters in use, tables, what "
      "is stored of the disk and where, snapshots, problems and causes. With one image, the "
      "image and the same under --plan, or two layers of it. Images may be packs. Data is not "
      "compared; qemu-img compare does that. The exit status is 0 when nothing differs, 2 "
      "when something does, 1 for a failure.",
      VALUES_FILES, { &diff, &image, &scan, &general }, cmd_diff },
    { "watch", "[OPTION]... IMAGE", "scan an image again whenever it changes",
      "Tells after each scan how the file grew and which clusters changed hands. A guest that "
      "writes during a scan makes problems appear that are none: those found twice at the same "
      "place persist, others are new or have passed. Ends with Ctrl-C.",
      VALUES_FILES, { &watch, &image, &scan, &general }, cmd_watch },
    { "pack", "[OPTION]... IMAGE -o FILE" PACK_SUFFIX, "an image without the guest's data, to send",
      "Writes all metadata of the image, and none of the guest's data, to a small file: an "
      "ordinary tar.zst with a sparse qcow2 image, a report and a list of what is left in. "
      "Every command opens it directly, and tar x gives a file that qemu-img and all "
      "commands open; a check finds in both what it finds in the image.",
      VALUES_FILES, { &pack, &image, &scan, &general }, cmd_pack },
    { "unpack", "[OPTION]... PACK -o FILE", "the image in a pack",
      "Writes the image in a pack as a sparse file, as tar x does. What was the guest's data "
      "reads as zeros.",
      VALUES_FILES, { &unpack, &general }, cmd_unpack },
    { "explain", "[OPTION]... [PROBLEM-ID]...", "explain kinds of problems",
      "Tells what a kind of problem means, what it does to the guest and what to do. "
      "Without an id, lists all of them.",
      VALUES_PROBLEMS, { &explain, &general }, cmd_explain },
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

void version_text(struct buf *out)
{
    struct sandbox sandbox;

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
#ifdef HAVE_LIBNBD
    buf_puts(out, "nbd:// addresses: yes\n");
#else
    buf_puts(out, "nbd:// addresses: no\n");
#endif
#ifdef HAVE_PANGOCAIRO
    buf_puts(out, "PNG pictures: yes\n");
#else
    buf_puts(out, "PNG pictures: no\n");
#endif
    buf_printf(out, "packs: %s\n", pack_supported(NULL) ? "yes" : "no");
    buf_printf(out, "more kinds of files (libmagic): %s\n", file_types_supported() ? "yes" : "no");
    buf_printf(out, "partitions and files: %s\n", volumes_libraries());
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
    buf_puts(out, "\nqcheck COMMAND --help lists the options of a command. A file that\n"
                  "is called like a command is reached as ./check.\n\n");
    opt_help(command_default(), out);
}
