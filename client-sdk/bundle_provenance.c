/* The statement is a function of the entries, so to check one is to write it again. */
#include "client-sdk/bundle_provenance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "proto/canonical.h"
#include "proto/envelope.h"

bool bundle_provenance_is_due(const struct bundle_scope *scope) {
  return scope->kind == BUNDLE_MODEL && scope->round_count == 1 && scope->round[0] > 0;
}

/* {"digest":{"sha256":...},"name":...}: an in-toto resource descriptor. */
static json_t *resource(const char *name, const struct digest *digest) {
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(digest, hex);
  return json_pack("{s:s, s:{s:s}}", "name", name, "digest", "sha256", hex);
}

static json_t *resource_of_update(const json_t *weighed) {
  return json_pack("{s:s, s:{s:O}, s:{s:O, s:O, s:O}}", "name", "update", "digest", "sha256",
                   json_object_get(weighed, "update"), "annotations", "client",
                   json_object_get(weighed, "client"), "index", json_object_get(weighed, "index"),
                   "weight", json_object_get(weighed, "weight"));
}

static json_t *dependencies(const struct bundle_round *round) {
  json_t *list = json_array(), *each;
  size_t i;
  json_array_append_new(list, resource("base", &round->base));
  json_array_foreach(json_object_get(round->weighed, "updates"), i, each)
      json_array_append_new(list, resource_of_update(each));
  return list;
}

static json_t *parameters(const struct bundle_round *round) {
  const struct statement *plan = &round->plan->statement;
  json_t *list =
      json_pack("{s:s, s:I, s:s}", "federation", statement_text(plan, "federation"), "round",
                (json_int_t)round->number, "rule", statement_text(plan, "rule"));
  if (*statement_optional(plan, "optimiser") != '\0')
    json_object_set_new(list, "optimiser", json_string(statement_optional(plan, "optimiser")));
  return list;
}

/* "rebuilt of round 4 without c05, c06": what the operator's order made of the round. Names are at
 * most as many and as long as a `rebuild` may have. */
static json_t *rebuilding(const struct bundle_round *round) {
  const struct statement *order = &round->order->statement;
  char text[64 * (TEXT_NAME_MAX + 2) + 64];
  json_t *each;
  size_t i;
  int used = snprintf(text, sizeof text, "rebuilt of round %" PRId64 " without", round->of);
  json_array_foreach(json_object_get(order->predicate, "without"), i, each) used +=
      snprintf(text + used, sizeof text - (size_t)used, "%s%s", i == 0 ? " " : ", ",
               json_string_value(each));
  return json_pack("{s:s, s:I, s:I, s:I, s:s, s:s, s:O, s:s}", "rebuilt", text, "of",
                   (json_int_t)round->of, "since", (json_int_t)statement_integer(order, "since"),
                   "order", (json_int_t)round->order->index, "orderedBy", round->order->signer,
                   "reason", statement_text(order, "reason"), "without",
                   json_object_get(order->predicate, "without"), "approximate",
                   statement_text(&round->aggregate->statement, "sentence"));
}

static json_t *byproducts(const struct bundle_round *round) {
  struct digest gram = statement_digest(&round->verdicts->statement, "gram");
  json_t *list = json_array();
  json_array_append_new(list, resource("verdicts", &round->verdicts->statement.subject[0]));
  json_array_append_new(list, resource("gram", &gram));
  json_array_append_new(list, resource("weights", &round->aggregate->statement.subject[1]));
  return list;
}

/* RFC 3339 in UTC, as SLSA wants it. */
static json_t *timestamp(int64_t milliseconds) {
  char text[64];
  struct tm utc;
  time_t seconds = (time_t)(milliseconds / 1000);
  if (!gmtime_r(&seconds, &utc) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
    snprintf(text, sizeof text, "1970-01-01T00:00:00Z");
  return json_string(text);
}

static json_t *definition(const struct bundle_facts *facts, const struct bundle_round *round) {
  bool is_rebuilt = bundle_round_is_rebuilt(round);
  char type[KEY_NAME_SIZE + 32];
  snprintf(type, sizeof type, "https://%s/%s/v1", facts->log_key.name,
           is_rebuilt ? "rebuild" : "aggregate");
  json_t *made = json_pack("{s:s, s:o, s:o}", "buildType", type, "externalParameters",
                           parameters(round), "resolvedDependencies", dependencies(round));
  if (is_rebuilt) json_object_set_new(made, "internalParameters", rebuilding(round));
  return made;
}

/* A rebuilt round was not planned, so nothing says when it began. */
static json_t *metadata(const struct bundle_facts *facts, const struct bundle_round *round) {
  bool is_rebuilt = bundle_round_is_rebuilt(round);
  const struct bundle_fact *last = is_rebuilt ? round->aggregate : round->end;
  char call[KEY_NAME_SIZE + 64];
  snprintf(call, sizeof call, "https://%s/entry/%" PRIu64, facts->log_key.name,
           round->aggregate->index);
  json_t *data = json_pack("{s:s, s:o}", "invocationId", call, "finishedOn",
                           timestamp(statement_integer(&last->statement, "at_ms")));
  if (!is_rebuilt)
    json_object_set_new(data, "startedOn",
                        timestamp(statement_integer(&round->plan->statement, "opened_at_ms")));
  return data;
}

static json_t *predicate_of(const struct bundle_facts *facts, const struct bundle_round *round) {
  char builder[KEY_VKEY_SIZE];
  key_vkey_write(&facts->aggregator, builder);
  return json_pack("{s:o, s:{s:{s:s}, s:o, s:o}}", "buildDefinition", definition(facts, round),
                   "runDetails", "builder", "id", builder, "metadata", metadata(facts, round),
                   "byproducts", byproducts(round));
}

static enum tamis_status statement_of(const struct bundle_facts *facts,
                                      const struct bundle_scope *scope, char **text, size_t *length,
                                      struct fault *fault) {
  struct bundle_round round;
  char name[TEXT_NAME_MAX + 40];
  enum tamis_status status =
      bundle_round_open(facts, scope->federation, scope->round[0], &round, fault);
  if (status != TAMIS_OK) return status;
  if (!bundle_round_is_rebuilt(&round) &&
      (!round.end || round.end->statement.kind != STATEMENT_PROMOTE)) {
    bundle_round_close(&round);
    return fault_set(fault, TAMIS_BAD_PROOF, "round %" PRId64 " promoted no model", round.number);
  }
  snprintf(name, sizeof name, "%s/round/%" PRId64, scope->federation, round.number);
  json_t *root = json_pack("{s:s, s:s, s:[o], s:o}", "_type", "https://in-toto.io/Statement/v1",
                           "predicateType", "https://slsa.dev/provenance/v1", "subject",
                           resource(name, &round.aggregate->statement.subject[0]), "predicate",
                           predicate_of(facts, &round));
  status = root ? canonical_encode(root, text, length, fault)
                : fault_set(fault, TAMIS_BAD_PROOF, "the weights of round %" PRId64 " lack a field",
                            round.number);
  json_decref(root);
  bundle_round_close(&round);
  return status;
}

enum tamis_status bundle_provenance_write(const struct bundle_facts *facts,
                                          const struct bundle_scope *scope,
                                          const struct secret_key *operator, char ** text,
                                          size_t *length, struct fault *fault) {
  char *statement = NULL;
  size_t statement_length;
  enum tamis_status status = statement_of(facts, scope, &statement, &statement_length, fault);
  if (status != TAMIS_OK || operator== NULL) {
    *text = statement;
    *length = statement_length;
    return status;
  }
  status = envelope_sign_within(CANONICAL_SIZE_MAX, statement, statement_length, operator, text,
                                length, fault);
  free(statement);
  return status;
}

/* ---- Checking ---- */

static enum tamis_status differs(struct fault *fault) {
  return fault_set(fault, TAMIS_BAD_PROOF,
                   "the bundle does not verify: its provenance says something else than its "
                   "entries");
}

static bool same(const char *a, size_t a_length, const char *b, size_t b_length) {
  return a_length == b_length && memcmp(a, b, a_length) == 0;
}

static enum tamis_status check_signed(const struct bundle_facts *facts, const char *statement,
                                      size_t length, char signer[KEY_NAME_SIZE],
                                      struct fault *fault) {
  const struct bundle_text *member = &facts->bundle->provenance;
  struct envelope envelope;
  enum tamis_status status =
      envelope_open_within(CANONICAL_SIZE_MAX, member->bytes, member->length, &envelope, fault);
  if (status != TAMIS_OK) return status;
  const char *keyid = envelope.signature[0].keyid;
  const struct public_key *key = bundle_facts_operator(facts, keyid);
  if (!key || envelope.signature_count != 1)
    status = fault_set(fault, TAMIS_BAD_SIGNATURE,
                       "the bundle does not verify: its provenance is signed by %s, who is no "
                       "operator of this log",
                       keyid);
  if (status == TAMIS_OK) status = envelope_verify(&envelope, key, fault);
  if (status == TAMIS_OK && !same(envelope.payload, envelope.payload_length, statement, length))
    status = differs(fault);
  if (status == TAMIS_OK) memcpy(signer, keyid, KEY_NAME_SIZE);
  envelope_close(&envelope);
  return status;
}

enum tamis_status bundle_provenance_check(const struct bundle_facts *facts,
                                          const struct bundle_scope *scope,
                                          char signer[KEY_NAME_SIZE], struct fault *fault) {
  const struct bundle_text *member = &facts->bundle->provenance;
  char *statement = NULL;
  size_t length;
  *signer = '\0';
  if (bundle_provenance_is_due(scope) != (member->bytes != NULL))
    return fault_set(fault, TAMIS_BAD_PROOF,
                     member->bytes ? "the bundle does not verify: it has a provenance, but no "
                                     "model that a round made"
                                   : "the bundle does not verify: the model's provenance is not "
                                     "in it");
  if (!member->bytes) return TAMIS_OK;
  enum tamis_status status = statement_of(facts, scope, &statement, &length, fault);
  if (status == TAMIS_OK && facts->bundle->provenance_is_signed)
    status = check_signed(facts, statement, length, signer, fault);
  else if (status == TAMIS_OK && !same(member->bytes, member->length, statement, length))
    status = differs(fault);
  free(statement);
  return status;
}
