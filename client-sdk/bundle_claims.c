/* Claims in a fixed order: who the clients are, what else the entries tell, then round by round. */
#include "client-sdk/bundle_claims.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"

static const char *const kinds[] = {"round", "client", "model"};
static const char format[] = "tamis-bundle/v1";

const char *bundle_kind_name(enum bundle_kind kind) {
  return kinds[kind];
}

void bundle_scope_close(struct bundle_scope *scope) {
  free(scope->round);
  scope->round = NULL;
}

struct telling {
  const struct bundle_facts *facts;
  const struct bundle_scope *scope;
  json_t *claims, *limits;
  struct fault *fault;
};

static enum tamis_status refuse(struct fault *fault, int64_t round, const char *what) {
  return fault_set(fault, TAMIS_BAD_PROOF, "the bundle does not add up: in round %" PRId64 " %s",
                   round, what);
}

/* ---- A round ---- */

static const struct bundle_fact **place_of(struct bundle_round *round, enum statement_kind kind) {
  switch (kind) {
  case STATEMENT_ROUND_OPEN: return &round->plan;
  case STATEMENT_VERDICTS: return &round->verdicts;
  case STATEMENT_AGGREGATE: return &round->aggregate;
  case STATEMENT_PROMOTE:
  case STATEMENT_HOLD:
  case STATEMENT_ABANDON: return &round->end;
  default: return NULL;
  }
}

static enum tamis_status find_parts(const struct bundle_facts *facts, const char *federation,
                                    struct bundle_round *round, struct fault *fault) {
  for (size_t i = 0; i < facts->count; i++) {
    const struct bundle_fact *fact = &facts->fact[i];
    const struct bundle_fact **place = place_of(round, fact->statement.kind);
    if (!place || !bundle_fact_is_in(fact, federation, round->number)) continue;
    if (*place) return refuse(fault, round->number, "one thing is decided twice");
    if (fact->statement.kind != STATEMENT_ROUND_OPEN && !round->plan)
      return refuse(fault, round->number, "something is decided before its plan");
    *place = fact;
  }
  if (!round->plan) return refuse(fault, round->number, "there is no plan");
  bool in_order =
      (!round->aggregate || round->verdicts) &&
      (!round->verdicts || !round->aggregate || round->verdicts->index < round->aggregate->index) &&
      (!round->end || !round->aggregate || round->aggregate->index < round->end->index);
  return in_order ? TAMIS_OK : refuse(fault, round->number, "the decisions are not in order");
}

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
  const json_t *updates = json_object_get(round->judged, "updates");
  size_t sum = 0;
  for (size_t i = 0; i < 4; i++) {
    size_t count = count_verdicts(updates, words[i][0]);
    if ((int64_t)count != statement_integer(&round->verdicts->statement, words[i][1]))
      return refuse(fault, round->number, "the verdicts are not as many as their entry says");
    sum += count;
  }
  if (!round->judged_at) return refuse(fault, round->number, "an update is judged twice");
  return sum == json_array_size(updates)
             ? TAMIS_OK
             : refuse(fault, round->number, "a verdict is none of the four");
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

/* The element about that entry; NULL for none. */
static json_t *element_of(const json_t *all, int64_t index) {
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
    return refuse(fault, round->number, "the weights are not as many as their entry says");
  if (!canonical_text(round->weighed, "gram", &gram) ||
      !digest_from_hex(gram, strlen(gram), &digest) || !digest_equal(&digest, &judged))
    return refuse(fault, round->number, "weights and verdicts name different Gram matrices");
  if (!round->weighed_at) return refuse(fault, round->number, "an update is weighed twice");
  json_array_foreach(updates, i, each) {
    int64_t index;
    double weight;
    const json_t *seen =
        canonical_integer(each, "index", &index) ? element_of(round->judged_at, index) : NULL;
    if (!seen || !same_text(each, seen, "client") || !same_text(each, seen, "update") ||
        !canonical_double(each, "weight", &weight))
      return refuse(fault, round->number, "a weight is of no update that was judged");
    if (!canonical_text(seen, "verdict", &verdict) ||
        (strcmp(verdict, "accept") != 0 && strcmp(verdict, "clip") != 0))
      return refuse(fault, round->number, "an update that was not accepted has a weight");
  }
  return TAMIS_OK;
}

static enum tamis_status check_end(const struct bundle_round *round, struct fault *fault) {
  if (!round->end || round->end->statement.kind != STATEMENT_PROMOTE) return TAMIS_OK;
  if (!round->aggregate ||
      !digest_equal(&round->aggregate->statement.subject[0], &round->end->statement.subject[0]))
    return refuse(fault, round->number, "another model is promoted than was aggregated");
  return TAMIS_OK;
}

enum tamis_status bundle_round_open(const struct bundle_facts *facts, const char *federation,
                                    int64_t number, struct bundle_round *round,
                                    struct fault *fault) {
  struct digest digest;
  *round = (struct bundle_round){.number = number};
  enum tamis_status status = find_parts(facts, federation, round, fault);
  if (status == TAMIS_OK) {
    digest = statement_digest(&round->plan->statement, "cohort");
    status = bundle_facts_manifest(facts, &digest, federation, number, &round->cohort, fault);
  }
  if (status == TAMIS_OK && (int64_t)json_array_size(json_object_get(round->cohort, "clients")) !=
                                statement_integer(&round->plan->statement, "selected"))
    status = refuse(fault, number, "the cohort is not as many as the plan says");
  if (status == TAMIS_OK && round->verdicts) {
    digest = round->verdicts->statement.subject[0];
    status = bundle_facts_manifest(facts, &digest, federation, number, &round->judged, fault);
    round->judged_at = by_index(round->judged);
    if (status == TAMIS_OK) status = check_judged(round, fault);
  }
  if (status == TAMIS_OK && round->aggregate) {
    digest = round->aggregate->statement.subject[1];
    status = bundle_facts_manifest(facts, &digest, federation, number, &round->weighed, fault);
    round->weighed_at = by_index(round->weighed);
    if (status == TAMIS_OK) status = check_weighed(round, fault);
  }
  if (status == TAMIS_OK) status = check_end(round, fault);
  if (status != TAMIS_OK) bundle_round_close(round);
  return status;
}

void bundle_round_close(struct bundle_round *round) {
  json_decref(round->cohort);
  json_decref(round->judged);
  json_decref(round->weighed);
  json_decref(round->judged_at);
  json_decref(round->weighed_at);
  round->cohort = round->judged = round->weighed = round->judged_at = round->weighed_at = NULL;
}

/* ---- Claims ---- */

static void claim(struct telling *telling, json_t *claim) {
  json_array_append_new(telling->claims, claim);
}

static void limit(struct telling *telling, const char *word) {
  size_t i;
  json_t *each;
  json_array_foreach(telling->limits, i, each) {
    if (strcmp(json_string_value(each), word) == 0) return;
  }
  json_array_append_new(telling->limits, json_string(word));
}

static json_t *hex_of(const struct digest *digest) {
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(digest, hex);
  return json_string(hex);
}

/* Copies a field that a statement or a manifest has; leaves out one that it has not. */
static void copy(json_t *into, const json_t *from, const char *key) {
  json_t *value = json_object_get(from, key);
  if (value) json_object_set(into, key, value);
}

static json_t *about_fact(const char *word, const struct bundle_fact *fact) {
  return json_pack("{s:s, s:I}", "claim", word, "index", (json_int_t)fact->index);
}

/* The invitation whose token the enrolment spent. */
static const struct bundle_fact *invitation_of(const struct bundle_facts *facts,
                                               const struct bundle_fact *enrolment) {
  struct digest token = statement_digest(&enrolment->statement, "token");
  for (size_t i = 0; i < facts->count && facts->fact[i].index < enrolment->index; i++) {
    const struct bundle_fact *fact = &facts->fact[i];
    if (fact->statement.kind == STATEMENT_CLIENT_INVITE &&
        digest_equal(&fact->statement.subject[0], &token) &&
        strcmp(bundle_fact_client(fact), bundle_fact_client(enrolment)) == 0)
      return fact;
  }
  return NULL;
}

static enum tamis_status tell_identity(struct telling *telling, const struct bundle_fact *fact) {
  const struct bundle_fact *invitation = invitation_of(telling->facts, fact);
  if (!invitation)
    return fault_set(telling->fault, TAMIS_BAD_PROOF,
                     "the bundle does not add up: entry %" PRIu64
                     " enrols a key by an invitation that is not in it",
                     fact->index);
  json_t *one = about_fact("identity", fact);
  copy(one, fact->statement.predicate, "client");
  copy(one, fact->statement.predicate, "key");
  copy(one, invitation->statement.predicate, "organisation");
  json_object_set_new(one, "invited", json_integer((json_int_t)invitation->index));
  json_object_set_new(one, "invited_by", json_string(invitation->signer));
  claim(telling, one);
  return TAMIS_OK;
}

/* Entries that a scope may have beside those of its rounds. */
static bool is_of_no_round(const struct telling *telling, const struct bundle_fact *fact) {
  int64_t round;
  switch (fact->statement.kind) {
  case STATEMENT_GENESIS:
  case STATEMENT_CLIENT_INVITE:
  case STATEMENT_KEY_ENROL:
  case STATEMENT_KEY_REVOKE: return true;
  default:
    return bundle_fact_is_of(fact, telling->scope->federation) &&
           !canonical_integer(fact->statement.predicate, "round", &round);
  }
}

static bool is_in_scope(const struct telling *telling, const struct bundle_fact *fact) {
  const struct bundle_scope *scope = telling->scope;
  for (size_t i = 0; i < scope->round_count; i++)
    if (bundle_fact_is_in(fact, scope->federation, scope->round[i])) return true;
  return is_of_no_round(telling, fact);
}

/* What is told elsewhere or goes without saying. */
static bool is_told_with_its_round(enum statement_kind kind) {
  switch (kind) {
  case STATEMENT_GENESIS:
  case STATEMENT_CLIENT_INVITE:
  case STATEMENT_KEY_ENROL:
  case STATEMENT_FEDERATION_CREATE:
  case STATEMENT_ROUND_OPEN:
  case STATEMENT_UPDATE:
  case STATEMENT_REFUSAL:
  case STATEMENT_VERDICTS:
  case STATEMENT_AGGREGATE:
  case STATEMENT_PROMOTE:
  case STATEMENT_HOLD:
  case STATEMENT_ABANDON: return true;
  default: return false;
  }
}

static enum tamis_status tell_the_rest(struct telling *telling) {
  enum tamis_status status = TAMIS_OK;
  for (size_t i = 0; status == TAMIS_OK && i < telling->facts->count; i++) {
    const struct bundle_fact *fact = &telling->facts->fact[i];
    if (!is_in_scope(telling, fact))
      return fault_set(telling->fault, TAMIS_BAD_PROOF,
                       "the bundle does not add up: entry %" PRIu64
                       " is about something else than the bundle",
                       fact->index);
    if (fact->statement.kind == STATEMENT_KEY_ENROL) status = tell_identity(telling, fact);
    if (is_told_with_its_round(fact->statement.kind)) continue;
    json_t *one = about_fact("entry", fact);
    json_object_set_new(one, "kind", json_string(statement_kind_name(fact->statement.kind)));
    claim(telling, one);
  }
  return status;
}

static const char *outcome_of(const struct bundle_round *round) {
  if (!round->end) return round->aggregate ? "aggregated" : round->verdicts ? "judged" : "open";
  switch (round->end->statement.kind) {
  case STATEMENT_PROMOTE: return "promoted";
  case STATEMENT_HOLD: return "held";
  default: return "abandoned";
  }
}

static void tell_round(struct telling *telling, const struct bundle_round *round) {
  static const char *const counts[] = {"accepted", "clipped", "held", "rejected"};
  json_t *one = about_fact("round", round->end ? round->end : round->plan);
  json_object_set_new(one, "round", json_integer(round->number));
  json_object_set_new(one, "plan", json_integer((json_int_t)round->plan->index));
  json_object_set_new(one, "outcome", json_string(outcome_of(round)));
  json_object_set_new(one, "base", hex_of(&round->plan->statement.subject[0]));
  copy(one, round->plan->statement.predicate, "rule");
  copy(one, round->plan->statement.predicate, "optimiser");
  copy(one, round->plan->statement.predicate, "selected");
  if (round->aggregate)
    json_object_set_new(one, "model", hex_of(&round->aggregate->statement.subject[0]));
  for (size_t i = 0; round->verdicts && i < 4; i++)
    copy(one, round->verdicts->statement.predicate, counts[i]);
  if (round->end) {
    copy(one, round->end->statement.predicate, "status");
    copy(one, round->end->statement.predicate, "sentence");
  }
  claim(telling, one);
}

static enum tamis_status check_update(const struct telling *telling,
                                      const struct bundle_round *round,
                                      const struct bundle_fact *fact, const json_t *judged) {
  const struct statement *update = &fact->statement;
  struct digest base = statement_digest(update, "base"), named;
  const char *client, *hex;
  if (!digest_equal(&base, &round->plan->statement.subject[0]))
    return refuse(telling->fault, round->number, "an update has another base than the plan");
  if (fact->index < round->plan->index || (round->verdicts && fact->index > round->verdicts->index))
    return refuse(telling->fault, round->number, "an update came when the round was not open");
  if (judged &&
      (!canonical_text(judged, "client", &client) || !canonical_text(judged, "update", &hex) ||
       !digest_from_hex(hex, strlen(hex), &named) || !digest_equal(&named, &update->subject[0]) ||
       strcmp(client, statement_text(update, "client")) != 0))
    return refuse(telling->fault, round->number,
                  "a verdict is about another update than its entry");
  if (round->verdicts && !judged)
    return refuse(telling->fault, round->number, "an update that was in time has no verdict");
  return TAMIS_OK;
}

static enum tamis_status tell_update(struct telling *telling, const struct bundle_round *round,
                                     const struct bundle_fact *fact) {
  const json_t *judged = element_of(round->judged_at, (int64_t)fact->index);
  const json_t *weighed = element_of(round->weighed_at, (int64_t)fact->index);
  enum tamis_status status = check_update(telling, round, fact, judged);
  if (status != TAMIS_OK) return status;
  json_t *one = about_fact("update", fact);
  json_object_set_new(one, "round", json_integer(round->number));
  json_object_set_new(one, "update", hex_of(&fact->statement.subject[0]));
  copy(one, fact->statement.predicate, "client");
  copy(one, judged, "verdict");
  copy(one, judged, "sentence");
  copy(one, judged, "risk");
  copy(one, weighed, "weight");
  json_object_set_new(one, "outcome", json_string(outcome_of(round)));
  claim(telling, one);
  return TAMIS_OK;
}

static void tell_refusal(struct telling *telling, const struct bundle_round *round,
                         const struct bundle_fact *fact) {
  json_t *one = about_fact("refusal", fact);
  json_object_set_new(one, "round", json_integer(round->number));
  json_object_set_new(one, "update", hex_of(&fact->statement.subject[0]));
  copy(one, fact->statement.predicate, "client");
  copy(one, fact->statement.predicate, "status");
  copy(one, fact->statement.predicate, "sentence");
  copy(one, fact->statement.predicate, "statement");
  claim(telling, one);
}

static int by_place(const void *index, const void *fact) {
  int64_t wanted = *(const int64_t *)index,
          found = (int64_t)((const struct bundle_fact *)fact)->index;
  return (wanted > found) - (wanted < found);
}

/* Every element of a manifest has its entry in the bundle. */
static enum tamis_status check_all_there(const struct telling *telling,
                                         const struct bundle_round *round, const json_t *manifest) {
  const struct bundle_facts *facts = telling->facts;
  size_t i;
  json_t *each;
  json_array_foreach(json_object_get(manifest, "updates"), i, each) {
    int64_t index = -1;
    canonical_integer(each, "index", &index);
    const struct bundle_fact *fact =
        bsearch(&index, facts->fact, facts->count, sizeof *facts->fact, by_place);
    if (!fact || fact->statement.kind != STATEMENT_UPDATE)
      return refuse(telling->fault, round->number, "an update that was counted is not in it");
  }
  return TAMIS_OK;
}

static bool was_selected(const struct bundle_round *round, const char *client) {
  size_t i;
  json_t *each;
  json_array_foreach(json_object_get(round->cohort, "clients"), i, each) {
    if (json_is_string(each) && strcmp(json_string_value(each), client) == 0) return true;
  }
  return false;
}

/* The verdicts list every update of the round: one that is in them must be in the bundle. */
static enum tamis_status tell_absence(struct telling *telling, const struct bundle_round *round) {
  const char *client = telling->scope->client, *found;
  size_t i;
  json_t *each;
  json_array_foreach(json_object_get(round->judged, "updates"), i, each) {
    if (canonical_text(each, "client", &found) && strcmp(found, client) == 0)
      return refuse(telling->fault, round->number,
                    "the client's update was judged and is not in it");
  }
  const char *word = was_selected(round, client) ? "silent" : "not-selected";
  claim(telling, json_pack("{s:s, s:s, s:I, s:s, s:b}", "claim", word, "client", client, "round",
                           (json_int_t)round->number, "outcome", outcome_of(round), "judged",
                           round->verdicts != NULL));
  return TAMIS_OK;
}

static enum tamis_status tell_updates(struct telling *telling, const struct bundle_round *round) {
  const struct bundle_scope *scope = telling->scope;
  enum tamis_status status = TAMIS_OK;
  size_t told = 0;
  for (size_t i = 0; status == TAMIS_OK && i < telling->facts->count; i++) {
    const struct bundle_fact *fact = &telling->facts->fact[i];
    if (!bundle_fact_is_in(fact, scope->federation, round->number)) continue;
    bool is_update = fact->statement.kind == STATEMENT_UPDATE;
    if (!is_update && fact->statement.kind != STATEMENT_REFUSAL) continue;
    if (is_update)
      status = tell_update(telling, round, fact);
    else
      tell_refusal(telling, round, fact);
    told += *scope->client == '\0' || strcmp(bundle_fact_client(fact), scope->client) == 0;
  }
  if (status != TAMIS_OK) return status;
  switch (scope->kind) {
  case BUNDLE_ROUND: return check_all_there(telling, round, round->judged);
  case BUNDLE_MODEL: return check_all_there(telling, round, round->weighed);
  default: return told > 0 ? TAMIS_OK : tell_absence(telling, round);
  }
}

static enum tamis_status tell_model(struct telling *telling, const struct bundle_round *round) {
  if (!round->end || round->end->statement.kind != STATEMENT_PROMOTE)
    return refuse(telling->fault, round->number, "no model was promoted");
  return TAMIS_OK;
}

/* The first model was made by nobody here: the operator brought it. */
static enum tamis_status tell_first_model(struct telling *telling) {
  for (size_t i = 0; i < telling->facts->count; i++) {
    const struct bundle_fact *fact = &telling->facts->fact[i];
    if (fact->statement.kind != STATEMENT_FEDERATION_CREATE) continue;
    json_t *one = about_fact("first-model", fact);
    json_object_set_new(one, "model", hex_of(&fact->statement.subject[0]));
    json_object_set_new(one, "signer", json_string(fact->signer));
    claim(telling, one);
    return TAMIS_OK;
  }
  return refuse(telling->fault, 0, "the federation's beginning is not in it");
}

static bool has_witnesses(const struct telling *telling, int64_t number) {
  for (size_t i = 0; i < telling->facts->count; i++) {
    const struct bundle_fact *fact = &telling->facts->fact[i];
    if (fact->statement.kind == STATEMENT_WITNESSED &&
        bundle_fact_is_in(fact, telling->scope->federation, number))
      return true;
  }
  return false;
}

static enum tamis_status tell_one(struct telling *telling, int64_t number) {
  struct bundle_round round;
  if (number == 0) return tell_first_model(telling);
  enum tamis_status status =
      bundle_round_open(telling->facts, telling->scope->federation, number, &round, telling->fault);
  if (status != TAMIS_OK) return status;
  tell_round(telling, &round);
  status = tell_updates(telling, &round);
  if (status == TAMIS_OK && telling->scope->kind == BUNDLE_MODEL)
    status = tell_model(telling, &round);
  if (round.verdicts) {
    struct digest gram = statement_digest(&round.verdicts->statement, "gram");
    if (!bundle_blob_find(telling->facts->bundle, &gram)) limit(telling, "no-gram");
  }
  if (round.aggregate) limit(telling, "not-recomputed");
  if (has_witnesses(telling, number)) limit(telling, "witnesses");
  bundle_round_close(&round);
  return status;
}

static enum tamis_status check_creation(const struct telling *telling) {
  for (size_t i = 0; i < telling->facts->count; i++)
    if (telling->facts->fact[i].statement.kind == STATEMENT_FEDERATION_CREATE) return TAMIS_OK;
  return fault_set(telling->fault, TAMIS_BAD_PROOF,
                   "the bundle does not add up: it lacks the entry that created %s",
                   telling->scope->federation);
}

static json_t *about_scope(const struct bundle_facts *facts, const struct bundle_scope *scope) {
  struct digest readme = digest_of(facts->bundle->readme.bytes, facts->bundle->readme.length);
  json_t *rounds = json_array();
  for (size_t i = 0; i < scope->round_count; i++)
    json_array_append_new(rounds, json_integer(scope->round[i]));
  json_t *about =
      json_pack("{s:s, s:s, s:s, s:o, s:o, s:{s:s, s:I, s:o}}", "format", format, "kind",
                kinds[scope->kind], "federation", scope->federation, "rounds", rounds, "readme",
                hex_of(&readme), "log", "origin", facts->checkpoint.origin, "size",
                (json_int_t)facts->checkpoint.size, "root", hex_of(&facts->checkpoint.root));
  if (*scope->client != '\0') json_object_set_new(about, "client", json_string(scope->client));
  return about;
}

static enum tamis_status tell_all(struct telling *telling) {
  enum tamis_status status = check_creation(telling);
  if (status == TAMIS_OK) status = tell_the_rest(telling);
  for (size_t i = 0; status == TAMIS_OK && i < telling->scope->round_count; i++)
    status = tell_one(telling, telling->scope->round[i]);
  limit(telling, "absence");
  return status;
}

enum tamis_status bundle_claims_write(const struct bundle_facts *facts,
                                      const struct bundle_scope *scope, char **text, size_t *length,
                                      struct fault *fault) {
  json_t *about = about_scope(facts, scope);
  struct telling telling = {facts, scope, json_array(), json_array(), fault};
  enum tamis_status status = tell_all(&telling);
  json_object_set_new(about, "claims", telling.claims);
  json_object_set_new(about, "limits", telling.limits);
  if (status == TAMIS_OK) status = canonical_encode(about, text, length, fault);
  json_decref(about);
  return status;
}

/* ---- Checking ---- */

static bool read_name(const json_t *about, const char *key, char name[TEXT_NAME_MAX + 1]) {
  const char *text;
  if (!canonical_text(about, key, &text) || !text_is_name(text, strlen(text))) return false;
  memcpy(name, text, strlen(text) + 1);
  return true;
}

static bool read_kind(const json_t *about, struct bundle_scope *scope) {
  const char *kind;
  if (!canonical_text(about, "kind", &kind)) return false;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(kind, kinds[i]) != 0) continue;
    scope->kind = (enum bundle_kind)i;
    return true;
  }
  return false;
}

static bool read_rounds(const json_t *about, struct bundle_scope *scope) {
  const json_t *rounds = json_object_get(about, "rounds");
  size_t count = json_array_size(rounds);
  if (!json_is_array(rounds) || (scope->kind != BUNDLE_CLIENT && count != 1)) return false;
  scope->round = calloc(count + 1, sizeof *scope->round);
  if (!scope->round) return false;
  for (size_t i = 0; i < count; i++) {
    const json_t *each = json_array_get(rounds, i);
    int64_t round = json_integer_value(each), least = scope->kind == BUNDLE_MODEL ? 0 : 1;
    if (!json_is_integer(each) || round < least || (i > 0 && round <= scope->round[i - 1]))
      return false;
    scope->round[i] = round;
  }
  scope->round_count = count;
  return true;
}

static bool read_scope(const json_t *about, struct bundle_scope *scope) {
  const char *found;
  if (!canonical_text(about, "format", &found) || strcmp(found, format) != 0 ||
      !read_kind(about, scope) || !read_name(about, "federation", scope->federation))
    return false;
  if (scope->kind == BUNDLE_CLIENT && !read_name(about, "client", scope->client)) return false;
  return read_rounds(about, scope);
}

enum tamis_status bundle_claims_check(const struct bundle_facts *facts, struct bundle_scope *scope,
                                      json_t **about, struct fault *fault) {
  const struct bundle_text *said = &facts->bundle->about;
  char *text = NULL;
  size_t length = 0;
  *scope = (struct bundle_scope){.kind = BUNDLE_ROUND};
  *about = NULL;
  enum tamis_status status = canonical_decode(said->bytes, said->length, about, fault);
  if (status == TAMIS_OK && !read_scope(*about, scope))
    status = fault_set(fault, TAMIS_BAD_REQUEST, "bundle.json does not say what it is about");
  if (status == TAMIS_OK) status = bundle_claims_write(facts, scope, &text, &length, fault);
  if (status == TAMIS_OK && (length != said->length || memcmp(text, said->bytes, length) != 0))
    status = fault_set(fault, TAMIS_BAD_PROOF,
                       "the bundle does not verify: bundle.json claims what does not follow from "
                       "its entries");
  free(text);
  if (status != TAMIS_OK) {
    json_decref(*about);
    *about = NULL;
    bundle_scope_close(scope);
  }
  return status;
}
