/* What witnesses vouched for before a round's model was promoted, as far as a bundle has it. */
#ifndef TAMIS_BUNDLE_WITNESS_H
#define TAMIS_BUNDLE_WITNESS_H

#include "client-sdk/bundle_round.h"

/* `*entry` is the round's `witnessed`, NULL for none. With its manifest in the bundle, each
 * cosignature must be of a client whose key is in it and good there, they must be as many and of as
 * many organisations as the entry says and the federation requires, and the tree that they cosigned
 * must hold the aggregate and go on to the bundle's checkpoint: `*clients` is a new reference to
 * their names, else NULL. BAD_PROOF. */
enum tamis_status bundle_witnesses_check(const struct bundle_facts *facts, const char *federation,
                                         const struct bundle_round *round,
                                         const struct bundle_fact **entry, json_t **clients,
                                         struct fault *fault);

/* Every signature on the bundle's checkpoint beside the log's must be a cosignature of it by a
 * client whose key is in the bundle and good there. `*clients` is a new reference to their names,
 * in the order of the lines; `*organisations`, of how many they are. BAD_PROOF. */
enum tamis_status bundle_cosigners_check(const struct bundle_facts *facts, json_t **clients,
                                         int64_t *organisations, struct fault *fault);

#endif
