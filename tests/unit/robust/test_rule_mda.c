/* Claims about minimum diameter averaging, the search held against trying every subset. */
#include "weighing.h"

#include "robust/sort.h"

static const struct weighing line = {.n = 5, .d = 1, .x = {{0}, {1}, {2}, {10}, {11}}};

static void the_closest_company_by_hand(void **state) {
  (void)state;
  struct weighed r;
  weighing_run("mda(f=2)", &line, &r);
  weighing_near(r.weights, (const double[]){1 / 3., 1 / 3., 1 / 3., 0, 0}, 5, 0.0);
  weighing_near(r.scores, (const double[]){4, 1, 4, 100, 121}, 5, 0.0);
  /* The next best exchange, 0 for 10, has a diameter of 9. */
  assert_true(r.evidence.margin == (81.0 - 4.0) / 81.0);
  assert_false(r.evidence.is_capped);
}

static void the_lexicographically_first_wins_ties(void **state) {
  (void)state;
  struct weighing w = {.n = 5, .d = 1, .x = {{4}, {0}, {3}, {1}, {2}}};
  struct weighed r;
  weighing_run("mda(f=2)", &w, &r); /* {4, 3, 2}, {0, 1, 2} and {3, 1, 2} have diameter 2 */
  weighing_near(r.weights, (const double[]){1 / 3., 0, 1 / 3., 0, 1 / 3.}, 5, 0.0);
  assert_true(r.evidence.margin == 0.0);
  w.has_order = true;
  for (size_t i = 0; i < 5; i++) w.order[i] = (i + 3) % 5; /* 1, 2, 4, 0, 3: now {0, 1, 2} */
  weighing_run("mda(f=2)", &w, &r);
  weighing_near(r.weights, (const double[]){0, 1 / 3., 0, 1 / 3., 1 / 3.}, 5, 0.0);
}

static double distance(const struct weighing *w, size_t i, size_t j) {
  double sum = 0.0;
  for (size_t k = 0; k < w->d; k++) sum += (w->x[i][k] - w->x[j][k]) * (w->x[i][k] - w->x[j][k]);
  return sum;
}

static double diameter(const struct weighing *w, uint64_t set) {
  double largest = 0.0;
  for (size_t i = 0; i < w->n; i++)
    for (size_t j = 0; j < i; j++)
      if ((set >> i & 1) != 0 && (set >> j & 1) != 0) largest = fmax(largest, distance(w, i, j));
  return largest;
}

/* Of subsets of one size the lexicographically first has the largest mirror image. */
static bool comes_first(uint64_t a, uint64_t b) {
  uint64_t difference = a ^ b;
  return (a & (difference & (~difference + 1))) != 0;
}

static uint64_t best_of_all(const struct weighing *w, size_t f) {
  uint64_t best = 0;
  for (uint64_t set = 0; set < UINT64_C(1) << w->n; set++) {
    if ((size_t)__builtin_popcountll(set) != w->n - f) continue;
    if (best == 0 || diameter(w, set) < diameter(w, best) ||
        (diameter(w, set) <= diameter(w, best) && comes_first(set, best)))
      best = set;
  }
  return best;
}

static void it_finds_what_trying_every_subset_finds(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 300; seed++) {
    size_t n = 1 + seed % 9, f = seed / 9 % ((n + 1) / 2);
    char text[32];
    struct weighing w = weighing_random(n, 1 + seed % 3, seed);
    struct weighed r;
    /* Whole numbers: no rounding, and many ties. */
    for (size_t i = 0; i < n; i++)
      for (size_t k = 0; k < w.d; k++)
        w.x[i][k] = floor((seed % 2 == 0 ? 3.0 : 4096.0) * w.x[i][k]);
    snprintf(text, sizeof text, "mda(f=%zu)", f);
    weighing_run(text, &w, &r);
    uint64_t best = best_of_all(&w, f);
    for (size_t i = 0; i < n; i++)
      if ((r.weights[i] > 0.0) != ((best >> i & 1) != 0))
        fail_msg("seed %zu: row %zu", (size_t)seed, i);
  }
}

static void liars_far_away_are_left_out_at_any_distance(void **state) {
  (void)state;
  for (int exponent = 2; exponent <= 60; exponent += 2) {
    struct weighing w = weighing_random(11, 8, 6);
    struct weighed r;
    for (size_t i = 0; i < 5; i++)
      for (size_t k = 0; k < 8; k++) w.x[2 * i][k] = ldexp(3.0 + (double)i, exponent);
    weighing_run("mda(f=5)", &w, &r);
    for (size_t i = 0; i < 11; i++) assert_true((r.weights[i] > 0.0) == (i == 10 || i % 2 == 1));
  }
}

static void equal_rows_and_no_liars(void **state) {
  (void)state;
  struct weighing w = {.n = 5, .d = 2, .x = {{3, 3}, {3, 3}, {3, 3}, {3, 3}, {3, 3}}};
  struct weighed r;
  weighing_run("mda(f=2)", &w, &r);
  weighing_near(r.weights, (const double[]){1 / 3., 1 / 3., 1 / 3., 0, 0}, 5, 0.0);
  weighing_run("mda(f=0)", &w, &r);
  weighing_near(r.out, (const double[]){3, 3}, 2, 1e-15);
  assert_true(r.evidence.margin == 1.0);
  w.n = 1;
  weighing_run("mda(f=0)", &w, &r);
  assert_true(r.weights[0] == 1.0);
}

/* Rows alike and nearly half to be left out: vertex cover at its hardest. It gives up in time, and
 * keeps its promise of twice the least diameter. */
static void when_it_gives_up_it_says_so_and_stays_near(void **state) {
  (void)state;
  enum { N = 400, LEFT_OUT = 199, D = 300 };
  static double gram[N * N], weights[N], scores[N];
  struct test_rows t;
  struct robust_pipeline *pipeline = test_parse("mda(f=199)");
  struct robust_evidence evidence = {.weights = weights, .scores = scores};
  struct robust_error error = {""};
  test_rows_new(&t, N, D, 8);
  test_gram(&t.rows, 1, ROBUST_ISA_BEST, gram);
  struct robust_input input = {.rows = t.rows, .gram = gram};
  struct robust_scratch scratch = test_scratch(robust_weigh_scratch_bytes(pipeline, &input, 1), 1);
  assert_int_equal(robust_weigh(pipeline, &input, &scratch, &evidence, &error), ROBUST_OK);
  assert_true(evidence.is_capped);
  assert_int_equal(evidence.selected, N - LEFT_OUT);
  double reached = 0.0, nearest = INFINITY; /* no diameter is below the nearest company's reach */
  for (size_t i = 0; i < N; i++) {
    double row[N];
    for (size_t j = 0; j < N; j++) {
      row[j] = robust_distance(N, gram, i, j);
      if (weights[i] > 0.0 && weights[j] > 0.0) reached = fmax(reached, row[j]);
    }
    sort_doubles(row, N);
    nearest = fmin(nearest, row[N - LEFT_OUT - 1]);
  }
  assert_true(reached <= 4.0 * nearest); /* squared */
  free(scratch.memory);
  robust_pipeline_free(pipeline);
  test_rows_free(&t);
}

static void arrival_changes_no_bit(void **state) {
  (void)state;
  struct weighing w = weighing_random(17, 5, 12);
  weighing_ignores_arrival("mda(f=6)", &w);
}

static void a_minority_is_required(void **state) {
  (void)state;
  weighing_refuses("mda(f=2)", 4, "2f < n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_closest_company_by_hand),
      cmocka_unit_test(the_lexicographically_first_wins_ties),
      cmocka_unit_test(it_finds_what_trying_every_subset_finds),
      cmocka_unit_test(liars_far_away_are_left_out_at_any_distance),
      cmocka_unit_test(equal_rows_and_no_liars),
      cmocka_unit_test(when_it_gives_up_it_says_so_and_stays_near),
      cmocka_unit_test(arrival_changes_no_bit),
      cmocka_unit_test(a_minority_is_required),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
