/* A hash table of those who are here: its size is bounded by the calls that are open. */
#include "aggregator/rpc/tally.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "proto/key.h"

enum { BUCKETS = 1024 };

static const char *const kind_names[TALLY_KINDS] = {"streams", "uploads"};

struct guest {
  struct guest *next;
  uint32_t open[TALLY_KINDS];
  char name[KEY_NAME_SIZE];
};

struct tally {
  pthread_mutex_t lock;
  uint32_t most[TALLY_KINDS];
  uint64_t guests, open[TALLY_KINDS];
  struct guest *bucket[BUCKETS];
};

/* Names come from sessions, that is from the enrolled: FNV-1a is good enough for them. */
static struct guest **guest_find(struct tally *tally, const char *name) {
  uint32_t hash = 2166136261u;
  for (const char *c = name; *c; c++) hash = (hash ^ (uint8_t)*c) * 16777619u;
  struct guest **link = &tally->bucket[hash % BUCKETS];
  while (*link && strcmp((*link)->name, name)) link = &(*link)->next;
  return link;
}

static struct guest *guest_new(struct tally *tally, struct guest **link, const char *name) {
  struct guest *guest = calloc(1, sizeof *guest);
  if (!guest) return NULL;
  strncpy(guest->name, name, sizeof guest->name - 1);
  *link = guest;
  tally->guests++;
  return guest;
}

struct tally *tally_new(const uint32_t most[TALLY_KINDS]) {
  struct tally *tally = calloc(1, sizeof *tally);
  if (!tally) return NULL;
  pthread_mutex_init(&tally->lock, NULL);
  memcpy(tally->most, most, sizeof tally->most);
  return tally;
}

void tally_free(struct tally *tally) {
  if (!tally) return;
  assert(!tally->guests);
  pthread_mutex_destroy(&tally->lock);
  free(tally);
}

enum tamis_status tally_enter(struct tally *tally, const char *principal, enum tally_kind kind,
                              struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  pthread_mutex_lock(&tally->lock);
  struct guest **link = guest_find(tally, principal);
  struct guest *guest = *link ? *link : guest_new(tally, link, principal);
  if (!guest)
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  else if (guest->open[kind] >= tally->most[kind])
    status = fault_set(fault, TAMIS_RATE_LIMITED, "%s has %u %s open, which is the limit",
                       principal, guest->open[kind], kind_names[kind]);
  else
    guest->open[kind]++, tally->open[kind]++;
  pthread_mutex_unlock(&tally->lock);
  return status;
}

void tally_leave(struct tally *tally, const char *principal, enum tally_kind kind) {
  pthread_mutex_lock(&tally->lock);
  struct guest **link = guest_find(tally, principal), *guest = *link;
  assert(guest && guest->open[kind]);
  guest->open[kind]--;
  tally->open[kind]--;
  if (!guest->open[TALLY_STREAMS] && !guest->open[TALLY_UPLOADS]) {
    *link = guest->next;
    tally->guests--;
    free(guest);
  }
  pthread_mutex_unlock(&tally->lock);
}

uint64_t tally_principals(struct tally *tally) {
  pthread_mutex_lock(&tally->lock);
  uint64_t guests = tally->guests;
  pthread_mutex_unlock(&tally->lock);
  return guests;
}

uint64_t tally_count(struct tally *tally, enum tally_kind kind) {
  pthread_mutex_lock(&tally->lock);
  uint64_t count = tally->open[kind];
  pthread_mutex_unlock(&tally->lock);
  return count;
}
