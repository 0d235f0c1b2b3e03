/* The list of importers: one file and one line each. */
#include "engine/format/import.h"

#include "base/errors.h"
#include "engine/format/caffe.h"
#include "engine/format/facenet.h"
#include "engine/format/onnx.h"

#include <string.h>

static int import_onnx(struct facet_graph **out, const char *const *paths, size_t n_paths)
{
    *out = NULL;
    if (n_paths != 1)
        return facet_fail(FACET_E_INVALID, "cannot import an ONNX model of %zu files: it is one file", n_paths);
    return facet_onnx_load(out, paths[0]);
}

static const struct facet_importer facet_import_onnx = {
    .name = "onnx",
    .help = "ONNX, opset 7 to 21",
    .import = import_onnx,
};

const struct facet_importer *const facet_importers[] = {
    &facet_import_onnx,
    &facet_import_caffe,
    &facet_import_caffe_swapped,
    &facet_import_facenet_npy,
    NULL,
};

const struct facet_importer *facet_importer_find(const char *name)
{
    for (const struct facet_importer *const *i = facet_importers; *i; i++)
        if (!strcmp((*i)->name, name))
            return *i;
    return NULL;
}
