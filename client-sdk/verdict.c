/* What became of an update: found by asking the server's tables, believed only from entries under a
 * checkpoint this client holds and from manifests that they name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "client-sdk/client.h"
#include "client-sdk/query.h"
#include "client-sdk/transfer.h"
#include "proto/canonical.h"
#include "proto/envelope.h"
#include "proto/statement.h"

enum { MANIFEST_SIZE_MAX = 64 << 20, ROUND_ENTRIES_MAX = 1 << 20 };

/* An entry by which the aggregator decides something about the round. */
struct decided {
  uint64_t index; /* 0: there is none; nothing is decided in the genesis */
  enum statement_kind kind;
  char *entry, *receipt; /* owned */
  size_t length, receipt_length;
  struct envelope envelope;
  struct statement statement;
};

struct looking {
  struct tamis_client *client;
  const char *federation;
  uint64_t round;
  struct submit_found own;
  struct digest update;
  struct decided verdicts, aggregate, end;
  char *manifest; /* owned; of the verdicts */
  size_t manifest_length;
};

static void decided_close(struct decided *decided) {
  statement_close(&decided->statement);
  envelope_close(&decided->envelope);
  free(decided->entry);
  free(decided->receipt);
}

static enum tamis_status differs(const struct looking *looking, const char *what) {
  return fault_set(&looking->client->fault, TAMIS_BAD_PROOF, "round %llu of %s: %s",
                   (unsigned long long)looking->round, looking->federation, what);
}

/* ---- what the server says is where ---- */

static void row_take(struct looking *looking, const json_t *row) {
  const char *name = json_string_value(json_object_get(row, "kind"));
  json_int_t index = json_integer_value(json_object_get(row, "index"));
  enum statement_kind kind;
  if (!name || index <= 0 || !statement_kind_from_name(name, &kind)) return;
  struct decided *decided = NULL;
  if (kind == STATEMENT_VERDICTS) decided = &looking->verdicts;
  if (kind == STATEMENT_AGGREGATE) decided = &looking->aggregate;
  if (kind == STATEMENT_PROMOTE || kind == STATEMENT_HOLD || kind == STATEMENT_ABANDON)
    decided = &looking->end;
  if (decided) *decided = (struct decided){.index = (uint64_t)index, .kind = kind};
}

static enum tamis_status page_take(void *context, json_t *page) {
  json_t *row;
  size_t i;
  json_array_foreach(page, i, row) row_take(context, row);
  return TAMIS_OK;
}

/* What is decided about an update stands behind it: the entries up to its own are not asked for. */
static enum tamis_status ask_where(struct looking *looking) {
  char round[24];
  const char *arguments[] = {looking->federation, round};
  snprintf(round, sizeof round, "%llu", (unsigned long long)looking->round);
  return query_pages(&looking->client->session, "round-entries", 2, arguments,
                     looking->own.receipt.index + 1, ROUND_ENTRIES_MAX, page_take, looking,
                     &looking->client->fault);
}

/* ---- what the log says ---- */

static enum tamis_status decided_read(struct looking *looking, struct decided *decided) {
  struct tamis_client *client = looking->client;
  if (decided->index == 0) return TAMIS_OK;
  enum tamis_status status = trust_entry_receipt(
      &client->trust, &client->session, decided->index, &decided->entry, &decided->length,
      &decided->receipt, &decided->receipt_length, &client->fault);
  if (status == TAMIS_OK)
    status = envelope_open(decided->entry, decided->length, &decided->envelope, &client->fault);
  if (status == TAMIS_OK)
    status = envelope_verify(&decided->envelope, &client->trust.aggregator_key, &client->fault);
  if (status == TAMIS_OK)
    status = statement_read(decided->envelope.payload, decided->envelope.payload_length,
                            client->trust.log_key.name, &decided->statement, &client->fault);
  if (status == TAMIS_BAD_SIGNATURE)
    return differs(looking, "its decision is not signed by the aggregator");
  if (status != TAMIS_OK) return status;
  const struct statement *statement = &decided->statement;
  if (statement->kind != decided->kind ||
      strcmp(statement_text(statement, "federation"), looking->federation) != 0 ||
      (uint64_t)statement_integer(statement, "round") != looking->round)
    return differs(looking, "the server names an entry that is not this round's");
  return TAMIS_OK;
}

/* A round that another one followed has an end. */
static enum tamis_status end_check(const struct looking *looking) {
  const struct lineage *lineage = client_lineage(looking->client, looking->federation);
  if (looking->end.index == 0 && lineage && lineage->plan.round > looking->round)
    return differs(looking, "a later round has opened, and the server shows no end of this one");
  if (looking->end.index != 0 && looking->end.kind != STATEMENT_ABANDON &&
      looking->verdicts.index == 0)
    return differs(looking, "it ended, and the server shows no verdicts");
  if (looking->end.index != 0 && looking->end.kind == STATEMENT_PROMOTE &&
      looking->aggregate.index == 0)
    return differs(looking, "it was promoted, and the server shows no aggregate");
  return TAMIS_OK;
}

static enum tamis_status manifest_fetch(const struct looking *looking, const struct digest *digest,
                                        char **text, size_t *length, json_t **manifest) {
  struct tamis_client *client = looking->client;
  uint8_t *bytes = NULL;
  enum tamis_status status =
      transfer_fetch_memory(&client->session, "/tamis.v1.Client/FetchBlob", digest,
                            MANIFEST_SIZE_MAX, &bytes, length, &client->fault);
  if (status != TAMIS_OK) return status;
  *text = (char *)bytes;
  const char *federation = "";
  int64_t round = -1;
  if (canonical_decode(*text, *length, manifest, NULL) != TAMIS_OK ||
      !canonical_text(*manifest, "federation", &federation) ||
      !canonical_integer(*manifest, "round", &round) ||
      strcmp(federation, looking->federation) != 0 || (uint64_t)round != looking->round)
    return differs(looking, "a manifest is not of it");
  return TAMIS_OK;
}

/* The element about this client's update, NULL when there is none. */
static const json_t *own_element(const struct looking *looking, const json_t *manifest) {
  const json_t *list = json_object_get(manifest, "updates"), *element;
  char hex[DIGEST_HEX_SIZE];
  size_t i;
  digest_to_hex(&looking->update, hex);
  json_array_foreach(list, i, element) {
    const char *client = "", *update = "";
    int64_t index = -1;
    if (canonical_text(element, "client", &client) && canonical_text(element, "update", &update) &&
        canonical_integer(element, "index", &index) && strcmp(update, hex) == 0 &&
        strcmp(client, looking->client->key.public.name) == 0 &&
        (uint64_t)index == looking->own.receipt.index)
      return element;
  }
  return NULL;
}

/* ---- an update that was taken and is not judged ---- */

static void write_part(FILE *out, const char *name, const char *bytes, size_t length) {
  fprintf(out, "%s %zu\n", name, length);
  fwrite(bytes, 1, length, out);
}

/* Receipt and verdicts, each with its proof, and the manifest in which the update is not. */
static enum tamis_status omission_keep(const struct looking *looking) {
  struct tamis_client *client = looking->client;
  const struct decided *verdicts = &looking->verdicts;
  char vkey[KEY_VKEY_SIZE], *text = NULL;
  size_t length = 0;
  FILE *out = open_memstream(&text, &length);
  if (!out) return fault_plain(&client->fault, TAMIS_NO_MEMORY);
  key_vkey_write(&client->trust.log_key, vkey);
  fprintf(out, "tamis-omission/v1\nlog %s\n", vkey);
  write_part(out, "update", looking->own.entry, looking->own.length);
  write_part(out, "receipt", looking->own.text, looking->own.text_length);
  write_part(out, "verdicts", verdicts->entry, verdicts->length);
  write_part(out, "receipt", verdicts->receipt, verdicts->receipt_length);
  write_part(out, "manifest", looking->manifest, looking->manifest_length);
  enum tamis_status status = TAMIS_OK;
  if (fclose(out) != 0) status = fault_plain(&client->fault, TAMIS_NO_MEMORY);
  if (status == TAMIS_OK)
    status = state_dir_write(&client->dir, VERDICT_EVIDENCE, text, length, &client->fault);
  free(text);
  return status;
}

static enum tamis_status omitted(const struct looking *looking) {
  struct tamis_client *client = looking->client;
  if (omission_keep(looking) != TAMIS_OK) {
    struct fault why = client->fault;
    return fault_set(&client->fault, TAMIS_BAD_PROOF,
                     "round %llu of %s: this client's update has a receipt and no verdict; the "
                     "evidence could not be kept: %.300s",
                     (unsigned long long)looking->round, looking->federation, why.text);
  }
  return fault_set(&client->fault, TAMIS_BAD_PROOF,
                   "round %llu of %s: this client's update has a receipt and no verdict; both are "
                   "in %s/%s: give it to the operator",
                   (unsigned long long)looking->round, looking->federation, client->dir.path,
                   VERDICT_EVIDENCE);
}

/* ---- verdict and weight ---- */

static enum tamis_status verdict_read(struct looking *looking, struct tamis_verdict *verdict) {
  json_t *manifest = NULL;
  const char *word = "", *sentence = "";
  if (looking->verdicts.index == 0) return TAMIS_OK;
  if (looking->own.receipt.index > looking->verdicts.index)
    return differs(looking, "it was judged before this client's update was taken");
  enum tamis_status status =
      manifest_fetch(looking, &looking->verdicts.statement.subject[0], &looking->manifest,
                     &looking->manifest_length, &manifest);
  const json_t *element = status == TAMIS_OK ? own_element(looking, manifest) : NULL;
  if (status == TAMIS_OK && !element)
    status = omitted(looking);
  else if (status == TAMIS_OK && (!canonical_text(element, "verdict", &word) ||
                                  !canonical_text(element, "sentence", &sentence)))
    status = differs(looking, "the verdict manifest lacks a verdict");
  if (status == TAMIS_OK) {
    snprintf(verdict->verdict, sizeof verdict->verdict, "%s", word);
    snprintf(verdict->sentence, sizeof verdict->sentence, "%s", sentence);
    verdict->verdicts_index = looking->verdicts.index;
  }
  json_decref(manifest);
  return status;
}

/* Who was accepted has a weight, perhaps 0; who was not has none. */
static enum tamis_status weight_read(const struct looking *looking, struct tamis_verdict *verdict) {
  json_t *manifest = NULL;
  char *text = NULL;
  size_t length;
  if (looking->aggregate.index == 0) return TAMIS_OK;
  enum tamis_status status =
      manifest_fetch(looking, &looking->aggregate.statement.subject[1], &text, &length, &manifest);
  const json_t *element = status == TAMIS_OK ? own_element(looking, manifest) : NULL;
  bool counts = strcmp(verdict->verdict, "accept") == 0 || strcmp(verdict->verdict, "clip") == 0;
  if (status == TAMIS_OK && (element != NULL) != counts)
    status = differs(looking, counts ? "the update was accepted and does not weigh"
                                     : "the update was not accepted and weighs");
  if (status == TAMIS_OK && element && !canonical_double(element, "weight", &verdict->weight))
    status = differs(looking, "the weight manifest lacks a weight");
  if (status == TAMIS_OK) verdict->aggregate_index = looking->aggregate.index;
  json_decref(manifest);
  free(text);
  return status;
}

static const char *outcome_of(const struct looking *looking) {
  if (looking->end.index == 0) return "open";
  switch (looking->end.kind) {
  case STATEMENT_PROMOTE: return "promoted";
  case STATEMENT_HOLD: return "held";
  default: return "abandoned";
  }
}

static enum tamis_status own_digest(struct looking *looking) {
  struct envelope envelope = {0};
  struct statement statement = {0};
  struct fault *fault = &looking->client->fault;
  enum tamis_status status =
      envelope_open(looking->own.entry, looking->own.length, &envelope, fault);
  if (status == TAMIS_OK)
    status = statement_read(envelope.payload, envelope.payload_length,
                            looking->client->trust.log_key.name, &statement, fault);
  if (status == TAMIS_OK) looking->update = statement.subject[0];
  statement_close(&statement);
  envelope_close(&envelope);
  return status;
}

static void looking_close(struct looking *looking) {
  submit_found_close(&looking->own);
  decided_close(&looking->verdicts);
  decided_close(&looking->aggregate);
  decided_close(&looking->end);
  free(looking->manifest);
}

enum tamis_status verdict_check(struct tamis_client *client, const char *federation, uint64_t round,
                                struct tamis_verdict *verdict) {
  struct looking looking = {.client = client, .federation = federation, .round = round};
  memset(verdict, 0, sizeof *verdict);
  enum tamis_status status = submit_find(client, federation, round, &looking.own);
  if (status == TAMIS_OK) status = own_digest(&looking);
  if (status == TAMIS_OK) status = ask_where(&looking);
  if (status == TAMIS_OK) status = decided_read(&looking, &looking.verdicts);
  if (status == TAMIS_OK) status = decided_read(&looking, &looking.aggregate);
  if (status == TAMIS_OK) status = decided_read(&looking, &looking.end);
  if (status == TAMIS_OK) status = end_check(&looking);
  if (status == TAMIS_OK) status = verdict_read(&looking, verdict);
  if (status == TAMIS_OK) status = weight_read(&looking, verdict);
  if (status == TAMIS_OK) {
    verdict->index = looking.own.receipt.index;
    snprintf(verdict->outcome, sizeof verdict->outcome, "%s", outcome_of(&looking));
  } else {
    memset(verdict, 0, sizeof *verdict);
  }
  looking_close(&looking);
  return status;
}

/* ---- The SDK's own habit ---- */

enum tamis_status verdict_is_whole(struct tamis_client *client) {
  if (!state_dir_has(&client->dir, VERDICT_EVIDENCE)) return TAMIS_OK;
  return fault_set(&client->fault, TAMIS_BAD_PROOF,
                   "this server once took an update of this client and did not judge it: the "
                   "evidence is in %s/%s. This client does not go on until a human has taken that "
                   "file away",
                   client->dir.path, VERDICT_EVIDENCE);
}

/* A round is wanted no more when it was told, or when the evidence that it was not is on disk. */
static enum tamis_status settle(struct tamis_client *client, const struct wanted_round *round) {
  struct tamis_verdict verdict;
  struct fault ignored;
  enum tamis_status status = verdict_check(client, round->federation, round->round, &verdict);
  bool is_told = status == TAMIS_OK && strcmp(verdict.outcome, "open") != 0;
  bool is_kept = status == TAMIS_BAD_PROOF && state_dir_has(&client->dir, VERDICT_EVIDENCE);
  if (is_told || is_kept) /* not written, it is only looked at again */
    wanted_remove(&client->wanted, &client->dir, round->federation, round->round, &ignored);
  return status;
}

/* Of looking: the log does not add up, or whoever does not answer this will not answer more. */
static bool is_the_end(enum tamis_status status) {
  return status == TAMIS_FORK || status == TAMIS_BAD_PROOF || status == TAMIS_UNAVAILABLE ||
         status == TAMIS_TIMED_OUT;
}

enum tamis_status verdict_settle(struct tamis_client *client, const char *federation,
                                 uint64_t before) {
  struct session *session = &client->session;
  struct wanted wanted = client->wanted;
  enum tamis_status status = TAMIS_OK;
  uint32_t give_up_ms = session->give_up_ms;
  session->give_up_ms = 0; /* one attempt: the next round brings the next */
  for (size_t i = wanted.count; i > 0 && !is_the_end(status); i--) {
    const struct wanted_round *round = &wanted.item[i - 1];
    if (round->round < before && (!federation || strcmp(round->federation, federation) == 0))
      status = settle(client, round);
  }
  session->give_up_ms = give_up_ms;
  return status == TAMIS_FORK || status == TAMIS_BAD_PROOF ? status : TAMIS_OK;
}
