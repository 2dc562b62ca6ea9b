/* One walk asks the decider before every entry; what takes long is handed to other threads with all
 * that it needs, and whatever parts first in the log is what is told. */
#include "audit/audit.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/admission.h"
#include "aggregator/federation.h"
#include "aggregator/shadow.h"
#include "audit/archive.h"
#include "audit/differ.h"
#include "audit/pool.h"
#include "audit/recompute.h"
#include "proto/canonical.h"
#include "proto/tensor.h"

/* A file that was not here when it was wanted. Whether a later entry says that it was dropped is
 * known at the end. */
struct absent {
  uint64_t index, decision; /* of the entry that names it, and of the one that needs it */
  int64_t round;
  char federation[STATE_NAME_SIZE];
  struct digest file;
  bool is_only_past; /* only what a new update is compared with; all else was made again */
  bool is_different; /* what follows without it parts from the log */
  struct difference difference;
};

struct answered {
  uint64_t index;
  struct digest digest;
};

struct audit {
  const struct audit_options *options;
  struct archive *archive;
  struct pool *pool;
  struct audit_report *report;
  _Atomic uint64_t first; /* index of the first divergence so far: later jobs need not run */
  pthread_mutex_t lock;   /* of what follows, and of the report while jobs run */
  struct absent *absent;
  size_t absent_count;
  struct answered *answer;
  size_t answer_count, answer_capacity;
  struct fault failed; /* why a job could not be made; TAMIS_OK: none */
};

/* A long computation, or files to look at. */
struct job {
  struct audit *audit;
  struct recompute recompute; /* work NULL: files only */
  char federation[STATE_NAME_SIZE];
  int64_t round;
  size_t file_count;
  struct job_file {
    uint64_t index; /* of the entry that names it */
    struct digest digest;
  } * file; /* owned */
};

/* ---- what was found ---- */

static void set_divergence(struct audit *audit, uint64_t index, const char *federation,
                           int64_t round, const struct difference *difference) {
  struct audit_report *report = audit->report;
  if (report->has_diverged && report->divergence.index <= index) return;
  struct audit_divergence *divergence = &report->divergence;
  *divergence = (struct audit_divergence){.index = index, .round = round};
  snprintf(divergence->federation, sizeof divergence->federation, "%s", federation);
  snprintf(divergence->what, sizeof divergence->what, "%s", difference->what);
  snprintf(divergence->expected, sizeof divergence->expected, "%s", difference->expected);
  snprintf(divergence->found, sizeof divergence->found, "%s", difference->found);
  report->has_diverged = true;
  atomic_store(&audit->first, index);
}

static void diverge(struct audit *audit, uint64_t index, const char *federation, int64_t round,
                    const struct difference *difference) {
  pthread_mutex_lock(&audit->lock);
  set_divergence(audit, index, federation, round, difference);
  pthread_mutex_unlock(&audit->lock);
}

/* With the lock held. */
static void note_absent(struct audit *audit, const struct job *job,
                        const struct recomputation *found) {
  for (size_t i = 0; i < found->absent_count; i++) {
    audit->absent =
        decision_memory(realloc(audit->absent, (audit->absent_count + 1) * sizeof *audit->absent));
    struct absent *absent = &audit->absent[audit->absent_count++];
    *absent = (struct absent){.index = found->absent[i].index,
                              .decision = found->index,
                              .round = job->round,
                              .file = found->absent[i].file,
                              .is_only_past = found->is_only_past,
                              .is_different = found->is_different,
                              .difference = found->difference};
    snprintf(absent->federation, sizeof absent->federation, "%s", job->federation);
  }
}

/* With the lock held. */
static void note_answer(struct audit *audit, uint64_t index, const struct digest *digest) {
  if (audit->answer_count == audit->answer_capacity) {
    audit->answer_capacity = audit->answer_capacity ? 2 * audit->answer_capacity : 64;
    audit->answer =
        decision_memory(realloc(audit->answer, audit->answer_capacity * sizeof *audit->answer));
  }
  audit->answer[audit->answer_count++] = (struct answered){index, *digest};
}

/* With the lock held. */
static void note_made(struct audit *audit, const struct job *job,
                      const struct recomputation *found) {
  audit->report->decisions++;
  if (job->recompute.statement.kind == STATEMENT_VERDICTS)
    audit->report->updates += job->recompute.work->count;
  note_answer(audit, job->recompute.index, &found->answer);
}

static void note(struct audit *audit, const struct job *job, const struct recomputation *found) {
  struct audit_report *report = audit->report;
  pthread_mutex_lock(&audit->lock);
  report->files += found->files;
  report->bytes += found->bytes;
  report->weights_believed += found->weights_believed;
  report->shadows_believed += found->shadow_believed;
  switch (found->recomputed) {
  case RECOMPUTED_SAME:
    if (job->recompute.work && !found->shadow_believed) note_made(audit, job, found);
    break;
  case RECOMPUTED_DIFFERENT:
    set_divergence(audit, found->index, job->federation, job->round, &found->difference);
    break;
  case RECOMPUTED_ABSENT:
    note_absent(audit, job, found);
    if (found->is_only_past && !found->is_different) note_made(audit, job, found);
    break;
  case RECOMPUTED_TROUBLE: report->troubles++; break;
  case RECOMPUTED_FAILED:
    if (audit->failed.status == TAMIS_OK) audit->failed = found->fault;
    break;
  }
  pthread_mutex_unlock(&audit->lock);
}

/* ---- jobs ---- */

static struct job *job_new(struct audit *audit, const char *federation, int64_t round) {
  struct job *job = decision_memory(calloc(1, sizeof *job));
  job->audit = audit;
  job->round = round;
  snprintf(job->federation, sizeof job->federation, "%s", federation);
  job->recompute.blobs = archive_blobs(audit->archive);
  return job;
}

static void job_free(struct job *job) {
  recompute_close(&job->recompute);
  free(job->file);
  free(job);
}

static void run_files(struct job *job) {
  for (size_t i = 0; i < job->file_count; i++) {
    struct recomputation found = {.recomputed = RECOMPUTED_SAME, .index = job->file[i].index};
    recompute_file(job->recompute.blobs, &job->file[i].digest, &found);
    note(job->audit, job, &found);
    recomputation_close(&found);
  }
}

static void job_run(void *context, int threads) {
  struct job *job = context;
  struct recomputation found;
  uint64_t first = atomic_load(&job->audit->first);
  if (!job->recompute.work && job->file_count > 0 && job->file[0].index <= first) {
    run_files(job);
  } else if (job->recompute.work && job->recompute.index <= first) {
    recompute_run(&job->recompute, threads, &found);
    note(job->audit, job, &found);
    recomputation_close(&found);
  }
  job_free(job);
}

static bool is_asked_for(const struct audit *audit, const char *federation, int64_t round) {
  const struct audit_options *options = audit->options;
  return (!options->federation || strcmp(options->federation, federation) == 0) &&
         (options->first == 0 || round >= options->first) &&
         (options->last == 0 || round <= options->last);
}

/* Takes over `work`. */
static void add_work(struct audit *audit, const struct archive_entry *at,
                     const struct federation *federation, struct work *work, int64_t now_ms) {
  struct job *job = job_new(audit, federation->name, work->round);
  struct recompute *recompute = &job->recompute;
  recompute->state = state_excerpt(at->state, federation);
  recompute->work = work;
  recompute->now_ms = now_ms;
  recompute->index = at->index;
  recompute->is_light = audit->options->is_light;
  recompute->bytes = decision_memory(malloc(at->length));
  memcpy(recompute->bytes, at->bytes, at->length);
  recompute->length = at->length;
  recompute->has_manifest = federation_manifest(at->state, at->entry, &recompute->manifest_digest);
  pool_add(audit->pool, job);
}

/* The updates of a round that nobody has measured. */
static void add_unmeasured(struct audit *audit, const struct federation *federation) {
  const struct round *round = &federation->round;
  if (audit->options->is_light || !is_asked_for(audit, federation->name, round->number)) return;
  struct job *job = job_new(audit, federation->name, round->number);
  job->file = decision_memory(calloc(round->updates + 1, sizeof *job->file));
  for (size_t i = 0; i < round->selected; i++)
    if (round->slot[i].answer == ANSWER_UPDATE)
      job->file[job->file_count++] = (struct job_file){round->slot[i].index, round->slot[i].update};
  pool_add(audit->pool, job);
}

/* The base of round 1; those of others are the results of rounds. */
static void add_first_model(struct audit *audit, const struct archive_entry *at) {
  const char *federation = statement_text(&at->entry->statement, "federation");
  if (audit->options->is_light || !is_asked_for(audit, federation, 1)) return;
  struct job *job = job_new(audit, federation, 0);
  job->file = decision_memory(calloc(1, sizeof *job->file));
  job->file[job->file_count++] = (struct job_file){at->index, at->entry->statement.subject[0]};
  pool_add(audit->pool, job);
}

/* ---- statements of others ---- */

/* The clock of the door is in no entry: what depends on it is taken at the earliest it can have
 * been, so that nothing honest is refused. */
static int64_t earliest_ms(const struct archive_entry *at) {
  const struct statement *statement = &at->entry->statement;
  if (statement->kind != STATEMENT_UPDATE) return 0;
  const struct federation *federation =
      state_federation_find(at->state, statement_text(statement, "federation"));
  return federation ? federation->round.opened_at_ms : 0;
}

static uint64_t base_bytes(const struct audit *audit, const struct archive_entry *at) {
  const struct statement *statement = &at->entry->statement;
  if (statement->kind != STATEMENT_UPDATE || audit->options->is_light) return 0;
  struct digest base = statement_digest(statement, "base");
  return blob_size(archive_blobs(audit->archive), &base);
}

/* Is this the root that the log had at that size? */
static bool is_our_tree(const struct audit *audit, int64_t size, const struct digest *root) {
  const struct merkle_tree *tree = archive_tree(audit->archive);
  if (size < 0 || (uint64_t)size > merkle_tree_size(tree)) return false;
  struct digest ours = merkle_tree_root(tree, (uint64_t)size);
  return digest_equal(&ours, root);
}

/* The client had seen a tree that was never this log's. */
static bool is_other_history(const struct audit *audit, const struct archive_entry *at) {
  const struct statement *statement = &at->entry->statement;
  if (statement->kind != STATEMENT_UPDATE) return false;
  struct digest root = statement_digest(statement, "checkpoint_root");
  int64_t size = statement_integer(statement, "checkpoint_size");
  return size > 0 && !is_our_tree(audit, size, &root);
}

/* The layout of a federation's first model; without the file, what the statement says it is. */
static void first_layout(const struct audit *audit, const struct statement *statement,
                         struct layout *layout) {
  struct blob_view view;
  bool is_read = false;
  if (!audit->options->is_light && blob_map(archive_blobs(audit->archive), &statement->subject[0],
                                            false, &view, NULL) == TAMIS_OK) {
    is_read = layout_parse(view.bytes, view.length, view.length, layout, NULL) == TAMIS_OK;
    blob_unmap(&view);
  }
  if (is_read) return;
  *layout = (struct layout){.parameters = (uint64_t)statement_integer(statement, "parameters"),
                            .digest = statement_digest(statement, "layout")};
}

static void check_admitted(struct audit *audit, const struct archive_entry *at) {
  const struct statement *statement = &at->entry->statement;
  struct difference difference = {.found = "let in"};
  struct layout layout = {0};
  struct fault fault;
  struct moment moment = {.now_ms = earliest_ms(at),
                          .is_settled = true,
                          .root = at->root,
                          .expected_bytes = base_bytes(audit, at),
                          .is_other_history = is_other_history(audit, at),
                          .manifest = at->manifest,
                          .has_proposed = true,
                          .has_update = true, /* an operator's word; a dispute only keeps files */
                          .reviewed = {true, UINT64_MAX}}; /* the fold holds it to the verdicts */
  if (statement->kind == STATEMENT_FEDERATION_CREATE) {
    first_layout(audit, statement, &layout);
    moment.layout = &layout;
    add_first_model(audit, at);
  }
  enum tamis_status status = federation_admit(at->state, at->entry, &moment, &fault);
  layout_close(&layout);
  if (status == TAMIS_OK) return;
  snprintf(difference.what, sizeof difference.what, "this %s",
           statement_kind_name(statement->kind));
  snprintf(difference.expected, sizeof difference.expected, "refused (%s: %.120s)",
           tamis_status_name(status), fault.text);
  diverge(audit, at->index, "", 0, &difference);
}

/* The refused envelope is not in the log; that it was one more than is written down would be. */
static void check_refusal(struct audit *audit, const struct archive_entry *at) {
  const struct statement *statement = &at->entry->statement;
  struct difference difference = {.what = "the refusal", .expected = "none"};
  const struct federation *federation =
      state_federation_find(at->state, statement_text(statement, "federation"));
  int64_t client = state_client_find(at->state, statement_text(statement, "client"));
  struct digest refused = statement_digest(statement, "statement");
  audit->report->refusals++;
  if (!federation || client == STATE_NOBODY) return; /* cannot be folded either */
  const struct member *member = &federation->member[client];
  if (digest_equal(&member->last_refused, &refused))
    snprintf(difference.found, sizeof difference.found, "the same statement refused again");
  else if (member->refused_since_open >= ADMISSION_REFUSALS_MAX)
    snprintf(difference.found, sizeof difference.found, "more than %d of %s since the last plan",
             ADMISSION_REFUSALS_MAX, statement_text(statement, "client"));
  if (difference.found[0] != '\0')
    diverge(audit, at->index, federation->name, statement_integer(statement, "round"), &difference);
}

/* ---- statements of the server ---- */

/* The fold has checked the cosignatures; that what they are of is this log's tree, it could not. */
static void check_witnessed(struct audit *audit, const struct archive_entry *at) {
  const struct statement *statement = &at->entry->statement;
  struct difference difference = {.what = "the witnessed root"};
  struct digest root = statement_digest(statement, "root");
  int64_t size = statement_integer(statement, "size");
  if (is_our_tree(audit, size, &root)) return;
  snprintf(difference.expected, sizeof difference.expected, "that of the first %" PRId64 " entries",
           size);
  digest_to_hex(&root, difference.found);
  diverge(audit, at->index, statement_text(statement, "federation"),
          statement_integer(statement, "round"), &difference);
}

/* Which cosignatures had come when a candidate was given up for want of them is not in the log, and
 * only the sentence says how many. */
static void believe_witnesses(struct audit *audit, const struct archive_entry *at,
                              const struct federation *federation, struct decision *decision) {
  const struct statement *statement = &at->entry->statement;
  struct proposal *proposal = &decision->proposal[0];
  if (federation->round.phase != PHASE_AGGREGATED || statement->kind != STATEMENT_HOLD ||
      proposal->kind != STATEMENT_HOLD || statement_optional(statement, "gate")[0] != '\0')
    return;
  json_object_set(proposal->predicate, "sentence",
                  json_object_get(statement->predicate, "sentence"));
  pthread_mutex_lock(&audit->lock);
  audit->report->troubles++;
  pthread_mutex_unlock(&audit->lock);
}

/* When the log says that it was decided. */
static int64_t decided_ms(const struct statement *statement) {
  int64_t now_ms = 0;
  if (!canonical_integer(statement->predicate, "at_ms", &now_ms))
    canonical_integer(statement->predicate, "opened_at_ms", &now_ms);
  return now_ms;
}

/* Made again at once: no file is read. */
static void check_proposal(struct audit *audit, const struct archive_entry *at,
                           const struct federation *federation, const struct decision *decision) {
  const struct statement *statement = &at->entry->statement;
  struct difference difference;
  int64_t round = 0;
  canonical_integer(statement->predicate, "round", &round);
  bool is_different = differ(&decision->proposal[0], statement, at->manifest, &difference);
  pthread_mutex_lock(&audit->lock);
  if (is_different)
    set_divergence(audit, at->index, federation->name, round, &difference);
  else
    audit->report->decisions++;
  pthread_mutex_unlock(&audit->lock);
}

static bool follows_from_work(enum statement_kind kind) {
  return kind == STATEMENT_VERDICTS || kind == STATEMENT_AGGREGATE || kind == STATEMENT_REBUILT ||
         kind == STATEMENT_HOLD || kind == STATEMENT_ABANDON;
}

static void check_work(struct audit *audit, const struct archive_entry *at,
                       const struct federation *federation, int64_t now_ms) {
  const struct statement *statement = &at->entry->statement;
  struct difference difference = {.what = "what follows here", .expected = "nothing yet"};
  struct work *work =
      follows_from_work(statement->kind) ? federation_work(at->state, federation, now_ms) : NULL;
  if (!work) {
    snprintf(difference.found, sizeof difference.found, "%s", statement_kind_name(statement->kind));
    diverge(audit, at->index, federation->name, federation->round.number, &difference);
  } else if (is_asked_for(audit, federation->name, work->round)) {
    add_work(audit, at, federation, work, now_ms);
  } else {
    work_free(work);
  }
}

static void check_own(struct audit *audit, const struct archive_entry *at) {
  const struct statement *statement = &at->entry->statement;
  const struct federation *federation =
      state_federation_find(at->state, statement_text(statement, "federation"));
  struct moment moment = {.now_ms = decided_ms(statement), .is_settled = true, .root = at->root};
  struct decision decision = {0};
  if (!federation) return; /* cannot be folded either */
  if (statement->kind == STATEMENT_ABANDON && federation->round.phase == PHASE_COLLECTING)
    add_unmeasured(audit, federation);
  if (federation_next(at->state, federation, &moment, &decision)) {
    believe_witnesses(audit, at, federation, &decision);
    check_proposal(audit, at, federation, &decision);
  } else {
    check_work(audit, at, federation, moment.now_ms);
  }
  decision_close(&decision);
}

/* Which of the promoted rounds the server got round to is its own affair; what it says of it is
 * not. */
static void check_shadow(struct audit *audit, const struct archive_entry *at) {
  const struct statement *statement = &at->entry->statement;
  const struct federation *federation =
      state_federation_find(at->state, statement_text(statement, "federation"));
  int64_t round = statement_integer(statement, "round");
  if (!federation || !shadow_may(federation, round)) return; /* cannot be folded either */
  if (is_asked_for(audit, federation->name, round))
    add_work(audit, at, federation, shadow_work(federation, round), decided_ms(statement));
}

/* ---- the walk ---- */

/* What the decider says next of a round. Other words of the server's own (a snapshot, a tombstone)
 * are made again by the fold itself, which lets in nothing else. */
static bool is_of_rounds(enum statement_kind kind) {
  return kind == STATEMENT_ROUND_OPEN || kind == STATEMENT_CLIENT_STATE ||
         kind == STATEMENT_PROMOTE || kind == STATEMENT_GATE || kind == STATEMENT_AUTO_FREEZE ||
         kind == STATEMENT_AUTO_ROLLBACK || follows_from_work(kind);
}

static enum tamis_status visit(void *context, const struct archive_entry *at) {
  struct audit *audit = context;
  enum statement_kind kind = at->entry->statement.kind;
  uint64_t total = archive_checkpoint(audit->archive)->size;
  if (audit->options->progress) audit->options->progress(audit->options->context, at->index, total);
  if (strcmp(statement_kind_signer(kind), "aggregator") != 0)
    check_admitted(audit, at);
  else if (kind == STATEMENT_REFUSAL)
    check_refusal(audit, at);
  else if (kind == STATEMENT_WITNESSED)
    check_witnessed(audit, at);
  else if (kind == STATEMENT_SHADOW)
    check_shadow(audit, at);
  else if (is_of_rounds(kind))
    check_own(audit, at);
  return TAMIS_OK;
}

/* ---- the end ---- */

static void count_rounds(struct audit *audit, const struct federation *federation) {
  struct audit_report *report = audit->report;
  for (int64_t i = 1; i <= federation->last_round; i++) {
    if (!is_asked_for(audit, federation->name, i)) continue;
    report->rounds++;
    report->promoted += federation->past[i].outcome == OUTCOME_PROMOTED;
    report->rebuilt += federation->past[i].outcome == OUTCOME_REBUILT;
    report->held += federation->past[i].outcome == OUTCOME_HELD;
    report->abandoned += federation->past[i].outcome == OUTCOME_ABANDONED;
    report->open += federation->past[i].outcome == OUTCOME_OPEN;
    report->undone += federation->past[i].undone;
  }
}

static int absent_order(const void *left, const void *right) {
  const struct absent *a = left, *b = right;
  int order = strcmp(a->federation, b->federation);
  if (order == 0) order = (a->round > b->round) - (a->round < b->round);
  return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static void absent_diverge(struct audit *audit, const struct absent *absent) {
  struct difference difference = {.what = "the file", .found = "it is not there"};
  digest_to_hex(&absent->file, difference.expected);
  set_divergence(audit, absent->index, absent->federation, absent->round, &difference);
}

/* What is not here was dropped by an entry that says so, or is missing. */
static void settle_absent(struct audit *audit) {
  const struct absent *before = NULL;
  if (audit->absent_count == 0) return;
  qsort(audit->absent, audit->absent_count, sizeof *audit->absent, absent_order);
  for (size_t i = 0; i < audit->absent_count; i++) {
    const struct absent *absent = &audit->absent[i];
    if (!archive_was_dropped(audit->archive, &absent->file)) {
      absent_diverge(audit, absent);
      continue;
    }
    if (absent->is_different)
      set_divergence(audit, absent->decision, absent->federation, absent->round,
                     &absent->difference);
    if (absent->is_only_past) {
      audit->report->past_believed++;
      continue;
    }
    bool is_new = !before || before->round != absent->round ||
                  strcmp(before->federation, absent->federation) != 0;
    audit->report->by_policy += is_new;
    before = absent;
  }
}

static int answer_order(const void *left, const void *right) {
  const struct answered *a = left, *b = right;
  return (a->index > b->index) - (a->index < b->index);
}

static void digest_answers(struct audit *audit) {
  struct digest_stream *stream = digest_stream_new();
  if (audit->answer_count > 0)
    qsort(audit->answer, audit->answer_count, sizeof *audit->answer, answer_order);
  for (size_t i = 0; i < audit->answer_count; i++)
    digest_stream_add(stream, audit->answer[i].digest.byte, DIGEST_SIZE);
  audit->report->digest = digest_stream_finish(stream);
  digest_stream_free(stream);
}

/* The walk itself ended at an entry that cannot be, or at a tree that is not the signed one. */
static void walk_diverged(struct audit *audit, const struct fault *fault) {
  struct audit_report *report = audit->report;
  struct difference difference = {.what = "the log",
                                  .expected = "entries that follow from those before them, under "
                                              "the signed checkpoint"};
  uint64_t index = archive_walked(audit->archive);
  if (report->has_diverged && report->divergence.index <= index) return;
  set_divergence(audit, index, "", 0, &difference);
  snprintf(report->divergence.found, sizeof report->divergence.found, "%s", fault->text);
}

static void finish(struct audit *audit) {
  const struct archive *archive = audit->archive;
  const struct state *state = archive_state(archive);
  struct audit_report *report = audit->report;
  report->entries = report->signatures = archive_walked(archive);
  report->covered = archive_checkpoint(archive)->size;
  report->root = archive_checkpoint(archive)->root;
  for (size_t i = 0; i < state->federation_count; i++) count_rounds(audit, state->federation[i]);
  digest_answers(audit);
}

static enum tamis_status conclude(struct audit *audit, enum tamis_status status,
                                  struct fault *fault) {
  const struct audit_report *report = audit->report;
  const struct audit_divergence *divergence = &report->divergence;
  char round[STATE_NAME_SIZE + 40] = "";
  if (!report->has_diverged && audit->failed.status != TAMIS_OK)
    return fault_set(fault, audit->failed.status, "%s", audit->failed.text);
  if (!report->has_diverged) return status;
  if (divergence->federation[0] != '\0')
    snprintf(round, sizeof round, ", round %" PRId64 " of %s", divergence->round,
             divergence->federation);
  return fault_set(fault, TAMIS_CORRUPT, "entry %" PRIu64 "%s: %s should be %.100s%s %.100s",
                   divergence->index, round, divergence->what, divergence->expected,
                   strncmp(divergence->found, "it ", 3) == 0 ? ";" : ", the log says",
                   divergence->found);
}

static enum tamis_status walk(struct audit *audit, struct fault *fault) {
  enum tamis_status status = pool_open(audit->options->threads, job_run, &audit->pool, fault);
  if (status != TAMIS_OK) return status;
  status = archive_walk(audit->archive, visit, audit, fault);
  const struct state *state = archive_state(audit->archive);
  for (size_t i = 0; i < state->federation_count; i++)
    if (state->federation[i]->round.phase == PHASE_COLLECTING)
      add_unmeasured(audit, state->federation[i]);
  pool_close(audit->pool);
  if (status == TAMIS_CORRUPT)
    walk_diverged(audit, fault);
  else if (status == TAMIS_OK)
    settle_absent(audit);
  if (status == TAMIS_OK || status == TAMIS_CORRUPT) finish(audit);
  return status;
}

enum tamis_status audit_run(const char *folder, const char *log_vkey,
                            const struct audit_options *options, struct audit_report *report,
                            struct fault *fault) {
  struct audit audit = {.options = options, .report = report, .first = UINT64_MAX};
  struct fault why = {TAMIS_OK, ""};
  *report = (struct audit_report){0};
  enum tamis_status status = archive_open(folder, log_vkey, NULL, &audit.archive, &why);
  if (status == TAMIS_OK) {
    pthread_mutex_init(&audit.lock, NULL);
    status = walk(&audit, &why);
    status = conclude(&audit, status, &why);
    pthread_mutex_destroy(&audit.lock);
    archive_close(audit.archive);
  }
  free(audit.answer);
  free(audit.absent);
  if (status != TAMIS_OK && fault) *fault = why;
  return status;
}
