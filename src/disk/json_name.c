/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "disk/json_name.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "json:"

bool is_json_name(const char *name)
{
    return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

/* QEMU takes text in single quotes as well. */
static json_t *parse(const char *text)
{
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    char *copy;

    if (root || strchr(text, '"') || strchr(text, '\\') || !(copy = strdup(text)))
        return root;
    for (char *p = copy; (p = strchr(p, '\'')) != NULL;)
        *p = '"';
    root = json_loads(copy, JSON_REJECT_DUPLICATES, NULL);
    free(copy);
    return root;
}

/* The text {"a": {"b": text}} or {"a.b": text}; without `outer` {"b": text}. */
static const char *text_at(const json_t *root, const char *outer, const char *inner)
{
    const json_t *in = outer ? json_object_get(root, outer) : root;
    const char *text = json_string_value(json_object_get(in, inner));
    char dotted[64];

    if (text || !outer)
        return text;
    snprintf(dotted, sizeof dotted, "%s.%s", outer, inner);
    return json_string_value(json_object_get(root, dotted));
}

static bool is_file_driver(const char *driver)
{
    return !driver || strcmp(driver, "file") == 0 || strcmp(driver, "host_device") == 0;
}

/* Options that change what is read. */
static bool is_read_otherwise(json_t *root)
{
    static const char *const options[] = { "offset", "size", "backing", "data-file" };
    const char *key;
    json_t *value;

    json_object_foreach(root, key, value) {
        for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
            if (strncmp(key, options[i], strlen(options[i])) == 0 &&
                (!key[strlen(options[i])] || key[strlen(options[i])] == '.'))
                return true;
    }
    return false;
}

bool json_name_read(const char *name, struct json_name *out, struct error *err)
{
    json_t *root = parse(name + strlen(PREFIX));
    const char *driver = text_at(root, NULL, "driver");
    const char *path = text_at(root, "file", "filename");
    const char *protocol = text_at(root, "file", "driver");
    bool ok = true;

    *out = (struct json_name){ NULL, NULL };
    if (!path && is_file_driver(driver)) {      /* nothing but the file */
        path = text_at(root, NULL, "filename");
        driver = NULL;
    }
    if (!path || !is_file_driver(protocol) || is_read_otherwise(root)) {
        json_decref(root);
        return err_set(err, ERR_FORMAT, "not the description of a file that is read as a whole");
    }
    out->path = strdup(path);
    ok = out->path && (!driver || (out->format = strdup(driver)));
    json_decref(root);
    if (!ok)
        json_name_free(out);
    return ok || err_set(err, ERR_NOMEM, "out of memory");
}

void json_name_free(struct json_name *name)
{
    free(name->path);
    free(name->format);
    *name = (struct json_name){ NULL, NULL };
}
