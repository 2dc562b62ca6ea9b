/* What the audience knows: two federations, followed only by reading the log as it grows. */
#ifndef TAMIS_LAB_DEMO_BOARD_H
#define TAMIS_LAB_DEMO_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/canonical.h"
#include "proto/digest.h"
#include "proto/statement.h"

enum { BOARD_ROBUST, BOARD_PLAIN, BOARD_FEDERATIONS };

struct board_round {
  uint64_t round; /* 0: not opened yet */
  int64_t selected, answered, accepted, held, rejected, refused;
  int64_t opened_at_ms, closed_at_ms;
  bool judged, closed, promoted;
  struct digest model; /* the head after this round */
  double accuracy;     /* of that head on the test images; below 0: not measured yet */
};

struct board_move {
  uint64_t round;
  char client[65], from[16], to[16], sentence[404];
};

struct board_federation {
  const char *name;
  struct digest head;
  size_t round_count; /* rounds[0 .. round_count-1] are rounds 1, 2, ... */
  struct board_round *rounds;
  size_t move_count;
  struct board_move *moves;
};

struct board {
  uint64_t rounds_max;
  uint64_t next_index; /* of the first entry not seen yet */
  struct board_federation federation[BOARD_FEDERATIONS];
};

bool board_open(struct board *board, const char *robust, const char *plain, uint64_t rounds_max);
void board_close(struct board *board);

/* Folds one entry. *changed is the federation it was about, or -1; *round the number of the round
 * it was about, or 0. */
void board_apply(struct board *board, uint64_t index, const struct statement *statement,
                 int *changed, uint64_t *round);

/* NULL before it was opened. */
struct board_round *board_round(struct board *board, int federation, uint64_t round);
/* All rounds of both federations are closed. */
bool board_is_finished(const struct board *board);
/* Was this client moved to `state` in the federation? */
bool board_was_moved(const struct board_federation *federation, const char *client,
                     const char *state);

#endif
