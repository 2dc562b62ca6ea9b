/* Writes robust_networks.h at build time: straight-line sorting networks for 1 to 128 rows.
 *
 * Each network is Batcher's odd-even merge sort for any n (Knuth 5.2.2): comparisons do not depend
 * on the data, so one vector register sorts as many columns as it has lanes. The order of emission
 * is what makes it fast: depth first from the outputs keeps values in registers,
 * network order spills them. Up to 64 rows every n has its own network; above,
 * every eighth, with missing rows read as infinity. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS_MAX = 128, EVERY_N_UP_TO = 64, STEP = 8, COMPARATORS_MAX = 2048 };

struct comparator {
  size_t low, high;       /* rows it orders */
  size_t in_low, in_high; /* values it reads: below ROWS_MAX a row, else ROWS_MAX + 2 * comparator
                             (+ 1 for the larger) */
  bool is_written;
};

struct network {
  size_t n;
  size_t count;
  struct comparator comparator[COMPARATORS_MAX];
  size_t output[ROWS_MAX];
  bool is_loaded[ROWS_MAX];
};

static void network_add(struct network *network, size_t low, size_t high) {
  if (network->count == COMPARATORS_MAX) abort();
  size_t value = ROWS_MAX + 2 * network->count;
  network->comparator[network->count++] =
      (struct comparator){low, high, network->output[low], network->output[high], false};
  network->output[low] = value;
  network->output[high] = value + 1;
}

static void network_build(struct network *network, size_t n) {
  *network = (struct network){.n = n};
  for (size_t i = 0; i < n; i++) network->output[i] = i;
  for (size_t p = 1; p < n; p *= 2)
    for (size_t k = p; k >= 1; k /= 2)
      for (size_t j = k % p; j + k < n; j += 2 * k)
        for (size_t i = j; i < j + k && i + k < n; i++)
          if (i / (2 * p) == (i + k) / (2 * p)) network_add(network, i, i + k);
}

static bool may_be_missing(const struct network *network, size_t row) {
  return network->n > EVERY_N_UP_TO && row + STEP > network->n;
}

static void write_load(struct network *network, size_t row) {
  if (network->is_loaded[row]) return;
  network->is_loaded[row] = true;
  if (may_be_missing(network, row))
    printf("  const vec v%zu = row_load_or_infinity(row, n, %zu, at, ahead);\n", row, row);
  else
    printf("  const vec v%zu = row_load(row, %zu, at, ahead);\n", row, row);
}

static void write_value(struct network *network, size_t value) {
  if (value < ROWS_MAX) {
    write_load(network, value);
    return;
  }
  struct comparator *c = &network->comparator[(value - ROWS_MAX) / 2];
  if (c->is_written) return;
  c->is_written = true;
  write_value(network, c->in_low);
  write_value(network, c->in_high);
  size_t smaller = (value - ROWS_MAX) / 2 * 2 + ROWS_MAX;
  printf("  const vec v%zu = vec_min(v%zu, v%zu);\n", smaller, c->in_low, c->in_high);
  printf("  const vec v%zu = vec_max(v%zu, v%zu);\n", smaller + 1, c->in_low, c->in_high);
}

static void write_network(struct network *network) {
  size_t n = network->n;
  printf("static void sort_%zu(const float *const *row, size_t n, size_t at,\n"
         "                    const void *const *ahead, float *sorted) {\n",
         n);
  printf("  (void)n;\n");
  for (size_t rank = 0; rank < n; rank++) {
    write_value(network, network->output[rank]);
    if (may_be_missing(network, rank))
      printf("  rank_store_below(sorted, n, %zu, v%zu);\n", rank, network->output[rank]);
    else
      printf("  rank_store(sorted, %zu, v%zu);\n", rank, network->output[rank]);
  }
  printf("}\n\n");
}

static size_t network_for(size_t n) {
  return n <= EVERY_N_UP_TO ? n : (n + STEP - 1) / STEP * STEP;
}

int main(void) {
  struct network *network = malloc(sizeof *network);
  if (network == NULL) return EXIT_FAILURE;
  printf("/* Written by network_generate.c; included by network_body.h. */\n\n");
  for (size_t n = 1; n <= ROWS_MAX; n++) {
    if (network_for(n) != n) continue;
    network_build(network, n);
    write_network(network);
  }
  printf("static void (*const sorters[])(const float *const *row, size_t n, size_t at, "
         "const void *const *ahead, float *sorted) = {\n    NULL,\n");
  for (size_t n = 1; n <= ROWS_MAX; n++) printf("    sort_%zu,\n", network_for(n));
  printf("};\n");
  free(network);
  return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
