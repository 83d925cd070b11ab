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
#include <sys/wait.h>

#include "support/made_disk.h"

/* Text and noise under a head, from 1 byte to 300 KiB, the same every time. */
static const char FILES[] =
    "mkdir \"$root/deep\" && awk 'BEGIN { srand(7); for (f = 0; f < 24; f++) {\n"
    "  name = ENVIRON[\"root\"] (f % 3 ? \"/\" : \"/deep/\") \"file\" f; n = int(rand() * 40000);\n"
    "  for (i = 0; i < n; i++) {\n"
    "    if (f % 4) printf \"%s \", substr(\"windowriverappleguest\", 1 + int(rand() * 16), 6) > name;\n"
    "    else printf \"%c%c%c\", 1 + rand() * 90, rand() * 120 + 1, 1 + rand() * 99 > name }\n"
    "  printf \"end\" > name; close(name) } }'";

struct made_disk made_disk(const char *tool, const char *command, size_t mib)
{
    struct made_disk d = { NULL, mib << 20 };
    char *script = NULL;
    FILE *out;
    size_t have;
    int status;

    if (asprintf(&script, "PATH=$PATH:/sbin:/usr/sbin; command -v %s >/dev/null || exit 77;"
                 "dir=$(mktemp -d) && trap 'rm -r \"$dir\"' EXIT && export LC_ALL=C root=\"$dir/root\" "
                 "part=\"$dir/part\" && mkdir \"$root\" && %s && truncate -s %zuM \"$part\" && "
                 "{ %s; } >/dev/null 2>&1 && cat \"$part\"", tool, FILES, mib - 1, command) < 0)
        abort();
    d.bytes = calloc(1, d.size);
    out = popen(script, "r");
    if (!d.bytes || !out)
        abort();
    have = fread(d.bytes + MADE_START, 1, d.size - MADE_START, out);
    status = pclose(out);
    free(script);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        made_disk_free(&d);
        print_message("%s is missing\n", tool);
        skip();
    }
    if (status || have != d.size - MADE_START)
        fail_msg("cannot run: %s", command);
    return d;
}

void made_disk_free(struct made_disk *d)
{
    free(d->bytes);
    d->bytes = NULL;
}

static bool empty(const uint8_t *p, size_t len)
{
    return !*p && !memcmp(p, p + 1, len - 1);
}

size_t *made_disk_shuffled(const struct made_disk *d, uint32_t cluster, size_t *n)
{
    size_t *order = calloc(d->size / cluster, sizeof *order);
    uint32_t state = 1;

    if (!order)
        abort();
    *n = 0;
    for (size_t i = 0; i < d->size / cluster; i++)
        if (!empty(d->bytes + i * cluster, cluster))
            order[(*n)++] = i;
    for (size_t i = *n; i > 1; i--) {
        size_t k = (state = state * 1664525 + 1013904223) % i, was = order[k];

        order[k] = order[i - 1];
        order[i - 1] = was;
    }
    return order;
}

/* --- the stand-in for partition tables --- */

static void *begin(struct rescue_guest *g)
{
    (void)g;
    return malloc(1);
}

static bool look(void *self, struct rescue_guest *g, size_t cand, const uint8_t *bytes,
                 size_t len)
{
    (void)self;
    (void)g;
    (void)cand;
    (void)bytes;
    (void)len;
    return true;
}

static bool reason(void *self, struct rescue_guest *g, bool *news, struct error *err)
{
    (void)self;
    (void)err;
    *news |= rescue_volume(g, MADE_START, rescue_size(g) - MADE_START,
                           FOUND_PARTITION);
    return true;
}

const struct rescue_witness witness_of_made_disk = { "made", begin, look, reason, free };

/* --- what must be true --- */

static size_t ask(struct rescue_memory *m, const struct made_disk *d,
                  const struct rescue_witness *w, uint32_t cluster, const size_t *order,
                  size_t n, enum rescue_sure sure, size_t *right)
{
    const struct rescue_witness *const list[] = { &witness_of_made_disk, w, NULL };

    rescue_memory_open(m, d->bytes, d->size, cluster, order, n);
    return rescue_memory_ask_all(m, list, sure, right);
}

void made_disk_expect(const struct made_disk *d, const struct rescue_witness *w,
                      uint32_t cluster, const size_t *order, size_t n, unsigned least)
{
    struct rescue_memory m;
    size_t right, wrong = ask(&m, d, w, cluster, order, n, SURE_LIKELY, &right);

    if (wrong || right * 1000 < m.n * least)
        fail_msg("%s, clusters of %u: of %zu candidates %zu placed right, %zu wrong", w->name,
                 (unsigned)cluster, m.n, right, wrong);
    rescue_memory_close(&m);
}

void made_disk_expect_marks(struct rescue_memory *m, unsigned stale)
{
    uint32_t grain = rescue_grain(m->g);
    size_t n_free = 0, n_stale = 0, n_content = 0;

    for (size_t off = 0; off < m->size; off += grain) {
        enum rescue_use use = rescue_use_at(m->g, off);
        bool is_empty = empty(m->disk + off, grain);

        n_free += use == USE_FREE;
        n_stale += use == USE_FREE && !is_empty;
        n_content += use == USE_CONTENT;
    }
    assert_true(n_free > 0 && n_content > 0);
    if (n_stale * 1000 > n_free * stale)
        fail_msg("%zu of %zu free grains hold something", n_stale, n_free);
}

void made_disk_mutate(struct made_disk *d, const struct rescue_witness *w, uint32_t cluster,
                      size_t from, size_t len, unsigned times)
{
    struct { size_t off; uint8_t was; } hit[64];
    uint32_t state = 3;

    for (unsigned i = 0; i < times; i++) {
        struct rescue_memory m;
        size_t right, n = 1 + i % 64;

        for (size_t k = 0; k < n; k++) {
            size_t off;

            state = state * 1664525 + 1013904223;
            off = from + ((uint64_t)state * 4099) % len;
            while (off + 1 < from + len && !d->bytes[off])
                off++;                  /* most of a disk is zeros */
            hit[k].off = off;
            hit[k].was = d->bytes[off];
            d->bytes[off] = (uint8_t)(k % 3 ? state >> 24 : 0xff);
        }
        assert_int_equal(ask(&m, d, w, cluster, NULL, 0, SURE_CERTAIN, &right), 0);
        rescue_memory_close(&m);
        while (n--)
            d->bytes[hit[n].off] = hit[n].was;
    }
}
