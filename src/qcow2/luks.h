/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The LUKS header inside an image: what it says in the clear. No key is ever needed or
 * read. Spec: "Full disk encryption header pointer"; LUKS1 on-disk format. */
#ifndef QCHECK_QCOW2_LUKS_H
#define QCHECK_QCOW2_LUKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/source.h"

#define LUKS_HEADER_LEN 592
#define LUKS_SLOTS      8

struct luks_slot {
    bool active;
    uint32_t iterations, stripes;
    uint64_t key_offset;            /* bytes from the start of the LUKS header */
};

/* Strings are as stored, cut at the first NUL. */
struct luks {
    uint32_t version;
    char cipher[33];                /* "aes" */
    char mode[33];                  /* "xts-plain64", "cbc-essiv:sha256" */
    char hash[33];                  /* "sha256" */
    char uuid[41];
    uint32_t key_bytes;
    uint32_t master_key_iterations;
    uint64_t payload_offset;        /* bytes */
    struct luks_slot slot[LUKS_SLOTS];
};

/* Reads the header at host byte `off`. False when it cannot be read or has no LUKS magic
 * of version 1. */
bool luks_read(struct source *src, uint64_t off, struct luks *out);

#endif
