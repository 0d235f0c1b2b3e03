/* What `facet tune` found out about this machine: a small YAML file in the configuration folder, read by commands
 * that recognise. Everything works without it, and options say more than it does. */
#ifndef FACET_DEPLOY_TUNING_H
#define FACET_DEPLOY_TUNING_H

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>

struct facet_manifest;

struct facet_tuning {
    bool is_there;                         /* read, and of this machine */
    char cpu[128], kernels[16];            /* the machine; the kind of kernels that was fastest */
    unsigned flags, cpus;                  /* what the processor can do (base/cpu.h), processors */
    int detector_threads, recogniser_threads;      /* 0: not tuned */
    int batch;                             /* faces a call of the recogniser; 0: not tuned */
    int together;                          /* pictures that are looked at together; 0: not tuned */
    int scan_every;                        /* interval of full scans with that detector; 0: not tuned, each picture */
    char scan_detector[FACET_MAX_NAME];
    char recogniser[FACET_MAX_NAME];       /* of those that are as good; "": the default */
};

/* The machine's part, as it is now; nothing tuned. */
void facet_tuning_here(struct facet_tuning *out);
/* $FACET_TUNING, or tune.yaml in the configuration folder. */
int facet_tuning_path(char *out, size_t cap);
/* `path` NULL: that one. No file: 0 and is_there false. A file of another machine, or of another release: 0, is_there
 * false, and *why (when not NULL, 256 bytes) says so; "" otherwise. A file that cannot be understood is FACET_E_FORMAT with its line. */
int facet_tuning_load(struct facet_tuning *out, const char *path, char *why);
/* Its recogniser where that is (still) there; NULL: the default. */
const char *facet_tuning_recogniser(const struct facet_tuning *t, const struct facet_manifest *m);
/* Its interval of full scans where it was found with that detector; 0: each picture. */
int facet_tuning_scan_every(const struct facet_tuning *t, const char *detector);
int facet_tuning_save(const struct facet_tuning *t, const char *path);

#endif
