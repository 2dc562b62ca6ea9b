/* To add a scheme: a row. A single liar's attack needs none, lab/attack.c is enough. */
#include "scheme.h"

#include <string.h>

enum { SLEEP_ROUNDS = 20, DRIFT_ROUNDS = 40 };

static const struct scheme table[] = {
    {.name = "ipm", .colludes = true, .vector = COLLUDE_IPM, .strength = 2},
    {.name = "alie", .colludes = true, .vector = COLLUDE_ALIE, .strength = 1.5},
    {.name = "min_max", .colludes = true, .vector = COLLUDE_MIN_MAX},
    {.name = "min_sum", .colludes = true, .vector = COLLUDE_MIN_SUM},
    {.name = "mimic", .colludes = true, .vector = COLLUDE_MIMIC},
    {.name = "sybil", .attack = "sybil", .are_clones = true},
    {.name = "sleeper", .attack = "sign_flip", .strength = 2, .honest = SLEEP_ROUNDS},
    {.name = "sleeper_min_max",
     .colludes = true,
     .vector = COLLUDE_MIN_MAX,
     .honest = SLEEP_ROUNDS},
    {.name = "drift_min_max", .colludes = true, .vector = COLLUDE_MIN_MAX, .mixes = DRIFT_ROUNDS},
    {.name = "sign_flip_quiet", .attack = "sign_flip", .strength = 1},
    {.name = "backdoor_quiet", .attack = "backdoor", .strength = 1},
    {.name = "adaptive", .adapts = true},
    {.name = "odd_one_class", .odd = FIELD_ONE_CLASS},
    {.name = "odd_large", .odd = FIELD_LARGE},
    {.name = "odd_small", .odd = FIELD_SMALL},
    {.name = "odd_noisy", .odd = FIELD_NOISY},
    {.name = "odd_moving", .odd = FIELD_MOVING},
};

const struct scheme *scheme_table(size_t *count) {
  *count = sizeof table / sizeof *table;
  return table;
}

bool scheme_find(const char *name, struct scheme *scheme) {
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    *scheme = table[i];
    if (strcmp(table[i].name, name) == 0) return true;
  }
  const struct attack *attack = attack_find(name);
  if (attack) *scheme = (struct scheme){.name = attack->name, .attack = attack->name};
  return attack != NULL;
}
