/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "insight/file_types.h"

#ifdef HAVE_LIBMAGIC

#include <magic.h>
#include <pthread.h>
#include <string.h>

#include "base/library.h"
#include "base/num.h"

#define MAGIC_CALLS(X) \
    X(magic_buffer) X(magic_close) X(magic_load) X(magic_open) X(magic_setparam)
struct magic_lib { MAGIC_CALLS(LIBRARY_CALL) };

static struct magic_lib lib;
static const char *const names[] = { MAGIC_CALLS(LIBRARY_NAME) };
static struct library library =
    LIBRARY(LIBMAGIC, "file-libs", "more kinds of files", names, lib);

/* Rules only: no decompression, no containers, no guesses about text. */
#define FLAGS (MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR | \
               MAGIC_NO_CHECK_TEXT | MAGIC_NO_CHECK_ELF | MAGIC_NO_CHECK_CDF | \
               MAGIC_NO_CHECK_TOKENS | MAGIC_NO_CHECK_ENCODING)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static magic_t rules;                   /* until the program ends */

static const struct { const char *mime, *words; } types[] = {
    { "application/x-7z-compressed", "7-Zip archive" },
    { "application/x-rar", "RAR archive" },
    { "application/vnd.rar", "RAR archive" },
    { "application/x-rpm", "RPM package" },
    { "application/vnd.debian.binary-package", "Debian package" },
    { "application/x-cpio", "cpio archive" },
    { "application/x-archive", "ar archive" },
    { "application/vnd.ms-cab-compressed", "Cabinet archive" },
    { "application/x-lz4", "lz4" },
    { "application/x-lzip", "lzip" },
    { "application/zstd", "zstd" },
    { "application/x-zstd", "zstd" },
    { "application/x-iso9660-image", "ISO 9660 image" },
    { "application/x-java-applet", "Java class" },
    { "application/x-mach-binary", "Mach-O program" },
    { "application/postscript", "PostScript document" },
    { "application/CDFV2", "Office document" },
    { "application/x-ole-storage", "Office document" },
    { "audio/flac", "FLAC audio" },
    { "audio/midi", "MIDI music" },
    { "video/x-matroska", "Matroska media" },
    { "video/webm", "WebM media" },
    { "video/x-ms-asf", "ASF media" },
    { "image/tiff", "TIFF image" },
    { "image/fits", "FITS image" },
    { "image/vnd.adobe.photoshop", "Photoshop image" },
    { "font/woff", "WOFF font" },
    { "font/woff2", "WOFF font" },
    { "font/otf", "OpenType font" },
};

bool file_types_supported(struct error *err)
{
    return library_load(&library, err);
}

bool file_types_load(void)
{
    size_t bytes = FILE_TYPE_BYTES_MAX, regex = 256, depth = 5;

    if (rules)
        return true;
    if (!file_types_supported(NULL))
        return false;
    rules = lib.magic_open(FLAGS);
    if (!rules)
        return false;
    if (lib.magic_load(rules, NULL) != 0) {
        lib.magic_close(rules);
        rules = NULL;
        return false;
    }
    (void)lib.magic_setparam(rules, MAGIC_PARAM_BYTES_MAX, &bytes);
    (void)lib.magic_setparam(rules, MAGIC_PARAM_REGEX_MAX, &regex);
    (void)lib.magic_setparam(rules, MAGIC_PARAM_INDIR_MAX, &depth);
    return true;
}

const char *file_type_of(const uint8_t *bytes, size_t len)
{
    const char *mime;
    const char *words = NULL;

    if (!rules)
        return NULL;
    pthread_mutex_lock(&lock);
    mime = lib.magic_buffer(rules, bytes, (size_t)u64_min(len, FILE_TYPE_BYTES_MAX));
    for (size_t i = 0; mime && !words && i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].mime, mime) == 0)
            words = types[i].words;
    pthread_mutex_unlock(&lock);
    return words;
}

#else

bool file_types_supported(struct error *err)
{
    return err_set(err, ERR_USAGE, "this build lacks libmagic");
}

bool file_types_load(void)
{
    return false;
}

const char *file_type_of(const uint8_t *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    return NULL;
}

#endif
