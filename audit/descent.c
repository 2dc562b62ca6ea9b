/* From a model back to its base, and from there to the base of that, then turned round. */
#include "audit/descent.h"

#include <inttypes.h>
#include <stdlib.h>

const struct archive_round *descent_round(const struct archive *archive, const char *federation,
                                          int64_t round) {
  size_t count;
  const struct archive_round *rounds = archive_rounds(archive, federation, &count);
  return round >= 1 && (uint64_t)round <= count ? &rounds[round - 1] : NULL;
}

static enum tamis_status check_end(const struct archive *archive, const char *federation,
                                   int64_t round, struct fault *fault) {
  const struct archive_round *last = descent_round(archive, federation, round);
  if (round == 0 ||
      (last && (last->outcome == OUTCOME_PROMOTED || last->outcome == OUTCOME_REBUILT)))
    return TAMIS_OK;
  return fault_set(fault, TAMIS_NOT_FOUND,
                   last ? "round %" PRId64 " of %s ended without a model"
                        : "there is no round %" PRId64 " in %s",
                   round, federation);
}

static void collect(const struct archive *archive, const char *federation, int64_t since,
                    int64_t round, struct descent *descent) {
  for (; round > 0 && round >= since;
       round = descent_round(archive, federation, round)->base_round) {
    const struct archive_round *its = descent_round(archive, federation, round);
    descent->round[descent->count++] = its;
  }
  for (size_t i = 0; i < descent->count / 2; i++) {
    const struct archive_round *other = descent->round[i];
    descent->round[i] = descent->round[descent->count - 1 - i];
    descent->round[descent->count - 1 - i] = other;
  }
}

enum tamis_status descent_open(const struct archive *archive, const char *federation, int64_t since,
                               int64_t round, struct descent *descent, struct fault *fault) {
  *descent = (struct descent){0};
  descent->federation = state_federation_find(archive_state(archive), federation);
  if (!descent->federation)
    return fault_set(fault, TAMIS_UNKNOWN_FEDERATION, "the log has no federation %s", federation);
  if (round == DESCENT_HEAD) round = descent->federation->head_round;
  enum tamis_status status = check_end(archive, federation, round, fault);
  if (status != TAMIS_OK) return status;
  descent->round = calloc((size_t)round + 1, sizeof(const struct archive_round *));
  if (!descent->round) return fault_plain(fault, TAMIS_NO_MEMORY);
  collect(archive, federation, since, round, descent);
  if (descent->count > 0 || since == 0) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_REQUEST,
                   "the model of round %" PRId64 " descends from no round as late as %" PRId64,
                   round, since);
}

void descent_close(struct descent *descent) {
  free(descent->round);
  *descent = (struct descent){0};
}
