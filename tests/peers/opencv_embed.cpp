// A peer for the embedding test: runs a network of ONNX through OpenCV's DNN on raw float32 inputs.
// usage: opencv_embed MODEL.onnx INPUT.f32 N C H W OUTPUT.f32
// Each row is run alone; the outputs follow one another. Says what went wrong and exits 1.
#include <opencv2/dnn.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

static bool read_all(const char *path, std::vector<float> &v)
{
    FILE *f = std::fopen(path, "rb");
    bool ok = f && std::fread(v.data(), sizeof(float), v.size(), f) == v.size();
    if (f)
        std::fclose(f);
    return ok;
}

static void run(char **argv)
{
    const int n = std::atoi(argv[3]), shape[4] = {1, std::atoi(argv[4]), std::atoi(argv[5]), std::atoi(argv[6])};
    const size_t row = static_cast<size_t>(shape[1]) * shape[2] * shape[3];
    std::vector<float> in(row * n);
    if (!read_all(argv[2], in))
        throw std::runtime_error(std::string("cannot read ") + argv[2]);
    cv::dnn::Net net = cv::dnn::readNetFromONNX(argv[1]);
    FILE *out = std::fopen(argv[7], "wb");
    if (!out)
        throw std::runtime_error(std::string("cannot write ") + argv[7]);
    for (int i = 0; i < n; i++) {
        net.setInput(cv::Mat(4, shape, CV_32F, in.data() + row * i));
        cv::Mat y = net.forward();
        std::fwrite(y.ptr<float>(), sizeof(float), y.total(), out);
    }
    std::fclose(out);
}

int main(int argc, char **argv)
{
    if (argc != 8)
        return std::fputs("usage: opencv_embed MODEL.onnx INPUT.f32 N C H W OUTPUT.f32\n", stderr), 2;
    try {
        run(argv);
    } catch (const std::exception &e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
    return 0;
}
