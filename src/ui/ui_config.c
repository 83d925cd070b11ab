/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/ui_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void config_init(struct ui_config *c)
{
    *c = (struct ui_config){ .mouse = true };
    theme_colours_init(&c->colours);
}

void config_free(struct ui_config *c)
{
    for (int i = 0; i < N_ACTIONS; i++)
        free(c->keys.keys[i]);
    config_init(c);
}

/* --- values --- */

static bool on_or_off(const char *value, bool *out, struct error *err)
{
    bool on = strcmp(value, "on") == 0;

    if (!on && strcmp(value, "off") != 0)
        return err_set(err, ERR_FORMAT, "on or off, please");
    *out = on;
    return true;
}

static bool set_theme(struct ui_config *c, const char *value, struct error *err)
{
    if (!theme_by_name(value, &c->theme))
        return err_set(err, ERR_FORMAT, "there is no theme of this name");
    c->has_theme = true;
    return true;
}

static bool set_numbers(struct ui_config *c, const char *value, struct error *err)
{
    for (int s = 0; s < N_NUMBER_STYLES; s++) {
        if (strcmp(value, number_style_id((enum number_style)s)) == 0) {
            c->numbers = (enum number_style)s;
            c->has_numbers = true;
            return true;
        }
    }
    return err_set(err, ERR_FORMAT, "hex, decimal or size, please");
}

/* "F5 Ctrl-K": every word must be a key. */
static bool keys_exist(const char *keys, struct error *err)
{
    const char *p = keys;

    while (*p) {
        size_t len = strcspn(p, " ");

        if (len && !key_code(p, len))
            return err_set(err, ERR_FORMAT, "there is no key of the name %.*s",
                           (int)(len < 40 ? len : 40), p);
        p += len + (p[len] == ' ');
    }
    return *keys || err_set(err, ERR_FORMAT, "which key?");
}

static bool set_key(struct ui_config *c, const char *name, const char *value, struct error *err)
{
    enum action action;
    char *keys;

    if (!action_by_id(name, &action))
        return err_set(err, ERR_FORMAT, "there is no action of this name; the manual lists them");
    if (!keys_exist(value, err))
        return false;
    keys = strdup(value);
    if (!keys)
        return err_set(err, ERR_NOMEM, "out of memory");
    free(c->keys.keys[action]);
    c->keys.keys[action] = keys;
    c->keys.line[action] = c->line;
    return true;
}

/* --- lines --- */

static char *trimmed(char *s)
{
    size_t len;

    s += strspn(s, " \t\r");
    len = strlen(s);
    while (len && strchr(" \t\r", s[len - 1]))
        s[--len] = '\0';
    return s;
}

static bool set(struct ui_config *c, char *name, char *value, struct error *err)
{
    char *what = name + strcspn(name, " \t");

    if (*what)
        *what++ = '\0';
    what = trimmed(what);
    if (strcmp(name, "key") == 0)
        return set_key(c, what, value, err);
    if (strcmp(name, "colour") == 0 || strcmp(name, "color") == 0)
        return theme_colours_set(&c->colours, what, value, err);
    if (*what)
        return err_set(err, ERR_FORMAT, "not understood");
    if (strcmp(name, "theme") == 0)
        return set_theme(c, value, err);
    if (strcmp(name, "numbers") == 0)
        return set_numbers(c, value, err);
    if (strcmp(name, "mouse") == 0)
        return on_or_off(value, &c->mouse, err) && (c->has_mouse = true);
    if (strcmp(name, "ascii") == 0)
        return on_or_off(value, &c->ascii, err) && (c->has_ascii = true);
    return err_set(err, ERR_FORMAT, "there is no setting of this name");
}

/* A "#" begins a comment at the start of a line and after a blank, but not in "= #ff8800". */
static void cut_comment(char *line)
{
    for (char *p = line; *p; p++) {
        const char *before = p > line ? p - 1 : NULL;

        while (before && before > line && (*before == ' ' || *before == '\t'))
            before--;
        if (*p == '#' && (p == line || ((p[-1] == ' ' || p[-1] == '\t') && *before != '='))) {
            *p = '\0';
            return;
        }
    }
}

static bool take_line(struct ui_config *c, char *line, struct error *err)
{
    char *equals;

    cut_comment(line);
    line = trimmed(line);
    if (!*line)
        return true;
    equals = strchr(line, '=');
    if (!equals)
        return err_set(err, ERR_FORMAT, "no \"name = value\"");
    *equals = '\0';
    return set(c, trimmed(line), trimmed(equals + 1), err);
}

bool config_parse(struct ui_config *c, const char *text, struct error *err)
{
    char line[1024];
    struct error why;

    for (unsigned number = 1; *text; number++) {
        size_t len = strcspn(text, "\n");

        c->line = number;
        if (len >= sizeof line)
            return err_set(err, ERR_FORMAT, "line %u is too long", number);
        memcpy(line, text, len);
        line[len] = '\0';
        if (!take_line(c, line, &why))
            return err_set(err, ERR_FORMAT, "line %u: %.200s", number, why.text);
        text += len + (text[len] == '\n');
    }
    return keymap_check(&c->keys, err);
}

/* --- the file --- */

static bool config_path(char path[4096])
{
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int n = -1;

    if (base && *base == '/')
        n = snprintf(path, 4096, "%s/qcheck/config", base);
    else if (home && *home == '/')
        n = snprintf(path, 4096, "%s/.config/qcheck/config", home);
    if (n > 0 && n < 4096)
        return true;
    path[0] = '\0';
    return false;
}

/* NULL without an error: there is none. Does not wait for the other end of a pipe. */
static FILE *config_open(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    FILE *f = NULL;

    err->code = ERR_NONE;
    if (fd < 0) {
        if (errno != ENOENT && errno != ENOTDIR)
            err_set_sys(err, errno, "cannot be read");
    } else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        err_set(err, ERR_USAGE, "is not a file");
    } else if (!(f = fdopen(fd, "r"))) {
        err_set_sys(err, errno, "cannot be read");
    }
    if (!f && fd >= 0)
        close(fd);
    return f;
}

bool config_load(struct ui_config *c, char path[4096], struct error *err)
{
    char *text;
    size_t len;
    FILE *f;
    bool ok;

    if (!config_path(path))
        return true;
    f = config_open(path, err);
    if (!f)
        return err->code == ERR_NONE;
    text = malloc(CONFIG_BYTES_MAX + 1);
    len = text ? fread(text, 1, CONFIG_BYTES_MAX + 1, f) : 0;
    fclose(f);
    if (!text || len > CONFIG_BYTES_MAX) {
        free(text);
        return err_set(err, ERR_LIMIT, "too long for a configuration");
    }
    text[len] = '\0';
    ok = config_parse(c, text, err);
    free(text);
    return ok;
}
