/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
#include "config.h"

#include "picture/markup.h"

#include <string.h>

#include "base/text.h"

#define REPLACEMENT "\xef\xbf\xbd"

static const char *entity(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

/* Characters past ASCII that XML or HTML forbid. */
static bool forbidden(uint32_t cp)
{
    return cp < 0xa0 || (cp >= 0xfdd0 && cp <= 0xfdef) || (cp & 0xfffe) == 0xfffe;
}

void markup_text(struct buf *out, const char *text)
{
    size_t len = strlen(text), n;

    for (size_t i = 0; i < len; i += n) {
        const uint8_t *p = (const uint8_t *)text + i;
        uint32_t cp = 0;

        n = 1;
        if (*p >= 0x80) {
            n = text_utf8(p, len - i, &cp);
            if (n && !forbidden(cp))
                buf_add(out, p, n);
            else
                buf_puts(out, REPLACEMENT);
            n = n ? n : 1;
        } else if (entity((char)*p)) {
            buf_puts(out, entity((char)*p));
        } else if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f) {
            buf_puts(out, REPLACEMENT);
        } else {
            buf_putc(out, (char)*p);
        }
    }
}

void markup_visible(struct buf *out, const void *bytes, size_t len)
{
    struct buf text = BUF_INIT;

    text_visible(&text, bytes, len);
    out->failed = out->failed || text.failed;
    markup_text(out, buf_str(&text));
    buf_free(&text);
}
