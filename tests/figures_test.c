/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The first version of QEMU that opens an image. The versions stand in QEMU's sources: the
 * "since" of qapi/block-core.json, and the commits that brought the features. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "insight/figures.h"
#include "support/image_builder.h"

/* NULL: no version opens it. Takes the builder. */
static void opens_since(struct builder *b, const char *version)
{
    struct image *img = builder_open(b);
    struct figures f;

    figures_of_header(img, &f);
    if (version && f.since)
        assert_string_equal(f.since, version);
    else
        assert_true(!version && !f.since);
    assert_non_null(f.since_for);
    image_close(img);
    builder_free(b);
}

static struct builder *with(uint32_t version, uint32_t cluster_bits, uint64_t incompatible)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    opt.version = version;
    opt.cluster_bits = cluster_bits;
    b = builder_new(opt);
    if (incompatible)
        builder_poke_field(b, "header", 0, "incompatible_features", incompatible);
    return b;
}

static void the_newest_feature_tells_the_first_version(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;

    (void)state;
    opens_since(with(2, 12, 0), "0.10");
    opens_since(with(2, 16, 0), "0.10");
    opens_since(with(2, 17, 0), "0.12");
    opens_since(with(3, 17, 0), "1.1");
    opens_since(with(3, 12, INCOMPAT_DIRTY), "1.2");
    opens_since(with(3, 12, INCOMPAT_DIRTY | INCOMPAT_CORRUPT), "1.7");
    opt.refcount_order = 0;
    opens_since(builder_new(opt), "2.3");
    opt.crypto_len = 4096;
    opens_since(builder_new(opt), "2.10");
    opt = BUILDER_DEFAULTS;
    opt.data_file = "data.raw";
    opens_since(builder_new(opt), "4.0");
    opt = BUILDER_DEFAULTS;
    opt.zstd = true;
    opens_since(builder_new(opt), "5.1");
    opt.cluster_bits = 14;
    opt.extended_l2 = true;
    opens_since(builder_new(opt), "5.2");
    opens_since(with(3, 12, UINT64_C(1) << 40), NULL);
    opens_since(with(3, 12, INCOMPAT_COMPRESSION), NULL);   /* the type is zlib */
    opt = BUILDER_DEFAULTS;
    opt.zstd = true;
    b = builder_new(opt);
    builder_poke_field(b, "header", 0, "incompatible_features", 0);
    opens_since(b, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_feature_tells_the_first_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
