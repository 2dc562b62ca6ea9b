/* Who of the people may say what, as a verifier reads it from PROTOCOL.md: apart from the server's
 * own table, so that a fault there is not repeated here. Part of log_fold. */
#ifndef TAMIS_LOG_PEOPLE_H
#define TAMIS_LOG_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/envelope.h"
#include "proto/key.h"
#include "proto/statement.h"

enum { LOG_ROLES = 6 };

struct log_person {
  struct public_key key;
  bool holds[LOG_ROLES];
  int64_t not_after[LOG_ROLES]; /* unix seconds; 0: no end */
};

/* All zero is nobody. */
struct log_people {
  struct log_person *person; /* owned */
  size_t count, capacity;
  bool is_separated;
  int64_t latest_ms; /* told by the aggregator's entries so far */
};

void log_people_close(struct log_people *people);
/* NULL for nobody. */
const struct log_person *log_people_find(const struct log_people *people, const char *name);

/* The operators that the genesis names. False when one is no key. */
bool log_people_begin(struct log_people *people, const struct statement *genesis);
/* What the aggregator's entries tell of the time. */
void log_people_hear(struct log_people *people, const struct statement *statement);

/* NULL when the envelope's signers are known, sorted, each once, as many as the kind takes, and
 * hold the roles; else what is wrong with them. Whether the signatures verify is not looked at.
 * `is_known_client`: an invitation's client was here before. */
const char *log_people_fault(const struct log_people *people, const struct statement *statement,
                             const struct envelope *envelope, bool is_known_client);
/* NULL unless somebody signs what is for themselves; else who. */
const char *log_people_own(const struct log_people *people, const struct statement *statement,
                           const struct envelope *envelope);

/* NULL, or why duties cannot be separated now. */
const char *log_people_separate(struct log_people *people);
/* False when nobody of the key's name is a person. */
bool log_people_rotate(struct log_people *people, const struct public_key *key);
/* Take in a role-grant or role-revoke. NULL, or what is wrong with it. */
const char *log_people_grant(struct log_people *people, const struct statement *statement);
const char *log_people_revoke(struct log_people *people, const struct statement *statement);

#endif
