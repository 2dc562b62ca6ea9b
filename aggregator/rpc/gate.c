/* First come, first served: a slot goes from hand to hand without ever being free while somebody
 * waits. */
#include "aggregator/rpc/gate.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct gate {
  pthread_mutex_t lock;
  uint32_t slots, taken;
  struct gate_seat *first, **last;
};

struct gate *gate_new(uint32_t slots) {
  struct gate *gate = calloc(1, sizeof *gate);
  if (!gate) return NULL;
  pthread_mutex_init(&gate->lock, NULL);
  gate->slots = slots;
  gate->last = &gate->first;
  return gate;
}

void gate_free(struct gate *gate) {
  if (!gate) return;
  assert(!gate->first && !gate->taken);
  pthread_mutex_destroy(&gate->lock);
  free(gate);
}

static bool gate_take(struct gate *gate) {
  bool is_free = !gate->first && gate->taken < gate->slots;
  gate->taken += is_free;
  return is_free;
}

bool gate_try(struct gate *gate) {
  pthread_mutex_lock(&gate->lock);
  bool is_taken = gate_take(gate);
  pthread_mutex_unlock(&gate->lock);
  return is_taken;
}

bool gate_enter(struct gate *gate, struct gate_seat *seat) {
  pthread_mutex_lock(&gate->lock);
  bool is_taken = gate_take(gate);
  if (!is_taken) {
    seat->next = NULL;
    seat->link = gate->last;
    *gate->last = seat;
    gate->last = &seat->next;
  }
  pthread_mutex_unlock(&gate->lock);
  return is_taken;
}

static void line_remove(struct gate *gate, struct gate_seat *seat) {
  *seat->link = seat->next;
  if (seat->next)
    seat->next->link = seat->link;
  else
    gate->last = seat->link;
  seat->link = NULL;
}

bool gate_leave_line(struct gate *gate, struct gate_seat *seat) {
  pthread_mutex_lock(&gate->lock);
  bool was_waiting = seat->link;
  if (was_waiting) line_remove(gate, seat);
  pthread_mutex_unlock(&gate->lock);
  return was_waiting;
}

void gate_leave(struct gate *gate) {
  pthread_mutex_lock(&gate->lock);
  assert(gate->taken);
  struct gate_seat *seat = gate->first;
  if (seat)
    line_remove(gate, seat);
  else
    gate->taken--;
  pthread_mutex_unlock(&gate->lock);
  if (seat) seat->enter(seat);
}

bool gate_has_line(struct gate *gate) {
  pthread_mutex_lock(&gate->lock);
  bool has_line = gate->first;
  pthread_mutex_unlock(&gate->lock);
  return has_line;
}

uint32_t gate_taken(struct gate *gate) {
  pthread_mutex_lock(&gate->lock);
  uint32_t taken = gate->taken;
  pthread_mutex_unlock(&gate->lock);
  return taken;
}
