#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_fill(struct error *err, enum error_code code, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return;
    err->code = code;
    err->sys = 0;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
}

void err_fill_sys(struct error *err, int errnum, const char *fmt, ...)
{
    va_list ap;
    size_t used;
    char reason[128];

    if (!err)
        return;
    err->code = ERR_IO;
    err->sys = errnum;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    used = strlen(err->text);
    if (strerror_r(errnum, reason, sizeof reason) != 0)
        snprintf(reason, sizeof reason, "error %d", errnum);
    snprintf(err->text + used, sizeof err->text - used, ": %s", reason);
}
