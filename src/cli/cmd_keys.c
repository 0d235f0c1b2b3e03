/* facet keys: who may ask a server, without the server. */
#include "base/clock.h"
#include "base/errors.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "serve/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct keys_options { const char *keys, *role, *password_file; };

#define ROW(...) FACET_OPT(struct keys_options, __VA_ARGS__)

static const struct facet_opt options[] = {
    ROW(keys, "keys", 'k', FACET_OPT_PATH, "FILE", "the server's file; keys.json in the data folder unless given"),
    { .name = "role", .letter = 'r', .kind = FACET_OPT_STR, .value = "ROLE", .fallback = "viewer", .offset = offsetof(struct keys_options, role),
      .help = "of what is added: viewer, operator, admin or device" },
    ROW(password_file, "password-file", 0, FACET_OPT_PATH, "FILE", "a user's password is its first line; - or none: standard input"),
    { .name = NULL },
};

static int open_keys(struct facet_keys **k, const struct keys_options *o)
{
    return facet_keys_open(k, o->keys, NULL);
}

/* ---- keys ---- */

static int list(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct facet_keys *k;
    struct facet_answer a;
    char time[25];
    struct facet_key *keys = calloc(FACET_MAX_KEYS, sizeof(*keys));
    struct facet_user *users = calloc(FACET_MAX_USERS, sizeof(*users));
    int err = keys && users ? open_keys(&k, opts) : facet_fail_nomem();
    if (!err) {
        size_t n = facet_keys_list(k, keys, FACET_MAX_KEYS), m = facet_users_list(k, users, FACET_MAX_USERS);
        facet_answer_begin(&a);
        facet_jsonw_key(&a.w, "keys");
        facet_jsonw_array(&a.w);
        for (size_t i = 0; i < n; i++) {
            facet_format_time(time, keys[i].created_ms);
            facet_say(cli, "key   %-12s  %-8s  %.10s  %s\n", keys[i].id, facet_role_words[keys[i].role], time, keys[i].name);
            facet_jsonw_object(&a.w);
            facet_jsonw_kstr(&a.w, "id", keys[i].id);
            facet_jsonw_kstr(&a.w, "name", keys[i].name);
            facet_jsonw_kstr(&a.w, "role", facet_role_words[keys[i].role]);
            facet_jsonw_end_object(&a.w);
        }
        facet_jsonw_end_array(&a.w);
        facet_jsonw_key(&a.w, "users");
        facet_jsonw_array(&a.w);
        for (size_t i = 0; i < m; i++) {
            facet_format_time(time, users[i].created_ms);
            facet_say(cli, "user  %-12s  %-8s  %.10s\n", users[i].name, facet_role_words[users[i].role], time);
            facet_jsonw_object(&a.w);
            facet_jsonw_kstr(&a.w, "name", users[i].name);
            facet_jsonw_kstr(&a.w, "role", facet_role_words[users[i].role]);
            facet_jsonw_end_object(&a.w);
        }
        facet_jsonw_end_array(&a.w);
        err = cli->json ? facet_answer_end(&a) : FACET_OK;
        facet_str_fini(&a.text);
        facet_keys_close(&k);
    }
    free(keys);
    free(users);
    return err;
}

static int add(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct keys_options *o = opts;
    struct facet_keys *k;
    struct facet_answer a;
    struct facet_key key;
    char text[FACET_KEY_TEXT];
    enum facet_role role;
    if (facet_role_parse(o->role, &role))
        return facet_usage(cli, "%s", facet_error_text());
    int err = open_keys(&k, o);
    if (!err)
        err = facet_keys_add(k, argv[0], role, text, &key);
    facet_keys_close(&k);
    if (err)
        return err;
    facet_say(cli, "%s\n", text);
    if (!cli->json)
        return FACET_EXIT_OK;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "id", key.id);
    facet_jsonw_kstr(&a.w, "key", text);
    return facet_answer_end(&a);
}

static int drop(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct facet_keys *k;
    int err = open_keys(&k, opts);
    if (!err)
        err = facet_keys_remove(k, argv[0]);
    facet_keys_close(&k);
    if (!err)
        facet_say(cli, "the key %s opens nothing any more\n", argv[0]);
    return err;
}

/* ---- users ---- */

/* Never among the words of the command: others see those. */
static int read_password(const char *path, char *out, size_t cap)
{
    bool is_stdin = !path || !strcmp(path, "-");
    FILE *f = is_stdin ? stdin : fopen(path, "re");
    if (!f)
        return facet_fail_errno("read", path);
    bool got = fgets(out, (int)cap, f) != NULL;
    if (!is_stdin)
        fclose(f);
    if (!got)
        return facet_fail(FACET_E_INVALID, "there is no password on %s", is_stdin ? "standard input" : path);
    out[strcspn(out, "\r\n")] = '\0';
    return FACET_OK;
}

static int user(const struct keys_options *o, const char *name, bool is_new)
{
    struct facet_keys *k = NULL;
    char password[FACET_PASSWORD_MAX + 2];
    enum facet_role role = FACET_ROLE_VIEWER;
    int err = is_new ? facet_role_parse(o->role, &role) : FACET_OK;
    if (!err)
        err = read_password(o->password_file, password, sizeof(password));
    if (!err)
        err = open_keys(&k, o);
    if (!err)
        err = is_new ? facet_users_add(k, name, password, role) : facet_users_password(k, name, password);
    facet_keys_close(&k);
    facet_wipe(password, sizeof(password));
    return err;
}

static int add_user(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    int err = user(opts, argv[0], true);
    if (!err)
        facet_say(cli, "%s may sign in\n", argv[0]);
    return err;
}

static int change_password(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    int err = user(opts, argv[0], false);
    if (!err)
        facet_say(cli, "the password of %s is another one\n", argv[0]);
    return err;
}

static int drop_user(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct facet_keys *k;
    int err = open_keys(&k, opts);
    if (!err)
        err = facet_users_remove(k, argv[0]);
    facet_keys_close(&k);
    if (!err)
        facet_say(cli, "%s may not sign in any more\n", argv[0]);
    return err;
}

static const struct facet_sub subs[] = {
    { "list", "", "keys and users, without their secrets", 0, 0, list },
    { "add", "NAME", "a new key of --role; its text is told once", 1, 1, add },
    { "remove", "ID", "a key", 1, 1, drop },
    { "add-user", "NAME", "a new user of the page, of --role", 1, 1, add_user },
    { "password", "NAME", "another password for a user", 1, 1, change_password },
    { "remove-user", "NAME", "a user of the page", 1, 1, drop_user },
    { NULL },
};

const struct facet_cmd facet_cmd_keys = {
    .name = "keys",
    .group = "Look",
    .summary = "say who may ask a server: API keys and users of the page",
    .usage = "list|add|remove|add-user|password|remove-user ...",
    .details = "The file is made by the first start of facet serve. A server that runs sees changes at once. Passwords are read from a file "
               "or standard input, never from the command's words.",
    .options = options,
    .options_size = sizeof(struct keys_options),
    .max_args = -1,
    .subs = subs,
    .examples = "  facet keys add frontdoor --role device\n"
                "  facet keys add-user ana --role operator < password.txt\n",
    .env_prefix = "FACET_KEYS_",
    .run = NULL,
};
