#include "fixture.h"

#include "test.h"

#include "base/errors.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t *take(struct op_fixture *f, size_t n)
{
    if (n > f->len - f->at)
        fail_msg("the fixture ends too early");
    f->at += n;
    return f->data + f->at - n;
}

static uint32_t take_u32(struct op_fixture *f)
{
    uint32_t v;
    memcpy(&v, take(f, 4), 4);
    return v;
}

static enum facet_dtype dtype_of(uint32_t onnx)
{
    static const struct { uint32_t onnx; enum facet_dtype dtype; } known[] = {
        {1, FACET_F32}, {2, FACET_U8}, {3, FACET_I8}, {6, FACET_I32}, {7, FACET_I64}, {9, FACET_BOOL}, {10, FACET_F16}, {16, FACET_BF16},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].onnx == onnx)
            return known[i].dtype;
    fail_msg("the fixture holds type %u", onnx);
    return FACET_F32;
}

static void take_tensors(struct op_fixture *f, struct facet_tensor *t, uint32_t n)
{
    if (n > FIXTURE_MAX_TENSORS)
        fail_msg("the fixture holds %u tensors", n);
    for (uint32_t i = 0; i < n; i++) {
        t[i] = (struct facet_tensor){.dtype = dtype_of(take_u32(f))};
        t[i].shape.rank = (int)take_u32(f);
        memcpy(t[i].shape.dim, take(f, (size_t)t[i].shape.rank * 8), (size_t)t[i].shape.rank * 8);
        t[i].data = (void *)take(f, (size_t)facet_shape_count(&t[i].shape) * facet_dtype_size(t[i].dtype));
    }
}

void op_fixture_open(struct op_fixture *f)
{
    char path[1024];
    const char *root = getenv("FACET_TEST_SOURCE");
    snprintf(path, sizeof(path), "%s/tests/fixtures/ops/ops.bin", root ? root : ".");
    *f = (struct op_fixture){0};
    if (facet_file_read(path, 4 << 20, &f->data, &f->len))
        fail_msg("%s", facet_error_text());
    if (memcmp(take(f, 8), "FACETOPS", 8) != 0)
        fail_msg("'%s' is no fixture", path);
    f->left = take_u32(f);
}

void op_fixture_close(struct op_fixture *f)
{
    free(f->data);
    *f = (struct op_fixture){0};
}

bool op_fixture_next(struct op_fixture *f, struct op_case *c)
{
    if (f->left == 0)
        return false;
    f->left--;
    uint32_t len = take_u32(f);
    snprintf(c->name, sizeof(c->name), "%.*s", (int)len, (const char *)take(f, len));
    c->model_len = take_u32(f);
    c->model = take(f, c->model_len);
    memcpy(&c->tolerance, take(f, 4), 4);
    c->n_in = take_u32(f);
    take_tensors(f, c->in, c->n_in);
    c->n_out = take_u32(f);
    take_tensors(f, c->out, c->n_out);
    return true;
}
