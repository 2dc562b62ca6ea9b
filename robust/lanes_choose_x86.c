/* Picks the inner loops by asking the processor what it can do; asked each time, so nothing is
 * remembered. */
#include "robust/lanes_tables.h"

static int has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

const struct lanes *lanes_choose(enum robust_isa isa) {
  __builtin_cpu_init();
  if (isa == ROBUST_ISA_PLAIN) return &lanes_plain;
  if (isa != ROBUST_ISA_AVX2 && has_avx512()) return &lanes_avx512;
  return has_avx2() ? &lanes_avx2 : &lanes_plain;
}
