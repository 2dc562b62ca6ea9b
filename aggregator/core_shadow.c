/* The shadows' own thread: it runs behind everything else of the server, so that no round waits for
 * it, and what goes wrong on it is said and left. */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "aggregator/core_private.h"
#include "aggregator/round.h"
#include "aggregator/shadow.h"

/* Rounds behind from which on it is said, once until they have caught up. */
enum { STALE_ROUNDS = 3 };

struct shadow_letter {
  struct letter letter;
  struct work *work;
  size_t federation; /* its position */
  double seconds;
};

static void letter_free(struct shadow_letter *letter) {
  work_free(letter->work);
  free(letter);
}

/* A round is tried once: the next one comes soon, and how far the shadows lie behind is a metric.
 */
static void say_failed(struct core *core, const struct work *work) {
  notice_say(&core->ledger.notice, NOTICE_WARN, "shadows failed",
             "%s round %" PRId64 ": its shadows came to nothing, and are not tried again: %s",
             work->federation, work->round, work->fault.text);
}

static void handle_found(void *owner, struct letter *letter) {
  struct core *core = owner;
  struct shadow_letter *found = (struct shadow_letter *)(void *)letter;
  const struct work *work = found->work;
  struct moment moment = {.now_ms = core_now_ms(core)};
  struct decision decision = {0};
  core->shadow_is_busy[found->federation] = false;
  core->counters.shadow_seconds += found->seconds;
  if (work->status != TAMIS_OK)
    say_failed(core, work);
  else if (federation_worked(core->ledger.state, work, &moment, &decision))
    ledger_propose(&core->ledger, &decision, NULL); /* a full disk: the next round's will come */
  decision_close(&decision);
  letter_free(found);
}

static void handle_work(struct core *core, struct shadow_letter *letter) {
  double start = core_monotonic_seconds();
  round_work(core->ledger.blobs, 1, letter->work);
  letter->seconds = core_monotonic_seconds() - start;
  letter->letter.handle = handle_found;
  if (!mailbox_post(&core->mailbox, &letter->letter)) letter_free(letter);
}

static void look_at_age(struct core *core, size_t i) {
  const struct federation *federation = core->ledger.state->federation[i];
  int64_t age = shadow_age(federation);
  if (age <= 1) core->shadow_is_stale[i] = false;
  if (age < STALE_ROUNDS || core->shadow_is_stale[i]) return;
  core->shadow_is_stale[i] = true;
  notice_say(&core->ledger.notice, NOTICE_WARN, "shadows stale",
             "the shadows of %s have not seen the last %" PRId64 " promoted rounds: they fail, or "
             "are slower than rounds. tamis shadow list %s says what they saw last",
             federation->name, age, federation->name);
}

void core_shadow_run(struct core *core) {
  const struct state *state = core->ledger.state;
  for (size_t i = 0; i < state->federation_count; i++) {
    const struct federation *federation = state->federation[i];
    int64_t round = shadow_due(federation);
    look_at_age(core, i);
    if (round <= core->shadow_tried[i] || core->shadow_is_busy[i]) continue;
    struct shadow_letter *letter = calloc(1, sizeof *letter);
    if (!letter) return;
    letter->work = shadow_work(federation, round);
    letter->federation = i;
    core->shadow_is_busy[i] = mailbox_post(&core->shadow_mailbox, &letter->letter);
    if (core->shadow_is_busy[i])
      core->shadow_tried[i] = round;
    else
      letter_free(letter);
  }
}

static void *run(void *context) {
  struct core *core = context;
  bool is_closed = false;
  setpriority(PRIO_PROCESS, 0, 19); /* on Linux, of this thread */
  while (!is_closed) {
    struct letter *letter = mailbox_take(&core->shadow_mailbox, -1, &is_closed);
    while (letter) {
      struct letter *next = letter->next;
      struct shadow_letter *work = (struct shadow_letter *)(void *)letter;
      if (is_closed)
        letter_free(work);
      else
        handle_work(core, work);
      letter = next;
    }
  }
  return NULL;
}

bool core_shadow_start(struct core *core) {
  mailbox_open(&core->shadow_mailbox);
  return pthread_create(&core->shadow_thread, NULL, run, core) == 0;
}

void core_shadow_stop(struct core *core) {
  mailbox_close(&core->shadow_mailbox);
  pthread_join(core->shadow_thread, NULL);
}
