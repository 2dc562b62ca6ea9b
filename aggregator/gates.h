/* What stands between a candidate and the head: gates in the order of the federation's terms, each
 * a row of a table in gates.c and a file gate_NAME.c. Pure, like the rest of the decider.
 *
 * To add one: copy gate_approval.c, add its row to the table in gates.c, its words to PROTOCOL.md
 * and its claims to tests/unit/aggregator/test_gates.c. */
#ifndef TAMIS_GATES_H
#define TAMIS_GATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/state.h"
#include "proto/fault.h"
#include "robust/rule.h"

enum { GATES_MAX = 4, GATES_SENTENCE_SIZE = 400 };

enum gate_colour {
  GATE_WAITING,
  GATE_GREEN,
  GATE_RED, /* the round is held and the head stays */
};

struct gate_stage;

struct gate {
  const char *name;
  const struct rule_parameter *parameter; /* ends with a NULL name; one is "minutes" */
  double minutes;                         /* that it has, when its text does not say */
  /* Are the values possible? BAD_STATEMENT and why not. */
  enum tamis_status (*check)(const struct gate_stage *stage, struct fault *fault);
  /* What is known of the candidate that waits for it, and in words what makes it so: what is there
   * and how much is wanted. */
  enum gate_colour (*look)(const struct state *state, const struct federation *federation,
                           const struct gate_stage *stage, char sentence[GATES_SENTENCE_SIZE]);
};

struct gate_stage {
  const struct gate *gate;
  struct rule_value value[RULE_PARAMETERS_MAX]; /* in the order of gate->parameter */
};

struct gates { /* in the order in which a candidate goes through them */
  size_t count;
  struct gate_stage stage[GATES_MAX];
};

/* "evaluator(drop_max=0.01) | approval(persons=2)"; "" is none. No gate comes twice. BAD_STATEMENT
 * with the column of the first mistake. */
enum tamis_status gates_read(const char *text, struct gates *gates, struct fault *fault);
/* Those of the terms, which were read before. */
void gates_of(const struct federation *federation, struct gates *gates);

/* The row of a name; NULL past the last. */
const char *gates_name(size_t i);
bool gates_find(const char *name, size_t *i);

/* A value by the parameter's name, or what it is when it was not given. */
double gates_number(const struct gate_stage *stage, const char *name, double otherwise);
size_t gates_count(const struct gate_stage *stage, const char *name, size_t otherwise);
/* Of a parameter that is one of few words: its place among them, 0 when it was not given. */
size_t gates_choice(const struct gate_stage *stage, const char *name);
bool gates_has(const struct gate_stage *stage, const char *name);

/* Does the open round's candidate wait for the gate of this name; with "": has it passed all? */
bool gates_is_next(const struct federation *federation, const char *name);
/* STALE_ROUND and what the candidate waits for instead. */
enum tamis_status gates_refuse(const struct federation *federation, struct fault *fault);
/* Until when the candidate may wait for its next gate; INT64_MAX when it waits for none. */
int64_t gates_by_ms(const struct federation *federation);
/* The colour of the gate that the candidate waits for, which it must; red when its time is over. */
enum gate_colour gates_look(const struct state *state, const struct federation *federation,
                            int64_t now_ms, char sentence[GATES_SENTENCE_SIZE]);

#endif
