/* A burst of updates must not wake a thousand waiting clients a thousand times each: the bell's
 * thread gathers. */
#include "aggregator/rpc/bell.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct bell {
  pthread_mutex_t lock;
  pthread_cond_t rung;
  uint64_t count, told; /* rings, and how many of them the waiters know of */
  uint32_t gather_ms;
  bool is_closing;
  struct bell_seat *seats;
  pthread_t thread;
};

static struct bell_seat *bell_empty(struct bell *bell) {
  struct bell_seat *seats = bell->seats;
  bell->seats = NULL;
  bell->told = bell->count;
  for (struct bell_seat *seat = seats; seat; seat = seat->next) seat->link = NULL;
  return seats;
}

static void bell_gather(const struct bell *bell) {
  struct timespec pause = {.tv_nsec = (long)bell->gather_ms * 1000000};
  nanosleep(&pause, NULL);
}

static void *bell_thread(void *argument) {
  struct bell *bell = argument;
  pthread_mutex_lock(&bell->lock);
  while (!bell->is_closing || bell->seats) {
    while (bell->told == bell->count && !bell->is_closing)
      pthread_cond_wait(&bell->rung, &bell->lock);
    struct bell_seat *seats = bell_empty(bell);
    pthread_mutex_unlock(&bell->lock);
    for (struct bell_seat *next; seats; seats = next) {
      next = seats->next;
      seats->wake(seats);
    }
    bell_gather(bell);
    pthread_mutex_lock(&bell->lock);
  }
  pthread_mutex_unlock(&bell->lock);
  return NULL;
}

enum tamis_status bell_open(uint32_t gather_ms, struct bell **bell, struct fault *fault) {
  struct bell *made = calloc(1, sizeof *made);
  if (!made) return fault_plain(fault, TAMIS_NO_MEMORY);
  made->gather_ms = gather_ms;
  pthread_mutex_init(&made->lock, NULL);
  pthread_cond_init(&made->rung, NULL);
  if (pthread_create(&made->thread, NULL, bell_thread, made)) {
    free(made);
    return fault_set(fault, TAMIS_NO_MEMORY, "the system refused a thread for those who wait");
  }
  *bell = made;
  return TAMIS_OK;
}

void bell_ring(struct bell *bell) {
  pthread_mutex_lock(&bell->lock);
  bell->count++;
  pthread_cond_signal(&bell->rung);
  pthread_mutex_unlock(&bell->lock);
}

uint64_t bell_count(struct bell *bell) {
  pthread_mutex_lock(&bell->lock);
  uint64_t count = bell->count;
  pthread_mutex_unlock(&bell->lock);
  return count;
}

bool bell_sit(struct bell *bell, struct bell_seat *seat, uint64_t count) {
  pthread_mutex_lock(&bell->lock);
  bool has_room = bell->count == count && !bell->is_closing;
  if (has_room) {
    seat->next = bell->seats;
    seat->link = &bell->seats;
    if (seat->next) seat->next->link = &seat->next;
    bell->seats = seat;
  }
  pthread_mutex_unlock(&bell->lock);
  return has_room;
}

bool bell_rise(struct bell *bell, struct bell_seat *seat) {
  pthread_mutex_lock(&bell->lock);
  bool was_waiting = seat->link;
  if (was_waiting) {
    *seat->link = seat->next;
    if (seat->next) seat->next->link = seat->link;
    seat->link = NULL;
  }
  pthread_mutex_unlock(&bell->lock);
  return was_waiting;
}

bool bell_is_closing(struct bell *bell) {
  pthread_mutex_lock(&bell->lock);
  bool is_closing = bell->is_closing;
  pthread_mutex_unlock(&bell->lock);
  return is_closing;
}

void bell_stop(struct bell *bell) {
  pthread_mutex_lock(&bell->lock);
  bell->is_closing = true;
  pthread_cond_signal(&bell->rung);
  pthread_mutex_unlock(&bell->lock);
}

void bell_close(struct bell *bell) {
  if (!bell) return;
  bell_stop(bell);
  pthread_join(bell->thread, NULL);
  pthread_cond_destroy(&bell->rung);
  pthread_mutex_destroy(&bell->lock);
  free(bell);
}
