/* One federation from its first round to its last: who lied, who was caught, who suffered. */
#ifndef TAMIS_ARENA_MATCH_H
#define TAMIS_ARENA_MATCH_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "field.h"

/* What makes two matches the same one. Texts are borrowed. */
struct cell {
  const char *attack;
  double strength; /* 0: the attack's own */
  double fraction, alpha;
  uint64_t seed;
  size_t clients, rounds;
  const char *rule;
  const char *policy; /* k=v,... that differ from the defaults; "" */
};

/* The cell itself, as the first members of what match_play gives back: its key. */
json_t *match_key(const struct cell *cell);

/* A new reference. The same cell gives the same bytes. Where nobody is judged (enforce=0), it says
 * how well every single number tells liars from the others. `updates`, unless NULL, gets a line of
 * JSON for each update. */
json_t *match_play(const struct cell *cell, const struct field_data *data, FILE *updates);

/* False, and a sentence on stderr, when the attack or a threshold is none. */
bool match_check(const struct cell *cell);

#endif
