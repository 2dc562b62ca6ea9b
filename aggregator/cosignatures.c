/* A sorted array of trees, each a sorted array of clients; files are written from it and never read
 * again but at the start. */
#include "aggregator/cosignatures.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "aggregator/decision.h"
#include "aggregator/durable.h"

enum { PATH_SIZE = 4096, FILE_MODE = 0644 };

/* ---- in memory ---- */

/* Where the tree stands, or would. */
static size_t tree_place(const struct cosignatures *cosignatures, uint64_t size) {
  size_t place = 0;
  while (place < cosignatures->count && cosignatures->tree[place].cosigned.size < size) place++;
  return place;
}

static struct cosignatures_tree *tree_find(const struct cosignatures *cosignatures, uint64_t size) {
  size_t place = tree_place(cosignatures, size);
  if (place == cosignatures->count || cosignatures->tree[place].cosigned.size != size) return NULL;
  return (struct cosignatures_tree *)(uintptr_t)&cosignatures->tree[place];
}

const struct cosigned *cosignatures_of(const struct cosignatures *cosignatures, uint64_t size) {
  const struct cosignatures_tree *tree = tree_find(cosignatures, size);
  return tree ? &tree->cosigned : NULL;
}

static size_t client_place(const struct cosigned *cosigned, uint32_t client) {
  size_t low = 0, high = cosigned->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (cosigned->cosignature[middle].client < client)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static struct cosignature *client_find(const struct cosigned *cosigned, uint32_t client) {
  size_t place = client_place(cosigned, client);
  bool is_there = place < cosigned->count && cosigned->cosignature[place].client == client;
  return is_there ? &cosigned->cosignature[place] : NULL;
}

bool cosignatures_has(const struct cosignatures *cosignatures, uint64_t size, uint32_t client) {
  const struct cosigned *cosigned = cosignatures_of(cosignatures, size);
  return cosigned && client_find(cosigned, client);
}

static void path_of(const struct cosignatures *cosignatures, uint64_t size, char path[PATH_SIZE]) {
  snprintf(path, PATH_SIZE, "%s/%" PRIu64, cosignatures->folder, size);
}

/* Makes room for a tree of `size`; false when all others are larger or pinned. */
static bool tree_forget(struct cosignatures *cosignatures, uint64_t size) {
  char path[PATH_SIZE];
  size_t place = 0;
  while (place < cosignatures->count && cosignatures->tree[place].pins > 0) place++;
  if (place == cosignatures->count || cosignatures->tree[place].cosigned.size > size) return false;
  struct cosignatures_tree *tree = &cosignatures->tree[place];
  path_of(cosignatures, tree->cosigned.size, path);
  unlink(path);
  free(tree->cosigned.cosignature);
  memmove(tree, tree + 1, (--cosignatures->count - place) * sizeof *tree);
  return true;
}

/* NULL when there is no room for it. */
static struct cosignatures_tree *tree_make(struct cosignatures *cosignatures, uint64_t size,
                                           const struct digest *root) {
  struct cosignatures_tree *tree = tree_find(cosignatures, size);
  if (tree) return tree;
  if (cosignatures->count == COSIGNATURES_TREES_MAX && !tree_forget(cosignatures, size))
    return NULL;
  size_t place = tree_place(cosignatures, size);
  tree = &cosignatures->tree[place];
  memmove(tree + 1, tree, (cosignatures->count - place) * sizeof *tree);
  cosignatures->count++;
  *tree = (struct cosignatures_tree){.cosigned = {.size = size, .root = *root}};
  return tree;
}

void cosignatures_pin(struct cosignatures *cosignatures, uint64_t size, const struct digest *root) {
  struct cosignatures_tree *tree = tree_make(cosignatures, size, root);
  if (tree) tree->pins++;
}

void cosignatures_unpin(struct cosignatures *cosignatures, uint64_t size) {
  struct cosignatures_tree *tree = tree_find(cosignatures, size);
  if (tree && tree->pins > 0) tree->pins--;
}

static void cosignature_insert(struct cosignatures_tree *tree, const struct cosignature *new) {
  struct cosigned *cosigned = &tree->cosigned;
  if (cosigned->count == tree->capacity) {
    tree->capacity = tree->capacity ? 2 * tree->capacity : 8;
    cosigned->cosignature =
        decision_memory(realloc(cosigned->cosignature, tree->capacity * sizeof *new));
  }
  size_t place = client_place(cosigned, new->client);
  struct cosignature *at = &cosigned->cosignature[place];
  memmove(at + 1, at, (cosigned->count - place) * sizeof *at);
  *at = *new;
  cosigned->count++;
  tree->is_unwritten = true;
}

enum tamis_status cosignatures_put(struct cosignatures *cosignatures, const struct state *state,
                                   uint32_t client, uint64_t size, const struct digest *root,
                                   const char *line, size_t length, size_t *held,
                                   struct fault *fault) {
  const struct public_key *key = &state->client[client].key;
  struct checkpoint checkpoint = witness_checkpoint(state, size, root);
  struct cosignature new = {.client = client};
  uint64_t unix_seconds;
  memcpy(new.key, key->byte, KEY_PUBLIC_SIZE);
  enum tamis_status status =
      checkpoint_cosigned(&checkpoint, key, line, length, &unix_seconds, new.text, fault);
  if (status != TAMIS_OK) return status;
  struct cosignatures_tree *tree = tree_make(cosignatures, size, root);
  *held = tree ? tree->cosigned.count : 0;
  if (!tree) return TAMIS_OK; /* of no use any more */
  struct cosignature *old = client_find(&tree->cosigned, client);
  if (old && memcmp(old->key, new.key, sizeof new.key) != 0) { /* enrolled anew since */
    *old = new;
    tree->is_unwritten = true;
  }
  if (old) return TAMIS_OK;
  if (tree->cosigned.count == WITNESS_COSIGNATURES_MAX)
    return fault_set(fault, TAMIS_RATE_LIMITED, "%d cosignatures of this checkpoint are enough",
                     WITNESS_COSIGNATURES_MAX);
  cosignature_insert(tree, &new);
  *held = tree->cosigned.count;
  return TAMIS_OK;
}

/* ---- on disk ---- */

static void tree_write(const struct cosignatures *cosignatures, const struct state *state,
                       struct cosignatures_tree *tree) {
  char path[PATH_SIZE];
  const struct cosigned *cosigned = &tree->cosigned;
  char *bytes = malloc(cosigned->count * COSIGNATURE_LINE_SIZE + 1);
  size_t length = 0;
  if (!bytes) return;
  for (size_t i = 0; i < cosigned->count; i++)
    if (witness_is_good(state, &cosigned->cosignature[i]))
      length += checkpoint_cosignature_line(state->client[cosigned->cosignature[i].client].name,
                                            cosigned->cosignature[i].text, bytes + length);
  path_of(cosignatures, cosigned->size, path);
  tree->is_unwritten = durable_publish(path, FILE_MODE, false, bytes, length, NULL) != TAMIS_OK;
  free(bytes);
}

void cosignatures_write(struct cosignatures *cosignatures, const struct state *state) {
  for (size_t i = 0; i < cosignatures->count; i++)
    if (cosignatures->tree[i].is_unwritten) tree_write(cosignatures, state, &cosignatures->tree[i]);
}

/* The name in a line, when it is an enrolled client's. */
static int64_t line_client(const struct state *state, const char *line) {
  char name[STATE_NAME_SIZE];
  if (sscanf(line, "\xe2\x80\x94 %64s", name) != 1) return STATE_NOBODY;
  int64_t client = state_client_find(state, name);
  return client == STATE_NOBODY || state->client[client].revoked ? STATE_NOBODY : client;
}

static void file_read(struct cosignatures *cosignatures, const struct state *state, uint64_t size,
                      const struct digest *root) {
  char path[PATH_SIZE], line[COSIGNATURE_LINE_SIZE];
  size_t held;
  path_of(cosignatures, size, path);
  FILE *file = fopen(path, "re");
  for (int i = 0; file && i < WITNESS_COSIGNATURES_MAX && fgets(line, sizeof line, file); i++) {
    int64_t client = line_client(state, line);
    if (client != STATE_NOBODY)
      cosignatures_put(cosignatures, state, (uint32_t)client, size, root, line, strlen(line), &held,
                       NULL);
  }
  if (file) fclose(file);
  struct cosignatures_tree *tree = tree_find(cosignatures, size);
  if (tree) tree->is_unwritten = false;
}

static bool size_read(const char *name, uint64_t *size) {
  char *end;
  if (name[0] < '1' || name[0] > '9' || strlen(name) > 18) return false;
  *size = strtoull(name, &end, 10);
  return *end == '\0';
}

enum tamis_status cosignatures_open(const char *state_dir, const struct state *state,
                                    cosignatures_root root_of, void *context,
                                    struct cosignatures *cosignatures, struct fault *fault) {
  *cosignatures = (struct cosignatures){.folder = NULL};
  if (asprintf(&cosignatures->folder, "%s/cosignatures", state_dir) < 0) {
    cosignatures->folder = NULL;
    return fault_plain(fault, TAMIS_NO_MEMORY);
  }
  if (mkdir(cosignatures->folder, 0755) != 0 && errno != EEXIST)
    return durable_fault(fault, errno, "make", cosignatures->folder);
  DIR *folder = opendir(cosignatures->folder);
  if (!folder) return durable_fault(fault, errno, "open", cosignatures->folder);
  const struct dirent *found;
  while ((found = readdir(folder))) {
    uint64_t size;
    struct digest root;
    if (size_read(found->d_name, &size) && root_of(context, size, &root))
      file_read(cosignatures, state, size, &root);
  }
  closedir(folder);
  return TAMIS_OK;
}

void cosignatures_close(struct cosignatures *cosignatures) {
  for (size_t i = 0; i < cosignatures->count; i++) free(cosignatures->tree[i].cosigned.cosignature);
  free(cosignatures->folder);
  *cosignatures = (struct cosignatures){.folder = NULL};
}
