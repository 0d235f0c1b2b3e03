/* Other formats to graphs. One file and one line in import.c's list each; whoever stores a model
 * writes the graph as ONNX. */
#ifndef FACET_ENGINE_FORMAT_IMPORT_H
#define FACET_ENGINE_FORMAT_IMPORT_H

#include "engine/graph.h"

#include <stdbool.h>

struct facet_importer {
    const char *name;                  /* "onnx", "caffe", "facenet-npy" */
    const char *help;
    bool takes_folder;                 /* its one path is a folder with the files */
    /* `paths`: the model's files in the manifest's order (or the folder they are in). */
    int (*import)(struct facet_graph **out, const char *const *paths, size_t n_paths);
};

/* NULL-ended list, and look-up by name (NULL when there is none). */
extern const struct facet_importer *const facet_importers[];
const struct facet_importer *facet_importer_find(const char *name);

#endif
