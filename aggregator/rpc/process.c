/* The sibling is found by the file that this process runs from: both are of one installation. */
#include "aggregator/rpc/process.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void process_begin(sigset_t *signals) {
  setenv("GRPC_VERBOSITY", "NONE", 0);
  signal(SIGPIPE, SIG_IGN);
  sigaddset(signals, SIGTERM);
  sigaddset(signals, SIGINT);
  sigaddset(signals, SIGHUP);
  sigaddset(signals, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, signals, NULL);
}

void process_become(const char *name, char *const *argv) {
  char path[PATH_MAX];
  size_t size = strlen(name) + 1;
  ssize_t length = readlink("/proc/self/exe", path, sizeof path);
  char *slash = length > 0 ? memrchr(path, '/', (size_t)length) : NULL;
  if (!slash) return;
  if ((size_t)(slash + 1 - path) + size > sizeof path) {
    errno = ENAMETOOLONG;
    return;
  }
  memcpy(slash + 1, name, size);
  execv(path, argv);
}
