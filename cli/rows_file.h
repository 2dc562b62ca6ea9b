/* Rows for robust/ out of files: one .npy of n x d numbers, or safetensors files of one layout, a
 * row each. Nothing is read before it is needed, and never all of it at once. */
#ifndef TAMIS_CLI_ROWS_FILE_H
#define TAMIS_CLI_ROWS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include "cli/mapped_file.h"
#include "proto/fault.h"
#include "proto/tensor.h"
#include "robust/rows.h"

enum { ROWS_FILE_ROWS_MAX = 1 << 20 };

struct rows_file {
  struct robust_rows
      rows; /* points into the mappings; `release` and `context` are for the caller */
  bool is_tensors;
  struct layout layout;    /* of the first safetensors file; the others have the same tensors */
  const char *const *path; /* the caller's */
  size_t file_count;
  struct mapped_file *file; /* owned */
  const void **row;         /* owned */
};

/* Opens `count` paths. WRONG_LAYOUT with a sentence that names the file when it is not rows of
 * float16, bfloat16, float32 or float64, at least one of each n and d. */
enum tamis_status rows_file_open(size_t count, const char *const *path, struct rows_file *file,
                                 struct fault *fault);
/* The same for one path that holds a single row: a .npy may be one-dimensional then. */
enum tamis_status rows_file_open_vector(const char *const *path, struct rows_file *file,
                                        struct fault *fault);
/* "float32"; lives for ever. */
const char *rows_file_dtype_name(enum robust_dtype dtype);
void rows_file_close(struct rows_file *file);

#endif
