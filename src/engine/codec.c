#include "engine/codec.h"

#include "base/errors.h"

#include <stdlib.h>
#include <string.h>

#define NO_TEXT UINT32_MAX

void facet__io_read(struct facet__io *io, const uint8_t *data, size_t len)
{
    *io = (struct facet__io){.is_reading = true, .at = data, .end = data + len};
}

void facet__io_write(struct facet__io *io)
{
    *io = (struct facet__io){.is_reading = false};
}

void facet__io_fini(struct facet__io *io)
{
    free(io->out);
    *io = (struct facet__io){.failed = true};
}

int facet__io_result(const struct facet__io *io)
{
    if (io->no_memory)
        return facet_fail_nomem();
    return io->failed ? facet_fail(FACET_E_FORMAT, "the bytes are not what they should be") : FACET_OK;
}

void facet__io_damaged(struct facet__io *io)
{
    io->failed = true;
}

static void out_of_memory(struct facet__io *io)
{
    io->failed = io->no_memory = true;
}

static bool make_room(struct facet__io *io, size_t len)
{
    size_t need = io->len + len, cap = io->cap ? io->cap : 4096;
    if (need <= io->cap)
        return true;
    while (cap < need)
        cap *= 2;
    uint8_t *more = realloc(io->out, cap);
    if (!more) {
        out_of_memory(io);
        return false;
    }
    io->out = more;
    io->cap = cap;
    return true;
}

static size_t left(const struct facet__io *io)
{
    return (size_t)(io->end - io->at);
}

void facet__io_raw(struct facet__io *io, void *data, size_t len)
{
    if (!io->failed && io->is_reading && left(io) < len)
        io->failed = true;
    if (io->failed || (!io->is_reading && !make_room(io, len))) {
        if (io->is_reading && len)
            memset(data, 0, len);
        return;
    }
    if (len == 0)
        return;
    if (io->is_reading) {
        memcpy(data, io->at, len);
        io->at += len;
    } else {
        memcpy(io->out + io->len, data, len);
        io->len += len;
    }
}

void facet__io_u64(struct facet__io *io, uint64_t *v)
{
    uint8_t b[8];
    for (int i = 0; i < 8; i++)
        b[i] = (uint8_t)(*v >> (8 * i));
    facet__io_raw(io, b, sizeof(b));
    if (!io->is_reading)
        return;
    *v = 0;
    for (int i = 7; i >= 0; i--)
        *v = *v << 8 | b[i];
}

void facet__io_u32(struct facet__io *io, uint32_t *v)
{
    uint8_t b[4];
    for (int i = 0; i < 4; i++)
        b[i] = (uint8_t)(*v >> (8 * i));
    facet__io_raw(io, b, sizeof(b));
    if (!io->is_reading)
        return;
    *v = 0;
    for (int i = 3; i >= 0; i--)
        *v = *v << 8 | b[i];
}

void facet__io_int(struct facet__io *io, int *v)
{
    uint32_t u = (uint32_t)*v;
    facet__io_u32(io, &u);
    *v = (int)u;
}

void facet__io_i64(struct facet__io *io, int64_t *v)
{
    uint64_t u = (uint64_t)*v;
    facet__io_u64(io, &u);
    *v = (int64_t)u;
}

void facet__io_float(struct facet__io *io, float *v)
{
    uint32_t u;
    memcpy(&u, v, sizeof(u));
    facet__io_u32(io, &u);
    memcpy(v, &u, sizeof(u));
}

void facet__io_choice(struct facet__io *io, int *v, int end)
{
    facet__io_int(io, v);
    if (!io->is_reading || (*v >= 0 && *v < end))
        return;
    io->failed = true;
    *v = 0;
}

void facet__io_bool(struct facet__io *io, bool *v)
{
    int n = *v;
    facet__io_choice(io, &n, 2);
    *v = n == 1;
}

void facet__io_text(struct facet__io *io, char **s)
{
    uint32_t len = !io->is_reading && *s ? (uint32_t)strlen(*s) : NO_TEXT;
    facet__io_u32(io, &len);
    if (!io->is_reading) {
        if (*s)
            facet__io_raw(io, *s, len);
        return;
    }
    *s = NULL;
    if (io->failed || len == NO_TEXT)
        return;
    if (len > left(io) || memchr(io->at, '\0', len)) {
        io->failed = true;
        return;
    }
    *s = malloc((size_t)len + 1);
    if (!*s) {
        out_of_memory(io);
        return;
    }
    facet__io_raw(io, *s, len);
    (*s)[len] = '\0';
}

void facet__io_count(struct facet__io *io, int *n, size_t each, int max)
{
    facet__io_int(io, n);
    if (!io->is_reading || (*n >= 0 && *n <= max && (size_t)*n <= left(io) / (each ? each : 1)))
        return;
    io->failed = true;
    *n = 0;
}

void *facet__io_array(struct facet__io *io, void *old, size_t n, size_t size)
{
    if (!io->is_reading)
        return old;
    void *p = io->failed ? NULL : calloc(n ? n : 1, size);
    if (!p && !io->failed)
        out_of_memory(io);
    return p;
}

void facet__io_block(struct facet__io *io, void **data, size_t count, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || (io->is_reading && bytes > left(io)))
        io->failed = true;
    if (!io->is_reading) {
        if (!io->failed)
            facet__io_raw(io, *data, bytes);
        return;
    }
    *data = NULL;
    if (io->failed)
        return;
    *data = malloc(bytes ? bytes : 1);
    if (!*data)
        out_of_memory(io);
    else
        facet__io_raw(io, *data, bytes);
}
