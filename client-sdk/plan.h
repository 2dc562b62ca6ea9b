/* What a round promises, read from the aggregator's signed `round-open`. */
#ifndef TAMIS_PLAN_H
#define TAMIS_PLAN_H

#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"
#include "proto/fault.h"
#include "proto/key.h"
#include "proto/text.h"

struct plan {
  char federation[TEXT_NAME_MAX + 1];
  uint64_t round;
  struct digest base, layout;
  uint64_t parameters, closes_at_ms, examples_max;
  double norm_max;
  char rule[401];
};

/* Signature by `aggregator`, origin, kind and every field. BAD_PROOF for a plan the aggregator did
 * not sign. */
enum tamis_status plan_read(const void *envelope, size_t length, const char *origin,
                            const struct public_key *aggregator, struct plan *plan,
                            struct fault *fault);

#endif
