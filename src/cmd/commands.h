/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The sub-commands and what their options set. */
#ifndef QCHECK_CMD_COMMANDS_H
#define QCHECK_CMD_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/opt.h"
#include "disk/export.h"
#include "qcow2/image.h"

/* Exit status, as qemu-img check; the last one is that of info --untrusted. */
enum status { STATUS_CLEAN, STATUS_FAILED, STATUS_CORRUPT, STATUS_LEAKS, STATUS_OUTSIDE };

enum output {
    OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_LINES, OUTPUT_METRICS, OUTPUT_ANSI, OUTPUT_SVG, OUTPUT_PNG,
    OUTPUT_HTML
};
enum progress { PROGRESS_AUTO, PROGRESS_JSON, PROGRESS_NONE };

/* All that the options of all commands can say; a command looks at what its table has. */
struct settings {
    struct image_options image;
    const char *unplaced_file;  /* --unplaced: what a rescue leaves goes there; NULL: nowhere */
    bool backing;               /* --backing: open the files that an image names */
    bool untrusted;             /* --untrusted */
    bool verbose;               /* -v */
    bool tour;                  /* --tour */
    const char *sample;         /* --sample: name of a sample image, or NULL */
    unsigned threads;           /* 0: as many as there are cores */
    size_t problems_kept;       /* 0: the default */
    uint64_t memory_limit;      /* bytes; 0: the default */
    enum progress progress;
    bool stats;
    bool figures;               /* info: --figures */
    bool strict;
    bool deep;                  /* --deep */
    uint64_t offset;
    bool classic;               /* an option of the classic report was used */
    uint32_t streams;           /* of the classic report */
    enum output output;
    bool metadata;              /* -M */
    bool used;                  /* --used */
    const char *snapshot;       /* --snapshot, or NULL */
    const char *from, *to;      /* --from, --to as typed, or NULL */
    bool guest;                 /* --space guest */
    unsigned columns;           /* 0: as wide as the terminal, or 80 */
    const char *by;             /* --by of map, or NULL */
    bool hilbert;               /* --layout hilbert */
    uint64_t cell;              /* --cell: bytes; 0: what suits */
    unsigned frames;            /* --frames; 0: not given */
    unsigned frame_every;       /* --interval: seconds */
    const char *theme;          /* NULL: the default */
    bool ascii, no_mouse;
    bool interactive;           /* --interactive */
    bool no_sandbox;            /* --no-sandbox */
    const char *layer;          /* --layer, or NULL: the active one */
    const char *other_layer;    /* the second --layer, or NULL */
    unsigned jobs, interval;    /* --jobs, --interval (seconds); 0: the default */
    uint64_t scans;             /* --scans; 0: without end */
    const char *key_file;       /* --key-file, or NULL */
    bool hex;                   /* --hex */
    bool qcow2;                 /* --format qcow2 */
    enum damage_action on_damage;   /* --on-damage */
    uint8_t mark;               /* ... its byte */
    const char *map_file;       /* --map, or NULL */
    bool resume, overwrite;     /* --resume, --overwrite */
    bool accept_loss, in_place; /* --accept-loss, --in-place */
    const char *plan_file;      /* --plan: laid over the image, or NULL */
    const char *plan_dir;       /* --plan-dir: of the inspector, or NULL */
    bool entries_zero, entries_leave;   /* --entries */
    const char *out_file;       /* -o, or NULL: standard output, or no file */
    bool anonymous, problem_clusters;       /* --anonymous, --with-problem-clusters */
    const char *apply_output, *undo_file;       /* of apply, or NULL */
    bool ranges;                /* --ranges */
    bool damaged, unmapped, list;   /* --damaged, --unmapped, --list */
    const char *at;             /* --at, or NULL */
    char **operand;             /* what is left, n_operands words; borrowed from argv */
    int n_operands;
};

/* The i-th command, NULL past the last; command_default() is the one without a name. */
const struct command *command_at(unsigned i);
const struct command *command_by_name(const char *name);
const struct command *command_default(void);

/* Parses the options of a command. True to go on. False when there is nothing more to do:
 * --help or --version was answered, or a message printed; *status is set then. */
bool settings_parse(struct settings *s, const struct command *cmd, int argc, char **argv,
                    int *status);

/* Version, and what this build and this kernel can do. */
void version_text(struct buf *out);

/* Top-level help: all commands. */
void commands_help(struct buf *out);

int cmd_browse(const struct command *cmd, int argc, char **argv);
int cmd_check(const struct command *cmd, int argc, char **argv);
int cmd_info(const struct command *cmd, int argc, char **argv);
int cmd_dump(const struct command *cmd, int argc, char **argv);
int cmd_map(const struct command *cmd, int argc, char **argv);
int cmd_read(const struct command *cmd, int argc, char **argv);
int cmd_export(const struct command *cmd, int argc, char **argv);
int cmd_sum(const struct command *cmd, int argc, char **argv);
int cmd_files(const struct command *cmd, int argc, char **argv);
int cmd_at(const struct command *cmd, int argc, char **argv);
int cmd_plan(const struct command *cmd, int argc, char **argv);
int cmd_apply(const struct command *cmd, int argc, char **argv);
int cmd_undo(const struct command *cmd, int argc, char **argv);
int cmd_report(const struct command *cmd, int argc, char **argv);
int cmd_diff(const struct command *cmd, int argc, char **argv);
int cmd_watch(const struct command *cmd, int argc, char **argv);
int cmd_pack(const struct command *cmd, int argc, char **argv);
int cmd_unpack(const struct command *cmd, int argc, char **argv);
int cmd_explain(const struct command *cmd, int argc, char **argv);

#endif
