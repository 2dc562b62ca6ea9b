/* Reads the one dictionary that np.save writes, in any order and spacing, and nothing else of
 * Python. */
#include "cli/npy.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

enum { VERSION_AT = 6, LENGTH_AT = 8, ALIGNMENT = 64, WORD_MAX = 64 };

static const struct {
  const char *descr, *name;
  size_t size;
} dtypes[] = {
    [NPY_F16] = {"<f2", "float16", 2}, [NPY_F32] = {"<f4", "float32", 4},
    [NPY_F64] = {"<f8", "float64", 8}, [NPY_I32] = {"<i4", "int32", 4},
    [NPY_I64] = {"<i8", "int64", 8},
};

enum { DTYPE_COUNT = sizeof dtypes / sizeof *dtypes };

/* What is left of the dictionary; nobody else looks at its bytes. */
struct reader {
  const uint8_t *at, *end;
};

static enum tamis_status refuse(struct fault *fault, const char *why) {
  return fault_set(fault, TAMIS_WRONG_LAYOUT, "npy header: %s", why);
}

static void skip_blanks(struct reader *reader) {
  while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n')) reader->at++;
}

/* Whether `c` comes next; then it is taken. */
static bool take(struct reader *reader, char c) {
  skip_blanks(reader);
  if (reader->at == reader->end || *reader->at != (uint8_t)c) return false;
  reader->at++;
  return true;
}

/* A string of at most WORD_MAX - 1 bytes without escapes. */
static bool take_string(struct reader *reader, char out[WORD_MAX]) {
  skip_blanks(reader);
  if (reader->at == reader->end || (*reader->at != '\'' && *reader->at != '"')) return false;
  const uint8_t quote = *reader->at++, *begin = reader->at;
  while (reader->at < reader->end && *reader->at != quote && *reader->at != '\\') reader->at++;
  size_t length = (size_t)(reader->at - begin);
  if (reader->at == reader->end || *reader->at != quote || length >= WORD_MAX) return false;
  reader->at++;
  memcpy(out, begin, length);
  out[length] = '\0';
  return strlen(out) == length;
}

static bool take_word(struct reader *reader, const char *word) {
  size_t length = strlen(word);
  skip_blanks(reader);
  if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
    return false;
  reader->at += length;
  return true;
}

static bool take_size(struct reader *reader, uint64_t *size) {
  skip_blanks(reader);
  const uint8_t *begin = reader->at;
  for (*size = 0; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
       reader->at++) {
    if (__builtin_mul_overflow(*size, 10, size) ||
        __builtin_add_overflow(*size, (uint64_t)(*reader->at - '0'), size))
      return false;
  }
  return reader->at > begin;
}

static enum tamis_status read_descr(struct reader *reader, struct npy *npy, struct fault *fault) {
  char descr[WORD_MAX];
  if (!take_string(reader, descr))
    return refuse(fault, "descr is not one plain type; records are not numbers");
  for (size_t i = 0; i < DTYPE_COUNT; i++) {
    if (strcmp(descr, dtypes[i].descr) != 0) continue;
    npy->dtype = (enum npy_dtype)i;
    return TAMIS_OK;
  }
  if (descr[0] == '>')
    return fault_set(fault, TAMIS_WRONG_LAYOUT, "npy header: the numbers are big-endian (%s)",
                     descr);
  return fault_set(fault, TAMIS_WRONG_LAYOUT,
                   "npy header: the numbers are %s, and not <f2, <f4 or <f8", descr);
}

static enum tamis_status read_order(struct reader *reader, struct fault *fault) {
  if (take_word(reader, "False")) return TAMIS_OK;
  if (take_word(reader, "True"))
    return refuse(fault, "the array is in Fortran order; save np.ascontiguousarray of it");
  return refuse(fault, "fortran_order is neither True nor False");
}

static enum tamis_status read_shape(struct reader *reader, struct npy *npy, struct fault *fault) {
  npy->count = 1;
  if (!take(reader, '(')) return refuse(fault, "shape is not a tuple");
  while (!take(reader, ')')) {
    uint64_t *size = &npy->shape[npy->rank];
    if (npy->rank == NPY_RANK_MAX) return refuse(fault, "more than 8 dimensions");
    if (!take_size(reader, size) || __builtin_mul_overflow(npy->count, *size, &npy->count))
      return refuse(fault, "a size is not a number, or too large");
    npy->rank++;
    if (take(reader, ',')) continue;
    if (npy->rank == 1 || !take(reader, ')')) return refuse(fault, "shape is not a tuple");
    return TAMIS_OK;
  }
  return TAMIS_OK;
}

/* Each of the three entries once, in any order; a comma after the last is allowed. */
static enum tamis_status read_dictionary(struct reader *reader, struct npy *npy,
                                         struct fault *fault) {
  static const char *const key[] = {"descr", "fortran_order", "shape"};
  bool seen[3] = {false};
  char word[WORD_MAX];
  if (!take(reader, '{')) return refuse(fault, "not a dictionary");
  while (!take(reader, '}')) {
    enum tamis_status status = TAMIS_OK;
    size_t k = 0;
    if (!take_string(reader, word) || !take(reader, ':'))
      return refuse(fault, "not a dictionary of strings");
    while (k < 3 && strcmp(word, key[k]) != 0) k++;
    if (k == 3 || seen[k]) return refuse(fault, "not exactly descr, fortran_order and shape");
    seen[k] = true;
    if (k == 0) status = read_descr(reader, npy, fault);
    if (k == 1) status = read_order(reader, fault);
    if (k == 2) status = read_shape(reader, npy, fault);
    if (status != TAMIS_OK) return status;
    if (take(reader, ',')) continue;
    if (!take(reader, '}')) return refuse(fault, "the dictionary does not end");
    break;
  }
  if (!seen[0] || !seen[1] || !seen[2])
    return refuse(fault, "not exactly descr, fortran_order and shape");
  skip_blanks(reader);
  return reader->at == reader->end ? TAMIS_OK : refuse(fault, "something after the dictionary");
}

/* Where the dictionary begins and ends. */
static enum tamis_status find_dictionary(const uint8_t *bytes, size_t length, uint64_t file_size,
                                         struct reader *reader, struct fault *fault) {
  if (!npy_is(bytes, length)) return refuse(fault, "the file does not begin as np.save does");
  unsigned version = bytes[VERSION_AT], width = version == 1 ? 2 : 4;
  if (version < 1 || version > 3 || bytes[VERSION_AT + 1] != 0)
    return refuse(fault, "not of version 1.0, 2.0 or 3.0");
  if (length < LENGTH_AT + width) return refuse(fault, "the file ends in it");
  uint64_t size = 0;
  for (unsigned i = width; i > 0; i--) size = size << 8 | bytes[LENGTH_AT + i - 1];
  size += LENGTH_AT + width;
  if (size > NPY_HEADER_MAX) return refuse(fault, "longer than 64 KiB");
  if (size > length || size > file_size) return refuse(fault, "the file ends in it");
  *reader = (struct reader){bytes + LENGTH_AT + width, bytes + size};
  return TAMIS_OK;
}

bool npy_is(const uint8_t *bytes, size_t length) {
  return length >= LENGTH_AT && memcmp(bytes, magic, sizeof magic) == 0;
}

enum tamis_status npy_parse(const uint8_t *bytes, size_t length, uint64_t file_size,
                            struct npy *npy, struct fault *fault) {
  struct reader reader = {bytes, bytes};
  uint64_t size;
  *npy = (struct npy){.rank = 0};
  enum tamis_status status = find_dictionary(bytes, length, file_size, &reader, fault);
  if (status != TAMIS_OK) return status;
  npy->header_size = (size_t)(reader.end - bytes);
  status = read_dictionary(&reader, npy, fault);
  if (status != TAMIS_OK) return status;
  if (__builtin_mul_overflow(npy->count, dtypes[npy->dtype].size, &size) ||
      file_size - npy->header_size != size)
    return refuse(fault, "the file is not as long as its array");
  return TAMIS_OK;
}

size_t npy_header_write(enum npy_dtype dtype, size_t rank, const uint64_t *shape,
                        uint8_t out[NPY_WRITTEN_MAX]) {
  enum { BEGIN = LENGTH_AT + 2 };
  char *text = (char *)out;
  assert(rank >= 1 && rank <= NPY_RANK_MAX);
  size_t at = BEGIN;
  at += (size_t)sprintf(text + at, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                        dtypes[dtype].descr);
  for (size_t i = 0; i < rank; i++)
    at += (size_t)sprintf(text + at, "%s%" PRIu64, i == 0 ? "" : ", ", shape[i]);
  at += (size_t)sprintf(text + at, "%s), }", rank == 1 ? "," : "");
  size_t end = (at + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  assert(end <= NPY_WRITTEN_MAX);
  memset(out + at, ' ', end - at);
  out[end - 1] = '\n';
  memcpy(out, magic, sizeof magic);
  out[VERSION_AT] = 1;
  out[VERSION_AT + 1] = 0;
  out[LENGTH_AT] = (uint8_t)((end - BEGIN) & 0xff);
  out[LENGTH_AT + 1] = (uint8_t)((end - BEGIN) >> 8);
  return end;
}

size_t npy_dtype_size(enum npy_dtype dtype) {
  return dtypes[dtype].size;
}

const char *npy_dtype_name(enum npy_dtype dtype) {
  return dtypes[dtype].name;
}
