/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "ui/outcome.h"

#include "insight/cause.h"
#include "plan/draft.h"
#include "ui/theme.h"

const char *outcome_text(const struct ui *ui, const struct error *scan_error, unsigned *role_out)
{
    const struct scan_result *r = ui->scan;
    uint64_t given_up = 0, put_back = 0;
    const char *text = "no scan";
    unsigned role = ROLE_DIM;

    if (ui->draft)
        draft_guest_bytes(ui->draft, &given_up, &put_back);
    if (scan_error->code != ERR_NONE) {
        text = "scan failed";
        role = ROLE_ALARM;
    } else if (r && r->partial) {
        text = "partial scan";
        role = ROLE_ALARM;
    } else if (ui->insight && ui->insight->verdict.data_lost == ANSWER_YES) {
        text = "data lost";
        role = ROLE_SEV + SEV_CORRUPTION;
    } else if (r && problems_of_severity(&r->problems, SEV_CORRUPTION)) {
        text = "corrupt";
        role = ROLE_SEV + SEV_CORRUPTION;
    } else if (ui->insight && ui->insight->verdict.data_lost == ANSWER_PERHAPS) {
        text = "data perhaps lost";
        role = ROLE_SEV + SEV_CORRUPTION;
    } else if (r && problems_of_severity(&r->problems, SEV_ERROR)) {
        text = "not fully checked";
        role = ROLE_SEV + SEV_ERROR;
    } else if (r && r == ui->after && (given_up || put_back)) {
        text = given_up ? "data given up" : "data put back";
        role = ROLE_SEV + (given_up ? SEV_CORRUPTION : SEV_LEAK);
    } else if (r && problems_of_severity(&r->problems, SEV_LEAK)) {
        text = "leaks only";
        role = ROLE_SEV + SEV_LEAK;
    } else if (r) {
        text = "clean";
        role = ROLE_GOOD;
    }
    *role_out = role;
    return text;
}
