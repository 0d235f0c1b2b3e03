/* facet run by a site's file: a device's node. */
#ifndef FACET_CLI_RUN_SITE_H
#define FACET_CLI_RUN_SITE_H

#include <stdbool.h>

struct facet_cli;

struct facet_run_site {
    const char *path;
    const char *strategy;          /* NULL: the file's */
    const char *csv, *events, *video;      /* NULL: none */
    const char *summary;           /* CSV to which a row on this run is added; NULL: none */
    bool only_check;
    bool serve;                    /* the API beside it (serve/serve.h), for live view and metrics */
};
/* An exit code, or an error. */
int facet_run_by_site(struct facet_cli *cli, const struct facet_run_site *o);

#endif
