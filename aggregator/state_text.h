/* The whole state as text, one line a field in one fixed order: what a `snapshot` entry's digest is
 * of, and what a start reads instead of folding the log from its first entry (PROTOCOL.md 10). */
#ifndef TAMIS_STATE_TEXT_H
#define TAMIS_STATE_TEXT_H

#include <stddef.h>
#include "aggregator/state.h"
#include "proto/digest.h"
#include "proto/fault.h"

/* Another number when the lines change: a state of another format is not read, and the log is
 * folded from its beginning. */
enum { STATE_FORMAT = 2 };

/* `*text` is malloc'd, the caller frees it. Without memory the process ends, as for the state. */
void state_text_write(const struct state *state, char **text, size_t *length);
struct digest state_text_digest(const struct state *state);

/* The state back; the caller frees it. CORRUPT unless it is exactly what state_text_write writes
 * for a log of this key. Bounded by the text's own length: but whether it is the state of a log is
 * for the caller to know, by its digest. */
enum tamis_status state_text_read(const char *text, size_t length, const struct public_key *log_key,
                                  struct state **state, struct fault *fault);

#endif
