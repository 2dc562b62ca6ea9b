/* An envelope that was opened against the state: what it says, and that the right key signed it.
 * The same check at the door, when the journal is folded, and in an audit. */
#ifndef TAMIS_ENTRY_H
#define TAMIS_ENTRY_H

#include <stddef.h>
#include "aggregator/duties.h"
#include "aggregator/state.h"
#include "proto/fault.h"
#include "proto/statement.h"

struct entry {
  struct statement statement;
  struct digest envelope;              /* SHA-256 of its bytes */
  char signers[ENVELOPE_SIGNERS_SIZE]; /* all of them, as people read it */
  bool is_of_people;
  char signer[KEY_NAME_SIZE]; /* of people: who fills the first place of duties.h */
  size_t cosigner_count;
  char cosigner[DUTIES_SIGNERS_MAX - 1][KEY_NAME_SIZE]; /* the others, in byte order */
};

/* Strict parse, the roles that the kind asks for, held at the log's own time, exactly as many
 * signatures as it needs, sorted by keyid, each by the key as the state knows it now.
 * BAD_STATEMENT, WRONG_ORIGIN, DENIED (a key of another role), UNKNOWN_CLIENT, BAD_SIGNATURE,
 * KEY_REVOKED. On refusal `entry` needs no close. */
enum tamis_status entry_open(const struct state *state, const char *bytes, size_t length,
                             struct entry *entry, struct fault *fault);
/* NULL past the last. */
const char *entry_cosigner(const struct entry *entry, size_t index);
void entry_close(struct entry *entry);

#endif
