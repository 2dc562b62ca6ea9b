/* Workers for whatever may block: a queue without its own memory, for every job is part of the call
 * that it serves. */
#ifndef TAMIS_POOL_H
#define TAMIS_POOL_H

#include <stddef.h>
#include "proto/fault.h"

struct pool;

/* Embedded in what it works on, which must stay until `run` was called. In the queue at most once,
 * hence the queue is never longer than there are calls. */
struct pool_job {
  void (*run)(struct pool_job *job);
  struct pool_job *next;
};

enum tamis_status pool_open(int threads, struct pool **pool, struct fault *fault);
void pool_submit(struct pool *pool, struct pool_job *job);
size_t pool_waiting(struct pool *pool); /* jobs that no thread has taken yet */
/* Runs what is queued, then joins the threads. */
void pool_close(struct pool *pool);

#endif
