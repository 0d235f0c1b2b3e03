/* Each wrapped call asks may_go() first. What was given out is kept in a table until it is freed,
 * with the place that asked for it, so that a leak can be named. */
#include "test.h"

#include "fault.h"

#include <facet/error.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TABLE_SIZE (1u << 18)
#define MAX_CALLS 200000

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
int __real_posix_memalign(void **out, size_t align, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void __real_free(void *p);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
int __wrap_posix_memalign(void **out, size_t align, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
void __wrap_free(void *p);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg);

static atomic_ulong requests;
static atomic_long countdown; /* the request at which it becomes 0 fails; below 0: none */
static atomic_bool has_failed, thread_failed;

static struct {
    uintptr_t p;
    void *asked_by;
    size_t size;
    unsigned long call; /* an entry of an earlier call is as good as empty */
} table[TABLE_SIZE];
static unsigned long call_now = 1;
static size_t live;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

#define EMPTY ((uintptr_t)0)
#define GONE ((uintptr_t)1)

static size_t slot_of(uintptr_t p)
{
    return (size_t)((p >> 4) * 0x9e3779b97f4a7c15u >> 40) % TABLE_SIZE;
}

static uintptr_t held(size_t i)
{
    return table[i].call == call_now ? table[i].p : EMPTY;
}

static void table_add(void *p, size_t size, void *asked_by)
{
    if (!p)
        return;
    pthread_mutex_lock(&table_lock);
    size_t i = slot_of((uintptr_t)p);
    for (size_t n = 0; n < TABLE_SIZE && held(i) > GONE; n++)
        i = (i + 1) % TABLE_SIZE;
    table[i].p = (uintptr_t)p;
    table[i].size = size;
    table[i].asked_by = asked_by;
    table[i].call = call_now;
    live++;
    pthread_mutex_unlock(&table_lock);
}

/* What a library gave out and we free is not here, and not counted. */
static void table_remove(uintptr_t p)
{
    if (!p)
        return;
    pthread_mutex_lock(&table_lock);
    size_t i = slot_of(p);
    for (size_t n = 0; n < TABLE_SIZE && held(i) != EMPTY && held(i) != p; n++)
        i = (i + 1) % TABLE_SIZE;
    if (held(i) == p) {
        table[i].p = GONE;
        live--;
    }
    pthread_mutex_unlock(&table_lock);
}

static size_t live_now(void)
{
    pthread_mutex_lock(&table_lock);
    size_t n = live;
    pthread_mutex_unlock(&table_lock);
    return n;
}

static void table_forget(void)
{
    pthread_mutex_lock(&table_lock);
    call_now++;
    live = 0;
    pthread_mutex_unlock(&table_lock);
}

static bool may_go(void)
{
    atomic_fetch_add(&requests, 1);
    if (atomic_load(&countdown) <= 0 || atomic_fetch_sub(&countdown, 1) != 1)
        return true;
    atomic_store(&has_failed, true);
    errno = ENOMEM;
    return false;
}

void *__wrap_malloc(size_t size)
{
    void *p = may_go() ? __real_malloc(size) : NULL;
    table_add(p, size, __builtin_return_address(0));
    return p;
}

void *__wrap_calloc(size_t n, size_t size)
{
    void *p = may_go() ? __real_calloc(n, size) : NULL;
    table_add(p, n * size, __builtin_return_address(0));
    return p;
}

void *__wrap_realloc(void *old, size_t size)
{
    if (!may_go())
        return NULL;
    uintptr_t was = (uintptr_t)old;
    void *p = __real_realloc(old, size);
    if (p || size == 0)
        table_remove(was);
    table_add(p, size, __builtin_return_address(0));
    return p;
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
    void *p = may_go() ? __real_aligned_alloc(align, size) : NULL;
    table_add(p, size, __builtin_return_address(0));
    return p;
}

int __wrap_posix_memalign(void **out, size_t align, size_t size)
{
    int e = may_go() ? __real_posix_memalign(out, align, size) : ENOMEM;
    if (!e)
        table_add(*out, size, __builtin_return_address(0));
    return e;
}

char *__wrap_strdup(const char *s)
{
    char *p = may_go() ? __real_strdup(s) : NULL;
    table_add(p, p ? strlen(p) + 1 : 0, __builtin_return_address(0));
    return p;
}

char *__wrap_strndup(const char *s, size_t n)
{
    char *p = may_go() ? __real_strndup(s, n) : NULL;
    table_add(p, p ? strlen(p) + 1 : 0, __builtin_return_address(0));
    return p;
}

void __wrap_free(void *p)
{
    table_remove((uintptr_t)p);
    __real_free(p);
}

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *arg)
{
    if (may_go())
        return __real_pthread_create(t, a, fn, arg);
    atomic_store(&thread_failed, true);
    return EAGAIN;
}

void *fault_malloc(size_t size)
{
    return __wrap_malloc(size);
}

void fault_free(void *p)
{
    __wrap_free(p);
}

unsigned long fault_requests(void)
{
    return atomic_load(&requests);
}

static int count_open_files(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void name_leaks(long call)
{
    pthread_mutex_lock(&table_lock);
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        if (held(i) > GONE)
            print_error("left after request %ld failed: %zu bytes asked for at %p\n", call,
                        table[i].size, table[i].asked_by);
    }
    pthread_mutex_unlock(&table_lock);
}

static void check_code(int err, bool any_code, long call)
{
    int want = atomic_load(&thread_failed) ? FACET_E_LIMIT : FACET_E_NOMEM;
    if (err != FACET_OK && err != want && !any_code)
        fail_msg("request %ld failed and the call says %s: %s", call, facet_error_name(err),
                 facet_error_text());
}

/* One call in which request number `call` fails. True when it came that far. */
static bool call_once(fault_fn *fn, void *ctx, long call, bool any_code, unsigned *survived)
{
    int files = count_open_files();
    table_forget();
    atomic_store(&has_failed, false);
    atomic_store(&thread_failed, false);
    atomic_store(&countdown, call);
    int err = fn(ctx);
    atomic_store(&countdown, 0);
    if (live_now())
        name_leaks(call);
    if (live_now() || count_open_files() != files)
        fail_msg("request %ld failed and %zu pieces of memory, %d files are left", call, live_now(),
                 count_open_files() - files);
    if (!atomic_load(&has_failed)) {
        if (err)
            fail_msg("no request failed and the call says %s: %s", facet_error_name(err),
                     facet_error_text());
        return false;
    }
    check_code(err, any_code, call);
    *survived += err == FACET_OK;
    return true;
}

/* Each request fails in turn. Under a sanitizer each call is several times as dear, so that of those after the first hundred
 * each seventh is taken: the usual build takes them all. */
static long after(long call)
{
    return test_is_sanitized() && call >= 100 ? call + 7 : call + 1;
}

static unsigned loop(fault_fn *fn, void *ctx, bool any_code)
{
    unsigned survived = 0;
    for (long call = 1; call < MAX_CALLS; call = after(call)) {
        if (!call_once(fn, ctx, call, any_code, &survived))
            return survived;
    }
    fail_msg("%d requests failed and there is no end", MAX_CALLS);
    return survived;
}

unsigned fault_loop(fault_fn *fn, void *ctx)
{
    return loop(fn, ctx, false);
}

unsigned fault_loop_any_code(fault_fn *fn, void *ctx)
{
    return loop(fn, ctx, true);
}
