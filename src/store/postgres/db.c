#include "store/sql.h"

#include "base/errors.h"

int facet__pg_open(struct facet__db *db, const struct facet__db_opts *o, bool *is_new)
{
    return facet_fail(FACET_E_UNSUPPORTED, "cannot open a %s in PostgreSQL: this program was built without it", o->kind->word);
}
