/* What every `facet bench` says, in one form: where it was measured, then tables. A table is made row by
 * row, a cell at a time by its column's name; columns are there from their first use on, in that order,
 * and a row may leave any out. The same report is written as text, as Markdown and as JSON. */
#ifndef FACET_REPORT_H
#define FACET_REPORT_H

#include "bench/stats.h"

#include <stdint.h>

struct facet_str;
struct facet_jsonw;
struct facet_report_table;

struct facet_report {
    const char *name;                       /* "engine" */
    char env[1024];                         /* one line: processor, kind of kernels, threads, load, versions */
    struct facet_report_fact { char key[32]; char text[160]; } facts[24];     /* the same, one by one, for JSON */
    size_t n_facts;
    struct facet_report_table *tables;      /* owned, and everything in them */
    size_t n_tables, current;               /* the table that rows and cells go to */
    int err;                                /* the first failure; later calls do nothing: ask once at the end */
};

/* Notes processor, kind, threads, processors, load average, system, version, time. `name` is borrowed. */
void facet_report_init(struct facet_report *r, const char *name, unsigned threads);
void facet_report_fini(struct facet_report *r);
/* One more fact for the environment line: ("rounds", "%u", 21). */
void facet_report_fact(struct facet_report *r, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* `key` names the table in JSON ("networks"); `title` stands above it. Both, as all names of columns, are copied. A key that
 * is there already means to go on with that table. */
void facet_report_table(struct facet_report *r, const char *key, const char *title);
void facet_report_row(struct facet_report *r);
void facet_report_text(struct facet_report *r, const char *column, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void facet_report_num(struct facet_report *r, const char *column, double value, int decimals);
void facet_report_int(struct facet_report *r, const char *column, int64_t value);
/* Median (low-high); JSON has all of it. Nothing is written when s->n is 0. */
void facet_report_stat(struct facet_report *r, const char *column, const struct facet_stat *s, int decimals);
/* A sentence below the table. */
void facet_report_note(struct facet_report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Writers; what does not fit is told by the string's err. JSON: members of the object that is open. */
void facet_report_write_text(const struct facet_report *r, struct facet_str *out);
void facet_report_write_markdown(const struct facet_report *r, struct facet_str *out);
void facet_report_write_json(const struct facet_report *r, struct facet_jsonw *w);
/* The Markdown as a file. */
int facet_report_save_markdown(const struct facet_report *r, const char *path);

#endif
