/* The journal folded into SQLite, for questions: rows, never decisions. Delete tamis.db and a start
 * makes it again. */
#ifndef TAMIS_PROJECTION_H
#define TAMIS_PROJECTION_H

#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"
#include "proto/statement.h"

struct projection;

/* One connection, exclusive locking, WAL, DEFENSIVE, TRUSTED_SCHEMA off. A file of another schema
 * version is removed and begun again. `path` may be ":memory:". */
enum tamis_status projection_open(const char *path, struct projection **projection,
                                  struct fault *fault);
void projection_close(struct projection *projection);

/* Entries already folded: a start feeds the rest from the journal. */
uint64_t projection_applied(const struct projection *projection);

/* One transaction around the entries of a group commit. `index` must be projection_applied(). A
 * failure of apply or commit rolls the whole transaction back, and projection_applied() with it.
 * `manifest` is the JSON of the blob that the entry is about: the verdicts of a `verdicts` entry,
 * the weights of an `aggregate` entry, and for a `rollback` the verdicts of the round it returns to
 * (histories go back with the model). NULL for other kinds, for a rollback to round 0, and when the
 * blob is lost: the rows then stay without what it would have said. CORRUPT when the manifest lacks
 * a field. */
enum tamis_status projection_begin(struct projection *projection, struct fault *fault);
enum tamis_status projection_apply(struct projection *projection, uint64_t index,
                                   const struct statement *statement, const char *signer,
                                   size_t envelope_length, const json_t *manifest,
                                   struct fault *fault);
enum tamis_status projection_commit(struct projection *projection, struct fault *fault);

/* A query of PROTOCOL.md 7 by name: one row of a table each, with its SQL. At most `limit` rows
 * after cursor `after`; `*rows` is a malloc'd JSON array, the caller frees it; `*next` 0 when there
 * is no more. A value that is not known yet is null. An argument that PROTOCOL.md lets be "" may be
 * left out, and `status` takes one more than there: the root of the log in hex, which is no fold
 * over rows (null without it). NOT_FOUND for an unknown name, BAD_REQUEST for a wrong number of
 * arguments. */
enum tamis_status projection_query(struct projection *projection, const char *name,
                                   size_t argument_count, const char *const *arguments,
                                   uint64_t after, size_t limit, char **rows, uint64_t *next,
                                   struct fault *fault);

/* Everything in the tables as text in a fixed order, to compare a rebuilt file with the old one. */
enum tamis_status projection_dump(struct projection *projection, char **text, struct fault *fault);

#endif
