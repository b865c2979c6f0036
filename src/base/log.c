#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

/* Configuration: read-only after start. */
static _Atomic enum log_level threshold = LOG_INFO;

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, level);
}

void log_line(enum log_level level, const char *fmt, ...)
{
    static const char *const names[] = { "", "error", "warn", "info", "debug" };
    if (level > atomic_load(&threshold))
        return;
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++) /* one line a call, whatever a client sent */
        if ((unsigned char)*p < 0x20)
            *p = ' ';
    fprintf(stderr, "%s %s\n", names[level], text);
}
