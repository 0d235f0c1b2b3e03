// OpenCV speaks C++ and throws; everything else of this back end is C (opencv.c).
extern "C" {
#include "engine/backends/opencv/cv.h"
}

#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/dnn.hpp>
#include <string>
#include <vector>

struct facet_cv_net {
    cv::dnn::Net net;
    std::vector<cv::Mat> results;
};

namespace {

void tell(facet_cv_why *why, const char *text)
{
    std::snprintf(why->text, sizeof(why->text), "%s", text);
    for (char *at = why->text; *at; at++)
        if (*at == '\n' || *at == '\r')
            *at = ' ';
}

// What OpenCV throws is told as text; what it prints beside is not shown.
template <class Work> int guarded(facet_cv_why *why, Work work)
{
    try {
        cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
        return work();
    } catch (const cv::Exception &e) {
        tell(why, e.err.empty() ? e.what() : e.err.c_str());
    } catch (const std::exception &e) {
        tell(why, e.what());
    } catch (...) {
        tell(why, "it threw something unknown");
    }
    return -1;
}

int quiet(int, const char *, const char *, const char *, int, void *)
{
    return 0;
}

// Importers put a mark before the names of nodes, of some versions.
std::string layer_named(cv::dnn::Net &net, const char *output)
{
    const std::string marked = std::string("onnx_node!") + output;
    if (net.getLayerId(marked) >= 0)
        return marked;
    return net.getLayerId(output) >= 0 ? output : "";
}

int copy_out(const cv::Mat &from, const facet_cv_blob &to, facet_cv_why *why)
{
    size_t count = 1;
    for (int i = 0; i < to.rank; i++)
        count *= static_cast<size_t>(to.dim[i]);
    if (from.type() != CV_32F || !from.isContinuous() || from.total() != count) {
        tell(why, "an output is of another size or type than the network says");
        return -1;
    }
    std::memcpy(to.data, from.ptr<float>(), count * sizeof(float));
    return 0;
}

} // namespace

extern "C" {

const char *facet_cv_version(void)
{
    return CV_VERSION;
}

int facet_cv_load(struct facet_cv_net **out, const char *onnx, size_t len, struct facet_cv_why *why)
{
    *out = nullptr;
    cv::redirectError(quiet);
    return guarded(why, [&] {
        auto made = std::make_unique<facet_cv_net>();
        made->net = cv::dnn::readNetFromONNX(onnx, len);
        made->net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
        made->net.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
        *out = made.release();
        return 0;
    });
}

void facet_cv_unload(struct facet_cv_net **n)
{
    delete *n;
    *n = nullptr;
}

int facet_cv_gives(struct facet_cv_net *n, const char *output)
{
    facet_cv_why why;
    return guarded(&why, [&] { return layer_named(n->net, output).empty() ? 0 : 1; }) > 0;
}

int facet_cv_put(struct facet_cv_net *n, const char *input, const struct facet_cv_blob *x, struct facet_cv_why *why)
{
    return guarded(why, [&] {
        n->net.setInput(cv::Mat(x->rank, x->dim, CV_32F, x->data), input);
        return 0;
    });
}

int facet_cv_run(struct facet_cv_net *n, unsigned threads, const char *const *outputs, const struct facet_cv_blob *y, size_t n_out,
                 struct facet_cv_why *why)
{
    return guarded(why, [&] {
        std::vector<cv::String> names;
        for (size_t i = 0; i < n_out; i++)
            names.push_back(layer_named(n->net, outputs[i]));
        if (cv::getNumThreads() != static_cast<int>(threads))
            cv::setNumThreads(static_cast<int>(threads));
        n->net.forward(n->results, names);
        int err = n->results.size() == n_out ? 0 : -1;
        if (err)
            tell(why, "it gave another number of outputs");
        for (size_t i = 0; !err && i < n_out; i++)
            err = copy_out(n->results[i], y[i], why);
        return err;
    });
}

} // extern "C"
