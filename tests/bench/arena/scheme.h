/* What liars do together: rows of lab's tables, and when they begin. */
#ifndef TAMIS_ARENA_SCHEME_H
#define TAMIS_ARENA_SCHEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "lab/attack.h"
#include "lab/collude.h"

struct scheme {
  const char *name;
  const char *attack; /* a row of lab/attack.h that every liar plays for itself; NULL: none */
  bool colludes;      /* `vector` of what all honest clients sent, the same from every liar */
  enum collude_attack vector;
  double strength; /* of the vector, or instead of the attack's own; 0: its own */
  bool are_clones; /* one organisation, one share, trained once */
  size_t honest;   /* rounds that they are honest at first */
};

/* The row of this name, one made of a row of lab/attack.h, or false. */
bool scheme_find(const char *name, struct scheme *scheme);
const struct scheme *scheme_table(size_t *count);

#endif
