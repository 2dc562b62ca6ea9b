/* JSON for people, .npy for numpy; both are small and read whole. */
#include "cli/number_file.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/mapped_file.h"
#include "cli/npy.h"

static enum tamis_status refuse(struct fault *fault, const char *path, const char *why) {
  return fault_set(fault, TAMIS_WRONG_LAYOUT, "%s: %s", path, why);
}

static enum tamis_status wrong_count(struct fault *fault, const char *path, uint64_t found,
                                     size_t count) {
  return fault_set(fault, TAMIS_WRONG_LAYOUT, "%s holds %llu numbers, and there are %zu rows", path,
                   (unsigned long long)found, count);
}

static enum tamis_status read_json(const char *path, const struct mapped_file *file, size_t count,
                                   double *out, struct fault *fault) {
  json_error_t where;
  json_t *list =
      json_loadb((const char *)file->bytes, file->length, JSON_REJECT_DUPLICATES, &where);
  enum tamis_status status = TAMIS_OK;
  if (!json_is_array(list)) {
    status = refuse(fault, path, "neither a .npy nor a JSON list of numbers");
  } else if (json_array_size(list) != count) {
    status = wrong_count(fault, path, json_array_size(list), count);
  }
  for (size_t i = 0; status == TAMIS_OK && i < count; i++) {
    const json_t *value = json_array_get(list, i);
    if (!json_is_number(value)) status = refuse(fault, path, "something that is not a number");
    out[i] = json_number_value(value);
  }
  json_decref(list);
  return status;
}

static double read_number(const uint8_t *at, enum npy_dtype dtype) {
  float real32;
  double real64 = 0;
  int32_t whole32;
  int64_t whole64;
  switch (dtype) {
  case NPY_F16: break; /* refused before */
  case NPY_F32: memcpy(&real32, at, sizeof real32); return (double)real32;
  case NPY_F64: memcpy(&real64, at, sizeof real64); break;
  case NPY_I32: memcpy(&whole32, at, sizeof whole32); return whole32;
  case NPY_I64: memcpy(&whole64, at, sizeof whole64); return (double)whole64;
  }
  return real64;
}

static enum tamis_status read_npy(const char *path, const struct mapped_file *file, size_t count,
                                  double *out, struct fault *fault) {
  struct npy npy;
  struct fault inner;
  if (npy_parse(file->bytes, file->length, file->length, &npy, &inner) != TAMIS_OK)
    return refuse(fault, path, inner.text);
  if (npy.rank != 1 || npy.dtype == NPY_F16)
    return refuse(fault, path, "not one-dimensional numbers of 4 or 8 bytes");
  if (npy.count != count) return wrong_count(fault, path, npy.count, count);
  size_t size = npy_dtype_size(npy.dtype);
  for (size_t i = 0; i < count; i++)
    out[i] = read_number(file->bytes + npy.header_size + i * size, npy.dtype);
  return TAMIS_OK;
}

enum tamis_status number_file_read(const char *path, size_t count, double *out,
                                   struct fault *fault) {
  struct mapped_file file;
  enum tamis_status status = mapped_file_open(path, &file, fault);
  if (status != TAMIS_OK) return status;
  if (file.length > NUMBER_FILE_BYTES_MAX)
    status = refuse(fault, path, "longer than 64 MiB");
  else if (npy_is(file.bytes, file.length))
    status = read_npy(path, &file, count, out, fault);
  else
    status = read_json(path, &file, count, out, fault);
  mapped_file_close(&file);
  for (size_t i = 0; status == TAMIS_OK && i < count; i++)
    if (!isfinite(out[i]))
      status = fault_set(fault, TAMIS_NOT_FINITE, "%s: number %zu is not finite", path, i);
  return status;
}

enum tamis_status number_file_read_counts(const char *path, size_t count, double *out,
                                          struct fault *fault) {
  enum tamis_status status = number_file_read(path, count, out, fault);
  for (size_t i = 0; status == TAMIS_OK && i < count; i++)
    if (out[i] < 0)
      status = fault_set(fault, TAMIS_WRONG_LAYOUT, "%s: count %zu is below zero", path, i);
  return status;
}

enum tamis_status number_file_read_permutation(const char *path, size_t count, size_t *out,
                                               struct fault *fault) {
  double *number = calloc(count, sizeof *number);
  bool *seen = calloc(count, sizeof *seen);
  enum tamis_status status = number != NULL && seen != NULL
                                 ? number_file_read(path, count, number, fault)
                                 : fault_plain(fault, TAMIS_NO_MEMORY);
  for (size_t i = 0; status == TAMIS_OK && i < count; i++) {
    bool fits = number[i] >= 0 && number[i] < (double)count && number[i] == floor(number[i]);
    out[i] = fits ? (size_t)number[i] : 0;
    if (!fits || seen[out[i]])
      status = fault_set(fault, TAMIS_WRONG_LAYOUT,
                         "%s: not each of 0 to %zu once (see number %zu)", path, count - 1, i);
    seen[out[i]] = true;
  }
  free(number);
  free(seen);
  return status;
}
