#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/text.h"
#include "ui/list.h"
#include "ui/problem_pick.h"
#include "ui/view.h"
#include "ui/where.h"

#define WIDE 110            /* columns from which kinds and explanation stand side by side */

struct problems_view {
    struct problem_filter filter;
    enum problem_order order;
    enum problem_kind kind;             /* chosen; N_PROBLEMS: all */
    struct problem_pick pick;
    const struct scan_result *scan;     /* what it was made from; NULL: nothing yet */
    enum problem_kind row_kind[N_PROBLEMS + 1];     /* the list of kinds; N_PROBLEMS: all */
    struct list kinds, places;
    bool in_places;                     /* which of the two has the cursor */
    int rows, cols;
};

/* Where the parts lie; h 0: not there. */
struct part_at { int y, x, h, w; };
struct problems_layout { struct part_at kinds, words, places; bool titles; };

static bool problems_create(const struct ui *ui, void **state)
{
    struct problems_view *v = calloc(1, sizeof *v);

    (void)ui;
    if (!v)
        return false;
    v->filter.severity = N_SEVERITIES;
    v->kind = N_PROBLEMS;
    v->order = ORDER_SEVERITY;
    *state = v;
    return true;
}

static void problems_destroy(void *state)
{
    struct problems_view *v = state;

    pick_free(&v->pick);
    free(v);
}

/* --- what is listed --- */

static void make(struct problems_view *v, const struct scan_result *scan)
{
    size_t n = 0;
    uint64_t at = 0;

    v->scan = scan;
    pick_make(&v->pick, scan, &v->filter, v->kind, v->order);
    v->row_kind[n++] = N_PROBLEMS;
    for (int s = 0; s < N_SEVERITIES; s++)
        for (int k = 0; k < N_PROBLEMS; k++)
            if (v->pick.kept[k] && (int)problem_info((enum problem_kind)k)->severity == s)
                v->row_kind[n++] = (enum problem_kind)k;
    for (size_t i = 0; i < n; i++)
        if (v->row_kind[i] == v->kind)
            at = i;
    if (v->row_kind[at] != v->kind) {       /* the kind chosen has been filtered out */
        v->kind = N_PROBLEMS;
        pick_make(&v->pick, scan, &v->filter, v->kind, v->order);
    }
    v->kinds.n = n;
    v->kinds.at = at;
    v->places.n = v->pick.n;
}

static void choose_kind(struct problems_view *v, enum problem_kind kind)
{
    v->kind = kind;
    v->places.at = v->places.top = 0;
    make(v, v->scan);
}

static bool find_row(const struct problems_view *v, size_t problem, uint64_t *row)
{
    for (size_t i = 0; i < v->pick.n; i++) {
        if (v->pick.row[i].problem == problem && v->pick.row[i].part == PICK_RECORD) {
            *row = i;
            return true;
        }
    }
    return false;
}

static void problems_show(void *state, const struct ui *ui, const struct place *place)
{
    struct problems_view *v = state;
    uint64_t row;

    (void)place;
    if (!ui->scan || ui->problem >= ui->scan->problems.n)
        return;
    if (v->kind != N_PROBLEMS && v->kind != ui->scan->problems.list[ui->problem].kind)
        v->kind = ui->scan->problems.list[ui->problem].kind;
    make(v, ui->scan);
    if (!find_row(v, ui->problem, &row)) {
        v->filter = (struct problem_filter){ .severity = N_SEVERITIES };
        make(v, ui->scan);
        if (!find_row(v, ui->problem, &row))
            return;
    }
    list_go(&v->places, row);
    v->in_places = true;
}

static void problems_scanned(void *state, const struct ui *ui)
{
    make(state, ui->scan);
}

static const struct pick_row *row_at_cursor(const struct problems_view *v)
{
    return v->places.at < v->pick.n ? &v->pick.row[v->places.at] : NULL;
}

static struct place place_of(const struct problems_view *v, const struct pick_row *row)
{
    const struct problem *p = &v->scan->problems.list[row->problem];

    return row->part == PICK_OWNER ? p->owner : row->part == PICK_OTHER ? p->other : p->place;
}

/* --- layout --- */

static int at_most(int a, int b)
{
    return a < b ? a : b;
}

static struct problems_layout layout(const struct problems_view *v, int rows, int cols)
{
    struct problems_layout l = { .titles = rows >= 10 };
    int head = rows >= 4;                           /* the line that says what is listed */
    int room = rows - head;
    int n = (int)u64_min(v->kinds.n, 1000);

    if (rows < 10) {                                /* one at a time; Tab changes */
        struct part_at all = { head, 0, room, cols };

        if (v->in_places)
            l.places = all;
        else
            l.kinds = all;
        return l;
    }
    if (cols >= WIDE) {
        int top = at_most(n > 14 ? n : 14, room / 2);
        int w = cols * 2 / 5;

        l.kinds = (struct part_at){ head, 0, top, w };
        l.words = (struct part_at){ head, w + 2, top, cols - w - 2 };
        l.places = (struct part_at){ head + top, 0, room - top, cols };
    } else {
        int top = at_most(n, v->in_places ? room / 4 : room / 3);
        int words = at_most((room - top) * 3 / 5, v->in_places ? 7 : 11);

        l.kinds = (struct part_at){ head, 0, top, cols };
        l.words = (struct part_at){ head + top, 0, words, cols };
        l.places = (struct part_at){ head + top + words, 0, room - top - words, cols };
    }
    return l;
}

static void problems_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct problems_view *v = state;
    struct problems_layout l;

    v->rows = rows;
    v->cols = cols;
    if (ui->scan && v->scan != ui->scan)
        make(v, ui->scan);
    l = layout(v, rows, cols);
    list_fit(&v->kinds, v->kinds.n, l.kinds.h);
    list_fit(&v->places, v->pick.n, l.places.h - l.titles);
}

/* --- drawing --- */

static const char *mark_of(enum severity s)
{
    return s == SEV_CORRUPTION || s == SEV_LEAK || s == SEV_ERROR ? "\u25cf" : "\u25cb";
}

static void draw_head(const struct problems_view *v, const struct ui *ui, const struct area *a)
{
    static const char *const many[N_SEVERITIES] = {
        "corruptions", "leaks", "errors", "warnings", "notes"
    };
    const struct problems *p = &ui->scan->problems;
    char n[TEXT_NUM];
    int x = 1;

    for (int s = 0; s < N_SEVERITIES; s++) {
        uint64_t count = problems_of_severity(p, (enum severity)s);

        if (count == 0)
            continue;
        x = draw_printf(a, 0, x, ROLE_SEV + (unsigned)s, "%s %s %s", mark_of((enum severity)s),
                        text_group(n, count),
                        count == 1 ? severity_name((enum severity)s) : many[s]) + 2;
    }
    if (ui->scan->partial)
        x = draw_text(a, 0, x, ROLE_ALARM, "partial: the scan was stopped") + 2;
    if (v->filter.severity != N_SEVERITIES)
        x = draw_printf(a, 0, x, ROLE_STRONG, "[%s only]", many[v->filter.severity]) + 1;
    if (*v->filter.text)
        x = draw_printf(a, 0, x, ROLE_STRONG, "[with \"%s\"]", v->filter.text) + 1;
    if (v->filter.guest)
        x = draw_printf(a, 0, x, ROLE_STRONG, "[guest 0x%" PRIx64 " \u2013 0x%" PRIx64 "]",
                        v->filter.guest_start, v->filter.guest_end - 1) + 1;
    draw_printf(a, 0, x, ROLE_DIM, "by %s%s", problem_order_name(v->order),
                filter_is_open(&v->filter) ? "" : "; F shows all");
}

static void draw_kind(const struct problems_view *v, const struct area *a, int y, uint64_t i)
{
    enum problem_kind k = v->row_kind[i];
    uint64_t count = 0;
    char n[TEXT_NUM];
    int x;

    if (k == N_PROBLEMS) {
        for (int j = 0; j < N_PROBLEMS; j++)
            count += v->pick.count[j];
        draw_right(a, y, 14, ROLE_NUMBER, text_group(n, count));
        draw_text(a, y, 16, ROLE_TEXT, "all kinds");
    } else {
        const struct problem_info *info = problem_info(k);

        draw_text(a, y, 1, ROLE_SEV + info->severity, mark_of(info->severity));
        draw_right(a, y, 14, ROLE_NUMBER, text_group(n, v->pick.count[k]));
        x = draw_cut(a, y, 16, a->w - 17, ROLE_TEXT, info->title);
        if (a->w - x > (int)strlen(info->id) + 3)
            draw_right(a, y, a->w - 1, ROLE_DIM, info->id);
    }
    if (i == v->kinds.at)
        draw_restyle(a, y, 0, a->w, N_ROLES, v->in_places ? ATTR_BOLD : ATTR_REVERSE);
}

static void draw_title(const struct area *a, int y, const char *text, bool focused)
{
    draw_hline(a, y, 0, a->w);
    draw_cut(a, y, 2, a->w - 4, focused ? ROLE_STRONG : ROLE_DIM, text);
}

/* A labelled paragraph; returns the line after it. */
static int paragraph(const struct area *a, int y, const char *label, const char *text)
{
    struct buf b = BUF_INIT;
    struct area rest = area_part(a, y, 0, -1, -1);

    if (y >= a->h || !text || !*text)
        return y;
    buf_printf(&b, "%s%s", label, text);
    y += draw_wrapped(&rest, 0, 0, rest.w, ROLE_TEXT, buf_str(&b), 0);
    draw_restyle(&rest, 0, 0, (int)strlen(label), ROLE_HEADING, 0);
    buf_free(&b);
    return y;
}

/* What the kind is; with the cursor on a place, what that one is first. */
static void draw_words(const struct problems_view *v, const struct ui *ui, const struct area *a,
                       bool title)
{
    const struct pick_row *row = v->in_places || v->kind == N_PROBLEMS ? row_at_cursor(v) : NULL;
    enum problem_kind k = row ? v->scan->problems.list[row->problem].kind : v->kind;
    const struct problem_info *info;
    struct area in = area_part(a, title, 1, -1, -2);
    int y = 0;

    if (k == N_PROBLEMS)
        return;
    info = problem_info(k);
    if (title) {
        char text[200];

        snprintf(text, sizeof text, " %s (%s) ", info->title, severity_name(info->severity));
        draw_title(a, 0, text, true);
    }
    if (row) {
        struct buf b = BUF_INIT;

        problem_text(&v->scan->problems.list[row->problem], ui->img, &b);
        y = paragraph(&in, y, "", buf_str(&b));
        buf_free(&b);
    }
    if (!v->in_places || in.h > 9)
        y = paragraph(&in, y, "", info->meaning);
    y = paragraph(&in, y, "Guest: ", info->effect);
    y = paragraph(&in, y, "What to do: ", info->advice);
    paragraph(&in, y, "Specification: ", info->spec);
}

static void draw_place(const struct problems_view *v, const struct ui *ui, const struct area *a,
                       int y, uint64_t i)
{
    const struct pick_row *row = &v->pick.row[i];
    const struct problem *p = &v->scan->problems.list[row->problem];
    unsigned role = ROLE_SEV + problem_info(p->kind)->severity;
    struct buf b = BUF_INIT;
    struct place place = place_of(v, row);
    uint64_t start;
    uint64_t len;

    if (row->part == PICK_RECORD) {
        draw_text(a, y, 1, role, mark_of(problem_info(p->kind)->severity));
        problem_text(p, ui->img, &b);
        draw_cut(a, y, 3, a->w - 3, ROLE_TEXT, buf_str(&b));
    } else {
        int x = draw_text(a, y, 5, ROLE_DIM, "\u2192 ");

        place_text(&place, &b);
        x = draw_text(a, y, x, ROLE_LINK, buf_str(&b));
        buf_reset(&b);
        buf_puts(&b, row->part == PICK_OWNER ? "  refers to it" : "  refers to it as well");
        if (where_guest(ui, &place, &start, &len)) {
            buf_puts(&b, ", guest ");
            where_offset(start, &b);
        }
        draw_cut(a, y, x, a->w - x, ROLE_DIM, buf_str(&b));
    }
    if (i == v->places.at)
        draw_restyle(a, y, 0, a->w, N_ROLES, v->in_places ? ATTR_REVERSE : ATTR_BOLD);
    buf_free(&b);
}

static void draw_places(const struct problems_view *v, const struct ui *ui, const struct area *a,
                        bool title)
{
    struct area rows = area_part(a, title, 0, -1, -1);
    char n[TEXT_NUM];
    char text[160];

    if (title) {
        if (!problems_complete(&v->scan->problems))
            snprintf(text, sizeof text, " Places: %s runs; counts are exact, some places are "
                     "not kept ", text_group(n, v->pick.records));
        else
            snprintf(text, sizeof text, " Places: %s (Enter goes there) ",
                     text_group(n, v->pick.records));
        draw_title(a, 0, text, v->in_places);
    }
    for (int y = 0; y < rows.h && v->places.top + (uint64_t)y < v->pick.n; y++)
        draw_place(v, ui, &rows, y, v->places.top + (uint64_t)y);
    if (v->pick.n == 0)
        draw_text(&rows, 0, 1, ROLE_DIM, "nothing passes the filter");
    if (v->in_places)
        draw_cursor(&rows, (int)(v->places.at - v->places.top), 1);
}

static void draw_none(const struct ui *ui, const struct area *a)
{
    struct buf b = BUF_INIT;
    char x[TEXT_NUM];
    char y[TEXT_NUM];
    char z[TEXT_NUM];

    if (!ui->scan) {
        buf_puts(&b, ui->progress ? "The scan is running: problems are listed when it has ended."
                                  : "There was no scan, so no problems are known.");
        if (ui->progress)
            buf_printf(&b, "\n\nNow: %s.",
                       scan_phase_name((enum scan_phase)atomic_load(&ui->progress->phase)));
    } else {
        buf_printf(&b, "No problems were found%s.\n\nLooked at: %s host clusters, %s L2 tables "
                   "and %s refcount blocks.",
                   ui->scan->partial ? " up to where the scan was stopped" : "",
                   text_group(x, ui->img->geo.n_clusters),
                   text_group(y, ui->scan->stats.l2_tables),
                   text_group(z, ui->scan->stats.refblocks));
    }
    draw_wrapped(a, 0, 1, a->w - 2, ui->scan && !ui->scan->partial ? ROLE_GOOD : ROLE_TEXT,
                 buf_str(&b), 0);
    draw_cursor(a, 0, 0);
    buf_free(&b);
}

static struct area area_of(const struct area *a, const struct part_at *p)
{
    return area_part(a, p->y, p->x, p->h, p->w);
}

static void problems_draw(const void *state, const struct ui *ui, const struct area *a)
{
    const struct problems_view *v = state;
    struct problems_layout l = layout(v, a->h, a->w);
    struct area part;

    if (!ui->scan || ui->scan->problems.n == 0 || !v->scan) {
        draw_none(ui, a);
        return;
    }
    if (a->h >= 4)
        draw_head(v, ui, a);
    part = area_of(a, &l.kinds);
    for (int y = 0; y < part.h && v->kinds.top + (uint64_t)y < v->kinds.n; y++)
        draw_kind(v, &part, y, v->kinds.top + (uint64_t)y);
    if (!v->in_places)
        draw_cursor(&part, (int)(v->kinds.at - v->kinds.top), 1);
    if (l.words.x)
        draw_vline(a, l.words.y, l.words.x - 1, l.words.h);
    part = area_of(a, &l.words);
    if (part.h)
        draw_words(v, ui, &part, true);
    part = area_of(a, &l.places);
    if (part.h)
        draw_places(v, ui, &part, l.titles);
}

/* --- actions --- */

static void moved(const struct problems_view *v, struct request *req)
{
    const struct pick_row *row = row_at_cursor(v);
    struct place place;

    if (!row)
        return;
    place = place_of(v, row);
    if (place.kind != PLACE_NONE)
        request_moved(req, &place);
}

static void go_there(const struct problems_view *v, struct request *req)
{
    const struct pick_row *row = row_at_cursor(v);
    struct place place;

    if (!row)
        return;
    place = place_of(v, row);
    if (place.kind == PLACE_NONE) {
        request_message(req, "This concerns the file as a whole");
        return;
    }
    request_go(req, &place, N_VIEWS);
    req->problem = row->problem;
}

static void next_severity(struct problems_view *v, struct request *req)
{
    const struct problems *p = &v->scan->problems;
    int s = v->filter.severity == N_SEVERITIES ? 0 : (int)v->filter.severity + 1;

    while (s < N_SEVERITIES && problems_of_severity(p, (enum severity)s) == 0)
        s++;
    v->filter.severity = (enum severity)s;
    choose_kind(v, N_PROBLEMS);
    request_message(req, "Shown: %s%s", s == N_SEVERITIES ? "all" : severity_name((enum severity)s),
                    s == N_SEVERITIES ? "" : " only");
}

static void click(struct problems_view *v, const struct act_arg *arg, struct request *req)
{
    struct problems_layout l = layout(v, v->rows, v->cols);
    struct act_arg in = *arg;

    if (arg->y >= l.places.y + l.titles && arg->y < l.places.y + l.places.h) {
        in.y -= l.places.y + l.titles;
        v->in_places = true;
        list_act(&v->places, ACT_CLICK, &in);
        moved(v, req);
        if (arg->count == 2)
            go_there(v, req);
    } else if (arg->y >= l.kinds.y && arg->y < l.kinds.y + l.kinds.h &&
               arg->x < l.kinds.x + l.kinds.w) {
        in.y -= l.kinds.y;
        v->in_places = false;
        if (list_act(&v->kinds, ACT_CLICK, &in))
            choose_kind(v, v->row_kind[v->kinds.at]);
    }
}

static void problems_act(void *state, const struct ui *ui, enum action action,
                         const struct act_arg *arg, struct request *req)
{
    struct problems_view *v = state;

    (void)ui;
    if (!v->scan || v->scan->problems.n == 0)
        return;
    switch (action) {
    case ACT_PANE:
        v->in_places = !v->in_places;
        break;
    case ACT_LEFT:
        v->in_places = false;
        break;
    case ACT_RIGHT:
        v->in_places = true;
        break;
    case ACT_OPEN:
        if (v->in_places)
            go_there(v, req);
        else
            v->in_places = v->pick.n > 0;
        if (v->in_places && req->kind == REQ_NONE)
            moved(v, req);
        break;
    case ACT_FILTER:
        next_severity(v, req);
        break;
    case ACT_FILTER_NONE:
        v->filter = (struct problem_filter){ .severity = N_SEVERITIES };
        choose_kind(v, v->kind);
        request_message(req, "All problems are shown");
        break;
    case ACT_SORT:
        v->order = (enum problem_order)((v->order + 1) % N_PROBLEM_ORDERS);
        choose_kind(v, v->kind);
        request_message(req, "Sorted by %s", problem_order_name(v->order));
        break;
    case ACT_CLICK:
        click(v, arg, req);
        break;
    default:
        if (v->in_places && list_act(&v->places, action, arg))
            moved(v, req);
        else if (!v->in_places && list_act(&v->kinds, action, arg))
            choose_kind(v, v->row_kind[v->kinds.at]);
    }
}

/* Searching filters; the same once more steps through what is left. */
static void problems_search(void *state, const struct ui *ui, const char *text, int dir,
                            struct request *req)
{
    struct problems_view *v = state;
    struct problem_filter f = v->filter;
    char n[TEXT_NUM];

    (void)ui;
    if (!v->scan) {
        request_message(req, "Problems are known when the scan has ended");
    } else if (!filter_parse(text, &f)) {
        request_message(req, "Not a guest range; type guest 1G-2G or guest 1.5G");
    } else if (memcmp(&f, &v->filter, sizeof f) == 0) {
        v->in_places = true;
        if (list_act(&v->places, dir > 0 ? ACT_DOWN : ACT_UP, &(struct act_arg){ 0, 0, 1 }))
            moved(v, req);
    } else {
        v->filter = f;
        choose_kind(v, N_PROBLEMS);
        v->in_places = v->pick.n > 0;
        request_message(req, "%s places; F shows all again", text_group(n, v->pick.records));
        moved(v, req);
    }
}

static void problems_status(const void *state, const struct ui *ui, struct buf *out)
{
    const struct problems_view *v = state;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    (void)ui;
    if (v->in_places && v->pick.n)
        buf_printf(out, "%s of %s", text_group(a, v->places.at + 1), text_group(b, v->pick.n));
}

static void problems_teach(const void *state, const struct ui *ui, struct buf *out)
{
    const struct qemu_counts *q = ui->scan ? &ui->scan->qemu : NULL;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    (void)state;
    buf_puts(out, "Every cluster of the file has a refcount: how many entries may point to it. "
                  "The scan counts who really does and compares. A cluster with a higher refcount "
                  "than references is leaked: space is wasted, nothing is lost. One with a lower "
                  "refcount is in danger: the next write may take it for free and overwrite "
                  "it.\n\n");
    buf_puts(out, "Other problems are in the entries themselves: a pointer past the end of the "
                  "file, not at the start of a cluster, with bits set that must be zero, or to "
                  "something that belongs to somebody else.\n\n"
                  "corruption: guest data is damaged, or will be. leak: wasted space. error: "
                  "something could not be read. warning: dangerous or odd, but no tool of QEMU "
                  "says so. note: worth knowing.\n\n");
    if (q && !q->refused)
        buf_printf(out, "qemu-img check would count %s errors and %s leaks in this image. Its "
                   "numbers and ours can differ: an error in a table that snapshots share is one "
                   "place here, but counts once for each snapshot there.\n\n",
                   text_group(a, q->corruptions), text_group(b, q->leaks));
    buf_puts(out, "Problems side by side are one run here: one line can stand for thousands. "
                  "When there are too many runs only the first of each kind are kept; the "
                  "counts stay exact.\n");
}

const struct view_class view_problems = {
    .name = "Problems",
    .title = "Problems, grouped by kind",
    .create = problems_create,
    .destroy = problems_destroy,
    .show = problems_show,
    .scanned = problems_scanned,
    .prepare = problems_prepare,
    .draw = problems_draw,
    .act = problems_act,
    .search = problems_search,
    .teach = problems_teach,
    .status = problems_status,
};
