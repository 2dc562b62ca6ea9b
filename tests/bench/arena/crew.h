/* The clients of one federation: who has which data, who trains what, who lies and how. */
#ifndef TAMIS_ARENA_CREW_H
#define TAMIS_ARENA_CREW_H

#include <stdbool.h>
#include <stddef.h>
#include "field.h"
#include "match.h"
#include "scheme.h"
#include "stage.h"

enum { PARAMETERS = (FIELD_SIDE * FIELD_SIDE + 1) * FIELD_HIDDEN + (FIELD_HIDDEN + 1) * 10 };

struct crew {
  const struct cell *cell;
  struct scheme scheme;
  struct field field;
  struct mlp *learner;
  struct stage *stage; /* of the round under way */
  char organisation[STAGE_CLIENTS_MAX][STATE_NAME_SIZE];
  /* Those that the scheme is about: liars, or honest and odd. `leader`: the first of them, whose
   * share clones train on; `rank` counts them. */
  size_t liars, leader, rank[STAGE_CLIENTS_MAX];
  bool lies[STAGE_CLIENTS_MAX];
  float *update; /* a row a client */
  double loss[STAGE_CLIENTS_MAX];
  size_t examples[STAGE_CLIENTS_MAX];
  double mean[PARAMETERS]; /* of the round's honest updates */
  double gamma, gamma_sum; /* of the one who adapts */
};

/* Everything follows from the cell and its seed. `cell` and `data` are borrowed. */
void crew_open(struct crew *crew, const struct cell *cell, const struct scheme *scheme,
               const struct field_data *data);
void crew_close(struct crew *crew);
/* Everybody's part in the round that the stage has opened. */
void crew_send(struct crew *crew, struct stage *stage, size_t round);
/* Do those that the scheme is about play it in this round already? */
bool crew_is_awake(const struct crew *crew, size_t round);
bool crew_is_honest(const struct crew *crew, size_t client);

#endif
