/* Two arrays that live and die together. */
#include "lab/dataset.h"

#include <stdlib.h>

bool dataset_new(struct dataset *out, size_t count, size_t rows, size_t columns) {
  *out = (struct dataset){.count = count, .rows = rows, .columns = columns};
  out->pixels = calloc(count, rows * columns);
  out->labels = calloc(count, 1);
  if (out->pixels && out->labels) return true;
  dataset_free(out);
  return false;
}

void dataset_free(struct dataset *dataset) {
  free(dataset->pixels);
  free(dataset->labels);
  *dataset = (struct dataset){0};
}
