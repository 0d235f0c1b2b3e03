#include "stages/track/assign.h"

#include <float.h>
#include <string.h>

/* Rows enter one at a time; each finds the cheapest path of changes by which everybody who has
 * entered keeps a column. The path search wants at least as many columns as rows, so a tall matrix
 * is read lying down. Indices from 1; row 0 and column 0 stand for "nobody". */
struct view {
    struct facet__assign *a;
    int rows, columns;
    bool is_turned;
};

static float cost_at(const struct view *w, int row, int column)
{
    float c = w->is_turned ? w->a->cost[column - 1][row - 1] : w->a->cost[row - 1][column - 1];
    return c < FACET__ASSIGN_NEVER ? c : FACET__ASSIGN_NEVER;
}

/* Looks from `at`'s row at every column not yet used; returns the nearest. */
static int nearest_column(const struct view *w, int at, double *step)
{
    struct facet__assign *a = w->a;
    int row = a->row_at[at], next = 0;
    *step = DBL_MAX;
    for (int j = 1; j <= w->columns; j++) {
        if (a->used[j])
            continue;
        double reduced = (double)cost_at(w, row, j) - a->u[row] - a->v[j];
        if (reduced < a->least[j]) {
            a->least[j] = reduced;
            a->way[j] = at;
        }
        if (a->least[j] < *step) {
            *step = a->least[j];
            next = j;
        }
    }
    return next;
}

static void move_potentials(const struct view *w, double step)
{
    struct facet__assign *a = w->a;
    for (int j = 0; j <= w->columns; j++) {
        if (a->used[j]) {
            a->u[a->row_at[j]] += step;
            a->v[j] -= step;
        } else {
            a->least[j] -= step;
        }
    }
}

static void enter_row(const struct view *w, int row)
{
    struct facet__assign *a = w->a;
    int at = 0;
    for (int j = 0; j <= w->columns; j++) {
        a->least[j] = DBL_MAX;
        a->used[j] = false;
    }
    a->row_at[0] = row;
    do {
        double step;
        a->used[at] = true;
        int next = nearest_column(w, at, &step);
        move_potentials(w, step);
        at = next;
    } while (a->row_at[at] != 0);
    while (at) {
        a->row_at[at] = a->row_at[a->way[at]];
        at = a->way[at];
    }
}

void facet__assign_solve(struct facet__assign *a, int rows, int columns)
{
    bool turned = rows > columns;
    struct view w = {a, turned ? columns : rows, turned ? rows : columns, turned};
    memset(a->u, 0, sizeof(a->u));
    memset(a->v, 0, sizeof(a->v));
    memset(a->row_at, 0, sizeof(a->row_at));
    for (int i = 1; i <= w.rows; i++)
        enter_row(&w, i);
    for (int i = 0; i < rows; i++)
        a->column_of[i] = -1;
    for (int j = 1; j <= w.columns; j++) {
        int row = w.is_turned ? j : a->row_at[j], column = w.is_turned ? a->row_at[j] : j;
        if (row && column && a->cost[row - 1][column - 1] < FACET__ASSIGN_NEVER)
            a->column_of[row - 1] = column - 1;
    }
}
