/* What other threads may ask, one function each and the part of it that runs on the core's thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/admission.h"
#include "aggregator/core_private.h"
#include "aggregator/evaluation.h"
#include "aggregator/gates.h"
#include "aggregator/manifest.h"
#include "aggregator/undo_plan.h"
#include "robust/kernel.h"

enum { QUERY_ROWS_MAX = 500 };

/* ---- who is who ---- */

struct principal_call {
  struct call call;
  const char *name;
  struct public_key *key;
  bool *is_operator;
};

/* Whoever holds some role now. */
static enum tamis_status principal_person(struct core *core, const struct person *person,
                                          struct public_key *key, struct fault *fault) {
  for (unsigned role = 0; role < ROLE_COUNT; role++) {
    if (!duties_may(core->ledger.state, person->key.name, (enum duty_role)role, core_now_ms(core)))
      continue;
    *key = person->key;
    return TAMIS_OK;
  }
  return fault_set(fault, TAMIS_DENIED, "%s holds no role any more", person->key.name);
}

static enum tamis_status run_principal(struct core *core, struct call *call) {
  struct principal_call *ask = (struct principal_call *)(void *)call;
  const struct state *state = core->ledger.state;
  const struct person *person = state_person_find(state, ask->name);
  *ask->is_operator = person != NULL;
  if (person) return principal_person(core, person, ask->key, call->fault);
  int64_t i = state_client_find(state, ask->name);
  if (i == STATE_NOBODY)
    return fault_set(call->fault, TAMIS_UNKNOWN_CLIENT, "no client %.64s is enrolled", ask->name);
  if (state->client[i].revoked)
    return fault_set(call->fault, TAMIS_KEY_REVOKED, "the key of %s was revoked", ask->name);
  *ask->key = state->client[i].key;
  return TAMIS_OK;
}

enum tamis_status core_principal(struct core *core, const char *name, struct public_key *key,
                                 bool *is_operator, struct fault *fault) {
  struct principal_call ask = {.name = name, .key = key, .is_operator = is_operator};
  return core_ask(core, &ask.call, run_principal, fault);
}

struct enrol_call {
  struct call call;
  const uint8_t *token;
  size_t token_length;
  const char *envelope;
  size_t length;
};

static enum tamis_status check_enrol(const struct enrol_call *enrol, const struct entry *entry,
                                     struct fault *fault) {
  struct digest token = digest_of(enrol->token, enrol->token_length), named;
  if (entry->statement.kind != STATEMENT_KEY_ENROL)
    return fault_set(fault, TAMIS_DENIED, "a %s enrols nobody",
                     statement_kind_name(entry->statement.kind));
  named = statement_digest(&entry->statement, "token");
  if (!digest_equal(&token, &named))
    return fault_set(fault, TAMIS_BAD_TOKEN, "the token is not the one in the statement");
  return TAMIS_OK;
}

static enum tamis_status run_enrol(struct core *core, struct call *call) {
  struct enrol_call *enrol = (struct enrol_call *)(void *)call;
  struct moment moment = {.now_ms = core_now_ms(core)};
  struct entry entry;
  if (core_knows(core, call, enrol->envelope, enrol->length)) return TAMIS_OK;
  enum tamis_status status =
      entry_open(core->ledger.state, enrol->envelope, enrol->length, &entry, call->fault);
  if (status != TAMIS_OK) return status;
  status = check_enrol(enrol, &entry, call->fault);
  if (status == TAMIS_OK)
    status = federation_admit(core->ledger.state, &entry, &moment, call->fault);
  if (status == TAMIS_OK) {
    status = ledger_stage(&core->ledger, enrol->envelope, enrol->length, &entry, &call->index,
                          call->fault);
    call->waits = status == TAMIS_OK;
  }
  entry_close(&entry);
  return status;
}

enum tamis_status core_enrol(struct core *core, const uint8_t *token, size_t token_length,
                             const char *envelope, size_t length, char **receipt,
                             size_t *receipt_length, struct fault *fault) {
  struct enrol_call enrol = {
      .token = token, .token_length = token_length, .envelope = envelope, .length = length};
  enrol.call.receipt = receipt;
  enrol.call.receipt_length = receipt_length;
  return core_ask(core, &enrol.call, run_enrol, fault);
}

/* ---- polling ---- */

struct poll_call {
  struct call call;
  const char *client, *federation;
  uint64_t round_after;
  struct core_task *task;
};

/* Does the open round still want this client? */
static bool wants(const struct core *core, const struct federation *federation,
                  const struct poll_call *poll) {
  const struct round *round = &federation->round;
  const struct slot *slot = state_slot_find(core->ledger.state, round, poll->client);
  return slot && slot->answer == ANSWER_NONE && !admission_is_closed(federation, core->latest_ms) &&
         (!poll->federation || (uint64_t)round->number > poll->round_after);
}

static enum tamis_status fill_standing(struct core_task *task, const struct federation *federation,
                                       int64_t client, struct fault *fault) {
  const struct history *history = &federation->member[client].history;
  bool is_trusted = history->standing == STANDING_TRUSTED;
  task->federation = strdup(federation->name);
  task->state = strdup(judge_standing_name(history->standing));
  task->reason = strdup(is_trusted ? "" : history->sentence);
  return task->federation && task->state && task->reason ? TAMIS_OK
                                                         : fault_plain(fault, TAMIS_NO_MEMORY);
}

static enum tamis_status fill_plan(struct core *core, struct core_task *task,
                                   const struct round *round, struct fault *fault) {
  task->has_task = true;
  task->round = (uint64_t)round->number;
  task->plan_index = round->plan_index;
  enum tamis_status status =
      ledger_entry(&core->ledger, round->plan_index, &task->plan, &task->plan_length, fault);
  if (status != TAMIS_OK) return status;
  return ledger_receipt(&core->ledger, round->plan_index, &task->receipt, &task->receipt_length,
                        fault);
}

static const struct federation *choose(const struct core *core, const struct poll_call *poll,
                                       bool *is_wanted) {
  const struct state *state = core->ledger.state;
  const struct federation *first = NULL;
  *is_wanted = false;
  for (size_t i = 0; i < state->federation_count && !*is_wanted; i++) {
    const struct federation *federation = state->federation[i];
    if (poll->federation && strcmp(poll->federation, federation->name) != 0) continue;
    *is_wanted = wants(core, federation, poll);
    if (!first || *is_wanted || (state_is_finished(first) && !state_is_finished(federation)))
      first = federation;
  }
  return first;
}

static enum tamis_status run_poll(struct core *core, struct call *call) {
  struct poll_call *poll = (struct poll_call *)(void *)call;
  int64_t client = state_client_find(core->ledger.state, poll->client);
  bool is_wanted;
  core_now_ms(core);
  if (client == STATE_NOBODY)
    return fault_set(call->fault, TAMIS_UNKNOWN_CLIENT, "no client %.64s is enrolled",
                     poll->client);
  if (core->ledger.state->client[client].revoked)
    return fault_set(call->fault, TAMIS_KEY_REVOKED, "the key of %s was revoked", poll->client);
  const struct federation *federation = choose(core, poll, &is_wanted);
  if (!federation && poll->federation)
    return fault_set(call->fault, TAMIS_UNKNOWN_FEDERATION, "no federation %.64s",
                     poll->federation);
  if (!federation) return TAMIS_OK;
  poll->task->finished = state_is_finished(federation);
  enum tamis_status status = fill_standing(poll->task, federation, client, call->fault);
  if (status == TAMIS_OK && is_wanted && federation->round.plan_index < core->ledger.published)
    status = fill_plan(core, poll->task, &federation->round, call->fault);
  return status;
}

enum tamis_status core_poll(struct core *core, const char *client, const char *federation,
                            uint64_t round_after, struct core_task *task, struct fault *fault) {
  struct poll_call poll = {
      .client = client, .federation = federation, .round_after = round_after, .task = task};
  *task = (struct core_task){0};
  enum tamis_status status = core_ask(core, &poll.call, run_poll, fault);
  if (status != TAMIS_OK) core_task_close(task);
  return status;
}

void core_task_close(struct core_task *task) {
  free(task->federation);
  free(task->plan);
  free(task->receipt);
  free(task->state);
  free(task->reason);
  *task = (struct core_task){0};
}

/* ---- updates of rounds that are over ---- */

/* The first row of a question to the projection, a new reference; NOT_FOUND when there is none. */
static enum tamis_status one_row(struct core *core, const char *question, size_t count,
                                 const char *const *arguments, json_t **row, struct fault *fault) {
  struct projection *projection;
  char *rows = NULL;
  uint64_t after = 0;
  *row = NULL;
  enum tamis_status status = ledger_projection(&core->ledger, &projection, fault);
  if (status == TAMIS_OK)
    status = projection_query(projection, question, count, arguments, 0, 1, &rows, &after, fault);
  if (status != TAMIS_OK) return status;
  json_t *list = json_loads(rows, 0, NULL);
  *row = json_incref(json_array_get(list, 0));
  json_decref(list);
  free(rows);
  return *row ? TAMIS_OK : fault_set(fault, TAMIS_NOT_FOUND, "no such row of %s", question);
}

/* Rounds that are over are a question to the projection. `*row` is a new reference to the row of
 * the update this client sent to the round: to the round itself, not to one that redoes it. */
static enum tamis_status update_row(struct core *core, const char *client, const char *federation,
                                    uint64_t number, json_t **row, struct fault *fault) {
  char round[24];
  snprintf(round, sizeof round, "%" PRIu64, number);
  const char *arguments[] = {federation, round, client};
  enum tamis_status status = one_row(core, "updates", 3, arguments, row, fault);
  if (status != TAMIS_NOT_FOUND) return status;
  return fault_set(fault, TAMIS_NOT_FOUND, "%.64s has no update in round %" PRIu64 " of %.64s",
                   client, number, federation);
}

/* ---- operators ---- */

struct submit_call {
  struct call call;
  const char *envelope;
  size_t length;
  bool dry_run;
  char **result;
};

/* The first model is read here, because the decider reads nothing. */
static enum tamis_status read_model(struct core *core, const struct digest *model,
                                    struct layout *layout, bool *is_there, struct fault *fault) {
  struct blob_view view;
  bool is_finite;
  double norm_squared;
  *is_there = false;
  if (blob_map(core->ledger.blobs, model, true, &view, NULL) != TAMIS_OK) return TAMIS_OK;
  enum tamis_status status = layout_parse(view.bytes, view.length, view.length, layout, fault);
  if (status == TAMIS_OK) {
    *is_there = true;
    robust_inspect((const float *)(const void *)(view.bytes + layout->header_size),
                   layout->parameters, &is_finite, &norm_squared);
    if (!is_finite) status = fault_set(fault, TAMIS_NOT_FINITE, "the first model is not finite");
  }
  blob_unmap(&view);
  return status;
}

/* Of rounds that are over only the projection knows who sent what. */
static void find_disputed(struct core *core, const struct statement *statement,
                          struct moment *moment) {
  char hex[DIGEST_HEX_SIZE];
  json_t *row = NULL;
  digest_to_hex(&statement->subject[0], hex);
  if (update_row(core, statement_text(statement, "client"), statement_text(statement, "federation"),
                 (uint64_t)statement_integer(statement, "round"), &row, NULL) != TAMIS_OK)
    return;
  const char *update = json_string_value(json_object_get(row, "update"));
  moment->has_update = update && strcmp(update, hex) == 0;
  moment->dropped_in = (uint64_t)json_integer_value(json_object_get(row, "dropped"));
  ledger_is_letting_go(&core->ledger, &statement->subject[0], &moment->dropped_in);
  json_decref(row);
}

static void find_reviewed(struct core *core, const struct statement *statement,
                          struct moment *moment) {
  char hex[DIGEST_HEX_SIZE], index[24];
  json_t *row = NULL, *item = NULL;
  digest_to_hex(&statement->subject[0], hex);
  if (update_row(core, statement_text(statement, "client"), statement_text(statement, "federation"),
                 (uint64_t)statement_integer(statement, "round"), &row, NULL) != TAMIS_OK)
    return;
  json_int_t at = json_integer_value(json_object_get(row, "index"));
  snprintf(index, sizeof index, "%lld", (long long)at);
  if (one_row(core, "reviews", 3, (const char *[]){"", "", index}, &item, NULL) == TAMIS_OK) {
    const char *update = json_string_value(json_object_get(item, "update"));
    moment->reviewed.is_there = update && strcmp(update, hex) == 0;
    moment->reviewed.index = (uint64_t)at;
  }
  json_decref(item);
  json_decref(row);
}

/* Going back is looked at before it is done; only then is it known whether a rebuild can be.
 * `*plan` is its JSON, or stays NULL. */
static enum tamis_status admit_plan(struct core *core, const struct entry *entry,
                                    struct moment *moment, json_t **json, struct fault *fault) {
  struct undo_plan plan;
  if (!undo_plan_of(core->ledger.state, &entry->statement, core->ledger.blobs, &plan))
    return TAMIS_OK;
  moment->plan = &plan;
  enum tamis_status status = federation_admit(core->ledger.state, entry, moment, fault);
  if (status == TAMIS_OK) *json = undo_plan_json(&plan);
  undo_plan_close(&plan);
  moment->plan = NULL;
  return status;
}

/* A small list that a statement names; NULL when it is not there, too large or no such list. */
static json_t *read_manifest(struct core *core, const struct digest *digest) {
  json_t *manifest = NULL;
  bool is_small = blob_exists(core->ledger.blobs, digest) &&
                  blob_size(core->ledger.blobs, digest) <= EVALUATION_MANIFEST_MAX;
  if (is_small && manifest_load(core->ledger.blobs, digest, &manifest, NULL) != TAMIS_OK)
    manifest = NULL;
  return manifest;
}

/* Is the blob that a proposal names a statement that still waits for a cosigner, and this one? */
static bool find_proposed(struct core *core, const struct statement *proposal) {
  struct digest blob = statement_digest(proposal, "envelope");
  struct blob_view view;
  struct envelope envelope;
  struct statement statement;
  struct entry entry;
  bool is_it = false;
  if (blob_map(core->ledger.blobs, &blob, true, &view, NULL) != TAMIS_OK) return false;
  const char *bytes = (const char *)view.bytes;
  if (envelope_open(bytes, view.length, &envelope, NULL) == TAMIS_OK) {
    struct digest digest = digest_of(envelope.payload, envelope.payload_length);
    if (digest_equal(&digest, &proposal->subject[0]) &&
        statement_read(envelope.payload, envelope.payload_length, state_origin(core->ledger.state),
                       &statement, NULL) == TAMIS_OK) {
      is_it = strcmp(statement_kind_name(statement.kind), statement_text(proposal, "kind")) == 0;
      statement_close(&statement);
    }
    envelope_close(&envelope);
  }
  enum tamis_status status =
      is_it ? entry_open(core->ledger.state, bytes, view.length, &entry, NULL) : TAMIS_OK;
  if (is_it && status == TAMIS_OK) entry_close(&entry);
  blob_unmap(&view);
  return status == TAMIS_COSIGNER_MISSING;
}

/* What people sign, and a holder's word about its own key. */
static bool is_to_submit(const struct entry *entry) {
  const char *signer = statement_kind_signer(entry->statement.kind);
  return strcmp(signer, "operator") == 0 || strcmp(signer, "holder") == 0;
}

/* The lists must be here and be what the statement counts before it is let in. */
static enum tamis_status check_feed(struct core *core, const struct entry *entry,
                                    struct fault *fault) {
  const struct statement *statement = &entry->statement;
  json_t *manifest = NULL;
  struct feed feed = {0};
  if (!blob_exists(core->ledger.blobs, &statement->subject[0]))
    return fault_set(fault, TAMIS_NOT_FOUND, "the feed's lists are not here; put their blob first");
  enum tamis_status status =
      manifest_load(core->ledger.blobs, &statement->subject[0], &manifest, fault);
  if (status == TAMIS_OK) status = feed_read(manifest, &feed, fault);
  if (status == TAMIS_OK &&
      ((int64_t)feed.count[FEED_KEYS] != statement_integer(statement, "keys") ||
       (int64_t)feed.count[FEED_UPDATES] != statement_integer(statement, "updates")))
    status = fault_set(fault, TAMIS_BAD_STATEMENT, "the feed has other numbers of entries");
  feed_close(&feed);
  json_decref(manifest);
  return status;
}

static enum tamis_status admit_operator(struct core *core, const struct entry *entry, json_t **plan,
                                        struct fault *fault) {
  struct moment moment = {.now_ms = core_now_ms(core)};
  struct layout layout = {0};
  bool is_there = false;
  enum tamis_status status = TAMIS_OK;
  if (!is_to_submit(entry))
    return fault_set(fault, TAMIS_DENIED, "a %s is not an operator's to submit",
                     statement_kind_name(entry->statement.kind));
  if (entry->statement.kind == STATEMENT_FEDERATION_CREATE)
    status = read_model(core, &entry->statement.subject[0], &layout, &is_there, fault);
  if (entry->statement.kind == STATEMENT_PROPOSAL)
    moment.has_proposed = find_proposed(core, &entry->statement);
  if (entry->statement.kind == STATEMENT_KNOWN_BAD) status = check_feed(core, entry, fault);
  if (entry->statement.kind == STATEMENT_DISPUTE) find_disputed(core, &entry->statement, &moment);
  if (entry->statement.kind == STATEMENT_REVIEW) find_reviewed(core, &entry->statement, &moment);
  json_t *manifest = entry->statement.kind == STATEMENT_EVALUATION
                         ? read_manifest(core, &entry->statement.subject[1])
                         : NULL;
  moment.manifest = manifest;
  moment.layout = is_there ? &layout : NULL;
  if (status == TAMIS_OK) status = federation_admit(core->ledger.state, entry, &moment, fault);
  if (status == TAMIS_OK) status = admit_plan(core, entry, &moment, plan, fault);
  if (is_there) layout_close(&layout);
  json_decref(manifest);
  return status;
}

static void describe_review(const struct state *state, const struct statement *statement,
                            char *sentence, size_t size) {
  const struct federation *federation =
      state_federation_find(state, statement_text(statement, "federation"));
  const char *client = statement_text(statement, "client");
  const struct history *history = &federation->member[state_client_find(state, client)].history;
  bool releases = strcmp(statement_text(statement, "decision"), "release") == 0;
  if (statement_integer(statement, "opinion") == 1)
    snprintf(sentence, size, "your opinion is on record; the first decision stays");
  else if (releases)
    snprintf(sentence, size,
             "the verdict on %s in round %" PRId64 " was wrong: a strike that it brought goes, "
             "reputation and counters are mended; the model stays as it is",
             client, statement_integer(statement, "round"));
  else
    snprintf(sentence, size,
             "the verdict on %s in round %" PRId64 " was right: a strike that it brought is never "
             "forgiven; %s has %" PRId64 " now",
             client, statement_integer(statement, "round"), client, history->strikes);
}

/* What it does, for people: asked before it is done. */
static void describe(struct core *core, const struct statement *statement, char *sentence,
                     size_t size) {
  const struct state *state = core->ledger.state;
  const struct federation *federation;
  switch (statement->kind) {
  case STATEMENT_FEDERATION_CREATE:
    snprintf(sentence, size, "federation %s begins with rule %s",
             statement_text(statement, "federation"), statement_text(statement, "rule"));
    break;
  case STATEMENT_CLIENT_INVITE:
    snprintf(sentence, size, "client %s may enrol once", statement_text(statement, "client"));
    break;
  case STATEMENT_KEY_REVOKE:
    snprintf(sentence, size, "the key of %s is refused from now on, in every federation",
             statement_text(statement, "client"));
    break;
  case STATEMENT_EXCLUSION:
    snprintf(sentence, size, "%s is refused in %s from now on", statement_text(statement, "client"),
             statement_text(statement, "federation"));
    break;
  case STATEMENT_REINSTATEMENT:
    snprintf(sentence, size, "%s is on probation in %s", statement_text(statement, "client"),
             statement_text(statement, "federation"));
    break;
  case STATEMENT_ROLLBACK:
    federation = state_federation_find(state, statement_text(statement, "federation"));
    snprintf(sentence, size, "the head of %s goes from round %" PRId64 " to round %" PRId64 "%s",
             federation->name, federation->head_round, statement_integer(statement, "to_round"),
             federation->rebuild.is_under_way           ? "; the rebuild under way ends"
             : federation->round.phase == PHASE_WAITING ? ""
                                                        : "; the open round is abandoned");
    break;
  case STATEMENT_REBUILD:
    federation = state_federation_find(state, statement_text(statement, "federation"));
    snprintf(sentence, size,
             "the rounds of %s from %" PRId64
             " on are aggregated again without %zu client%s; the head moves when all are done%s",
             federation->name, statement_integer(statement, "since"),
             json_array_size(json_object_get(statement->predicate, "without")),
             json_array_size(json_object_get(statement->predicate, "without")) == 1 ? "" : "s",
             federation->round.phase == PHASE_WAITING ? "" : "; the open round is abandoned");
    break;
  case STATEMENT_RETENTION: core_keep_describe(core, statement, sentence, size); break;
  case STATEMENT_KNOWN_BAD:
    snprintf(sentence, size,
             "%" PRId64 " keys and %" PRId64
             " updates are refused from now on, in every federation",
             statement_integer(statement, "keys"), statement_integer(statement, "updates"));
    break;
  case STATEMENT_POLICY_SET:
    federation = state_federation_find(state, statement_text(statement, "federation"));
    snprintf(sentence, size,
             "rounds of %s are judged by policy %" PRId64 " from round %" PRId64 " on%s",
             federation->name, statement_integer(statement, "version"), federation->last_round + 1,
             federation->round.phase == PHASE_WAITING ? "" : "; the one under way keeps its own");
    break;
  case STATEMENT_DISPUTE:
    snprintf(sentence, size, "the update of %s in round %" PRId64 " of %s %s",
             statement_text(statement, "client"), statement_integer(statement, "round"),
             statement_text(statement, "federation"),
             statement_integer(statement, "open") ? "stays until the dispute is closed"
                                                  : "is no longer disputed");
    break;
  case STATEMENT_ROLE_GRANT:
    snprintf(sentence, size, "%.*s may act as %s from now on",
             (int)strcspn(statement_text(statement, "key"), "+"), statement_text(statement, "key"),
             statement_text(statement, "role"));
    break;
  case STATEMENT_SEPARATION:
    snprintf(sentence, size,
             "duties are separated from now on, for ever: what takes two persons is signed by two");
    break;
  case STATEMENT_PROPOSAL:
    snprintf(sentence, size, "a %s waits for another person's signature",
             statement_text(statement, "kind"));
    break;
  case STATEMENT_KEY_ROTATE:
    snprintf(sentence, size, "%s signs with its new key from now on",
             statement_text(statement, "name"));
    break;
  case STATEMENT_ROLE_REVOKE:
    snprintf(sentence, size, "%s is no %s any more", statement_text(statement, "person"),
             statement_text(statement, "role"));
    break;
  case STATEMENT_APPROVAL:
    snprintf(sentence, size, "the candidate of round %" PRId64 " of %s is %s",
             statement_integer(statement, "round"), statement_text(statement, "federation"),
             statement_integer(statement, "approve") ? "approved by one person more"
                                                     : "rejected: the head stays");
    break;
  case STATEMENT_EVALUATION:
    snprintf(sentence, size, "accuracy %.4f of the model of round %" PRId64 " of %s is logged",
             statement_f64(statement, "accuracy"), statement_integer(statement, "round"),
             statement_text(statement, "federation"));
    break;
  case STATEMENT_FREEZE:
    snprintf(sentence, size,
             "nothing is promoted in %s and no round opens until somebody unfreezes it; exclusion "
             "and rollback go on",
             statement_text(statement, "federation"));
    break;
  case STATEMENT_UNFREEZE:
    snprintf(sentence, size, "%s goes on", statement_text(statement, "federation"));
    break;
  case STATEMENT_REVIEW: describe_review(state, statement, sentence, size); break;
  default: snprintf(sentence, size, "%s", statement_kind_name(statement->kind)); break;
  }
}

/* Takes over `plan`, which may be NULL. */
static char *result_text(const struct statement *statement, bool dry_run, const char *sentence,
                         json_t *plan) {
  json_t *result = json_pack("{s:s, s:s, s:b}", "kind", statement_kind_name(statement->kind),
                             "sentence", sentence, "dry_run", (int)dry_run);
  if (plan && result)
    json_object_set_new(result, "plan", plan);
  else
    json_decref(plan);
  char *text = result ? json_dumps(result, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
  json_decref(result);
  return text;
}

static enum tamis_status run_submit(struct core *core, struct call *call) {
  struct submit_call *submit = (struct submit_call *)(void *)call;
  struct entry entry;
  json_t *plan = NULL;
  char sentence[512];
  if (core_knows(core, call, submit->envelope, submit->length)) {
    *submit->result = strdup("{\"dry_run\":false,\"sentence\":\"this was so before\"}");
    return *submit->result ? TAMIS_OK : fault_plain(call->fault, TAMIS_NO_MEMORY);
  }
  enum tamis_status status =
      entry_open(core->ledger.state, submit->envelope, submit->length, &entry, call->fault);
  if (status != TAMIS_OK) return status;
  status = admit_operator(core, &entry, &plan, call->fault);
  if (status == TAMIS_OK) {
    describe(core, &entry.statement, sentence, sizeof sentence);
    *submit->result = result_text(&entry.statement, submit->dry_run, sentence, plan);
    if (!*submit->result) status = fault_plain(call->fault, TAMIS_NO_MEMORY);
  }
  if (status == TAMIS_OK && submit->dry_run) call->receipt = NULL;
  if (status == TAMIS_OK && !submit->dry_run) {
    status = ledger_stage(&core->ledger, submit->envelope, submit->length, &entry, &call->index,
                          call->fault);
    call->waits = status == TAMIS_OK;
  }
  entry_close(&entry);
  return status;
}

enum tamis_status core_submit(struct core *core, const char *envelope, size_t length, bool dry_run,
                              uint64_t *index, char **receipt, size_t *receipt_length,
                              char **result, struct fault *fault) {
  struct submit_call submit = {
      .envelope = envelope, .length = length, .dry_run = dry_run, .result = result};
  *result = NULL;
  *receipt = NULL;
  *receipt_length = 0;
  submit.call.receipt = receipt;
  submit.call.receipt_length = receipt_length;
  enum tamis_status status = core_ask(core, &submit.call, run_submit, fault);
  *index = submit.call.index;
  if (status == TAMIS_OK) return TAMIS_OK;
  free(*result);
  *result = NULL;
  return status;
}

/* ---- proofs ---- */

struct proof_call {
  struct call call;
  const char *client, *federation;
  uint64_t number; /* round, index or size */
  uint64_t to;     /* the larger size of a consistency proof, 0 for the latest; an entry's tree */
  char **text;
  size_t *text_length;
  struct merkle_proof *proof;
};

static enum tamis_status run_receipt(struct core *core, struct call *call) {
  struct proof_call *ask = (struct proof_call *)(void *)call;
  json_t *row;
  enum tamis_status status =
      update_row(core, ask->client, ask->federation, ask->number, &row, call->fault);
  if (status != TAMIS_OK) return status;
  call->index = (uint64_t)json_integer_value(json_object_get(row, "index"));
  json_decref(row);
  return ledger_receipt(&core->ledger, call->index, ask->text, ask->text_length, call->fault);
}

enum tamis_status core_receipt(struct core *core, const char *client, const char *federation,
                               uint64_t round, char **receipt, size_t *length,
                               struct fault *fault) {
  struct proof_call ask = {.client = client,
                           .federation = federation,
                           .number = round,
                           .text = receipt,
                           .text_length = length};
  return core_ask(core, &ask.call, run_receipt, fault);
}

static enum tamis_status run_entry(struct core *core, struct call *call) {
  struct proof_call *ask = (struct proof_call *)(void *)call;
  enum tamis_status status =
      ledger_receipt(&core->ledger, ask->number, call->receipt, call->receipt_length, call->fault);
  if (status != TAMIS_OK) return status;
  status = ledger_entry(&core->ledger, ask->number, ask->text, ask->text_length, call->fault);
  if (status != TAMIS_OK) free(*call->receipt);
  return status;
}

enum tamis_status core_entry(struct core *core, uint64_t index, char **envelope, size_t *length,
                             char **receipt, size_t *receipt_length, struct fault *fault) {
  struct proof_call ask = {.number = index, .text = envelope, .text_length = length};
  ask.call.receipt = receipt;
  ask.call.receipt_length = receipt_length;
  return core_ask(core, &ask.call, run_entry, fault);
}

static enum tamis_status run_entry_under(struct core *core, struct call *call) {
  struct proof_call *ask = (struct proof_call *)(void *)call;
  const struct ledger *ledger = &core->ledger;
  if (ask->to > ledger->published || ask->number >= ask->to)
    return fault_set(call->fault, TAMIS_NOT_FOUND,
                     "entry %" PRIu64 " is not under a checkpoint of %" PRIu64 " entries here",
                     ask->number, ask->to);
  merkle_tree_inclusion(journal_tree(ledger->journal), ask->number, ask->to, ask->proof);
  return journal_read(ledger->journal, ask->number, ask->text, ask->text_length, call->fault);
}

enum tamis_status core_entry_under(struct core *core, uint64_t index, uint64_t size,
                                   char **envelope, size_t *length, struct merkle_proof *proof,
                                   struct fault *fault) {
  struct proof_call ask = {
      .number = index, .to = size, .text = envelope, .text_length = length, .proof = proof};
  return core_ask(core, &ask.call, run_entry_under, fault);
}

static enum tamis_status run_consistency(struct core *core, struct call *call) {
  struct proof_call *ask = (struct proof_call *)(void *)call;
  const struct ledger *ledger = &core->ledger;
  uint64_t to = ask->to ? ask->to : ledger->published;
  uint64_t largest = to > ask->number ? to : ask->number;
  if (largest > ledger->published) {
    core->counters.fork_evidence++; /* who asks was shown so many entries, or lies */
    return fault_set(call->fault, TAMIS_FORK,
                     "the log has %" PRIu64 " entries under its checkpoint, not %" PRIu64
                     ": restored from an old backup, or served twice?",
                     ledger->published, largest);
  }
  if (to < ask->number)
    return fault_set(call->fault, TAMIS_BAD_REQUEST, "%" PRIu64 " entries cannot continue %" PRIu64,
                     to, ask->number);
  *ask->text = malloc(ledger->note_length + 1);
  if (!*ask->text) return fault_plain(call->fault, TAMIS_NO_MEMORY);
  memcpy(*ask->text, ledger->note, ledger->note_length);
  (*ask->text)[ledger->note_length] = '\0';
  *ask->text_length = ledger->note_length;
  merkle_tree_consistency(journal_tree(ledger->journal), ask->number, to, ask->proof);
  return TAMIS_OK;
}

enum tamis_status core_consistency(struct core *core, uint64_t size, uint64_t to,
                                   struct merkle_proof *proof, char **note, size_t *note_length,
                                   struct fault *fault) {
  struct proof_call ask = {
      .number = size, .to = to, .text = note, .text_length = note_length, .proof = proof};
  return core_ask(core, &ask.call, run_consistency, fault);
}

/* ---- questions ---- */

struct query_call {
  struct call call;
  const char *name;
  size_t argument_count;
  const char *const *arguments;
  uint64_t after, *next;
  char **rows;
};

static enum tamis_status run_query(struct core *core, struct call *call) {
  struct query_call *query = (struct query_call *)(void *)call;
  struct projection *projection;
  char root[DIGEST_HEX_SIZE];
  const char *status_arguments[] = {root};
  enum tamis_status status = ledger_projection(&core->ledger, &projection, call->fault);
  if (status != TAMIS_OK) return status;
  if (strcmp(query->name, "status") == 0 && query->argument_count == 0) {
    struct digest digest =
        merkle_tree_root(journal_tree(core->ledger.journal), core->ledger.published);
    digest_to_hex(&digest, root);
    query->arguments = status_arguments;
    query->argument_count = 1;
  }
  return projection_query(projection, query->name, query->argument_count, query->arguments,
                          query->after, QUERY_ROWS_MAX, query->rows, query->next, call->fault);
}

/* One row that no table has: it walks the folder, on the asker's thread. */
static enum tamis_status query_space(struct core *core, char **rows, uint64_t *next,
                                     struct fault *fault) {
  struct core_space space;
  enum tamis_status status = core_space(core, &space, fault);
  if (status != TAMIS_OK) return status;
  uint64_t room =
      space.free_bytes > space.reserve_bytes ? space.free_bytes - space.reserve_bytes : 0;
  json_t *row = json_pack(
      "[{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}]", "bodies",
      (json_int_t)space.bodies, "bodies_bytes", (json_int_t)space.body_bytes, "dropped",
      (json_int_t)space.dropped, "dropped_bytes", (json_int_t)space.dropped_bytes, "models_bytes",
      (json_int_t)space.model_bytes, "manifests_bytes", (json_int_t)space.manifest_bytes,
      "journal_bytes", (json_int_t)space.journal_bytes, "index_bytes",
      (json_int_t)space.index_bytes, "unfinished_bytes", (json_int_t)space.unfinished_bytes,
      "free_bytes", (json_int_t)space.free_bytes, "reserve_bytes", (json_int_t)space.reserve_bytes,
      "round_bytes", (json_int_t)space.round_bytes, "rounds_left",
      (json_int_t)(space.round_bytes ? room / space.round_bytes : 0), "full", (int)space.is_full);
  *rows = row ? json_dumps(row, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
  *next = 0;
  json_decref(row);
  return *rows ? TAMIS_OK : fault_plain(fault, TAMIS_NO_MEMORY);
}

enum tamis_status core_query(struct core *core, const char *name, size_t argument_count,
                             const char *const *arguments, uint64_t after, char **rows,
                             uint64_t *next, struct fault *fault) {
  if (strcmp(name, "space") == 0 && argument_count == 0)
    return query_space(core, rows, next, fault);
  struct query_call query = {.name = name,
                             .argument_count = argument_count,
                             .arguments = arguments,
                             .after = after,
                             .next = next,
                             .rows = rows};
  return core_ask(core, &query.call, run_query, fault);
}

struct fetch_call {
  struct call call;
  bool is_operator;
  const struct digest *digest;
};

static enum tamis_status run_may_fetch(struct core *core, struct call *call) {
  struct fetch_call *fetch = (struct fetch_call *)(void *)call;
  if (!blob_exists(core->ledger.blobs, fetch->digest)) {
    int64_t kept;
    uint64_t dropped_in;
    if (core_keep_look(core, fetch->digest, &kept, &dropped_in, NULL) == TAMIS_OK && dropped_in)
      return fault_set(call->fault, TAMIS_NOT_FOUND,
                       "these bytes were dropped by policy in entry %" PRIu64, dropped_in);
    return fault_set(call->fault, TAMIS_NOT_FOUND, "no blob of this digest is here");
  }
  if (fetch->is_operator || state_readable_has(core->ledger.state, fetch->digest)) return TAMIS_OK;
  return fault_set(call->fault, TAMIS_DENIED, "clients read models and manifests");
}

enum tamis_status core_may_fetch(struct core *core, const char *principal, bool is_operator,
                                 const struct digest *digest, struct fault *fault) {
  struct fetch_call fetch = {.is_operator = is_operator, .digest = digest};
  (void)principal; /* all clients may read the same */
  return core_ask(core, &fetch.call, run_may_fetch, fault);
}

struct counters_call {
  struct call call;
  struct core_counters *counters;
};

static enum tamis_status run_counters(struct core *core, struct call *call) {
  struct core_counters *counters = ((struct counters_call *)(void *)call)->counters;
  const struct state *state = core->ledger.state;
  *counters = core->counters;
  counters->entries = core->ledger.published;
  counters->clients = state->client_count;
  counters->federations = state->federation_count;
  counters->body_bytes = core_keep_body_bytes(core);
  counters->journal_bytes = journal_bytes(core->ledger.journal);
  counters->clients_excluded = 0;
  counters->federations_frozen = 0;
  for (size_t i = 0; i < CORE_GATES_MAX; i++) counters->gate[i].name = gates_name(i);
  for (size_t i = 0; i < state->federation_count; i++)
    counters->federations_frozen += state->federation[i]->is_frozen;
  for (size_t i = 0; i < state->federation_count; i++)
    for (size_t j = 0; j < state->federation[i]->member_count; j++)
      counters->clients_excluded +=
          state->federation[i]->member[j].history.standing == STANDING_EXCLUDED;
  return TAMIS_OK;
}

void core_counters(struct core *core, struct core_counters *counters) {
  struct counters_call ask = {.counters = counters};
  *counters = (struct core_counters){0};
  core_ask(core, &ask.call, run_counters, NULL);
}

struct change_call {
  struct call call;
  void (*changed)(void *context);
  void *context;
};

static enum tamis_status run_on_change(struct core *core, struct call *call) {
  struct change_call *ask = (struct change_call *)(void *)call;
  core->changed = ask->changed;
  core->changed_context = ask->context;
  return TAMIS_OK;
}

void core_on_change(struct core *core, void (*changed)(void *context), void *context) {
  struct change_call ask = {.changed = changed, .context = context};
  core_ask(core, &ask.call, run_on_change, NULL);
}
