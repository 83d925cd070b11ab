/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* The plan in the making: its steps, and what comes of them. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ui/list.h"
#include "ui/view.h"

#define LOSSES_SHOWN 8

struct plan_view {
    struct list list;
    int head_h, detail_h;           /* rows above and below the list */
    int words_top;                  /* of the explanation below: first line shown */
};

static bool plan_create(const struct ui *ui, void **state)
{
    (void)ui;
    *state = calloc(1, sizeof(struct plan_view));
    return *state != NULL;
}

static void plan_destroy(void *state)
{
    free(state);
}

static void plan_show(void *state, const struct ui *ui, const struct place *place)
{
    (void)state;
    (void)ui;
    (void)place;
}

/* In the head, or where the steps would be. */
static bool left_in_head(const struct ui *ui, int rows)
{
    return *ui->plan_left && draft_n(ui->draft) && rows >= 16;
}

static void plan_prepare(void *state, const struct ui *ui, int rows, int cols)
{
    struct plan_view *v = state;

    (void)cols;
    v->head_h = rows < 4 ? 0 : rows < 8 ? 1 : left_in_head(ui, rows) ? 6 : 4;
    v->detail_h = rows >= 26 ? rows / 2 : rows >= 12 ? 9 : 0;
    list_fit(&v->list, draft_n(ui->draft), rows - v->head_h - v->detail_h);
}

/* --- before and after --- */

/* changed: steps give up guest data, or put it where they think that it was. */
static void counts_text(const struct scan_result *scan, const struct insight *x, bool changed,
                        struct buf *out)
{
    uint64_t bad = problems_of_severity(&scan->problems, SEV_CORRUPTION)
        + problems_of_severity(&scan->problems, SEV_ERROR);
    uint64_t leaks = problems_of_severity(&scan->problems, SEV_LEAK);
    char n[TEXT_NUM];

    buf_printf(out, "%s corruption%s", text_group(n, bad), bad == 1 ? "" : "s");
    buf_printf(out, ", %s leak%s", text_group(n, leaks), leaks == 1 ? "" : "s");
    if (scan->refused.id)
        buf_puts(out, ", refused by QEMU");
    if (x && spans_bytes(&x->verdict.lost))
        buf_printf(out, ", %s lost", text_size(n, spans_bytes(&x->verdict.lost)));
    else if (x)
        buf_puts(out, x->verdict.data_lost != ANSWER_NO ? ", perhaps something lost"
                 : changed ? "" : ", nothing lost");
}

/* What became of guest data: the check of the outcome knows nothing of it. False: nothing did. */
static bool data_text(const struct draft *d, struct buf *out)
{
    uint64_t given_up, put_back;
    char n[TEXT_NUM];

    draft_guest_bytes(d, &given_up, &put_back);
    if (given_up)
        buf_printf(out, ", %s given up", text_size(n, given_up));
    if (put_back)
        buf_printf(out, ", %s put back (see how surely)", text_size(n, put_back));
    return given_up || put_back;
}

static unsigned counts_role(const struct scan_result *scan, bool changed)
{
    if (changed && !problems_of_severity(&scan->problems, SEV_CORRUPTION) && !scan->refused.id)
        return ROLE_SEV + SEV_LEAK;
    return problems_of_severity(&scan->problems, SEV_CORRUPTION) || scan->refused.id
        ? ROLE_SEV + SEV_CORRUPTION
        : problems_of_severity(&scan->problems, SEV_LEAK) ? ROLE_SEV + SEV_LEAK : ROLE_GOOD;
}

static void draw_side(const struct area *a, int y, const char *label,
                      const struct scan_result *scan, const struct insight *x,
                      const struct draft *draft, const char *instead)
{
    struct buf text = BUF_INIT, data = BUF_INIT;
    bool changed = draft && data_text(draft, &data);

    draw_text(a, y, 1, ROLE_HEADING, label);
    if (scan) {
        counts_text(scan, x, changed, &text);
        buf_puts(&text, buf_str(&data));
    } else {
        buf_puts(&text, instead);
    }
    draw_cut(a, y, 9, a->w - 10, scan ? counts_role(scan, changed) : ROLE_DIM, buf_str(&text));
    buf_free(&text);
    buf_free(&data);
}

static void draw_head(const struct plan_view *v, const struct ui *ui, const struct area *a)
{
    size_t n = draft_n(ui->draft), chosen = draft_n_chosen(ui->draft);
    struct buf text = BUF_INIT;

    if (v->head_h >= 4) {
        draw_side(a, 0, "Before", ui->before, ui->before_causes, NULL, "scanning\u2026");
        draw_side(a, 1, "After", ui->after, ui->after_causes, ui->draft,
                  ui->plan_work ? ui->plan_work : "the same: no step is chosen");
    }
    if (v->head_h > 4)
        draw_wrapped(&(struct area){ a->g, a->y + 2, a->x, v->head_h - 3, a->w }, 0, 1, a->w - 2,
                     ROLE_TEXT, ui->plan_left, 0);
    buf_printf(&text, " %zu step%s, %zu chosen%s%s ", n, n == 1 ? "" : "s", chosen,
               ui->plan_work ? " \u00b7 " : "", ui->plan_work ? ui->plan_work : "");
    draw_hline(a, v->head_h - 1, 0, a->w);
    draw_cut(a, v->head_h - 1, 2, a->w - 3, ROLE_HEADING, buf_str(&text));
    buf_free(&text);
}

/* --- steps --- */

/* What it does to the counts, in few words: "-118 +3". */
static void effect_text(const struct plan_step *s, char out[32])
{
    uint64_t less = 0, more = 0;
    char a[TEXT_NUM], b[TEXT_NUM];

    for (int k = 0; k < N_PROBLEMS; k++) {
        if (s->before[k] > s->after[k])
            less += s->before[k] - s->after[k];
        else
            more += s->after[k] - s->before[k];
    }
    out[0] = '\0';
    if (less && more)
        snprintf(out, 32, "-%s +%s", text_group(a, less), text_group(b, more));
    else if (less || more)
        snprintf(out, 32, "%c%s", less ? '-' : '+', text_group(a, less ? less : more));
}

static void draw_step(const struct plan_view *v, const struct ui *ui, const struct area *rows,
                      int y, uint64_t i)
{
    const struct plan_step *s = draft_step(ui->draft, (size_t)i);
    bool chosen = draft_chosen(ui->draft, (size_t)i);
    struct area line = area_part(rows, y, 0, 1, -1);
    char effect[32];
    int x = 0, end = line.w - 1;

    effect_text(s, effect);
    x = draw_printf(&line, 0, x, chosen ? ROLE_STRONG : ROLE_DIM, "%s%3" PRIu64 "  ",
                    chosen ? "[x]" : "[ ]", i + 1);
    if (line.w >= 60) {
        draw_right(&line, 0, end, ROLE_NUMBER, effect);
        end -= 9;
        draw_text(&line, 0, x, ROLE_NAME, s->goal);
        x += 11;
    }
    if (plan_step_loses(s))
        x = draw_text(&line, 0, x, ROLE_SEV + SEV_CORRUPTION,
                      line.w < 40 ? "! " : "loses data: ");
    draw_cut(&line, 0, x, end - x, chosen ? ROLE_TEXT : ROLE_DIM, s->title ? s->title : "");
    if (i == v->list.at) {
        draw_restyle(&line, 0, 0, line.w, N_ROLES, ATTR_REVERSE);
        draw_cursor(&line, 0, 1);
    }
}

static void say_counts(const struct plan_step *s, struct buf *out)
{
    for (int pass = 0; pass < 2; pass++) {
        for (int k = 0; k < N_PROBLEMS; k++) {
            char a[TEXT_NUM], b[TEXT_NUM];

            if (pass ? s->before[k] >= s->after[k] : s->before[k] <= s->after[k])
                continue;
            buf_printf(out, "%s %s: %s before, %s after\n", pass ? "Adds" : "Mends",
                       problem_info((enum problem_kind)k)->title, text_group(a, s->before[k]),
                       text_group(b, s->after[k]));
        }
    }
}

static void say_losses(const struct plan_step *s, struct buf *out)
{
    char n[TEXT_NUM];

    for (size_t i = 0; i < s->n_losses && i < LOSSES_SHOWN; i++) {
        const struct loss *l = &s->loss[i];

        buf_puts(out, l->regained ? "Regains " : "Gives up ");
        if (l->layer)
            buf_printf(out, "snapshot %u, ", l->layer);
        buf_printf(out, "guest 0x%" PRIx64 ": %s\n", l->guest_off, text_size(n, l->len));
    }
    if (s->n_losses > LOSSES_SHOWN)
        buf_printf(out, "and %s more ranges\n", text_group(n, s->n_losses - LOSSES_SHOWN));
}

static void say_owners(const struct plan_step *s, struct buf *out)
{
    uint64_t more = s->owners_left_out;
    char n[TEXT_NUM];

    for (size_t i = 0; i < s->n_owners && i < LOSSES_SHOWN; i++)
        buf_printf(out, "Of it %s: %s\n", text_size(n, s->owner[i].len), s->owner[i].text);
    more += s->n_owners > LOSSES_SHOWN ? s->n_owners - LOSSES_SHOWN : 0;
    if (more)
        buf_printf(out, "and %s more\n", text_group(n, more));
}

static void step_text(const struct plan_step *s, bool naming, struct buf *out)
{
    uint64_t bytes = 0;
    char n[TEXT_NUM];

    buf_printf(out, "%s\n", s->title ? s->title : s->goal);
    if (s->why)
        buf_printf(out, "Why: %s\n", s->why);
    if (s->cost)
        buf_printf(out, "Note: %s\n", s->cost);
    say_losses(s, out);
    say_owners(s, out);
    if (naming)
        buf_puts(out, "Whose bytes these are is looked for\u2026\n");
    say_counts(s, out);
    for (size_t i = 0; i < s->patches.n; i++)
        bytes += s->patches.list[i].len;
    buf_printf(out, "Writes %s", text_size(n, bytes));
    if (s->patches.has_length)
        buf_printf(out, "; the file gets %s", text_size(n, s->patches.length));
    buf_putc(out, '.');
}

/* Says how to see what does not fit. */
static void draw_words(const struct area *below, const struct area *words, const char *text,
                       int top)
{
    const struct area none = { words->g, words->y, words->x, 0, words->w };
    int n = draw_wrapped(&none, 0, 0, words->w, ROLE_TEXT, text, 0);
    int last = n > words->h ? n - words->h : 0;

    top = top < last ? top : last;
    if (last)
        draw_right(below, 0, below->w - 2, ROLE_DIM, top == last ? " Left: up " : " Right: more ");
    draw_wrapped(words, 0, 0, words->w, ROLE_TEXT, text, top);
}

static const char empty[] =
    "There are no steps yet. Nothing here changes the image: steps are laid over it to see what "
    "would come of them, and qcheck apply carries out a plan that was saved.\n"
    "p in Problems or Overview plans what mends the problem or cause under the cursor; P does so "
    "at the cost of guest data where nothing else helps.\n"
    "e in Header, Tables or Hex edits the field under the cursor: damage a sample yourself "
    "(qcheck --sample healthy) and see at once what each pointer does.\n"
    "= shows the image as it is, and as it would be. U undoes, Ctrl-R does it again.";

static void plan_draw(const void *state, const struct ui *ui, const struct area *a)
{
    const struct plan_view *v = state;
    struct area rows = area_part(a, v->head_h, 0, a->h - v->head_h - v->detail_h, -1);
    struct buf text = BUF_INIT;

    if (v->head_h)
        draw_head(v, ui, a);
    if (!v->list.n) {
        struct area all = area_part(a, v->head_h, 1, -1, -2);

        if (*ui->plan_left)
            buf_printf(&text, "%s\n\n", ui->plan_left);
        buf_puts(&text, empty);
        draw_wrapped(&all, all.h > 8, 0, all.w > 100 ? 100 : all.w, ROLE_TEXT, buf_str(&text), 0);
        buf_free(&text);
        return;
    }
    for (int y = 0; y < rows.h && v->list.top + (uint64_t)y < v->list.n; y++)
        draw_step(v, ui, &rows, y, v->list.top + (uint64_t)y);
    if (v->detail_h) {
        struct area below = area_part(a, a->h - v->detail_h, 0, v->detail_h, -1);
        struct area words = area_part(&below, 1, 1, -1, -2);
        const struct plan_step *step = draft_step(ui->draft, (size_t)v->list.at);

        draw_hline(&below, 0, 0, below.w);
        step_text(step, step == ui->plan_naming && plan_step_loses(step), &text);
        draw_words(&below, &words, buf_str(&text), v->words_top);
        buf_free(&text);
    }
}

/* --- actions --- */

static void go_there(const struct plan_step *s, struct request *req)
{
    struct place to = s->place;

    if (to.kind == PLACE_NONE && s->patches.n)
        to = (struct place){ .kind = PLACE_FILE_OFFSET, .file_off = s->patches.list[0].off,
                             .guest_off = NO_ADDRESS };
    if (to.kind == PLACE_NONE)
        request_message(req, "The step changes the length of the file only");
    else
        request_go(req, &to, N_VIEWS);
}

static void ask(struct request *req, uint64_t step, enum step_change change)
{
    req->kind = REQ_STEP;
    req->step = (size_t)step;
    req->change = change;
}

static void plan_act(void *state, const struct ui *ui, enum action action,
                     const struct act_arg *arg, struct request *req)
{
    struct plan_view *v = state;
    struct act_arg in_list = *arg;
    uint64_t at = v->list.at;

    if (!v->list.n || at >= draft_n(ui->draft))
        return;
    in_list.y -= v->head_h;
    switch (action) {
    case ACT_OPEN:
        go_there(draft_step(ui->draft, (size_t)at), req);
        break;
    case ACT_STEP_TOGGLE:
        ask(req, at, STEP_TOGGLE);
        break;
    case ACT_STEP_REMOVE:
        ask(req, at, STEP_REMOVE);
        break;
    case ACT_STEP_UP:
        ask(req, at, STEP_UP);
        v->list.at -= draft_may_move(ui->draft, (size_t)at, -1, NULL);
        break;
    case ACT_STEP_DOWN:
        ask(req, at, STEP_DOWN);
        v->list.at += draft_may_move(ui->draft, (size_t)at, 1, NULL);
        break;
    case ACT_CLICK:
        if (in_list.y >= v->list.h)
            break;
        if (!list_act(&v->list, action, &in_list) && in_list.x < 3)
            ask(req, v->list.at, STEP_TOGGLE);
        break;
    case ACT_LEFT: case ACT_RIGHT:
        v->words_top += action == ACT_RIGHT;
        v->words_top -= action == ACT_LEFT && v->words_top > 0;
        break;
    default:
        if (list_act(&v->list, action, &in_list))
            v->words_top = 0;
    }
}

static bool plan_idle(const void *state, const struct ui *ui, enum action action)
{
    (void)state;
    switch (action) {
    case ACT_OPEN: case ACT_STEP_TOGGLE: case ACT_STEP_DOWN: case ACT_STEP_REMOVE:
    case ACT_SAVE_PLAN: case ACT_BEFORE_AFTER:
        return draft_n(ui->draft) == 0;
    default:
        return false;
    }
}

static void plan_teach(const void *state, const struct ui *ui, struct buf *out)
{
    (void)state;
    buf_puts(out,
             "A plan is a list of steps. Each says what it does, what it goes by and what it "
             "costs, and holds the bytes it writes. Laid over the image they give the image as "
             "it would be: every view can show it (=), and it is scanned like any other. The "
             "image itself is only read.\n\n"
             "A step that a planner made rests on those chosen before it: leaving one out "
             "leaves out what rests on it. Bytes set by hand rest on nothing.\n\n"
             "Saved, the plan is bound to this state of this image by SHA-256 sums of all that "
             "it replaces:\n\n"
             "  qcheck apply PLAN IMAGE --output NEW\n"
             "  qcheck apply PLAN IMAGE --in-place --undo FILE\n\n"
             "Damage it yourself: on a sample (qcheck --sample many), go to an L1 or L2 entry "
             "(4), press e and give it another cluster, 12c, or pick one with Tab. Before and "
             "after stand above; 3 says what a check would find, and 2 where. U takes it "
             "back.\n\n");
    buf_printf(out, "This plan has %zu steps; %zu are chosen.\n", draft_n(ui->draft),
               draft_n_chosen(ui->draft));
}

const struct view_class view_plan = {
    .name = "Plan",
    .title = "Plan: what would be changed",
    .create = plan_create,
    .destroy = plan_destroy,
    .show = plan_show,
    .prepare = plan_prepare,
    .draw = plan_draw,
    .act = plan_act,
    .idle = plan_idle,
    .teach = plan_teach,
};
