/* What the entries so far add up to, for one purpose: to tell whether the next may follow. Written
 * apart from the server's own state, so that a fault there is not repeated here. */
#ifndef TAMIS_LOG_FOLD_H
#define TAMIS_LOG_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "client-sdk/log_people.h"
#include "client-sdk/log_verify.h"
#include "proto/text.h"

enum fold_phase { FOLD_WAITING, FOLD_COLLECTING, FOLD_JUDGED, FOLD_AGGREGATED };

enum { FOLD_PERSONS_MAX = 64 };

struct fold_client {
  char name[TEXT_NAME_MAX + 1], organisation[TEXT_NAME_MAX + 1];
  struct public_key key;
  bool revoked;
};

struct fold_invitation {
  struct digest token;
  char client[TEXT_NAME_MAX + 1], organisation[TEXT_NAME_MAX + 1];
  bool used;
};

struct fold_update {
  size_t client;
  uint64_t index;
  struct digest digest;
};

struct fold_federation {
  char name[TEXT_NAME_MAX + 1], rule[401], optimiser[401]; /* optimiser "": none */
  size_t shadows;                                          /* rules beside the plan's */
  int64_t shadowed_round; /* the last that they have seen; 0: none */
  struct digest layout, head;
  int64_t parameters, round, keep_rounds; /* keep_rounds 0: all */
  int64_t policy_version;                 /* in force for the next round */
  int64_t witness_organisations, witness_per_organisation;
  uint64_t aggregate_index; /* of the round under way */
  bool is_witnessed;
  char gates[401];
  size_t gate_at; /* where in them the gate stands that the candidate waits for */
  char person[FOLD_PERSONS_MAX][KEY_NAME_SIZE]; /* who has spoken about it */
  size_t person_count, evaluation_count;
  bool is_rejected, is_frozen, frozen_before_rebuild;
  enum fold_phase phase;
  struct digest base, candidate, verdicts;
  struct fold_update *update; /* of the round under way */
  size_t update_count, update_capacity;
  struct digest *model; /* [round]: what it promoted or rebuilt, zero for nothing; [0]: the first */
  size_t model_capacity;
  int64_t *base_round; /* [round]: whose model it started from */
  size_t base_round_capacity;
  int64_t head_round;
  struct fold_rebuild { /* under way from a rebuild to the promote, hold or abandon that ends it */
    bool is_under_way;
    int64_t since, last_of, base_round; /* last_of: the last round redone, 0: none yet */
    bool *without;                      /* [client] */
    size_t without_capacity;
    bool is_useful; /* some round came to a new model */
  } rebuild;
  bool *excluded; /* [client] */
  size_t excluded_capacity;
  struct fold_review { /* of an update that was held or rejected: the first decision about it */
    size_t client;
    int64_t round;
    uint64_t index;
  } * review;
  size_t review_count, review_capacity;
};

struct fold {
  int64_t feed_version; /* of what is known to be bad; 0: none yet */
  struct public_key log_key, aggregator;
  struct log_people people;
  struct fold_client *client;
  size_t client_count, client_capacity;
  uint32_t *slot; /* open addressing over names: 0 is empty, else position + 1 */
  size_t slot_count;
  struct fold_invitation *invitation;
  size_t invitation_count, invitation_capacity;
  struct fold_federation *federation;
  size_t federation_count, federation_capacity;
  struct log_report *report; /* borrowed: where divergences are described */
};

void fold_close(struct fold *fold);

/* Were those who signed the ones who must have, here, and do all signatures verify? */
enum tamis_status fold_signatures(struct fold *fold, const struct statement *statement,
                                  const struct envelope *envelope);
/* Checks that the statement by `signer` may stand at `index`, and takes it in. */
enum tamis_status fold_entry(struct fold *fold, uint64_t index, const struct statement *statement,
                             const char *signer);

/* A client by name, NULL when none was enrolled. */
const struct fold_client *fold_client_of(const struct fold *fold, const char *name);
/* The federation that a statement just taken in speaks of. */
const struct fold_federation *fold_federation_of(const struct fold *fold,
                                                 const struct statement *statement);

/* Is the client left out by the federation's rebuild under way? Nobody unknown may be in it. */
bool fold_is_without(const struct fold *fold, const struct fold_federation *federation,
                     const char *client);

/* Describes the divergence and returns BAD_PROOF. */
enum tamis_status fold_differs(struct log_report *report, const char *expected, const char *found,
                               ...) __attribute__((format(printf, 3, 4)));

#endif
