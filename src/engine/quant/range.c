/* Ranges by four methods. All of them shrink what was seen towards zero, which always stays inside:
 *
 * minmax      all of it
 * percentile  all but the outermost share on either side
 * entropy     the range whose 256 steps lose least of the distribution's information (Kullback-Leibler),
 *             as in Migacz, "8-bit inference with TensorRT", GTC 2017
 * mse         the range with the least squared error: rounding inside, cutting off outside */
#include "engine/quant/range.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define LEVELS 256
#define TRIES 100                    /* ranges tried a side */

static const struct { const char *name; enum facet_quant_method m; } methods[] = {
    {"minmax", FACET_QUANT_MINMAX},
    {"percentile", FACET_QUANT_PERCENTILE},
    {"entropy", FACET_QUANT_ENTROPY},
    {"mse", FACET_QUANT_MSE},
};

bool facet_quant_method_find(const char *name, enum facet_quant_method *out)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (!strcmp(methods[i].name, name)) {
            *out = methods[i].m;
            return true;
        }
    return false;
}

const char *facet_quant_method_name(enum facet_quant_method m)
{
    return methods[m].name;
}

/* ---- counting ---- */

void facet__seen_widen(struct facet__seen *s, const float *x, int64_t n)
{
    float lo = s->lo, hi = s->hi;
    for (int64_t i = 0; i < n; i++) {
        lo = x[i] < lo && x[i] >= -FLT_MAX ? x[i] : lo;
        hi = x[i] > hi && x[i] <= FLT_MAX ? x[i] : hi;
    }
    s->lo = lo;
    s->hi = hi;
}

void facet__seen_count(struct facet__seen *s, const float *x, int64_t n)
{
    float width = s->hi - s->lo, per = width > 0 ? FACET__QUANT_BINS / width : 0;
    for (int64_t i = 0; i < n; i++) {
        float at = (x[i] - s->lo) * per;
        if (at >= 0 && x[i] != 0) /* not for NaN; zero always has a step of its own */
            s->bins[at < FACET__QUANT_BINS ? (int)at : FACET__QUANT_BINS - 1]++;
    }
}

static float bin_width(const struct facet__seen *s)
{
    return (s->hi - s->lo) / FACET__QUANT_BINS;
}

static float bin_middle(const struct facet__seen *s, int i)
{
    return s->lo + ((float)i + 0.5f) * bin_width(s);
}

/* ---- percentile ---- */

static void choose_percentile(const struct facet__seen *s, double percentile, float *lo, float *hi)
{
    uint64_t total = 0, sum = 0;
    int a = 0, b = FACET__QUANT_BINS - 1;
    for (int i = 0; i < FACET__QUANT_BINS; i++)
        total += s->bins[i];
    double out = (double)total * (1 - percentile / 100);
    for (; a < FACET__QUANT_BINS && (double)(sum + s->bins[a]) <= out; a++)
        sum += s->bins[a];
    for (sum = 0; b > a && (double)(sum + s->bins[b]) <= out; b--)
        sum += s->bins[b];
    *lo = fminf(s->lo + (float)a * bin_width(s), 0);
    *hi = fmaxf(s->lo + (float)(b + 1) * bin_width(s), 0);
}

/* ---- least squared error ---- */

static double squared_error(const struct facet__seen *s, float lo, float hi)
{
    double step = (double)(hi - lo) / (LEVELS - 1), inside = step * step / 12, sum = 0;
    for (int i = 0; i < FACET__QUANT_BINS; i++) {
        if (!s->bins[i])
            continue;
        double x = bin_middle(s, i), over = x > hi ? x - hi : x < lo ? lo - x : 0;
        sum += (double)s->bins[i] * (over > 0 ? over * over : inside);
    }
    return sum;
}

static void choose_mse(const struct facet__seen *s, float *lo, float *hi)
{
    *lo = s->lo;
    *hi = s->hi;
    for (int round = 0; round < 2; round++)
        for (int side = 0; side < 2; side++) {
            float whole = side ? s->lo : s->hi, best = whole;
            double least = DBL_MAX;
            for (int t = TRIES; t > 0; t--) {
                float cut = whole * (float)t / TRIES;
                double e = side ? squared_error(s, cut, *hi) : squared_error(s, *lo, cut);
                if (e < least) {
                    least = e;
                    best = cut;
                }
            }
            *(side ? lo : hi) = best;
        }
}

/* ---- least information lost ---- */

/* The bins a..b-1 are given 256 steps, what lies outside is cut off to the ends. Kullback-Leibler divergence
 * of that from what was seen. */
static double divergence(const struct facet__seen *s, int a, int b, double total)
{
    double outer[2] = {0, 0}, sum = 0;
    for (int i = 0; i < a; i++)
        outer[0] += (double)s->bins[i];
    for (int i = b; i < FACET__QUANT_BINS; i++)
        outer[1] += (double)s->bins[i];
    for (int level = 0; level < LEVELS; level++) {
        int from = a + (int)((int64_t)(b - a) * level / LEVELS), to = a + (int)((int64_t)(b - a) * (level + 1) / LEVELS);
        double all = 0;
        int used = 0;
        for (int i = from; i < to; i++) {
            all += (double)s->bins[i];
            used += s->bins[i] > 0;
        }
        for (int i = from; i < to; i++) {
            double p = (double)s->bins[i] + (i == a ? outer[0] : 0) + (i == b - 1 ? outer[1] : 0);
            double q = s->bins[i] ? all / used : 0;
            if (p > 0)
                sum += p / total * log(p / (q > 0 ? q : 1e-3));
        }
    }
    return sum;
}

static void choose_entropy(const struct facet__seen *s, float *lo, float *hi)
{
    double total = 0, least = DBL_MAX;
    float width = bin_width(s);
    int zero = width > 0 ? (int)lroundf(-s->lo / width) : 0, best_a = 0, best_b = FACET__QUANT_BINS;
    int farther = zero > FACET__QUANT_BINS - zero ? zero : FACET__QUANT_BINS - zero;
    for (int i = 0; i < FACET__QUANT_BINS; i++)
        total += (double)s->bins[i];
    for (int t = TRIES; total > 0 && t > 0; t--) {
        int reach = farther * t / TRIES, a = zero > reach ? zero - reach : 0;
        int b = zero + reach < FACET__QUANT_BINS ? zero + reach : FACET__QUANT_BINS;
        if (b - a < LEVELS)
            break;
        double d = divergence(s, a, b, total);
        if (d < least) {
            least = d;
            best_a = a;
            best_b = b;
        }
    }
    *lo = fminf(s->lo + (float)best_a * width, 0);
    *hi = fmaxf(s->lo + (float)best_b * width, 0);
}

void facet__range_choose(const struct facet__seen *s, enum facet_quant_method m, double percentile, float *lo, float *hi)
{
    *lo = s->lo;
    *hi = s->hi;
    if (!s->bins || !(s->hi > s->lo))
        return;
    if (m == FACET_QUANT_PERCENTILE)
        choose_percentile(s, percentile, lo, hi);
    else if (m == FACET_QUANT_ENTROPY)
        choose_entropy(s, lo, hi);
    else if (m == FACET_QUANT_MSE)
        choose_mse(s, lo, hi);
    *lo = fmaxf(*lo, s->lo);
    *hi = fminf(*hi, s->hi);
}

/* ---- steps and rounding ---- */

void facet__range_steps(float lo, float hi, float *scale, int32_t *zero)
{
    lo = fminf(lo, 0);
    hi = fmaxf(hi, 0);
    float s = (hi - lo) / (LEVELS - 1);
    if (!(s >= 1e-30f)) /* nothing but zeros, or nearly: any step does */
        s = 1.0f / (LEVELS - 1);
    while (lo == 0 && hi > 0 && s * (LEVELS - 1) > hi)
        s = nextafterf(s, 0);
    float z = rintf(-lo / s);
    *scale = s;
    *zero = z < 0 ? 0 : z > LEVELS - 1 ? LEVELS - 1 : (int32_t)z;
}

uint8_t facet__round_u8(float x, float scale, int32_t zero)
{
    float q = rintf(x / scale) + (float)zero;
    return q > 0 ? q < LEVELS - 1 ? (uint8_t)q : LEVELS - 1 : 0;
}

int8_t facet__round_s8(float x, float scale)
{
    float q = rintf(x / scale);
    return (int8_t)(q > 127 ? 127 : q < -127 ? -127 : q);
}

static double weight_error(const float *w, int64_t n, int64_t step, float scale)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        float d = w[i * step] - scale * (float)facet__round_s8(w[i * step], scale);
        sum += (double)d * (double)d;
    }
    return sum;
}

float facet__range_weights(const float *w, int64_t n, int64_t step)
{
    float most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(w[i * step]));
    if (!(most >= 1e-30f))
        return 1;
    float best = most / 127;
    double least = weight_error(w, n, step, best);
    for (int t = 98; t >= 70; t -= 4) {
        float scale = most / 127 * (float)t / 100;
        double e = weight_error(w, n, step, scale);
        if (e < least) {
            least = e;
            best = scale;
        }
    }
    return best;
}
