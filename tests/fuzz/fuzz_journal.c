/* Any bytes as a journal: walked, opened and opened again, which must agree. */
#include <stdio.h>
#include <unistd.h>
#include "aggregator/journal.h"
#include "fuzz.h"

static enum tamis_status add(void *context, uint64_t index, const char *bytes, size_t length) {
  uint64_t *sum = context;
  fuzz_must(length > 0, "no entry is empty");
  *sum = *sum * 31 + index + length + (uint8_t)bytes[0] + (uint8_t)bytes[length - 1];
  return TAMIS_OK;
}

static void write_file(const char *path, const uint8_t *bytes, size_t length) {
  FILE *file = fopen(path, "wb");
  fuzz_must(file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0, path);
}

/* What the first opening leaves is whole, and says the same to the second. */
static void open_twice(const char *path, size_t length, uint64_t walked) {
  uint64_t first = 0, second = 0, torn = 0, none = 0;
  struct journal *journal;
  enum tamis_status status = journal_open(path, 0, NULL, add, &first, &journal, &torn, NULL);
  fuzz_must(status == TAMIS_OK, "what can be walked can be opened");
  fuzz_must(first == walked && torn <= length, "opening sees what the walk saw");
  uint64_t size = journal_size(journal);
  struct digest root = merkle_tree_root(journal_tree(journal), size);
  struct journal_entry entry = {"one more", 8};
  fuzz_must(journal_append(journal, &entry, 1, NULL) == TAMIS_OK, "it can grow");
  journal_close(journal);
  status = journal_open(path, size, &root, add, &second, &journal, &none, NULL);
  fuzz_must(status == TAMIS_OK, "what was left is a whole journal of the same root");
  fuzz_must(journal_size(journal) == size + 1 && none == 0, "and of one more entry");
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
    fuzz_must(status == TAMIS_CORRUPT && fault.text[0] != '\0',
              "damage is CORRUPT, and says where");
  unlink(path);
  return 0;
}
