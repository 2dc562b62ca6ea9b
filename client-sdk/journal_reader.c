/* Reads while a server may be appending: what comes after the last whole record is not looked at.
 */
#include "client-sdk/journal_reader.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/envelope.h"

enum { HEAD_SIZE = 8 };

/* CRC-32C, Castagnoli's polynomial reflected, a byte at a time: crc of "123456789" is 0xe3069283.
 */
static void crc_table(uint32_t table[256]) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    table[i] = crc;
  }
}

static uint32_t crc_of(const uint32_t table[256], const uint8_t *bytes, size_t length) {
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < length; i++) crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xff];
  return ~crc;
}

static uint32_t u32_at(const uint8_t *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
         (uint32_t)bytes[3] << 24;
}

struct reading {
  FILE *file;
  const char *path;
  uint64_t offset;
  uint32_t table[256];
  uint8_t record[HEAD_SIZE + ENVELOPE_SIZE_MAX + 1]; /* with room for a terminator */
};

static enum tamis_status corrupt(const struct reading *reading, const char *what,
                                 struct fault *fault) {
  return fault_set(fault, TAMIS_CORRUPT, "%s: the record at offset %llu %s", reading->path,
                   (unsigned long long)reading->offset, what);
}

/* Zeros to the end are space that a write never reached. */
static bool rest_is_zero(struct reading *reading, const uint8_t *head) {
  for (int i = 0; i < HEAD_SIZE; i++)
    if (head[i] != 0) return false;
  int byte;
  while ((byte = getc(reading->file)) == 0) {
  }
  return byte == EOF;
}

/* `*length` 0: no further whole record. */
static enum tamis_status next(struct reading *reading, size_t *length, struct fault *fault) {
  uint8_t *head = reading->record;
  *length = 0;
  if (fread(head, 1, HEAD_SIZE, reading->file) < HEAD_SIZE) return TAMIS_OK;
  size_t said = u32_at(head);
  if (said == 0 || said > ENVELOPE_SIZE_MAX)
    return said == 0 && rest_is_zero(reading, head)
               ? TAMIS_OK
               : corrupt(reading, "claims an impossible length", fault);
  if (fread(head + HEAD_SIZE, 1, said, reading->file) < said) return TAMIS_OK;
  if (crc_of(reading->table, head + HEAD_SIZE, said) != u32_at(head + 4)) {
    if (getc(reading->file) == EOF) return TAMIS_OK; /* the last write was torn inside */
    return corrupt(reading, "is not what was written", fault);
  }
  *length = said;
  return TAMIS_OK;
}

enum tamis_status journal_reader_walk(const char *path,
                                      enum tamis_status (*visit)(void *context, uint64_t index,
                                                                 const char *envelope,
                                                                 size_t length),
                                      void *context, uint64_t *torn_bytes, struct fault *fault) {
  struct reading *reading = calloc(1, sizeof *reading);
  if (!reading) return fault_plain(fault, TAMIS_NO_MEMORY);
  enum tamis_status status = TAMIS_OK;
  size_t length = 1;
  reading->path = path;
  reading->file = fopen(path, "re");
  crc_table(reading->table);
  if (!reading->file)
    status = fault_set(fault, errno == ENOENT ? TAMIS_NOT_FOUND : TAMIS_IO, "cannot open %s: %s",
                       path, strerror(errno));
  for (uint64_t index = 0; status == TAMIS_OK && length > 0; index++) {
    status = next(reading, &length, fault);
    if (status != TAMIS_OK || length == 0) break;
    char *entry = (char *)reading->record + HEAD_SIZE;
    entry[length] = '\0';
    status = visit(context, index, entry, length);
    reading->offset += HEAD_SIZE + length;
  }
  if (status == TAMIS_OK) {
    if (ferror(reading->file) || fseeko(reading->file, 0, SEEK_END) != 0)
      status = fault_set(fault, TAMIS_IO, "cannot read %s: %s", path, strerror(errno));
    else
      *torn_bytes = (uint64_t)ftello(reading->file) - reading->offset;
  }
  if (reading->file) fclose(reading->file);
  free(reading);
  return status;
}
