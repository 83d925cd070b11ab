/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* What somebody sees who opens a sample and knows no keys: what happened to the image without
 * one, its proof within three. */
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

struct seen {
    const char *title;          /* of the first cause; NULL: the image has none */
    uint64_t off[EVIDENCE_MAX]; /* of its evidence in the file */
    size_t n;
    uint64_t cluster_size;
};

static void look(const char *name, struct seen *out)
{
    const struct insight_options none = { .name = "x" };
    struct insight_options opt = none;
    struct chain chain = CHAIN_INIT;
    struct scan_result *scan;
    struct source *src;
    struct insight *x;
    struct image *img;
    uint8_t *bytes = sample_load(name, &src);
    char path[4096];

    sample_path(name, path);
    assert_true(image_open(src, NULL, &img, NULL) && chain_open(path, img, true, &chain, NULL));
    sample_beside(path, img);
    assert_true(scan_run(img, NULL, NULL, &scan, NULL));
    opt.chain = &chain;
    assert_true(insight_find(scan, &opt, &x, NULL));
    *out = (struct seen){ .cluster_size = img->geo.cluster_size };
    if (x->n) {
        out->title = cause_info(x->list[0].kind)->title;
        out->n = x->list[0].n_evidence;
        for (size_t i = 0; i < out->n; i++)
            out->off[i] = x->list[0].evidence[i].place.file_off;
    }
    insight_free(x);
    scan_free(scan);
    chain_close(&chain);
    image_close(img);
    free(bytes);
}

/* Does the place line of a screen name something in a cluster of the evidence? */
static bool at_evidence(const char *screen, const struct seen *seen)
{
    const char *line = strstr(screen, "\n| file ");
    unsigned long long off;

    if (!line || sscanf(line, "\n| file %llx", &off) != 1)
        return false;
    for (size_t i = 0; i < seen->n; i++)
        if (off / seen->cluster_size == seen->off[i] / seen->cluster_size)
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

static FILE *samples(void)
{
    const char *top = getenv("top_srcdir");
    char path[4096];
    FILE *list;

    snprintf(path, sizeof path, "%s/data/samples/INDEX", top ? top : ".");
    list = fopen(path, "r");
    assert_non_null(list);
    return list;
}

static void a_cause_is_seen_without_a_key_and_its_proof_within_three(void **state)
{
    FILE *list = samples();
    unsigned causes = 0;
    char name[64];

    (void)state;
    while (next_sample(list, name, sizeof name)) {
        const struct play play = { .script = "wait shot:overview Enter Enter shot:proof",
                                   .depth = DEPTH_16, .backing = true };
        struct buf got = BUF_INIT;
        struct seen seen;
        const char *proof;

        look(name, &seen);
        if (!seen.title)
            continue;
        causes++;
        play_sample(name, &play, &got);
        proof = strstr(buf_str(&got), "== proof");
        if (!strstr(buf_str(&got), seen.title) || strstr(buf_str(&got), seen.title) > proof)
            fail_msg("%s does not show \"%s\"", name, seen.title);
        if (!at_evidence(proof, &seen))
            fail_msg("%s does not lead to a proof:\n%s", name, proof);
        buf_free(&got);
    }
    fclose(list);
    assert_true(causes > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cause_is_seen_without_a_key_and_its_proof_within_three),
    };

    setlocale(LC_ALL, "");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
