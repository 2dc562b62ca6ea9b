/* What follows from the facts of a bundle, as JSON: whoever makes a bundle writes it down, whoever
 * verifies one derives it again and compares. PROTOCOL.md 11 has the list of claims. */
#ifndef TAMIS_BUNDLE_CLAIMS_H
#define TAMIS_BUNDLE_CLAIMS_H

#include "client-sdk/bundle_round.h"
#include "proto/text.h"

enum bundle_kind { BUNDLE_ROUND, BUNDLE_CLIENT, BUNDLE_MODEL };
/* "round", "client" or "model". */
const char *bundle_kind_name(enum bundle_kind kind);

/* What a bundle is about. */
struct bundle_scope {
  enum bundle_kind kind;
  char federation[TEXT_NAME_MAX + 1];
  char client[TEXT_NAME_MAX + 1]; /* of BUNDLE_CLIENT; else "" */
  int64_t *round;                 /* owned; ascending; one, but for BUNDLE_CLIENT */
  size_t round_count;
};
void bundle_scope_close(struct bundle_scope *scope);

/* The member bundle.json: canonical JSON, malloc'd, the caller frees it. BAD_PROOF when the entries
 * and manifests contradict each other, or lack what a bundle of this scope must have. */
enum tamis_status bundle_claims_write(const struct bundle_facts *facts,
                                      const struct bundle_scope *scope, char **text, size_t *length,
                                      struct fault *fault);

/* Reads the scope out of the bundle's own bundle.json, derives all of it from the facts, and
 * demands the same bytes. `*about` is a new reference to what it says. */
enum tamis_status bundle_claims_check(const struct bundle_facts *facts, struct bundle_scope *scope,
                                      json_t **about, struct fault *fault);

#endif
