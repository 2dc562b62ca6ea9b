/* ustar, of which a reader needs the name and the size: the rest is compared, not parsed. */
#include "client-sdk/tar.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Where the fields of a header begin; numbers are octal digits ended by a zero byte. */
enum {
  AT_NAME = 0,
  AT_MODE = 100,
  AT_USER = 108,
  AT_GROUP = 116,
  AT_SIZE = 124,
  AT_TIME = 136,
  AT_SUM = 148,
  AT_TYPE = 156,
  AT_MAGIC = 257,
  AT_VERSION = 263,
  AT_MAJOR = 329,
  AT_MINOR = 337,
  SIZE_DIGITS = 11,
};

static bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool tar_name_is_good(const char *name, size_t length) {
  size_t part = 0;
  if (length == 0 || length >= TAR_NAME_SIZE) return false;
  for (size_t i = 0; i <= length; i++) {
    if (i < length && name[i] != '/') {
      if (!is_letter(name[i])) return false;
      continue;
    }
    size_t size = i - part;
    if (size == 0 || (size == 1 && name[part] == '.') ||
        (size == 2 && name[part] == '.' && name[part + 1] == '.'))
      return false;
    part = i + 1;
  }
  return true;
}

static uint64_t padded(uint64_t size) {
  return (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

uint64_t tar_member_size(uint64_t size) {
  return TAR_BLOCK + padded(size);
}

static void put(uint8_t *header, size_t at, const char *text) {
  memcpy(header + at, text, strlen(text));
}

/* `header` is zeros. */
static void header_write(const char *name, uint64_t size, uint8_t header[TAR_BLOCK]) {
  char digits[24];
  unsigned sum = 0;
  put(header, AT_NAME, name);
  put(header, AT_MODE, "0000644");
  put(header, AT_USER, "0000000");
  put(header, AT_GROUP, "0000000");
  snprintf(digits, sizeof digits, "%011llo", (unsigned long long)size);
  put(header, AT_SIZE, digits);
  put(header, AT_TIME, "00000000000");
  put(header, AT_SUM, "        "); /* counts as spaces in its own sum */
  header[AT_TYPE] = '0';
  put(header, AT_MAGIC, "ustar");
  put(header, AT_VERSION, "00");
  put(header, AT_MAJOR, "0000000");
  put(header, AT_MINOR, "0000000");
  for (size_t i = 0; i < TAR_BLOCK; i++) sum += header[i];
  snprintf(digits, sizeof digits, "%06o", sum);
  memcpy(header + AT_SUM, digits, 7); /* six digits, a zero byte; then the space stays */
}

uint8_t *tar_member_write(const char *name, uint64_t size, uint8_t *out) {
  assert(tar_name_is_good(name, strlen(name)) && size <= TAR_SIZE_MAX);
  header_write(name, size, out);
  return out + TAR_BLOCK;
}

void tar_reader_open(struct tar_reader *reader, const uint8_t *bytes, size_t length) {
  *reader = (struct tar_reader){.bytes = bytes, .length = length};
}

static enum tamis_status refuse(const struct tar_reader *reader, const char *why,
                                struct fault *fault) {
  return fault_set(fault, TAMIS_BAD_REQUEST, "not a bundle: at byte %zu of the file %s",
                   reader->offset, why);
}

static bool is_zero(const uint8_t *bytes, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (bytes[i] != 0) return false;
  return true;
}

/* False for anything but octal digits. */
static bool size_read(const uint8_t *field, uint64_t *size) {
  *size = 0;
  for (int i = 0; i < SIZE_DIGITS; i++) {
    if (field[i] < '0' || field[i] > '7') return false;
    *size = *size << 3 | (uint64_t)(field[i] - '0');
  }
  return true;
}

/* Reads what it must to write the header again, and compares. */
static enum tamis_status header_read(struct tar_reader *reader, uint64_t *size,
                                     struct fault *fault) {
  const uint8_t *header = reader->bytes + reader->offset;
  uint8_t again[TAR_BLOCK] = {0};
  const char *name = (const char *)header;
  size_t length = strnlen(name, TAR_NAME_SIZE);
  if (!tar_name_is_good(name, length)) return refuse(reader, "stands no name of a member", fault);
  if (strcmp(name, reader->name) <= 0)
    return refuse(reader, "the names are not in ascending order, each once", fault);
  if (!size_read(header + AT_SIZE, size)) return refuse(reader, "stands no size", fault);
  header_write(name, *size, again);
  if (memcmp(header, again, TAR_BLOCK) != 0)
    return refuse(reader, "stands a header that is not the plain one", fault);
  memcpy(reader->name, name, length + 1);
  return TAMIS_OK;
}

enum tamis_status tar_reader_next(struct tar_reader *reader, struct tar_member *member,
                                  bool *is_end, struct fault *fault) {
  uint64_t size;
  size_t left = reader->length - reader->offset;
  *is_end = false;
  if (left < TAR_END_SIZE) return refuse(reader, "it ends too early", fault);
  if (is_zero(reader->bytes + reader->offset, TAR_BLOCK)) {
    *is_end = left == TAR_END_SIZE && is_zero(reader->bytes + reader->offset, left);
    return *is_end ? TAMIS_OK : refuse(reader, "something follows the end", fault);
  }
  enum tamis_status status = header_read(reader, &size, fault);
  if (status != TAMIS_OK) return status;
  if (size > left - TAR_BLOCK || padded(size) > left - TAR_BLOCK)
    return refuse(reader, "stands a member that is longer than the file", fault);
  const uint8_t *content = reader->bytes + reader->offset + TAR_BLOCK;
  if (!is_zero(content + size, (size_t)(padded(size) - size)))
    return refuse(reader, "the padding of a member is not zeros", fault);
  *member = (struct tar_member){reader->name, content, (size_t)size};
  reader->offset += (size_t)tar_member_size(size);
  return TAMIS_OK;
}
