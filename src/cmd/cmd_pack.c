/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck pack, qcheck unpack: an image without the guest's data, to be sent to others. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sink.h"
#include "cmd/cmd_common.h"
#include "report/check_json.h"
#include "report/pack_report.h"

#define PIECE (1u << 20)

/* One image with all that is found out about it. */
struct looked_at {
    struct image *img;
    struct scan_result *scan;
    struct insight *insight;
};

static bool look(const struct settings *s, const char *name, struct looked_at *l,
                 struct error *err)
{
    const struct insight_options opt = { .name = name };

    return scan_image(s, l->img, &l->scan, err)
        && insight_find(l->scan, &opt, &l->insight, err);
}

static void forget(struct looked_at *l)
{
    insight_free(l->insight);
    scan_free(l->scan);
    image_close(l->img);
}

/* What a writer prints, as text in memory. */
struct text_in_memory {
    struct out out;
    char *text;
    size_t len;
};

static bool text_begin(struct text_in_memory *t, struct error *err)
{
    *t = (struct text_in_memory){ .text = NULL };
    t->out.f = open_memstream(&t->text, &t->len);
    return t->out.f || err_set(err, ERR_NOMEM, "out of memory");
}

static bool text_end(struct text_in_memory *t, struct error *err)
{
    bool ok = out_end(&t->out, err);

    return fclose(t->out.f) == 0 && ok;
}

/* Without the figures, which cost more than all else and can be had from the pack. */
static bool report_of(const struct looked_at *l, const char *name, struct text_in_memory *t,
                      struct error *err)
{
    struct check_json c = { name, l->scan, l->insight, NULL, false, false,
                            scan_exit_status(l->scan) };
    bool ok = text_begin(t, err);

    if (!ok)
        return false;
    ok = check_json_write(&c, &t->out, err);
    return text_end(t, err) && ok;
}

/* The image as it is in the pack: what is kept of it over nothing. */
static bool open_kept(const struct settings *s, const struct looked_at *whole,
                      struct pack_report *r, struct keep *keep, struct patches *patches,
                      struct source *nothing, struct looked_at *out, struct error *err)
{
    struct source *src, *image = whole->img->src;
    struct patches unused = { 0 };
    bool ok;

    if (!keep_find(whole->scan, s->problem_clusters, keep, err))
        return false;
    keep_copies(keep, image, patches);
    ok = s->anonymous ? anonymous_patches(whole->scan, keep, patches, &r->foreign, err)
                      : anonymous_tables(whole->scan, keep, &unused, &r->foreign, err);
    patches_free(&unused);
    patches_set_length(patches, source_size(image));
    if (!ok || !patches_flatten(patches, err)
        || !source_open_patched_from(nothing, image, patches, &src, err))
        return false;
    if (image_open(src, &s->image, &out->img, err)) {
        out->img->backing_there = whole->img->backing_there;
        out->img->data_there = whole->img->data_there;
        return true;
    }
    source_close(src);
    return false;
}

/* "disk" of "dir/disk.qpack". A folder that tar x makes; one name for all anonymous packs. */
static void folder_name(const struct settings *s, struct buf *out)
{
    const char *base = strrchr(s->out_file, '/');
    const char *dot;

    base = base ? base + 1 : s->out_file;
    dot = strrchr(base, '.');
    if (s->anonymous || dot == base || !*base)
        buf_puts(out, "pack");
    else
        buf_add(out, base, dot ? (size_t)(dot - base) : strlen(base));
}

static bool write_pack(const struct settings *s, const struct pack_report *r,
                       const struct looked_at *reported, const char *name,
                       struct source *kept, struct sink *sink, struct pack_size *size,
                       struct error *err)
{
    struct text_in_memory manifest = { .text = NULL }, report = { .text = NULL };
    struct buf folder = BUF_INIT;
    bool ok;

    folder_name(s, &folder);
    ok = report_of(reported, name, &report, err) && text_begin(&manifest, err);
    if (ok) {
        pack_manifest_write(r, &manifest.out);
        ok = text_end(&manifest, err);
    }
    if (ok) {
        const struct pack_member members[] = {
            { PACK_MANIFEST, manifest.text, manifest.len },
            { PACK_REPORT, report.text, report.len },
        };

        ok = pack_write(sink, buf_str(&folder), members, 2, kept, size, err)
            && sink_sync(sink, err);
    }
    buf_free(&folder);
    free(manifest.text);
    free(report.text);
    return ok;
}

struct packing_of { const struct settings *s; const char *name; struct out *out; };

static int pack_one(void *ctx, struct sink *sink)
{
    const struct packing_of *p = ctx;
    const struct settings *s = p->s;
    const char *name = p->name;
    struct looked_at whole = { 0 }, kept = { 0 };
    struct keep keep = { 0 };
    struct patches patches = { 0 };
    struct pack_report r = { .keep = &keep, .anonymous = s->anonymous };
    struct source *nothing = NULL;
    struct pack_size size;
    struct error err;
    const char *told = s->anonymous ? PACK_IMAGE : name;
    int status = STATUS_FAILED;

    if (!open_image(s, name, &whole.img, &err) || !look(s, told, &whole, &err)
        || !source_open_memory("", 0, PACK_IMAGE, &nothing, &err)
        || !open_kept(s, &whole, &r, &keep, &patches, nothing, &kept, &err)
        || !look(s, told, &kept, &err))
        goto failed;
    r.scan = whole.scan;
    r.insight = whole.insight;
    r.kept = kept.scan;
    if (!write_pack(s, &r, s->anonymous ? &kept : &whole, told, kept.img->src, sink, &size,
                    &err))
        goto failed;
    pack_report_write(&r, s->out_file, &size, p->out);
    status = STATUS_CLEAN;
    goto out;
failed:
    message_error(name, &err);
out:
    forget(&kept);
    source_close(nothing);
    patches_free(&patches);
    keep_free(&keep);
    forget(&whole);
    return status;
}

int cmd_pack(const struct command *cmd, int argc, char **argv)
{
    struct out out = { stdout, 0 };
    struct packing_of p;
    struct settings s;
    struct error err;
    struct buf name = BUF_INIT;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (!s.out_file)
        return usage_error(cmd, "where to? Name a file with -o");
    if (s.anonymous && s.problem_clusters)
        return usage_error(cmd, "clusters that problems are about may hold anything: "
                                "--anonymous goes without --with-problem-clusters");
    if (!pack_supported(&err))
        return usage_error(cmd, err.text);
    if (one_image(cmd, &s, &name, &status)) {
        p = (struct packing_of){ &s, buf_str(&name), &out };
        status = finish(&out, with_out_file(&s, OUT_DOCUMENT, pack_one, &p, p.name, &out));
    }
    buf_free(&name);
    return status;
}

/* --- unpack --- */

static bool copy_out(struct source *src, struct sink *sink, struct error *err)
{
    uint8_t *piece = malloc(PIECE);
    uint64_t start, stop;
    bool ok = piece || err_set(err, ERR_NOMEM, "out of memory");

    ok = ok && sink_begin(sink, source_size(src), err);
    for (uint64_t at = 0; ok && source_next_data(src, at, &start, &stop); at = stop)
        for (uint64_t off = start; ok && off < stop; off += PIECE) {
            size_t len = (size_t)u64_min(PIECE, stop - off);

            ok = source_read(src, off, piece, len, err)
                && sink_write(sink, off, piece, len, err);
        }
    free(piece);
    return ok && sink_sync(sink, err);
}

static int unpack_one(void *ctx, struct sink *sink)
{
    const struct packing_of *p = ctx;
    const struct settings *s = p->s;
    const char *name = p->name;
    struct source *pack = NULL, *src = NULL;
    struct error err;
    bool is_pack;
    int status = STATUS_FAILED;

    if (!source_open_file(name, &pack, &err)) {
        message_error(name, &err);
        return STATUS_FAILED;
    }
    enter_sandbox_writing(s);
    if (!source_open_pack(pack, &src, &is_pack, &err)) {
        message_error(name, &err);
        source_close(pack);
        return STATUS_FAILED;
    }
    if (copy_out(src, sink, &err)) {
        out_puts(p->out, "Wrote ");
        out_visible(p->out, s->out_file, strlen(s->out_file));
        out_puts(p->out, "; what was the guest's data reads as zeros\n");
        status = STATUS_CLEAN;
    } else {
        message_error(s->out_file, &err);
    }
    source_close(src);
    return status;
}

int cmd_unpack(const struct command *cmd, int argc, char **argv)
{
    struct out out = { stdout, 0 };
    struct packing_of p;
    struct settings s;
    struct error err;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (s.n_operands != 1)
        return usage_error(cmd, s.n_operands ? "one pack at a time" : "which pack?");
    if (!s.out_file)
        return usage_error(cmd, "where to? Name a file with -o");
    if (!pack_supported(&err))
        return usage_error(cmd, err.text);
    p = (struct packing_of){ &s, s.operand[0], &out };
    return finish(&out, with_out_file(&s, OUT_IMAGE, unpack_one, &p, p.name, &out));
}
