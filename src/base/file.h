/* Files: whole reads with a ceiling, atomic writes, folders, read-only maps. */
#ifndef FACET_BASE_FILE_H
#define FACET_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct facet_str;

/* Reads the whole file; *data is malloc'ed (one NUL byte follows), caller frees. A file larger
 * than `max` is FACET_E_LIMIT before anything is allocated. */
int facet_file_read(const char *path, size_t max, uint8_t **data, size_t *len);

/* Writes to a temporary name beside `path`, fsyncs and renames: readers see old or new, never half. */
int facet_file_write_atomic(const char *path, const void *data, size_t len);

struct facet_map { const uint8_t *data; size_t len; };
int facet_map_open(struct facet_map *out, const char *path, size_t max);
void facet_map_close(struct facet_map *m);

/* What tells whether a file is still the one that was looked at: any write, replacement or change of
 * its owner or mode changes one of these. */
struct facet_file_id { uint64_t dev, ino, size, mtime_ns, ctime_ns; };
int facet_file_identify(const char *path, struct facet_file_id *out);
int facet_file_identify_open(int fd, struct facet_file_id *out);
bool facet_file_id_equal(const struct facet_file_id *a, const struct facet_file_id *b);

/* What this program keeps for itself. Written like facet_file_write_atomic, but for this user alone; `id` (may be
 * NULL) is of the file written. Mapping it is FACET_E_PERMISSION when the file (no symlink is followed) or
 * its folder belongs to somebody else than this user or root, or others may write to it; `id` (may be NULL)
 * is of the very file that is mapped. */
int facet_file_write_own(const char *path, const void *data, size_t len, struct facet_file_id *id);
int facet_map_open_own(struct facet_map *out, const char *path, size_t max, struct facet_file_id *id);

/* The same in pieces, for what is too large to hold: begin, put, then commit or abandon. `path` is
 * borrowed until then. A private file is for its owner alone. */
struct facet_file_writer { int fd; const char *path; char tmp[4096]; };
int facet_file_begin(struct facet_file_writer *w, const char *path);
int facet_file_put(struct facet_file_writer *w, const void *data, size_t len);
/* The end, on failure too; `id` may be NULL. */
int facet_file_commit(struct facet_file_writer *w, bool is_private, struct facet_file_id *id);
void facet_file_abandon(struct facet_file_writer *w);

bool facet_path_exists(const char *path);
bool facet_path_is_dir(const char *path);
int facet_mkdirs(const char *path);                                  /* like mkdir -p, mode 0755 */
int facet_remove_tree(const char *path);                             /* with all that is below; not there: fine */
int facet_path_join(char *out, size_t cap, const char *dir, const char *name);
const char *facet_path_base(const char *path);                       /* after the last '/' */
const char *facet_path_ext(const char *path);                        /* after the last '.', or "" */

/* Calls `fn` for each regular file below `dir`, in byte order of their paths, hidden files left
 * out, symlink loops refused, at most `max_depth` folders deep. Stops when fn returns non-zero and
 * returns that. */
typedef int facet_walk_fn(void *ctx, const char *path);
int facet_walk(const char *dir, int max_depth, facet_walk_fn *fn, void *ctx);

/* Places by the XDG base directory specification, created on demand:
 *   data   $FACET_DATA   or $XDG_DATA_HOME/facet  or ~/.local/share/facet
 *   cache  $FACET_CACHE  or $XDG_CACHE_HOME/facet or ~/.cache/facet */
int facet_data_dir(char *out, size_t cap);
int facet_cache_dir(char *out, size_t cap);
/*   config $FACET_CONFIG or $XDG_CONFIG_HOME/facet or ~/.config/facet; not created: most have none */
int facet_config_dir(char *out, size_t cap);

#endif
