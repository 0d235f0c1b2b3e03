/* OpenCV's networks behind C functions: its library has none. Inside the module facet-opencv.so. */
#ifndef FACET_ENGINE_BACKENDS_OPENCV_CV_H
#define FACET_ENGINE_BACKENDS_OPENCV_CV_H

#include <stddef.h>

#define FACET_CV_DIMS 8

struct facet_cv_net;
struct facet_cv_blob { int rank, dim[FACET_CV_DIMS]; float *data; };    /* dense, float32 */
struct facet_cv_why { char text[512]; };                               /* filled when 0 is not returned */

const char *facet_cv_version(void);
/* A network whose dimensions are all fixed, from the bytes of an ONNX file; they need not stay. */
int facet_cv_load(struct facet_cv_net **out, const char *onnx, size_t len, struct facet_cv_why *why);
void facet_cv_unload(struct facet_cv_net **n);
/* By the names that the file has: may it be asked for this output? */
int facet_cv_gives(struct facet_cv_net *n, const char *output);
int facet_cv_put(struct facet_cv_net *n, const char *input, const struct facet_cv_blob *x, struct facet_cv_why *why);
/* Runs with so many threads, and copies the outputs (n_out names) to where `y` says. The number of threads is
 * OpenCV's for the whole process. */
int facet_cv_run(struct facet_cv_net *n, unsigned threads, const char *const *outputs, const struct facet_cv_blob *y, size_t n_out,
                 struct facet_cv_why *why);

#endif
