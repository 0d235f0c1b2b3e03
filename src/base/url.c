#include "base/url.h"

#include "base/errors.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

static const char after_scheme[] = "://";

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static size_t scheme_length(const char *url)
{
    size_t n = 0;
    while (is_alnum(url[n]) || (n > 0 && (url[n] == '+' || url[n] == '-' || url[n] == '.')))
        n++;
    return n > 0 && strncmp(url + n, after_scheme, 3) == 0 ? n : 0;
}

bool facet_url_scheme(const char *url, char *out, size_t cap)
{
    size_t n = scheme_length(url);
    if (n == 0 || n >= cap)
        return false;
    memcpy(out, url, n);
    out[n] = '\0';
    return true;
}

/* Where the host begins. A password with a '/' in it makes the host look as if it were over before the '@'. So all up to the
 * last '@' counts as login, unless that stands in a path and nothing before it can be a password. */
static const char *host_of(const char *authority)
{
    const char *at = strrchr(authority, '@'), *host = authority;
    if (!at)
        return authority;
    if (*host == '[')
        host += strcspn(host, "]/@");
    size_t length = (size_t)(at - host), first = strcspn(host, "/:?#@");
    bool is_in_path = first < length && host[first] == '/' && !memchr(host, ':', length);
    return is_in_path ? authority : at + 1;
}

void facet_url_redact(char *out, size_t cap, const char *url)
{
    size_t scheme = scheme_length(url);
    if (!cap)
        return;
    if (scheme == 0) {
        snprintf(out, cap, "%s", url);
        return;
    }
    const char *host = host_of(url + scheme + 3);
    size_t length = strcspn(host, "?#");
    snprintf(out, cap, "%.*s%.*s%s", (int)scheme + 3, url, (int)length, host, host[length] ? "?***" : "");
}

static void put_encoded(struct facet_str *out, const char *text)
{
    for (; *text; text++) {
        if (is_alnum(*text) || strchr("-._~", *text))
            facet_str_append(out, text, 1);
        else
            facet_str_printf(out, "%%%02X", (unsigned char)*text);
    }
}

int facet_url_login(struct facet_str *out, const char *url, const char *user, const char *password)
{
    size_t scheme = scheme_length(url);
    if (!user || !*user)
        return facet_str_puts(out, url);
    if (scheme == 0)
        return facet_fail(FACET_E_INVALID, "cannot log in to '%s': it is no address", url);
    facet_str_append(out, url, scheme + 3);
    put_encoded(out, user);
    facet_str_puts(out, ":");
    put_encoded(out, password ? password : "");
    facet_str_puts(out, "@");
    facet_str_puts(out, host_of(url + scheme + 3));
    return out->err;
}
