/* The gate that trusted evaluators open: so many of them measured the candidate and found it within
 * a budget, against what each measured of the head. Later measures of the head can break the same
 * budget; then the head goes back, where the federation says so. */
#ifndef TAMIS_GATE_EVALUATOR_H
#define TAMIS_GATE_EVALUATOR_H

#include "aggregator/gates.h"

/* evaluator(quorum=1, drop_max, class_drop_max, accuracy_min, trigger_max, rollback=off,
 * minutes=10) */
extern const struct gate gate_evaluator;

/* Must a candidate's evaluation be compared with the head's; and class by class? */
bool gate_evaluator_compares(const struct federation *federation, bool *by_class);

struct gate_word {  /* of evaluators about the head */
  int64_t to_round; /* the last model before it that nobody found beyond the budget; -1: none */
  uint64_t index;   /* the last evaluation that did of this one */
  char sentence[GATES_SENTENCE_SIZE];
};
/* Do enough evaluators find the head beyond the budget, in a federation that goes back then? */
bool gate_evaluator_condemns(const struct federation *federation, struct gate_word *word);

#endif
