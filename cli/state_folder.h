/* What a rule remembers from one round to the next, in a folder: state.json and one .npy.
 *
 * centered_clipping and signguard keep their last output (last-ROUND.npy), foolsgold the sum of
 * each row so far (history-ROUND.npy). state.json names rule, d, dtype and round, and for a history
 * n; it is replaced last, so that a power cut leaves the old round or the new one. */
#ifndef TAMIS_CLI_STATE_FOLDER_H
#define TAMIS_CLI_STATE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "cli/vector_file.h"
#include "proto/fault.h"
#include "robust/pipeline.h"

enum state_kind { STATE_NONE, STATE_LAST, STATE_HISTORY };

/* Of a pipeline, and its canonical spelling. */
enum state_kind state_kind_of(const struct robust_pipeline *pipeline, const char *rule);

struct state_folder {
  enum state_kind kind;
  uint64_t round;             /* rounds before this one */
  const void *reference;      /* STATE_LAST: the last output, NULL in the first round */
  struct robust_rows history; /* STATE_HISTORY: the sums with this round's rows in them */
  /* the rest is state_folder's own */
  int descriptor;
  const char *path, *rule;
  char *kept; /* where the last output or the old sums are; NULL in the first round */
  struct vector_file last;
  struct rows_file sums;
  struct vector_draft next;
  const void **row;
};

/* Reads the folder, which is made if there is none, and locks it until state_folder_close: two at
 * once are a CONFLICT. A state of another rule, d, dtype or n is a CONFLICT too, which names what
 * differs. `rule` is the canonical spelling and, like `path`, must outlive the state. */
enum tamis_status state_folder_open(const char *path, enum state_kind kind, const char *rule,
                                    const struct robust_rows *rows, int threads,
                                    struct state_folder *state, struct fault *fault);
/* Before the result gets its name: whatever can still fail for lack of room. `out` is the result,
 * floats, or doubles when the rows are ROBUST_F64. */
enum tamis_status state_folder_stage(struct state_folder *state, const struct robust_rows *rows,
                                     const void *out, struct fault *fault);
/* After it: makes this round the folder's last. */
enum tamis_status state_folder_commit(struct state_folder *state, const struct robust_rows *rows,
                                      struct fault *fault);
/* Of one never opened: nothing. */
void state_folder_close(struct state_folder *state);

#endif
