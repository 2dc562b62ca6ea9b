/* The demo's result for machines: one JSON object. */
#ifndef TAMIS_LAB_DEMO_REPORT_H
#define TAMIS_LAB_DEMO_REPORT_H

#include <stdbool.h>
#include "lab/demo/board.h"
#include "lab/demo/cast.h"
#include "lab/demo/options.h"

/* Writes FILE (replaced as a whole). `verify` is "ok" or what `tamis verify` said instead.
 * Accuracies are fractions. */
bool report_write(const char *path, const struct demo_options *options, struct board *board,
                  const struct cast *cast, const char *verify);

#endif
