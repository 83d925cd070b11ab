#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "qcow2/spec.h"
#include "ui/list.h"
#include "ui/table.h"
#include "ui/table_draw.h"
#include "ui/table_moves.h"

#define ROWS_MAX 512            /* rows read for one screen */

struct tables_view {
    struct table table;
    struct list list;           /* of shown rows: all, or those in `used` */
    bool hide_unused;
    uint32_t *used;             /* owned; indices of used entries of `table`, NULL: none yet */
    size_t n_used;
    enum number_style numbers;
    struct marks marks;
    struct table_row *row;      /* owned, ROWS_MAX; as read by prepare */
    size_t n_row;
    bool stale;                 /* the rows are of another table or another time */
    bool bar_stale;             /* ... or the list is another */
    int bar_h;
    bool bar[ROWS_MAX];         /* scroll bar: a problem in this part of the list */
    char fault[200];            /* why rows are not filtered; "" : nothing */
};

static bool tables_create(const struct ui *ui, void **state)
{
    struct tables_view *v = calloc(1, sizeof *v);

    if (!v)
        return false;
    v->row = calloc(ROWS_MAX, sizeof *v->row);
    if (!v->row) {
        free(v);
        return false;
    }
    v->table = (struct table){ .kind = TABLE_L1 };
    table_resolve(ui->img, &v->table);
    list_fit(&v->list, v->table.n, 1);
    v->stale = v->bar_stale = true;
    *state = v;
    return true;
}

static void tables_destroy(void *state)
{
    struct tables_view *v = state;

    marks_free(&v->marks);
    free(v->used);
    free(v->row);
    free(v);
}

/* --- rows and indices --- */

static bool filtered(const struct tables_view *v)
{
    return v->hide_unused && v->used;
}

static uint64_t index_of_row(const struct tables_view *v, uint64_t row)
{
    return filtered(v) ? (row < v->n_used ? v->used[row] : 0) : row;
}

/* The row that shows this entry, or the next one that is shown. */
static uint64_t row_of_index(const struct tables_view *v, uint64_t index)
{
    size_t low = 0;
    size_t high = v->n_used;

    if (!filtered(v))
        return index;
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (v->used[mid] < index)
            low = mid + 1;
        else
            high = mid;
    }
    return low < v->n_used ? low : v->n_used ? v->n_used - 1 : 0;
}

static bool is_list(const struct tables_view *v)
{
    return v->table.kind == TABLE_SNAPSHOTS || v->table.kind == TABLE_BITMAPS;
}

static void filter_rows(struct tables_view *v, const struct ui *ui, uint64_t index)
{
    struct error err;

    free(v->used);
    v->used = NULL;
    v->n_used = 0;
    v->fault[0] = '\0';
    v->bar_stale = true;
    if (v->hide_unused && !is_list(v) && v->table.off != NO_ADDRESS &&
        !table_used(ui->img, &v->table, &v->used, &v->n_used, &err))
        snprintf(v->fault, sizeof v->fault, "All entries are shown: %.150s", err.text);
    v->list.n = filtered(v) ? v->n_used : v->table.n;
    list_go(&v->list, row_of_index(v, index));
}

static void set_table(struct tables_view *v, const struct ui *ui, const struct table *t,
                      uint64_t index)
{
    bool same = v->table.kind == t->kind && v->table.layer == t->layer && v->table.i == t->i &&
                v->table.off == t->off;

    v->table = *t;
    if (!same) {
        v->stale = true;
        v->list.top = 0;
        filter_rows(v, ui, index);
    } else {
        list_go(&v->list, row_of_index(v, index));
    }
}

static struct place place_here(const struct tables_view *v, const struct ui *ui)
{
    return table_place(ui->img, &v->table, index_of_row(v, v->list.at));
}

static void tables_show(void *state, const struct ui *ui, const struct place *place)
{
    struct table t;
    uint64_t row;

    if (table_of_place(ui, place, &t, &row))
        set_table(state, ui, &t, row);
}

static void tables_scanned(void *state, const struct ui *ui)
{
    struct tables_view *v = state;

    marks_build(&v->marks, ui->scan);
    v->stale = v->bar_stale = true;
}

static int detail_rows(int rows)
{
    return rows >= 16 ? 3 : rows >= 9 ? 2 : 0;
}

static int head_rows(int rows)
{
    return rows >= 4 ? 2 : rows >= 3 ? 1 : 0;
}

static const struct table_row *row_read(const struct table_row *row, size_t n, uint64_t index)
{
    for (size_t i = 0; i < n; i++)
        if (row[i].index == index)
            return &row[i];
    return NULL;
}

/* Where in the list the problems are, for the scroll bar. */
static void find_problems(struct tables_view *v, const struct ui *ui)
{
    uint64_t first;
    uint64_t last;

    if (!v->bar_stale && v->bar_h == v->list.h)
        return;
    v->bar_stale = false;
    v->bar_h = v->list.h;
    memset(v->bar, 0, sizeof v->bar);
    if (!ui->scan || v->list.n == 0)
        return;
    for (size_t i = 0; i < ui->scan->problems.n; i++) {
        if (!table_problem_rows(ui->img, &v->table, &ui->scan->problems.list[i], &first, &last))
            continue;
        first = row_of_index(v, first) * (uint64_t)v->list.h / v->list.n;
        last = row_of_index(v, last) * (uint64_t)v->list.h / v->list.n;
        for (uint64_t y = first; y <= last && y < ROWS_MAX; y++)
            v->bar[y] = true;
    }
}

static void tables_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct tables_view *v = state;
    int h = rows - detail_rows(rows) - head_rows(rows);
    struct table_row *next = calloc(ROWS_MAX, sizeof *next);

    (void)cols;
    list_fit(&v->list, filtered(v) ? v->n_used : v->table.n, h > ROWS_MAX ? ROWS_MAX : h);
    find_problems(v, ui);
    if (!next)
        return;
    if (v->stale)
        v->n_row = 0;
    v->stale = false;
    for (size_t i = 0; i < (size_t)v->list.h && v->list.top + i < v->list.n; i++) {
        uint64_t index = index_of_row(v, v->list.top + i);
        const struct table_row *old = row_read(v->row, v->n_row, index);

        if (old)
            next[i] = *old;
        else
            table_read(ui, &v->marks, &v->table, &index, 1, &next[i]);
    }
    v->n_row = (size_t)u64_min((uint64_t)v->list.h, v->list.n - v->list.top);
    free(v->row);
    v->row = next;
}

/* --- drawing --- */

enum topic { TOPIC_MAPPING, TOPIC_REFCOUNTS, TOPIC_SNAPSHOTS, TOPIC_BITMAPS, N_TOPICS };

static enum topic topic_of(const struct table *t)
{
    switch (t->kind) {
    case TABLE_L1: case TABLE_L2: return TOPIC_MAPPING;
    case TABLE_REFTABLE: case TABLE_REFBLOCK: return TOPIC_REFCOUNTS;
    case TABLE_SNAPSHOTS: return TOPIC_SNAPSHOTS;
    default: return TOPIC_BITMAPS;
    }
}

/* Draws the topics (line NULL: does not); *hit is the one at column `at`. */
static int draw_topics(const struct tables_view *v, const struct ui *ui,
                       const struct area *line, int at, enum topic *hit)
{
    int x = 1;

    for (int t = 0; t < N_TOPICS; t++) {
        static const char *const name[N_TOPICS] = { "Mapping", "Refcounts", "Snapshots",
                                                    "Bitmaps" };
        char text[40];
        int start = x;

        if (t == TOPIC_SNAPSHOTS || t == TOPIC_BITMAPS)
            snprintf(text, sizeof text, " %s %zu ", name[t],
                     t == TOPIC_SNAPSHOTS ? ui->img->snaps.n : ui->img->bitmaps.n);
        else
            snprintf(text, sizeof text, " %s ", name[t]);
        x += (int)strlen(text);
        if (line)
            draw_text(line, 0, start, (int)topic_of(&v->table) == t ? ROLE_TAB_ON : ROLE_TAB,
                      text);
        if (hit && at >= start && at < x)
            *hit = (enum topic)t;
    }
    return x;
}

static void draw_head(const struct tables_view *v, const struct ui *ui, const struct area *a)
{
    struct table_look look = { ui, &v->table, v->numbers };
    struct area line = area_part(a, 0, 0, 1, -1);
    struct buf text = BUF_INIT;
    char n[TEXT_NUM];
    char used[TEXT_NUM];
    int x;

    if (head_rows(a->h) < 1)
        return;
    x = draw_topics(v, ui, &line, -1, NULL);
    table_title(ui->img, &v->table, &text);
    if (filtered(v))
        buf_printf(&text, ", %s of %s used", text_group(used, v->n_used),
                   text_group(n, v->table.n));
    else if (v->table.off != NO_ADDRESS && !is_list(v))
        buf_printf(&text, ", %s %s", text_group(n, v->table.n),
                   v->table.n == 1 ? "entry" : "entries");
    draw_cut(&line, 0, x + 1, line.w - x - 1, ROLE_HEADING, buf_str(&text));
    buf_free(&text);
    if (head_rows(a->h) > 1) {
        line = area_part(a, 1, 1, 1, -2);
        table_draw_heads(&look, &line);
    }
}

static void draw_detail(const struct tables_view *v, const struct ui *ui, const struct area *a)
{
    struct table_look look = { ui, &v->table, v->numbers };
    size_t at = (size_t)(v->list.at - v->list.top);
    struct buf text = BUF_INIT;

    draw_hline(a, 0, 0, a->w);
    if (at < v->n_row) {
        const struct table_row *r = &v->row[at];

        if (r->problems && ui->scan && a->h == 2) {
            problem_text(&ui->scan->problems.list[r->problem], ui->img, &text);
            draw_cut(a, 1, 1, a->w - 1, ROLE_SEV + SEV_CORRUPTION, buf_str(&text));
        } else {
            table_row_text(&look, r, &text);
            draw_cut(a, 1, 1, a->w - 1, ROLE_TEXT, buf_str(&text));
            buf_reset(&text);
            if (r->problems && ui->scan) {
                const struct problem *p = &ui->scan->problems.list[r->problem];

                problem_text(p, ui->img, &text);
                draw_cut(a, 2, 1, a->w - 1, ROLE_SEV + problem_info(p->kind)->severity,
                         buf_str(&text));
            }
        }
    }
    buf_free(&text);
}

/* The scroll bar: which part of the list is shown, and ! where it holds problems. */
static void draw_scroll_bar(const struct tables_view *v, const struct area *rows)
{
    uint64_t h = (uint64_t)v->list.h;

    if (v->list.n <= h)
        return;
    for (uint64_t y = 0; y < h; y++) {
        bool shown = y >= v->list.top * h / v->list.n &&
                     y <= (v->list.top + h - 1) * h / v->list.n;

        if (v->bar[y])
            draw_cell(rows, (int)y, rows->w - 1, '!', ROLE_SEV + SEV_CORRUPTION, NO_BACK,
                      shown ? ATTR_REVERSE : 0);
        else
            draw_cell(rows, (int)y, rows->w - 1, shown ? CH_FULL : CH_VLINE, ROLE_FRAME, NO_BACK,
                      0);
    }
}

static void tables_draw(const void *state, const struct ui *ui, const struct area *a)
{
    const struct tables_view *v = state;
    struct table_look look = { ui, &v->table, v->numbers };
    struct area rows = area_part(a, head_rows(a->h), 0, v->list.h, -1);

    draw_head(v, ui, a);
    if (v->list.n == 0)
        draw_cut(&rows, rows.h > 2, 2, rows.w - 2, ROLE_DIM,
                 filtered(v) ? "No entry is in use." : v->table.why ? v->table.why : "");
    for (size_t i = 0; i < v->n_row; i++) {
        struct area line = area_part(&rows, (int)i, 1, 1, -2);

        table_draw_row(&look, &line, &v->row[i]);
        if (v->list.top + i == v->list.at) {
            draw_restyle(&rows, (int)i, 0, rows.w - 1, N_ROLES, ATTR_REVERSE);
            draw_cursor(&rows, (int)i, 0);
        }
    }
    draw_scroll_bar(v, &rows);
    if (detail_rows(a->h)) {
        struct area below = area_part(a, a->h - detail_rows(a->h), 0, detail_rows(a->h), -1);

        draw_detail(v, ui, &below);
    }
}

static void go_topic(struct tables_view *v, const struct ui *ui, enum topic topic,
                     struct request *req)
{
    static const enum table_kind first[N_TOPICS] = { TABLE_L1, TABLE_REFTABLE, TABLE_SNAPSHOTS,
                                                     TABLE_BITMAPS };
    struct table t = { .kind = first[topic] };

    table_resolve(ui->img, &t);
    if (t.off == NO_ADDRESS) {          /* nothing to stand on there, but it can be shown */
        set_table(v, ui, &t, 0);
        request_message(req, "%s", t.why);
        return;
    }
    table_go(ui, t, 0, req);
}

static const struct table_row *row_at(const struct tables_view *v)
{
    return row_read(v->row, v->n_row, index_of_row(v, v->list.at));
}

static void tables_act(void *state, const struct ui *ui, enum action action,
                       const struct act_arg *arg, struct request *req)
{
    struct tables_view *v = state;
    struct act_arg in_list = *arg;
    enum topic topic = N_TOPICS;
    uint64_t was = v->list.at;
    struct place place;
    int head = v->list.h > 1 ? 2 : 0;

    switch (action) {
    case ACT_OPEN: case ACT_RIGHT:
        table_open_row(ui, &v->table, row_at(v), req);
        return;
    case ACT_LEFT: case ACT_PARENT:
        table_go_up(ui, &v->table, req);
        return;
    case ACT_NEXT_TOPIC: case ACT_PANE:
        go_topic(v, ui, (enum topic)((topic_of(&v->table) + 1) % N_TOPICS), req);
        return;
    case ACT_PREV_TABLE:
        table_go_sibling(ui, &v->table, index_of_row(v, v->list.at), -1, req);
        return;
    case ACT_NEXT_TABLE:
        table_go_sibling(ui, &v->table, index_of_row(v, v->list.at), 1, req);
        return;
    case ACT_NUMBERS:
        v->numbers = (enum number_style)((v->numbers + 1) % N_NUMBER_STYLES);
        request_message(req, "Offsets: %s", number_style_name(v->numbers));
        return;
    case ACT_HIDE_UNUSED:
        was = index_of_row(v, v->list.at);
        v->hide_unused = !v->hide_unused;
        filter_rows(v, ui, was);
        request_message(req, "%s", *v->fault ? v->fault : v->hide_unused
                                 ? "Unused entries are hidden" : "All entries are shown");
        return;
    case ACT_CLICK:
        if (arg->y == 0 && head) {
            draw_topics(v, ui, NULL, arg->x, &topic);
            if (topic != N_TOPICS)
                go_topic(v, ui, topic, req);
            return;
        }
        in_list.y -= head;
        break;
    default:
        break;
    }
    if (list_act(&v->list, action, &in_list)) {
        place = place_here(v, ui);
        request_moved(req, &place);
    } else if (action == ACT_CLICK && arg->count == 2 && was == v->list.at) {
        table_open_row(ui, &v->table, row_at(v), req);
    }
}

/* --- search: an offset that entries point to, or a name --- */

static bool listed_name_has(const struct tables_view *v, const struct ui *ui, uint64_t i,
                            const char *text)
{
    const char *name = v->table.kind == TABLE_SNAPSHOTS ? ui->img->snaps.list[i].name
                                                        : ui->img->bitmaps.list[i].name;

    return name && strcasestr(name, text) != NULL;
}

static bool find_listed(const struct tables_view *v, const struct ui *ui, const char *text,
                        int dir, uint64_t *index)
{
    for (uint64_t k = 1; k <= v->list.n; k++) {
        *index = (v->list.at + (dir > 0 ? k : v->list.n - k)) % v->list.n;
        if (listed_name_has(v, ui, *index, text))
            return true;
    }
    return false;
}

static void tables_search(void *state, const struct ui *ui, const char *text, int dir,
                          struct request *req)
{
    struct tables_view *v = state;
    uint64_t index = index_of_row(v, v->list.at);
    uint64_t wanted;
    struct place place;
    bool found;

    if (is_list(v)) {
        found = find_listed(v, ui, text, dir, &index);
    } else if (text_parse_size(text, &wanted)) {
        found = table_find(ui->img, &v->table, wanted, dir, &index);
    } else {
        request_message(req, "Search here for an offset that an entry points to, like 0x50000");
        return;
    }
    if (!found) {
        request_message(req, "Not in this table: %s", text);
        return;
    }
    list_go(&v->list, row_of_index(v, index));
    place = place_here(v, ui);
    request_moved(req, &place);
}

static void tables_status(const void *state, const struct ui *ui, struct buf *out)
{
    const struct tables_view *v = state;
    char a[TEXT_NUM];
    char b[TEXT_NUM];

    (void)ui;
    if (v->list.n)
        buf_printf(out, "%s of %s ", text_group(a, v->list.at + 1), text_group(b, v->list.n));
}

static void tables_teach(const void *state, const struct ui *ui, struct buf *out)
{
    const struct tables_view *v = state;

    table_teach(ui, &v->table, index_of_row(v, v->list.at), out);
}

const struct view_class view_tables = {
    .name = "Tables",
    .title = "Tables",
    .create = tables_create,
    .destroy = tables_destroy,
    .show = tables_show,
    .scanned = tables_scanned,
    .prepare = tables_prepare,
    .draw = tables_draw,
    .act = tables_act,
    .search = tables_search,
    .teach = tables_teach,
    .status = tables_status,
};
