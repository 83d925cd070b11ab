/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "cmd/disk_open.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "disk/block_cipher.h"

static void tell_fault(const char *name, const char *fault)
{
    struct error err = { .code = ERR_IO };

    if (!fault)
        return;
    snprintf(err.text, sizeof err.text, "%s", fault);
    message_error(name, &err);
}

bool disk_files_key(const char *path, struct disk_files *f, struct error *err)
{
    struct source *src;
    bool ok = false;

    if (!source_open_file(path, &src, err))
        return false;
    (void)block_ciphers_load(NULL);     /* who needs one says so, in the sandbox */
    f->key_len = (size_t)u64_min(source_size(src), KEY_FILE_MAX + 1);
    if (f->key_len > KEY_FILE_MAX) {
        err_set(err, ERR_LIMIT, "the key file has more than %d bytes", KEY_FILE_MAX);
    } else {
        f->key = malloc(f->key_len + 1);
        ok = f->key ? source_read(src, 0, f->key, f->key_len, err)
                    : err_set(err, ERR_NOMEM, "out of memory");
    }
    source_close(src);
    return ok;
}

bool disk_files_open(const struct settings *s, const char *name, bool late_sandbox,
                     struct disk_files *out, struct error *err)
{
    struct disk_files f = DISK_FILES_INIT;

    if ((s->key_file && !disk_files_key(s->key_file, &f, err)) ||
        !(late_sandbox ? open_image_only(s, name, &f.img, err)
                           && chain_open(name, f.img, s->backing, &f.chain, err)
                       : open_image_and_chain(s, name, &f.img, &f.chain, err))) {
        disk_files_close(&f);
        return false;
    }
    tell_guesses(name, f.img);
    tell_fault(f.img->data_file ? f.img->data_file : name, f.chain.data.fault);
    for (size_t i = 0; i < f.chain.n; i++) {
        tell_fault(f.chain.layer[i].name, f.chain.layer[i].fault);
        tell_fault(f.chain.layer[i].name, f.chain.layer[i].data.fault);
    }
    *out = f;
    return true;
}

bool disk_files_incomplete(const struct disk_files *f)
{
    bool fault = f->chain.data.fault;

    for (size_t i = 0; i < f->chain.n; i++)
        fault |= f->chain.layer[i].fault || f->chain.layer[i].data.fault;
    return fault;
}

void disk_files_close(struct disk_files *f)
{
    chain_close(&f->chain);
    image_close(f->img);
    free(f->key);
    gone_free(&f->gone);
    spans_free(&f->lost);
    *f = (struct disk_files)DISK_FILES_INIT;
}

bool disk_files_layer(const struct settings *s, const struct disk_files *f,
                      struct disk_layer *out, struct error *err)
{
    return disk_layer_parse(f->img, s->layer ? s->layer : "active", out, err);
}

bool disk_files_disk(const struct disk_files *f, struct disk_layer layer, struct disk **out,
                     struct error *err)
{
    struct disk_options opt = { .chain = &f->chain, .key = f->key, .key_len = f->key_len };

    if (disk_layer_is_active(layer)) {
        opt.gone = f->gone.list;
        opt.n_gone = f->gone.n;
    }
    return disk_open(f->img, layer, &opt, out, err);
}

void tell_lost(const struct settings *s, const char *name, const uint64_t bytes[N_DISK_STATES])
{
    const char *const what[N_DISK_STATES] = {
        [DISK_ABSENT] = s->backing ? "lie in a file that could not be opened"
                                   : "lie in a file that is not open (--backing opens it)",
        [DISK_UNREADABLE] = "could not be read from the storage",
        [DISK_DAMAGED] = "are lost to damage",
        [DISK_ENCRYPTED] = "are encrypted (--key-file reads them)",
    };
    struct error err = { .code = ERR_IO };

    for (int i = 0; i < N_DISK_STATES; i++) {
        if (!what[i] || !bytes[i])
            continue;
        snprintf(err.text, sizeof err.text, "%" PRIu64 " bytes of the disk %s", bytes[i],
                 what[i]);
        message_error(name, &err);
    }
}

int lost_status(const uint64_t bytes[N_DISK_STATES])
{
    for (int i = 0; i < N_DISK_STATES; i++)
        if (bytes[i] && disk_state_lost((enum disk_state)i))
            return STATUS_CORRUPT;
    return STATUS_CLEAN;
}
