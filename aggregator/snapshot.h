/* The state's text and where every entry before it ends, kept so that a start need not read them
 * all. A cache of two files: anything wrong with it is an answer, not a disaster. */
#ifndef TAMIS_SNAPSHOT_H
#define TAMIS_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>
#include "aggregator/journal.h"
#include "proto/digest.h"
#include "proto/fault.h"

/* `index` holds a journal_record an entry and only grows; `snapshot` says how many of them count,
 * their checksum, and the state. Written in this order, so that a snapshot's records are always
 * there; and after the `snapshot` entry is under a published checkpoint, so that the entry is. */
struct snapshot {
  uint64_t size;                       /* entries before it; the index of its own entry */
  struct digest digest;                /* of the text */
  char *text;                          /* owned */
  size_t length;                       /* of the text, bytes */
  uint32_t records_crc;                /* of the first `size` records as they are in memory */
  const struct journal_record *record; /* mapped; NULL: not asked for */
  size_t mapped;                       /* bytes */
};

/* Reads both, checks them against each other and the text against its digest. What it says still
 * has to be held against the log. NOT_FOUND when there is none; CORRUPT when a byte is not what was
 * written. The caller closes it after TAMIS_OK. */
enum tamis_status snapshot_open(const char *folder, struct snapshot *snapshot, struct fault *fault);
void snapshot_close(struct snapshot *snapshot);
/* Without the records, which stay NULL. */
enum tamis_status snapshot_open_text(const char *folder, struct snapshot *snapshot,
                                     struct fault *fault);

/* Writes `added` records at place `size - added` and then the text. `before_crc` is of the records
 * before those. Sets `records_crc` and `digest`; borrows `text`. */
enum tamis_status snapshot_write(const char *folder, struct snapshot *snapshot,
                                 const struct journal_record *records, uint64_t added,
                                 uint32_t before_crc, struct fault *fault);
/* The next start is then a whole one. */
void snapshot_remove(const char *folder);

#endif
