/* Claims about the server's optimisers: the paper's formulas coordinate by coordinate, their
 * spelling, and that neither threads nor memory in place show. */
#include "fixture.h"

#include <float.h>

#include "robust/optimiser.h"

static struct robust_optimiser *parse(const char *text) {
  struct robust_optimiser *optimiser;
  struct robust_error error = {""};
  if (robust_optimiser_parse(text, &optimiser, &error) != ROBUST_OK)
    fail_msg("%s: %s", text, error.text);
  return optimiser;
}

static void assert_refused(const char *text, const char *message) {
  struct robust_optimiser *optimiser;
  struct robust_error error = {""};
  assert_int_equal(robust_optimiser_parse(text, &optimiser, &error), ROBUST_BAD_OPTIMISER);
  assert_null(optimiser);
  assert_string_equal(error.text, message);
}

/* One optimiser running: its text, and what it remembers between rounds. */
struct run {
  struct robust_optimiser *optimiser;
  size_t d;
  float *state[ROBUST_OPTIMISER_STATES_MAX]; /* NULL before the first round */
  float *step;
};

static struct run run_open(const char *text, size_t d) {
  struct run run = {.optimiser = parse(text), .d = d, .step = malloc(d * sizeof(float) + 1)};
  assert_non_null(run.step);
  return run;
}

static void run_close(struct run *run) {
  robust_optimiser_free(run->optimiser);
  for (size_t i = 0; i < ROBUST_OPTIMISER_STATES_MAX; i++) free(run->state[i]);
  free(run->step);
}

static enum robust_status run_round(struct run *run, const float *delta, int threads) {
  struct robust_error error;
  size_t count = robust_optimiser_states(run->optimiser);
  const float *in[ROBUST_OPTIMISER_STATES_MAX];
  for (size_t i = 0; i < count; i++) {
    in[i] = run->state[i];
    if (run->state[i] == NULL) run->state[i] = malloc(run->d * sizeof(float) + 1);
    assert_non_null(run->state[i]);
  }
  return robust_optimise(run->optimiser, run->d, delta, in, run->state, run->step, threads, &error);
}

/* ---- by hand ---- */

static void sgd_is_the_delta_times_lr(void **state) {
  (void)state;
  struct run run = run_open("sgd", 3);
  const float delta[] = {1.5F, -0.0F, -3e38F};
  assert_int_equal(robust_optimiser_states(run.optimiser), 0);
  assert_int_equal(run_round(&run, delta, 1), ROBUST_OK);
  assert_memory_equal(run.step, delta, sizeof delta);
  run_close(&run);
  run = run_open("sgd(0.5)", 3);
  assert_int_equal(run_round(&run, delta, 1), ROBUST_OK);
  assert_true(run.step[0] == 0.75F && run.step[2] == -1.5e38F);
  run_close(&run);
}

static void momentum_by_hand(void **state) {
  (void)state;
  struct run run = run_open("momentum(2, 0.5)", 1);
  const float delta[] = {4.0F, 1.0F, 0.0F}, m[] = {4.0F, 3.0F, 1.5F};
  for (size_t t = 0; t < 3; t++) {
    assert_int_equal(run_round(&run, delta + t, 1), ROBUST_OK);
    assert_true(run.state[0][0] == m[t] && run.step[0] == 2.0F * m[t]);
  }
  run_close(&run);
}

/* tau = 3 and delta = 4: v = 9 + 16 = 25, s = 4 / (5 + 3); then v = 25 + 144 = 169. */
static void adagrad_by_hand(void **state) {
  (void)state;
  struct run run = run_open("adagrad(lr=1, tau=3)", 1);
  assert_int_equal(robust_optimiser_states(run.optimiser), 1);
  assert_string_equal(robust_optimiser_state_name(run.optimiser, 0), "second_moment");
  assert_int_equal(run_round(&run, (float[]){4.0F}, 1), ROBUST_OK);
  assert_true(run.state[0][0] == 25.0F && run.step[0] == 0.5F);
  assert_int_equal(run_round(&run, (float[]){12.0F}, 1), ROBUST_OK);
  assert_true(run.state[0][0] == 169.0F && run.step[0] == 0.75F);
  run_close(&run);
}

/* With beta1 = 0.5 and beta2 = 0.75, tau = 2: m = 4, v = 3 + 16 = 19 from delta = 8. */
static void adam_by_hand(void **state) {
  (void)state;
  struct run run = run_open("adam(1, 0.5, 0.75, 2)", 1);
  assert_string_equal(robust_optimiser_state_name(run.optimiser, 0), "momentum");
  assert_string_equal(robust_optimiser_state_name(run.optimiser, 1), "second_moment");
  assert_int_equal(run_round(&run, (float[]){8.0F}, 1), ROBUST_OK);
  assert_true(run.state[0][0] == 4.0F && run.state[1][0] == 19.0F);
  assert_true(run.step[0] == (float)(4.0 / (sqrt(19.0) + 2.0)));
  run_close(&run);
}

/* Yogi moves v by a share of delta^2 either way, and stands still where they are equal. */
static void yogi_by_hand(void **state) {
  (void)state;
  struct run run = run_open("yogi(1, 0, 0.75, 2)", 3);
  assert_int_equal(run_round(&run, (float[]){4.0F, 1.0F, 2.0F}, 1), ROBUST_OK);
  assert_true(run.state[0][0] == 8.0F);  /* 4 + 16 / 4 */
  assert_true(run.state[0][1] == 3.75F); /* 4 - 1 / 4 */
  assert_true(run.state[0][2] == 4.0F);
  assert_true(run.step[2] == 0.5F);
  run_close(&run);
}

/* ---- against a plain oracle ---- */

struct terms {
  const char *text;
  double lr, beta1, beta2, tau;
  char second; /* g: adagrad, a: adam, y: yogi, 0: none */
  bool is_average;
};

static const struct terms TERMS[] = {
    {"sgd(0.3)", 0.3, 0, 0, 0, 0, false},
    {"momentum", 1, 0.9, 0, 0, 0, false},
    {"momentum(0.1, beta=0)", 0.1, 0, 0, 0, 0, false},
    {"adagrad(0.1)", 0.1, 0, 0, 1e-3, 'g', true},
    {"adagrad(0.1, beta1=0.9, tau=0.1)", 0.1, 0.9, 0, 0.1, 'g', true},
    {"adam(0.1)", 0.1, 0.9, 0.99, 1e-3, 'a', true},
    {"adam(lr=1e-2, beta1=0)", 1e-2, 0, 0.99, 1e-3, 'a', true},
    {"yogi(0.1)", 0.1, 0.9, 0.99, 1e-3, 'y', true},
    {"yogi(lr=5, beta2=0, tau=1e-9)", 5, 0.9, 0, 1e-9, 'y', true},
};
enum { TERMS_COUNT = sizeof TERMS / sizeof *TERMS };

static double sign(double x) {
  return (double)(x > 0) - (double)(x < 0);
}

/* The formulas as the paper prints them, on one coordinate; m and v are what the blobs hold. */
static float oracle(const struct terms *t, float delta, double old_v, float *m, float *v) {
  double g = (double)delta, square = g * g, new_v = 0, new_m;
  new_m = t->beta1 * (double)*m + (t->is_average ? (1 - t->beta1) * g : g);
  if (t->beta1 == 0) new_m = g; /* -0 stays what it is */
  if (t->second == 'g') new_v = old_v + square;
  if (t->second == 'a') new_v = t->beta2 * old_v + (1 - t->beta2) * square;
  if (t->second == 'y') new_v = old_v - (1 - t->beta2) * square * sign(old_v - square);
  *m = (float)new_m;
  *v = (float)new_v;
  return (float)(t->second ? t->lr * new_m / (sqrt(new_v) + t->tau) : t->lr * new_m);
}

/* Numbers of the usual size, and now and then one from the edges of a float. */
static float any_delta(uint64_t *seed) {
  static const float edges[] = {0.0F, -0.0F, FLT_TRUE_MIN, -FLT_MIN, 1e-25F, 1e18F, -1e18F, 1.0F};
  uint64_t draw = test_next(seed);
  if (draw % 16 == 0) return edges[draw / 16 % 8];
  return 0.1F * test_unit(seed);
}

static void ten_rounds_are_the_papers_formulas(void **state) {
  (void)state;
  enum { D = 9001, ROUNDS = 10 }; /* more than two stretches, the last one odd */
  static float delta[D], m[D], v[D];
  for (size_t i = 0; i < TERMS_COUNT; i++) {
    uint64_t seed = 7 + i;
    struct run run = run_open(TERMS[i].text, D);
    size_t states = robust_optimiser_states(run.optimiser);
    assert_int_equal(states, (TERMS[i].beta1 > 0) + (TERMS[i].second != 0));
    memset(m, 0, sizeof m);
    for (int round = 0; round < ROUNDS; round++) {
      for (size_t k = 0; k < D; k++) delta[k] = any_delta(&seed);
      assert_int_equal(run_round(&run, delta, 1 + round % 2), ROBUST_OK);
      for (size_t k = 0; k < D; k++) {
        double before = round == 0 ? TERMS[i].tau * TERMS[i].tau : (double)v[k];
        float want = oracle(&TERMS[i], delta[k], before, &m[k], &v[k]);
        assert_memory_equal(&run.step[k], &want, sizeof want);
        if (TERMS[i].beta1 > 0) assert_memory_equal(&run.state[0][k], &m[k], sizeof m[k]);
        if (TERMS[i].second) assert_memory_equal(&run.state[states - 1][k], &v[k], sizeof v[k]);
      }
    }
    run_close(&run);
  }
}

static void threads_and_memory_in_place_do_not_show(void **state) {
  (void)state;
  enum { D = 20011 };
  static float delta[D], apart[D];
  for (size_t i = 0; i < TERMS_COUNT; i++) {
    uint64_t seed = 3;
    struct run one = run_open(TERMS[i].text, D), two = run_open(TERMS[i].text, D);
    size_t states = robust_optimiser_states(one.optimiser);
    for (int round = 0; round < 3; round++) {
      for (size_t k = 0; k < D; k++) delta[k] = any_delta(&seed);
      assert_int_equal(run_round(&one, delta, 1), ROBUST_OK);
      assert_int_equal(run_round(&two, delta, 2), ROBUST_OK);
      assert_memory_equal(one.step, two.step, sizeof delta);
      for (size_t s = 0; s < states; s++)
        assert_memory_equal(one.state[s], two.state[s], sizeof delta);
    }
    /* run_round works in place; once more with the new state, and the step, somewhere else. */
    const float *in[] = {one.state[0], one.state[1]};
    float *fresh[] = {malloc(sizeof delta), malloc(sizeof delta)};
    assert_true(fresh[0] != NULL && fresh[1] != NULL);
    memcpy(apart, delta, sizeof delta);
    assert_int_equal(robust_optimise(one.optimiser, D, apart, in, fresh, apart, 2, NULL),
                     ROBUST_OK);
    assert_int_equal(run_round(&two, delta, 1), ROBUST_OK);
    assert_memory_equal(apart, two.step, sizeof delta);
    for (size_t s = 0; s < states; s++) assert_memory_equal(fresh[s], two.state[s], sizeof delta);
    free(fresh[1]);
    free(fresh[0]);
    run_close(&two);
    run_close(&one);
  }
}

/* Nothing comes from nothing: no delta, no step, whatever the optimiser divides by. */
static void zero_deltas_from_the_start_move_nothing(void **state) {
  (void)state;
  for (size_t i = 0; i < TERMS_COUNT; i++) {
    struct run run = run_open(TERMS[i].text, 5);
    const float delta[5] = {0};
    for (int round = 0; round < 40; round++) {
      assert_int_equal(run_round(&run, delta, 2), ROBUST_OK);
      for (size_t k = 0; k < 5; k++) assert_true(run.step[k] == 0.0F);
    }
    run_close(&run);
  }
  struct run run = run_open("adam(lr=1, tau=1e-300)", 1); /* tau^2 is 0 */
  assert_int_equal(run_round(&run, (float[]){0.0F}, 1), ROBUST_OK);
  assert_true(run.step[0] == 0.0F);
  run_close(&run);
}

static void what_does_not_fit_is_refused(void **state) {
  (void)state;
  struct run run = run_open("adam(0.1)", 6000);
  static float delta[6000];
  delta[5999] = 1e21F; /* a hundredth of its square is beyond float, its step is not */
  assert_int_equal(run_round(&run, delta, 2), ROBUST_NOT_FINITE);
  run_close(&run);
  run = run_open("sgd(1e30)", 6000);
  assert_int_equal(run_round(&run, delta, 2), ROBUST_NOT_FINITE);
  run_close(&run);
  run = run_open("momentum(lr=1e-10)", 1);
  assert_int_equal(run_round(&run, (float[]){FLT_MAX}, 1), ROBUST_OK);
  assert_int_equal(run_round(&run, (float[]){FLT_MAX}, 1), ROBUST_NOT_FINITE);
  run_close(&run);
}

static void no_coordinates_are_fine(void **state) {
  (void)state;
  struct run run = run_open("yogi(0.1)", 0);
  assert_int_equal(run_round(&run, run.step, 2), ROBUST_OK);
  run_close(&run);
}

/* ---- spelling ---- */

static void spellings_have_one_canonical_form(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"sgd", "sgd"},
      {" sgd ( ) ", "sgd"},
      {"momentum(1.0,.90)", "momentum(lr=1, beta=0.9)"},
      {"adam(tau=0.001, lr=1e-1)", "adam(lr=0.1, tau=0.001)"},
      {"yogi(0.01,0.9,0.99,1e-3)", "yogi(lr=0.01, beta1=0.9, beta2=0.99, tau=0.001)"},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    char text[ROBUST_OPTIMISER_TEXT_MAX];
    struct robust_optimiser *optimiser = parse(pairs[i][0]);
    assert_int_equal(robust_optimiser_print(optimiser, text, sizeof text), strlen(pairs[i][1]));
    assert_string_equal(text, pairs[i][1]);
    robust_optimiser_free(optimiser);
  }
}

static void mistakes_are_refused_in_words(void **state) {
  (void)state;
  assert_refused("", "column 1: the name of an optimiser was expected, not the end");
  assert_refused("adm(0.1)", "column 1: no optimiser is called 'adm'; did you mean 'adam'?");
  assert_refused(
      "lion",
      "column 1: no optimiser is called 'lion'; there are sgd, momentum, adagrad, adam, yogi");
  assert_refused("adam", "column 1: adam needs lr, as in adam(lr=2.5)");
  assert_refused("sgd(1, 2)", "column 8: sgd takes 1 values at most");
  assert_refused("momentum(beta2=1)",
                 "column 10: momentum has no parameter 'beta2'; it takes lr, beta");
  assert_refused("momentum(beta=x)", "column 15: beta must be a number like 2.5, not 'x'");
  assert_refused("momentum(beta=1)", "beta of momentum must be 0 or more, and below 1, not 1");
  assert_refused("adam(1, -0.1)", "beta1 of adam must be 0 or more, and below 1, not -0.1");
  assert_refused("adam(0)", "lr of adam must be a value above 0, not 0");
  assert_refused("yogi(1, tau=0)", "tau of yogi must be a value above 0, not 0");
  assert_refused("sgd | sgd", "column 5: the end was expected, not '|'");
  assert_refused("sgd(nan)", "column 5: lr must be a number like 2.5, not 'nan'");
  char text[ROBUST_OPTIMISER_TEXT_MAX + 2];
  memset(text, 'a', sizeof text);
  text[sizeof text - 1] = '\0';
  assert_refused(text, "column 1: an optimiser has 200 characters at most");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sgd_is_the_delta_times_lr),
      cmocka_unit_test(momentum_by_hand),
      cmocka_unit_test(adagrad_by_hand),
      cmocka_unit_test(adam_by_hand),
      cmocka_unit_test(yogi_by_hand),
      cmocka_unit_test(ten_rounds_are_the_papers_formulas),
      cmocka_unit_test(threads_and_memory_in_place_do_not_show),
      cmocka_unit_test(zero_deltas_from_the_start_move_nothing),
      cmocka_unit_test(what_does_not_fit_is_refused),
      cmocka_unit_test(no_coordinates_are_fine),
      cmocka_unit_test(spellings_have_one_canonical_form),
      cmocka_unit_test(mistakes_are_refused_in_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
