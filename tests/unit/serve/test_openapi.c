/* docs/openapi.yaml against the server: its routes both ways, and the members of real answers. */
#include "lib/served.h"

#include "base/errors.h"
#include "base/yaml.h"
#include "media/picture.h"
#include "serve/serve_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const method_words[] = { "get", "post", "put", "delete", "patch" };

static struct served world;
static struct facet_yaml *doc;

static int start(void **state)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/docs/openapi.yaml", getenv("FACET_TEST_SOURCE"));
    if (facet_yaml_load(&doc, path))
        fail_msg("%s", facet_error_text());
    served_open(&world, true);
    return 0;
}

static int stop(void **state)
{
    served_close(&world);
    facet_yaml_free(&doc);
    return 0;
}

/* ---- routes ---- */

/* "{rest...}" is "{rest}" there. */
static void written_path(char *out, size_t cap, const char *path)
{
    size_t n = 0;
    for (; *path && n + 1 < cap; path++)
        if (strncmp(path, "...}", 4) != 0)
            out[n++] = *path;
        else
            path += 2;
    out[n] = '\0';
}

static const struct facet_yaml *operation(const char *path, const char *method)
{
    return facet_yaml_get(facet_yaml_get(facet_yaml_get(doc, "paths"), path), method);
}

static void test_openapi__has_every_route(void **state)
{
    int missing = 0;
    for (int i = 0; facet__resources[i]; i++)
        for (size_t k = 0; k < facet__resources[i]->n_routes; k++) {
            const struct facet_http_route *r = &facet__resources[i]->routes[k];
            char path[256];
            written_path(path, sizeof(path), r->path);
            const struct facet_yaml *op = operation(path, method_words[r->method]);
            bool is_public = FACET__ROLE_OF(r->flags) == FACET_ROLE_PUBLIC;
            if (!op || !facet_yaml_get(op, "summary") || !facet_yaml_get(op, "responses")) {
                print_error("docs/openapi.yaml lacks %s %s (resource %s)\n", method_words[r->method], path, facet__resources[i]->name);
                missing++;
            } else if (is_public != (facet_yaml_get(op, "security") != NULL)) {
                print_error("docs/openapi.yaml: %s %s says another thing about who may ask\n", method_words[r->method], path);
                missing++;
            }
        }
    assert_int_equal(missing, 0);
}

static bool is_served(const char *path, const char *method)
{
    char written[256];
    for (int i = 0; facet__resources[i]; i++)
        for (size_t k = 0; k < facet__resources[i]->n_routes; k++) {
            const struct facet_http_route *r = &facet__resources[i]->routes[k];
            written_path(written, sizeof(written), r->path);
            if (!strcmp(written, path) && !strcmp(method_words[r->method], method))
                return true;
        }
    return false;
}

static void test_openapi__has_no_route_that_is_not_there(void **state)
{
    const struct facet_yaml *paths = facet_yaml_get(doc, "paths");
    int extra = 0;
    for (size_t i = 0; i < paths->count; i++)
        for (size_t k = 0; k < paths->children[i].count; k++)
            if (!is_served(paths->children[i].key, paths->children[i].children[k].key)) {
                print_error("docs/openapi.yaml has %s %s, the server does not\n", paths->children[i].children[k].key, paths->children[i].key);
                extra++;
            }
    assert_true(paths->count > 15);
    assert_int_equal(extra, 0);
}

/* ---- answers against schemas ---- */

static const struct facet_yaml *resolve(const struct facet_yaml *s)
{
    const char *ref = facet_yaml_str(s, "$ref", NULL);
    char part[128];
    if (!ref)
        return s;
    const struct facet_yaml *at = doc;
    for (const char *p = ref + 2; at && *p;) {
        size_t n = strcspn(p, "/");
        snprintf(part, sizeof(part), "%.*s", (int)n, p);
        at = facet_yaml_get(at, part);
        p += n + (p[n] == '/');
    }
    if (!at)
        fail_msg("docs/openapi.yaml: '%s' leads nowhere", ref);
    return resolve(at);
}

static bool fits(const struct facet_yaml *schema, const struct facet_json *j, const char *where, bool tell);

struct members { const struct facet_yaml *schema; const char *where; bool tell, ok; };

static int check_member(void *ctx, const char *key, const struct facet_json *value)
{
    struct members *m = ctx;
    const struct facet_yaml *s = facet_yaml_get(facet_yaml_get(m->schema, "properties"), key);
    bool more = false;
    char where[512];
    facet_yaml_bool(m->schema, "additionalProperties", false, &more);
    snprintf(where, sizeof(where), "%s.%s", m->where, key);
    if (!s && !more) {
        if (m->tell)
            print_error("%s is not documented\n", where);
        m->ok = false;
    } else if (s && !fits(s, value, where, m->tell)) {
        m->ok = false;
    }
    return 0;
}

static bool fits_object(const struct facet_yaml *s, const struct facet_json *j, const char *where, bool tell)
{
    struct members m = { s, where, tell, facet_json_is_object(j) };
    const struct facet_yaml *required = facet_yaml_get(s, "required");
    for (size_t i = 0; m.ok && required && i < required->count; i++)
        if (!facet_json_get(j, required->children[i].text)) {
            if (tell)
                print_error("%s lacks the member %s\n", where, required->children[i].text);
            m.ok = false;
        }
    facet_json_each(j, check_member, &m);
    return m.ok;
}

static bool fits_type(const struct facet_yaml *s, const struct facet_json *j, const char *type, const char *where, bool tell)
{
    double number = facet_json_num(j, NAN);
    const struct facet_yaml *words = facet_yaml_get(s, "enum");
    bool ok = false;
    if (!strcmp(type, "object"))
        return fits_object(s, j, where, tell);
    if (!strcmp(type, "array")) {
        ok = facet_json_is_array(j);
        for (size_t i = 0; ok && i < facet_json_size(j); i++)
            ok = fits(facet_yaml_get(s, "items"), facet_json_at(j, i), where, tell);
        return ok;
    }
    if (!strcmp(type, "string"))
        ok = facet_json_str(j, NULL) != NULL;
    else if (!strcmp(type, "boolean"))
        ok = facet_json_bool(j, true) == facet_json_bool(j, false);
    else if (!strcmp(type, "integer"))
        ok = !isnan(number) && number == floor(number);
    else if (!strcmp(type, "number"))
        ok = !isnan(number);
    for (size_t i = 0; ok && words && i <= words->count; i++) {
        if (i == words->count)
            ok = false;
        else if (!strcmp(words->children[i].text, facet_json_str(j, "")))
            break;
    }
    return ok;
}

/* Null reads as no text, no number, no list and no truth value. */
static bool is_null(const struct facet_json *j)
{
    return !facet_json_str(j, NULL) && isnan(facet_json_num(j, NAN)) && !facet_json_is_array(j) && !facet_json_is_object(j) &&
           facet_json_bool(j, true) != facet_json_bool(j, false);
}

static bool fits(const struct facet_yaml *schema, const struct facet_json *j, const char *where, bool tell)
{
    const struct facet_yaml *s = resolve(schema), *one = facet_yaml_get(s, "oneOf");
    bool nullable = false, ok = false;
    facet_yaml_bool(s, "nullable", false, &nullable);
    if (nullable && is_null(j))
        return true;
    for (size_t i = 0; one && !ok && i < one->count; i++)
        ok = fits(&one->children[i], j, where, false);
    if (!one)
        ok = fits_type(s, j, facet_yaml_str(s, "type", "?"), where, tell);
    if (!ok && tell)
        print_error("%s does not fit its schema (docs/openapi.yaml line %d)\n", where, s->line);
    return ok;
}

/* The schema of this status at this path as it is written there. */
static void check(const char *method, const char *path, int status, struct http_answer *a)
{
    char code[8], where[300];
    snprintf(code, sizeof(code), "%d", status);
    snprintf(where, sizeof(where), "%s %s %d", method, path, status);
    const struct facet_yaml *answer = facet_yaml_get(facet_yaml_get(operation(path, method), "responses"), code);
    if (!answer)
        fail_msg("docs/openapi.yaml lacks %s", where);
    if (status >= 400 && a->len && strstr(a->body, "--"))
        fail_msg("%s names an option of a command: %.500s", where, a->body);
    const struct facet_yaml *schema = facet_yaml_get(facet_yaml_get(facet_yaml_get(resolve(answer), "content"), "application/json"), "schema");
    if (!schema) {
        assert_int_equal(a->len, 0);
        http_answer_fini(a);
        return;
    }
    struct facet_json *j = served_json(a);
    bool ok = fits(schema, j, where, true);
    facet_json_unref(&j);
    assert_true(ok);
}

static void get(const char *path, const char *written, int status)
{
    struct http_answer a = served_get(&world, path, status);
    check("get", written, status, &a);
}

static void send_json(const char *method, const char *path, const char *written, const char *json, int status)
{
    struct http_answer a;
    char upper[16];
    size_t n = strlen(method);
    for (size_t i = 0; i <= n; i++)
        upper[i] = (char)(method[i] >= 'a' && method[i] <= 'z' ? method[i] - 32 : method[i]);
    a = served_ask(&world, upper, path, json ? "application/json" : NULL, json, json ? strlen(json) : 0, status);
    check(method, written, status, &a);
}

/* ---- pictures ---- */

/* Noise in which the small detector finds faces, as PPM. */
static void picture(struct facet_str *out, uint64_t seed)
{
    struct facet_image img = small_noise(96, 96, seed);
    facet_str_printf(out, "P6\n%d %d\n255\n", img.width, img.height);
    for (int y = 0; y < img.height; y++)
        facet_str_append(out, img.data + (size_t)y * img.stride, (size_t)img.width * 3);
    facet_image_fini(&img);
}

static void post_form(const char *path, const char *written, const char *name, const char *const *parts, int n, uint64_t seed, int status)
{
    struct facet_str body = FACET_STR_INIT, img = FACET_STR_INIT;
    if (name)
        http_part(&body, "name", NULL, NULL, name, strlen(name));
    for (int i = 0; i < n; i++) {
        facet_str_clear(&img);
        picture(&img, seed + (uint64_t)i);
        http_part(&body, parts[i], "noise.ppm", "image/x-portable-pixmap", img.data, img.len);
    }
    http_part_end(&body);
    struct http_answer a = served_ask(&world, "POST", path, HTTP_MULTIPART, body.data, body.len, status);
    check("post", written, status, &a);
    facet_str_fini(&body);
    facet_str_fini(&img);
}

static void test_openapi__tells_the_members_of_answers(void **state)
{
    get("/v1/health", "/v1/health", 200);
    get("/v1/system", "/v1/system", 200);
    get("/v1/models", "/v1/models", 200);
    get("/v1/session", "/v1/session", 200);
    get("/v1/events", "/v1/events", 200);
    get("/v1/events/none", "/v1/events/{id}", 404);
    get("/v1/snapshots/none", "/v1/snapshots/{id}", 404);
    get("/v1/stats", "/v1/stats", 200);
    get("/v1/strategies", "/v1/strategies", 200);
    get("/v1/devices", "/v1/devices", 200);
    get("/v2", "/v2", 200);
    get("/v1/keys", "/v1/keys", 200);
    get("/v1/users", "/v1/users", 200);
    send_json("post", "/v1/keys", "/v1/keys", "{\"name\":\"front\",\"role\":\"device\"}", 201);
    send_json("post", "/v1/keys", "/v1/keys", "{\"name\":\"front\",\"role\":\"king\"}", 422);
    send_json("post", "/v1/users", "/v1/users", "{\"name\":\"ana\",\"role\":\"viewer\",\"password\":\"long enough\"}", 201);
    send_json("post", "/v1/users", "/v1/users", "{\"name\":\"ana\",\"role\":\"viewer\",\"password\":\"long enough\"}", 409);
    send_json("post", "/v1/login", "/v1/login", "{\"user\":\"ana\",\"password\":\"long enough\"}", 200);
    send_json("post", "/v1/login", "/v1/login", "{\"user\":\"ana\",\"password\":\"wrong enough\"}", 401);
    send_json("put", "/v1/users/ana/password", "/v1/users/{name}/password", "{\"password\":\"longer still\"}", 204);
    send_json("delete", "/v1/users/ana", "/v1/users/{name}", NULL, 204);
    send_json("delete", "/v1/users/ana", "/v1/users/{name}", NULL, 404);
    send_json("delete", "/v1/keys/none", "/v1/keys/{id}", NULL, 404);
    send_json("post", "/v1/logout", "/v1/logout", NULL, 204);
}

static void test_openapi__tells_the_members_of_faces_and_people(void **state)
{
    static const char *const file[] = { "file", "file" }, *const pair[] = { "first", "second" };
    post_form("/v1/detect", "/v1/detect", NULL, file, 1, 1, 200);
    post_form("/v1/embed", "/v1/embed", NULL, file, 1, 1, 200);
    post_form("/v1/embed?encoding=base64", "/v1/embed", NULL, file, 1, 1, 200);
    post_form("/v1/verify", "/v1/verify", NULL, pair, 2, 1, 200);
    post_form("/v1/verify", "/v1/verify", NULL, pair, 1, 1, 422);
    post_form("/v1/people?largest=1&force=1&min_quality=-1", "/v1/people", "ana", file, 2, 1, 201);
    post_form("/v1/people?largest=1&force=1&min_quality=-1", "/v1/people", "ana", file, 1, 1, 409);
    post_form("/v1/people?min_quality=-1", "/v1/people", "eve", file, 1, 1, 422);              /* many faces */
    post_form("/v1/people?largest=1&min_quality=-1", "/v1/people", "eve", file, 1, 1, 409);    /* another person's face */
    post_form("/v1/people/bob/templates?largest=1&force=1&min_quality=-1", "/v1/people/{name}/templates", NULL, file, 1, 5, 201);
    post_form("/v1/people/bob/templates?largest=1&force=1&min_quality=-1", "/v1/people/{name}/templates", NULL, file, 1, 5, 409);
    post_form("/v1/identify", "/v1/identify", NULL, file, 1, 1, 200);
    get("/v1/people", "/v1/people", 200);
    get("/v1/people?limit=1", "/v1/people", 200);
    get("/v1/people/ana", "/v1/people/{name}", 200);
    get("/v1/people/nobody", "/v1/people/{name}", 404);
    get("/v1/people/ana/templates", "/v1/people/{name}/templates", 200);
    get("/v1/people/ana/export", "/v1/people/{name}/export", 200);
    send_json("patch", "/v1/people/ana", "/v1/people/{name}", "{\"name\":\"anna\"}", 200);
    send_json("patch", "/v1/people/anna", "/v1/people/{name}", "{\"name\":\"bob\"}", 409);
    send_json("post", "/v1/people/merge", "/v1/people/merge", "{\"into\":\"bob\",\"from\":\"anna\"}", 200);
    send_json("post", "/v1/people/merge", "/v1/people/merge", "{\"into\":\"bob\",\"from\":\"bob\"}", 422);
    send_json("delete", "/v1/templates/1", "/v1/templates/{id}", NULL, 204);
    send_json("delete", "/v1/templates/x", "/v1/templates/{id}", NULL, 404);
    send_json("delete", "/v1/people/bob", "/v1/people/{name}", NULL, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openapi__has_every_route),
        cmocka_unit_test(test_openapi__has_no_route_that_is_not_there),
        cmocka_unit_test(test_openapi__tells_the_members_of_answers),
        cmocka_unit_test(test_openapi__tells_the_members_of_faces_and_people),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
