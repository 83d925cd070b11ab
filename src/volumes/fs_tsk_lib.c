/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "volumes/fs_work.h"

#ifdef HAVE_LIBTSK

#include <dlfcn.h>
#include <string.h>

#include "volumes/fs_tsk_lib.h"

#define LIBRARY "libtsk.so.19"

static struct tsk_lib calls;
static bool tried, loaded;

static bool load(void)
{
    void *lib = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
    void *at;

    if (!lib)
        return false;
    /* The standard has no cast from object to function pointer; POSIX says they are alike. */
#define X(name) \
    at = dlsym(lib, #name); \
    if (!at) { \
        dlclose(lib); \
        return false; \
    } \
    memcpy(&calls.name, &at, sizeof at);
    TSK_CALLS(X)
#undef X
    /* cppcheck-suppress resourceLeak ; stays loaded until the process ends */
    return true;
}

void fs_libraries_load(void)
{
    if (!tried)
        loaded = load();
    tried = true;
}

const struct tsk_lib *tsk_lib(void)
{
    return loaded ? &calls : NULL;
}

#else

void fs_libraries_load(void)
{
}

#endif
