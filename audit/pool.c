/* A queue as long as there are threads, so that the one who adds is never far ahead. */
#include "audit/pool.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct pool {
  pthread_mutex_t lock;
  pthread_cond_t added, taken;
  void (*run)(void *job, int threads);
  pthread_t *thread;
  int threads, started;
  void **queue; /* a ring of `threads` places */
  int first, waiting, running;
  bool is_closing;
};

/* With the lock held. */
static void *take(struct pool *pool) {
  while (pool->waiting == 0 && !pool->is_closing) pthread_cond_wait(&pool->added, &pool->lock);
  if (pool->waiting == 0) return NULL;
  void *job = pool->queue[pool->first];
  pool->first = (pool->first + 1) % pool->threads;
  pool->waiting--;
  pool->running++;
  pthread_cond_signal(&pool->taken);
  return job;
}

static void *work_off(void *context) {
  struct pool *pool = context;
  pthread_mutex_lock(&pool->lock);
  for (void *job; (job = take(pool));) {
    int threads = pool->threads / (pool->running + pool->waiting);
    pthread_mutex_unlock(&pool->lock);
    pool->run(job, threads > 1 ? threads : 1);
    pthread_mutex_lock(&pool->lock);
    pool->running--;
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

enum tamis_status pool_open(int threads, void (*run)(void *job, int threads), struct pool **out,
                            struct fault *fault) {
  struct pool *pool = calloc(1, sizeof *pool);
  if (!pool) return fault_plain(fault, TAMIS_NO_MEMORY);
  pool->threads = threads > 0 ? threads : (int)sysconf(_SC_NPROCESSORS_ONLN);
  pool->run = run;
  pool->thread = calloc((size_t)pool->threads, sizeof *pool->thread);
  pool->queue = calloc((size_t)pool->threads, sizeof *pool->queue);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->added, NULL);
  pthread_cond_init(&pool->taken, NULL);
  for (int i = 0; pool->thread && pool->queue && i < pool->threads; i++)
    pool->started += pthread_create(&pool->thread[pool->started], NULL, work_off, pool) == 0;
  *out = pool;
  if (pool->started > 0) return TAMIS_OK;
  pool_close(pool);
  return fault_set(fault, TAMIS_NO_MEMORY, "cannot start a thread");
}

void pool_add(struct pool *pool, void *job) {
  pthread_mutex_lock(&pool->lock);
  while (pool->waiting == pool->threads) pthread_cond_wait(&pool->taken, &pool->lock);
  pool->queue[(pool->first + pool->waiting++) % pool->threads] = job;
  pthread_cond_signal(&pool->added);
  pthread_mutex_unlock(&pool->lock);
}

void pool_close(struct pool *pool) {
  if (!pool) return;
  pthread_mutex_lock(&pool->lock);
  pool->is_closing = true;
  pthread_cond_broadcast(&pool->added);
  pthread_mutex_unlock(&pool->lock);
  for (int i = 0; i < pool->started; i++) pthread_join(pool->thread[i], NULL);
  pthread_cond_destroy(&pool->taken);
  pthread_cond_destroy(&pool->added);
  pthread_mutex_destroy(&pool->lock);
  free(pool->queue);
  free(pool->thread);
  free(pool);
}
