/* From numbers to verdicts: what this update is worth, what it does to its client's history, and
 * the sentence that says so. Pure: the same evidence and history give the same verdict for ever. */
#ifndef TAMIS_JUDGE_H
#define TAMIS_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "aggregator/evidence.h"
#include "aggregator/policy.h"

enum { JUDGE_SENTENCE_SIZE = 256, JUDGE_ROWS_MAX = 4096 };

/* Worse is larger. */
enum standing {
  STANDING_PROBATION,   /* new here: weighs like others, trusted after some clean rounds */
  STANDING_TRUSTED,     /* nothing to say */
  STANDING_WATCHED,     /* odd lately; still weighs */
  STANDING_QUARANTINED, /* its updates are held: it may recover, or be excluded */
  STANDING_EXCLUDED,    /* refused at the door until an operator reinstates it */
  STANDING_COUNT
};

enum verdict { VERDICT_NONE, VERDICT_ACCEPT, VERDICT_CLIP, VERDICT_HOLD, VERDICT_REJECT };

const char *judge_standing_name(enum standing standing);
bool judge_standing_read(const char *name, enum standing *standing);
const char *judge_verdict_name(enum verdict verdict);
bool judge_verdict_read(const char *name, enum verdict *verdict);

/* Everything the judge remembers of a client in one federation. */
struct history {
  enum standing standing;
  double reputation; /* 0 to 1 */
  double cusum;      /* cumulative sum of distance z-scores above the slack */
  int64_t rounds, accepted, held, rejected;
  int64_t clean;   /* rounds in a row without suspicion */
  int64_t strikes; /* rounds that were rejected or held for their content, forgiven one by one */
  char sentence[JUDGE_SENTENCE_SIZE]; /* why the standing is what it is */
};

void judge_history_start(struct history *history);

/* What the operator did meanwhile; the content is then not what decides. */
enum bar { BAR_NONE, BAR_EXCLUDED, BAR_REVOKED };

/* One update before the judge. */
struct judged {
  const char *client; /* borrowed */
  struct evidence evidence;
  enum bar bar;
  struct history history; /* before; after judge_round: after */

  /* set by judge_round */
  double z_norm, z_distance, z_cosine; /* in spreads from the cohort's median */
  double risk;                         /* 0 to 1 */
  enum verdict verdict;
  char sentence[JUDGE_SENTENCE_SIZE];
};

/* Does this client's update shape the centre and the medians others are compared with? */
bool judge_votes(const struct history *history, enum bar bar);

/* n from 1 to JUDGE_ROWS_MAX, in the order of the evidence. */
void judge_round(const struct policy *policy, struct judged *judged, size_t n);

#endif
