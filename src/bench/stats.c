#include "bench/stats.h"

#include "base/errors.h"
#include "base/rng.h"

#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REDRAWS 400
#define SEED 20260131

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between two numbers where `part` falls between two. */
static double quantile(const double *sorted, size_t n, double part)
{
    double at = part * (double)(n - 1);
    size_t i = (size_t)at;
    return i + 1 < n ? sorted[i] + (sorted[i + 1] - sorted[i]) * (at - (double)i) : sorted[n - 1];
}

static double sort_median(double *numbers, size_t n)
{
    qsort(numbers, n, sizeof(*numbers), by_size);
    return quantile(numbers, n, 0.5);
}

int facet_stat_of(struct facet_stat *out, const double *numbers, size_t n)
{
    *out = (struct facet_stat){ .n = n };
    if (n == 0)
        return FACET_OK;
    double *sorted = malloc(n * sizeof(*sorted));
    if (!sorted)
        return facet_fail_nomem();
    memcpy(sorted, numbers, n * sizeof(*sorted));
    out->median = sort_median(sorted, n);
    out->low = quantile(sorted, n, 0.1);
    out->high = quantile(sorted, n, 0.9);
    out->best = sorted[0];
    free(sorted);
    return FACET_OK;
}

static double redrawn_ratio(const double *a, const double *b, size_t n, struct facet_rng *rng, double *x, double *y)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t k = facet_rng_below(rng, (uint32_t)n);
        x[i] = a[k];
        y[i] = b[k];
    }
    double below = sort_median(y, n);
    return below > 0 ? sort_median(x, n) / below : 0;
}

int facet_stat_ratio(struct facet_stat *out, const double *a, const double *b, size_t n)
{
    struct facet_stat sa, sb;
    *out = (struct facet_stat){ .n = n };
    int err = facet_stat_of(&sa, a, n);
    if (!err)
        err = facet_stat_of(&sb, b, n);
    if (err || n == 0 || sb.median <= 0 || sb.best <= 0)
        return err;
    double *work = malloc(2 * n * sizeof(*work)), ratios[REDRAWS];
    if (!work)
        return facet_fail_nomem();
    struct facet_rng rng;
    facet_rng_seed(&rng, SEED);
    for (size_t i = 0; i < REDRAWS; i++)
        ratios[i] = redrawn_ratio(a, b, n, &rng, work, work + n);
    qsort(ratios, REDRAWS, sizeof(*ratios), by_size);
    out->median = sa.median / sb.median;
    out->best = sa.best / sb.best;
    out->low = quantile(ratios, REDRAWS, 0.025);
    out->high = quantile(ratios, REDRAWS, 0.975);
    free(work);
    return FACET_OK;
}

/* The smallest of sorted numbers that so large a part of them does not pass. */
static double ranked(const double *sorted, size_t n, double part)
{
    size_t rank = (size_t)ceil((double)n * part);
    return sorted[rank > 0 ? rank - 1 : 0];
}

void facet_spread_of(struct facet_spread *out, double *numbers, size_t n)
{
    *out = (struct facet_spread){ .mean = NAN, .p50 = NAN, .p95 = NAN, .p99 = NAN, .max = NAN, .n = n };
    if (n == 0)
        return;
    qsort(numbers, n, sizeof(*numbers), by_size);
    for (size_t i = 0; i < n; i++)
        out->sum += numbers[i];
    out->mean = out->sum / (double)n;
    out->p50 = ranked(numbers, n, 0.50);
    out->p95 = ranked(numbers, n, 0.95);
    out->p99 = ranked(numbers, n, 0.99);
    out->max = numbers[n - 1];
}
