/* The truth: an append-only file of entries, each `u32 length, u32 crc32c, bytes` little-endian,
 * folded into an RFC 6962 tree. Everything else in the state folder can be deleted and made again
 * from it. */
#ifndef TAMIS_JOURNAL_H
#define TAMIS_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"
#include "proto/merkle.h"

struct journal;

struct journal_entry {
  const char *bytes; /* an envelope; at most 65,535 bytes */
  size_t length;
};

/* Opens or creates `path`, takes an exclusive lock on it, and calls `visit` (may be NULL) with
 * every whole entry in order. A torn tail (an incomplete last record, or a last record with a wrong
 * checksum that reaches the end of the file) is cut, and said in
 * `*torn_bytes`; anything else that does not add up is CORRUPT and names the offset. `signed_size`
 * is how many entries the last published checkpoint covers (0: none) and `signed_root` its root:
 * fewer entries, or another root at that size, is CORRUPT too (a restored backup or an edited
 * file). A refusal leaves the file as it was. CONFLICT when another process has it open. A `visit`
 * that returns other than TAMIS_OK stops the opening with that status. */
enum tamis_status journal_open(
    const char *path, uint64_t signed_size, const struct digest *signed_root,
    enum tamis_status (*visit)(void *context, uint64_t index, const char *bytes, size_t length),
    void *context, struct journal **journal, uint64_t *torn_bytes, struct fault *fault);

/* What is known of an entry without reading it. */
struct journal_record {
  struct digest leaf;
  uint64_t end; /* in the file; the next record starts there */
};

/* As journal_open, but the first `known_count` entries are taken from `known` (borrowed for the
 * call) and not read: only what follows them is. What `known` says of their hashes is held against
 * the signed root, what it says of their places only by what follows and when they are read. So at
 * least one entry more than `known_count` must be signed (asserted). */
enum tamis_status journal_resume(const char *path, const struct journal_record *known,
                                 uint64_t known_count, uint64_t signed_size,
                                 const struct digest *signed_root, struct journal **journal,
                                 uint64_t *torn_bytes, struct fault *fault);
void journal_close(struct journal *journal);

/* Copies what is known of entries `from` to `from` + `count` - 1, which must be there. For the
 * appending thread. */
void journal_records(const struct journal *journal, uint64_t from, uint64_t count,
                     struct journal_record *records);

/* Appends and makes durable with one fdatasync; on return the tree has grown. A failed write
 * (DISK_FULL, IO) leaves the file as it was before the call. A failed fdatasync ends the process:
 * what is on disk is then unknown (DESIGN 4). */
enum tamis_status journal_append(struct journal *journal, const struct journal_entry *entries,
                                 size_t count, struct fault *fault);

/* All three for the appending thread only. */
uint64_t journal_bytes(const struct journal *journal);
uint64_t journal_size(const struct journal *journal);
const struct merkle_tree *journal_tree(const struct journal *journal);

/* Reads one entry back; `*bytes` is malloc'd, the caller frees it. NOT_FOUND past the end.
 * Thread-safe beside append. */
enum tamis_status journal_read(const struct journal *journal, uint64_t index, char **bytes,
                               size_t *length, struct fault *fault);

/* The same walk over a file that nobody serves, read-only and without lock: for `tamis verify`. A
 * torn tail is passed over: the checkpoint says whether what is missing was promised. */
enum tamis_status journal_walk(const char *path,
                               enum tamis_status (*visit)(void *context, uint64_t index,
                                                          const char *bytes, size_t length),
                               void *context, struct fault *fault);

#endif
