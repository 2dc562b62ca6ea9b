/* Claims about leaving rows out: as few as it takes, never one that is in nobody's way, and an end
 * to the search. */
#include "fixture.h"

#include "robust/clique.h"

enum { N_MAX = 200, WORDS_MAX = 4 };

struct conflicts {
  struct clique clique;
  uint64_t far[N_MAX * WORDS_MAX];
  uint64_t stack[N_MAX * WORDS_MAX];
};

static void conflicts_new(struct conflicts *c, size_t n) {
  memset(c, 0, sizeof *c);
  c->clique = (struct clique){
      .n = n, .words = clique_words(n), .far = c->far, .stack = c->stack, .effort_left = 1 << 24};
  assert_true(clique_stack_words(n, n) <= N_MAX * WORDS_MAX);
}

static void conflict(struct conflicts *c, size_t i, size_t j) {
  clique_add(c->far + i * c->clique.words, j);
  clique_add(c->far + j * c->clique.words, i);
}

static size_t count(const uint64_t *set, size_t n) {
  size_t members = 0;
  for (size_t i = 0; i < n; i++) members += clique_has(set, i);
  return members;
}

static bool is_peaceful(const struct conflicts *c, const uint64_t *set) {
  for (size_t i = 0; i < c->clique.n; i++)
    for (size_t j = 0; j < i; j++)
      if (clique_has(set, i) && clique_has(set, j) && clique_has(c->far + i * c->clique.words, j))
        return false;
  return true;
}

/* The fewest that have to go, by trying all sets of n <= 12 rows. */
static size_t fewest(const struct conflicts *c) {
  size_t n = c->clique.n, most = 0;
  for (uint64_t set = 0; set < UINT64_C(1) << n; set++)
    if (count(&set, n) > most && is_peaceful(c, &set)) most = count(&set, n);
  return n - most;
}

static void as_few_as_it_takes(void **state) {
  (void)state;
  static struct conflicts c;
  uint64_t seed = 4;
  for (size_t trial = 0; trial < 300; trial++) {
    size_t n = 1 + trial % 11;
    conflicts_new(&c, n);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < i; j++)
        if (test_next(&seed) % 12 < trial % 12) conflict(&c, i, j);
    size_t least = fewest(&c);
    for (size_t left_out = 0; left_out <= n; left_out++) {
      uint64_t rows[1];
      clique_fill(rows, n);
      uint64_t all = rows[0];
      assert_int_equal(clique_leave_out(&c.clique, left_out, rows), left_out >= least);
      assert_true(left_out >= least ? is_peaceful(&c, rows) : rows[0] == all);
      assert_true(n - count(rows, n) <= left_out);
    }
  }
  assert_false(c.clique.is_capped);
}

static void rows_without_conflict_stay(void **state) {
  (void)state;
  static struct conflicts c;
  uint64_t rows[WORDS_MAX];
  conflicts_new(&c, 150);
  for (size_t i = 60; i < 70; i++)
    for (size_t j = 120; j < 140; j++) conflict(&c, i, j);
  clique_fill(rows, 150);
  assert_true(clique_leave_out(&c.clique, 30, rows));
  for (size_t i = 0; i < 150; i++)
    assert_true(clique_has(rows, i) || (i >= 60 && i < 70) || (i >= 120 && i < 140));
  clique_fill(rows, 150);
  assert_true(clique_leave_out(&c.clique, 10, rows));
  assert_int_equal(count(rows, 150), 140);
  assert_false(clique_has(rows, 60));
}

static void only_those_asked_about_count(void **state) {
  (void)state;
  static struct conflicts c;
  uint64_t rows[1] = {0};
  conflicts_new(&c, 5);
  conflict(&c, 0, 1);
  conflict(&c, 2, 3);
  for (size_t i = 1; i < 4; i++) clique_add(rows, i);
  assert_false(clique_leave_out(&c.clique, 0, rows));
  assert_true(clique_leave_out(&c.clique, 1, rows));
  assert_true(clique_has(rows, 1) && count(rows, 5) == 2);
}

/* Random conflicts of average size 8 among 200 rows: far beyond any patience. */
static void a_search_that_is_too_hard_ends(void **state) {
  (void)state;
  static struct conflicts c;
  uint64_t seed = 9, rows[WORDS_MAX], all[WORDS_MAX];
  conflicts_new(&c, 200);
  for (size_t i = 0; i < 200; i++)
    for (size_t j = 0; j < i; j++)
      if (test_next(&seed) % 25 == 0) conflict(&c, i, j);
  clique_fill(rows, 200);
  memcpy(all, rows, sizeof all);
  c.clique.effort_left = 1 << 16;
  assert_false(clique_leave_out(&c.clique, 115, rows));
  assert_true(c.clique.is_capped && c.clique.effort_left == 0);
  assert_memory_equal(rows, all, sizeof rows);
}

static void distances_above_the_limit_conflict(void **state) {
  (void)state;
  static struct conflicts c;
  const double distances[] = {0, 4, 9, 4, 0, 5, 9, 5, 0};
  conflicts_new(&c, 3);
  clique_set_far(&c.clique, distances, 5.0);
  assert_true(c.far[0] == 4 && c.far[1] == 0 && c.far[2] == 1);
  clique_set_far(&c.clique, distances, 4.0);
  assert_true(c.far[0] == 4 && c.far[1] == 4 && c.far[2] == 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(as_few_as_it_takes),
      cmocka_unit_test(rows_without_conflict_stay),
      cmocka_unit_test(only_those_asked_about_count),
      cmocka_unit_test(a_search_that_is_too_hard_ends),
      cmocka_unit_test(distances_above_the_limit_conflict),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
