/* Headers of model files, and Gram matrices: a layout that is accepted adds up. */
#include <string.h>
#include "fuzz.h"
#include "proto/tensor.h"

static void check(const struct layout *layout, uint64_t file_size) {
  uint64_t next = 0;
  for (size_t i = 0; i < layout->tensor_count; i++) {
    fuzz_must(layout->tensor[i].offset == next, "tensors follow one another");
    fuzz_must(memchr(layout->tensor[i].name, 0, TENSOR_NAME_MAX) != NULL, "names end");
    next += layout->tensor[i].count;
  }
  fuzz_must(next == layout->parameters && next > 0, "parameters are counted");
  fuzz_must(layout_file_size(layout) == file_size, "the file is filled");
  fuzz_must(layout->header_size % TENSOR_ALIGNMENT == 0, "the data is aligned");
}

/* Any header that is accepted can be said again in any type, and means the same. */
static void check_foreign(const uint8_t *data, size_t size, uint64_t file_size) {
  static const uint64_t width[] = {4, 8, 2, 2};
  struct layout layout, again;
  struct fault fault;
  enum tensor_dtype dtype, read;
  uint8_t *bytes = NULL;
  size_t length = 0;
  if (layout_parse_foreign(data, size, file_size, &layout, &dtype, &fault) != TAMIS_OK) return;
  fuzz_must(layout.header_size + layout.parameters * width[dtype] == file_size, "it is filled");
  for (enum tensor_dtype to = TENSOR_F32; to <= TENSOR_BF16; to++) {
    fuzz_must(layout_retype(&layout, to, &bytes, &length, &fault) == TAMIS_OK, "said again");
    /* Longer numbers may push a header that was at its limit over it. */
    if (layout_parse_foreign(bytes, length, length + layout.parameters * width[to], &again, &read,
                             &fault) == TAMIS_OK) {
      fuzz_must(read == to && again.parameters == layout.parameters, "the same numbers");
      fuzz_must(again.tensor_count == layout.tensor_count, "the same tensors");
      for (size_t i = 0; i < again.tensor_count; i++)
        fuzz_must(strcmp(again.tensor[i].name, layout.tensor[i].name) == 0, "the same order");
      layout_close(&again);
    } else {
      fuzz_must(length > TENSOR_HEADER_MAX, "read back");
    }
    free(bytes);
  }
  layout_close(&layout);
}

/* The whole file once as it is, and once as the beginning of a file of the size it announces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct layout layout;
  struct fault fault;
  uint64_t rows = 0, columns = 0, announced = 0;
  double *values = NULL;
  for (size_t i = 0; size >= 8 && i < 8; i++) announced = announced << 8 | data[size - 1 - i];
  const uint64_t sizes[] = {size, announced};
  for (int i = 0; i < 2; i++) {
    check_foreign(data, size, sizes[i]);
    if (layout_parse(data, size, sizes[i], &layout, &fault) != TAMIS_OK) continue;
    check(&layout, sizes[i]);
    layout_close(&layout);
  }
  if (tensor_read_f64(data, size, "gram", &rows, &columns, &values, &fault) == TAMIS_OK) {
    fuzz_must(rows * columns * 8 < size, "the matrix is in the file");
    free(values);
  }
  return 0;
}
