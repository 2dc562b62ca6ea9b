/* A folder of one test's own under /tmp, gone when the test is. */
#ifndef TAMIS_TEST_TEMPORARY_H
#define TAMIS_TEST_TEMPORARY_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct temporary {
  char folder[64];
  char path[PATH_MAX]; /* of the last name asked for */
};

static inline void temporary_open(struct temporary *temporary) {
  strcpy(temporary->folder, "/tmp/tamis-test-XXXXXX");
  if (!mkdtemp(temporary->folder)) abort();
}

static inline const char *temporary_path(struct temporary *temporary, const char *name) {
  snprintf(temporary->path, sizeof temporary->path, "%s/%s", temporary->folder, name);
  return temporary->path;
}

static inline int temporary_remove(const char *path, const struct stat *about, int kind,
                                   struct FTW *walk) {
  (void)about, (void)kind, (void)walk;
  return remove(path);
}

static inline void temporary_close(struct temporary *temporary) {
  nftw(temporary->folder, temporary_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

#endif
