/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck apply: carries out a plan. qcheck undo: takes it back. Each is a process of its own
 * whose sandbox leaves it the files of its command line and nothing else. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/source_pack.h"
#include "cmd/cmd_common.h"
#include "plan/apply.h"

struct files {
    struct source *plan, *image, *undo;
    struct sink *target, *mark;
};

static void close_files(struct files *f)
{
    source_close(f->plan);
    source_close(f->image);
    source_close(f->undo);
    sink_close(f->target);
    sink_close(f->mark);
}

static void enter(const struct settings *s)
{
    enter_sandbox_writing(s);
}

static bool named(const char *name, bool ok, struct error *err)
{
    char text[sizeof err->text];

    if (ok)
        return true;
    memcpy(text, err->text, sizeof text);
    return err_set(err, err->code, "%.150s: %.240s", name, text);
}

static bool read_plan(struct files *f, struct plan *plan, struct error *err)
{
    return named("plan", plan_read(f->plan, plan, err), err);
}

/* --- on a copy --- */

static bool write_copy(struct files *f, struct error *err)
{
    struct plan plan = { 0 };
    bool is_pack;
    bool ok = source_look_into_pack(&f->image, &is_pack, err) && read_plan(f, &plan, err)
        && apply_to_copy(&plan, f->image, f->target, NULL, err);

    plan_free(&plan);
    return ok;
}

/* Writes the copy in a process that has nothing but these files. */
static bool in_sandbox(const struct settings *s, struct files *f, struct error *err)
{
    int status;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child < 0)
        return err_set_sys(err, errno, "cannot start a process to write the copy");
    if (child == 0) {
        enter(s);
        if (write_copy(f, err))
            _exit(0);
        message("", err->text);
        _exit(1);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return err_set_sys(err, errno, "cannot wait for the process that writes");
    return (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        || err_set(err, ERR_IO, "the copy was not written");
}

static bool apply_copy(const struct settings *s, const char *plan_name, const char *image,
                       struct error *err)
{
    struct files f = { 0 };
    struct buf part = BUF_INIT;
    bool ok = false;

    buf_printf(&part, "%s.part", s->apply_output);
    if (!s->overwrite && access(s->apply_output, F_OK) == 0) {
        err_set(err, ERR_USAGE, "%.200s exists; --overwrite replaces it", s->apply_output);
        goto out;
    }
    if (!named(plan_name, source_open_file(plan_name, &f.plan, err), err)
        || !named(image, source_open_file(image, &f.image, err), err)
        || !named(buf_str(&part), sink_open(buf_str(&part), SINK_OVERWRITE, &f.target, err),
                  err))
        goto out;
    ok = in_sandbox(s, &f, err);
    /* The name it is to have is given when all is written. */
    if (ok && rename(buf_str(&part), s->apply_output) != 0)
        ok = err_set_sys(err, errno, "cannot rename the copy");
    if (!ok)
        unlink(buf_str(&part));
out:
    close_files(&f);
    buf_free(&part);
    return ok;
}

/* --- in place --- */

static bool open_in_place(const struct settings *s, const char *plan_name,
                          const char *image, struct files *f, struct error *err)
{
    enum sink_mode mode = access(s->undo_file, F_OK) == 0 ? SINK_RESUME : SINK_NEW;

    return named(plan_name, source_open_file(plan_name, &f->plan, err), err)
        && named(image, sink_open(image, SINK_RESUME, &f->target, err), err)
        && named(image, sink_lock_image(f->target, err), err)
        && named(image, source_open_file(image, &f->image, err), err)
        && named(s->undo_file, sink_open(s->undo_file, mode, &f->mark, err), err);
}

/* What is in a pack is not there to be written to. */
static bool is_no_pack(struct files *f, const char *image, const char *instead, struct error *err)
{
    bool is_pack, ok = named(image, source_look_into_pack(&f->image, &is_pack, err), err);

    if (ok && is_pack)
        ok = named(image, err_set(err, ERR_USAGE, "a pack is never changed; %s", instead), err);
    return ok;
}

/* Was the undo file never completed? Then nothing was written to the image. */
static bool never_completed(struct source *undo)
{
    uint8_t magic[16];

    return source_read(undo, 0, magic, sizeof magic, NULL)
        && bytes_all_zero(magic, sizeof magic);
}

static bool make_undo(const struct plan *plan, struct files *f, struct error *err)
{
    struct patches patches = { 0 };
    bool ok = plan_patches(plan, &patches, err)
        && undo_write(f->mark, f->image, &patches, err);

    source_close(f->undo);
    f->undo = NULL;
    patches_free(&patches);
    return ok && sink_open_source(f->mark, &f->undo, err);
}

/* The undo file as it lies there, or made anew for this plan. */
static bool get_undo(const struct settings *s, const struct plan *plan, struct files *f,
                     struct undo *saved, struct error *err)
{
    bool ok = named(s->undo_file, sink_open_source(f->mark, &f->undo, err), err);

    if (ok && never_completed(f->undo))
        ok = named(s->operand[1], plan_matches(plan, f->image, err), err)
            && named(s->undo_file, make_undo(plan, f, err), err);
    return ok && named(s->undo_file, undo_open(f->undo, saved, err), err);
}

static bool apply_here(const struct settings *s, const char *plan_name, const char *image,
                       struct error *err)
{
    struct files f = { 0 };
    struct plan plan = { 0 };
    struct undo saved = { 0 };
    bool ok = false;

    if (!s->undo_file)
        return err_set(err, ERR_USAGE, "--in-place needs --undo FILE, where the bytes that "
                       "are replaced are kept");
    if (open_in_place(s, plan_name, image, &f, err)) {
        enter(s);
        ok = is_no_pack(&f, image, "--output=NEW writes what the plan makes of it", err)
            && read_plan(&f, &plan, err) && get_undo(s, &plan, &f, &saved, err)
            && apply_in_place(&plan, f.image, f.target, &saved, f.mark, NULL, err);
    }
    undo_free(&saved);
    plan_free(&plan);
    close_files(&f);
    return ok;
}

static int tell(const struct settings *s, const char *name, bool ok, const char *done,
                const struct error *err)
{
    (void)s;
    if (!ok) {
        message("", err->text);
        return STATUS_FAILED;
    }
    printf("%s: %s\n", name, done);
    return STATUS_CLEAN;
}

int cmd_apply(const struct command *cmd, int argc, char **argv)
{
    struct settings s;
    struct error err;
    int status;
    bool ok;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (s.n_operands != 2)
        return usage_error(cmd, "which plan, and which image?");
    if (s.in_place == (s.apply_output != NULL))
        return usage_error(cmd, "either --output NEW, which leaves the image alone, or "
                                "--in-place");
    ok = s.in_place ? apply_here(&s, s.operand[0], s.operand[1], &err)
        : apply_copy(&s, s.operand[0], s.operand[1], &err);
    return tell(&s, s.in_place ? s.operand[1] : s.apply_output, ok,
                s.in_place ? "changed as planned; qcheck undo takes it back"
                           : "written as planned; the image is as it was", &err);
}

static bool undo_here(const struct settings *s, const char *undo_name, const char *image,
                      struct error *err)
{
    struct files f = { 0 };
    struct undo saved = { 0 };
    bool ok = false;

    if (named(undo_name, sink_open(undo_name, SINK_RESUME, &f.mark, err), err)
        && named(image, sink_open(image, SINK_RESUME, &f.target, err), err)
        && named(image, sink_lock_image(f.target, err), err)
        && named(image, source_open_file(image, &f.image, err), err)) {
        enter(s);
        ok = is_no_pack(&f, image, "unpack it first", err)
            && named(undo_name, sink_open_source(f.mark, &f.undo, err)
                              && undo_open(f.undo, &saved, err), err)
            && (s->image.force_magic || named(image, undo_fits(&saved, f.image, err), err))
            && apply_undo(&saved, f.image, f.target, f.mark, NULL, err);
    }
    undo_free(&saved);
    close_files(&f);
    return ok;
}

int cmd_undo(const struct command *cmd, int argc, char **argv)
{
    struct settings s;
    struct error err;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (s.n_operands != 2)
        return usage_error(cmd, "which undo file, and which image?");
    return tell(&s, s.operand[1], undo_here(&s, s.operand[0], s.operand[1], &err),
                "as it was before the plan", &err);
}
