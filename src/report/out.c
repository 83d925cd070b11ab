#include "report/out.h"

#include <errno.h>
#include <stdarg.h>

#include "base/text.h"

static void note_failure(struct out *o)
{
    if (!o->sys)
        o->sys = errno ? errno : EIO;
}

void out_write(struct out *o, const void *bytes, size_t len)
{
    if (o->sys || len == 0)
        return;
    errno = 0;
    if (fwrite(bytes, 1, len, o->f) != len)
        note_failure(o);
}

void out_puts(struct out *o, const char *text)
{
    if (o->sys)
        return;
    errno = 0;
    if (fputs(text, o->f) == EOF)
        note_failure(o);
}

void out_printf(struct out *o, const char *fmt, ...)
{
    va_list ap;

    if (o->sys)
        return;
    errno = 0;
    va_start(ap, fmt);
    if (vfprintf(o->f, fmt, ap) < 0)
        note_failure(o);
    va_end(ap);
}

void out_visible(struct out *o, const void *bytes, size_t len)
{
    struct buf b = BUF_INIT;

    text_visible(&b, bytes, len);
    if (b.failed && !o->sys)
        o->sys = ENOMEM;
    out_write(o, b.data, b.len);
    buf_free(&b);
}

bool out_ok(const struct out *o)
{
    return o->sys == 0;
}

bool out_end(struct out *o, struct error *err)
{
    errno = 0;
    if (!o->sys && fflush(o->f) != 0)
        note_failure(o);
    return o->sys ? err_set_sys(err, o->sys, "cannot write") : true;
}
