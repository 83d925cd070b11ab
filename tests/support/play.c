/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "play.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/reopener.h"
#include "base/source_backend.h"
#include "qcow2/image.h"
#include "ui/app.h"
#include "ui/term_fake.h"

struct gate {
    struct source base;
    struct source *inner;
    pthread_t owner;
    pthread_mutex_t lock;
    pthread_cond_t opened;
    bool open;
};

static void gate_close(struct source *src)
{
    struct gate *g = (struct gate *)src;

    source_close(g->inner);
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->opened);
    source_free_base(src);
}

static void gate_info(struct source *src, struct source_info *out)
{
    *out = source_get_info(((struct gate *)src)->inner);
}

static void gate_read_many(struct source *src, struct source_req *req, size_t n)
{
    struct gate *g = (struct gate *)src;

    if (!pthread_equal(pthread_self(), g->owner)) {
        pthread_mutex_lock(&g->lock);
        while (!g->open)
            pthread_cond_wait(&g->opened, &g->lock);
        pthread_mutex_unlock(&g->lock);
    }
    source_read_many(g->inner, req, n);
}

void gate_open(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->opened);
    pthread_mutex_unlock(&g->lock);
}

struct source *gate_new(struct source *inner, struct gate **out)
{
    static const struct source_ops ops = { .close = gate_close, .info = gate_info,
                                           .read_many = gate_read_many };
    struct gate *g = calloc(1, sizeof *g);

    assert(g && source_init_base(&g->base, &ops, "gate", source_size(inner), NULL));
    g->inner = inner;
    g->owner = pthread_self();
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->opened, NULL);
    *out = g;
    return &g->base;
}

struct shots { const struct play *play; struct buf *out; };

static void take_shot(void *arg, const char *name, const struct grid *g)
{
    const struct shots *s = arg;

    if (strcmp(name, "open-gate") == 0) {
        gate_open(s->play->gate);
        return;
    }
    if (s->play->change && strncmp(name, "change-", 7) == 0) {
        s->play->change(s->play->arg, name + 7);
        return;
    }
    buf_printf(s->out, "== %s\n", name);
    grid_dump(g, s->play->roles, s->out);
}

static void take_copy(void *arg, const char *name, const char *text)
{
    const struct shots *s = arg;

    buf_printf(s->out, "== %s\n%s\n", name, text);
}

static int play_chain(struct source *src, const char *path, const struct play *p, struct buf *out)
{
    struct chain chain = CHAIN_INIT;
    struct shots shots = { p, out };
    struct fake_options fake = { .rows = p->rows ? p->rows : 24,
                                 .cols = p->cols ? p->cols : 80,
                                 .depth = p->depth,
                                 .ascii = p->ascii,
                                 .script = p->script,
                                 .shot = take_shot,
                                 .copied = take_copy,
                                 .arg = &shots };
    struct ui_options opt = { .start = p->start, .tour = p->tour, .disk = { .chain = &chain }, .threads = 1, .theme = p->theme,
                              .layer_a = p->layer_a, .layer_b = p->layer_b, .changes = p->changes };
    struct terminal *term = term_fake_open(&fake);
    struct image *img, *other = NULL;
    struct error err = { .text = "" };
    struct source *other_src;
    uint8_t *other_bytes = NULL;
    struct app *app;
    int signo;

    if (!image_open(src, NULL, &img, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    if (p->other) {
        other_bytes = sample_load(p->other, &other_src);
        assert(image_open(other_src, NULL, &other, &err));
    }
    opt.other = other;
    assert(!p->files || volumes_helper_start(&opt.helper, &err));
    assert(!p->watched || reopener_start(p->watched, false, &opt.reopener, &err));
    assert(!p->backing || chain_open(path, img, true, &chain, &err));
    if (p->backing)
        sample_beside(path, img);
    assert(term && app_new(img, &opt, term, &app, &err));
    signo = app_run(app);
    if (p->gate)
        gate_open(p->gate);
    app_free(app);
    term->ops->close(term);
    volumes_helper_end(opt.helper);
    reopener_end(opt.reopener);
    chain_close(&chain);
    image_close(img);
    image_close(other);
    free(other_bytes);
    return signo;
}

int play_source(struct source *src, const struct play *p, struct buf *out)
{
    return play_chain(src, NULL, p, out);
}

void sample_path(const char *name, char path[4096])
{
    const char *top = getenv("top_srcdir");

    snprintf(path, 4096, "%s/data/samples/%s.qcow2", top ? top : ".", name);
}

static enum side_state beside(const char *path, const char *name)
{
    char other[8192];
    int folder = (int)(strrchr(path, '/') - path);

    if (!name || strchr(name, ':'))
        return SIDE_UNKNOWN;
    snprintf(other, sizeof other, "%.*s/%s", folder, path, name);
    return access(other, F_OK) == 0 ? SIDE_THERE : SIDE_MISSING;
}

void sample_beside(const char *path, struct image *img)
{
    if (img->backing_file)
        img->backing_there.state = beside(path, img->backing_file);
    if (img->data_file)
        img->data_there.state = beside(path, img->data_file);
}

uint8_t *sample_load(const char *name, struct source **out)
{
    char path[4096];
    uint8_t *bytes;
    long len;
    FILE *f;

    sample_path(name, path);
    f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0 || (len = ftell(f)) <= 0) {
        fprintf(stderr, "cannot read %s\n", path);
        abort();
    }
    rewind(f);
    bytes = malloc((size_t)len);
    assert(bytes && fread(bytes, 1, (size_t)len, f) == (size_t)len);
    fclose(f);
    snprintf(path, sizeof path, "%s.qcow2", name);      /* on screens, wherever the test runs */
    assert(source_open_memory(bytes, (size_t)len, path, out, NULL));
    return bytes;
}

int play_sample(const char *name, const struct play *p, struct buf *out)
{
    struct source *src;
    char path[4096];
    uint8_t *bytes = sample_load(name, &src);
    int signo;

    sample_path(name, path);
    signo = play_chain(src, path, p, out);

    free(bytes);
    return signo;
}

void play_gated(const char *name, const struct play *p, struct buf *out)
{
    struct play gated = *p;
    struct source *src;
    uint8_t *bytes = sample_load(name, &src);

    play_source(gate_new(src, &gated.gate), &gated, out);
    free(bytes);
}
