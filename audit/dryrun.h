/* What another policy would have said to the same rounds: stored evidence judged again by the
 * judge's own code, histories carried from round to round, beside what happened. No update is read.
 */
#ifndef TAMIS_DRYRUN_H
#define TAMIS_DRYRUN_H

#include <jansson.h>
#include <stdint.h>
#include "aggregator/policy.h"
#include "audit/archive.h"

/* Details of more changes than this are left out of a report, which says so; counts are of all. */
enum { DRYRUN_CHANGES_MAX = 20000 };

struct dryrun_question {
  const char *federation;
  const json_t *policy; /* an object of f64, as statements carry it */
  int64_t first, last;  /* rounds; 0: from the first, to the last */
  /* Now and then: so many entries of `total` were read. NULL: not told. */
  void (*progress)(void *context, uint64_t entries, uint64_t total);
  void *context;
};

/* `folder` and `log_vkey` as for archive_open. `*report` is canonical JSON (docs/policy.md says
 * what is in it), so that it has one digest; a new reference. Where other clients would have voted
 * or other updates been copies, evidence is measured again from the logged Gram matrix, else it is
 * that of the verdict manifest: O(n) a round, O(n^2) for those. UNKNOWN_FEDERATION; NOT_FOUND when
 * no round of the range was judged; BAD_STATEMENT when the policy is none. */
enum tamis_status dryrun(const char *folder, const char *log_vkey,
                         const struct dryrun_question *question, json_t **report,
                         struct fault *fault);

#endif
