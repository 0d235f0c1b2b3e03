/* FaceNet's weights as one .npy file a tensor, in TensorFlow's order: kernels height, width, inputs,
 * outputs; normalisation without gamma. */
#include "engine/format/facenet.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"
#include "engine/format/npy.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *suffix_of(enum facet__role role)
{
    switch (role) {
    case FACET__KERNEL:
    case FACET__MATRIX: return "_kernel";
    case FACET__BIAS: return "_bias";
    case FACET__BETA: return "_beta";
    case FACET__MEAN: return "_moving_mean";
    case FACET__VARIANCE: return "_moving_variance";
    case FACET__GAMMA:
    case FACET__SLOPE: break;
    }
    return "";
}

static bool has_shape(const struct facet_shape *s, enum facet__role role, int rank, const int64_t *dims)
{
    if (s->rank != rank)
        return false;
    if (role == FACET__KERNEL) /* dims: O I H W */
        return s->dim[0] == dims[2] && s->dim[1] == dims[3] && s->dim[2] == dims[1] && s->dim[3] == dims[0];
    for (int i = 0; i < rank; i++)
        if (s->dim[i] != dims[i])
            return false;
    return true;
}

/* H W I O -> O I H W */
static int turn_kernel(float **data, const int64_t *dims)
{
    size_t outs = (size_t)dims[0], ins = (size_t)dims[1], area = (size_t)(dims[2] * dims[3]);
    float *to = malloc(outs * ins * area * sizeof(*to));
    if (!to)
        return facet_fail_nomem();
    for (size_t p = 0; p < area; p++)
        for (size_t i = 0; i < ins; i++)
            for (size_t o = 0; o < outs; o++)
                to[(o * ins + i) * area + p] = (*data)[(p * ins + i) * outs + o];
    free(*data);
    *data = to;
    return FACET_OK;
}

static int npy_get(void *ctx, const char *layer, enum facet__role role, int rank, const int64_t *dims, float **out)
{
    char name[NAME_MAX + 1], path[PATH_MAX];
    struct facet_shape shape;
    snprintf(name, sizeof(name), "%s%s.npy", layer, suffix_of(role));
    int err = facet_path_join(path, sizeof(path), ctx, name);
    if (!err)
        err = facet_npy_load(out, &shape, path);
    if (!err && !has_shape(&shape, role, rank, dims))
        err = facet_fail(FACET_E_FORMAT, "cannot import '%s': its shape is not that of this layer", path);
    if (!err && role == FACET__KERNEL)
        err = turn_kernel(out, dims);
    return err; /* what *out holds is freed by the caller */
}

static int import_folder(struct facet_graph **out, const char *const *paths, size_t n_paths)
{
    *out = NULL;
    if (n_paths != 1 || !facet_path_is_dir(paths[0]))
        return facet_fail(FACET_E_INVALID, "cannot import FaceNet from '%s': it is read from one folder of .npy files",
                          n_paths ? paths[0] : "");
    char dir[PATH_MAX];
    int err = facet_copy_text(dir, sizeof(dir), paths[0]);
    return err ? err : facet__facenet_build(out, "facenet", (struct facet__source){npy_get, dir});
}

const struct facet_importer facet_import_facenet_npy = {
    .name = "facenet-npy",
    .help = "FaceNet (Inception-ResNet-v1): a folder of .npy files, one a tensor",
    .takes_folder = true,
    .import = import_folder,
};
