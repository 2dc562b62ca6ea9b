/* What the core does around the decider, without its keys, disk and clock. */
#include "stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "aggregator/manifest.h"
#include "aggregator/round.h"
#include "proto/canonical.h"

#define STAGE_NAME "arena"

enum { ROUND_MS = 60000, UPDATE_ROUNDS_KEPT = 3 };

/* A blob in memory. */
struct file {
  struct blob_loan loan;
  uint8_t *bytes;
  int64_t until; /* the last round in which it is needed; 0: always */
  struct file *next;
};

struct stage {
  struct state *state;
  struct federation *federation;
  struct blob_store *blobs;
  struct file *files;
  struct layout layout;
  uint64_t seed;
  int64_t now_ms;
  float *head, *last;
  json_t *verdicts;
};

/* ---- small things ---- */

static _Noreturn void give_up(const char *what, const struct fault *fault) {
  fprintf(stderr, "arena: %s: %s\n", what, fault ? fault->text : "out of memory");
  exit(EXIT_FAILURE);
}

static void must(enum tamis_status status, const char *what, const struct fault *fault) {
  if (status != TAMIS_OK) give_up(what, fault);
}

static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count + 1, size);
  if (!memory) give_up("allocate", NULL);
  return memory;
}

/* Everything that a log would have drawn follows from the seed and a place. */
static struct digest drawn(const struct stage *stage, const char *what, uint64_t place) {
  char text[96];
  int length =
      snprintf(text, sizeof text, "arena %s %" PRIu64 " %" PRIu64, what, stage->seed, place);
  return digest_of(text, (size_t)length);
}

/* ---- blobs ---- */

/* Shared memory, as the passes give pages back that they have read, and a private page would be
 * zeros then; those of a file, and these, are not. */
static uint8_t *shared(size_t length) {
  void *bytes = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) give_up("allocate", NULL);
  return bytes;
}

/* Takes over what shared() gave. */
static struct digest lend(struct stage *stage, uint8_t *bytes, size_t length, int64_t until) {
  struct file *file = allocate(1, sizeof *file);
  file->bytes = bytes;
  file->until = until;
  file->loan = (struct blob_loan){digest_of(bytes, length), bytes, length, NULL};
  file->next = stage->files;
  stage->files = file;
  blob_lend(stage->blobs, &file->loan);
  return file->loan.digest;
}

static void forget(struct stage *stage, struct file **at) {
  struct file *file = *at;
  *at = file->next;
  blob_return(stage->blobs, &file->loan);
  munmap(file->bytes, file->loan.length);
  free(file);
}

static void forget_before(struct stage *stage, int64_t round) {
  for (struct file **at = &stage->files; *at;)
    if ((*at)->until != 0 && (*at)->until < round)
      forget(stage, at);
    else
      at = &(*at)->next;
}

static void lend_found(struct stage *stage, struct found *found, int64_t until) {
  for (size_t i = 0; i < found->count; i++) {
    uint8_t *bytes = shared(found->file[i].length);
    memcpy(bytes, found->file[i].bytes, found->file[i].length);
    lend(stage, bytes, found->file[i].length, until);
  }
  found_close(found);
}

static uint8_t *file_of(const struct stage *stage, const float *values) {
  uint8_t *bytes = shared(layout_file_size(&stage->layout));
  memcpy(bytes, stage->layout.header, stage->layout.header_size);
  memcpy(bytes + stage->layout.header_size, values, stage->layout.parameters * sizeof *values);
  return bytes;
}

static struct digest lend_values(struct stage *stage, const float *values, int64_t until) {
  return lend(stage, file_of(stage, values), layout_file_size(&stage->layout), until);
}

/* ---- entries ---- */

/* Folds an entry; takes over `predicate`. */
static void append(struct stage *stage, enum statement_kind kind, const char *signer,
                   json_t *predicate, size_t subjects, const struct digest *subject,
                   const json_t *manifest) {
  struct fault fault;
  struct entry entry = {
      .statement = {
          .kind = kind, .root = predicate, .predicate = predicate, .subject_count = subjects}};
  entry.envelope = drawn(stage, "entry", stage->state->applied);
  snprintf(entry.signer, sizeof entry.signer, "%s", signer);
  for (size_t i = 0; i < subjects; i++) {
    entry.statement.subject[i] = subject[i];
    entry.statement.subject_name[i] = statement_kind_subject(kind, i);
  }
  must(federation_apply(stage->state, &entry, manifest, &fault), statement_kind_name(kind), &fault);
  json_decref(predicate);
}

static void append_all(struct stage *stage, struct decision *decision) {
  for (size_t i = 0; i < decision->count; i++) {
    struct proposal *proposal = &decision->proposal[i];
    if (proposal->kind == STATEMENT_VERDICTS) {
      json_decref(stage->verdicts);
      stage->verdicts = json_incref(proposal->manifest_json);
    }
    append(stage, proposal->kind, "service/aggregator", json_incref(proposal->predicate),
           proposal->subject_count, proposal->subject, proposal->manifest_json);
  }
  decision_close(decision);
  *decision = (struct decision){0};
}

static struct moment moment_of(const struct stage *stage) {
  return (struct moment){.now_ms = stage->now_ms,
                         .is_settled = true,
                         .root = drawn(stage, "root", stage->state->applied)};
}

/* ---- open, close ---- */

static void make_layout(struct stage *stage, struct mlp_shape shape) {
  struct mlp_tensor part[MLP_TENSORS];
  struct tensor tensor[MLP_TENSORS] = {0};
  struct fault fault;
  mlp_layout(shape, part);
  for (size_t i = 0; i < MLP_TENSORS; i++) {
    snprintf(tensor[i].name, sizeof tensor[i].name, "%s", part[i].name);
    tensor[i].rank = part[i].columns ? 2 : 1;
    tensor[i].shape[0] = part[i].rows;
    tensor[i].shape[1] = part[i].columns;
  }
  must(layout_make(tensor, MLP_TENSORS, &stage->layout, &fault), "layout", &fault);
}

static void create(struct stage *stage, const struct stage_terms *terms) {
  struct digest model = lend_values(stage, terms->first, 0);
  append(stage, STATEMENT_FEDERATION_CREATE, "operator/arena",
         json_pack("{s:s, s:s, s:o, s:I, s:i, s:i, s:i, s:i, s:i, s:o, s:i, s:O, s:s}",
                   "federation", STAGE_NAME, "rule", terms->rule, "layout",
                   manifest_digest(&stage->layout.digest), "parameters",
                   (json_int_t)stage->layout.parameters, "quorum", 1, "cohort", 0,
                   "over_selection_percent", 0, "deadline_ms", ROUND_MS, "rounds_max", 0,
                   "norm_max", canonical_f64(1e9), "examples_max", 1000000, "policy", terms->policy,
                   "nonce", "00112233445566778899aabbccddeeff"),
         1, &model, NULL);
  stage->federation = state_federation_find(stage->state, STAGE_NAME);
}

struct stage *stage_open(const struct stage_terms *terms) {
  struct stage *stage = allocate(1, sizeof *stage);
  struct public_key key = {.name = "arena.example/log"};
  struct fault fault;
  stage->seed = terms->seed;
  stage->now_ms = 1800000000000;
  make_layout(stage, terms->shape);
  must(blob_store_open_readonly("/", &stage->blobs, &fault), "blobs", &fault);
  stage->state = state_new(&key);
  stage->state->applied = 1; /* a genesis would name keys that nobody has here */
  for (size_t i = 0; i < terms->clients; i++) {
    struct client *client = state_client_add(stage->state);
    snprintf(client->name, sizeof client->name, "c%03zu", i);
    state_name_set(client->organisation, terms->organisation[i]);
  }
  create(stage, terms);
  stage->head = allocate(stage->layout.parameters, sizeof(float));
  stage->last = allocate(stage->layout.parameters, sizeof(float));
  memcpy(stage->head, terms->first, stage->layout.parameters * sizeof(float));
  return stage;
}

void stage_close(struct stage *stage) {
  while (stage->files) forget(stage, &stage->files);
  json_decref(stage->verdicts);
  state_free(stage->state);
  blob_store_close(stage->blobs);
  layout_close(&stage->layout);
  free(stage->last);
  free(stage->head);
  free(stage);
}

/* ---- a round ---- */

bool stage_round_open(struct stage *stage) {
  struct decision decision = {0};
  stage->now_ms += ROUND_MS;
  struct moment moment = moment_of(stage);
  if (!federation_next(stage->state, stage->federation, &moment, &decision)) return false;
  append_all(stage, &decision);
  forget_before(stage, stage->federation->round.number);
  return stage->federation->round.phase == PHASE_COLLECTING;
}

bool stage_is_selected(const struct stage *stage, size_t client) {
  return state_slot_find(stage->state, &stage->federation->round,
                         stage->state->client[client].name) != NULL;
}

void stage_update(struct stage *stage, size_t client, const float *update, int64_t examples,
                  double loss) {
  const struct round *round = &stage->federation->round;
  const char *name = stage->state->client[client].name;
  struct digest root = drawn(stage, "root", stage->state->applied);
  struct digest blob = lend_values(stage, update, round->number + UPDATE_ROUNDS_KEPT);
  append(stage, STATEMENT_UPDATE, name,
         json_pack("{s:s, s:I, s:o, s:s, s:I, s:I, s:o, s:I, s:s, s:I, s:o}", "federation",
                   STAGE_NAME, "round", (json_int_t)round->number, "base",
                   manifest_digest(&round->base), "client", name, "size",
                   (json_int_t)layout_file_size(&stage->layout), "examples", (json_int_t)examples,
                   "loss", canonical_f64(loss), "train_ms", (json_int_t)1, "nonce",
                   "00112233445566778899aabbccddeeff", "checkpoint_size",
                   (json_int_t)stage->state->applied, "checkpoint_root", manifest_digest(&root)),
         1, &blob, NULL);
}

void stage_take_back(struct stage *stage, size_t client) {
  struct round *round = &stage->federation->round;
  struct slot *slot = state_slot_find(stage->state, round, stage->state->client[client].name);
  slot->answer = ANSWER_NONE;
  round->answered--;
  round->updates--;
}

/* The next work, found; what goes with it is lent until that round. NULL when there is none. */
static struct work *work_found(struct stage *stage, int64_t until) {
  struct found found;
  struct work *work =
      federation_work(stage->state, stage->federation, stage->federation->round.closes_at_ms);
  if (!work) return NULL;
  round_find(stage->blobs, 1, work, &found);
  lend_found(stage, &found, until);
  return work;
}

json_t *stage_try(struct stage *stage) {
  struct moment moment = moment_of(stage);
  struct decision decision = {0};
  json_t *verdicts = NULL;
  struct work *work = work_found(stage, stage->federation->round.number);
  if (!work || !federation_worked(stage->state, work, &moment, &decision))
    give_up("a round that cannot be judged", work ? &work->fault : NULL);
  for (size_t i = 0; i < decision.count; i++)
    if (decision.proposal[i].kind == STATEMENT_VERDICTS)
      verdicts = json_incref(decision.proposal[i].manifest_json);
  if (!verdicts) give_up("measure", &work->fault);
  decision_close(&decision);
  work_free(work);
  return verdicts;
}

static void take_head(struct stage *stage) {
  struct blob_view view;
  struct fault fault;
  must(blob_map(stage->blobs, &stage->federation->head, false, &view, &fault), "head", &fault);
  const float *now = (const float *)(const void *)(view.bytes + stage->layout.header_size);
  for (size_t i = 0; i < stage->layout.parameters; i++) {
    stage->last[i] = now[i] - stage->head[i];
    stage->head[i] = now[i];
  }
  blob_unmap(&view);
}

bool stage_round_close(struct stage *stage) {
  int64_t head_round = stage->federation->head_round;
  stage->now_ms = stage->federation->round.closes_at_ms;
  while (stage->federation->round.phase != PHASE_WAITING) {
    struct moment moment = moment_of(stage);
    struct decision decision = {0};
    if (federation_next(stage->state, stage->federation, &moment, &decision)) {
      append_all(stage, &decision);
      continue;
    }
    struct work *work = work_found(stage, 0);
    if (!work) give_up("a round that does not go on", NULL);
    federation_worked(stage->state, work, &moment, &decision);
    append_all(stage, &decision);
    work_free(work);
  }
  if (stage->federation->head_round == head_round) return false;
  take_head(stage);
  return true;
}

/* ---- questions ---- */

const float *stage_head(const struct stage *stage) {
  return stage->head;
}

const float *stage_last(const struct stage *stage) {
  return stage->last;
}

const json_t *stage_verdicts(const struct stage *stage) {
  return stage->verdicts;
}

enum standing stage_standing(const struct stage *stage, size_t client) {
  return stage->federation->member[client].history.standing;
}

size_t stage_client(const struct stage *stage, const char *name) {
  int64_t client = state_client_find(stage->state, name);
  if (client == STATE_NOBODY) give_up("a verdict about nobody", NULL);
  return (size_t)client;
}
