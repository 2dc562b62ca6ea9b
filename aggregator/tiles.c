/* Which files a log of n entries has, and how they come to be there.
 *
 * What makes it right when the power goes: nothing here is trusted that was not synced, and a
 * commit waits for no sync of ours. Full tiles are synced some at a time on a thread beside, and
 * then, never before, FOLDER/tile-synced says so: all full tiles of a log of that many entries are
 * on the disk. A start reads the full tiles between that number and the last checkpoint, a few
 * thousand entries at most, and holds them against the tree; it writes the wrong ones and all
 * partial ones anew before anybody is answered, and removes older partial ones, which it cannot
 * vouch for. Of the tiles before that number it looks at the last of each level, to notice a folder
 * that was deleted or brought from elsewhere, and then goes back to where they are right. */
#include "aggregator/tiles.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "aggregator/durable.h"

enum {
  KINDS = TILE_LEVELS + 1, /* the bundles, then level after level */
  BUNDLE_MAX = TILE_WIDTH * (2 + TILE_ENTRY_MAX),
  HASHES_MAX = TILE_WIDTH * DIGEST_SIZE,
  FOLDERS_DEEP = 10, /* tile/0/x999/.../000.p, and a little */
  SYNC_FILES = 32,   /* full tiles at a time: of 4,096 entries */
};

/* Files that are to last, on their way there. */
struct sync {
  char *folder; /* borrowed */
  char **path;  /* owned */
  size_t count, capacity;
  uint64_t size; /* entries of the log whose full tiles are all among these or synced before */
};

struct tiles {
  struct tiles_options options;
  char *folder;
  struct {
    uint64_t full;    /* full tiles on disk */
    unsigned partial; /* width of the one written last after them; 0: none yet */
  } kind[KINDS];
  uint64_t count;
  uint8_t *bundle; /* the entries from kind[0].full * TILE_WIDTH on, at most a full tile's */
  size_t bundle_length, bundle_capacity;
  struct sync next; /* written since */
  struct sync now;  /* the thread's while it runs */
  pthread_t thread;
  bool is_syncing; /* there is a thread to be joined */
  atomic_bool is_synced;
};

static int level_of(size_t kind) {
  return (int)kind - 1;
}

static size_t kind_of(int level) {
  return (size_t)(level + 1);
}

static size_t size_max(int level) {
  return level == TILE_ENTRIES ? (size_t)BUNDLE_MAX : (size_t)HASHES_MAX;
}

/* ---- reading ---- */

static enum tamis_status read_all(int descriptor, const char *path, size_t capacity,
                                  uint8_t **bytes, size_t *length, struct fault *fault) {
  struct stat about;
  if (fstat(descriptor, &about) != 0) return durable_fault(fault, errno, "stat", path);
  if (!S_ISREG(about.st_mode) || about.st_size < 0 || (uint64_t)about.st_size > capacity)
    return fault_set(fault, TAMIS_CORRUPT, "%s is larger than a tile, or no file", path);
  size_t size = (size_t)about.st_size, have = 0;
  uint8_t *read_bytes = malloc(size + 1);
  if (!read_bytes) return fault_plain(fault, TAMIS_NO_MEMORY);
  while (have < size) {
    ssize_t got = read(descriptor, read_bytes + have, size - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      free(read_bytes);
      return durable_fault(fault, errno, "read", path);
    }
    if (got == 0) break;
    have += (size_t)got;
  }
  *bytes = read_bytes;
  *length = have;
  return TAMIS_OK;
}

static enum tamis_status read_path(const char *path, size_t capacity, uint8_t **bytes,
                                   size_t *length, struct fault *fault) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0 && (errno == ENOENT || errno == ENOTDIR))
    return fault_set(fault, TAMIS_NOT_FOUND, "there is no %s", path);
  if (descriptor < 0) return durable_fault(fault, errno, "open", path);
  enum tamis_status status = read_all(descriptor, path, capacity, bytes, length, fault);
  close(descriptor);
  return status;
}

static bool path_of(const char *folder, const struct tile *tile, char path[PATH_MAX]) {
  char relative[TILE_PATH_SIZE];
  tile_path_write(tile, relative);
  int size = snprintf(path, PATH_MAX, "%s/%s", folder, relative);
  return size > 0 && size < PATH_MAX;
}

enum tamis_status tiles_read(const char *folder, const struct tile *tile, uint8_t **bytes,
                             size_t *length, struct fault *fault) {
  char path[PATH_MAX];
  if (!path_of(folder, tile, path)) return durable_fault(fault, ENAMETOOLONG, "read in", folder);
  return read_path(path, size_max(tile->level), bytes, length, fault);
}

/* The partial bundle at the end, or the full one that has taken its place since. */
static enum tamis_status read_bundle(const char *folder, struct tile *tile, uint8_t **bytes,
                                     size_t *length, struct fault *fault) {
  unsigned width = tile->width;
  enum tamis_status status = tiles_read(folder, tile, bytes, length, fault);
  if (status != TAMIS_NOT_FOUND || width == TILE_WIDTH) return status;
  tile->width = TILE_WIDTH;
  status = tiles_read(folder, tile, bytes, length, NULL);
  tile->width = width;
  return status;
}

enum tamis_status tiles_walk(const char *folder, uint64_t size,
                             enum tamis_status (*visit)(void *context, uint64_t index,
                                                        const char *bytes, size_t length),
                             void *context, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  for (uint64_t index = 0; status == TAMIS_OK && index < size;) {
    uint64_t rest = size - index;
    struct tile tile = {TILE_ENTRIES, index / TILE_WIDTH,
                        rest < TILE_WIDTH ? (unsigned)rest : TILE_WIDTH};
    uint8_t *bytes = NULL;
    const uint8_t *entry;
    size_t length = 0, offset = 0, entry_length;
    status = read_bundle(folder, &tile, &bytes, &length, fault);
    if (status == TAMIS_OK && !tile_bundle_prefix(bytes, length, tile.width)) {
      char path[TILE_PATH_SIZE];
      tile_path_write(&tile, path);
      status = fault_set(fault, TAMIS_CORRUPT, "%s/%s does not hold its entries", folder, path);
    }
    for (unsigned i = 0; status == TAMIS_OK && i < tile.width; i++, index++) {
      tile_bundle_next(bytes, length, &offset, &entry, &entry_length);
      status = visit(context, index, (const char *)entry, entry_length);
    }
    free(bytes);
  }
  return status;
}

/* ---- making full tiles last ---- */

static bool synced_path(const char *folder, char path[PATH_MAX]) {
  int size = snprintf(path, PATH_MAX, "%s/tile-synced", folder);
  return size > 0 && size < PATH_MAX;
}

/* 0 when nobody said so. */
static uint64_t synced_read(const char *folder) {
  char path[PATH_MAX];
  uint64_t size = 0;
  FILE *file = synced_path(folder, path) ? fopen(path, "re") : NULL;
  if (file && fscanf(file, "%18" SCNu64, &size) != 1) size = 0;
  if (file) fclose(file);
  return size;
}

static enum tamis_status sync_later(struct sync *sync, const char *path, struct fault *fault) {
  if (sync->count == sync->capacity) {
    size_t capacity = 2 * sync->capacity + SYNC_FILES;
    char **grown = reallocarray(sync->path, capacity, sizeof *grown);
    if (!grown) return fault_plain(fault, TAMIS_NO_MEMORY);
    sync->path = grown;
    sync->capacity = capacity;
  }
  sync->path[sync->count] = strdup(path);
  if (!sync->path[sync->count]) return fault_plain(fault, TAMIS_NO_MEMORY);
  sync->count++;
  return TAMIS_OK;
}

static void sync_close(struct sync *sync) {
  for (size_t i = 0; i < sync->count; i++) free(sync->path[i]);
  free(sync->path);
  *sync = (struct sync){.folder = NULL};
}

static bool sync_file(const char *path) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return false;
  durable_sync(descriptor, path);
  close(descriptor);
  return true;
}

/* The folders above the file, up to ours; those that it shares with the one before are done. */
static bool sync_folders(const char *folder, const char *path, const char *before) {
  char above[PATH_MAX];
  size_t least = strlen(folder);
  snprintf(above, sizeof above, "%s", path);
  for (char *end = strrchr(above, '/'); end && (size_t)(end - above) >= least;
       end = strrchr(above, '/')) {
    bool is_done = before && strncmp(above, before, (size_t)(end - above) + 1) == 0;
    *end = '\0';
    if (!is_done && durable_sync_folder(above, NULL) != TAMIS_OK) return false;
  }
  return true;
}

/* A file that cannot be opened leaves the number as it was: the next start looks at more. */
static void *run_sync(void *context) {
  struct tiles *tiles = context;
  struct sync *sync = &tiles->now;
  char path[PATH_MAX], text[32];
  bool good = synced_path(sync->folder, path);
  for (size_t i = 0; good && i < sync->count; i++) good = sync_file(sync->path[i]);
  for (size_t i = 0; good && i < sync->count; i++)
    good = sync_folders(sync->folder, sync->path[i], i > 0 ? sync->path[i - 1] : NULL);
  int length = snprintf(text, sizeof text, "%" PRIu64 "\n", sync->size);
  if (good) durable_publish(path, 0600, true, text, (size_t)length, NULL);
  atomic_store(&tiles->is_synced, true);
  return NULL;
}

static void sync_join(struct tiles *tiles) {
  if (!tiles->is_syncing) return;
  pthread_join(tiles->thread, NULL);
  tiles->is_syncing = false;
  sync_close(&tiles->now);
}

/* After tiles_write. One batch at a time; a slow disk makes the next one larger. */
static void sync_some(struct tiles *tiles) {
  if (tiles->next.count < SYNC_FILES) return;
  if (tiles->is_syncing && !atomic_load(&tiles->is_synced)) return;
  sync_join(tiles);
  tiles->now = tiles->next;
  tiles->now.folder = tiles->folder;
  tiles->now.size = tiles->count;
  tiles->next = (struct sync){.folder = NULL};
  atomic_store(&tiles->is_synced, false);
  tiles->is_syncing = pthread_create(&tiles->thread, NULL, run_sync, tiles) == 0;
  if (tiles->is_syncing) return;
  tiles->next = tiles->now; /* no thread to be had now */
  tiles->now = (struct sync){.folder = NULL};
}

/* ---- writing ---- */

/* Every folder between ours and the file. Their names are made to last: full tiles stand on them.
 */
static enum tamis_status make_folders(const struct tiles *tiles, char path[PATH_MAX],
                                      struct fault *fault) {
  char *last = strrchr(path, '/');
  *last = '\0';
  bool is_there = access(path, F_OK) == 0;
  *last = '/';
  for (char *at = path + strlen(tiles->folder) + 1; !is_there && at < last;) {
    at = strchr(at, '/');
    *at = '\0';
    int error = mkdir(path, tiles->options.is_public ? 0777 : 0700) == 0 ? 0 : errno;
    enum tamis_status status = TAMIS_OK;
    if (error == 0 && tiles->options.is_public)
      status = durable_sync_parent(path, fault);
    else if (error != 0 && error != EEXIST)
      status = durable_fault(fault, error, "make", path);
    *at++ = '/';
    if (status != TAMIS_OK) return status;
  }
  return TAMIS_OK;
}

static void tell(const struct tiles *tiles, const char *path, enum tiles_difference difference) {
  if (tiles->options.differs)
    tiles->options.differs(tiles->options.context, path + strlen(tiles->folder) + 1, difference);
}

/* Is the file there with these bytes? Tells when not. */
static bool is_right(const struct tiles *tiles, const struct tile *tile, const char *path,
                     const void *bytes, size_t length) {
  uint8_t *found = NULL;
  size_t found_length = 0;
  enum tamis_status status = read_path(path, size_max(tile->level), &found, &found_length, NULL);
  bool right = status == TAMIS_OK && found_length == length && memcmp(found, bytes, length) == 0;
  free(found);
  if (!right) tell(tiles, path, status == TAMIS_NOT_FOUND ? TILES_MISSING : TILES_DIFFERENT);
  return right;
}

static enum tamis_status put(struct tiles *tiles, const struct tile *tile, const void *bytes,
                             size_t length, struct fault *fault) {
  char path[PATH_MAX];
  if (!path_of(tiles->folder, tile, path))
    return durable_fault(fault, ENAMETOOLONG, "write in", tiles->folder);
  if (tiles->options.is_checked && is_right(tiles, tile, path, bytes, length)) return TAMIS_OK;
  if (tiles->options.is_dry) return TAMIS_OK;
  enum tamis_status status = make_folders(tiles, path, fault);
  if (status != TAMIS_OK) return status;
  bool is_public = tiles->options.is_public;
  status = durable_publish(path, is_public ? 0666 : 0600, is_public, bytes, length, fault);
  if (status != TAMIS_OK || is_public || tile->width < TILE_WIDTH) return status;
  return sync_later(&tiles->next, path, fault);
}

/* Removes N.p and what is in it. One that stays does no harm but to the eye. */
static void clear_partials(const struct tiles *tiles, int level, uint64_t index) {
  struct tile tile = {level, index, 1};
  char path[PATH_MAX];
  if (tiles->options.is_dry || !path_of(tiles->folder, &tile, path)) return;
  *strrchr(path, '/') = '\0';
  DIR *folder = opendir(path);
  if (!folder) return;
  for (struct dirent *name; (name = readdir(folder)) != NULL;)
    if (name->d_name[0] != '.') unlinkat(dirfd(folder), name->d_name, 0);
  closedir(folder);
  rmdir(path);
}

static enum tamis_status write_tile(struct tiles *tiles, size_t kind, unsigned width,
                                    struct fault *fault) {
  struct tile tile = {level_of(kind), tiles->kind[kind].full, width};
  uint8_t hashes[HASHES_MAX];
  if (tile.level == TILE_ENTRIES)
    return put(tiles, &tile, tiles->bundle, tiles->bundle_length, fault);
  tile_hashes(tiles->options.tree, &tile, hashes);
  return put(tiles, &tile, hashes, (size_t)width * DIGEST_SIZE, fault);
}

static enum tamis_status write_full(struct tiles *tiles, size_t kind, struct fault *fault) {
  enum tamis_status status = write_tile(tiles, kind, TILE_WIDTH, fault);
  if (status != TAMIS_OK) return status;
  clear_partials(tiles, level_of(kind), tiles->kind[kind].full);
  tiles->kind[kind].full++;
  tiles->kind[kind].partial = 0;
  if (level_of(kind) == TILE_ENTRIES) tiles->bundle_length = 0;
  return TAMIS_OK;
}

static enum tamis_status write_kind(struct tiles *tiles, size_t kind, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  int level = level_of(kind);
  while (status == TAMIS_OK && tiles->kind[kind].full < tile_full_count(level, tiles->count))
    status = write_full(tiles, kind, fault);
  unsigned width = tile_partial_width(level, tiles->count);
  if (status != TAMIS_OK || width == 0 || width == tiles->kind[kind].partial) return status;
  status = write_tile(tiles, kind, width, fault);
  if (status == TAMIS_OK) tiles->kind[kind].partial = width;
  return status;
}

enum tamis_status tiles_write(struct tiles *tiles, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  assert(tiles->count <= merkle_tree_size(tiles->options.tree));
  for (size_t kind = 0; status == TAMIS_OK && kind < KINDS; kind++)
    status = write_kind(tiles, kind, fault);
  if (status == TAMIS_OK) sync_some(tiles);
  return status;
}

static enum tamis_status reserve(struct tiles *tiles, size_t more, struct fault *fault) {
  size_t wanted = tiles->bundle_length + more;
  if (wanted <= tiles->bundle_capacity) return TAMIS_OK;
  size_t capacity = wanted + wanted / 2;
  uint8_t *grown = realloc(tiles->bundle, capacity);
  if (!grown) return fault_plain(fault, TAMIS_NO_MEMORY);
  tiles->bundle = grown;
  tiles->bundle_capacity = capacity;
  return TAMIS_OK;
}

enum tamis_status tiles_add(struct tiles *tiles, const char *entry, size_t length,
                            struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  if (tiles->kind[0].full < tile_full_count(TILE_ENTRIES, tiles->count))
    status = write_full(tiles, 0, fault);
  if (status == TAMIS_OK) status = reserve(tiles, 2 + length, fault);
  if (status != TAMIS_OK) return status;
  tiles->bundle_length += tile_bundle_put(entry, length, tiles->bundle + tiles->bundle_length);
  tiles->count++;
  return TAMIS_OK;
}

uint64_t tiles_count(const struct tiles *tiles) {
  return tiles->count;
}

/* ---- a start ---- */

static bool bundle_is_right(const struct tiles *tiles, uint64_t index, const uint8_t *bytes,
                            size_t length) {
  size_t offset = 0, entry_length;
  const uint8_t *entry;
  for (uint64_t i = TILE_WIDTH * index; i < TILE_WIDTH * (index + 1); i++) {
    if (!tile_bundle_next(bytes, length, &offset, &entry, &entry_length)) return false;
    struct digest found = merkle_leaf(entry, entry_length);
    struct digest expected = merkle_tree_leaf(tiles->options.tree, i);
    if (!digest_equal(&found, &expected)) return false;
  }
  return offset == length;
}

static bool full_is_right(const struct tiles *tiles, int level, uint64_t index) {
  struct tile tile = {level, index, TILE_WIDTH};
  uint8_t *bytes = NULL, expected[HASHES_MAX];
  size_t length = 0;
  if (tiles_read(tiles->folder, &tile, &bytes, &length, NULL) != TAMIS_OK) return false;
  bool right;
  if (level == TILE_ENTRIES) {
    right = bundle_is_right(tiles, index, bytes, length);
  } else {
    tile_hashes(tiles->options.tree, &tile, expected);
    right = length == sizeof expected && memcmp(bytes, expected, sizeof expected) == 0;
  }
  free(bytes);
  return right;
}

/* How many full tiles there are to take over. */
static uint64_t full_found(const struct tiles *tiles, int level, uint64_t size, uint64_t synced) {
  uint64_t most = tile_full_count(level, size);
  uint64_t full = tile_full_count(level, synced < size ? synced : size), start = full;
  while (full > 0 && !full_is_right(tiles, level, full - 1)) full--;
  if (full < start) return full;
  while (full < most && full_is_right(tiles, level, full)) full++;
  return full;
}

void tiles_resume(struct tiles *tiles, uint64_t size) {
  assert(tiles->count == 0 && size <= merkle_tree_size(tiles->options.tree));
  uint64_t synced = synced_read(tiles->folder);
  for (size_t kind = 0; kind < KINDS; kind++) {
    int level = level_of(kind);
    uint64_t full = tile_full_count(level, size);
    clear_partials(tiles, level, full);
    if (full > 0) clear_partials(tiles, level, full - 1);
    tiles->kind[kind].full = full_found(tiles, level, size, synced);
  }
  tiles->count = TILE_WIDTH * tiles->kind[0].full;
}

enum tamis_status tiles_open(const struct tiles_options *options, struct tiles **out,
                             struct fault *fault) {
  struct tiles *tiles = calloc(1, sizeof *tiles);
  if (tiles) tiles->folder = strdup(options->folder);
  if (!tiles || !tiles->folder) {
    tiles_close(tiles);
    return fault_plain(fault, TAMIS_NO_MEMORY);
  }
  tiles->options = *options;
  tiles->options.folder = tiles->folder;
  *out = tiles;
  return TAMIS_OK;
}

void tiles_close(struct tiles *tiles) {
  if (!tiles) return;
  sync_join(tiles);
  sync_close(&tiles->next);
  free(tiles->bundle);
  free(tiles->folder);
  free(tiles);
}

/* ---- what does not belong ---- */

/* An older partial tile of one that is still open: the first bytes of the present one. */
static bool is_older(const struct tiles *tiles, const struct tile *tile, const uint8_t *bytes,
                     size_t length) {
  uint8_t expected[HASHES_MAX];
  if (tile->index != tiles->kind[kind_of(tile->level)].full) return false;
  if (tile->level == TILE_ENTRIES)
    return length == tile_bundle_prefix(tiles->bundle, tiles->bundle_length, tile->width) &&
           memcmp(bytes, tiles->bundle, length) == 0;
  tile_hashes(tiles->options.tree, tile, expected);
  return length == (size_t)tile->width * DIGEST_SIZE && memcmp(bytes, expected, length) == 0;
}

static bool belongs(const struct tiles *tiles, const char *path) {
  const char *relative = path + strlen(tiles->folder) + 1;
  struct tile tile;
  uint8_t *bytes = NULL;
  size_t length;
  if (!tile_path_read(relative, strlen(relative), &tile) || !tile_is_within(&tile, tiles->count))
    return false;
  if (tile.width == TILE_WIDTH) return true; /* tiles_write has seen to it */
  if (tiles_read(tiles->folder, &tile, &bytes, &length, NULL) != TAMIS_OK) return false;
  bool is_ours = is_older(tiles, &tile, bytes, length);
  free(bytes);
  return is_ours || tile.width == tiles->kind[kind_of(tile.level)].partial;
}

static enum tamis_status sweep(struct tiles *tiles, char path[PATH_MAX], int depth,
                               struct fault *fault) {
  DIR *folder = opendir(path);
  if (!folder) return errno == ENOENT ? TAMIS_OK : durable_fault(fault, errno, "open", path);
  enum tamis_status status = TAMIS_OK;
  size_t end = strlen(path);
  for (struct dirent *name; status == TAMIS_OK && (name = readdir(folder)) != NULL;) {
    struct stat about;
    if (strcmp(name->d_name, ".") == 0 || strcmp(name->d_name, "..") == 0) continue;
    int size = snprintf(path + end, PATH_MAX - end, "/%s", name->d_name);
    if (size < 0 || (size_t)size >= PATH_MAX - end) continue;
    if (lstat(path, &about) == 0 && S_ISDIR(about.st_mode)) {
      if (depth > 0) status = sweep(tiles, path, depth - 1, fault);
    } else if (!belongs(tiles, path)) {
      tell(tiles, path, TILES_STRAY);
      if (!tiles->options.is_dry) unlink(path);
    }
    path[end] = '\0';
  }
  closedir(folder);
  return status;
}

enum tamis_status tiles_sweep(struct tiles *tiles, struct fault *fault) {
  char path[PATH_MAX];
  assert(tiles->options.is_checked);
  int size = snprintf(path, sizeof path, "%s/tile", tiles->folder);
  if (size < 0 || (size_t)size >= sizeof path)
    return durable_fault(fault, ENAMETOOLONG, "open", tiles->folder);
  return sweep(tiles, path, FOLDERS_DEEP, fault);
}
