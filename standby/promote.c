/* What the signer signed last is the one thing that says whether this copy may go on. */
#include "standby/promote.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "aggregator/durable.h"
#include "signer/mark.h"
#include "signer/signd.h"
#include "signer/signer.h"

static enum tamis_status not_handed_over(const char *why, struct fault *fault) {
  return fault_set(fault, TAMIS_DENIED,
                   "the log's signer is not here: %s. Stop the primary, there `tamis-signd "
                   "--key OLD --hand-over FILE`, bring FILE, here `tamis-signd --key NEW "
                   "--take-over FILE`, then SIGUSR1 again",
                   why);
}

/* The key stays unread: its mark is enough, and tamisd's own signer will have both. */
static enum tamis_status last_of_file(const struct config *config, struct signer_last *last,
                                      struct fault *fault) {
  char path[SIGND_PATH_MAX];
  struct mark_file *file;
  struct fault why;
  enum tamis_status status = signd_mark_path(config->keys.log, path, fault);
  if (status != TAMIS_OK) return status;
  if (access(config->keys.log, F_OK) != 0)
    return not_handed_over("keys.log names a file that does not exist", fault);
  status = mark_open(path, &last->key, 0, &file, &why);
  if (status != TAMIS_OK) return not_handed_over(why.text, fault);
  bool is_active = mark_read(file)->state == MARK_ACTIVE;
  last->size = mark_read(file)->size;
  last->root = mark_read(file)->root;
  mark_close(file);
  return is_active ? TAMIS_OK : not_handed_over("it was handed over to another", fault);
}

static enum tamis_status last_of_socket(const struct config *config, struct signer_last *last,
                                        struct fault *fault) {
  struct signer *signer;
  struct public_key pinned = last->key;
  struct fault why;
  enum tamis_status status = signer_connect(config->signer + strlen("unix:"), &signer, fault);
  if (status != TAMIS_OK) return status;
  status = signer_last(signer, last, &why);
  signer_close(signer);
  if (status != TAMIS_OK) return not_handed_over(why.text, fault);
  if (strcmp(last->key.name, pinned.name) == 0 &&
      memcmp(last->key.byte, pinned.byte, KEY_PUBLIC_SIZE) == 0)
    return TAMIS_OK;
  return not_handed_over("the one at `signer` has another log's key", fault);
}

static enum tamis_status check_last(const struct signer_last *last, const struct follower *follower,
                                    struct fault *fault) {
  struct follower_progress have;
  follower_progress(follower, &have);
  if (last->size < have.covered)
    return not_handed_over("this one has not signed what the primary already has", fault);
  if (last->size > have.entries)
    return fault_set(fault, TAMIS_CONFLICT,
                     "the signer has signed %" PRIu64 " entries and this standby holds %" PRIu64
                     ": serving would lose the rest. Name the primary's state folder, or a copy of "
                     "it, as follow.folder, and start this standby again",
                     last->size, have.entries);
  if (have.missing > 0)
    return fault_set(fault, TAMIS_CONFLICT,
                     "%" PRIu64
                     " updates of the log have no file here, and no entry has let them go: name "
                     "the primary's state folder as follow.folder, and start this standby again",
                     have.missing);
  struct digest root = follower_root(follower, last->size);
  if (digest_equal(&root, &last->root)) return TAMIS_OK;
  return fault_set(fault, TAMIS_FORK,
                   "the signer has signed %" PRIu64
                   " entries that are not the first ones here: the primary showed this standby "
                   "another history",
                   last->size);
}

enum tamis_status promote_check(const struct config *config, const struct follower *follower,
                                struct fault *fault) {
  struct signer_last last = {.size = 0};
  const char *vkey = config->follow.log_key;
  enum tamis_status status = key_vkey_read(vkey, strlen(vkey), &last.key, fault);
  if (status != TAMIS_OK) return status;
  status =
      config->signer ? last_of_socket(config, &last, fault) : last_of_file(config, &last, fault);
  return status == TAMIS_OK ? check_last(&last, follower, fault) : status;
}

static char *mark_path(const struct config *config) {
  char *path;
  return asprintf(&path, "%s/promoted", config->state) < 0 ? NULL : path;
}

enum tamis_status promote_mark(const struct config *config, uint64_t entries, struct fault *fault) {
  char text[64], *path = mark_path(config);
  if (!path) return fault_plain(fault, TAMIS_NO_MEMORY);
  int length = snprintf(text, sizeof text, "promoted at %" PRIu64 " entries\n", entries);
  enum tamis_status status = durable_replace(path, text, (size_t)length, fault);
  free(path);
  return status;
}

bool promote_is_marked(const struct config *config) {
  char *path = mark_path(config);
  bool is_there = path && access(path, F_OK) == 0;
  free(path);
  return is_there;
}
