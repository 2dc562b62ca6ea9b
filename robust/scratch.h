/* What a call may use of the machine: memory lent by the caller, a number of threads, an
 * instruction set. */
#ifndef ROBUST_SCRATCH_H
#define ROBUST_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

/* Which kernels to run. All give the same bits; a test chooses, everybody else takes the best the
 * processor has. */
enum robust_isa {
  ROBUST_ISA_BEST,
  ROBUST_ISA_PLAIN,
  ROBUST_ISA_AVX2,
  ROBUST_ISA_AVX512,
  ROBUST_ISA_AMX, /* AVX-512, and AMX for products of rows */
};

/* `memory` starts on 64 bytes and holds at least what the matching ..._scratch_bytes() asks for the
 * same `threads`. Contents before and after a call mean nothing. Two calls at once need two
 * scratches. */
struct robust_scratch {
  void *memory;
  size_t bytes;
  int threads;
  enum robust_isa isa;
};

/* For robust/ itself: hands out pieces of the scratch, each starting on 64 bytes, and counts
 * instead when memory is NULL, so that one function both sizes and lays out. */
struct scratch_cursor {
  unsigned char *memory;
  size_t bytes;
  size_t used;
};

struct scratch_cursor scratch_open(const struct robust_scratch *scratch);
void *scratch_take(struct scratch_cursor *cursor, size_t count, size_t size);
bool scratch_fits(const struct scratch_cursor *cursor);

#endif
