#include "base/scan.h"

#include <string.h>

int facet_scan_panel_width(int n)
{
    static const int widths[] = { 1, 2, 4, 6, 8, FACET_SCAN_QUERIES };
    int i = 0;
    while (widths[i] < n)
        i++;
    return widths[i];
}

size_t facet_scan_panel_bytes(int dim, int n)
{
    return facet_scan_quads(dim) * 4 * (size_t)facet_scan_panel_width(n) * (sizeof(int8_t) + sizeof(int16_t));
}

static int32_t lay_out(int16_t *wide, int8_t *narrow, const int8_t *query, int dim, size_t step)
{
    int32_t sum = 0;
    for (int i = 0; i < dim; i++) {
        size_t at = (size_t)(i / 4) * step + (size_t)(i % 4);
        wide[at] = narrow[at] = query[i];
        sum += query[i];
    }
    return sum;
}

void facet_scan_panel_init(struct facet_scan_panel *p, void *buffer, const int8_t *const *queries, int n, int dim)
{
    int width = facet_scan_panel_width(n);
    size_t numbers = facet_scan_quads(dim) * 4 * (size_t)width;
    int16_t *wide = buffer;
    int8_t *narrow = (int8_t *)(wide + numbers);
    memset(buffer, 0, facet_scan_panel_bytes(dim, n));
    *p = (struct facet_scan_panel){ .quads = facet_scan_quads(dim), .n = width, .narrow = narrow, .wide = wide };
    for (int q = 0; q < width; q++) {
        p->floor[q] = q < n ? INT32_MIN : INT32_MAX;
        if (q < n)
            p->start[q] = -128 * lay_out(wide + 4 * q, narrow + 4 * q, queries[q], dim, 4 * (size_t)width);
    }
}

void facet_scan_put(uint8_t *group, int at, const int8_t *row, int dim)
{
    for (size_t quad = 0; quad < facet_scan_quads(dim); quad++) {
        uint8_t *four = group + quad * 64 + (size_t)at * 4;
        for (size_t i = 0; i < 4; i++)
            four[i] = (uint8_t)((quad * 4 + i < (size_t)dim ? row[quad * 4 + i] : 0) + 128);
    }
}

static int32_t one_row(const struct facet_scan_panel *p, int query, const uint8_t *row)
{
    int32_t sum = 0;
    for (size_t quad = 0; quad < p->quads; quad++) {
        const int8_t *four = p->narrow + (quad * (size_t)p->n + (size_t)query) * 4;
        for (size_t i = 0; i < 4; i++)
            sum += (row[quad * 64 + i] - 128) * four[i];
    }
    return sum;
}

static void scan_groups(const struct facet_scan_panel *p, const uint8_t *groups, size_t n, int32_t *sums, uint16_t *above)
{
    for (int q = 0; q < p->n; q++) {
        for (size_t g = 0; g < n; g++) {
            unsigned mark = 0;
            for (size_t row = 0; row < FACET_SCAN_ROWS; row++) {
                int32_t sum = one_row(p, q, groups + g * p->quads * 64 + row * 4);
                sums[((size_t)q * n + g) * FACET_SCAN_ROWS + row] = sum;
                mark |= (unsigned)(sum > p->floor[q]) << row;
            }
            above[(size_t)q * n + g] = (uint16_t)mark;
        }
    }
}

const struct facet_scan_ops facet_scan_c = { .name = "c", .groups = scan_groups };
