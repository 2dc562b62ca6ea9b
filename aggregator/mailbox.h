/* How another thread asks the owner of some state to do something: letters in a queue, answered one
 * by one. The only lock of the decider. */
#ifndef TAMIS_MAILBOX_H
#define TAMIS_MAILBOX_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

/* Embed it as the first member of what the letter says. */
struct letter {
  struct letter *next;
  void (*handle)(void *owner, struct letter *letter); /* runs on the owner's thread */
  sem_t answered;                                     /* only for mailbox_ask */
};

struct mailbox {
  pthread_mutex_t lock;
  pthread_cond_t filled;
  struct letter *first, **end;
  bool is_closed;
};

void mailbox_open(struct mailbox *mailbox);
/* After the owner's thread has ended. */
void mailbox_destroy(struct mailbox *mailbox);

/* Sends and waits for mailbox_answer. False when the mailbox is closed: nothing was sent. */
bool mailbox_ask(struct mailbox *mailbox, struct letter *letter);
/* Sends without waiting; the handler frees the letter. False as above. */
bool mailbox_post(struct mailbox *mailbox, struct letter *letter);
/* No letter comes in any more; those that are there can still be taken. */
void mailbox_close(struct mailbox *mailbox);

/* For the owner: all letters there are, oldest first, waiting up to `wait_ms` (negative: for ever)
 * for one. NULL when the time is over, or when it is closed and empty: `*is_closed` says which. */
struct letter *mailbox_take(struct mailbox *mailbox, int64_t wait_ms, bool *is_closed);
/* Wakes who asked; the letter is theirs again. */
void mailbox_answer(struct letter *letter);

#endif
