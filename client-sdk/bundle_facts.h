/* What is certain of a bundle before anybody asks what it means: each entry is in the log under the
 * one checkpoint, each is signed by the key that other entries in the bundle give its signer, and
 * each blob is the one that an entry names. */
#ifndef TAMIS_BUNDLE_FACTS_H
#define TAMIS_BUNDLE_FACTS_H

#include <jansson.h>
#include "client-sdk/bundle.h"
#include "proto/checkpoint.h"
#include "proto/key.h"
#include "proto/statement.h"

struct bundle_fact { /* one entry, opened */
  uint64_t index;
  struct statement statement;
  char signer[KEY_NAME_SIZE];
};

struct bundle_facts {
  const struct bundle *bundle; /* borrowed */
  struct public_key log_key, aggregator;
  struct public_key operator[8];
  size_t operator_count;
  struct checkpoint checkpoint;
  struct bundle_fact *fact; /* as bundle->entry */
  size_t count;
};

/* Trusts `log_key` and nothing else. BAD_PROOF and the rest of what may be wrong; `bundle` must
 * outlive the facts. */
enum tamis_status bundle_facts_open(const struct bundle *bundle, const struct public_key *log_key,
                                    struct bundle_facts *facts, struct fault *fault);
void bundle_facts_close(struct bundle_facts *facts);

/* The manifest `digest` of that federation and round; `*manifest` is a new reference. BAD_PROOF
 * when the bundle lacks it or it is another's. */
enum tamis_status bundle_facts_manifest(const struct bundle_facts *facts,
                                        const struct digest *digest, const char *federation,
                                        int64_t round, json_t **manifest, struct fault *fault);

/* Every file that a weight manifest in the bundle says is remembered with its model: the rule's and
 * the optimiser's. None when it is not in. */
void bundle_states(const struct bundle *bundle, const struct digest *manifest,
                   void (*each)(void *context, const struct digest *file), void *context);

/* The operator of that name, as the genesis entry has it; NULL for none. */
const struct public_key *bundle_facts_operator(const struct bundle_facts *facts, const char *name);
/* The key-enrol entry by which `client` signs at `index`; NULL when it has none there or it was
 * revoked before. */
const struct bundle_fact *bundle_facts_enrolment(const struct bundle_facts *facts,
                                                 const char *client, uint64_t index);

/* The invitation whose token that enrolment spent; NULL when it is not in. */
const struct bundle_fact *bundle_facts_invitation(const struct bundle_facts *facts,
                                                  const struct bundle_fact *enrolment);

/* Is it about `federation`, and about `round` of it? Kinds without the field are about none. */
bool bundle_fact_is_of(const struct bundle_fact *fact, const char *federation);
bool bundle_fact_is_in(const struct bundle_fact *fact, const char *federation, int64_t round);
/* The client it names; NULL for none. */
const char *bundle_fact_client(const struct bundle_fact *fact);

#endif
