/* Packed weights of one plan: one arena of 64-byte aligned blobs asked for in a fixed order. While
 * building, facet_pack_blob gives zeroed memory to fill and *fresh is true; when the plan comes from
 * the cache file it gives the mapped bytes and *fresh is false. A size that differs from the cached
 * one means a stale cache: FACET_E_AGAIN, and the plan is built anew. */
#ifndef FACET_ENGINE_PACK_H
#define FACET_ENGINE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Raise it whenever the layout of the file itself changes. That of a blob needs no number: the file bears the
 * engine's id (a hash of its sources), and is stale for any other. */
#define FACET_PACK_VERSION 3
#define FACET_PACK_MAX_FILE ((size_t)4 << 30)

struct facet_file_id;
struct facet_pack;

int facet_pack_blob(struct facet_pack *p, size_t bytes, void **data, bool *fresh);

/* Used by plan_cache.c. Key: model hash, back end, CPU kind, engine version, pass flags. Damaged (checksum),
 * foreign, stale or absent files are FACET_E_NOT_FOUND, and rebuilt. `trusted` (NULL: none) is the file whose
 * checksum was right when it was last read or written: when it is still that file, its bytes are not
 * read again, so that opening costs a map. Two processes may build at once: each writes its own temporary
 * file and renames. `id` (may be NULL) is of the file that was written. */
int facet_pack_open_cached(struct facet_pack **out, const char *dir, const char *key, const struct facet_file_id *trusted);
int facet_pack_new(struct facet_pack **out);
int facet_pack_save(struct facet_pack *p, const char *dir, const char *key, struct facet_file_id *id);
void facet_pack_close(struct facet_pack **p);
size_t facet_pack_bytes(const struct facet_pack *p);
const struct facet_file_id *facet_pack_file(const struct facet_pack *p);      /* NULL: not mapped from a file */

#endif
