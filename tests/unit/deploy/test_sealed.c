#include "test.h"

#include "base/errors.h"
#include "deploy/sealed.h"
#include "lib/scratch.h"
#include "store/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct scratch scratch;
static struct facet_spool *spool;

static int make(void **state)
{
    (void)state;
    scratch_open(&scratch);
    scratch_write(&scratch, "one.key", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
    scratch_write(&scratch, "two.key", "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
    chmod(scratch_path(&scratch, "one.key"), 0600);
    chmod(scratch_path(&scratch, "two.key"), 0600);
    struct facet_spool_opts o = { .path = scratch_path(&scratch, "spool.db") };
    return facet_spool_open(&spool, &o);
}

static int drop(void **state)
{
    (void)state;
    facet_spool_close(&spool);
    scratch_close(&scratch);
    return 0;
}

static struct facet_vault *open_vault(const char *name)
{
    struct facet_vault *v;
    struct facet_vault_opts o = { .key = scratch_path(&scratch, name) };
    assert_int_equal(facet_vault_open(&v, &o), FACET_OK);
    return v;
}

static void put(struct facet_vault *v, const char *text)
{
    struct facet_spool_item item = { .class = FACET_SPOOL_CHIP, .payload = (void *)(uintptr_t)text, .len = strlen(text) };
    snprintf(item.id, sizeof(item.id), "an-id");
    snprintf(item.topic, sizeof(item.topic), "t");
    assert_int_equal(facet_sealed_put(spool, v, &item), FACET_OK);
}

static void test_sealed__comes_back_as_it_was(void **state)
{
    struct facet_vault *v = open_vault("one.key");
    struct facet_spool_item item;
    (void)state;
    put(v, "a face in the crowd");
    assert_int_equal(facet_spool_next(spool, 0, &item), FACET_OK);
    assert_null(memmem(item.payload, item.len, "crowd", 5));
    assert_int_equal(facet_sealed_open(v, &item), FACET_OK);
    assert_int_equal(item.len, 19);
    assert_memory_equal(item.payload, "a face in the crowd", 19);
    free(item.payload);
    facet_vault_close(&v);
}

static void test_sealed__without_a_key_is_as_it_is(void **state)
{
    struct facet_vault *v = open_vault("one.key");
    struct facet_spool_item item;
    (void)state;
    put(NULL, "plain");
    assert_int_equal(facet_spool_next(spool, 0, &item), FACET_OK);
    assert_int_equal(facet_sealed_open(v, &item), FACET_OK); /* put before there was a key */
    assert_memory_equal(item.payload, "plain", 5);
    free(item.payload);
    facet_vault_close(&v);
}

static void test_sealed__is_refused_with_no_key_or_another(void **state)
{
    struct facet_vault *one = open_vault("one.key"), *two = open_vault("two.key");
    struct facet_spool_item item;
    (void)state;
    put(one, "secret");
    assert_int_equal(facet_spool_next(spool, 0, &item), FACET_OK);
    assert_int_equal(facet_sealed_open(NULL, &item), FACET_E_PERMISSION);
    assert_int_equal(facet_sealed_open(two, &item), FACET_E_PERMISSION);
    snprintf(item.id, sizeof(item.id), "another-id");
    assert_int_equal(facet_sealed_open(one, &item), FACET_E_PERMISSION);
    free(item.payload);
    facet_vault_close(&one);
    facet_vault_close(&two);
}

static void test_sealed__refuses_what_is_damaged(void **state)
{
    struct facet_spool_item empty = { .id = "x" };
    uint8_t odd[] = { 9, 1, 2 };
    struct facet_spool_item strange = { .id = "x", .payload = odd, .len = sizeof(odd) };
    (void)state;
    assert_int_equal(facet_sealed_open(NULL, &empty), FACET_E_FORMAT);
    assert_int_equal(facet_sealed_open(NULL, &strange), FACET_E_FORMAT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sealed__comes_back_as_it_was),
        TEST(test_sealed__without_a_key_is_as_it_is),
        TEST(test_sealed__is_refused_with_no_key_or_another),
        TEST(test_sealed__refuses_what_is_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
