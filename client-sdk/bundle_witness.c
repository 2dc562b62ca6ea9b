/* The tree first, which needs nobody's word; then who cosigned it. */
#include "client-sdk/bundle_witness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "client-sdk/organisations.h"
#include "proto/canonical.h"
#include "proto/text.h"

static const struct bundle_fact *find(const struct bundle_facts *facts, const char *federation,
                                      int64_t number, enum statement_kind kind) {
  for (size_t i = 0; i < facts->count; i++) {
    const struct bundle_fact *fact = &facts->fact[i];
    if (fact->statement.kind == kind && (number == 0 ? bundle_fact_is_of(fact, federation)
                                                     : bundle_fact_is_in(fact, federation, number)))
      return fact;
  }
  return NULL;
}

struct vouching {
  const struct bundle_facts *facts;
  const struct bundle_round *round;
  const struct bundle_fact *entry;
  struct checkpoint checkpoint; /* what they cosigned */
  const char **organisation;    /* owned; of each */
  struct fault *fault;
};

static enum tamis_status refuse(const struct vouching *v, const char *what) {
  return bundle_round_refuse(v->fault, v->round->number, what);
}

/* ---- The tree ---- */

static enum tamis_status check_order(const struct vouching *v) {
  uint64_t size = v->checkpoint.size;
  if (!v->round->aggregate || size <= v->round->aggregate->index || size > v->entry->index ||
      (v->round->end && v->round->end->index < v->entry->index))
    return refuse(v, "witnesses cosigned a tree that does not hold the candidate");
  return TAMIS_OK;
}

static enum tamis_status check_link(const struct vouching *v, const struct bundle_link *link) {
  const struct checkpoint *last = &v->facts->checkpoint;
  struct merkle_proof proof;
  if (!bundle_link_read(&link->proof, &proof) ||
      !merkle_verify_consistency(v->checkpoint.size, last->size, &v->checkpoint.root, &last->root,
                                 &proof))
    return refuse(v, "witnesses cosigned a tree that is not shown to be one of this log");
  return TAMIS_OK;
}

/* ---- Who ---- */

/* The key by which `name` signed at `index`, and the organisation that it was invited for; NULL
 * when the bundle has no such key. */
static const char *organisation_of(const struct bundle_facts *facts, const char *name,
                                   uint64_t index, struct public_key *key) {
  const struct bundle_fact *enrolment = bundle_facts_enrolment(facts, name, index);
  const struct bundle_fact *invitation =
      enrolment ? bundle_facts_invitation(facts, enrolment) : NULL;
  if (!invitation) return NULL;
  const char *vkey = statement_text(&enrolment->statement, "key");
  if (key_vkey_read(vkey, strlen(vkey), key, NULL) != TAMIS_OK) return NULL;
  return statement_text(&invitation->statement, "organisation");
}

static enum tamis_status check_witness(struct vouching *v, const json_t *element,
                                       const char **before, const char **organisation) {
  const char *name = "", *named = "", *text = "";
  char line[COSIGNATURE_LINE_SIZE], again[COSIGNATURE_TEXT_SIZE];
  struct public_key key;
  uint64_t unix_seconds;
  if (!canonical_text(element, "client", &name) || strcmp(*before, name) >= 0 ||
      !text_is_name(name, strlen(name)) || !canonical_text(element, "organisation", &named) ||
      !canonical_text(element, "cosignature", &text) || strlen(text) >= COSIGNATURE_TEXT_SIZE)
    return refuse(v, "the witnesses are not a list of clients, each once");
  *organisation = organisation_of(v->facts, name, v->entry->index, &key);
  if (!*organisation) return refuse(v, "there is a witness whose key is not in it");
  if (strcmp(*organisation, named) != 0)
    return refuse(v, "there is a witness of another organisation than it was invited for");
  size_t length = checkpoint_cosignature_line(name, text, line);
  if (checkpoint_cosigned(&v->checkpoint, &key, line, length, &unix_seconds, again, NULL) !=
      TAMIS_OK)
    return refuse(v, "there is a cosignature that does not verify");
  *before = name;
  return TAMIS_OK;
}

static enum tamis_status check_count(const struct vouching *v, size_t count,
                                     const char *federation) {
  const struct bundle_fact *creation = find(v->facts, federation, 0, STATEMENT_FEDERATION_CREATE);
  if (!creation) return refuse(v, "nothing says how many witnesses the federation requires");
  int64_t wanted = statement_optional_integer(&creation->statement, "witness_organisations", 0);
  int64_t each = statement_optional_integer(&creation->statement, "witness_per_organisation", 1);
  int64_t found = organisations_count(v->organisation, count, each);
  if ((int64_t)count != statement_integer(&v->entry->statement, "witnesses") ||
      found != statement_integer(&v->entry->statement, "organisations") || found < wanted)
    return refuse(v, "the witnesses are not as many as their entry says, or too few");
  return TAMIS_OK;
}

/* The manifest names the very tree of its entry. */
static bool is_of_tree(const struct vouching *v, const json_t *manifest) {
  const char *hex;
  int64_t size;
  struct digest root;
  return canonical_integer(manifest, "size", &size) && (uint64_t)size == v->checkpoint.size &&
         canonical_text(manifest, "root", &hex) && digest_from_hex(hex, strlen(hex), &root) &&
         digest_equal(&root, &v->checkpoint.root);
}

static enum tamis_status check_manifest(struct vouching *v, const json_t *manifest,
                                        const char *federation, json_t *clients) {
  const json_t *list = json_object_get(manifest, "witnesses");
  const char *before = "";
  size_t i, count = json_array_size(list);
  json_t *each;
  enum tamis_status status = TAMIS_OK;
  if (!is_of_tree(v, manifest)) return refuse(v, "the witnesses' manifest is of another tree");
  v->organisation = calloc(count + 1, sizeof *v->organisation);
  if (!v->organisation) return fault_plain(v->fault, TAMIS_NO_MEMORY);
  json_array_foreach(list, i, each) {
    status = check_witness(v, each, &before, &v->organisation[i]);
    if (status != TAMIS_OK) break;
    json_array_append_new(clients, json_string(before));
  }
  if (status == TAMIS_OK) status = check_count(v, count, federation);
  free(v->organisation);
  return status;
}

enum tamis_status bundle_witnesses_check(const struct bundle_facts *facts, const char *federation,
                                         const struct bundle_round *round,
                                         const struct bundle_fact **entry, json_t **clients,
                                         struct fault *fault) {
  struct vouching v = {.facts = facts, .round = round, .fault = fault};
  json_t *manifest = NULL;
  *clients = NULL;
  v.entry = *entry = find(facts, federation, round->number, STATEMENT_WITNESSED);
  if (!v.entry) return TAMIS_OK;
  const struct statement *statement = &v.entry->statement;
  snprintf(v.checkpoint.origin, sizeof v.checkpoint.origin, "%s", facts->log_key.name);
  v.checkpoint.size = (uint64_t)statement_integer(statement, "size");
  v.checkpoint.root = statement_digest(statement, "root");
  const struct bundle_link *link = bundle_link_find(facts->bundle, v.checkpoint.size);
  bool is_there = bundle_blob_find(facts->bundle, &statement->subject[0]) != NULL;
  enum tamis_status status = check_order(&v);
  if (status == TAMIS_OK && link) status = check_link(&v, link);
  if (status != TAMIS_OK || !is_there) return status;
  if (!link) return refuse(&v, "nothing shows that witnesses cosigned a tree of this log");
  status = bundle_facts_manifest(facts, &statement->subject[0], federation, round->number,
                                 &manifest, fault);
  if (status != TAMIS_OK) return status;
  *clients = json_array();
  status = check_manifest(&v, manifest, federation, *clients);
  json_decref(manifest);
  if (status == TAMIS_OK) return TAMIS_OK;
  json_decref(*clients);
  *clients = NULL;
  return status;
}

/* ---- The checkpoint ---- */

static enum tamis_status refuse_signature(struct fault *fault, const char *name) {
  return fault_set(fault, TAMIS_BAD_PROOF,
                   "the bundle does not verify: its checkpoint is signed as %.64s, which no key in "
                   "it bears out",
                   name);
}

enum tamis_status bundle_cosigners_check(const struct bundle_facts *facts, json_t **clients,
                                         int64_t *organisations, struct fault *fault) {
  const struct bundle_text *note = &facts->bundle->checkpoint;
  const char *line, *organisation[CHECKPOINT_SIGNATURES_MAX];
  char name[KEY_NAME_SIZE], again[COSIGNATURE_TEXT_SIZE];
  size_t at = 0, length, count = 0, own = 0;
  struct public_key key;
  uint64_t unix_seconds;
  enum tamis_status status = TAMIS_OK;
  *clients = json_array();
  while (status == TAMIS_OK && count < CHECKPOINT_SIGNATURES_MAX &&
         checkpoint_line_next(note->bytes, note->length, &at, &line, &length, name)) {
    bool is_own = strcmp(name, facts->log_key.name) == 0;
    own += is_own;
    if (is_own && own == 1) continue; /* checkpoint_open has found it good */
    organisation[count] = organisation_of(facts, name, facts->checkpoint.size, &key);
    if (!organisation[count] || checkpoint_cosigned(&facts->checkpoint, &key, line, length,
                                                    &unix_seconds, again, NULL) != TAMIS_OK)
      status = refuse_signature(fault, name);
    json_array_append_new(*clients, json_string(name));
    count++;
  }
  if (status == TAMIS_OK)
    *organisations = organisations_count(organisation, count, 1);
  else
    json_decref(*clients);
  return status;
}
