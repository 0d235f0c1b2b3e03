#include "measure/prometheus.h"

#include <math.h>
#include <stdio.h>

#define FIRST_BOUND 17             /* 2^17 ns */
#define LAST_BOUND 33

void facet_prom_family(struct facet_prom *p, struct facet_str *out, const char *name, enum facet_prom_kind kind, const char *help)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    *p = (struct facet_prom){out, name};
    facet_str_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kinds[kind]);
}

static void put_value(struct facet_str *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            facet_str_printf(out, "\\%c", *text);
        else if (*text == '\n')
            facet_str_puts(out, "\\n");
        else
            facet_str_append(out, text, 1);
    }
}

/* `le`: of a histogram's bucket, NULL: none. */
static void put_labels(struct facet_str *out, const struct facet_prom_label *labels, int n, const char *le)
{
    if (!n && !le)
        return;
    facet_str_puts(out, "{");
    for (int i = 0; i < n; i++) {
        facet_str_printf(out, "%s%s=\"", i ? "," : "", labels[i].name);
        put_value(out, labels[i].value);
        facet_str_puts(out, "\"");
    }
    if (le)
        facet_str_printf(out, "%sle=\"%s\"", n ? "," : "", le);
    facet_str_puts(out, "}");
}

static void put_number(struct facet_str *out, double v)
{
    if (isnan(v))
        facet_str_puts(out, " NaN\n");
    else if (isinf(v))
        facet_str_puts(out, v > 0 ? " +Inf\n" : " -Inf\n");
    else if (v == floor(v) && fabs(v) < 1e15)
        facet_str_printf(out, " %.0f\n", v);
    else
        facet_str_printf(out, " %.9g\n", v);
}

void facet_prom_sample(struct facet_prom *p, const struct facet_prom_label *labels, int n, double value)
{
    facet_str_puts(p->out, p->name);
    put_labels(p->out, labels, n, NULL);
    put_number(p->out, value);
}

static void put_bucket(struct facet_prom *p, const struct facet_prom_label *labels, int n, const char *le, uint64_t count)
{
    facet_str_printf(p->out, "%s_bucket", p->name);
    put_labels(p->out, labels, n, le);
    put_number(p->out, (double)count);
}

/* Four of the histogram's buckets make a doubling; those of values below 2^k are the first 4 (k - 1). */
void facet_prom_histogram(struct facet_prom *p, const struct facet_prom_label *labels, int n, const struct facet_histogram *h)
{
    uint64_t below = 0;
    unsigned at = 0;
    char le[32];
    for (unsigned k = FIRST_BOUND; k <= LAST_BOUND; k++) {
        for (; at < 4 * (k - 1); at++)
            below += h->bucket[at];
        snprintf(le, sizeof(le), "%.9g", (double)(1ull << k) / 1e9);
        put_bucket(p, labels, n, le, below);
    }
    put_bucket(p, labels, n, "+Inf", h->count);
    facet_str_printf(p->out, "%s_sum", p->name);
    put_labels(p->out, labels, n, NULL);
    put_number(p->out, (double)h->sum_ns / 1e9);
    facet_str_printf(p->out, "%s_count", p->name);
    put_labels(p->out, labels, n, NULL);
    put_number(p->out, (double)h->count);
}
