/* `index_tag` names the file; `index_seen` is people_version as far as only additions were made. */
#include "store/sqlite/db.h"

#include <stdlib.h>
#include <string.h>

int facet__db_index_tag(struct facet__db *db, char tag[33], bool *is_current)
{
    struct facet__query q;
    facet__query_begin(&q, db, "read",
                       "SELECT tag.value, CASE WHEN CAST(seen.value AS TEXT) = CAST(version.value AS TEXT) THEN 1 ELSE 0 END"
                       " FROM meta AS tag, meta AS seen, meta AS version"
                       " WHERE tag.key = 'index_tag' AND seen.key = 'index_seen' AND version.key = 'people_version'");
    tag[0] = '\0';
    *is_current = false;
    if (facet__query_row(&q)) {
        facet__query_get_text(&q, 0, tag, 33);
        *is_current = facet__query_get_int(&q, 1) == 1 && strlen(tag) == 32;
    }
    return facet__query_end(&q);
}

int facet__db_index_begins(struct facet__db *db, const char *tag)
{
    struct facet__query q;
    facet__query_begin(&q, db, "keep the index of", "INSERT INTO meta(key, value) VALUES('index_tag', ?)"
                                                      " ON CONFLICT(key) DO UPDATE SET value = excluded.value");
    facet__query_text(&q, tag);
    int err = facet__query_run(&q);
    return err ? err : facet__db_exec(db, "INSERT INTO meta(key, value) SELECT 'index_seen', value FROM meta WHERE key = 'people_version'"
                                          " ON CONFLICT(key) DO UPDATE SET value = excluded.value", "keep the index of");
}

int facet__db_index_follows(struct facet__db *db)
{
    return facet__db_exec(db, FACET__META_ADD_ONE "'index_seen'", "change");
}

int facet__db_index_ends(struct facet__db *db)
{
    return facet__db_exec(db, "DELETE FROM meta WHERE key IN ('index_tag', 'index_seen')", "change");
}
