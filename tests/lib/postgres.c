#include "lib/postgres.h"

#include <ftw.h>
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_MS 20000

/* Debian keeps these out of PATH. */
static const char *program(const char *name)
{
    static char path[256];
    glob_t g;
    char pattern[128];
    snprintf(pattern, sizeof(pattern), "/usr/lib/postgresql/*/bin/%s", name);
    if (glob(pattern, 0, NULL, &g) || !g.gl_pathc)
        fail_msg("%s is not there: install the package postgresql-15", name);
    snprintf(path, sizeof(path), "%s", g.gl_pathv[g.gl_pathc - 1]);
    globfree(&g);
    return path;
}

static const char *in_dir(const struct postgres *p, const char *name)
{
    static char paths[4][128];
    static int i;
    char *out = paths[i = (i + 1) % 4];
    snprintf(out, sizeof(paths[0]), "%s/%s", p->dir, name);
    return out;
}

/* The words, behind those that change the user where that is needed. */
static const char *const *as_postgres(const char *const *words)
{
    static const char *all[24];
    static const char *const front[] = { "setpriv", "--pdeathsig", "TERM", "--reuid=postgres", "--regid=postgres", "--clear-groups" };
    int n = 0;
    if (geteuid() == 0)
        for (; n < 6; n++)
            all[n] = front[n];
    for (int i = 0; words[i] && n < 23; i++)
        all[n++] = words[i];
    all[n] = NULL;
    return all;
}

#define AS_POSTGRES(...) as_postgres((const char *const[]){ __VA_ARGS__, NULL })

void postgres_start(struct postgres *p)
{
    char log[128], options[128];
    snprintf(log, sizeof(log), "%s", in_dir(p, "server.log"));
    snprintf(options, sizeof(options), "%s", p->dir);
    proc_start(&p->proc, log, AS_POSTGRES(program("postgres"), "-D", in_dir(p, "data"), "-k", options, "-h", "", "-c", "fsync=off", "-c",
                                          "max_connections=30", "-c", "wal_recycle=off"), NULL);
    proc_wait_line(&p->proc, "ready to accept connections", START_MS);
}

void postgres_open(struct postgres *p)
{
    memset(p, 0, sizeof(*p));
    snprintf(p->dir, sizeof(p->dir), "/tmp/facet-pg-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    if (geteuid() == 0) {
        const struct passwd *pw = getpwnam("postgres");
        if (!pw)
            fail_msg("there is no user postgres: install the package postgresql-15");
        assert_int_equal(chown(p->dir, pw->pw_uid, pw->pw_gid), 0);
    }
    snprintf(p->url, sizeof(p->url), "postgresql://facet@/postgres?host=%s", p->dir);
    if (proc_run("/dev/null", AS_POSTGRES(program("initdb"), "-D", in_dir(p, "data"), "-A", "trust", "-U", "facet", "-N", "--no-locale",
                                          "--wal-segsize=1", "-E", "UTF8")))
        fail_msg("initdb failed");
    postgres_start(p);
}

void postgres_stop(struct postgres *p)
{
    if (!p->proc.pid)
        return;
    proc_signal(&p->proc, SIGQUIT);
    (void)proc_wait(&p->proc, START_MS);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

void postgres_close(struct postgres *p)
{
    postgres_stop(p);
    if (*p->dir)
        (void)nftw(p->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    *p->dir = '\0';
}

int postgres_run(const struct postgres *p, const char *sql)
{
    return proc_run("/dev/null", (const char *const[]){ program("psql"), "-q", "-v", "ON_ERROR_STOP=1", "-d", p->url, "-c", sql, NULL });
}

void postgres_empty(const struct postgres *p)
{
    assert_int_equal(postgres_run(p, "DROP SCHEMA IF EXISTS facet_gallery CASCADE; DROP SCHEMA IF EXISTS facet_events CASCADE"), 0);
}

bool postgres_has(const struct postgres *p, const char *text)
{
    return proc_run("/dev/null", (const char *const[]){ "grep", "-r", "-q", "-a", "-F", text, in_dir(p, "data/base"), NULL }) == 0;
}
