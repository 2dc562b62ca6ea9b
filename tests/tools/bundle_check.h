/* All that `tamis verify` checks of a bundle that was read, without the sentences. */
#ifndef TAMIS_TEST_BUNDLE_CHECK_H
#define TAMIS_TEST_BUNDLE_CHECK_H

#include "client-sdk/bundle_provenance.h"

static inline enum tamis_status
bundle_check(const struct bundle *bundle, const struct public_key *log_key, struct fault *fault) {
  struct bundle_facts facts;
  struct bundle_scope scope;
  char signer[KEY_NAME_SIZE];
  json_t *about;
  enum tamis_status status = bundle_facts_open(bundle, log_key, &facts, fault);
  if (status != TAMIS_OK) return status;
  status = bundle_claims_check(&facts, &scope, &about, fault);
  if (status == TAMIS_OK) {
    status = bundle_provenance_check(&facts, &scope, signer, fault);
    json_decref(about);
    bundle_scope_close(&scope);
  }
  bundle_facts_close(&facts);
  return status;
}

#endif
