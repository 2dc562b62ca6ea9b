/* Image and label files: what is accepted is exactly header and data, and the view stays inside. */
#include "fuzz.h"
#include "lab/idx.h"

static void check(const uint8_t *data, size_t size, unsigned dimension_count) {
  struct idx_view view;
  struct idx_error error = {""};
  if (idx_parse(&view, data, size, dimension_count, &error) != IDX_OK) {
    fuzz_must(error.text[0] != '\0', "a refusal says why");
    return;
  }
  size_t product = 1;
  fuzz_must(view.dimension_count == dimension_count, "as many dimensions as asked for");
  for (unsigned i = 0; i < view.dimension_count; i++) product *= view.dimensions[i];
  fuzz_must(view.data_size == product && product > 0, "the data fills its dimensions");
  fuzz_must(view.header_size == 4 + 4 * (size_t)dimension_count, "the header's size");
  fuzz_must(view.header_size + view.data_size == size, "nothing is left over");
  fuzz_must(view.data == data + view.header_size, "the data follows the header");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  for (unsigned dimensions = 1; dimensions <= IDX_DIMENSIONS_MAX; dimensions++)
    check(data, size, dimensions);
  return 0;
}
