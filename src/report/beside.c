#include "report/beside.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/yaml.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- prices --- */

const char *const facet_price_words[FACET_PRICE_KINDS] = { "euro_a_month", "euro_a_kwh", "euro_a_gb" };

static int refuse(const struct facet_yaml *y, const char *what)
{
    return facet_fail(FACET_E_FORMAT, "cannot use '%s' line %d: %s", y->origin, y->line, what);
}

/* Exactly one of the kinds, or what it cost and for how long it is used. */
static int read_amount(struct facet_price *p, const struct facet_yaml *y)
{
    double euro = NAN, months = NAN;
    int given = 0, err = facet_yaml_num(y, "euro", NAN, &euro);
    if (!err)
        err = facet_yaml_num(y, "months", NAN, &months);
    for (int i = 0; !err && i < FACET_PRICE_KINDS; i++) {
        double amount;
        err = facet_yaml_num(y, facet_price_words[i], NAN, &amount);
        if (!err && !isnan(amount)) {
            p->kind = (enum facet_price_kind)i;
            p->euro = amount;
            given++;
        }
    }
    if (!err && isnan(euro) != isnan(months))
        err = refuse(y, "'euro' and 'months' go together: what it costs, and for how long it is used");
    if (!err && !isnan(euro)) {
        p->kind = FACET_PRICE_MONTH;
        p->euro = months > 0 ? euro / months : NAN;
        given++;
    }
    if (!err && given != 1)
        err = refuse(y, "a price has one of euro_a_month, euro_a_kwh, euro_a_gb, or euro with months");
    if (!err && !(p->euro >= 0 && p->euro <= 1e9))
        err = refuse(y, "a price is 0 or more, and is paid over more than 0 months");
    return err;
}

static int read_price(struct facet_price *p, const struct facet_yaml *y)
{
    static const char *const known[] = { "name", "note", "at", "euro", "months", "euro_a_month", "euro_a_kwh", "euro_a_gb", NULL };
    const char *at = facet_yaml_str(y, "at", ""), *name = facet_yaml_str(y, "name", "");
    *p = (struct facet_price){ .at_device = strcmp(at, "server") != 0, .at_server = strcmp(at, "device") != 0 };
    int err = facet_yaml_only(y, known, y->origin);
    if (!err && !*name)
        err = refuse(y, "a price has a name");
    if (!err && *at && p->at_device && p->at_server)
        err = refuse(y, "'at' is device or server");
    if (!err)
        err = facet_copy_text(p->name, sizeof(p->name), name);
    if (!err)
        err = facet_copy_text(p->note, sizeof(p->note), facet_yaml_str(y, "note", ""));
    return err ? err : read_amount(p, y);
}

int facet_prices_load(struct facet_price out[FACET_MAX_PRICES], size_t *n, const char *path)
{
    struct facet_yaml *root = NULL;
    *n = 0;
    int err = path ? facet_yaml_load(&root, path) : FACET_OK;
    if (!err && root && root->kind != FACET_YAML_LIST)
        err = facet_fail(FACET_E_FORMAT, "cannot use '%s': it must be a list of prices", path);
    if (!err && root && root->count > FACET_MAX_PRICES)
        err = facet_fail(FACET_E_LIMIT, "cannot use '%s': it has more than %d prices", path, FACET_MAX_PRICES);
    for (size_t i = 0; !err && root && i < root->count; i++) {
        err = read_price(&out[i], &root->children[i]);
        *n += !err;
    }
    facet_yaml_free(&root);
    return err;
}

/* --- published figures --- */

/* "# source: ..." and the like, among a file's first lines. */
static void head_line(char *out, size_t cap, const char *text, const char *key)
{
    char mark[40];
    int len = snprintf(mark, sizeof(mark), "# %s: ", key);
    out[0] = '\0';
    for (; *text == '#'; text += *text == '\n') {
        if (strncmp(text, mark, (size_t)len) == 0)
            snprintf(out, cap, "%.*s", (int)strcspn(text + len, "\r\n"), text + len);
        text += strcspn(text, "\n");
    }
}

/* Sections that a table may stand in; one elsewhere would be seen by nobody. */
static int check_beside(const char *beside, const char *path)
{
    static const char *const known[] = { "", "platforms", "frameworks", "speed", "times", "faces", "memory", "energy", "strategies", "accuracy", "cost" };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(beside, known[i]) == 0)
            return FACET_OK;
    return facet_fail(FACET_E_FORMAT, "cannot use '%s': '# beside: %s' is no section: platforms, frameworks, speed, times, faces, memory, energy, "
                                      "strategies, accuracy, cost", path, beside);
}

static int load_published(void *ctx, const char *path)
{
    struct facet_publisheds *all = ctx;
    uint8_t *text;
    size_t len;
    if (strcmp(facet_path_ext(path), "csv") != 0)
        return FACET_OK;
    struct facet_published *grown = realloc(all->item, (all->n + 1) * sizeof(*grown));
    if (!grown)
        return facet_fail_nomem();
    all->item = grown;
    struct facet_published *p = &grown[all->n];
    *p = (struct facet_published){ .source = "" };
    int err = facet_file_read(path, FACET_MAX_TEXT_FILE, &text, &len);
    if (err)
        return err;
    head_line(p->source, sizeof(p->source), (const char *)text, "source");
    head_line(p->title, sizeof(p->title), (const char *)text, "title");
    head_line(p->beside, sizeof(p->beside), (const char *)text, "beside");
    if (!*p->title)
        snprintf(p->title, sizeof(p->title), "%s", facet_path_base(path));
    err = *p->source ? facet_table_parse(&p->table, (const char *)text, len, path)
                     : facet_fail(FACET_E_FORMAT, "cannot use '%s': it has no line '# source: ...'", path);
    if (!err) {
        all->n++;
        err = check_beside(p->beside, path);
    }
    free(text);
    return err;
}

int facet_publisheds_load(struct facet_publisheds *out, const char *dir)
{
    *out = (struct facet_publisheds){ .n = 0 };
    int err = dir ? facet_walk(dir, 1, load_published, out) : FACET_OK;
    if (err)
        facet_publisheds_fini(out);
    return err;
}

void facet_publisheds_fini(struct facet_publisheds *p)
{
    for (size_t i = 0; i < p->n; i++)
        facet_table_fini(&p->item[i].table);
    free(p->item);
    *p = (struct facet_publisheds){ .n = 0 };
}
