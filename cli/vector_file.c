/* Conversion is left to robust/: a row times 1 is the row. */
#include "cli/vector_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/finite.h"
#include "cli/npy.h"
#include "robust/kernel.h"

/* ---- in ---- */

enum tamis_status vector_copy(const struct robust_rows *one, bool as_double, int threads, void *out,
                              struct fault *fault) {
  static const double weight = 1;
  struct robust_error error;
  size_t bytes = (robust_weighted_sum_scratch_bytes(1, threads) / 64 + 1) * 64;
  struct robust_scratch scratch = {
      .memory = aligned_alloc(64, bytes), .bytes = bytes, .threads = threads};
  if (scratch.memory == NULL) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum robust_status status =
      as_double || one->dtype == ROBUST_F64
          ? robust_weighted_sum_f64(one, &weight, NULL, &scratch, out, &error)
          : robust_weighted_sum(one, &weight, NULL, &scratch, out, &error);
  free(scratch.memory);
  if (status == ROBUST_OK) return TAMIS_OK;
  return fault_set(fault, TAMIS_INTERNAL, "robust: %s", error.text);
}

static enum tamis_status check(const char *path, const struct robust_rows *vector,
                               const struct robust_rows *rows, int threads, struct fault *fault) {
  size_t i, k;
  if (vector->n != 1 || vector->d != rows->d)
    return fault_set(fault, TAMIS_WRONG_LAYOUT, "%s holds %zu x %zu numbers, and a row has %zu",
                     path, vector->n, vector->d, rows->d);
  if (vector->dtype == ROBUST_F64 && rows->dtype != ROBUST_F64)
    return fault_set(fault, TAMIS_WRONG_LAYOUT,
                     "%s is float64 and the rows are %s: save it as float32", path,
                     rows_file_dtype_name(rows->dtype));
  if (finite_find_odd(vector, threads, false, &i, &k))
    return fault_set(fault, TAMIS_NOT_FINITE, "%s: coordinate %zu is %s", path, k,
                     finite_words(vector, i, k));
  return TAMIS_OK;
}

enum tamis_status vector_file_open(const char *const *path, const struct robust_rows *rows,
                                   int threads, struct vector_file *vector, struct fault *fault) {
  bool as_double = rows->dtype == ROBUST_F64;
  *vector = (struct vector_file){.values = NULL};
  enum tamis_status status = rows_file_open_vector(path, &vector->file, fault);
  if (status != TAMIS_OK) return status;
  const struct robust_rows *found = &vector->file.rows;
  status = check(*path, found, rows, threads, fault);
  if (status != TAMIS_OK) goto out;
  vector->values = found->row[0];
  if (found->dtype == (as_double ? ROBUST_F64 : ROBUST_F32)) goto out;
  vector->values = vector->converted = calloc(rows->d, as_double ? sizeof(double) : sizeof(float));
  status = vector->converted == NULL
               ? fault_plain(fault, TAMIS_NO_MEMORY)
               : vector_copy(found, as_double, threads, vector->converted, fault);
out:
  if (status != TAMIS_OK) vector_file_close(vector);
  return status;
}

void vector_file_close(struct vector_file *vector) {
  rows_file_close(&vector->file);
  free(vector->converted);
  *vector = (struct vector_file){.values = NULL};
}

/* ---- out ---- */

static bool ends_in(const char *path, const char *end) {
  size_t length = strlen(path), tail = strlen(end);
  return length > tail && strcmp(path + length - tail, end) == 0;
}

enum tamis_status vector_draft_check(const char *path, struct fault *fault) {
  if (ends_in(path, ".npy") || ends_in(path, ".safetensors")) return TAMIS_OK;
  return fault_set(fault, TAMIS_BAD_REQUEST, "%s ends in neither .npy nor .safetensors", path);
}

/* A file of `header` and room for `count` numbers after it. */
static enum tamis_status draft(const char *path, const uint8_t *header, size_t length, size_t count,
                               bool is_double, struct vector_draft *vector, struct fault *fault) {
  size_t size = count * (is_double ? sizeof(double) : sizeof(float));
  *vector = (struct vector_draft){.values = NULL};
  enum tamis_status status = durable_draft_open(path, length + size, &vector->draft, fault);
  if (status != TAMIS_OK) return status;
  memcpy(vector->draft.bytes, header, length);
  vector->values = vector->draft.bytes + length;
  return TAMIS_OK;
}

enum tamis_status vector_draft_open_npy(const char *path, size_t n, size_t d, bool is_double,
                                        struct vector_draft *vector, struct fault *fault) {
  const uint64_t shape[] = {n, d};
  uint8_t header[NPY_WRITTEN_MAX];
  size_t length = npy_header_write(is_double ? NPY_F64 : NPY_F32, n == 0 ? 1 : 2,
                                   n == 0 ? shape + 1 : shape, header);
  return draft(path, header, length, (n == 0 ? 1 : n) * d, is_double, vector, fault);
}

/* One tensor for rows that came without names. */
static enum tamis_status make_layout(size_t d, struct layout *layout, struct fault *fault) {
  struct tensor tensor = {.name = "aggregate", .rank = 1, .shape = {d}};
  return layout_make(&tensor, 1, layout, fault);
}

/* The inputs' own header bytes where they can stay: then the layout has the same digest. */
static enum tamis_status open_tensors(const char *path, const struct rows_file *file,
                                      struct vector_draft *vector, struct fault *fault) {
  bool is_double = file->rows.dtype == ROBUST_F64;
  bool stays = file->is_tensors && (is_double || file->rows.dtype == ROBUST_F32) &&
               file->layout.header_size % sizeof(double) == 0;
  struct layout made = {.tensor_count = 0};
  uint8_t *bytes = NULL;
  size_t length = 0;
  if (stays)
    return draft(path, file->layout.header, file->layout.header_size, file->rows.d, is_double,
                 vector, fault);
  enum tamis_status status = file->is_tensors ? TAMIS_OK : make_layout(file->rows.d, &made, fault);
  if (status == TAMIS_OK)
    status = layout_retype(file->is_tensors ? &file->layout : &made,
                           is_double ? TENSOR_F64 : TENSOR_F32, &bytes, &length, fault);
  if (status == TAMIS_OK)
    status = draft(path, bytes, length, file->rows.d, is_double, vector, fault);
  free(bytes);
  layout_close(&made);
  return status;
}

enum tamis_status vector_draft_open(const char *path, const struct rows_file *file,
                                    struct vector_draft *vector, struct fault *fault) {
  if (ends_in(path, ".safetensors")) return open_tensors(path, file, vector, fault);
  return vector_draft_open_npy(path, 0, file->rows.d, file->rows.dtype == ROBUST_F64, vector,
                               fault);
}

enum tamis_status vector_draft_commit(struct vector_draft *vector, struct fault *fault) {
  vector->values = NULL;
  return durable_draft_commit(&vector->draft, fault);
}

void vector_draft_close(struct vector_draft *vector) {
  vector->values = NULL;
  durable_draft_close(&vector->draft);
}
