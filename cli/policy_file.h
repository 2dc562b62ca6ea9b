/* A policy as people write it: one `threshold: number` a line, YAML or the JSON that is YAML too.
 */
#ifndef TAMIS_CLI_POLICY_FILE_H
#define TAMIS_CLI_POLICY_FILE_H

#include <jansson.h>
#include "proto/fault.h"

/* `*policy` is what a statement carries, an object of f64, without what was wrong. `*findings` is
 * an array of {"line", "threshold", "sentence", "level": "error"}, empty when all is well: unknown
 * and repeated thresholds, what is no number, what is out of its bounds. Both are new references.
 * NOT_FOUND or IO when there is no such file, TOO_LARGE, BAD_REQUEST when it is no such document
 * at all. */
enum tamis_status policy_file_read(const char *path, json_t **policy, json_t **findings,
                                   struct fault *fault);

/* The same when only a good policy will do: BAD_REQUEST with the first finding. */
enum tamis_status policy_file_read_good(const char *path, json_t **policy, struct fault *fault);

#endif
