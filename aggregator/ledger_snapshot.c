/* How a start need not fold what was folded before: the state's text stands beside the journal, an
 * entry names its digest, and the signed root covers that entry. Nothing here is believed because
 * it is there. */
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "aggregator/ledger_private.h"
#include "aggregator/scrub.h"
#include "aggregator/snapshot.h"
#include "aggregator/state_text.h"

/* Old entries are read again at this pace after a start that did not read them. */
enum { SCRUB_BYTES_PER_SECOND = 32 << 20 };

/* ---- reading ---- */

/* The aggregator's key as the log's first entry names it. */
static enum tamis_status aggregator_of(const struct ledger *ledger, struct public_key *key,
                                       struct fault *fault) {
  struct state *state = state_new(&ledger->signed_last.key);
  struct entry entry;
  char *bytes;
  size_t length;
  enum tamis_status status = ledger_entry(ledger, 0, &bytes, &length, fault);
  if (status == TAMIS_OK) {
    status = entry_open(state, bytes, length, &entry, fault);
    if (status == TAMIS_OK) status = federation_apply(state, &entry, NULL, fault);
    if (status == TAMIS_OK) entry_close(&entry);
    free(bytes);
  }
  *key = state->aggregator;
  state_free(state);
  return status;
}

/* The entry that names this text: where it must be, by whom it must be signed. */
static enum tamis_status check_entry(const struct ledger *ledger, const struct snapshot *snapshot,
                                     struct fault *fault) {
  struct state *state = state_new(&ledger->signed_last.key); /* knows one key, and nothing else */
  struct entry entry = {.signer = ""};
  char *bytes = NULL;
  size_t length;
  enum tamis_status status = aggregator_of(ledger, &state->aggregator, fault);
  if (status == TAMIS_OK) status = ledger_entry(ledger, snapshot->size, &bytes, &length, fault);
  if (status == TAMIS_OK) status = entry_open(state, bytes, length, &entry, fault);
  if (status == TAMIS_OK) {
    const struct statement *said = &entry.statement;
    if (said->kind != STATEMENT_SNAPSHOT ||
        statement_integer(said, "size") != (int64_t)snapshot->size ||
        statement_integer(said, "format") != STATE_FORMAT ||
        !digest_equal(&said->subject[0], &snapshot->digest))
      status = fault_set(fault, TAMIS_CORRUPT,
                         "entry %" PRIu64 " of the log does not name this state", snapshot->size);
    entry_close(&entry);
  }
  free(bytes);
  state_free(state);
  return status;
}

/* After the text was found good. */
static enum tamis_status take_state(struct ledger *ledger, const struct snapshot *snapshot,
                                    struct fault *fault) {
  struct state *state;
  enum tamis_status status =
      state_text_read(snapshot->text, snapshot->length, &ledger->signed_last.key, &state, fault);
  if (status != TAMIS_OK) return status;
  if (state->applied != snapshot->size) {
    state_free(state);
    return fault_set(fault, TAMIS_CORRUPT, "the text is of another size");
  }
  ledger_state_begin(ledger);
  state_free(ledger->state);
  ledger->state = state;
  for (uint64_t i = 0; i < snapshot->size; i++) {
    struct digest leaf = merkle_tree_leaf(journal_tree(ledger->journal), i);
    leaves_add(&ledger->leaves, &leaf, i);
  }
  return TAMIS_OK;
}

static enum tamis_status resume(struct ledger *ledger, const char *path,
                                const struct checkpoint *checkpoint,
                                const struct snapshot *snapshot, struct fault *fault) {
  uint64_t torn_bytes;
  if (snapshot->size >= checkpoint->size)
    return fault_set(fault, TAMIS_CORRUPT,
                     "it is of %" PRIu64 " entries, the last checkpoint of %" PRIu64 " does not"
                     " cover the entry that names it",
                     snapshot->size, checkpoint->size);
  enum tamis_status status =
      journal_resume(path, snapshot->record, snapshot->size, checkpoint->size, &checkpoint->root,
                     &ledger->journal, &torn_bytes, fault);
  if (status != TAMIS_OK) return status;
  status = check_entry(ledger, snapshot, fault);
  if (status == TAMIS_OK) status = take_state(ledger, snapshot, fault);
  if (status == TAMIS_OK) status = ledger_fold_rest(ledger, fault);
  if (status == TAMIS_OK) return TAMIS_OK;
  journal_close(ledger->journal);
  ledger->journal = NULL;
  ledger_state_begin(ledger);
  return status;
}

static void scrub_begin(struct ledger *ledger, struct snapshot *snapshot) {
  struct scrub_options options = {.folder = ledger->state_dir,
                                  .bytes_per_second = SCRUB_BYTES_PER_SECOND,
                                  .notice = ledger->notice};
  struct fault fault;
  if (scrub_start(&options, snapshot, &ledger->scrub, &fault) != TAMIS_OK)
    notice_say(&ledger->notice, NOTICE_WARN, "journal not read again", "%s", fault.text);
}

bool ledger_snapshot_resume(struct ledger *ledger, const char *path,
                            const struct checkpoint *checkpoint) {
  struct snapshot snapshot;
  struct fault fault;
  enum tamis_status status = snapshot_open(ledger->state_dir, &snapshot, &fault);
  if (status == TAMIS_NOT_FOUND) return false;
  if (status == TAMIS_OK) {
    status = resume(ledger, path, checkpoint, &snapshot, &fault);
    if (status != TAMIS_OK) snapshot_close(&snapshot);
  }
  if (status != TAMIS_OK) {
    notice_say(&ledger->notice, NOTICE_WARN, "snapshot not used",
               "%s. The whole journal is read instead, which takes longer and changes nothing",
               fault.text);
    return false;
  }
  ledger->snapshot.size = ledger->snapshot.records = snapshot.size;
  ledger->snapshot.digest = snapshot.digest;
  ledger->snapshot.records_crc = snapshot.records_crc;
  ledger->snapshot.is_resumed = true;
  scrub_begin(ledger, &snapshot);
  return true;
}

bool ledger_snapshot_recall(struct ledger *ledger) {
  struct snapshot snapshot;
  struct fault fault;
  ledger_snapshot_wait(ledger);
  if (ledger->snapshot.size == 0 ||
      snapshot_open_text(ledger->state_dir, &snapshot, &fault) != TAMIS_OK)
    return false;
  bool is_taken = snapshot.size == ledger->snapshot.size &&
                  digest_equal(&snapshot.digest, &ledger->snapshot.digest) &&
                  take_state(ledger, &snapshot, &fault) == TAMIS_OK;
  snapshot_close(&snapshot);
  return is_taken;
}

/* ---- writing ---- */

struct ledger_snapshot_job {
  pthread_t thread;
  const char *folder; /* the ledger's */
  struct snapshot snapshot;
  struct journal_record *record; /* owned */
  uint64_t added;
  uint32_t before_crc;
  enum tamis_status status;
  struct fault fault;
  atomic_bool is_done;
};

static void *run_job(void *context) {
  struct ledger_snapshot_job *job = context;
  job->status = snapshot_write(job->folder, &job->snapshot, job->record, job->added,
                               job->before_crc, &job->fault);
  atomic_store(&job->is_done, true);
  return NULL;
}

static void job_free(struct ledger_snapshot_job *job) {
  snapshot_close(&job->snapshot);
  free(job->record);
  free(job);
}

void ledger_snapshot_wait(struct ledger *ledger) {
  struct ledger_snapshot_job *job = ledger->snapshot.job;
  if (!job) return;
  pthread_join(job->thread, NULL);
  ledger->snapshot.job = NULL;
  if (job->status == TAMIS_OK) {
    ledger->snapshot.size = ledger->snapshot.records = job->snapshot.size;
    ledger->snapshot.digest = job->snapshot.digest;
    ledger->snapshot.records_crc = job->snapshot.records_crc;
  } else {
    notice_say(&ledger->notice, NOTICE_WARN, "snapshot not written",
               "%s. The next start takes longer; another is tried in %" PRIu64 " entries",
               job->fault.text, ledger->snapshot.every);
  }
  job_free(job);
}

/* What goes to disk, and a thread to put it there. Takes over the text. */
static enum tamis_status job_start(struct ledger *ledger, uint64_t size, char *text, size_t length,
                                   struct fault *fault) {
  struct ledger_snapshot_job *job = calloc(1, sizeof *job);
  if (!job) {
    free(text);
    return fault_plain(fault, TAMIS_NO_MEMORY);
  }
  job->snapshot = (struct snapshot){.size = size, .text = text, .length = length};
  job->folder = ledger->state_dir;
  job->added = size - ledger->snapshot.records;
  job->before_crc = ledger->snapshot.records_crc;
  job->record = calloc(job->added, sizeof *job->record);
  if (job->record) {
    journal_records(ledger->journal, ledger->snapshot.records, job->added, job->record);
    if (pthread_create(&job->thread, NULL, run_job, job) == 0) {
      ledger->snapshot.job = job;
      return TAMIS_OK;
    }
  }
  job_free(job);
  return fault_plain(fault, TAMIS_NO_MEMORY);
}

/* A cache must not take what the journal may need. */
static bool has_room(const struct ledger *ledger, uint64_t bytes) {
  struct blob_usage usage;
  blob_usage(ledger->blobs, &usage);
  return usage.free_bytes >= bytes && usage.free_bytes - bytes >= usage.reserve_bytes;
}

bool ledger_snapshot_is_due(const struct ledger *ledger, bool is_closing) {
  uint64_t wanted = is_closing ? ledger->snapshot.every / 10 : ledger->snapshot.every;
  const struct ledger_snapshot_job *job = ledger->snapshot.job;
  return ledger->snapshot.since > wanted && (!job || atomic_load(&job->is_done));
}

enum tamis_status ledger_snapshot(struct ledger *ledger, struct fault *fault) {
  struct decision decision = {0};
  struct fault why = {TAMIS_OK, ""};
  char *text;
  size_t length;
  assert(ledger->staged_count == 0);
  ledger_snapshot_wait(ledger);
  uint64_t size = ledger->state->applied;
  state_text_write(ledger->state, &text, &length);
  ledger->snapshot.since = 0;
  if (!has_room(ledger,
                length + (size - ledger->snapshot.records) * sizeof(struct journal_record))) {
    free(text);
    notice_say(&ledger->notice, NOTICE_WARN, "snapshot not written",
               "there is no room beside the reserve; the next start takes longer");
    return TAMIS_OK;
  }
  struct digest digest = digest_of(text, length);
  federation_snapshot(ledger->state, &digest, &decision);
  enum tamis_status status = ledger_propose(ledger, &decision, fault);
  decision_close(&decision);
  if (status == TAMIS_OK) status = ledger_commit(ledger, fault);
  if (status != TAMIS_OK) {
    free(text);
    return status;
  }
  ledger->snapshot.since = 0;
  if (job_start(ledger, size, text, length, &why) != TAMIS_OK)
    notice_say(&ledger->notice, NOTICE_WARN, "snapshot not written", "%s", why.text);
  return TAMIS_OK;
}
