/* numpy's array files: a magic number, a Python dictionary of three entries, then the numbers.
 * Format: numpy/lib/format.py, versions 1.0 to 3.0. */
#ifndef TAMIS_CLI_NPY_H
#define TAMIS_CLI_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "proto/fault.h"

/* Little-endian all; whole numbers are for counts and permutations. */
enum npy_dtype { NPY_F16, NPY_F32, NPY_F64, NPY_I32, NPY_I64 };

enum {
  NPY_RANK_MAX = 8,
  NPY_HEADER_MAX = 1 << 16, /* bytes before the numbers; numpy writes 128 or a little more */
  NPY_WRITTEN_MAX = 256,    /* bytes that npy_header_write needs */
};

struct npy {
  enum npy_dtype dtype;
  size_t rank;
  uint64_t shape[NPY_RANK_MAX];
  uint64_t count;     /* numbers in all */
  size_t header_size; /* bytes before them */
};

/* Whether a file that begins like this is meant to be one. */
bool npy_is(const uint8_t *bytes, size_t length);

/* Parses the header of an outside file: `bytes` is its beginning, `length` how much of it is there,
 * `file_size` the whole, which header and numbers must fill exactly. WRONG_LAYOUT with a sentence
 * otherwise: Fortran order, big-endian numbers, records and Python objects are refused by name. */
enum tamis_status npy_parse(const uint8_t *bytes, size_t length, uint64_t file_size,
                            struct npy *npy, struct fault *fault);

/* The header of an array of rank 1 to NPY_RANK_MAX in C order, a multiple of 64 bytes; returns its
 * length. */
size_t npy_header_write(enum npy_dtype dtype, size_t rank, const uint64_t *shape,
                        uint8_t out[NPY_WRITTEN_MAX]);

/* Bytes of one number. */
size_t npy_dtype_size(enum npy_dtype dtype);
/* "float32"; lives for ever. */
const char *npy_dtype_name(enum npy_dtype dtype);

#endif
