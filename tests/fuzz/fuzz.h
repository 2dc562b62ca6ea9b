/* What libFuzzer or driver.c calls, and how a target says that a property is broken. */
#ifndef TAMIS_FUZZ_H
#define TAMIS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As assert, in every build: a fuzzer without its properties only looks for crashes. */
static inline void fuzz_must(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "broken: %s\n", what);
  abort();
}

#endif
