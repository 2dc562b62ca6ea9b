/* Sorted, those of one organisation stand together. */
#include "client-sdk/organisations.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int64_t organisations_count(const char **list, size_t count, int64_t least) {
  int64_t found = 0;
  size_t run = 0;
  if (count > 0) qsort(list, count, sizeof *list, by_name);
  for (size_t i = 0; i < count; i++) {
    run = i > 0 && strcmp(list[i - 1], list[i]) == 0 ? run + 1 : 1;
    found += (int64_t)run == least;
  }
  return found;
}
