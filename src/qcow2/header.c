/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "qcow2/header.h"

#include <assert.h>
#include <string.h>

#include "qcow2/field.h"
#include "qcow2/spec.h"

/* Which member holds which field; the rest is in the field table. */
#define MEMBER(name) { #name, offsetof(struct header, name) }
static const struct { const char *name; size_t at; } MEMBERS[] = {
    MEMBER(magic),
    MEMBER(version),
    MEMBER(backing_file_offset),
    MEMBER(backing_file_size),
    MEMBER(cluster_bits),
    MEMBER(size),
    MEMBER(crypt_method),
    MEMBER(l1_size),
    MEMBER(l1_table_offset),
    MEMBER(refcount_table_offset),
    MEMBER(refcount_table_clusters),
    MEMBER(nb_snapshots),
    MEMBER(snapshots_offset),
    MEMBER(incompatible_features),
    MEMBER(compatible_features),
    MEMBER(autoclear_features),
    MEMBER(refcount_order),
    MEMBER(header_length),
    MEMBER(compression_type),
};

static uint64_t load(const char *name, const uint8_t *bytes, size_t len)
{
    const struct field_table *t = field_table("header");
    const struct field *f = field_named(t, name);

    assert(f);
    return field_value(t, f, bytes, len);
}

bool header_has_field(const struct field *f, uint64_t version, uint64_t header_length)
{
    if (f->since > 2 && version == 2)
        return false;
    return f->off < HEADER_V3_LEN || f->off < header_length;
}

void header_decode(const uint8_t *bytes, size_t len, struct header *out)
{
    const struct field_table *t = field_table("header");
    uint64_t version = load("version", bytes, len);
    uint64_t length = load("header_length", bytes, len);

    *out = (struct header){ .refcount_order = 4, .header_length = HEADER_V2_LEN };
    for (size_t i = 0; i < sizeof MEMBERS / sizeof MEMBERS[0]; i++) {
        const struct field *f = field_named(t, MEMBERS[i].name);

        assert(f);
        if (header_has_field(f, version, length))
            *(uint64_t *)(void *)((char *)out + MEMBERS[i].at) =
                field_value(t, f, bytes, len);
    }
}

uint64_t header_value(const struct header *h, const char *name)
{
    size_t i = 0, n = sizeof MEMBERS / sizeof MEMBERS[0];

    while (i < n && strcmp(MEMBERS[i].name, name) != 0)
        i++;
    assert(i < n);
    return *(const uint64_t *)(const void *)((const char *)h + MEMBERS[i].at);
}
