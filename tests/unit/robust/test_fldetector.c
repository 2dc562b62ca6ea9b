/* Claims about FLDetector: the forecast is that of the BFGS matrix written out in full, errors add
 * up over shards, and who is foretold badly is flagged. */
#include "fixture.h"

#include "robust/fldetector.h"

enum { D = 7, PAIRS = 4 };

struct memory {
  float step[PAIRS][D], change[PAIRS][D], move[D];
  const float *step_row[PAIRS], *change_row[PAIRS];
  struct fldetector_window window;
};

/* Changes are a positive curvature times the steps, and a little of something else. */
static void fill(struct memory *memory, uint64_t seed) {
  for (size_t k = 0; k < PAIRS; k++) {
    for (size_t i = 0; i < D; i++) {
      memory->step[k][i] = test_unit(&seed);
      memory->change[k][i] =
          (1.0F + (float)i / 4.0F) * memory->step[k][i] + 0.1F * test_unit(&seed);
    }
    memory->step_row[k] = memory->step[k];
    memory->change_row[k] = memory->change[k];
  }
  for (size_t i = 0; i < D; i++) memory->move[i] = test_unit(&seed);
  memory->window =
      (struct fldetector_window){PAIRS, D, memory->step_row, memory->change_row, memory->move};
}

static void foretell(const struct memory *memory, double *out) {
  struct fldetector_products products;
  struct fldetector_forecast forecast;
  fldetector_measure(&memory->window, &products);
  fldetector_solve(memory->window.pairs, &products, &forecast);
  fldetector_foretell(&memory->window, &forecast, 0, D, out);
}

static double inner(const double *x, const double *y) {
  double sum = 0.0;
  for (size_t i = 0; i < D; i++) sum += x[i] * y[i];
  return sum;
}

/* B <- B - B s s'B / s'B s + y y' / y's for each pair in turn, from the latest pair's curvature. */
static void full_bfgs(const struct memory *memory, size_t pairs, double b[D][D]) {
  double s[D], y[D], bs[D];
  for (size_t round = 0; round <= pairs; round++) {
    const float *step = memory->step[round == 0 ? pairs - 1 : round - 1];
    const float *change = memory->change[round == 0 ? pairs - 1 : round - 1];
    for (size_t i = 0; i < D; i++) {
      s[i] = (double)step[i];
      y[i] = (double)change[i];
    }
    for (size_t i = 0; i < D; i++)
      for (size_t j = 0; j < D && round == 0; j++)
        b[i][j] = i == j ? inner(s, y) / inner(s, s) : 0.0;
    if (round == 0) continue;
    for (size_t i = 0; i < D; i++) bs[i] = inner(b[i], s);
    double sbs = inner(s, bs), sy = inner(s, y);
    for (size_t i = 0; i < D; i++)
      for (size_t j = 0; j < D; j++) b[i][j] += y[i] * y[j] / sy - bs[i] * bs[j] / sbs;
  }
}

static void the_forecast_is_the_bfgs_matrix_times_the_move(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    struct memory memory;
    double out[D], b[D][D], v[D];
    fill(&memory, seed);
    foretell(&memory, out);
    full_bfgs(&memory, PAIRS, b);
    for (size_t i = 0; i < D; i++) v[i] = (double)memory.move[i];
    for (size_t i = 0; i < D; i++) assert_true(fabs(out[i] - inner(b[i], v)) < 1e-11);
  }
}

/* The newest pair must be reproduced: the last step bends as it was seen to bend. */
static void moving_as_in_the_last_round_bends_as_in_the_last_round(void **state) {
  (void)state;
  struct memory memory;
  double out[D];
  fill(&memory, 5);
  memcpy(memory.move, memory.step[PAIRS - 1], sizeof memory.move);
  foretell(&memory, out);
  for (size_t i = 0; i < D; i++)
    assert_true(fabs(out[i] - (double)memory.change[PAIRS - 1][i]) < 1e-12);
}

static void rounds_of_very_different_length_do_not_look_singular(void **state) {
  (void)state;
  struct memory memory;
  double out[D], scaled[D];
  fill(&memory, 9);
  foretell(&memory, out);
  for (size_t i = 0; i < D; i++) {
    memory.step[1][i] *= 0x1p-30F;
    memory.change[1][i] *= 0x1p-30F;
    memory.step[2][i] *= 0x1p20F;
    memory.change[2][i] *= 0x1p20F;
  }
  foretell(&memory, scaled);
  for (size_t i = 0; i < D; i++) assert_true(fabs(out[i] - scaled[i]) < 1e-12);
}

static void pairs_without_curvature_are_left_out(void **state) {
  (void)state;
  struct memory memory;
  double out[D], b[D][D], v[D];
  fill(&memory, 3);
  memset(memory.step[3], 0, sizeof memory.step[3]);
  for (size_t i = 0; i < D; i++) memory.change[2][i] = -memory.step[2][i];
  foretell(&memory, out);
  full_bfgs(&memory, 2, b);
  for (size_t i = 0; i < D; i++) v[i] = (double)memory.move[i];
  for (size_t i = 0; i < D; i++) assert_true(fabs(out[i] - inner(b[i], v)) < 1e-11);
}

static void a_federation_without_memory_foretells_no_change(void **state) {
  (void)state;
  struct memory memory;
  double out[D];
  fill(&memory, 3);
  memory.window.pairs = 0;
  foretell(&memory, out);
  for (size_t i = 0; i < D; i++) assert_true(out[i] == 0.0);
  memory.window.pairs = PAIRS;
  memset(memory.move, 0, sizeof memory.move);
  foretell(&memory, out);
  for (size_t i = 0; i < D; i++) assert_true(out[i] == 0.0);
}

/* The same pair four times says nothing new: the answer is that of one, by whatever way. */
static void a_pair_said_again_changes_nothing(void **state) {
  (void)state;
  struct memory memory;
  double out[D], again[D];
  fill(&memory, 4);
  for (size_t k = 1; k < PAIRS; k++) {
    memcpy(memory.step[k], memory.step[0], sizeof memory.step[k]);
    memcpy(memory.change[k], memory.change[0], sizeof memory.change[k]);
  }
  memory.window.pairs = 1;
  foretell(&memory, out);
  memory.window.pairs = PAIRS;
  foretell(&memory, again);
  for (size_t i = 0; i < D; i++) assert_true(fabs(out[i] - again[i]) < 1e-9);
}

/* Clients follow the foretold change but one; shards of the coordinates add up to the whole. */
static void errors_are_measured_against_the_foretold_update(void **state) {
  (void)state;
  struct memory memory;
  double change[D], square[3] = {0}, shards[3] = {0}, distance[3];
  double last[3][D], now[3][D];
  uint64_t seed = 6;
  fill(&memory, 6);
  foretell(&memory, change);
  for (size_t i = 0; i < 3; i++)
    for (size_t k = 0; k < D; k++) {
      last[i][k] = (double)test_unit(&seed);
      now[i][k] = last[i][k] + change[k] + (i == 2 && k == 1 ? 3.0 : 0.0);
    }
  now[1][5] += 1.0;
  const void *now_row[] = {now[0], now[1], now[2]}, *last_row[] = {last[0], last[1], last[2]};
  struct robust_rows now_rows = {.n = 3, .d = D, .row = now_row, .dtype = ROBUST_F64};
  struct robust_rows last_rows = {.n = 3, .d = D, .row = last_row, .dtype = ROBUST_F64};
  struct fldetector_products products;
  struct fldetector_forecast forecast;
  fldetector_measure(&memory.window, &products);
  fldetector_solve(PAIRS, &products, &forecast);
  fldetector_add_errors(&memory.window, &forecast, &now_rows, &last_rows, square);
  assert_true(square[0] < 1e-28 && fabs(square[1] - 1.0) < 1e-12 && fabs(square[2] - 9.0) < 1e-12);
  fldetector_distances(3, square, distance);
  assert_true(fabs(distance[1] - 0.25) < 1e-12 && fabs(distance[2] - 0.75) < 1e-12);
  for (size_t from = 0; from < D; from += 3) {
    size_t count = D - from < 3 ? D - from : 3;
    struct memory shard = memory;
    for (size_t k = 0; k < PAIRS; k++) {
      shard.step_row[k] = memory.step[k] + from;
      shard.change_row[k] = memory.change[k] + from;
    }
    shard.window = (struct fldetector_window){PAIRS, count, shard.step_row, shard.change_row,
                                              memory.move + from};
    for (size_t i = 0; i < 3; i++) {
      now_row[i] = now[i] + from;
      last_row[i] = last[i] + from;
    }
    now_rows.d = last_rows.d = count;
    fldetector_add_errors(&shard.window, &forecast, &now_rows, &last_rows, shards);
  }
  for (size_t i = 0; i < 3; i++) assert_true(fabs(shards[i] - square[i]) < 1e-12);
}

struct released {
  size_t next;
};

static void note_release(void *context, size_t from, size_t to) {
  struct released *released = context;
  assert_int_equal(from, released->next);
  released->next = to;
}

/* A million coordinates of eight rows are 32 MiB: four blocks. */
static void long_rows_are_released_behind_the_pass(void **state) {
  (void)state;
  enum { N = 8, LONG = 1 << 20 };
  struct test_rows t;
  float *zeros = calloc(LONG, sizeof *zeros);
  struct released released[2] = {{0}, {0}};
  double square[N] = {0};
  assert_non_null(zeros);
  test_rows_new(&t, N, LONG, 3);
  const void *zero_row[N];
  for (size_t i = 0; i < N; i++) zero_row[i] = zeros;
  struct robust_rows now = t.rows;
  struct robust_rows last = {
      .n = N, .d = LONG, .row = zero_row, .release = note_release, .context = &released[1]};
  now.release = note_release;
  now.context = &released[0];
  const struct fldetector_window window = {0, LONG, NULL, NULL, zeros};
  const struct fldetector_forecast forecast = {0};
  fldetector_add_errors(&window, &forecast, &now, &last, square);
  assert_true(released[0].next == LONG && released[1].next == LONG);
  for (size_t i = 0; i < N; i++) {
    double whole = robust_dot(t.row[i], t.row[i], LONG);
    assert_true(fabs(square[i] - whole) < 1e-9 * whole);
  }
  free(zeros);
  test_rows_free(&t);
}

static void everybody_foretold_exactly_is_no_division_by_zero(void **state) {
  (void)state;
  double distance[] = {0, 0, 0};
  bool is_flagged[3];
  double work[600];
  const struct fldetector_options options = {7, 10, 1};
  fldetector_distances(3, distance, distance);
  assert_true(distance[0] == 0.0 && distance[2] == 0.0);
  assert_true(fldetector_work_doubles(3) <= 600);
  assert_false(fldetector_flag(3, distance, &options, work, is_flagged));
  assert_false(is_flagged[0] || is_flagged[1] || is_flagged[2]);
}

static void suspicion_is_the_mean_over_the_rounds(void **state) {
  (void)state;
  const double first[] = {0.25, 0.75}, second[] = {0.75, 0.25}, third[] = {0.5, 0.5};
  const double *const rounds[] = {first, second, third};
  double suspicion[2];
  fldetector_suspicion(2, 3, rounds, suspicion);
  assert_true(suspicion[0] == 0.5 && suspicion[1] == 0.5);
  fldetector_suspicion(2, 1, rounds, suspicion);
  assert_true(suspicion[0] == 0.25 && suspicion[1] == 0.75);
}

static void the_badly_foretold_are_flagged_and_nobody_in_quiet_rounds(void **state) {
  (void)state;
  enum { N = 26, LIARS = 6 };
  static double work[20 * N];
  const struct fldetector_options options = {7, 10, 20};
  double suspicion[N];
  bool is_flagged[N];
  uint64_t seed = 11;
  assert_true(fldetector_work_doubles(N) <= sizeof work / sizeof work[0]);
  for (size_t i = 0; i < N; i++) {
    suspicion[i] = 0.03;
    for (size_t k = 0; k < 12; k++) suspicion[i] += 0.002 * (double)test_unit(&seed);
  }
  assert_false(fldetector_flag(N, suspicion, &options, work, is_flagged));
  for (size_t i = 0; i < N; i++) assert_false(is_flagged[i]);
  for (size_t i = 0; i < LIARS; i++) suspicion[i * 4] += 0.09;
  assert_true(fldetector_flag(N, suspicion, &options, work, is_flagged));
  for (size_t i = 0; i < N; i++) assert_true(is_flagged[i] == (i % 4 == 0 && i / 4 < LIARS));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_forecast_is_the_bfgs_matrix_times_the_move),
      cmocka_unit_test(moving_as_in_the_last_round_bends_as_in_the_last_round),
      cmocka_unit_test(rounds_of_very_different_length_do_not_look_singular),
      cmocka_unit_test(pairs_without_curvature_are_left_out),
      cmocka_unit_test(a_federation_without_memory_foretells_no_change),
      cmocka_unit_test(a_pair_said_again_changes_nothing),
      cmocka_unit_test(errors_are_measured_against_the_foretold_update),
      cmocka_unit_test(long_rows_are_released_behind_the_pass),
      cmocka_unit_test(everybody_foretold_exactly_is_no_division_by_zero),
      cmocka_unit_test(suspicion_is_the_mean_over_the_rounds),
      cmocka_unit_test(the_badly_foretold_are_flagged_and_nobody_in_quiet_rounds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
