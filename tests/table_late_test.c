/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Tables on storage that answers late: what has not come is not called unreadable, and the rows
 * are read again when it has. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/source_backend.h"
#include "support/image_builder.h"
#include "ui/view.h"

/* As source_nowait.h while nothing has come. */
struct late {
    struct source base;
    struct source *inner;
    bool answers;
};

static void late_close(struct source *src)
{
    source_free_base(src);
}

static void late_info(struct source *src, struct source_info *out)
{
    *out = source_get_info(((struct late *)src)->inner);
}

static void late_read_many(struct source *src, struct source_req *req, size_t n)
{
    struct late *late = (struct late *)src;

    if (late->answers)
        source_read_many(late->inner, req, n);
    for (size_t i = 0; i < n && !late->answers; i++)
        source_req_lost(&req[i], 0, req[i].got, EAGAIN);
}

struct scene {
    struct builder *b;
    struct image *img, shown;
    struct late *late;
    struct ui ui;
    void *state;
};

static void begin(struct scene *s)
{
    static const struct source_ops ops = { .close = late_close, .info = late_info,
                                           .read_many = late_read_many };
    static const struct patches none;

    *s = (struct scene){ .b = builder_new(BUILDER_DEFAULTS), .late = calloc(1, sizeof *s->late) };
    assert_non_null(s->late);
    builder_map(s->b, 0);
    s->img = builder_open(s->b);
    assert_true(source_init_base(&s->late->base, &ops, "late", source_size(s->img->src), NULL));
    s->late->inner = s->img->src;
    s->shown = *s->img;
    s->shown.src = &s->late->base;
    s->ui = (struct ui){ .img = &s->shown, .problem = NO_PROBLEM, .search = "",
                         .changes = &none };
    assert_true(view_tables.create(&s->ui, &s->state));
}

static void end(struct scene *s)
{
    view_tables.destroy(s->state);
    source_close(&s->late->base);
    image_close(s->img);
    builder_free(s->b);
}

/* Prepares and draws; the caller frees the text of the screen. */
static char *screen(struct scene *s)
{
    struct grid g = { .rows = 0 };
    struct area all;
    struct buf text = BUF_INIT;

    assert_true(grid_init(&g, 24, 100, true));
    all = grid_area(&g);
    view_tables.prepare(s->state, &s->ui, 24, 100);
    view_tables.draw(s->state, &s->ui, &all);
    for (int y = 0; y < 24; y++)
        for (int x = 0; x < 100; x++)
            buf_putc(&text, (char)grid_at(&g, y, x)->ch);
    grid_free(&g);
    return buf_take(&text);
}

static void entries_on_their_way_are_not_called_unreadable(void **state)
{
    struct scene s;
    char *got;

    (void)state;
    begin(&s);
    got = screen(&s);
    assert_non_null(strstr(got, "being read"));
    assert_null(strstr(got, "UNREADABLE"));
    assert_null(strstr(got, "cannot be read"));
    free(got);
    end(&s);
}

static void entries_are_shown_when_they_have_come(void **state)
{
    struct scene s;
    char *got, word[32];
    uint8_t entry[8];

    (void)state;
    begin(&s);
    free(screen(&s));
    s.late->answers = true;
    got = screen(&s);
    assert_true(source_read(s.img->src, s.b->l1_off, entry, sizeof entry, NULL));
    snprintf(word, sizeof word, "0x%016llx", (unsigned long long)be64(entry));
    assert_null(strstr(got, "being read"));
    assert_non_null(strstr(got, word));
    assert_non_null(strstr(got, "1/?"));        /* the refcount has come as well */
    free(got);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_on_their_way_are_not_called_unreadable),
        cmocka_unit_test(entries_are_shown_when_they_have_come),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
