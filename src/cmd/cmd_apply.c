/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck apply: carries out a plan. qcheck undo: takes it back. Each is a process of its own
 * whose sandbox leaves it the files of its command line and nothing else. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/source_pack.h"
#include "base/text.h"
#include "cmd/cmd_common.h"
#include "plan/apply.h"

struct files {
    struct source *plan, *image, *undo;
    struct sink *target, *mark;
    bool new_mark;              /* the undo file was not there before */
};

static void close_files(struct files *f)
{
    source_close(f->plan);
    source_close(f->image);
    source_close(f->undo);
    sink_close(f->target);
    sink_close(f->mark);
}

static bool named(const char *name, bool ok, struct error *err)
{
    char text[sizeof err->text];

    if (ok)
        return true;
    memcpy(text, err->text, sizeof text);
    return err_set(err, err->code, "%.150s: %.240s", name, text);
}

static bool read_plan(const struct settings *s, struct files *f, struct plan *plan,
                      struct error *err)
{
    return named(s->operand[0], plan_read(f->plan, plan, err), err);
}

static bool open_it(const char *image, struct source **out, struct error *err)
{
    if (!source_open_file(image, out, err))
        return false;
    source_foresee_pack(*out);
    return true;
}

/* How far the work has come when it ends. */
enum end { END_DONE, END_BEFORE, END_BETWEEN };

/* Does the work, and fails before or after it began to write. */
typedef enum end work_fn(const struct settings *s, struct files *f, struct error *err);

/* Does it in a process that has nothing but these files and says itself what went wrong.
 * Ctrl-C ends that process alone. */
static enum end in_sandbox(const struct settings *s, struct files *f, work_fn *work)
{
    struct error err;
    enum end end;
    int status;
    pid_t child;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        enter_sandbox_writing(s);
        end = work(s, f, &err);
        if (end != END_DONE)
            message("", err.text);
        _exit((int)end);
    }
    if (child < 0) {
        err_set_sys(&err, errno, "cannot start a process to write");
        message("", err.text);
        return END_BEFORE;
    }
    signal(SIGINT, SIG_IGN);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? (enum end)WEXITSTATUS(status) : END_BETWEEN;
}

/* Says how long the file will be, before anything is written, where that changes. */
static bool tell_size(const char *name, const struct plan *plan, struct error *err)
{
    struct patches patches = { 0 };
    char was[TEXT_NUM], will[TEXT_NUM];
    uint64_t size;

    if (!plan_patches(plan, &patches, err))
        return false;
    size = patches_size_after(&patches, plan->file_size);
    patches_free(&patches);
    if (size != plan->file_size)
        printf("%s: %s bytes, of %s before\n", name, text_group(will, size),
               text_group(was, plan->file_size));
    fflush(stdout);
    return true;
}

/* --- on a copy --- */

static enum end write_copy(const struct settings *s, struct files *f, struct error *err)
{
    struct plan plan = { 0 };
    bool is_pack;
    bool ok = source_look_into_pack(&f->image, &is_pack, err) && read_plan(s, f, &plan, err)
        && tell_size(s->apply_output, &plan, err)
        && apply_to_copy(&plan, f->image, f->target, NULL, err);

    plan_free(&plan);
    return ok ? END_DONE : END_BEFORE;
}

/* May a file of this name be replaced by the copy? Not one that could hold data of the image, in
 * whatever way the image comes by it, and no device, pipe or link, of which nothing but the name
 * would be used. */
static bool may_replace(const struct settings *s, const char *path, const char *plan_name,
                        const char *image, const struct files *f, struct error *err)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return true;
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_USAGE, "%.200s is no regular file: the copy would take its place, "
                       "and not be written to it", path);
    if (!s->overwrite)
        return err_set(err, ERR_USAGE, "%.200s exists; --overwrite replaces it", path);
    if (out_file_same(path, image) || out_file_same(path, plan_name))
        return err_set(err, ERR_USAGE, "%.200s is the image or the plan itself", path);
    if (out_file_has_others(f->image))
        return err_set(err, ERR_USAGE, "%.200s exists, and might be a file that the image needs: "
                       "remove it first if it is not", path);
    return true;
}

/* What a machine writes while it is copied would be half old, half new. */
static bool is_at_rest(struct source *image, struct error *err)
{
    return !source_get_info(image).in_use
        || err_set(err, ERR_USAGE, "is in use by another process; shut down the virtual machine "
                   "first");
}

static bool apply_copy(const struct settings *s, const char *plan_name, const char *image,
                       struct error *err)
{
    struct files f = { 0 };
    struct buf part = BUF_INIT;
    bool ok = false;

    buf_printf(&part, "%s.part", s->apply_output);
    if (!named(plan_name, source_open_file(plan_name, &f.plan, err), err)
        || !named(image, open_it(image, &f.image, err) && is_at_rest(f.image, err), err)
        || !may_replace(s, s->apply_output, plan_name, image, &f, err)
        || !may_replace(s, buf_str(&part), plan_name, image, &f, err))
        goto out;
    unlink(buf_str(&part));         /* of a run that was stopped */
    if (!named(buf_str(&part), sink_open(buf_str(&part), SINK_NEW, &f.target, err), err))
        goto out;
    ok = in_sandbox(s, &f, write_copy) == END_DONE
        || err_set(err, ERR_IO, "%.200s was not written", s->apply_output);
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
    f->new_mark = access(s->undo_file, F_OK) != 0;
    return named(plan_name, source_open_file(plan_name, &f->plan, err), err)
        && named(image, sink_open(image, SINK_RESUME, &f->target, err), err)
        && named(image, sink_lock_image(f->target, err), err)
        && named(image, open_it(image, &f->image, err), err)
        && named(s->undo_file, sink_open(s->undo_file, f->new_mark ? SINK_NEW : SINK_RESUME,
                                            &f->mark, err), err);
}

/* What is in a pack is not there to be written to. */
static bool is_no_pack(struct files *f, const char *image, const char *instead, struct error *err)
{
    bool is_pack, ok = named(image, source_look_into_pack(&f->image, &is_pack, err), err);

    if (ok && is_pack)
        ok = named(image, err_set(err, ERR_USAGE, "a pack is never changed; %s", instead), err);
    return ok;
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

    if (ok && undo_unfinished(f->undo))
        ok = named(s->operand[1], plan_matches(plan, f->image, err), err)
            && named(s->undo_file, make_undo(plan, f, err), err);
    return ok && named(s->undo_file, undo_open(f->undo, saved, err), err);
}

static enum end write_in_place(const struct settings *s, struct files *f, struct error *err)
{
    struct apply_progress progress = { .total = 0 };
    struct plan plan = { 0 };
    struct undo saved = { 0 };
    bool ok = is_no_pack(f, s->operand[1], "--output=NEW writes what the plan makes of it", err)
        && read_plan(s, f, &plan, err) && get_undo(s, &plan, f, &saved, err)
        && tell_size(s->operand[1], &plan, err)
        && named(s->operand[1], apply_in_place(&plan, f->image, f->target, &saved, f->mark,
                                               &progress, err), err);

    undo_free(&saved);
    plan_free(&plan);
    return ok ? END_DONE : atomic_load(&progress.total) ? END_BETWEEN : END_BEFORE;
}

/* A new undo file is of no use when nothing was written to the image, which is so as long as
 * it was not completed. */
static void drop_undo(const struct settings *s, struct files *f, enum end end)
{
    struct source *file;

    if (!f->new_mark || !sink_open_source(f->mark, &file, NULL))
        return;
    if ((end == END_BEFORE || undo_unfinished(file)) && sink_is(f->mark, s->undo_file))
        unlink(s->undo_file);
    source_close(file);
}

static bool apply_here(const struct settings *s, struct error *err)
{
    struct files f = { 0 };
    enum end end;
    bool ok = false;

    if (!s->undo_file)
        return err_set(err, ERR_USAGE, "--in-place needs --undo FILE, where the bytes that "
                       "are replaced are kept");
    if (open_in_place(s, s->operand[0], s->operand[1], &f, err)) {
        end = in_sandbox(s, &f, write_in_place);
        ok = end == END_DONE
            || err_set(err, ERR_IO, end == END_BEFORE ? "the image was not changed"
                       : "the image may be changed in part: the same apply again completes it, "
                         "qcheck undo takes it back");
        if (!ok)
            drop_undo(s, &f, end);
    }
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
    ok = s.in_place ? apply_here(&s, &err)
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
        && named(image, open_it(image, &f.image, err), err)) {
        enter_sandbox_writing(s);
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
