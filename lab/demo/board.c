/* A fold over entries, like every other view of the log. */
#include "lab/demo/board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool board_open(struct board *board, const char *robust, const char *plain, uint64_t rounds_max) {
  *board = (struct board){.rounds_max = rounds_max};
  board->federation[BOARD_ROBUST].name = robust;
  board->federation[BOARD_PLAIN].name = plain;
  for (int i = 0; i < BOARD_FEDERATIONS; i++) {
    board->federation[i].rounds = calloc(rounds_max, sizeof *board->federation[i].rounds);
    if (!board->federation[i].rounds) return false;
  }
  return true;
}

void board_close(struct board *board) {
  for (int i = 0; i < BOARD_FEDERATIONS; i++) {
    free(board->federation[i].rounds);
    free(board->federation[i].moves);
  }
}

static int board_find(const struct board *board, const char *name) {
  for (int i = 0; i < BOARD_FEDERATIONS; i++)
    if (strcmp(board->federation[i].name, name) == 0) return i;
  return -1;
}

struct board_round *board_round(struct board *board, int federation, uint64_t round) {
  struct board_federation *of = &board->federation[federation];
  return round >= 1 && round <= of->round_count ? &of->rounds[round - 1] : NULL;
}

static void board_open_round(struct board *board, struct board_federation *federation,
                             uint64_t number, const struct statement *statement) {
  if (number != federation->round_count + 1 || number > board->rounds_max) return;
  federation->rounds[federation->round_count++] =
      (struct board_round){.round = number,
                           .selected = statement_integer(statement, "selected"),
                           .opened_at_ms = statement_integer(statement, "opened_at_ms"),
                           .accuracy = -1};
}

static void board_move(struct board_federation *federation, const struct statement *statement) {
  struct board_move *moves =
      realloc(federation->moves, (federation->move_count + 1) * sizeof *moves);
  if (!moves) return;
  federation->moves = moves;
  struct board_move *move = &moves[federation->move_count++];
  move->round = (uint64_t)statement_integer(statement, "round");
  snprintf(move->client, sizeof move->client, "%s", statement_text(statement, "client"));
  snprintf(move->from, sizeof move->from, "%s", statement_text(statement, "from"));
  snprintf(move->to, sizeof move->to, "%s", statement_text(statement, "to"));
  snprintf(move->sentence, sizeof move->sentence, "%s", statement_text(statement, "sentence"));
}

static void board_close_round(struct board_federation *federation, struct board_round *round,
                              const struct statement *statement, bool promoted) {
  round->closed = true;
  round->promoted = promoted;
  round->closed_at_ms = statement_integer(statement, "at_ms");
  if (promoted) federation->head = statement->subject[0];
  round->model = federation->head;
}

static void board_verdicts(struct board_round *round, const struct statement *statement) {
  round->judged = true;
  round->accepted =
      statement_integer(statement, "accepted") + statement_integer(statement, "clipped");
  round->held = statement_integer(statement, "held");
  round->rejected = statement_integer(statement, "rejected");
}

void board_apply(struct board *board, uint64_t index, const struct statement *statement,
                 int *changed, uint64_t *number) {
  board->next_index = index + 1;
  *changed = -1;
  *number = 0;
  const char *name;
  int64_t round_number = 0;
  if (!canonical_text(statement->predicate, "federation", &name)) return;
  int which = board_find(board, name);
  if (which < 0) return;
  struct board_federation *federation = &board->federation[which];
  if (statement->kind == STATEMENT_FEDERATION_CREATE) federation->head = statement->subject[0];
  if (statement->kind == STATEMENT_ROLLBACK) federation->head = statement->subject[0];
  if (!canonical_integer(statement->predicate, "round", &round_number) || round_number < 1) return;
  *changed = which;
  *number = (uint64_t)round_number;
  if (statement->kind == STATEMENT_ROUND_OPEN)
    board_open_round(board, federation, *number, statement);
  struct board_round *round = board_round(board, which, *number);
  if (!round) return;
  switch (statement->kind) {
  case STATEMENT_UPDATE: round->answered++; break;
  case STATEMENT_REFUSAL:
    round->answered++;
    round->refused++;
    break;
  case STATEMENT_VERDICTS: board_verdicts(round, statement); break;
  case STATEMENT_CLIENT_STATE: board_move(federation, statement); break;
  case STATEMENT_PROMOTE: board_close_round(federation, round, statement, true); break;
  case STATEMENT_HOLD:
  case STATEMENT_ABANDON: board_close_round(federation, round, statement, false); break;
  default: break;
  }
}

bool board_is_finished(const struct board *board) {
  for (int i = 0; i < BOARD_FEDERATIONS; i++) {
    const struct board_federation *federation = &board->federation[i];
    if (federation->round_count < board->rounds_max ||
        !federation->rounds[board->rounds_max - 1].closed)
      return false;
  }
  return true;
}

bool board_was_moved(const struct board_federation *federation, const char *client,
                     const char *state) {
  for (size_t i = 0; i < federation->move_count; i++)
    if (strcmp(federation->moves[i].client, client) == 0 &&
        strcmp(federation->moves[i].to, state) == 0)
      return true;
  return false;
}
