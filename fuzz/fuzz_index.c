/* The search index file: a good file of some rows, changed at some bytes. An input is one byte that says
 * whether the checksums are made right again (so that changes reach what is behind them), then triples: where
 * (two bytes, from the head or from the end of the file) and what. */
#include "base/hash.h"
#include "store/index.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DIM 5
#define HEAD 4096
#define BLOCK ((DIM + 3) / 4 * 64 * 256 + 4096 * 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct facet_index_tie tie = { .contract = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                                            .tag = "0123456789abcdef0123456789abcdef", .dim = DIM };

static uint8_t *make_good(size_t *len)
{
    const float e[DIM] = { 0.6f, 0.8f };
    char path[] = "/tmp/facet-fuzz-index-XXXXXX";
    struct facet_index *x;
    int fd = mkstemp(path);
    if (fd < 0 || facet_index_open(&x, DIM, true) || facet_index_add_person(x, 3, "Ann") || facet_index_add_person(x, 9, "Bob"))
        abort();
    for (int i = 0; i < 4099; i++)
        if (facet_index_add_row(x, i % 2 ? 3 : 9, i + 1, 1, e))
            abort();
    if (facet_index_write(x, path, &tie))
        abort();
    facet_index_unref(&x);
    close(fd);
    FILE *f = fopen(path, "rb");
    uint8_t *good = malloc(1 << 20);
    if (!f || !good)
        abort();
    *len = fread(good, 1, 1 << 20, f);
    fclose(f);
    unlink(path);
    return good;
}

static uint64_t number(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* Makes the checksums right where the sizes in the head leave room for that. */
static void seal(uint8_t *file, size_t len)
{
    uint64_t rows = number(file + 16), people = number(file + 24), blocks = (rows + 4095) / 4096;
    size_t sums = HEAD + 2 * BLOCK, ids = sums + 16;
    (void)people;
    for (size_t b = 0; b < 2 && blocks == 2; b++) {
        uint64_t sum = facet_hash64(file + HEAD + b * BLOCK, BLOCK, b);
        memcpy(file + sums + 8 * b, &sum, sizeof(sum));
    }
    uint64_t of_sums = facet_hash64(file + sums, 16, 1), of_people = facet_hash64(file + ids, len - ids, 2);
    memcpy(file + 144, &of_sums, sizeof(of_sums));
    memcpy(file + 152, &of_people, sizeof(of_people));
    uint64_t of_head = facet_hash64(file, 160, 3);
    memcpy(file + 160, &of_head, sizeof(of_head));
}

static void use(const char *path)
{
    const float q[2 * DIM] = { 0.6f, 0.8f, 0, 0, 0, 1 };
    struct facet_index *x;
    struct facet_match m[8];
    struct facet_search_opts o = { .k = 4 };
    int found[2];
    if (facet_index_map(&x, path, &tie))
        return;
    (void)facet_index_search(x, q, 8, 0, m);
    (void)facet_index_search_many(x, q, 2, &o, 0, m, found);
    (void)facet_index_has_person(x, 9);
    if (!facet_index_add_person(x, INT64_MAX, "Eve") && facet_index_add_row(x, INT64_MAX, 5000, 1, q))
        abort();
    facet_index_unref(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t *good, *file;
    static size_t size;
    static int fd = -1;
    static char path[64];
    if (!good) {
        good = make_good(&size);
        file = malloc(size);
        fd = memfd_create("index", 0);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (!file || fd < 0)
            abort();
    }
    memcpy(file, good, size);
    for (size_t i = 1; i + 3 <= len; i += 3) {
        size_t at = (size_t)(data[i] | data[i + 1] << 8);
        file[data[0] & 2 ? size - 1 - at % size : at % size] = data[i + 2];
    }
    if (len && data[0] & 1)
        seal(file, size);
    if (pwrite(fd, file, size, 0) != (ssize_t)size)
        abort();
    use(path);
    return 0;
}
