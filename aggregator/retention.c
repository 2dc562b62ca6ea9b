/* Reasons to stay, the first that holds; then it may go. */
#include "aggregator/retention.h"

#include <string.h>

int64_t retention_round(const struct federation *federation) {
  int64_t round = federation->last_round, kept = 0;
  if (federation->keep_rounds == 0 || federation->rebuild.is_under_way) return 0;
  /* A rebuild gives many numbers at once: what it was made of is not older for that. */
  for (; round > 0 && kept < federation->keep_rounds; round--)
    kept += federation->past[round].of == 0;
  return round;
}

static bool is_resolved(const struct federation *federation, int64_t client, int64_t round,
                        const struct manifest_update *update) {
  const struct dispute *dispute = state_dispute_find(federation, (uint32_t)client, round);
  return federation->member[client].word_index > update->index || (dispute && !dispute->is_open) ||
         state_review_find(federation, (uint32_t)client, round);
}

enum retention retention_of(const struct state *state, const struct federation *federation,
                            int64_t round, const struct manifest_update *update) {
  int64_t client = state_client_find(state, update->client);
  /* A rebuild reads old rounds again, and which ones is nobody's business but its own. */
  if (round < 1 || round > retention_round(federation) || federation->rebuild.is_under_way ||
      federation->past[round].outcome == OUTCOME_OPEN)
    return RETENTION_KEPT;
  if (client == STATE_NOBODY) return RETENTION_NOBODY;
  if (state_readable_has(state, &update->update)) return RETENTION_SHARED;
  const struct dispute *dispute = state_dispute_find(federation, (uint32_t)client, round);
  if (dispute && dispute->is_open) return RETENTION_DISPUTED;
  if ((update->verdict == VERDICT_HOLD || update->verdict == VERDICT_REJECT) &&
      !is_resolved(federation, client, round, update))
    return RETENTION_UNRESOLVED;
  if (digest_equal(&federation->member[client].before, &update->update)) return RETENTION_COMPARED;
  return RETENTION_DROP;
}

const char *retention_words(enum retention retention) {
  static const char *const words[RETENTION_COUNT] = {
      [RETENTION_DROP] = "may go",
      [RETENTION_KEPT] = "of a round that is kept",
      [RETENTION_COMPARED] = "the next update is compared with it",
      [RETENTION_SHARED] = "a model too",
      [RETENTION_UNRESOLVED] = "held or rejected, and nobody has spoken since",
      [RETENTION_DISPUTED] = "disputed",
      [RETENTION_NOBODY] = "of nobody we know",
  };
  return words[retention];
}
