/* What a file is follows from its first bytes; its name does not matter. */
#include "cli/rows_file.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/npy.h"

/* What both kinds of file can hold, in the words of robust/. */
static const enum robust_dtype of_tensor[] = {[TENSOR_F32] = ROBUST_F32,
                                              [TENSOR_F64] = ROBUST_F64,
                                              [TENSOR_F16] = ROBUST_F16,
                                              [TENSOR_BF16] = ROBUST_BF16};
static const char *const dtype_name[] = {[ROBUST_F32] = "float32",
                                         [ROBUST_F64] = "float64",
                                         [ROBUST_F16] = "float16",
                                         [ROBUST_BF16] = "bfloat16",
                                         [ROBUST_I8] = "int8"};

/* The sentence of a parser, with the file before it. */
static enum tamis_status name_file(const char *path, enum tamis_status status,
                                   struct fault *fault) {
  struct fault inner = *fault;
  return fault_set(fault, status, "%s: %s", path, inner.text);
}

static enum tamis_status refuse(struct fault *fault, const char *path, const char *why) {
  return fault_set(fault, TAMIS_WRONG_LAYOUT, "%s: %s", path, why);
}

/* Makes sure that `*offset` bytes into the file a number of `size` bytes may stand: a file whose
 * header has an odd length is copied. */
static enum tamis_status align(struct mapped_file *file, size_t size, size_t *offset,
                               struct fault *fault) {
  struct mapped_file copy;
  if (*offset % size == 0) return TAMIS_OK;
  enum tamis_status status = mapped_file_copy_tail(file, *offset, &copy, fault);
  if (status != TAMIS_OK) return status;
  mapped_file_close(file);
  *file = copy;
  *offset = 0;
  return TAMIS_OK;
}

static enum tamis_status take_rows(struct rows_file *file, size_t n, size_t d,
                                   enum robust_dtype dtype, struct fault *fault) {
  if (n == 0 || d == 0) return refuse(fault, file->path[0], "there is no number in it");
  if (n > ROWS_FILE_ROWS_MAX)
    return refuse(fault, file->path[0], "more than 1048576 rows; is it transposed?");
  file->row = calloc(n, sizeof *file->row);
  if (file->row == NULL) return fault_plain(fault, TAMIS_NO_MEMORY);
  file->rows = (struct robust_rows){.n = n, .d = d, .row = file->row, .dtype = dtype};
  return TAMIS_OK;
}

/* ---- npy ---- */

static enum tamis_status npy_rows_dtype(enum npy_dtype dtype, enum robust_dtype *out,
                                        const char *path, struct fault *fault) {
  switch (dtype) {
  case NPY_F16: *out = ROBUST_F16; return TAMIS_OK;
  case NPY_F32: *out = ROBUST_F32; return TAMIS_OK;
  case NPY_F64: *out = ROBUST_F64; return TAMIS_OK;
  case NPY_I32:
  case NPY_I64: break;
  }
  return refuse(fault, path, "rows are of floating-point numbers, and these are whole ones");
}

static enum tamis_status open_npy(struct rows_file *file, bool is_vector, struct fault *fault) {
  struct mapped_file *mapped = &file->file[0];
  enum robust_dtype dtype = ROBUST_F32;
  struct npy npy;
  enum tamis_status status = npy_parse(mapped->bytes, mapped->length, mapped->length, &npy, fault);
  if (status != TAMIS_OK) return name_file(file->path[0], status, fault);
  if (is_vector && npy.rank == 1) {
    npy.shape[1] = npy.shape[0];
    npy.shape[0] = 1;
  } else if (npy.rank != 2) {
    return refuse(fault, file->path[0], "the array is not two-dimensional, n x d");
  }
  status = npy_rows_dtype(npy.dtype, &dtype, file->path[0], fault);
  if (status == TAMIS_OK) status = take_rows(file, npy.shape[0], npy.shape[1], dtype, fault);
  size_t size = npy_dtype_size(npy.dtype), offset = npy.header_size;
  if (status == TAMIS_OK) status = align(mapped, size, &offset, fault);
  for (size_t i = 0; status == TAMIS_OK && i < file->rows.n; i++)
    file->row[i] = mapped->bytes + offset + i * file->rows.d * size;
  return status;
}

/* ---- safetensors ---- */

static bool is_same_tensor(const struct tensor *a, const struct tensor *b) {
  return strcmp(a->name, b->name) == 0 && a->rank == b->rank && a->offset == b->offset &&
         memcmp(a->shape, b->shape, a->rank * sizeof *a->shape) == 0;
}

static enum tamis_status compare(const struct rows_file *file, size_t i,
                                 const struct layout *layout, enum robust_dtype dtype,
                                 struct fault *fault) {
  const struct layout *first = &file->layout;
  if (dtype != file->rows.dtype)
    return fault_set(fault, TAMIS_WRONG_LAYOUT, "%s holds %s, but %s %s", file->path[i],
                     dtype_name[dtype], file->path[0], dtype_name[file->rows.dtype]);
  if (layout->tensor_count != first->tensor_count)
    return fault_set(fault, TAMIS_WRONG_LAYOUT, "%s has %zu tensors, but %s %zu", file->path[i],
                     layout->tensor_count, file->path[0], first->tensor_count);
  for (size_t t = 0; t < layout->tensor_count; t++)
    if (!is_same_tensor(&layout->tensor[t], &first->tensor[t]))
      return fault_set(fault, TAMIS_WRONG_LAYOUT,
                       "%s: tensor %zu (%s) has another name, shape or place than in %s (%s)",
                       file->path[i], t, layout->tensor[t].name, file->path[0],
                       first->tensor[t].name);
  return TAMIS_OK;
}

static enum tamis_status parse_tensors(const char *path, const struct mapped_file *mapped,
                                       struct layout *layout, enum robust_dtype *dtype,
                                       struct fault *fault) {
  enum tensor_dtype found = TENSOR_F32;
  enum tamis_status status =
      layout_parse_foreign(mapped->bytes, mapped->length, mapped->length, layout, &found, fault);
  *dtype = of_tensor[found];
  return status == TAMIS_OK ? status : name_file(path, status, fault);
}

static enum tamis_status open_tensors(struct rows_file *file, size_t i, struct fault *fault) {
  struct mapped_file *mapped = &file->file[i];
  struct layout layout;
  enum robust_dtype dtype;
  enum tamis_status status = parse_tensors(file->path[i], mapped, &layout, &dtype, fault);
  if (status != TAMIS_OK) return status;
  size_t offset = layout.header_size;
  if (i == 0) {
    status = take_rows(file, file->file_count, layout.parameters, dtype, fault);
    file->layout = layout;
    file->is_tensors = true;
  } else {
    status = compare(file, i, &layout, dtype, fault);
    layout_close(&layout);
  }
  if (status == TAMIS_OK) status = align(mapped, robust_dtype_size(dtype), &offset, fault);
  if (status == TAMIS_OK) file->row[i] = mapped->bytes + offset;
  return status;
}

/* ---- both ---- */

static enum tamis_status open_one(struct rows_file *file, size_t i, bool is_vector,
                                  struct fault *fault) {
  enum tamis_status status = mapped_file_open(file->path[i], &file->file[i], fault);
  if (status != TAMIS_OK) return status;
  if (!npy_is(file->file[i].bytes, file->file[i].length)) return open_tensors(file, i, fault);
  if (file->file_count == 1) return open_npy(file, is_vector, fault);
  return refuse(fault, file->path[i],
                "a .npy holds all rows; several files must be safetensors, a row each");
}

static enum tamis_status open_all(size_t count, const char *const *path, bool is_vector,
                                  struct rows_file *file, struct fault *fault) {
  enum tamis_status status = TAMIS_OK;
  *file = (struct rows_file){.path = path, .file_count = count};
  file->file = calloc(count, sizeof *file->file);
  if (file->file == NULL) return fault_plain(fault, TAMIS_NO_MEMORY);
  for (size_t i = 0; status == TAMIS_OK && i < count; i++)
    status = open_one(file, i, is_vector, fault);
  if (status != TAMIS_OK) rows_file_close(file);
  return status;
}

enum tamis_status rows_file_open(size_t count, const char *const *path, struct rows_file *file,
                                 struct fault *fault) {
  return open_all(count, path, false, file, fault);
}

enum tamis_status rows_file_open_vector(const char *const *path, struct rows_file *file,
                                        struct fault *fault) {
  return open_all(1, path, true, file, fault);
}

const char *rows_file_dtype_name(enum robust_dtype dtype) {
  return dtype_name[dtype];
}

void rows_file_close(struct rows_file *file) {
  for (size_t i = 0; file->file != NULL && i < file->file_count; i++)
    mapped_file_close(&file->file[i]);
  if (file->is_tensors) layout_close(&file->layout);
  free(file->file);
  free(file->row);
  *file = (struct rows_file){.file_count = 0};
}
