// FAISS behind a table of C functions: its library has none.
extern "C" {
#include "bench/faiss.h"
}

#include <exception>
#include <faiss/IndexFlat.h>
#include <faiss/IndexScalarQuantizer.h>
#include <memory>
#include <omp.h>
#include <string>

struct facet_faiss_index {
    std::unique_ptr<faiss::Index> index;
};

namespace {

thread_local std::string text;

template <class Work> int guarded(Work work)
{
    try {
        work();
        return 0;
    } catch (const std::exception &e) {
        text = e.what();
    } catch (...) {
        text = "FAISS failed";
    }
    return 1;
}

const char *error_text()
{
    return text.c_str();
}

int open_index(facet_faiss_index **out, int dim, int eight_bits, const float *rows, size_t n)
{
    *out = nullptr;
    return guarded([&] {
        auto x = std::make_unique<facet_faiss_index>();
        if (eight_bits)
            x->index = std::make_unique<faiss::IndexScalarQuantizer>(dim, faiss::ScalarQuantizer::QT_8bit_uniform, faiss::METRIC_INNER_PRODUCT);
        else
            x->index = std::make_unique<faiss::IndexFlatIP>(dim);
        x->index->train(static_cast<faiss::Index::idx_t>(n), rows);
        *out = x.release();
    });
}

void close_index(facet_faiss_index *x)
{
    delete x;
}

int add_rows(facet_faiss_index *x, const float *rows, size_t n)
{
    return guarded([&] { x->index->add(static_cast<faiss::Index::idx_t>(n), rows); });
}

int search_index(facet_faiss_index *x, const float *queries, size_t n, int k, int threads, float *cosines, int64_t *rows)
{
    return guarded([&] {
        omp_set_num_threads(threads);
        x->index->search(static_cast<faiss::Index::idx_t>(n), queries, k, cosines, reinterpret_cast<faiss::Index::idx_t *>(rows));
    });
}

} // namespace

extern "C" __attribute__((visibility("default"))) const struct facet_faiss_module facet_faiss_module;
extern "C" const struct facet_faiss_module facet_faiss_module = { FACET_FAISS_ABI, error_text, open_index,
                                                                   close_index,     add_rows,   search_index };
