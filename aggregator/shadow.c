/* Which round the shadows look at, and the one entry that says what they saw. */
#include "aggregator/shadow.h"

#include <stdlib.h>
#include <string.h>
#include "aggregator/manifest.h"
#include "proto/canonical.h"

/* ---- the text ---- */

size_t shadow_count(const char *shadows) {
  size_t count = shadows[0] != '\0';
  for (const char *at = shadows; *at; at++) count += *at == ';';
  return count;
}

void shadow_rule(const char *shadows, size_t position, char rule[STATE_RULE_SIZE]) {
  for (; position > 0; position--) shadows += strcspn(shadows, ";") + 1;
  size_t length = strcspn(shadows, ";");
  while (length > 0 && shadows[0] == ' ') shadows++, length--;
  while (length > 0 && shadows[length - 1] == ' ') length--;
  memcpy(rule, shadows, length);
  rule[length] = '\0';
}

/* ---- which round ---- */

static bool is_seen(const struct past_round *past) {
  return past->outcome == OUTCOME_PROMOTED && !digest_is_zero(&past->weights);
}

bool shadow_may(const struct federation *federation, int64_t round) {
  return federation->terms.shadows[0] != '\0' && round > federation->shadowed_round &&
         round <= federation->last_round && is_seen(&federation->past[round]);
}

int64_t shadow_due(const struct federation *federation) {
  if (federation->terms.shadows[0] == '\0') return 0;
  int64_t round = federation->last_round;
  while (round > federation->shadowed_round && !shadow_may(federation, round)) round--;
  return shadow_may(federation, round) ? round : 0;
}

int64_t shadow_age(const struct federation *federation) {
  int64_t age = 0;
  if (federation->terms.shadows[0] == '\0') return 0;
  for (int64_t i = federation->shadowed_round + 1; i <= federation->last_round; i++)
    age += shadow_may(federation, i);
  return age;
}

/* ---- work ---- */

struct work *shadow_work(const struct federation *federation, int64_t round) {
  const struct past_round *past = &federation->past[round];
  struct work *work = decision_memory(calloc(1, sizeof *work));
  work->kind = WORK_SHADOW;
  state_name_set(work->federation, federation->name);
  work->round = work->of = work->judged = round;
  work->base = federation->past[past->base_round].model;
  work->before = federation->past[past->base_round].memory;
  work->randomness = past->randomness;
  work->gram = past->gram;
  work->verdicts = past->verdicts;
  work->weights = past->weights;
  memcpy(work->rule, federation->terms.rule, sizeof work->rule);
  memcpy(work->shadows, federation->terms.shadows, sizeof work->shadows);
  work->weigh_by_examples = state_policy(federation, past->policy_version)->weight_by_examples > 0;
  return work;
}

static json_t *rule_json(const struct work *work, size_t position) {
  const struct shadow_found *found = &work->shadow[position];
  char rule[STATE_RULE_SIZE];
  json_t *weights = decision_memory(json_array());
  bool is_good = found->status == TAMIS_OK;
  for (size_t i = 0; is_good && i < work->accepted; i++)
    json_array_append_new(weights, canonical_f64(work->weight[position * work->accepted + i]));
  shadow_rule(work->shadows, position, rule);
  return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "rule", rule, "status",
                   tamis_status_name(found->status), "sentence", found->sentence, "distance",
                   canonical_f64(is_good ? found->distance : 0), "cosine",
                   canonical_f64(is_good ? found->cosine : 0), "margin",
                   canonical_f64(is_good ? found->margin : 0), "weights", weights);
}

static json_t *shadow_manifest(const struct work *work) {
  json_t *rules = decision_memory(json_array());
  for (size_t i = 0; i < shadow_count(work->shadows); i++)
    json_array_append_new(rules, decision_memory(rule_json(work, i)));
  return json_pack("{s:s, s:I, s:o, s:o}", "federation", work->federation, "round",
                   (json_int_t)work->round, "rules", rules, "weights",
                   manifest_digest(&work->weights));
}

bool shadow_worked(const struct federation *federation, const struct work *work,
                   const struct moment *moment, struct decision *decision) {
  size_t count = shadow_count(work->shadows);
  json_int_t feasible = 0;
  double distance = 0;
  if (work->status != TAMIS_OK || !shadow_may(federation, work->round)) return false;
  for (size_t i = 0; i < count; i++) {
    if (work->shadow[i].status != TAMIS_OK) continue;
    feasible++;
    if (work->shadow[i].distance > distance) distance = work->shadow[i].distance;
  }
  struct proposal *proposal = decision_add(
      decision, STATEMENT_SHADOW, "manifest", NULL,
      json_pack("{s:s, s:I, s:I, s:I, s:o, s:I}", "federation", work->federation, "round",
                (json_int_t)work->round, "rules", (json_int_t)count, "feasible", feasible,
                "distance", canonical_f64(distance), "at_ms", (json_int_t)moment->now_ms));
  proposal->subject[0] = decision_attach(proposal, shadow_manifest(work));
  return true;
}
