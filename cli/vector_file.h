/* One row on its own: a vector that the rows are compared with, and the results. */
#ifndef TAMIS_CLI_VECTOR_FILE_H
#define TAMIS_CLI_VECTOR_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include "cli/durable_file.h"
#include "cli/rows_file.h"
#include "proto/fault.h"

struct vector_file {
  const void *values; /* d floats, or doubles: see vector_file_open; NULL: not open */
  void *converted;    /* owned; NULL when the file itself has them so */
  struct rows_file file;
};

/* Reads a vector to go with `rows`: a .npy of d or 1 x d numbers, or a safetensors file. `values`
 * are doubles when the rows are ROBUST_F64, else floats; what is exact is converted, and float64
 * beside other rows is refused. NOT_FINITE names the place. `path` must outlive it. */
enum tamis_status vector_file_open(const char *const *path, const struct robust_rows *rows,
                                   int threads, struct vector_file *vector, struct fault *fault);
void vector_file_close(struct vector_file *vector);

/* Copies one row as floats, or as doubles if the row is ROBUST_F64 or `as_double`: exactly. */
enum tamis_status vector_copy(const struct robust_rows *one, bool as_double, int threads, void *out,
                              struct fault *fault);

/* A result on its way into a file: zeros until somebody computes into `values`. */
struct vector_draft {
  struct durable_draft draft;
  void *values;
};

/* BAD_REQUEST unless the name ends in .npy or .safetensors. */
enum tamis_status vector_draft_check(const char *path, struct fault *fault);
/* Room for what comes of the rows of `file`: doubles when they are ROBUST_F64, else floats. A
 * .safetensors has the layout and metadata of the inputs, or with .npy inputs one tensor
 * "aggregate". */
enum tamis_status vector_draft_open(const char *path, const struct rows_file *file,
                                    struct vector_draft *vector, struct fault *fault);
/* A .npy of float32 or float64 with any name: rank 1 if `n` is 0, else n x d. */
enum tamis_status vector_draft_open_npy(const char *path, size_t n, size_t d, bool is_double,
                                        struct vector_draft *vector, struct fault *fault);
enum tamis_status vector_draft_commit(struct vector_draft *vector, struct fault *fault);
/* Of one never opened or committed: nothing. */
void vector_draft_close(struct vector_draft *vector);

#endif
