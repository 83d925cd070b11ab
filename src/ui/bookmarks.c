/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/bookmarks.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACK_TAIL ".qpack"

void bookmarks_free(struct bookmarks *b)
{
    free(b->list);
    *b = (struct bookmarks){ NULL, 0 };
}

void bookmarks_remove(struct bookmarks *b, size_t i)
{
    if (i >= b->n)
        return;
    memmove(&b->list[i], &b->list[i + 1], (b->n - i - 1) * sizeof *b->list);
    b->n--;
}

/* One that can stand in a line; longer text is cut. */
static struct bookmark bookmark_of(const char *address, const char *note)
{
    struct bookmark one;

    snprintf(one.address, sizeof one.address, "%s", address);
    snprintf(one.note, sizeof one.note, "%s", note);
    one.address[strcspn(one.address, "\t\r\n")] = '\0';
    one.note[strcspn(one.note, "\r\n")] = '\0';
    return one;
}

bool bookmarks_add(struct bookmarks *b, const char *address, const char *note)
{
    struct bookmark one = bookmark_of(address, note);

    if (!b->list) {
        b->list = calloc(BOOKMARKS_MAX, sizeof *b->list);
        if (!b->list)
            return false;
    }
    for (size_t i = 0; i < b->n; i++) {
        if (strcmp(b->list[i].address, one.address) == 0) {
            bookmarks_remove(b, i);
            break;
        }
    }
    if (b->n == BOOKMARKS_MAX)
        b->n--;
    memmove(&b->list[1], &b->list[0], b->n * sizeof *b->list);
    b->list[0] = one;
    b->n++;
    return true;
}

void bookmarks_read(struct bookmarks *b, const char *text)
{
    char line[512];
    const char *start[BOOKMARKS_MAX];
    size_t n = 0;

    for (; *text && n < BOOKMARKS_MAX; text += strcspn(text, "\n"), text += *text == '\n')
        start[n++] = text;
    while (n-- > 0) {                   /* the first line is the newest */
        size_t len = strcspn(start[n], "\n");
        char *tab;

        if (len >= sizeof line)
            continue;
        memcpy(line, start[n], len);
        line[len] = '\0';
        tab = strchr(line, '\t');
        if (!tab || tab == line)
            continue;
        *tab = '\0';
        (void)bookmarks_add(b, line, tab + 1);
    }
}

void bookmarks_write(const struct bookmarks *b, struct buf *out)
{
    for (size_t i = 0; i < b->n; i++)
        buf_printf(out, "%s\t%s\n", b->list[i].address, b->list[i].note);
}

/* The file beside a pack, where one may be made or written. */
static bool beside(const char *named, char path[4096])
{
    const size_t len = strlen(named), tail = strlen(PACK_TAIL);
    const char *slash = strrchr(named, '/');

    if (len <= tail || strcmp(named + len - tail, PACK_TAIL) != 0 || len > 4000)
        return false;
    snprintf(path, 4096, "%.*s", slash ? (int)(slash - named) + 1 : 1, slash ? named : ".");
    if (access(path, W_OK) != 0)
        return false;
    snprintf(path, 4096, "%s.notes", named);
    return true;
}

bool bookmarks_path(const char *image, char path[4096])
{
    const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *whole = realpath(image, NULL);
    const char *named = whole ? whole : image, *slash = strrchr(named, '/');
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    int n = -1;

    if (beside(named, path)) {
        free(whole);
        return true;
    }
    for (const char *p = named; *p; p++)
        hash = (hash ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
    if (base && *base == '/')
        n = snprintf(path, 4096, "%s/qcheck/bookmarks/%.100s-%016" PRIx64, base,
                     slash ? slash + 1 : named, hash);
    else if (home && *home == '/')
        n = snprintf(path, 4096, "%s/.local/state/qcheck/bookmarks/%.100s-%016" PRIx64, home,
                     slash ? slash + 1 : named, hash);
    free(whole);
    return n > 0 && n < 4000;
}
