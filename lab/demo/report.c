/* rounds[], attackers[], excluded[], honest_excluded[] and the final figures, as CI and the
 * reader's own script want them. */
#include "lab/demo/report.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *report_rounds(struct board *board) {
  json_t *rounds = json_array();
  for (uint64_t number = 1; number <= board->rounds_max; number++) {
    const struct board_round *robust = board_round(board, BOARD_ROBUST, number);
    const struct board_round *plain = board_round(board, BOARD_PLAIN, number);
    if (!robust || !plain) break;
    json_array_append_new(
        rounds,
        json_pack("{s:I, s:f, s:f, s:I, s:I, s:I, s:I, s:f}", "round", (json_int_t)robust->round,
                  "accuracy", robust->accuracy, "plain_accuracy", plain->accuracy, "accepted",
                  (json_int_t)robust->accepted, "held", (json_int_t)robust->held, "rejected",
                  (json_int_t)robust->rejected, "refused", (json_int_t)robust->refused, "seconds",
                  (double)(robust->closed_at_ms - robust->opened_at_ms) / 1000));
  }
  return rounds;
}

static json_t *report_excluded(const struct board *board, const struct cast *cast,
                               bool honest_only) {
  json_t *names = json_array();
  for (size_t i = 0; i < cast->count; i++)
    if (board_was_moved(&board->federation[BOARD_ROBUST], cast->name[i], "excluded") &&
        !(honest_only && cast->liar[i]))
      json_array_append_new(names, json_string(cast->name[i]));
  return names;
}

/* {"device-03": 5, ...}: the round after which the judge excluded it. */
static json_t *report_excluded_rounds(const struct board *board) {
  json_t *rounds = json_object();
  const struct board_federation *federation = &board->federation[BOARD_ROBUST];
  for (size_t i = 0; i < federation->move_count; i++)
    if (strcmp(federation->moves[i].to, "excluded") == 0)
      json_object_set_new(rounds, federation->moves[i].client,
                          json_integer((json_int_t)federation->moves[i].round));
  return rounds;
}

static json_t *report_attackers(const struct cast *cast) {
  json_t *names = json_array();
  for (size_t i = 0; i < cast->count; i++)
    if (cast->liar[i]) json_array_append_new(names, json_string(cast->name[i]));
  return names;
}

bool report_write(const char *path, const struct demo_options *options, struct board *board,
                  const struct cast *cast, const char *verify) {
  const struct board_round *robust = board_round(board, BOARD_ROBUST, board->rounds_max);
  const struct board_round *plain = board_round(board, BOARD_PLAIN, board->rounds_max);
  char head[DIGEST_HEX_SIZE];
  digest_to_hex(&board->federation[BOARD_ROBUST].head, head);
  json_t *report = json_pack(
      "{s:s, s:f, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:s, s:s}", "attack",
      options->attack, "alpha", options->alpha, "data",
      options->data_dir ? options->data_dir : "digits", "seed", (json_int_t)options->seed, "rounds",
      report_rounds(board), "attackers", report_attackers(cast), "excluded",
      report_excluded(board, cast, false), "honest_excluded", report_excluded(board, cast, true),
      "excluded_rounds", report_excluded_rounds(board), "final_accuracy",
      robust ? robust->accuracy : -1.0, "plain_final_accuracy", plain ? plain->accuracy : -1.0,
      "head_digest", head, "verify", verify);
  bool written = report && json_dump_file(report, path, JSON_INDENT(2)) == 0;
  if (!written) fprintf(stderr, "demo: cannot write %s: %s\n", path, strerror(errno));
  json_decref(report);
  return written;
}
