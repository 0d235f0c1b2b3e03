/* One value of a site's file: text to field and back. */
#include "deploy/site_priv.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define MAX_SECRET 4096

struct unit { const char *word; double times; };
static const struct unit time_units[] = { { "d", 864e5 }, { "h", 36e5 }, { "m", 6e4 }, { "s", 1e3 }, { "ms", 1 }, { NULL, 0 } };
static const struct unit byte_units[] = { { "GiB", 1073741824.0 }, { "MiB", 1048576.0 }, { "KiB", 1024.0 }, { "GB", 1e9 }, { "MB", 1e6 },
                                          { "KB", 1e3 },           { "B", 1 },           { NULL, 0 } };

static bool is_number(enum facet__site_kind k)
{
    return k == FACET__SITE_INT || k == FACET__SITE_UINT || k == FACET__SITE_NUM || k == FACET__SITE_FLOAT;
}

static void amount_text(char *out, size_t cap, double value, const struct unit *units)
{
    for (const struct unit *u = units; u->word; u++)
        if (value >= u->times && fmod(value, u->times) == 0) {
            snprintf(out, cap, "%.0f%s", value / u->times, u->word);
            return;
        }
    snprintf(out, cap, "%g%s", value, value == 0 ? "" : units[0].times > 1e9 ? "B" : "ms");
}

void facet__site_wanted(const struct facet__site_key *k, char *out, size_t cap)
{
    bool is_whole = k->kind == FACET__SITE_INT || k->kind == FACET__SITE_UINT;
    char low[48], high[48];
    switch (k->kind) {
    case FACET__SITE_WORD: snprintf(out, cap, "one of %s", k->words); return;
    case FACET__SITE_BOOL: snprintf(out, cap, "true or false"); return;
    case FACET__SITE_NAME: snprintf(out, cap, "a name of letters, digits, '-', '_' and '.'"); return;
    case FACET__SITE_TIME:
    case FACET__SITE_TIME64:
        amount_text(high, sizeof(high), k->max, time_units);
        amount_text(low, sizeof(low), k->min, time_units);
        snprintf(out, cap, "a time like 150ms, 10s, 5m, 2h or 7d, from %s to %s", low, high);
        return;
    case FACET__SITE_BYTES:
        amount_text(low, sizeof(low), k->min, byte_units);
        snprintf(out, cap, "bytes like 64KiB, 256MiB or 2GiB, at least %s", low);
        return;
    default: break;
    }
    if (is_number(k->kind) && (k->min != 0 || k->max != 0))
        snprintf(out, cap, "a %snumber from %g to %g", is_whole ? "whole " : "", k->min, k->max);
    else
        snprintf(out, cap, is_number(k->kind) ? "a number" : "a text of at most %zu bytes", k->size - 1);
}

static int refuse(const struct facet__site_key *k, const char *text, const char *where)
{
    char wanted[160];
    facet__site_wanted(k, wanted, sizeof(wanted));
    const char *dot = k->section ? "." : "", *section = k->section ? k->section : "";
    if (k->kind == FACET__SITE_SECRET)
        return facet_fail(FACET_E_FORMAT, "%s%s%s%s is %s", where, section, dot, k->name, wanted);
    return facet_fail(FACET_E_FORMAT, "%s%s%s%s is %s, not '%.60s'", where, section, dot, k->name, wanted, text);
}

/* Number and unit; a bare 0 needs none, bytes may be bare. */
static bool parse_amount(const char *text, const struct unit *units, bool may_be_bare, double *out)
{
    char number[32];
    size_t n = strspn(text, "0123456789.");
    if (n == 0 || n >= sizeof(number))
        return false;
    memcpy(number, text, n);
    number[n] = '\0';
    if (facet_parse_num(number, out))
        return false;
    if (!text[n])
        return *out == 0 || may_be_bare;
    for (const struct unit *u = units; u->word; u++)
        if (!strcasecmp(text + n, u->word)) {
            *out *= u->times;
            return true;
        }
    return false;
}

static bool is_name(const char *text)
{
    return *text && *text != '.' && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(text);
}

static bool is_word(const char *words, const char *text)
{
    size_t len = strlen(text);
    for (const char *w = words; *w; w += strcspn(w, "|"), w += *w == '|')
        if (strcspn(w, "|") == len && !strncmp(w, text, len))
            return true;
    return false;
}

/* ---- secrets ---- */

static int secret_file(const char *path, char *out, size_t cap, const char *what)
{
    struct stat st;
    uint8_t *data;
    size_t len;
    if (stat(path, &st) == 0 && (st.st_mode & S_IRWXO))
        return facet_fail(FACET_E_PERMISSION, "%s is in '%s', which everybody may read: run chmod o= on it", what, path);
    int err = facet_file_read(path, MAX_SECRET, &data, &len);
    if (err)
        return facet_fail_prefix(err, "%s", what);
    while (len && (data[len - 1] == '\n' || data[len - 1] == '\r'))
        len--;
    if (len == 0 || len >= cap || memchr(data, '\0', len))
        err = facet_fail(FACET_E_FORMAT, "%s: '%s' is empty, longer than %zu bytes, or no text", what, path, cap - 1);
    else
        memcpy(out, data, len), out[len] = '\0';
    memset(data, 0, len);
    free(data);
    return err;
}

static int secret_credential(const char *name, char *out, size_t cap, const char *what)
{
    char path[4096];
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    if (!dir || !*dir)
        return facet_fail(FACET_E_NOT_FOUND, "%s wants the credential '%s', but systemd gave none (LoadCredential=)", what, name);
    int err = facet_path_join(path, sizeof(path), dir, name);
    return err ? err : secret_file(path, out, cap, what);
}

static int secret_env(const char *name, char *out, size_t cap, const char *what)
{
    const char *value = getenv(name);
    if (!value || !*value)
        return facet_fail(FACET_E_NOT_FOUND, "%s is to come from the variable '%s', which is not set", what, name);
    if (facet_copy_text(out, cap, value))
        return facet_fail(FACET_E_FORMAT, "%s: the variable '%s' holds more than %zu bytes", what, name, cap - 1);
    return FACET_OK;
}

/* A camera's address may begin with file: too, and then means just that. */
static int set_secret(const struct facet__site_key *k, char *out, const char *text, const char *where)
{
    char what[256];
    bool is_address = !strcmp(k->name, "url");
    snprintf(what, sizeof(what), "%s%s%s%s", where, k->section ? k->section : "", k->section ? "." : "", k->name);
    if (!strncmp(text, "file:", 5) && !is_address)
        return secret_file(text + 5, out, k->size, what);
    if (!strncmp(text, "credential:", 11))
        return secret_credential(text + 11, out, k->size, what);
    if (!strncmp(text, "env:", 4))
        return secret_env(text + 4, out, k->size, what);
    return facet_copy_text(out, k->size, text) ? refuse(k, text, where) : FACET_OK;
}

/* ---- set ---- */

static bool is_within(const struct facet__site_key *k, double v)
{
    return (k->min == 0 && k->max == 0) || (v >= k->min && v <= k->max);
}

static bool set_bool(bool *out, const char *text)
{
    static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strcasecmp(text, words[i])) {
            *out = i % 2;
            return true;
        }
    return false;
}

static bool set_number(const struct facet__site_key *k, void *field, const char *text)
{
    double v;
    if (facet_parse_num(text, &v) || !is_within(k, v))
        return false;
    if ((k->kind == FACET__SITE_INT || k->kind == FACET__SITE_UINT) && (v != floor(v) || fabs(v) > 2e9))
        return false;
    switch (k->kind) {
    case FACET__SITE_INT: *(int *)field = (int)v; break;
    case FACET__SITE_UINT: *(unsigned *)field = (unsigned)v; break;
    case FACET__SITE_FLOAT: *(float *)field = (float)v; break;
    default: *(double *)field = v; break;
    }
    return true;
}

static bool set_amount(const struct facet__site_key *k, void *field, const char *text)
{
    double v;
    bool is_bytes = k->kind == FACET__SITE_BYTES;
    if (!parse_amount(text, is_bytes ? byte_units : time_units, is_bytes, &v) || !is_within(k, v))
        return false;
    if (k->kind == FACET__SITE_TIME)
        *(double *)field = v;
    else
        *(int64_t *)field = (int64_t)v;
    return true;
}

int facet__site_set(const struct facet__site_key *k, void *base, const char *text, const char *where)
{
    void *field = (char *)base + k->offset;
    bool is_right;
    switch (k->kind) {
    case FACET__SITE_SECRET: return set_secret(k, field, text, where);
    case FACET__SITE_TEXT: is_right = facet_copy_text(field, k->size, text) == FACET_OK; break;
    case FACET__SITE_NAME: is_right = is_name(text) && facet_copy_text(field, k->size, text) == FACET_OK; break;
    case FACET__SITE_WORD: is_right = is_word(k->words, text) && facet_copy_text(field, k->size, text) == FACET_OK; break;
    case FACET__SITE_BOOL: is_right = set_bool(field, text); break;
    case FACET__SITE_TIME:
    case FACET__SITE_TIME64:
    case FACET__SITE_BYTES: is_right = set_amount(k, field, text); break;
    default: is_right = set_number(k, field, text); break;
    }
    return is_right ? FACET_OK : refuse(k, text, where);
}

int facet__site_defaults(const struct facet__site_key *table, void *base)
{
    int err = FACET_OK;
    for (const struct facet__site_key *k = table; k->name && !err; k++)
        if (k->fallback)
            err = facet__site_set(k, base, k->fallback, "default: ");
    return err;
}

/* ---- back to text ---- */

void facet__site_text(const struct facet__site_key *k, const void *base, char *out, size_t cap)
{
    const void *field = (const char *)base + k->offset;
    switch (k->kind) {
    case FACET__SITE_SECRET: snprintf(out, cap, "%s", *(const char *)field ? "(set)" : ""); break;
    case FACET__SITE_BOOL: snprintf(out, cap, "%s", *(const bool *)field ? "true" : "false"); break;
    case FACET__SITE_INT: snprintf(out, cap, "%d", *(const int *)field); break;
    case FACET__SITE_UINT: snprintf(out, cap, "%u", *(const unsigned *)field); break;
    case FACET__SITE_NUM: snprintf(out, cap, "%g", *(const double *)field); break;
    case FACET__SITE_FLOAT: snprintf(out, cap, "%g", (double)*(const float *)field); break;
    case FACET__SITE_TIME: amount_text(out, cap, *(const double *)field, time_units); break;
    case FACET__SITE_TIME64: amount_text(out, cap, (double)*(const int64_t *)field, time_units); break;
    case FACET__SITE_BYTES: amount_text(out, cap, (double)*(const int64_t *)field, byte_units); break;
    default: snprintf(out, cap, "%s", (const char *)field); break;
    }
}
