/* Going back, as folds over the state: nothing is forgotten, the head moves, and numbers go on. */
#include "aggregator/undo.h"

#include "aggregator/people.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "aggregator/evaluation.h"
#include "aggregator/manifest.h"
#include "aggregator/review.h"
#include "proto/digest_set.h"

enum tamis_status undo_contradiction(const struct applying *a, struct fault *fault,
                                     const char *what) {
  return fault_set(fault, TAMIS_CORRUPT, "entry %" PRIu64 " (%s): %s", a->index,
                   statement_kind_name(a->statement->kind), what);
}

/* ---- rollback ---- */

/* The judge remembers what it knew after that round. Who is excluded now stays so, and who was let
 * back in by an operator since keeps the fresh start: both are decisions, not memories. What the
 * next update is compared with must still be there: where bytes were dropped, that is known of the
 * updates that are compared with now, and of `judged`. */
static void histories_restore(struct federation *federation, const struct member *after,
                              const struct digest_set *judged, uint64_t index) {
  for (size_t i = 0; i < federation->member_count; i++) {
    struct member *member = &federation->member[i];
    bool is_excluded = member->history.standing == STANDING_EXCLUDED;
    bool was_excluded = after[i].history.standing == STANDING_EXCLUDED;
    if (!is_excluded && !was_excluded) {
      member->history = after[i].history;
      member->basis = index;
    }
    bool is_kept = federation->dropped_round == 0 || digest_set_has(judged, &after[i].before) ||
                   digest_equal(&member->before, &after[i].before);
    member->before = is_kept ? after[i].before : (struct digest){{0}};
    member->sketch = after[i].sketch;
    member->has_moved = false;
  }
}

static enum tamis_status histories_after(const struct applying *a,
                                         const struct federation *federation, int64_t round,
                                         struct member *after, struct fault *fault) {
  const json_t *clients, *element;
  size_t i;
  for (i = 0; i < federation->member_count; i++) {
    memset(&after[i], 0, sizeof after[i]);
    judge_history_start(&after[i].history);
  }
  if (round == 0) return TAMIS_OK;
  enum tamis_status status =
      manifest_list(a->manifest, federation->name, round, "clients", &clients, fault);
  if (status != TAMIS_OK) return status;
  json_array_foreach(clients, i, element) {
    const char *name;
    struct member member = {0};
    status = manifest_history_read(element, &name, &member.history, &member.before, &member.sketch,
                                   fault);
    if (status != TAMIS_OK) return status;
    int64_t client = state_client_find(a->state, name);
    if (client == STATE_NOBODY) return undo_contradiction(a, fault, "a history of nobody we know");
    after[client] = member;
  }
  return TAMIS_OK;
}

/* The updates of a round from which nothing was dropped. */
static enum tamis_status judged_in(const struct applying *a, const struct federation *federation,
                                   int64_t round, struct digest_set *judged, struct fault *fault) {
  const json_t *updates, *element;
  size_t i;
  if (round <= federation->dropped_round) return TAMIS_OK;
  enum tamis_status status =
      manifest_list(a->manifest, federation->name, round, "updates", &updates, fault);
  if (status != TAMIS_OK) return status;
  json_array_foreach(updates, i, element) {
    struct manifest_update update;
    status = manifest_update_read(element, &update, fault);
    if (status != TAMIS_OK) return status;
    digest_set_add(judged, &update.update);
  }
  return TAMIS_OK;
}

/* Undone is what the new head does not stand on. */
static void lineage_mark(struct federation *federation) {
  for (int64_t i = 1; i <= federation->last_round; i++)
    federation->past[i].undone = state_has_model(&federation->past[i]);
  for (int64_t i = federation->head_round; i > 0; i = federation->past[i].base_round)
    federation->past[i].undone = false;
}

enum tamis_status undo_rollback(struct applying *a, struct fault *fault) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  int64_t round = statement_integer(a->statement, "to_round");
  if (!federation || round > federation->last_round || !state_has_model(&federation->past[round]) ||
      !digest_equal(&federation->past[round].model, &a->statement->subject[0]))
    return undo_contradiction(a, fault, "no promoted round has this number and model");
  if (people_check_author(a->state, a->entry, federation->policy_author, NULL) != TAMIS_OK)
    return undo_contradiction(a, fault, "who wrote the policy moves the head");
  struct digest_set judged = {0};
  struct member *after = calloc(federation->member_count + 1, sizeof *after);
  if (!after) return fault_plain(fault, TAMIS_NO_MEMORY);
  int64_t its = state_round_judged(federation, round); /* whose updates the model is made of */
  enum tamis_status status = histories_after(a, federation, its, after, fault);
  struct trail trail = {.count = 0};
  if (status == TAMIS_OK && its > 0) status = judged_in(a, federation, its, &judged, fault);
  if (status == TAMIS_OK && its > 0) status = manifest_trail_read(a->manifest, &trail, fault);
  if (status == TAMIS_OK) {
    federation->history_round = its;
    histories_restore(federation, after, &judged, a->index);
    review_restored(federation, its, a->index);
    federation->trail = trail;
    federation->head = a->statement->subject[0];
    federation->head_round = round;
    federation->rebuild = (struct rebuild){.is_under_way = false};
    federation->revision++;
    lineage_mark(federation);
    evaluation_prune(federation);
  }
  digest_set_clear(&judged);
  free(after);
  return status;
}

/* ---- rebuild ---- */

/* Names become positions; they are sorted, so a client comes once. */
static enum tamis_status without_read(const struct applying *a, struct rebuild *rebuild,
                                      struct fault *fault) {
  const json_t *names = json_object_get(a->statement->predicate, "without");
  rebuild->without_count = json_array_size(names);
  for (size_t i = 0; i < rebuild->without_count; i++) {
    int64_t client = state_client_find(a->state, json_string_value(json_array_get(names, i)));
    if (client == STATE_NOBODY) return undo_contradiction(a, fault, "it names nobody we know");
    rebuild->without[i] = (uint32_t)client;
  }
  return TAMIS_OK;
}

enum tamis_status undo_rebuild(struct applying *a, struct fault *fault) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  struct rebuild rebuild = {.is_under_way = true, .index = a->index};
  rebuild.since = statement_integer(a->statement, "since");
  if (!federation || federation->rebuild.is_under_way ||
      !digest_equal(&federation->head, &a->statement->subject[0]))
    return undo_contradiction(a, fault, "this head is not to be rebuilt now");
  if (people_check_author(a->state, a->entry, federation->policy_author, NULL) != TAMIS_OK)
    return undo_contradiction(a, fault, "who wrote the policy moves the head");
  int64_t first = state_line_next(federation, rebuild.since - 1);
  if (first == 0) return undo_contradiction(a, fault, "no round on the head's line is so late");
  rebuild.base_round = federation->past[first].base_round;
  enum tamis_status status = without_read(a, &rebuild, fault);
  if (status != TAMIS_OK) return status;
  federation->rebuild = rebuild;
  federation->revision++;
  return TAMIS_OK;
}

/* A round of which nothing could be used leaves model and memory as they were. */
static bool keeps_model(const struct past_round *base, const struct past_round *made) {
  bool is_same =
      digest_equal(&made->model, &base->model) && made->memory.count == base->memory.count;
  for (size_t i = 0; is_same && i < base->memory.count; i++)
    is_same = strcmp(made->memory.vector[i].name, base->memory.vector[i].name) == 0 &&
              digest_equal(&made->memory.vector[i].blob, &base->memory.vector[i].blob);
  return is_same;
}

static enum tamis_status rebuilt_check(const struct applying *a,
                                       const struct federation *federation,
                                       const struct past_round *made, struct fault *fault) {
  const struct rebuild *rebuild = &federation->rebuild;
  const json_t *updates;
  int64_t number = federation->last_round + 1;
  enum tamis_status status =
      manifest_list(a->manifest, federation->name, number, "updates", &updates, fault);
  if (status != TAMIS_OK) return status;
  if (json_array_size(updates) != (size_t)statement_integer(a->statement, "updates"))
    return undo_contradiction(a, fault, "its manifest has another number of updates");
  if (json_array_size(updates) == 0 && !keeps_model(&federation->past[rebuild->base_round], made))
    return undo_contradiction(a, fault, "without updates the model stays what it was");
  return TAMIS_OK;
}

enum tamis_status undo_rebuilt(struct applying *a, struct fault *fault) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  struct past_round made = {.outcome = OUTCOME_REBUILT, .undone = true};
  if (!federation || !federation->rebuild.is_under_way ||
      federation->round.phase != PHASE_WAITING ||
      statement_integer(a->statement, "round") != federation->last_round + 1)
    return undo_contradiction(a, fault, "no round is to be rebuilt now");
  made.of = statement_integer(a->statement, "of");
  if (made.of != state_rebuild_next(federation))
    return undo_contradiction(a, fault, "it is not the next round to be redone");
  enum tamis_status status = manifest_memory_read(a->manifest, &made.memory, fault);
  made.model = a->statement->subject[0];
  made.weights = a->statement->subject[1];
  made.base_round = federation->rebuild.base_round;
  if (status == TAMIS_OK) status = rebuilt_check(a, federation, &made, fault);
  if (status != TAMIS_OK) return status;
  state_round_add(federation, 0);
  federation->past[federation->last_round] = made;
  federation->rebuild.last_of = made.of;
  federation->rebuild.base_round = federation->last_round;
  federation->rebuild.useful_count += statement_integer(a->statement, "updates") > 0;
  for (size_t i = 0; i < made.memory.count; i++)
    state_readable_add(a->state, &made.memory.vector[i].blob);
  state_readable_add(a->state, &made.model);
  state_readable_add(a->state, &made.weights);
  return TAMIS_OK;
}

/* ---- its end ---- */

struct federation *undo_of_rebuild(const struct applying *a) {
  struct federation *federation =
      state_federation_find(a->state, statement_text(a->statement, "federation"));
  bool is_of_rebuild =
      federation && federation->rebuild.is_under_way && federation->round.phase == PHASE_WAITING;
  return is_of_rebuild ? federation : NULL;
}

/* All rounds are redone, and the entry is about the last of them. */
static bool is_at_end(const struct applying *a, const struct federation *federation) {
  return state_rebuild_next(federation) == 0 &&
         statement_integer(a->statement, "round") == federation->last_round &&
         digest_equal(&a->statement->subject[0], &federation->past[federation->last_round].model);
}

static void rebuild_end(struct federation *federation) {
  federation->rebuild = (struct rebuild){.is_under_way = false};
  federation->revision++;
}

enum tamis_status undo_rebuild_promote(struct applying *a, struct federation *federation,
                                       struct fault *fault) {
  struct digest from = statement_digest(a->statement, "from");
  if (!is_at_end(a, federation) || federation->rebuild.useful_count == 0 ||
      !digest_equal(&federation->head, &from) || state_is_rebuild_frozen(federation))
    return undo_contradiction(a, fault, "it is not the last rebuilt model, or that may not move");
  federation->head = a->statement->subject[0];
  federation->head_round = federation->last_round;
  rebuild_end(federation);
  lineage_mark(federation);
  evaluation_prune(federation);
  return TAMIS_OK;
}

enum tamis_status undo_rebuild_hold(struct applying *a, struct federation *federation,
                                    struct fault *fault) {
  if (!is_at_end(a, federation) || federation->rebuild.useful_count > 0)
    return undo_contradiction(a, fault, "this rebuild is not to be held now");
  rebuild_end(federation);
  return TAMIS_OK;
}

/* The round that failed keeps its number. */
enum tamis_status undo_rebuild_abandon(struct applying *a, struct federation *federation,
                                       struct fault *fault) {
  int64_t next = state_rebuild_next(federation);
  if (next == 0 || statement_integer(a->statement, "round") != federation->last_round + 1)
    return undo_contradiction(a, fault, "no round is to be rebuilt now");
  state_round_add(federation, 0);
  federation->past[federation->last_round].outcome = OUTCOME_ABANDONED;
  federation->past[federation->last_round].base_round = federation->rebuild.base_round;
  federation->past[federation->last_round].of = next;
  rebuild_end(federation);
  return TAMIS_OK;
}
