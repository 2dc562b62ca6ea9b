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
  X(ratio_low, 2.6, 1, 1000, "so many times the median distance is no cause either")               \
  X(ratio_high, 4, 1, 1000, "and so many times is full cause; spreads and ratio must agree")       \
  X(opposed_low, 0.3, -1, 1, "an update whose negative cosine is at most this is not opposed")     \
  X(opposed_high, 0.6, -1, 1, "and from this on fully; spreads and cosine must agree")             \
  X(copy_cosine, 0.99, 0.5, 2, "two updates this similar are copies; 2: do not look")              \
  X(copy_risk, 0.4, 0, 1, "the risk of a copy")                                                    \
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
