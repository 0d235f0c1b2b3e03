#include "report/cost.h"

#include "base/errors.h"
#include "report/groups.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_A_MONTH (FACET_REPORT_CAMERA_FPS * 3600.0 * 24 * 365.25 / 12)

/* Of each group, as means. */
struct use { const char *platform, *strategy, *network; double device_cameras, server_cameras, joules, bytes; };

static double both(double a, double b)
{
    return isfinite(a) && isfinite(b) ? a + b : isfinite(a) ? a : b;
}

static double price_of(const struct facet_price *p, size_t n, enum facet_price_kind kind)
{
    for (size_t i = 0; i < n; i++)
        if (p[i].kind == kind)
            return p[i].euro;
    return NAN;
}

static double share(const struct facet_price *p, double cameras)
{
    return !p ? 0 : cameras >= 1 ? p->euro / floor(cameras) : NAN;
}

static int add(struct facet_report_costs *out, const struct use *u, const struct facet_price *device, const struct facet_price *server,
               double kwh, double gb)
{
    struct facet_report_cost *grown = realloc(out->item, (out->n + 1) * sizeof(*grown));
    if (!grown)
        return facet_fail_nomem();
    out->item = grown;
    struct facet_report_cost *c = &grown[out->n++];
    *c = (struct facet_report_cost){ .platform = u->platform, .strategy = u->strategy, .network = u->network };
    snprintf(c->machines, sizeof(c->machines), "%s%s%s", device ? device->name : "", device && server ? " + " : "", server ? server->name : "");
    c->machine = share(device, u->device_cameras) + share(server, u->server_cameras);
    c->electricity = u->joules * FRAMES_A_MONTH / 3.6e6 * kwh;
    c->traffic = u->bytes * FRAMES_A_MONTH / 1e9 * gb;
    c->sum = c->machine + (isfinite(c->electricity) ? c->electricity : 0) + (isfinite(c->traffic) ? c->traffic : 0);
    return FACET_OK;
}

/* Each machine that may stand at an end; one turn without any where that end needs none. */
static const struct facet_price *machine(const struct facet_price *p, size_t n, bool is_needed, bool at_server, size_t turn, bool *has)
{
    *has = !is_needed && turn == 0;
    for (size_t i = 0; is_needed && i < n; i++)
        if (p[i].kind == FACET_PRICE_MONTH && (at_server ? p[i].at_server : p[i].at_device) && turn-- == 0) {
            *has = true;
            return &p[i];
        }
    return NULL;
}

static int add_all(struct facet_report_costs *out, const struct use *u, const struct facet_price *p, size_t n)
{
    bool needs_device = strcmp(u->strategy, "cloud") != 0, needs_server = strcmp(u->strategy, "edge") != 0;
    double kwh = price_of(p, n, FACET_PRICE_KWH), gb = price_of(p, n, FACET_PRICE_GB);
    int err = FACET_OK;
    bool has = true;
    for (size_t d = 0; !err && has; d++) {
        const struct facet_price *device = machine(p, n, needs_device, false, d, &has);
        bool more = has;
        for (size_t s = 0; !err && has && more; s++) {
            const struct facet_price *server = machine(p, n, needs_server, true, s, &more);
            if (more)
                err = add(out, u, device, server, kwh, gb);
        }
    }
    return err;
}

int facet_report_costs(struct facet_report_costs *out, const struct facet_report_runs *runs, const struct facet_price *prices, size_t n)
{
    static const char *const keys[] = { "platform", "strategy", "network", NULL };
    struct facet_report_groups g;
    *out = (struct facet_report_costs){ .n = 0 };
    int err = facet_report_group(&g, runs, keys, FACET_REPORT_ALL);
    if (err)
        return err;
    for (size_t i = 0; !err && i < g.n; i++) {
        const struct use u = {
            .platform = facet_report_key(&g, i, 0), .strategy = facet_report_key(&g, i, 1), .network = facet_report_key(&g, i, 2),
            .device_cameras = facet_report_mean(&g, i, "cameras_a_device"), .server_cameras = facet_report_mean(&g, i, "cameras_a_server"),
            .joules = both(facet_report_mean(&g, i, "device_j_a_frame"), facet_report_mean(&g, i, "server_j_a_frame")),
            .bytes = facet_report_mean(&g, i, "up_a_frame"),
        };
        err = add_all(out, &u, prices, n);
    }
    facet_report_groups_fini(&g);
    if (err)
        facet_report_costs_fini(out);
    return err;
}

void facet_report_costs_fini(struct facet_report_costs *c)
{
    free(c->item);
    *c = (struct facet_report_costs){ .n = 0 };
}
