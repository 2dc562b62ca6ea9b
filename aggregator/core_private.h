/* What core.c and core_calls.c share: the thread's belongings and the shape of a call. */
#ifndef TAMIS_CORE_PRIVATE_H
#define TAMIS_CORE_PRIVATE_H

#include <stdatomic.h>
#include "aggregator/core.h"
#include "aggregator/federation.h"
#include "aggregator/ledger.h"
#include "aggregator/mailbox.h"

struct core {
  struct ledger ledger;
  struct mailbox mailbox;      /* for the core's thread */
  struct mailbox work_mailbox; /* for the one that computes */
  pthread_t thread, work_thread;
  int threads;
  uint64_t (*now_ms)(void *context);
  void *clock_context;
  void (*on_entry)(void *context, const struct statement *statement); /* or NULL */
  void *entry_context;
  int64_t latest_ms; /* for the decider, time never goes back, whatever the clock does */
  void (*changed)(void *context);
  void *changed_context;
  bool works[STATE_FEDERATIONS_MAX]; /* work of this federation is under way */
  int64_t quiet_until_ms;            /* monotonic; after a failure of the disk we wait a little */
  struct call *waiting;              /* for the commit, newest first */
  atomic_uint_fast64_t published;
  struct core_counters counters;
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

/* Unix time for the decider. */
int64_t core_now_ms(struct core *core);

#endif
