/* Numbers are compared with a slack of 1e-9, so that 0.95 - 0.94 is not above 0.01. */
#include "aggregator/gate_evaluator.h"

#include <stdio.h>
#include <string.h>
#include "aggregator/evaluation.h"

#define SLACK 1e-9

static const char *const switches[] = {"off", "on", NULL};

static const struct rule_parameter parameters[] = {
    {"quorum", PARAMETER_COUNT, false, NULL},
    {"drop_max", PARAMETER_NUMBER, false, NULL},
    {"class_drop_max", PARAMETER_NUMBER, false, NULL},
    {"accuracy_min", PARAMETER_NUMBER, false, NULL},
    {"trigger_max", PARAMETER_NUMBER, false, NULL},
    {"rollback", PARAMETER_WORD, false, switches},
    {"minutes", PARAMETER_NUMBER, false, NULL},
    {0},
};

static const char *const budget[] = {"drop_max", "class_drop_max", "accuracy_min", "trigger_max"};
enum { BUDGET_COUNT = sizeof budget / sizeof budget[0] };

static enum tamis_status check(const struct gate_stage *stage, struct fault *fault) {
  size_t quorum = gates_count(stage, "quorum", 1), given = 0;
  if (quorum < 1 || quorum > STATE_EVALUATORS_MAX)
    return fault_set(fault, TAMIS_BAD_STATEMENT, "gates: evaluator: quorum must be 1 to %d",
                     STATE_EVALUATORS_MAX);
  for (size_t i = 0; i < BUDGET_COUNT; i++) {
    double number = gates_number(stage, budget[i], 0);
    if (!(number >= 0 && number <= 1))
      return fault_set(fault, TAMIS_BAD_STATEMENT, "gates: evaluator: %s must be from 0 to 1",
                       budget[i]);
    given += gates_has(stage, budget[i]);
  }
  if (given > 0) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_STATEMENT,
                   "gates: evaluator needs a budget, as in evaluator(drop_max=0.01)");
}

/* What one person's measure breaks first; false, and what it says of the model, when nothing. */
static bool is_broken(const struct gate_stage *stage, const struct evaluation *e,
                      char sentence[GATES_SENTENCE_SIZE]) {
  double drop = e->is_compared ? e->head_accuracy - e->accuracy : 0;
  double trigger_max = gates_number(stage, "trigger_max", 1);
  double accuracy_min = gates_number(stage, "accuracy_min", 0);
  double drop_max = gates_number(stage, "drop_max", 1);
  double class_drop_max = gates_number(stage, "class_drop_max", 1);
  if (e->trigger_rate > trigger_max + SLACK)
    snprintf(sentence, GATES_SENTENCE_SIZE, "%.4g of the triggers hit, at most %.4g may (%.64s)",
             e->trigger_rate, trigger_max, e->person);
  else if (e->accuracy < accuracy_min - SLACK)
    snprintf(sentence, GATES_SENTENCE_SIZE, "accuracy %.4f is below %.4g (%.64s)", e->accuracy,
             accuracy_min, e->person);
  else if (drop > drop_max + SLACK)
    snprintf(sentence, GATES_SENTENCE_SIZE,
             "accuracy %.4f is %.4f below the head's %.4f, at most %.4g is allowed (%.64s)",
             e->accuracy, drop, e->head_accuracy, drop_max, e->person);
  else if (e->class_drop > class_drop_max + SLACK)
    snprintf(sentence, GATES_SENTENCE_SIZE,
             "class %.64s lost %.4f of its accuracy, at most %.4g is allowed (%.64s)",
             e->worst_class, e->class_drop, class_drop_max, e->person);
  else {
    int used = snprintf(sentence, GATES_SENTENCE_SIZE, "accuracy %.4f", e->accuracy);
    if (e->is_compared)
      used += snprintf(sentence + used, (size_t)(GATES_SENTENCE_SIZE - used), ", the head's %.4f",
                       e->head_accuracy);
    snprintf(sentence + used, (size_t)(GATES_SENTENCE_SIZE - used),
             ", %.4g of the triggers hit (%.64s)", e->trigger_rate, e->person);
    return false;
  }
  return true;
}

struct tally {
  size_t within, beyond;
  uint64_t last;                                            /* index of the last one beyond */
  char good[GATES_SENTENCE_SIZE], bad[GATES_SENTENCE_SIZE]; /* of the first of each */
};

/* Of the model of that round. */
static struct tally count(const struct federation *federation, const struct gate_stage *stage,
                          int64_t round) {
  struct tally tally = {0};
  char sentence[GATES_SENTENCE_SIZE];
  for (size_t i = 0; i < federation->evaluation_count; i++) {
    if (federation->evaluation[i].round != round) continue;
    bool broken = is_broken(stage, &federation->evaluation[i], sentence);
    if (broken && federation->evaluation[i].index > tally.last)
      tally.last = federation->evaluation[i].index;
    if (broken && tally.beyond++ == 0) memcpy(tally.bad, sentence, sizeof sentence);
    if (!broken && tally.within++ == 0) memcpy(tally.good, sentence, sizeof sentence);
  }
  return tally;
}

static enum gate_colour look(const struct state *state, const struct federation *federation,
                             const struct gate_stage *stage, char sentence[GATES_SENTENCE_SIZE]) {
  size_t quorum = gates_count(stage, "quorum", 1);
  struct tally tally = count(federation, stage, federation->round.number);
  (void)state;
  if (tally.beyond >= quorum) {
    snprintf(sentence, GATES_SENTENCE_SIZE, "%.300s", tally.bad);
    return GATE_RED;
  }
  snprintf(sentence, GATES_SENTENCE_SIZE, "%zu of %zu evaluator%s within the budget%s%.200s",
           tally.within, quorum, quorum == 1 ? "" : "s", tally.within ? ": " : "", tally.good);
  if (tally.within >= quorum) return GATE_GREEN;
  size_t used = strlen(sentence);
  if (tally.beyond > 0)
    snprintf(sentence + used, GATES_SENTENCE_SIZE - used, "; %zu beyond", tally.beyond);
  return GATE_WAITING;
}

const struct gate gate_evaluator = {"evaluator", parameters, 10, check, look};

/* ---- outside its turn ---- */

static const struct gate_stage *stage_of(const struct federation *federation, struct gates *gates) {
  gates_of(federation, gates);
  for (size_t i = 0; i < gates->count; i++)
    if (gates->stage[i].gate == &gate_evaluator) return &gates->stage[i];
  return NULL;
}

bool gate_evaluator_compares(const struct federation *federation, bool *by_class) {
  struct gates gates;
  const struct gate_stage *stage = stage_of(federation, &gates);
  *by_class = stage && gates_has(stage, "class_drop_max");
  return *by_class || (stage && gates_has(stage, "drop_max"));
}

bool gate_evaluator_condemns(const struct federation *federation, struct gate_word *word) {
  struct gates gates;
  const struct gate_stage *stage = stage_of(federation, &gates);
  if (!stage || gates_choice(stage, "rollback") == 0) return false;
  struct tally tally = count(federation, stage, federation->head_round);
  if (tally.beyond < gates_count(stage, "quorum", 1)) return false;
  snprintf(word->sentence, sizeof word->sentence,
           "the model of round %lld is beyond the budget: %.250s",
           (long long)federation->head_round, tally.bad);
  word->index = tally.last;
  int64_t round = federation->head_round;
  do round = round > 0 ? federation->past[round].base_round : -1;
  while (round >= 0 && federation->past[round].is_condemned);
  word->to_round = round;
  return true;
}
