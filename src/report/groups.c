#include "report/groups.h"

#include "base/errors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *word(const struct facet_report_groups *g, const struct facet_report_member *m, size_t k)
{
    return facet_report_word(&g->runs->run[m->run], m->row, g->keys[k]);
}

static bool are_alike(const struct facet_report_groups *g, const struct facet_report_member *a, const struct facet_report_member *b)
{
    for (size_t k = 0; g->keys[k]; k++)
        if (strcmp(word(g, a, k), word(g, b, k)) != 0)
            return false;
    return true;
}

static void place(struct facet_report_groups *g, int run, size_t row)
{
    struct facet_report_member *m = &g->member[g->n_members];
    *m = (struct facet_report_member){ .run = run, .row = row };
    while (m->group < g->n && !are_alike(g, &g->member[g->first[m->group]], m))
        m->group++;
    if (m->group == g->n)
        g->first[g->n++] = g->n_members;
    g->n_members++;
}

static bool has(const struct facet_report_runs *runs, bool path)
{
    for (int r = 0; r < runs->n; r++)
        for (size_t i = 0; i < runs->run[r].table.n_rows; i++)
            if (facet_report_is_done(&runs->run[r], i) && facet_report_is_path(&runs->run[r], i) == path)
                return true;
    return false;
}

int facet_report_group(struct facet_report_groups *out, const struct facet_report_runs *runs, const char *const *keys, enum facet_report_which which)
{
    size_t all = 1;
    for (int r = 0; r < runs->n; r++)
        all += runs->run[r].table.n_rows;
    *out = (struct facet_report_groups){ .runs = runs, .keys = keys, .member = calloc(all, sizeof(*out->member)), .first = calloc(all, sizeof(*out->first)) };
    if (!out->member || !out->first) {
        facet_report_groups_fini(out);
        return facet_fail_nomem();
    }
    bool path = which == FACET_REPORT_PATHS, is_asked = which != FACET_REPORT_ALL && has(runs, path);
    for (int r = 0; r < runs->n; r++)
        for (size_t i = 0; i < runs->run[r].table.n_rows; i++)
            if (facet_report_is_done(&runs->run[r], i) && (!is_asked || facet_report_is_path(&runs->run[r], i) == path))
                place(out, r, i);
    return FACET_OK;
}

void facet_report_groups_fini(struct facet_report_groups *g)
{
    free(g->member);
    free(g->first);
    *g = (struct facet_report_groups){ .n = 0 };
}

const char *facet_report_key(const struct facet_report_groups *g, size_t group, size_t k)
{
    const char *text = word(g, &g->member[g->first[group]], k);
    return *text ? text : "default";
}

size_t facet_report_count(const struct facet_report_groups *g, size_t group)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n_members; i++)
        n += g->member[i].group == group;
    return n;
}

static double value(const struct facet_report_groups *g, size_t i, const char *name)
{
    return facet_report_value(&g->runs->run[g->member[i].run], g->member[i].row, name);
}

double facet_report_mean(const struct facet_report_groups *g, size_t group, const char *name)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < g->n_members; i++) {
        double v = g->member[i].group == group ? value(g, i, name) : NAN;
        if (isfinite(v)) {
            sum += v;
            n++;
        }
    }
    return n ? sum / (double)n : NAN;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double facet_report_quantile(const struct facet_report_groups *g, size_t group, const char *name, double part)
{
    double *v = malloc((g->n_members + 1) * sizeof(*v)), found = NAN;
    size_t n = 0;
    for (size_t i = 0; v && i < g->n_members; i++) {
        double one = g->member[i].group == group ? value(g, i, name) : NAN;
        if (isfinite(one))
            v[n++] = one;
    }
    if (n > 0) {
        qsort(v, n, sizeof(*v), by_size);
        size_t below = (size_t)(part * (double)(n - 1)), above = below + 1 < n ? below + 1 : below;
        found = v[below] + (v[above] - v[below]) * (part * (double)(n - 1) - (double)below);
    }
    free(v);
    return found;
}
