/* `facet report`: folders of experiments as one page that needs nothing else, and a digest in Markdown. */
#ifndef FACET_REPORT_PAGE_H
#define FACET_REPORT_PAGE_H

#include "base/str.h"

struct facet_report_page_opts {
    const char *const *dirs; int n_dirs;       /* of `facet bench run`; several machines stand side by side */
    const char *template_file;                 /* NULL: the one that comes with the program */
    const char *prices;                        /* YAML: what machines, energy and traffic cost; NULL: none */
    const char *published;                     /* folder of CSV files with figures that others printed; NULL: none */
};

/* FACET_E_LIMIT for more than FACET_REPORT_MAX_DIRS folders. */
int facet_report_page(struct facet_str *html, const struct facet_report_page_opts *o);
/* What the page is drawn from: rows, machines, prices, figures of others. A ceiling in json->max holds. */
int facet_report_data(struct facet_str *json, const struct facet_report_page_opts *o);
int facet_report_digest(struct facet_str *markdown, const struct facet_report_page_opts *o);

#endif
