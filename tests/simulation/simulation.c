/* simulation SEED [STEPS]: one random life of a federation. The same seed makes the same choices;
 * what breaks prints the command to repeat it. */
#include "../unit/aggregator/world.h"

#include "audit/audit.h"
#include "checker.h"

enum { STEPS = 700, ACKED_MAX = 8192 };

struct acked { /* what a client was promised */
  char *envelope, *receipt;
  size_t length, receipt_length;
};

struct life {
  struct world world;
  uint64_t seed;
  uint64_t gate_seed; /* of its own: lives without gates are what they were */
  size_t liars;
  enum world_attack attack;
  struct acked acked[ACKED_MAX];
  size_t acked_count;
  uint64_t size_seen; /* of the log: never shrinks */
  struct digest model[4096];
  int64_t promoted_max;
  bool touched[WORLD_CLIENTS_MAX]; /* by an operator */
  bool drops;                      /* a retention policy was asked for */
  size_t restarts, crashes, rollbacks, rebuilds, policies, feeds;
  size_t copies, spoken, freezes, reviews;
};

#define must(condition)                                                                            \
  do {                                                                                             \
    if (condition) break;                                                                          \
    fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                \
    abort();                                                                                       \
  } while (0)

static uint64_t below(struct life *life, uint64_t bound) {
  return world_random(&life->seed) % bound;
}

/* ---- what may happen ---- */

static void remember(struct life *life, const char *envelope, size_t length, char *receipt,
                     size_t receipt_length) {
  must(life->acked_count < ACKED_MAX);
  struct acked *acked = &life->acked[life->acked_count++];
  acked->envelope = malloc(length);
  memcpy(acked->envelope, envelope, length);
  acked->length = length;
  acked->receipt = receipt;
  acked->receipt_length = receipt_length;
}

/* An update from end to end; what is acknowledged is remembered for ever. */
static enum tamis_status send(struct life *life, const struct world_claim *claim) {
  struct core *core = life->world.core;
  struct core_offer offer;
  char *envelope, *receipt;
  size_t length, receipt_length;
  world_envelope(&life->world, claim, &envelope, &length);
  enum tamis_status status = core_offer(core, claim->client, envelope, length, &offer, NULL);
  if (status == TAMIS_OK && below(life, 20) == 0) {
    status = core_refuse(core, claim->client, envelope, length, TAMIS_NOT_FINITE, "NaN", NULL);
    must(status == TAMIS_OK);
    status = TAMIS_NOT_FINITE;
  } else if (status == TAMIS_OK) {
    status = core_accept(core, claim->client, envelope, length, &receipt, &receipt_length, NULL);
    if (status == TAMIS_OK) remember(life, envelope, length, receipt, receipt_length);
  }
  free(envelope);
  return status;
}

/* A client that waits for the next round is asked for its word. Some never give it, some give
 * another's, some give one of a tree that never was. */
static void vouches(struct life *life, size_t client) {
  struct core *core = life->world.core;
  const struct secret_key *key = &life->world.client[client];
  struct checkpoint wanted;
  char *note, *line;
  size_t length;
  uint64_t held;
  if (core_witness_wanted(core, key->public.name, &note, &length, NULL) != TAMIS_OK || !note)
    return;
  must(checkpoint_open(note, length, &life->world.log_key.public, &wanted, NULL) == TAMIS_OK);
  free(note);
  uint64_t mood = below(life, 8);
  if (mood == 0) return;
  if (mood == 1) key = &life->world.log_key;
  if (mood == 2) wanted.root.byte[0] ^= 1;
  checkpoint_cosign(&wanted, 1800000000, key, &line, &length);
  enum tamis_status status = core_cosign(core, life->world.client[client].public.name, wanted.size,
                                         &wanted.root, line, length, &held, NULL);
  must(status == (mood == 1 ? TAMIS_BAD_PROOF : mood == 2 ? TAMIS_FORK : TAMIS_OK));
  free(line);
}

static void client_acts(struct life *life, size_t client) {
  float update[WORLD_PARAMETERS];
  struct world_task task;
  struct core_task found;
  enum tamis_status status = core_poll(life->world.core, life->world.client[client].public.name,
                                       WORLD_FEDERATION, 0, &found, NULL);
  bool has_task = status == TAMIS_OK && found.has_task;
  if (!has_task && life->world.witness_organisations > 0) vouches(life, client);
  if (status == TAMIS_OK) core_task_close(&found);
  if (!has_task || !world_poll(&life->world, client, &task)) return;
  world_honest(&life->world, client, &task, update);
  if (client < life->liars) world_attack(life->attack, client, &task, update);
  struct world_claim claim = world_claim_of(&life->world, client, &task, update);
  switch (below(life, 24)) {
  case 0: claim.round += 1 + (int64_t)below(life, 3); break;
  case 1: claim.base.byte[0] ^= 1; break;
  case 2: claim.examples = (int64_t)below(life, 3) - 2; break;
  case 3: claim.origin = "elsewhere.example/log"; break;
  case 4: claim.key = &life->world.log_key; break;
  case 5: return; /* vanishes */
  default: break;
  }
  send(life, &claim);
  if (below(life, 10) == 0) send(life, &claim); /* again, with another nonce */
}

static void replay(struct life *life) {
  struct core_offer offer;
  if (life->acked_count == 0) return;
  const struct acked *acked = &life->acked[below(life, life->acked_count)];
  struct envelope envelope;
  must(envelope_open(acked->envelope, acked->length, &envelope, NULL) == TAMIS_OK);
  must(core_offer(life->world.core, envelope.signature[0].keyid, acked->envelope, acked->length,
                  &offer, NULL) == TAMIS_OK);
  must(offer.complete);
  free(offer.receipt);
  envelope_close(&envelope);
}

static void clock_moves(struct life *life) {
  uint64_t step = below(life, 3) == 0 ? WORLD_DEADLINE_MS + below(life, 5000) : below(life, 3000);
  if (below(life, 4) == 0)
    atomic_fetch_sub(&life->world.now_ms, below(life, 100000)); /* an administrator's hand */
  else
    atomic_fetch_add(&life->world.now_ms, step);
}

static void retain(struct life *life) {
  struct world *world = &life->world;
  life->drops = true;
  world_submit(world, STATEMENT_RETENTION,
               json_pack("{s:s, s:I, s:s, s:o}", "federation", WORLD_FEDERATION, "keep_rounds",
                         (json_int_t)below(life, 5), "reason", "a test", "nonce",
                         world_nonce(world)),
               "model", &world->first_model, NULL);
}

/* About some update of the client's, opened or closed: what may not be is refused. */
static void dispute(struct life *life, size_t client) {
  struct world *world = &life->world;
  json_int_t round =
      1 + (json_int_t)below(life, 1 + (uint64_t)world_federation_integer(world, "round"));
  char number[24];
  struct digest update;
  snprintf(number, sizeof number, "%lld", (long long)round);
  json_t *rows = world_query(world, "round", 2, (const char *[]){WORLD_FEDERATION, number}), *row;
  size_t i;
  json_array_foreach(rows, i, row) {
    const char *hex = json_string_value(json_object_get(row, "update"));
    if (strcmp(json_string_value(json_object_get(row, "client")),
               world->client[client].public.name) != 0 ||
        !digest_from_hex(hex, strlen(hex), &update))
      continue;
    world_submit(world, STATEMENT_DISPUTE,
                 json_pack("{s:s, s:I, s:s, s:i, s:s, s:o}", "federation", WORLD_FEDERATION,
                           "round", round, "client", world->client[client].public.name, "open",
                           (int)below(life, 2), "reason", "a test", "nonce", world_nonce(world)),
                 "update", &update, NULL);
  }
  json_decref(rows);
}

/* Thresholds that an honest client stays clear of, and now and then a version that is not the next
 * one. */
static void set_policy(struct life *life) {
  static const char *const names[] = {"risk_reject",    "ratio_high",      "reputation_rate",
                                      "forgive_rounds", "strikes_exclude", "weight_by_examples"};
  static const double values[][2] = {{0.85, 0.95}, {4, 6}, {0.1, 0.3}, {1, 4}, {4, 6}, {0, 1}};
  json_t *policy = json_object();
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (below(life, 2) == 0)
      json_object_set_new(policy, names[i], canonical_f64(values[i][below(life, 2)]));
  int64_t version = (int64_t)life->policies + 2 + (below(life, 6) == 0);
  if (world_policy(&life->world, version, policy, NULL) == TAMIS_OK) life->policies++;
}

/* On some update that waits, or an opinion on one that does not: what may not be is refused. */
static void review(struct life *life) {
  struct world *world = &life->world;
  json_t *rows = world_query(world, "reviews", 1, (const char *[]){WORLD_FEDERATION});
  size_t count = json_array_size(rows);
  if (count > 0)
    life->reviews +=
        world_review(world, below(life, 2) ? &world->operator_key : &world->person[0],
                     json_array_get(rows, below(life, count)),
                     below(life, 2) ? "release" : "reject", below(life, 3) == 0, NULL) == TAMIS_OK;
  json_decref(rows);
}

/* Now the key of a client, now an update that was sent, now nothing: then all is withdrawn. */
static void set_feed(struct life *life, size_t client) {
  struct world *world = &life->world;
  char number[24];
  struct digest key = digest_of(world->client[client].public.byte, KEY_PUBLIC_SIZE), update;
  snprintf(number, sizeof number, "%lld", (long long)world_federation_integer(world, "head_round"));
  json_t *rows = world_query(world, "updates", 2, (const char *[]){WORLD_FEDERATION, number});
  const char *hex = json_string_value(json_object_get(json_array_get(rows, 0), "update"));
  bool has_update = hex && digest_from_hex(hex, strlen(hex), &update);
  uint64_t choice = below(life, 4);
  int64_t version = (int64_t)life->feeds + 1 + (below(life, 6) == 0);
  if (world_feed(world, version, choice == 1 ? &key : NULL,
                 choice == 2 && has_update ? &update : NULL, NULL) == TAMIS_OK)
    life->feeds++;
  json_decref(rows);
}

static void operator_acts(struct life *life) {
  struct world *world = &life->world;
  size_t client = below(life, world->clients);
  json_int_t last = world_federation_integer(world, "round");
  switch (below(life, 11)) {
  case 9: set_policy(life); break;
  case 10: set_feed(life, client); break;
  case 6: retain(life); break;
  case 7: dispute(life, client); break;
  case 8: {
    const char *names[] = {world->client[client].public.name};
    struct digest head = world_head(world);
    int64_t since = 1 + (int64_t)below(life, (uint64_t)last + 1);
    life->rebuilds += world_rebuild(world, since, 1, names, &head, NULL) == TAMIS_OK;
    break;
  }
  case 0:
    if (world_standing(world, STATEMENT_EXCLUSION, client, NULL) == TAMIS_OK)
      life->touched[client] = true;
    break;
  case 1:
  case 2: world_standing(world, STATEMENT_REINSTATEMENT, client, NULL); break;
  case 3:
    if (world->clients < 20) world_enrol_clients(world, world->clients + 1);
    break;
  default: {
    char number[24], hex[80];
    struct digest model;
    snprintf(number, sizeof number, "%lld", (long long)below(life, (uint64_t)last + 1));
    world_text(world, "models", WORLD_FEDERATION, "round", number, "model", hex, sizeof hex);
    if (!digest_from_hex(hex, strlen(hex), &model)) break;
    if (world_rollback(world, atoll(number), &model, NULL) != TAMIS_OK) break;
    struct digest head = world_head(world);
    must(digest_equal(&head, &model));
    life->rollbacks++;
  }
  }
}

/* ---- gates ---- */

static uint64_t gate_below(struct life *life, uint64_t bound) {
  return world_random(&life->gate_seed) % bound;
}

/* The candidate that waits for the gate of this name; false: none does. */
static bool waiting(struct life *life, const char *gate, int64_t *round, struct digest *model) {
  struct world *world = &life->world;
  char number[24], text[80];
  *round = world_federation_integer(world, "round");
  snprintf(number, sizeof number, "%" PRId64, *round);
  world_text(world, "rounds", WORLD_FEDERATION, "round", number, "waits_for", text, sizeof text);
  if (strcmp(text, gate) != 0) return false;
  world_text(world, "rounds", WORLD_FEDERATION, "round", number, "model", text, sizeof text);
  return digest_from_hex(text, strlen(text), model);
}

static const struct secret_key *somebody(struct life *life) {
  size_t i = gate_below(life, WORLD_PERSONS + 1);
  return i == WORLD_PERSONS ? &life->world.operator_key : &life->world.person[i];
}

/* Some approve, some reject, some speak of another model or too early. */
static void person_speaks(struct life *life, bool is_kind) {
  struct digest model;
  int64_t round;
  if (!life->world.gates || !waiting(life, "approval", &round, &model)) return;
  if (!is_kind && gate_below(life, 6) == 0) model.byte[3] ^= 1;
  if (!is_kind && gate_below(life, 12) == 0) round++;
  bool approves = is_kind || gate_below(life, 5) > 0;
  life->spoken +=
      world_approve(&life->world, somebody(life), round, &model, approves, NULL) == TAMIS_OK;
}

/* Of the head, and of the candidate where one waits; some find what nobody else does. */
static void evaluator_speaks(struct life *life, bool is_kind) {
  struct world *world = &life->world;
  if (!world->gates || !strstr(world->gates, "evaluator")) return;
  const struct secret_key *person = &world->person[is_kind ? 0 : gate_below(life, 2)];
  struct world_evaluation e = {.round = world_federation_integer(world, "head_round"),
                               .model = world_head(world),
                               .correct = {90, 90}};
  bool is_bad = !is_kind && gate_below(life, 8) == 0;
  if (is_bad && gate_below(life, 2) == 0) e.trigger_rate = 0.5;
  world_evaluate(world, person, &e, NULL);
  if (!waiting(life, "evaluator", &e.round, &e.model)) return;
  e.trigger_rate = 0;
  e.correct[0] = is_bad ? 40 : 90;
  if (!is_kind && gate_below(life, 10) == 0) e.model.byte[7] ^= 1;
  life->spoken += world_evaluate(world, person, &e, NULL) == TAMIS_OK;
}

static void gates_live(struct life *life) {
  uint64_t choice = gate_below(life, 100);
  if (choice >= 12 && choice < 20) evaluator_speaks(life, false);
  if (choice < 12) person_speaks(life, false);
  if (choice == 98) life->freezes += world_freeze(&life->world, STATEMENT_FREEZE, NULL) == TAMIS_OK;
  if (choice >= 94 && choice < 98) world_freeze(&life->world, STATEMENT_UNFREEZE, NULL);
}

/* Stops it in order, or leaves it as it is and goes on from a copy of its folder. */
static void restart(struct life *life) {
  struct world *world = &life->world;
  char copy[192], command[512];
  if (below(life, 2) == 0) {
    world_stop(world);
    life->restarts++;
  } else {
    snprintf(copy, sizeof copy, "%s/state%zu", world->dir, ++life->copies);
    world_copy(world->state_dir, copy);
    world_stop(world);
    world_remove(world->state_dir);
    snprintf(command, sizeof command, "mv %s.signed %s.signed", copy, world->log_path);
    must(system(command) == 0);
    snprintf(world->state_dir, sizeof world->state_dir, "%s", copy);
    life->crashes++;
  }
  if (below(life, 2) == 0) {
    snprintf(command, sizeof command, "rm -f %s/tamis.db*", world->state_dir);
    must(system(command) == 0);
  }
  if (below(life, 4) == 0) {
    snprintf(command, sizeof command, "rm -f %s/snapshot", world->state_dir);
    must(system(command) == 0);
  }
  world_start(world);
}

/* ---- what must be true ---- */

static void check_acked(struct life *life, const struct acked *acked) {
  struct checkpoint checkpoint, now;
  struct merkle_proof proof;
  uint64_t index;
  char *envelope, *receipt, *note;
  size_t length, receipt_length, note_length;
  const struct public_key *log_key = &life->world.log_key.public;
  must(receipt_verify(acked->receipt, acked->receipt_length, acked->envelope, acked->length,
                      log_key, &index, &checkpoint, NULL) == TAMIS_OK);
  must(core_entry(life->world.core, index, &envelope, &length, &receipt, &receipt_length, NULL) ==
       TAMIS_OK);
  must(length == acked->length && memcmp(envelope, acked->envelope, length) == 0);
  must(core_consistency(life->world.core, checkpoint.size, 0, &proof, &note, &note_length, NULL) ==
       TAMIS_OK);
  must(checkpoint_open(note, note_length, log_key, &now, NULL) == TAMIS_OK);
  must(merkle_verify_consistency(checkpoint.size, now.size, &checkpoint.root, &now.root, &proof));
  free(note);
  free(envelope);
  free(receipt);
}

static const char *walk_log(struct core *core, struct checker *checker, uint64_t size,
                            uint64_t *index) {
  const char *broken = NULL;
  for (*index = 0; *index < size && !broken; ++*index) {
    char *envelope, *receipt;
    size_t length, receipt_length;
    must(core_entry(core, *index, &envelope, &length, &receipt, &receipt_length, NULL) == TAMIS_OK);
    broken = checker_entry(checker, envelope, length);
    free(envelope);
    free(receipt);
  }
  return broken ? broken : checker_end(checker);
}

/* A tombstone is durable before its files go, and shown to others only after that. */
static bool has_grown_since(struct core *core, uint64_t size) {
  for (int i = 0; i < 200 && core_size(core) == size; i++) usleep(5000);
  return core_size(core) != size;
}

/* The server goes on meanwhile: when the log has grown, a tombstone may have taken files away under
 * the walk, or a round been promoted behind it, and then it is walked again. */
static void check_log(struct life *life) {
  struct core *core = life->world.core;
  bool is_good = false, has_grown = true;
  while (!is_good && has_grown) {
    struct checker *checker = checker_new(WORLD_ORIGIN, core_blobs(core));
    uint64_t size = core_size(core), index;
    must(size >= life->size_seen);
    life->size_seen = size;
    const char *broken = walk_log(core, checker, size, &index);
    struct digest expected = checker_head(checker), head = world_head(&life->world);
    is_good = !broken && digest_equal(&expected, &head);
    has_grown = !is_good && has_grown_since(core, size);
    if (!is_good && !has_grown)
      fprintf(stderr, "entry %" PRIu64 ": %s\n", index, broken ? broken : "another head");
    checker_free(checker);
  }
  must(is_good);
  for (size_t i = 0; i < 8 && life->acked_count > 0; i++)
    check_acked(life, &life->acked[below(life, life->acked_count)]);
}

static void check_honest(struct life *life) {
  char state[32];
  for (size_t i = life->liars; i < life->world.clients; i++) {
    if (life->touched[i]) continue;
    world_state(&life->world, i, state, sizeof state);
    must(strcmp(state, "excluded") != 0 && strcmp(state, "quarantined") != 0);
  }
}

/* With a quorum of honest clients and no new trouble, the next rounds come to something. */
static void check_liveness(struct life *life) {
  struct world *world = &life->world;
  for (size_t i = 0; i < world->clients; i++)
    world_standing(world, STATEMENT_REINSTATEMENT, i, NULL);
  atomic_fetch_add(&world->now_ms, 2 * WORLD_DEADLINE_MS + 200000);
  world_freeze(world, STATEMENT_UNFREEZE, NULL);
  json_int_t goal = world_federation_integer(world, "round") + 2;
  for (int tries = 0; world_federation_integer(world, "head_round") < goal && tries < 4000;
       tries++) {
    for (size_t i = 0; i < world->clients; i++) {
      struct world_task task;
      if (world_poll(world, i, &task)) world_answer(world, i, &task, WORLD_HONEST, NULL);
      if (world->witness_organisations > 0) vouches(life, i);
    }
    evaluator_speaks(life, true);
    person_speaks(life, true);
    world_freeze(world, STATEMENT_UNFREEZE, NULL);
    usleep(1000);
  }
  must(world_federation_integer(world, "head_round") >= goal);
}

/* ---- a life ---- */

static void begin(struct life *life, uint64_t seed) {
  static const char *const rules[] = {"mean", "median", "trimmed_mean(f=1)", "multi_krum(f=1)"};
  life->seed = seed;
  life->gate_seed = seed ^ 0x6a7e;
  world_open(&life->world);
  world_stop(&life->world);
  life->world.snapshot_entries = 20 + below(life, 200);
  world_start(&life->world);
  size_t clients = 8 + below(life, 5);
  life->liars = below(life, 3);
  life->attack = (enum world_attack)(1 + below(life, 3));
  life->world.organisations = 3;
  life->world.witness_organisations = below(life, 2) == 0 ? 0 : 1 + (int)below(life, 3);
  life->world.witness_per_organisation = 1;
  world_enrol_clients(&life->world, clients);
  const char *rule = rules[below(life, 4)];
  int cohort = below(life, 2) == 0 ? 0 : 8;
  if (below(life, 2) == 0) life->world.optimiser = CHECKER_MOMENTUM;
  if (seed % 2 == 1) life->world.shadows = "mean; nnm(f=1) | median; multi_krum(f=2)";
  static const char *const gates[] = {
      NULL, "approval(persons=1)", "approval(minutes=2)",
      "evaluator(accuracy_min=0.7, trigger_max=0, rollback=on)",
      "evaluator(drop_max=0.1, class_drop_max=0.3) | approval(persons=1)"};
  life->world.gates = gates[gate_below(life, 5)];
  life->world.freeze_after = (int)gate_below(life, 4);
  printf(
      "seed %" PRIu64
      ": %zu clients, %zu liars, attack %d, rule %s, %s, cohort %d, %d organisations witness, %s\n",
      seed, clients, life->liars, (int)life->attack, rule,
      life->world.optimiser ? life->world.optimiser : "no optimiser", cohort,
      life->world.witness_organisations, life->world.gates ? life->world.gates : "no gates");
  must(world_federation(&life->world, WORLD_FEDERATION, rule, 5, cohort, 25, 0, NULL, NULL) ==
       TAMIS_OK);
}

/* Rounds that ended for want of witnesses: who had vouched by then is not in the log. */
static uint64_t unwitnessed(struct life *life) {
  json_t *rows = world_query(&life->world, "rounds", 1, (const char *[]){WORLD_FEDERATION}), *row;
  uint64_t count = 0;
  size_t i;
  json_array_foreach(rows, i, row) {
    const char *sentence = json_string_value(json_object_get(row, "sentence"));
    count += sentence && strstr(sentence, "organisations witnessed the aggregate in time");
  }
  json_decref(rows);
  return count;
}

/* Whatever happened, the log says what had to be said, and a stranger finds the same. */
static void check_audit(struct life *life, uint64_t held) {
  char vkey[KEY_VKEY_SIZE];
  struct audit_report report;
  struct fault fault = {TAMIS_OK, ""};
  key_vkey_write(&life->world.log_key.public, vkey);
  for (int light = 0; light < 2; light++) {
    struct audit_options options = {.is_light = light == 1, .threads = 2};
    enum tamis_status status = audit_run(life->world.state_dir, vkey, &options, &report, &fault);
    if (status != TAMIS_OK) fprintf(stderr, "audit: %s\n", fault.text);
    must(status == TAMIS_OK);
    must(report.troubles == held && (report.by_policy == 0 || life->drops));
    printf("audited: %" PRIu64 " rounds, %" PRIu64 " decisions made again, %" PRIu64 " files\n",
           report.rounds, report.decisions, report.files);
  }
}

static void end(struct life *life) {
  json_int_t rounds = world_federation_integer(&life->world, "round");
  uint64_t held = unwitnessed(life);
  printf("%lld rounds, %" PRIu64 " without their witnesses, %zu updates acknowledged, %" PRIu64
         " entries, %zu restarts, %zu crashes, %zu rollbacks, %zu rebuilds, %zu policies, %zu "
         "feeds, %zu "
         "words at gates, "
         "%zu freezes, %zu reviews\n",
         (long long)rounds, held, life->acked_count, life->size_seen, life->restarts, life->crashes,
         life->rollbacks, life->rebuilds, life->policies, life->feeds, life->spoken, life->freezes,
         life->reviews);
  for (size_t i = 0; i < life->acked_count; i++) {
    check_acked(life, &life->acked[i]);
    free(life->acked[i].envelope);
    free(life->acked[i].receipt);
  }
  check_audit(life, held);
  world_close(&life->world);
}

int main(int count, char **arguments) {
  uint64_t seed = count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
  uint64_t steps = count > 2 ? strtoull(arguments[2], NULL, 10) : STEPS;
  struct life *life = calloc(1, sizeof *life);
  must(life);
  setvbuf(stdout, NULL, _IOLBF, 0);
  printf("repeat with: %s %" PRIu64 " %" PRIu64 "\n", arguments[0], seed, steps);
  begin(life, seed);
  for (uint64_t step = 0; step < steps; step++) {
    uint64_t choice = below(life, 200);
    if (choice < 170)
      client_acts(life, below(life, life->world.clients));
    else if (choice < 180)
      replay(life);
    else if (choice < 194)
      clock_moves(life);
    else if (choice < 197)
      operator_acts(life);
    else
      restart(life);
    gates_live(life);
    if (below(life, 20) == 0) review(life);
    if (step % 100 == 99) check_log(life);
  }
  check_honest(life);
  check_liveness(life);
  check_log(life);
  end(life);
  free(life);
  return 0;
}
