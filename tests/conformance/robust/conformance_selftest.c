/* Prints the hash of robust_selftest for every instruction set of this machine and fails unless all
 * are the known one. Usage: conformance_selftest [THREADS]. */
#include "robust/selftest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  static const char *const names[] = {"best", "plain", "avx2", "avx512", "amx"};
  int threads = argc > 1 ? atoi(argv[1]) : 2;
  int failures = threads < 1;
  for (int isa = ROBUST_ISA_BEST; isa <= ROBUST_ISA_AMX; isa++) {
    uint64_t hash;
    struct robust_error error = {""};
    enum robust_status status = robust_selftest(threads, (enum robust_isa)isa, &hash, &error);
    printf("%-6s threads=%d %s %016" PRIx64 " %s\n", names[isa], threads,
           robust_status_name(status), hash, error.text);
    failures += status != ROBUST_OK || hash != ROBUST_SELFTEST_HASH;
  }
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
