/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What a candidate looks like. */
#include "config.h"

#include <string.h>

#include "base/num.h"
#include "plan/rescue/align_inside.h"

/* Text, and as even as what is packed or encrypted. */
static void kind_of(const uint8_t *bytes, size_t len, bool *is_text, bool *is_dense)
{
    unsigned count[256] = { 0 };
    size_t text = 0, even = 0;

    for (size_t i = 0; i < len; i++)
        count[bytes[i]]++;
    for (unsigned c = 0; c < 256; c++) {
        if (c == '\n' || c == '\r' || c == '\t' || (c >= ' ' && c < 127))
            text += count[c];
        even += (size_t)count[c] * count[c];
    }
    *is_text = (text + count[0]) * 32 >= len * 31;
    /* random bytes: len + len * len / 256 */
    *is_dense = even < len * 2 + len * len / 256;
}

static bool begins_as_a_file(const uint8_t *b)
{
    static const struct { uint8_t n; char bytes[9]; } magics[] = {
        { 3, "\xff\xd8\xff" }, { 4, "\x7f" "ELF" }, { 8, "\x89PNG\r\n\x1a\n" },
        { 4, "PK\x03\x04" }, { 5, "%PDF-" }, { 3, "\x1f\x8b\x08" }, { 6, "GIF89a" },
        { 4, "\x28\xb5\x2f\xfd" }, { 6, "\xfd" "7zXZ" }, { 4, "OggS" },
        { 8, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" }, { 6, "7z\xbc\xaf\x27\x1c" },
    };

    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (memcmp(b, magics[i].bytes, magics[i].n) == 0)
            return true;
    return false;
}

uint32_t print_block_len(size_t cluster)
{
    size_t len = cluster / BLOCKS > 4096 ? cluster / BLOCKS : 4096;

    return (uint32_t)(len < cluster ? len : cluster);
}

static void take_blocks(struct print *p, const uint8_t *bytes, size_t len)
{
    size_t block = print_block_len(len), look = block < 4096 ? block : 4096;
    bool text = false, dense = false, was_text = false, was_dense = false, empty_before = true;

    for (size_t k = 0; k * block < len; k++) {
        const uint8_t *b = bytes + k * block;
        unsigned bit = 1u << k;

        if (bytes_all_zero(b, look)) {
            empty_before = true;
            continue;
        }
        kind_of(b, look, &text, &dense);
        p->text |= (uint16_t)(text ? bit : 0);
        p->dense |= (uint16_t)(dense ? bit : 0);
        p->text_edge |= (uint16_t)(!empty_before && text != was_text ? bit : 0);
        p->dense_edge |= (uint16_t)(!empty_before && dense != was_dense ? bit : 0);
        empty_before = false;
        was_text = text;
        was_dense = dense;
    }
}

/* Where a file starts in a part, and where one ends in it. */
static void take_part(struct print *p, size_t i, const uint8_t *bytes, size_t len)
{
    size_t zeros = 0;

    for (size_t at = 0; at + 512 <= len; at += 512)
        if (begins_as_a_file(bytes + at))
            p->magic[i / 64] |= UINT64_C(1) << i % 64;
    while (zeros < len && !bytes[len - 1 - zeros])
        zeros++;
    if (zeros < TAIL_MIN)
        return;
    if (p->n_tails < PRINT_TAILS)
        p->tail[p->n_tails] = (struct print_tail){ (uint8_t)i, (uint16_t)zeros };
    if (p->n_tails <= PRINT_TAILS)
        p->n_tails++;
}

void print_take(struct print *p, const uint8_t *bytes, size_t len)
{
    size_t part = len / PARTS > 512 ? len / PARTS : 512;

    *p = (struct print){ .text = 0 };
    for (size_t i = 0; i * part < len && i < PARTS; i++)
        if (!bytes_all_zero(bytes + i * part, part)) {
            p->nonzero[i / 64] |= UINT64_C(1) << i % 64;
            take_part(p, i, bytes + i * part, part);
        }
    take_blocks(p, bytes, len);
}

/* Cost of a file that goes on from the end of one candidate at the head of the next. */
int print_other_kind(const struct print *a, const struct print *b, unsigned last)
{
    bool dense = a->dense >> last & 1, text = a->text >> last & 1;

    if (!(a->nonzero[1] >> 63 || last < BLOCKS - 1))
        return 0;                       /* it ends with zeros */
    return (dense != (b->dense & 1)) * OTHER_DENSE + (text != (b->text & 1)) * OTHER_TEXT;
}
