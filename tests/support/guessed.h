/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What was guessed about a built image. */
#ifndef QCHECK_TESTS_GUESSED_H
#define QCHECK_TESTS_GUESSED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "scan/scan.h"
#include "support/image_builder.h"

static inline void set(struct builder *b, const char *field, uint64_t value)
{
    builder_poke_field(b, "header", 0, field, value);
}

/* An image with three L2 tables in use. */
static inline struct builder *built(struct builder_options o)
{
    struct builder *b = builder_new(o);
    uint64_t per_l2 = b->geo.l2_entries, clusters = b->geo.guest_clusters;

    for (uint64_t i = 1; i < b->reftable_clusters; i++)     /* one, as from qemu-img */
        builder_set_refcount(b, b->reftable_off / b->geo.cluster_size + i, 0);
    set(b, "refcount_table_clusters", 1);
    for (uint64_t t = 0; t < 3; t++)
        for (uint64_t i = 0; i < 3; i++)
            if (t * per_l2 + i < clusters)
                builder_map(b, t * per_l2 + i);
    return b;
}

static inline struct builder *usual(void)
{
    return built(BUILDER_DEFAULTS);
}

static inline const struct guess *guess_of(const struct image *img, const char *field)
{
    for (size_t i = 0; i < img->guesses.n; i++)
        if (strcmp(img->guesses.list[i].field, field) == 0)
            return &img->guesses.list[i];
    return NULL;
}

static inline void assert_guess(const struct image *img, const char *field,
                                enum guess_how how, uint64_t value, const char *why)
{
    const struct guess *g = guess_of(img, field);

    if (!g)
        fail_msg("nothing was guessed about %s", field);
    assert_int_equal(g->how, how);
    assert_int_equal(g->value, value);
    if (!strstr(g->why, why))
        fail_msg("%s: '%s' does not say '%s'", field, g->why, why);
}

/* The image scans as the sound one did: no problem but those with the header. */
static inline void assert_scans_clean(const struct image *img)
{
    struct scan_result *r = NULL;
    struct error err;

    if (!scan_run(img, NULL, NULL, &r, &err))
        fail_msg("%s", err.text);
    for (int k = 0; k < N_PROBLEMS; k++)
        if (r->problems.count[k] && k != PROBLEM_HEADER_REPLACED &&
            problem_info((enum problem_kind)k)->severity != SEV_NOTE)
            fail_msg("%s: %s", problem_info((enum problem_kind)k)->id,
                     img->guesses.n ? img->guesses.list[img->guesses.n - 1].field : "");
    assert_int_equal(r->problems.count[PROBLEM_HEADER_REPLACED],
                     guesses_taken(&img->guesses));
    scan_free(r);
}

static inline struct image *opened(const struct builder *b)
{
    struct image *img = NULL;
    struct error err = { .code = ERR_NONE };

    if (!image_open(builder_source(b), NULL, &img, &err))
        fail_msg("%s", err.text);
    return img;
}

static inline void assert_fails(const struct builder *b, const char *word)
{
    struct source *src = builder_source(b);
    struct image *img = NULL;
    struct error err = { .code = ERR_NONE };

    assert_false(image_open(src, NULL, &img, &err));
    if (!strstr(err.text, word))
        fail_msg("'%s' does not say '%s'", err.text, word);
    source_close(src);
}

#endif
