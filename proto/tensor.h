/* The safetensors file that every model and update is: an 8-byte length, a JSON header padded so
 * that the data starts on 64 bytes, then little-endian float32. Two files have the same layout when
 * their headers are the same bytes. */
#ifndef TAMIS_TENSOR_H
#define TAMIS_TENSOR_H

#include <stddef.h>
#include <stdint.h>
#include "proto/digest.h"
#include "proto/fault.h"

enum {
  TENSOR_COUNT_MAX = 4096,
  TENSOR_RANK_MAX = 8,
  TENSOR_NAME_MAX = 128,
  TENSOR_HEADER_MAX = 1 << 20, /* bytes, with the 8 of the length */
  TENSOR_ALIGNMENT = 64,       /* where the data starts, so that a mapped file can be computed on */
};

struct tensor {
  char name[TENSOR_NAME_MAX];
  size_t rank;
  uint64_t shape[TENSOR_RANK_MAX];
  uint64_t offset; /* first element, counted in floats from the start of the data */
  uint64_t count;  /* elements */
};

struct layout {
  size_t tensor_count;
  struct tensor *tensor; /* owned, in the order of their data */
  uint64_t parameters;   /* floats in all: d */
  size_t header_size;    /* bytes before the data, a multiple of TENSOR_ALIGNMENT */
  uint8_t *header;       /* owned: exactly those bytes */
  struct digest digest;  /* of the header bytes: the name of the layout in plans */
};

/* Builds a layout from names and shapes (rank, shape, name of each tensor set; offset and count are
 * filled in). Names are printable ASCII without '"' and '\\'; the data is in the order given. */
enum tamis_status layout_make(const struct tensor *tensors, size_t count, struct layout *layout,
                              struct fault *fault);

/* Parses the header of an outside file: `bytes` is its beginning, `length` how much of it is there,
 * `file_size` the whole. Only F32, contiguous from 0, no gaps or overlaps, no duplicate names,
 * sizes that multiply without overflow and fill the file exactly, data from a multiple of
 * TENSOR_ALIGNMENT on. WRONG_LAYOUT otherwise. Any such header is accepted, whatever its key order
 * and spacing. */
enum tamis_status layout_parse(const uint8_t *bytes, size_t length, uint64_t file_size,
                               struct layout *layout, struct fault *fault);
/* The 8-byte prefix alone: how many bytes come before the data; 0 when absurd. */
uint64_t layout_header_size(const uint8_t prefix[8]);

/* How a file spells its numbers. */
enum tensor_dtype { TENSOR_F32, TENSOR_F64, TENSOR_F16, TENSOR_BF16 };
/* "F32"; lives for ever. */
const char *tensor_dtype_name(enum tensor_dtype dtype);

/* As layout_parse, for files that other programs write: all tensors of one dtype, whichever it is,
 * and the data from any byte on. Offsets and `parameters` count elements. */
enum tamis_status layout_parse_foreign(const uint8_t *bytes, size_t length, uint64_t file_size,
                                       struct layout *layout, enum tensor_dtype *dtype,
                                       struct fault *fault);
/* The header of a file with the same names, shapes, order and metadata but numbers of `dtype`,
 * padded as ours are. `*bytes` is malloc'd, the caller frees it. */
enum tamis_status layout_retype(const struct layout *layout, enum tensor_dtype dtype,
                                uint8_t **bytes, size_t *length, struct fault *fault);

uint64_t layout_file_size(const struct layout *layout); /* header_size + 4 * parameters */
void layout_close(struct layout *layout);

/* A whole file of one F64 tensor of shape [rows, columns], for numbers that are logged (the Gram
 * matrix). `*bytes` is malloc'd, the caller frees it. */
enum tamis_status tensor_write_f64(const char *name, uint64_t rows, uint64_t columns,
                                   const double *values, uint8_t **bytes, size_t *length,
                                   struct fault *fault);
/* The reverse, for outside bytes: the one tensor must be called `name`, and the product of the
 * shape is bounded by the file itself. `*values` is malloc'd, the caller frees it. WRONG_LAYOUT. */
enum tamis_status tensor_read_f64(const uint8_t *bytes, size_t length, const char *name,
                                  uint64_t *rows, uint64_t *columns, double **values,
                                  struct fault *fault);

#endif
