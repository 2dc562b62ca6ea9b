/* One federation's whole life in a few dozen calls, so that every write, sync and rename of it can
 * be made to fail in turn.
 *
 * usage: crash_script prepare DIR | play DIR | check DIR
 *
 * `play` prints a line `ack INDEX LEAF` for all that was acknowledged, and goes on after refusals.
 * `check` reads such lines, opens what is left, demands every one of them under a signed
 * checkpoint, and plays a round more. Exit codes: 0; 1: something acknowledged is lost, or the
 * federation does not go on; 3: the state is refused, with the reason.
 */
#include "tests/unit/aggregator/world.h"

#include <signal.h>

enum { CLIENTS = 5, FIRST_ROUNDS = 3, LINE_SIZE = 256, SNAPSHOT_ENTRIES = 15 };
enum { EXIT_LOST = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3, EXIT_MUTE = 255 };

/* One write a line: what was acknowledged before the process died must have left it. */
static void acknowledge(struct world *world, const char *envelope, size_t length,
                        const char *receipt, size_t receipt_length) {
  struct checkpoint checkpoint;
  struct digest leaf = merkle_leaf(envelope, length);
  char hex[DIGEST_HEX_SIZE], line[LINE_SIZE];
  uint64_t index;
  if (receipt_verify(receipt, receipt_length, envelope, length, &world->log_key.public, &index,
                     &checkpoint, NULL) != TAMIS_OK) {
    fprintf(stderr, "a receipt does not verify\n");
    _exit(EXIT_LOST);
  }
  digest_to_hex(&leaf, hex);
  int size = snprintf(line, sizeof line, "ack %" PRIu64 " %s\n", index, hex);
  if (write(STDOUT_FILENO, line, (size_t)size) != size) _exit(EXIT_MUTE); /* nobody was told */
}

static bool tell(const char *what, enum tamis_status status, const struct fault *fault) {
  if (status != TAMIS_OK)
    fprintf(stderr, "%s: %s (%s)\n", what, fault->text, tamis_status_name(status));
  return status == TAMIS_OK;
}

/* ---- operators ---- */

/* Takes over the predicate. */
static bool order(struct world *world, enum statement_kind kind, json_t *predicate,
                  const char *subject_name, const struct digest *subject) {
  char *envelope, *receipt, *result;
  size_t length, receipt_length;
  uint64_t index;
  struct fault fault = {TAMIS_OK, ""};
  if (statement_sign(WORLD_ORIGIN, kind, predicate, 1, &subject_name, subject, &world->operator_key,
                     &envelope, &length, &fault) != TAMIS_OK)
    _exit(EXIT_USAGE);
  json_decref(predicate);
  enum tamis_status status = core_submit(world->core, envelope, length, false, &index, &receipt,
                                         &receipt_length, &result, &fault);
  if (tell(statement_kind_name(kind), status, &fault)) {
    acknowledge(world, envelope, length, receipt, receipt_length);
    free(receipt);
    free(result);
  }
  free(envelope);
  return status == TAMIS_OK;
}

static bool create(struct world *world) {
  size_t size = layout_file_size(&world->layout);
  uint8_t *file = calloc(1, size);
  struct fault fault = {TAMIS_OK, ""};
  memcpy(file, world->layout.header, world->layout.header_size);
  enum tamis_status status =
      blob_put(core_blobs(world->core), file, size, &world->first_model, &fault);
  free(file);
  if (!tell("first model", status, &fault)) return false;
  return order(
      world, STATEMENT_FEDERATION_CREATE,
      json_pack("{s:s, s:s, s:s, s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:i, s:o, s:i, s:o}",
                "federation", WORLD_FEDERATION, "rule", "multi_krum(f=1)", "optimiser", "momentum",
                "layout", world_hex(&world->layout.digest), "parameters", WORLD_PARAMETERS,
                "quorum", 3, "cohort", 0, "over_selection_percent", 0, "deadline_ms",
                WORLD_DEADLINE_MS, "rounds_max", 0, "norm_max", canonical_f64(1e6), "examples_max",
                10000, "policy", json_pack("{s:o}", "enforce", canonical_f64(0)), "keep_rounds", 2,
                "nonce", world_nonce(world)),
      "model", &world->first_model);
}

/* Invited already, or enrolled: refused again, which is no harm. */
static void enrol(struct world *world, size_t i) {
  uint8_t token[16] = {(uint8_t)i, 1};
  struct digest hash = digest_of(token, sizeof token), subject;
  const char *name = "key";
  char vkey[KEY_VKEY_SIZE], *envelope, *receipt;
  size_t length, receipt_length;
  struct fault fault = {TAMIS_OK, ""};
  const struct secret_key *key = &world->client[i];
  order(world, STATEMENT_CLIENT_INVITE,
        json_pack("{s:s, s:s, s:I, s:o}", "client", key->public.name, "organisation", "org",
                  "not_after", (json_int_t)(WORLD_START_MS / 1000 + 86400), "nonce",
                  world_nonce(world)),
        "token", &hash);
  key_vkey_write(&key->public, vkey);
  subject = digest_of(key->public.byte, KEY_PUBLIC_SIZE);
  json_t *predicate = json_pack("{s:s, s:s, s:o}", "client", key->public.name, "key", vkey, "token",
                                world_hex(&hash));
  if (statement_sign(WORLD_ORIGIN, STATEMENT_KEY_ENROL, predicate, 1, &name, &subject, key,
                     &envelope, &length, &fault) != TAMIS_OK)
    _exit(EXIT_USAGE);
  json_decref(predicate);
  enum tamis_status status = core_enrol(world->core, token, sizeof token, envelope, length,
                                        &receipt, &receipt_length, &fault);
  if (tell("enrol", status, &fault)) {
    acknowledge(world, envelope, length, receipt, receipt_length);
    free(receipt);
  }
  free(envelope);
}

static void exclude(struct world *world, size_t client) {
  struct digest key = digest_of(world->client[client].public.byte, KEY_PUBLIC_SIZE);
  order(world, STATEMENT_EXCLUSION,
        json_pack("{s:s, s:s, s:i, s:s, s:o}", "federation", WORLD_FEDERATION, "client",
                  world->client[client].public.name, "since", 0, "reason", "a test", "nonce",
                  world_nonce(world)),
        "key", &key);
}

static void roll_back(struct world *world, int64_t round, const struct digest *model) {
  order(world, STATEMENT_ROLLBACK,
        json_pack("{s:s, s:I, s:s, s:o}", "federation", WORLD_FEDERATION, "to_round",
                  (json_int_t)round, "reason", "a test", "nonce", world_nonce(world)),
        "model", model);
}

/* The last round again, without one of those who were in it. */
static void rebuild(struct world *world, const char *without) {
  struct digest head = world_head(world);
  json_int_t round = world_federation_integer(world, "head_round");
  if (round == 0) return; /* the disk let none be made */
  order(world, STATEMENT_REBUILD,
        json_pack("{s:s, s:I, s:[s], s:s, s:o}", "federation", WORLD_FEDERATION, "since", round,
                  "without", without, "reason", "a test", "nonce", world_nonce(world)),
        "model", &head);
}

/* ---- clients ---- */

/* As the door does it: unfinished, finished, durable, in the log. */
static enum tamis_status upload(struct world *world, const char *client, const uint8_t *file,
                                size_t size, const struct digest *digest, struct fault *fault) {
  struct blob_upload *blob;
  uint64_t offset;
  enum tamis_status status =
      blob_upload_open(core_blobs(world->core), client, digest, size, NULL, &blob, &offset, fault);
  if (status != TAMIS_OK) return status;
  status = blob_upload_write(blob, offset, file + offset, size - offset, fault);
  if (status == TAMIS_OK) status = blob_upload_finish(blob, fault);
  if (status == TAMIS_OK) status = blob_upload_commit(blob, fault);
  blob_upload_close(blob);
  return status;
}

static bool answer(struct world *world, size_t client, const struct world_task *task) {
  size_t size = layout_file_size(&world->layout), length, receipt_length;
  uint8_t *file = malloc(size);
  char *envelope, *receipt;
  struct core_offer offer;
  struct fault fault = {TAMIS_OK, ""};
  float values[WORLD_PARAMETERS];
  uint64_t seed = 31 * (uint64_t)task->round + client;
  for (size_t i = 0; i < WORLD_PARAMETERS; i++)
    values[i] = (float)(0.1 + 0.01 * world_normal(&seed));
  memcpy(file, world->layout.header, world->layout.header_size);
  memcpy(file + world->layout.header_size, values, sizeof values);
  const char *name = world->client[client].public.name;
  struct world_claim claim = {.origin = WORLD_ORIGIN,
                              .federation = WORLD_FEDERATION,
                              .round = task->round,
                              .examples = 100,
                              .size = (int64_t)size,
                              .base = task->base,
                              .blob = digest_of(file, size),
                              .key = &world->client[client],
                              .client = name};
  world_envelope(world, &claim, &envelope, &length);
  enum tamis_status status = core_offer(world->core, name, envelope, length, &offer, &fault);
  if (status == TAMIS_OK && !offer.complete) {
    status = upload(world, name, file, size, &claim.blob, &fault);
    if (status == TAMIS_OK)
      status = core_accept(world->core, name, envelope, length, &receipt, &receipt_length, &fault);
    if (status == TAMIS_OK) {
      acknowledge(world, envelope, length, receipt, receipt_length);
      free(receipt);
    }
  }
  free(envelope);
  free(file);
  return tell("update", status, &fault);
}

static bool has_work(struct world *world, size_t client, struct world_task *task) {
  struct core_task found;
  struct envelope envelope;
  struct statement plan;
  *task = (struct world_task){0};
  if (core_poll(world->core, world->client[client].public.name, WORLD_FEDERATION, 0, &found,
                NULL) != TAMIS_OK)
    return false;
  if (found.has_task && envelope_open(found.plan, found.plan_length, &envelope, NULL) == TAMIS_OK) {
    if (statement_read(envelope.payload, envelope.payload_length, WORLD_ORIGIN, &plan, NULL) ==
        TAMIS_OK) {
      task->round = statement_integer(&plan, "round");
      task->base = plan.subject[0];
      statement_close(&plan);
    }
    envelope_close(&envelope);
  }
  core_task_close(&found);
  return task->round > 0;
}

/* Until the head is that of `last`, nothing has moved for a while, or rounds come and go without
 * end, as they do when no model can be written. A refusal is waited on for less: a disk that fails
 * for good does not get better. */
static bool play_to(struct world *world, json_int_t last) {
  for (int idle = 0, busy = 0; idle < 500 && busy < 40; idle++) {
    bool worked = false;
    if (world_federation_integer(world, "head_round") >= last) return true;
    for (size_t i = 0; i < CLIENTS; i++) {
      struct world_task task;
      if (!has_work(world, i, &task)) continue;
      if (answer(world, i, &task))
        worked = true;
      else
        idle += 5;
    }
    if (worked) idle = 0, busy++;
    usleep(2000);
  }
  return false;
}

/* ---- the three ---- */

/* A question that the disk cannot answer ends the script by exit() while the core's threads run:
 * they must not see the libraries taken down under them. */
static void leave_at_once(void) {
  _exit(EXIT_MUTE);
}

static int start(struct world *world) {
  struct core_options options = world_options(world, world->state_dir);
  struct fault fault = {TAMIS_OK, ""};
  options.snapshot_entries = SNAPSHOT_ENTRIES;
  if (!tell("start", core_open(&options, &world->core, &fault), &fault)) return EXIT_REFUSED;
  atexit(leave_at_once);
  return EXIT_SUCCESS;
}

static struct digest model_of(struct world *world, json_int_t round) {
  const char *arguments[] = {WORLD_FEDERATION};
  struct digest model = {{0}};
  json_t *rows = world_query(world, "models", 1, arguments), *row;
  size_t i;
  json_array_foreach(rows, i, row) {
    const char *hex = json_string_value(json_object_get(row, "model"));
    if (json_integer_value(json_object_get(row, "round")) == round && hex)
      digest_from_hex(hex, strlen(hex), &model);
  }
  json_decref(rows);
  return model;
}

static int play(struct world *world) {
  int code = start(world);
  if (code != EXIT_SUCCESS) return code;
  for (size_t i = 0; i < CLIENTS; i++) enrol(world, i);
  if (create(world)) {
    play_to(world, FIRST_ROUNDS);
    exclude(world, 4);
    struct digest model = model_of(world, 1);
    if (!digest_is_zero(&model)) roll_back(world, 1, &model);
    play_to(world, FIRST_ROUNDS + 1);
    rebuild(world, "c03");
    play_to(world, FIRST_ROUNDS + 3);
  }
  world_stop(world);
  return EXIT_SUCCESS;
}

static bool stands(struct world *world, uint64_t index, const char *leaf) {
  char *envelope, *receipt, hex[DIGEST_HEX_SIZE];
  size_t length, receipt_length;
  uint64_t found;
  struct checkpoint checkpoint;
  struct fault fault = {TAMIS_OK, ""};
  if (!tell("entry",
            core_entry(world->core, index, &envelope, &length, &receipt, &receipt_length, &fault),
            &fault))
    return false;
  struct digest digest = merkle_leaf(envelope, length);
  digest_to_hex(&digest, hex);
  bool is_good = strcmp(hex, leaf) == 0 &&
                 receipt_verify(receipt, receipt_length, envelope, length, &world->log_key.public,
                                &found, &checkpoint, &fault) == TAMIS_OK &&
                 found == index;
  free(envelope);
  free(receipt);
  if (!is_good) fprintf(stderr, "entry %" PRIu64 " is not what was acknowledged\n", index);
  return is_good;
}

static int check(struct world *world) {
  char line[LINE_SIZE], leaf[DIGEST_HEX_SIZE];
  uint64_t index;
  int code = start(world);
  if (code != EXIT_SUCCESS) return code;
  while (fgets(line, sizeof line, stdin))
    if (sscanf(line, "ack %" SCNu64 " %64s", &index, leaf) == 2 && !stands(world, index, leaf))
      code = EXIT_LOST;
  json_t *federations = world_query(world, "federations", 0, NULL);
  if (json_array_size(federations) > 0) {
    world->nonce += 1000;                                 /* new statements */
    for (size_t i = 0; i < CLIENTS; i++) enrol(world, i); /* those who were turned away */
    json_int_t head = world_federation_integer(world, "head_round");
    json_int_t round = world_federation_integer(world, "round");
    if (!play_to(world, (head > round ? head : round) + 1)) {
      fprintf(stderr, "the federation does not go on from round %lld\n", (long long)round);
      code = EXIT_LOST;
    }
  }
  json_decref(federations);
  world_stop(world);
  return code;
}

int main(int argc, char **argv) {
  struct world world;
  if (argc != 3) return EXIT_USAGE;
  if (getenv("CRASH_WAIT")) raise(SIGSTOP); /* until the tracer is there */
  world_at(&world, argv[2]);
  for (size_t i = 0; i < CLIENTS; i++) world_client_key(i, &world.client[i]);
  world.clients = CLIENTS;
  if (strcmp(argv[1], "prepare") == 0) {
    world_files(&world);
    return EXIT_SUCCESS;
  }
  int code = strcmp(argv[1], "play") == 0    ? play(&world)
             : strcmp(argv[1], "check") == 0 ? check(&world)
                                             : EXIT_USAGE;
  layout_close(&world.layout);
  fflush(NULL);
  _exit(code);
}
