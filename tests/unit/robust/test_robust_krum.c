/* Claims about Krum's score and about choosing again and again: what is kept sorted gives what
 * sorting anew would give. */
#include "fixture.h"

#include "robust/krum.h"

enum { N_MAX = 40 };

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The score of row i among the rows left, as the paper writes it. */
static double plain_score(size_t n, const double *gram, const bool *is_left, size_t i,
                          size_t neighbours, unsigned power) {
  double distance[N_MAX], sum = 0.0;
  size_t others = 0;
  for (size_t j = 0; j < n; j++)
    if (j != i && is_left[j]) {
      double squared = robust_distance(n, gram, i, j);
      distance[others++] = power == 1 ? sqrt(squared) : power == 2 ? squared : squared * squared;
    }
  qsort(distance, others, sizeof *distance, ascending);
  for (size_t k = 0; k < neighbours; k++) sum += distance[k];
  return sum;
}

static size_t plain_choice(size_t n, const double *gram, const bool *is_left, size_t neighbours,
                           unsigned power) {
  size_t best = n;
  double least = INFINITY;
  for (size_t i = 0; i < n; i++) {
    if (!is_left[i]) continue;
    double score = plain_score(n, gram, is_left, i, neighbours, power);
    if (best == n || score < least) {
      least = score;
      best = i;
    }
  }
  return best;
}

/* Whole coordinates give ties, some rows are copies, one is far away. */
static void fill(struct test_rows *t, size_t n, size_t d, size_t round) {
  for (size_t k = 0; k < n * d && round % 2 == 0; k++) t->values[k] = floorf(3.0F * t->values[k]);
  if (n > 4) memcpy(t->values + 3 * d, t->values, d * sizeof *t->values);
  t->values[(n - 1) * d] = 1e12F;
}

static void a_race_chooses_as_scoring_anew_would(void **state) {
  (void)state;
  static double gram[N_MAX * N_MAX], work[N_MAX * N_MAX + N_MAX], score[N_MAX], scratch[N_MAX];
  static const unsigned powers[] = {1, 2, 4};
  for (size_t round = 0; round < 300; round++) {
    size_t n = 1 + round % N_MAX;
    struct test_rows t;
    bool is_left[N_MAX];
    struct krum_race race;
    struct krum_kind kind = {n > 1 ? 1 + round % (n - 1) : 0, powers[round % 3]};
    test_rows_new(&t, n, 4, round);
    fill(&t, n, 4, round);
    test_gram(&t.rows, 1, ROBUST_ISA_BEST, gram);
    for (size_t i = 0; i < n; i++) is_left[i] = true;
    krum_scores(n, gram, &kind, score, scratch);
    for (size_t i = 0; i < n; i++)
      assert_true(score[i] == plain_score(n, gram, is_left, i, kind.neighbours, kind.power));
    krum_race_start(&race, n, gram, &kind, work);
    for (size_t taken = 0; taken < n; taken++) {
      size_t neighbours = kind.neighbours > taken + 1 ? kind.neighbours - taken : 1;
      if (neighbours > n - taken - 1) neighbours = n - taken - 1;
      size_t expected = plain_choice(n, gram, is_left, neighbours, kind.power);
      assert_int_equal(krum_race_take(&race), expected);
      is_left[expected] = false;
    }
    test_rows_free(&t);
  }
}

static void a_race_remembers_its_closest_call(void **state) {
  (void)state;
  const void *row[] = {(float[]){0}, (float[]){1}, (float[]){3}, (float[]){3}};
  struct robust_rows rows = {.n = 4, .d = 1, .row = row};
  double gram[16], work[20];
  struct krum_race race;
  struct krum_kind kind = {2, 2};
  test_gram(&rows, 1, ROBUST_ISA_BEST, gram);
  krum_race_start(&race, 4, gram, &kind, work);
  assert_int_equal(krum_race_take(&race), 2); /* scores 10, 5, 4, 4: the first of the copies */
  assert_true(race.margin == 0.0);
  assert_int_equal(krum_race_take(&race), 0); /* one neighbour: 1, 1, 4 */
  assert_int_equal(krum_race_take(&race), 1);
  assert_int_equal(krum_race_take(&race), 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_race_chooses_as_scoring_anew_would),
      cmocka_unit_test(a_race_remembers_its_closest_call),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
