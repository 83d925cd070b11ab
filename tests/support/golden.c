/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

#include "base/buf.h"

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct buf b = BUF_INIT;
    char chunk[4096];
    size_t n;

    if (!f)
        return NULL;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_add(&b, chunk, n);
    fclose(f);
    return buf_take(&b);
}

static bool write_all(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");

    if (!f)
        return false;
    fputs(text, f);
    return fclose(f) == 0;
}

void golden_compare(const char *name, const char *got)
{
    char file[256];

    snprintf(file, sizeof file, "%s.screen", name);
    golden_compare_file(file, got);
}

void golden_compare_file(const char *name, const char *got)
{
    char path[4096];
    const char *top = getenv("top_srcdir");
    char *want;

    snprintf(path, sizeof path, "%s/tests/golden/%s", top ? top : ".", name);
    if (getenv("UPDATE_GOLDEN"))
        assert_true(write_all(path, got));
    want = read_all(path);
    if (!want)
        fail_msg("there is no %s", path);
    if (strcmp(got, want) != 0) {
        snprintf(path, sizeof path, "%s.new", name);
        write_all(path, got);
        fail_msg("%s: differs from the golden one; see %s. UPDATE_GOLDEN=1 keeps what is now", name, path);
    }
    free(want);
}
