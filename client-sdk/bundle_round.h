/* One round as a bundle has it: its decisions in their order, its manifests, and that they agree
 * with each other. Of a round that a rebuild made, the verdicts and updates are those of the round
 * that it redoes, which is opened with it. */
#ifndef TAMIS_BUNDLE_ROUND_H
#define TAMIS_BUNDLE_ROUND_H

#include "client-sdk/bundle_facts.h"

/* So often may one round have been redone. */
enum { BUNDLE_REDONE_MAX = 64 };

struct bundle_round {
  int64_t number;
  /* Of a rebuilt round, plan and verdicts are those of round `judged`, and aggregate is its
   * `rebuilt` entry. NULL: none; end: promote, hold or abandon. */
  const struct bundle_fact *plan, *verdicts, *aggregate, *end;
  const struct bundle_fact *order; /* the `rebuild` that it belongs to; NULL: of no rebuild */
  int64_t of;                      /* the round that it redoes; 0: none */
  int64_t judged;                  /* the round whose plan and verdicts those are */
  struct digest base;
  json_t *cohort, *judged_list, *weighed; /* owned: the manifests, NULL where the entry is */
  json_t *judged_at, *weighed_at;         /* owned: their `updates` by log index in decimal */
  json_t *redone_at; /* owned: of a rebuilt round the weights, by log index, that `of` had */
};

/* BAD_PROOF when something is missing or does not agree. A rebuild's last round may have nothing
 * but an `abandon`: then order and end are all there is. */
enum tamis_status bundle_round_open(const struct bundle_facts *facts, const char *federation,
                                    int64_t number, struct bundle_round *round,
                                    struct fault *fault);
void bundle_round_close(struct bundle_round *round);

bool bundle_round_is_rebuilt(const struct bundle_round *round);

/* The `rebuilt` entry of that round, NULL for none; and the order that entry `index` carries out,
 * which is the last one before it. */
const struct bundle_fact *bundle_round_rebuilt(const struct bundle_facts *facts,
                                               const char *federation, int64_t number);
const struct bundle_fact *bundle_round_order(const struct bundle_facts *facts,
                                             const char *federation, uint64_t index);

/* What shows on which model a rebuilt round was put: may `fact` be in a bundle for that alone, when
 * the round that follows it is a rebuilt one? */
bool bundle_round_is_footing(enum statement_kind kind);

/* The element of such an object about that entry; NULL for none. */
json_t *bundle_round_element(const json_t *by_index, int64_t index);

/* BAD_PROOF, with the round named. */
enum tamis_status bundle_round_refuse(struct fault *fault, int64_t round, const char *what);

#endif
