/* Blobs: written under unfinished/DIGEST.OWNER while hashing, moved to ab/abcdef... once whole,
 * checked and durable, and never written again. */
#include "aggregator/blob.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>
#include "aggregator/durable.h"
#include "proto/disk.h"
#include "proto/text.h"

enum {
  NAME_SIZE = DIGEST_HEX_SIZE + 1 + TEXT_NAME_MAX, /* "DIGEST.OWNER" with its end */
  SHARD_DIGITS = 2,
  READ_SIZE = 1 << 20,
};

struct blob_store {
  char *folder;
  int folder_fd, unfinished_fd;
  bool is_readonly;
  uint64_t reserve_bytes;
  pthread_mutex_t lock;        /* of the lists, and of what is promised to the uploads */
  struct blob_upload *uploads; /* those that a stream has open */
  struct blob_loan *loans;
};

struct blob_upload {
  struct blob_store *store;
  struct blob_upload *next;
  char name[NAME_SIZE]; /* in unfinished/ */
  struct digest digest;
  uint64_t size;
  _Atomic uint64_t offset; /* where the bytes end; others read it to know what is still promised */
  int descriptor;
  struct digest_stream *hash; /* of the bytes before `offset` */
  struct blob_witness witness;
  bool is_finished, is_committed;
};

/* Names and folders */

static void shard_name(const struct digest *digest, char shard[SHARD_DIGITS + 1],
                       char hex[DIGEST_HEX_SIZE]) {
  digest_to_hex(digest, hex);
  memcpy(shard, hex, SHARD_DIGITS);
  shard[SHARD_DIGITS] = '\0';
}

void blob_path(const struct blob_store *store, const struct digest *digest, char *path,
               size_t size) {
  char shard[SHARD_DIGITS + 1], hex[DIGEST_HEX_SIZE];
  shard_name(digest, shard, hex);
  int length = snprintf(path, size, "%s/%s/%s", store->folder, shard, hex);
  assert(length > 0 && (size_t)length < size);
}

bool blob_exists(const struct blob_store *store, const struct digest *digest) {
  char path[PATH_MAX];
  blob_path(store, digest, path, sizeof path);
  return access(path, F_OK) == 0;
}

uint64_t blob_size(const struct blob_store *store, const struct digest *digest) {
  char path[PATH_MAX];
  struct stat about;
  blob_path(store, digest, path, sizeof path);
  return stat(path, &about) == 0 ? (uint64_t)about.st_size : 0;
}

static void unfinished_name(const struct digest *digest, const char *owner, char name[NAME_SIZE]) {
  char hex[DIGEST_HEX_SIZE];
  assert(text_is_name(owner, strlen(owner)));
  digest_to_hex(digest, hex);
  int length = snprintf(name, NAME_SIZE, "%s.%s", hex, owner);
  assert(length > 0 && length < NAME_SIZE);
}

/* Makes `name` below `parent` unless it is there, and opens it. */
static int open_folder(int parent, const char *name) {
  if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST) return -1;
  return openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

enum tamis_status blob_store_open(const char *folder, uint64_t reserve_bytes,
                                  struct blob_store **out, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  struct blob_store *store = calloc(1, sizeof *store);
  if (!store) return fault_plain(fault, TAMIS_NO_MEMORY);
  pthread_mutex_init(&store->lock, NULL);
  store->reserve_bytes = reserve_bytes;
  store->unfinished_fd = -1;
  store->folder = strdup(folder);
  store->folder_fd = open_folder(AT_FDCWD, folder);
  if (store->folder_fd >= 0) store->unfinished_fd = open_folder(store->folder_fd, "unfinished");

  if (store->unfinished_fd < 0)
    status = durable_fault(fault, errno, "open folder", folder);
  else if (!store->folder)
    status = fault_plain(fault, TAMIS_NO_MEMORY);
  else
    status = durable_sync_parent(folder, fault);
  if (status == TAMIS_OK) status = durable_sync_folder(folder, fault);
  if (status != TAMIS_OK) {
    blob_store_close(store);
    return status;
  }
  *out = store;
  return TAMIS_OK;
}

enum tamis_status blob_store_open_readonly(const char *folder, struct blob_store **out,
                                           struct fault *fault) {
  struct blob_store *store = calloc(1, sizeof *store);
  if (!store) return fault_plain(fault, TAMIS_NO_MEMORY);
  pthread_mutex_init(&store->lock, NULL);
  store->is_readonly = true;
  store->unfinished_fd = -1;
  store->folder = strdup(folder);
  store->folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  *out = store;
  if (store->folder_fd >= 0 && store->folder) return TAMIS_OK;
  enum tamis_status status = store->folder ? durable_fault(fault, errno, "open folder", folder)
                                           : fault_plain(fault, TAMIS_NO_MEMORY);
  blob_store_close(store);
  *out = NULL;
  return status;
}

void blob_store_close(struct blob_store *store) {
  if (!store) return;
  assert(!store->uploads);
  if (store->unfinished_fd >= 0) close(store->unfinished_fd);
  if (store->folder_fd >= 0) close(store->folder_fd);
  pthread_mutex_destroy(&store->lock);
  free(store->folder);
  free(store);
}

/* Moves a whole, synced file to its digest. One that is already there was whole and synced before
 * it got its name, so ours is dropped; its folder is synced all the same, because whoever put it
 * there may have been killed before that. */
static enum tamis_status publish(struct blob_store *store, const char *name,
                                 const struct digest *digest, struct fault *fault) {
  char shard[SHARD_DIGITS + 1], hex[DIGEST_HEX_SIZE];
  enum tamis_status status = TAMIS_OK;
  shard_name(digest, shard, hex);
  bool is_new = mkdirat(store->folder_fd, shard, 0700) == 0;
  int shard_fd = openat(store->folder_fd, shard, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (shard_fd < 0) return durable_fault(fault, errno, "open folder", shard);

  if (renameat2(store->unfinished_fd, name, shard_fd, hex, RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST)
      unlinkat(store->unfinished_fd, name, 0);
    else
      status = durable_fault(fault, errno, "name", hex);
  }
  if (status == TAMIS_OK && fsync(shard_fd) != 0) durable_die("fsync", shard, errno);
  if (status == TAMIS_OK && is_new && fsync(store->folder_fd) != 0)
    durable_die("fsync", store->folder, errno);
  close(shard_fd);
  return status;
}

/* Room */

static uint64_t free_bytes(const struct blob_store *store) {
  struct statvfs volume;
  if (fstatvfs(store->folder_fd, &volume) != 0) return 0;
  return (uint64_t)volume.f_bavail * volume.f_frsize;
}

/* With the lock held. Bytes that open uploads may still write; idle ones promise nothing, or
 * clients that went away would keep everyone else out. */
static uint64_t promised_bytes(const struct blob_store *store) {
  uint64_t promised = 0;
  for (const struct blob_upload *upload = store->uploads; upload; upload = upload->next)
    promised += upload->size - upload->offset;
  return promised;
}

/* With the lock held, and `upload` in the list. */
static bool has_room(const struct blob_store *store) {
  uint64_t available = free_bytes(store);
  return available >= store->reserve_bytes &&
         available - store->reserve_bytes >= promised_bytes(store);
}

/* The table of open uploads */

static bool is_open(const struct blob_store *store, const char *name) {
  const struct blob_upload *upload = store->uploads;
  while (upload && strcmp(upload->name, name) != 0) upload = upload->next;
  return upload != NULL;
}

static enum tamis_status enter(struct blob_upload *upload, struct fault *fault) {
  struct blob_store *store = upload->store;
  pthread_mutex_lock(&store->lock);
  bool is_taken = is_open(store, upload->name);
  if (!is_taken) {
    upload->next = store->uploads;
    store->uploads = upload;
  }
  pthread_mutex_unlock(&store->lock);
  if (!is_taken) return TAMIS_OK;
  return fault_set(fault, TAMIS_RATE_LIMITED, "another stream is sending this update");
}

static void leave(struct blob_upload *upload) {
  struct blob_store *store = upload->store;
  pthread_mutex_lock(&store->lock);
  struct blob_upload **link = &store->uploads;
  while (*link != upload) link = &(*link)->next;
  *link = upload->next;
  pthread_mutex_unlock(&store->lock);
}

static enum tamis_status check_room(struct blob_upload *upload, struct fault *fault) {
  struct blob_store *store = upload->store;
  pthread_mutex_lock(&store->lock);
  bool fits = has_room(store);
  pthread_mutex_unlock(&store->lock);
  if (fits) return TAMIS_OK;
  return fault_set(fault, TAMIS_DISK_FULL, "no room for %" PRIu64 " bytes now",
                   upload->size - upload->offset);
}

/* An upload's life */

static void start_again(struct blob_upload *upload) {
  digest_stream_free(upload->hash);
  upload->hash = digest_stream_new();
  upload->offset = 0;
}

/* The bytes at `offset` are in the file. */
static void pass_on(struct blob_upload *upload, const void *bytes, size_t length) {
  digest_stream_add(upload->hash, bytes, length);
  if (upload->witness.see) upload->witness.see(upload->witness.context, bytes, length);
  upload->offset += length;
}

/* Passes on what an earlier stream left. Bytes past the size cannot belong to this blob. */
static enum tamis_status resume(struct blob_upload *upload, struct fault *fault) {
  struct stat about;
  if (fstat(upload->descriptor, &about) != 0)
    return durable_fault(fault, errno, "stat", upload->name);
  start_again(upload);
  if ((uint64_t)about.st_size > upload->size) {
    if (ftruncate(upload->descriptor, 0) != 0)
      return durable_fault(fault, errno, "cut", upload->name);
    return TAMIS_OK;
  }
  if (about.st_size == 0) return TAMIS_OK;
  uint8_t *buffer = malloc(READ_SIZE);
  if (!buffer) return fault_plain(fault, TAMIS_NO_MEMORY);
  ssize_t got = 1;
  while (got > 0) {
    got = pread(upload->descriptor, buffer, READ_SIZE, (off_t)upload->offset);
    if (got > 0) pass_on(upload, buffer, (size_t)got);
  }
  free(buffer);
  return got < 0 ? durable_fault(fault, errno, "read", upload->name) : TAMIS_OK;
}

static enum tamis_status begin(struct blob_upload *upload, struct fault *fault) {
  upload->descriptor = openat(upload->store->unfinished_fd, upload->name,
                              O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (upload->descriptor < 0) return durable_fault(fault, errno, "create", upload->name);
  enum tamis_status status = resume(upload, fault);
  return status == TAMIS_OK ? check_room(upload, fault) : status;
}

enum tamis_status blob_upload_open(struct blob_store *store, const char *owner,
                                   const struct digest *digest, uint64_t size,
                                   const struct blob_witness *witness, struct blob_upload **out,
                                   uint64_t *offset, struct fault *fault) {
  struct blob_upload *upload = calloc(1, sizeof *upload);
  assert(!store->is_readonly);
  if (!upload) return fault_plain(fault, TAMIS_NO_MEMORY);
  upload->store = store;
  upload->descriptor = -1;
  upload->digest = *digest;
  upload->size = size;
  if (witness) upload->witness = *witness;
  unfinished_name(digest, owner, upload->name);

  enum tamis_status status = enter(upload, fault);
  if (status != TAMIS_OK) {
    free(upload);
    return status;
  }
  status = begin(upload, fault);
  if (status != TAMIS_OK) {
    blob_upload_close(upload);
    return status;
  }
  *out = upload;
  *offset = upload->offset;
  return TAMIS_OK;
}

enum tamis_status blob_upload_write(struct blob_upload *upload, uint64_t offset, const void *bytes,
                                    size_t length, struct fault *fault) {
  uint64_t end = upload->offset;
  assert(!upload->is_finished);
  if (offset != end)
    return fault_set(fault, TAMIS_BAD_OFFSET,
                     "bytes came for offset %" PRIu64 ", but %" PRIu64 " are here", offset, end);
  if (length > upload->size - end)
    return fault_set(fault, TAMIS_TOO_LARGE, "more bytes than the %" PRIu64 " that were signed",
                     upload->size);
  int error = disk_write(upload->descriptor, bytes, length, offset);
  if (error) {
    /* Should the cut fail too: what stays is what the client sent, and a resumption hashes it. */
    int cut = ftruncate(upload->descriptor, (off_t)end);
    (void)cut;
    return durable_fault(fault, error, "write", upload->name);
  }
  pass_on(upload, bytes, length);
  return TAMIS_OK;
}

enum tamis_status blob_upload_finish(struct blob_upload *upload, struct fault *fault) {
  assert(!upload->is_finished);
  uint64_t end = upload->offset;
  if (end < upload->size)
    return fault_set(fault, TAMIS_TRUNCATED, "%" PRIu64 " of %" PRIu64 " bytes came", end,
                     upload->size);
  struct digest digest = digest_stream_finish(upload->hash);
  if (!digest_equal(&digest, &upload->digest)) {
    start_again(upload);
    if (ftruncate(upload->descriptor, 0) != 0)
      return durable_fault(fault, errno, "cut", upload->name);
    return fault_plain(fault, TAMIS_DIGEST_MISMATCH);
  }
  upload->is_finished = true;
  return TAMIS_OK;
}

enum tamis_status blob_upload_commit(struct blob_upload *upload, struct fault *fault) {
  assert(upload->is_finished);
  if (upload->is_committed) return TAMIS_OK;
  durable_sync(upload->descriptor, upload->name);
  enum tamis_status status = publish(upload->store, upload->name, &upload->digest, fault);
  upload->is_committed = status == TAMIS_OK;
  return status;
}

void blob_upload_close(struct blob_upload *upload) {
  if (!upload) return;
  if (upload->descriptor >= 0 && !upload->is_committed && upload->offset == 0)
    unlinkat(upload->store->unfinished_fd, upload->name, 0);
  if (upload->descriptor >= 0) close(upload->descriptor);
  digest_stream_free(upload->hash);
  leave(upload);
  free(upload);
}

void blob_upload_discard(struct blob_upload *upload) {
  if (!upload) return;
  if (!upload->is_committed) unlinkat(upload->store->unfinished_fd, upload->name, 0);
  blob_upload_close(upload);
}

uint64_t blob_upload_offset(struct blob_store *store, const char *owner,
                            const struct digest *digest) {
  char name[NAME_SIZE];
  struct stat about;
  uint64_t offset = 0;
  unfinished_name(digest, owner, name);
  pthread_mutex_lock(&store->lock);
  if (!is_open(store, name) && fstatat(store->unfinished_fd, name, &about, 0) == 0)
    offset = (uint64_t)about.st_size;
  pthread_mutex_unlock(&store->lock);
  return offset;
}

/* Whole blobs of our own */

static enum tamis_status write_and_publish(struct blob_store *store, const void *bytes,
                                           size_t length, const struct digest *digest,
                                           struct fault *fault) {
  char path[PATH_MAX];
  int size = snprintf(path, sizeof path, "%s/unfinished/.put.XXXXXX", store->folder);
  if (size < 0 || (size_t)size >= sizeof path)
    return durable_fault(fault, ENAMETOOLONG, "create a blob in", store->folder);
  int descriptor = mkostemp(path, O_CLOEXEC);
  if (descriptor < 0) return durable_fault(fault, errno, "create", path);

  const char *name = strrchr(path, '/') + 1;
  enum tamis_status status;
  int error = disk_write(descriptor, bytes, length, 0);
  if (error) {
    status = durable_fault(fault, error, "write", path);
  } else {
    durable_sync(descriptor, path);
    status = publish(store, name, digest, fault);
  }
  close(descriptor);
  if (status != TAMIS_OK) unlinkat(store->unfinished_fd, name, 0);
  return status;
}

enum tamis_status blob_put(struct blob_store *store, const void *bytes, size_t length,
                           struct digest *digest, struct fault *fault) {
  *digest = digest_of(bytes, length);
  if (store->is_readonly) return TAMIS_OK;
  return write_and_publish(store, bytes, length, digest, fault);
}

enum tamis_status blob_remove(struct blob_store *store, const struct digest *digest,
                              struct fault *fault) {
  char path[PATH_MAX];
  blob_path(store, digest, path, sizeof path);
  if (unlink(path) == 0 || errno == ENOENT) return TAMIS_OK;
  return durable_fault(fault, errno, "remove", path);
}

/* Reading */

/* mmap refuses to map nothing. */
static const uint8_t *map_bytes(int descriptor, uint64_t size) {
  if (size == 0) return (const uint8_t *)"";
  void *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, descriptor, 0);
  return bytes == MAP_FAILED ? NULL : bytes;
}

static void unmap_bytes(const uint8_t *bytes, uint64_t size) {
  if (bytes && size > 0) munmap((void *)bytes, size);
}

void blob_lend(struct blob_store *store, struct blob_loan *loan) {
  pthread_mutex_lock(&store->lock);
  loan->next = store->loans;
  store->loans = loan;
  pthread_mutex_unlock(&store->lock);
}

void blob_return(struct blob_store *store, struct blob_loan *loan) {
  pthread_mutex_lock(&store->lock);
  struct blob_loan **at = &store->loans;
  while (*at != loan) at = &(*at)->next;
  *at = loan->next;
  pthread_mutex_unlock(&store->lock);
}

static bool view_loan(struct blob_store *store, const struct digest *digest,
                      struct blob_view *view) {
  pthread_mutex_lock(&store->lock);
  const struct blob_loan *loan = store->loans;
  while (loan && !digest_equal(&loan->digest, digest)) loan = loan->next;
  if (loan) *view = (struct blob_view){loan->bytes, loan->length, true};
  pthread_mutex_unlock(&store->lock);
  return loan != NULL;
}

enum tamis_status blob_map(struct blob_store *store, const struct digest *digest, bool check,
                           struct blob_view *view, struct fault *fault) {
  char path[PATH_MAX];
  struct stat about;
  enum tamis_status status = TAMIS_OK;
  if (view_loan(store, digest, view)) return TAMIS_OK;
  blob_path(store, digest, path, sizeof path);
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0 && errno == ENOENT)
    return fault_set(fault, TAMIS_NOT_FOUND, "no blob %s", strrchr(path, '/') + 1);
  if (descriptor < 0) return durable_fault(fault, errno, "open", path);

  *view = (struct blob_view){.bytes = NULL};
  if (fstat(descriptor, &about) == 0) {
    view->length = (size_t)about.st_size;
    view->bytes = map_bytes(descriptor, view->length);
  }
  if (!view->bytes) status = durable_fault(fault, errno, "map", path);
  close(descriptor);
  if (status != TAMIS_OK || !check) return status;

  struct digest found = digest_of(view->bytes, view->length);
  if (digest_equal(&found, digest)) return TAMIS_OK;
  blob_unmap(view);
  return fault_set(fault, TAMIS_CORRUPT, "%s does not have the digest that is its name", path);
}

void blob_unmap(struct blob_view *view) {
  if (!view->is_lent) unmap_bytes(view->bytes, view->length);
  *view = (struct blob_view){.bytes = NULL};
}

/* Unfinished bytes as a whole */

static void each_unfinished(struct blob_store *store,
                            void (*see)(struct blob_store *store, const char *name,
                                        const struct stat *about, void *context),
                            void *context) {
  int descriptor = openat(store->unfinished_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *folder = descriptor >= 0 ? fdopendir(descriptor) : NULL;
  if (!folder && descriptor >= 0) close(descriptor);
  if (!folder) return;
  pthread_mutex_lock(&store->lock);
  for (struct dirent *entry; (entry = readdir(folder));) {
    struct stat about;
    if (fstatat(store->unfinished_fd, entry->d_name, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(about.st_mode))
      see(store, entry->d_name, &about, context);
  }
  pthread_mutex_unlock(&store->lock);
  closedir(folder);
}

/* By the wall clock, because that is what the file system's times are. */
static void remove_idle(struct blob_store *store, const char *name, const struct stat *about,
                        void *context) {
  const uint64_t *idle_seconds = context;
  time_t now = time(NULL);
  bool is_idle = now >= about->st_mtime && (uint64_t)(now - about->st_mtime) >= *idle_seconds;
  if (is_idle && !is_open(store, name)) unlinkat(store->unfinished_fd, name, 0);
}

void blob_sweep(struct blob_store *store, uint64_t idle_seconds) {
  each_unfinished(store, remove_idle, &idle_seconds);
}

static void add_size(struct blob_store *store, const char *name, const struct stat *about,
                     void *context) {
  (void)store, (void)name;
  *(uint64_t *)context += (uint64_t)about->st_size;
}

bool blob_has_room(struct blob_store *store) {
  return free_bytes(store) >= store->reserve_bytes;
}

void blob_usage(struct blob_store *store, struct blob_usage *usage) {
  *usage =
      (struct blob_usage){.free_bytes = free_bytes(store), .reserve_bytes = store->reserve_bytes};
  each_unfinished(store, add_size, &usage->unfinished_bytes);
}
