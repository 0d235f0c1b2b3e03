/* The text of a convolution, once for each type of number: NUMBER, and NAME(x) to tell the copies apart. */

struct NAME(conv) {
    struct facet_window win;
    const NUMBER *x, *w, *bias;
    NUMBER *y;
    int64_t in_c, in_h, in_w, out_c, group_in, group_out;
};

/* One tap of the kernel, added over the whole output plane. */
static void NAME(add_tap)(const struct NAME(conv) *c, const NUMBER *x, NUMBER weight, int64_t kh, int64_t kw, NUMBER *y)
{
    const struct facet_window *w = &c->win;
    int64_t dy = kh * w->dilation_h - w->pad_top, dx = kw * w->dilation_w - w->pad_left;
    int64_t y0, y1, x0, x1;
    inside(dy, w->stride_h, c->in_h, w->out_h, &y0, &y1);
    inside(dx, w->stride_w, c->in_w, w->out_w, &x0, &x1);
    for (int64_t oy = y0; oy < y1; oy++) {
        const NUMBER *row = x + (oy * w->stride_h + dy) * c->in_w + dx;
        NUMBER *to = y + oy * w->out_w;
        for (int64_t ox = x0; ox < x1; ox++)
            to[ox] += weight * row[ox * w->stride_w];
    }
}

/* One output plane: picture i / out_c, channel i % out_c. */
static void NAME(conv_plane)(void *ctx, size_t i, unsigned worker)
{
    const struct NAME(conv) *c = ctx;
    int64_t picture = (int64_t)i / c->out_c, oc = (int64_t)i % c->out_c, area = c->win.out_h * c->win.out_w;
    int64_t taps = c->win.kernel_h * c->win.kernel_w, first = oc / c->group_out * c->group_in;
    NUMBER *y = c->y + (int64_t)i * area;
    for (int64_t k = 0; k < area; k++)
        y[k] = c->bias ? c->bias[oc] : 0;
    for (int64_t ic = 0; ic < c->group_in; ic++) {
        const NUMBER *x = c->x + (picture * c->in_c + first + ic) * c->in_h * c->in_w;
        const NUMBER *w = c->w + (oc * c->group_in + ic) * taps;
        for (int64_t k = 0; k < taps; k++)
            NAME(add_tap)(c, x, w[k], k / c->win.kernel_w, k % c->win.kernel_w, y);
    }
}

/* x, w, bias and y are set; the rest comes from the shapes. */
static int NAME(conv_all)(struct NAME(conv) *c, const struct facet_graph *g, const struct facet_node *n, const struct facet_shape *x,
                          const struct facet_shape *w, struct facet_pool *pool)
{
    c->in_c = x->dim[1];
    c->in_h = x->dim[2];
    c->in_w = x->dim[3];
    c->out_c = w->dim[0];
    c->group_in = w->dim[1];
    c->group_out = c->out_c / facet_node_int(n, "group", 1);
    int err = facet_window_init(&c->win, g, n, w->dim[2], w->dim[3], c->in_h, c->in_w);
    if (!err)
        facet_pool_for(pool, (size_t)(x->dim[0] * c->out_c), NAME(conv_plane), c);
    return err;
}
