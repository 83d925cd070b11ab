/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "report/streams.h"

#include <stddef.h>

static const struct stream_info streams[N_STREAMS] = {
#define X(e, letter, err, help) [STREAM_##e] = { letter, err, help },
    STREAMS(X)
#undef X
};

static const struct preset presets[] = {
    { 's', "silent", "", "no output at all" },
    { 'q', "quiet", "fw", "fatal and nonfatal errors only" },
    { 'b', "basic", "fwshiHLR", "analysis and summaries; the default" },
    { 'v', "verbose", "fwshiHLRpc", "problems and confirmations in detail as well" },
    { 'x', "deluge", "fwshipcHLlR210MDVFAUE", "everything but debugging messages" },
};

const struct stream_info *stream_info(enum stream s)
{
    return &streams[s];
}

const struct preset *preset_at(unsigned i)
{
    return i < sizeof presets / sizeof presets[0] ? &presets[i] : NULL;
}

const struct preset *preset_by_letter(char letter)
{
    const struct preset *p;

    for (unsigned i = 0; (p = preset_at(i)); i++)
        if (p->letter == letter)
            return p;
    return NULL;
}

bool streams_parse(const char *letters, uint32_t *out, struct error *err)
{
    uint32_t set = 0;

    for (; *letters; letters++) {
        unsigned s = 0;

        while (s < N_STREAMS && streams[s].letter != *letters)
            s++;
        if (s == N_STREAMS) {
            if (*letters > ' ' && *letters < 127)
                return err_set(err, ERR_USAGE, "there is no filter '%c'", *letters);
            return err_set(err, ERR_USAGE, "there is no filter \\x%02x",
                           (unsigned)(unsigned char)*letters);
        }
        set |= UINT32_C(1) << s;
    }
    *out = set;
    return true;
}
