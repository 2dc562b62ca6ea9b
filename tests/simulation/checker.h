/* A second opinion on a log: the invariants of trust.md 4.4, checked from the entries alone by code
 * that shares nothing with the decider. */
#ifndef TAMIS_SIMULATION_CHECKER_H
#define TAMIS_SIMULATION_CHECKER_H

#include <stddef.h>
#include "aggregator/blob.h"
#include "proto/statement.h"

/* The optimiser whose every step the checker follows; under another, or none, nothing is to be
 * remembered. */
#define CHECKER_MOMENTUM "momentum(beta=0.5)"

struct checker;

struct checker *checker_new(const char *origin, struct blob_store *blobs);
void checker_free(struct checker *checker);

/* The next entry. NULL when it keeps all invariants, else the one that it breaks. */
const char *checker_entry(struct checker *checker, const char *envelope, size_t length);
/* After the last entry: NULL, or what is missing. */
const char *checker_end(const struct checker *checker);

/* The head that the log adds up to, of the one federation. */
struct digest checker_head(const struct checker *checker);

#endif
