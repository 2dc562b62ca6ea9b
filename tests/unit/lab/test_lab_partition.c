/* Whatever the skew, every example is held exactly once and nobody goes away with too little. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lab/partition.h"

enum { EXAMPLES = 6000, CLIENTS = 20 };

static uint8_t labels[EXAMPLES];

static int make_labels(void **state) {
  (void)state;
  for (size_t i = 0; i < EXAMPLES; i++) labels[i] = (uint8_t)(i * 7 % 10);
  return 0;
}

static void assert_each_held_once(const struct partition *partition) {
  uint8_t seen[EXAMPLES] = {0};
  assert_int_equal(partition->start[0], 0);
  assert_int_equal(partition->start[partition->client_count], EXAMPLES);
  for (size_t i = 0; i < EXAMPLES; i++) {
    assert_true(partition->members[i] < EXAMPLES);
    assert_int_equal(seen[partition->members[i]]++, 0);
  }
}

static size_t smallest_share(const struct partition *partition) {
  size_t smallest = EXAMPLES;
  for (size_t c = 0; c < partition->client_count; c++)
    if (partition_share(partition, c) < smallest) smallest = partition_share(partition, c);
  return smallest;
}

/* Mean over clients of the share that a client's commonest label has: 0.1 for perfect balance, 1
 * for one label each. */
static double skew(const struct partition *partition) {
  double sum = 0;
  for (size_t c = 0; c < partition->client_count; c++) {
    size_t counts[10] = {0}, most = 0;
    for (size_t i = partition->start[c]; i < partition->start[c + 1]; i++)
      counts[labels[partition->members[i]]]++;
    for (size_t k = 0; k < 10; k++) most = counts[k] > most ? counts[k] : most;
    sum += (double)most / (double)partition_share(partition, c);
  }
  return sum / (double)partition->client_count;
}

static void dirichlet_gives_every_example_once_and_a_minimum_to_all(void **state) {
  (void)state;
  static const double alphas[] = {1e-4, 0.1, 0.5, 100};
  for (uint64_t seed = 0; seed < 40; seed++) {
    struct partition partition;
    assert_true(
        partition_dirichlet(&partition, labels, EXAMPLES, CLIENTS, alphas[seed % 4], 50, seed));
    assert_each_held_once(&partition);
    assert_true(smallest_share(&partition) >= 50);
    partition_free(&partition);
  }
}

static void the_largest_possible_minimum_makes_all_shares_equal(void **state) {
  (void)state;
  struct partition partition;
  assert_true(
      partition_dirichlet(&partition, labels, EXAMPLES, CLIENTS, 0.1, EXAMPLES / CLIENTS, 3));
  assert_each_held_once(&partition);
  for (size_t c = 0; c < CLIENTS; c++)
    assert_int_equal(partition_share(&partition, c), EXAMPLES / CLIENTS);
  partition_free(&partition);
}

static void small_alpha_is_more_skewed(void **state) {
  (void)state;
  double skews[3];
  static const double alphas[] = {0.1, 0.5, 100};
  for (size_t k = 0; k < 3; k++) {
    struct partition partition;
    assert_true(partition_dirichlet(&partition, labels, EXAMPLES, CLIENTS, alphas[k], 50, 1));
    skews[k] = skew(&partition);
    partition_free(&partition);
  }
  assert_true(skews[0] > skews[1] + 0.1);
  assert_true(skews[1] > skews[2] + 0.1);
  assert_true(skews[2] < 0.2);
}

static void same_seed_same_partition_other_seed_other(void **state) {
  (void)state;
  struct partition a, b, c;
  assert_true(partition_dirichlet(&a, labels, EXAMPLES, CLIENTS, 0.5, 50, 1));
  assert_true(partition_dirichlet(&b, labels, EXAMPLES, CLIENTS, 0.5, 50, 1));
  assert_true(partition_dirichlet(&c, labels, EXAMPLES, CLIENTS, 0.5, 50, 2));
  assert_memory_equal(a.start, b.start, (CLIENTS + 1) * sizeof *a.start);
  assert_memory_equal(a.members, b.members, EXAMPLES * sizeof *a.members);
  assert_memory_not_equal(a.members, c.members, EXAMPLES * sizeof *a.members);
  partition_free(&a);
  partition_free(&b);
  partition_free(&c);
}

static void iid_shares_differ_by_at_most_one(void **state) {
  (void)state;
  struct partition partition;
  assert_true(partition_iid(&partition, EXAMPLES, 17, 5));
  assert_each_held_once(&partition);
  for (size_t c = 0; c < 17; c++)
    assert_in_range(partition_share(&partition, c), EXAMPLES / 17, EXAMPLES / 17 + 1);
  assert_true(skew(&partition) < 0.2);
  partition_free(&partition);
}

static void impossible_requests_are_refused(void **state) {
  (void)state;
  struct partition partition;
  assert_false(
      partition_dirichlet(&partition, labels, EXAMPLES, CLIENTS, 0.5, EXAMPLES / CLIENTS + 1, 1));
  assert_false(partition_dirichlet(&partition, labels, EXAMPLES, 0, 0.5, 1, 1));
  assert_false(partition_dirichlet(&partition, labels, EXAMPLES, CLIENTS, 0, 1, 1));
  assert_false(partition_dirichlet(&partition, labels, EXAMPLES, CLIENTS, NAN, 1, 1));
  assert_false(partition_iid(&partition, 3, 4, 1));
  assert_null(partition.members);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dirichlet_gives_every_example_once_and_a_minimum_to_all),
      cmocka_unit_test(the_largest_possible_minimum_makes_all_shares_equal),
      cmocka_unit_test(small_alpha_is_more_skewed),
      cmocka_unit_test(same_seed_same_partition_other_seed_other),
      cmocka_unit_test(iid_shares_differ_by_at_most_one),
      cmocka_unit_test(impossible_requests_are_refused),
  };
  return cmocka_run_group_tests(tests, make_labels, NULL);
}
