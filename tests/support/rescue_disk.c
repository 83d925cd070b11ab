/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "support/rescue_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/num.h"
#include "support/rescue_memory.h"

#define FILES_N 48
#define FOLDERS_N 4

static uint32_t draw(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void *must(void *p)
{
    if (!p) {
        perror("rescue_disk");
        abort();
    }
    return p;
}

/* Text, or bytes like those of packed data under the head of an image, or tables. */
static void write_file(const char *path, unsigned kind, size_t len, uint32_t *state)
{
    static const char *const word[] = { "disk ", "cluster ", "river\n", "letter ", "group " };
    FILE *f = must(fopen(path, "wb"));

    if (kind == 1)
        fwrite("\xff\xd8\xff\xe0\0\x10JFIF", 1, 10, f);
    while ((size_t)ftell(f) < len) {
        uint32_t n = draw(state);

        if (kind == 0)
            fputs(word[n % 5], f);
        else if (kind == 1)
            fwrite(&n, 1, 3, f);
        else
            fprintf(f, "%c%c%05u", 0x7f, (int)(n % 7 + 1), n % 100000);
    }
    fclose(f);
}

static void write_files(const char *folder)
{
    static const char *const ext[] = { "txt", "jpg", "bin" };
    uint32_t state = 42;
    char path[512];

    for (unsigned i = 0; i < FOLDERS_N; i++) {
        snprintf(path, sizeof path, "%s/folder%u", folder, i);
        if (mkdir(path, 0700))
            abort();
    }
    for (unsigned i = 0; i < FILES_N; i++) {
        size_t len = (size_t)64 << draw(&state) % 14;

        snprintf(path, sizeof path, "%s/folder%u/a name of file %u.%s", folder, i % FOLDERS_N, i,
                 ext[i % 3]);
        write_file(path, i % 3, len + draw(&state) % 4000, &state);
    }
}

static void write_mbr(const char *image, size_t size, size_t off)
{
    uint32_t first = (uint32_t)(off / 512), n = (uint32_t)((size - off) / 512);
    uint8_t row[16] = { [4] = 0x83 };
    FILE *f = must(fopen(image, "r+b"));

    memcpy(row + 8, &first, 4);
    memcpy(row + 12, &n, 4);
    fseek(f, 446, SEEK_SET);
    fwrite(row, 1, 16, f);
    fseek(f, 510, SEEK_SET);
    fwrite("\x55\xaa", 1, 2, f);
    fclose(f);
}

bool rescue_disk_make(struct rescue_disk *d, size_t size, size_t off, const char *script)
{
    char folder[] = "/tmp/qcheck-rescue-XXXXXX", path[256], *cmd = must(malloc(8192));
    bool have = true;
    FILE *f;
    int rc;

    must(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/files", folder);
    if (mkdir(path, 0700))
        abort();
    write_files(path);
    snprintf(path, sizeof path, "%s/disk", folder);
    fclose(must(fopen(path, "wb")));
    if (truncate(path, (off_t)size))
        abort();
    snprintf(cmd, 8192,
             "PATH=$PATH:/sbin:/usr/sbin; set -e; IMG=%s FILES=%s/files OFF=%zu KIB=%zu; "
             "command -v %.*s >/dev/null || exit 77; { %s; } >/dev/null 2>&1",
             path, folder, off, (size - off) / 1024, (int)strcspn(script, " "), script, script);
    rc = system(cmd);
    if (WIFEXITED(rc) && WEXITSTATUS(rc) == 77)
        have = false;
    else if (rc)
        abort();
    if (have && off)
        write_mbr(path, size, off);
    if (have) {
        *d = (struct rescue_disk){ must(malloc(size)), size };
        f = must(fopen(path, "rb"));
        if (fread(d->bytes, 1, size, f) != size)
            abort();
        fclose(f);
    }
    snprintf(cmd, 8192, "rm -rf %s", folder);
    if (system(cmd))
        abort();
    free(cmd);
    return have;
}

void rescue_disk_free(struct rescue_disk *d)
{
    free(d->bytes);
}

/* In runs of 1 to 32 neighbours, of which a third comes last and in any order. */
static size_t *written(const struct rescue_disk *d, uint32_t cluster, size_t *n_out)
{
    size_t n_cl = d->size / cluster, n = 0, n_late = 0, n_runs = 0;
    size_t *order = must(calloc(n_cl + 1, sizeof *order));
    struct run { size_t first, n; } *late = must(calloc(n_cl + 1, sizeof *late));
    uint32_t state = 7;

    for (size_t i = 0; i < n_cl; n_runs++) {
        size_t run = 0, most = 1 + draw(&state) % 32;

        while (run < most && i + run < n_cl &&
               !bytes_all_zero(d->bytes + (i + run) * cluster, cluster))
            run++;
        if (run && draw(&state) % 3 == 0)
            late[n_late++] = (struct run){ i, run };
        else
            for (size_t k = 0; k < run; k++)
                order[n++] = i + k;
        i += run ? run : 1;
    }
    while (n_late) {
        size_t pick = draw(&state) % n_late;

        for (size_t k = 0; k < late[pick].n; k++)
            order[n++] = late[pick].first + k;
        late[pick] = late[--n_late];
    }
    free(late);
    *n_out = n;
    return order;
}

static void compare_marks(const struct rescue_disk *d, const struct rescue_memory *m,
                          struct rescue_disk_found *out)
{
    uint32_t grain = rescue_grain(m->g);
    bool all_free = true;

    for (size_t at = 0; at < d->size; at += grain) {
        enum rescue_use use = rescue_use_at(m->g, at);
        bool zero = bytes_all_zero(d->bytes + at, grain);

        out->used_but_free += use == USE_FREE && !zero;
        out->empty_but_content += use == USE_CONTENT && zero;
        all_free = all_free && use == USE_FREE;
        if ((at + grain) % m->cluster == 0) {
            out->not_free += !all_free;
            all_free = true;
        }
    }
}

void rescue_disk_ask(const struct rescue_disk *d, uint32_t cluster,
                     enum rescue_disk_order order, const struct rescue_witness *const *list,
                     struct rescue_disk_found *out)
{
    const struct rescue_file_extent *extent;
    struct rescue_memory m;
    struct rescue_pin pin;
    size_t n = 0, *lie = order == ORDER_WRITTEN ? written(d, cluster, &n) : NULL;

    *out = (struct rescue_disk_found){ 0 };
    rescue_memory_open(&m, d->bytes, d->size, cluster, lie, n);
    out->candidates = m.n;
    out->wrong_likely = rescue_memory_ask_all(&m, list, SURE_LIKELY, &out->likely);
    for (size_t i = 0; i < m.n; i++)
        if (rescue_pinned(m.g, i, &pin) && pin.sure == SURE_CERTAIN) {
            if (memcmp(d->bytes + pin.guest_cl * cluster, d->bytes + m.order[i] * cluster,
                       cluster))
                out->wrong_certain++;
            else
                out->certain++;
        }
    compare_marks(d, &m, out);
    extent = rescue_extents(m.g, &out->extents);
    for (size_t i = 0; i < out->extents; i++)
        out->misread += extent[i].guest_off + extent[i].len > d->size;
    rescue_memory_close(&m);
    free(lie);
}

void rescue_disk_mutate(const struct rescue_disk *d, uint32_t cluster,
                        const struct rescue_witness *const *list, unsigned n)
{
    struct rescue_disk copy = { must(malloc(d->size)), d->size };
    struct rescue_disk_found found;
    uint32_t state = 99;

    for (unsigned i = 0; i < n; i++) {
        memcpy(copy.bytes, d->bytes, d->size);
        /* Half of the changes go to the tables at the start of the partition. */
        for (unsigned k = 0; k < 40 + i % 2000; k++) {
            size_t reach = draw(&state) % 2 ? copy.size : copy.size / 8;
            size_t at = ((size_t)draw(&state) << 8 ^ draw(&state)) % reach;

            if (copy.bytes[at])
                copy.bytes[at] = draw(&state) % 3 ? (uint8_t)draw(&state) : 0xff;
        }
        rescue_disk_ask(&copy, cluster, ORDER_CONVERTED, list, &found);
    }
    free(copy.bytes);
}
