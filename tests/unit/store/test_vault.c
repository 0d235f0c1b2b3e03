#include "unit/store/fixture.h"

#include "store/vault.h"

#include <sys/stat.h>

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static int open_key(struct facet_vault **v, const char *key, bool create)
{
    return facet_vault_open(v, &(struct facet_vault_opts){ .key = key, .create = create });
}

static const char *in_room(void **state, const char *name)
{
    static char path[200];
    struct room *r = *state;
    snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    return path;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static void test_vault__makes_a_key_that_only_its_owner_reads(void **state)
{
    struct facet_vault *v;
    struct stat st;
    const char *path = in_room(state, "a/b/site.key");
    assert_int_equal(open_key(&v, path, false), FACET_E_NOT_FOUND);
    assert_null(v);
    assert_int_equal(open_key(&v, path, true), FACET_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 65);
    assert_non_null(strstr(facet_vault_origin(v), "site.key"));
    facet_vault_close(&v);
    assert_int_equal(open_key(&v, path, true), FACET_OK); /* and keeps it */
    facet_vault_close(&v);
    facet_vault_close(&v);
}

static void test_vault__refuses_a_key_that_others_may_read(void **state)
{
    struct facet_vault *v;
    const char *path = in_room(state, "site.key");
    write_file(path, HEX, 0644);
    assert_int_equal(open_key(&v, path, false), FACET_E_PERMISSION);
    assert_non_null(strstr(facet_error_text(), "chmod 600"));
    write_file(path, HEX, 0640);
    assert_int_equal(open_key(&v, path, true), FACET_E_PERMISSION);
    write_file(path, HEX, 0400);
    assert_int_equal(open_key(&v, path, false), FACET_OK);
    facet_vault_close(&v);
}

static void test_vault__refuses_what_is_no_key(void **state)
{
    static const char *const bad[] = { "", "short", HEX "00", "zz0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
                                       "AAECAwQFBgcICQoLDA0ODw==" };
    struct facet_vault *v;
    const char *path = in_room(state, "site.key");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_file(path, bad[i], 0600);
        assert_int_equal(open_key(&v, path, true), FACET_E_FORMAT);
        assert_null(strstr(facet_error_text(), HEX)); /* what is in it is told to nobody */
    }
    assert_int_equal(open_key(&v, in_room(state, ""), true), FACET_E_FORMAT);
    assert_int_equal(open_key(&v, "credential:../../etc/passwd", true), FACET_E_INVALID);
}

/* Seals with one, opens with the other. */
static int cross(struct facet_vault *a, struct facet_vault *b)
{
    void *sealed, *plain;
    size_t n, m;
    assert_int_equal(facet_vault_seal(a, 0, "x:1", "text", 4, &sealed, &n), FACET_OK);
    int err = facet_vault_open_sealed(b, 0, "x:1", sealed, n, &plain, &m);
    if (!err)
        assert_memory_equal(plain, "text", 4);
    free(plain);
    free(sealed);
    return err;
}

static void test_vault__the_same_key_comes_from_file_variable_and_credential(void **state)
{
    struct room *r = *state;
    struct facet_vault *a, *b;
    write_file(in_room(state, "site.key"), HEX "\n", 0600);
    assert_int_equal(open_key(&a, in_room(state, "site.key"), false), FACET_OK);
    setenv("SOME_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1);
    setenv("CREDENTIALS_DIRECTORY", r->dir, 1);
    static const char *const words[] = { "env:SOME_KEY", "credential:site.key", NULL };
    for (int i = 0; i < 3; i++) { /* NULL: the credential, too */
        assert_int_equal(open_key(&b, words[i], false), FACET_OK);
        assert_int_equal(cross(a, b), FACET_OK);
        facet_vault_close(&b);
    }
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(open_key(&b, "credential:site.key", false), FACET_E_NOT_FOUND);
    assert_int_equal(open_key(&b, "env:NO_SUCH_VARIABLE", true), FACET_E_NOT_FOUND);
    setenv("FACET_CONFIG", in_room(state, "config"), 1);
    assert_int_equal(open_key(&b, NULL, false), FACET_E_NOT_FOUND);
    assert_false(facet_vault_is_configured(NULL));
    setenv("FACET_SITE_KEY", HEX, 1);
    assert_true(facet_vault_is_configured(NULL));
    assert_int_equal(open_key(&b, NULL, false), FACET_OK);
    assert_int_equal(cross(a, b), FACET_OK);
    facet_vault_close(&b);
    unsetenv("FACET_SITE_KEY");
    assert_int_equal(open_key(&b, NULL, true), FACET_OK); /* drawn anew */
    assert_int_equal(cross(a, b), FACET_E_FORMAT);
    facet_vault_close(&b);
    facet_vault_close(&a);
    unsetenv("FACET_CONFIG");
}

struct keeper { unsigned char wrapped[4][FACET_VAULT_WRAPPED]; bool has[4]; struct facet_vault *v; };

static int keep(void *ctx, int64_t person, bool make, unsigned char wrapped[FACET_VAULT_WRAPPED])
{
    struct keeper *k = ctx;
    if (person < 1 || person > 3 || (!k->has[person] && !make))
        return facet_fail(FACET_E_NOT_FOUND, "gone");
    if (!k->has[person])
        facet_vault_new_key(k->v, person, k->wrapped[person]);
    k->has[person] = true;
    memcpy(wrapped, k->wrapped[person], FACET_VAULT_WRAPPED);
    return FACET_OK;
}

static void test_person__what_is_sealed_is_gone_with_the_key(void **state)
{
    struct facet_vault *v;
    void *sealed, *plain;
    size_t n, m;
    static struct keeper k;
    k = (struct keeper){ .v = NULL };
    assert_int_equal(open_key(&v, in_room(state, "site.key"), true), FACET_OK);
    assert_int_equal(facet_vault_seal(v, 1, "x:1", "text", 4, &sealed, &n), FACET_E_NOT_FOUND); /* nobody keeps keys */
    k.v = v;
    assert_int_equal(facet_vault_keep(v, &(struct facet_vault_keeper){ keep, &k }), FACET_OK);
    assert_int_equal(facet_vault_seal(v, 1, "x:1", "text", 4, &sealed, &n), FACET_OK);
    assert_int_equal(n, 4 + FACET_VAULT_EXTRA);
    assert_int_equal(facet_vault_open_sealed(v, 1, "x:1", sealed, n, &plain, &m), FACET_OK);
    assert_memory_equal(plain, "text", 5);
    free(plain);
    assert_int_equal(facet_vault_open_sealed(v, 2, "x:1", sealed, n, &plain, &m), FACET_E_NOT_FOUND);
    assert_int_equal(facet_vault_open_sealed(v, 1, "x:2", sealed, n, &plain, &m), FACET_E_FORMAT);
    assert_int_equal(facet_vault_open_sealed(v, 1, "x:1", sealed, 5, &plain, &m), FACET_E_FORMAT);
    assert_int_equal(facet_vault_seal(v, 9, "x:1", "text", 4, &plain, &m), FACET_E_NOT_FOUND);
    memcpy(k.wrapped[2], k.wrapped[1], FACET_VAULT_WRAPPED); /* another's key under her number */
    k.has[2] = true;
    assert_int_equal(facet_vault_open_sealed(v, 2, "x:1", sealed, n, &plain, &m), FACET_E_FORMAT);
    k.has[1] = false;
    assert_int_equal(facet_vault_open_sealed(v, 1, "x:1", sealed, n, &plain, &m), FACET_E_NOT_FOUND);
    assert_null(plain);
    free(sealed);
    facet_vault_unkeep(v, &k);
    facet_vault_close(&v);
}

static void test_hash__is_the_same_for_the_same_key_and_purpose(void **state)
{
    struct facet_vault *v, *w;
    unsigned char a[FACET_VAULT_HASH], b[FACET_VAULT_HASH];
    assert_int_equal(open_key(&v, in_room(state, "one"), true), FACET_OK);
    assert_int_equal(open_key(&w, in_room(state, "two"), true), FACET_OK);
    facet_vault_hash(v, "name", "Ada", a);
    facet_vault_hash(v, "name", "Ada", b);
    assert_memory_equal(a, b, sizeof(a));
    facet_vault_hash(v, "other", "Ada", b);
    assert_memory_not_equal(a, b, sizeof(a));
    facet_vault_hash(w, "name", "Ada", b);
    assert_memory_not_equal(a, b, sizeof(a));
    facet_vault_close(&v);
    facet_vault_close(&w);
}

int main(void)
{
#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, room_open, room_close)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_vault__makes_a_key_that_only_its_owner_reads),
        IN_ROOM(test_vault__refuses_a_key_that_others_may_read),
        IN_ROOM(test_vault__refuses_what_is_no_key),
        IN_ROOM(test_vault__the_same_key_comes_from_file_variable_and_credential),
        IN_ROOM(test_person__what_is_sealed_is_gone_with_the_key),
        IN_ROOM(test_hash__is_the_same_for_the_same_key_and_purpose),
    };
    unsetenv("FACET_SITE_KEY");
    unsetenv("CREDENTIALS_DIRECTORY");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
