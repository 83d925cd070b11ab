/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "cmd/cmd_common.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sandbox.h"
#include "base/source_pack.h"
#include "base/patch.h"
#include "base/text.h"
#include "disk/disk.h"
#include "insight/told.h"
#include "plan/plan.h"

static void print_message(const char *name, const char *what)
{
    fprintf(stderr, "qcheck: %s%s\n", name, what);
}

void message(const char *what, const char *name)
{
    struct buf b = BUF_INIT;

    text_visible(&b, name, strlen(name));
    print_message(what, buf_str(&b));
    buf_free(&b);
}

void message_error(const char *name, const struct error *err)
{
    struct buf b = BUF_INIT;

    text_visible(&b, name, strlen(name));
    buf_puts(&b, ": ");
    print_message(buf_str(&b), err->text);
    buf_free(&b);
}

void tell_guesses(const char *name, const struct image *img)
{
    struct buf text = BUF_INIT;
    struct error err;

    for (size_t i = 0; i < img->guesses.n; i++) {
        buf_reset(&text);
        guess_text(&img->guesses.list[i], &text);
        err_set(&err, ERR_FORMAT, "warning: %s", buf_str(&text));
        message_error(name, &err);
    }
    buf_free(&text);
}

int usage_error(const struct command *cmd, const char *what)
{
    fprintf(stderr, "qcheck %s: %s\nTry 'qcheck %s --help'.\n", cmd->name, what,
            cmd->name);
    return STATUS_FAILED;
}

int finish(struct out *out, int status)
{
    struct error err;

    if (out_end(out, &err) || err.sys == EPIPE)
        return status;
    print_message("", err.text);
    return STATUS_FAILED;
}

static void tell_sandbox(bool entered)
{
    if (!entered)
        message("warning: no sandbox: the kernel offers neither Landlock nor seccomp", "");
}

void enter_sandbox_writing(const struct settings *s)
{
    tell_sandbox(s->no_sandbox || sandbox_enter_writing(NULL));
}

static void enter_sandbox(const struct settings *s)
{
    if (s->out_file)
        enter_sandbox_writing(s);
    else
        tell_sandbox(s->no_sandbox || sandbox_enter(NULL));
}

/* Looks for a file that the image names, by the rules of SECURITY.md: nothing is opened. */
static struct side_file look_for(struct lookout *l, const char *name, size_t len, bool here)
{
    struct side_file f = { SIDE_NONE, false, 0, 0 };
    struct seen_file file;
    size_t word = 0;

    if (!name || !len)
        return f;
    if (len > 5 && memcmp(name, "file:", 5) == 0) {
        name += 5;
        len -= 5;
    }
    while (word < len && name[word] != ':' && name[word] != '/')
        word++;
    f.state = SIDE_UNKNOWN;
    if (word < len && name[word] == ':')        /* "json:", "nbd:": not the name of a file */
        return f;
    switch (lookout_ask(l, name, len, here, &file)) {
    case SEEN_NOTHING: break;
    case SEEN_MISSING: f.state = SIDE_MISSING; break;
    case SEEN_FILE: f.state = SIDE_THERE; break;
    case SEEN_DEVICE: f = (struct side_file){ SIDE_THERE, true, 0, 0 }; break;
    case SEEN_UNFIT: f.state = SIDE_UNFIT; break;
    }
    f.size = file.size;
    f.allocated = file.allocated;
    return f;
}

static void look_beside(struct lookout *l, struct image *img)
{
    struct side_file *backing = &img->backing_there, *data = &img->data_there;

    *backing = look_for(l, img->backing_file, img->backing_file_len, false);
    /* QEMU takes the name of a data file as one in the working folder. */
    if (img->geo.data_file && img->data_file)
        *data = look_for(l, img->data_file, strlen(img->data_file), false);
    if (data->state == SIDE_MISSING)
        *data = look_for(l, img->data_file, strlen(img->data_file), true);
    if (backing->state == SIDE_THERE && !backing->device && img->backing_format &&
        strcmp(img->backing_format, "qcow2") == 0 && backing->size < HEADER_V2_LEN)
        backing->state = SIDE_UNFIT;
    if (data->state == SIDE_THERE && !data->device && data->size < img->geo.size)
        data->state = SIDE_SHORT;
}

void beside_look(void *ctx, struct image *img)
{
    struct beside *b = ctx;

    if (b->pack)
        told_side_files(img);
    else
        look_beside(&b->lookout, img);
}

void beside_end(struct beside *b)
{
    lookout_end(&b->lookout);
}

static bool open_source(const struct settings *s, const char *name, struct source **out,
                        struct error *err)
{
    struct source *whole;

    if (!source_open(name, &whole, err))
        return false;
    source_foresee_pack(whole);
    *out = whole;
    if (!s->offset || source_open_window(whole, s->offset, out, err))
        return true;
    source_close(whole);
    return false;
}

/* What is opened before the sandbox closes, and parsed behind it. */
struct opened {
    struct source *src, *plan;
    bool pack;                  /* the image was made elsewhere: what it names is not here */
};

static bool open_files(const struct settings *s, const char *name, struct opened *o,
                       struct error *err)
{
    *o = (struct opened){ NULL, NULL, false };
    if (s->plan_file && !source_open_file(s->plan_file, &o->plan, err))
        return false;
    if (open_source(s, name, &o->src, err))
        return true;
    source_close(o->plan);
    return false;
}

/* Messages are said of the image; this one is about the plan. */
static bool named_plan(struct source *plan, bool ok, struct error *err)
{
    char text[sizeof err->text];

    if (ok)
        return true;
    memcpy(text, err->text, sizeof text);
    return err_set(err, err->code, "%.150s: %.240s", source_get_info(plan).name, text);
}

/* The check of an outcome knows nothing of what a plan did to guest data. */
static void tell_guest_bytes(const struct plan *plan, struct source *file)
{
    uint64_t given_up = 0, put_back = 0;
    struct buf text = BUF_INIT;
    char n[TEXT_NUM];

    for (size_t i = 0; i < plan->n; i++)
        if (plan->step[i].chosen)
            plan_step_guest_bytes(&plan->step[i], &given_up, &put_back);
    if (given_up)
        buf_printf(&text, "the plan gives up %s of guest data: ", text_size(n, given_up));
    if (put_back)
        buf_printf(&text, "%s %s of guest data, as surely as its steps say: ",
                   given_up ? "it puts back" : "the plan puts back", text_size(n, put_back));
    if (text.len)
        message(buf_str(&text), source_get_info(file).name);
    buf_free(&text);
}

/* Lays the plan, if there is one, over the image. Ends the plan's source. */
static bool lay_plan(struct opened *o, struct error *err)
{
    struct plan plan = { 0 };
    struct patches patches = { 0 };
    bool ok;

    if (!o->plan)
        return true;
    ok = named_plan(o->plan, plan_read(o->plan, &plan, err), err)
        && plan_matches(&plan, o->src, err)
        && plan_patches(&plan, &patches, err)
        && source_wrap_patched(o->src, &patches, &o->src, err);
    if (ok)
        tell_guest_bytes(&plan, o->plan);
    patches_free(&patches);
    plan_free(&plan);
    source_close(o->plan);
    return ok;
}

static bool look_into_pack(struct opened *o, struct error *err)
{
    if (!source_look_into_pack(&o->src, &o->pack, err))
        return false;
    if (o->pack)
        message("a pack, in which the guest's data reads as zeros: ",
                source_get_info(o->src).name);
    return true;
}

/* Takes what is opened, whatever comes of it. */
static bool image_from(const struct settings *s, struct opened *o, struct lookout *l,
                       struct image **out, struct error *err)
{
    bool ok = look_into_pack(o, err) && lay_plan(o, err) && image_open(o->src, &s->image, out, err);
    struct beside beside = { *l, o->pack };

    if (ok)
        beside_look(&beside, *out);
    else
        source_close(o->src);
    beside_end(&beside);
    *l = beside.lookout;
    return ok;
}

static void start_lookout(const char *name, struct lookout *l)
{
    *l = (struct lookout)LOOKOUT_NONE;
    if (!source_name_is_nbd(name))
        lookout_start(name, l);
}

static void no_sandbox_yet(const struct settings *s)
{
    (void)s;
}

static void enter_sandbox_reading(const struct settings *s)
{
    if (!s->no_sandbox)
        sandbox_enter_reading(NULL);
}

/* Opens what is needed, enters the sandbox, and only then parses. */
static bool open_in(void (*enter)(const struct settings *), const struct settings *s,
                    const char *name, struct image **out, struct error *err)
{
    struct opened o;
    struct lookout l;

    if (!open_files(s, name, &o, err))
        return false;
    start_lookout(name, &l);
    enter(s);
    return image_from(s, &o, &l, out, err);
}

bool open_image_only(const struct settings *s, const char *name, struct image **out,
                     struct error *err)
{
    return open_in(no_sandbox_yet, s, name, out, err);
}

bool open_image_reading(const struct settings *s, const char *name, struct image **out,
                        struct error *err)
{
    return open_in(enter_sandbox_reading, s, name, out, err);
}

bool open_source_writing(const struct settings *s, const char *name, struct source **out,
                         struct beside *beside, struct error *err)
{
    struct opened o = { NULL, NULL, false };

    if (!open_source(s, name, &o.src, err))
        return false;
    start_lookout(name, &beside->lookout);
    enter_sandbox_writing(s);
    if (look_into_pack(&o, err)) {
        beside->pack = o.pack;
        *out = o.src;
        return true;
    }
    beside_end(beside);
    source_close(o.src);
    return false;
}

bool open_image(const struct settings *s, const char *name, struct image **out,
                struct error *err)
{
    return open_in(enter_sandbox, s, name, out, err);
}

static bool open_two_in(void (*enter)(const struct settings *), const struct settings *s,
                        const char *name_a, const char *name_b, struct image **a,
                        struct image **b, const char **bad, struct error *err)
{
    struct settings without_plan = *s;
    struct opened x, y;
    struct lookout look_a, look_b;

    without_plan.plan_file = NULL;
    *bad = name_a;
    if (!open_files(&without_plan, name_a, &x, err))
        return false;
    *bad = name_b;
    if (!open_files(s, name_b, &y, err)) {
        source_close(x.src);
        return false;
    }
    start_lookout(name_a, &look_a);
    start_lookout(name_b, &look_b);
    enter(s);
    if (image_from(&without_plan, &x, &look_a, a, err))
        return image_from(s, &y, &look_b, b, err);
    *bad = name_a;
    source_close(y.src);
    source_close(y.plan);
    lookout_end(&look_b);
    return false;
}

bool open_two_images(const struct settings *s, const char *name_a, const char *name_b,
                     struct image **a, struct image **b, const char **bad,
                     struct error *err)
{
    return open_two_in(enter_sandbox, s, name_a, name_b, a, b, bad, err);
}

bool open_two_images_reading(const struct settings *s, const char *name_a, const char *name_b,
                             struct image **a, struct image **b, const char **bad,
                             struct error *err)
{
    return open_two_in(enter_sandbox_reading, s, name_a, name_b, a, b, bad, err);
}

bool open_image_and_chain(const struct settings *s, const char *name, struct image **out,
                          struct chain *chain, struct error *err)
{
    if (!s->backing)
        return open_image(s, name, out, err) && chain_open(name, *out, false, chain, err);
    if (!open_image_reading(s, name, out, err) || !chain_open(name, *out, true, chain, err))
        return false;
    enter_sandbox(s);
    return true;
}

bool layer_named(const struct image *img, const char *name, uint32_t *out, struct error *err)
{
    struct disk_layer found = { 0 };

    if (name && !disk_layer_parse(img, name, &found, err))
        return false;
    if (found.vm_state)
        return err_set(err, ERR_USAGE, "VM states have no map");
    *out = found.layer;
    return true;
}
