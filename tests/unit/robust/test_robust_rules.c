/* Claims about the five rules: cases worked by hand, properties on seeded rows, and what liars and
 * odd floats can do. */
#include "fixture.h"

static const char *const all_rules[] = {"mean", "median", "trimmed_mean(f=1)", "krum(f=1)",
                                        "multi_krum(f=1)"};
enum { RULES = sizeof all_rules / sizeof all_rules[0] };

static void run_hand_case(const char *text, const void *const *row, size_t n, size_t d,
                          const float *expected) {
  float out[8];
  struct test_result result;
  struct robust_rows rows = {.n = n, .d = d, .row = row};
  test_aggregate(text, &rows, out, &result);
  for (size_t k = 0; k < d; k++)
    if (memcmp(&out[k], &expected[k], sizeof out[k]) != 0)
      fail_msg("%s: coordinate %zu is %a, not %a", text, k, (double)out[k], (double)expected[k]);
}

static void mean_averages_by_hand(void **state) {
  (void)state;
  const void *row[] = {(float[]){1, -2}, (float[]){3, 2}, (float[]){8, 3}};
  run_hand_case("mean", row, 3, 2, (float[]){4, 1});
}

static void median_takes_the_middle_or_the_mean_of_two(void **state) {
  (void)state;
  const void *row[] = {(float[]){5, 0}, (float[]){1, 4}, (float[]){9, 1}, (float[]){2, -7}};
  run_hand_case("median", row, 3, 2, (float[]){5, 1});
  run_hand_case("median", row, 4, 2, (float[]){3.5F, 0.5F});
}

static void trimmed_mean_drops_both_ends(void **state) {
  (void)state;
  const void *row[] = {(float[]){100}, (float[]){1}, (float[]){2}, (float[]){6}, (float[]){-50}};
  run_hand_case("trimmed_mean(f=1)", row, 5, 1, (float[]){3});
  run_hand_case("trimmed_mean(f=2)", row, 5, 1, (float[]){2});
}

static void krum_ignores_one_far_row(void **state) {
  (void)state;
  const void *row[] = {(float[]){0, 0}, (float[]){1, 0}, (float[]){1e6F, 1e6F}, (float[]){2, 0},
                       (float[]){1, 1}};
  run_hand_case("krum(f=1)", row, 5, 2, (float[]){1, 0});
}

static void multi_krum_drops_the_far_row_and_says_so(void **state) {
  (void)state;
  const void *row[] = {(float[]){0, 0}, (float[]){1, 0}, (float[]){1e6F, 1e6F}, (float[]){2, 0},
                       (float[]){1, 4}};
  struct robust_rows rows = {.n = 5, .d = 2, .row = row};
  struct test_result result;
  float out[2];
  test_aggregate("multi_krum(f=1)", &rows, out, &result);
  assert_true(out[0] == 1.0F && out[1] == 1.0F);
  assert_true(result.weights[2] == 0.0 && result.weights[0] == 0.25);
  assert_int_equal(result.evidence.selected, 4);
  assert_true(result.evidence.weights_are_exact);
  assert_true(result.evidence.margin > 0.99 && result.evidence.margin < 1.0);
  assert_true(result.scores[2] > result.scores[0]);
}

/* On the line 0, 1, 3, 7, 20: the two nearest of 3 are at 4 and 9, together 13; with one neighbour
 * 0 and 1 tie at 1. */
static void krum_counts_the_neighbours_it_is_told_to(void **state) {
  (void)state;
  const void *row[] = {(float[]){0}, (float[]){1}, (float[]){3}, (float[]){7}, (float[]){20}};
  struct robust_rows rows = {.n = 5, .d = 1, .row = row};
  struct test_result result;
  float out[1];
  test_aggregate("krum(f=1, neighbours=2)", &rows, out, &result);
  assert_true(out[0] == 1.0F); /* 1 + 4 */
  assert_true(result.scores[0] == 10.0 && result.scores[2] == 13.0);
  test_aggregate("krum(f=1, neighbours=1)", &rows, out, &result);
  assert_true(out[0] == 0.0F && result.evidence.margin == 0.0);
}

static void ties_go_to_the_row_first_in_the_order(void **state) {
  (void)state;
  const void *row[] = {(float[]){-1}, (float[]){1}, (float[]){0}, (float[]){-1}, (float[]){1}};
  const size_t order[] = {4, 3, 2, 1, 0};
  struct robust_rows rows = {.n = 5, .d = 1, .row = row};
  struct test_result result;
  float out[1];
  test_aggregate("krum(f=1, neighbours=1)", &rows, out, &result);
  assert_true(out[0] == -1.0F && result.weights[0] == 1.0);
  assert_int_equal(
      test_run("krum(f=1, neighbours=1)", &rows, order, 2, ROBUST_ISA_BEST, out, &result),
      ROBUST_OK);
  assert_true(out[0] == 1.0F && result.weights[4] == 1.0);
}

static void a_single_row_comes_back_as_it_is(void **state) {
  (void)state;
  const void *row[] = {(float[]){3.25F, -1e-40F, 1e38F}};
  run_hand_case("mean", row, 1, 3, row[0]);
  run_hand_case("median", row, 1, 3, row[0]);
  run_hand_case("trimmed_mean(f=0)", row, 1, 3, row[0]);
  run_hand_case("krum(f=0)", row, 1, 3, row[0]);
  run_hand_case("multi_krum(f=0)", row, 1, 3, row[0]);
}

static void equal_rows_come_back_as_they_are(void **state) {
  (void)state;
  const float x[] = {0.1F, -7e17F, 3e-39F};
  const void *row[] = {x, x, x, x, x, x, x};
  for (size_t r = 0; r < RULES; r++) run_hand_case(all_rules[r], row, 7, 3, x);
}

static void zeros_of_either_sign_give_plus_zero(void **state) {
  (void)state;
  const void *row[] = {(float[]){-0.0F}, (float[]){0.0F}, (float[]){-0.0F}};
  for (size_t r = 0; r < RULES; r++) run_hand_case(all_rules[r], row, 3, 1, (float[]){0.0F});
  const void *negative[] = {row[0], row[0], row[0]};
  for (size_t r = 0; r < RULES; r++) run_hand_case(all_rules[r], negative, 3, 1, (float[]){0.0F});
}

/* 1e38 twice would overflow a float, and would wipe out the small ones if it ever entered their
 * sum. */
static void trimmed_giants_leave_no_trace(void **state) {
  (void)state;
  const void *row[] = {(float[]){3e38F}, (float[]){1}, (float[]){2},     (float[]){-3e38F},
                       (float[]){3e38F}, (float[]){4}, (float[]){-3e38F}};
  run_hand_case("trimmed_mean(f=2)", row, 7, 1, (float[]){7.0F / 3.0F});
  run_hand_case("median", row, 7, 1, (float[]){2});
}

static void two_large_middles_do_not_overflow(void **state) {
  (void)state;
  const void *row[] = {(float[]){3e38F}, (float[]){3.2e38F}};
  run_hand_case("median", row, 2, 1, (float[]){(float)((3e38F + 3.2e38) / 2)});
}

static double by_sorting(const struct robust_rows *rows, size_t k, size_t from, size_t to) {
  float column[TEST_ROWS_MAX];
  for (size_t i = 0; i < rows->n; i++) {
    size_t place = i;
    float x = test_at(rows, i, k);
    for (; place > 0 && column[place - 1] > x; place--) column[place] = column[place - 1];
    column[place] = x;
  }
  double sum = 0.0;
  for (size_t i = from; i < to; i++) sum += (double)column[i];
  return sum / (double)(to - from);
}

/* Every n with a network of its own, the padded ones, and runs joined by merging; d leaves strips
 * of every length. */
static void order_statistics_are_those_of_a_sorted_column(void **state) {
  (void)state;
  static const size_t more[] = {65, 71, 72, 73, 100, 127, 128, 129, 130, 255, 256, 257, 300, 400};
  struct test_result result;
  float out[40];
  for (size_t step = 0; step < 64 + sizeof more / sizeof more[0]; step++) {
    size_t n = step < 64 ? step + 1 : more[step - 64];
    size_t d = 1 + step % 37;
    char text[40];
    struct test_rows t;
    test_rows_new(&t, n, d, 100 + n);
    size_t f = (n - 1) / 3;
    snprintf(text, sizeof text, "trimmed_mean(f=%zu)", f);
    for (enum robust_isa isa = ROBUST_ISA_BEST; isa <= ROBUST_ISA_AVX512; isa++) {
      assert_int_equal(test_run("median", &t.rows, NULL, 2, isa, out, &result), ROBUST_OK);
      for (size_t k = 0; k < d; k++)
        assert_true(out[k] == (float)by_sorting(&t.rows, k, (n - 1) / 2, n / 2 + 1));
      assert_int_equal(test_run(text, &t.rows, NULL, 2, isa, out, &result), ROBUST_OK);
      for (size_t k = 0; k < d; k++) assert_true(out[k] == (float)by_sorting(&t.rows, k, f, n - f));
    }
    test_rows_free(&t);
  }
}

static void many_equal_values_sort_as_well(void **state) {
  (void)state;
  struct test_rows t;
  struct test_result result;
  float out[33];
  test_rows_new(&t, 150, 33, 9);
  for (size_t k = 0; k < 150 * 33; k++) t.values[k] = t.values[k] > 0.3F ? 1.0F : -2.0F;
  test_aggregate("trimmed_mean(f=50)", &t.rows, out, &result);
  for (size_t k = 0; k < 33; k++) assert_true(out[k] == (float)by_sorting(&t.rows, k, 50, 100));
  test_rows_free(&t);
}

/* Same rows in another place, same ranking of them: same bytes, and the weights follow the rows. */
static void permuting_rows_with_their_order_changes_no_bit(void **state) {
  (void)state;
  enum { N = 19, D = 1100 };
  struct test_rows t;
  struct test_result before, after;
  static float out_before[D], out_after[D];
  const void *moved[N];
  size_t order[N];
  test_rows_new(&t, N, D, 5);
  memcpy(t.values + 4 * D, t.values + 11 * D, D * sizeof(float)); /* a tie */
  for (size_t i = 0; i < N; i++) {
    moved[(7 * i + 3) % N] = t.row[i];
    order[i] = (7 * i + 3) % N;
  }
  struct robust_rows rows = {.n = N, .d = D, .row = moved};
  for (size_t r = 0; r < RULES; r++) {
    test_aggregate(all_rules[r], &t.rows, out_before, &before);
    assert_int_equal(test_run(all_rules[r], &rows, order, 1, ROBUST_ISA_BEST, out_after, &after),
                     ROBUST_OK);
    assert_memory_equal(out_before, out_after, sizeof out_before);
    for (size_t i = 0; i < N; i++) assert_true(before.weights[i] == after.weights[order[i]]);
    assert_true(before.evidence.margin == after.evidence.margin);
  }
  test_rows_free(&t);
}

static void threads_and_instructions_change_no_bit(void **state) {
  (void)state;
  static const size_t shapes[][2] = {{3, 1}, {10, 4097}, {33, 1023}, {101, 1025}, {131, 600}};
  static float out[4097], again[4097];
  struct test_result result;
  for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
    struct test_rows t;
    test_rows_new(&t, shapes[s][0], shapes[s][1], s);
    for (size_t r = 0; r < RULES; r++) {
      test_aggregate(all_rules[r], &t.rows, out, &result);
      for (int threads = 1; threads <= 3; threads++)
        for (enum robust_isa isa = ROBUST_ISA_PLAIN; isa <= ROBUST_ISA_AVX512; isa++) {
          assert_int_equal(test_run(all_rules[r], &t.rows, NULL, threads, isa, again, &result),
                           ROBUST_OK);
          assert_memory_equal(out, again, shapes[s][1] * sizeof *out);
        }
    }
    test_rows_free(&t);
  }
}

/* With f liars at any value, median and trimmed mean stay within the range of the honest values. */
static void liars_cannot_leave_the_honest_range(void **state) {
  (void)state;
  enum { N = 21, D = 257, F = 10 };
  struct test_rows t;
  struct test_result result;
  float out[D];
  uint64_t seed = 77;
  test_rows_new(&t, N, D, 8);
  for (size_t k = 0; k < F * D; k++) t.values[k] = test_unit(&seed) > 0 ? 1e18F : -1e18F;
  for (int r = 0; r < 2; r++) {
    test_aggregate(r == 0 ? "median" : "trimmed_mean(f=10)", &t.rows, out, &result);
    for (size_t k = 0; k < D; k++) {
      float low = 1.0F, high = -1.0F;
      for (size_t i = F; i < N; i++) {
        low = fminf(low, test_at(&t.rows, i, k));
        high = fmaxf(high, test_at(&t.rows, i, k));
      }
      assert_true(out[k] >= low && out[k] <= high);
    }
  }
  test_aggregate("multi_krum(f=10, m=5)", &t.rows, out, &result);
  for (size_t i = 0; i < F; i++) assert_true(result.weights[i] == 0.0);
  test_rows_free(&t);
}

static void denormal_rows_are_told_apart(void **state) {
  (void)state;
  const void *row[] = {(float[]){1e-44F}, (float[]){2e-44F}, (float[]){9e-43F},
                       (float[]){1.2e-44F}};
  struct robust_rows rows = {.n = 4, .d = 1, .row = row};
  struct test_result result;
  float out[1];
  test_aggregate("multi_krum(f=1)", &rows, out, &result);
  assert_true(result.weights[2] == 0.0 && result.weights[0] > 0.0);
  assert_true(out[0] > 1e-44F && out[0] < 2e-44F);
}

static void coordinate_rules_say_that_their_weights_are_nominal(void **state) {
  (void)state;
  struct test_rows t;
  struct test_result result;
  float out[3];
  test_rows_new(&t, 4, 3, 1);
  test_aggregate("median", &t.rows, out, &result);
  assert_false(result.evidence.weights_are_exact);
  assert_true(result.weights[0] == 0.25 && result.weights[3] == 0.25);
  test_rows_free(&t);
}

/* An auditor has the logged Gram matrix and order, and gets the logged weights from them. */
static void weights_can_be_rechecked_from_the_gram_matrix(void **state) {
  (void)state;
  enum { N = 9, D = 700 };
  struct test_rows t;
  struct test_result result;
  static float out[D], sum[D];
  double gram[N * N], weights[N];
  test_rows_new(&t, N, D, 3);
  test_gram(&t.rows, 1, ROBUST_ISA_BEST, gram);
  for (size_t r = 0; r < RULES; r++) {
    struct robust_pipeline *pipeline = test_parse(all_rules[r]);
    struct robust_input input = {.rows = {.n = N, .d = D, .row = t.row}, .gram = gram};
    struct robust_scratch scratch = test_scratch(robust_scratch_bytes(pipeline, &input, 1), 1);
    struct robust_evidence evidence = {.weights = weights};
    enum robust_status status = robust_weigh(pipeline, &input, &scratch, &evidence, NULL);
    test_aggregate(all_rules[r], &t.rows, out, &result);
    if (robust_pipeline_is_gram_only(pipeline)) {
      assert_int_equal(status, ROBUST_OK);
      assert_memory_equal(weights, result.weights, sizeof weights);
      assert_int_equal(robust_weighted_sum(&t.rows, weights, NULL, &scratch, sum, NULL), ROBUST_OK);
      assert_memory_equal(sum, out, sizeof sum);
    } else {
      assert_int_equal(status, ROBUST_NEEDS_ROWS);
    }
    free(scratch.memory);
    robust_pipeline_free(pipeline);
  }
  test_rows_free(&t);
}

static void too_little_scratch_is_refused_before_any_write(void **state) {
  (void)state;
  struct test_rows t;
  test_rows_new(&t, 5, 10, 1);
  for (size_t r = 0; r < RULES; r++) {
    struct robust_pipeline *pipeline = test_parse(all_rules[r]);
    struct robust_input input = {.rows = t.rows};
    struct robust_scratch scratch = test_scratch(robust_scratch_bytes(pipeline, &input, 2), 2);
    struct robust_error error = {""};
    double weights[5];
    float out[10];
    struct robust_evidence evidence = {.weights = weights};
    scratch.bytes -= 64;
    assert_int_equal(robust_aggregate(pipeline, &input, &scratch, out, &evidence, &error),
                     ROBUST_BAD_SCRATCH);
    assert_non_null(strstr(error.text, "scratch"));
    free(scratch.memory);
    robust_pipeline_free(pipeline);
  }
  test_rows_free(&t);
}

static void infeasible_rules_are_refused_and_write_nothing(void **state) {
  (void)state;
  struct test_rows t;
  struct test_result result;
  float out[2] = {42, 42};
  test_rows_new(&t, 8, 2, 1);
  assert_int_equal(test_run("multi_krum(f=4)", &t.rows, NULL, 1, ROBUST_ISA_BEST, out, &result),
                   ROBUST_NOT_FEASIBLE);
  assert_string_equal(result.error.text, "multi_krum(f=4) needs 2f < n; n is 8");
  assert_true(out[0] == 42.0F && out[1] == 42.0F);
  test_rows_free(&t);
}

struct released {
  size_t next, calls, largest;
};

static void note_release(void *context, size_t from, size_t to) {
  struct released *released = context;
  assert_int_equal(from, released->next);
  assert_true(to > from);
  if (to - from > released->largest) released->largest = to - from;
  released->next = to;
  released->calls++;
}

/* 300 rows: 8 MiB hold about 6,990 coordinates, so 20,000 take three blocks or more in each of two
 * passes. */
static void pages_are_released_in_order_and_change_no_bit(void **state) {
  (void)state;
  enum { N = 300, D = 20000 };
  struct test_rows t;
  struct test_result result;
  static float out[D], again[D];
  test_rows_new(&t, N, D, 12);
  for (size_t r = 0; r < RULES; r++) {
    struct released released = {0, 0, 0};
    test_aggregate(all_rules[r], &t.rows, out, &result);
    if (strstr(all_rules[r], "krum") != NULL) continue; /* two passes: below */
    struct robust_rows rows = t.rows;
    rows.release = note_release;
    rows.context = &released;
    test_aggregate(all_rules[r], &rows, again, &result);
    assert_memory_equal(out, again, sizeof out);
    assert_int_equal(released.next, D);
    assert_true(released.calls >= 3 && released.largest * N * sizeof(float) <= ROBUST_BLOCK_BYTES);
  }
  double *gram = calloc(2 * N * N, sizeof *gram);
  assert_non_null(gram);
  test_gram(&t.rows, 2, ROBUST_ISA_BEST, gram);
  struct released released = {0, 0, 0};
  t.rows.release = note_release;
  t.rows.context = &released;
  test_gram(&t.rows, 2, ROBUST_ISA_BEST, gram + N * N);
  assert_memory_equal(gram, gram + N * N, N * N * sizeof *gram);
  assert_int_equal(released.next, D);
  free(gram);
  test_rows_free(&t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mean_averages_by_hand),
      cmocka_unit_test(median_takes_the_middle_or_the_mean_of_two),
      cmocka_unit_test(trimmed_mean_drops_both_ends),
      cmocka_unit_test(krum_ignores_one_far_row),
      cmocka_unit_test(multi_krum_drops_the_far_row_and_says_so),
      cmocka_unit_test(krum_counts_the_neighbours_it_is_told_to),
      cmocka_unit_test(ties_go_to_the_row_first_in_the_order),
      cmocka_unit_test(a_single_row_comes_back_as_it_is),
      cmocka_unit_test(equal_rows_come_back_as_they_are),
      cmocka_unit_test(zeros_of_either_sign_give_plus_zero),
      cmocka_unit_test(trimmed_giants_leave_no_trace),
      cmocka_unit_test(two_large_middles_do_not_overflow),
      cmocka_unit_test(order_statistics_are_those_of_a_sorted_column),
      cmocka_unit_test(many_equal_values_sort_as_well),
      cmocka_unit_test(permuting_rows_with_their_order_changes_no_bit),
      cmocka_unit_test(threads_and_instructions_change_no_bit),
      cmocka_unit_test(liars_cannot_leave_the_honest_range),
      cmocka_unit_test(denormal_rows_are_told_apart),
      cmocka_unit_test(coordinate_rules_say_that_their_weights_are_nominal),
      cmocka_unit_test(weights_can_be_rechecked_from_the_gram_matrix),
      cmocka_unit_test(too_little_scratch_is_refused_before_any_write),
      cmocka_unit_test(infeasible_rules_are_refused_and_write_nothing),
      cmocka_unit_test(pages_are_released_in_order_and_change_no_bit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
