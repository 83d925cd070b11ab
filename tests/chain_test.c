/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "disk/chain.h"
#include "report/guest_list.h"
#include "report/image_end.h"
#include "report/outside.h"
#include "inspect/preallocation.h"
#include "support/image_builder.h"

/* A folder of its own for each test; the test stands in it. */
static int enter_folder(void **state)
{
    char name[] = "/tmp/qcheck-chain-XXXXXX";

    if (!mkdtemp(name) || chdir(name) != 0)
        return -1;
    *state = strdup(name);
    return *state ? 0 : -1;
}

static int leave_folder(void **state)
{
    static const char *const files[] = { "top", "base", "base2", "raw" };
    int ok;

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        unlink(files[i]);
    ok = chdir("/") == 0 && rmdir(*state) == 0;
    free(*state);
    return ok ? 0 : -1;
}

static struct builder *with_backing(const char *name)
{
    struct builder_options opt = BUILDER_DEFAULTS;

    opt.backing_file = name;
    return builder_new(opt);
}

static void save_and_free(struct builder *b, const char *path)
{
    builder_save(b, path);
    builder_free(b);
}

static struct image *open_file(const char *path)
{
    struct source *src;
    struct image *img;

    assert_true(source_open_file(path, &src, NULL));
    assert_true(image_open(src, NULL, &img, NULL));
    return img;
}

static void layers_are_followed_to_the_end(void **state)
{
    struct chain c;
    struct image *img;

    (void)state;
    save_and_free(builder_new(BUILDER_DEFAULTS), "base2");
    save_and_free(with_backing("base2"), "base");
    save_and_free(with_backing("base"), "top");
    img = open_file("top");
    assert_true(chain_open("top", img, true, &c, NULL));
    assert_int_equal(c.n, 2);
    assert_null(c.layer[0].fault);
    assert_null(c.layer[1].fault);
    assert_string_equal(c.layer[1].format, "qcow2");
    chain_close(&c);
    image_close(img);
}

static void nothing_is_opened_that_was_not_asked_for(void **state)
{
    struct chain c;
    struct image *img;

    (void)state;
    save_and_free(builder_new(BUILDER_DEFAULTS), "base");
    save_and_free(with_backing("base"), "top");
    img = open_file("top");
    assert_true(chain_open("top", img, false, &c, NULL));
    assert_int_equal(c.n, 1);
    assert_non_null(c.layer[0].fault);
    assert_null(c.layer[0].img);
    assert_null(c.layer[0].raw);
    chain_close(&c);
    image_close(img);
}

static void a_missing_layer_ends_the_chain_with_a_reason(void **state)
{
    struct chain c;
    struct image *img;

    (void)state;
    save_and_free(with_backing("base"), "top");
    img = open_file("top");
    assert_true(chain_open("top", img, true, &c, NULL));
    assert_int_equal(c.n, 1);
    assert_non_null(c.layer[0].fault);
    chain_close(&c);
    image_close(img);
}

static void a_loop_is_noticed(void **state)
{
    struct chain c;
    struct image *img;

    (void)state;
    save_and_free(with_backing("top"), "base");
    save_and_free(with_backing("./base"), "top");
    img = open_file("top");
    assert_true(chain_open("top", img, true, &c, NULL));
    assert_int_equal(c.n, 2);
    assert_null(c.layer[0].fault);
    assert_non_null(strstr(c.layer[1].fault, "leads back"));
    chain_close(&c);
    image_close(img);
}

static void chain_of(unsigned n, struct chain *out)
{
    char name[16], below[16];
    struct image *img;

    for (unsigned i = 0; i <= n; i++) {
        snprintf(name, sizeof name, "%u", i);
        snprintf(below, sizeof below, "./%u", i + 1);
        save_and_free(with_backing(i < n ? below : NULL), name);
    }
    img = open_file("0");
    assert_true(chain_open("0", img, true, out, NULL));
    image_close(img);
    for (unsigned i = 0; i <= n; i++) {
        snprintf(name, sizeof name, "%u", i);
        unlink(name);
    }
}

static void a_chain_is_followed_as_deep_as_the_limit_and_no_deeper(void **state)
{
    struct chain c;

    (void)state;
    chain_of(CHAIN_MAX, &c);
    assert_int_equal(c.n, CHAIN_MAX);
    assert_null(c.layer[c.n - 1].fault);
    chain_close(&c);
    chain_of(CHAIN_MAX + 1, &c);
    assert_int_equal(c.n, CHAIN_MAX + 1);
    assert_null(c.layer[c.n - 2].fault);
    assert_non_null(strstr(c.layer[c.n - 1].fault, "longer than"));
    chain_close(&c);
}

static void names_of_other_protocols_are_not_opened(void **state)
{
    static const char *const names[] = { "nbd://localhost/x", "rbd:a/b" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct chain c;
        struct image *img;

        save_and_free(with_backing(names[i]), "top");
        img = open_file("top");
        assert_true(chain_open("top", img, true, &c, NULL));
        assert_int_equal(c.n, 1);
        assert_non_null(strstr(c.layer[0].fault, "not the name of a file"));
        assert_null(c.layer[0].path);
        chain_close(&c);
        image_close(img);
    }
}

static void a_file_that_json_describes_is_opened(void **state)
{
    struct chain c;
    struct image *img;

    (void)state;
    save_and_free(builder_new(BUILDER_DEFAULTS), "base");
    save_and_free(with_backing("json:{\"driver\":\"raw\",\"file.filename\":\"base\"}"), "top");
    img = open_file("top");
    assert_true(chain_open("top", img, true, &c, NULL));
    assert_int_equal(c.n, 1);
    assert_null(c.layer[0].fault);
    assert_string_equal(c.layer[0].path, "base");
    assert_string_equal(c.layer[0].format, "raw");
    chain_close(&c);
    image_close(img);
}

/* --- the guest disk through the chain --- */

struct extents { struct mapped_extent x[64]; size_t n; };

static bool keep(void *data, const struct mapped_extent *x)
{
    struct extents *e = data;

    assert_true(e->n < 64);
    e->x[e->n++] = *x;
    return true;
}

static void list(const char *path, struct extents *e)
{
    struct image *img = open_file(path);
    struct chain c;
    struct error err = { 0 };

    e->n = 0;
    assert_true(chain_open(path, img, true, &c, NULL));
    assert_true(guest_list_each(img, LAYER_ACTIVE, &c, keep, e, &err));
    chain_close(&c);
    image_close(img);
}

static void what_the_overlay_lacks_comes_from_below(void **state)
{
    struct builder *base = builder_new(BUILDER_DEFAULTS), *top = with_backing("base");
    struct extents e;
    uint64_t covered = 0;

    (void)state;
    builder_map(base, 0);
    builder_map(base, 1);
    builder_map(base, 2);
    builder_map(top, 1);
    save_and_free(base, "base");
    save_and_free(top, "top");
    list("top", &e);
    assert_int_equal(e.n, 4);
    assert_int_equal(e.x[0].depth, 1);
    assert_int_equal(e.x[1].depth, 0);
    assert_int_equal(e.x[2].depth, 1);
    assert_false(e.x[3].present);
    for (size_t i = 0; i < e.n; i++) {
        assert_int_equal(e.x[i].start, covered);
        covered += e.x[i].length;
    }
    assert_int_equal(covered, 4 << 20);
}

static void zeros_hide_the_layer_below(void **state)
{
    struct builder *base = builder_new(BUILDER_DEFAULTS), *top = with_backing("base");
    struct extents e;

    (void)state;
    builder_map(base, 0);
    builder_map_zero(top, 0, false);
    save_and_free(base, "base");
    save_and_free(top, "top");
    list("top", &e);
    assert_int_equal(e.x[0].depth, 0);
    assert_true(e.x[0].present);
    assert_true(e.x[0].zero);
    assert_int_equal(e.x[0].length, 4096);
}

/* As qemu-img map has it. */
static void past_the_end_of_a_backing_file_the_overlay_has_nothing(void **state)
{
    struct builder *top = with_backing("base");
    struct extents e;
    int fd;

    (void)state;
    builder_map(top, 0);
    save_and_free(top, "top");
    assert_true((fd = open("base", O_WRONLY | O_CREAT, 0600)) >= 0 && ftruncate(fd, 8192) == 0);
    close(fd);
    list("top", &e);
    assert_int_equal(e.n, 3);
    assert_int_equal(e.x[1].depth, 1);
    assert_int_equal(e.x[1].start + e.x[1].length, 8192);
    assert_int_equal(e.x[2].depth, 0);
    assert_false(e.x[2].present);
    assert_true(e.x[2].zero);
}

static void neighbours_in_guest_and_file_are_one_extent(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct extents e;
    uint64_t first = builder_alloc(b, 2);

    (void)state;
    builder_set_l2(b, 10, first | OFLAG_COPIED, 0);
    builder_set_l2(b, 11, (first + 4096) | OFLAG_COPIED, 0);
    builder_map(b, 12);
    builder_map(b, 14);
    save_and_free(b, "top");
    list("top", &e);
    assert_int_equal(e.x[1].start, 10 * 4096);
    assert_true(e.x[1].length >= 2 * 4096);
    assert_int_equal(e.x[1].offset, first);
}

/* --- references to elsewhere --- */

static void odd_names_are_judged(void **state)
{
    static const struct {
        const char *name;
        bool absolute, parent, protocol, json;
    } cases[] = {
        { "base.qcow2", false, false, false, false },
        { "/etc/shadow", true, false, false, false },
        { "../secret", false, true, false, false },
        { "a/../b", false, true, false, false },
        { "a..b/c..", false, false, false, false },
        { "nbd://host/x", false, false, true, false },
        { "json:{}", false, false, false, true },
        { "./a:b", false, false, false, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct builder *b = with_backing(cases[i].name);
        struct image *img = builder_open(b);
        struct outside ref[OUTSIDE_MAX];

        assert_int_equal(outside_references(img, ref), 1);
        assert_int_equal(ref[0].absolute, cases[i].absolute);
        assert_int_equal(ref[0].parent, cases[i].parent);
        assert_int_equal(ref[0].protocol, cases[i].protocol);
        assert_int_equal(ref[0].json, cases[i].json);
        image_close(img);
        builder_free(b);
    }
}

static void an_image_by_itself_refers_to_nothing(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img = builder_open(b);
    struct outside ref[OUTSIDE_MAX];

    (void)state;
    assert_int_equal(outside_references(img, ref), 0);
    image_close(img);
    builder_free(b);
}

/* --- what refcounts and tables tell of the image --- */

static void the_end_is_after_the_last_cluster_with_a_refcount(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    struct image *img;
    uint64_t last, end = 0;

    (void)state;
    builder_map(b, 0);
    last = builder_map(b, 1);
    builder_truncate(b, b->len + 10 * 4096);        /* as on a block device */
    img = builder_open(b);
    assert_true(image_end_by_refcounts(img, &end));
    assert_int_equal(end, last + 4096);
    image_close(img);
    builder_free(b);
}

/* Every cluster size and width; the end as the scan tells it, or none. */
static void the_end_is_that_of_the_scan_or_not_told(void **state)
{
    (void)state;
    for (uint32_t bits = 9; bits <= 16; bits += 7) {
        for (uint32_t order = 0; order <= 6; order++) {
            struct builder_options o = BUILDER_DEFAULTS;
            struct scan_result *r = NULL;
            struct builder *b;
            struct image *img;
            uint64_t end = 0;

            o.cluster_bits = bits;
            o.refcount_order = order;
            b = builder_new(o);
            for (uint64_t g = 0; g < 70; g++)
                builder_map(b, g);
            img = builder_open(b);
            assert_true(scan_run(img, NULL, NULL, &r, NULL));
            assert_true(image_end_by_refcounts(img, &end));
            assert_int_equal(end, r->qemu.image_end_offset);
            scan_free(r);
            image_close(img);
            builder_poke(b, b->reftable_off, 8, 0);     /* all refcounts are lost */
            img = builder_open(b);
            assert_false(image_end_by_refcounts(img, &end));
            image_close(img);
            builder_free(b);
        }
    }
}

/* A table of the same block all over, in a file of exabytes, costs one reading of it. */
static void a_block_named_everywhere_is_read_once(void **state)
{
    struct builder *b = builder_new(BUILDER_DEFAULTS);
    uint64_t block = builder_refblock_off(b, 0), requests, before, bytes, end;
    struct image *img;

    (void)state;
    builder_map(b, 0);
    builder_truncate(b, 64 << 20);
    for (uint64_t i = 0; i < 512; i++)
        builder_poke(b, b->reftable_off + i * 8, 8, block);
    img = builder_open(b);
    source_counters(img->src, &before, &bytes);
    assert_true(image_end_by_refcounts(img, &end));
    source_counters(img->src, &requests, &bytes);
    assert_true(requests - before <= 3);
    image_close(img);
    builder_free(b);
}

static void a_disk_without_gaps_was_preallocated(void **state)
{
    struct builder_options opt = BUILDER_DEFAULTS;
    struct builder *b;
    struct image *img;

    (void)state;
    opt.size = 64 << 10;
    b = builder_new(opt);
    for (uint64_t g = 0; g < 16; g++)
        builder_map(b, g);
    img = builder_open(b);
    assert_string_equal(preallocation_name(preallocation_from_tables(img)), "full");
    image_close(img);
    builder_set_l2(b, 15, 0, 0);
    img = builder_open(b);
    assert_string_equal(preallocation_name(preallocation_from_tables(img)), "off");
    image_close(img);
    builder_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(layers_are_followed_to_the_end, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(nothing_is_opened_that_was_not_asked_for,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_missing_layer_ends_the_chain_with_a_reason,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_loop_is_noticed, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_chain_is_followed_as_deep_as_the_limit_and_no_deeper,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_file_that_json_describes_is_opened, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(names_of_other_protocols_are_not_opened,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(what_the_overlay_lacks_comes_from_below,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(zeros_hide_the_layer_below, enter_folder,
                                        leave_folder),
        cmocka_unit_test_setup_teardown(past_the_end_of_a_backing_file_the_overlay_has_nothing,
                                        enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(neighbours_in_guest_and_file_are_one_extent,
                                        enter_folder, leave_folder),
        cmocka_unit_test(odd_names_are_judged),
        cmocka_unit_test(an_image_by_itself_refers_to_nothing),
        cmocka_unit_test(the_end_is_after_the_last_cluster_with_a_refcount),
        cmocka_unit_test(the_end_is_that_of_the_scan_or_not_told),
        cmocka_unit_test(a_block_named_everywhere_is_read_once),
        cmocka_unit_test(a_disk_without_gaps_was_preallocated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
