/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/nbd_lib.h"

#include <dlfcn.h>
#include <string.h>

#define LIBRARY "libnbd.so.0"

bool nbd_lib_load(struct nbd_lib *out, struct error *err)
{
    void *lib = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    void *at;

    if (!lib)
        return err_set(err, ERR_USAGE, "addresses of NBD servers need %s, which cannot be "
                       "loaded; it is in the package libnbd0", LIBRARY);
    /* The standard has no cast from object to function pointer; POSIX says they are alike. */
#define X(name) \
    at = dlsym(lib, #name); \
    if (!at) { \
        dlclose(lib); \
        return err_set(err, ERR_USAGE, "%s is too old: it has no %s", LIBRARY, #name); \
    } \
    memcpy(&out->name, &at, sizeof at);
    NBD_CALLS(X)
#undef X
    /* cppcheck-suppress resourceLeak ; stays loaded until the program ends */
    return true;
}
