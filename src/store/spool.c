/* One SQLite file: `item` holds what waits, `done` the ids that were acknowledged lately, `state` one row of counters that
 * change in the same transaction as what they count, so that they are true after a kill.
 *
 * Ages are kept right when the wall clock is set: how it stands against the clock that never goes back is looked at with each
 * call, and when it jumped, the times of all that waits jump with it. What happened while the program was not
 * running cannot be known; then things are kept longer, never shorter. */
#include "store/spool_priv.h"

#include "base/errors.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JUMP_MS 5000 /* differences below this are slewing and rounding */

/* ---- transactions ---- */

static int bound(struct facet_spool *s, bool ok, const char *what)
{
    return ok ? FACET_OK : facet__spool_fail(s, what);
}

/* The error text stays. */
static void take_back(struct facet_spool *s)
{
    for (int i = 0; i < 3 && !sqlite3_get_autocommit(s->sql); i++)
        sqlite3_step(facet__spool_use(s, ROLLBACK));
}

static int end(struct facet_spool *s, int err, const char *what)
{
    if (!err)
        err = facet__spool_run(s, facet__spool_use(s, COMMIT), what);
    if (err)
        take_back(s);
    return err;
}

/* ---- time ---- */

static int64_t now_ms(const struct facet_spool *s)
{
    return s->clock.wall_ms(s->clock.ctx);
}

/* With the lock, before anything is judged by its age. */
static int follow_clock(struct facet_spool *s)
{
    int64_t offset = facet__spool_clock_offset(s), jump = offset - s->offset_ms;
    if (jump > -JUMP_MS && jump < JUMP_MS) {
        s->offset_ms = offset;
        return FACET_OK;
    }
    int err = facet__spool_run(s, facet__spool_use(s, BEGIN), "follow the clock in");
    if (!err)
        err = facet__spool_run(s, facet__spool_use_int(s, SHIFT_ITEMS, jump), "follow the clock in");
    if (!err)
        err = facet__spool_run(s, facet__spool_use_int(s, SHIFT_DONE, jump), "follow the clock in");
    err = end(s, err, "follow the clock in");
    if (!err)
        s->offset_ms = offset;
    if (!err)
        facet_log(FACET_LOG_WARN, "store", "the clock was set by %lld s: what waits in '%s' keeps its age",
                  (long long)(jump / 1000), s->path);
    return err;
}

/* ---- ceilings; inside a transaction ---- */

static int count_out(struct facet_spool *s, int64_t items, int64_t bytes, int64_t expired, int64_t aged, int64_t squeezed)
{
    sqlite3_stmt *q = facet__spool_use_int(s, TAKE, items);
    sqlite3_bind_int64(q, 2, bytes);
    int err = facet__spool_run(s, q, "count in");
    q = facet__spool_use_int(s, SQUEEZED, expired);
    sqlite3_bind_int64(q, 2, aged);
    sqlite3_bind_int64(q, 3, squeezed);
    return err ? err : facet__spool_run(s, q, "count in");
}

static int drop_by_time(struct facet_spool *s, enum facet__spool_statement find, enum facet__spool_statement drop, int64_t until)
{
    int64_t found[2];
    int err = facet__spool_numbers(s, facet__spool_use_int(s, find, until), "look through", found, 2);
    if (err || !found[0])
        return err;
    err = facet__spool_run(s, facet__spool_use_int(s, drop, until), "drop from");
    if (!err)
        err = count_out(s, found[0], found[1], drop == DROP_EXPIRED ? found[0] : 0, drop == DROP_AGED ? found[0] : 0, 0);
    return err;
}

static int drop_late(struct facet_spool *s)
{
    int err = drop_by_time(s, EXPIRED, DROP_EXPIRED, now_ms(s));
    return err ? err : drop_by_time(s, AGED, DROP_AGED, now_ms(s) - s->max_age_ms);
}

/* *dropped_itself: the newest, `seq`, was the least of all. */
static int squeeze(struct facet_spool *s, int64_t seq, bool *dropped_itself)
{
    int64_t state[2], least[2];
    int err = facet__spool_numbers(s, facet__spool_use(s, STATE), "count in", state, 2);
    while (!err && state[1] > s->max_bytes) {
        err = facet__spool_numbers(s, facet__spool_use(s, LEAST), "look through", least, 2);
        if (!err)
            err = facet__spool_run(s, facet__spool_use_int(s, DELETE, least[0]), "drop from");
        if (!err)
            err = count_out(s, 1, least[1], 0, 0, 1);
        *dropped_itself = *dropped_itself || least[0] == seq;
        if (!err)
            err = facet__spool_numbers(s, facet__spool_use(s, STATE), "count in", state, 2);
        if (!err && state[0] <= 0)
            break;
    }
    return err;
}

/* Does something wait that is over its time? Cheap: both questions go by an index. */
static int has_late(struct facet_spool *s, bool *late)
{
    int64_t expired[1], aged[1];
    int err = facet__spool_numbers(s, facet__spool_use_int(s, EXPIRED, now_ms(s)), "look through", expired, 1);
    if (!err)
        err = facet__spool_numbers(s, facet__spool_use_int(s, AGED, now_ms(s) - s->max_age_ms), "look through", aged, 1);
    *late = !err && (expired[0] || aged[0]);
    return err;
}

/* ---- putting ---- */

static int insert(struct facet_spool *s, const struct facet_spool_item *item, int64_t size)
{
    sqlite3_stmt *q = facet__spool_use(s, INSERT);
    bool ok = !sqlite3_bind_text(q, 1, item->id, -1, SQLITE_STATIC) && !sqlite3_bind_int(q, 2, (int)item->class) &&
              !sqlite3_bind_text(q, 3, item->topic, -1, SQLITE_STATIC) &&
              !sqlite3_bind_int64(q, 4, item->created_ms ? item->created_ms : now_ms(s)) &&
              !sqlite3_bind_int64(q, 5, item->expires_ms) && !sqlite3_bind_text(q, 6, item->person, -1, SQLITE_STATIC) &&
              !sqlite3_bind_int64(q, 7, size) &&
              !sqlite3_bind_int(q, 8, s->vault != NULL) &&
              !(item->len ? sqlite3_bind_blob64(q, 9, item->payload, item->len, SQLITE_STATIC) : sqlite3_bind_zeroblob(q, 9, 0));
    int err = bound(s, ok, "put into");
    return err ? err : facet__spool_run(s, q, "put into");
}

static int64_t size_of(const struct facet_spool_item *item)
{
    return (int64_t)(item->len + strlen(item->topic) + strlen(item->id));
}

static int check_item(const struct facet_spool *s, const struct facet_spool_item *item)
{
    if (!memchr(item->id, '\0', sizeof(item->id)) || !item->id[0] || !memchr(item->topic, '\0', sizeof(item->topic)) ||
        !memchr(item->person, '\0', sizeof(item->person)) || (unsigned)item->class >= FACET_SPOOL_CLASSES ||
        (item->len && !item->payload) || item->expires_ms < 0 || item->created_ms < 0)
        return facet_fail(FACET_E_INVALID, "cannot put into spool '%s': the item lacks its id, or what it says does not fit", s->path);
    if (size_of(item) > s->max_bytes)
        return facet_fail(FACET_E_LIMIT, "cannot put into spool '%s': '%s' alone is larger than its %lld bytes", s->path, item->id,
                          (long long)s->max_bytes);
    return FACET_OK;
}

/* Inside a transaction, which it commits. */
static int put(struct facet_spool *s, const struct facet_spool_item *item)
{
    int64_t size = size_of(item), is_double[1];
    bool dropped_itself = false;
    sqlite3_stmt *q = facet__spool_use(s, HAS);
    int err = bound(s, !sqlite3_bind_text(q, 1, item->id, -1, SQLITE_STATIC) && !sqlite3_bind_int64(q, 2, now_ms(s) - FACET__SPOOL_DONE_MS), "put into");
    if (!err)
        err = facet__spool_numbers(s, q, "look through", is_double, 1);
    if (!err && is_double[0]) {
        err = end(s, facet__spool_run(s, facet__spool_use(s, DOUBLE), "count in"), "count in");
        return err ? err : facet_fail(FACET_E_EXISTS, "'%s' is in spool '%s' already, or was", item->id, s->path);
    }
    if (!err)
        err = insert(s, item, size);
    int64_t seq = sqlite3_last_insert_rowid(s->sql);
    if (!err)
        err = facet__spool_run(s, facet__spool_use_int(s, ADD, size), "count in");
    if (!err)
        err = drop_late(s);
    if (!err)
        err = squeeze(s, seq, &dropped_itself);
    err = end(s, err, "put into");
    if (!err && dropped_itself)
        return facet_fail(FACET_E_LIMIT, "spool '%s' is full of what matters more than '%s'", s->path, item->id);
    if (!err)
        s->last = seq;
    return err;
}

int facet_spool_put(struct facet_spool *s, const struct facet_spool_item *given)
{
    int err = check_item(s, given);
    if (err)
        return err;
    struct facet_spool_item copy = *given, *item = &copy;
    void *bytes = NULL;
    facet__spool_hide(s, given->person, copy.person);
    err = facet__spool_seal(s, item, &bytes);
    facet_lock_take(&s->lock);
    if (!err)
        err = follow_clock(s);
    if (!err)
        err = facet__spool_run(s, facet__spool_use(s, BEGIN), "put into");
    if (!err)
        err = put(s, item);
    if (err)
        take_back(s);
    else
        facet_cond_wake(&s->more);
    facet_lock_give(&s->lock);
    free(bytes);
    return err;
}

/* Number and size of what waits by this id; zeros when nothing does. */
static int find_id(struct facet_spool *s, const char *id, int64_t found[2])
{
    sqlite3_stmt *q = facet__spool_use(s, FIND_ID);
    int err = bound(s, !sqlite3_bind_text(q, 1, id, -1, SQLITE_STATIC), "look through");
    found[0] = found[1] = 0;
    return err ? err : facet__spool_numbers(s, q, "look through", found, 2);
}

bool facet_spool_waits(struct facet_spool *s, const char *id, int64_t behind)
{
    int64_t found[2];
    facet_lock_take(&s->lock);
    bool waits = !find_id(s, id, found) && found[0] > behind;
    facet_lock_give(&s->lock);
    return waits;
}

/* Inside a transaction. */
static int exchange(struct facet_spool *s, const struct facet_spool_item *item, int64_t behind, int64_t *seq)
{
    int64_t found[2], size = size_of(item);
    int err = find_id(s, item->id, found);
    if (!err && found[0] <= behind)
        return facet_fail(FACET_E_NOT_FOUND, "'%s' does not wait in spool '%s' any more", item->id, s->path);
    sqlite3_stmt *q = facet__spool_use_int(s, EXCHANGE, found[0]);
    bool ok = !sqlite3_bind_int64(q, 2, item->expires_ms) && !sqlite3_bind_text(q, 3, item->person, -1, SQLITE_STATIC) &&
              !sqlite3_bind_int64(q, 4, size) && !sqlite3_bind_int(q, 5, s->vault != NULL) &&
              !(item->len ? sqlite3_bind_blob64(q, 6, item->payload, item->len, SQLITE_STATIC) : sqlite3_bind_zeroblob(q, 6, 0));
    if (!err)
        err = bound(s, ok, "put into");
    if (!err)
        err = facet__spool_run(s, q, "put into");
    *seq = found[0];
    return err ? err : count_out(s, 0, found[1] - size, 0, 0, 0);
}

int facet_spool_replace(struct facet_spool *s, const struct facet_spool_item *given, int64_t behind)
{
    struct facet_spool_item item = *given;
    bool dropped_itself = false;
    void *bytes = NULL;
    int64_t seq = 0;
    int err = check_item(s, given);
    if (err)
        return err;
    facet__spool_hide(s, given->person, item.person);
    err = facet__spool_seal(s, &item, &bytes);
    facet_lock_take(&s->lock);
    if (!err)
        err = facet__spool_run(s, facet__spool_use(s, BEGIN), "put into");
    if (!err)
        err = exchange(s, &item, behind, &seq);
    if (!err)
        err = squeeze(s, seq, &dropped_itself);
    if (!err)
        err = end(s, err, "put into");
    if (err)
        take_back(s);
    facet_lock_give(&s->lock);
    free(bytes);
    return !err && dropped_itself ? facet_fail(FACET_E_LIMIT, "spool '%s' is full of what matters more than '%s'", s->path, item.id) : err;
}

/* ---- taking ---- */

static int drop_what_is_late(struct facet_spool *s)
{
    bool late;
    int err = follow_clock(s);
    if (!err)
        err = has_late(s, &late);
    if (err || !late)
        return err;
    err = facet__spool_run(s, facet__spool_use(s, BEGIN), "drop from");
    if (!err)
        err = drop_late(s);
    return end(s, err, "drop from");
}

static void copy_column(char *out, size_t cap, sqlite3_stmt *q, int column)
{
    const unsigned char *text = sqlite3_column_text(q, column);
    snprintf(out, cap, "%s", text ? (const char *)text : "");
}

static int read_item(struct facet_spool *s, sqlite3_stmt *q, struct facet_spool_item *out)
{
    out->seq = sqlite3_column_int64(q, 0);
    copy_column(out->id, sizeof(out->id), q, 1);
    out->class = (enum facet_spool_class)sqlite3_column_int(q, 2);
    copy_column(out->topic, sizeof(out->topic), q, 3);
    out->created_ms = sqlite3_column_int64(q, 4);
    out->expires_ms = sqlite3_column_int64(q, 5);
    copy_column(out->person, sizeof(out->person), q, 6);
    const void *data = sqlite3_column_blob(q, 7);
    out->len = (size_t)sqlite3_column_bytes(q, 7);
    if (!out->id[0] || (out->len && !data)) /* a row has an id: there was no memory to show it */
        return facet_fail_nomem();
    out->payload = malloc(out->len + 1);
    if (!out->payload)
        return facet_fail_nomem();
    if (out->len)
        memcpy(out->payload, data, out->len);
    ((char *)out->payload)[out->len] = '\0';
    return FACET_OK;
}

int facet_spool_next(struct facet_spool *s, int64_t after, struct facet_spool_item *out)
{
    bool is_sealed = false;
    memset(out, 0, sizeof(*out));
    facet_lock_take(&s->lock);
    int err = drop_what_is_late(s);
    sqlite3_stmt *q = facet__spool_use_int(s, NEXT, after);
    int rc = err ? SQLITE_DONE : sqlite3_step(q);
    is_sealed = rc == SQLITE_ROW && sqlite3_column_int(q, 8);
    if (rc == SQLITE_ROW)
        err = read_item(s, q, out);
    else if (!err)
        err = rc == SQLITE_DONE ? FACET_E_END : facet__spool_fail(s, "read");
    sqlite3_reset(q);
    facet_lock_give(&s->lock);
    if (!err && is_sealed)
        return facet__spool_unseal(s, out);
    if (err) {
        free(out->payload);
        memset(out, 0, sizeof(*out));
    }
    return err;
}

static int ack(struct facet_spool *s, int64_t seq)
{
    char id[FACET_EVENT_ID] = "";
    sqlite3_stmt *q = facet__spool_use_int(s, FIND, seq);
    int rc = sqlite3_step(q);
    int err = rc == SQLITE_ROW || rc == SQLITE_DONE ? FACET_OK : facet__spool_fail(s, "read");
    if (rc == SQLITE_ROW)
        copy_column(id, sizeof(id), q, 0);
    int64_t size = rc == SQLITE_ROW ? sqlite3_column_int64(q, 1) : 0;
    sqlite3_reset(q);
    if (err || rc == SQLITE_DONE) /* dropped meanwhile, or acknowledged before */
        return err;
    if (!id[0])
        return facet_fail_nomem();
    err = facet__spool_run(s, facet__spool_use_int(s, DELETE, seq), "acknowledge in");
    if (!err)
        err = count_out(s, 1, size, 0, 0, 0);
    if (!err)
        err = facet__spool_run(s, facet__spool_use(s, ACKED), "count in");
    q = facet__spool_use(s, MARK_DONE);
    if (!err)
        err = bound(s, !sqlite3_bind_text(q, 1, id, -1, SQLITE_STATIC) && !sqlite3_bind_int64(q, 2, now_ms(s)), "acknowledge in");
    if (!err)
        err = facet__spool_run(s, q, "acknowledge in");
    if (!err)
        err = facet__spool_run(s, facet__spool_use_int(s, FORGET_OLD, now_ms(s) - FACET__SPOOL_DONE_MS), "acknowledge in");
    return err ? err : facet__spool_run(s, facet__spool_use(s, FORGET_MANY), "acknowledge in");
}

static int ack_now(struct facet_spool *s, int64_t seq)
{
    int err = follow_clock(s);
    if (!err)
        err = facet__spool_run(s, facet__spool_use(s, BEGIN), "acknowledge in");
    if (!err)
        err = ack(s, seq);
    return end(s, err, "acknowledge in");
}

int facet_spool_ack(struct facet_spool *s, int64_t seq)
{
    facet_lock_take(&s->lock);
    int err = ack_now(s, seq);
    facet_lock_give(&s->lock);
    return err;
}

int facet_spool_ack_id(struct facet_spool *s, const char *id)
{
    int64_t found[2];
    facet_lock_take(&s->lock);
    int err = find_id(s, id, found);
    if (!err && found[0])
        err = ack_now(s, found[0]);
    facet_lock_give(&s->lock);
    return err;
}

int facet_spool_keep(struct facet_spool *s, int64_t number)
{
    facet_lock_take(&s->lock);
    int err = facet__spool_run(s, facet__spool_use_int(s, KEEP, number), "put into");
    facet_lock_give(&s->lock);
    return err;
}

int64_t facet_spool_kept(struct facet_spool *s)
{
    int64_t number[1];
    facet_lock_take(&s->lock);
    if (facet__spool_numbers(s, facet__spool_use(s, KEPT), "read", number, 1))
        number[0] = 0;
    facet_lock_give(&s->lock);
    return number[0];
}

/* ---- the rest ---- */

void facet_spool_wait(struct facet_spool *s, int64_t after, unsigned timeout_ms)
{
    uint64_t until = facet_now_ns() + (uint64_t)timeout_ms * 1000000;
    facet_lock_take(&s->lock);
    while (!s->is_woken && s->last <= after && facet_cond_wait_until(&s->more, &s->lock, until))
        ;
    s->is_woken = false;
    facet_lock_give(&s->lock);
}

void facet_spool_wake(struct facet_spool *s)
{
    facet_lock_take(&s->lock);
    s->is_woken = true;
    facet_cond_wake(&s->more);
    facet_lock_give(&s->lock);
}

void facet_spool_stats(struct facet_spool *s, struct facet_spool_stats *out)
{
    int64_t v[8], oldest[1];
    memset(out, 0, sizeof(*out));
    facet_lock_take(&s->lock);
    int err = facet__spool_numbers(s, facet__spool_use(s, STATE), "count in", v, 8);
    if (!err)
        err = facet__spool_numbers(s, facet__spool_use(s, OLDEST), "look through", oldest, 1);
    if (!err)
        *out = (struct facet_spool_stats){v[0], v[1], oldest[0], v[2], v[3], v[4], v[5], v[6], v[7]};
    facet_lock_give(&s->lock);
}

static int erase(struct facet_spool *s, const char *person, int64_t found[2])
{
    sqlite3_stmt *q = facet__spool_use(s, ERASE_SUM);
    int err = bound(s, !sqlite3_bind_text(q, 1, person, -1, SQLITE_STATIC), "erase from");
    if (!err)
        err = facet__spool_numbers(s, q, "erase from", found, 2);
    q = facet__spool_use(s, ERASE);
    if (!err)
        err = bound(s, !sqlite3_bind_text(q, 1, person, -1, SQLITE_STATIC), "erase from");
    if (!err)
        err = facet__spool_run(s, q, "erase from");
    return err ? err : count_out(s, found[0], found[1], 0, 0, 0);
}

/* Deleted pages are overwritten with zeros; the log that still has them is emptied into the file. */
int facet_spool_erase(struct facet_spool *s, const char *person, int64_t *removed)
{
    int64_t found[2] = {0, 0}, open[2] = {0, 0};
    char hidden[FACET_MAX_NAME];
    facet__spool_hide(s, person, hidden);
    facet_lock_take(&s->lock);
    int err = facet__spool_run(s, facet__spool_use(s, BEGIN), "erase from");
    if (!err)
        err = erase(s, hidden, found);
    if (!err && s->vault) /* what was put before there was a key */
        err = erase(s, person, open);
    found[0] += open[0];
    err = end(s, err, "erase from");
    if (!err && sqlite3_wal_checkpoint_v2(s->sql, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK)
        err = facet__spool_fail(s, "erase from");
    facet_lock_give(&s->lock);
    *removed = err ? 0 : found[0];
    return err;
}

