/* Threads that work off independent jobs, a bounded number of them at a time: whoever adds one
 * waits while too many are there. */
#ifndef TAMIS_POOL_H
#define TAMIS_POOL_H

#include "proto/fault.h"

struct pool;

/* `run` is called with each job, on any of the pool's threads and in any order; it frees the job.
 * `threads` there says how many it may use itself, so that a job that is alone has the whole
 * machine. `threads` 0: one a processor. */
enum tamis_status pool_open(int threads, void (*run)(void *job, int threads), struct pool **pool,
                            struct fault *fault);
/* Takes over `job`. */
void pool_add(struct pool *pool, void *job);
/* Waits for all jobs. NULL is allowed. */
void pool_close(struct pool *pool);

#endif
