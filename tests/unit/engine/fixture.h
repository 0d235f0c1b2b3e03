/* Reading tests/fixtures/ops/ops.bin (see make_ops.py for its form). */
#ifndef FACET_TEST_ENGINE_FIXTURE_H
#define FACET_TEST_ENGINE_FIXTURE_H

#include "engine/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIXTURE_MAX_TENSORS 8

struct op_case {
    char name[64];
    const uint8_t *model;
    uint32_t model_len;
    float tolerance;
    uint32_t n_in, n_out;
    struct facet_tensor in[FIXTURE_MAX_TENSORS], out[FIXTURE_MAX_TENSORS];    /* data points into the file, unaligned */
};

struct op_fixture { uint8_t *data; size_t len, at; uint32_t left; };

/* Fails the running test when the file is not there or not well-formed. */
void op_fixture_open(struct op_fixture *f);
void op_fixture_close(struct op_fixture *f);
bool op_fixture_next(struct op_fixture *f, struct op_case *c);

#endif
