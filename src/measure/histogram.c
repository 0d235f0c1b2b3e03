/* Four buckets for each doubling: a quantile is off by at most an eighth of its value, less after
 * interpolation. Values below 4 ns have a bucket each, so 252 of the 256 are used. */
#include "measure/measure.h"

static unsigned bucket_of(uint64_t ns)
{
    if (ns < 4)
        return (unsigned)ns;
    unsigned top = 63 - (unsigned)__builtin_clzll(ns);
    return (top - 1) * 4 + (unsigned)(ns >> (top - 2) & 3);
}

static double bucket_start(unsigned i)
{
    if (i < 4)
        return i;
    return (double)(4 + i % 4) * (double)(1ull << (i / 4 - 1));
}

void facet_histogram_add(struct facet_histogram *h, uint64_t ns)
{
    h->min_ns = h->count == 0 || ns < h->min_ns ? ns : h->min_ns;
    h->max_ns = ns > h->max_ns ? ns : h->max_ns;
    h->count++;
    h->sum_ns += ns;
    h->bucket[bucket_of(ns)]++;
}

static double clamp(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

uint64_t facet_histogram_quantile(const struct facet_histogram *h, double q)
{
    double rank = clamp(q, 0, 1) * (double)h->count, before = 0;
    if (h->count == 0)
        return 0;
    if (!(q < 1))
        return h->max_ns;
    for (unsigned i = 0; i < 252; i++) {
        double here = (double)h->bucket[i];
        if (here > 0 && before + here >= rank) {
            double start = bucket_start(i), width = bucket_start(i + 1) - start;
            double value = start + width * (rank - before) / here;
            return (uint64_t)clamp(value, (double)h->min_ns, (double)h->max_ns);
        }
        before += here;
    }
    return h->max_ns;
}
