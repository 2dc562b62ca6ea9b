/* A federation's decider with nothing around it: entries are made here unsigned, blobs live in
 * memory, and everything between an update and the next model is the server's own code. */
#ifndef TAMIS_ARENA_STAGE_H
#define TAMIS_ARENA_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include "aggregator/federation.h"
#include "lab/mlp.h"

enum { STAGE_CLIENTS_MAX = 256 };

struct stage_terms {
  const char *rule;
  json_t *policy; /* borrowed; fields that differ from the defaults, each an f64 */
  uint64_t seed;
  size_t clients;
  const char (*organisation)[STATE_NAME_SIZE]; /* one a client */
  struct mlp_shape shape;
  const float *first;
};

/* A failure of anything in it ends the program with a sentence: an experiment that is not what it
 * says it is must not go on. */
struct stage;

struct stage *stage_open(const struct stage_terms *terms);
void stage_close(struct stage *stage);

/* Opens the next round; false when too few clients are left. Clients are numbered as they were
 * given. */
bool stage_round_open(struct stage *stage);
bool stage_is_selected(const struct stage *stage, size_t client);
void stage_update(struct stage *stage, size_t client, const float *update, int64_t examples,
                  double loss);
/* What the judge would say if the round closed now: a new reference to the verdict manifest. The
 * round stays open. */
json_t *stage_try(struct stage *stage);
/* As if the client had not answered yet. */
void stage_take_back(struct stage *stage, size_t client);
/* Measures, judges, aggregates, promotes. False when the round was held or abandoned. */
bool stage_round_close(struct stage *stage);

/* The model of now, and what the last promoted round added to the one before; zeros at first. */
const float *stage_head(const struct stage *stage);
const float *stage_last(const struct stage *stage);
/* The last round's verdict manifest; borrowed until the next round. */
const json_t *stage_verdicts(const struct stage *stage);
enum standing stage_standing(const struct stage *stage, size_t client);
/* The client of this name, which must be one. */
size_t stage_client(const struct stage *stage, const char *name);

#endif
