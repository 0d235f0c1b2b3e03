#include "bench/pairs.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 4

struct reader {
    const char *text, *end, *origin;
    int line;
    struct facet_pairs *out;
    size_t cap_pictures;
    int *slots;                         /* open hash of pictures by name, number + 1 */
    size_t n_slots;
};

struct word { const char *at; size_t len; };

static int fail(const struct reader *r, const char *what)
{
    return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: %s", r->origin, r->line, what);
}

/* The next line's words, parted by tabs; -1 at the end of the text. Five stand for too many. */
static int next_line(struct reader *r, struct word *words)
{
    if (r->text == r->end)
        return -1;
    const char *stop = memchr(r->text, '\n', (size_t)(r->end - r->text));
    const char *line = r->text, *line_end = stop ? stop : r->end;
    r->text = stop ? stop + 1 : r->end;
    r->line++;
    if (line_end > line && line_end[-1] == '\r')
        line_end--;
    for (int n = 0;; n++) {
        const char *tab = memchr(line, '\t', (size_t)(line_end - line));
        if (n < MAX_WORDS)
            words[n] = (struct word){line, (size_t)((tab ? tab : line_end) - line)};
        if (!tab || n == MAX_WORDS)
            return n + 1;
        line = tab + 1;
    }
}

/* -1 when the word is no number from 1 to max. */
static int number_of(struct word w, int max)
{
    int v = 0;
    for (size_t i = 0; i < w.len; i++) {
        if (w.at[i] < '0' || w.at[i] > '9')
            return -1;
        v = v * 10 + (w.at[i] - '0');
        if (v > max)
            return -1;
    }
    return w.len && v > 0 ? v : -1;
}

/* A name becomes part of a path: letters, digits and what LFW has besides, no dot in front. */
static bool is_name(struct word w)
{
    if (!w.len || w.len > FACET_MAX_NAME - 16 || w.at[0] == '.')
        return false;
    for (size_t i = 0; i < w.len; i++) {
        unsigned char c = (unsigned char)w.at[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
        if (!is_letter && !memchr("_-.'", c, 4))
            return false;
    }
    return true;
}

static int add_picture(struct reader *r, const char *name)
{
    struct facet_pairs *p = r->out;
    if (p->n_pictures == r->cap_pictures) {
        size_t cap = r->cap_pictures ? 2 * r->cap_pictures : 256;
        void *more = realloc(p->pictures, cap * sizeof(*p->pictures));
        if (!more)
            return facet_fail_nomem();
        p->pictures = more;
        r->cap_pictures = cap;
    }
    memcpy(p->pictures[p->n_pictures], name, FACET_MAX_NAME);
    return (int)p->n_pictures++;
}

/* Number of the picture, made when new; negative: out of memory. */
static int picture_of(struct reader *r, struct word name, int i)
{
    char full[FACET_MAX_NAME] = {0};
    snprintf(full, sizeof(full), "%.*s_%04d", (int)name.len, name.at, i);
    size_t slot = (size_t)facet_hash64(full, strlen(full), 0) & (r->n_slots - 1);
    for (; r->slots[slot]; slot = (slot + 1) & (r->n_slots - 1))
        if (!strcmp(r->out->pictures[r->slots[slot] - 1], full))
            return r->slots[slot] - 1;
    int at = add_picture(r, full);
    if (at >= 0)
        r->slots[slot] = at + 1;
    return at;
}

static int read_pair(struct reader *r, struct facet_pair *pair)
{
    struct word w[MAX_WORDS];
    int n = next_line(r, w), words = pair->is_same ? 3 : 4;
    if (n < 0) {
        r->line++;
        return fail(r, "the file ends too early");
    }
    if (n != words)
        return fail(r, pair->is_same ? "a pair of one person is 'name, number, number', parted by tabs"
                                     : "a pair of two people is 'name, number, name, number', parted by tabs");
    struct word name_b = pair->is_same ? w[0] : w[2];
    int i = number_of(w[1], 9999), j = number_of(w[words - 1], 9999);
    if (!is_name(w[0]) || !is_name(name_b))
        return fail(r, "a name is letters, digits and _ - . ' only, and no path");
    if (i < 0 || j < 0)
        return fail(r, "a picture's number is 1 to 9999");
    bool is_one_name = w[0].len == name_b.len && !memcmp(w[0].at, name_b.at, name_b.len);
    if (!pair->is_same && is_one_name)
        return fail(r, "a pair of two people names one");
    if (pair->is_same && i == j)
        return fail(r, "a picture is paired with itself");
    pair->a = picture_of(r, w[0], i);
    pair->b = pair->a < 0 ? pair->a : picture_of(r, name_b, j);
    return pair->b < 0 ? pair->b : FACET_OK;
}

static int read_head(struct reader *r, int *folds, int *half)
{
    struct word w[MAX_WORDS];
    r->line = 1;
    if (r->text == r->end)
        return fail(r, "the file is empty");
    r->line = 0;
    int n = next_line(r, w);
    *folds = n == 2 ? number_of(w[0], FACET_PAIRS_FOLDS) : 1;
    *half = n == 1 || n == 2 ? number_of(w[n - 1], FACET_PAIRS_MAX) : -1;
    if (*folds < 0 || *half < 0 || (size_t)*folds * (size_t)*half * 2 > FACET_PAIRS_MAX) {
        r->line = 1;
        return fail(r, "the first line is 'folds, pairs', parted by a tab, of at most a million pairs");
    }
    return FACET_OK;
}

static int reserve(struct reader *r, size_t n)
{
    /* No line of a pair is shorter than "a\t1\t2\n": a head cannot ask for more than the file holds. */
    if (n > (size_t)(r->end - r->text) / 5 + 1)
        return facet_fail(FACET_E_FORMAT, "cannot read '%s': it is too short for the %zu pairs that its first line says", r->origin, n);
    for (r->n_slots = 1024; r->n_slots < 4 * n;)
        r->n_slots *= 2;
    r->slots = calloc(r->n_slots, sizeof(*r->slots));
    r->out->pairs = calloc(n, sizeof(*r->out->pairs));
    return r->slots && r->out->pairs ? FACET_OK : facet_fail_nomem();
}

int facet_pairs_parse(struct facet_pairs *out, const char *text, size_t len, const char *origin)
{
    struct reader r = {.text = text, .end = text + len, .origin = origin, .out = out};
    int half = 0;
    memset(out, 0, sizeof(*out));
    int err = read_head(&r, &out->folds, &half);
    size_t n = (size_t)out->folds * (size_t)half * 2;
    if (!err)
        err = reserve(&r, n);
    for (; !err && out->n < n; out->n++) {
        struct facet_pair *p = &out->pairs[out->n];
        p->fold = (int)(out->n / (2 * (size_t)half));
        p->is_same = out->n % (2 * (size_t)half) < (size_t)half;
        err = read_pair(&r, p);
    }
    struct word w[MAX_WORDS];
    int more = 0;
    while (!err && (more = next_line(&r, w)) > 0)
        if (more > 1 || w[0].len)
            err = fail(&r, "there are more pairs than the first line says");
    free(r.slots);
    if (err)
        facet_pairs_fini(out);
    return err;
}

int facet_pairs_read(struct facet_pairs *out, const char *path)
{
    uint8_t *data;
    size_t len;
    memset(out, 0, sizeof(*out));
    int err = facet_file_read(path, FACET_MAX_TEXT_FILE, &data, &len);
    if (err)
        return err;
    err = facet_pairs_parse(out, (const char *)data, len, path);
    free(data);
    return err;
}

/* Pictures that no pair names any more go; the rest keep their order. */
static int drop_pictures(struct facet_pairs *p)
{
    int *now = calloc(p->n_pictures, sizeof(*now)), kept = 0;
    if (!now)
        return facet_fail_nomem();
    for (size_t i = 0; i < p->n; i++)
        now[p->pairs[i].a] = now[p->pairs[i].b] = 1;
    for (size_t i = 0; i < p->n_pictures; i++)
        if (now[i]) {
            memmove(p->pictures[kept], p->pictures[i], FACET_MAX_NAME);
            now[i] = kept++;
        }
    for (size_t i = 0; i < p->n; i++) {
        p->pairs[i].a = now[p->pairs[i].a];
        p->pairs[i].b = now[p->pairs[i].b];
    }
    p->n_pictures = (size_t)kept;
    free(now);
    return FACET_OK;
}

int facet_pairs_keep(struct facet_pairs *p, int first, int last)
{
    if (first < 0 || last < first || last >= p->folds)
        return facet_fail(FACET_E_INVALID, "cannot take folds %d to %d: the file has %d", first + 1, last + 1, p->folds);
    size_t kept = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->pairs[i].fold >= first && p->pairs[i].fold <= last) {
            p->pairs[kept] = p->pairs[i];
            p->pairs[kept++].fold -= first;
        }
    p->n = kept;
    p->folds = last - first + 1;
    return drop_pictures(p);
}

void facet_pairs_fini(struct facet_pairs *p)
{
    free(p->pairs);
    free(p->pictures);
    memset(p, 0, sizeof(*p));
}
