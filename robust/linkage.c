/* Single linkage without sorting all n^2 pairs: the pairs that join something are the edges of a
 * minimum spanning tree, which Prim's algorithm finds one by one. Among equal distances any such
 * tree gives the same clusters. */
#include "robust/linkage.h"

#include <assert.h>

struct edge {
  double length;
  size_t from, to;
};

static_assert(sizeof(struct edge) == 3 * sizeof(double) && sizeof(size_t) == sizeof(double),
              "edges and labels lie in memory counted in doubles");

size_t linkage_work_doubles(size_t n) {
  return 4 * n;
}

/* tree[0..n-1) become the edges. While the tree grows from row 0, tree[k..] are the shortest edges
 * to the rows outside. */
static void span(size_t n, const double *distance, struct edge *tree) {
  for (size_t i = 1; i < n; i++) tree[i - 1] = (struct edge){distance[i], 0, i};
  for (size_t k = 0; k + 1 < n; k++) {
    size_t nearest = k;
    for (size_t p = k + 1; p + 1 < n; p++)
      if (tree[p].length < tree[nearest].length) nearest = p;
    struct edge taken = tree[nearest];
    tree[nearest] = tree[k];
    tree[k] = taken;
    const double *row = distance + taken.to * n;
    for (size_t p = k + 1; p + 1 < n; p++)
      if (row[tree[p].to] < tree[p].length)
        tree[p] = (struct edge){row[tree[p].to], taken.to, tree[p].to};
  }
}

static void sort_edges(struct edge *edge, size_t count) {
  for (size_t k = 1; k < count; k++) {
    struct edge moving = edge[k];
    size_t place = k;
    for (; place > 0 && edge[place - 1].length > moving.length; place--)
      edge[place] = edge[place - 1];
    edge[place] = moving;
  }
}

/* Gives the clusters of both ends one label; returns how many rows bear it. */
static size_t join(size_t n, const struct edge *edge, size_t *label) {
  size_t kept = label[edge->from];
  size_t lost = label[edge->to];
  size_t members = 0;
  for (size_t i = 0; i < n; i++) {
    if (label[i] == lost) label[i] = kept;
    members += label[i] == kept;
  }
  return members;
}

/* Levels of the rows, by joining until all are one; returns the cluster's own. */
static double join_all(size_t n, const struct edge *tree, size_t least, size_t *label,
                       double *level) {
  size_t core = n; /* a row of the cluster, once there is one */
  for (size_t i = 0; i < n; i++) {
    label[i] = i;
    level[i] = -1.0;
  }
  for (size_t k = 0; k + 1 < n; k++) {
    size_t members = join(n, &tree[k], label);
    if (core == n && members >= least) core = tree[k].from;
    for (size_t i = 0; core < n && i < n; i++)
      if (label[i] == label[core] && level[i] < 0.0) level[i] = tree[k].length;
  }
  return level[core];
}

void linkage_majority(size_t n, const double *distance, size_t least, double *work, double *share,
                      double *level) {
  struct edge *tree = (struct edge *)work;
  span(n, distance, tree);
  sort_edges(tree, n - 1);
  double own = join_all(n, tree, least, (size_t *)(work + 3 * n), level);
  size_t members = 0;
  for (size_t i = 0; i < n; i++) members += level[i] <= own;
  for (size_t i = 0; i < n; i++) share[i] = level[i] <= own ? 1.0 / (double)members : 0.0;
}
