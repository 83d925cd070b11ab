/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The configuration file of the inspector. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ui/ui_config.h"

static struct ui_config config;
static struct error err;

static bool parse(const char *text)
{
    config_free(&config);
    err.text[0] = '\0';
    return config_parse(&config, text, &err);
}

static void assert_refused(const char *text, const char *why)
{
    assert_false(parse(text));
    if (!strstr(err.text, why))
        fail_msg("\"%s\" instead of \"%s\"", err.text, why);
}

static void settings_are_read(void **state)
{
    (void)state;
    assert_true(parse("# mine\n\n theme = light\nmouse=off  # please\nnumbers = decimal\r\n"
                      "ascii = on"));
    assert_true(config.has_theme && config.theme == THEME_LIGHT);
    assert_true(config.has_mouse && !config.mouse);
    assert_true(config.has_numbers && config.numbers == NUMBER_DEC);
    assert_true(config.ascii);
}

static void nothing_leaves_all_as_it_is(void **state)
{
    (void)state;
    assert_true(parse(""));
    assert_true(!config.has_theme && config.mouse && !config.ascii);
    assert_int_equal(key_action(&config.keys, VIEW_HEX, 'q'), ACT_QUIT);
}

static void faults_name_their_line(void **state)
{
    (void)state;
    assert_refused("theme = light\nthem = dark\n", "line 2: there is no setting");
    assert_refused("theme = pink\n", "line 1: there is no theme");
    assert_refused("mouse = maybe\n", "on or off");
    assert_refused("mouse\n", "no \"name = value\"");
    assert_refused("key deep-look = Hyper-X\n", "no key of the name Hyper-X");
    assert_refused("key dance = F5\n", "no action");
    assert_refused("key deep-look =\n", "which key");
    assert_refused("colour nothing = red\n", "nothing on the screen");
    assert_refused("colour leaked = rouge\n", "no colour of this name");
    assert_refused("colour leaked = #12345\n", "no colour of this name");
}

static void given_keys_replace_those_of_the_table(void **state)
{
    (void)state;
    assert_true(parse("key deep-look = F5 Ctrl-K\n"));
    assert_int_equal(key_action(&config.keys, VIEW_MAP, KEYCODE_F1 + 4), ACT_DEEP);
    assert_int_equal(key_action(&config.keys, VIEW_HEX, 'K' - '@'), ACT_DEEP);
    assert_int_equal(key_action(&config.keys, VIEW_MAP, 'D'), ACT_NONE);
    assert_int_equal(key_action(NULL, VIEW_MAP, 'D'), ACT_DEEP);
}

static void a_key_that_would_mean_two_things_is_refused(void **state)
{
    (void)state;
    assert_refused("mouse = on\nkey deep-look = q\n", "line 2: q means both deep-look and quit");
    assert_refused("key deep-look = F5\nkey rescan = F5\n", "F5 means both");
    /* a key that became free may be taken */
    assert_true(parse("key quit = F10\nkey deep-look = q\n"));
    assert_int_equal(key_action(&config.keys, VIEW_MAP, 'q'), ACT_DEEP);
}

static void colours_are_of_roles_classes_and_severities(void **state)
{
    int colour = 1;
    char role[32];

    (void)state;
    assert_true(parse("colour leaked = bright-red\ncolor corruption = #ff8800\n"
                      "colour key = blue\n"));
    theme_colours_apply(&config.colours, DEPTH_16, ROLE_CLASS + CLASS_LEAKED, &colour);
    assert_int_equal(colour, 9);
    assert_string_equal(role_name(ROLE_CLASS + CLASS_LEAKED, role), "class:leaked");
    theme_colours_apply(&config.colours, DEPTH_8, ROLE_KEY, &colour);
    assert_int_equal(colour, 4);
    theme_colours_apply(&config.colours, DEPTH_DIRECT, ROLE_SEV + SEV_CORRUPTION, &colour);
    assert_int_equal(colour, COLOUR_RGB | 0xff8800);
    theme_colours_apply(&config.colours, DEPTH_256, ROLE_SEV + SEV_CORRUPTION, &colour);
    assert_int_equal(colour, palette_nearest_256(0xff8800));
    colour = 5;
    theme_colours_apply(&config.colours, DEPTH_16, ROLE_TEXT, &colour);
    theme_colours_apply(&config.colours, DEPTH_MONO, ROLE_KEY, &colour);
    assert_int_equal(colour, 5);
}

static void every_action_with_a_key_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; key_table(i); i++) {
        enum action back;

        assert_non_null(action_id(key_table(i)->action));
        assert_true(action_by_id(action_id(key_table(i)->action), &back));
        assert_int_equal(back, key_table(i)->action);
    }
}

static void only_a_file_is_read(void **state)
{
    char dir[] = "/tmp/qcheck-config-XXXXXX", folder[64], name[80], path[4096];

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(folder, sizeof folder, "%s/qcheck", dir);
    snprintf(name, sizeof name, "%s/config", folder);
    assert_int_equal(setenv("XDG_CONFIG_HOME", dir, 1), 0);
    assert_true(config_load(&config, path, &err));      /* there is none */
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_true(config_load(&config, path, &err));
    assert_int_equal(mkdir(name, 0700), 0);
    assert_false(config_load(&config, path, &err));
    assert_string_equal(err.text, "is not a file");
    assert_int_equal(rmdir(name), 0);
    assert_int_equal(mkfifo(name, 0600), 0);
    assert_false(config_load(&config, path, &err));
    assert_string_equal(err.text, "is not a file");
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(nothing_leaves_all_as_it_is),
        cmocka_unit_test(faults_name_their_line),
        cmocka_unit_test(only_a_file_is_read),
        cmocka_unit_test(given_keys_replace_those_of_the_table),
        cmocka_unit_test(a_key_that_would_mean_two_things_is_refused),
        cmocka_unit_test(colours_are_of_roles_classes_and_severities),
        cmocka_unit_test(every_action_with_a_key_has_a_name_of_its_own),
    };
    int failed;

    config_init(&config);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    config_free(&config);
    return failed;
}
