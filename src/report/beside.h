/* What stands beside measurements in a report: prices, and figures that others printed. docs/experiments.md. */
#ifndef FACET_REPORT_BESIDE_H
#define FACET_REPORT_BESIDE_H

#include "report/table.h"

#include <stdbool.h>
#include <stddef.h>

#define FACET_MAX_PRICES 64

enum facet_price_kind { FACET_PRICE_MONTH, FACET_PRICE_KWH, FACET_PRICE_GB, FACET_PRICE_KINDS };
extern const char *const facet_price_words[FACET_PRICE_KINDS];       /* "euro_a_month": keys of the file, and of the page's data */

struct facet_price {
    char name[96], note[200];
    enum facet_price_kind kind;
    double euro;                   /* a month, a kWh, a GB */
    bool at_device, at_server;     /* a machine: where it may stand */
};
/* A YAML list; what is bought (euro, months) becomes euro a month. `path` NULL: none. FACET_E_FORMAT names file and line. */
int facet_prices_load(struct facet_price out[FACET_MAX_PRICES], size_t *n, const char *path);

struct facet_published {
    char source[400], title[400];
    char beside[32];               /* the section of ours that it stands in: "frameworks"; "": one of its own */
    struct facet_table table;
};
struct facet_publisheds { struct facet_published *item; size_t n; };
/* Every CSV file of a folder; NULL: none. One without a line '# source: ...' is FACET_E_FORMAT. On failure *out is empty. */
int facet_publisheds_load(struct facet_publisheds *out, const char *dir);
void facet_publisheds_fini(struct facet_publisheds *p);
#define FACET_PUBLISHED_NOTE "Not comparable: other videos, other hardware."

#endif
