/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/luks.h"

#include <string.h>

#include "base/num.h"

#define SECTOR      UINT64_C(512)
#define SLOT_ACTIVE UINT32_C(0x00ac71f3)

static void text(char *out, const uint8_t *at, size_t len)
{
    memcpy(out, at, len);
    out[len] = '\0';
}

bool luks_read(struct source *src, uint64_t off, struct luks *out)
{
    static const uint8_t magic[6] = { 'L', 'U', 'K', 'S', 0xba, 0xbe };
    uint8_t h[LUKS_HEADER_LEN];

    if (!source_read(src, off, h, sizeof h, NULL) || memcmp(h, magic, sizeof magic) != 0 ||
        be16(h + 6) != 1)
        return false;
    *out = (struct luks){
        .version = be16(h + 6),
        .payload_offset = be32(h + 104) * SECTOR,
        .key_bytes = be32(h + 108),
        .master_key_iterations = be32(h + 164),
    };
    text(out->cipher, h + 8, 32);
    text(out->mode, h + 40, 32);
    text(out->hash, h + 72, 32);
    text(out->uuid, h + 168, 40);
    for (size_t i = 0; i < LUKS_SLOTS; i++) {
        const uint8_t *s = h + 208 + i * 48;

        out->slot[i] = (struct luks_slot){
            .active = be32(s) == SLOT_ACTIVE,
            .iterations = be32(s + 4),
            .key_offset = be32(s + 40) * SECTOR,
            .stripes = be32(s + 44),
        };
    }
    return true;
}
