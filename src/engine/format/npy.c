/* The header is a Python literal, always the same three keys: it is read word by word, without an
 * interpreter. Fortran order is turned into C order. */
#include "engine/format/npy.h"

#include "base/errors.h"
#include "base/file.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COUNT (1 << 28)

struct header { char kind; int size; bool is_fortran; struct facet_shape shape; };

struct words { const char *at, *end; const char *origin; };

static int fail(const char *origin, const char *what)
{
    return facet_fail(FACET_E_FORMAT, "cannot read '%s': %s", origin, what);
}

static bool take(struct words *w, const char *text)
{
    size_t n = strlen(text);
    while (w->at < w->end && isspace((unsigned char)*w->at))
        w->at++;
    if ((size_t)(w->end - w->at) < n || memcmp(w->at, text, n))
        return false;
    w->at += n;
    return true;
}

/* '<f4', '|u1': little-endian or one byte */
static int read_descr(struct words *w, struct header *h)
{
    if (!take(w, "'") || w->end - w->at < 4 || w->at[3] != '\'')
        return fail(w->origin, "its element type is no plain number");
    char order = w->at[0];
    h->kind = w->at[1];
    h->size = w->at[2] - '0';
    w->at += 4;
    bool is_float = h->kind == 'f' && (h->size == 4 || h->size == 8);
    bool is_int = (h->kind == 'i' || h->kind == 'u') && (h->size == 1 || h->size == 2 || h->size == 4 || h->size == 8);
    if ((!is_float && !is_int) || (order != '<' && !(order == '|' && h->size == 1)))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot read '%s': element type '%c%c%d' is not known, only "
                          "little-endian f4, f8, i1 to i8 and u1 to u8", w->origin, isprint((unsigned char)order) ? order : '?',
                          isprint((unsigned char)h->kind) ? h->kind : '?', h->size);
    return FACET_OK;
}

static int read_shape(struct words *w, struct header *h)
{
    h->shape.rank = 0;
    if (!take(w, "("))
        return fail(w->origin, "its shape is missing");
    while (!take(w, ")")) {
        int64_t v = 0;
        const char *from = (take(w, ""), w->at);
        for (; w->at < w->end && isdigit((unsigned char)*w->at) && v <= MAX_COUNT; w->at++)
            v = v * 10 + (*w->at - '0');
        if (w->at == from || v > MAX_COUNT || h->shape.rank == FACET_MAX_DIMS)
            return fail(w->origin, "its shape is no list of few and sensible numbers");
        h->shape.dim[h->shape.rank++] = v;
        if (!take(w, ",") && !(take(w, ")") && (w->at--, true)))
            return fail(w->origin, "its shape is damaged");
    }
    return FACET_OK;
}

static int read_order(struct words *w, struct header *h)
{
    h->is_fortran = take(w, "True");
    return h->is_fortran || take(w, "False") ? FACET_OK : fail(w->origin, "its order is neither True nor False");
}

static int read_dict(struct words *w, struct header *h)
{
    unsigned seen = 0;
    if (!take(w, "{"))
        return fail(w->origin, "its header is damaged");
    while (!take(w, "}")) {
        int err = FACET_OK;
        if (take(w, "'descr':"))
            seen |= 1, err = read_descr(w, h);
        else if (take(w, "'fortran_order':"))
            seen |= 2, err = read_order(w, h);
        else if (take(w, "'shape':"))
            seen |= 4, err = read_shape(w, h);
        else
            err = fail(w->origin, "its header has an unknown key");
        if (err)
            return err;
        if (!take(w, ",") && !(take(w, "}") && (w->at--, true)))
            return fail(w->origin, "its header is damaged");
    }
    return seen == 7 ? FACET_OK : fail(w->origin, "its header lacks a key");
}

static int read_header(const uint8_t *data, size_t len, const char *origin, struct header *h, size_t *body)
{
    if (len < 10 || memcmp(data, "\x93NUMPY", 6))
        return fail(origin, "it is no NumPy array");
    int version = data[6];
    if (version < 1 || version > 3)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot read '%s': version %d of the array format is not known", origin,
                          version);
    size_t at = version == 1 ? 10 : 12, n = data[8] | (size_t)data[9] << 8;
    if (version > 1) {
        if (len < 12)
            return fail(origin, "it ends within its header");
        n |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    }
    if (n > len - at)
        return fail(origin, "it ends within its header");
    struct words w = {(const char *)data + at, (const char *)data + at + n, origin};
    *body = at + n;
    return read_dict(&w, h);
}

static double read_number(const uint8_t *p, const struct header *h)
{
    uint64_t bits = 0;
    for (int i = 0; i < h->size; i++)
        bits |= (uint64_t)p[i] << (8 * i);
    if (h->kind == 'f' && h->size == 4) {
        uint32_t half = (uint32_t)bits;
        float f;
        memcpy(&f, &half, sizeof(f));
        return f;
    }
    if (h->kind == 'f') {
        double d;
        memcpy(&d, &bits, sizeof(d));
        return d;
    }
    int shift = 64 - 8 * h->size;
    return h->kind == 'u' ? (double)bits : (double)((int64_t)(bits << shift) >> shift);
}

/* Where the element that lies at `i` in C order lies in Fortran order. */
static size_t fortran_index(const struct facet_shape *s, size_t i)
{
    size_t at = 0, stride = 1, index[FACET_MAX_DIMS];
    for (int d = s->rank - 1; d >= 0; d--) {
        index[d] = i % (size_t)s->dim[d];
        i /= (size_t)s->dim[d];
    }
    for (int d = 0; d < s->rank; d++) {
        at += index[d] * stride;
        stride *= (size_t)s->dim[d];
    }
    return at;
}

int facet_npy_parse(float **out, struct facet_shape *shape, const uint8_t *data, size_t len, const char *origin)
{
    struct header h = {0};
    size_t body = 0;
    *out = NULL;
    int err = read_header(data, len, origin, &h, &body);
    if (err)
        return err;
    int64_t count = facet_shape_count(&h.shape);
    if (count < 0 || count > MAX_COUNT || len - body != (size_t)count * (size_t)h.size)
        return fail(origin, "it is longer or shorter than its header says");
    float *v = malloc(count ? (size_t)count * sizeof(*v) : 1);
    if (!v)
        return facet_fail_nomem();
    for (size_t i = 0; i < (size_t)count; i++) {
        size_t from = h.is_fortran ? fortran_index(&h.shape, i) : i;
        v[i] = (float)read_number(data + body + from * (size_t)h.size, &h);
    }
    *shape = h.shape;
    *out = v;
    return FACET_OK;
}

int facet_npy_load(float **out, struct facet_shape *shape, const char *path)
{
    uint8_t *data;
    size_t len;
    *out = NULL;
    int err = facet_file_read(path, FACET_MAX_MODEL_FILE, &data, &len);
    if (err)
        return err;
    err = facet_npy_parse(out, shape, data, len, path);
    free(data);
    return err;
}
