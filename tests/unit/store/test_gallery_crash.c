/* A process that enrols is killed 200 times at random moments. After each death the gallery opens,
 * is whole, and holds everybody whom the process had reported before it died.
 *
 * This is the death of a process, not of the machine: what the kernel was given counts as kept. */
#include "unit/store/fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define KILLS 200
#define FRESH_EACH 25          /* a new gallery now and then, so that creation is killed, too */

/* Enrols until it is killed; a name's number goes down the pipe once the addition has returned. */
static void enrol_for_ever(const char *path, int report, int first)
{
    struct facet_gallery *g;
    struct facet_gallery_opts o = new_gallery(path);
    if (facet_gallery_open(&g, &o))
        _exit(2);
    for (int i = first;; i++) {
        char name[32];
        float e[DIM];
        snprintf(name, sizeof(name), "person %d", i);
        if (facet_gallery_add(g, name, make_embedding(e, DIM, (uint64_t)i), DIM, NULL, NULL))
            _exit(3);
        if (write(report, &i, sizeof(i)) != sizeof(i))
            _exit(4);
    }
}

static void wait_some(struct facet_rng *rng)
{
    struct timespec t = { .tv_nsec = (long)facet_rng_below(rng, 70u * 1000 * 1000) };
    ppoll(NULL, 0, &t, NULL); /* the random moment is the test */
}

/* Returns the highest number that was reported, or `first - 1`. */
static int enrol_and_kill(const char *path, int first, struct facet_rng *rng)
{
    int ends[2], last = first - 1, i;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid)
        enrol_for_ever(path, ends[1], first);
    close(ends[1]);
    wait_some(rng);
    kill(pid, SIGKILL);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status))
        fail_msg("the enrolling process failed with %d", WEXITSTATUS(status));
    while (read(ends[0], &i, sizeof(i)) == sizeof(i))
        last = i;
    close(ends[0]);
    return last;
}

/* Everybody below `end` is there; one more may be, whose report was cut off. Returns who is next. */
static int check_people(const char *path, int end)
{
    struct facet_gallery *g = open_or_fail(path);
    struct facet_person p;
    char name[32];
    if (facet_gallery_check(g))
        fail_msg("%s", facet_error_text());
    for (int i = 0; i < end; i++) {
        snprintf(name, sizeof(name), "person %d", i);
        if (facet_gallery_person(g, name, &p) || p.templates != 1)
            fail_msg("%s was reported and is lost", name);
    }
    struct facet_gallery_info info;
    assert_int_equal(facet_gallery_info(g, &info), FACET_OK);
    assert_true(info.people == end || info.people == end + 1);
    facet_gallery_close(&g);
    return (int)info.people;
}

static void test_gallery__survives_200_deaths(void **state)
{
    struct room *r = *state;
    struct facet_rng rng;
    facet_rng_seed(&rng, (uint64_t)time(NULL));
    int next = 0, enrolled = 0;
    char path[160];
    for (int i = 0; i < KILLS; i++) {
        if (i % FRESH_EACH == 0) {
            snprintf(path, sizeof(path), "%s/gallery-%d.db", r->dir, i);
            next = 0;
        }
        int last = enrol_and_kill(path, next, &rng);
        enrolled += last + 1 - next;
        next = check_people(path, last + 1);
    }
    print_message("%d deaths, %d people reported, none lost\n", KILLS, enrolled);
    assert_true(enrolled > KILLS / 4); /* it died at work, not on the doorstep */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gallery__survives_200_deaths, room_open, room_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
