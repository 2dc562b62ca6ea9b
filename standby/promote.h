/* From a standby to the server of the log: only with the signer, and only with all that it signed.
 */
#ifndef TAMIS_PROMOTE_H
#define TAMIS_PROMOTE_H

#include <stdbool.h>
#include "aggregator/rpc/config.h"
#include "proto/fault.h"
#include "standby/follower.h"

/* May this standby serve? DENIED without the signer's hand-over, CONFLICT when entries that it
 * signed are missing here, FORK when it signed others than are here; each says what to do. */
enum tamis_status promote_check(const struct config *config, const struct follower *follower,
                                struct fault *fault);

/* Durable: from now on `tamisd --follow` on this folder serves. */
enum tamis_status promote_mark(const struct config *config, uint64_t entries, struct fault *fault);
bool promote_is_marked(const struct config *config);

#endif
