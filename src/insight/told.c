/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "insight/told.h"

#include <jansson.h>
#include <string.h>

#include "insight/cause_work.h"
#include "qcow2/names.h"

/* NULL: nothing. */
static json_t *told(const struct image *img)
{
    struct source_info info = source_get_info(img->src);

    return info.told ? json_loadb(info.told, info.told_len, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

static void take_side_file(const json_t *file, struct side_file *out)
{
    const char *state = json_string_value(json_object_get(file, "state"));
    json_int_t size = json_integer_value(json_object_get(file, "size"));

    for (int s = SIDE_UNKNOWN; state && s <= SIDE_SHORT; s++)
        if (strcmp(state, side_state_name((enum side_state)s)) == 0)
            *out = (struct side_file){ (enum side_state)s, false, size > 0 ? (uint64_t)size : 0, 0 };
}

void told_side_files(struct image *img)
{
    json_t *all = told(img), *file;
    size_t i;

    json_array_foreach(json_object_get(all, "side-files"), i, file) {
        const char *kind = json_string_value(json_object_get(file, "kind"));

        if (kind && strcmp(kind, "backing-file") == 0 && img->backing_file_len)
            take_side_file(file, &img->backing_there);
        else if (kind && strcmp(kind, "data-file") == 0 && img->geo.data_file && img->data_file)
            take_side_file(file, &img->data_there);
    }
    json_decref(all);
}

void causes_told(struct work *w)
{
    json_t *all = told(w->img), *id;
    enum cause_kind kind;
    size_t i;

    json_array_foreach(json_object_get(all, "causes"), i, id) {
        if (!json_is_string(id) || !cause_by_id(json_string_value(id), &kind) ||
            cause_found(w, kind))
            continue;
        cause_text(w, cause_add(w, kind, CONFIDENCE_POSSIBLE), "Found in the image that was packed, "
                   "by what is not in the pack.");
    }
    json_decref(all);
}

static bool told_answer(const json_t *verdict, const char *question, enum verdict_answer *out)
{
    const char *text = json_string_value(json_object_get(verdict, question));

    for (int a = ANSWER_NO; text && a <= ANSWER_YES; a++)
        if (strcmp(text, answer_name((enum verdict_answer)a)) == 0) {
            *out = (enum verdict_answer)a;
            return true;
        }
    return false;
}

void verdict_told(const struct work *w, struct verdict *v)
{
    json_t *all = told(w->img);
    const json_t *verdict = json_object_get(all, "verdict");
    enum verdict_answer a;

    if (told_answer(verdict, "data-lost", &a) && a > v->data_lost)
        v->data_lost = a;
    if (told_answer(verdict, "may-open", &a) && a < v->may_open)
        v->may_open = a;
    if (told_answer(verdict, "may-write", &a) && a < v->may_write)
        v->may_write = a;
    v->incomplete |= json_is_true(json_object_get(verdict, "incomplete"));
    json_decref(all);
}
