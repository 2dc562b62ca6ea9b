/* First in, first out, one lock: a job costs a disk write or a round trip to the core, so a
 * cleverer queue would not show. */
#include "aggregator/rpc/pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum { POOL_STACK_BYTES = 512 << 10 };

struct pool {
  pthread_mutex_t lock;
  pthread_cond_t filled;
  struct pool_job *first, *last;
  size_t waiting;
  bool is_closing;
  int count;
  pthread_t thread[];
};

static struct pool_job *pool_take(struct pool *pool) {
  pthread_mutex_lock(&pool->lock);
  while (!pool->first && !pool->is_closing) pthread_cond_wait(&pool->filled, &pool->lock);
  struct pool_job *job = pool->first;
  if (job) {
    pool->first = job->next;
    if (!pool->first) pool->last = NULL;
    pool->waiting--;
  }
  pthread_mutex_unlock(&pool->lock);
  return job;
}

static void *pool_thread(void *argument) {
  struct pool *pool = argument;
  for (struct pool_job *job; (job = pool_take(pool));) job->run(job);
  return NULL;
}

enum tamis_status pool_open(int threads, struct pool **pool, struct fault *fault) {
  assert(threads > 0);
  struct pool *made = calloc(1, sizeof *made + (size_t)threads * sizeof(pthread_t));
  if (!made) return fault_plain(fault, TAMIS_NO_MEMORY);
  pthread_mutex_init(&made->lock, NULL);
  pthread_cond_init(&made->filled, NULL);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, POOL_STACK_BYTES);
  while (made->count < threads &&
         !pthread_create(&made->thread[made->count], &attributes, pool_thread, made))
    made->count++;
  pthread_attr_destroy(&attributes);
  int made_count = made->count;
  if (made_count == threads) {
    *pool = made;
    return TAMIS_OK;
  }
  pool_close(made);
  return fault_set(fault, TAMIS_NO_MEMORY, "the system refused thread %d of %d workers",
                   made_count + 1, threads);
}

void pool_submit(struct pool *pool, struct pool_job *job) {
  job->next = NULL;
  pthread_mutex_lock(&pool->lock);
  if (pool->last)
    pool->last->next = job;
  else
    pool->first = job;
  pool->last = job;
  pool->waiting++;
  pthread_cond_signal(&pool->filled);
  pthread_mutex_unlock(&pool->lock);
}

size_t pool_waiting(struct pool *pool) {
  pthread_mutex_lock(&pool->lock);
  size_t waiting = pool->waiting;
  pthread_mutex_unlock(&pool->lock);
  return waiting;
}

void pool_close(struct pool *pool) {
  if (!pool) return;
  pthread_mutex_lock(&pool->lock);
  pool->is_closing = true;
  pthread_cond_broadcast(&pool->filled);
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < pool->count; i++) pthread_join(pool->thread[i], NULL);
  pthread_cond_destroy(&pool->filled);
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}
