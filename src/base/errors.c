#include "base/errors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char error_text[1024];

const char *facet_error_name(int err)
{
    switch (err) {
    case FACET_OK: return "FACET_OK";
#define FACET_ERROR_CASE(name, number, text) case number: return "FACET_E_" #name;
    FACET_ERROR_LIST(FACET_ERROR_CASE)
#undef FACET_ERROR_CASE
    default: return "FACET_E_UNKNOWN";
    }
}

const char *facet_error_text(void)
{
    return error_text;
}

int facet_fail(int err, const char *fmt, ...)
{
    char text[sizeof(error_text)]; /* arguments may point into error_text */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    memcpy(error_text, text, sizeof(text));
    return err;
}

int facet_fail_prefix(int err, const char *fmt, ...)
{
    char text[sizeof(error_text)];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(text, sizeof(text) - 3, fmt, ap);
    va_end(ap);
    size_t used = len < 0 ? 0 : strlen(text);
    if (snprintf(text + used, sizeof(text) - used, ": %s", error_text) < 0)
        text[used] = '\0';
    memcpy(error_text, text, sizeof(text));
    return err;
}

int facet_fail_nomem(void)
{
    return facet_fail(FACET_E_NOMEM, "out of memory");
}

int facet_fail_errno(const char *doing, const char *path)
{
    int e = errno;
    int err = e == ENOENT ? FACET_E_NOT_FOUND : FACET_E_IO;
    if (e == EACCES || e == EPERM)
        err = FACET_E_PERMISSION;
    return facet_fail(err, "cannot %s '%s': %s", doing, path, strerror(e));
}
