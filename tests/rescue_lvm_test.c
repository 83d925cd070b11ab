/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* A disk whose only partition is a physical volume of LVM2, with a file system in a logical
 * volume of two pieces that lie in the wrong order. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/num.h"
#include "support/pattern.h"
#include "support/rescue_disk.h"

#define MIB     ((size_t)1 << 20)
#define EXTENT  (4 * MIB)
#define PV_OFF  MIB
#define PE_OFF  MIB                         /* from there */
#define AREA    4096
#define TEXT_AT 512

static const char ID[] = "aaaaaabbbbccccddddeeeeffffgggggg";
static const char ID_TEXT[] = "aaaaaa-bbbb-cccc-dddd-eeee-ffff-gggggg";

static void put(uint8_t *p, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t lvm_crc(const uint8_t *p, size_t len)
{
    return (uint32_t)~crc32(~UINT32_C(0xf597a6cf), p, (uInt)len);
}

static int write_text(char *text, size_t size, unsigned number, unsigned first, unsigned second)
{
    return snprintf(text, size,
                    "vg {\nid = \"x\"\nseqno = %u\nextent_size = %zu\n"
                    "physical_volumes {\npv0 {\nid = \"%s\"\npe_start = %zu\n}\n}\n"
                    "logical_volumes {\nroot {\nstatus = [\"READ\", \"VISIBLE\"]\n"
                    "segment1 {\nstart_extent = 0\nextent_count = 4\ntype = \"striped\"\n"
                    "stripe_count = 1\nstripes = [\n\"pv0\", %u\n]\n}\n"
                    "segment2 {\nstart_extent = 4\nextent_count = 4\ntype = \"striped\"\n"
                    "stripe_count = 1\nstripes = [\n\"pv0\", %u\n]\n}\n}\n}\n}\n",
                    number, EXTENT / 512, ID_TEXT, PE_OFF / 512, first, second);
}

/* The first half of the volume lies behind the second. In the ring is an older text too. */
static void wrap(const struct rescue_disk *fs, struct rescue_disk *out, bool broken)
{
    size_t pv_len = PE_OFF + 9 * EXTENT, n;
    uint8_t *pv, *area;
    char *text;

    out->size = PV_OFF + pv_len;
    out->bytes = calloc(1, out->size);
    assert_non_null(out->bytes);
    out->bytes[446 + 4] = 0x8e;
    put(out->bytes + 446 + 8, PV_OFF / 512, 4);
    put(out->bytes + 446 + 12, pv_len / 512, 4);
    put(out->bytes + 510, 0xaa55, 2);
    pv = out->bytes + PV_OFF;
    memcpy(pv + 512, "LABELONE", 8);
    put(pv + 512 + 8, 1, 8);
    memcpy(pv + 512 + 24, "LVM2 001", 8);
    memcpy(pv + 512 + 32, ID, 32);
    put(pv + 512 + 64, pv_len, 8);
    put(pv + 512 + 72, PE_OFF, 8);
    put(pv + 512 + 104, AREA, 8);
    put(pv + 512 + 112, PE_OFF - AREA, 8);
    area = pv + AREA;
    memcpy(area + 4, " LVM2 x[5A%r0N*>", 16);
    put(area + 24, AREA, 8);
    write_text((char *)area + TEXT_AT, 4096, 1, 1, 5);
    text = (char *)area + TEXT_AT + 4096;
    n = (size_t)write_text(text, 4096, 2, 5, 0) + 1;
    put(area + 40, TEXT_AT + 4096, 8);
    put(area + 48, n, 8);
    put(area + 56, lvm_crc((const uint8_t *)text, n) + broken, 4);
    memcpy(pv + PE_OFF + 5 * EXTENT, fs->bytes, 4 * EXTENT);
    memcpy(pv + PE_OFF, fs->bytes + 4 * EXTENT, 4 * EXTENT);
}

static bool make_fs(struct rescue_disk *d)
{
    return rescue_disk_make(d, 8 * EXTENT, 0, "mke2fs -q -F -t ext4 -d $FILES $IMG");
}

static void a_file_system_in_pieces_is_placed_as_if_it_were_whole(void **state)
{
    static const struct rescue_witness *const list[] = { &witness_disk, &witness_lvm,
                                                         &witness_ext, NULL };
    struct rescue_disk fs, lvm;

    (void)state;
    if (!make_fs(&fs))
        skip();
    for (uint32_t cluster = 4096; cluster <= 65536; cluster *= 16) {
        struct rescue_disk_found whole, found;

        rescue_disk_ask(&fs, cluster, ORDER_CONVERTED, list, &whole);
        assert_true(whole.certain > 4);
        for (int order = ORDER_CONVERTED; order <= ORDER_WRITTEN; order++) {
            wrap(&fs, &lvm, false);
            rescue_disk_ask(&lvm, cluster, (enum rescue_disk_order)order, list, &found);
            assert_int_equal(found.wrong_certain, 0);
            assert_int_equal(found.wrong_likely, 0);
            assert_int_equal(found.used_but_free, 0);
            assert_int_equal(found.misread, 0);
            assert_true(found.certain >= whole.certain);
            assert_true(found.likely > whole.likely);       /* the label as well */
            assert_int_equal(found.extents, whole.extents);
            rescue_disk_free(&lvm);
        }
    }
    rescue_disk_free(&fs);
}

static void a_file_system_in_a_volume_that_is_not_known_is_not_put_anywhere(void **state)
{
    static const struct rescue_witness *const list[] = { &witness_disk, &witness_lvm,
                                                         &witness_ext, NULL };
    struct rescue_disk_found found;
    struct rescue_disk fs, lvm;

    (void)state;
    if (!make_fs(&fs))
        skip();
    wrap(&fs, &lvm, true);
    rescue_disk_ask(&lvm, 65536, ORDER_CONVERTED, list, &found);
    assert_int_equal(found.wrong_certain + found.wrong_likely, 0);
    assert_int_equal(found.extents, 0);
    rescue_disk_free(&lvm);
    rescue_disk_free(&fs);
}

static void changed_bytes_do_no_harm(void **state)
{
    static const struct rescue_witness *const list[] = { &witness_disk, &witness_lvm, NULL };
    static uint8_t none[8 * EXTENT];
    struct rescue_disk fs = { none, sizeof none }, lvm;

    (void)state;
    wrap(&fs, &lvm, false);
    rescue_disk_mutate(&lvm, 4096, list, 100);
    rescue_disk_free(&lvm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_system_in_pieces_is_placed_as_if_it_were_whole),
        cmocka_unit_test(a_file_system_in_a_volume_that_is_not_known_is_not_put_anywhere),
        cmocka_unit_test(changed_bytes_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
