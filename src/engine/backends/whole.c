#include "engine/backends/whole.h"

#include "base/errors.h"
#include "engine/format/onnx.h"

bool facet_whole_supports(const struct facet_graph *g, int node)
{
    const struct facet_node *n = &g->nodes[node];
    return facet_node_is_subgraph(n) || (!*n->domain && n->epi.act == FACET_ACT_NONE && n->epi.residual < 0);
}

bool facet_whole_drops(const void *state, const struct facet_graph *g, int node)
{
    return facet_node_is_subgraph(&g->nodes[node]);
}

int facet_whole_onnx(const struct facet_graph *g, int node, uint8_t **onnx, size_t *len)
{
    const struct facet_node *n = &g->nodes[node];
    if (!facet_node_is_subgraph(n))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot run '%s': this back end takes networks whole, not node '%s' by itself", g->name, n->name);
    return facet_onnx_write(n->body, onnx, len);
}
