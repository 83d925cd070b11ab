/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <string.h>

#include "base/source.h"
#ifdef HAVE_LIBNBD
#include "base/nbd_lib.h"
#endif

static const char *const NBD_SCHEMES[] = {
    "nbd://", "nbds://", "nbd+unix://", "nbds+unix://", "nbd+vsock://", "nbds+vsock://",
};

bool source_name_is_nbd(const char *name)
{
    for (size_t i = 0; i < sizeof NBD_SCHEMES / sizeof NBD_SCHEMES[0]; i++)
        if (!strncmp(name, NBD_SCHEMES[i], strlen(NBD_SCHEMES[i])))
            return true;
    return false;
}

#ifdef HAVE_LIBNBD

bool source_nbd_supported(struct error *err)
{
    return nbd_lib(err) != NULL;
}

#else

bool source_open_nbd(const char *uri, struct source **out, struct error *err)
{
    (void)uri;
    (void)out;
    return source_nbd_supported(err);
}

bool source_nbd_supported(struct error *err)
{
    return err_set(err, ERR_USAGE, "addresses of NBD servers are not supported by this "
                   "build: it was configured without libnbd");
}

#endif

bool source_open(const char *name, struct source **out, struct error *err)
{
    return source_name_is_nbd(name) ? source_open_nbd(name, out, err)
                                    : source_open_file(name, out, err);
}
