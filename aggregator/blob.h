/* Files named by their SHA-256: models, updates, manifests. Whole or not there. */
#ifndef TAMIS_BLOB_H
#define TAMIS_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"
#include "proto/fault.h"

struct blob_store;

/* `reserve_bytes`: space that uploads may not take from the file system, so that the journal never
 * runs dry. */
enum tamis_status blob_store_open(const char *folder, uint64_t reserve_bytes,
                                  struct blob_store **store, struct fault *fault);
/* A folder that somebody else owns, a running server perhaps: nothing is made, written or locked.
 * blob_put only finds the digest; no upload may be opened (asserted). */
enum tamis_status blob_store_open_readonly(const char *folder, struct blob_store **store,
                                           struct fault *fault);
void blob_store_close(struct blob_store *store);

/* blobs/ab/abcdef…; the name alone, there or not. */
void blob_path(const struct blob_store *store, const struct digest *digest, char *path,
               size_t size);
bool blob_exists(const struct blob_store *store, const struct digest *digest);
/* Bytes of a blob; 0 when it is not there. */
uint64_t blob_size(const struct blob_store *store, const struct digest *digest);

/* Told an upload's bytes as they are hashed: each once, in order, those of an earlier stream first.
 */
struct blob_witness {
  void (*see)(void *context, const void *bytes, size_t length);
  void *context;
};

/* An unfinished blob, owned by one uploader at a time, resumable after a broken connection or a
 * restart. `owner` keeps two clients' bytes apart. `*offset` is how much is already there.
 * RATE_LIMITED when another stream has it open, DISK_FULL when `size` does not fit beside the
 * reserve and what is promised to the uploads that are open. `owner` must be a name (asserted).
 * `witness` (NULL: none) is copied; its context must outlive the upload. */
struct blob_upload;
enum tamis_status blob_upload_open(struct blob_store *store, const char *owner,
                                   const struct digest *digest, uint64_t size,
                                   const struct blob_witness *witness, struct blob_upload **upload,
                                   uint64_t *offset, struct fault *fault);
/* `offset` must be where the bytes end (BAD_OFFSET), and they must not pass the size (TOO_LARGE). A
 * failed write leaves a shorter unfinished blob, never a wrong one. */
enum tamis_status blob_upload_write(struct blob_upload *upload, uint64_t offset, const void *bytes,
                                    size_t length, struct fault *fault);
/* Checks size (TRUNCATED) and digest (DIGEST_MISMATCH: the unfinished bytes are dropped). */
enum tamis_status blob_upload_finish(struct blob_upload *upload, struct fault *fault);
/* Only after `_finish`. Durable under its digest: fdatasync, rename, fsync of the folder. The same
 * blob being there already is fine. */
enum tamis_status blob_upload_commit(struct blob_upload *upload, struct fault *fault);
/* Ends this stream's hold. What is unfinished stays for resumption. */
void blob_upload_close(struct blob_upload *upload);
/* As `_close`, and forgets the bytes. */
void blob_upload_discard(struct blob_upload *upload);
/* Bytes of an unfinished blob that is not open; 0 when there is none. */
uint64_t blob_upload_offset(struct blob_store *store, const char *owner,
                            const struct digest *digest);

/* Writes a whole blob that we made, durably, and gives back its digest. It may use the reserve. */
enum tamis_status blob_put(struct blob_store *store, const void *bytes, size_t length,
                           struct digest *digest, struct fault *fault);

/* Takes a blob away for good; OK when it is not there. Only for what nothing names any more. */
enum tamis_status blob_remove(struct blob_store *store, const struct digest *digest,
                              struct fault *fault);

/* Read-only mapping. NOT_FOUND when it is not there. The digest is checked when `check` is true
 * (CORRUPT). */
struct blob_view {
  const uint8_t *bytes;
  size_t length;
  bool is_lent; /* no mapping of a file: its pages are somebody's memory */
};
enum tamis_status blob_map(struct blob_store *store, const struct digest *digest, bool check,
                           struct blob_view *view, struct fault *fault);
void blob_unmap(struct blob_view *view);

/* A file in memory that stands in for a blob, so that what would be computed from it can be asked
 * without writing it. While it is lent, blob_map of its digest gives these bytes. */
struct blob_loan {
  struct digest digest;
  const uint8_t *bytes;
  size_t length;
  struct blob_loan *next; /* the store's */
};
/* The loan and its bytes must stay until blob_return. Lending the same digest twice is fine. */
void blob_lend(struct blob_store *store, struct blob_loan *loan);
void blob_return(struct blob_store *store, struct blob_loan *loan);

/* Removes unfinished blobs that nobody has touched for `idle_seconds`. */
void blob_sweep(struct blob_store *store, uint64_t idle_seconds);

struct blob_usage {
  uint64_t unfinished_bytes, free_bytes;
  uint64_t reserve_bytes; /* of the free ones, kept from uploads */
};
/* Is there more than the reserve? */
bool blob_has_room(struct blob_store *store);
void blob_usage(struct blob_store *store, struct blob_usage *usage);

#endif
