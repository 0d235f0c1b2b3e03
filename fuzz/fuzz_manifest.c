/* Manifests from anywhere: what is accepted stays within its own bounds. */
#include "models/models.h"

#include <facet/error.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct facet_model_spec *s)
{
    char contract[65];
    double cosine;
    size_t files = 0;
    for (size_t i = 0; i < s->n_parts; i++) {
        if (s->parts[i].first != files || !s->parts[i].count || strchr(s->parts[i].onnx, '/'))
            abort();
        files += s->parts[i].count;
    }
    for (size_t i = 0; i < s->n_files; i++)
        if (strstr(s->files[i].path, "..") || strlen(s->files[i].sha256) != 64 || s->files[i].bytes < 1)
            abort();
    if (files != s->n_files || strchr(s->name, '/') || s->name[0] == '.' || s->dim > FACET_MAX_EMBEDDING)
        abort();
    if (facet_model_contract(s, contract) != FACET_OK || strlen(contract) != 64)
        abort();
    facet_model_threshold(s, 1e-3, &cosine);
    double score = facet_model_score(s, cosine);
    if (!(score >= 0 && score <= 1))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct facet_manifest *m;
    if (facet_manifest_parse(&m, (const char *)data, size, "fuzz/none.yaml") != FACET_OK)
        return 0;
    for (size_t i = 0; i < facet_manifest_count(m); i++)
        check(facet_manifest_at(m, i));
    facet_manifest_find(m, "yunet-x");
    facet_manifest_data_find(m, "x");
    facet_manifest_close(&m);
    return 0;
}
