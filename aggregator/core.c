/* One thread, one mailbox: every letter that is there is handled, one commit makes what they did
 * last, then all are answered, and then the federations go on by themselves. */
#include "aggregator/core.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "aggregator/core_private.h"
#include "aggregator/gates.h"
#include "aggregator/round.h"

enum { QUIET_MS = 1000, CLOCK_LOOK_MS = 50, ROOM_LOOK_MS = 10000 };

int64_t core_now_ms(struct core *core) {
  int64_t now_ms = (int64_t)core->now_ms(core->clock_context);
  if (now_ms > core->latest_ms) core->latest_ms = now_ms;
  return core->latest_ms;
}

double core_monotonic_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int64_t monotonic_ms(void) {
  return (int64_t)(core_monotonic_seconds() * 1000);
}

/* ---- counting ---- */

static void count_verdicts(struct core_counters *counters, const struct statement *statement) {
  counters->verdict_accept += (uint64_t)statement_integer(statement, "accepted");
  counters->verdict_clip += (uint64_t)statement_integer(statement, "clipped");
  counters->verdict_hold += (uint64_t)statement_integer(statement, "held");
  counters->verdict_reject += (uint64_t)statement_integer(statement, "rejected");
}

static_assert((int)CORE_GATES_MAX == (int)GATES_MAX, "a counter for each gate");

static void count_gate(struct core_counters *counters, const struct statement *statement) {
  size_t i;
  if (!gates_find(statement_optional(statement, "gate"), &i)) return;
  counters->gate[i].green += statement->kind == STATEMENT_GATE;
  counters->gate[i].red += statement->kind == STATEMENT_HOLD;
}

static void count_entry(struct core_counters *counters, const struct statement *statement) {
  counters->glass_broken += statement_optional(statement, "break_glass")[0] != '\0';
  switch (statement->kind) {
  case STATEMENT_UPDATE: counters->updates_accepted++; break;
  case STATEMENT_VERDICTS: count_verdicts(counters, statement); break;
  case STATEMENT_SHADOW: counters->shadows++; break;
  case STATEMENT_PROMOTE: counters->rounds_promoted++; break;
  case STATEMENT_HOLD:
    counters->rounds_held++;
    count_gate(counters, statement);
    break;
  case STATEMENT_GATE: count_gate(counters, statement); break;
  case STATEMENT_AUTO_ROLLBACK:
    counters->rollbacks++;
    counters->auto_rollbacks++;
    break;
  case STATEMENT_EVALUATION: counters->evaluations++; break;
  case STATEMENT_FREEZE:
  case STATEMENT_AUTO_FREEZE: counters->freezes++; break;
  case STATEMENT_ABANDON: counters->rounds_abandoned++; break;
  case STATEMENT_ROLLBACK: counters->rollbacks++; break;
  case STATEMENT_REBUILD: counters->rebuilds++; break;
  case STATEMENT_REBUILT: counters->rounds_rebuilt++; break;
  default: break;
  }
}

static void on_entry(void *context, const struct statement *statement) {
  struct core *core = context;
  count_entry(&core->counters, statement);
  core_keep_note(core, statement);
  if (core->on_entry) core->on_entry(core->entry_context, statement);
}

/* ---- committing and answering ---- */

static enum tamis_status commit(struct core *core, struct fault *fault) {
  bool is_needed =
      core->ledger.staged_count > 0 || core->ledger.published < journal_size(core->ledger.journal);
  double start = core_monotonic_seconds();
  enum tamis_status status = ledger_commit(&core->ledger, fault);
  atomic_store(&core->published, core->ledger.published);
  if (!is_needed) return status;
  core->counters.commits++;
  core->counters.commit_seconds += core_monotonic_seconds() - start;
  return status;
}

/* What a call staged is durable now, or it is not and the caller must know. */
static void answer(struct core *core, struct call *call, enum tamis_status status,
                   const struct fault *fault) {
  if (call->status == TAMIS_OK && status != TAMIS_OK) {
    call->status = status;
    if (call->fault) *call->fault = *fault;
  } else if (call->status == TAMIS_OK && call->receipt) {
    call->status = ledger_receipt(&core->ledger, call->index, call->receipt, call->receipt_length,
                                  call->fault);
  }
  mailbox_answer(&call->letter);
}

static void answer_waiting(struct core *core, enum tamis_status status, const struct fault *fault) {
  while (core->waiting) {
    struct call *call = core->waiting;
    core->waiting = call->next;
    answer(core, call, status, fault);
  }
}

static void handle_call(void *owner, struct letter *letter) {
  struct core *core = owner;
  struct call *call = (struct call *)(void *)letter;
  call->status = call->run(core, call);
  if (!call->waits) {
    mailbox_answer(letter);
    return;
  }
  call->next = core->waiting;
  core->waiting = call;
}

enum tamis_status core_ask(struct core *core, struct call *call,
                           enum tamis_status (*run)(struct core *, struct call *),
                           struct fault *fault) {
  call->letter.handle = handle_call;
  call->run = run;
  call->fault = fault;
  if (!mailbox_ask(&core->mailbox, &call->letter))
    return fault_set(fault, TAMIS_UNAVAILABLE, "the server is stopping");
  return call->status;
}

bool core_knows(struct core *core, struct call *call, const char *envelope, size_t length) {
  call->waits = ledger_find(&core->ledger, envelope, length, &call->index);
  return call->waits;
}

/* ---- work beside the core's thread ---- */

struct work_letter {
  struct letter letter;
  struct core *core;
  struct work *work;
  size_t federation; /* its position */
  double seconds;
};

static void work_letter_free(struct work_letter *letter) {
  work_free(letter->work);
  free(letter);
}

/* Nothing is wrong with the round when the machine is short of something: it is tried again. */
static bool is_passing(enum tamis_status status) {
  return status == TAMIS_DISK_FULL || status == TAMIS_NO_MEMORY;
}

static struct moment moment_of(struct core *core) {
  const struct ledger *ledger = &core->ledger;
  struct moment moment = {.now_ms = core_now_ms(core),
                          .is_settled = ledger->staged_count == 0,
                          .is_full = core->is_full};
  if (moment.is_settled)
    moment.root = merkle_tree_root(journal_tree(ledger->journal), journal_size(ledger->journal));
  return moment;
}

static void be_quiet(struct core *core) {
  core->quiet_until_ms = monotonic_ms() + QUIET_MS;
}

static void handle_worked(void *owner, struct letter *letter) {
  struct core *core = owner;
  struct work_letter *worked = (struct work_letter *)(void *)letter;
  const struct work *work = worked->work;
  struct moment moment = moment_of(core);
  struct decision decision = {0};
  double *seconds = work->kind == WORK_MEASURE ? &core->counters.judge_seconds
                                               : &core->counters.aggregate_seconds;
  *seconds += worked->seconds;
  core->works[worked->federation] = false;
  if (is_passing(work->status))
    be_quiet(core);
  else if (federation_worked(core->ledger.state, work, &moment, &decision) &&
           ledger_propose(&core->ledger, &decision, NULL) != TAMIS_OK)
    be_quiet(core);
  decision_close(&decision);
  work_letter_free(worked);
}

static void handle_work(void *owner, struct letter *letter) {
  struct work_letter *work = (struct work_letter *)(void *)letter;
  struct core *core = owner;
  double start = core_monotonic_seconds();
  round_work(core->ledger.blobs, core->threads, work->work);
  work->seconds = core_monotonic_seconds() - start;
  letter->handle = handle_worked;
  if (!mailbox_post(&core->mailbox, letter)) work_letter_free(work);
}

static void start_work(struct core *core) {
  const struct state *state = core->ledger.state;
  for (size_t i = 0; i < state->federation_count; i++) {
    if (core->works[i]) continue;
    struct work *work = federation_work(state, state->federation[i], core_now_ms(core));
    struct work_letter *letter = work ? calloc(1, sizeof *letter) : NULL;
    if (!letter) {
      work_free(work);
      continue;
    }
    *letter = (struct work_letter){.letter.handle = handle_work, .work = work, .federation = i};
    core->works[i] = mailbox_post(&core->work_mailbox, &letter->letter);
    if (!core->works[i]) work_letter_free(letter);
  }
}

static void hand_out(struct core *core) {
  start_work(core);
  core_shadow_run(core);
}

static void *run_work(void *context) {
  struct core *core = context;
  bool is_closed = false;
  while (!is_closed) {
    struct letter *letter = mailbox_take(&core->work_mailbox, -1, &is_closed);
    while (letter) {
      struct letter *next = letter->next;
      if (is_closed)
        work_letter_free((struct work_letter *)(void *)letter);
      else
        letter->handle(core, letter);
      letter = next;
    }
  }
  return NULL;
}

/* ---- the core's thread ---- */

/* Stages what follows by itself, in every federation. */
static bool advance(struct core *core) {
  const struct state *state = core->ledger.state;
  for (size_t i = 0; i < state->federation_count; i++) {
    struct moment moment = moment_of(core);
    struct decision decision = {0};
    enum tamis_status status = TAMIS_OK;
    moment.seen = core_witness_seen(core, i);
    if (core_witness_next(core, state->federation[i], &decision) ||
        federation_next(state, state->federation[i], &moment, &decision))
      status = ledger_propose(&core->ledger, &decision, NULL);
    decision_close(&decision);
    if (status != TAMIS_OK) be_quiet(core);
  }
  return core->ledger.staged_count > 0;
}

/* Uploads are refused before the journal can run dry, and no round is opened that nobody could
 * answer. It ends by itself when there is room again. */
static void look_at_room(struct core *core) {
  bool is_full = !blob_has_room(core->ledger.blobs);
  if (is_full == core->is_full) return;
  core->is_full = is_full;
  struct blob_usage usage;
  blob_usage(core->ledger.blobs, &usage);
  if (is_full)
    notice_say(&core->ledger.notice, NOTICE_ERROR, "disk full",
               "%" PRIu64 " bytes are free and %" PRIu64 " are kept for the journal: uploads are "
               "refused and no round opens until there is room. Free some, or let old updates go: "
               "tamis federation retain",
               usage.free_bytes, usage.reserve_bytes);
  else
    notice_say(&core->ledger.notice, NOTICE_INFO, "room again", "%" PRIu64 " bytes are free",
               usage.free_bytes);
}

static void settle(struct core *core) {
  struct fault fault = {TAMIS_OK, ""};
  look_at_room(core);
  uint64_t before = core->ledger.published;
  enum tamis_status status = commit(core, &fault);
  answer_waiting(core, status, &fault);
  while (status == TAMIS_OK && core->quiet_until_ms <= monotonic_ms() && advance(core))
    status = commit(core, &fault);
  if (status == TAMIS_OK && core->keep_is_due && core->quiet_until_ms <= monotonic_ms())
    status = core_keep_run(core, &fault);
  if (status == TAMIS_OK && ledger_snapshot_is_due(&core->ledger, false))
    status = ledger_snapshot(&core->ledger, &fault);
  if (status != TAMIS_OK)
    be_quiet(core);
  else if (core->quiet_until_ms <= monotonic_ms())
    hand_out(core);
  atomic_store(&core->published, core->ledger.published);
  core_witness_ask(core);
  cosignatures_write(&core->cosignatures, core->ledger.state);
  bool has_news = core->ledger.published != before || core->has_news;
  core->has_news = false;
  if (has_news && core->changed) core->changed(core->changed_context);
}

/* The clock may be anybody's, so it is looked at now and then while something depends on it. */
static int64_t wait_ms(struct core *core) {
  if (core->quiet_until_ms > monotonic_ms()) return CLOCK_LOOK_MS;
  if (core->keep_is_due) return 0;
  int64_t deadline_ms = federation_deadline_ms(core->ledger.state);
  if (deadline_ms == INT64_MAX) return core->is_full ? QUIET_MS : ROOM_LOOK_MS;
  int64_t left_ms = deadline_ms - core_now_ms(core);
  if (left_ms < 1) return 1;
  return left_ms < CLOCK_LOOK_MS ? left_ms : CLOCK_LOOK_MS;
}

static void *run_core(void *context) {
  struct core *core = context;
  bool is_closed = false;
  core->keep_is_due = true;
  core_keep_finish(core);
  settle(core);
  while (!is_closed) {
    struct letter *letter = mailbox_take(&core->mailbox, wait_ms(core), &is_closed);
    while (letter) {
      struct letter *next = letter->next; /* an answered letter is gone */
      letter->handle(core, letter);
      letter = next;
    }
    settle(core);
  }
  return NULL;
}

/* ---- life ---- */

static bool root_of(void *context, uint64_t size, struct digest *root) {
  const struct ledger *ledger = context;
  if (size > ledger->published) return false;
  *root = merkle_tree_root(journal_tree(ledger->journal), size);
  return true;
}

static enum tamis_status threads_start(struct core *core, struct fault *fault) {
  mailbox_open(&core->mailbox);
  mailbox_open(&core->work_mailbox);
  if (pthread_create(&core->work_thread, NULL, run_work, core) != 0)
    return fault_set(fault, TAMIS_NO_MEMORY, "cannot start a thread");
  bool has_shadows = core_shadow_start(core);
  if (has_shadows && pthread_create(&core->thread, NULL, run_core, core) == 0) return TAMIS_OK;
  if (has_shadows) core_shadow_stop(core);
  mailbox_close(&core->work_mailbox);
  pthread_join(core->work_thread, NULL);
  return fault_set(fault, TAMIS_NO_MEMORY, "cannot start a thread");
}

enum tamis_status core_open(const struct core_options *options, struct core **core,
                            struct fault *fault) {
  *core = calloc(1, sizeof **core);
  if (!*core) return fault_plain(fault, TAMIS_NO_MEMORY);
  (*core)->threads = options->threads;
  (*core)->now_ms = options->now_ms;
  (*core)->on_entry = options->on_entry;
  (*core)->entry_context = options->entry_context;
  (*core)->clock_context = options->clock_context;
  struct ledger_options ledger_options = {.state_dir = options->state_dir,
                                          .genesis_path = options->genesis_path,
                                          .aggregator_key_path = options->aggregator_key_path,
                                          .signer = options->signer,
                                          .reserve_bytes = options->reserve_bytes,
                                          .snapshot_entries = options->snapshot_entries,
                                          .notice = options->notice};
  enum tamis_status status = ledger_open(&ledger_options, &(*core)->ledger, fault);
  (*core)->ledger.on_entry = on_entry;
  (*core)->ledger.context = *core;
  atomic_store(&(*core)->published, (*core)->ledger.published);
  if (status == TAMIS_OK)
    status = cosignatures_open(options->state_dir, (*core)->ledger.state, root_of, &(*core)->ledger,
                               &(*core)->cosignatures, fault);
  if (status == TAMIS_OK) status = threads_start(*core, fault);
  if (status == TAMIS_OK) return TAMIS_OK;
  core_witness_close(*core);
  ledger_close(&(*core)->ledger);
  free(*core);
  *core = NULL;
  return status;
}

void core_close(struct core *core) {
  if (!core) return;
  mailbox_close(&core->mailbox);
  pthread_join(core->thread, NULL);
  mailbox_close(&core->work_mailbox);
  pthread_join(core->work_thread, NULL);
  core_shadow_stop(core);
  if (core->ledger.staged_count == 0 && ledger_snapshot_is_due(&core->ledger, true))
    ledger_snapshot(&core->ledger, NULL);
  mailbox_destroy(&core->shadow_mailbox);
  mailbox_destroy(&core->work_mailbox);
  mailbox_destroy(&core->mailbox);
  core_witness_close(core);
  ledger_close(&core->ledger);
  free(core);
}

const char *core_origin(const struct core *core) {
  return core->ledger.signed_last.key.name;
}

const char *core_log_vkey(const struct core *core) {
  return core->ledger.signed_last.vkey;
}

const struct public_key *core_aggregator_key(const struct core *core) {
  return &core->ledger.aggregator_key.public;
}

struct blob_store *core_blobs(struct core *core) {
  return core->ledger.blobs;
}

uint64_t core_size(struct core *core) {
  return atomic_load(&core->published);
}
