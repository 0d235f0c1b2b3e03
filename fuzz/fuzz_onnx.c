/* ONNX bytes: parse, check and infer shapes; what passes is planned as well when it is small. */
#include "engine/format/onnx.h"
#include "engine/plan.h"

#include <facet/error.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct facet_graph *g = NULL;
    struct facet_plan *p = NULL;
    if (facet_onnx_parse(&g, data, size, "fuzz"))
        return 0;
    int err = facet_graph_infer(g);
    int64_t macs = 0;
    for (int i = 0; !err && i < g->n_nodes; i++)
        macs += facet_node_macs(g, i) > 0;
    facet_graph_cuts(g, NULL, 0);
    if (!err && size < 4096 && g->n_nodes < 32)
        facet_plan_open(&p, &g, &(struct facet_plan_opts){.backend = "ref"});
    facet_plan_close(&p);
    facet_graph_free(&g);
    return macs < 0;
}
