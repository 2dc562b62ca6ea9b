/* What liars do together: rows of lab's tables, and when they begin. */
#ifndef TAMIS_ARENA_SCHEME_H
#define TAMIS_ARENA_SCHEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "field.h"
#include "lab/attack.h"
#include "lab/collude.h"

struct scheme {
  const char *name;
  const char *attack; /* a row of lab/attack.h that every liar plays for itself; NULL: none */
  bool colludes;      /* `vector` of what all honest clients sent, the same from every liar */
  enum collude_attack vector;
  double strength; /* of the vector, or instead of the attack's own; 0: its own */
  bool are_clones; /* one organisation, one share, trained once */
  size_t mixes;    /* over so many rounds their own honest updates become the vector; 0: at once */
  bool adapts;     /* knows the judge, and sends the worst that it would not suspect */
  size_t honest;   /* rounds that they are honest at first */
  enum field_odd odd; /* they are no liars at all, only unlike the others */
};

/* The row of this name, one made of a row of lab/attack.h, or false. */
bool scheme_find(const char *name, struct scheme *scheme);
const struct scheme *scheme_table(size_t *count);

#endif
