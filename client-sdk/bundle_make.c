/* Rounds first, then the entries of each, then the blobs those name: every step asks only for what
 * the step before has shown to be there. */
#include "client-sdk/bundle_make.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "client-sdk/bundle_provenance.h"
#include "proto/canonical.h"
#include "proto/envelope.h"

struct wanted {
  struct digest digest;
  bool may_lack;   /* bodies and the Gram matrix: clients do not get all of them */
  uint64_t offset; /* in the spool */
  size_t size;
  bool is_there;
};

struct bundle_draft {
  struct bundle bundle;
  struct bundle_scope scope;
  struct checkpoint checkpoint;
  struct bundle_facts facts; /* while it is made */
  const struct bundle_source *source;
  const struct bundle_request *request;
  struct fault *fault;
  size_t link_capacity;
  json_t *identities; /* owned: clients whose keys are there */
  int64_t *reach;     /* owned: rounds that the scope's redo */
  size_t reach_count, entry_capacity;
  struct wanted *wanted;
  size_t wanted_count, wanted_capacity, left_out;
  int spool; /* unnamed file that the blobs are fetched into, mapped once all are there */
  uint64_t spool_size;
  uint8_t *spool_map;
  size_t spool_mapped; /* bytes of it: the file may have grown since */
  char vkey[KEY_VKEY_SIZE + 1];
  char *about, *provenance; /* owned */
};

/* Room for one more, or the end: half a bundle is no use. */
static void *room(void *list, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) return list;
  *capacity = 2 * count + 16;
  void *grown = reallocarray(list, *capacity, size);
  if (!grown) abort();
  return grown;
}

/* ---- Entries ---- */

static bool has_entry(const struct bundle_draft *draft, uint64_t index) {
  for (size_t i = 0; i < draft->bundle.entry_count; i++)
    if (draft->bundle.entry[i].index == index) return true;
  return false;
}

static enum tamis_status take_entry(struct bundle_draft *draft, uint64_t index) {
  char *envelope = NULL, *receipt = NULL;
  size_t length = 0, receipt_length = 0;
  /* What came after the checkpoint is for another bundle. */
  if (has_entry(draft, index) || index >= draft->checkpoint.size) return TAMIS_OK;
  enum tamis_status status = draft->source->entry(draft->source->context, index, &envelope, &length,
                                                  &receipt, &receipt_length, draft->fault);
  if (status != TAMIS_OK) return status;
  struct bundle *bundle = &draft->bundle;
  bundle->entry =
      room(bundle->entry, bundle->entry_count, &draft->entry_capacity, sizeof *bundle->entry);
  bundle->entry[bundle->entry_count++] =
      (struct bundle_entry){index, {envelope, length}, {receipt, receipt_length}};
  if (draft->request->told) draft->request->told(draft->request->told_context, bundle->entry_count);
  return TAMIS_OK;
}

static bool row_index(const json_t *row, uint64_t *index) {
  const json_t *value = json_object_get(row, "index");
  if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
  *index = (uint64_t)json_integer_value(value);
  return true;
}

static const char *row_text(const json_t *row, const char *key) {
  const char *text = json_string_value(json_object_get(row, key));
  return text ? text : "";
}

static bool is_one_of(const char *word, const char *const *words) {
  for (size_t i = 0; words[i]; i++)
    if (strcmp(word, words[i]) == 0) return true;
  return false;
}

/* The rows of a query of entries; those whose kind is in `kinds` (NULL: all) are taken. */
static enum tamis_status take_rows(struct bundle_draft *draft, const json_t *rows,
                                   const char *const *kinds) {
  enum tamis_status status = TAMIS_OK;
  size_t i;
  json_t *row;
  json_array_foreach(rows, i, row) {
    uint64_t index;
    if (kinds && !is_one_of(row_text(row, "kind"), kinds)) continue;
    if (!row_index(row, &index))
      return fault_set(draft->fault, TAMIS_BAD_REQUEST, "the server named an entry by no index");
    status = take_entry(draft, index);
    if (status != TAMIS_OK) break;
  }
  return status;
}

static enum tamis_status ask(struct bundle_draft *draft, const char *name, size_t count,
                             const char *const *arguments, json_t **rows) {
  *rows = NULL;
  return draft->source->ask(draft->source->context, name, count, arguments, rows, draft->fault);
}

static enum tamis_status ask_and_take(struct bundle_draft *draft, const char *name, size_t count,
                                      const char *const *arguments, const char *const *kinds) {
  json_t *rows;
  enum tamis_status status = ask(draft, name, count, arguments, &rows);
  if (status == TAMIS_OK) status = take_rows(draft, rows, kinds);
  json_decref(rows);
  return status;
}

static enum tamis_status ask_round(struct bundle_draft *draft, int64_t round, json_t **rows) {
  char number[24];
  snprintf(number, sizeof number, "%" PRId64, round);
  const char *const arguments[] = {draft->scope.federation, number};
  return ask(draft, "round-entries", 2, arguments, rows);
}

/* How it came that the client's key counts. */
static enum tamis_status take_identity(struct bundle_draft *draft, const char *client) {
  static const char *const kinds[] = {"client-invite", "key-enrol", "key-revoke", NULL};
  if (json_object_get(draft->identities, client)) return TAMIS_OK;
  json_object_set_new(draft->identities, client, json_true());
  return ask_and_take(draft, "client-entries", 1, &client, kinds);
}

static enum tamis_status take_beginnings(struct bundle_draft *draft) {
  static const char *const kinds[] = {"federation-create", NULL};
  json_t *rows;
  enum tamis_status status = take_entry(draft, 0);
  if (status == TAMIS_OK) status = ask_round(draft, 0, &rows);
  if (status != TAMIS_OK) return status;
  status = take_rows(draft, rows, kinds);
  json_decref(rows);
  return status;
}

/* ---- What an entry says, before it is checked with the rest ---- */

static enum tamis_status read_entry(struct bundle_draft *draft, const struct bundle_entry *entry,
                                    struct statement *statement) {
  struct envelope envelope;
  enum tamis_status status =
      envelope_open(entry->envelope.bytes, entry->envelope.length, &envelope, draft->fault);
  if (status != TAMIS_OK) return status;
  status = statement_read(envelope.payload, envelope.payload_length, draft->source->log_key.name,
                          statement, draft->fault);
  envelope_close(&envelope);
  return status;
}

/* ---- Blobs ---- */

static void want(struct bundle_draft *draft, const struct digest *digest, bool may_lack) {
  for (size_t i = 0; i < draft->wanted_count; i++)
    if (digest_equal(&draft->wanted[i].digest, digest)) return;
  draft->wanted =
      room(draft->wanted, draft->wanted_count, &draft->wanted_capacity, sizeof *draft->wanted);
  draft->wanted[draft->wanted_count++] = (struct wanted){.digest = *digest, .may_lack = may_lack};
}

static void want_field(struct bundle_draft *draft, const struct statement *statement,
                       const char *field, bool may_lack) {
  struct digest digest = statement_digest(statement, field);
  want(draft, &digest, may_lack);
}

static void want_bodies(struct bundle_draft *draft, const struct statement *statement) {
  switch (statement->kind) {
  case STATEMENT_FEDERATION_CREATE:
    if (draft->scope.round_count == 1 && draft->scope.round[0] == 0)
      want(draft, &statement->subject[0], true);
    break;
  case STATEMENT_ROUND_OPEN:
  case STATEMENT_UPDATE:
  case STATEMENT_AGGREGATE:
  case STATEMENT_REBUILT: want(draft, &statement->subject[0], true); break;
  default: break;
  }
}

static enum tamis_status want_of_entry(struct bundle_draft *draft,
                                       const struct bundle_entry *entry) {
  struct statement statement;
  enum tamis_status status = read_entry(draft, entry, &statement);
  if (status != TAMIS_OK) return status;
  if (statement.kind == STATEMENT_ROUND_OPEN) want_field(draft, &statement, "cohort", false);
  if (statement.kind == STATEMENT_VERDICTS) {
    want(draft, &statement.subject[0], false);
    want_field(draft, &statement, "gram", true);
  }
  if (statement.kind == STATEMENT_AGGREGATE || statement.kind == STATEMENT_REBUILT)
    want(draft, &statement.subject[1], false);
  if (statement.kind == STATEMENT_WITNESSED) want(draft, &statement.subject[0], true);
  if (draft->request->has_bodies) want_bodies(draft, &statement);
  statement_close(&statement);
  return TAMIS_OK;
}

static enum tamis_status spool_append(void *context, const uint8_t *bytes, size_t length,
                                      struct fault *fault) {
  struct bundle_draft *draft = context;
  while (length > 0) {
    ssize_t put = pwrite(draft->spool, bytes, length, (off_t)draft->spool_size);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0)
      return fault_set(fault, errno == ENOSPC ? TAMIS_DISK_FULL : TAMIS_IO,
                       "cannot keep a blob in TMPDIR: %s", strerror(errno));
    bytes += put;
    length -= (size_t)put;
    draft->spool_size += (uint64_t)put;
  }
  return TAMIS_OK;
}

static enum tamis_status fetch(struct bundle_draft *draft, struct wanted *wanted) {
  wanted->offset = draft->spool_size;
  enum tamis_status status = draft->source->blob(draft->source->context, &wanted->digest,
                                                 spool_append, draft, draft->fault);
  bool is_denied = wanted->may_lack && (status == TAMIS_DENIED || status == TAMIS_NOT_FOUND);
  wanted->is_there = status == TAMIS_OK;
  if (wanted->is_there)
    wanted->size = (size_t)(draft->spool_size - wanted->offset);
  else
    draft->spool_size = wanted->offset;
  draft->left_out += is_denied;
  return is_denied ? TAMIS_OK : status;
}

static enum tamis_status open_spool(struct bundle_draft *draft) {
  const char *folder = getenv("TMPDIR");
  char *path = NULL;
  if (asprintf(&path, "%s/tamis-bundle-XXXXXX", folder ? folder : "/var/tmp") < 0)
    return fault_plain(draft->fault, TAMIS_NO_MEMORY);
  draft->spool = mkostemp(path, O_CLOEXEC);
  if (draft->spool >= 0) unlink(path);
  enum tamis_status status =
      draft->spool >= 0
          ? TAMIS_OK
          : fault_set(draft->fault, TAMIS_IO, "cannot make %s: %s", path, strerror(errno));
  free(path);
  return status;
}

static int by_digest(const void *a, const void *b) {
  return memcmp(&((const struct bundle_blob *)a)->digest, &((const struct bundle_blob *)b)->digest,
                DIGEST_SIZE);
}

static void unmap_spool(struct bundle_draft *draft) {
  if (draft->spool_map) munmap(draft->spool_map, draft->spool_mapped);
  draft->spool_map = NULL;
}

/* Gives the bundle its blobs, as views of the mapped spool. */
static enum tamis_status map_spool(struct bundle_draft *draft) {
  struct bundle *bundle = &draft->bundle;
  unmap_spool(draft);
  free(bundle->blob);
  bundle->blob_count = 0;
  bundle->blob = calloc(draft->wanted_count + 1, sizeof *bundle->blob);
  if (!bundle->blob) return fault_plain(draft->fault, TAMIS_NO_MEMORY);
  if (draft->spool_size == 0) return TAMIS_OK;
  void *map = mmap(NULL, draft->spool_size, PROT_READ, MAP_SHARED, draft->spool, 0);
  if (map == MAP_FAILED)
    return fault_set(draft->fault, TAMIS_IO, "cannot read back what was fetched: %s",
                     strerror(errno));
  draft->spool_map = map;
  draft->spool_mapped = draft->spool_size;
  for (size_t i = 0; i < draft->wanted_count; i++) {
    const struct wanted *wanted = &draft->wanted[i];
    if (wanted->is_there)
      bundle->blob[bundle->blob_count++] =
          (struct bundle_blob){wanted->digest, draft->spool_map + wanted->offset, wanted->size};
  }
  qsort(bundle->blob, bundle->blob_count, sizeof *bundle->blob, by_digest);
  return TAMIS_OK;
}

static enum tamis_status fetch_from(struct bundle_draft *draft, size_t first) {
  enum tamis_status status = TAMIS_OK;
  for (size_t i = first; status == TAMIS_OK && i < draft->wanted_count; i++)
    status = fetch(draft, &draft->wanted[i]);
  return status == TAMIS_OK ? map_spool(draft) : status;
}

static void want_state(void *draft, const struct digest *file) {
  want(draft, file, true);
}

/* What rule and optimiser remember is named by the weights, which are there by now. */
static enum tamis_status take_states(struct bundle_draft *draft) {
  enum tamis_status status = TAMIS_OK;
  size_t before = draft->wanted_count;
  for (size_t i = 0; status == TAMIS_OK && i < draft->bundle.entry_count; i++) {
    struct statement statement;
    status = read_entry(draft, &draft->bundle.entry[i], &statement);
    if (status != TAMIS_OK) return status;
    if (statement.kind == STATEMENT_AGGREGATE || statement.kind == STATEMENT_REBUILT)
      bundle_states(&draft->bundle, &statement.subject[1], want_state, draft);
    statement_close(&statement);
  }
  return status == TAMIS_OK ? fetch_from(draft, before) : status;
}

/* What the entries so far name and is not there yet. */
static enum tamis_status take_blobs(struct bundle_draft *draft) {
  enum tamis_status status = TAMIS_OK;
  size_t before = draft->wanted_count;
  for (size_t i = 0; status == TAMIS_OK && i < draft->bundle.entry_count; i++)
    status = want_of_entry(draft, &draft->bundle.entry[i]);
  if (status == TAMIS_OK) status = fetch_from(draft, before);
  return status == TAMIS_OK && draft->request->has_bodies ? take_states(draft) : status;
}

/* ---- Scopes ---- */

/* Into an ascending list, once. */
static void insert_round(int64_t **list, size_t *count, int64_t round) {
  for (size_t i = 0; i < *count; i++)
    if ((*list)[i] == round) return;
  int64_t *grown = reallocarray(*list, *count + 1, sizeof *grown);
  if (!grown) abort();
  *list = grown;
  size_t at = (*count)++;
  for (; at > 0 && grown[at - 1] > round; at--) grown[at] = grown[at - 1];
  grown[at] = round;
}

static void add_round(struct bundle_draft *draft, int64_t round) {
  insert_round(&draft->scope.round, &draft->scope.round_count, round);
}

static enum tamis_status set_federation(struct bundle_draft *draft, const char *name) {
  if (!text_is_name(name, strlen(name)))
    return fault_set(draft->fault, TAMIS_BAD_REQUEST, "\"%.64s\" is no name of a federation", name);
  snprintf(draft->scope.federation, sizeof draft->scope.federation, "%s", name);
  return TAMIS_OK;
}

/* Everybody who signed an update of the bundle, or was refused one. */
static enum tamis_status take_identities(struct bundle_draft *draft) {
  enum tamis_status status = TAMIS_OK;
  for (size_t i = 0, count = draft->bundle.entry_count; status == TAMIS_OK && i < count; i++) {
    struct statement statement;
    status = read_entry(draft, &draft->bundle.entry[i], &statement);
    if (status != TAMIS_OK) break;
    if (statement.kind == STATEMENT_UPDATE || statement.kind == STATEMENT_REFUSAL)
      status = take_identity(draft, statement_text(&statement, "client"));
    statement_close(&statement);
  }
  return status;
}

static const char *const decisions[] = {"round-open", "verdicts", "aggregate",
                                        "witnessed",  "rebuilt",  "promote",
                                        "hold",       "abandon",  NULL};

/* The last order to rebuild before that entry. */
static enum tamis_status take_order(struct bundle_draft *draft, uint64_t before) {
  json_t *rows = NULL, *row;
  size_t i;
  uint64_t index, found = 0;
  enum tamis_status status = ask_round(draft, 0, &rows);
  json_array_foreach(rows, i, row) {
    if (strcmp(row_text(row, "kind"), "rebuild") == 0 && row_index(row, &index) && index < before)
      found = index;
  }
  json_decref(rows);
  return status == TAMIS_OK ? take_entry(draft, found) : status;
}

/* What shows on which model a rebuilt round was put: the `rebuilt` of the number before, or what
 * that number was opened by. */
static enum tamis_status take_footing(struct bundle_draft *draft, int64_t round) {
  json_t *rows = NULL, *row;
  size_t i;
  uint64_t index = 0;
  enum tamis_status status = ask_round(draft, round, &rows);
  if (status == TAMIS_OK && !row_index(json_array_get(rows, 0), &index))
    status = fault_set(draft->fault, TAMIS_NOT_FOUND, "nothing is known of round %" PRId64 " of %s",
                       round, draft->scope.federation);
  json_array_foreach(rows, i, row) {
    if (strcmp(row_text(row, "kind"), "rebuilt") == 0) row_index(row, &index);
  }
  json_decref(rows);
  return status == TAMIS_OK ? take_entry(draft, index) : status;
}

/* The round that `round` redoes, 0 for none; and what belongs to a rebuilt one. */
static enum tamis_status take_rebuild(struct bundle_draft *draft, int64_t round, int64_t *of) {
  enum tamis_status status = TAMIS_OK;
  uint64_t made = 0, ended = 0;
  bool is_planned = false;
  *of = 0;
  for (size_t i = 0; status == TAMIS_OK && i < draft->bundle.entry_count; i++) {
    struct statement statement;
    uint64_t index = draft->bundle.entry[i].index;
    status = read_entry(draft, &draft->bundle.entry[i], &statement);
    if (status != TAMIS_OK) return status;
    int64_t its;
    bool is_its = canonical_integer(statement.predicate, "round", &its) && its == round;
    if (is_its && statement.kind == STATEMENT_REBUILT) {
      made = index;
      *of = statement_integer(&statement, "of");
    }
    if (is_its && statement.kind == STATEMENT_ABANDON) ended = index;
    is_planned = is_planned || (is_its && statement.kind == STATEMENT_ROUND_OPEN);
    statement_close(&statement);
  }
  if (made == 0 && (is_planned || ended == 0)) return TAMIS_OK;
  status = take_order(draft, made > 0 ? made : ended);
  return status == TAMIS_OK && made > 0 ? take_footing(draft, round - 1) : status;
}

/* The entries of a round whose kind is in `kinds`; NOT_FOUND when the round was never opened. */
static enum tamis_status take_one_round(struct bundle_draft *draft, int64_t round,
                                        const char *const *kinds) {
  json_t *rows = NULL;
  enum tamis_status status = ask_round(draft, round, &rows);
  if (status == TAMIS_OK && json_array_size(rows) == 0)
    status = fault_set(draft->fault, TAMIS_NOT_FOUND, "round %" PRId64 " of %s was never opened",
                       round, draft->scope.federation);
  if (status == TAMIS_OK) status = take_rows(draft, rows, kinds);
  json_decref(rows);
  return status;
}

/* The round, and the ones that it redoes. */
static enum tamis_status take_round(struct bundle_draft *draft, int64_t round,
                                    const char *const *kinds) {
  int64_t of = 0;
  enum tamis_status status = take_one_round(draft, round, kinds);
  if (status == TAMIS_OK) status = take_rebuild(draft, round, &of);
  while (status == TAMIS_OK && of > 0 && of < round) {
    insert_round(&draft->reach, &draft->reach_count, round = of);
    status = take_one_round(draft, round, kinds);
    if (status == TAMIS_OK) status = take_rebuild(draft, round, &of);
  }
  return status;
}

static enum tamis_status make_round(struct bundle_draft *draft) {
  add_round(draft, draft->request->round);
  enum tamis_status status = take_round(draft, draft->request->round, NULL);
  if (status == TAMIS_OK) status = take_identities(draft);
  return status == TAMIS_OK ? take_blobs(draft) : status;
}

/* Without a federation named, the client must be in one only. */
static enum tamis_status choose_federation(struct bundle_draft *draft, const json_t *rows) {
  size_t i;
  json_t *row;
  if (draft->request->federation) return set_federation(draft, draft->request->federation);
  json_array_foreach(rows, i, row) {
    const char *name = row_text(row, "federation");
    if (*name == '\0' || strcmp(name, draft->scope.federation) == 0) continue;
    if (draft->scope.federation[0] != '\0')
      return fault_set(draft->fault, TAMIS_BAD_REQUEST,
                       "%.64s is in %s and in %.64s: say which federation", draft->scope.client,
                       draft->scope.federation, name);
    enum tamis_status status = set_federation(draft, name);
    if (status != TAMIS_OK) return status;
  }
  if (draft->scope.federation[0] != '\0') return TAMIS_OK;
  return fault_set(draft->fault, TAMIS_NOT_FOUND,
                   "the log tells of nothing that %.64s did in a federation; name one to show that "
                   "it was not selected",
                   draft->scope.client);
}

static void choose_rounds(struct bundle_draft *draft, const json_t *rows) {
  static const char *const kinds[] = {"update", "refusal", NULL};
  size_t i;
  json_t *row;
  if (draft->request->round >= 0) add_round(draft, draft->request->round);
  json_array_foreach(rows, i, row) {
    const json_t *round = json_object_get(row, "round");
    if (draft->request->round < 0 && json_is_integer(round) &&
        is_one_of(row_text(row, "kind"), kinds) &&
        strcmp(row_text(row, "federation"), draft->scope.federation) == 0)
      add_round(draft, json_integer_value(round));
  }
}

/* Of the client's own entries those about its key, the federation as a whole, and the rounds. */
static enum tamis_status take_own(struct bundle_draft *draft, const json_t *rows) {
  enum tamis_status status = TAMIS_OK;
  size_t i;
  json_t *row;
  json_array_foreach(rows, i, row) {
    const char *federation = row_text(row, "federation");
    const json_t *round = json_object_get(row, "round");
    bool is_wanted = *federation == '\0' || strcmp(federation, draft->scope.federation) == 0;
    bool is_listed = !json_is_integer(round);
    uint64_t index;
    for (size_t r = 0; r < draft->scope.round_count && !is_listed; r++)
      is_listed = draft->scope.round[r] == json_integer_value(round);
    for (size_t r = 0; r < draft->reach_count && !is_listed; r++)
      is_listed = draft->reach[r] == json_integer_value(round);
    if (!is_wanted || !is_listed) continue;
    if (!row_index(row, &index))
      return fault_set(draft->fault, TAMIS_BAD_REQUEST, "the server named an entry by no index");
    status = take_entry(draft, index);
    if (status != TAMIS_OK) break;
  }
  return status;
}

static enum tamis_status make_client(struct bundle_draft *draft) {
  const char *client = draft->request->client;
  json_t *rows = NULL;
  if (!text_is_name(client, strlen(client)))
    return fault_set(draft->fault, TAMIS_BAD_REQUEST, "\"%.64s\" is no name of a client", client);
  snprintf(draft->scope.client, sizeof draft->scope.client, "%s", client);
  enum tamis_status status = ask(draft, "client-entries", 1, &client, &rows);
  if (status == TAMIS_OK && json_array_size(rows) == 0)
    status = fault_set(draft->fault, TAMIS_NOT_FOUND, "the log names no client \"%s\"", client);
  if (status == TAMIS_OK) status = choose_federation(draft, rows);
  if (status == TAMIS_OK) choose_rounds(draft, rows);
  for (size_t i = 0; status == TAMIS_OK && i < draft->scope.round_count; i++)
    status = take_round(draft, draft->scope.round[i], decisions);
  if (status == TAMIS_OK) status = take_own(draft, rows);
  json_decref(rows);
  return status == TAMIS_OK ? take_blobs(draft) : status;
}

static enum tamis_status find_head(struct bundle_draft *draft, int64_t *round) {
  json_t *rows = NULL, *row;
  size_t i;
  *round = -1;
  enum tamis_status status = ask(draft, "federations", 0, NULL, &rows);
  json_array_foreach(rows, i, row) {
    if (strcmp(row_text(row, "federation"), draft->scope.federation) == 0)
      *round = json_integer_value(json_object_get(row, "head_round"));
  }
  json_decref(rows);
  if (status == TAMIS_OK && *round < 0)
    status = fault_set(draft->fault, TAMIS_UNKNOWN_FEDERATION, "there is no federation \"%s\"",
                       draft->scope.federation);
  return status;
}

/* Updates that have a weight, by the manifest that is already there. */
static enum tamis_status take_contributions(struct bundle_draft *draft) {
  enum tamis_status status = TAMIS_OK;
  json_t *manifest = NULL, *each;
  size_t i;
  for (size_t e = 0, count = draft->bundle.entry_count; e < count && !manifest; e++) {
    struct statement statement;
    status = read_entry(draft, &draft->bundle.entry[e], &statement);
    if (status != TAMIS_OK) return status;
    bool is_it = (statement.kind == STATEMENT_AGGREGATE || statement.kind == STATEMENT_REBUILT) &&
                 statement_integer(&statement, "round") == draft->scope.round[0];
    const struct bundle_blob *blob =
        is_it ? bundle_blob_find(&draft->bundle, &statement.subject[1]) : NULL;
    if (blob)
      status = canonical_decode((const char *)blob->bytes, blob->size, &manifest, draft->fault);
    statement_close(&statement);
    if (status != TAMIS_OK) return status;
  }
  json_array_foreach(json_object_get(manifest, "updates"), i, each) {
    uint64_t index;
    status = row_index(each, &index)
                 ? take_entry(draft, index)
                 : fault_set(draft->fault, TAMIS_BAD_PROOF, "a weight is of no entry");
    if (status != TAMIS_OK) break;
  }
  json_decref(manifest);
  return status;
}

static enum tamis_status make_model(struct bundle_draft *draft) {
  int64_t round = draft->request->round;
  enum tamis_status status = round < 0 ? find_head(draft, &round) : TAMIS_OK;
  if (status != TAMIS_OK) return status;
  add_round(draft, round);
  if (round > 0) {
    status = take_round(draft, round, decisions);
    if (status == TAMIS_OK) status = take_blobs(draft); /* the weights say who contributed */
    if (status == TAMIS_OK) status = take_contributions(draft);
    if (status == TAMIS_OK) status = take_identities(draft);
  }
  return status == TAMIS_OK ? take_blobs(draft) : status;
}

/* ---- Witnesses ---- */

static enum tamis_status take_link(struct bundle_draft *draft, uint64_t size) {
  struct bundle *bundle = &draft->bundle;
  struct merkle_proof proof;
  char *text;
  size_t length;
  for (size_t i = 0; i < bundle->link_count; i++)
    if (bundle->link[i].size == size) return TAMIS_OK;
  enum tamis_status status =
      draft->source->link(draft->source->context, size, &proof, draft->fault);
  if (status == TAMIS_OK) status = bundle_link_write(&proof, &text, &length, draft->fault);
  if (status != TAMIS_OK) return status;
  bundle->link =
      room(bundle->link, bundle->link_count, &draft->link_capacity, sizeof *bundle->link);
  bundle->link[bundle->link_count++] = (struct bundle_link){size, {text, length}};
  return TAMIS_OK;
}

/* Whom an entry names as witnesses, and how what they cosigned goes on; nothing without the
 * manifest. */
static enum tamis_status take_vouchers(struct bundle_draft *draft,
                                       const struct statement *witnessed) {
  const struct bundle_blob *blob = bundle_blob_find(&draft->bundle, &witnessed->subject[0]);
  json_t *manifest = NULL, *each;
  size_t i;
  const char *client;
  if (!blob) return TAMIS_OK;
  enum tamis_status status =
      canonical_decode((const char *)blob->bytes, blob->size, &manifest, draft->fault);
  if (status == TAMIS_OK) status = take_link(draft, (uint64_t)statement_integer(witnessed, "size"));
  json_array_foreach(json_object_get(manifest, "witnesses"), i, each) {
    if (status == TAMIS_OK && canonical_text(each, "client", &client))
      status = take_identity(draft, client);
  }
  json_decref(manifest);
  return status;
}

static int by_link_size(const void *a, const void *b) {
  uint64_t first = ((const struct bundle_link *)a)->size;
  uint64_t second = ((const struct bundle_link *)b)->size;
  return (first > second) - (first < second);
}

/* Of the rounds, and of the checkpoint itself. An origin that looks like a client's name brings at
 * worst a client. */
static enum tamis_status take_witnesses(struct bundle_draft *draft) {
  struct bundle *bundle = &draft->bundle;
  enum tamis_status status = TAMIS_OK;
  for (size_t i = 0, count = bundle->entry_count; status == TAMIS_OK && i < count; i++) {
    struct statement statement;
    status = read_entry(draft, &bundle->entry[i], &statement);
    if (status != TAMIS_OK) break;
    if (statement.kind == STATEMENT_WITNESSED) status = take_vouchers(draft, &statement);
    statement_close(&statement);
  }
  const char *line;
  char name[KEY_NAME_SIZE];
  size_t at = 0, length;
  while (status == TAMIS_OK &&
         checkpoint_line_next(bundle->checkpoint.bytes, bundle->checkpoint.length, &at, &line,
                              &length, name))
    if (text_is_name(name, strlen(name))) status = take_identity(draft, name);
  if (bundle->link_count > 0)
    qsort(bundle->link, bundle->link_count, sizeof *bundle->link, by_link_size);
  return status;
}

/* ---- All of it ---- */

static int by_index(const void *a, const void *b) {
  uint64_t first = ((const struct bundle_entry *)a)->index;
  uint64_t second = ((const struct bundle_entry *)b)->index;
  return (first > second) - (first < second);
}

static enum tamis_status take_frame(struct bundle_draft *draft) {
  struct bundle *bundle = &draft->bundle;
  enum tamis_status status = draft->source->checkpoint(
      draft->source->context, &bundle->checkpoint.bytes, &bundle->checkpoint.length, draft->fault);
  if (status == TAMIS_OK)
    status = checkpoint_open(bundle->checkpoint.bytes, bundle->checkpoint.length,
                             &draft->source->log_key, &draft->checkpoint, draft->fault);
  key_vkey_write(&draft->source->log_key, draft->vkey);
  strcat(draft->vkey, "\n");
  bundle->log_vkey = (struct bundle_text){draft->vkey, strlen(draft->vkey)};
  bundle->readme = (struct bundle_text){bundle_readme, strlen(bundle_readme)};
  bundle->about = bundle->readme; /* until the claims are there */
  return status;
}

/* What a reader will do, done once before anybody gets it. */
static enum tamis_status conclude(struct bundle_draft *draft) {
  struct bundle *bundle = &draft->bundle;
  qsort(bundle->entry, bundle->entry_count, sizeof *bundle->entry, by_index);
  enum tamis_status status =
      bundle_facts_open(bundle, &draft->source->log_key, &draft->facts, draft->fault);
  if (status != TAMIS_OK) return status;
  status = bundle_claims_write(&draft->facts, &draft->scope, &draft->about, &bundle->about.length,
                               draft->fault);
  bundle->about.bytes = draft->about;
  if (status == TAMIS_OK && bundle_provenance_is_due(&draft->scope)) {
    bundle->provenance_is_signed = draft->request->operator!= NULL;
    status = bundle_provenance_write(&draft->facts, &draft->scope,
                                     draft->request->operator, & draft->provenance,
                                     &bundle->provenance.length, draft->fault);
    bundle->provenance.bytes = draft->provenance;
  }
  bundle_facts_close(&draft->facts);
  return status;
}

enum tamis_status bundle_make(const struct bundle_source *source,
                              const struct bundle_request *request, struct bundle_draft **out,
                              struct fault *fault) {
  struct bundle_draft *draft = calloc(1, sizeof *draft);
  if (!draft) return fault_plain(fault, TAMIS_NO_MEMORY);
  draft->source = source;
  draft->request = request;
  draft->fault = fault;
  draft->scope.kind = request->kind;
  draft->spool = -1;
  draft->identities = json_object();
  enum tamis_status status = open_spool(draft);
  if (status == TAMIS_OK) status = take_frame(draft);
  if (status == TAMIS_OK && request->kind != BUNDLE_CLIENT)
    status = set_federation(draft, request->federation);
  if (status == TAMIS_OK)
    status = request->kind == BUNDLE_ROUND    ? make_round(draft)
             : request->kind == BUNDLE_CLIENT ? make_client(draft)
                                              : make_model(draft);
  if (status == TAMIS_OK) status = take_witnesses(draft);
  if (status == TAMIS_OK) status = take_beginnings(draft);
  if (status == TAMIS_OK) status = conclude(draft);
  if (status != TAMIS_OK) {
    bundle_draft_free(draft);
    return status;
  }
  *out = draft;
  return TAMIS_OK;
}

void bundle_draft_free(struct bundle_draft *draft) {
  if (!draft) return;
  for (size_t i = 0; i < draft->bundle.entry_count; i++) {
    free((char *)(uintptr_t)draft->bundle.entry[i].envelope.bytes);
    free((char *)(uintptr_t)draft->bundle.entry[i].receipt.bytes);
  }
  for (size_t i = 0; i < draft->bundle.link_count; i++)
    free((char *)(uintptr_t)draft->bundle.link[i].proof.bytes);
  bundle_close(&draft->bundle);
  bundle_scope_close(&draft->scope);
  unmap_spool(draft);
  if (draft->spool >= 0) close(draft->spool);
  free(draft->wanted);
  free(draft->reach);
  json_decref(draft->identities);
  free(draft->about);
  free(draft->provenance);
  free(draft);
}

const struct bundle *bundle_draft_view(const struct bundle_draft *draft) {
  return &draft->bundle;
}

const struct bundle_scope *bundle_draft_scope(const struct bundle_draft *draft) {
  return &draft->scope;
}

size_t bundle_draft_left_out(const struct bundle_draft *draft) {
  return draft->left_out;
}
