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

/* What is suspicious in an update, worst first where two are equal. Each wants two witnesses: odd
 * beside the spread of the cohort, and odd in absolute terms. The first two and a copy count at
 * once; the others are weak in any one round and add up.
 *
 * sign     | what it is                               | what it catches
 * far      | distance to the centre, for the examples  | gaussian, scale, large sign flips
 *          | that it claims                           |
 * long     | length for the examples that it claims;  | scale and sign flips of small clients,
 * which | while the federation is young            | are no farther than others are copy     | like
 * an update that came before          | sybils, IPM, ALIE, min-max, min-sum, mimic opposed  |
 * against the centre: early, or strongly   | sign flip, IPM, label flip echo     | the model's last
 * step sent back          | free riders strange  | unlike its own past                      | noise
 * of honest length, sleepers lonely   | like no other client's at all            | slow drift,
 * noise
 *
 * Early: what honest clients with odd data share is that they begin with the cohort and leave it
 * slowly, as the model comes to fit the others; a liar is against it from its first round, or
 * changes at once, which its own past shows. */
enum sign {
  SIGN_FAR,
  SIGN_LONG,
  SIGN_COPY,
  SIGN_OPPOSED,
  SIGN_ECHO,
  SIGN_STRANGE,
  SIGN_LONELY,
  SIGN_COUNT
};

const char *judge_standing_name(enum standing standing);
bool judge_standing_read(const char *name, enum standing *standing);
const char *judge_sign_name(enum sign sign); /* "sign_far" */
const char *judge_verdict_name(enum verdict verdict);
bool judge_verdict_read(const char *name, enum verdict *verdict);

/* Everything the judge remembers of a client in one federation, in rows, all of one size for ever:
 * the verdict manifest, the state's text and a rollback carry what stands here. name, value of a
 * newcomer, what it is. */
#define HISTORY_NUMBERS(X)                                                                         \
  X(reputation, 0.5, "moving average of 1 - risk")                                                 \
  X(beta_good, 1, "rounds without risk, fading: the first parameter of a Beta distribution")       \
  X(beta_bad, 1, "rounds of risk, fading: the second")                                             \
  X(trust, 0, "lower bound of the Beta reputation: its mean less its standard deviation")          \
  X(cusum, 0, "cumulative sum of distance z-scores above the slack")                               \
  X(copy_sum, 0, "rounds as a copy, above the slack")                                              \
  X(opposed_sum, 0, "rounds against the cohort, above the slack")                                  \
  X(echo_sum, 0, "rounds that repeat the model's last step, above the slack")                      \
  X(strange_sum, 0, "rounds unlike its own past, above the slack")                                 \
  X(lonely_sum, 0, "rounds unlike any other client's, above the slack")                            \
  X(drift_mean, 0, "mean of all distance z-scores so far, for Page and Hinkley's test")            \
  X(drift_sum, 0, "its sum of deviations from the running mean")                                   \
  X(drift_least, 0, "the least that sum has been")
#define HISTORY_COUNTS(X)                                                                          \
  X(rounds, "judged updates")                                                                      \
  X(accepted, "of them accepted")                                                                  \
  X(held, "of them held")                                                                          \
  X(rejected, "of them rejected")                                                                  \
  X(opposed, "rounds that were against the cohort by half or more")                                \
  X(echoed, "rounds that repeated the model's last step by half or more")                          \
  X(strange, "rounds that were unlike its own past by half or more")                               \
  X(lonely, "rounds that were like nobody's by half or more")                                      \
  X(copied, "rounds in which an update like it had come before it")                                \
  X(copies, "rounds as a copy")                                                                    \
  X(clean, "rounds in a row without a strike")                                                     \
  X(strikes, "rounds that were rejected or held for their content, forgiven one by one")           \
  X(confirmed, "of them found right by a reviewer: as many are never forgiven")

struct history {
  enum standing standing;
#define X(name, start, meaning) double name;
  HISTORY_NUMBERS(X)
#undef X
#define X(name, meaning) int64_t name;
  HISTORY_COUNTS(X)
#undef X
  char sentence[JUDGE_SENTENCE_SIZE]; /* why the standing is what it is */
};

/* The numbers and counts of a history by name, in the order above. */
struct history_row {
  const char *name;
  size_t offset;
  const char *meaning;
};
const struct history_row *judge_history_numbers(size_t *count);
const struct history_row *judge_history_counts(size_t *count);

/* A newcomer's. */
void judge_history_start(struct history *history);
/* What `trust` is by the Beta parameters of now. */
double judge_trust(const struct history *history);

/* What the clients of one organisation say about it: how much more of them are convicted
 * (quarantined or excluded) than of all others, 0 to 1; each share is convicted / (clients +
 * 2), so that one bad client of one is no proof. 0 where there are no others. */
double judge_organisation_risk(size_t convicted, size_t clients, size_t other_convicted,
                               size_t other_clients);

/* What the operator did meanwhile; the content is then not what decides. */
enum bar { BAR_NONE, BAR_EXCLUDED, BAR_REVOKED, BAR_KNOWN_BAD };

/* One update before the judge. */
struct judged {
  const char *client; /* borrowed */
  struct evidence evidence;
  int64_t examples; /* that it claims */
  uint64_t arrival; /* the index of its entry: who came first */
  enum bar bar;
  struct history history; /* before; after judge_round: after */

  /* set by judge_round */
  double z_norm, z_distance, z_cosine;        /* in spreads from the cohort's median */
  double z_aggregate, z_history, z_neighbour; /* of cosines: last step, own past, most alike */
  double effort;                              /* length for the examples claimed, in medians */
  double sign[SIGN_COUNT];                    /* 0 to 1 each */
  double risk;                                /* 0 to 1 */
  bool is_strike;                             /* the history has it as one */
  enum verdict verdict;
  char sentence[JUDGE_SENTENCE_SIZE];
};

/* Does this client's update shape the centre and the medians others are compared with? */
bool judge_votes(const struct history *history, enum bar bar);

/* n from 1 to JUDGE_ROWS_MAX, in the order of the evidence. */
void judge_round(const struct policy *policy, struct judged *judged, size_t n);

#endif
