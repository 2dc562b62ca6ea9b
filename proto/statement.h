/* What is signed: in-toto Statements of the kinds in PROTOCOL.md, each kind a row of fields with
 * types and bounds. */
#ifndef TAMIS_STATEMENT_H
#define TAMIS_STATEMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"
#include "proto/envelope.h"
#include "proto/fault.h"
#include "proto/key.h"

/* name in predicateType and in the log; who signs it */
#define STATEMENT_KIND_MAP(X)                                                                      \
  X(GENESIS, "genesis", "operator")                                                                \
  X(FEDERATION_CREATE, "federation-create", "operator")                                            \
  X(CLIENT_INVITE, "client-invite", "operator")                                                    \
  X(KEY_ENROL, "key-enrol", "client")                                                              \
  X(KEY_REVOKE, "key-revoke", "operator")                                                          \
  X(ROLE_GRANT, "role-grant", "operator")                                                          \
  X(ROLE_REVOKE, "role-revoke", "operator")                                                        \
  X(SEPARATION, "separation", "operator")                                                          \
  X(PROPOSAL, "proposal", "operator")                                                              \
  X(KEY_ROTATE, "key-rotate", "holder")                                                            \
  X(ROUND_OPEN, "round-open", "aggregator")                                                        \
  X(UPDATE, "update", "client")                                                                    \
  X(REFUSAL, "refusal", "aggregator")                                                              \
  X(VERDICTS, "verdicts", "aggregator")                                                            \
  X(CLIENT_STATE, "client-state", "aggregator")                                                    \
  X(AGGREGATE, "aggregate", "aggregator")                                                          \
  X(WITNESSED, "witnessed", "aggregator")                                                          \
  X(SHADOW, "shadow", "aggregator")                                                                \
  X(PROMOTE, "promote", "aggregator")                                                              \
  X(HOLD, "hold", "aggregator")                                                                    \
  X(ABANDON, "abandon", "aggregator")                                                              \
  X(EXCLUSION, "exclusion", "operator")                                                            \
  X(REINSTATEMENT, "reinstatement", "operator")                                                    \
  X(ROLLBACK, "rollback", "operator")                                                              \
  X(REBUILD, "rebuild", "operator")                                                                \
  X(REBUILT, "rebuilt", "aggregator")                                                              \
  X(SNAPSHOT, "snapshot", "aggregator")                                                            \
  X(RETENTION, "retention", "operator")                                                            \
  X(DISPUTE, "dispute", "operator")                                                                \
  X(TOMBSTONE, "tombstone", "aggregator")                                                          \
  X(POLICY_SET, "policy-set", "operator")                                                          \
  X(GATE, "gate", "aggregator")                                                                    \
  X(APPROVAL, "approval", "operator")                                                              \
  X(FREEZE, "freeze", "operator")                                                                  \
  X(UNFREEZE, "unfreeze", "operator")                                                              \
  X(AUTO_FREEZE, "auto-freeze", "aggregator")                                                      \
  X(REVIEW, "review", "operator")                                                                  \
  X(AMENDED, "amended", "aggregator")                                                              \
  X(EVALUATION, "evaluation", "operator")                                                          \
  X(AUTO_ROLLBACK, "auto-rollback", "aggregator")                                                  \
  X(KNOWN_BAD, "known-bad", "operator")

enum statement_kind {
#define X(name, text, signer) STATEMENT_##name,
  STATEMENT_KIND_MAP(X)
#undef X
      STATEMENT_KIND_COUNT
};

/* "round-open"; never NULL. */
const char *statement_kind_name(enum statement_kind kind);
/* "aggregator", "client", "operator" (people: section 11 says which), or "holder", whose key it is
 * about: whose key must sign it. */
const char *statement_kind_signer(enum statement_kind kind);
/* False for a name that is not in the list. */
bool statement_kind_from_name(const char *name, enum statement_kind *kind);

/* The words of PROTOCOL.md 2 for what a field may hold. */
enum statement_type {
  STATEMENT_NAME,
  STATEMENT_TEXT,
  STATEMENT_INTEGER,
  STATEMENT_F64,
  STATEMENT_DIGEST,
  STATEMENT_HEX16,
  STATEMENT_VKEY,
  STATEMENT_VKEYS,
  STATEMENT_NAMES,
  STATEMENT_POLICY,
};

struct statement_field {
  const char *name;
  enum statement_type type;
  int64_t min, max; /* of an integer, or of how many a list or an object holds; else 0 */
  bool is_optional; /* may be left out, and then the statement has no such key */
};

/* The row of a kind, field by field in the order of PROTOCOL.md; NULL past the end. */
const struct statement_field *statement_kind_field(enum statement_kind kind, size_t index);
/* What the kind's subjects are called, in order; NULL past the end. */
const char *statement_kind_subject(enum statement_kind kind, size_t index);
/* "digest"; never NULL. */
const char *statement_type_name(enum statement_type type);

enum {
  STATEMENT_SUBJECTS_MAX = 2,
  STATEMENT_POLICIES_MAX = 1000, /* versions of one federation's policy */
};

struct statement {
  enum statement_kind kind;
  json_t *root;            /* owned */
  const json_t *predicate; /* borrowed from root */
  size_t subject_count;    /* 1 or 2 */
  struct digest subject[STATEMENT_SUBJECTS_MAX];
  const char *subject_name[STATEMENT_SUBJECTS_MAX]; /* borrowed from root */
};

/* Canonical payload of one statement. `predicate` is borrowed. `subject_name[i]` names
 * `subject[i]`; count is 1 or 2. Checks the predicate against the kind's row, so that nothing we
 * write is refused by our own reader.
 * `*payload` is malloc'd, the caller frees it. */
enum tamis_status statement_write(const char *origin, enum statement_kind kind,
                                  const json_t *predicate, size_t subject_count,
                                  const char *const *subject_name, const struct digest *subject,
                                  char **payload, size_t *length, struct fault *fault);

/* Strict: canonical, known kind, `origin` (WRONG_ORIGIN otherwise), every field of the row present
 * with its type and bounds unless it is optional, no other field. */
enum tamis_status statement_read(const char *payload, size_t length, const char *origin,
                                 struct statement *statement, struct fault *fault);
void statement_close(struct statement *statement);

/* Fields that statement_read has already checked; assert on a wrong name or type. Text is a view.
 */
const char *statement_text(const struct statement *statement, const char *field);
/* Of an optional field; "" when it was left out. */
const char *statement_optional(const struct statement *statement, const char *field);
int64_t statement_integer(const struct statement *statement, const char *field);
/* Of an optional field; `otherwise` when it was left out. */
int64_t statement_optional_integer(const struct statement *statement, const char *field,
                                   int64_t otherwise);
double statement_f64(const struct statement *statement, const char *field);
struct digest statement_digest(const struct statement *statement, const char *field);

/* Convenience both sides use: write, then sign. `*envelope` is malloc'd, the caller frees it. */
enum tamis_status statement_sign(const char *origin, enum statement_kind kind,
                                 const json_t *predicate, size_t subject_count,
                                 const char *const *subject_name, const struct digest *subject,
                                 const struct secret_key *key, char **envelope, size_t *length,
                                 struct fault *fault);

#endif
