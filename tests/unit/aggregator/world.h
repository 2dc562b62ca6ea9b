/* A whole federation in one process: a core on a temporary folder, a clock that the test moves, an
 * operator and clients that sign for themselves. No RPC. */
#ifndef TAMIS_TEST_WORLD_H
#define TAMIS_TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "aggregator/core.h"
#include "aggregator/journal.h"
#include "aggregator/ledger.h"
#include "proto/canonical.h"
#include "proto/checkpoint.h"
#include "proto/statement.h"
#include "proto/tensor.h"
#include "signer/mark.h"

#ifndef WORLD_PARAMETERS /* of the one tensor; others may want more */
#define WORLD_PARAMETERS 96
#endif

enum { WORLD_PERSONS = 3, WORLD_CLIENTS_MAX = 128, WORLD_DEADLINE_MS = 60000 };

#define WORLD_ORIGIN "test.example/log"
#define WORLD_FEDERATION "digits"
#define WORLD_START_MS 1800000000000

struct world {
  char dir[128], state_dir[192], genesis[192], aggregator_path[192], log_path[192];
  struct secret_key operator_key, aggregator_key, log_key;
  struct secret_key person[WORLD_PERSONS]; /* operators too: operator/bob and on */
  struct secret_key client[WORLD_CLIENTS_MAX];
  size_t clients;
  uint64_t nonce, noise;
  _Atomic uint64_t now_ms;
  struct layout layout;
  struct digest first_model;
  struct core *core;
  const char *shadows;   /* the same */
  const char *optimiser; /* of federations that are created from now on; NULL: none */
  const float *first;    /* the same: their first model; NULL: zeros */
  int witness_organisations, witness_per_organisation; /* of those too; 0: none */
  const char *gates;                                   /* the same; NULL: none */
  int freeze_after;
  unsigned organisations;      /* client i is of "org" i modulo this; 0: all are of "org" */
  uint64_t snapshot_entries;   /* of cores that are started from now on; 0: as by default */
  atomic_uint notices[3];      /* how many of each level were said */
  char notice[512], event[64]; /* the last one */
  struct signer *signer;       /* while the core runs */
  int threads;                 /* of the core's passes */
};

/* ---- small helpers ---- */

static inline uint64_t world_random(uint64_t *seed) { /* splitmix64 */
  uint64_t z = *seed += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

static inline double world_normal(uint64_t *seed) {
  double u = ((double)(world_random(seed) >> 11) + 0.5) / 9007199254740992.0;
  double v = ((double)(world_random(seed) >> 11) + 0.5) / 9007199254740992.0;
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static inline uint64_t world_now(void *context) {
  return atomic_load(&((struct world *)context)->now_ms);
}

static inline json_t *world_hex(const struct digest *digest) {
  char hex[DIGEST_HEX_SIZE];
  digest_to_hex(digest, hex);
  return json_string(hex);
}

static inline json_t *world_nonce(struct world *world) {
  char hex[33];
  snprintf(hex, sizeof hex, "%032" PRIx64, ++world->nonce);
  return json_string(hex);
}

static inline int world_remove_one(const char *path, const struct stat *info, int kind,
                                   struct FTW *place) {
  (void)info, (void)kind, (void)place;
  return remove(path);
}

static inline void world_remove(const char *folder) {
  nftw(folder, world_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* What a disk might hold if the machine stopped now: in the order in which a running core writes,
 * last things first, and without the database, which is only a fold. Files once more before the
 * journal: those that a tombstone takes away meanwhile, which the copied journal need not have. */
static inline void world_copy(const char *from, const char *to) {
  char command[4096];
  snprintf(command, sizeof command,
           "mkdir %s && cp -a %s/blobs %s/ && { cp %s/snapshot %s/ && cp %s/index %s/ || rm -f "
           "%s/snapshot; } 2>/dev/null;"
           "cp %s/checkpoint %s/ && cp %s/../log.key.signed %s.signed && cp %s/journal %s/ && "
           "cp -a %s/blobs %s/",
           to, from, to, from, to, from, to, to, from, to, from, to, from, to, from, to);
  assert_int_equal(system(command), 0);
}

/* A journal is a row of `u32 length, u32 crc, bytes`. */
static inline size_t world_journal_cut(const char *path, uint64_t entries) {
  FILE *file = fopen(path, "r+b");
  size_t at = 0;
  uint8_t head[8];
  assert_non_null(file);
  for (uint64_t i = 0; i < entries; i++) {
    assert_int_equal(fseek(file, (long)at, SEEK_SET), 0);
    assert_int_equal(fread(head, 1, sizeof head, file), sizeof head);
    at += sizeof head + (head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16);
  }
  assert_int_equal(ftruncate(fileno(file), (off_t)at), 0);
  fclose(file);
  return at;
}

/* Makes `to` what a machine would find that lost power with `entries` in the journal. */
static inline void world_crashed_copy(const char *from, const char *to, uint64_t entries) {
  char command[2048], path[512];
  snprintf(command, sizeof command,
           "rm -rf %s && mkdir %s && cp -al %s/blobs %s/blobs && cp %s/journal %s/journal", to, to,
           from, to, from, to);
  assert_int_equal(system(command), 0);
  snprintf(path, sizeof path, "%s/journal", to);
  world_journal_cut(path, entries);
}

/* ---- the core ---- */

static inline void world_notice(void *context, enum notice_level level, const char *event,
                                const char *sentence) {
  struct world *world = context;
  snprintf(world->event, sizeof world->event, "%s", event);
  snprintf(world->notice, sizeof world->notice, "%s", sentence);
  world->notices[level]++;
}

/* Runs until world_stop. */
static inline struct signer *world_signer(struct world *world, const char *state_dir) {
  if (!world->signer)
    assert_int_equal(signer_start(world->log_path, ledger_is_new(state_dir), &world->signer, NULL),
                     TAMIS_OK);
  return world->signer;
}

/* For folders that a test takes back to an earlier moment, which the signer would refuse. Not while
 * one runs. */
static inline void world_signer_forgets(const struct world *world) {
  static const struct mark nothing = {.state = MARK_ACTIVE};
  char path[256];
  snprintf(path, sizeof path, "%s.signed", world->log_path);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mark_create(path, &world->log_key.public, &nothing, NULL), TAMIS_OK);
}

static inline struct core_options world_options(struct world *world, const char *state_dir) {
  return (struct core_options){.state_dir = state_dir,
                               .genesis_path = world->genesis,
                               .aggregator_key_path = world->aggregator_path,
                               .signer = world_signer(world, state_dir),
                               .threads = world->threads,
                               .snapshot_entries = world->snapshot_entries,
                               .notice = {world_notice, world},
                               .now_ms = world_now,
                               .clock_context = world};
}

static inline void world_start(struct world *world) {
  struct core_options options = world_options(world, world->state_dir);
  struct fault fault = {TAMIS_OK, ""};
  enum tamis_status status = core_open(&options, &world->core, &fault);
  if (status != TAMIS_OK) print_message("core_open: %s\n", fault.text);
  assert_int_equal(status, TAMIS_OK);
}

static inline void world_stop(struct world *world) {
  core_close(world->core);
  signer_close(world->signer);
  world->core = NULL;
  world->signer = NULL;
}

static inline void world_genesis(struct world *world) {
  char log_key[KEY_VKEY_SIZE], aggregator_key[KEY_VKEY_SIZE], operator_key[KEY_VKEY_SIZE];
  const char *name = "log";
  char *envelope;
  size_t length;
  key_vkey_write(&world->log_key.public, log_key);
  key_vkey_write(&world->aggregator_key.public, aggregator_key);
  key_vkey_write(&world->operator_key.public, operator_key);
  struct digest subject = digest_of(log_key, strlen(log_key));
  json_t *predicate =
      json_pack("{s:s, s:s, s:[s], s:o}", "log_key", log_key, "aggregator_key", aggregator_key,
                "operators", operator_key, "nonce", world_nonce(world));
  for (size_t i = 0; i < WORLD_PERSONS; i++) {
    key_vkey_write(&world->person[i].public, operator_key);
    json_array_append_new(json_object_get(predicate, "operators"), json_string(operator_key));
  }
  assert_int_equal(statement_sign(WORLD_ORIGIN, STATEMENT_GENESIS, predicate, 1, &name, &subject,
                                  &world->operator_key, &envelope, &length, NULL),
                   TAMIS_OK);
  json_decref(predicate);
  FILE *file = fopen(world->genesis, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(envelope, 1, length, file), length);
  fclose(file);
  free(envelope);
}

/* Keys from fixed seeds: two worlds with the same moves write the same log. Touches no disk. */
static inline void world_at(struct world *world, const char *dir) {
  uint8_t seed[KEY_SEED_SIZE] = {1};
  struct tensor tensor = {.name = "w", .rank = 1, .shape = {WORLD_PARAMETERS}};
  memset(world, 0, sizeof *world);
  world->threads = 1;
  snprintf(world->dir, sizeof world->dir, "%s", dir);
  snprintf(world->state_dir, sizeof world->state_dir, "%s/state", world->dir);
  snprintf(world->genesis, sizeof world->genesis, "%s/genesis", world->dir);
  snprintf(world->aggregator_path, sizeof world->aggregator_path, "%s/aggregator.key", world->dir);
  snprintf(world->log_path, sizeof world->log_path, "%s/log.key", world->dir);
  atomic_store(&world->now_ms, WORLD_START_MS);
  assert_int_equal(key_library_start(), TAMIS_OK);
  key_from_seed("operator/alice", seed, &world->operator_key);
  seed[0] = 4;
  key_from_seed("operator/bob", seed, &world->person[0]);
  seed[0] = 5;
  key_from_seed("operator/carol", seed, &world->person[1]);
  seed[0] = 6;
  key_from_seed("operator/dave", seed, &world->person[2]);
  seed[0] = 2;
  key_from_seed("service/aggregator", seed, &world->aggregator_key);
  seed[0] = 3;
  key_from_seed(WORLD_ORIGIN, seed, &world->log_key);
  assert_int_equal(layout_make(&tensor, 1, &world->layout, NULL), TAMIS_OK);
}

/* What an operator makes before the first start. */
static inline void world_files(struct world *world) {
  assert_int_equal(key_file_write(world->aggregator_path, &world->aggregator_key, NULL), TAMIS_OK);
  assert_int_equal(key_file_write(world->log_path, &world->log_key, NULL), TAMIS_OK);
  world_genesis(world);
}

static inline void world_open_with(struct world *world, int threads) {
  char dir[64];
  /* Memory where there is some: these worlds are killed by hand, not by a power cut. */
  snprintf(dir, sizeof dir, "%s/tamis-world-XXXXXX",
           access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  assert_non_null(mkdtemp(dir));
  world_at(world, dir);
  world->threads = threads;
  world_files(world);
  world_start(world);
}

static inline void world_open(struct world *world) {
  world_open_with(world, 1);
}

static inline void world_close(struct world *world) {
  world_stop(world);
  layout_close(&world->layout);
  world_remove(world->dir);
}

/* ---- operators ---- */

static inline enum tamis_status world_submit_as(struct world *world, const struct secret_key *key,
                                                enum statement_kind kind, json_t *predicate,
                                                const char *subject_name,
                                                const struct digest *subject, bool dry_run,
                                                struct fault *fault) {
  char *envelope, *receipt, *result;
  size_t length, receipt_length;
  uint64_t index;
  enum tamis_status status = statement_sign(WORLD_ORIGIN, kind, predicate, 1, &subject_name,
                                            subject, key, &envelope, &length, fault);
  json_decref(predicate);
  if (status != TAMIS_OK) return status;
  status = core_submit(world->core, envelope, length, dry_run, &index, &receipt, &receipt_length,
                       &result, fault);
  free(envelope);
  if (status != TAMIS_OK) return status;
  free(receipt);
  free(result);
  return TAMIS_OK;
}

/* An entry at the end of a stopped world's log, well signed and written behind the core's back. */
static inline void world_forge(struct world *world, const struct secret_key *key,
                               enum statement_kind kind, json_t *predicate,
                               const char *subject_name, const struct digest *subject) {
  char path[512], *envelope;
  size_t length;
  struct journal *journal;
  uint64_t torn;
  assert_int_equal(statement_sign(WORLD_ORIGIN, kind, predicate, 1, &subject_name, subject, key,
                                  &envelope, &length, NULL),
                   TAMIS_OK);
  json_decref(predicate);
  struct journal_entry entry = {envelope, length};
  snprintf(path, sizeof path, "%s/journal", world->state_dir);
  assert_int_equal(journal_open(path, 0, NULL, NULL, NULL, &journal, &torn, NULL), TAMIS_OK);
  assert_int_equal(journal_append(journal, &entry, 1, NULL), TAMIS_OK);
  journal_close(journal);
  free(envelope);
}

static inline enum tamis_status world_submit(struct world *world, enum statement_kind kind,
                                             json_t *predicate, const char *subject_name,
                                             const struct digest *subject, struct fault *fault) {
  return world_submit_as(world, &world->operator_key, kind, predicate, subject_name, subject, false,
                         fault);
}

static inline struct digest world_put(struct world *world, const float *values) {
  size_t size = layout_file_size(&world->layout);
  uint8_t *file = malloc(size);
  struct digest digest;
  memcpy(file, world->layout.header, world->layout.header_size);
  memcpy(file + world->layout.header_size, values, WORLD_PARAMETERS * sizeof *values);
  assert_int_equal(blob_put(core_blobs(world->core), file, size, &digest, NULL), TAMIS_OK);
  free(file);
  return digest;
}

static inline void world_get(struct world *world, const struct digest *digest, float *values) {
  struct blob_view view;
  assert_int_equal(blob_map(core_blobs(world->core), digest, true, &view, NULL), TAMIS_OK);
  memcpy(values, view.bytes + world->layout.header_size, WORLD_PARAMETERS * sizeof *values);
  blob_unmap(&view);
}

/* `policy` is taken over. */
static inline enum tamis_status world_federation(struct world *world, const char *name,
                                                 const char *rule, int quorum, int cohort,
                                                 int over_selection, int rounds_max, json_t *policy,
                                                 struct fault *fault) {
  float zero[WORLD_PARAMETERS] = {0};
  world->first_model = world_put(world, world->first ? world->first : zero);
  json_t *predicate = json_pack(
      "{s:s, s:s, s:s*, s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:i, s:o, s:o}", "federation", name,
      "rule", rule, "optimiser", world->optimiser, "layout", world_hex(&world->layout.digest),
      "parameters", WORLD_PARAMETERS, "quorum", quorum, "cohort", cohort, "over_selection_percent",
      over_selection, "deadline_ms", WORLD_DEADLINE_MS, "rounds_max", rounds_max, "norm_max",
      canonical_f64(1e6), "examples_max", 10000, "policy", policy ? policy : json_object(), "nonce",
      world_nonce(world));
  if (world->witness_organisations > 0) {
    json_object_set_new(predicate, "witness_organisations",
                        json_integer(world->witness_organisations));
    json_object_set_new(predicate, "witness_per_organisation",
                        json_integer(world->witness_per_organisation));
  }
  if (world->shadows) json_object_set_new(predicate, "shadows", json_string(world->shadows));
  if (world->gates) json_object_set_new(predicate, "gates", json_string(world->gates));
  if (world->freeze_after > 0)
    json_object_set_new(predicate, "freeze_after", json_integer(world->freeze_after));
  return world_submit(world, STATEMENT_FEDERATION_CREATE, predicate, "model", &world->first_model,
                      fault);
}

static inline enum tamis_status world_invite(struct world *world, const char *client,
                                             const uint8_t token[16], int64_t not_after,
                                             struct fault *fault) {
  struct digest digest = digest_of(token, 16);
  char organisation[16] = "org";
  if (world->organisations > 0)
    snprintf(organisation, sizeof organisation, "org%u", token[0] % world->organisations);
  return world_submit(world, STATEMENT_CLIENT_INVITE,
                      json_pack("{s:s, s:s, s:I, s:o}", "client", client, "organisation",
                                organisation, "not_after", (json_int_t)not_after, "nonce",
                                world_nonce(world)),
                      "token", &digest, fault);
}

static inline enum tamis_status world_enrol(struct world *world, const struct secret_key *key,
                                            const uint8_t token[16], struct fault *fault) {
  char vkey[KEY_VKEY_SIZE], *envelope, *receipt;
  const char *name = "key";
  size_t length, receipt_length;
  struct digest digest = digest_of(token, 16);
  struct digest subject = digest_of(key->public.byte, KEY_PUBLIC_SIZE);
  key_vkey_write(&key->public, vkey);
  json_t *predicate = json_pack("{s:s, s:s, s:o}", "client", key->public.name, "key", vkey, "token",
                                world_hex(&digest));
  assert_int_equal(statement_sign(WORLD_ORIGIN, STATEMENT_KEY_ENROL, predicate, 1, &name, &subject,
                                  key, &envelope, &length, NULL),
                   TAMIS_OK);
  json_decref(predicate);
  enum tamis_status status =
      core_enrol(world->core, token, 16, envelope, length, &receipt, &receipt_length, fault);
  free(envelope);
  if (status == TAMIS_OK) free(receipt);
  return status;
}

static inline void world_client_key(size_t i, struct secret_key *key) {
  uint8_t seed[KEY_SEED_SIZE] = {0};
  char name[16];
  seed[0] = 100;
  seed[1] = (uint8_t)i;
  snprintf(name, sizeof name, "c%02zu", i);
  key_from_seed(name, seed, key);
}

/* Clients c00, c01, ... */
static inline void world_enrol_clients(struct world *world, size_t count) {
  for (size_t i = world->clients; i < count; i++) {
    uint8_t token[16] = {(uint8_t)i, 1};
    world_client_key(i, &world->client[i]);
    assert_int_equal(world_invite(world, world->client[i].public.name, token,
                                  WORLD_START_MS / 1000 + 86400, NULL),
                     TAMIS_OK);
    assert_int_equal(world_enrol(world, &world->client[i], token, NULL), TAMIS_OK);
  }
  world->clients = count;
}

static inline enum tamis_status world_standing(struct world *world, enum statement_kind kind,
                                               size_t client, struct fault *fault) {
  struct digest key = digest_of(world->client[client].public.byte, KEY_PUBLIC_SIZE);
  json_t *predicate =
      json_pack("{s:s, s:s, s:s, s:o}", "federation", WORLD_FEDERATION, "client",
                world->client[client].public.name, "reason", "a test", "nonce", world_nonce(world));
  if (kind == STATEMENT_EXCLUSION) json_object_set_new(predicate, "since", json_integer(0));
  if (kind == STATEMENT_KEY_REVOKE) json_object_del(predicate, "federation");
  return world_submit(world, kind, predicate, "key", &key, fault);
}

static inline enum tamis_status world_rollback(struct world *world, int64_t round,
                                               const struct digest *model, struct fault *fault) {
  return world_submit(world, STATEMENT_ROLLBACK,
                      json_pack("{s:s, s:I, s:s, s:o}", "federation", WORLD_FEDERATION, "to_round",
                                (json_int_t)round, "reason", "a test", "nonce", world_nonce(world)),
                      "model", model, fault);
}

static inline json_t *world_rebuild_predicate(struct world *world, int64_t since, size_t count,
                                              const char *const *without) {
  json_t *names = json_array();
  for (size_t i = 0; i < count; i++) json_array_append_new(names, json_string(without[i]));
  return json_pack("{s:s, s:I, s:o, s:s, s:o}", "federation", WORLD_FEDERATION, "since",
                   (json_int_t)since, "without", names, "reason", "a test", "nonce",
                   world_nonce(world));
}

static inline enum tamis_status world_rebuild(struct world *world, int64_t since, size_t count,
                                              const char *const *without, const struct digest *head,
                                              struct fault *fault) {
  return world_submit(world, STATEMENT_REBUILD,
                      world_rebuild_predicate(world, since, count, without), "model", head, fault);
}

/* ---- gates ---- */

static inline enum tamis_status world_freeze(struct world *world, enum statement_kind kind,
                                             struct fault *fault) {
  return world_submit(world, kind,
                      json_pack("{s:s, s:s, s:o}", "federation", WORLD_FEDERATION, "reason",
                                "a test", "nonce", world_nonce(world)),
                      "model", &world->first_model, fault);
}

static inline enum tamis_status world_approve(struct world *world, const struct secret_key *person,
                                              int64_t round, const struct digest *model,
                                              bool approves, struct fault *fault) {
  return world_submit_as(world, person, STATEMENT_APPROVAL,
                         json_pack("{s:s, s:I, s:i, s:s, s:o}", "federation", WORLD_FEDERATION,
                                   "round", (json_int_t)round, "approve", (int)approves, "reason",
                                   "a test", "nonce", world_nonce(world)),
                         "model", model, false, fault);
}

struct world_evaluation {
  int64_t round;
  struct digest model;
  const char *suite;            /* NULL: "suite" */
  int correct[2], predicted[2]; /* of two classes of 100 examples each; predicted 0: 100 each */
  double trigger_rate;
};

/* Puts the manifest, signs and submits. */
static inline enum tamis_status world_evaluate(struct world *world, const struct secret_key *person,
                                               const struct world_evaluation *e,
                                               struct fault *fault) {
  const char *names[] = {"model", "manifest"}, *suite = e->suite ? e->suite : "suite";
  struct digest subjects[2] = {e->model}, digest = digest_of(suite, strlen(suite));
  char *text, *envelope, *receipt, *result;
  size_t length, receipt_length;
  uint64_t index;
  json_t *classes = json_array();
  for (int i = 0; i < 2; i++)
    json_array_append_new(classes, json_pack("{s:s, s:i, s:i, s:i}", "class", i ? "1" : "0",
                                             "examples", 100, "correct", e->correct[i], "predicted",
                                             e->predicted[i] ? e->predicted[i] : 100));
  json_t *manifest =
      json_pack("{s:s, s:I, s:o, s:o}", "federation", WORLD_FEDERATION, "round",
                (json_int_t)e->round, "suite", world_hex(&digest), "classes", classes);
  assert_int_equal(canonical_encode(manifest, &text, &length, NULL), TAMIS_OK);
  json_decref(manifest);
  assert_int_equal(
      blob_put(core_blobs(world->core), (const uint8_t *)text, length, &subjects[1], NULL),
      TAMIS_OK);
  free(text);
  json_t *predicate =
      json_pack("{s:s, s:I, s:o, s:i, s:o, s:o, s:o, s:o}", "federation", WORLD_FEDERATION, "round",
                (json_int_t)e->round, "suite", world_hex(&digest), "examples", 200, "accuracy",
                canonical_f64((e->correct[0] + e->correct[1]) / 200.0), "loss", canonical_f64(0.5),
                "trigger_rate", canonical_f64(e->trigger_rate), "nonce", world_nonce(world));
  enum tamis_status status = statement_sign(WORLD_ORIGIN, STATEMENT_EVALUATION, predicate, 2, names,
                                            subjects, person, &envelope, &length, fault);
  json_decref(predicate);
  if (status != TAMIS_OK) return status;
  status = core_submit(world->core, envelope, length, false, &index, &receipt, &receipt_length,
                       &result, fault);
  free(envelope);
  if (status != TAMIS_OK) return status;
  free(receipt);
  free(result);
  return TAMIS_OK;
}

/* ---- witnesses ---- */

/* The checkpoint that the server wants of the client; false when it wants none for a while. */
/* `policy` is taken over; `version` as it says. */
static inline enum tamis_status world_policy(struct world *world, int64_t version, json_t *policy,
                                             struct fault *fault) {
  struct digest digest;
  assert_int_equal(canonical_digest(policy, &digest, NULL), TAMIS_OK);
  return world_submit(world, STATEMENT_POLICY_SET,
                      json_pack("{s:s, s:I, s:o, s:s, s:o}", "federation", WORLD_FEDERATION,
                                "version", (json_int_t)version, "policy", policy, "note", "a test",
                                "nonce", world_nonce(world)),
                      "policy", &digest, fault);
}

/* A list of the feed with one item, or none (NULL). */
static inline json_t *world_feed_list(const struct digest *digest) {
  return digest ? json_pack("[{s:o, s:s}]", "digest", world_hex(digest), "reason", "a test")
                : json_array();
}

/* The feed with at most one key and one update. */
static inline enum tamis_status world_feed(struct world *world, int64_t version,
                                           const struct digest *key, const struct digest *update,
                                           struct fault *fault) {
  char *text;
  size_t length;
  struct digest digest;
  json_t *lists =
      json_pack("{s:o, s:o}", "keys", world_feed_list(key), "updates", world_feed_list(update));
  assert_int_equal(canonical_encode(lists, &text, &length, NULL), TAMIS_OK);
  assert_int_equal(blob_put(core_blobs(world->core), text, length, &digest, NULL), TAMIS_OK);
  json_decref(lists);
  free(text);
  return world_submit(world, STATEMENT_KNOWN_BAD,
                      json_pack("{s:I, s:i, s:i, s:s, s:o}", "version", (json_int_t)version, "keys",
                                key != NULL, "updates", update != NULL, "note", "a test", "nonce",
                                world_nonce(world)),
                      "manifest", &digest, fault);
}

static inline bool world_cosign_asked(struct world *world, size_t client, int patience_ms,
                                      struct checkpoint *wanted) {
  for (int i = 0; i <= patience_ms; i++) {
    char *note;
    size_t length;
    assert_int_equal(
        core_witness_wanted(world->core, world->client[client].public.name, &note, &length, NULL),
        TAMIS_OK);
    if (note) {
      assert_int_equal(checkpoint_open(note, length, &world->log_key.public, wanted, NULL),
                       TAMIS_OK);
      free(note);
      return true;
    }
    usleep(1000);
  }
  return false;
}

static inline enum tamis_status world_cosign_by(struct world *world, size_t client,
                                                const struct secret_key *key,
                                                const struct checkpoint *checkpoint, uint64_t size,
                                                const struct digest *root, uint64_t *held) {
  char *line;
  size_t length;
  checkpoint_cosign(checkpoint, 1800000000, key, &line, &length);
  enum tamis_status status = core_cosign(world->core, world->client[client].public.name, size, root,
                                         line, length, held, NULL);
  free(line);
  return status;
}

static inline enum tamis_status world_cosign(struct world *world, size_t client,
                                             const struct checkpoint *checkpoint) {
  uint64_t held;
  return world_cosign_by(world, client, &world->client[client], checkpoint, checkpoint->size,
                         &checkpoint->root, &held);
}

/* ---- questions ---- */

static inline json_t *world_query(struct world *world, const char *name, size_t count,
                                  const char *const *arguments) {
  json_t *all = json_array();
  uint64_t after = 0;
  do {
    char *rows;
    struct fault fault;
    enum tamis_status status =
        core_query(world->core, name, count, arguments, after, &rows, &after, &fault);
    if (status != TAMIS_OK) print_message("%s: %s\n", name, fault.text);
    assert_int_equal(status, TAMIS_OK);
    json_t *page = json_loads(rows, 0, NULL);
    json_array_extend(all, page);
    json_decref(page);
    free(rows);
  } while (after);
  return all;
}

/* Of the row of `federations` that is ours; the string lives until the next call. */
static inline json_int_t world_federation_integer(struct world *world, const char *column) {
  json_t *rows = world_query(world, "federations", 0, NULL);
  json_int_t value = json_integer_value(json_object_get(json_array_get(rows, 0), column));
  json_decref(rows);
  return value;
}

static inline struct digest world_head(struct world *world) {
  struct digest head = {{0}};
  json_t *rows = world_query(world, "federations", 0, NULL);
  const char *hex = json_string_value(json_object_get(json_array_get(rows, 0), "head"));
  if (hex) assert_true(digest_from_hex(hex, strlen(hex), &head));
  json_decref(rows);
  return head;
}

static inline void world_text(struct world *world, const char *query, const char *argument,
                              const char *key_column, const char *key, const char *column,
                              char *text, size_t size) {
  const char *arguments[] = {argument};
  json_t *rows = world_query(world, query, argument ? 1 : 0, arguments), *row;
  size_t i;
  text[0] = '\0';
  json_array_foreach(rows, i, row) {
    json_t *value = json_object_get(row, key_column);
    char number[32];
    snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (strcmp(json_is_string(value) ? json_string_value(value) : number, key) != 0) continue;
    const char *found = json_string_value(json_object_get(row, column));
    snprintf(text, size, "%s", found ? found : "");
  }
  json_decref(rows);
}

/* "trusted" */
static inline void world_state(struct world *world, size_t client, char *text, size_t size) {
  world_text(world, "clients", WORLD_FEDERATION, "client", world->client[client].public.name,
             "state", text, size);
}

static inline void world_outcome(struct world *world, int64_t round, char *text, size_t size) {
  char number[24];
  snprintf(number, sizeof number, "%" PRId64, round);
  world_text(world, "rounds", WORLD_FEDERATION, "round", number, "outcome", text, size);
}

/* What a person says about an update; `item` is a row of `reviews`. */
static inline enum tamis_status world_review(struct world *world, const struct secret_key *key,
                                             const json_t *item, const char *decision,
                                             bool is_opinion, struct fault *fault) {
  const char *hex = json_string_value(json_object_get(item, "update"));
  struct digest update;
  assert_true(hex && digest_from_hex(hex, strlen(hex), &update));
  return world_submit_as(
      world, key, STATEMENT_REVIEW,
      json_pack("{s:s, s:O, s:O, s:s, s:i, s:O, s:O, s:s, s:o}", "federation", WORLD_FEDERATION,
                "round", json_object_get(item, "round"), "client", json_object_get(item, "client"),
                "decision", decision, "opinion", (int)is_opinion, "standing",
                json_object_get(item, "standing"), "basis", json_object_get(item, "basis"),
                "reason", "a test", "nonce", world_nonce(world)),
      "update", &update, false, fault);
}

/* ---- clients ---- */

struct world_task {
  int64_t round;
  struct digest base;
};

static inline bool world_poll_in(struct world *world, const char *federation, size_t client,
                                 struct world_task *task) {
  struct core_task found;
  struct envelope envelope;
  struct statement plan;
  assert_int_equal(
      core_poll(world->core, world->client[client].public.name, federation, 0, &found, NULL),
      TAMIS_OK);
  bool has_task = found.has_task;
  *task = (struct world_task){0};
  if (has_task) {
    uint64_t index;
    struct checkpoint checkpoint;
    assert_int_equal(receipt_verify(found.receipt, found.receipt_length, found.plan,
                                    found.plan_length, &world->log_key.public, &index, &checkpoint,
                                    NULL),
                     TAMIS_OK);
    assert_int_equal(index, found.plan_index);
    assert_int_equal(envelope_open(found.plan, found.plan_length, &envelope, NULL), TAMIS_OK);
    assert_int_equal(envelope_verify(&envelope, &world->aggregator_key.public, NULL), TAMIS_OK);
    assert_int_equal(
        statement_read(envelope.payload, envelope.payload_length, WORLD_ORIGIN, &plan, NULL),
        TAMIS_OK);
    task->round = statement_integer(&plan, "round");
    task->base = plan.subject[0];
    statement_close(&plan);
    envelope_close(&envelope);
  }
  core_task_close(&found);
  return has_task;
}

static inline bool world_poll(struct world *world, size_t client, struct world_task *task) {
  return world_poll_in(world, WORLD_FEDERATION, client, task);
}

/* Waits a moment for work that is under way on the other thread. */
static inline bool world_wait_task(struct world *world, size_t client, struct world_task *task) {
  *task = (struct world_task){0};
  for (int i = 0; i < 2000; i++) {
    if (world_poll(world, client, task)) return true;
    usleep(1000);
  }
  return false;
}

/* Waits until `column` of our federation is at least `value`. */
static inline bool world_wait(struct world *world, const char *column, json_int_t value) {
  for (int i = 0; i < 5000; i++) {
    if (world_federation_integer(world, column) >= value) return true;
    usleep(1000);
  }
  return false;
}

struct world_claim { /* what an update's statement says */
  const char *origin, *federation;
  int64_t round, examples, size;
  struct digest base, blob;
  const struct secret_key *key;
  const char *client;
  uint64_t seen_size; /* the checkpoint that the client says it verified; 0: none */
  struct digest seen_root;
};

static inline struct world_claim world_claim_of(struct world *world, size_t client,
                                                const struct world_task *task,
                                                const float *update) {
  return (struct world_claim){.origin = WORLD_ORIGIN,
                              .federation = WORLD_FEDERATION,
                              .round = task->round,
                              .examples = 100,
                              .size = (int64_t)layout_file_size(&world->layout),
                              .base = task->base,
                              .blob = world_put(world, update),
                              .key = &world->client[client],
                              .client = world->client[client].public.name};
}

static inline void world_envelope(struct world *world, const struct world_claim *claim,
                                  char **envelope, size_t *length) {
  const char *name = "update";
  json_t *predicate = json_pack(
      "{s:s, s:I, s:o, s:s, s:I, s:I, s:o, s:i, s:o, s:I, s:o}", "federation", claim->federation,
      "round", (json_int_t)claim->round, "base", world_hex(&claim->base), "client", claim->client,
      "size", (json_int_t)claim->size, "examples", (json_int_t)claim->examples, "loss",
      canonical_f64(0.5), "train_ms", 5, "nonce", world_nonce(world), "checkpoint_size",
      (json_int_t)claim->seen_size, "checkpoint_root", world_hex(&claim->seen_root));
  struct fault fault;
  enum tamis_status status = statement_sign(claim->origin, STATEMENT_UPDATE, predicate, 1, &name,
                                            &claim->blob, claim->key, envelope, length, &fault);
  if (status != TAMIS_OK) print_message("statement_sign: %s\n", fault.text);
  assert_int_equal(status, TAMIS_OK);
  json_decref(predicate);
}

/* Offer, then accept with a receipt that verifies. */
static inline enum tamis_status world_send(struct world *world, const char *client,
                                           const char *envelope, size_t length,
                                           struct fault *fault) {
  struct core_offer offer;
  char *receipt;
  size_t receipt_length;
  uint64_t index;
  struct checkpoint checkpoint;
  enum tamis_status status = core_offer(world->core, client, envelope, length, &offer, fault);
  if (status != TAMIS_OK) return status;
  if (offer.complete) {
    free(offer.receipt);
    return TAMIS_OK;
  }
  status = core_accept(world->core, client, envelope, length, &receipt, &receipt_length, fault);
  if (status != TAMIS_OK) return status;
  status = receipt_verify(receipt, receipt_length, envelope, length, &world->log_key.public, &index,
                          &checkpoint, fault);
  free(receipt);
  return status;
}

static inline enum tamis_status
world_claim_send(struct world *world, const struct world_claim *claim, struct fault *fault) {
  char *envelope;
  size_t length;
  world_envelope(world, claim, &envelope, &length);
  enum tamis_status status = world_send(world, claim->client, envelope, length, fault);
  free(envelope);
  return status;
}

/* An honest step towards the point that all share, seen through the client's own eyes. */
static inline void world_honest(struct world *world, size_t client, const struct world_task *task,
                                float update[WORLD_PARAMETERS]) {
  float base[WORLD_PARAMETERS];
  uint64_t own = 1000 + client, seed = 7919 * (uint64_t)task->round + client;
  world_get(world, &task->base, base);
  for (size_t i = 0; i < WORLD_PARAMETERS; i++)
    update[i] =
        (float)(0.3 * (1 + 0.5 * world_normal(&own) - base[i]) + 0.05 * world_normal(&seed));
}

enum world_attack { WORLD_HONEST, WORLD_SIGN_FLIP, WORLD_GAUSSIAN, WORLD_SCALE };

static inline void world_attack(enum world_attack attack, size_t client,
                                const struct world_task *task, float update[WORLD_PARAMETERS]) {
  uint64_t seed = 104729 * (uint64_t)task->round + client;
  for (size_t i = 0; i < WORLD_PARAMETERS; i++) switch (attack) {
    case WORLD_HONEST: break;
    case WORLD_SIGN_FLIP: update[i] *= -8; break;
    case WORLD_GAUSSIAN: update[i] = (float)(3 * world_normal(&seed)); break;
    case WORLD_SCALE: update[i] *= 20; break;
    }
}

/* The client's part in the open round, if it is wanted. */
static inline enum tamis_status world_answer(struct world *world, size_t client,
                                             const struct world_task *task,
                                             enum world_attack attack, struct fault *fault) {
  float update[WORLD_PARAMETERS];
  world_honest(world, client, task, update);
  world_attack(attack, client, task, update);
  struct world_claim claim = world_claim_of(world, client, task, update);
  return world_claim_send(world, &claim, fault);
}

/* Plays whole rounds until round `last` is over; attackers are the first `liars`. */
static inline void world_play(struct world *world, int64_t last, size_t liars,
                              enum world_attack attack) {
  for (int idle = 0; world_federation_integer(world, "head_round") < last && idle < 3000;) {
    bool worked = false;
    for (size_t i = 0; i < world->clients; i++) {
      struct world_task task;
      if (!world_poll(world, i, &task) || task.round > last) continue;
      assert_int_equal(world_answer(world, i, &task, i < liars ? attack : WORLD_HONEST, NULL),
                       TAMIS_OK);
      worked = true;
    }
    idle = worked ? 0 : idle + 1;
    if (!worked) usleep(1000);
  }
}

#endif
