/* The rounds that a model descends from, one after the other: which computations made it what it
 * is. */
#ifndef TAMIS_DESCENT_H
#define TAMIS_DESCENT_H

#include "audit/archive.h"

struct descent {
  const struct federation *federation; /* lent by the archive */
  const struct archive_round **round;  /* owned; the earliest first; each was promoted */
  size_t count;
};

enum { DESCENT_HEAD = -1 };

/* From the first model, or from round `since`, to the model of `round` (DESCENT_HEAD: of the head),
 * in an archive that was walked and has kept the rounds. UNKNOWN_FEDERATION; NOT_FOUND when the
 * round has no model; BAD_REQUEST when none of the rounds is as late as `since`, unless `since` is
 * 0. The caller closes the descent, also after a refusal. */
enum tamis_status descent_open(const struct archive *archive, const char *federation, int64_t since,
                               int64_t round, struct descent *descent, struct fault *fault);
void descent_close(struct descent *descent);

/* The round of this number as it is in the log, whatever became of it; NULL when there is none. */
const struct archive_round *descent_round(const struct archive *archive, const char *federation,
                                          int64_t round);

#endif
