/* What a lying client does, as two hooks: on its labels before it trains, and on its finished
 * update after. Definitions follow the sources named by each row of the table in attack.c. */
#ifndef TAMIS_LAB_ATTACK_H
#define TAMIS_LAB_ATTACK_H

#include <stdbool.h>
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

/* A mark in a picture of 28 x 28 that is to be read as `target`. Its pixels come in `parts`, which
 * attackers may share out; each is set to white. */
struct trigger {
  uint8_t target;
  double poisoned; /* share of a poisoner's examples that are marked, with the target as label */
  size_t parts, count;
  struct trigger_pixel {
    uint8_t row, column, part;
  } pixel[24];
};

enum { TRIGGER_WHOLE = -1 };

struct attack {
  const char *name;
  const char *summary;
  double strength; /* the default; what it means is said in the summary; 0 where there is nothing to
                      set */
  void (*on_labels)(uint8_t *labels, size_t count); /* or NULL */
  void (*on_delta)(float *delta, size_t count, double strength,
                   struct attack_turn turn); /* or NULL */
  const struct trigger *trigger;             /* or NULL */
  bool is_staged; /* somebody has to mark pictures or fill in turn.last for it */
};

/* The table; *count rows that live as long as the program. */
const struct attack *attack_table(size_t *count);

/* The row of this name, or NULL. */
const struct attack *attack_find(const char *name);

/* The same, but NULL for one that is staged: for programs that only call the two hooks. */
const struct attack *attack_find_plain(const char *name);

/* Changes a client's own copy of its labels; call before training. */
void attack_labels(const struct attack *attack, uint8_t *labels, size_t count);

/* Changes the honest update `delta` (new parameters minus base) in place; call after training. */
void attack_delta(const struct attack *attack, struct attack_turn turn, float *delta, size_t count);

/* Marks one picture with a part of the trigger (from 0), or with all of it. Pixels outside a
 * smaller picture are left out. */
void trigger_mark(const struct trigger *trigger, int part, uint8_t *image, size_t rows,
                  size_t columns);

#endif
