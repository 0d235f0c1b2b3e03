#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *env_or(const char *name, const char *fallback)
{
    const char *v = getenv(name);
    return v && *v ? v : fallback;
}

static void set_env(const char *name, const char *dir, const char *leaf)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, leaf);
    setenv(name, path, 1);
}

/* Weights and pictures beside the checkout serve where no mirror is named, as `make` has it. */
static void find_mirror(void)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/../shared", env_or("FACET_TEST_SOURCE", "."));
    if (!*env_or("FACET_MIRROR", "") && !access(path, R_OK))
        setenv("FACET_MIRROR", path, 1);
}

int cli_setup(void **state)
{
    find_mirror();
    struct cli *c = calloc(1, sizeof(*c));
    snprintf(c->home, sizeof(c->home), "%s/facet-cli-XXXXXX", env_or("TMPDIR", "/tmp"));
    if (!mkdtemp(c->home)) {
        free(c);
        return -1;
    }
    *state = c;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    return remove(path);
}

int cli_teardown(void **state)
{
    struct cli *c = *state;
    nftw(c->home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(c->out);
    free(c->err);
    free(c);
    return 0;
}

static void become(const struct cli *c, const char *program, const char *const *argv, const int fds[3])
{
    for (int i = 0; i < 3; i++)
        dup2(fds[i], i);
    set_env("FACET_DATA", c->home, "data");
    set_env("FACET_CACHE", c->home, "cache");
    set_env("FACET_CONFIG", c->home, ".");
    set_env("HOME", c->home, "");
    execv(program, (char **)argv);
    fprintf(stderr, "cannot run %s: %s\n", program, strerror(errno));
    _exit(127);
}

static void append(char **text, size_t *len, const char *data, size_t n)
{
    *text = realloc(*text, *len + n + 1);
    memcpy(*text + *len, data, n);
    *len += n;
    (*text)[*len] = '\0';
}

/* Reads both ends until both are closed. */
static void drain(struct cli *c, int out, int err)
{
    struct pollfd p[2] = { { out, POLLIN, 0 }, { err, POLLIN, 0 } };
    char **texts[2] = { &c->out, &c->err };
    size_t lens[2] = { 0, 0 };
    char buffer[4096];
    while (p[0].fd >= 0 || p[1].fd >= 0) {
        poll(p, 2, -1);
        for (int i = 0; i < 2; i++) {
            if (p[i].fd < 0 || !p[i].revents)
                continue;
            ssize_t n = read(p[i].fd, buffer, sizeof(buffer));
            if (n > 0)
                append(texts[i], &lens[i], buffer, (size_t)n);
            else
                p[i].fd = -1;
        }
    }
}

static int input_file(const char *input)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    if (input)
        fputs(input, f);
    fflush(f);
    int fd = dup(fileno(f));
    fclose(f);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void run_program(struct cli *c, const char *program, const char *const *argv, const char *input)
{
    int out[2], err[2], status = 0, in = input_file(input);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    free(c->out);
    free(c->err);
    c->out = calloc(1, 1);
    c->err = calloc(1, 1);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become(c, program, argv, (const int[]){ in, out[1], err[1] });
    close(in);
    close(out[1]);
    close(err[1]);
    drain(c, out[0], err[0]);
    close(out[0]);
    close(err[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    c->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const char *program_path(void)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/src/cli/facet", env_or("FACET_TEST_BUILD", "build"));
    return path;
}

void cli_run_input(struct cli *c, const char *const *words, const char *input)
{
    const char *argv[64] = { "facet" };
    for (size_t n = 1; *words && n < 63; words++)
        argv[n++] = *words;
    run_program(c, program_path(), argv, input);
}

void cli_run(struct cli *c, const char *const *words)
{
    cli_run_input(c, words, NULL);
}

void cli_shell(struct cli *c, const char *line)
{
    char text[4096];
    snprintf(text, sizeof(text), "cd '%s' && FACET='%s'; %s", c->home, program_path(), line);
    run_program(c, "/bin/sh", (const char *const[]){ "sh", "-c", text, NULL }, NULL);
}

static char *ring(void)
{
    static char buffers[8][1024];
    static unsigned next;
    return buffers[next++ % 8];
}

const char *cli_path(struct cli *c, const char *name)
{
    char *path = ring();
    snprintf(path, 1024, "%s/%s", c->home, name);
    return path;
}

void cli_write(struct cli *c, const char *name, const void *data, size_t len)
{
    FILE *f = fopen(cli_path(c, name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
}

const char *cli_data(const char *name)
{
    char *path = ring();
    snprintf(path, 1024, "%s/data/%s", env_or("FACET_MIRROR", "../shared"), name);
    if (access(path, R_OK))
        fail_msg("'%s' is not there: set FACET_MIRROR to the folder with models/ and data/", path);
    return path;
}

void cli_need_model(struct cli *c, const char *name)
{
    const char *dir = getenv("FACET_MODELS");
    char lock[600];
    assert_non_null(dir);
    mkdir(dir, 0755);
    snprintf(lock, sizeof(lock), "%s/.lock", dir);
    int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    CLI(c, "models", "pull", "--quiet", name);
    close(fd);
    assert_code(c, 0);
}

void cli_assert_says(const char *text, const char *part, const char *file, int line)
{
    if (strstr(text, part))
        return;
    print_error("not said: \"%s\"\nsaid: \"%s\"\n", part, text);
    _fail(file, line);
}

void cli_assert_code(const struct cli *c, int wanted, const char *file, int line)
{
    if (c->code == wanted)
        return;
    print_error("exit code %d, wanted %d\nout: %s\nerr: %s\n", c->code, wanted, c->out, c->err);
    _fail(file, line);
}
