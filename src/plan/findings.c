/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "plan/findings.h"

#include "base/num.h"

struct search_for {
    const bool *wanted;
    finding_fn *fn;
    void *ctx;
    struct error *err;
    bool failed;
};

static void record(void *ctx, const struct problem *p)
{
    struct search_for *s = ctx;

    if (!s->failed && s->wanted[p->kind])
        s->failed = !s->fn(s->ctx, p, s->err);
}

bool findings_each(const struct trial *t, const bool *wanted, finding_fn *fn, void *ctx,
                   struct error *err)
{
    struct search_for search = { wanted, fn, ctx, err, false };
    const struct problem_sink sink = { record, &search };
    struct scan_options opt = t->opt.scan;
    struct scan_result *again = NULL;
    bool ok;

    opt.sink = &sink;
    ok = scan_run(t->img, &opt, t->opt.progress, &again, err);
    scan_free(again);
    return ok && !search.failed;
}

bool word_read(struct word_reader *r, uint64_t off, uint64_t *out, struct error *err)
{
    if (off < r->at || off - r->at + 8 > r->got) {
        r->got = 0;
        if (!source_read(r->src, off, r->bytes, sizeof r->bytes, NULL)) {
            /* The word itself may still be there. */
            if (!source_read(r->src, off, r->bytes, 8, err))
                return false;
            *out = be64(r->bytes);
            return true;
        }
        r->at = off;
        r->got = sizeof r->bytes;
    }
    *out = be64(r->bytes + (off - r->at));
    return true;
}
