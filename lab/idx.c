/* The header is judged before a byte of the body is read or a byte of memory taken for it. */
#include "lab/idx.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { TYPE_UNSIGNED_BYTE = 0x08 };

__attribute__((format(printf, 3, 4))) static enum idx_status
refuse(struct idx_error *error, enum idx_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->text, sizeof error->text, format, arguments);
  va_end(arguments);
  return status;
}

static uint32_t read_big_endian(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static enum idx_status check_magic(const uint8_t *bytes, unsigned dimension_count,
                                   struct idx_error *error) {
  if (bytes[0] == 0 && bytes[1] == 0 && bytes[2] == TYPE_UNSIGNED_BYTE &&
      bytes[3] == dimension_count)
    return IDX_OK;
  return refuse(
      error, IDX_BAD_MAGIC,
      "the file starts with %02x %02x %02x %02x, not 00 00 08 %02x: it is not an idx file of bytes "
      "with %u dimension(s); check that images and labels were not swapped",
      bytes[0], bytes[1], bytes[2], bytes[3], dimension_count, dimension_count);
}

/* Reads the header from `size` bytes, which may be only the start of the file. */
static enum idx_status parse_header(struct idx_view *out, const uint8_t *bytes, size_t size,
                                    unsigned dimension_count, struct idx_error *error) {
  size_t header_size = 4 + 4 * (size_t)dimension_count;
  if (size < header_size)
    return refuse(error, IDX_TRUNCATED,
                  "the file ends after %zu bytes, inside its %zu-byte header; fetch it again", size,
                  header_size);
  enum idx_status status = check_magic(bytes, dimension_count, error);
  if (status) return status;

  *out = (struct idx_view){
      .dimension_count = dimension_count, .header_size = header_size, .data_size = 1};
  for (unsigned i = 0; i < dimension_count; i++) {
    uint32_t dimension = read_big_endian(bytes + 4 + 4 * i);
    uint32_t dimension_max = i == 0 ? IDX_DATA_MAX : IDX_SIDE_MAX;
    if (dimension == 0)
      return refuse(error, IDX_EMPTY,
                    "dimension %u is 0, so the file holds nothing; fetch it again", i);
    if (dimension > dimension_max)
      return refuse(error, IDX_TOO_LARGE,
                    "dimension %u is %u, over the limit of %u; is this the right file?", i,
                    dimension, dimension_max);
    out->dimensions[i] = dimension;
    out->data_size *=
        dimension; /* At most 2^28 * 2^10 * 2^10: no overflow before the check below. */
  }
  if (out->data_size > IDX_DATA_MAX)
    return refuse(error, IDX_TOO_LARGE,
                  "the header announces %zu bytes of data, over the limit of %d; is this the "
                  "right file?",
                  out->data_size, IDX_DATA_MAX);
  return IDX_OK;
}

enum idx_status idx_parse(struct idx_view *out, const uint8_t *bytes, size_t size,
                          unsigned dimension_count, struct idx_error *error) {
  enum idx_status status = parse_header(out, bytes, size, dimension_count, error);
  if (status) return status;
  size_t body = size - out->header_size;
  if (body < out->data_size)
    return refuse(error, IDX_TRUNCATED,
                  "the header announces %zu bytes of data, but only %zu follow; fetch the file "
                  "again",
                  out->data_size, body);
  if (body > out->data_size)
    return refuse(error, IDX_TRAILING_BYTES,
                  "the header announces %zu bytes of data, but more follow; fetch the file "
                  "again",
                  out->data_size);
  out->data = bytes + out->header_size;
  return IDX_OK;
}

/* Fills at most `size` bytes; gzread takes plain files as they are. */
static enum idx_status read_up_to(gzFile file, uint8_t *bytes, size_t size, size_t *got,
                                  struct idx_error *error) {
  *got = 0;
  while (*got < size) {
    size_t want = size - *got;
    int count = gzread(file, bytes + *got, want > 1u << 20 ? 1u << 20 : (unsigned)want);
    int code = 0;
    const char *reason = gzerror(file, &code);
    if (count < 0 || (code != Z_OK && code != Z_STREAM_END))
      return refuse(error, IDX_UNREADABLE, "reading failed (%s); fetch the file again",
                    code == Z_ERRNO ? strerror(errno) : reason);
    if (count == 0) break;
    *got += (size_t)count;
  }
  return IDX_OK;
}

/* Reads header, then room for the announced data and one byte more, so that a longer file shows. */
static enum idx_status read_whole(gzFile file, unsigned dimension_count, uint8_t **buffer,
                                  struct idx_view *view, struct idx_error *error) {
  uint8_t header[IDX_HEADER_MAX];
  size_t header_size = 4 + 4 * (size_t)dimension_count, got = 0;
  enum idx_status status = read_up_to(file, header, header_size, &got, error);
  if (!status) status = parse_header(view, header, got, dimension_count, error);
  if (status) return status;

  *buffer = malloc(header_size + view->data_size + 1);
  if (!*buffer)
    return refuse(error, IDX_NO_MEMORY, "no memory for %zu bytes of data", view->data_size);
  memcpy(*buffer, header, header_size);
  status = read_up_to(file, *buffer + header_size, view->data_size + 1, &got, error);
  return status ? status : idx_parse(view, *buffer, header_size + got, dimension_count, error);
}

static enum idx_status read_file(const char *path, unsigned dimension_count, uint8_t **buffer,
                                 struct idx_view *view, struct idx_error *error) {
  gzFile file = gzopen(path, "rb");
  if (!file)
    return refuse(error, errno == ENOENT ? IDX_NOT_FOUND : IDX_UNREADABLE, "cannot open it: %s",
                  errno ? strerror(errno) : "no memory");
  struct idx_error inner;
  enum idx_status status = read_whole(file, dimension_count, buffer, view, &inner);
  if (status) refuse(error, status, "%s", inner.text);
  gzclose(file);
  return status;
}

/* Tries the plain name, then `.gz`. The path that was read goes before the reason. */
static enum idx_status read_either(const char *folder, const char *name, unsigned dimension_count,
                                   uint8_t **buffer, struct idx_view *view,
                                   struct idx_error *error) {
  static const char *const endings[] = {"", ".gz"};
  for (size_t i = 0; i < 2; i++) {
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s%s", folder, name, endings[i]);
    if (length < 0 || (size_t)length >= sizeof path)
      return refuse(error, IDX_NOT_FOUND, "the path of the data folder is too long");
    if (access(path, F_OK) != 0) continue;
    struct idx_error inner;
    enum idx_status status = read_file(path, dimension_count, buffer, view, &inner);
    return status ? refuse(error, status, "%.200s: %.300s", path, inner.text) : IDX_OK;
  }
  return refuse(error, IDX_NOT_FOUND,
                "%.200s holds neither %s nor %s.gz; put the four MNIST files there", folder, name,
                name);
}

static enum idx_status check_labels(const struct idx_view *images, const struct idx_view *labels,
                                    struct idx_error *error) {
  if (images->dimensions[0] != labels->dimensions[0])
    return refuse(error, IDX_COUNTS_DIFFER, "%u images but %u labels; the files are not of one set",
                  images->dimensions[0], labels->dimensions[0]);
  for (size_t i = 0; i < labels->data_size; i++)
    if (labels->data[i] >= DATASET_CLASSES)
      return refuse(error, IDX_BAD_LABEL,
                    "label %zu is %u, not a digit; the file is damaged or of another set", i,
                    labels->data[i]);
  return IDX_OK;
}

enum idx_status idx_load(struct dataset *out, const char *folder, enum idx_part part,
                         struct idx_error *error) {
  static const char *const names[][2] = {
      [IDX_TRAIN] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
      [IDX_TEST] = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
  };
  uint8_t *image_bytes = NULL, *label_bytes = NULL;
  struct idx_view images, labels;
  *out = (struct dataset){0};

  enum idx_status status = read_either(folder, names[part][0], 3, &image_bytes, &images, error);
  if (status) goto out;
  status = read_either(folder, names[part][1], 1, &label_bytes, &labels, error);
  if (status) goto out;
  status = check_labels(&images, &labels, error);
  if (status) goto out;
  if (!dataset_new(out, images.dimensions[0], images.dimensions[1], images.dimensions[2])) {
    status = refuse(error, IDX_NO_MEMORY, "no memory for %zu bytes of images", images.data_size);
    goto out;
  }
  memcpy(out->pixels, images.data, images.data_size);
  memcpy(out->labels, labels.data, labels.data_size);
out:
  free(label_bytes);
  free(image_bytes);
  return status;
}
