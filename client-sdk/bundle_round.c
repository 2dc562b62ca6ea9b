/* Entries first, in their order; then manifests, which must say what their entries say. */
#include "client-sdk/bundle_round.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"

enum tamis_status bundle_round_refuse(struct fault *fault, int64_t round, const char *what) {
  return fault_set(fault, TAMIS_BAD_PROOF, "the bundle does not add up: in round %" PRId64 " %s",
                   round, what);
}

/* ---- Entries ---- */

static const struct bundle_fact **place_of(struct bundle_round *round, enum statement_kind kind) {
  switch (kind) {
  case STATEMENT_ROUND_OPEN: return &round->plan;
  case STATEMENT_VERDICTS: return &round->verdicts;
  case STATEMENT_AGGREGATE:
  case STATEMENT_REBUILT: return &round->aggregate;
  case STATEMENT_PROMOTE:
  case STATEMENT_HOLD:
  case STATEMENT_ABANDON: return &round->end;
  default: return NULL;
  }
}

bool bundle_round_is_rebuilt(const struct bundle_round *round) {
  return round->aggregate && round->aggregate->statement.kind == STATEMENT_REBUILT;
}

const struct bundle_fact *bundle_round_rebuilt(const struct bundle_facts *facts,
                                               const char *federation, int64_t number) {
  for (size_t i = 0; i < facts->count; i++)
    if (facts->fact[i].statement.kind == STATEMENT_REBUILT &&
        bundle_fact_is_in(&facts->fact[i], federation, number))
      return &facts->fact[i];
  return NULL;
}

const struct bundle_fact *bundle_round_order(const struct bundle_facts *facts,
                                             const char *federation, uint64_t index) {
  const struct bundle_fact *order = NULL;
  for (size_t i = 0; i < facts->count && facts->fact[i].index < index; i++)
    if (facts->fact[i].statement.kind == STATEMENT_REBUILD &&
        bundle_fact_is_of(&facts->fact[i], federation))
      order = &facts->fact[i];
  return order;
}

static bool is_before(const struct bundle_fact *first, const struct bundle_fact *then) {
  return !first || !then || first->index < then->index;
}

/* Takes what there is; a rebuilt round has no plan, and one that failed has only its end. */
static enum tamis_status find_parts(const struct bundle_facts *facts, const char *federation,
                                    struct bundle_round *round, struct fault *fault) {
  for (size_t i = 0; i < facts->count; i++) {
    const struct bundle_fact *fact = &facts->fact[i];
    const struct bundle_fact **place = place_of(round, fact->statement.kind);
    if (!place || !bundle_fact_is_in(fact, federation, round->number)) continue;
    if (*place) return bundle_round_refuse(fault, round->number, "one thing is decided twice");
    *place = fact;
  }
  if (bundle_round_is_rebuilt(round) && (round->plan || round->verdicts))
    return bundle_round_refuse(fault, round->number, "what is rebuilt was planned too");
  bool failed = round->end && round->end->statement.kind == STATEMENT_ABANDON && !round->aggregate;
  const struct bundle_fact *made = bundle_round_is_rebuilt(round) ? round->aggregate
                                   : failed && !round->plan       ? round->end
                                                                  : NULL;
  if (made) round->order = bundle_round_order(facts, federation, made->index);
  if (made && !round->order && made != round->end)
    return bundle_round_refuse(fault, round->number, "there is a rebuilt model without an order");
  if (!round->plan && !round->order)
    return bundle_round_refuse(fault, round->number, "there is no plan");
  bool in_order = is_before(round->plan, round->verdicts) &&
                  is_before(round->plan, round->aggregate) && is_before(round->plan, round->end) &&
                  is_before(round->verdicts, round->aggregate) &&
                  is_before(round->aggregate, round->end) &&
                  (!round->aggregate || round->verdicts || round->order);
  return in_order ? TAMIS_OK
                  : bundle_round_refuse(fault, round->number, "the decisions are not in order");
}

/* ---- Manifests ---- */

static size_t count_verdicts(const json_t *updates, const char *word) {
  size_t i, count = 0;
  json_t *each;
  const char *verdict;
  json_array_foreach(updates, i, each) count +=
      canonical_text(each, "verdict", &verdict) && strcmp(verdict, word) == 0;
  return count;
}

static enum tamis_status check_judged(const struct bundle_round *round, struct fault *fault) {
  static const char *const words[][2] = {
      {"accept", "accepted"}, {"clip", "clipped"}, {"hold", "held"}, {"reject", "rejected"}};
  const json_t *updates = json_object_get(round->judged_list, "updates");
  size_t sum = 0;
  for (size_t i = 0; i < 4; i++) {
    size_t count = count_verdicts(updates, words[i][0]);
    if ((int64_t)count != statement_integer(&round->verdicts->statement, words[i][1]))
      return bundle_round_refuse(fault, round->number,
                                 "the verdicts are not as many as their entry says");
    sum += count;
  }
  if (!round->judged_at)
    return bundle_round_refuse(fault, round->number, "an update is judged twice");
  return sum == json_array_size(updates)
             ? TAMIS_OK
             : bundle_round_refuse(fault, round->number, "a verdict is none of the four");
}

static bool same_text(const json_t *a, const json_t *b, const char *key) {
  return json_equal(json_object_get(a, key), json_object_get(b, key)) && json_object_get(a, key);
}

/* A manifest's `updates` by index; a new reference, NULL when one has none or two have the same. */
static json_t *by_index(const json_t *manifest) {
  const json_t *updates = json_object_get(manifest, "updates");
  json_t *all = json_object(), *each;
  char key[24];
  size_t i;
  int64_t index;
  json_array_foreach(updates, i, each) {
    if (!canonical_integer(each, "index", &index)) break;
    snprintf(key, sizeof key, "%" PRId64, index);
    json_object_set(all, key, each);
  }
  if (json_object_size(all) == json_array_size(updates)) return all;
  json_decref(all);
  return NULL;
}

json_t *bundle_round_element(const json_t *all, int64_t index) {
  char key[24];
  snprintf(key, sizeof key, "%" PRId64, index);
  return json_object_get(all, key);
}

/* Every weight is of an update that was judged and let in, and the Gram matrix is the judge's. */
static enum tamis_status check_weighed(const struct bundle_round *round, struct fault *fault) {
  const json_t *updates = json_object_get(round->weighed, "updates");
  const char *gram, *verdict;
  struct digest digest, judged = statement_digest(&round->verdicts->statement, "gram");
  json_t *each;
  size_t i;
  if ((int64_t)json_array_size(updates) !=
      statement_integer(&round->aggregate->statement, "updates"))
    return bundle_round_refuse(fault, round->number,
                               "the weights are not as many as their entry says");
  if (!canonical_text(round->weighed, "gram", &gram) ||
      !digest_from_hex(gram, strlen(gram), &digest) || !digest_equal(&digest, &judged))
    return bundle_round_refuse(fault, round->number,
                               "weights and verdicts name different Gram matrices");
  if (!round->weighed_at)
    return bundle_round_refuse(fault, round->number, "an update is weighed twice");
  json_array_foreach(updates, i, each) {
    int64_t index;
    double weight;
    const json_t *seen = canonical_integer(each, "index", &index)
                             ? bundle_round_element(round->judged_at, index)
                             : NULL;
    if (!seen || !same_text(each, seen, "client") || !same_text(each, seen, "update") ||
        !canonical_double(each, "weight", &weight))
      return bundle_round_refuse(fault, round->number, "a weight is of no update that was judged");
    if (!canonical_text(seen, "verdict", &verdict) ||
        (strcmp(verdict, "accept") != 0 && strcmp(verdict, "clip") != 0))
      return bundle_round_refuse(fault, round->number,
                                 "an update that was not accepted has a weight");
  }
  return TAMIS_OK;
}

static enum tamis_status check_end(const struct bundle_round *round, struct fault *fault) {
  if (!round->end || round->end->statement.kind != STATEMENT_PROMOTE) return TAMIS_OK;
  if (!round->aggregate ||
      !digest_equal(&round->aggregate->statement.subject[0], &round->end->statement.subject[0]))
    return bundle_round_refuse(fault, round->number,
                               "another model is promoted than was aggregated");
  return TAMIS_OK;
}

/* ---- A planned round ---- */

static enum tamis_status open_planned(const struct bundle_facts *facts, const char *federation,
                                      struct bundle_round *round, struct fault *fault) {
  int64_t number = round->judged = round->number;
  struct digest digest = statement_digest(&round->plan->statement, "cohort");
  round->base = round->plan->statement.subject[0];
  enum tamis_status status =
      bundle_facts_manifest(facts, &digest, federation, number, &round->cohort, fault);
  if (status == TAMIS_OK && (int64_t)json_array_size(json_object_get(round->cohort, "clients")) !=
                                statement_integer(&round->plan->statement, "selected"))
    status = bundle_round_refuse(fault, number, "the cohort is not as many as the plan says");
  if (status != TAMIS_OK || !round->verdicts) return status;
  digest = round->verdicts->statement.subject[0];
  status = bundle_facts_manifest(facts, &digest, federation, number, &round->judged_list, fault);
  round->judged_at = by_index(round->judged_list);
  return status == TAMIS_OK ? check_judged(round, fault) : status;
}

static enum tamis_status open_weights(const struct bundle_facts *facts, const char *federation,
                                      struct bundle_round *round, struct fault *fault) {
  struct digest digest = round->aggregate->statement.subject[1];
  enum tamis_status status =
      bundle_facts_manifest(facts, &digest, federation, round->number, &round->weighed, fault);
  round->weighed_at = by_index(round->weighed);
  return status == TAMIS_OK ? check_weighed(round, fault) : status;
}

/* ---- A rebuilt round ---- */

bool bundle_round_is_footing(enum statement_kind kind) {
  return kind == STATEMENT_REBUILT || kind == STATEMENT_ROUND_OPEN || kind == STATEMENT_ABANDON;
}

/* The rounds of one rebuild are numbered without a gap: the one before is of the same order, and
 * its model is the base; or it is older than the order, and this is the first one. */
static enum tamis_status find_base(const struct bundle_facts *facts, const char *federation,
                                   const struct bundle_round *redone, struct bundle_round *round,
                                   struct fault *fault) {
  for (size_t i = 0; i < facts->count; i++) {
    const struct bundle_fact *fact = &facts->fact[i];
    enum statement_kind kind = fact->statement.kind;
    if (!bundle_round_is_footing(kind) || !bundle_fact_is_in(fact, federation, round->number - 1))
      continue;
    if (fact->index < round->order->index) {
      round->base = redone->base;
      return TAMIS_OK;
    }
    if (kind == STATEMENT_REBUILT && fact->index < round->aggregate->index &&
        statement_integer(&fact->statement, "of") < round->of) {
      round->base = fact->statement.subject[0];
      return TAMIS_OK;
    }
  }
  return bundle_round_refuse(fault, round->number, "nothing shows on which model it was put");
}

static bool is_without(const struct bundle_round *round, const char *client) {
  size_t i;
  json_t *each;
  json_array_foreach(json_object_get(round->order->statement.predicate, "without"), i, each) {
    if (strcmp(json_string_value(each), client) == 0) return true;
  }
  return false;
}

/* Who counted counts again, but for those the order names; or nobody does. */
static enum tamis_status check_who_counts(const struct bundle_round *round, struct fault *fault) {
  const char *client;
  json_t *each;
  size_t found = 0;
  if (json_object_size(round->weighed_at) == 0)
    return digest_equal(&round->aggregate->statement.subject[0], &round->base)
               ? TAMIS_OK
               : bundle_round_refuse(fault, round->number, "there is a model made of nothing");
  const char *key;
  json_object_foreach(round->redone_at, key, each) {
    bool is_in = json_object_get(round->weighed_at, key) != NULL;
    if (!canonical_text(each, "client", &client) || is_in == is_without(round, client))
      return bundle_round_refuse(fault, round->number,
                                 "others count than the order to rebuild says");
    found += is_in;
  }
  return found == json_object_size(round->weighed_at)
             ? TAMIS_OK
             : bundle_round_refuse(fault, round->number,
                                   "an update counts that did not in the round redone");
}

static enum tamis_status check_rebuilt(const struct bundle_round *round, struct fault *fault) {
  const struct statement *made = &round->aggregate->statement;
  const struct statement *order = &round->order->statement;
  int64_t of;
  const char *why;
  if (statement_integer(order, "since") > round->of)
    return bundle_round_refuse(fault, round->number, "a round is redone that nobody ordered");
  if (!canonical_integer(round->weighed, "of", &of) || of != round->of ||
      !same_text(round->weighed, order->predicate, "without") ||
      !same_text(round->weighed, made->predicate, "rule") ||
      !canonical_text(round->weighed, "approximate", &why) ||
      strcmp(why, statement_text(made, "sentence")) != 0)
    return bundle_round_refuse(fault, round->number,
                               "weights, entry and the order to rebuild do not agree");
  return check_who_counts(round, fault);
}

static enum tamis_status open_to(const struct bundle_facts *facts, const char *federation,
                                 int64_t number, size_t depth, struct bundle_round *round,
                                 struct fault *fault);

/* What was judged is the redone round's, so its manifests change hands. */
static void inherit(struct bundle_round *round, struct bundle_round *redone) {
  round->plan = redone->plan;
  round->verdicts = redone->verdicts;
  round->judged = redone->judged;
  round->cohort = redone->cohort;
  round->judged_list = redone->judged_list;
  round->judged_at = redone->judged_at;
  round->redone_at = redone->weighed_at;
  redone->cohort = redone->judged_list = redone->judged_at = redone->weighed_at = NULL;
}

static enum tamis_status open_rebuilt(const struct bundle_facts *facts, const char *federation,
                                      size_t depth, struct bundle_round *round,
                                      struct fault *fault) {
  struct bundle_round redone;
  round->of = statement_integer(&round->aggregate->statement, "of");
  if (round->of >= round->number)
    return bundle_round_refuse(fault, round->number, "a later round is redone");
  if (depth == BUNDLE_REDONE_MAX)
    return bundle_round_refuse(fault, round->number, "a round is redone that was so too often");
  enum tamis_status status = open_to(facts, federation, round->of, depth + 1, &redone, fault);
  if (status != TAMIS_OK) return status;
  bool has_model = bundle_round_is_rebuilt(&redone) ||
                   (redone.end && redone.end->statement.kind == STATEMENT_PROMOTE);
  const struct bundle_fact *last =
      redone.end && !bundle_round_is_rebuilt(&redone) ? redone.end : redone.aggregate;
  if (!has_model || !is_before(last, round->order))
    status = bundle_round_refuse(fault, round->number,
                                 "a round is redone that had made no model by then");
  if (status == TAMIS_OK) status = find_base(facts, federation, &redone, round, fault);
  inherit(round, &redone);
  bundle_round_close(&redone);
  if (status == TAMIS_OK) status = open_weights(facts, federation, round, fault);
  return status == TAMIS_OK ? check_rebuilt(round, fault) : status;
}

static enum tamis_status open_to(const struct bundle_facts *facts, const char *federation,
                                 int64_t number, size_t depth, struct bundle_round *round,
                                 struct fault *fault) {
  *round = (struct bundle_round){.number = number};
  enum tamis_status status = find_parts(facts, federation, round, fault);
  if (status == TAMIS_OK && bundle_round_is_rebuilt(round))
    status = open_rebuilt(facts, federation, depth, round, fault);
  else if (status == TAMIS_OK && round->plan)
    status = open_planned(facts, federation, round, fault);
  if (status == TAMIS_OK && round->aggregate && !bundle_round_is_rebuilt(round))
    status = open_weights(facts, federation, round, fault);
  if (status == TAMIS_OK) status = check_end(round, fault);
  if (status != TAMIS_OK) bundle_round_close(round);
  return status;
}

enum tamis_status bundle_round_open(const struct bundle_facts *facts, const char *federation,
                                    int64_t number, struct bundle_round *round,
                                    struct fault *fault) {
  return open_to(facts, federation, number, 0, round, fault);
}

void bundle_round_close(struct bundle_round *round) {
  json_decref(round->cohort);
  json_decref(round->judged_list);
  json_decref(round->weighed);
  json_decref(round->judged_at);
  json_decref(round->weighed_at);
  json_decref(round->redone_at);
  *round = (struct bundle_round){.number = round->number};
}
