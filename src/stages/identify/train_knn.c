/* k nearest neighbours: the model is the examples. Each of the k nearest votes for its person with
 * its quality times its cosine. */
#include "base/cpu.h"
#include "base/dot.h"
#include "stages/identify/classifier_priv.h"
#include "stages/identify/weight.h"

#include <string.h>

#define K 5

/* A row: label, quality, numbers. */
static size_t knn_numbers(const struct facet__shape *s)
{
    return (size_t)s->rows * ((size_t)s->dim + 2);
}

static int knn_train(float *model, const struct facet__shape *s, const struct facet_examples *e, uint64_t seed)
{
    size_t dim = (size_t)s->dim;
    for (size_t i = 0; i < e->n; i++, model += dim + 2) {
        model[0] = (float)e->label[i];
        model[1] = facet__weight_of(e->quality[i]);
        memcpy(model + 2, e->x + i * dim, dim * sizeof(float));
    }
    return 0;
}

struct near { float cosine, quality; int label; };

static void keep(struct near *best, int *n, struct near candidate)
{
    if (*n == K && candidate.cosine <= best[K - 1].cosine)
        return;
    int at = *n < K ? (*n)++ : K - 1;
    for (; at > 0 && best[at - 1].cosine < candidate.cosine; at--)
        best[at] = best[at - 1];
    best[at] = candidate;
}

static int most_votes(const struct near *best, int n, float *confidence)
{
    float all = 0, most = -1;
    int label = 0;
    for (int i = 0; i < n; i++) {
        float votes = 0;
        for (int j = 0; j < n; j++)
            if (best[j].label == best[i].label && best[j].cosine > 0)
                votes += best[j].cosine * best[j].quality;
        all += best[i].cosine > 0 ? best[i].cosine * best[i].quality : 0;
        if (votes > most)
            most = votes, label = best[i].label;
    }
    *confidence = all > 0 ? most / all : 0;
    return label;
}

static int knn_predict(const float *model, const struct facet__shape *s, const float *x, float *confidence)
{
    const struct facet_dot_ops *dot = facet_dot_for(facet_cpu_flags(NULL));
    struct near best[K];
    int n = 0;
    for (uint32_t i = 0; i < s->rows; i++, model += s->dim + 2)
        keep(best, &n, (struct near){ dot->f32(model + 2, x, (size_t)s->dim), model[1], (int)model[0] });
    return most_votes(best, n, confidence);
}

const struct facet__method facet__method_knn = {
    .name = "knn", .numbers = knn_numbers, .train = knn_train, .predict = knn_predict,
};
