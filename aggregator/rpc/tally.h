/* How many streams and uploads each principal has open, so that one cannot take what all need. */
#ifndef TAMIS_TALLY_H
#define TAMIS_TALLY_H

#include <stdint.h>
#include "proto/fault.h"

enum tally_kind { TALLY_STREAMS, TALLY_UPLOADS, TALLY_KINDS };

struct tally;

/* `most[kind]`: how many of a kind one principal may have. Any thread may call the functions below.
 */
struct tally *tally_new(const uint32_t most[TALLY_KINDS]);
void tally_free(struct tally *tally);

/* RATE_LIMITED when the principal has its share; else to be followed by one tally_leave. */
enum tamis_status tally_enter(struct tally *tally, const char *principal, enum tally_kind kind,
                              struct fault *fault);
void tally_leave(struct tally *tally, const char *principal, enum tally_kind kind);
/* How many principals have something open, and how many of a kind there are in all. */
uint64_t tally_principals(struct tally *tally);
uint64_t tally_count(struct tally *tally, enum tally_kind kind);

#endif
