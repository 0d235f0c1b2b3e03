/* One walk over a structure both writes and reads it: facet__io_u32(io, &x) puts x into the bytes or takes
 * it out of them, so that the two directions cannot drift apart. Numbers are little-endian.
 *
 * Reading trusts nothing: after the first thing that does not fit, `failed` stays set, every further read
 * gives zero, and every count is bounded by the bytes that are left. Writing fails only for want of memory. */
#ifndef FACET_ENGINE_CODEC_H
#define FACET_ENGINE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct facet__io {
    bool is_reading, failed, no_memory;
    uint8_t *out;                  /* writing: malloc'ed, the owner's to free */
    size_t len, cap;
    const uint8_t *at, *end;       /* reading */
};

void facet__io_read(struct facet__io *io, const uint8_t *data, size_t len);
void facet__io_write(struct facet__io *io);
void facet__io_fini(struct facet__io *io);     /* frees what was written */
int facet__io_result(const struct facet__io *io);     /* FACET_E_FORMAT, FACET_E_NOMEM (with a text), 0 */
/* Marks the bytes as not what they should be. */
void facet__io_damaged(struct facet__io *io);

void facet__io_raw(struct facet__io *io, void *data, size_t len);
void facet__io_u32(struct facet__io *io, uint32_t *v);
void facet__io_u64(struct facet__io *io, uint64_t *v);
void facet__io_int(struct facet__io *io, int *v);
void facet__io_i64(struct facet__io *io, int64_t *v);
void facet__io_float(struct facet__io *io, float *v);
void facet__io_bool(struct facet__io *io, bool *v);
/* An enum's number, read back only when below `end`. */
void facet__io_choice(struct facet__io *io, int *v, int end);
#define FACET__IO_ENUM(io, field, end) do { int e_ = (int)*(field); facet__io_choice((io), &e_, (int)(end)); *(field) = e_; } while (0)
/* Text; read into fresh memory. NULL is written as, and read back as, NULL. */
void facet__io_text(struct facet__io *io, char **s);
/* The number of things of at least `each` bytes that follow, at most `max`. */
void facet__io_count(struct facet__io *io, int *n, size_t each, int max);
/* `count` things of `size` bytes as they lie in memory; read into fresh memory (NULL for none). */
void facet__io_block(struct facet__io *io, void **data, size_t count, size_t size);
/* Reading: zeroed memory for n things; NULL (and failed) when there is none. Writing: returns `old`. */
void *facet__io_array(struct facet__io *io, void *old, size_t n, size_t size);

#endif
