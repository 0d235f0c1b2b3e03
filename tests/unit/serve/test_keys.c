/* Keys and users in their file. */
#include "lib/scratch.h"

#include "base/errors.h"
#include "base/file.h"
#include "serve/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct scratch folder;

static int start(void **state)
{
    scratch_open(&folder);
    return 0;
}

static int stop(void **state)
{
    scratch_close(&folder);
    return 0;
}

static struct facet_keys *open_keys(struct facet_first_secrets *first)
{
    struct facet_keys *k;
    if (facet_keys_open(&k, scratch_path(&folder, "keys.json"), first))
        fail_msg("%s", facet_error_text());
    return k;
}

static void test_keys__the_first_start_tells_once(void **state)
{
    struct facet_first_secrets first, again;
    struct facet_key key;
    struct facet_user user;
    struct stat st;
    struct facet_keys *k = open_keys(&first);
    assert_int_equal(strlen(first.key), FACET_KEY_TEXT - 1);
    assert_memory_equal(first.key, "fct_", 4);
    assert_true(facet_keys_find(k, first.key, &key));
    assert_int_equal(key.role, FACET_ROLE_ADMIN);
    assert_int_equal(facet_users_check(k, first.user, first.password, &user), FACET_OK);
    assert_int_equal(user.role, FACET_ROLE_ADMIN);
    facet_keys_close(&k);
    assert_int_equal(stat(scratch_path(&folder, "keys.json"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    k = open_keys(&again);
    assert_string_equal(again.key, "");
    assert_true(facet_keys_find(k, first.key, &key));
    facet_keys_close(&k);
}

static void test_keys__the_file_holds_no_secret(void **state)
{
    struct facet_first_secrets first;
    char text[FACET_KEY_TEXT];
    struct facet_keys *k = open_keys(&first);
    assert_int_equal(facet_keys_add(k, "front", FACET_ROLE_DEVICE, text, NULL), FACET_OK);
    uint8_t *data;
    size_t len;
    assert_int_equal(facet_file_read(scratch_path(&folder, "keys.json"), 1 << 20, &data, &len), FACET_OK);
    assert_null(strstr((char *)data, text + 4));
    assert_null(strstr((char *)data, first.key + 4));
    assert_null(strstr((char *)data, first.password));
    assert_non_null(strstr((char *)data, "$argon2id$"));
    free(data);
    facet_keys_close(&k);
}

static void test_keys__only_the_very_key_opens(void **state)
{
    struct facet_first_secrets first;
    struct facet_key key;
    char text[FACET_KEY_TEXT], other[FACET_KEY_TEXT];
    struct facet_keys *k = open_keys(&first);
    assert_int_equal(facet_keys_add(k, "front", FACET_ROLE_DEVICE, text, &key), FACET_OK);
    for (size_t i = 0; i < FACET_KEY_TEXT - 1; i++) {
        memcpy(other, text, sizeof(other));
        other[i] = other[i] == 'A' ? 'B' : 'A';
        assert_false(facet_keys_find(k, other, &key));
    }
    assert_false(facet_keys_find(k, "", &key));
    assert_false(facet_keys_find(k, "fct_", &key));
    assert_true(facet_keys_find(k, text, &key));
    assert_string_equal(key.name, "front");
    assert_int_equal(facet_keys_remove(k, key.id), FACET_OK);
    assert_false(facet_keys_find(k, text, &key));
    assert_int_equal(facet_keys_remove(k, key.id), FACET_E_NOT_FOUND);
    assert_int_equal(facet_keys_add(k, "", FACET_ROLE_DEVICE, text, &key), FACET_E_INVALID);
    assert_int_equal(facet_keys_add(k, "a\nb", FACET_ROLE_DEVICE, text, &key), FACET_E_INVALID);
    facet_keys_close(&k);
}

static void test_keys__what_another_process_writes_is_seen(void **state)
{
    struct facet_first_secrets first;
    struct facet_key key;
    char text[FACET_KEY_TEXT];
    struct facet_keys *a = open_keys(&first), *b = open_keys(NULL);
    assert_int_equal(facet_keys_add(b, "later", FACET_ROLE_VIEWER, text, NULL), FACET_OK);
    assert_true(facet_keys_find(a, text, &key));
    assert_int_equal(facet_keys_add(a, "mine", FACET_ROLE_VIEWER, text, NULL), FACET_OK);
    assert_int_equal(facet_keys_list(b, NULL, 0), 3);
    facet_keys_close(&a);
    facet_keys_close(&b);
}

static void test_keys__a_bad_file_is_refused_and_the_old_holds(void **state)
{
    static const char *const bad[] = { "", "{", "[]", "{\"keys\":[],\"users\":[]}", "{\"pepper\":\"00\",\"keys\":[],\"users\":[]}" };
    struct facet_first_secrets first;
    struct facet_key key;
    struct facet_keys *k = open_keys(&first), *other;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(facet_file_write_own(scratch_path(&folder, "keys.json"), bad[i], strlen(bad[i]), NULL), FACET_OK);
        assert_int_not_equal(facet_keys_refresh(k), FACET_OK);
        assert_true(facet_keys_find(k, first.key, &key));
        assert_int_not_equal(facet_keys_open(&other, scratch_path(&folder, "keys.json"), &(struct facet_first_secrets){ .key = "" }), FACET_OK);
        assert_null(other);
    }
    facet_keys_close(&k);
    assert_int_equal(facet_keys_open(&other, scratch_path(&folder, "none.json"), NULL), FACET_E_NOT_FOUND);
}

static void test_keys__a_file_that_others_may_write_is_refused(void **state)
{
    struct facet_first_secrets first;
    struct facet_keys *k = open_keys(&first);
    facet_keys_close(&k);
    assert_int_equal(chmod(scratch_path(&folder, "keys.json"), 0666), 0);
    assert_int_equal(facet_keys_open(&k, scratch_path(&folder, "keys.json"), &first), FACET_E_PERMISSION);
}

static void test_users__come_change_and_go(void **state)
{
    struct facet_first_secrets first;
    struct facet_user user;
    struct facet_keys *k = open_keys(&first);
    assert_int_equal(facet_users_add(k, "ana", "short", FACET_ROLE_VIEWER), FACET_E_INVALID);
    assert_int_equal(facet_users_add(k, "ana", "long enough", FACET_ROLE_DEVICE), FACET_E_INVALID);
    assert_int_equal(facet_users_add(k, "ana", "long enough", FACET_ROLE_VIEWER), FACET_OK);
    assert_int_equal(facet_users_add(k, "ana", "long enough", FACET_ROLE_VIEWER), FACET_E_EXISTS);
    assert_int_equal(facet_users_check(k, "ana", "long enougH", &user), FACET_E_PERMISSION);
    assert_int_equal(facet_users_check(k, "nobody", "long enough", &user), FACET_E_PERMISSION);
    assert_int_equal(facet_users_check(k, "ana", "long enough", &user), FACET_OK);
    assert_int_equal(facet_users_password(k, "ana", "another one"), FACET_OK);
    assert_int_equal(facet_users_check(k, "ana", "long enough", &user), FACET_E_PERMISSION);
    assert_int_equal(facet_users_remove(k, "ana"), FACET_OK);
    assert_false(facet_users_find(k, "ana", &user));
    assert_int_equal(facet_users_remove(k, "ana"), FACET_E_NOT_FOUND);
    assert_int_equal(facet_users_remove(k, first.user), FACET_E_INVALID); /* the last admin */
    facet_keys_close(&k);
}

static void test_roles__are_words(void **state)
{
    enum facet_role r;
    assert_int_equal(facet_role_parse("operator", &r), FACET_OK);
    assert_int_equal(r, FACET_ROLE_OPERATOR);
    assert_int_equal(facet_role_parse("public", &r), FACET_E_INVALID);
    assert_int_equal(facet_role_parse("root", &r), FACET_E_INVALID);
    assert_int_equal(facet_role_parse("", &r), FACET_E_INVALID);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_keys__the_first_start_tells_once),
        CASE(test_keys__the_file_holds_no_secret),
        CASE(test_keys__only_the_very_key_opens),
        CASE(test_keys__what_another_process_writes_is_seen),
        CASE(test_keys__a_bad_file_is_refused_and_the_old_holds),
        CASE(test_keys__a_file_that_others_may_write_is_refused),
        CASE(test_users__come_change_and_go),
        CASE(test_roles__are_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
