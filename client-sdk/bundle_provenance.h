/* How a model came about, in the words that supply-chain tools read: an in-toto statement with SLSA
 * provenance v1, derived from a bundle's entries and weights. */
#ifndef TAMIS_BUNDLE_PROVENANCE_H
#define TAMIS_BUNDLE_PROVENANCE_H

#include "client-sdk/bundle_claims.h"

/* Does a bundle of this scope carry one? Of every model but the first, which was made by no round.
 */
bool bundle_provenance_is_due(const struct bundle_scope *scope);

/* The member: a DSSE envelope by `operator`, or with NULL the bare statement. Canonical JSON,
 * malloc'd, the caller frees it. */
enum tamis_status bundle_provenance_write(const struct bundle_facts *facts,
                                          const struct bundle_scope *scope,
                                          const struct secret_key *operator, char ** text,
                                          size_t *length, struct fault *fault);

/* The bundle's member must be there exactly when it is due, say exactly what follows from the
 * entries, and if signed be so by an operator whom the genesis names: `signer` gets that name, ""
 * when it is not signed or not due. */
enum tamis_status bundle_provenance_check(const struct bundle_facts *facts,
                                          const struct bundle_scope *scope,
                                          char signer[KEY_NAME_SIZE], struct fault *fault);

#endif
