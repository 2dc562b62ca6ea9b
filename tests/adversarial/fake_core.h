/* A core without journal or rounds, for tests of the door alone: it knows a few principals, takes
 * every update whose envelope reads "DIGEST SIZE BASE", and counts what it was told. Defines the
 * functions of aggregator/core.h. */
#ifndef TAMIS_FAKE_CORE_H
#define TAMIS_FAKE_CORE_H

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/core.h"

enum { FAKE_ENTRIES_MAX = 4096, FAKE_SEED_BYTE = 7 };

struct core {
  pthread_mutex_t lock;
  struct blob_store *blobs;
  struct secret_key aggregator;
  void (*changed)(void *context);
  void *context;
  uint64_t entries, accepted, refused;
  uint64_t round; /* that Poll offers; 0: none */
  enum tamis_status accept_answer;
  unsigned accept_delay_us;
};

/* Every principal has the key with this seed; the Python tests know it too. */
static inline struct secret_key fake_key(const char *name) {
  uint8_t seed[KEY_SEED_SIZE];
  struct secret_key key;
  memset(seed, FAKE_SEED_BYTE, sizeof seed);
  key_from_seed(name, seed, &key);
  return key;
}

static inline struct core *fake_core_open(const char *folder) {
  struct core *core = calloc(1, sizeof *core);
  struct fault fault;
  if (!core || key_library_start() || blob_store_open(folder, 1 << 20, &core->blobs, &fault)) {
    fprintf(stderr, "fake core: %s\n", core ? fault.text : "no memory");
    abort();
  }
  pthread_mutex_init(&core->lock, NULL);
  core->aggregator = fake_key("service/aggregator");
  core->entries = 3;
  return core;
}

static inline void fake_core_close(struct core *core) {
  blob_store_close(core->blobs);
  pthread_mutex_destroy(&core->lock);
  free(core);
}

/* Something happened: a new entry, and perhaps a round. */
static inline void fake_core_change(struct core *core, uint64_t round) {
  pthread_mutex_lock(&core->lock);
  core->entries++;
  if (round) core->round = round;
  if (core->changed) core->changed(core->context);
  pthread_mutex_unlock(&core->lock);
}

static inline char *fake_text(const char *text, size_t *length) {
  *length = strlen(text);
  return strdup(text);
}

const char *core_origin(const struct core *core) {
  (void)core;
  return "fake.tamis/log";
}

const char *core_log_vkey(const struct core *core) {
  (void)core;
  return "fake.tamis/log+00000000+AAAA";
}

const struct public_key *core_aggregator_key(const struct core *core) {
  return &core->aggregator.public;
}

struct blob_store *core_blobs(struct core *core) {
  return core->blobs;
}

void core_on_change(struct core *core, void (*changed)(void *context), void *context) {
  pthread_mutex_lock(&core->lock);
  core->changed = changed;
  core->context = context;
  pthread_mutex_unlock(&core->lock);
}

enum tamis_status core_principal(struct core *core, const char *name, struct public_key *key,
                                 bool *is_operator, struct fault *fault) {
  (void)core;
  *is_operator = !strncmp(name, "operator/", 9);
  if (!*is_operator && strncmp(name, "client-", 7))
    return fault_set(fault, TAMIS_UNKNOWN_CLIENT, "no client %s is enrolled", name);
  *key = fake_key(name).public;
  return TAMIS_OK;
}

enum tamis_status core_enrol(struct core *core, const uint8_t *token, size_t token_length,
                             const char *envelope, size_t length, char **receipt,
                             size_t *receipt_length, struct fault *fault) {
  (void)core, (void)token, (void)envelope;
  if (token_length != 16 || !length) return fault_plain(fault, TAMIS_BAD_TOKEN);
  *receipt = fake_text("receipt of enrolment", receipt_length);
  return TAMIS_OK;
}

enum tamis_status core_poll(struct core *core, const char *client, const char *federation,
                            uint64_t round_after, struct core_task *task, struct fault *fault) {
  (void)client, (void)fault;
  memset(task, 0, sizeof *task);
  pthread_mutex_lock(&core->lock);
  task->round = core->round;
  pthread_mutex_unlock(&core->lock);
  task->has_task = task->round > round_after;
  if (!task->has_task) return TAMIS_OK;
  task->federation = strdup(federation ? federation : "any");
  task->plan = fake_text("plan", &task->plan_length);
  task->receipt = fake_text("receipt of the plan", &task->receipt_length);
  task->state = strdup("trusted");
  return TAMIS_OK;
}

void core_task_close(struct core_task *task) {
  free(task->federation);
  free(task->plan);
  free(task->receipt);
  free(task->state);
  free(task->reason);
}

static inline bool fake_envelope_read(const char *envelope, size_t length,
                                      struct core_offer *offer) {
  char text[512] = "", blob[65] = "", base[65] = "";
  if (length >= sizeof text) return false;
  memcpy(text, envelope, length);
  return sscanf(text, "%64s %" SCNu64 " %64s", blob, &offer->size, base) == 3 &&
         digest_from_hex(blob, strlen(blob), &offer->blob) &&
         digest_from_hex(base, strlen(base), &offer->base);
}

enum tamis_status core_offer(struct core *core, const char *client, const char *envelope,
                             size_t length, struct core_offer *offer, struct fault *fault) {
  (void)core, (void)client;
  memset(offer, 0, sizeof *offer);
  if (!fake_envelope_read(envelope, length, offer))
    return fault_set(fault, TAMIS_BAD_STATEMENT, "the fake core wants DIGEST SIZE BASE");
  offer->norm_max = 1e6;
  return TAMIS_OK;
}

enum tamis_status core_accept(struct core *core, const char *client, const char *envelope,
                              size_t length, char **receipt, size_t *receipt_length,
                              struct fault *fault) {
  struct core_offer offer;
  char text[160], hex[DIGEST_HEX_SIZE];
  if (!fake_envelope_read(envelope, length, &offer)) abort();
  if (!blob_exists(core->blobs, &offer.blob)) abort(); /* durable first: the order of DESIGN 4 */
  pthread_mutex_lock(&core->lock);
  enum tamis_status status = core->accept_answer;
  if (!status) core->accepted++;
  pthread_mutex_unlock(&core->lock);
  if (status) return fault_plain(fault, status);
  digest_to_hex(&offer.blob, hex);
  snprintf(text, sizeof text, "receipt of %s for %.60s", hex, client);
  *receipt = fake_text(text, receipt_length);
  fake_core_change(core, 0);
  return TAMIS_OK;
}

enum tamis_status core_refuse(struct core *core, const char *client, const char *envelope,
                              size_t length, enum tamis_status status, const char *sentence,
                              struct fault *fault) {
  (void)client, (void)envelope, (void)length, (void)status, (void)sentence, (void)fault;
  pthread_mutex_lock(&core->lock);
  core->refused++;
  pthread_mutex_unlock(&core->lock);
  return TAMIS_OK;
}

enum tamis_status core_submit(struct core *core, const char *envelope, size_t length, bool dry_run,
                              uint64_t *index, char **receipt, size_t *receipt_length,
                              char **result, struct fault *fault) {
  (void)envelope, (void)dry_run;
  if (!length) return fault_plain(fault, TAMIS_BAD_STATEMENT);
  *index = core->entries;
  *receipt = fake_text("receipt", receipt_length);
  *result = strdup("{}");
  return TAMIS_OK;
}

enum tamis_status core_receipt(struct core *core, const char *client, const char *federation,
                               uint64_t round, char **receipt, size_t *length,
                               struct fault *fault) {
  (void)core, (void)client, (void)federation, (void)round, (void)receipt, (void)length;
  return fault_plain(fault, TAMIS_NOT_FOUND);
}

uint64_t core_size(struct core *core) {
  pthread_mutex_lock(&core->lock);
  uint64_t entries = core->entries;
  pthread_mutex_unlock(&core->lock);
  return entries;
}

enum tamis_status core_entry(struct core *core, uint64_t index, char **envelope, size_t *length,
                             char **receipt, size_t *receipt_length, struct fault *fault) {
  char text[32];
  if (index >= core_size(core)) return fault_plain(fault, TAMIS_NOT_FOUND);
  snprintf(text, sizeof text, "entry %" PRIu64, index);
  *envelope = fake_text(text, length);
  *receipt = fake_text("receipt", receipt_length);
  return TAMIS_OK;
}

enum tamis_status core_entry_under(struct core *core, uint64_t index, uint64_t size,
                                   char **envelope, size_t *length, struct merkle_proof *proof,
                                   struct fault *fault) {
  char text[32];
  if (size > core_size(core) || index >= size) return fault_plain(fault, TAMIS_NOT_FOUND);
  snprintf(text, sizeof text, "entry %" PRIu64, index);
  memset(proof, 0, sizeof *proof);
  proof->count = 3;
  *envelope = fake_text(text, length);
  return TAMIS_OK;
}

enum tamis_status core_consistency(struct core *core, uint64_t size, uint64_t to,
                                   struct merkle_proof *proof, char **note, size_t *note_length,
                                   struct fault *fault) {
  if (size > core_size(core) || to > core_size(core)) return fault_plain(fault, TAMIS_NOT_FOUND);
  memset(proof, 0, sizeof *proof);
  proof->count = 2;
  *note = fake_text("note", note_length);
  return TAMIS_OK;
}

enum tamis_status core_cosign(struct core *core, const char *client, uint64_t size,
                              const struct digest *root, const char *line, size_t length,
                              uint64_t *held, struct fault *fault) {
  (void)client, (void)root, (void)line;
  if (size > core_size(core)) return fault_plain(fault, TAMIS_FORK);
  if (!length) return fault_plain(fault, TAMIS_BAD_PROOF);
  *held = 1;
  return TAMIS_OK;
}

enum tamis_status core_witness_wanted(struct core *core, const char *client, char **note,
                                      size_t *length, struct fault *fault) {
  (void)core, (void)client, (void)fault;
  *note = NULL;
  *length = 0;
  return TAMIS_OK;
}

enum tamis_status core_query(struct core *core, const char *name, size_t argument_count,
                             const char *const *arguments, uint64_t after, char **rows,
                             uint64_t *next, struct fault *fault) {
  (void)core, (void)argument_count, (void)arguments, (void)after;
  if (strcmp(name, "status") && strcmp(name, "round-entries"))
    return fault_plain(fault, TAMIS_NOT_FOUND);
  *rows = strdup("[{}]");
  *next = 0;
  return TAMIS_OK;
}

enum tamis_status core_may_fetch(struct core *core, const char *principal, bool is_operator,
                                 const struct digest *digest, struct fault *fault) {
  (void)principal, (void)is_operator;
  return blob_exists(core->blobs, digest) ? TAMIS_OK : fault_plain(fault, TAMIS_NOT_FOUND);
}

void core_counters(struct core *core, struct core_counters *counters) {
  memset(counters, 0, sizeof *counters);
  pthread_mutex_lock(&core->lock);
  counters->updates_accepted = core->accepted;
  counters->entries = core->entries;
  pthread_mutex_unlock(&core->lock);
}

#endif
