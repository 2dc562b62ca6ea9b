/* Suspicion needs two witnesses: odd beside the cohort's spread, and odd in absolute terms. A
 * cohort of near-clones has a tiny spread and an honest non-IID one a large ratio, but not both at
 * once. */
#include "aggregator/judge.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "robust/score.h"

/* ---- names ---- */

static const char *const standing_names[STANDING_COUNT] = {"probation", "trusted", "watched",
                                                           "quarantined", "excluded"};
static const char *const verdict_names[] = {"none", "accept", "clip", "hold", "reject"};

static const char *const sign_names[SIGN_COUNT] = {"sign_far",     "sign_long", "sign_copy",
                                                   "sign_opposed", "sign_echo", "sign_strange",
                                                   "sign_lonely"};

enum { VERDICTS = sizeof verdict_names / sizeof *verdict_names };

const char *judge_standing_name(enum standing standing) {
  return standing_names[standing];
}

bool judge_standing_read(const char *name, enum standing *standing) {
  for (int i = 0; i < STANDING_COUNT; i++) {
    if (strcmp(standing_names[i], name) != 0) continue;
    *standing = (enum standing)i;
    return true;
  }
  return false;
}

const char *judge_sign_name(enum sign sign) {
  return sign_names[sign];
}

const char *judge_verdict_name(enum verdict verdict) {
  return verdict_names[verdict];
}

bool judge_verdict_read(const char *name, enum verdict *verdict) {
  for (int i = VERDICT_ACCEPT; i < VERDICTS; i++) {
    if (strcmp(verdict_names[i], name) != 0) continue;
    *verdict = (enum verdict)i;
    return true;
  }
  return false;
}

/* ---- what is remembered ---- */

static const struct history_row numbers[] = {
#define X(name, start, meaning) {#name, offsetof(struct history, name), meaning},
    HISTORY_NUMBERS(X)
#undef X
};

static const struct history_row counts[] = {
#define X(name, meaning) {#name, offsetof(struct history, name), meaning},
    HISTORY_COUNTS(X)
#undef X
};

const struct history_row *judge_history_numbers(size_t *count) {
  *count = sizeof numbers / sizeof *numbers;
  return numbers;
}

const struct history_row *judge_history_counts(size_t *count) {
  *count = sizeof counts / sizeof *counts;
  return counts;
}

/* Science.md 7.3. */
double judge_trust(const struct history *history) {
  double good = history->beta_good, all = good + history->beta_bad;
  return fmax(0, good / all - sqrt(good * history->beta_bad / (all * all * (all + 1))));
}

void judge_history_start(struct history *history) {
  *history = (struct history){.standing = STANDING_PROBATION,
#define X(name, start, meaning) .name = start,
                              HISTORY_NUMBERS(X)
#undef X
  };
  history->trust = judge_trust(history);
  snprintf(history->sentence, sizeof history->sentence, "new here");
}

double judge_organisation_risk(size_t convicted, size_t clients, size_t other_convicted,
                               size_t other_clients) {
  if (other_clients == 0) return 0;
  return fmax(0, (double)convicted / (double)(clients + 2) -
                     (double)other_convicted / (double)(other_clients + 2));
}

bool judge_votes(const struct history *history, enum bar bar) {
  return bar == BAR_NONE && history->standing < STANDING_QUARANTINED;
}

/* ---- the cohort ---- */

static const double z_most = 1e6; /* nothing is said by more, and it stays finite */

struct spread {
  double median, scale; /* 1.4826 MAD, but no less than the floor */
};

struct cohort {
  size_t voters;
  bool is_young;   /* half of the voters have few rounds behind them */
  double examples; /* the median of what the voters claim */
  struct spread norm, distance, cosine, neighbour, aggregate, history, effort;
};

/* `floor_part` of the median, or `floor_least`, whichever is more. */
static struct spread spread_of(size_t n, double *values, double floor_part, double floor_least) {
  double work[JUDGE_ROWS_MAX];
  struct spread spread = {.median = robust_median(n, values, work)};
  for (size_t i = 0; i < n; i++) values[i] = fabs(values[i] - spread.median);
  spread.scale = fmax(1.4826 * robust_median(n, values, work),
                      fmax(floor_part * fabs(spread.median), floor_least));
  return spread;
}

static double spreads_from(double value, const struct spread *spread) {
  double deviation = value - spread->median;
  if (deviation == 0) return 0;
  if (!(spread->scale > 0)) return copysign(ROBUST_Z_CAP, deviation);
  return copysign(fmin(fabs(deviation) / spread->scale, z_most), deviation);
}

/* A number of each voter that has it. */
struct column {
  size_t count;
  double value[JUDGE_ROWS_MAX];
};

static void column_add(struct column *column, double value) {
  column->value[column->count++] = value;
}

static double column_median(const struct column *column) {
  double work[JUDGE_ROWS_MAX];
  return column->count ? robust_median(column->count, column->value, work) : 0;
}

static struct spread column_spread(struct column *column, double floor_part, double floor_least) {
  if (column->count == 0) return (struct spread){0, 1};
  return spread_of(column->count, column->value, floor_part, floor_least);
}

/* Length for the work that the client says it did. A claim is worth at most `examples_most` times
 * the median and no less than 1 / `examples_most`: it costs nothing. */
static double claim_of(const struct policy *policy, const struct cohort *cohort,
                       const struct judged *judged) {
  if (!(cohort->examples > 0)) return 1;
  return fmax(1 / policy->examples_most,
              fmin((double)judged->examples / cohort->examples, policy->examples_most));
}

/* Exactly 0 is what could not be measured. */
static bool has_past(const struct judged *judged) {
  return judged->history.rounds > 0 && judged->evidence.history_cosine != 0;
}

static void cohort_fill(const struct policy *policy, const struct judged *judged, size_t n,
                        struct cohort *cohort) {
  struct column norm = {0}, distance = {0}, cosine = {0}, aggregate = {0}, past = {0}, effort = {0},
                neighbour = {0};
  for (size_t i = 0; i < n; i++) {
    const struct evidence *evidence = &judged[i].evidence;
    if (!judge_votes(&judged[i].history, judged[i].bar)) continue;
    column_add(&norm, evidence->norm);
    column_add(&distance, evidence->distance);
    column_add(&cosine, evidence->cosine);
    column_add(&neighbour, evidence->neighbour_cosine);
    column_add(&aggregate, evidence->aggregate_cosine);
    column_add(&effort, evidence->norm / claim_of(policy, cohort, &judged[i]));
    if (has_past(&judged[i])) column_add(&past, evidence->history_cosine);
  }
  cohort->norm = column_spread(&norm, policy->spread_floor, 0);
  cohort->distance = column_spread(&distance, policy->spread_floor, 0);
  cohort->cosine = column_spread(&cosine, 0, policy->cosine_floor);
  cohort->neighbour = column_spread(&neighbour, 0, policy->cosine_floor / 2);
  cohort->aggregate = column_spread(&aggregate, 0, policy->cosine_floor / 2);
  cohort->history = column_spread(&past, 0, policy->cosine_floor / 2);
  cohort->effort = column_spread(&effort, policy->spread_floor, 0);
}

static struct cohort cohort_of(const struct policy *policy, const struct judged *judged, size_t n) {
  struct cohort cohort = {0};
  struct column rounds = {0}, examples = {0};
  for (size_t i = 0; i < n; i++) {
    if (!judge_votes(&judged[i].history, judged[i].bar)) continue;
    column_add(&rounds, (double)judged[i].history.rounds);
    column_add(&examples, (double)judged[i].examples);
  }
  cohort.voters = rounds.count;
  cohort.is_young = column_median(&rounds) < policy->young_rounds;
  cohort.examples = column_median(&examples);
  if (cohort.voters > 0) cohort_fill(policy, judged, n, &cohort);
  return cohort;
}

/* ---- risk ---- */

/* 0 up to `low`, 1 from `high` on, a straight line between. */
static double ramp(double value, double low, double high) {
  if (value >= high) return 1;
  return value <= low ? 0 : (value - low) / (high - low);
}

static double ratio(double value, double median) {
  if (median > 0) return value / median;
  return value > 0 ? HUGE_VAL : 1;
}

/* Only upwards: a client of few examples is near and small, and honest; one of many is farther. */
static double far_sign(const struct policy *policy, const struct cohort *cohort,
                       const struct judged *judged) {
  double times = ratio(judged->evidence.distance, cohort->distance.median);
  times /= fmax(1, claim_of(policy, cohort, judged));
  return fmin(ramp(judged->z_distance, policy->z_low, policy->z_high),
              ramp(times, policy->ratio_low, policy->ratio_high));
}

/* While all learn, length goes with the work done. Later it does not: who has few examples, and odd
 * ones, is never fitted. */
static double long_sign(const struct policy *policy, const struct cohort *cohort,
                        const struct judged *judged) {
  if (!cohort->is_young) return 0;
  return fmin(ramp(spreads_from(judged->effort * cohort->effort.median, &cohort->effort),
                   policy->z_low, policy->z_high),
              ramp(judged->effort, policy->effort_low, policy->effort_high));
}

static double opposed_sign(const struct policy *policy, const struct judged *judged) {
  return fmin(ramp(-judged->z_cosine, policy->z_low, policy->z_high),
              ramp(-judged->evidence.cosine, policy->opposed_low, policy->opposed_high));
}

/* Weak in any one round. */
static double early_sign(const struct policy *policy, const struct cohort *cohort,
                         const struct judged *judged) {
  if (!cohort->is_young) return opposed_sign(policy, judged);
  return fmin(ramp(-judged->z_cosine, policy->early_z_low, policy->early_z_high),
              ramp(-judged->evidence.cosine, policy->early_low, policy->early_high));
}

static double echo_sign(const struct policy *policy, const struct judged *judged) {
  return fmin(ramp(judged->z_aggregate, policy->echo_z_low, policy->echo_z_high),
              ramp(judged->evidence.aggregate_cosine, policy->echo_low, policy->echo_high));
}

static double strange_sign(const struct policy *policy, const struct judged *judged) {
  if (!has_past(judged)) return 0;
  return fmin(ramp(-judged->z_history, policy->strange_z_low, policy->strange_z_high),
              ramp(-judged->evidence.history_cosine, -policy->strange_low, -policy->strange_high));
}

/* Nobody is without likeness to anybody: odd data are still data of the same task. */
static double lonely_sign(const struct policy *policy, const struct judged *judged) {
  return fmin(ramp(-judged->z_neighbour, policy->lonely_z_low, policy->lonely_z_high),
              ramp(-judged->evidence.neighbour_cosine, -policy->lonely_low, -policy->lonely_high));
}

static bool is_copy(const struct policy *policy, const struct judged *judged) {
  return judged->evidence.neighbour_cosine >= policy->copy_cosine;
}

/* Adds what is above the slack; a good round is a credit, but a small one. Below the alarm the
 * client is watched at the most, from it on each round is a strike. */
static double add_up(const struct policy *policy, double evidence, double *sum, int64_t *rounds) {
  *sum =
      fmin(fmax(*sum + evidence - policy->sum_slack, -policy->sum_credit), 2 * policy->sum_alarm);
  *rounds += evidence >= 0.5;
  if (*sum >= policy->sum_alarm) return 1;
  return fmax(0, *sum) / policy->sum_alarm * fmin(policy->risk_hold * 0.8, 1);
}

static void weigh_numbers(const struct policy *policy, const struct cohort *cohort,
                          struct judged *judged) {
  const struct evidence *evidence = &judged->evidence;
  judged->z_norm = spreads_from(evidence->norm, &cohort->norm);
  judged->z_distance = spreads_from(evidence->distance, &cohort->distance);
  judged->z_cosine = spreads_from(evidence->cosine, &cohort->cosine);
  judged->z_aggregate = spreads_from(evidence->aggregate_cosine, &cohort->aggregate);
  judged->z_neighbour = spreads_from(evidence->neighbour_cosine, &cohort->neighbour);
  judged->z_history =
      has_past(judged) ? spreads_from(evidence->history_cosine, &cohort->history) : 0;
  judged->effort =
      fmin(ratio(evidence->norm / claim_of(policy, cohort, judged), cohort->effort.median), z_most);
}

static void weigh_risk(const struct policy *policy, const struct cohort *cohort,
                       struct judged *judged) {
  struct history *history = &judged->history;
  double *sign = judged->sign;
  if ((double)cohort->voters < policy->compare_min) return;
  weigh_numbers(policy, cohort, judged);
  sign[SIGN_FAR] = far_sign(policy, cohort, judged);
  sign[SIGN_LONG] = long_sign(policy, cohort, judged);
  double early = early_sign(policy, cohort, judged);
  sign[SIGN_OPPOSED] = fmax(opposed_sign(policy, judged),
                            add_up(policy, early, &history->opposed_sum, &history->opposed));
  sign[SIGN_ECHO] = add_up(policy, echo_sign(policy, judged), &history->echo_sum, &history->echoed);
  sign[SIGN_LONELY] =
      add_up(policy, lonely_sign(policy, judged), &history->lonely_sum, &history->lonely);
  sign[SIGN_STRANGE] =
      add_up(policy, strange_sign(policy, judged), &history->strange_sum, &history->strange);
}

/* ---- copies ---- */

static size_t first_of(size_t *parent, size_t i) {
  for (; parent[i] != i; i = parent[i]) parent[i] = parent[parent[i]];
  return i;
}

/* Of updates that are alike one counts: the one that came first, as nobody can copy what is not
 * there yet. Who has copied before is not believed to be first again: sybils take turns. Two
 * clients of little data and one class are alike now and then; three at once, or twice, is no
 * chance. */
static void weigh_copies(const struct policy *policy, struct judged *judged, size_t n) {
  size_t parent[JUDGE_ROWS_MAX];
  uint64_t earliest[JUDGE_ROWS_MAX];
  for (size_t i = 0; i < n; i++) parent[i] = i;
  for (size_t i = 0; i < n; i++)
    if (is_copy(policy, &judged[i]))
      parent[first_of(parent, i)] = first_of(parent, (size_t)judged[i].evidence.neighbour);
  for (size_t i = 0; i < n; i++) earliest[i] = UINT64_MAX;
  for (size_t i = 0; i < n; i++) {
    size_t first = first_of(parent, i);
    if (judged[i].arrival < earliest[first]) earliest[first] = judged[i].arrival;
  }
  for (size_t i = 0; i < n; i++) {
    struct history *history = &judged[i].history;
    bool is_later = judged[i].arrival > earliest[first_of(parent, i)];
    bool is_one = is_copy(policy, &judged[i]);
    bool is_known =
        history->copies > 0 || (double)(history->copied + is_later) >= policy->copies_known;
    bool is_crowd = is_later && judged[i].evidence.cluster >= policy->copies_crowd;
    bool is_guilty = is_one && (is_known || is_crowd);
    if (judged[i].bar != BAR_NONE) continue;
    double sum =
        add_up(policy, is_guilty ? 1 + policy->sum_slack : 0, &history->copy_sum, &history->copies);
    history->copy_sum = fmax(0, history->copy_sum);
    judged[i].sign[SIGN_COPY] = is_guilty ? policy->copy_risk : fmin(sum, policy->copy_risk);
    history->copied += is_one && is_later;
  }
}

static double risk_of(const struct judged *judged) {
  double risk = 0;
  for (size_t i = 0; i < SIGN_COUNT; i++) risk = fmax(risk, judged->sign[i]);
  return risk;
}

/* ---- drift ---- */

/* Page and Hinkley's test for a mean that rises (science.md 7.4). The mean forgets nothing, so that
 * who moves slowly does not take it along. */
static void remember_drift(const struct policy *policy, struct history *history, double z) {
  history->drift_mean += (z - history->drift_mean) / (double)history->rounds;
  history->drift_sum += z - history->drift_mean - policy->drift_slack;
  history->drift_least = fmin(history->drift_least, history->drift_sum);
}

static double drift_of(const struct history *history) {
  return history->drift_sum - history->drift_least;
}

/* ---- sentences ---- */

__attribute__((format(printf, 2, 3))) static void say(char sentence[JUDGE_SENTENCE_SIZE],
                                                      const char *format, ...) {
  size_t used = strlen(sentence);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(sentence + used, JUDGE_SENTENCE_SIZE - used, format, arguments);
  va_end(arguments);
}

/* Beyond a thousand the figure says nothing more to a reader; the manifest has it in full. */
static void say_distance(double times, double spreads, char sentence[JUDGE_SENTENCE_SIZE]) {
  if (times > 1000)
    say(sentence, "over 1000 times the median distance");
  else
    say(sentence, "%.*f times the median distance", times < 10 ? 2 : 0, times);
  if (fabs(spreads) > 1000)
    say(sentence, " (over 1000 spreads)");
  else
    say(sentence, " (%+.1f spreads)", spreads);
}

static void say_rounds(int64_t rounds, char sentence[JUDGE_SENTENCE_SIZE]) {
  if (rounds > 0) say(sentence, " (%" PRId64 " round%s so far)", rounds, rounds == 1 ? "" : "s");
}

static void say_copy(const struct policy *policy, const struct judged *judged,
                     const struct judged *all, char sentence[JUDGE_SENTENCE_SIZE]) {
  const struct evidence *evidence = &judged->evidence;
  if (!is_copy(policy, judged)) return;
  say(sentence, ", %.4f with %s", evidence->neighbour_cosine, all[evidence->neighbour].client);
  if (evidence->cluster > 2) say(sentence, ", one of %.0f alike", evidence->cluster);
}

/* A sign that counts for anything is named beside what is usual. */
static void say_signs(const struct cohort *cohort, const struct judged *judged,
                      char sentence[JUDGE_SENTENCE_SIZE]) {
  const double *sign = judged->sign;
  const struct evidence *evidence = &judged->evidence;
  const struct history *history = &judged->history;
  if (sign[SIGN_LONG] > 0)
    say(sentence, ", %.1f times the usual length for %" PRId64 " examples",
        fmin(judged->effort, 1000), judged->examples);
  if (sign[SIGN_OPPOSED] > 0 && history->opposed > 0) {
    say(sentence, ", against the cohort");
    say_rounds(history->opposed, sentence);
  }
  if (sign[SIGN_ECHO] > 0) {
    say(sentence, ", %.2f with the last step, median %.2f", evidence->aggregate_cosine,
        cohort->aggregate.median);
    say_rounds(history->echoed, sentence);
  }
  if (sign[SIGN_STRANGE] > 0) {
    say(sentence, ", %.2f with its own past, median %.2f", evidence->history_cosine,
        cohort->history.median);
    say_rounds(history->strange, sentence);
  }
  if (sign[SIGN_LONELY] > 0) {
    say(sentence, ", %.2f with the most alike, median %.2f", evidence->neighbour_cosine,
        cohort->neighbour.median);
    say_rounds(history->lonely, sentence);
  }
}

static void say_evidence(const struct policy *policy, const struct cohort *cohort,
                         const struct judged *judged, const struct judged *all,
                         char sentence[JUDGE_SENTENCE_SIZE]) {
  if ((double)cohort->voters < policy->compare_min) {
    say(sentence, "%zu update%s too few to compare", cohort->voters,
        cohort->voters == 1 ? " is" : "s are");
    return;
  }
  say_distance(ratio(judged->evidence.distance, cohort->distance.median), judged->z_distance,
               sentence);
  say(sentence, ", cosine to the cohort %.2f, median %.2f", judged->evidence.cosine,
      cohort->cosine.median);
  say_copy(policy, judged, all, sentence);
  say_signs(cohort, judged, sentence);
}

/* What of its history counted: the cumulative sum only when it did. */
static void say_history(const struct policy *policy, const struct history *history,
                        char sentence[JUDGE_SENTENCE_SIZE]) {
  say(sentence, "%" PRId64 " strike%s, reputation %.2f", history->strikes,
      history->strikes == 1 ? "" : "s", history->reputation);
  if (history->cusum >= policy->cusum_watch) say(sentence, ", cumulative sum %.0f", history->cusum);
  if (drift_of(history) >= policy->drift_watch)
    say(sentence, ", %.0f spreads more than its own mean", drift_of(history));
  say(sentence, "; ");
}

/* ---- verdict and history ---- */

static enum verdict verdict_of(const struct policy *policy, const struct judged *judged) {
  if (judged->bar == BAR_EXCLUDED || judged->bar == BAR_KNOWN_BAD) return VERDICT_REJECT;
  if (judged->bar == BAR_REVOKED) return VERDICT_HOLD;
  if (policy->enforce <= 0) return VERDICT_ACCEPT;
  if (judged->risk >= policy->risk_reject) return VERDICT_REJECT;
  if (judged->risk >= policy->risk_hold) return VERDICT_HOLD;
  return judged->history.standing == STANDING_QUARANTINED ? VERDICT_HOLD : VERDICT_ACCEPT;
}

static const char *verdict_reason(const struct judged *judged) {
  if (judged->bar == BAR_EXCLUDED) return "excluded meanwhile: ";
  if (judged->bar == BAR_KNOWN_BAD) return "on the known-bad feed meanwhile: ";
  if (judged->bar == BAR_REVOKED) return "key revoked meanwhile: ";
  return judged->history.standing == STANDING_QUARANTINED ? "in quarantine: " : "";
}

/* Strikes come one a round and go one every `forgive_rounds` rounds without. */
static void remember(const struct policy *policy, struct judged *judged) {
  struct history *history = &judged->history;
  bool is_strike = judged->is_strike = judged->risk >= policy->risk_hold;
  double excess = fmin(judged->z_distance - policy->cusum_slack, policy->cusum_clip);
  history->rounds++;
  history->accepted += judged->verdict == VERDICT_ACCEPT;
  history->held += judged->verdict == VERDICT_HOLD;
  history->rejected += judged->verdict == VERDICT_REJECT;
  history->reputation += policy->reputation_rate * (1 - judged->risk - history->reputation);
  history->beta_good = policy->beta_fade * history->beta_good + (1 - judged->risk);
  history->beta_bad = policy->beta_fade * history->beta_bad + judged->risk;
  history->trust = judge_trust(history);
  remember_drift(policy, history,
                 fmax(-policy->drift_clip, fmin(judged->z_distance, policy->drift_clip)));
  history->cusum = fmin(fmax(0, history->cusum + excess), 2 * policy->cusum_watch);
  history->clean = is_strike ? 0 : history->clean + 1;
  if (is_strike)
    history->strikes++;
  else if (history->strikes > history->confirmed &&
           history->clean % (int64_t)policy->forgive_rounds == 0)
    history->strikes--;
}

static bool is_odd(const struct policy *policy, const struct history *history) {
  return history->strikes > 0 || history->reputation < policy->reputation_watch ||
         history->cusum >= policy->cusum_watch || drift_of(history) >= policy->drift_watch;
}

static bool is_trustworthy(const struct policy *policy, const struct history *history) {
  return history->reputation >= policy->reputation_trust && history->trust >= policy->trust_bound;
}

/* Down by strikes at once, up one state at a time after clean rounds; never past quarantine without
 * having been in it. */
static enum standing next_standing(const struct policy *policy, const struct history *history) {
  bool is_clean = (double)history->clean >= policy->clean_rounds;
  bool is_struck = (double)history->strikes >= policy->strikes_quarantine;
  switch (history->standing) {
  case STANDING_EXCLUDED: return STANDING_EXCLUDED;
  case STANDING_QUARANTINED:
    if (history->clean == 0 && (double)history->strikes >= policy->strikes_exclude)
      return STANDING_EXCLUDED;
    return is_clean && !is_struck ? STANDING_WATCHED : STANDING_QUARANTINED;
  case STANDING_WATCHED:
    if (is_struck) return STANDING_QUARANTINED;
    if (!is_clean || is_odd(policy, history)) return STANDING_WATCHED;
    return is_trustworthy(policy, history) ? STANDING_TRUSTED : STANDING_WATCHED;
  default:
    if (is_struck) return STANDING_QUARANTINED;
    if (is_odd(policy, history)) return STANDING_WATCHED;
    if (!is_clean || !is_trustworthy(policy, history)) return history->standing;
    return STANDING_TRUSTED;
  }
}

static void move(const struct policy *policy, const struct cohort *cohort, struct judged *judged,
                 const struct judged *all) {
  struct history *history = &judged->history;
  enum standing next = next_standing(policy, history);
  bool is_worse = next > history->standing && next >= STANDING_WATCHED;
  if (next == history->standing) return;
  history->standing = next;
  history->sentence[0] = '\0';
  if (!is_worse) {
    say(history->sentence, "%" PRId64 " clean round%s in a row, reputation %.2f", history->clean,
        history->clean == 1 ? "" : "s", history->reputation);
    return;
  }
  say_history(policy, history, history->sentence);
  say_evidence(policy, cohort, judged, all, history->sentence);
}

void judge_round(const struct policy *policy, struct judged *judged, size_t n) {
  assert(n >= 1 && n <= JUDGE_ROWS_MAX);
  struct cohort cohort = cohort_of(policy, judged, n);
  for (size_t i = 0; i < n; i++) {
    struct history before = judged[i].history;
    weigh_risk(policy, &cohort, &judged[i]);
    if (judged[i].bar != BAR_NONE) judged[i].history = before;
  }
  if ((double)cohort.voters >= policy->compare_min) weigh_copies(policy, judged, n);
  for (size_t i = 0; i < n; i++) {
    judged[i].risk = risk_of(&judged[i]);
    judged[i].verdict = verdict_of(policy, &judged[i]);
    judged[i].sentence[0] = '\0';
    say(judged[i].sentence, "%s", verdict_reason(&judged[i]));
    say_evidence(policy, &cohort, &judged[i], judged, judged[i].sentence);
    if (judged[i].bar != BAR_NONE) continue;
    remember(policy, &judged[i]);
    if (policy->enforce > 0) move(policy, &cohort, &judged[i], judged);
  }
}
