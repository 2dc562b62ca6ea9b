/* Writes robust_networks.h at build time: straight-line networks for 1 to 128 rows that sort all of
 * them, or only what a trimmed mean or a median looks at.
 *
 * Each is Parberry's pairwise sorting network (1992) for the next power of two, without the rows
 * past n and without whatever does not reach a rank that is asked for: it has as few comparators as
 * Batcher's, and more of them fall away (n = 100: 2154 minima and maxima to sort, 1968 for the
 * inner ranks, 1454 for the median; Batcher's leaves 1680 of those). Comparisons do not depend on
 * the data, so one vector register serves as many columns as it has lanes. The order of emission
 * is what makes it fast: depth first from the outputs keeps values in registers, network order
 * spills them. Up to 64 rows every n has its own networks; above, every fourth, with missing rows
 * read as infinity. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS_MAX = 128, EVERY_N_UP_TO = 64, STEP = 4, COMPARATORS_MAX = 2048 };

/* A value is a row below ROWS_MAX, else ROWS_MAX + 2 * comparator, + 1 for the larger. */
struct comparator {
  size_t in_low, in_high;
  bool is_needed[2];
  bool is_written;
};

struct network {
  size_t n;
  size_t count;
  struct comparator comparator[COMPARATORS_MAX];
  size_t output[ROWS_MAX];
  bool is_loaded[ROWS_MAX];
  size_t needed, written; /* comparators */
  size_t fetched;         /* steps, of n */
};

static void compare(struct network *network, size_t low, size_t high) {
  if (high >= network->n) return; /* infinity stays where it is */
  if (network->count == COMPARATORS_MAX) abort();
  size_t value = ROWS_MAX + 2 * network->count;
  network->comparator[network->count++] =
      (struct comparator){.in_low = network->output[low], .in_high = network->output[high]};
  network->output[low] = value;
  network->output[high] = value + 1;
}

/* Sorts rows first, first + stride, ..., `size` of them: pairs, then the smaller and the larger of
 * the pairs each for themselves, then the larger of one pair against the smaller of those behind.
 */
static void sort_pairwise(struct network *network, size_t first, size_t stride, size_t size) {
  if (size < 2) return;
  for (size_t i = 0; i < size; i += 2)
    compare(network, first + i * stride, first + (i + 1) * stride);
  sort_pairwise(network, first, 2 * stride, size / 2);
  sort_pairwise(network, first + stride, 2 * stride, size / 2);
  for (size_t reach = size / 4; reach >= 1; reach /= 2)
    for (size_t i = 0; i + reach < size / 2; i++)
      compare(network, first + (2 * i + 1) * stride, first + 2 * (i + reach) * stride);
}

static void network_build(struct network *network, size_t n) {
  *network = (struct network){.n = n};
  for (size_t i = 0; i < n; i++) network->output[i] = i;
  size_t size = 1;
  while (size < n) size *= 2;
  sort_pairwise(network, 0, 1, size);
}

static void mark_needed(struct network *network, size_t value) {
  if (value >= ROWS_MAX)
    network->comparator[(value - ROWS_MAX) / 2].is_needed[(value - ROWS_MAX) % 2] = true;
}

/* What comparators of ranks [from, to) read, they need. */
static void network_prune(struct network *network, size_t from, size_t to) {
  for (size_t rank = from; rank < to; rank++) mark_needed(network, network->output[rank]);
  for (size_t i = network->count; i-- > 0;) {
    const struct comparator *c = &network->comparator[i];
    if (!c->is_needed[0] && !c->is_needed[1]) continue;
    network->needed++;
    mark_needed(network, c->in_low);
    mark_needed(network, c->in_high);
  }
}

/* Rows that a network above EVERY_N_UP_TO stands in for. */
static size_t missing_max(size_t n) {
  return n > EVERY_N_UP_TO ? STEP - 1 : 0;
}

static void write_load(struct network *network, size_t row) {
  if (network->is_loaded[row]) return;
  network->is_loaded[row] = true;
  if (row + missing_max(network->n) >= network->n)
    printf("  const vec v%zu = row_load_or_infinity(row, n, %zu, at);\n", row, row);
  else
    printf("  const vec v%zu = row_load(row, %zu, at);\n", row, row);
}

/* The share of what is to be fetched that is due when so many comparators have been written. */
static void write_fetches(struct network *network) {
  for (; network->fetched * network->needed < network->written * network->n; network->fetched++)
    printf("  fetch_step(ahead, %zu, %zu);\n", network->fetched, network->n);
}

static void write_value(struct network *network, size_t value) {
  static const char *const function[] = {"vec_min", "vec_max"};
  if (value < ROWS_MAX) {
    write_load(network, value);
    return;
  }
  size_t index = (value - ROWS_MAX) / 2;
  struct comparator *c = &network->comparator[index];
  if (c->is_written) return;
  c->is_written = true;
  write_value(network, c->in_low);
  write_value(network, c->in_high);
  for (size_t half = 0; half < 2; half++)
    if (c->is_needed[half])
      printf("  const vec v%zu = %s(v%zu, v%zu);\n", ROWS_MAX + 2 * index + half, function[half],
             c->in_low, c->in_high);
  network->written++;
  write_fetches(network);
}

static void write_network(struct network *network, const char *name, size_t from, size_t to) {
  size_t n = network->n;
  network_build(network, n);
  network_prune(network, from, to);
  printf("static void %s_%zu(const float *const *row, size_t n, size_t at,\n"
         "                    const void *const *ahead, float *sorted) {\n"
         "  (void)n;\n  (void)ahead;\n",
         name, n);
  for (size_t rank = from; rank < to; rank++) {
    write_value(network, network->output[rank]);
    if (rank + missing_max(n) >= n)
      printf("  rank_store_below(sorted, n, %zu, v%zu);\n", rank, network->output[rank]);
    else
      printf("  rank_store(sorted, %zu, v%zu);\n", rank, network->output[rank]);
  }
  printf("}\n\n");
}

/* The same bounds as network_body.h asks for, for every n that the network stands in for. */
static void write_networks(struct network *network, size_t n) {
  size_t least = n - missing_max(n);
  network->n = n;
  write_network(network, "sort", 0, n);
  write_network(network, "inner", least / 5, n - n / 5);
  write_network(network, "middle", (least - 1) / 2, n / 2 + 1);
}

static size_t network_for(size_t n) {
  return n <= EVERY_N_UP_TO ? n : (n + STEP - 1) / STEP * STEP;
}

static void write_table(const char *name) {
  printf("static network *const %s_networks[] = {\n    NULL,\n", name);
  for (size_t n = 1; n <= ROWS_MAX; n++) printf("    %s_%zu,\n", name, network_for(n));
  printf("};\n\n");
}

int main(void) {
  struct network *network = malloc(sizeof *network);
  if (network == NULL) return EXIT_FAILURE;
  printf("/* Written by network_generate.c; included by network_body.h. */\n\n");
  for (size_t n = 1; n <= ROWS_MAX; n++)
    if (network_for(n) == n) write_networks(network, n);
  write_table("sort");
  write_table("inner");
  write_table("middle");
  free(network);
  return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
