/* What going back would do, before it is done: rounds, clients whose work is dropped and with what
 * weight, what it reads and writes. The same plan for the server's answer and for whoever has a
 * copy of its folder. */
#ifndef TAMIS_UNDO_PLAN_H
#define TAMIS_UNDO_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/blob.h"
#include "aggregator/state.h"
#include "proto/statement.h"

enum { UNDO_MISSING_SIZE = 300, UNDO_LISTED_MAX = 300 };

struct undo_step { /* a round that is undone, or made again */
  int64_t round;
  size_t updates; /* that counted */
  size_t dropped; /* of them; a rollback drops all */
  double weight;  /* of the dropped ones, each without its sign */
  bool is_passed; /* a rebuild can make nothing of it: the rule does not carry so few */
};

struct undo_client {
  char name[STATE_NAME_SIZE];
  int64_t rounds;
  double weight; /* sum over the rounds, each without its sign */
};

struct undo_plan {
  int64_t from_round; /* the head now */
  int64_t to_round;   /* rollback: the head then; rebuild: the last round before the redone ones */
  int64_t first_number; /* rebuild: the number of the first rebuilt round; else 0 */
  size_t step_count;
  struct undo_step *step; /* oldest first */
  size_t restored;        /* rollback: rounds undone before that count again */
  size_t client_count;
  struct undo_client *client; /* heaviest first */
  size_t dropped;             /* updates */
  uint64_t bytes_read, bytes_written;
  char missing[UNDO_MISSING_SIZE]; /* rebuild: files that it needs and that are not here; "" */
};

/* The head's line goes back, or over, to a round that has a model. Manifests that cannot be read
 * leave their round without numbers: a rollback needs none of them. */
void undo_plan_rollback(const struct federation *federation, int64_t to_round,
                        struct blob_store *blobs, struct undo_plan *plan);

/* `since` must be so that state_line_next finds a round, `without` is sorted. */
void undo_plan_rebuild(const struct federation *federation, int64_t since,
                       const char (*without)[STATE_NAME_SIZE], size_t without_count,
                       struct blob_store *blobs, struct undo_plan *plan);
void undo_plan_close(struct undo_plan *plan);

/* Of an operator's statement that federation_admit has let in as far as the state goes. False, and
 * nothing to close, when it is of another kind. */
bool undo_plan_of(const struct state *state, const struct statement *statement,
                  struct blob_store *blobs, struct undo_plan *plan);

/* A guess from the bytes, at UNDO_BYTES_PER_SECOND. */
double undo_plan_seconds(const struct undo_plan *plan);

/* For people and scripts; lists end after UNDO_LISTED_MAX, counts are whole. A new reference, NULL
 * without memory. */
json_t *undo_plan_json(const struct undo_plan *plan);

#endif
