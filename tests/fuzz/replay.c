/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Runs the fuzz target on files, without libFuzzer:
 *     replay [--mutate N] [--seed S] FILE|FOLDER...
 * With --mutate each file is also damaged in N ways, which the seed chooses: the same in every
 * run. Without what libFuzzer and the sanitizers cost, this is how millions of images are tried. */
#include "config.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

#define SIZE_MAX_INPUT  (128u << 10)    /* bytes of a damaged file */
#define DAMAGES_MAX     8               /* done to a file before it is taken anew */

struct totals { unsigned mutations, seed; size_t files, runs; };

/* Any byte may become any other; good enough beside the mutator that knows the format. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
    (void)max_size;
    if (size)
        data[size / 3] ^= (uint8_t)(1 + data[size / 2] % 255);
    return size;
}

static uint8_t *load(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = malloc(SIZE_MAX_INPUT);

    if (!f || !bytes) {
        fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
        exit(1);
    }
    *len = fread(bytes, 1, SIZE_MAX_INPUT, f);
    fclose(f);
    return bytes;
}

/* A copy of exactly that length, so that a sanitizer sees each byte past its end. */
static void run(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    assert(copy);
    memcpy(copy, bytes, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void replay_file(const char *path, struct totals *t)
{
    size_t sound_len, len;
    uint8_t *sound = load(path, &sound_len), *bytes = load(path, &len);

    fprintf(stderr, "%s\n", path);          /* the last one named is the guilty one */
    run(bytes, len);
    for (unsigned i = 1; i <= t->mutations; i++) {
        len = LLVMFuzzerCustomMutator(bytes, len, SIZE_MAX_INPUT, (t->seed + i) * 2654435761u);
        run(bytes, len);
        if (i % DAMAGES_MAX == 0) {
            memcpy(bytes, sound, sound_len);
            len = sound_len;
        }
    }
    free(sound);
    t->files++;
    t->runs += 1 + t->mutations;
    free(bytes);
}

static int no_dots(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void replay(const char *path, struct totals *t)
{
    struct dirent **list;
    struct stat st;
    int n;

    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)) {
        replay_file(path, t);
        return;
    }
    n = scandir(path, &list, no_dots, alphasort);
    for (int i = 0; i < n; i++) {
        char name[4096];

        snprintf(name, sizeof name, "%s/%s", path, list[i]->d_name);
        replay_file(name, t);
        free(list[i]);
    }
    free(list);
}

int main(int argc, char **argv)
{
    struct totals t = { 0 };
    int first = 1;

    for (; first + 1 < argc && strncmp(argv[first], "--", 2) == 0; first += 2) {
        unsigned *option = strcmp(argv[first], "--seed") == 0 ? &t.seed : &t.mutations;

        *option = (unsigned)strtoul(argv[first + 1], NULL, 10);
    }
    for (int i = first; i < argc; i++)
        replay(argv[i], &t);
    printf("%zu files, %zu images\n", t.files, t.runs);
    return t.files ? 0 : 1;
}
