#include "report/classic.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/text.h"
#include "report/sections.h"
#include "report/streams.h"

static bool on(const struct classic *c, enum stream s)
{
    return c->streams >> s & 1;
}

static struct out *dest(struct classic *c, enum stream s)
{
    return stream_info(s)->to_stderr ? &c->err : c->out;
}

static void say(struct classic *c, enum stream s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct classic *c, enum stream s, const char *fmt, ...)
{
    char line[1024];
    va_list ap;

    if (!on(c, s))
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    out_puts(dest(c, s), line);
}

static void header_line(struct classic *c, const char *title)
{
    say(c, STREAM_SECTION, "\n== %s ==\n\n", title);
}

/* The problems of a section, one by one. */
static void problem_lines(struct classic *c, const struct scan_result *r, enum section s)
{
    struct buf text = BUF_INIT;

    for (size_t i = 0; i < r->problems.n && out_ok(c->out); i++) {
        const struct problem *p = &r->problems.list[i];
        const struct problem_info *info = problem_info(p->kind);

        if (section_of_problem(p->kind) != s)
            continue;
        buf_reset(&text);
        problem_text(p, r->img, &text);
        if (info->qemu == QEMU_OWN && info->severity == SEV_WARNING && on(c, STREAM_NONFATAL))
            say(c, STREAM_NONFATAL, "warning: %s\n", buf_str(&text));
        else
            say(c, STREAM_PROBLEM, "%s: %s\n", severity_name(info->severity), buf_str(&text));
    }
    buf_free(&text);
}

/* What was tested in a section and found in order. */
static void confirmations(struct classic *c, const struct scan_result *r, enum section s)
{
    for (int k = 0; k < N_PROBLEMS; k++) {
        const struct problem_info *info = problem_info((enum problem_kind)k);

        if (section_of_problem((enum problem_kind)k) == s && !r->problems.count[k] &&
            info->severity != SEV_NOTE)
            say(c, STREAM_CONFIRM, "ok: none of \"%s\"\n", info->title);
    }
}

static void section_end(struct classic *c, const struct scan_result *r, enum section s)
{
    uint64_t n = section_problems(&r->problems, s);

    problem_lines(c, r, s);
    confirmations(c, r, s);
    if (n == 0)
        say(c, STREAM_SUMMARY, "%s: OK, 0 problems\n", section_info(s)->title);
    else
        say(c, STREAM_SUMMARY, "%s: %" PRIu64 " %s found\n", section_info(s)->title, n,
            n == 1 ? "problem" : "problems");
}

static void cluster_counts(struct classic *c, const struct scan_result *r)
{
    char size[TEXT_NUM], group[TEXT_NUM];

    header_line(c, "Cluster counts");
    for (int k = 0; k < N_CLASSES; k++) {
        uint64_t n = r->stats.class_clusters[k];

        if (n)
            say(c, STREAM_SUMMARY, "%-20s %15s  %s\n", class_info((enum cluster_class)k)->name,
                text_group(group, n), text_size(size, n << r->img->geo.cluster_bits));
    }
}

static void last_words(struct classic *c, const struct scan_result *r)
{
    struct buf verdict = BUF_INIT;
    uint64_t n = 0;

    for (int s = 0; s < N_SECTIONS; s++)
        n += section_problems(&r->problems, (enum section)s);
    if (r->refused.id)
        say(c, STREAM_NONFATAL, "warning: QEMU would not %s this image: %s\n",
            r->refused.at_check ? "check" : "open", r->refused.text);
    say(c, STREAM_SUMMARY, "\nqcheck: %s%" PRIu64 " problem%s\n", n ? "" : "OK, ", n,
        n == 1 ? "" : "s");
    scan_verdict(r, &verdict);
    say(c, STREAM_SUMMARY, "%s\n", buf_str(&verdict));
    buf_free(&verdict);
}

bool classic_report(struct classic *c, const struct scan_result *scan, struct error *err)
{
    struct buf name = BUF_INIT;

    (void)err;
    text_visible(&name, c->name, strlen(c->name));
    say(c, STREAM_INFO, "qcheck: %s\n", buf_str(&name));
    buf_free(&name);
    for (int s = 0; s < N_SECTIONS; s++) {
        header_line(c, section_info((enum section)s)->title);
        section_end(c, scan, (enum section)s);
    }
    cluster_counts(c, scan);
    last_words(c, scan);
    return true;
}
