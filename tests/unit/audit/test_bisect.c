/* Claims about finding where evaluations fall, on series that are written down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "audit/bisect.h"

enum { POINTS_MAX = 64 };

struct series {
  double value[POINTS_MAX];
  size_t count, asked[POINTS_MAX];
  struct bisect bisect;
};

static enum tamis_status read_off(void *context, const struct bisect_point *point, double *value,
                                  struct fault *fault) {
  struct series *series = context;
  (void)fault;
  if (series->value[point->round] < -1e6) return TAMIS_TIMED_OUT;
  series->asked[point->round]++;
  *value = series->value[point->round];
  return TAMIS_OK;
}

static enum tamis_status run(struct series *series, size_t good, double drop, bool all) {
  free(series->bisect.point);
  memset(series->asked, 0, sizeof series->asked);
  series->bisect = (struct bisect){.count = series->count,
                                   .point = calloc(series->count, sizeof(struct bisect_point))};
  for (size_t i = 0; i < series->count; i++) series->bisect.point[i].round = (int64_t)i;
  enum tamis_status status =
      bisect_points(&series->bisect, good, drop, all, read_off, series, NULL);
  for (size_t i = 0; i < series->count; i++) assert_true(series->asked[i] <= 1);
  return status;
}

/* Rises to 0.9, falls by `fall` at `at`, and stays there. */
static struct series falling(size_t count, size_t at, double fall) {
  struct series series = {.count = count};
  for (size_t i = 0; i < count; i++)
    series.value[i] = 0.9 - 0.8 / (double)(1 + i * i) - (i >= at ? fall : 0);
  return series;
}

static void a_step_down_is_found_wherever_it_is(void **state) {
  (void)state;
  for (size_t at = 4; at < 40; at++) {
    struct series series = falling(40, at, 0.5);
    assert_int_equal(run(&series, BISECT_ANY, NAN, true), TAMIS_OK);
    assert_true(series.bisect.is_found && series.bisect.is_all && !series.bisect.recovers);
    assert_int_equal(series.bisect.first, at);
    assert_int_equal(series.bisect.largest, at);
    assert_int_equal(series.bisect.asked, 40);
    assert_int_equal(run(&series, 3, NAN, false), TAMIS_OK);
    assert_true(series.bisect.is_found && !series.bisect.is_all);
    assert_int_equal(series.bisect.first, at);
    assert_true(series.bisect.asked <= 2 + 6); /* both ends, and log2(36) */
    free(series.bisect.point);
  }
}

static void without_a_good_round_one_is_looked_for_backwards(void **state) {
  (void)state;
  for (size_t at = 6; at < 40; at++) {
    struct series series = falling(40, at, 0.8);
    assert_int_equal(run(&series, BISECT_ANY, NAN, false), TAMIS_OK);
    assert_true(series.bisect.is_found);
    assert_int_equal(series.bisect.first, at);
    assert_true(series.bisect.asked <= 8 + 5);
    free(series.bisect.point);
  }
}

static void a_series_that_never_falls_has_nothing_to_find(void **state) {
  (void)state;
  struct series series = falling(20, 20, 0);
  for (int all = 0; all < 2; all++) {
    assert_int_equal(run(&series, BISECT_ANY, NAN, all), TAMIS_OK);
    assert_false(series.bisect.is_found);
    assert_int_equal(series.bisect.largest, 0);
  }
  assert_int_equal(run(&series, 4, NAN, false), TAMIS_OK);
  assert_false(series.bisect.is_found);
  series.count = 1;
  assert_int_equal(run(&series, BISECT_ANY, NAN, false), TAMIS_OK);
  assert_false(series.bisect.is_found);
  free(series.bisect.point);
}

static void a_loss_below_the_drop_is_none(void **state) {
  (void)state;
  struct series series = falling(20, 11, 0.05);
  for (int all = 0; all < 2; all++) {
    assert_int_equal(run(&series, 10, 0.06, all), TAMIS_OK);
    assert_false(series.bisect.is_found);
    assert_int_equal(run(&series, 10, 0.04, all), TAMIS_OK);
    assert_true(series.bisect.is_found && series.bisect.first == 11);
  }
  free(series.bisect.point);
}

/* A dip that heals, then a slow slide: the first is not the largest, and neither is hidden. */
static void what_is_not_monotone_is_said(void **state) {
  (void)state;
  struct series series = {.count = 10, .value = {.1, .5, .8, .6, .8, .8, .75, .6, .2, .15}};
  assert_int_equal(run(&series, BISECT_ANY, 0.15, true), TAMIS_OK);
  assert_int_equal(series.bisect.first, 3);
  assert_int_equal(series.bisect.largest, 8);
  assert_int_equal(series.bisect.best, 2);
  assert_true(series.bisect.recovers);
  assert_int_equal(run(&series, BISECT_ANY, NAN, true), TAMIS_OK); /* half of 0.8 - 0.15 */
  assert_int_equal(series.bisect.first, 8);
  assert_false(series.bisect.recovers);
  free(series.bisect.point);
}

/* Whatever the series: a found round is bad, the one before it is not, and both were looked at. */
static void a_found_round_is_a_place_where_it_falls(void **state) {
  (void)state;
  uint64_t seed = 1;
  for (int trial = 0; trial < 3000; trial++) {
    struct series series = {.count = 2 + (size_t)trial % 40};
    for (size_t i = 0; i < series.count; i++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      series.value[i] = (double)(seed >> 40) / 16777216.0;
    }
    assert_int_equal(run(&series, trial % 3 ? BISECT_ANY : 0, trial % 5 ? NAN : 0.3, trial % 2),
                     TAMIS_OK);
    const struct bisect *bisect = &series.bisect;
    if (bisect->is_found) {
      double good = series.value[bisect->best];
      assert_true(bisect->first > bisect->best);
      assert_true(series.asked[bisect->first] && series.asked[bisect->first - 1]);
      assert_true(good - series.value[bisect->first] >= bisect->drop);
      assert_true(good - series.value[bisect->first - 1] < bisect->drop);
    }
    free(bisect->point);
  }
}

static void a_failure_of_the_evaluator_ends_the_search(void **state) {
  (void)state;
  struct series series = falling(20, 11, 0.5);
  series.value[14] = -1e9;
  assert_int_equal(run(&series, BISECT_ANY, NAN, true), TAMIS_TIMED_OUT);
  series.value[19] = -1e9;
  assert_int_equal(run(&series, 3, NAN, false), TAMIS_TIMED_OUT);
  assert_false(series.bisect.is_found);
  free(series.bisect.point);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_step_down_is_found_wherever_it_is),
      cmocka_unit_test(without_a_good_round_one_is_looked_for_backwards),
      cmocka_unit_test(a_series_that_never_falls_has_nothing_to_find),
      cmocka_unit_test(a_loss_below_the_drop_is_none),
      cmocka_unit_test(what_is_not_monotone_is_said),
      cmocka_unit_test(a_found_round_is_a_place_where_it_falls),
      cmocka_unit_test(a_failure_of_the_evaluator_ends_the_search),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
