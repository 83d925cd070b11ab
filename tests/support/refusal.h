/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What QEMU's rules say of a built image. */
#ifndef QCHECK_TESTS_REFUSAL_H
#define QCHECK_TESTS_REFUSAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "scan/scan.h"
#include "support/image_builder.h"

/* Is there a record of what QEMU refuses, and the status that qemu-img gives? */
static inline void assert_recorded(const struct image *img)
{
    struct scan_result *r = NULL;
    struct error err;
    uint64_t n = 0;

    if (!scan_run(img, NULL, NULL, &r, &err))
        fail_msg("%s", err.text);
    for (int s = SEV_CORRUPTION; s <= SEV_WARNING; s++)
        n += s == SEV_LEAK ? 0 : problems_of_severity(&r->problems, (enum severity)s);
    if (!n)
        fail_msg("%s: no problem says why QEMU refuses it", img->refused.id);
    assert_int_equal(scan_exit_status(r), 1);
    scan_free(r);
}

/* Is the image refused by rule `id` (NULL: by none), with `word` in the message? */
static inline void assert_refused_with(const struct builder *b,
                                       const struct image_options *opt,
                                const char *id, const char *word, bool at_check)
{
    struct image *img = NULL;
    struct error err;

    if (!image_open(builder_source(b), opt, &img, &err))
        fail_msg("%s", err.text);
    if (!id) {
        if (img->refused.id)
            fail_msg("refused by %s: %s", img->refused.id, img->refused.text);
        image_close(img);
        return;
    }
    if (!img->refused.id)
        fail_msg("accepted, but %s was expected", id);
    assert_string_equal(img->refused.id, id);
    if (!strstr(img->refused.text, word))
        fail_msg("'%s' does not say '%s'", img->refused.text, word);
    assert_int_equal(img->refused.at_check, at_check);
    assert_recorded(img);
    image_close(img);
}

static inline void assert_refused(const struct builder *b, const char *id,
                                  const char *word)
{
    assert_refused_with(b, NULL, id, word, false);
}

static inline void assert_check_refused(const struct builder *b, const char *id,
                                 const char *word)
{
    assert_refused_with(b, NULL, id, word, true);
}

static inline void assert_accepted(const struct builder *b)
{
    assert_refused_with(b, NULL, NULL, NULL, false);
}

static inline void set(struct builder *b, const char *field, uint64_t value)
{
    builder_poke_field(b, "header", 0, field, value);
}

static inline struct builder *plain(void)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);

    builder_map(b, 0);
    return b;
}

#endif
