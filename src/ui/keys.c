/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/keys.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "ui/glyph.h"

#define NOT_HELP (IN_ALL & ~IN(VIEW_HELP))
#define MAPS (IN(VIEW_MAP) | IN(VIEW_CHANGES))

static const struct key_row table[] = {
    /* map */
    { MAPS, "+", ACT_ZOOM_IN, "zoom", 70, "Zoom in by two around the cursor" },
    { MAPS, "- _", ACT_ZOOM_OUT, NULL, 0, "Zoom out by two around the cursor" },
    { MAPS, "0", ACT_ZOOM_ALL, "all", 40, "Show the whole file" },
    { MAPS, "c", ACT_ZOOM_ONE, "1:1", 39, "One cluster per cell" },
    { MAPS, "t", ACT_SPACE, "file/guest", 60,
      "Change between the file and the guest disk" },
    { IN(VIEW_MAP), "f", ACT_COLOURING, "colour by", 50,
      "Colour by class, fragmentation, references, order, content, file system" },
    { MAPS, "v", ACT_STYLE, "style", 30, "Half blocks, full blocks or letters" },
    { MAPS, "o", ACT_CURVE, NULL, 0, "Rows or Hilbert curve" },
    { IN(VIEW_MAP), "/", ACT_SEARCH, "find", 36,
      "Next cell with a class: letter or name; !: a problem" },
    { IN(VIEW_MAP), "Tab", ACT_PANE, NULL, 0, "To the other map" },
    { IN(VIEW_MAP), "i", ACT_LEGEND, NULL, 0, "Show or hide the legend" },
    { IN(VIEW_MAP), "Enter", ACT_OPEN, "open", 90,
      "Zoom in; at 1:1 open what the cluster is" },
    /* problems */
    { IN(VIEW_PROBLEMS), "c", ACT_GROUP, "cause/kind", 65,
      "List problems by cause or by kind" },
    { IN(VIEW_PROBLEMS), "f", ACT_FILTER, "filter", 60,
      "Show corruptions only, leaks only, warnings only, or all" },
    { IN(VIEW_PROBLEMS), "F", ACT_FILTER_NONE, NULL, 0, "Show all problems again" },
    { IN(VIEW_PROBLEMS), "/", ACT_SEARCH, "find", 55,
      "Show only those with a text, or of a guest range: guest 1G-2G" },
    { IN(VIEW_PROBLEMS), "s", ACT_SORT, "sort", 50,
      "Sort by file offset, guest offset or severity" },
    { IN(VIEW_PROBLEMS), "Enter", ACT_OPEN, "go there", 90,
      "Go to the place of the problem, in the view that fits" },
    /* who points here */
    { IN(VIEW_REFERRERS), "Enter", ACT_OPEN, "go there", 90,
      "Go to the place that points here" },
    { IN(VIEW_REFERRERS), "Tab", ACT_PANE, "other end", 60,
      "Change between the cluster an entry is in and the one it points to" },
    /* tables */
    { IN(VIEW_TABLES), "Enter", ACT_OPEN, "open", 90,
      "Open the table or cluster this entry points to" },
    { IN(VIEW_TABLES), "l Right", ACT_RIGHT, NULL, 0, "As Enter" },
    { IN(VIEW_TABLES), "h Left", ACT_LEFT, "up", 70,
      "Up: the table that points to this one" },
    { IN(VIEW_TABLES), "t", ACT_NEXT_TOPIC, "topic", 60,
      "Next of: mapping, refcounts, snapshots, bitmaps" },
    { IN(VIEW_TABLES), "u", ACT_HIDE_UNUSED, "unused", 55,
      "Hide or show unused entries" },
    { IN(VIEW_TABLES), "s", ACT_SORT, "sort", 52,
      "Sort by another column; a click on its head does so too" },
    { IN(VIEW_TABLES), "[", ACT_PREV_TABLE, "] sibling", 50,
      "Same row of the previous table" },
    { IN(VIEW_TABLES), "]", ACT_NEXT_TABLE, NULL, 0, "Same row of the next table" },
    /* header */
    { IN(VIEW_HEADER), "Enter", ACT_OPEN, "follow", 90, "Go where this field points" },
    /* hex */
    { IN(VIEW_HEX), "Enter", ACT_OPEN, "follow", 90,
      "Go where the field under the cursor points" },
    { IN(VIEW_HEX), "]", ACT_NEXT_ENTRY, "entry", 70, "Next field or entry" },
    { IN(VIEW_HEX), "[", ACT_PREV_ENTRY, NULL, 0, "Previous field or entry" },
    { IN(VIEW_HEX), "z", ACT_DECOMPRESS, "decompress", 60,
      "Show a compressed cluster decompressed, and back" },
    { IN(VIEW_HEX), "T t", ACT_SPACE, "file/guest", 65,
      "Change between the file and the guest disk" },
    { IN(VIEW_HEX), "Home ^", ACT_LINE_START, NULL, 0, "Start of the line" },
    { IN(VIEW_HEX), "End $", ACT_LINE_END, NULL, 0, "End of the line" },
    { IN(VIEW_TABLES) | IN(VIEW_HEADER) | IN(VIEW_HEX), "d", ACT_NUMBERS, "numbers", 30,
      "Numbers in hex, in decimal, or as sizes" },
    /* disk */
    { IN(VIEW_DISK), "Enter", ACT_OPEN, "go there", 90,
      "Go to the place on the guest's disk; of a layer: show its disk" },
    { IN(VIEW_DISK), "Tab", ACT_PANE, "other list", 60,
      "Change between layers, volumes and files" },
    { IN(VIEW_DISK), "/", ACT_SEARCH, "find", 55, "Next line with a text" },
    { IN(VIEW_DISK), "L", ACT_LAYER, "layer", 58, "Show the disk of the next layer" },
    /* plan */
    { IN(VIEW_PLAN), "Enter", ACT_OPEN, "go there", 90, "Go where the step changes something" },
    { IN(VIEW_PLAN), "Space", ACT_STEP_TOGGLE, "choose", 88,
      "Choose the step or leave it out, with what it rests on" },
    { IN(VIEW_PLAN), "J", ACT_STEP_DOWN, "K order", 60, "Move the step down" },
    { IN(VIEW_PLAN), "K", ACT_STEP_UP, NULL, 0, "Move the step up" },
    { IN(VIEW_PLAN), "x Delete", ACT_STEP_REMOVE, "remove", 65,
      "Take the step out of the plan; U brings it back" },
    { IN(VIEW_PLAN), "w", ACT_SAVE_PLAN, "save", 87, "Save the plan: --plan, --plan-dir" },
    { IN(VIEW_PLAN), "=", ACT_BEFORE_AFTER, "before/after", 86,
      "The image as it is, or as it would be" },
    { IN(VIEW_PLAN), "U", ACT_UNDO, "undo", 84, "Undo the last change of the plan" },
    /* changes */
    { IN(VIEW_CHANGES), "Enter", ACT_OPEN, "go there", 90,
      "Go to the place, in the side that views show" },
    { IN(VIEW_CHANGES), "A", ACT_OPEN_A, "B go in A/B", 86, "Show A in all views, and go there" },
    { IN(VIEW_CHANGES), "B", ACT_OPEN_B, NULL, 0, "Show B in all views, and go there" },
    { IN(VIEW_CHANGES), "n", ACT_NEXT_CHANGE, "change", 88, "To the next change" },
    { IN(VIEW_CHANGES), "N", ACT_PREV_CHANGE, NULL, 0, "To the change before" },
    { IN(VIEW_CHANGES), "Tab", ACT_PANE, "maps/list/text", 65,
      "Change between the maps, the list of changes, and what differs in words" },
    { IN(VIEW_CHANGES), "=", ACT_BEFORE_AFTER, "other side", 84,
      "Show the other side in all views" },
    /* help */
    { IN(VIEW_HELP), "? F1 Tab", ACT_PANE, "other page", 90,
      "Change between keys and what is shown here" },
    { IN(VIEW_HELP), "q Esc Backspace Enter", ACT_BACK, "close", 95, "Close help" },
    /* motion */
    { IN_ALL, "k Up", ACT_UP, NULL, 0, "Up" },
    { IN_ALL, "j Down", ACT_DOWN, NULL, 0, "Down" },
    { IN_ALL, "h Left", ACT_LEFT, NULL, 0, "Left" },
    { IN_ALL, "l Right", ACT_RIGHT, NULL, 0, "Right" },
    { IN_ALL, "PageUp Ctrl-B", ACT_PAGE_UP, NULL, 0, "One page up" },
    { IN_ALL, "PageDown Ctrl-F Space", ACT_PAGE_DOWN, NULL, 0, "One page down" },
    { IN_ALL, "Ctrl-U", ACT_HALF_UP, NULL, 0, "Half a page up" },
    { IN_ALL, "Ctrl-D", ACT_HALF_DOWN, NULL, 0, "Half a page down" },
    { IN_ALL, "gg Home", ACT_TOP, NULL, 0, "To the first line" },
    { IN_ALL, "G End", ACT_BOTTOM, NULL, 0, "To the last line" },
    { NOT_HELP, "Tab", ACT_PANE, NULL, 0, "To the other pane, where the view has two" },
    { NOT_HELP, "Enter", ACT_OPEN, "open", 90, "Open what is under the cursor" },
    /* frame */
    { NOT_HELP, "Backspace Ctrl-H", ACT_BACK, "back", 80, "Back to the place before" },
    { NOT_HELP, ">", ACT_FORWARD, NULL, 0, "Forward again, after going back" },
    { NOT_HELP, ":", ACT_COMMANDS, NULL, 0,
      "All commands of this view: type a part of one, Enter carries it out" },
    { NOT_HELP, ".", ACT_TOUR_NEXT, NULL, 0, "Next step of the tour (--tour)" },
    { NOT_HELP, ",", ACT_TOUR_BACK, NULL, 0, "Step of the tour before this" },
    { NOT_HELP, "m", ACT_MARK, NULL, 0, "Keep this place as a bookmark, with a note" },
    { NOT_HELP, "'", ACT_MARKS, NULL, 0, "Bookmarks: Enter goes there, Del removes" },
    { NOT_HELP, "S", ACT_EXPORT, NULL, 0,
      "Save this screen as text, in a new file qcheck-view-N.txt" },
    { NOT_HELP, "y", ACT_COPY_PLACE, NULL, 0, "Copy the address of this place (OSC 52)" },
    { NOT_HELP, "Y", ACT_COPY_LINE, NULL, 0, "Copy the line under the cursor" },
    { NOT_HELP, "g", ACT_GOTO, "go to", 75,
      "Go to an address: 0x1c0000, 28c, guest 1G, L1[3], L2[3][77], snap 2, rb 5, "
      "header" },
    { NOT_HELP, "n", ACT_NEXT_PROBLEM, "problem", 78, "To the next problem" },
    { NOT_HELP, "N", ACT_PREV_PROBLEM, NULL, 0, "To the previous problem" },
    { NOT_HELP, "x", ACT_HEX_HERE, "hex", 45, "The bytes of this place" },
    { NOT_HELP, "r", ACT_REFERRERS, "who points here", 44,
      "Everything that refers to this cluster" },
    { NOT_HELP, "L", ACT_LAYER, NULL, 0,
      "Next layer, in all views: the disk as it is, as it was in each snapshot" },
    { NOT_HELP, "D", ACT_DEEP, NULL, 0,
      "Deep look: read all clusters, decode all streams, seek causes with all that is read" },
    { IN(VIEW_TABLES) | IN(VIEW_HEADER) | IN(VIEW_HEX), "/", ACT_SEARCH, "search", 35,
      "Search in this view; empty: once more" },
    { NOT_HELP, "\\", ACT_SEARCH_AGAIN, NULL, 0, "Search backwards for the same" },
    { IN_ALL, "1", ACT_VIEW_1, NULL, 0, "Overview: the verdict and the totals" },
    { IN_ALL, "2", ACT_VIEW_2, NULL, 0, "Map: every cluster of the file" },
    { IN_ALL, "3", ACT_VIEW_3, NULL, 0, "Problems, by cause and by kind" },
    { IN_ALL, "4", ACT_VIEW_4, NULL, 0,
      "Tables: mapping, refcounts, snapshots, bitmaps" },
    { IN_ALL, "5", ACT_VIEW_5, NULL, 0, "Header: every field" },
    { IN_ALL, "6", ACT_VIEW_6, NULL, 0, "Hex: the bytes, with fields marked" },
    { IN_ALL, "7", ACT_VIEW_7, NULL, 0, "Disk: partitions, file systems, files that are hit" },
    { IN_ALL, "8", ACT_VIEW_8, NULL, 0, "Plan: what would be changed" },
    { IN_ALL, "9", ACT_VIEW_9, NULL, 0,
      "Changes: two images, two layers, or the image and the plan compared" },
    { IN(VIEW_TABLES) | IN(VIEW_HEADER) | IN(VIEW_HEX), "e", ACT_EDIT, "edit", 66,
      "Edit the field under the cursor, in a plan: the image stays as it is" },
    { NOT_HELP, "e", ACT_EDIT, NULL, 0, "Take the cluster that is picked for an edit" },
    { IN(VIEW_PROBLEMS) | IN(VIEW_OVERVIEW), "p", ACT_PROPOSE, "propose", 66,
      "Plan what mends the problem or cause under the cursor" },
    { NOT_HELP, "p", ACT_PROPOSE, NULL, 0, "Plan what mends the problem under the cursor" },
    { NOT_HELP, "P", ACT_PROPOSE_LOSS, NULL, 0,
      "The same, and give up guest data where nothing else helps: the plan names it" },
    { NOT_HELP, "=", ACT_BEFORE_AFTER, NULL, 0,
      "The image as it is, or as it would be; or the other side of what is compared" },
    { NOT_HELP, "U", ACT_UNDO, NULL, 0, "Undo the last change of the plan" },
    { NOT_HELP, "Ctrl-R", ACT_REDO, NULL, 0, "Do again what was undone" },
    { NOT_HELP, "w", ACT_SAVE_PLAN, NULL, 0,
      "Save the plan to the file of --plan or a new one in the folder of --plan-dir" },
    { NOT_HELP, "}", ACT_NEXT_VIEW, NULL, 0, "Next view" },
    { NOT_HELP, "{ BackTab", ACT_PREV_VIEW, NULL, 0, "Previous view" },
    { IN_ALL, "Esc", ACT_STOP, NULL, 0, "Stop the scan and keep what it has found" },
    { IN_ALL, "R", ACT_RESCAN, NULL, 0, "Scan again, after Esc or when the file has changed" },
    { IN_ALL, "W", ACT_WATCH, NULL, 0,
      "Watch the file on or off: scan again whenever it changes" },
    { IN_ALL, "M", ACT_MOUSE, NULL, 0,
      "Mouse on or off (off: the terminal selects text)" },
    { IN_ALL, "T", ACT_THEME, NULL, 0,
      "Next theme, not in Hex: dark, light, mono, colour-blind safe" },
    { IN_ALL, "Ctrl-L", ACT_REDRAW, NULL, 0, "Draw the screen anew" },
    { NOT_HELP, "? F1", ACT_HELP, "help", 99, "Keys, and what is shown here" },
    { NOT_HELP, "q", ACT_QUIT, "quit", 85, "Leave" },
};

static const struct { const char *name, *shown; uint32_t code; } names[] = {
    { "Up", "Up", KEYCODE_UP }, { "Down", "Down", KEYCODE_DOWN },
    { "Left", "Left", KEYCODE_LEFT }, { "Right", "Right", KEYCODE_RIGHT },
    { "PageUp", "PgUp", KEYCODE_PGUP }, { "PageDown", "PgDn", KEYCODE_PGDN },
    { "Home", "Home", KEYCODE_HOME }, { "End", "End", KEYCODE_END },
    { "BackTab", "BackTab", KEYCODE_BACKTAB }, { "Delete", "Del", KEYCODE_DEL },
    { "Insert", "Ins", KEYCODE_INS }, { "Enter", "Enter", KEYCODE_ENTER },
    { "Tab", "Tab", KEYCODE_TAB }, { "Esc", "Esc", KEYCODE_ESC },
    { "Backspace", "Bksp", KEYCODE_BACKSPACE }, { "Space", "Space", ' ' },
};

const struct key_row *key_table(size_t i)
{
    return i < sizeof table / sizeof table[0] ? &table[i] : NULL;
}

uint32_t key_code(const char *name, size_t len)
{
    if (len == 1)
        return (unsigned char)name[0];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i].name) == len && memcmp(names[i].name, name, len) == 0)
            return names[i].code;
    if (len == 6 && memcmp(name, "Ctrl-", 5) == 0 && name[5] >= 'A' && name[5] <= 'Z')
        return (uint32_t)(name[5] - 'A' + 1);
    if (name[0] == 'F' && len >= 2 && len <= 3) {
        unsigned n = 0;

        for (size_t i = 1; i < len; i++)
            n = name[i] >= '0' && name[i] <= '9' ? n * 10 + (unsigned)(name[i] - '0')
                                                 : 99;
        if (n >= 1 && n <= 12)
            return KEYCODE_F1 + n - 1;
    }
    return 0;
}

void key_shown(uint32_t code, char *out, size_t cap)
{
    char bytes[5];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].code == code) {
            snprintf(out, cap, "%s", names[i].shown);
            return;
        }
    }
    if (code >= KEYCODE_F1 && code <= KEYCODE_F12)
        snprintf(out, cap, "F%u", (unsigned)(code - KEYCODE_F1 + 1));
    else if (code < ' ')
        snprintf(out, cap, "Ctrl-%c", (char)(code + '@'));
    else if (glyph_width(code) > 0)
        snprintf(out, cap, "%.*s", (int)glyph_encode(code, bytes), bytes);
    else
        snprintf(out, cap, "This");
}

/* --- actions and keymaps --- */

const char *action_id(enum action action)
{
    static const char *const ids[N_ACTIONS] = {
        [ACT_QUIT] = "quit",
        [ACT_BACK] = "back",
        [ACT_FORWARD] = "forward",
        [ACT_HELP] = "help",
        [ACT_GOTO] = "go-to",
        [ACT_SEARCH] = "search",
        [ACT_SEARCH_AGAIN] = "search-again",
        [ACT_NEXT_PROBLEM] = "next-problem",
        [ACT_PREV_PROBLEM] = "prev-problem",
        [ACT_STOP] = "stop",
        [ACT_RESCAN] = "rescan",
        [ACT_WATCH] = "watch",
        [ACT_MOUSE] = "mouse",
        [ACT_REDRAW] = "redraw",
        [ACT_THEME] = "theme",
        [ACT_VIEW_1] = "view-1",
        [ACT_VIEW_2] = "view-2",
        [ACT_VIEW_3] = "view-3",
        [ACT_VIEW_4] = "view-4",
        [ACT_VIEW_5] = "view-5",
        [ACT_VIEW_6] = "view-6",
        [ACT_VIEW_7] = "view-7",
        [ACT_NEXT_VIEW] = "next-view",
        [ACT_PREV_VIEW] = "prev-view",
        [ACT_HEX_HERE] = "hex",
        [ACT_REFERRERS] = "referrers",
        [ACT_LAYER] = "layer",
        [ACT_DEEP] = "deep-look",
        [ACT_UP] = "up",
        [ACT_DOWN] = "down",
        [ACT_LEFT] = "left",
        [ACT_RIGHT] = "right",
        [ACT_PAGE_UP] = "page-up",
        [ACT_PAGE_DOWN] = "page-down",
        [ACT_HALF_UP] = "half-up",
        [ACT_HALF_DOWN] = "half-down",
        [ACT_TOP] = "top",
        [ACT_BOTTOM] = "bottom",
        [ACT_LINE_START] = "line-start",
        [ACT_LINE_END] = "line-end",
        [ACT_OPEN] = "open",
        [ACT_PANE] = "other-pane",
        [ACT_PARENT] = "parent",
        [ACT_HIDE_UNUSED] = "hide-unused",
        [ACT_NUMBERS] = "numbers",
        [ACT_PREV_TABLE] = "prev-table",
        [ACT_NEXT_TABLE] = "next-table",
        [ACT_NEXT_TOPIC] = "next-topic",
        [ACT_NEXT_ENTRY] = "next-entry",
        [ACT_PREV_ENTRY] = "prev-entry",
        [ACT_DECOMPRESS] = "decompress",
        [ACT_ZOOM_IN] = "zoom-in",
        [ACT_ZOOM_OUT] = "zoom-out",
        [ACT_ZOOM_ALL] = "zoom-all",
        [ACT_ZOOM_ONE] = "zoom-one",
        [ACT_STYLE] = "style",
        [ACT_CURVE] = "curve",
        [ACT_SPACE] = "file-or-guest",
        [ACT_COLOURING] = "colour-by",
        [ACT_LEGEND] = "legend",
        [ACT_FILTER] = "filter",
        [ACT_FILTER_NONE] = "filter-none",
        [ACT_SORT] = "sort",
        [ACT_GROUP] = "group",
        [ACT_TOUR_NEXT] = "tour-next",
        [ACT_TOUR_BACK] = "tour-back",
        [ACT_MARK] = "bookmark",
        [ACT_MARKS] = "bookmarks",
        [ACT_EXPORT] = "save-view",
        [ACT_BEFORE_AFTER] = "before-after",
        [ACT_EDIT] = "edit",
        [ACT_PROPOSE] = "propose",
        [ACT_PROPOSE_LOSS] = "propose-with-loss",
        [ACT_REDO] = "redo",
        [ACT_SAVE_PLAN] = "save-plan",
        [ACT_STEP_DOWN] = "step-down",
        [ACT_STEP_REMOVE] = "step-remove",
        [ACT_STEP_TOGGLE] = "step-toggle",
        [ACT_STEP_UP] = "step-up",
        [ACT_UNDO] = "undo",
        [ACT_VIEW_8] = "view-8",
        [ACT_VIEW_9] = "view-9",
        [ACT_NEXT_CHANGE] = "next-change",
        [ACT_PREV_CHANGE] = "prev-change",
        [ACT_OPEN_A] = "open-in-a",
        [ACT_OPEN_B] = "open-in-b",
        [ACT_COPY_PLACE] = "copy-place",
        [ACT_COPY_LINE] = "copy-line",
        [ACT_COMMANDS] = "commands",
    };

    return ids[action];
}

bool action_by_id(const char *id, enum action *out)
{
    for (int a = 0; a < N_ACTIONS; a++) {
        if (action_id((enum action)a) && strcmp(action_id((enum action)a), id) == 0) {
            *out = (enum action)a;
            return true;
        }
    }
    return false;
}

const char *key_row_keys(const struct keymap *map, const struct key_row *row)
{
    return map && map->keys[row->action] ? map->keys[row->action] : row->keys;
}

static bool among(const char *keys, uint32_t code)
{
    while (*keys) {
        size_t len = strcspn(keys, " ");

        if (len > 0 && key_code(keys, len) == code)
            return true;
        keys += len + (keys[len] == ' ');
    }
    return false;
}

enum action key_action(const struct keymap *map, enum view_id view, uint32_t code)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].views & IN(view) && among(key_row_keys(map, &table[i]), code))
            return table[i].action;
    return ACT_NONE;
}

/* Another action that a key means somewhere where it means this one; ACT_NONE: none. */
static enum action clash(const struct keymap *map, const struct key_row *row, uint32_t code)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct key_row *other = &table[i];

        if (other->action != row->action && (other->views & row->views) &&
            among(key_row_keys(map, other), code))
            return other->action;
    }
    return ACT_NONE;
}

static bool clash_error(const struct keymap *map, const struct key_row *row, const char *key,
                        size_t len, enum action other, struct error *err)
{
    char line[24] = "";

    if (map->line[row->action])
        snprintf(line, sizeof line, "line %u: ", map->line[row->action]);
    return err_set(err, ERR_FORMAT, "%s%.*s means both %s and %s", line, (int)len, key,
                   action_id(row->action), action_id(other));
}

bool keymap_check(const struct keymap *map, struct error *err)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *p = map->keys[table[i].action];

        while (p && *p) {
            size_t len = strcspn(p, " ");
            enum action other = len ? clash(map, &table[i], key_code(p, len)) : ACT_NONE;

            if (other != ACT_NONE)
                return clash_error(map, &table[i], p, len, other, err);
            p += len + (p[len] == ' ');
        }
    }
    return true;
}

void key_first(const struct keymap *map, const struct key_row *row, char *out, size_t cap)
{
    const char *keys = key_row_keys(map, row);
    size_t len = strcspn(keys, " ");

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].name) == len && memcmp(names[i].name, keys, len) == 0) {
            snprintf(out, cap, "%s", names[i].shown);
            return;
        }
    }
    snprintf(out, cap, "%.*s", (int)len, keys);
}

static int by_priority_then_row(const struct key_row *a, const struct key_row *b)
{
    return a->priority != b->priority ? b->priority - a->priority : a < b ? -1 : 1;
}

size_t key_hints(enum view_id view, const struct key_row **out, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < sizeof table / sizeof table[0] && n < max; i++) {
        const struct key_row *row = &table[i];
        bool seen = false;
        size_t at = n;

        if (!(row->views & IN(view)) || !row->hint ||
            key_action(NULL, view, key_code(row->keys, strcspn(row->keys, " "))) != row->action)
            continue;                   /* or its key means something else there */
        for (size_t k = 0; k < n; k++)
            seen = seen || out[k]->action == row->action;
        if (seen)
            continue;
        for (; at > 0 && by_priority_then_row(row, out[at - 1]) < 0; at--)
            out[at] = out[at - 1];
        out[at] = row;
        n++;
    }
    return n;
}
