/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "base/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static bool load(struct library *l)
{
    void *lib = dlopen(l->file, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);

    for (size_t i = 0; lib && i < l->n; i++) {
        void *at = dlsym(lib, l->names[i]);

        if (!at) {
            dlclose(lib);
            return false;
        }
        /* The standard has no cast from object to function pointer; POSIX says they are alike. */
        memcpy((char *)l->calls + i * sizeof at, &at, sizeof at);
    }
    /* cppcheck-suppress resourceLeak ; stays loaded until the process ends */
    return lib != NULL;
}

bool library_load(struct library *l, struct error *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    bool loaded;

    pthread_mutex_lock(&lock);
    if (!l->tried)
        l->loaded = load(l);
    l->tried = true;
    loaded = l->loaded;
    pthread_mutex_unlock(&lock);
    return loaded || err_set(err, ERR_USAGE, "%s need %s, which cannot be loaded: install %s",
                             l->use, l->file, l->packages);
}
