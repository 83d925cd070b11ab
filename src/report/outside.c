/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/outside.h"

#include <string.h>

#include "qcow2/names.h"
#include "report/jw.h"

/* Is ".." one of the parts between slashes? */
static bool has_parent(const char *name, size_t len)
{
    size_t at = 0;

    while (at < len) {
        const char *slash = memchr(name + at, '/', len - at);
        size_t end = slash ? (size_t)(slash - name) : len;

        if (end - at == 2 && memcmp(name + at, "..", 2) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

static void judge(struct outside *o, const char *what, const char *name, size_t len)
{
    size_t word = 0;

    *o = (struct outside){ .what = what, .name = name, .len = len };
    while (word < len && name[word] != ':' && name[word] != '/')
        word++;
    if (word < len && name[word] == ':') {
        o->json = word == 4 && memcmp(name, "json", 4) == 0;
        o->protocol = !o->json;
    }
    o->absolute = name[0] == '/';
    o->parent = has_parent(name, len);
}

size_t outside_references(const struct image *img, struct outside out[OUTSIDE_MAX])
{
    size_t n = 0;

    if (img->backing_file && img->backing_file_len)
        judge(&out[n++], "backing file", img->backing_file, img->backing_file_len);
    if (img->data_file && *img->data_file)
        judge(&out[n++], "data file", img->data_file, strlen(img->data_file));
    return n;
}

static void side_file(struct jw *j, const char *kind, const struct side_file *f)
{
    if (f->state == SIDE_NONE)
        return;
    jw_object_flat(j, NULL);
    jw_text(j, "kind", kind);
    jw_text(j, "state", side_state_name(f->state));
    if (f->size)
        jw_u64(j, "size", f->size);
    jw_close(j);
}

void side_files_json(struct jw *j, const struct image *img)
{
    if (img->backing_there.state == SIDE_NONE && img->data_there.state == SIDE_NONE)
        return;
    jw_array(j, "side-files");
    side_file(j, "backing-file", &img->backing_there);
    side_file(j, "data-file", &img->data_there);
    jw_close(j);
}
