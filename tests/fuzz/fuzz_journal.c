/* Any bytes as a journal: walked, opened and opened again, which must agree. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "aggregator/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void require(int claim) {
  if (!claim) abort();
}

static enum tamis_status add(void *context, uint64_t index, const char *bytes, size_t length) {
  uint64_t *sum = context;
  require(length > 0);
  *sum = *sum * 31 + index + length + (uint8_t)bytes[0] + (uint8_t)bytes[length - 1];
  return TAMIS_OK;
}

static void write_file(const char *path, const uint8_t *bytes, size_t length) {
  FILE *file = fopen(path, "wb");
  require(file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

/* What the first opening leaves is whole, and says the same to the second. */
static void open_twice(const char *path, size_t length, uint64_t walked) {
  uint64_t first = 0, second = 0, torn = 0, none = 0;
  struct journal *journal;
  require(journal_open(path, 0, NULL, add, &first, &journal, &torn, NULL) == TAMIS_OK);
  require(first == walked && torn <= length);
  uint64_t size = journal_size(journal);
  struct digest root = merkle_tree_root(journal_tree(journal), size);
  struct journal_entry entry = {"one more", 8};
  require(journal_append(journal, &entry, 1, NULL) == TAMIS_OK);
  journal_close(journal);
  require(journal_open(path, size, &root, add, &second, &journal, &none, NULL) == TAMIS_OK);
  require(journal_size(journal) == size + 1 && none == 0);
  journal_close(journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  char path[64];
  uint64_t walked = 0;
  struct fault fault;
  snprintf(path, sizeof path, "/dev/shm/fuzz-journal-%ld", (long)getpid());
  write_file(path, bytes, length);
  enum tamis_status status = journal_walk(path, add, &walked, &fault);
  if (status == TAMIS_OK)
    open_twice(path, length, walked);
  else
    require(status == TAMIS_CORRUPT && fault.text[0] != '\0');
  unlink(path);
  return 0;
}
