/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* qcheck explain: the tables of problems and causes, for people. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/commands.h"
#include "cmd/cmd_common.h"
#include "report/causes.h"
#include "report/explain.h"

int cmd_explain(const struct command *cmd, int argc, char **argv)
{
    struct out out = { stdout, 0 };
    enum problem_kind kind[N_PROBLEMS];
    enum cause_kind cause[N_CAUSES];
    size_t n = 0, n_causes = 0;
    struct settings s;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    for (int i = 0; i < s.n_operands; i++) {
        if (n < N_PROBLEMS && problem_by_id(s.operand[i], &kind[n])) {
            n++;
        } else if (n_causes < N_CAUSES && cause_by_id(s.operand[i], &cause[n_causes])) {
            n_causes++;
        } else {
            message("there is no problem or cause with this id: ", s.operand[i]);
            return STATUS_FAILED;
        }
    }
    if (s.output == OUTPUT_JSON) {
        for (int k = 0; s.n_operands == 0 && k < N_PROBLEMS; k++)
            kind[n++] = (enum problem_kind)k;
        for (int k = 0; s.n_operands == 0 && k < N_CAUSES; k++)
            cause[n_causes++] = (enum cause_kind)k;
        explain_json(kind, n, cause, n_causes, &out);
    } else if (n + n_causes == 0) {
        explain_list(&out);
    }
    for (size_t i = 0; s.output == OUTPUT_TEXT && i < n; i++) {
        if (i > 0)
            out_puts(&out, "\n");
        explain_kind(kind[i], &out);
    }
    for (size_t i = 0; s.output == OUTPUT_TEXT && i < n_causes; i++) {
        if (n + i > 0)
            out_puts(&out, "\n");
        causes_explain(cause[i], &out);
    }
    return finish(&out, STATUS_CLEAN);
}
