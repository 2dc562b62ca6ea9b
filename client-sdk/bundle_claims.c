/* Claims in a fixed order: who the clients are, what else the entries tell, then round by round. */
#include "client-sdk/bundle_claims.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "client-sdk/bundle_witness.h"
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
  int64_t *reach; /* owned, ascending: the rounds that its rounds redo, and those that these do */
  size_t reach_count;
};

static int by_number(const void *a, const void *b) {
  int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
  return (first > second) - (first < second);
}

static bool has_round(const int64_t *rounds, size_t count, int64_t round) {
  return count > 0 && bsearch(&round, rounds, count, sizeof round, by_number) != NULL;
}

/* A round is of another one at most once, so there are no more than facts. Two rounds may redo the
 * same one. */
static enum tamis_status find_reach(struct telling *telling) {
  const struct bundle_facts *facts = telling->facts;
  const struct bundle_scope *scope = telling->scope;
  telling->reach = calloc(facts->count + 1, sizeof *telling->reach);
  if (!telling->reach) return fault_plain(telling->fault, TAMIS_NO_MEMORY);
  /* Whoever redoes a round comes after it: backwards, every link is met once. */
  for (size_t i = facts->count; i-- > 0;) {
    const struct bundle_fact *fact = &facts->fact[i];
    if (fact->statement.kind != STATEMENT_REBUILT || !bundle_fact_is_of(fact, scope->federation))
      continue;
    int64_t round = statement_integer(&fact->statement, "round");
    bool is_wanted = has_round(scope->round, scope->round_count, round);
    for (size_t r = 0; r < telling->reach_count && !is_wanted; r++)
      is_wanted = telling->reach[r] == round;
    if (is_wanted)
      telling->reach[telling->reach_count++] = statement_integer(&fact->statement, "of");
  }
  qsort(telling->reach, telling->reach_count, sizeof *telling->reach, by_number);
  return TAMIS_OK;
}

static bool is_reached(const struct telling *telling, int64_t round) {
  return has_round(telling->scope->round, telling->scope->round_count, round) ||
         has_round(telling->reach, telling->reach_count, round);
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

static enum tamis_status tell_identity(struct telling *telling, const struct bundle_fact *fact) {
  const struct bundle_fact *invitation = bundle_facts_invitation(telling->facts, fact);
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
  const char *federation = telling->scope->federation;
  int64_t round;
  if (!bundle_fact_is_of(fact, federation) ||
      !canonical_integer(fact->statement.predicate, "round", &round))
    return is_of_no_round(telling, fact);
  return is_reached(telling, round) ||
         (bundle_round_is_footing(fact->statement.kind) && is_reached(telling, round + 1) &&
          bundle_round_rebuilt(telling->facts, federation, round + 1) != NULL);
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
  case STATEMENT_REBUILT:
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
  if (!round->end && bundle_round_is_rebuilt(round)) return "rebuilt";
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

/* ---- A round that a rebuild made ---- */

static void tell_order(json_t *one, const struct bundle_round *round) {
  json_object_set_new(one, "round", json_integer(round->number));
  json_object_set_new(one, "outcome", json_string(outcome_of(round)));
  json_object_set_new(one, "order", json_integer((json_int_t)round->order->index));
  json_object_set_new(one, "ordered_by", json_string(round->order->signer));
  copy(one, round->order->statement.predicate, "since");
  copy(one, round->order->statement.predicate, "without");
  copy(one, round->order->statement.predicate, "reason");
}

/* That it is approximate, and why, is what the server had to say in its entry. */
static void tell_rebuilt(struct telling *telling, const struct bundle_round *round) {
  const struct bundle_fact *made = round->aggregate;
  json_t *one = about_fact("rebuilt", made);
  tell_order(one, round);
  json_object_set_new(one, "of", json_integer(round->of));
  json_object_set_new(one, "judged", json_integer(round->judged));
  json_object_set_new(one, "base", hex_of(&round->base));
  json_object_set_new(one, "model", hex_of(&made->statement.subject[0]));
  json_object_set_new(one, "approximate",
                      json_string(statement_text(&made->statement, "sentence")));
  copy(one, made->statement.predicate, "rule");
  copy(one, made->statement.predicate, "updates");
  copy(one, round->weighed, "optimiser");
  if (round->end) {
    json_object_set_new(one, "end", json_integer((json_int_t)round->end->index));
    copy(one, round->end->statement.predicate, "sentence");
  }
  claim(telling, one);
  limit(telling, "approximate");
}

/* A file was not there, or the model not finite: it has a number and nothing else. */
static void tell_failed(struct telling *telling, const struct bundle_round *round) {
  json_t *one = about_fact("rebuild-failed", round->end);
  tell_order(one, round);
  copy(one, round->end->statement.predicate, "status");
  copy(one, round->end->statement.predicate, "sentence");
  claim(telling, one);
}

/* What became of an update that counted in the round redone: it counts again, or was left out. */
static void tell_again(struct telling *telling, const struct bundle_round *round,
                       const json_t *before) {
  int64_t index = json_integer_value(json_object_get(before, "index"));
  const json_t *now = bundle_round_element(round->weighed_at, index);
  json_t *one = json_pack("{s:s, s:I, s:I, s:I, s:s}", "claim", now ? "counted-again" : "left-out",
                          "index", (json_int_t)index, "round", (json_int_t)round->number, "of",
                          (json_int_t)round->of, "outcome", outcome_of(round));
  copy(one, before, "client");
  copy(one, before, "update");
  copy(one, now, "weight");
  if (!now) json_object_set_new(one, "order", json_integer((json_int_t)round->order->index));
  claim(telling, one);
}

static void tell_all_again(struct telling *telling, const struct bundle_round *round) {
  const struct bundle_scope *scope = telling->scope;
  json_t *each;
  const char *key, *client;
  if (json_object_size(round->weighed_at) == 0) return; /* passed over, as its sentence says */
  json_object_foreach(round->redone_at, key, each) {
    bool is_asked_for = scope->kind == BUNDLE_ROUND ||
                        (scope->kind == BUNDLE_CLIENT && canonical_text(each, "client", &client) &&
                         strcmp(client, scope->client) == 0);
    if (is_asked_for || (scope->kind == BUNDLE_MODEL && json_object_get(round->weighed_at, key)))
      tell_again(telling, round, each);
  }
}

/* ---- Updates ---- */

static enum tamis_status check_update(const struct telling *telling,
                                      const struct bundle_round *round,
                                      const struct bundle_fact *fact, const json_t *judged) {
  const struct statement *update = &fact->statement;
  struct digest base = statement_digest(update, "base"), named;
  const char *client, *hex;
  if (!digest_equal(&base, &round->plan->statement.subject[0]))
    return bundle_round_refuse(telling->fault, round->number,
                               "an update has another base than the plan");
  if (fact->index < round->plan->index || (round->verdicts && fact->index > round->verdicts->index))
    return bundle_round_refuse(telling->fault, round->number,
                               "an update came when the round was not open");
  if (judged &&
      (!canonical_text(judged, "client", &client) || !canonical_text(judged, "update", &hex) ||
       !digest_from_hex(hex, strlen(hex), &named) || !digest_equal(&named, &update->subject[0]) ||
       strcmp(client, statement_text(update, "client")) != 0))
    return bundle_round_refuse(telling->fault, round->number,
                               "a verdict is about another update than its entry");
  if (round->verdicts && !judged)
    return bundle_round_refuse(telling->fault, round->number,
                               "an update that was in time has no verdict");
  return TAMIS_OK;
}

static enum tamis_status tell_update(struct telling *telling, const struct bundle_round *round,
                                     const struct bundle_fact *fact) {
  const json_t *judged = bundle_round_element(round->judged_at, (int64_t)fact->index);
  const json_t *weighed = bundle_round_element(round->weighed_at, (int64_t)fact->index);
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
      return bundle_round_refuse(telling->fault, round->number,
                                 "an update that was counted is not in it");
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
  json_array_foreach(json_object_get(round->judged_list, "updates"), i, each) {
    if (canonical_text(each, "client", &found) && strcmp(found, client) == 0)
      return bundle_round_refuse(telling->fault, round->number,
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
  bool is_asked_for = has_round(scope->round, scope->round_count, round->number);
  switch (scope->kind) {
  case BUNDLE_ROUND: return check_all_there(telling, round, round->judged_list);
  case BUNDLE_MODEL:
    return is_asked_for ? check_all_there(telling, round, round->weighed) : TAMIS_OK;
  default: return told > 0 ? TAMIS_OK : tell_absence(telling, round);
  }
}

static enum tamis_status tell_model(struct telling *telling, const struct bundle_round *round) {
  bool is_made = bundle_round_is_rebuilt(round) ||
                 (round->end && round->end->statement.kind == STATEMENT_PROMOTE);
  return is_made ? TAMIS_OK
                 : bundle_round_refuse(telling->fault, round->number, "no model was promoted");
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
  return bundle_round_refuse(telling->fault, 0, "the federation's beginning is not in it");
}

/* A manifest that the maker could not read is no more than its digest. */
static enum tamis_status tell_witnesses(struct telling *telling, const struct bundle_round *round) {
  const struct bundle_fact *entry;
  json_t *clients;
  enum tamis_status status = bundle_witnesses_check(telling->facts, telling->scope->federation,
                                                    round, &entry, &clients, telling->fault);
  if (status != TAMIS_OK || !entry) return status;
  if (!clients) {
    limit(telling, "witnesses");
    return TAMIS_OK;
  }
  json_t *one = about_fact("witnessed", entry);
  copy(one, entry->statement.predicate, "round");
  copy(one, entry->statement.predicate, "size");
  copy(one, entry->statement.predicate, "organisations");
  json_object_set_new(one, "clients", clients);
  claim(telling, one);
  return TAMIS_OK;
}

static enum tamis_status tell_planned(struct telling *telling, const struct bundle_round *round) {
  tell_round(telling, round);
  if (round->aggregate) limit(telling, "not-recomputed");
  enum tamis_status status = tell_witnesses(telling, round);
  return status == TAMIS_OK ? tell_updates(telling, round) : status;
}

/* Who counts is told of the rounds that the bundle is about, not of those between. */
static enum tamis_status tell_remade(struct telling *telling, const struct bundle_round *round) {
  const struct bundle_scope *scope = telling->scope;
  tell_rebuilt(telling, round);
  limit(telling, "not-recomputed");
  if (!has_round(scope->round, scope->round_count, round->number)) return TAMIS_OK;
  tell_all_again(telling, round);
  return scope->kind == BUNDLE_MODEL ? check_all_there(telling, round, round->weighed) : TAMIS_OK;
}

static enum tamis_status tell_one(struct telling *telling, int64_t number) {
  const struct bundle_scope *scope = telling->scope;
  struct bundle_round round;
  if (number == 0) return tell_first_model(telling);
  enum tamis_status status =
      bundle_round_open(telling->facts, scope->federation, number, &round, telling->fault);
  if (status != TAMIS_OK) return status;
  if (bundle_round_is_rebuilt(&round))
    status = tell_remade(telling, &round);
  else if (round.plan)
    status = tell_planned(telling, &round);
  else
    tell_failed(telling, &round);
  if (status == TAMIS_OK && scope->kind == BUNDLE_MODEL &&
      has_round(scope->round, scope->round_count, number))
    status = tell_model(telling, &round);
  if (round.verdicts) {
    struct digest gram = statement_digest(&round.verdicts->statement, "gram");
    if (!bundle_blob_find(telling->facts->bundle, &gram)) limit(telling, "no-gram");
  }
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

static enum tamis_status tell_cosigners(struct telling *telling) {
  json_t *clients;
  int64_t organisations;
  enum tamis_status status =
      bundle_cosigners_check(telling->facts, &clients, &organisations, telling->fault);
  if (status != TAMIS_OK) return status;
  if (json_array_size(clients) > 0)
    claim(telling, json_pack("{s:s, s:I, s:I, s:O}", "claim", "cosigned", "size",
                             (json_int_t)telling->facts->checkpoint.size, "organisations",
                             (json_int_t)organisations, "clients", clients));
  json_decref(clients);
  return status;
}

static enum tamis_status tell_all(struct telling *telling) {
  const struct bundle_scope *scope = telling->scope;
  enum tamis_status status = check_creation(telling);
  if (status == TAMIS_OK) status = find_reach(telling);
  if (status == TAMIS_OK) status = tell_the_rest(telling);
  for (size_t i = 0; status == TAMIS_OK && i < telling->reach_count; i++) {
    bool is_told = (i > 0 && telling->reach[i] == telling->reach[i - 1]) ||
                   has_round(scope->round, scope->round_count, telling->reach[i]);
    if (!is_told) status = tell_one(telling, telling->reach[i]);
  }
  for (size_t i = 0; status == TAMIS_OK && i < scope->round_count; i++)
    status = tell_one(telling, scope->round[i]);
  if (status == TAMIS_OK) status = tell_cosigners(telling);
  limit(telling, "absence");
  return status;
}

enum tamis_status bundle_claims_write(const struct bundle_facts *facts,
                                      const struct bundle_scope *scope, char **text, size_t *length,
                                      struct fault *fault) {
  json_t *about = about_scope(facts, scope);
  struct telling telling = {facts, scope, json_array(), json_array(), fault, NULL, 0};
  enum tamis_status status = tell_all(&telling);
  free(telling.reach);
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
