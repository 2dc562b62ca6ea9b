/* Short lists of numbers beside the rows: examples of each client, a permutation. */
#ifndef TAMIS_CLI_NUMBER_FILE_H
#define TAMIS_CLI_NUMBER_FILE_H

#include <stddef.h>
#include "proto/fault.h"

enum { NUMBER_FILE_BYTES_MAX = 64 << 20 };

/* Exactly `count` finite numbers out of a JSON list or a one-dimensional .npy. WRONG_LAYOUT with a
 * sentence that names the file otherwise. */
enum tamis_status number_file_read(const char *path, size_t count, double *out,
                                   struct fault *fault);
/* The same, each 0 or more. */
enum tamis_status number_file_read_counts(const char *path, size_t count, double *out,
                                          struct fault *fault);
/* The same, each of 0 .. count - 1 once. */
enum tamis_status number_file_read_permutation(const char *path, size_t count, size_t *out,
                                               struct fault *fault);

#endif
