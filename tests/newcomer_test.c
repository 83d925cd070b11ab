/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What somebody sees who opens a sample and knows no keys: what happened to the image without
 * one, its proof within three, and a tour. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insight/cause.h"
#include "support/play.h"
#include "ui/guide.h"

/* A sample with what is known of it once the scan has ended. */
struct sample {
    uint8_t *bytes;
    struct image *img;
    struct chain chain;
    struct scan_result *scan;
    struct insight *insight;
};

static void sample_open(const char *name, struct sample *s)
{
    struct insight_options opt = { .name = "x" };
    struct source *src;
    char path[4096];

    *s = (struct sample){ .bytes = sample_load(name, &src), .chain = CHAIN_INIT };
    sample_path(name, path);
    assert_true(image_open(src, NULL, &s->img, NULL) &&
                chain_open(path, s->img, true, &s->chain, NULL));
    sample_beside(path, s->img);
    opt.chain = &s->chain;
    assert_true(scan_run(s->img, NULL, NULL, &s->scan, NULL) &&
                insight_find(s->scan, &opt, &s->insight, NULL));
}

static void sample_close(struct sample *s)
{
    insight_free(s->insight);
    scan_free(s->scan);
    chain_close(&s->chain);
    image_close(s->img);
    free(s->bytes);
}

/* Does the place line of a screen name something in a cluster of the evidence? */
static bool at_evidence(const char *screen, const struct sample *s, const struct cause *c)
{
    uint64_t cs = s->img->geo.cluster_size;
    const char *line = strstr(screen, "\n| file ");
    unsigned long long off;

    if (!line || sscanf(line, "\n| file %llx", &off) != 1)
        return false;
    for (size_t i = 0; i < c->n_evidence; i++)
        if (off / cs == c->evidence[i].place.file_off / cs)
            return true;
    return false;
}

/* The names in the list of samples, one after the other. */
static bool next_sample(FILE *list, char *name, size_t room)
{
    char line[1024];

    while (fgets(line, sizeof line, list)) {
        if (*line == '#' || !strchr(line, ' '))
            continue;
        snprintf(name, room, "%.*s", (int)strcspn(line, " "), line);
        return true;
    }
    return false;
}

static FILE *open_data(const char *file)
{
    const char *top = getenv("top_srcdir");
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/data/samples/%s", top ? top : ".", file);
    f = fopen(path, "r");
    assert_non_null(f);
    return f;
}

static void a_cause_is_seen_without_a_key_and_its_proof_within_three(void **state)
{
    FILE *list = open_data("INDEX");
    unsigned causes = 0;
    char name[64];

    (void)state;
    while (next_sample(list, name, sizeof name)) {
        const struct play play = { .script = "wait shot:overview Enter Enter shot:proof",
                                   .depth = DEPTH_16, .backing = true };
        const char *title, *proof;
        struct buf got = BUF_INIT;
        struct sample s;

        sample_open(name, &s);
        if (s.insight->n) {
            causes++;
            play_sample(name, &play, &got);
            proof = strstr(buf_str(&got), "== proof");
            title = strstr(buf_str(&got), cause_info(s.insight->list[0].kind)->title);
            if (!title || title > proof)
                fail_msg("%s does not show its cause:\n%s", name, buf_str(&got));
            if (!at_evidence(proof, &s, &s.insight->list[0]))
                fail_msg("%s does not lead to a proof:\n%s", name, proof);
            buf_free(&got);
        }
        sample_close(&s);
    }
    fclose(list);
    assert_true(causes > 30);
}

static void tours(struct buf *out)
{
    FILE *f = open_data("TOURS");
    char line[2048];

    while (fgets(line, sizeof line, f))
        buf_puts(out, line);
    fclose(f);
}

static void assert_tour(const char *name, const char *all, struct guide *g)
{
    struct buf script = BUF_INIT;
    struct sample s;
    struct ui ui = { 0 };

    if (!guide_script(all, name, &script))
        fail_msg("%s has no tour", name);
    sample_open(name, &s);
    ui.img = s.img;
    ui.scan = s.scan;
    ui.insight = s.insight;
    guide_make(g, &ui, buf_str(&script));
    if (g->missed || g->n < GUIDE_STEPS_MIN || g->n > GUIDE_STEPS_MAX)
        fail_msg("the tour of %s has %zu steps, and places for %zu are missing", name, g->n,
                 g->missed);
    for (size_t i = 0; i < g->n; i++) {
        size_t len = strlen(g->step[i].text);

        if (len < 10 || len + 1 >= sizeof g->step[i].text ||
            !place_complete(s.img, &g->step[i].place))
            fail_msg("step %zu of %s: \"%s\"", i + 1, name, g->step[i].text);
    }
    sample_close(&s);
    buf_free(&script);
}

static void every_sample_has_a_tour_of_places_that_are_there(void **state)
{
    FILE *list = open_data("INDEX");
    struct guide g, before;
    struct buf all = BUF_INIT;
    char name[64];

    (void)state;
    tours(&all);
    before.n = 0;
    while (next_sample(list, name, sizeof name)) {
        assert_tour(name, buf_str(&all), &g);
        if (before.n) {         /* beginning and end are of this sample only */
            assert_string_not_equal(g.step[0].text, before.step[0].text);
            assert_string_not_equal(g.step[g.n - 1].text, before.step[before.n - 1].text);
        }
        before = g;
    }
    fclose(list);
    buf_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cause_is_seen_without_a_key_and_its_proof_within_three),
        cmocka_unit_test(every_sample_has_a_tour_of_places_that_are_there),
    };

    setlocale(LC_ALL, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
