/* What core.c and core_calls.c share: the thread's belongings and the shape of a call. */
#ifndef TAMIS_CORE_PRIVATE_H
#define TAMIS_CORE_PRIVATE_H

#include <stdatomic.h>
#include "aggregator/core.h"
#include "aggregator/cosignatures.h"
#include "aggregator/federation.h"
#include "aggregator/ledger.h"
#include "aggregator/mailbox.h"

/* The checkpoint that a federation wants cosigned. */
struct asked {
  char *note; /* owned; NULL: none */
  size_t length;
  uint64_t size;
  int64_t round;
};

struct core {
  struct ledger ledger;
  struct mailbox mailbox;        /* for the core's thread */
  struct mailbox work_mailbox;   /* for the one that computes */
  struct mailbox shadow_mailbox; /* for the one that computes what no round waits for */
  pthread_t thread, work_thread, shadow_thread;
  int threads;
  uint64_t (*now_ms)(void *context);
  void *clock_context;
  void (*on_entry)(void *context, const struct statement *statement); /* or NULL */
  void *entry_context;
  int64_t latest_ms; /* for the decider, time never goes back, whatever the clock does */
  void (*changed)(void *context);
  void *changed_context;
  bool works[STATE_FEDERATIONS_MAX]; /* work of this federation is under way */
  bool shadow_is_busy[STATE_FEDERATIONS_MAX];
  bool shadow_is_stale[STATE_FEDERATIONS_MAX]; /* said so */
  int64_t shadow_tried[STATE_FEDERATIONS_MAX]; /* the latest round handed out since the start */
  int64_t quiet_until_ms; /* monotonic; after a failure of the disk we wait a little */
  bool keep_is_due;       /* something may have become droppable */
  bool is_full;           /* the disk takes no more updates */
  struct call *waiting;   /* for the commit, newest first */
  atomic_uint_fast64_t published;
  struct core_counters counters;
  struct cosignatures cosignatures;
  struct asked asked[STATE_FEDERATIONS_MAX];
  bool has_news; /* for those who wait, though the log has not grown */
};

/* A question from another thread. Embed it first in what the question says. */
struct call {
  struct letter letter;
  enum tamis_status (*run)(struct core *core, struct call *call); /* on the core's thread */
  enum tamis_status status;
  struct fault *fault; /* the asker's; may be NULL */
  bool waits;          /* set by run: answer after the commit */
  uint64_t index;      /* set by run: the entry to give a receipt for */
  char **receipt;      /* the asker's; NULL: none wanted */
  size_t *receipt_length;
  struct call *next;
};

/* Asks and waits. UNAVAILABLE when the core is closing. */
enum tamis_status core_ask(struct core *core, struct call *call,
                           enum tamis_status (*run)(struct core *, struct call *),
                           struct fault *fault);

/* Is this very envelope in the log? Then the call is to be answered with its receipt: the same
 * bytes again are answered as before. */
bool core_knows(struct core *core, struct call *call, const char *envelope, size_t length);

/* Is this tree the log's own, as far as it is published? */
bool core_is_ours(const struct core *core, uint64_t size, const struct digest *root);

/* Asks for cosignatures where a round waits for them, and no longer where it does not. */
void core_witness_ask(struct core *core);
/* What the witnesses of a federation have said, when that decides something. */
bool core_witness_next(const struct core *core, const struct federation *federation,
                       struct decision *decision);
/* The tree that the federation asked for, with who vouched; NULL: nobody, or it asks for nothing.
 */
const struct cosigned *core_witness_seen(const struct core *core, size_t federation);
void core_witness_close(struct core *core);

/* What is kept (core_keep.c). */
void core_keep_note(struct core *core, const struct statement *statement);
/* One tombstone and its files, if there is something to drop; keep_is_due says whether to go on. */
enum tamis_status core_keep_run(struct core *core, struct fault *fault);
/* After a start: files that the last tombstones took. */
void core_keep_finish(struct core *core);
/* How many updates of those bytes are kept, and the last tombstone of one (0: none). */
enum tamis_status core_keep_look(struct core *core, const struct digest *blob, int64_t *kept,
                                 uint64_t *dropped_in, struct fault *fault);
/* Of the updates that are kept; 0 when the projection cannot say. */
uint64_t core_keep_body_bytes(struct core *core);
/* What a `retention` would drop, in words. */
void core_keep_describe(struct core *core, const struct statement *statement, char *sentence,
                        size_t size);

/* Shadows (core_shadow.c): hands out what is due, and goes on. */
void core_shadow_run(struct core *core);
/* False: no thread. Stop takes it back, before the mailboxes go. */
bool core_shadow_start(struct core *core);
void core_shadow_stop(struct core *core);

double core_monotonic_seconds(void);
/* Unix time for the decider. */
int64_t core_now_ms(struct core *core);

#endif
