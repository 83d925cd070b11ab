/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/html_report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "picture/chart_draw.h"
#include "picture/markup.h"

void html_element(struct buf *out, const char *tag, const char *text)
{
    buf_printf(out, "<%s>", tag);
    markup_text(out, text);
    buf_printf(out, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

void html_printf(struct buf *out, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    markup_text(out, text);
}

/* --- head --- */

static const char *base_name(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash && slash[1] ? slash + 1 : name;
}

static void page_head(const struct html_report *r, struct buf *out)
{
    const struct geometry *geo = &r->scan->img->geo;
    const char *name = base_name(r->name);
    char file[TEXT_NUM], disk[TEXT_NUM], cluster[TEXT_NUM];

    buf_puts(out, "<!DOCTYPE html>\n"
             "<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n"
             "<meta charset=\"utf-8\"/>\n"
             "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
             "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
             "<meta name=\"generator\" content=\"" PACKAGE_STRING "\"/>\n"
             "<meta http-equiv=\"Content-Security-Policy\" "
             "content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n<title>");
    markup_visible(out, name, strlen(name));
    buf_puts(out, " - qcheck</title>\n<style>\n");
    html_style(out);
    chart_svg_style(THEME_AUTO, out);
    buf_puts(out, "</style>\n</head>\n<body>\n<header>\n<h1>");
    markup_visible(out, name, strlen(name));
    buf_puts(out, "</h1>\n<p class=\"meta\">");
    html_printf(out, "qcow2 version %u, clusters of %s, a disk of %s in a file of %s. Looked at "
                "on %s by " PACKAGE_STRING ".", (unsigned)geo->version,
                text_size(cluster, geo->cluster_size), text_size(disk, geo->size),
                text_size(file, geo->file_size), r->when);
    buf_puts(out, "</p>\n</header>\n<nav><a href=\"#map\">Map</a> <a href=\"#causes\">Causes</a> "
             "<a href=\"#problems\">Problems</a> <a href=\"#figures\">Figures</a> "
             "<a href=\"#reproduce\">How to reproduce</a></nav>\n<main>\n");
}

/* --- verdict --- */

static void answer(struct buf *out, const char *question, enum verdict_answer a, bool yes_is_good)
{
    const char *look = a == ANSWER_PERHAPS ? "unsure" : (a == ANSWER_YES) == yes_is_good ? "good"
                                                                                         : "bad";

    buf_printf(out, "<li class=\"%s\">%s: <b>%s</b></li>\n", look, question,
               answer_name(a));
}

static void verdict(const struct insight *x, struct buf *out)
{
    const struct verdict *v = &x->verdict;
    struct buf b = BUF_INIT;

    buf_puts(out, "<section id=\"verdict\">\n<h2>Verdict</h2>\n");
    html_element(out, "p class=\"lead\"", v->text);
    buf_puts(out, "<ul class=\"answers\">\n");
    answer(out, "Data lost", v->data_lost, false);
    answer(out, "May be opened", v->may_open, true);
    answer(out, "May be written to", v->may_write, true);
    buf_puts(out, "</ul>\n");
    insight_summary(x, &b);
    if (b.len)
        html_element(out, "p", buf_str(&b));
    buf_free(&b);
    if (v->n_steps) {
        buf_puts(out, "<h3>What to do now</h3>\n<ol>\n");
        for (size_t i = 0; i < v->n_steps; i++)
            html_element(out, "li", v->step[i]);
        buf_puts(out, "</ol>\n");
    }
    buf_puts(out, "</section>\n");
}

/* --- map --- */

static void legend_item(struct buf *out, unsigned paint, const char *text, uint64_t n)
{
    char count[TEXT_NUM];

    buf_puts(out, "<li>");
    chart_svg_swatch(paint, out);
    html_printf(out, " %s (%s)", text, text_group(count, n));
    buf_puts(out, "</li>\n");
}

static void one_map(const struct chart *c, struct buf *out)
{
    buf_puts(out, "<figure>\n");
    chart_svg_cells(c, c->scale, out);
    buf_puts(out, "<figcaption>");
    markup_text(out, c->scale);
    buf_puts(out, "; the legend counts clusters. Where there is a pointer, a cell says what it "
                  "is.");
    buf_puts(out, "</figcaption>\n<ul class=\"legend\">\n");
    if (c->n_marked)
        legend_item(out, PAINT_PROBLEM, "cells with a problem", c->n_marked);
    for (size_t i = 0; i < c->n_entries; i++)
        legend_item(out, c->entry[i].paint, c->entry[i].text, c->entry[i].n);
    buf_puts(out, "</ul>\n</figure>\n");
}

static bool maps(const struct html_report *r, struct buf *out, struct error *err)
{
    static const char *const titles[N_SPACES] = { "The file", "The guest's disk" };

    buf_puts(out, "<section id=\"map\">\n<h2>Map</h2>\n");
    for (int space = 0; space < N_SPACES; space++) {
        struct chart_options opt = { .space = (enum map_space)space, .title = titles[space] };
        struct chart *c;

        if (!chart_make(r->scan, &opt, &c, err))
            return false;
        html_element(out, "h3", titles[space]);
        one_map(c, out);
        chart_free(c);
    }
    buf_puts(out, "</section>\n");
    return true;
}

/* --- figures --- */

/* Labels have 16 columns; a longer one is followed by a single space. Those of fields are an
 * offset and a name. */
static size_t label_len(const char *line)
{
    size_t n = strspn(line, " ");

    if (!n)
        return strlen(line) > 16 && line[16] == ' ' ? 16 : strcspn(line, " ");
    if (n > 2)
        return n;
    n += strcspn(line + n, " ");
    n += strspn(line + n, " ");
    return n + strcspn(line + n, " ");
}

static void rows(const char *lines, struct buf *out)
{
    bool head = false;

    buf_puts(out, "<table>\n");
    for (const char *end; *lines; lines = *end ? end + 1 : end) {
        size_t len, label;
        char line[1024];

        end = lines + strcspn(lines, "\n");
        len = (size_t)(end - lines) < sizeof line ? (size_t)(end - lines) : sizeof line - 1;
        memcpy(line, lines, len);
        line[len] = '\0';
        if (!len || head) {         /* an empty line comes before a heading */
            if (len) {
                buf_puts(out, "<tr><th colspan=\"2\">");
                html_printf(out, "%s", line);
                buf_puts(out, "</th></tr>\n");
            }
            head = !len;
            continue;
        }
        label = label_len(line);
        buf_puts(out, "<tr><th scope=\"row\">");
        html_printf(out, "%.*s", (int)label, line);
        buf_puts(out, "</th><td>");
        html_printf(out, "%s", line + label + strspn(line + label, " "));
        buf_puts(out, "</td></tr>\n");
    }
    buf_puts(out, "</table>\n");
}

/* What the reports for people say, by way of a stream in memory. */
static bool figures(const struct html_report *r, struct buf *out, struct error *err)
{
    char *text = NULL;
    size_t len;
    struct out lines = { open_memstream(&text, &len), 0 };

    if (!lines.f)
        return err_set(err, ERR_NOMEM, "out of memory");
    info_text(r->info, &lines);
    if (fclose(lines.f) != 0 || lines.sys || !text) {
        free(text);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    buf_puts(out, "<section id=\"figures\">\n<h2>Figures</h2>\n");
    rows(text, out);
    buf_puts(out, "</section>\n");
    free(text);
    return true;
}

/* --- how to reproduce --- */

static void command(struct buf *out, const char *words, const char *name, const char *what)
{
    struct buf b = BUF_INIT;

    buf_puts(&b, words);
    text_quoted(&b, name, "");
    buf_puts(out, "<tr><td><code>");
    markup_text(out, buf_str(&b));
    buf_printf(out, "</code></td><td>%s</td></tr>\n", what);
    buf_free(&b);
}

static void reproduce(const struct html_report *r, struct buf *out)
{
    const struct insight *x = r->insight;
    struct buf b = BUF_INIT;

    buf_puts(out, "<section id=\"reproduce\">\n<h2>How to reproduce</h2>\n<p>");
    html_printf(out, "Nothing was written to the image. It had %llu bytes; qcheck check ends with "
                "status %d for it.", (unsigned long long)r->scan->img->geo.file_size, r->status);
    buf_puts(out, "</p>\n<table class=\"commands\">\n");
    command(out, "qcheck report ", r->name, "this page");
    command(out, "qcheck check ", r->name, "the findings as text");
    command(out, "qcheck check --output=json ", r->name, "the same for programs");
    if (x->n && x->list[0].n_evidence) {
        struct buf place = BUF_INIT;

        place_text(&x->list[0].evidence[0].place, &place);
        if (place.len) {
            buf_puts(&b, "qcheck at ");
            text_quoted(&b, buf_str(&place), " ");
            command(out, buf_str(&b), r->name, "the first proof in detail");
        }
        buf_free(&place);
    }
    command(out, "qcheck ", r->name, "look around in it");
    command(out, "qemu-img check ", r->name, "what QEMU says");
    buf_puts(out, "</table>\n</section>\n");
    buf_free(&b);
}

bool html_report_write(const struct html_report *r, struct buf *out, struct error *err)
{
    page_head(r, out);
    verdict(r->insight, out);
    if (!maps(r, out, err))
        return false;
    html_causes(r->insight, out);
    html_problems(r->scan, out);
    if (!figures(r, out, err))
        return false;
    reproduce(r, out);
    buf_puts(out, "</main>\n</body>\n</html>\n");
    return !out->failed || err_set(err, ERR_NOMEM, "out of memory");
}
