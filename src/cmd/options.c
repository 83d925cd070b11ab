/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "cmd/options.h"

#define ROWS(a) a, sizeof(a) / sizeof((a)[0])

static const struct opt general_rows[] = {
    { 'h', "help", ARG_NONE, NULL, NULL, "show this help and exit" },
    { 'V', "version", ARG_NONE, NULL, NULL, "show the version and exit" },
};
const struct opt_group opts_general = { "General", ROWS(general_rows) };

static const struct opt image_rows[] = {
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
    { OPT_PLAN, "plan", ARG_REQUIRED, "FILE", NULL,
      "look at the image as it would be under this plan (qcheck plan)" },
    { OPT_FORCE, "force", ARG_NONE, NULL, NULL,
      "go on although the file does not begin with the magic of qcow2" },
    { OPT_OFFSET, "offset", ARG_REQUIRED, "BYTES", NULL,
      "read the image from this byte of the file on, as where something was put before it; "
      "all places count from there" },
    { OPT_NO_SANDBOX, "no-sandbox", ARG_NONE, NULL, NULL,
      "keep access to files and the network once the image is open, for debuggers" },
};
const struct opt_group opts_image = { "Image, and values to force on a damaged header",
                                        ROWS(image_rows) };

static const struct opt scan_rows[] = {
    { OPT_THREADS, "threads", ARG_REQUIRED, "N", NULL,
      "scan with N threads (default: one per processor)" },
    { OPT_MAX_PROBLEMS, "max-problems", ARG_REQUIRED, "N", NULL,
      "keep at most N records of each kind of problem (default: 4000); counts stay exact" },
    { OPT_MEMORY_LIMIT, "memory-limit", ARG_REQUIRED, "SIZE", NULL,
      "take at most SIZE of memory (at least 16M; default: 32 MiB and a byte and a quarter for "
      "each cluster of the file); less of it costs time and records of problems, counts "
      "stay exact" },
};
const struct opt_group opts_scan = { "Scan", ROWS(scan_rows) };

#define OUTPUT_ROW \
    { OPT_OUTPUT, "output", ARG_REQUIRED, "FORMAT", "text|json", \
      "text (default) or json" }

static const struct opt classic_rows[] = {
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
const struct opt_group opts_classic = { "Classic report", ROWS(classic_rows) };

#define KEY_FILE_ROW \
    { OPT_KEY_FILE, "key-file", ARG_REQUIRED, "FILE", NULL, \
      "the pass phrase of an encrypted image is what this file holds" }

#define BACKING_ROW \
    { OPT_BACKING, "backing", ARG_NONE, NULL, NULL, \
      "open the backing files that the image names; without this nothing that an image " \
      "names is ever opened" }

static const struct opt check_rows[] = {
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
      "exit with status 2 for corruption and lost data that qemu-img check does not find as well" },
    { OPT_DEEP, "deep", ARG_NONE, NULL, NULL,
      "look at all content when causes are sought, not only at samples of it; unpack all "
      "compressed clusters; tell how much of what is stored is zeros" },
    BACKING_ROW,
};
const struct opt_group opts_check = { "Check", ROWS(check_rows) };

#define TERMINAL_ROWS \
    { OPT_THEME, "theme", ARG_REQUIRED, "THEME", "dark|light|mono|colorblind", \
      "colours: dark, light, mono or colorblind (safe for colour-blind eyes)" }, \
    { OPT_ASCII, "ascii", ARG_NONE, NULL, NULL, "draw with plain ASCII characters" }, \
    { OPT_NO_MOUSE, "no-mouse", ARG_NONE, NULL, NULL, "leave the mouse to the terminal" }

static const struct opt browse_rows[] = {
    { OPT_TOUR, "tour", ARG_REQUIRED, "NAME", VALUES_SAMPLES,
      "a guided tour of a sample image: six to ten steps, \".\" goes on" },
    TERMINAL_ROWS,
    { OPT_PLAN_DIR, "plan-dir", ARG_REQUIRED, "DIR", NULL,
      "w saves the plan that is made in the inspector to a new file in DIR; with --plan=FILE, "
      "to FILE, with which it begins when it exists" },
    BACKING_ROW,
    KEY_FILE_ROW,
};
const struct opt_group opts_browse = { "Inspector", ROWS(browse_rows) };

static const struct opt info_rows[] = {
    OUTPUT_ROW,
    { 'v', "verbose", ARG_NONE, NULL, NULL,
      "tell the sandbox as well: what keeps the image from reaching the rest of the system "
      "while it is read" },
    BACKING_ROW,
    { OPT_FIGURES, "figures", ARG_NONE, NULL, NULL,
      "scan it, and tell what people ask before they act: sizes after a conversion, the smallest "
      "device that holds it, how far it can shrink, what deleting each snapshot frees" },
    { OPT_DEEP, "deep", ARG_NONE, NULL, NULL,
      "the same, and read all data for zeros that are stored" },
    { OPT_UNTRUSTED, "untrusted", ARG_NONE, NULL, NULL,
      "exit with status 4 when the image refers to anything outside itself" },
};
const struct opt_group opts_info = { "Info", ROWS(info_rows) };

static const struct opt dump_rows[] = {
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
const struct opt_group opts_dump = { "Dump", ROWS(dump_rows) };

static const struct opt map_rows[] = {
    { OPT_SPACE, "space", ARG_REQUIRED, "SPACE", "host|guest",
      "host: clusters of the file (default); guest: offsets of the guest disk" },
    { OPT_OUTPUT, "output", ARG_REQUIRED, "FORMAT", "text|json|ansi|svg|png",
      "text (default), json, ansi: a picture in colours for the terminal, svg or png: one "
      "for documents" },
    { OPT_LAYER, "layer", ARG_REQUIRED, "LAYER", NULL,
      "with --space=guest: the disk of this snapshot (id or name); active (the default) is the "
      "disk as it is now" },
    BACKING_ROW,
    { OPT_COLUMNS, "columns", ARG_REQUIRED, "N", NULL, "width of the picture in cells" },
};
const struct opt_group opts_map = { "Map", ROWS(map_rows) };

#define OUT_FILE_ROW \
    { 'o', "out-file", ARG_REQUIRED, "FILE", NULL, \
      "write to FILE rather than to standard output" }
#define OVERWRITE_ROW \
    { OPT_OVERWRITE, "overwrite", ARG_NONE, NULL, NULL, "replace FILE when it exists" }

static const struct opt picture_rows[] = {
    { OPT_BY, "by", ARG_REQUIRED, "WHAT", "class|content|fragmentation|refcount|snapshot",
      "what the colours say: the class of clusters (default), what they hold by their bytes, "
      "how far it is to the next guest cluster, the number of references (of the "
      "guest's disk: whether they are shared), or the first snapshot that has them" },
    { OPT_LAYOUT, "layout", ARG_REQUIRED, "HOW", "rows|hilbert",
      "rows of cells (default), or a Hilbert curve, which keeps neighbours together" },
    { OPT_THEME, "theme", ARG_REQUIRED, "THEME", "auto|light|dark|colorblind",
      "colours: light or, where readers of an SVG prefer that, dark (auto, default), light, "
      "dark, or colorblind (safe for colour-blind eyes)" },
    { OPT_CELL, "cell", ARG_REQUIRED, "SIZE", NULL, "bytes that a cell stands for" },
    { 'o', "out-file", ARG_REQUIRED, "FILE", NULL,
      "write to FILE rather than to standard output; of several images, or with --frames, "
      "FILE-001.svg and so on, all to one scale" },
    { OPT_FRAMES, "frames", ARG_REQUIRED, "N", NULL,
      "scan the image N times, and make a picture of each" },
    { OPT_FRAME_EVERY, "interval", ARG_REQUIRED, "SECONDS", NULL,
      "with --frames: seconds to wait between two scans (default: 1)" },
    OVERWRITE_ROW,
};
const struct opt_group opts_picture = { "Pictures (--output=svg, --output=png)",
                                          ROWS(picture_rows) };

#define THREADS_ROW \
    { OPT_THREADS, "threads", ARG_REQUIRED, "N", NULL, \
      "work with N threads (default: one per processor)" }

static const struct opt read_rows[] = {
    { OPT_HEX, "hex", ARG_NONE, NULL, NULL,
      "show bytes in hexadecimal, with the state of each run of them and the fields of "
      "partition tables and super blocks that begin there; the default on a terminal" },
};
const struct opt_group opts_read = { "Read", ROWS(read_rows) };

static const struct opt disk_rows[] = {
    { OPT_LAYER, "layer", ARG_REQUIRED, "LAYER", NULL,
      "id or name of a snapshot; vm:SNAPSHOT is its VM state; active (the default) is the "
      "disk as it is now" },
    { OPT_BACKING, "backing", ARG_NONE, NULL, NULL,
      "open the backing files, and the external data file, that the image names; without "
      "this nothing that an image names is ever opened, and what lies there is missing; a "
      "chain is followed 200 files deep" },
    KEY_FILE_ROW,
};
const struct opt_group opts_disk = { "Disk", ROWS(disk_rows) };

#define PROGRESS_ROW \
    { OPT_PROGRESS, "progress", ARG_OPTIONAL, "auto|json|none", "auto|json|none", \
      "progress on standard error: auto (a line when it is a terminal; the default), " \
      "json (one object per line; also --progress alone), none" }

static const struct opt export_rows[] = {
    { OPT_FORMAT, "format", ARG_REQUIRED, "FORMAT", "raw|qcow2",
      "raw (default), or a fresh qcow2 without snapshots" },
    { OPT_ON_DAMAGE, "on-damage", ARG_REQUIRED, "zero|stop|mark=BYTE", NULL,
      "where something is lost: write zeros (default), stop, or write this byte" },
    { OPT_MAP_FILE, "map", ARG_REQUIRED, "FILE", NULL,
      "keep a map, in the format of GNU ddrescue, of what was read and what is lost" },
    { OPT_RESUME, "resume", ARG_NONE, NULL, NULL,
      "go on with an export to raw that was stopped, by its map; lost ranges are tried "
      "again" },
    { OPT_OVERWRITE, "overwrite", ARG_NONE, NULL, NULL,
      "replace files that exist, or write to a block device; of an image with backing "
      "files only with --backing, as files that hold its data are never replaced" },
    { OPT_OUTPUT, "output", ARG_REQUIRED, "FORMAT", "text|json",
      "text (default) or json: a summary that names each lost range, with its files" },
    PROGRESS_ROW,
    THREADS_ROW,
};
const struct opt_group opts_export = { "Export", ROWS(export_rows) };

static const struct opt sum_rows[] = {
    { OPT_RANGES, "ranges", ARG_NONE, NULL, NULL,
      "print a sum for each GiB of the disk as well" },
    PROGRESS_ROW,
    THREADS_ROW,
};
const struct opt_group opts_sum = { "Sum", ROWS(sum_rows) };

static const struct opt files_rows[] = {
    { OPT_DAMAGED, "damaged", ARG_NONE, NULL, NULL,
      "files, directories and tables of file systems that lost bytes to damage, worst first; "
      "doubtful bytes can be read, but their cluster has another user too" },
    { OPT_UNMAPPED, "unmapped", ARG_NONE, NULL, NULL,
      "also those that use bytes for which the image has nothing, as after the loss of a "
      "table; sparse files that are sound are among them" },
    { OPT_AT, "at", ARG_REQUIRED, "OFFSET", NULL, "who owns this byte of the disk" },
    { OPT_LIST, "list", ARG_NONE, NULL, NULL,
      "all files; what is wrong with their file systems is said on standard error" },
    OUTPUT_ROW,
    PROGRESS_ROW,
};
const struct opt_group opts_files = { "Files", ROWS(files_rows) };

static const struct opt at_rows[] = { OUTPUT_ROW };
const struct opt_group opts_at = { "At", ROWS(at_rows) };

static const struct opt plan_rows[] = {
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
    { OPT_BACKING, "backing", ARG_NONE, NULL, NULL,
      "rescue: open the backing files that the image names, and place clusters by what is "
      "there; without this nothing that an image names is ever opened" },
    PROGRESS_ROW,
    { OPT_UNPLACED, "unplaced", ARG_REQUIRED, "FILE", NULL,
      "rescue: write what got no place to FILE, a tar archive with a file for each extent, named "
      "by its offset and what it holds, and a list of them, extents.json" },
};
const struct opt_group opts_plan = { "Plan", ROWS(plan_rows) };

#define UNDO_ROW(help) { OPT_UNDO, "undo", ARG_REQUIRED, "FILE", NULL, help }

static const struct opt apply_rows[] = {
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
const struct opt_group opts_apply = { "Apply", ROWS(apply_rows) };

static const struct opt undo_rows[] = {
    { OPT_FORCE, "force", ARG_NONE, NULL, NULL,
      "put the bytes back even though the image was changed since the plan was carried out" },
    { OPT_NO_SANDBOX, "no-sandbox", ARG_NONE, NULL, NULL,
      "keep access to other files while it works, for debuggers" },
};
const struct opt_group opts_undo = { "Undo", ROWS(undo_rows) };

static const struct opt report_rows[] = {
    { OPT_OUTPUT, "output", ARG_REQUIRED, "FORMAT", "html", "html (default)" },
    OUT_FILE_ROW,
    OVERWRITE_ROW,
    { OPT_DEEP, "deep", ARG_NONE, NULL, NULL,
      "look at all content, not only at samples of it" },
    BACKING_ROW,
};
const struct opt_group opts_report = { "Report", ROWS(report_rows) };

static const struct opt diff_rows[] = {
    OUTPUT_ROW,
    { OPT_LAYER, "layer", ARG_REQUIRED, "LAYER", NULL,
      "compare the disk of this snapshot (id or name) of both images; given twice, of A and of "
      "B; active (the default) is the disk as it is now" },
    { OPT_INTERACTIVE, "interactive", ARG_NONE, NULL, NULL,
      "open the inspector on B, with maps of A, of B and of what differs between them (view 9)" },
    TERMINAL_ROWS,
    KEY_FILE_ROW,
};
const struct opt_group opts_diff = { "Diff", ROWS(diff_rows) };

static const struct opt watch_rows[] = {
    { OPT_OUTPUT, "output", ARG_REQUIRED, "FORMAT", "text|json",
      "text (default) or json: one object per line and scan" },
    { OPT_INTERVAL, "interval", ARG_REQUIRED, "SECONDS", NULL,
      "look for a change every so many seconds (default: 2); a block device is scanned each time" },
    { OPT_SCANS, "scans", ARG_REQUIRED, "N", NULL, "end after N scans" },
};
const struct opt_group opts_watch = { "Watch", ROWS(watch_rows) };

static const struct opt pack_rows[] = {
    { 'o', "pack-file", ARG_REQUIRED, "FILE", NULL, "write the pack to FILE" },
    { OPT_ANONYMOUS, "anonymous", ARG_NONE, NULL, NULL,
      "replace names by others of the same length, leave out extra data and UUIDs, and of "
      "tables and fields that were overwritten keep only which faults they have" },
    { OPT_PROBLEM_CLUSTERS, "with-problem-clusters", ARG_NONE, NULL, NULL,
      "also keep the clusters that problems are about; they may hold guest data" },
    { OPT_OVERWRITE, "overwrite", ARG_NONE, NULL, NULL, "replace FILE when it exists" },
};
const struct opt_group opts_pack = { "Pack", ROWS(pack_rows) };

static const struct opt unpack_rows[] = {
    { 'o', "image-file", ARG_REQUIRED, "FILE", NULL, "write the image to FILE" },
    { OPT_OVERWRITE, "overwrite", ARG_NONE, NULL, NULL, "replace FILE when it exists" },
    { OPT_NO_SANDBOX, "no-sandbox", ARG_NONE, NULL, NULL,
      "keep access to other files while it works, for debuggers" },
};
const struct opt_group opts_unpack = { "Unpack", ROWS(unpack_rows) };

static const struct opt explain_rows[] = { OUTPUT_ROW };
const struct opt_group opts_explain = { "Explain", ROWS(explain_rows) };
