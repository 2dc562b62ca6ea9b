/* In the order in which a stranger would go: key, checkpoint, receipts, statements, signers, blobs.
 */
#include "client-sdk/bundle_facts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "proto/canonical.h"
#include "proto/envelope.h"

static enum tamis_status wrong(struct fault *fault, uint64_t index, const char *what) {
  return fault_set(fault, TAMIS_BAD_PROOF, "the bundle does not verify: entry %" PRIu64 " %s",
                   index, what);
}

/* ---- Key, checkpoint, receipts ---- */

static enum tamis_status check_log(struct bundle_facts *facts, struct fault *fault) {
  const struct bundle *bundle = facts->bundle;
  char vkey[KEY_VKEY_SIZE];
  key_vkey_write(&facts->log_key, vkey);
  if (bundle->log_vkey.length != strlen(vkey) + 1 ||
      memcmp(bundle->log_vkey.bytes, vkey, strlen(vkey)) != 0 ||
      bundle->log_vkey.bytes[strlen(vkey)] != '\n')
    return fault_set(fault, TAMIS_BAD_PROOF, "the bundle is of another log than %s", vkey);
  return checkpoint_open(bundle->checkpoint.bytes, bundle->checkpoint.length, &facts->log_key,
                         &facts->checkpoint, fault);
}

/* A receipt may say more than it must, and stand under another checkpoint: not here. */
static enum tamis_status check_receipt(const struct bundle_facts *facts,
                                       const struct bundle_entry *entry, struct fault *fault) {
  static const char head[] = "c2sp.org/tlog-proof@v1\nindex ";
  const struct bundle_text *note = &facts->bundle->checkpoint, *receipt = &entry->receipt;
  struct checkpoint checkpoint;
  uint64_t index;
  if (receipt->length < sizeof head - 1 + note->length ||
      memcmp(receipt->bytes, head, sizeof head - 1) != 0 ||
      memcmp(receipt->bytes + receipt->length - note->length, note->bytes, note->length) != 0)
    return wrong(fault, entry->index, "has no receipt under the bundle's checkpoint");
  enum tamis_status status =
      receipt_verify(receipt->bytes, receipt->length, entry->envelope.bytes, entry->envelope.length,
                     &facts->log_key, &index, &checkpoint, fault);
  if (status == TAMIS_OK && index != entry->index)
    status = wrong(fault, entry->index, "has the receipt of another");
  return status;
}

/* ---- Who signs ---- */

const struct public_key *bundle_facts_operator(const struct bundle_facts *facts, const char *name) {
  for (size_t i = 0; i < facts->operator_count; i++)
    if (strcmp(facts->operator[i].name, name) == 0) return &facts->operator[i];
  return NULL;
}

const char *bundle_fact_client(const struct bundle_fact *fact) {
  return json_string_value(json_object_get(fact->statement.predicate, "client"));
}

bool bundle_fact_is_of(const struct bundle_fact *fact, const char *federation) {
  const char *found = json_string_value(json_object_get(fact->statement.predicate, "federation"));
  return found && strcmp(found, federation) == 0;
}

bool bundle_fact_is_in(const struct bundle_fact *fact, const char *federation, int64_t round) {
  int64_t found;
  return bundle_fact_is_of(fact, federation) &&
         canonical_integer(fact->statement.predicate, "round", &found) && found == round;
}

const struct bundle_fact *bundle_facts_enrolment(const struct bundle_facts *facts,
                                                 const char *client, uint64_t index) {
  const struct bundle_fact *found = NULL;
  for (size_t i = 0; i < facts->count && facts->fact[i].index < index; i++) {
    const struct bundle_fact *fact = &facts->fact[i];
    bool enrols = fact->statement.kind == STATEMENT_KEY_ENROL;
    if ((!enrols && fact->statement.kind != STATEMENT_KEY_REVOKE) ||
        strcmp(bundle_fact_client(fact), client) != 0)
      continue;
    found = enrols ? fact : NULL;
  }
  return found;
}

const struct bundle_fact *bundle_facts_invitation(const struct bundle_facts *facts,
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

static enum tamis_status read_genesis(struct bundle_facts *facts, struct fault *fault) {
  const struct statement *genesis = &facts->fact[0].statement;
  char vkey[KEY_VKEY_SIZE];
  key_vkey_write(&facts->log_key, vkey);
  struct digest digest = digest_of(vkey, strlen(vkey));
  if (facts->fact[0].index != 0 || genesis->kind != STATEMENT_GENESIS)
    return wrong(fault, 0, "is the genesis, from which all other keys follow: it is not there");
  if (strcmp(statement_text(genesis, "log_key"), vkey) != 0 ||
      !digest_equal(&genesis->subject[0], &digest))
    return wrong(fault, 0, "names another log key");
  const char *aggregator = statement_text(genesis, "aggregator_key");
  enum tamis_status status =
      key_vkey_read(aggregator, strlen(aggregator), &facts->aggregator, fault);
  const json_t *list = json_object_get(genesis->predicate, "operators");
  for (size_t i = 0; status == TAMIS_OK && i < json_array_size(list) && i < 8; i++) {
    const json_t *text = json_array_get(list, i);
    status = key_vkey_read(json_string_value(text), json_string_length(text), &facts->operator[i],
                           fault);
    facts->operator_count = i + 1;
  }
  return status;
}

/* The key that must have signed; the enrolled key signs its own enrolment. */
static enum tamis_status find_key(const struct bundle_facts *facts, const struct bundle_fact *fact,
                                  struct public_key *key, struct fault *fault) {
  const char *role = statement_kind_signer(fact->statement.kind);
  const struct public_key *found = &facts->aggregator;
  if (strcmp(role, "operator") == 0) found = bundle_facts_operator(facts, fact->signer);
  if (strcmp(role, "client") == 0) {
    const struct bundle_fact *enrolment =
        fact->statement.kind == STATEMENT_KEY_ENROL
            ? fact
            : bundle_facts_enrolment(facts, fact->signer, fact->index);
    if (!enrolment)
      return wrong(fault, fact->index, "is signed by a client whose key is not in it");
    const char *vkey = statement_text(&enrolment->statement, "key");
    enum tamis_status status = key_vkey_read(vkey, strlen(vkey), key, fault);
    const char *client = bundle_fact_client(fact);
    if (status != TAMIS_OK || (client && strcmp(client, key->name) == 0)) return status;
    return wrong(fault, fact->index, "speaks of another client than its signer");
  }
  if (!found) return wrong(fault, fact->index, "is signed by nobody whom the genesis names");
  *key = *found;
  return TAMIS_OK;
}

static enum tamis_status open_fact(struct bundle_facts *facts, size_t i, struct fault *fault) {
  const struct bundle_text *text = &facts->bundle->entry[i].envelope;
  struct bundle_fact *fact = &facts->fact[i];
  struct envelope envelope;
  struct public_key key;
  enum tamis_status status = envelope_open(text->bytes, text->length, &envelope, fault);
  if (status != TAMIS_OK) return status;
  status = statement_read(envelope.payload, envelope.payload_length, facts->log_key.name,
                          &fact->statement, fault);
  if (status == TAMIS_OK) {
    fact->index = facts->bundle->entry[i].index;
    memcpy(fact->signer, envelope.signature[0].keyid, sizeof fact->signer);
    facts->count = i + 1;
    if (i == 0) status = read_genesis(facts, fault);
  }
  if (status == TAMIS_OK) status = find_key(facts, fact, &key, fault);
  if (status == TAMIS_OK) status = envelope_verify(&envelope, &key, fault);
  envelope_close(&envelope);
  return status;
}

/* ---- Blobs ---- */

enum tamis_status bundle_facts_manifest(const struct bundle_facts *facts,
                                        const struct digest *digest, const char *federation,
                                        int64_t round, json_t **manifest, struct fault *fault) {
  const struct bundle_blob *blob = bundle_blob_find(facts->bundle, digest);
  char hex[DIGEST_HEX_SIZE];
  const char *of;
  int64_t in;
  digest_to_hex(digest, hex);
  *manifest = NULL;
  if (!blob) return fault_set(fault, TAMIS_BAD_PROOF, "the bundle lacks the manifest %s", hex);
  enum tamis_status status =
      canonical_decode((const char *)blob->bytes, blob->size, manifest, fault);
  if (status != TAMIS_OK) return status;
  if (canonical_text(*manifest, "federation", &of) && canonical_integer(*manifest, "round", &in) &&
      strcmp(of, federation) == 0 && in == round)
    return TAMIS_OK;
  json_decref(*manifest);
  *manifest = NULL;
  return fault_set(fault, TAMIS_BAD_PROOF, "%s is no manifest of round %" PRId64 " of %s", hex,
                   round, federation);
}

struct names {
  struct digest *list;
  size_t count, capacity;
};

static void name_add(struct names *names, const struct digest *digest) {
  if (names->count == names->capacity) {
    names->capacity = 2 * names->capacity + 64;
    names->list = reallocarray(names->list, names->capacity, sizeof *names->list);
    if (!names->list) abort(); /* a bundle that was half checked says nothing */
  }
  names->list[names->count++] = *digest;
}

/* Every field of a statement that is a digest names something; so do its subjects. */
static void names_of_statement(struct names *names, const struct statement *statement) {
  const struct statement_field *field;
  for (size_t i = 0; i < statement->subject_count; i++) name_add(names, &statement->subject[i]);
  for (size_t i = 0; (field = statement_kind_field(statement->kind, i)); i++) {
    if (field->type != STATEMENT_DIGEST || !json_object_get(statement->predicate, field->name))
      continue; /* what is optional may be left out */
    struct digest digest = statement_digest(statement, field->name);
    name_add(names, &digest);
  }
}

void bundle_states(const struct bundle *bundle, const struct digest *manifest,
                   void (*each)(void *context, const struct digest *file), void *context) {
  const struct bundle_blob *blob = bundle_blob_find(bundle, manifest);
  json_t *read = NULL, *one;
  size_t i;
  if (!blob || canonical_decode((const char *)blob->bytes, blob->size, &read, NULL) != TAMIS_OK)
    return;
  json_array_foreach(json_object_get(read, "state"), i, one) {
    const json_t *text = json_object_get(one, "blob");
    struct digest digest;
    if (json_is_string(text) &&
        digest_from_hex(json_string_value(text), json_string_length(text), &digest))
      each(context, &digest);
  }
  json_decref(read);
}

static void name_state(void *names, const struct digest *file) {
  name_add(names, file);
}

static int by_bytes(const void *a, const void *b) {
  return memcmp(a, b, DIGEST_SIZE);
}

static enum tamis_status check_blobs(const struct bundle_facts *facts, struct fault *fault) {
  struct names names = {.list = NULL};
  enum tamis_status status = TAMIS_OK;
  char hex[DIGEST_HEX_SIZE];
  for (size_t i = 0; i < facts->count; i++) {
    names_of_statement(&names, &facts->fact[i].statement);
    if (facts->fact[i].statement.kind == STATEMENT_AGGREGATE ||
        facts->fact[i].statement.kind == STATEMENT_REBUILT)
      bundle_states(facts->bundle, &facts->fact[i].statement.subject[1], name_state, &names);
  }
  qsort(names.list, names.count, sizeof *names.list, by_bytes);
  for (size_t i = 0; status == TAMIS_OK && i < facts->bundle->blob_count; i++) {
    const struct bundle_blob *blob = &facts->bundle->blob[i];
    struct digest digest = digest_of(blob->bytes, blob->size);
    digest_to_hex(&blob->digest, hex);
    if (!digest_equal(&digest, &blob->digest))
      status = fault_set(fault, TAMIS_BAD_PROOF,
                         "the bundle does not verify: blob %s has another "
                         "digest",
                         hex);
    else if (!bsearch(&digest, names.list, names.count, sizeof *names.list, by_bytes))
      status = fault_set(fault, TAMIS_BAD_PROOF,
                         "the bundle does not verify: no entry in it names "
                         "blob %s",
                         hex);
  }
  free(names.list);
  return status;
}

/* ---- Links ---- */

static bool is_witnessed(const struct bundle_facts *facts, uint64_t size) {
  for (size_t i = 0; i < facts->count; i++) {
    const struct statement *statement = &facts->fact[i].statement;
    if (statement->kind == STATEMENT_WITNESSED &&
        statement_integer(statement, "size") == (int64_t)size)
      return true;
  }
  return false;
}

static enum tamis_status check_links(const struct bundle_facts *facts, struct fault *fault) {
  for (size_t i = 0; i < facts->bundle->link_count; i++) {
    uint64_t size = facts->bundle->link[i].size;
    if (!is_witnessed(facts, size))
      return fault_set(fault, TAMIS_BAD_PROOF,
                       "the bundle does not verify: nobody in it witnessed the tree of %" PRIu64
                       " entries, of which it has a proof",
                       size);
  }
  return TAMIS_OK;
}

/* ---- All of it ---- */

enum tamis_status bundle_facts_open(const struct bundle *bundle, const struct public_key *log_key,
                                    struct bundle_facts *facts, struct fault *fault) {
  *facts = (struct bundle_facts){.bundle = bundle, .log_key = *log_key};
  facts->fact = calloc(bundle->entry_count, sizeof *facts->fact);
  if (!facts->fact) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status = check_log(facts, fault);
  for (size_t i = 0; status == TAMIS_OK && i < bundle->entry_count; i++)
    status = check_receipt(facts, &bundle->entry[i], fault);
  for (size_t i = 0; status == TAMIS_OK && i < bundle->entry_count; i++)
    status = open_fact(facts, i, fault);
  if (status == TAMIS_OK) status = check_links(facts, fault);
  if (status == TAMIS_OK) status = check_blobs(facts, fault);
  if (status != TAMIS_OK) bundle_facts_close(facts);
  return status;
}

void bundle_facts_close(struct bundle_facts *facts) {
  for (size_t i = 0; i < facts->count; i++) statement_close(&facts->fact[i].statement);
  free(facts->fact);
  *facts = (struct bundle_facts){.bundle = NULL};
}
