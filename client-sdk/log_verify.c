/* Reads like the list of what a log promises: bytes, signer, order, tree, files. */
#include "client-sdk/log_verify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "client-sdk/log_fold.h"
#include "client-sdk/organisations.h"
#include "proto/canonical.h"
#include "proto/checkpoint.h"
#include "proto/digest_set.h"
#include "proto/envelope.h"
#include "proto/merkle.h"

enum { MANIFEST_SIZE_MAX = 64 << 20, WINDOW_SIZE = 1 << 18 };

struct log_verify {
  struct log_report report;
  struct fold fold;
  struct merkle_tree *tree;
  char *blob_folder; /* NULL: no files are checked */
  /* Updates without a file, which a later tombstone must name; and those that one did. */
  struct missing {
    struct digest update;
    uint64_t index;
  } * missing;
  size_t missing_count, missing_room;
  struct digest_set dropped;
  enum tamis_status (*fetch)(void *context, const struct digest *digest, const char *path,
                             struct fault *fault); /* NULL: what is missing is missing */
  void *fetch_context;
};

enum tamis_status log_verify_open(const char *log_vkey, const char *blob_folder,
                                  struct log_verify **out, struct fault *fault) {
  struct public_key log_key;
  if (key_library_start() != TAMIS_OK)
    return fault_set(fault, TAMIS_INTERNAL, "libsodium does not start");
  enum tamis_status status = key_vkey_read(log_vkey, strlen(log_vkey), &log_key, fault);
  if (status != TAMIS_OK) return status;
  struct log_verify *verify = calloc(1, sizeof *verify);
  if (!verify) return fault_plain(fault, TAMIS_NO_MEMORY);
  verify->fold.log_key = log_key;
  verify->fold.report = &verify->report;
  verify->tree = merkle_tree_new();
  verify->blob_folder = blob_folder ? strdup(blob_folder) : NULL;
  *out = verify;
  return TAMIS_OK;
}

void log_verify_close(struct log_verify *verify) {
  if (!verify) return;
  fold_close(&verify->fold);
  merkle_tree_free(verify->tree);
  free(verify->blob_folder);
  free(verify->missing);
  digest_set_clear(&verify->dropped);
  free(verify);
}

void log_verify_on_missing(struct log_verify *verify,
                           enum tamis_status (*fetch)(void *context, const struct digest *digest,
                                                      const char *path, struct fault *fault),
                           void *context) {
  verify->fetch = fetch;
  verify->fetch_context = context;
}

const struct log_report *log_verify_report(const struct log_verify *verify) {
  return &verify->report;
}

const struct fold *log_verify_fold(const struct log_verify *verify) {
  return &verify->fold;
}

/* ---- Files ---- */

static bool path_of(const struct log_verify *verify, const struct digest *digest, char path[4096],
                    char hex[DIGEST_HEX_SIZE]) {
  digest_to_hex(digest, hex);
  int length = snprintf(path, 4096, "%s/%.2s/%s", verify->blob_folder, hex, hex);
  return length > 0 && length < 4096;
}

/* Is the file here, or could it be brought? NOT_FOUND when there is none. */
static enum tamis_status blob_bring(struct log_verify *verify, const struct digest *digest) {
  char path[4096], hex[DIGEST_HEX_SIZE];
  struct fault fault;
  if (!path_of(verify, digest, path, hex))
    return fold_differs(&verify->report, "a path of sane length", "%.100s", path);
  if (access(path, F_OK) == 0) return TAMIS_OK;
  if (!verify->fetch) return TAMIS_NOT_FOUND;
  enum tamis_status status = verify->fetch(verify->fetch_context, digest, path, &fault);
  if (status == TAMIS_OK || status == TAMIS_NOT_FOUND) return status;
  return fold_differs(&verify->report, "every blob that the log names", "%s: %.120s", hex,
                      fault.text);
}

static enum tamis_status blob_open(struct log_verify *verify, const struct digest *digest,
                                   int *fd) {
  char path[4096], hex[DIGEST_HEX_SIZE];
  enum tamis_status status = blob_bring(verify, digest);
  if (status != TAMIS_OK && status != TAMIS_NOT_FOUND) return status;
  path_of(verify, digest, path, hex);
  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (*fd >= 0) return TAMIS_OK;
  return fold_differs(&verify->report, "every blob that the log names", "%s: %s", hex,
                      strerror(errno));
}

/* Hashes the file `digest`; `*size` is its length. With `text` keeps the bytes too, malloc'd. */
static enum tamis_status blob_check(struct log_verify *verify, const struct digest *digest,
                                    uint64_t *size, char **text) {
  int fd = -1;
  enum tamis_status status = blob_open(verify, digest, &fd);
  if (status != TAMIS_OK) return status;
  struct digest_stream *hash = digest_stream_new();
  char *window = malloc(WINDOW_SIZE), *kept = NULL;
  ssize_t got = 0;
  *size = 0;
  while (window && (got = read(fd, window, WINDOW_SIZE)) > 0) {
    digest_stream_add(hash, window, (size_t)got);
    if (text && *size + (uint64_t)got <= MANIFEST_SIZE_MAX) {
      char *grown = realloc(kept, *size + (size_t)got);
      if (!grown) abort(); /* as in log_fold.c */
      memcpy(grown + *size, window, (size_t)got);
      kept = grown;
    }
    *size += (uint64_t)got;
  }
  struct digest found = digest_stream_finish(hash);
  if (!window || got < 0 || !digest_equal(&found, digest)) {
    char hex[DIGEST_HEX_SIZE], other[DIGEST_HEX_SIZE];
    digest_to_hex(digest, hex);
    digest_to_hex(&found, other);
    status = fold_differs(&verify->report, hex, "a file with that name and digest %s", other);
  }
  digest_stream_free(hash);
  free(window);
  close(fd);
  if (status == TAMIS_OK && text)
    *text = kept;
  else
    free(kept);
  verify->report.blobs += status == TAMIS_OK;
  verify->report.bytes += status == TAMIS_OK ? *size : 0;
  return status;
}

/* A manifest of this federation and round, and its list called `name`. The list is a new reference,
 * NULL when it is not there and may be left out.
 */
static enum tamis_status manifest_open(struct log_verify *verify, const struct statement *statement,
                                       const struct digest *digest, const char *name,
                                       bool is_required, json_t **list) {
  uint64_t size;
  char *text = NULL;
  json_t *manifest = NULL;
  const char *federation = "";
  int64_t round = -1;
  bool is_good = false;
  enum tamis_status status = blob_check(verify, digest, &size, &text);
  if (status != TAMIS_OK) return status;
  *list = NULL;
  if (size > 0 && size <= MANIFEST_SIZE_MAX &&
      canonical_decode(text, (size_t)size, &manifest, NULL) == TAMIS_OK &&
      canonical_text(manifest, "federation", &federation) &&
      canonical_integer(manifest, "round", &round) &&
      strcmp(federation, statement_text(statement, "federation")) == 0 &&
      round == statement_integer(statement, "round")) {
    *list = json_incref(json_object_get(manifest, name));
    is_good = *list ? json_is_array(*list) : !is_required;
  }
  if (!is_good)
    status = fold_differs(&verify->report, "a manifest of this federation and round",
                          "%.64s, round %lld", federation, (long long)round);
  json_decref(manifest);
  free(text);
  return status;
}

static const struct fold_update *update_find(const struct fold_federation *federation,
                                             int64_t index) {
  for (size_t i = 0; i < federation->update_count; i++)
    if (index >= 0 && federation->update[i].index == (uint64_t)index) return &federation->update[i];
  return NULL;
}

/* An element of a verdict or weight manifest must be an update of the round, once, as logged. */
static enum tamis_status element_check(struct log_verify *verify,
                                       const struct fold_federation *federation,
                                       const json_t *element, int64_t *before) {
  const char *client = "", *update = "";
  int64_t index = -1;
  struct digest digest;
  if (!canonical_integer(element, "index", &index) || !canonical_text(element, "client", &client) ||
      !canonical_text(element, "update", &update) ||
      !digest_from_hex(update, strlen(update), &digest))
    return fold_differs(&verify->report, "index, client and update in the manifest",
                        "other fields");
  const struct fold_update *logged = update_find(federation, index);
  if (!logged || !digest_equal(&logged->digest, &digest) ||
      strcmp(verify->fold.client[logged->client].name, client) != 0)
    return fold_differs(&verify->report, "updates of this round in the manifest",
                        "entry %lld of %.64s", (long long)index, client);
  if (index == *before)
    return fold_differs(&verify->report, "each update once in the manifest", "entry %lld twice",
                        (long long)index);
  *before = index;
  return TAMIS_OK;
}

static int by_index(const void *a, const void *b) {
  int64_t first = 0, second = 0;
  canonical_integer(*(json_t *const *)a, "index", &first);
  canonical_integer(*(json_t *const *)b, "index", &second);
  return (first > second) - (first < second);
}

/* In the order of the log, so that doubles stand side by side. */
static enum tamis_status updates_check(struct log_verify *verify, const struct statement *statement,
                                       const struct digest *manifest, uint64_t count_due) {
  const struct fold_federation *federation = fold_federation_of(&verify->fold, statement);
  json_t *list = NULL;
  int64_t before = -1;
  enum tamis_status status = manifest_open(verify, statement, manifest, "updates", true, &list);
  size_t count = json_array_size(list);
  if (status == TAMIS_OK && count != count_due)
    status = fold_differs(&verify->report, "as many updates in the manifest as the entry says",
                          "%zu, not %llu", count, (unsigned long long)count_due);
  json_t **sorted = status == TAMIS_OK ? calloc(count + 1, sizeof(json_t *)) : NULL;
  for (size_t i = 0; sorted && i < count; i++) sorted[i] = json_array_get(list, i);
  if (sorted) qsort(sorted, count, sizeof(json_t *), by_index);
  for (size_t i = 0; status == TAMIS_OK && sorted && i < count; i++)
    status = element_check(verify, federation, sorted[i], &before);
  free(sorted);
  json_decref(list);
  return status;
}

static void missing_add(struct log_verify *verify, const struct digest *update, uint64_t index) {
  if (verify->missing_count == verify->missing_room) {
    verify->missing_room = 2 * verify->missing_room + 16;
    verify->missing = reallocarray(verify->missing, verify->missing_room, sizeof *verify->missing);
    if (!verify->missing) abort(); /* as in log_fold.c */
  }
  verify->missing[verify->missing_count++] = (struct missing){*update, index};
}

/* The list of what was dropped is kept for ever, like every manifest. */
static enum tamis_status tombstone_check(struct log_verify *verify,
                                         const struct statement *statement) {
  json_t *list = NULL;
  enum tamis_status status =
      manifest_open(verify, statement, &statement->subject[0], "updates", true, &list);
  if (status == TAMIS_OK &&
      json_array_size(list) != (size_t)statement_integer(statement, "updates"))
    status = fold_differs(&verify->report, "as many updates in the manifest as the entry says",
                          "%zu", json_array_size(list));
  for (size_t i = 0; status == TAMIS_OK && i < json_array_size(list); i++) {
    const char *hex = "";
    struct digest update;
    if (canonical_text(json_array_get(list, i), "update", &hex) &&
        digest_from_hex(hex, strlen(hex), &update))
      digest_set_add(&verify->dropped, &update);
    else
      status = fold_differs(&verify->report, "updates in the tombstone's manifest", "%.64s", hex);
  }
  json_decref(list);
  return status;
}

uint64_t log_verify_missing(struct log_verify *verify) {
  size_t left = 0;
  for (size_t i = 0; i < verify->missing_count; i++)
    if (!digest_set_has(&verify->dropped, &verify->missing[i].update))
      verify->missing[left++] = verify->missing[i];
  verify->missing_count = left;
  return left;
}

/* At the end: what is not here must have been dropped by an entry that says so. */
static enum tamis_status missing_check(struct log_verify *verify) {
  for (size_t i = 0; i < verify->missing_count; i++) {
    char hex[DIGEST_HEX_SIZE];
    if (digest_set_has(&verify->dropped, &verify->missing[i].update)) {
      verify->report.dropped++;
      continue;
    }
    verify->report.index = verify->missing[i].index;
    digest_to_hex(&verify->missing[i].update, hex);
    return fold_differs(&verify->report, "every blob that the log names", "%s: no such file", hex);
  }
  return TAMIS_OK;
}

static enum tamis_status update_check(struct log_verify *verify,
                                      const struct statement *statement) {
  uint64_t size, due = (uint64_t)statement_integer(statement, "size");
  enum tamis_status status = blob_bring(verify, &statement->subject[0]);
  if (status == TAMIS_NOT_FOUND) {
    missing_add(verify, &statement->subject[0], verify->report.entries);
    return TAMIS_OK;
  }
  if (status == TAMIS_OK) status = blob_check(verify, &statement->subject[0], &size, NULL);
  if (status == TAMIS_OK && size != due)
    status = fold_differs(&verify->report, "an update of the signed size", "%llu bytes, not %llu",
                          (unsigned long long)size, (unsigned long long)due);
  return status;
}

static enum tamis_status cohort_check(struct log_verify *verify,
                                      const struct statement *statement) {
  struct digest cohort = statement_digest(statement, "cohort");
  json_t *list = NULL;
  enum tamis_status status = manifest_open(verify, statement, &cohort, "clients", true, &list);
  int64_t selected = statement_integer(statement, "selected");
  if (status == TAMIS_OK && json_array_size(list) != (size_t)selected)
    status = fold_differs(&verify->report, "a cohort of the selected clients", "%zu, not %lld",
                          json_array_size(list), (long long)selected);
  json_decref(list);
  return status;
}

/* Blobs that a manifest says are remembered; with the candidate, they are of the candidate's size
 * (`due`; 0: of any). */
static enum tamis_status state_check(struct log_verify *verify, const struct statement *statement,
                                     const struct digest *manifest, uint64_t due) {
  json_t *list = NULL;
  enum tamis_status status = manifest_open(verify, statement, manifest, "state", false, &list);
  for (size_t i = 0; status == TAMIS_OK && i < json_array_size(list); i++) {
    const char *hex = "";
    struct digest blob;
    uint64_t size = 0;
    if (!canonical_text(json_array_get(list, i), "blob", &hex) ||
        !digest_from_hex(hex, strlen(hex), &blob))
      status = fold_differs(&verify->report, "blobs in the manifest's state", "%.64s", hex);
    else
      status = blob_check(verify, &blob, &size, NULL);
    if (status == TAMIS_OK && due > 0 && size != due)
      status = fold_differs(&verify->report, "state of the model's size", "%llu bytes, not %llu",
                            (unsigned long long)size, (unsigned long long)due);
  }
  json_decref(list);
  return status;
}

static enum tamis_status verdicts_check(struct log_verify *verify,
                                        const struct statement *statement) {
  const struct fold_federation *federation = fold_federation_of(&verify->fold, statement);
  struct digest gram = statement_digest(statement, "gram");
  uint64_t size;
  enum tamis_status status =
      updates_check(verify, statement, &statement->subject[0], federation->update_count);
  if (status == TAMIS_OK && !digest_is_zero(&gram)) status = blob_check(verify, &gram, &size, NULL);
  return status == TAMIS_OK ? state_check(verify, statement, &statement->subject[0], 0) : status;
}

static enum tamis_status aggregate_check(struct log_verify *verify,
                                         const struct statement *statement) {
  uint64_t size;
  enum tamis_status status = blob_check(verify, &statement->subject[0], &size, NULL);
  if (status == TAMIS_OK)
    status = updates_check(verify, statement, &statement->subject[1],
                           (uint64_t)statement_integer(statement, "updates"));
  return status == TAMIS_OK ? state_check(verify, statement, &statement->subject[1], size) : status;
}

/* One element of a witness manifest: a cosignature by a client that is enrolled here. */
static enum tamis_status witness_check(struct log_verify *verify, const json_t *element,
                                       const struct checkpoint *checkpoint, const char **before,
                                       const char **organisation) {
  const char *name = "", *named = "", *text = "";
  char line[COSIGNATURE_LINE_SIZE], again[COSIGNATURE_TEXT_SIZE];
  uint64_t unix_seconds;
  bool is_read =
      canonical_text(element, "client", &name) && canonical_text(element, "organisation", &named) &&
      canonical_text(element, "cosignature", &text) && strlen(text) < COSIGNATURE_TEXT_SIZE;
  const struct fold_client *client = is_read ? fold_client_of(&verify->fold, name) : NULL;
  if (!client || client->revoked || strcmp(client->organisation, named) != 0 ||
      strcmp(*before, name) >= 0)
    return fold_differs(&verify->report, "enrolled clients as witnesses, each once, sorted",
                        "%.64s of %.64s", name, named);
  size_t length = checkpoint_cosignature_line(name, text, line);
  if (checkpoint_cosigned(checkpoint, &client->key, line, length, &unix_seconds, again, NULL) !=
      TAMIS_OK)
    return fold_differs(&verify->report, "cosignatures that verify", "one of %.64s that does not",
                        name);
  *before = name;
  *organisation = client->organisation;
  verify->report.signatures++;
  return TAMIS_OK;
}

static enum tamis_status witnesses_count(struct log_verify *verify,
                                         const struct statement *statement, const char **list,
                                         size_t count) {
  const struct fold_federation *federation = fold_federation_of(&verify->fold, statement);
  int64_t found = organisations_count(list, count, federation->witness_per_organisation);
  if ((int64_t)count != statement_integer(statement, "witnesses") ||
      found != statement_integer(statement, "organisations"))
    return fold_differs(&verify->report, "the witnesses and organisations that the entry counts",
                        "%zu of %lld organisations", count, (long long)found);
  return TAMIS_OK;
}

static enum tamis_status witnessed_check(struct log_verify *verify,
                                         const struct statement *statement) {
  struct checkpoint checkpoint = {.size = (uint64_t)statement_integer(statement, "size"),
                                  .root = statement_digest(statement, "root")};
  const char *before = "";
  json_t *list = NULL;
  snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", verify->fold.log_key.name);
  enum tamis_status status =
      manifest_open(verify, statement, &statement->subject[0], "witnesses", true, &list);
  size_t count = json_array_size(list);
  const char **organisation = calloc(count + 1, sizeof *organisation);
  if (!organisation) abort(); /* as in log_fold.c */
  for (size_t i = 0; status == TAMIS_OK && i < count; i++)
    status = witness_check(verify, json_array_get(list, i), &checkpoint, &before, &organisation[i]);
  if (status == TAMIS_OK) status = witnesses_count(verify, statement, organisation, count);
  free(organisation);
  json_decref(list);
  return status;
}

/* The updates of a rebuilt round are those of another one, so only who was left out is looked for;
 * every file was checked where it was first named. */
static enum tamis_status rebuilt_check(struct log_verify *verify,
                                       const struct statement *statement) {
  const struct fold_federation *federation = fold_federation_of(&verify->fold, statement);
  json_t *list = NULL;
  uint64_t size;
  enum tamis_status status = blob_check(verify, &statement->subject[0], &size, NULL);
  if (status == TAMIS_OK)
    status = manifest_open(verify, statement, &statement->subject[1], "updates", true, &list);
  if (status == TAMIS_OK &&
      json_array_size(list) != (size_t)statement_integer(statement, "updates"))
    status = fold_differs(&verify->report, "as many updates in the manifest as the entry says",
                          "%zu", json_array_size(list));
  for (size_t i = 0; status == TAMIS_OK && i < json_array_size(list); i++) {
    const char *client = "";
    if (!canonical_text(json_array_get(list, i), "client", &client) ||
        fold_is_without(&verify->fold, federation, client))
      status =
          fold_differs(&verify->report, "no update of a client that is left out", "%.64s", client);
  }
  json_decref(list);
  return status == TAMIS_OK ? state_check(verify, statement, &statement->subject[1], size) : status;
}

/* The history of the one client that the entry is about, in the state that it says. */
static enum tamis_status amended_check(struct log_verify *verify,
                                       const struct statement *statement) {
  const char *client = "", *state = "";
  json_t *list = NULL;
  enum tamis_status status =
      manifest_open(verify, statement, &statement->subject[0], "clients", true, &list);
  if (status != TAMIS_OK) return status;
  const json_t *history = json_array_get(list, 0);
  if (json_array_size(list) != 1 || !canonical_text(history, "client", &client) ||
      !canonical_text(history, "state", &state) ||
      strcmp(client, statement_text(statement, "client")) != 0 ||
      strcmp(state, statement_text(statement, "to")) != 0)
    status = fold_differs(&verify->report, "the history of the client that the entry names",
                          "%.64s, %.16s", client, state);
  json_decref(list);
  return status;
}

/* The proposed envelope, which may never have become an entry. */
static enum tamis_status proposal_check(struct log_verify *verify,
                                        const struct statement *statement) {
  struct digest envelope = statement_digest(statement, "envelope");
  uint64_t size;
  enum tamis_status status = blob_bring(verify, &envelope);
  return status == TAMIS_OK ? blob_check(verify, &envelope, &size, NULL) : status;
}

static enum tamis_status files_check(struct log_verify *verify, const struct statement *statement) {
  uint64_t size;
  switch (statement->kind) {
  case STATEMENT_FEDERATION_CREATE: return blob_check(verify, &statement->subject[0], &size, NULL);
  case STATEMENT_ROUND_OPEN: return cohort_check(verify, statement);
  case STATEMENT_UPDATE: return update_check(verify, statement);
  case STATEMENT_VERDICTS: return verdicts_check(verify, statement);
  case STATEMENT_AGGREGATE: return aggregate_check(verify, statement);
  case STATEMENT_WITNESSED: return witnessed_check(verify, statement);
  case STATEMENT_PROPOSAL: return proposal_check(verify, statement);
  case STATEMENT_TOMBSTONE: return tombstone_check(verify, statement);
  case STATEMENT_REBUILT: return rebuilt_check(verify, statement);
  case STATEMENT_AMENDED: return amended_check(verify, statement);
  default: return TAMIS_OK; /* names nothing that was not named before */
  }
}

/* ---- Entries ---- */

static enum tamis_status signature_check(struct log_verify *verify, const struct envelope *envelope,
                                         const struct statement *statement) {
  enum tamis_status status = fold_signatures(&verify->fold, statement, envelope);
  if (status == TAMIS_OK) verify->report.signatures += envelope->signature_count;
  return status;
}

/* What was witnessed is a tree of this very log. fold_witnessed has bounded the size. */
static enum tamis_status tree_check(struct log_verify *verify, const struct statement *statement) {
  if (statement->kind != STATEMENT_WITNESSED) return TAMIS_OK;
  uint64_t size = (uint64_t)statement_integer(statement, "size");
  struct digest named = statement_digest(statement, "root");
  struct digest root = merkle_tree_root(verify->tree, size);
  char want[DIGEST_HEX_SIZE], have[DIGEST_HEX_SIZE];
  if (digest_equal(&root, &named)) return TAMIS_OK;
  digest_to_hex(&root, want);
  digest_to_hex(&named, have);
  return fold_differs(&verify->report, want, "witnesses of the root %s", have);
}

static enum tamis_status entry_check(struct log_verify *verify, uint64_t index, const char *bytes,
                                     size_t length) {
  struct fault fault;
  struct envelope envelope = {0};
  struct statement statement = {0};
  enum tamis_status status = envelope_open(bytes, length, &envelope, &fault);
  if (status == TAMIS_OK)
    status = statement_read(envelope.payload, envelope.payload_length, verify->fold.log_key.name,
                            &statement, &fault);
  if (status != TAMIS_OK)
    status = fold_differs(&verify->report, "a canonical envelope with a statement of this log",
                          "%.180s", fault.text);
  if (status == TAMIS_OK) status = signature_check(verify, &envelope, &statement);
  if (status == TAMIS_OK)
    status = fold_entry(&verify->fold, index, &statement, envelope.signature[0].keyid);
  if (status == TAMIS_OK) status = tree_check(verify, &statement);
  if (status == TAMIS_OK && verify->blob_folder) status = files_check(verify, &statement);
  if (status == TAMIS_OK) verify->report.kind[statement.kind]++;
  statement_close(&statement);
  envelope_close(&envelope);
  return status;
}

enum tamis_status log_verify_entry(void *context, uint64_t index, const char *bytes,
                                   size_t length) {
  struct log_verify *verify = context;
  struct log_report *report = &verify->report;
  if (report->status != TAMIS_OK) return report->status;
  struct digest leaf = merkle_leaf(bytes, length);
  if (index == report->entries)
    report->status = entry_check(verify, index, bytes, length);
  else
    report->status =
        fold_differs(report, "entries without gaps", "entry %llu", (unsigned long long)index);
  report->index = index;
  if (report->status != TAMIS_OK) return report->status;
  merkle_tree_append(verify->tree, &leaf);
  report->entries++;
  return TAMIS_OK;
}

enum tamis_status log_verify_finish(struct log_verify *verify, const char *note, size_t length) {
  struct log_report *report = &verify->report;
  struct checkpoint checkpoint;
  struct fault fault;
  if (report->status == TAMIS_OK && !verify->fetch) report->status = missing_check(verify);
  if (report->status != TAMIS_OK) return report->status;
  report->index = report->entries;
  if (checkpoint_open(note, length, &verify->fold.log_key, &checkpoint, &fault) != TAMIS_OK)
    return report->status =
               fold_differs(report, "a checkpoint that the log key signed", "%.180s", fault.text);
  if (checkpoint.size > report->entries)
    return report->status = fold_differs(report, "as many entries as the checkpoint covers",
                                         "%llu of %llu", (unsigned long long)report->entries,
                                         (unsigned long long)checkpoint.size);
  report->covered = checkpoint.size;
  report->root = merkle_tree_root(verify->tree, checkpoint.size);
  if (!digest_equal(&report->root, &checkpoint.root)) {
    char want[DIGEST_HEX_SIZE], have[DIGEST_HEX_SIZE];
    digest_to_hex(&checkpoint.root, want);
    digest_to_hex(&report->root, have);
    report->status = fold_differs(report, want, "tree root %s", have);
  }
  return report->status;
}
