/* A list under a mutex; whoever takes, takes all, which is what makes a group commit a group. */
#include "aggregator/mailbox.h"

#include <stddef.h>
#include <time.h>

void mailbox_open(struct mailbox *mailbox) {
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_mutex_init(&mailbox->lock, NULL);
  pthread_cond_init(&mailbox->filled, &attributes);
  pthread_condattr_destroy(&attributes);
  mailbox->first = NULL;
  mailbox->end = &mailbox->first;
  mailbox->is_closed = false;
}

void mailbox_destroy(struct mailbox *mailbox) {
  pthread_cond_destroy(&mailbox->filled);
  pthread_mutex_destroy(&mailbox->lock);
}

bool mailbox_post(struct mailbox *mailbox, struct letter *letter) {
  pthread_mutex_lock(&mailbox->lock);
  bool is_open = !mailbox->is_closed;
  if (is_open) {
    letter->next = NULL;
    *mailbox->end = letter;
    mailbox->end = &letter->next;
    pthread_cond_signal(&mailbox->filled);
  }
  pthread_mutex_unlock(&mailbox->lock);
  return is_open;
}

bool mailbox_ask(struct mailbox *mailbox, struct letter *letter) {
  sem_init(&letter->answered, 0, 0);
  bool is_sent = mailbox_post(mailbox, letter);
  if (is_sent)
    while (sem_wait(&letter->answered) != 0) continue; /* a signal came in between */
  sem_destroy(&letter->answered);
  return is_sent;
}

void mailbox_close(struct mailbox *mailbox) {
  pthread_mutex_lock(&mailbox->lock);
  mailbox->is_closed = true;
  pthread_cond_broadcast(&mailbox->filled);
  pthread_mutex_unlock(&mailbox->lock);
}

static struct timespec after_ms(int64_t wait_ms) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += wait_ms / 1000;
  until.tv_nsec += wait_ms % 1000 * 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  return until;
}

struct letter *mailbox_take(struct mailbox *mailbox, int64_t wait_ms, bool *is_closed) {
  struct timespec until = after_ms(wait_ms < 0 ? 0 : wait_ms);
  int late = 0;
  pthread_mutex_lock(&mailbox->lock);
  while (!mailbox->first && !mailbox->is_closed && !late)
    late = wait_ms < 0 ? pthread_cond_wait(&mailbox->filled, &mailbox->lock)
                       : pthread_cond_timedwait(&mailbox->filled, &mailbox->lock, &until);
  struct letter *letters = mailbox->first;
  mailbox->first = NULL;
  mailbox->end = &mailbox->first;
  *is_closed = mailbox->is_closed;
  pthread_mutex_unlock(&mailbox->lock);
  return letters;
}

void mailbox_answer(struct letter *letter) {
  sem_post(&letter->answered);
}
