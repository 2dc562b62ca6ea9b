/* MNIST's idx files, plain or gzipped, read as if someone had tampered with them.
 * Format: http://yann.lecun.com/exdb/mnist/ : 0, 0, type, dimension count, big-endian dimensions,
 * then the data. */
#ifndef TAMIS_LAB_IDX_H
#define TAMIS_LAB_IDX_H

#include "lab/dataset.h"

enum {
  IDX_DIMENSIONS_MAX = 3,
  IDX_HEADER_MAX = 4 + 4 * IDX_DIMENSIONS_MAX,
  IDX_SIDE_MAX = 1024,              /* rows and columns of an image */
  IDX_DATA_MAX = 256 * 1024 * 1024, /* bytes after the header; EMNIST's largest file has 220 MB */
};

enum idx_status {
  IDX_OK,
  IDX_NOT_FOUND,
  IDX_UNREADABLE, /* an I/O error, or damaged gzip data */
  IDX_BAD_MAGIC,
  IDX_TOO_LARGE,
  IDX_TRUNCATED,
  IDX_TRAILING_BYTES,
  IDX_EMPTY,
  IDX_BAD_LABEL,
  IDX_COUNTS_DIFFER,
  IDX_NO_MEMORY,
};

/* One sentence or two for a human: what is wrong, why, what to do. Filled whenever the status is
 * not IDX_OK. */
struct idx_error {
  char text[512];
};

/* `data` points into the parsed buffer: `data_size` bytes, the product of the dimensions. */
struct idx_view {
  unsigned dimension_count;
  uint32_t dimensions[IDX_DIMENSIONS_MAX];
  size_t header_size;
  size_t data_size;
  const uint8_t *data;
};

enum idx_part { IDX_TRAIN, IDX_TEST };

/* Checks a whole idx file of bytes with this many dimensions (3 for images, 1 for labels) and
 * points into it. Allocates nothing; `size` may be anything. */
enum idx_status idx_parse(struct idx_view *out, const uint8_t *bytes, size_t size,
                          unsigned dimension_count, struct idx_error *error);

/* Reads `train-images-idx3-ubyte` and `train-labels-idx1-ubyte` (or `t10k-...`) from a folder, each
 * plain or with
 * `.gz`. The caller frees *out, which is empty unless IDX_OK. */
enum idx_status idx_load(struct dataset *out, const char *folder, enum idx_part part,
                         struct idx_error *error);

#endif
