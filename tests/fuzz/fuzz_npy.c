/* numpy's array files: a header that is accepted adds up, and is what the writer would say. */
#include <string.h>
#include "fuzz.h"
#include "cli/npy.h"

static void check(const struct npy *npy, size_t size, uint64_t file_size) {
  uint8_t bytes[NPY_WRITTEN_MAX];
  struct npy again;
  struct fault fault;
  uint64_t count = 1, data = npy->count * npy_dtype_size(npy->dtype);
  fuzz_must(npy->rank <= NPY_RANK_MAX, "the rank is small");
  for (size_t i = 0; i < npy->rank; i++) count *= npy->shape[i];
  fuzz_must(count == npy->count, "numbers are counted");
  fuzz_must(npy->header_size <= size, "the header was there");
  fuzz_must(npy->header_size + data == file_size, "the file is filled");
  if (npy->rank == 0) return;
  size_t length = npy_header_write(npy->dtype, npy->rank, npy->shape, bytes);
  fuzz_must(npy_parse(bytes, length, length + data, &again, &fault) == TAMIS_OK, "read back");
  fuzz_must(again.dtype == npy->dtype && again.count == npy->count && again.rank == npy->rank,
            "the same");
}

/* The whole file once as it is, and once as the beginning of a file of the size it announces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct npy npy;
  struct fault fault = {.text = ""};
  uint64_t announced = 0;
  for (size_t i = 0; size >= 8 && i < 8; i++) announced = announced << 8 | data[size - 1 - i];
  const uint64_t sizes[] = {size, announced};
  for (int i = 0; i < 2; i++) {
    if (npy_parse(data, size, sizes[i], &npy, &fault) == TAMIS_OK)
      check(&npy, size, sizes[i]);
    else
      fuzz_must(fault.text[0] != '\0', "a refusal says why");
  }
  return 0;
}
