/* Picks the inner loops by asking the processor what it can do; asked each time, so nothing is
 * remembered. */
#include "robust/lanes_tables.h"

#include <cpuid.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

/* arch_prctl(2) and the state component of the tile registers (Linux 5.16 and later). */
enum { REQUEST_COMPONENT = 0x1023, COMPONENT_TILES = 18 };

static bool has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

const struct lanes *lanes_choose(enum robust_isa isa) {
  __builtin_cpu_init();
  if (isa == ROBUST_ISA_PLAIN) return &lanes_plain;
  if (isa != ROBUST_ISA_AVX2 && has_avx512()) return &lanes_avx512;
  return has_avx2() ? &lanes_avx2 : &lanes_plain;
}

/* CPUID leaf 7: EDX bit 24 says that there are tiles, bit 25 that they multiply bytes. The system
 * keeps the registers back until a process asks for them. */
static bool has_amx(void) {
  unsigned a, b, c, d;
  if (!has_avx512() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  if ((d >> 24 & 1) == 0 || (d >> 25 & 1) == 0) return false;
  return syscall(SYS_arch_prctl, REQUEST_COMPONENT, COMPONENT_TILES) == 0;
}

const struct panel_kernel *lanes_choose_integers(enum robust_isa isa) {
  __builtin_cpu_init();
  if ((isa == ROBUST_ISA_BEST || isa == ROBUST_ISA_AMX) && has_amx()) return &lanes_amx_integers;
  return lanes_choose(isa)->integers;
}
