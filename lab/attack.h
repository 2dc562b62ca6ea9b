/* What a lying client does, as two hooks: on its labels before it trains, and on its finished
 * update after. Definitions follow the sources named by each row of the table in attack.c. */
#ifndef TAMIS_LAB_ATTACK_H
#define TAMIS_LAB_ATTACK_H

#include <stddef.h>
#include <stdint.h>

/* Everything an attack may depend on: the same turn gives the same lie. */
struct attack_turn {
  uint64_t seed;
  uint32_t client;
  uint32_t round;
  double strength;   /* 0: the attack's own default */
  const float *last; /* what the round before added to the model; NULL: nothing yet, or not known */
};

struct attack {
  const char *name;
  const char *summary;
  double strength; /* the default; what it means is said in the summary; 0 where there is nothing to
                      set */
  void (*on_labels)(uint8_t *labels, size_t count); /* or NULL */
  void (*on_delta)(float *delta, size_t count, double strength,
                   struct attack_turn turn); /* or NULL */
};

/* The table; *count rows that live as long as the program. */
const struct attack *attack_table(size_t *count);

/* The row of this name, or NULL. */
const struct attack *attack_find(const char *name);

/* Changes a client's own copy of its labels; call before training. */
void attack_labels(const struct attack *attack, uint8_t *labels, size_t count);

/* Changes the honest update `delta` (new parameters minus base) in place; call after training. */
void attack_delta(const struct attack *attack, struct attack_turn turn, float *delta, size_t count);

#endif
