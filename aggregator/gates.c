/* The table of gates, their text, and whose turn it is. */
#include "aggregator/gates.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "aggregator/gate_approval.h"
#include "aggregator/gate_evaluator.h"
#include "robust/spelling.h"

#define MINUTES_MAX 44640.0 /* 31 days */

static const struct gate *const table[] = {&gate_evaluator, &gate_approval};
enum { TABLE_COUNT = sizeof table / sizeof table[0] };

static_assert((int)TABLE_COUNT <= (int)GATES_MAX, "gates that no federation could have all of");

const char *gates_name(size_t i) {
  return i < TABLE_COUNT ? table[i]->name : NULL;
}

bool gates_find(const char *name, size_t *i) {
  for (*i = 0; *i < TABLE_COUNT; (*i)++)
    if (strcmp(table[*i]->name, name) == 0) return true;
  return false;
}

/* ---- their text ---- */

static struct spelling spelling_at(size_t i) {
  return i < TABLE_COUNT ? (struct spelling){table[i]->name, table[i]->parameter}
                         : (struct spelling){0};
}

static bool is_twice(const struct gates *gates, const struct gate *gate) {
  for (size_t i = 0; i < gates->count; i++)
    if (gates->stage[i].gate == gate) return true;
  return false;
}

static bool read_all(struct spelling_reader *reader, struct gates *gates) {
  char buffer[8];
  size_t index;
  do {
    if (gates->count == GATES_MAX)
      return spelling_fail(reader, reader->at, "a candidate has %d gates at most", GATES_MAX);
    struct gate_stage *stage = &gates->stage[gates->count];
    if (!spelling_read(reader, "gate", spelling_at, &index, stage->value)) return false;
    if (is_twice(gates, table[index]))
      return spelling_fail(reader, reader->at, "%s comes twice", table[index]->name);
    stage->gate = table[index];
    gates->count++;
  } while (spelling_accept(reader, '|'));
  return spelling_peek(reader) == '\0' && reader->at == reader->length
             ? true
             : spelling_fail(reader, reader->at + 1, "'|' or the end was expected, not %s",
                             spelling_found(reader, buffer));
}

static enum tamis_status check(const struct gate_stage *stage, struct fault *fault) {
  double minutes = gates_number(stage, "minutes", stage->gate->minutes);
  if (!(minutes > 0 && minutes <= MINUTES_MAX))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "gates: %s: minutes must be above 0, %g at most",
                     stage->gate->name, MINUTES_MAX);
  return stage->gate->check(stage, fault);
}

enum tamis_status gates_read(const char *text, struct gates *gates, struct fault *fault) {
  struct robust_error error;
  struct spelling_reader reader = {text, strnlen(text, STATE_RULE_SIZE), 0, &error};
  enum tamis_status status = TAMIS_OK;
  memset(gates, 0, sizeof *gates);
  if (reader.length == 0) return TAMIS_OK;
  if (!read_all(&reader, gates))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "gates: %s", error.text);
  for (size_t i = 0; status == TAMIS_OK && i < gates->count; i++)
    status = check(&gates->stage[i], fault);
  return status;
}

void gates_of(const struct federation *federation, struct gates *gates) {
  enum tamis_status status = gates_read(federation->terms.gates, gates, NULL);
  assert(status == TAMIS_OK);
  (void)status;
}

/* ---- values ---- */

static const struct rule_value *value_of(const struct gate_stage *stage, const char *name) {
  for (size_t i = 0; stage->gate->parameter[i].name; i++)
    if (strcmp(stage->gate->parameter[i].name, name) == 0) return &stage->value[i];
  assert(false && "a gate has the parameters of its row");
  return NULL;
}

size_t gates_choice(const struct gate_stage *stage, const char *name) {
  return value_of(stage, name)->count;
}

bool gates_has(const struct gate_stage *stage, const char *name) {
  return value_of(stage, name)->is_given;
}

double gates_number(const struct gate_stage *stage, const char *name, double otherwise) {
  return gates_has(stage, name) ? value_of(stage, name)->number : otherwise;
}

size_t gates_count(const struct gate_stage *stage, const char *name, size_t otherwise) {
  return gates_has(stage, name) ? value_of(stage, name)->count : otherwise;
}

/* ---- whose turn it is ---- */

/* NULL when the candidate has passed them all, or there is none. */
static const struct gate_stage *next_stage(const struct federation *federation,
                                           struct gates *gates) {
  gates_of(federation, gates);
  bool waits =
      federation->round.phase == PHASE_AGGREGATED && federation->round.gates_passed < gates->count;
  return waits ? &gates->stage[federation->round.gates_passed] : NULL;
}

bool gates_is_next(const struct federation *federation, const char *name) {
  struct gates gates;
  const struct gate_stage *stage = next_stage(federation, &gates);
  return strcmp(stage ? stage->gate->name : "", name) == 0;
}

enum tamis_status gates_refuse(const struct federation *federation, struct fault *fault) {
  struct gates gates;
  const struct gate_stage *stage = next_stage(federation, &gates);
  return fault_set(fault, TAMIS_STALE_ROUND,
                   "the candidate of round %" PRId64 " of %s waits for %s%s now",
                   federation->round.number, federation->name, stage ? "gate " : "no gate",
                   stage ? stage->gate->name : "");
}

static int64_t by_ms(const struct federation *federation, const struct gate_stage *stage) {
  double minutes = gates_number(stage, "minutes", stage->gate->minutes);
  return federation->round.gate_since_ms + (int64_t)(minutes * 60000);
}

int64_t gates_by_ms(const struct federation *federation) {
  struct gates gates;
  const struct gate_stage *stage = next_stage(federation, &gates);
  return stage ? by_ms(federation, stage) : INT64_MAX;
}

enum gate_colour gates_look(const struct state *state, const struct federation *federation,
                            int64_t now_ms, char sentence[GATES_SENTENCE_SIZE]) {
  struct gates gates;
  char found[GATES_SENTENCE_SIZE];
  const struct gate_stage *stage = next_stage(federation, &gates);
  assert(stage);
  enum gate_colour colour = stage->gate->look(state, federation, stage, found);
  bool is_late = colour == GATE_WAITING && now_ms >= by_ms(federation, stage);
  snprintf(sentence, GATES_SENTENCE_SIZE, "%s: %.300s%s", stage->gate->name, found,
           is_late ? "; its time is over" : "");
  return is_late ? GATE_RED : colour;
}
