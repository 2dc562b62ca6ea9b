/* The thresholds of judgement, each a named number that people set: when a federation is created,
 * and later by a new version. Nothing else about the judge can be configured. */
#ifndef TAMIS_POLICY_H
#define TAMIS_POLICY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include "proto/fault.h"

/* name, default, least, most, what it means */
#define POLICY_MAP(X)                                                                              \
  X(enforce, 1, 0, 1, "0: evidence and reputation only; every update is accepted, nobody moves")   \
  X(compare_min, 5, 3, 4096, "fewer voting updates than this are not compared with each other")    \
  X(spread_floor, 0.1, 0.001, 1, "least spread of norms and distances, in medians")                \
  X(cosine_floor, 0.1, 0.001, 1, "least spread of cosines")                                        \
  X(z_low, 2, 0, 1000, "so many spreads from the median are no cause for suspicion")               \
  X(z_high, 4, 0, 1000, "and so many are full cause")                                              \
  X(ratio_low, 4.5, 1, 1000, "so many times the median distance is no cause either")               \
  X(ratio_high, 9, 1, 1000, "and so many times is full cause; spreads and ratio must agree")       \
  X(opposed_low, 0.3, -1, 1, "an update whose negative cosine is at most this is not opposed")     \
  X(opposed_high, 0.6, -1, 1, "and from this on fully; spreads and cosine must agree")             \
  X(copy_cosine, 0.997, 0.5, 2, "two updates this similar are copies; 2: do not look")             \
  X(copy_risk, 0.6, 0, 1, "the risk of a copy of what came before it")                             \
  X(copies_known, 2, 1, 1000, "who has copied so often is not taken for the first again")          \
  X(copies_crowd, 3, 2, 4096, "so many alike in one round are copies at the first sight")          \
  X(examples_most, 10, 1, 1000,                                                                    \
    "so many medians of claimed examples are believed, and 1 / so many")                           \
  X(young_rounds, 8, 0, 1000, "a federation is young while half of its voters have fewer rounds")  \
  X(effort_low, 3.5, 1, 1000, "so many median lengths for the examples claimed are no cause")      \
  X(effort_high, 5, 1, 1000, "and so many are full cause; only while the federation is young")     \
  X(early_z_low, 1.5, 0, 1000, "cosine so many spreads below the median adds nothing while young") \
  X(early_z_high, 3, 0, 1000,                                                                      \
    "and so many spreads add a whole round; spreads and cosine must agree")                        \
  X(early_low, -0.1, -1, 1, "a negative cosine of this adds nothing while young")                  \
  X(early_high, 0.1, -1, 1, "and this adds a whole round")                                         \
  X(echo_z_low, 1.5, 0, 1000,                                                                      \
    "cosine with the last step so many spreads above the median is none")                          \
  X(echo_z_high, 3, 0, 1000, "and so many spreads are an echo; spreads and cosine must agree")     \
  X(echo_low, 0.78, 0, 1, "a cosine with the last step of this is no echo")                        \
  X(echo_high, 0.88, 0, 1, "and this is one")                                                      \
  X(strange_z_low, 3, 0, 1000,                                                                     \
    "cosine with the own past so many spreads below the median is usual")                          \
  X(strange_z_high, 5, 0, 1000, "and so many spreads are strange; spreads and cosine must agree")  \
  X(strange_low, 0.55, -1, 1, "a cosine with the own past of this is usual")                       \
  X(strange_high, 0.35, -1, 1, "and this is strange")                                              \
  X(lonely_z_low, 2, 0, 1000,                                                                      \
    "likeness to the most alike so many spreads below the median is usual")                        \
  X(lonely_z_high, 3.5, 0, 1000, "and so many spreads are lonely; spreads and cosine must agree")  \
  X(lonely_low, 0.3, -1, 1, "a cosine with the most alike of this is usual")                       \
  X(lonely_high, 0.2, -1, 1, "and this is lonely")                                                 \
  X(sum_slack, 0.3, 0, 1, "so much of a round adds nothing to the sums of weak signs")             \
  X(sum_credit, 1, 0, 100, "most that good rounds put aside against a sum")                        \
  X(sum_alarm, 2, 0.1, 100, "from this sum on each round is a strike")                             \
  X(risk_hold, 0.5, 0.01, 1, "an update of this risk is held, and is a strike")                    \
  X(risk_reject, 0.9, 0.01, 1, "an update of this risk is rejected, and is a strike")              \
  X(reputation_rate, 0.2, 0.01, 1, "share of the newest round in the reputation")                  \
  X(reputation_watch, 0.4, 0, 1, "a client below this reputation is watched")                      \
  X(reputation_trust, 0.65, 0, 1, "a client needs this reputation to be trusted")                  \
  X(cusum_slack, 3, 0, 100, "distance in spreads that does not add to the cumulative sum")         \
  X(cusum_clip, 4, 0.1, 100, "most that one round may add to the cumulative sum")                  \
  X(cusum_watch, 12, 0.1, 1000, "a client with this cumulative sum is watched")                    \
  X(beta_fade, 0.95, 0.5, 1, "what a round before counts in the Beta reputation")                  \
  X(trust_bound, 0.6, 0, 1, "a client needs this lower bound of the Beta reputation too")          \
  X(drift_clip, 4, 0.1, 100, "distances beyond so many spreads count as this in the drift")        \
  X(drift_slack, 0.5, 0, 100, "rise above its own mean, in spreads, that is no drift")             \
  X(drift_watch, 10, 0.1, 1000, "a client whose drift (Page and Hinkley) is this is watched")      \
  X(clean_rounds, 3, 1, 1000, "rounds in a row without a strike that improve the state")           \
  X(forgive_rounds, 2, 1, 1000, "rounds in a row without a strike that take one strike away")      \
  X(strikes_quarantine, 3, 1, 1000, "strikes that lead to quarantine")                             \
  X(strikes_exclude, 5, 1, 1000, "strikes that lead to exclusion, from quarantine only")           \
  X(organisation_share, 0.5, 0.001, 1, "most of a drawn cohort that one organisation may be")      \
  X(probation_share, 0.5, 0.001, 1, "most of a drawn cohort that clients on probation may be")     \
  X(share_strict, 0, 0, 1, "1: seats beyond the shares stay empty, but for the quorum")            \
  X(organisation_watch, 0.3, 0, 1, "clients of an organisation of this risk count as probation")   \
  X(weight_by_examples, 0, 0, 1, "1: the plain mean weighs by the claimed examples")

struct policy {
#define X(name, fallback, least, most, meaning) double name;
  POLICY_MAP(X)
#undef X
};

struct policy_row {
  const char *name;
  double fallback, least, most;
  const char *meaning;
  size_t offset; /* of the double in struct policy */
};

const struct policy_row *policy_table(size_t *count);
void policy_default(struct policy *policy);
double policy_value(const struct policy *policy, const struct policy_row *row);
/* Threshold by threshold. */
bool policy_equal(const struct policy *left, const struct policy *right);
/* Defaults, then the fields of `object` (f64 each). BAD_STATEMENT names a field that is unknown,
 * not an f64 or out of its range. */
enum tamis_status policy_read(const json_t *object, struct policy *policy, struct fault *fault);

#endif
