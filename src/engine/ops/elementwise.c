/* One number in, one number out; two or more with Numpy's broadcast. Integer arithmetic on short
 * lists is followed, because networks compute their own shapes with it. */
#include "base/errors.h"
#include "engine/ops/ops.h"

#include <string.h>

static int infer_float(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    if (!x || x->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 inputs are known");
    facet_fact_set(c, 0, FACET_F32, &x->shape);
    return FACET_OK;
}

static int infer_clip(struct facet_infer *c)
{
    for (int i = 1; i < 3; i++) {
        const struct facet_fact *bound = facet_fact_in(c, i);
        if (bound && (bound->dtype != FACET_F32 || facet_shape_count(&bound->shape) != 1))
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its bounds are no single float32 numbers");
    }
    return infer_float(c);
}

static int infer_prelu(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0), *slope = facet_fact_in(c, 1);
    struct facet_shape out;
    if (!slope || slope->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 slopes are known");
    if (!facet_shape_broadcast(&x->shape, &slope->shape, &out) || out.rank != x->shape.rank)
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its slope does not spread over its input");
    return infer_float(c);
}

static int64_t combine(char op, int64_t a, int64_t b)
{
    int64_t r = FACET_FACT_FREE;
    if (a == FACET_FACT_FREE || b == FACET_FACT_FREE)
        return r;
    switch (op) {
    case 'A': return __builtin_add_overflow(a, b, &r) ? FACET_FACT_FREE : r;
    case 'S': return __builtin_sub_overflow(a, b, &r) ? FACET_FACT_FREE : r;
    case 'M': return __builtin_mul_overflow(a, b, &r) ? FACET_FACT_FREE : r;
    case 'D': return b == 0 || (b == -1 && a == INT64_MIN) ? FACET_FACT_FREE : a / b;
    default: return r;
    }
}

/* Contents of a op b where both are short lists (one of them may be a single number). */
static void follow(struct facet_infer *c, const struct facet_fact *a, const struct facet_fact *b)
{
    struct facet_fact *y = facet_fact_out(c, 0);
    const char *op = c->n->op;
    bool is_followed = strcmp(op, "Add") == 0 || strcmp(op, "Sub") == 0 || strcmp(op, "Mul") == 0 || strcmp(op, "Div") == 0;
    if (!y || !is_followed || a->n_known < 1 || b->n_known < 1 || c->n->n_inputs != 2 || a->shape.rank > 1 || b->shape.rank > 1)
        return;
    int n = a->n_known > b->n_known ? a->n_known : b->n_known;
    for (int i = 0; i < n; i++)
        y->known[i] = combine(op[0], a->known[a->n_known == 1 ? 0 : i], b->known[b->n_known == 1 ? 0 : i]);
    y->n_known = n;
}

static int infer_broadcast(struct facet_infer *c)
{
    const struct facet_fact *a = facet_fact_in(c, 0);
    if (!a || (a->dtype != FACET_F32 && a->dtype != FACET_I64))
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 and int64 inputs are known");
    struct facet_shape out = a->shape;
    for (int i = 1; i < c->n->n_inputs; i++) {
        const struct facet_fact *b = facet_fact_in(c, i);
        if (!b || b->dtype != a->dtype)
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its inputs differ in type");
        char sa[80], sb[80];
        facet_shape_text(&out, sa, sizeof(sa));
        facet_shape_text(&b->shape, sb, sizeof(sb));
        if (!facet_shape_broadcast(&out, &b->shape, &out))
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "shapes %s and %s do not go together", sa, sb);
    }
    facet_fact_set(c, 0, a->dtype, &out);
    if (c->n->n_inputs == 2)
        follow(c, a, facet_fact_in(c, 1));
    return FACET_OK;
}

static int infer_pow(struct facet_infer *c)
{
    const struct facet_fact *a = facet_fact_in(c, 0);
    if (a && a->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 inputs are known");
    return infer_broadcast(c);
}

const struct facet_op facet_ops_elementwise[] = {
    {"Relu", NULL, 1, 0, 1, 1, 1, infer_float, NULL},
    {"LeakyRelu", NULL, 1, 0, 1, 1, 1, infer_float, NULL},
    {"PRelu", NULL, 7, 0, 2, 2, 1, infer_prelu, NULL},
    {"Elu", NULL, 1, 0, 1, 1, 1, infer_float, NULL},
    {"Clip", NULL, 1, 0, 1, 3, 1, infer_clip, NULL},
    {"Sigmoid", NULL, 1, 0, 1, 1, 1, infer_float, NULL},
    {"Tanh", NULL, 1, 0, 1, 1, 1, infer_float, NULL},
    {"HardSigmoid", NULL, 1, 0, 1, 1, 1, infer_float, NULL},
    {"HardSwish", NULL, 14, 0, 1, 1, 1, infer_float, NULL},
    {"Exp", NULL, 1, 0, 1, 1, 1, infer_float, NULL},
    {"Log", NULL, 1, 0, 1, 1, 1, infer_float, NULL},
    {"Sqrt", NULL, 1, 0, 1, 1, 1, infer_float, NULL},
    {"Neg", NULL, 1, 0, 1, 1, 1, infer_float, NULL},
    {"Abs", NULL, 1, 0, 1, 1, 1, infer_float, NULL},
    {"Floor", NULL, 1, 0, 1, 1, 1, infer_float, NULL},
    {"Ceil", NULL, 1, 0, 1, 1, 1, infer_float, NULL},
    {"Add", NULL, 7, 0, 2, 2, 1, infer_broadcast, NULL},
    {"Sub", NULL, 7, 0, 2, 2, 1, infer_broadcast, NULL},
    {"Mul", NULL, 7, 0, 2, 2, 1, infer_broadcast, NULL},
    {"Div", NULL, 7, 0, 2, 2, 1, infer_broadcast, NULL},
    {"Pow", NULL, 7, 0, 2, 2, 1, infer_pow, NULL},
    {"Min", NULL, 1, 0, 1, -1, 1, infer_broadcast, NULL},
    {"Max", NULL, 1, 0, 1, -1, 1, infer_broadcast, NULL},
    {0},
};
