/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "disk/json_name.h"

#define BASE "'file':{'driver':'file','filename':'base'}"

static void a_description_of_a_file_gives_its_path_and_format(void **state)
{
    static const struct { const char *name, *format; } cases[] = {
        { "json:{'driver':'qcow2'," BASE "}", "qcow2" },
        { "json:{\"driver\":\"qcow2\",\"file.filename\":\"base\",\"cache\":{}}", "qcow2" },
        { "json:{\"file.driver\":\"file\",\"file.filename\":\"base\"}", NULL },
        { "json:{" BASE "}", NULL },
        { "json:{'driver':'file','filename':'base'}", NULL },
        { "json:{'driver':'host_device','filename':'base'}", NULL },
        { "json:{'driver':'raw'," BASE "}", "raw" },
        { "json:{'driver':'vmdk'," BASE "}", "vmdk" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct json_name name;

        assert_true(is_json_name(cases[i].name));
        assert_true(json_name_read(cases[i].name, &name, NULL));
        assert_string_equal(name.path, "base");
        assert_string_equal(name.format ? name.format : "", cases[i].format ? cases[i].format : "");
        json_name_free(&name);
    }
}

static void what_is_not_a_file_read_as_a_whole_is_refused(void **state)
{
    static const char *const names[] = {
        "json:", "json:{", "json:[]", "json:1", "json:{'file':1}", "json:{\"driver\":'raw'," BASE "}",
        "json:{'driver':'qcow2','file':'node'}", "json:{'driver':'nbd','host':'h'}",
        "json:{'driver':'https','filename':'base'}", "json:{'filename':1}",
        "json:{'driver':'qcow2','file':{'driver':'ssh','filename':'base'}}",
        "json:{'driver':'raw','offset':512," BASE "}", "json:{'driver':'raw','size':512," BASE "}",
        "json:{'driver':'qcow2','backing':null," BASE "}",
        "json:{'driver':'qcow2','backing.file.filename':'x'," BASE "}",
        "json:{'driver':'qcow2','data-file':{}," BASE "}",
        "json:{'filename':'base','filename':'other'}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct json_name name;
        struct error err;

        assert_false(json_name_read(names[i], &name, &err));
        assert_int_equal(err.code, ERR_FORMAT);
        assert_null(name.path);
        assert_null(name.format);
    }
}

static void other_names_are_not_json(void **state)
{
    (void)state;
    assert_false(is_json_name("jso"));
    assert_false(is_json_name("./json:{}"));
    assert_false(is_json_name("nbd://h/json:"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_description_of_a_file_gives_its_path_and_format),
        cmocka_unit_test(what_is_not_a_file_read_as_a_whole_is_refused),
        cmocka_unit_test(other_names_are_not_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
