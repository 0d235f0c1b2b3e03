#include "bench/roc.h"

#include "base/errors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- accuracy ---- */

static bool is_right(const struct facet_scored *s, double threshold)
{
    return !s->is_missing && ((double)s->cosine >= threshold) == s->is_same;
}

double facet_roc_accuracy(const struct facet_scored *s, size_t n, int fold, double threshold)
{
    size_t right = 0, all = 0;
    for (size_t i = 0; i < n; i++)
        if (fold < 0 || s[i].fold == fold) {
            right += is_right(&s[i], threshold);
            all++;
        }
    return all ? (double)right / (double)all : 0;
}

#define STEPS 2001                      /* thresholds from -1 to 1, a thousandth apart */

/* How many pairs each threshold tells right, up to one constant: a same pair is right at every
 * threshold up to its cosine, a different one at every threshold above. */
double facet_roc_best_threshold(const struct facet_scored *s, size_t n, int skip)
{
    int change[STEPS + 1] = {0};
    for (size_t i = 0; i < n; i++) {
        if (s[i].is_missing || s[i].fold == skip)
            continue;
        double at = floor(((double)s[i].cosine + 1) * 1000 + 1e-4) + 1;
        int first = at < 0 ? 0 : at > STEPS ? STEPS : (int)at;
        change[first] += s[i].is_same ? -1 : 1;
    }
    int right = 0, best = -1000000000, from = 0, to = 0;
    for (int i = 0; i < STEPS; i++) {
        right += change[i];
        if (right > best) {
            best = right;
            from = i;
        }
        if (right == best)
            to = i;
    }
    return (from + to) / 2.0 / 1000 - 1;
}

void facet_roc_folds(struct facet_folds *out, const struct facet_scored *s, size_t n, int folds, double fallback)
{
    memset(out, 0, sizeof(*out));
    out->n = folds;
    double squares = 0;
    for (int f = 0; f < folds; f++) {
        out->fold_threshold[f] = folds > 1 ? facet_roc_best_threshold(s, n, f) : fallback;
        out->fold_accuracy[f] = facet_roc_accuracy(s, n, f, out->fold_threshold[f]);
        out->accuracy += out->fold_accuracy[f] / folds;
        out->threshold += out->fold_threshold[f] / folds;
    }
    for (int f = 0; f < folds; f++)
        squares += (out->fold_accuracy[f] - out->accuracy) * (out->fold_accuracy[f] - out->accuracy);
    out->deviation = sqrt(squares / folds);
}

/* ---- area under the curve ---- */

static int by_cosine(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The sorted scores of one kind; *count tells how many. Caller frees. */
static float *sorted(const struct facet_scored *s, size_t n, bool same, size_t *count)
{
    float *v = malloc((n ? n : 1) * sizeof(*v));
    *count = 0;
    for (size_t i = 0; v && i < n; i++)
        if (s[i].is_same == same)
            v[(*count)++] = s[i].is_missing ? -1 : s[i].cosine;
    if (v)
        qsort(v, *count, sizeof(*v), by_cosine);
    return v;
}

static double count_wins(const float *same, size_t n_same, const float *different, size_t n_different)
{
    double wins = 0;
    size_t below = 0, up_to = 0;
    for (size_t i = 0; i < n_same; i++) {
        while (below < n_different && different[below] < same[i])
            below++;
        while (up_to < n_different && different[up_to] <= same[i])
            up_to++;
        wins += (double)below + (double)(up_to - below) / 2;
    }
    return wins;
}

int facet_roc_auc(double *out, const struct facet_scored *s, size_t n)
{
    size_t n_same, n_different;
    float *same = sorted(s, n, true, &n_same), *different = sorted(s, n, false, &n_different);
    int err = same && different ? FACET_OK : facet_fail_nomem();
    *out = -1;
    if (!err && n_same && n_different)
        *out = count_wins(same, n_same, different, n_different) / ((double)n_same * (double)n_different);
    free(same);
    free(different);
    return err;
}

/* ---- calibration ---- */

struct newton { double ga, gb, haa, hab, hbb, loss; };

static double softplus(double v)
{
    return v > 0 ? v + log1p(exp(-v)) : log1p(exp(v));
}

static struct newton derivatives(const struct facet_scored *s, size_t n, double a, double b, double high, double low)
{
    struct newton d = {0, 0, 1e-9, 0, 1e-9, 0};
    for (size_t i = 0; i < n; i++) {
        if (s[i].is_missing)
            continue;
        double x = (double)s[i].cosine, z = a * x + b, p = 1 / (1 + exp(-z)), t = s[i].is_same ? high : low;
        double w = p * (1 - p);
        d.ga += (p - t) * x;
        d.gb += p - t;
        d.haa += w * x * x;
        d.hab += w * x;
        d.hbb += w;
        d.loss += softplus(z) - t * z;
    }
    return d;
}

/* Newton's method, the step halved until the loss falls; two unknowns, a convex loss. */
void facet_roc_calibrate(double *a, double *b, const struct facet_scored *s, size_t n)
{
    double same = 0, different = 0;
    for (size_t i = 0; i < n; i++) {
        same += s[i].is_same && !s[i].is_missing;
        different += !s[i].is_same && !s[i].is_missing;
    }
    double high = (same + 1) / (same + 2), low = 1 / (different + 2);
    *a = *b = 0;
    for (int i = 0; i < 100; i++) {
        struct newton d = derivatives(s, n, *a, *b, high, low);
        double det = d.haa * d.hbb - d.hab * d.hab, step = 1;
        if (!(det > 1e-300))
            return;
        double da = (d.hbb * d.ga - d.hab * d.gb) / det, db = (d.haa * d.gb - d.hab * d.ga) / det;
        while (step > 1e-6 && derivatives(s, n, *a - step * da, *b - step * db, high, low).loss > d.loss)
            step /= 2;
        *a -= step * da;
        *b -= step * db;
        if (fabs(step * da) < 1e-9 * (1 + fabs(*a)) && fabs(step * db) < 1e-9 * (1 + fabs(*b)))
            return;
    }
}

/* ---- rates ---- */

void facet_roc_bounds(double *low, double *high, int64_t errors, int64_t n)
{
    const double z = 1.959963985;
    *low = 0;
    *high = 1;
    if (n <= 0)
        return;
    double all = (double)n, p = (double)errors / all, middle = p + z * z / (2 * all);
    double half = z * sqrt(p * (1 - p) / all + z * z / (4 * all * all)), whole = 1 + z * z / all;
    *low = errors ? (middle - half) / whole : 0;
    *high = errors == n ? 1 : (middle + half) / whole;
}

#define BINS (1 << 20)

int facet_counts_init(struct facet_counts *c)
{
    memset(c, 0, sizeof(*c));
    c->same = calloc(BINS, sizeof(*c->same));
    c->different = calloc(BINS, sizeof(*c->different));
    if (c->same && c->different)
        return FACET_OK;
    facet_counts_fini(c);
    return facet_fail_nomem();
}

void facet_counts_fini(struct facet_counts *c)
{
    free(c->same);
    free(c->different);
    memset(c, 0, sizeof(*c));
}

void facet_counts_add(struct facet_counts *c, float cosine, bool is_same)
{
    double at = ((double)cosine + 1) * (BINS / 2);
    int bin = at > 0 ? at < BINS - 1 ? (int)at : BINS - 1 : 0;
    (is_same ? c->same : c->different)[bin]++;
    (is_same ? &c->n_same : &c->n_different)[0]++;
}

/* Lowest bin edge at which at most `most` different pairs are accepted. */
static int edge_for(const struct facet_counts *c, int64_t most, int64_t *errors)
{
    int64_t above = 0;
    int bin = BINS;
    while (bin > 0 && above + c->different[bin - 1] <= most)
        above += c->different[--bin];
    *errors = above;
    return bin;
}

static void fill_row(const struct facet_counts *c, struct facet_threshold *t, double far, int bin, int64_t errors)
{
    int64_t same = 0;
    for (int i = bin; i < BINS; i++)
        same += c->same[i];
    memset(t, 0, sizeof(*t));
    t->far = far;
    t->cosine = ceil(((double)bin / (BINS / 2) - 1) * 1e5) / 1e5;
    t->tar = c->n_same ? (double)same / (double)c->n_same : 0;
    t->errors = errors;
    t->pairs = c->n_different;
    facet_roc_bounds(&t->far_low, &t->far_high, errors, c->n_different);
}

int facet_counts_table(const struct facet_counts *c, struct facet_threshold *out, int max)
{
    int n = 0;
    for (int i = 0; n < max; i++) {
        double far = pow(10, -1 - i / 2) * (i % 2 ? 0.3 : 1);
        int64_t errors;
        int bin = edge_for(c, (int64_t)floor(far * (double)c->n_different + 1e-9), &errors);
        if (errors < FACET_ROC_MIN_ERRORS)
            return n;
        fill_row(c, &out[n++], far, bin, errors);
    }
    return n;
}
