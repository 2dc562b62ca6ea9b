/* The log's entries as log lines: what somebody reads at three in the morning before asking
 * `tamis`. */
#ifndef TAMIS_CHRONICLE_H
#define TAMIS_CHRONICLE_H

#include "aggregator/rpc/log.h"
#include "proto/statement.h"

/* One line about an entry that has become durable; updates, of which there are many, at debug
 * level. `log` is a `const struct log *`: the shape core_options.on_entry wants. */
void chronicle_tell(void *log, const struct statement *statement);

#endif
