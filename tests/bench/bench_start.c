/* bench_start FOLDER [ENTRIES]: how long a start takes on a log of so many entries, from its
 * snapshot and from its first entry, and what memory it holds then. The log is made once, in
 * FOLDER, by the server's own code: rounds of 200 clients, one in twenty judged and promoted, the
 * others without a quorum. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "aggregator/ledger.h"
#include "proto/canonical.h"

enum { CLIENTS = 200, PROMOTED_EVERY = 20, ENTRIES = 1000000 };

#define ORIGIN "bench.example/log"
#define FEDERATION "bench"

#define must(condition)                                                                            \
  do {                                                                                             \
    if (condition) break;                                                                          \
    fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                \
    exit(1);                                                                                       \
  } while (0)

struct bench {
  const char *folder;
  char state[512], genesis[512], aggregator[512], log[512];
  struct secret_key operator_key, aggregator_key, log_key, client[CLIENTS];
  uint64_t nonce;
  int64_t now_ms;
  struct ledger ledger;
  struct signer *signer;
};

static double seconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static json_t *hex(const struct digest *digest) {
  char text[DIGEST_HEX_SIZE];
  digest_to_hex(digest, text);
  return json_string(text);
}

static json_t *nonce(struct bench *bench) {
  char text[33];
  snprintf(text, sizeof text, "%032" PRIx64, ++bench->nonce);
  return json_string(text);
}

/* ---- saying ---- */

static void sign(const struct secret_key *key, enum statement_kind kind, json_t *predicate,
                 const struct digest *subject, char **envelope, size_t *length) {
  const char *name = statement_kind_subject(kind, 0);
  struct fault fault;
  enum tamis_status status =
      statement_sign(ORIGIN, kind, predicate, 1, &name, subject, key, envelope, length, &fault);
  if (status != TAMIS_OK) fprintf(stderr, "%s\n", fault.text);
  must(status == TAMIS_OK);
  json_decref(predicate);
}

static void say(struct bench *bench, const struct secret_key *key, enum statement_kind kind,
                json_t *predicate, const struct digest *subject) {
  struct fault fault;
  struct entry entry;
  char *envelope;
  size_t length;
  uint64_t index;
  sign(key, kind, predicate, subject, &envelope, &length);
  must(entry_open(bench->ledger.state, envelope, length, &entry, &fault) == TAMIS_OK);
  must(ledger_stage(&bench->ledger, envelope, length, &entry, &index, &fault) == TAMIS_OK);
  entry_close(&entry);
  free(envelope);
}

static void commit(struct bench *bench) {
  must(ledger_commit(&bench->ledger, NULL) == TAMIS_OK);
}

static void decide(struct bench *bench, struct decision *decision) {
  must(ledger_propose(&bench->ledger, decision, NULL) == TAMIS_OK);
  decision_close(decision);
  commit(bench);
}

/* ---- making the log ---- */

static void genesis(struct bench *bench) {
  char log_key[KEY_VKEY_SIZE], aggregator_key[KEY_VKEY_SIZE], operator_key[KEY_VKEY_SIZE];
  char *envelope;
  size_t length;
  key_vkey_write(&bench->log_key.public, log_key);
  key_vkey_write(&bench->aggregator_key.public, aggregator_key);
  key_vkey_write(&bench->operator_key.public, operator_key);
  struct digest subject = digest_of(log_key, strlen(log_key));
  sign(&bench->operator_key, STATEMENT_GENESIS,
       json_pack("{s:s, s:s, s:[s], s:o}", "log_key", log_key, "aggregator_key", aggregator_key,
                 "operators", operator_key, "nonce", nonce(bench)),
       &subject, &envelope, &length);
  FILE *file = fopen(bench->genesis, "w");
  must(file && fwrite(envelope, 1, length, file) == length && fclose(file) == 0);
  free(envelope);
}

static void enrol(struct bench *bench, size_t i) {
  char vkey[KEY_VKEY_SIZE];
  const struct secret_key *key = &bench->client[i];
  struct digest token = digest_of(&i, sizeof i), subject = digest_of(key->public.byte, 32);
  key_vkey_write(&key->public, vkey);
  say(bench, &bench->operator_key, STATEMENT_CLIENT_INVITE,
      json_pack("{s:s, s:s, s:I, s:o}", "client", key->public.name, "organisation", "org",
                "not_after", (json_int_t)4000000000, "nonce", nonce(bench)),
      &token);
  say(bench, key, STATEMENT_KEY_ENROL,
      json_pack("{s:s, s:s, s:o}", "client", key->public.name, "key", vkey, "token", hex(&token)),
      &subject);
}

static void create(struct bench *bench) {
  struct digest model = digest_of("model", 5);
  say(bench, &bench->operator_key, STATEMENT_FEDERATION_CREATE,
      json_pack("{s:s, s:s, s:o, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:i, s:o, s:o}", "federation",
                FEDERATION, "rule", "trimmed_mean(f=20)", "layout", hex(&model), "parameters", 1000,
                "quorum", CLIENTS, "cohort", 0, "over_selection_percent", 0, "deadline_ms", 60000,
                "rounds_max", 0, "norm_max", canonical_f64(10), "examples_max", 10000, "policy",
                json_object(), "nonce", nonce(bench)),
      &model);
}

static void update(struct bench *bench, const struct round *round, size_t client) {
  struct digest blob = digest_of(&bench->nonce, sizeof bench->nonce), zero = {{0}};
  say(bench, &bench->client[client], STATEMENT_UPDATE,
      json_pack("{s:s, s:I, s:o, s:s, s:i, s:i, s:o, s:i, s:o, s:i, s:o}", "federation", FEDERATION,
                "round", (json_int_t)round->number, "base", hex(&round->base), "client",
                bench->client[client].public.name, "size", 4096, "examples", 100, "loss",
                canonical_f64(0.5), "train_ms", 5, "nonce", nonce(bench), "checkpoint_size", 0,
                "checkpoint_root", hex(&zero)),
      &blob);
}

/* What a judge would have found of near-equal updates. */
static void compute(struct bench *bench, struct work *work) {
  work->status = TAMIS_OK;
  if (work->kind == WORK_MEASURE) {
    work->evidence = calloc(work->count, sizeof *work->evidence);
    work->gram = digest_of(&bench->nonce, sizeof bench->nonce);
    for (size_t i = 0; i < work->count; i++)
      work->evidence[i] = (struct evidence){.norm = 1,
                                            .distance = 0.5,
                                            .cosine = 0.9,
                                            .own_cosine = 0.2,
                                            .neighbour_cosine = 0.9,
                                            .neighbour = i == 0};
    return;
  }
  work->weight = calloc(work->count, sizeof *work->weight);
  for (size_t i = 0; i < work->count; i++) work->weight[i] = 1.0 / (double)work->count;
  work->candidate = digest_of(work->gram.byte, sizeof work->gram.byte);
}

static void follow(struct bench *bench) {
  const struct state *state = bench->ledger.state;
  const struct federation *federation = state->federation[0];
  for (;;) {
    struct moment moment = {.now_ms = bench->now_ms, .is_settled = true};
    struct decision decision = {0};
    const struct merkle_tree *tree = journal_tree(bench->ledger.journal);
    moment.root = merkle_tree_root(tree, merkle_tree_size(tree));
    if (federation->round.phase != PHASE_WAITING &&
        federation_next(state, federation, &moment, &decision)) {
      decide(bench, &decision);
      continue;
    }
    struct work *work = federation_work(state, federation, bench->now_ms);
    if (!work) break;
    compute(bench, work);
    must(federation_worked(state, work, &moment, &decision));
    work_free(work);
    decide(bench, &decision);
  }
}

static void play_round(struct bench *bench) {
  const struct federation *federation = bench->ledger.state->federation[0];
  struct moment moment = {.now_ms = bench->now_ms, .is_settled = true};
  const struct merkle_tree *tree = journal_tree(bench->ledger.journal);
  struct decision decision = {0};
  moment.root = merkle_tree_root(tree, merkle_tree_size(tree));
  must(federation_next(bench->ledger.state, federation, &moment, &decision));
  decide(bench, &decision);
  const struct round *round = &federation->round;
  size_t missing = round->number % PROMOTED_EVERY ? 1 : 0;
  for (size_t i = 0; i + missing < round->selected; i++) update(bench, round, i);
  commit(bench);
  bench->now_ms += 61000;
  follow(bench);
}

static struct ledger_options options_of(const struct bench *bench) {
  return (struct ledger_options){.state_dir = bench->state,
                                 .genesis_path = bench->genesis,
                                 .aggregator_key_path = bench->aggregator,
                                 .signer = bench->signer};
}

static void make(struct bench *bench, uint64_t entries) {
  struct ledger_options options;
  double start = seconds_now();
  must(mkdir(bench->folder, 0700) == 0);
  must(key_file_write(bench->aggregator, &bench->aggregator_key, NULL) == TAMIS_OK);
  must(key_file_write(bench->log, &bench->log_key, NULL) == TAMIS_OK);
  genesis(bench);
  must(signer_start(bench->log, true, &bench->signer, NULL) == TAMIS_OK);
  options = options_of(bench);
  must(ledger_open(&options, &bench->ledger, NULL) == TAMIS_OK);
  for (size_t i = 0; i < CLIENTS; i++) enrol(bench, i);
  create(bench);
  commit(bench);
  while (journal_size(bench->ledger.journal) < entries) {
    play_round(bench);
    if (bench->ledger.state->federation[0]->last_round % 50 == 0)
      fprintf(stderr, "\r%" PRIu64 " entries ", journal_size(bench->ledger.journal));
  }
  must(ledger_snapshot(&bench->ledger, NULL) == TAMIS_OK);
  ledger_close(&bench->ledger);
  signer_close(bench->signer);
  fprintf(stderr, "\rmade in %.0f s\n", seconds_now() - start);
}

/* ---- starting ---- */

static void tell(void *context, enum notice_level level, const char *event, const char *sentence) {
  (void)context, (void)level;
  printf("  %s: %s\n", event, sentence);
}

/* In a process of its own, for its memory. */
static void measure(struct bench *bench, const char *what) {
  fflush(stdout);
  pid_t child = fork();
  must(child >= 0);
  if (child > 0) {
    int status;
    must(waitpid(child, &status, 0) == child && status == 0);
    return;
  }
  struct ledger_options options;
  struct ledger ledger;
  struct fault fault;
  struct rusage usage;
  double start = seconds_now();
  must(signer_start(bench->log, false, &bench->signer, NULL) == TAMIS_OK);
  options = options_of(bench);
  options.notice.say = tell;
  enum tamis_status status = ledger_open(&options, &ledger, &fault);
  double seconds = seconds_now() - start;
  if (status != TAMIS_OK) fprintf(stderr, "%s\n", fault.text);
  must(status == TAMIS_OK);
  getrusage(RUSAGE_SELF, &usage);
  printf("%-28s %8.3f s   %4ld MiB at most   %" PRIu64 " entries%s\n", what, seconds,
         usage.ru_maxrss >> 10, journal_size(ledger.journal),
         ledger.snapshot.is_resumed ? "" : ", all folded");
  fflush(stdout);
  ledger_close(&ledger);
  signer_close(bench->signer);
  _exit(0);
}

static void setup(struct bench *bench) {
  uint8_t seed[KEY_SEED_SIZE] = {1};
  char name[16];
  snprintf(bench->state, sizeof bench->state, "%s/state", bench->folder);
  snprintf(bench->genesis, sizeof bench->genesis, "%s/genesis", bench->folder);
  snprintf(bench->aggregator, sizeof bench->aggregator, "%s/aggregator.key", bench->folder);
  snprintf(bench->log, sizeof bench->log, "%s/log.key", bench->folder);
  bench->now_ms = 1800000000000;
  key_from_seed("operator/bench", seed, &bench->operator_key);
  seed[0] = 2;
  key_from_seed("service/aggregator", seed, &bench->aggregator_key);
  seed[0] = 3;
  key_from_seed(ORIGIN, seed, &bench->log_key);
  for (size_t i = 0; i < CLIENTS; i++) {
    seed[0] = 4;
    seed[1] = (uint8_t)i;
    snprintf(name, sizeof name, "c%03zu", i);
    key_from_seed(name, seed, &bench->client[i]);
  }
}

int main(int count, char **arguments) {
  struct bench *bench = calloc(1, sizeof *bench);
  char snapshot[600], aside[600];
  must(bench && count > 1 && key_library_start() == TAMIS_OK);
  bench->folder = arguments[1];
  setup(bench);
  snprintf(snapshot, sizeof snapshot, "%s/snapshot", bench->state);
  snprintf(aside, sizeof aside, "%s/aside", bench->folder);
  if (access(snapshot, R_OK) != 0)
    make(bench, count > 2 ? strtoull(arguments[2], NULL, 10) : ENTRIES);
  measure(bench, "from the snapshot (first)");
  measure(bench, "from the snapshot (warm)");
  measure(bench, "from the snapshot (warm)");
  must(rename(snapshot, aside) == 0);
  measure(bench, "from the first entry (warm)");
  must(rename(aside, snapshot) == 0);
  free(bench);
  return 0;
}
