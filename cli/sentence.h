/* A log entry told in one line, for those who read the log rather than parse it. */
#ifndef TAMIS_CLI_SENTENCE_H
#define TAMIS_CLI_SENTENCE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/statement.h"

enum { SENTENCE_SIZE = 640 };

/* Of a statement that statement_read accepted. Printable ASCII, terminated. */
void sentence_of(const struct statement *statement, char out[SENTENCE_SIZE]);

/* An entry of the log as a row: index, kind, federation, round, client, signer, size, sentence,
 * statement (null when it is none of this log: `sentence` then says why). Never NULL; a new
 * reference. Takes any bytes. */
json_t *sentence_entry(const char *origin, uint64_t index, const char *envelope, size_t length);

#endif
