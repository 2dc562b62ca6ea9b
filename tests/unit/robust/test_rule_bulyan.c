/* Claims about Bulyan. */
#include "mixing.h"

static void one_liar_of_seven_leaves_no_trace(void **state) {
  (void)state;
  /* Krum takes five of the seven; of each coordinate's five values the three nearest to the median
   * are averaged. */
  const void *row[] = {(float[]){1, 10}, (float[]){2, 20}, (float[]){3, 30}, (float[]){900, -900},
                       (float[]){4, 40}, (float[]){5, 50}, (float[]){6, 60}};
  struct robust_rows rows = {.n = 7, .d = 2, .row = row};
  struct test_result result;
  float out[2];
  test_aggregate("bulyan(f=1)", &rows, out, &result);
  assert_true(result.weights[3] == 0.0 && result.weights[2] == 0.2);
  assert_int_equal(result.evidence.selected, 5);
  assert_false(result.evidence.weights_are_exact);
  /* 3, 4, 2, 5 go first (or their mirror), then an end: the median is 3 or 4, and its neighbours
   * are next to it. */
  assert_true((out[0] == 3.0F && out[1] == 30.0F) || (out[0] == 4.0F && out[1] == 40.0F));
}

/* Close in all coordinates but one: Krum may take the row and its error, Bulyan does not. */
static void an_error_in_one_coordinate_is_trimmed(void **state) {
  (void)state;
  enum { N = 15, LIARS = 3, D = 400 };
  struct test_rows t;
  struct test_result result;
  float out[D];
  test_rows_new(&t, N, D, 17);
  for (size_t i = 0; i < LIARS; i++) {
    memset(t.values + i * D, 0, D * sizeof *t.values);
    t.values[i * D + 7] = 10.0F;
  }
  test_aggregate("krum(f=3)", &t.rows, out, &result);
  assert_true(out[7] == 10.0F);
  test_aggregate("bulyan(f=3)", &t.rows, out, &result);
  assert_true(fabs((double)out[7]) < 1.0);
  assert_true(result.weights[0] > 0.0);
  test_rows_free(&t);
}

/* Krum takes 0, 2, -1, and then -2 and 5. Of the five, 0 and -1 are nearest to their median; 2 and
 * -2 are equally far, and 2 was taken before -2, though it stands behind it. */
static void ties_go_to_the_row_taken_first(void **state) {
  (void)state;
  const void *row[] = {(float[]){-2},   (float[]){100}, (float[]){5}, (float[]){2},
                       (float[]){-100}, (float[]){0},   (float[]){-1}};
  const size_t backwards[] = {6, 5, 4, 3, 2, 1, 0};
  struct robust_rows rows = {.n = 7, .d = 1, .row = row};
  struct test_result result;
  float out[1];
  test_aggregate("bulyan(f=1)", &rows, out, &result);
  assert_true(out[0] == (float)(1.0 / 3.0));
  assert_int_equal(test_run("bulyan(f=1)", &rows, backwards, 2, ROBUST_ISA_BEST, out, &result),
                   ROBUST_OK);
  assert_true(out[0] == (float)(1.0 / 3.0));
}

static void without_liars_it_is_the_mean(void **state) {
  (void)state;
  for (size_t n = 3; n <= 8; n++) {
    struct test_rows t;
    struct test_result result;
    float out[21], mean[21];
    test_rows_new(&t, n, 21, n);
    test_aggregate("bulyan(f=0)", &t.rows, out, &result);
    test_aggregate("mean", &t.rows, mean, &result);
    for (size_t k = 0; k < 21; k++) assert_true(fabs((double)(out[k] - mean[k])) <= 1e-7);
    test_rows_free(&t);
  }
}

static void copies_come_back_as_they_are(void **state) {
  (void)state;
  const float x[] = {0.1F, -7e17F};
  const void *row[] = {x, x, x, x, x, x, x, x};
  struct robust_rows rows = {.n = 8, .d = 2, .row = row};
  struct test_result result;
  float out[2];
  test_aggregate("bulyan(f=1)", &rows, out, &result);
  assert_memory_equal(out, x, sizeof out);
  assert_true(result.evidence.margin == 0.0);
}

static void permuting_rows_with_their_order_changes_no_bit(void **state) {
  (void)state;
  enum { N = 19, D = 300 };
  struct test_rows t;
  struct test_result before, after;
  float out[D], again[D];
  const void *moved[N];
  size_t order[N];
  test_rows_new(&t, N, D, 3);
  memcpy(t.values + 4 * D, t.values + 11 * D, D * sizeof(float)); /* a tie */
  for (size_t i = 0; i < N; i++) {
    order[i] = (7 * i + 3) % N;
    moved[order[i]] = t.row[i];
  }
  struct robust_rows rows = {.n = N, .d = D, .row = moved};
  test_aggregate("bulyan(f=4)", &t.rows, out, &before);
  assert_int_equal(test_run("bulyan(f=4)", &rows, order, 1, ROBUST_ISA_PLAIN, again, &after),
                   ROBUST_OK);
  assert_memory_equal(out, again, sizeof out);
  for (size_t i = 0; i < N; i++)
    assert_true(before.weights[i] == after.weights[order[i]] &&
                before.scores[i] == after.scores[order[i]]);
  assert_true(before.evidence.margin == after.evidence.margin);
  test_rows_free(&t);
}

static void what_n_does_not_allow_is_refused(void **state) {
  (void)state;
  test_refusal("bulyan(f=2)", 10, "bulyan(f=2) needs n >= 4f + 3; n is 10");
  test_refusal("bulyan(f=0)", 2, "bulyan(f=0) needs n >= 4f + 3; n is 2");
  test_refusal("bulyan(f=18446744073709551615)", 11,
               "bulyan(f=18446744073709551615) needs n >= 4f + 3; n is 11");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_liar_of_seven_leaves_no_trace),
      cmocka_unit_test(an_error_in_one_coordinate_is_trimmed),
      cmocka_unit_test(ties_go_to_the_row_taken_first),
      cmocka_unit_test(without_liars_it_is_the_mean),
      cmocka_unit_test(copies_come_back_as_they_are),
      cmocka_unit_test(permuting_rows_with_their_order_changes_no_bit),
      cmocka_unit_test(what_n_does_not_allow_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
