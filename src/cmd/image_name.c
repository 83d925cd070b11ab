/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Which images a command works on, and the samples. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cmd/cmd_common.h"
#include "ui/guide.h"

#define SAMPLE_SUFFIX ".qcow2"

/* Those of a program TREE/build/qcheck, which is not installed: TREE/data/samples. */
static bool beside_build(struct buf *out)
{
    char exe[4096];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe);
    struct buf index = BUF_INIT;
    bool there;

    for (int up = 0; up < 2 && len > 0; up++) {
        const char *slash = memrchr(exe, '/', (size_t)len);

        len = slash ? slash - exe : 0;
    }
    if (len <= 0)
        return false;
    buf_printf(out, "%.*s/data/samples", (int)len, exe);
    buf_printf(&index, "%s/INDEX", buf_str(out));
    there = access(buf_str(&index), R_OK) == 0;
    buf_free(&index);
    return there;
}

/* The path of a file of the samples. */
static void sample_path(const char *name, const char *suffix, struct buf *out)
{
    const char *dir = getenv("QCHECK_SAMPLES");
    struct buf beside = BUF_INIT;

    if (!dir || !*dir) {
        dir = QCHECK_DATADIR "/samples";
        if (access(dir, R_OK) != 0 && beside_build(&beside))
            dir = buf_str(&beside);
    }
    buf_printf(out, "%s/%s%s", dir, name, suffix);
    buf_free(&beside);
}

int image_count(const struct settings *s)
{
    return s->sample ? 1 : s->n_operands;
}

static bool sample_name(const char *sample, struct buf *out, struct error *err)
{
    struct buf shown = BUF_INIT;
    FILE *f;

    if (*sample && !strchr(sample, '/')) {
        sample_path(sample, SAMPLE_SUFFIX, out);
        f = fopen(buf_str(out), "rb");
        if (f) {
            fclose(f);
            return true;
        }
    }
    text_visible(&shown, sample, strlen(sample));
    err_set(err, ERR_USAGE, "there is no sample %s; --sample=list names them",
            buf_str(&shown));
    buf_free(&shown);
    return false;
}

bool image_name(const struct settings *s, int i, struct buf *out, struct error *err)
{
    buf_reset(out);
    if (s->sample)
        return sample_name(s->sample, out, err);
    buf_puts(out, s->operand[i]);
    return !out->failed || err_set(err, ERR_NOMEM, "out of memory");
}

bool image_named(const struct settings *s, int i, struct buf *out, int *status)
{
    struct error err;

    if (image_name(s, i, out, &err))
        return true;
    message("", err.text);
    *status = STATUS_FAILED;
    return false;
}

bool one_image(const struct command *cmd, const struct settings *s, struct buf *out, int *status)
{
    if (image_count(s) == 1 && !(s->sample && s->n_operands))
        return image_named(s, 0, out, status);
    *status = usage_error(cmd, image_count(s) ? "one image at a time" : "which image?");
    return false;
}

void sample_tour(const char *sample, struct buf *out)
{
    struct buf path = BUF_INIT, all = BUF_INIT;
    char bytes[4096];
    size_t n;
    FILE *f;

    sample_path("TOURS", "", &path);
    f = fopen(buf_str(&path), "r");
    buf_free(&path);
    while (f && (n = fread(bytes, 1, sizeof bytes, f)) > 0)
        buf_add(&all, bytes, n);
    if (f)
        fclose(f);
    guide_script(buf_str(&all), sample, out);
    buf_free(&all);
}

/* The list has one line "name | title | what it teaches" a sample; # begins a comment. */
int list_samples(void)
{
    struct buf path = BUF_INIT;
    struct error err;
    char line[1024];
    FILE *f;

    sample_path("INDEX", "", &path);
    f = fopen(buf_str(&path), "r");
    if (!f) {
        err_set_sys(&err, errno, "cannot list the samples");
        message_error(buf_str(&path), &err);
        buf_free(&path);
        return STATUS_FAILED;
    }
    while (fgets(line, sizeof line, f)) {
        char *title = strstr(line, " | ");
        char *end = title ? strstr(title + 3, " | ") : NULL;

        if (line[0] != '#' && end)
            printf("%-16.*s  %.*s\n", (int)(title - line), line, (int)(end - title - 3),
                   title + 3);
    }
    fclose(f);
    buf_free(&path);
    return STATUS_CLEAN;
}
