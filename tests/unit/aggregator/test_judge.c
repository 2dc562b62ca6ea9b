/* The judge beside cohorts made by hand: who is struck, who is forgiven, who must survive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "aggregator/judge.h"

enum { N = 10 };

static const char *const names[N] = {"c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"};

/* Distances 0.82 to 1.18, cosines near 0.5: an ordinary cohort. */
static void cohort(struct judged judged[N], struct history history[N]) {
  memset(judged, 0, N * sizeof *judged);
  for (int i = 0; i < N; i++) {
    double distance = 0.82 + 0.04 * i;
    judged[i].client = names[i];
    judged[i].history = history[i];
    judged[i].evidence = (struct evidence){.norm = distance,
                                           .distance = distance,
                                           .cosine = 0.5 + 0.01 * i,
                                           .neighbour = (i + 1) % N,
                                           .neighbour_cosine = 0.3};
  }
}

static void histories(struct history history[N]) {
  for (int i = 0; i < N; i++) judge_history_start(&history[i]);
}

/* One round in which client 0 has this distance and cosine. */
static void round_with(struct history history[N], double distance, double cosine,
                       struct judged judged[N]) {
  struct policy policy;
  policy_default(&policy);
  cohort(judged, history);
  judged[0].evidence.distance = judged[0].evidence.norm = distance;
  judged[0].evidence.cosine = cosine;
  judge_round(&policy, judged, N);
  for (int i = 0; i < N; i++) history[i] = judged[i].history;
}

static void an_ordinary_cohort_is_accepted_and_trusted(void **unused) {
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  histories(history);
  for (int round = 0; round < 3; round++) {
    round_with(history, 1, 0.5, judged);
    for (int i = 0; i < N; i++) assert_int_equal(judged[i].verdict, VERDICT_ACCEPT);
  }
  for (int i = 0; i < N; i++) assert_int_equal(history[i].standing, STANDING_TRUSTED);
}

static void a_liar_goes_down_step_by_step(void **unused) {
  const enum standing expected[] = {STANDING_WATCHED, STANDING_WATCHED, STANDING_QUARANTINED,
                                    STANDING_QUARANTINED, STANDING_EXCLUDED};
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  histories(history);
  for (int round = 0; round < 5; round++) {
    round_with(history, 9, -0.4, judged);
    assert_int_equal(judged[0].verdict, VERDICT_REJECT);
    assert_int_equal(history[0].standing, expected[round]);
    if (round == 0) assert_memory_equal(history[0].sentence, "1 strike, ", 10);
  }
  assert_non_null(strstr(history[0].sentence, "5 strikes"));
  assert_non_null(strstr(history[0].sentence, "times the median"));
  assert_non_null(strstr(history[0].sentence, "cosine to the cohort -0.40"));
  for (int i = 1; i < N; i++) assert_int_equal(history[i].standing, STANDING_TRUSTED);
}

/* Three times the median distance: many spreads away, but not absurd. */
static void an_odd_client_beside_a_narrow_cohort_survives(void **unused) {
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  histories(history);
  for (int round = 0; round < 30; round++) round_with(history, 3, 0.05, judged);
  assert_true(judged[0].z_distance > 10);
  assert_int_equal(judged[0].verdict, VERDICT_ACCEPT);
  assert_true(history[0].standing <= STANDING_WATCHED);
  assert_int_equal(history[0].strikes, 0);
}

/* A hundred times the median, in a cohort so wide that this is no sign. */
static void a_wide_cohort_brands_nobody(void **unused) {
  struct policy policy;
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  policy_default(&policy);
  histories(history);
  cohort(judged, history);
  for (int i = 0; i < N; i++) judged[i].evidence.distance = pow(4, i);
  judge_round(&policy, judged, 3); /* and three are too few in any case */
  for (int i = 0; i < 3; i++) assert_true(judged[i].risk == 0);
  cohort(judged, history);
  for (int i = 0; i < N; i++) judged[i].evidence.distance = 1 + i;
  judge_round(&policy, judged, N);
  for (int i = 0; i < N; i++) assert_int_equal(judged[i].verdict, VERDICT_ACCEPT);
}

static void a_single_slip_is_forgiven(void **unused) {
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  histories(history);
  for (int round = 0; round < 3; round++) round_with(history, 1, 0.5, judged);
  round_with(history, 9, 0.5, judged);
  assert_int_equal(history[0].standing, STANDING_WATCHED);
  for (int round = 0; round < 4; round++) round_with(history, 1, 0.5, judged);
  assert_int_equal(history[0].standing, STANDING_TRUSTED);
  assert_int_equal(history[0].strikes, 0);
}

static void quarantine_weighs_nothing_and_can_be_left(void **unused) {
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  histories(history);
  for (int round = 0; round < 3; round++) round_with(history, 9, 0.5, judged);
  assert_int_equal(history[0].standing, STANDING_QUARANTINED);
  assert_false(judge_votes(&history[0], BAR_NONE));
  round_with(history, 1, 0.5, judged);
  assert_int_equal(judged[0].verdict, VERDICT_HOLD);
  assert_non_null(strstr(judged[0].sentence, "in quarantine"));
  for (int round = 0; round < 2; round++) round_with(history, 1, 0.5, judged);
  assert_int_equal(history[0].standing, STANDING_WATCHED);
  round_with(history, 1, 0.5, judged);
  assert_int_equal(judged[0].verdict, VERDICT_ACCEPT);
}

static void a_long_good_record_buys_no_exemption(void **unused) {
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  histories(history);
  for (int round = 0; round < 1000; round++) round_with(history, 1, 0.5, judged);
  for (int round = 0; round < 5; round++) {
    round_with(history, 9, -0.4, judged);
    assert_int_equal(judged[0].verdict, VERDICT_REJECT);
  }
  assert_int_equal(history[0].standing, STANDING_EXCLUDED);
}

/* Just outside the cohort, round after round: no strike, but the sum tells. */
static void slow_drift_is_watched(void **unused) {
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  histories(history);
  for (int round = 0; round < 12; round++) round_with(history, 1.9, 0.4, judged);
  assert_int_equal(history[0].strikes, 0);
  assert_int_equal(history[0].standing, STANDING_WATCHED);
  assert_non_null(strstr(history[0].sentence, "cumulative sum"));
}

/* Clients 0 to `alike` - 1 send the same; `first` of them was there before the others. */
static void round_of_copies(struct history history[N], int alike, int first,
                            struct judged judged[N]) {
  struct policy policy;
  policy_default(&policy);
  cohort(judged, history);
  for (int i = 0; i < N; i++) judged[i].arrival = 100 + (uint64_t)((i - first + N) % N);
  for (int i = 0; i < alike; i++) {
    judged[i].evidence.neighbour = i == 0 ? 1 : 0;
    judged[i].evidence.neighbour_cosine = 1;
    judged[i].evidence.cluster = alike;
  }
  judge_round(&policy, judged, N);
  for (int i = 0; i < N; i++) history[i] = judged[i].history;
}

/* Nobody can copy what is not there yet. */
static void who_is_copied_is_spared_and_who_copies_is_excluded(void **unused) {
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  histories(history);
  for (int round = 0; round < 8; round++) {
    round_of_copies(history, 4, 0, judged);
    assert_int_equal(judged[0].verdict, VERDICT_ACCEPT);
    for (int i = 1; i < 4 && round < 5; i++) assert_int_equal(judged[i].verdict, VERDICT_HOLD);
  }
  assert_non_null(strstr(judged[1].sentence, "with c0, one of 4 alike"));
  assert_int_equal(history[0].standing, STANDING_TRUSTED);
  for (int i = 1; i < 4; i++) assert_int_equal(history[i].standing, STANDING_EXCLUDED);
}

static void sybils_that_take_turns_at_being_first_are_all_excluded(void **unused) {
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  histories(history);
  for (int round = 0; round < 9; round++) round_of_copies(history, 3, round % 3, judged);
  for (int i = 0; i < 3; i++) assert_int_equal(history[i].standing, STANDING_EXCLUDED);
  for (int i = 3; i < N; i++) assert_int_equal(history[i].standing, STANDING_TRUSTED);
}

static void two_alike_by_chance_are_no_copies(void **unused) {
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  histories(history);
  round_of_copies(history, 2, 0, judged);
  assert_int_equal(judged[1].verdict, VERDICT_ACCEPT);
  assert_int_equal(history[1].strikes, 0);
  round_of_copies(history, 2, 0, judged);
  assert_int_equal(judged[1].verdict, VERDICT_HOLD);
}

enum { BY_COSINE, BY_AGGREGATE, BY_HISTORY, BY_NEIGHBOUR };

/* Rounds in which client 0 has another value of one number than the cohort, which has 0.5; returns
 * the first round in which it was held, or 0. */
static int rounds_until_held(struct history history[N], int which, double value, int rounds) {
  struct policy policy;
  struct judged judged[N];
  policy_default(&policy);
  for (int round = 1; round <= rounds; round++) {
    cohort(judged, history);
    for (int i = 0; i < N; i++) {
      struct evidence *evidence = &judged[i].evidence;
      evidence->aggregate_cosine = evidence->history_cosine = evidence->neighbour_cosine = 0.5;
      if (i == 0 && which == BY_COSINE) evidence->cosine = value;
      if (i == 0 && which == BY_AGGREGATE) evidence->aggregate_cosine = value;
      if (i == 0 && which == BY_HISTORY) evidence->history_cosine = value;
      if (i == 0 && which == BY_NEIGHBOUR) evidence->neighbour_cosine = value;
    }
    judge_round(&policy, judged, N);
    for (int i = 0; i < N; i++) history[i] = judged[i].history;
    for (int i = 1; i < N; i++) assert_int_equal(judged[i].verdict, VERDICT_ACCEPT);
    if (judged[0].verdict != VERDICT_ACCEPT) return round;
  }
  return 0;
}

static void weak_signs_add_up_and_one_round_is_none(void **unused) {
  static const struct {
    int which;
    double value;
    const char *said;
  } sign[] = {{BY_COSINE, -0.2, "against the cohort"},
              {BY_AGGREGATE, 0.95, "with the last step, median 0.50"},
              {BY_HISTORY, 0.1, "with its own past, median 0.50"},
              {BY_NEIGHBOUR, 0.1, "with the most alike, median 0.50"}};
  struct history history[N];
  (void)unused;
  for (size_t i = 0; i < sizeof sign / sizeof *sign; i++) {
    histories(history);
    assert_int_equal(rounds_until_held(history, sign[i].which, sign[i].value, 1), 0);
    assert_in_range(rounds_until_held(history, sign[i].which, sign[i].value, 12), 2, 5);
    rounds_until_held(history, sign[i].which, sign[i].value, 1);
    rounds_until_held(history, sign[i].which, sign[i].value, 1);
    assert_int_equal(history[0].standing, STANDING_QUARANTINED);
    if (!strstr(history[0].sentence, sign[i].said)) print_message("%s\n", history[0].sentence);
    assert_non_null(strstr(history[0].sentence, sign[i].said));
  }
}

/* Who begins with the others and leaves them slowly has odd data. */
static void to_turn_against_the_cohort_late_is_no_lie(void **unused) {
  struct history history[N];
  (void)unused;
  histories(history);
  assert_int_equal(rounds_until_held(history, BY_COSINE, 0.5, 8), 0);
  assert_int_equal(rounds_until_held(history, BY_COSINE, -0.25, 60), 0);
  assert_int_equal(history[0].standing, STANDING_TRUSTED);
}

static void a_sleeper_is_held_within_five_rounds_of_its_waking(void **unused) {
  struct history history[N];
  (void)unused;
  histories(history);
  assert_int_equal(rounds_until_held(history, BY_HISTORY, 0.5, 50), 0);
  assert_in_range(rounds_until_held(history, BY_HISTORY, -0.1, 12), 2, 5);
}

/* Ten times the length is ten times the data, or a lie: the claim says which. */
static void length_is_measured_by_the_examples_claimed(void **unused) {
  struct policy policy;
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  policy_default(&policy);
  for (int claims = 0; claims < 2; claims++) {
    histories(history);
    cohort(judged, history);
    for (int i = 0; i < N; i++) judged[i].examples = 200;
    if (claims) judged[0].examples = 2000;
    judged[0].evidence.norm = judged[0].evidence.distance = 10;
    judge_round(&policy, judged, N);
    assert_int_equal(judged[0].verdict, claims ? VERDICT_ACCEPT : VERDICT_REJECT);
  }
  assert_true(judged[0].effort < 2);
  histories(history);
  cohort(judged, history);
  for (int i = 0; i < N; i++) judged[i].examples = i ? 200 : 10; /* near, but long for ten */
  judge_round(&policy, judged, N);
  assert_int_equal(judged[0].verdict, VERDICT_REJECT);
  assert_non_null(strstr(judged[0].sentence, "times the usual length for 10 examples"));
  for (int i = 0; i < N; i++) history[i].rounds = 20; /* later a small client is never fitted */
  cohort(judged, history);
  for (int i = 0; i < N; i++) judged[i].examples = i ? 200 : 10;
  judge_round(&policy, judged, N);
  assert_int_equal(judged[0].verdict, VERDICT_ACCEPT);
}

static void without_enforcement_all_weigh_and_nobody_moves(void **unused) {
  struct policy policy;
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  policy_default(&policy);
  policy.enforce = 0;
  histories(history);
  for (int round = 0; round < 8; round++) {
    cohort(judged, history);
    judged[0].evidence.distance = 1e9;
    judge_round(&policy, judged, N);
    for (int i = 0; i < N; i++) history[i] = judged[i].history;
    assert_int_equal(judged[0].verdict, VERDICT_ACCEPT);
  }
  assert_int_equal(history[0].standing, STANDING_PROBATION);
  assert_true(history[0].reputation < 0.1);
}

static void what_an_operator_did_meanwhile_decides(void **unused) {
  struct policy policy;
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  policy_default(&policy);
  histories(history);
  history[0].standing = STANDING_EXCLUDED;
  cohort(judged, history);
  judged[0].bar = BAR_EXCLUDED;
  judged[1].bar = BAR_REVOKED;
  judge_round(&policy, judged, N);
  assert_int_equal(judged[0].verdict, VERDICT_REJECT);
  assert_int_equal(judged[1].verdict, VERDICT_HOLD);
  assert_int_equal(judged[0].history.rounds, 0);
  assert_int_equal(judged[1].history.rounds, 0);
}

/* Nothing but new: 0.5 less its standard deviation; it climbs with each clean round, and falls. */
static void trust_is_earned_round_by_round(void **unused) {
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  histories(history);
  assert_true(fabs(history[0].trust - (0.5 - sqrt(1.0 / 12))) < 1e-15);
  for (int round = 0; round < 20; round++) {
    double before = history[1].trust;
    round_with(history, 1, 0.5, judged);
    assert_true(history[1].trust > before && history[1].trust < 1);
  }
  double before = history[0].trust;
  round_with(history, 9, -0.4, judged);
  assert_true(history[0].trust < before - 0.05);
}

/* Within all bounds of a round, but ever farther out than it was before. */
static void a_rising_distance_is_seen_beside_the_own_mean(void **unused) {
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  histories(history);
  for (int round = 0; round < 20; round++) round_with(history, 0.9, 0.5, judged);
  assert_true(history[0].drift_sum - history[0].drift_least < 1);
  for (int round = 0; round < 12; round++) round_with(history, 1.35, 0.5, judged);
  assert_int_equal(history[0].strikes, 0);
  assert_int_equal(history[0].cusum, 0);
  assert_true(history[0].drift_sum - history[0].drift_least > 10);
  assert_int_equal(history[0].standing, STANDING_WATCHED);
  assert_non_null(strstr(history[0].sentence, "its own mean"));
}

static void an_organisation_of_convicts_is_suspect_beside_others(void **unused) {
  (void)unused;
  assert_true(judge_organisation_risk(15, 50, 0, 0) == 0); /* nobody to compare it with */
  assert_true(judge_organisation_risk(0, 10, 3, 40) == 0);
  assert_true(judge_organisation_risk(1, 1, 0, 40) < 0.34);
  assert_true(judge_organisation_risk(5, 6, 0, 40) > 0.6);
  assert_true(judge_organisation_risk(3, 10, 12, 40) == 0); /* no worse than the rest */
}

static void assert_readable(const char *sentence) {
  assert_in_range(strlen(sentence), 1, 200);
  assert_null(strstr(sentence, "inf"));
  assert_null(strstr(sentence, "e+"));
}

/* All equal, all zero, one absurd: no NaN, no overflow, a sentence each. */
static void degenerate_cohorts_give_finite_numbers(void **unused) {
  const double values[] = {0, 1e-300, 1, 1e150};
  struct policy policy;
  struct history history[N];
  struct judged judged[N];
  (void)unused;
  policy_default(&policy);
  for (size_t a = 0; a < 4; a++)
    for (size_t b = 0; b < 4; b++) {
      histories(history);
      cohort(judged, history);
      for (int i = 0; i < N; i++)
        judged[i].evidence = (struct evidence){.norm = values[b], .distance = values[b]};
      judged[0].evidence.norm = judged[0].evidence.distance = values[a];
      judge_round(&policy, judged, N);
      for (int i = 0; i < N; i++) {
        assert_true(isfinite(judged[i].risk) && isfinite(judged[i].z_distance) &&
                    isfinite(judged[i].z_norm) && isfinite(judged[i].history.cusum));
        assert_readable(judged[i].sentence);
        assert_readable(judged[i].history.sentence);
      }
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_ordinary_cohort_is_accepted_and_trusted),
      cmocka_unit_test(a_liar_goes_down_step_by_step),
      cmocka_unit_test(an_odd_client_beside_a_narrow_cohort_survives),
      cmocka_unit_test(a_wide_cohort_brands_nobody),
      cmocka_unit_test(a_single_slip_is_forgiven),
      cmocka_unit_test(quarantine_weighs_nothing_and_can_be_left),
      cmocka_unit_test(a_long_good_record_buys_no_exemption),
      cmocka_unit_test(slow_drift_is_watched),
      cmocka_unit_test(who_is_copied_is_spared_and_who_copies_is_excluded),
      cmocka_unit_test(sybils_that_take_turns_at_being_first_are_all_excluded),
      cmocka_unit_test(two_alike_by_chance_are_no_copies),
      cmocka_unit_test(weak_signs_add_up_and_one_round_is_none),
      cmocka_unit_test(to_turn_against_the_cohort_late_is_no_lie),
      cmocka_unit_test(a_sleeper_is_held_within_five_rounds_of_its_waking),
      cmocka_unit_test(length_is_measured_by_the_examples_claimed),
      cmocka_unit_test(without_enforcement_all_weigh_and_nobody_moves),
      cmocka_unit_test(what_an_operator_did_meanwhile_decides),
      cmocka_unit_test(trust_is_earned_round_by_round),
      cmocka_unit_test(a_rising_distance_is_seen_beside_the_own_mean),
      cmocka_unit_test(an_organisation_of_convicts_is_suspect_beside_others),
      cmocka_unit_test(degenerate_cohorts_give_finite_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
