/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck explain: the problem table, for people. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/cmd_common.h"
#include "report/explain.h"

int cmd_explain(const struct command *cmd, int argc, char **argv)
{
    struct out out = { stdout, 0 };
    enum problem_kind kind[N_PROBLEMS];
    size_t n = 0;
    struct settings s;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    for (int i = 0; i < s.n_operands; i++) {
        if (n == N_PROBLEMS || !problem_by_id(s.operand[i], &kind[n])) {
            message("there is no problem with this id: ", s.operand[i]);
            return STATUS_FAILED;
        }
        n++;
    }
    if (s.output == OUTPUT_JSON) {
        for (int k = 0; s.n_operands == 0 && k < N_PROBLEMS; k++)
            kind[n++] = (enum problem_kind)k;
        explain_json(kind, n, &out);
    } else if (n == 0) {
        explain_list(&out);
    }
    for (size_t i = 0; s.output == OUTPUT_TEXT && i < n; i++) {
        if (i > 0)
            out_puts(&out, "\n");
        explain_kind(kind[i], &out);
    }
    return finish(&out, STATUS_CLEAN);
}
