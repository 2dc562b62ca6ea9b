/* Kruskal's order over all n^2 pairs without sorting them: the pairs that join something are the
 * edges of the minimum spanning tree, which Prim's algorithm finds one by one. Ranked by (distance,
 * i, j) no two pairs are equal, so there is one such tree. */
#include "robust/linkage.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

struct edge {
  double length;
  size_t low, high;
};

static_assert(sizeof(struct edge) == 3 * sizeof(double) && sizeof(size_t) == sizeof(double),
              "edges and labels lie in memory counted in doubles");

size_t linkage_work_doubles(size_t n) {
  return 4 * n;
}

static bool is_before(const struct edge *a, const struct edge *b) {
  if (a->length < b->length || a->length > b->length) return a->length < b->length;
  return a->low != b->low ? a->low < b->low : a->high < b->high;
}

static struct edge edge_of(size_t n, const double *distance, size_t i, size_t j) {
  return (struct edge){distance[i * n + j], i < j ? i : j, i < j ? j : i};
}

/* tree[0..n-1) become the edges. While it grows from row 0, tree[k..] are the shortest ways to the
 * rows outside, outside[k..]. */
static void span(size_t n, const double *distance, size_t *outside, struct edge *tree) {
  for (size_t i = 1; i < n; i++) {
    tree[i - 1] = edge_of(n, distance, 0, i);
    outside[i - 1] = i;
  }
  for (size_t k = 0; k + 1 < n; k++) {
    size_t nearest = k;
    for (size_t p = k + 1; p + 1 < n; p++)
      if (is_before(&tree[p], &tree[nearest])) nearest = p;
    struct edge edge = tree[nearest];
    size_t row = outside[nearest];
    tree[nearest] = tree[k];
    outside[nearest] = outside[k];
    tree[k] = edge;
    outside[k] = row;
    for (size_t p = k + 1; p + 1 < n; p++) {
      struct edge other = edge_of(n, distance, row, outside[p]);
      if (is_before(&other, &tree[p])) tree[p] = other;
    }
  }
}

static void sort_edges(struct edge *edge, size_t count) {
  for (size_t k = 1; k < count; k++) {
    struct edge moving = edge[k];
    size_t place = k;
    for (; place > 0 && is_before(&moving, &edge[place - 1]); place--)
      edge[place] = edge[place - 1];
    edge[place] = moving;
  }
}

/* Gives both ends' clusters the label of the lower end; returns how many rows bear it. */
static size_t join(size_t n, const struct edge *edge, size_t *label) {
  size_t label_kept = label[edge->low];
  size_t label_lost = label[edge->high];
  size_t members = 0;
  for (size_t i = 0; i < n; i++) {
    if (label[i] == label_lost) label[i] = label_kept;
    members += label[i] == label_kept;
  }
  return members;
}

/* All rows of the cluster that row `core` is in, and that have no level yet. */
static void set_levels(size_t n, const size_t *label, size_t core, double length, double *level) {
  for (size_t i = 0; i < n; i++)
    if (label[i] == label[core] && level[i] < 0.0) level[i] = length;
}

void linkage_first_cluster(size_t n, const double *distance, size_t least, double *work,
                           double *share, double *level) {
  struct edge *tree = (struct edge *)work;
  size_t *label = (size_t *)(work + 3 * n);
  span(n, distance, label, tree);
  sort_edges(tree, n - 1);
  for (size_t i = 0; i < n; i++) {
    label[i] = i;
    share[i] = 0.0;
    level[i] = -1.0;
  }
  size_t core = n; /* a row of the cluster, once there is one */
  for (size_t k = 0; k + 1 < n; k++) {
    size_t members = join(n, &tree[k], label);
    if (core == n && members >= least) {
      core = tree[k].low;
      for (size_t i = 0; i < n; i++)
        if (label[i] == label[core]) share[i] = 1.0 / (double)members;
    }
    if (core < n) set_levels(n, label, core, tree[k].length, level);
  }
}
