#include "sqlite_memory.h"

#include "fault.h"

#include <sqlite3.h>
#include <string.h>

#define FRONT 16

static void *give(int n)
{
    char *p = fault_malloc((size_t)n + FRONT);
    if (!p)
        return NULL;
    memcpy(p, &n, sizeof(n));
    return p + FRONT;
}

static int size_of(void *p)
{
    int n = 0;
    if (p)
        memcpy(&n, (char *)p - FRONT, sizeof(n));
    return n;
}

static void take(void *p)
{
    if (p)
        fault_free((char *)p - FRONT);
}

static void *resize(void *p, int n)
{
    void *more = give(n);
    if (!more)
        return NULL;
    memcpy(more, p, (size_t)(size_of(p) < n ? size_of(p) : n));
    take(p);
    return more;
}

static int round_up(int n)
{
    return (n + 7) & ~7;
}

static int begin(void *unused)
{
    return SQLITE_OK;
}

static void end(void *unused)
{
}

int sqlite_use_our_memory(void **state)
{
    static const sqlite3_mem_methods methods = { give, take, resize, size_of, round_up, begin, end, NULL };
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) || sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) ||
           sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0) || sqlite3_initialize();
}
