/* Requests of the two inference forms. The first byte says which, and where the JSON part of a binary one ends. */
#include "base/errors.h"
#include "serve/oip_request.h"
#include "serve/tf_request.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask_oip(const uint8_t *data, size_t size, size_t json_len)
{
    struct facet__oip_request q;
    if (facet__oip_request_parse(&q, data, size, json_len) == FACET_OK)
        for (int i = 0; i < q.n_inputs; i++)
            if (!q.inputs[i].data || facet_shape_count(&q.inputs[i].port.shape) < 1)
                abort();
    facet__oip_request_fini(&q);
}

static void ask_tf(const uint8_t *data, size_t size)
{
    const struct facet_net_info info = {
        .name = "net",
        .n_inputs = 2,
        .inputs = {{.name = "a", .shape = {2, {-1, 2}}}, {.name = "b", .shape = {4, {-1, 3, 4, 4}}}},
    };
    struct facet_net_info one = info;
    struct facet__tf_request q;
    one.n_inputs = 1;
    if (facet__tf_request_parse(&q, data[0] & 1 ? &one : &info, NULL, data, size) == FACET_OK)
        for (int i = 0; i < q.n_inputs; i++)
            if (!q.inputs[i].data || facet_shape_count(&q.inputs[i].port.shape) < 1)
                abort();
    facet__tf_request_fini(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    if (data[0] & 128)
        ask_oip(data + 1, size - 1, (size - 1) * (data[0] & 127u) / 127);
    else
        ask_tf(data + 1, size - 1);
    return 0;
}
